//! What can stop delivery.

use crate::decide::deliver::DeliverFileError;
use crate::mirror::{JournalError, chain};
use crate::model::{Class, Classify, ErrorKind};
use crate::progress::Interrupted;
use crate::send::SendError;
use crate::store::{StoreError, StoreErrorKind};

/// Why events are not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// There is no deliver.yaml.
    #[error("the mirror has no `.mirrorkeep/deliver.yaml`")]
    NoFile,
    /// It cannot be used.
    #[error(transparent)]
    File(#[from] DeliverFileError),
    /// It is in a bucket.
    #[error(
        "deliver.yaml is in a bucket: whoever writes to it could run commands and send requests from this machine"
    )]
    Bucket,
    /// It has no such subscriber.
    #[error("deliver.yaml has no subscriber `{name}`; it has {known}")]
    NoSubscriber {
        /// The name.
        name: String,
        /// The subscribers that exist.
        known: String,
    },
    /// A subscriber cannot be reached at all.
    #[error("cannot deliver to `{name}`")]
    Send {
        /// Its name.
        name: String,
        /// Why not.
        source: SendError,
    },
    /// The journal is not the one that was delivered.
    #[error("cannot deliver to `{name}`")]
    Replaced {
        /// The subscriber.
        name: String,
        /// What the journal has instead.
        source: JournalError,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Asked(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command was cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl DeliverError {
    /// Returns the error with its causes on one line.
    pub(super) fn line(&self) -> String {
        chain(self)
    }

    /// Returns whether another process delivers to the subscriber.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind() == StoreErrorKind::Busy)
    }
}

impl Classify for DeliverError {
    fn class(&self) -> Class {
        match self {
            Self::NoFile => ErrorKind::Usage.hint("docs/events.md has an example for each kind of subscriber"),
            Self::File(error) => error.class(),
            Self::Bucket => ErrorKind::Refused.hint(
                "set MIRRORKEEP_RUN_COMMANDS=1 if everyone who can write to the bucket may run commands on this machine",
            ),
            Self::NoSubscriber { .. } | Self::Asked(_) => ErrorKind::Usage.into(),
            Self::Send { source, .. } => source.class(),
            Self::Replaced { name, .. } => ErrorKind::Refused.hint(format!(
                "restore `.mirrorkeep/journal` from a newer copy, or choose the next event with `mirrorkeep deliver replay {name} --since SEQ`"
            )),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}
