//! Why a build is not published, said so that a person can mend it.

use crate::commit::CommitError;
use crate::commit::filling::StageError;
use crate::commit::protocol::BeginError;
use crate::commit::repoint::RepointError;
use crate::commit::reveal::RevealError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, Outcome, RelPath};
use crate::ops::op_error::{OpError, shares};
use crate::ops::publish::request::Named;
use crate::progress::Interrupted;
use crate::record::{Change, ContextError};
use crate::recover::RecoverError;
use crate::sign::SignError;
use crate::source::{GitError, SourceError};
use crate::store::StoreError;

/// More than a line for each of a hundred thousand checkouts, in bytes.
pub(crate) const CONTEXT_LIMIT: u64 = 16 << 20;

/// A build that is smaller than the policy accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The build.
    pub id: BuildId,
    /// How many files and bytes it has.
    pub size: (u64, u64),
    /// The last success of its stream.
    pub than: BuildId,
    /// How many files and bytes that one has.
    pub before: (u64, u64),
    /// How much smaller it may be, of a hundred.
    pub share: f64,
}

/// Says why a build was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The stamp lies in the future.
    #[error("the build `{0}` is dated in the future: {1}")]
    Future(BuildId, String),
    /// Files that have no place in the build.
    #[error("the layout has no place for {} of the source's files:\n  {}", .0.len(), listed(.0))]
    Strays(Vec<String>),
    /// The source cannot be taken.
    #[error("the source cannot be published")]
    Source(#[source] SourceError),
    /// There is nothing in it.
    #[error("the source holds no file, and a build with result `{0}` has some")]
    Nothing(Outcome),
    /// It is much smaller than the last success.
    #[error(
        "`{}` has {} files with {} bytes, and `{}`, the last success of the stream, has {} with {}; the policy accepts at \
         most {}% less",
        .0.id, .0.size.0, .0.size.1, .0.than, .0.before.0, .0.before.1, .0.share
    )]
    Shrunk(Box<Shrunk>),
    /// The layout has no CONTEXT.
    #[error("the layout `{0}` has no place for a CONTEXT file")]
    NoContext(String),
    /// The CONTEXT file cannot be read.
    #[error("cannot read the context file `{path}`")]
    ReadContext {
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The CONTEXT file is no list of checkouts.
    #[error("`{0}` is larger than the {CONTEXT_LIMIT} bytes that a CONTEXT file may have")]
    LargeContext(String),
    /// The CONTEXT file is not of the strict form.
    #[error("`{0}` is not a CONTEXT that is safe to source: {1}")]
    Context(String, ContextError),
    /// The checkouts cannot be asked.
    #[error("cannot make a CONTEXT")]
    Git(#[from] GitError),
    /// Two results.
    #[error("the source holds the marker `{marker}`, and the result is to be `{result}`")]
    TwoResults {
        /// The marker that is there.
        marker: RelPath,
        /// The result that was asked for.
        result: Outcome,
    },
    /// The layout has no such marker, or none that is not the build's own matter.
    #[error("the layout `{layout}` has no marker for the result `{result}`{}", brought(.given))]
    NoMarker {
        /// Which layout.
        layout: String,
        /// Which result.
        result: Outcome,
        /// The files that would tell it.
        given: Vec<RelPath>,
    },
    /// What the source says of the build makes no sense, or that it is not finished.
    #[error("the source cannot be published as it is: {0}")]
    Unfit(String),
    /// A file that says something of the build cannot be read.
    #[error("cannot read what the source says of the build")]
    Said(#[from] std::io::Error),
    /// A build that is needed is not there.
    #[error("`{0}` is required, but it is not in the mirror")]
    NoRequired(BuildId),
    /// The stage and the place of the build do not lie together.
    #[error("`{home}` lies on another file system than `{stage}`; a build cannot be moved there in one step")]
    CrossDevice {
        /// The directory that is there already on the way to the build.
        home: RelPath,
        /// Where builds are laid out.
        stage: RelPath,
    },
    /// A directory of the same disk is mounted between them.
    #[error(
        "`{mount}` is a mount of its own, apart from `{stage}`; a build cannot be moved there in one step"
    )]
    Mounted {
        /// Where it is mounted.
        mount: RelPath,
        /// Where builds are laid out.
        stage: RelPath,
    },
    /// A source whose files would be taken away from the mirror, or share their bytes with it.
    #[error("`{0}` is part of the mirror, whose files never change; `--take copy` reads it")]
    OwnSource(String),
    /// It is there with other content.
    #[error("`{id}` is published already, with other content:\n  {}", differences(.changes))]
    Differs {
        /// Which build.
        id: BuildId,
        /// What differs.
        changes: Vec<Change>,
        /// How the build got its name.
        named: Named,
    },
    /// A build is there that mirrorkeep did not publish.
    #[error("`{0}` is there already, but was laid down by others")]
    Foreign(BuildId),
    /// It waits in the trash, whose bytes lie where it would go.
    #[error(
        "`{0}` is in the trash; `mirrorkeep restore {0}` takes it back, `mirrorkeep sweep` makes room for another"
    )]
    InTrash(BuildId),
    /// The trash cannot be read.
    #[error("cannot tell whether the build waits in the trash")]
    Trash(#[from] Box<CommitError>),
    /// Its checksums could not be signed.
    #[error("the build could not be signed, and is not published")]
    Sign(#[from] SignError),
    /// It could not be laid out.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// It could not be made visible.
    #[error(transparent)]
    Reveal(#[from] RevealError),
    /// What can come in the way of every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// An alias could not be moved; the build itself is published.
    #[error("the build is published, but a name could not be moved")]
    Repoint(#[from] RepointError),
    /// The store failed.
    #[error("cannot reach the mirror")]
    Store(#[from] StoreError),
}

shares!(PublishError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for PublishError {
    fn class(&self) -> Class {
        match self {
            Self::NoPlace(error) => error.class(),
            Self::Future(..) => ErrorKind::Usage.into(),
            Self::Shrunk(_) => {
                ErrorKind::Refused.hint("if that is as it should be, publish it with `--allow-shrink`")
            }
            Self::Strays(_) => ErrorKind::Failed.hint("`mirrorkeep layout show` shows which files may be where"),
            Self::Differs { named: Named::Given, .. } => ErrorKind::Failed
                .hint("a published build never changes; publish under another name with `--build`"),
            Self::Differs { named: Named::ByClock, .. } => ErrorKind::Failed.hint(
                "another publish took the name that the clock gives in this second; run the same command again, which takes the name of a later second",
            ),
            Self::CrossDevice { .. } => ErrorKind::Failed
                .hint("a mirror and its .mirrorkeep lie on one file system; mount it at the mirror's root"),
            Self::Mounted { mount, .. } => ErrorKind::Failed.hint(format!(
                "`umount` what is at `{mount}`, or mount the whole mirror instead of one directory of it"
            )),
            Self::Foreign(_) => ErrorKind::Failed.hint("move it away, or publish under another stamp"),
            Self::Git(_) => ErrorKind::Failed.hint(
                "without `--context-from` no CONTEXT is made, and `--context FILE` publishes one that is made elsewhere",
            ),
            Self::NoMarker { .. } => ErrorKind::Failed.hint(
                "add the marker to `markers.results` of the layout (docs/layout-grammar.md), and `mirrorkeep layout set FILE` puts it in force",
            ),
            Self::NoRequired(_) => ErrorKind::Failed.hint("`mirrorkeep list` lists the builds"),
            Self::Source(_)
            | Self::Nothing(_)
            | Self::NoContext(_)
            | Self::ReadContext { .. }
            | Self::LargeContext(_)
            | Self::Context(..)
            | Self::TwoResults { .. }
            | Self::Unfit(_)
            | Self::Said(_)
            | Self::OwnSource(_)
            | Self::InTrash(_) => ErrorKind::Failed.into(),
            Self::Sign(error) => error.class(),
            Self::Trash(error) => error.class(),
            Self::Stage(error) => error.class(),
            Self::Reveal(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Repoint(error @ RepointError::Store(_)) => {
                error.class().or_hint("`mirrorkeep recover` tries again")
            }
            Self::Repoint(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

fn brought(given: &[RelPath]) -> String {
    let files: Vec<String> = given.iter().map(|path| format!("`{path}`")).collect();
    if files.is_empty() {
        String::new()
    } else {
        format!(" but what the build says itself in {}", files.join(", "))
    }
}

fn listed(strays: &[String]) -> String {
    let more = strays.len().saturating_sub(20);
    let shown: Vec<&str> = strays.iter().take(20).map(String::as_str).collect();
    let tail = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    shown.join("\n  ") + &tail
}

fn differences(changes: &[Change]) -> String {
    let lines = changes.iter().map(|change| match change {
        Change::Added(path) => format!("new here: {path}"),
        Change::Missing(path) => format!("missing here: {path}"),
        Change::Changed(path) => format!("changed: {path}"),
    });
    listed(&lines.collect::<Vec<_>>())
}

impl From<BeginError> for PublishError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Stage(error) => error.into(),
            BeginError::Trash(error) => Box::new(error).into(),
            BeginError::Note(error) => error.into(),
        }
    }
}
