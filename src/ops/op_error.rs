//! What can stop every operation that changes a mirror.

use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify};
use crate::progress::Interrupted;
use crate::recover::RecoverError;

/// Why an operation could not continue, whichever it is; its own error has this as one variant.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The lock could not be taken, or what an interrupted command left could not be recovered.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The record of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The session was cancelled.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Classify for OpError {
    fn class(&self) -> Class {
        match self {
            Self::Recover(error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}

/// Lets `?` convert the errors of every operation into those of one, which has them in its variant `Op`.
macro_rules! shares {
    ($own:ty: $($error:ty),*) => {$(
        impl From<$error> for $own {
            fn from(error: $error) -> Self {
                Self::Op(error.into())
            }
        }
    )*};
}

pub(crate) use shares;
