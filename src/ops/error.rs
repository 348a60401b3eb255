//! What can come in the way of changing or checking what a mirror keeps.

use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, KeptError, LeaseError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp};
use crate::ops::retention::plan::PlanError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Says why holding, pruning, restoring, sweeping, adopting, verifying or checking failed.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The build is neither in its place nor in the trash.
    #[error("there is no build `{0}`, neither in its place nor in the trash")]
    NoBuild(BuildId),
    /// Another command lets the build go at this moment.
    #[error("`{0}` is being pruned at this moment; nothing was changed")]
    Going(BuildId),
    /// The build is in the trash.
    #[error("`{id}` is in the trash until {}; `mirrorkeep restore {id}` brings it back", until.iso())]
    InTrash {
        /// Which build.
        id: BuildId,
        /// The last instant at which it can be restored.
        until: Stamp,
    },
    /// The build is not in the trash.
    #[error("`{0}` is not in the trash")]
    NotInTrash(BuildId),
    /// The build is not in that part of the trash that can be read.
    #[error("`{id}` is not in the trash as far as it can be read; `{at}` may be it: {why}")]
    TrashUnread {
        /// Which build.
        id: BuildId,
        /// The directory that cannot be read.
        at: RelPath,
        /// Why not.
        why: String,
    },
    /// Something lies where a build is to come back.
    #[error("`{id}` cannot come back: something lies at `{path}`")]
    Occupied {
        /// Which build.
        id: BuildId,
        /// Where it lay.
        path: RelPath,
    },
    /// Of what was taken out of a build something is gone for good.
    #[error("the parts of `{id}` cannot come back: `{path}` is gone or was replaced")]
    Lost {
        /// Which build.
        id: BuildId,
        /// What is gone.
        path: RelPath,
    },
    /// Nothing tells what belongs to a build.
    #[error("`{0}` has no record or manifest, so that nothing tells what belongs to its parts")]
    NoManifest(BuildId),
    /// No plan could be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An earlier command's leftovers could not be settled.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot reach the mirror")]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Classify for ActError {
    fn class(&self) -> Class {
        match self {
            Self::NoPlace(error) => error.class(),
            Self::NoBuild(_)
            | Self::Going(_)
            | Self::InTrash { .. }
            | Self::NotInTrash(_)
            | Self::TrashUnread { .. }
            | Self::Occupied { .. }
            | Self::Lost { .. }
            | Self::NoManifest(_) => ErrorKind::Failed.into(),
            Self::Plan(error) => error.class(),
            Self::Recover(error) => error.class(),
            Self::Lease(error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}

impl ActError {
    /// Returns whether no bytes or inodes were left.
    pub fn is_no_space(&self) -> bool {
        self.kind() == ErrorKind::Full
    }
}

impl From<ExpectedError> for ActError {
    fn from(error: ExpectedError) -> Self {
        match error {
            ExpectedError::Journal(error) => error.into(),
            ExpectedError::Kept(error) => error.into(),
        }
    }
}
