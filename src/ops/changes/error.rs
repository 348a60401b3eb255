//! What can come in the way of writing a change list.

use crate::mirror::{ExpectedError, JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind, RelPath, Scheme};
use crate::progress::Interrupted;
use crate::sign::SignError;
use crate::store::StoreError;

/// Says why the change list is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum ChangesWriteError {
    /// The mirror's settings name no place for it.
    #[error("mirror.yaml has no `changes`")]
    NoSection,
    /// The list is signed, and a key is missing.
    #[error(
        "`{at}` is signed by {}, and no key of {} is given that signs the next one",
        all(signed),
        all(lacking)
    )]
    Unsigned {
        /// The path of the head.
        at: RelPath,
        /// How it is signed.
        signed: Vec<Scheme>,
        /// How the next one would not be.
        lacking: Vec<Scheme>,
    },
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
    /// It is not known which builds should be there.
    #[error(transparent)]
    Expected(#[from] ExpectedError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

fn all(schemes: &[Scheme]) -> String {
    schemes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl Classify for ChangesWriteError {
    fn class(&self) -> Class {
        match self {
            Self::NoSection => {
                ErrorKind::Usage.hint("add `changes: {}` to .mirrorkeep/mirror.yaml (docs/mirrors.md)")
            }
            Self::Unsigned { .. } => ErrorKind::Usage.hint(
                "name every key with `--sign`, or in `changes.sign` in .mirrorkeep/mirror.yaml; if copies no longer need such a \
                 signature, `mirrorkeep export changes --drop-signatures` writes the list without it",
            ),
            Self::Sign(error) => error.class(),
            Self::TooLarge(_) => ErrorKind::Failed.into(),
            Self::State(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Expected(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Interrupted(error) => error.class(),
        }
    }
}
