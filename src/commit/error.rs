//! Why a step that changes the mirror failed.

use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp};
use crate::progress::Interrupted;
use crate::store::StoreError;

/// Why a step that changes the mirror failed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The build is neither at its path nor in the trash.
    #[error("there is no build `{0}`, neither in the mirror nor in the trash")]
    NoBuild(BuildId),
    /// Another command is deleting the build right now.
    #[error("`{0}` is being pruned at this moment; nothing was changed")]
    Going(BuildId),
    /// The build is in the trash.
    #[error("`{id}` is in the trash until {}; `mirrorkeep restore {id}` restores it", until.iso())]
    InTrash {
        /// Which build.
        id: BuildId,
        /// The last instant at which it can be restored.
        until: Stamp,
    },
    /// The path to which a build is to be restored is occupied.
    #[error("cannot restore `{id}`: something else is at `{path}`")]
    Occupied {
        /// Which build.
        id: BuildId,
        /// Its path.
        path: RelPath,
    },
    /// Part of what was removed from a build was deleted for good.
    #[error("cannot restore the parts of `{id}`: `{path}` is missing or was replaced")]
    Lost {
        /// Which build.
        id: BuildId,
        /// What was deleted.
        path: RelPath,
    },
    /// It is not known what belongs to a build.
    #[error("`{0}` has no record or manifest, so the content of its parts is not known")]
    NoManifest(BuildId),
    /// The record or manifest of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot reach the mirror")]
    Store(#[from] StoreError),
    /// The command was cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Classify for CommitError {
    fn class(&self) -> Class {
        match self {
            Self::NoPlace(error) => error.class(),
            Self::NoBuild(_) => ErrorKind::Failed
                .hint("`mirrorkeep list` lists the builds, and `mirrorkeep trash list` the trash"),
            Self::Going(_)
            | Self::InTrash { .. }
            | Self::Occupied { .. }
            | Self::Lost { .. }
            | Self::NoManifest(_) => ErrorKind::Failed.into(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}

impl From<ExpectedError> for CommitError {
    fn from(error: ExpectedError) -> Self {
        match error {
            ExpectedError::Journal(error) => error.into(),
            ExpectedError::Kept(error) => error.into(),
        }
    }
}
