//! Why two builds cannot be compared.

use crate::mirror::{StateError, Tree};
use crate::model::{BuildId, Class, Classify, ErrorKind};
use crate::store::StoreError;

/// Why two builds cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The build does not exist.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// The build has no record.
    #[error("`{0}` has no record")]
    NoRecord(BuildId),
    /// The build has a record and no manifest.
    #[error("`{0}` has no manifest")]
    NoManifest(BuildId),
    /// The record or manifest of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The store failed.
    #[error("cannot read the build")]
    Store(#[from] StoreError),
}

impl Classify for DiffError {
    fn class(&self) -> Class {
        match self {
            Self::NoBuild(_) => ErrorKind::Failed.hint("`mirrorkeep list` lists the builds"),
            Self::NoRecord(id) => ErrorKind::Failed.hint(format!("`mirrorkeep adopt {id}` records it")),
            Self::NoManifest(id) => {
                let at = Tree::Manifests.at(id);
                ErrorKind::Failed.hint(format!("restore `{at}` of the mirror from a copy"))
            }
            Self::Kept(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
