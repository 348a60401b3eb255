//! Why it is not known whether a build is due, or why no run was started.

use crate::exec::ExecError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify};
use crate::ops::op_error::{OpError, shares};
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why it is not known whether a build is due, or why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum DueError {
    /// The layout has no such stream.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The command could not be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot find out whether a build is due")]
    Store(#[from] StoreError),
}

shares!(DueError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for DueError {
    fn class(&self) -> Class {
        match self {
            Self::NoPlace(error) => error.class(),
            Self::Exec(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
