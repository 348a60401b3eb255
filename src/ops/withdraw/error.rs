//! Why a build was not withdrawn.

use crate::commit::RepointError;
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp};
use crate::ops::ActError;
use crate::store::StoreError;

/// Why a build was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// Something protects it.
    #[error("`{id}` is protected:\n  {}", protections.join("\n  "))]
    Protected {
        /// The ID of the build.
        id: BuildId,
        /// What protects it, one item each.
        protections: Vec<String>,
    },
    /// Something is mounted in it.
    #[error("`{id}` cannot be moved: {why}")]
    Mounted {
        /// The ID of the build.
        id: BuildId,
        /// The mount point.
        why: String,
    },
    /// What cannot be read may hide an alias of it, or the build to which an alias moves.
    #[error("`{id}` cannot be withdrawn, since `{path}` cannot be read and its aliases are not known: {why}")]
    Unreadable {
        /// The ID of the build.
        id: BuildId,
        /// What cannot be read.
        path: RelPath,
        /// Why it cannot be read.
        why: String,
    },
    /// A prune moved it to the trash.
    #[error("`{id}` is not published: a prune moved it to the trash, from which it can be restored until {}", until.iso())]
    Pruned {
        /// The ID of the build.
        id: BuildId,
        /// The last instant at which it can be restored.
        until: Stamp,
    },
    /// An alias could not be moved.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// A step failed.
    #[error(transparent)]
    Act(#[from] ActError),
}

impl From<StoreError> for WithdrawError {
    fn from(error: StoreError) -> Self {
        Self::Act(error.into())
    }
}

impl Classify for WithdrawError {
    fn class(&self) -> Class {
        match self {
            Self::Protected { .. } => ErrorKind::Refused.hint(
                "--force withdraws it all the same: holds are removed, and builds that need it are broken",
            ),
            Self::Mounted { .. } => ErrorKind::Refused.into(),
            Self::Unreadable { .. } => ErrorKind::Failed.hint("`mirrorkeep check` names what is wrong"),
            Self::Pruned { id, .. } => ErrorKind::Failed
                .hint(format!("`mirrorkeep withdraw {id} --why TEXT --purge` deletes it from the trash now")),
            Self::Repoint(error) => error.class(),
            Self::Act(error) => error.class(),
        }
    }
}
