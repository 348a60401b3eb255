//! Why a step that changes what a mirror keeps failed.

use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp};
use crate::progress::Interrupted;
use crate::store::StoreError;

/// Says why one step of a change failed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
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
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
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
