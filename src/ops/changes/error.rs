//! What can come in the way of writing a change list.

use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind, RelPath};
use crate::progress::Interrupted;
use crate::sign::SignError;
use crate::store::StoreError;

/// Says why the change list is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum ChangesWriteError {
    /// The mirror's settings name no place for it.
    #[error("mirror.yaml has no `changes`")]
    NoSection,
    /// The list is signed, and there is no key.
    #[error("`{0}` is signed, and no key is given that signs the next one")]
    Unsigned(RelPath),
    /// It cannot be signed.
    #[error("cannot sign the change list")]
    Sign(#[from] SignError),
    /// It would be larger than readers accept.
    #[error("the change list would have {0} bytes, and at most {most} are read", most = crate::decide::changes::PART_LIMIT)]
    TooLarge(usize),
    /// The mirror cannot be looked at.
    #[error(transparent)]
    State(#[from] StateError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl Classify for ChangesWriteError {
    fn class(&self) -> Class {
        match self {
            Self::NoSection => {
                ErrorKind::Usage.hint("add `changes: {}` to .mirrorkeep/mirror.yaml (docs/mirrors.md)")
            }
            Self::Unsigned(_) => ErrorKind::Usage.hint(
                "name the key with `--sign`, or as `changes.sign` in .mirrorkeep/mirror.yaml; if it is to have no signature any more, remove the file first",
            ),
            Self::Sign(error) => error.class(),
            Self::TooLarge(_) => ErrorKind::Failed.into(),
            Self::State(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}
