//! Why a mirror cannot be an archive, or why a build is not proved there.

use crate::layout::NoPlace;
use crate::mirror::{JournalError, MirrorError, StateError, chain};
use crate::model::{BuildId, Class, Classify, Digest, ErrorKind, RelPath, shell_word};
use crate::ops::ActError;
use crate::ops::copy::CopyError;
use crate::ops::op_error::{OpError, shares};
use crate::ops::targets::TargetsError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why a mirror cannot be an archive, or why a build is not proved there.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be opened.
    #[error("cannot open the archive `{0}`")]
    Open(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has the ID of this mirror.
    #[error(
        "the archive `{0}` has the ID of this mirror, so it is this mirror or a copy of its files; expected a mirror of its own"
    )]
    Same(String),
    /// One is inside the other.
    #[error(
        "the archive `{archive}` and the mirror `{mirror}` are inside each other; expected a place outside the mirror"
    )]
    Nested {
        /// The address of the archive.
        archive: String,
        /// The address of this mirror.
        mirror: String,
    },
    /// The policy is in a bucket.
    #[error(
        "the policy is in a bucket, and names the archive `{0}`: whoever writes to the bucket could have this machine change its mirrors"
    )]
    Bucket(String),
    /// `sync` sends files there, and deletes there what was removed here.
    #[error(
        "the archive `{archive}` is the target `{target}` of `sync`, which deletes there what is removed here"
    )]
    Target {
        /// The address of the archive.
        archive: String,
        /// The name of the target.
        target: String,
    },
    /// `pull` makes it a copy of this mirror.
    #[error(
        "the archive `{0}` is a copy of this mirror that `pull` updates, which removes there what is removed here"
    )]
    Pulls(String),
    /// Its settings cannot be used.
    #[error("the archive `{0}` cannot be used")]
    Unfit(String, #[source] MirrorError),
    /// Nothing says what the build has.
    #[error("`{0}` has no record and manifest in `{1}`, so a copy of it cannot be verified")]
    NoRecord(BuildId, String),
    /// A person withdrew it from the archive.
    #[error("`{id}` was withdrawn from the archive: {why}")]
    Withdrawn {
        /// Which build.
        id: BuildId,
        /// Why.
        why: String,
    },
    /// It is not there.
    #[error("`{0}` is not in the archive")]
    Missing(BuildId),
    /// It is there with other content.
    #[error("`{id}` has other content in the archive: `{at}` is not there, or differs")]
    Differs {
        /// Which build.
        id: BuildId,
        /// The first path that differs.
        at: RelPath,
    },
    /// A file there has other bytes.
    #[error("`{at}` is damaged in the archive: sha256 {found}, expected {expected}")]
    Damaged {
        /// Which file.
        at: RelPath,
        /// What was read.
        found: Digest,
        /// What was expected.
        expected: Digest,
    },
    /// A file there cannot be read.
    #[error("cannot read `{0}` in the archive")]
    Unreadable(RelPath, #[source] std::io::Error),
    /// The copy ended before it.
    #[error("it was not copied, since the archive accepts no more: {0}")]
    NotReached(String),
    /// It was copied, and a name was not set.
    #[error("`{0}` stays until every name in the archive is set; the next run tries again")]
    Unnamed(BuildId),
    /// It could not be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// It could not be held.
    #[error("cannot hold `{0}` in the archive")]
    Hold(BuildId, #[source] Box<ActError>),
    /// The layout has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The targets of this mirror are not known.
    #[error(transparent)]
    Targets(#[from] TargetsError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

shares!(ArchiveError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for ArchiveError {
    fn class(&self) -> Class {
        match self {
            Self::Open(address, _) => ErrorKind::Failed.hint(format!(
                "`mirrorkeep --mirror {} check` looks at it",
                shell_word(address.as_ref())
            )),
            Self::Same(_) | Self::Nested { .. } => {
                ErrorKind::Refused.hint("`mirrorkeep --mirror ADDRESS init` makes a mirror in another place")
            }
            Self::Bucket(_) => ErrorKind::Refused.hint(
                "set MIRRORKEEP_RUN_COMMANDS=1 if everyone who can write to the bucket may act from this machine",
            ),
            Self::Target { target, .. } => ErrorKind::Refused.hint(format!(
                "give the archive another place; `project/trace/{target}` in it is the sign of a target, also of a former one"
            )),
            Self::Pulls(_) => ErrorKind::Refused.hint("give the archive another place"),
            Self::Unfit(_, error) => error.class(),
            Self::NoRecord(id, _) => ErrorKind::Failed.hint(format!("`mirrorkeep adopt {id}` records it")),
            Self::Withdrawn { .. } => {
                ErrorKind::Refused.hint("withdraw it here as well, or hold it to keep it")
            }
            Self::Missing(_)
            | Self::Differs { .. }
            | Self::Damaged { .. }
            | Self::Unreadable(..)
            | Self::NotReached(_)
            | Self::Unnamed(_) => ErrorKind::Failed.into(),
            Self::Copy(error) => error.class(),
            Self::Hold(_, error) => error.class(),
            Self::NoPlace(error) => error.class(),
            Self::Targets(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl ArchiveError {
    /// Returns the message with its causes and the hint.
    pub(crate) fn told(&self) -> String {
        let hint = self.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{}{hint}", chain(self))
    }

    /// Returns whether the user asked to stop.
    pub(crate) fn is_interruption(&self) -> bool {
        self.kind() == ErrorKind::Interrupted
    }
}
