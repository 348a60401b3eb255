//! What recovery did, and why it failed.

use crate::commit::CommitError;
use crate::commit::reveal::RevealError;
use crate::mirror::{JournalError, LockError, StateError, WriteLock};
use crate::model::{Class, Classify};
use crate::store::StoreError;
use schemars::JsonSchema;
use serde::Serialize;

/// What was finished or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Settled {
    /// A build, an alias, or a stage.
    pub to: String,
    /// How it was settled.
    pub what: SettledAs,
}

/// How something was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SettledAs {
    /// It was completed.
    Finished,
    /// It had not happened; that is recorded now.
    Undone,
    /// It had happened; that is recorded now.
    Noted,
    /// What was left of it is deleted.
    Cleared,
    /// It is left for its publisher to resume.
    Waiting,
    /// It cannot be settled now and stays as it is; a warning states why.
    Left,
    /// A file was written again from the journal.
    Rebuilt,
    /// Events are missing, and the journal now states that their loss was accepted.
    Accepted,
}

/// Why something could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A build that is at its path could not be finished.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Finish(String, #[source] Box<RevealError>),
    /// A move of a build to the trash or back could not be finished.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Trash(String, #[source] Box<CommitError>),
    /// The record of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed.
    #[error("cannot read what an interrupted command left")]
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

/// Whether stages whose publisher may resume them are deleted, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stages {
    /// They are kept for their term.
    Wait,
    /// They are deleted, if no process is filling them.
    Discard,
}

/// Warns of what cannot be settled and stays.
pub(super) fn left(lock: &WriteLock<'_>, to: &str, why: &str) -> Settled {
    let warning = format!("what an interrupted command left of `{to}` stays as it is: {why}");
    lock.mirror().warnings().add(warning);
    Settled { to: to.to_owned(), what: SettledAs::Left }
}
