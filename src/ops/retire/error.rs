//! Why a stream was not retired.

use crate::commit::{CommitError, RepointError};
use crate::layout::NoPlace;
use crate::mirror::{ExpectedError, JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind, Stamp, Stream};
use crate::ops::ActError;
use crate::ops::archive::ArchiveError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why a stream was not retired.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// No retirement of it began.
    #[error("no retirement of `{0}` began")]
    NotRetiring(Stream),
    /// It was begun with another archive, or without one.
    #[error("the retirement of `{stream}` began with {found}; {given} was given")]
    OtherArchive {
        /// Which stream.
        stream: Stream,
        /// The archive of the retirement.
        found: String,
        /// The archive that was given.
        given: String,
    },
    /// Nothing has that name.
    #[error("`{stream}` has neither a name nor a build `{keep}` that could stay")]
    NothingToKeep {
        /// Which stream.
        stream: Stream,
        /// What was to be kept.
        keep: String,
    },
    /// A bundle is made of its builds.
    #[error("`{stream}` is a member of the bundle `{bundle}`, which could not be made without it")]
    Member {
        /// Which stream.
        stream: Stream,
        /// The stream of the bundle.
        bundle: Stream,
    },
    /// Part of it cannot be read.
    #[error("`{at}` cannot be read, so the builds of `{stream}` are not known: {why}")]
    Unreadable {
        /// Which stream.
        stream: Stream,
        /// The path.
        at: String,
        /// The reason.
        why: String,
    },
    /// Builds are not in the archive.
    #[error("{count} of its builds cannot be verified in the archive; the first is `{first}`: {why}")]
    Unproved {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
        /// The reason.
        why: String,
    },
    /// Its builds changed.
    #[error("builds of `{0}` came or went while they were copied; run the command again")]
    Changed(Stream),
    /// The clocks differ, so the time of the removal would be wrong.
    #[error("the clock of this machine is at {}, and that of the mirror's storage at {}", here.iso(), there.iso())]
    Clocks {
        /// The clock of this machine.
        here: Stamp,
        /// The clock of the store.
        there: Stamp,
    },
    /// The archive does not serve what it has.
    #[error("`{url}` does not serve a file that the archive has: {why}")]
    NotServed {
        /// The address.
        url: String,
        /// The reason.
        why: String,
    },
    /// The archive cannot be used, or a build is not proved there.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A name could not be removed.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// A step failed.
    #[error(transparent)]
    Act(#[from] ActError),
}

/// Lets `?` convert the errors of a step.
macro_rules! steps {
    ($($error:ty),*) => {$(
        impl From<$error> for RetireError {
            fn from(error: $error) -> Self {
                Self::Act(error.into())
            }
        }
    )*};
}

steps!(NoPlace, StateError, JournalError, StoreError, Interrupted, ExpectedError, RecoverError, CommitError);

impl Classify for RetireError {
    fn class(&self) -> Class {
        match self {
            Self::NotRetiring(_) => {
                ErrorKind::Failed.hint("`mirrorkeep retire --status` lists the streams that are retired")
            }
            Self::OtherArchive { stream, .. } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep retire --cancel {stream} --why TEXT` ends it, after which another one can begin"
            )),
            Self::NothingToKeep { stream, .. } => {
                ErrorKind::Usage.hint(format!("`mirrorkeep list {stream}` lists the builds"))
            }
            Self::Member { .. } => ErrorKind::Refused.hint(
                "name the stream under `except` of the bundle in the layout, then run the command again",
            ),
            Self::Unreadable { .. } => ErrorKind::Failed.hint("`mirrorkeep check` names what is wrong"),
            Self::Clocks { .. } => {
                ErrorKind::Refused.hint("set the clock that is wrong, then run the command again")
            }
            Self::NotServed { .. } => {
                ErrorKind::Refused.hint("serve the archive at this address, or give another one with --url")
            }
            Self::Unproved { .. } | Self::Changed(_) => ErrorKind::Failed.into(),
            Self::Archive(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Act(error) => error.class(),
        }
    }
}
