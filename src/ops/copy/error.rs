//! What can come in the way of copying builds.

use crate::commit::CommitError;
use crate::commit::repoint::RepointError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, Digest, ErrorKind, RelPath, Stream};
use crate::ops::op_error::{OpError, shares};
use crate::ops::publish::PublishError;
use crate::recover::RecoverError;
use crate::store::{StoreError, StoreErrorKind};

/// Says why builds, or one of them, were not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Both are one mirror.
    #[error("`{0}` is both the source and the target")]
    Same(String),
    /// It is not at the source.
    #[error("there is no build `{0}` in `{1}`")]
    NoBuild(BuildId, String),
    /// The stream is empty at the source.
    #[error("the stream `{0}` has no builds in `{1}`")]
    NoBuilds(Stream, String),
    /// The layout of the target has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The layouts put it elsewhere.
    #[error(
        "the layouts of the two mirrors differ: `{id}` is at `{from}`, and would be at `{to}`; both must give it the same path"
    )]
    OtherPlace {
        /// Which build.
        id: BuildId,
        /// Where it lies at the source.
        from: RelPath,
        /// Where it would lie at the target.
        to: RelPath,
    },
    /// Others laid it down, so nobody knows what it should hold.
    #[error("`{0}` has no record and manifest in `{1}`, so a copy of it cannot be verified")]
    NoRecord(BuildId, String),
    /// What it needs would not be there.
    #[error("`{id}` needs `{required}`, which is not at the target and does not come along")]
    Requires {
        /// Which build.
        id: BuildId,
        /// What it needs.
        required: BuildId,
    },
    /// A link of it leads to no build.
    #[error("`{at}` is a link to `{text}`, which points neither into its build nor into another")]
    LinkOut {
        /// Which link.
        at: RelPath,
        /// What it holds, escaped.
        text: String,
    },
    /// Its list of checksums is not what was written down.
    #[error("`{at}` is damaged at the source: sha256 {found}, recorded {wanted}")]
    Sums {
        /// Which file.
        at: RelPath,
        /// What was found.
        found: Digest,
        /// What was written down.
        wanted: Digest,
    },
    /// The source cannot be read.
    #[error("cannot read the mirror `{0}`")]
    Source(String, #[source] StateError),
    /// It could not be published at the target.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A name could not be moved.
    #[error("the builds were copied, but an alias could not be moved")]
    Repoint(#[from] RepointError),
    /// The target could not be asked.
    #[error("cannot look at the target")]
    Kept(#[from] StateError),
    /// What can come in the way of every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot reach the target")]
    Store(#[from] StoreError),
    /// No digest could be made.
    #[error("cannot make the digest of the checksums")]
    Hash(#[source] std::io::Error),
}

shares!(CopyError: RecoverError, JournalError);

impl Classify for CopyError {
    fn class(&self) -> Class {
        match self {
            Self::Same(_) | Self::NoBuild(..) | Self::NoBuilds(..) | Self::OtherPlace { .. } => {
                ErrorKind::Usage.into()
            }
            Self::NoPlace(error) => error.class(),
            Self::NoRecord(id, shown) => {
                ErrorKind::Failed.hint(format!("`mirrorkeep --mirror {shown} adopt {id}` takes it over"))
            }
            Self::Requires { required, .. } => ErrorKind::Failed.hint(format!("copy `{required}` as well")),
            Self::LinkOut { .. } | Self::Sums { .. } | Self::Hash(_) => ErrorKind::Failed.into(),
            Self::Source(_, error) | Self::Kept(error) => error.class(),
            Self::Publish(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl CopyError {
    /// Returns whether somebody asked to stop.
    pub(crate) fn is_interruption(&self) -> bool {
        self.kind() == ErrorKind::Interrupted
    }

    /// Returns whether every other build would fail alike: nobody may write there, or nothing more fits.
    pub(crate) fn ends_all(&self) -> bool {
        match self {
            Self::Op(_) | Self::Repoint(_) => return true,
            Self::Publish(PublishError::Op(OpError::Recover(_) | OpError::Journal(_))) => {
                return true;
            }
            Self::Publish(PublishError::Trash(error)) if !matches!(**error, CommitError::Store(_)) => {
                return true;
            }
            _ => {}
        }
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<StoreError>() {
                return matches!(error.kind(), StoreErrorKind::NoSpace | StoreErrorKind::ReadOnly);
            }
            next = error.source();
        }
        false
    }
}
