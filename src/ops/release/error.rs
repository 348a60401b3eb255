//! Why requests were not checked, or not carried out at all.

use super::super::alias::LabelActError;
use super::super::promotion::StageError;
use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind};
use crate::ops::op_error::{OpError, shares};
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;
use std::io;

/// Why requests were not checked, a release was not carried out, or a tag was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A repository of requests cannot be read.
    #[error("cannot read the requests in `{repository}`: {why}")]
    Requests {
        /// Which repository.
        repository: String,
        /// Why not.
        why: String,
    },
    /// What was typed cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A tag cannot be read.
    #[error("cannot read the tag `{tag}`: {why}")]
    Tag {
        /// The repository and the tag.
        tag: String,
        /// Why not.
        why: String,
    },
    /// A tag states nothing that can be used, or what it states is not proven.
    #[error("the tag `{tag}` cannot be used: {why}")]
    Unfit {
        /// The repository and the tag.
        tag: String,
        /// Why not.
        why: String,
        /// What to do about it.
        hint: Option<&'static str>,
    },
    /// No directory for clones can be made.
    #[error("cannot use `{dir}` as the directory for clones")]
    Work {
        /// Which directory.
        dir: String,
        /// Why not.
        source: io::Error,
    },
    /// Another command has the directory for clones.
    #[error("another command uses the directory for clones `{0}`")]
    WorkBusy(String),
    /// The build could not be labelled.
    #[error(transparent)]
    Label(#[from] LabelActError),
    /// What a stage requires cannot be read.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot look at the builds")]
    Store(#[from] StoreError),
}

shares!(ReleaseError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for ReleaseError {
    fn class(&self) -> Class {
        match self {
            Self::Requests { .. } | Self::Usage(_) => ErrorKind::Usage.into(),
            Self::Tag { .. } | Self::Work { .. } => ErrorKind::Failed.into(),
            Self::WorkBusy(_) => {
                ErrorKind::Busy.hint("run it again once that ended, or give another `--work`")
            }
            Self::Unfit { hint, .. } => match hint {
                Some(hint) => ErrorKind::Refused.hint(*hint),
                None => ErrorKind::Refused.into(),
            },
            Self::Label(error) => error.class(),
            Self::Stage(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
