//! What can come in the way of writing a site.

use crate::mirror::{Covered, JournalError};
use crate::model::{Class, Classify, ErrorKind, RelPath};
use crate::ops::ActError;
use crate::store::StoreError;

/// Says why a site is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The mirror's settings name no place for it.
    #[error("mirror.yaml has no `site`")]
    NoSection,
    /// Builds are where it would be.
    #[error("`site.path` in mirror.yaml: {}", .0.why())]
    Builds(Covered),
    /// Builds or names may be where the mirror cannot be read.
    #[error("`{0}` cannot be read, so that builds or aliases may be missing: {1}")]
    Unread(RelPath, String),
    /// Something cannot be read for the moment, so that what is known of builds may be wrong.
    #[error("cannot read {0}")]
    Failing(String),
    /// The mirror cannot be looked at.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for SiteError {
    fn class(&self) -> Class {
        match self {
            Self::NoSection => {
                ErrorKind::Usage.hint("add `site: {}` to .mirrorkeep/mirror.yaml (docs/site.md)")
            }
            Self::Builds(_) => ErrorKind::Refused.into(),
            Self::Unread(..) => ErrorKind::Failed.hint("`mirrorkeep check` lists what cannot be read"),
            Self::Failing(_) => ErrorKind::Failed.into(),
            Self::Act(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
