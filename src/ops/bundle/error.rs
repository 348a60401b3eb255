//! Why a bundle was not made.

use crate::commit::RepointError;
use crate::decide::bundle::ContentError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath, Stream};
use crate::ops::ActError;
use crate::ops::op_error::{OpError, shares};
use crate::ops::publish::PublishError;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why a bundle was not made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The layout makes no bundles of that stream.
    #[error("the layout `{layout}` declares no bundle for `{stream}`{}", those(.known))]
    NotDeclared {
        /// The layout.
        layout: String,
        /// The stream.
        stream: Stream,
        /// The patterns of the streams that have bundles.
        known: Vec<String>,
    },
    /// No member has a build.
    #[error("no stream that can be a member of `{0}` has a build")]
    NoMember(Stream),
    /// Some members cannot be part of the bundle.
    #[error("`{stream}` cannot be made, since nothing is left out of a bundle: {}", listed(.members))]
    Members {
        /// The stream of the bundle.
        stream: Stream,
        /// Each of these members, and why.
        members: Vec<(Stream, String)>,
    },
    /// The files of the members cannot be joined.
    #[error("`{0}` cannot be made")]
    Content(Stream, #[source] Box<ContentError>),
    /// A file of a member differs from the one that was published.
    #[error("`{file}` of `{id}` is not as it was published")]
    Changed {
        /// The member.
        id: BuildId,
        /// The file.
        file: String,
    },
    /// Something that cannot be read may hide members.
    #[error("`{0}` cannot be read, so that nothing is known of the streams below it: {1}")]
    Unreadable(RelPath, String),
    /// Something other than a link is at the path of one.
    #[error("`{0}` cannot be a link of the bundle: a file or directory is there")]
    Taken(RelPath),
    /// Members moved again and again.
    #[error("the members of `{0}` moved again and again while it was made")]
    Moving(Stream),
    /// The files could not be written for publishing.
    #[error("cannot write the files of the bundle to a temporary directory")]
    Write(#[source] std::io::Error),
    /// The build could not be published.
    #[error(transparent)]
    Publish(Box<PublishError>),
    /// The build is in the trash, and was not restored.
    #[error(transparent)]
    Restore(Box<ActError>),
    /// A link could not be moved.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// The layout has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot read the mirror")]
    Store(#[from] StoreError),
}

shares!(BundleError: RecoverError, StateError, JournalError);

impl Classify for BundleError {
    fn class(&self) -> Class {
        match self {
            Self::NotDeclared { .. } => ErrorKind::Usage.into(),
            Self::Members { stream, .. } => ErrorKind::Failed.hint(format!(
                "run `mirrorkeep bundle {stream} --dry-run` again when each member has the alias; if a stream is not a \
                 member any more, add it to `except` of the bundle in the layout"
            )),
            Self::Moving(_) => ErrorKind::Busy.into(),
            Self::NoMember(_)
            | Self::Content(..)
            | Self::Changed { .. }
            | Self::Unreadable(..)
            | Self::Taken(_)
            | Self::Write(_) => ErrorKind::Failed.into(),
            Self::Publish(error) => error.class(),
            Self::Restore(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::NoPlace(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

fn listed(members: &[(Stream, String)]) -> String {
    members.iter().map(|(stream, why)| format!("`{stream}`: {why}")).collect::<Vec<_>>().join("; ")
}

fn those(known: &[String]) -> String {
    let known: Vec<String> = known.iter().map(|shape| format!("`{shape}`")).collect();
    if known.is_empty() { String::new() } else { format!("; it does for {}", known.join(", ")) }
}
