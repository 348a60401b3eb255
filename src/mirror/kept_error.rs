//! Why the records of a build cannot be read.

use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stamp, Stream};
use crate::record::{BuildRecord, ManifestError, RecordError};
use crate::store::StoreError;

/// A record of a build, as it could be read.
pub type Kept = Result<Option<BuildRecord>, StateError>;

/// Why the records of a build cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The record is damaged.
    #[error("the record of `{0}` cannot be used")]
    Record(BuildId, #[source] RecordError),
    /// The manifest is damaged.
    #[error("the manifest of `{0}` cannot be used")]
    Manifest(BuildId, #[source] ManifestError),
    /// The list of what was removed from a build is damaged.
    #[error("the list of parts `{0}` cannot be used")]
    Parts(RelPath, #[source] ManifestError),
    /// The holds are damaged.
    #[error("the holds of `{0}`, `.mirrorkeep/holds/{0}.json`, cannot be used")]
    Holds(BuildId, #[source] serde_json::Error),
    /// A hold in the journal is not in the file.
    #[error("the journal states the hold `{why}` of `{id}`, but `{at}` does not have it")]
    LostHolds {
        /// Which build.
        id: BuildId,
        /// The file.
        at: RelPath,
        /// The reasons of the holds.
        why: String,
    },
    /// A file among the holds that mirrorkeep did not write.
    #[error("`{0}` among the holds is not a list of holds")]
    StrangeHold(RelPath),
    /// A file among the seals that mirrorkeep did not write.
    #[error("`{0}` among the records is not that of a build")]
    StrangeSeal(RelPath),
    /// The stream is frozen, since it is being retired or is retired.
    #[error("`{stream}` is {} since {}: {why}", if *retired { "retired" } else { "being retired" }, since.iso())]
    Retiring {
        /// Which stream.
        stream: Stream,
        /// The reason.
        why: String,
        /// When the retirement began.
        since: Stamp,
        /// Whether it is complete.
        retired: bool,
    },
    /// The stream may be frozen.
    #[error("`{at}` cannot be used, so `{stream}` counts as being retired: {why}")]
    Retirement {
        /// Which stream.
        stream: Stream,
        /// The file.
        at: RelPath,
        /// The reason.
        why: String,
    },
    /// The store failed.
    #[error("cannot read the records of the builds")]
    Store(#[from] StoreError),
}

impl Classify for StateError {
    fn class(&self) -> Class {
        match self {
            Self::Holds(..) => ErrorKind::Refused.hint("`mirrorkeep recover` rebuilds it from the journal"),
            Self::Retiring { stream, .. } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep retire --status {stream}` shows the retirement, and `mirrorkeep retire --cancel {stream} --why TEXT` \
                 ends it"
            )),
            Self::Retirement { .. } => {
                ErrorKind::Refused.hint("`mirrorkeep recover` writes it again from the journal")
            }
            Self::StrangeHold(_) => ErrorKind::Refused.into(),
            Self::LostHolds { id, .. } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep recover` rebuilds it, after which `mirrorkeep unhold {id}` removes it"
            )),
            Self::Record(id, _) => ErrorKind::Failed.hint(format!(
                "restore `.mirrorkeep/builds/{id}.json` from a copy, or move it away and run `mirrorkeep check --fix`"
            )),
            Self::Manifest(..) | Self::Parts(..) | Self::StrangeSeal(_) => ErrorKind::Failed.into(),
            Self::Store(error) => error.class(),
        }
    }
}
