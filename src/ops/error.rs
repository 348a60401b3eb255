//! What can stop changing or checking a mirror.

use crate::commit::CommitError;
use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, LockError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, shell_word};
use crate::ops::retention::plan::PlanError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why holding, pruning, restoring, sweeping, adopting, verifying or checking failed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// One step failed.
    #[error(transparent)]
    Step(#[from] CommitError),
    /// The build is not in the trash.
    #[error("`{0}` is not in the trash")]
    NotInTrash(BuildId),
    /// The build is in an archive, and not in the trash.
    #[error("`{id}` is not in the mirror: prune moved it to the archive `{archive}`")]
    Archived {
        /// The ID of the build.
        id: BuildId,
        /// The path or URL of the archive.
        archive: String,
        /// The path or URL of this mirror.
        mirror: String,
    },
    /// The build is not in the readable part of the trash.
    #[error("`{id}` is not in the trash as far as it can be read; `{at}` may be it: {why}")]
    TrashUnread {
        /// The ID of the build.
        id: BuildId,
        /// The directory that cannot be read.
        at: RelPath,
        /// Why not.
        why: String,
    },
    /// No plan could be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The mirror could not be locked, or what an interrupted command left could not be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

/// Lets `?` convert the errors of a step into those of an operation.
macro_rules! steps {
    ($($error:ty),*) => {$(
        impl From<$error> for ActError {
            fn from(error: $error) -> Self {
                Self::Step(error.into())
            }
        }
    )*};
}

steps!(NoPlace, StateError, JournalError, StoreError, Interrupted, ExpectedError);

impl From<LockError> for ActError {
    fn from(error: LockError) -> Self {
        Self::Recover(error.into())
    }
}

impl Classify for ActError {
    fn class(&self) -> Class {
        match self {
            Self::Step(error) => error.class(),
            Self::NotInTrash(_) => {
                ErrorKind::Failed.hint("`mirrorkeep trash list` lists the builds that can be restored")
            }
            Self::Archived { id, archive, mirror } => {
                let [from, to] = [archive, mirror].map(|one| shell_word(one.as_ref()));
                ErrorKind::Failed.hint(format!("`mirrorkeep copy {from} {to} {id}` copies it back"))
            }
            Self::TrashUnread { .. } => ErrorKind::Failed
                .hint("`mirrorkeep recover` writes its ticket again, if the journal states it"),
            Self::Plan(error) => error.class(),
            Self::Recover(error) => error.class(),
        }
    }
}

impl ActError {
    /// Returns whether no bytes or inodes were left.
    pub fn is_no_space(&self) -> bool {
        self.kind() == ErrorKind::Full
    }
}
