//! Why a build is not published, so that a person can fix it.

use crate::commit::CommitError;
use crate::commit::filling::StageError;
use crate::commit::protocol::BeginError;
use crate::commit::repoint::RepointError;
use crate::commit::reveal::RevealError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, Outcome, RelPath, shown};
use crate::ops::op_error::{OpError, shares};
use crate::ops::publish::request::Named;
use crate::ops::retention::hold::person;
use crate::ops::withdraw::Tombstone;
use crate::progress::Interrupted;
use crate::record::{Change, ContextError};
use crate::recover::RecoverError;
use crate::sign::SignError;
use crate::source::{GitError, SourceError};
use crate::store::StoreError;

/// More bytes than one line for each of a hundred thousand checkouts.
pub(crate) const CONTEXT_LIMIT: u64 = 16 << 20;

/// A build that is smaller than the policy accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The build.
    pub id: BuildId,
    /// The number of its files, and their bytes.
    pub size: (u64, u64),
    /// The last success of its stream.
    pub than: BuildId,
    /// The number of its files, and their bytes.
    pub before: (u64, u64),
    /// How much smaller the build may be, in percent.
    pub share: f64,
}

/// Why a build was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The stamp is in the future.
    #[error("the build `{0}` is dated in the future: {1}")]
    Future(BuildId, String),
    /// Files that have no place in the build.
    #[error("the layout has no place for {} of the source's files:\n  {}", .0.len(), listed(.0))]
    Strays(Vec<String>),
    /// The source cannot be published.
    #[error("the source cannot be published")]
    Source(#[source] SourceError),
    /// The source is empty.
    #[error("the source holds no file{}, and a build with result `{result}` has some", beside(*.own))]
    Nothing {
        /// With which result.
        result: Outcome,
        /// Whether it has CONTEXT or the marker of a result.
        own: bool,
    },
    /// Another command published a build of the same inputs first; the publish begins again.
    #[error("`{0}` is not published yet: another command published a build of its stream first")]
    Overtaken(BuildId),
    /// The build would be confirmed for a time in the future.
    #[error("`{0}` cannot be confirmed: {1}")]
    Confirmation(BuildId, String),
    /// Inputs to compare that do not exist.
    #[error("{}", no_inputs(.0.as_deref()))]
    NoInputs(Option<String>),
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
    /// The CONTEXT file is not a list of checkouts.
    #[error("`{0}` is larger than the {CONTEXT_LIMIT} bytes that a CONTEXT file may have")]
    LargeContext(String),
    /// The CONTEXT file does not have the strict form.
    #[error("`{0}` is not a CONTEXT that is safe to source: {1}")]
    Context(String, ContextError),
    /// The checkouts cannot be read.
    #[error("cannot make a CONTEXT")]
    Git(#[from] GitError),
    /// Two results.
    #[error("the source holds the marker `{marker}`, and the result is to be `{result}`")]
    TwoResults {
        /// The existing marker.
        marker: RelPath,
        /// The requested result.
        result: Outcome,
    },
    /// The layout has no such marker, or only one that the build itself must have.
    #[error("the layout `{layout}` has no marker for the result `{result}`{}", brought(.given))]
    NoMarker {
        /// Which layout.
        layout: String,
        /// Which result.
        result: Outcome,
        /// The files that would state it.
        given: Vec<RelPath>,
    },
    /// The source states something invalid about the build, or that it is not finished.
    #[error("the source cannot be published as it is: {0}")]
    Unfit(String),
    /// A file that states something about the build cannot be read.
    #[error("cannot read the files of the source that describe the build")]
    Said(#[from] std::io::Error),
    /// A required build does not exist.
    #[error("`{0}` is required, but it is not in the mirror")]
    NoRequired(BuildId),
    /// The stage and the path of the build are not on one file system.
    #[error("`{home}` is on another file system than `{stage}`; a build cannot be moved there in one step")]
    CrossDevice {
        /// The directory on the way to the build that already exists.
        home: RelPath,
        /// Where builds are staged.
        stage: RelPath,
    },
    /// A directory of the same disk is mounted between them.
    #[error(
        "`{mount}` is a mount of its own, apart from `{stage}`; a build cannot be moved there in one step"
    )]
    Mounted {
        /// Where it is mounted.
        mount: RelPath,
        /// Where builds are staged.
        stage: RelPath,
    },
    /// A source whose files would be removed from the mirror, or share their bytes with it.
    #[error("`{0}` is part of the mirror, whose files never change; `--take copy` reads it")]
    OwnSource(String),
    /// The build exists with other content.
    #[error("`{id}` is published already, with other content:\n  {}", differences(.changes))]
    Differs {
        /// Which build.
        id: BuildId,
        /// What differs.
        changes: Vec<Change>,
        /// Where the name of the build comes from.
        named: Named,
    },
    /// A build exists that mirrorkeep did not publish.
    #[error("`{0}` already exists, but mirrorkeep did not publish it")]
    Foreign(BuildId),
    /// The build is in the trash, whose copy would be restored to the same path.
    #[error("`{0}` is in the trash; `mirrorkeep restore {0}` restores it, `mirrorkeep sweep` deletes it")]
    InTrash(BuildId),
    /// The build was withdrawn, and may contain again what it was withdrawn for.
    #[error("`{id}` was withdrawn at {} by {}: {}", stone.at.iso(), shown(&person(&stone.by)), shown(&stone.why))]
    Withdrawn {
        /// Which build.
        id: BuildId,
        /// When, by whom and why.
        stone: Tombstone,
    },
    /// The trash cannot be read.
    #[error("cannot find out whether the build is in the trash")]
    Trash(#[from] Box<CommitError>),
    /// Its checksums could not be signed.
    #[error("the build could not be signed, and is not published")]
    Sign(#[from] SignError),
    /// The build could not be staged.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The build could not be made visible.
    #[error(transparent)]
    Reveal(#[from] RevealError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// An alias could not be moved; the build itself is published.
    #[error("the build is published, but an alias could not be moved")]
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
            Self::Future(..) | Self::Confirmation(..) => ErrorKind::Usage.into(),
            Self::NoInputs(_) => ErrorKind::Usage.hint(
                "`--if-changed=PATTERN` names paths in the build, such as `--if-changed='sources/**'`",
            ),
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
                .hint("a mirror and its .mirrorkeep are on one file system; mount it at the mirror's root"),
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
            | Self::Nothing { .. }
            | Self::Overtaken(_)
            | Self::NoContext(_)
            | Self::ReadContext { .. }
            | Self::LargeContext(_)
            | Self::Context(..)
            | Self::TwoResults { .. }
            | Self::Unfit(_)
            | Self::Said(_)
            | Self::OwnSource(_)
            | Self::InTrash(_) => ErrorKind::Failed.into(),
            Self::Withdrawn { .. } => ErrorKind::Refused.hint(
                "publish the build without what it was withdrawn for under another `--build`, or add --allow-withdrawn",
            ),
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

fn no_inputs(pattern: Option<&str>) -> String {
    match pattern {
        Some(pattern) => {
            format!("`--if-changed={pattern}` matches no file of the source or of the newest success")
        }
        None => "the source has no inputs to compare: no file is below `inputs`, and there is no CONTEXT"
            .to_owned(),
    }
}

fn beside(own: bool) -> &'static str {
    if own { " beside CONTEXT and the marker of the result" } else { "" }
}

fn brought(given: &[RelPath]) -> String {
    let files: Vec<String> = given.iter().map(|path| format!("`{path}`")).collect();
    if files.is_empty() {
        String::new()
    } else {
        format!(" except a result that the build itself states in {}", files.join(", "))
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
