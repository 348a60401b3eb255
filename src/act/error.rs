//! What can come in the way of changing what a mirror keeps.

use super::plan::PlanError;
use super::recover::RecoverError;
use super::watch::Interrupted;
use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, KeptError, LeaseError};
use crate::store::StoreError;
use crate::word::{BuildId, RelPath};

/// Says why holding, pruning, restoring or sweeping failed.
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
    #[error("cannot change what the mirror keeps")]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl ActError {
    /// Returns whether no bytes or inodes were left.
    pub fn is_no_space(&self) -> bool {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<StoreError>() {
                return error.kind() == crate::store::StoreErrorKind::NoSpace;
            }
            if let Some(JournalError::Store(error)) = error.downcast_ref::<JournalError>() {
                return error.kind() == crate::store::StoreErrorKind::NoSpace;
            }
            next = match error.downcast_ref::<Self>() {
                // Transparent variants hide their inner error from the chain of sources.
                Some(
                    Self::Journal(inner)
                    | Self::Lease(LeaseError::Journal(inner))
                    | Self::Recover(RecoverError::Journal(inner)),
                ) => Some(inner),
                Some(Self::Kept(inner)) => Some(inner),
                _ => error.source(),
            };
        }
        false
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
