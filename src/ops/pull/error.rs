//! What can come in the way of a pull, as a whole or for one build.

use crate::decide::changes::ChangesError;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, PatienceError, RelPath, Scheme};
use crate::ops::copy::CopyError;
use crate::ops::op_error::{OpError, shares};
use crate::ops::publish::PublishError;
use crate::ops::retention::PlanError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::sign::Unproven;
use crate::store::StoreError;
use std::io;

/// Says why a copy, or one build of it, is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The limit of time is none.
    #[error(transparent)]
    Patience(#[from] PatienceError),
    /// No request can be sent.
    #[error("cannot start HTTP: {0}")]
    Start(String),
    /// There is no list.
    #[error("there is no change list at `{0}`")]
    NoList(String),
    /// A file cannot be read.
    #[error("cannot read `{at}`")]
    Read {
        /// Its address.
        at: String,
        /// Why not.
        source: io::Error,
    },
    /// A file of the list is something else.
    #[error("`{at}` cannot be used: {why}")]
    Unfit {
        /// Its address.
        at: String,
        /// Why not.
        why: ChangesError,
    },
    /// A file has other contents than what names it states.
    #[error("`{at}` is not what the change list names: {why}")]
    Other {
        /// Its address.
        at: String,
        /// What is different.
        why: String,
    },
    /// No trusted key signed it.
    #[error("`{at}` has no valid signature of {by}")]
    Unsigned {
        /// Its address.
        at: String,
        /// Which kind of key.
        by: Scheme,
        /// Why not.
        source: Unproven,
    },
    /// It went back.
    #[error("the change list at `{at}` is of edition {found}, and edition {seen} was there before")]
    Backwards {
        /// Its address.
        at: String,
        /// The serial that was found.
        found: u64,
        /// The highest one that was seen.
        seen: u64,
    },
    /// One edition has two contents.
    #[error("edition {serial} of the change list at `{at}` is another one than was read before")]
    Rewritten {
        /// Its address.
        at: String,
        /// The serial.
        serial: u64,
    },
    /// It is the list of another mirror.
    #[error("the change list at `{at}` is of the mirror `{found}`, and this copy is of `{known}`")]
    OtherMirror {
        /// Its address.
        at: String,
        /// The id that was found.
        found: String,
        /// The id of the mirror of which this is a copy.
        known: String,
    },
    /// It is the list of the copy itself.
    #[error("the change list at `{0}` is that of this mirror itself")]
    Same(String),
    /// The trace has no place.
    #[error("the layout has another use for `{at}`, where the trace would be")]
    Trace {
        /// Its path.
        at: RelPath,
        /// What makes a place for it.
        hint: &'static str,
    },
    /// Something of a build is impossible.
    #[error("the build cannot be kept here: {0}")]
    Unsound(String),
    /// It is there with other contents.
    #[error("another build is here under this ID: its SHA256SUMS differs")]
    Differs,
    /// Upstream has it again, and here it is in the trash.
    #[error(
        "upstream has it again, and it was withdrawn here and is in the trash; `mirrorkeep restore {0}` brings it back"
    )]
    Returned(BuildId),
    /// It cannot be published, or its names cannot be set.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The own policy cannot be asked.
    #[error("cannot find out what the policy keeps")]
    Plan(#[from] PlanError),
    /// What can come in the way of every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot reach the copy")]
    Store(#[from] StoreError),
}

shares!(PullError: RecoverError, JournalError, StateError, Interrupted);

impl From<PublishError> for PullError {
    fn from(error: PublishError) -> Self {
        Self::Copy(error.into())
    }
}

impl Classify for PullError {
    fn class(&self) -> Class {
        match self {
            Self::Patience(_) | Self::Same(_) => ErrorKind::Usage.into(),
            Self::NoList(_) => ErrorKind::Failed.hint(
                "the mirror writes one with its verb `export changes`; `--changes` names another directory than `changes`",
            ),
            Self::Start(_) | Self::Read { .. } | Self::Unfit { .. } | Self::Other { .. } => {
                ErrorKind::Failed.hint("run the same command again: what has arrived is not fetched twice")
            }
            Self::Unsigned { .. } => ErrorKind::Refused.into(),
            Self::Backwards { .. } | Self::Rewritten { .. } => ErrorKind::Refused.hint(
                "a cache may lag: try again later; if the mirror lost its list or was restored from a backup, `--restart` accepts it",
            ),
            Self::OtherMirror { .. } => {
                ErrorKind::Refused.hint("check the address; `--restart` makes this a copy of the other mirror")
            }
            Self::Trace { hint, .. } => ErrorKind::Usage.hint(*hint),
            Self::Unsound(_) | Self::Differs | Self::Returned(_) => ErrorKind::Failed.into(),
            Self::Copy(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl PullError {
    /// Returns whether somebody asked to stop.
    pub(super) fn is_interruption(&self) -> bool {
        self.kind() == ErrorKind::Interrupted
    }

    /// Returns whether every other build would fail alike.
    pub(super) fn ends_all(&self) -> bool {
        match self {
            Self::Copy(error) => error.ends_all(),
            Self::Op(_) | Self::Store(_) => true,
            _ => false,
        }
    }

    /// Returns whether the file was not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
