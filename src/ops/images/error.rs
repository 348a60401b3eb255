//! Why nothing can be said of images.

use crate::mirror::StateError;
use crate::model::{BuildId, Class, Classify, ErrorKind};
use crate::ops::ActError;
use crate::store::StoreError;

/// Says why nothing can be said of images.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// The layout has no grammar of images.
    #[error("the layout `{0}` has no `images`")]
    NoGrammar(String),
    /// The build is not there.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// The build is in the trash, or that cannot be known.
    #[error(transparent)]
    Trash(#[from] ActError),
    /// What is kept of the build cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store failed.
    #[error("cannot look at the build")]
    Store(#[from] StoreError),
}

impl Classify for ImagesError {
    fn class(&self) -> Class {
        match self {
            Self::NoGrammar(_) => ErrorKind::Usage.hint(
                "add the key `images` to the layout (docs/layout-grammar.md), and put it in force with `mirrorkeep layout set`",
            ),
            Self::NoBuild(_) => ErrorKind::Failed.into(),
            Self::Trash(error) => error.class(),
            Self::State(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
