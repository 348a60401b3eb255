//! What can come in the way of reading targets.yaml.

use crate::decide::targets::TargetsFileError;
use crate::model::{Class, Classify, ErrorKind};
use crate::store::StoreError;

/// Says why the targets of a mirror are not known.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// There is no targets.yaml.
    #[error("the mirror has no `.mirrorkeep/targets.yaml`")]
    NoFile,
    /// It cannot be used.
    #[error(transparent)]
    File(#[from] TargetsFileError),
    /// It is that of a bucket.
    #[error(
        "targets.yaml is in a bucket: whoever writes to it could send requests from this machine and change its mirrors"
    )]
    Bucket,
    /// It has no such target.
    #[error("targets.yaml has no target `{name}`; it has {known}")]
    NoTarget {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for TargetsError {
    fn class(&self) -> Class {
        match self {
            Self::NoFile => ErrorKind::Usage.hint("docs/mirrors.md has an example for each kind of target"),
            Self::File(error) => error.class(),
            Self::Bucket => ErrorKind::Refused.hint(
                "set MIRRORKEEP_RUN_COMMANDS=1 if everyone who can write to the bucket may act from this machine",
            ),
            Self::NoTarget { .. } => ErrorKind::Usage.into(),
            Self::Store(error) => error.class(),
        }
    }
}
