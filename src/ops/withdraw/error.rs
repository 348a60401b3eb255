//! Why a build was not withdrawn.

use crate::commit::RepointError;
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp};
use crate::ops::ActError;

/// Says why a build was not withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// Something protects it.
    #[error("`{id}` is protected:\n  {}", protections.join("\n  "))]
    Protected {
        /// Which build.
        id: BuildId,
        /// What protects it, one thing each.
        protections: Vec<String>,
    },
    /// Something is mounted in it.
    #[error("`{id}` cannot be moved: {why}")]
    Mounted {
        /// Which build.
        id: BuildId,
        /// What.
        why: String,
    },
    /// What cannot be read may hide a name of it, or the build to which a name moves.
    #[error("`{id}` cannot be withdrawn, since `{path}` cannot be read and its names are not known: {why}")]
    Unreadable {
        /// Which build.
        id: BuildId,
        /// What cannot be read.
        path: RelPath,
        /// Why not.
        why: String,
    },
    /// A prune moved it to the trash.
    #[error("`{id}` is not published: a prune moved it to the trash, where it can come back until {}", until.iso())]
    Pruned {
        /// Which build.
        id: BuildId,
        /// The last instant at which it can come back.
        until: Stamp,
    },
    /// A name could not be moved.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// A step failed.
    #[error(transparent)]
    Act(#[from] ActError),
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
