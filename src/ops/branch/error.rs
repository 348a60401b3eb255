//! Why streams were not begun.

use crate::commit::{PipelineInForceError, RepointError};
use crate::decide::branch::PairError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, MirrorError, StateError};
use crate::model::{
    BuildId, Class, Classify, ErrorKind, LabelError, Outcome, RelPath, Stamp, Stream, shell_word,
};
use crate::ops::copy::CopyError;
use crate::ops::op_error::{OpError, shares};
use crate::ops::promotion::StageError;
use crate::ops::publish::PublishError;
use crate::ops::retention::plan::PlanError;
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why streams were not begun.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// The names of the streams do not correspond.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// OLD has no stream.
    #[error("the mirror has no builds in `{0}` or below it")]
    NoOld(String),
    /// The stream is like another one.
    #[error("`{stream}` was branched from `{from}` at {}", at.iso())]
    Other {
        /// The new stream.
        stream: Stream,
        /// The old stream of the event.
        from: String,
        /// When.
        at: Stamp,
    },
    /// The stream has builds that it did not inherit.
    #[error("`{stream}` has builds already, such as `{build}`")]
    InUse {
        /// The new stream.
        stream: Stream,
        /// One of its builds.
        build: BuildId,
    },
    /// There is nothing of that name.
    #[error("`{stream}` has no build or alias `{name}`")]
    NoSeed {
        /// The old stream.
        stream: Stream,
        /// The name.
        name: String,
    },
    /// It is a build of another stream.
    #[error(
        "`{seed}` is not a build of `{stream}`; for several streams, give the name of an alias that each has"
    )]
    SeedElsewhere {
        /// The ID that was given.
        seed: String,
        /// The old stream.
        stream: Stream,
    },
    /// It cannot be inherited.
    #[error("`{seed}` cannot be inherited: {why}")]
    Unfit {
        /// The build.
        seed: BuildId,
        /// Why not.
        why: String,
    },
    /// It did not succeed.
    #[error("`{seed}` cannot be inherited: its result is `{result}`")]
    NoSuccess {
        /// The build.
        seed: BuildId,
        /// Its result.
        result: Outcome,
    },
    /// It has no record or no manifest, so its contents cannot be verified.
    #[error("`{0}` cannot be inherited: it has no record and manifest")]
    NoRecord(BuildId),
    /// The layout has no place for it in the new stream.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A person withdrew the inherited build.
    #[error("`{id}` was withdrawn at {}: {why}", at.iso())]
    Withdrawn {
        /// The inherited build.
        id: BuildId,
        /// When.
        at: Stamp,
        /// The reason.
        why: String,
    },
    /// No family of the policy counts by a calendar.
    #[error("`--date` has no use: no rule for these streams counts periods of a calendar")]
    NoCalendar,
    /// A directory cannot be read, so it is not known which streams there are.
    #[error("`{0}` cannot be read, so it is not known which builds are there: {1}")]
    Unreadable(RelPath, String),
    /// A stage could not be moved.
    #[error("the stage `{stage}` of `{stream}` was not moved: {why}")]
    NotMoved {
        /// The stage.
        stage: String,
        /// The new stream.
        stream: Stream,
        /// Why not.
        why: String,
    },
    /// Another command removed it.
    #[error("`{0}` was removed while the stream was begun")]
    Gone(BuildId),
    /// A step failed, and what was made was undone.
    #[error("nothing was branched: a step failed, and {}", undone(.left))]
    Undone {
        /// What could not be removed.
        left: Vec<String>,
        /// The failure.
        #[source]
        source: Box<BranchError>,
    },
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PlanError),
    /// The pipeline cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The mirror cannot be used.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// A label is invalid.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The build could not be published in the new stream.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A stage could not be evaluated.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// An alias could not be moved.
    #[error(transparent)]
    Repoint(#[from] RepointError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot look at the mirror")]
    Store(#[from] StoreError),
}

shares!(BranchError: RecoverError, StateError, JournalError, Interrupted);

impl From<PublishError> for BranchError {
    fn from(error: PublishError) -> Self {
        Self::Copy(error.into())
    }
}

fn undone(left: &[String]) -> String {
    if left.is_empty() {
        "what was made was removed".to_owned()
    } else {
        format!("what was made was removed, except:\n  {}", left.join("\n  "))
    }
}

impl Classify for BranchError {
    fn class(&self) -> Class {
        match self {
            Self::Pair(error) => error.class(),
            Self::NoOld(_) | Self::NoSeed { .. } => ErrorKind::Usage.hint("`mirrorkeep list` shows the streams and builds"),
            Self::SeedElsewhere { .. } | Self::NoCalendar => ErrorKind::Usage.into(),
            Self::Other { .. } | Self::NoSuccess { .. } | Self::Unfit { .. } => ErrorKind::Refused.into(),
            Self::InUse { .. } => ErrorKind::Refused.hint("without `branch` a stream begins with its first build, as this one did"),
            Self::NoRecord(id) => ErrorKind::Failed.hint(format!("`mirrorkeep adopt {id}` takes it over")),
            Self::NoPlace(_) => {
                ErrorKind::Usage.hint("`--build NAME` names the build in the new stream, if only its name is wrong there")
            }
            Self::Withdrawn { id, .. } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep restore {}` brings it back while it is in the trash; without `--seed` the stream begins empty",
                shell_word(id.to_string().as_ref())
            )),
            Self::Unreadable(..) | Self::NotMoved { .. } | Self::Gone(_) => ErrorKind::Failed.into(),
            Self::Undone { left, source } if left.is_empty() => source.class(),
            Self::Undone { source, .. } => {
                source.kind().hint("the same command goes on from there; `mirrorkeep withdraw ID --why TEXT` takes a build out")
            }
            Self::Policy(error) => error.class(),
            Self::Pipeline(error) => error.class(),
            Self::Mirror(error) => error.class(),
            Self::Label(_) => ErrorKind::Usage.into(),
            Self::Copy(error) => error.class(),
            Self::Stage(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}
