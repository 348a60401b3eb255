//! What recovering did, and why it could not.

use crate::commit::CommitError;
use crate::commit::reveal::RevealError;
use crate::mirror::{JournalError, LockError, StateError, WriteLock};
use crate::model::{Class, Classify};
use crate::store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;

/// What was finished or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Settled {
    /// To what it was done: a build, an alias, a stage.
    pub to: String,
    /// What was done.
    pub what: SettledAs,
}

/// How something was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettledAs {
    /// It was carried to its end.
    Finished,
    /// It had not happened; that is written down now.
    Undone,
    /// It had happened; that is written down now.
    Noted,
    /// What was left of it is gone.
    Cleared,
    /// It is left for its publisher to resume.
    Waiting,
    /// It cannot be settled now and stays as it is; a warning says why.
    Left,
    /// A file was written again from what the journal states.
    Rebuilt,
    /// Events are missing, and the journal states now that their loss was accepted.
    Accepted,
}

/// Says why something could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A build that is in place could not be finished.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Finish(String, #[source] Box<RevealError>),
    /// A build could not be moved to the trash or back to the end.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Trash(String, #[source] Box<CommitError>),
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed.
    #[error("cannot look at what an interrupted command left")]
    Store(#[from] StoreError),
}

impl Classify for RecoverError {
    fn class(&self) -> Class {
        match self {
            Self::Finish(_, error) => error.class(),
            Self::Trash(_, error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Lock(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Whether stages whose publisher may come back are cleared, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stages {
    /// They wait for their term.
    Wait,
    /// They go, if nobody is filling them.
    Discard,
}

/// Warns of what cannot be settled and leaves it.
pub(super) fn left(lock: &WriteLock<'_>, to: &str, why: &str) -> Settled {
    let warning = format!("what an interrupted command left of `{to}` stays as it is: {why}");
    lock.mirror().warnings().add(warning);
    Settled { to: to.to_owned(), what: SettledAs::Left }
}
