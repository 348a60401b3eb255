//! Why a stage, a vote or a waiver was not changed.

use crate::commit::{PipelineInForceError, PromotionError, RepointError};
use crate::decide::pipeline::Candidate;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError, chain};
use crate::model::registry::Image;
use crate::model::{BuildId, Class, Classify, ErrorKind, LabelError, RelPath, Stream, shell_word};
use crate::ops::alias::LabelActError;
use crate::ops::bundle::BundleError;
use crate::ops::op_error::{OpError, shares};
use crate::progress::Interrupted;
use crate::recover::RecoverError;
use crate::store::StoreError;

/// Why a stage, a vote or a waiver was not changed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// There is no pipeline, or it cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The pipeline has no such stage.
    #[error("the pipeline has no stage `{stage}`; it has {}", known.join(", "))]
    NoStage {
        /// The name.
        stage: String,
        /// The stages that it has.
        known: Vec<String>,
    },
    /// The stage is not in that stream.
    #[error("the stage `{stage}` is not in `{stream}`: the pipeline has it in {}", streams.join(", "))]
    NotInStream {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
        /// The patterns of the streams in which it is.
        streams: Vec<String>,
    },
    /// The mirror has no such stream.
    #[error("the mirror has no stream `{0}`")]
    NoStream(String),
    /// No stream matches.
    #[error("the stage requires no vote of `{job}`; it requires {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoJob {
        /// The job.
        job: String,
        /// The jobs whose votes are required.
        known: Vec<String>,
    },
    /// There is no such build.
    #[error("there is no build `{0}`")]
    NoBuild(BuildId),
    /// The build cannot have the stage.
    #[error("`{id}` cannot be promoted to `{stage}`: {}", why.join(", "))]
    Unfit {
        /// The stage.
        stage: String,
        /// The build.
        id: BuildId,
        /// Whether it is rejected, among other reasons.
        rejected: bool,
        /// The reasons.
        why: Vec<String>,
    },
    /// The build lacks what the stage requires.
    #[error("`{id}` lacks what `{stage}` requires: {}", missing.join(", "))]
    Lacks {
        /// The stage.
        stage: String,
        /// The build.
        id: BuildId,
        /// What it lacks.
        missing: Vec<String>,
    },
    /// No build has the stage.
    #[error("no build of `{stream}` has the stage `{stage}`")]
    NoIncumbent {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
    },
    /// Another program moved the alias.
    #[error("`{stage}` of `{stream}` was moved without mirrorkeep")]
    Interfered {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
    },
    /// The images of a build cannot be carried.
    #[error("{0}")]
    Images(String),
    /// Looking them up or copying them failed.
    #[error("{why}")]
    Brought {
        /// The reason.
        why: String,
        /// Its meaning.
        class: Class,
    },
    /// A moving tag is not where the stage left it.
    #[error(
        "the tag `{image}` is not where the stage `{stage}` of `{stream}` left it: something else moved it"
    )]
    Tag {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
        /// The image with its tag.
        image: Box<Image>,
    },
    /// An interrupted command of the stage could not be settled.
    #[error(
        "an interrupted promotion or demotion of `{0}` cannot be settled: `mirrorkeep recover` shows why, and \
         `mirrorkeep recover --skip-commands` settles it without its commands"
    )]
    Unsettled(RelPath),
    /// The stage was already demoted, and demoting it again would leave it without a build.
    #[error(
        "`{stage}` in `{stream}` was taken back to `{id}` already; no build had it before, so that it would be left without one"
    )]
    Empty {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
        /// The build that has it.
        id: BuildId,
    },
    /// No build had the stage that could have it again.
    #[error("no earlier build that had the stage `{stage}` in `{stream}` can have it again")]
    NoWayBack {
        /// The stage.
        stage: String,
        /// The stream.
        stream: Stream,
    },
    /// The build has the stage already.
    #[error("`{id}` has the stage `{stage}` already")]
    Has {
        /// The stage.
        stage: String,
        /// The build.
        id: BuildId,
    },
    /// There is no such waiver.
    #[error("there is no waiver of the vote of `{job}` for `{stage}`")]
    NoWaiver {
        /// The stage.
        stage: String,
        /// The job.
        job: String,
    },
    /// What cannot be read may hide streams.
    #[error("`{0}` cannot be read, so that nothing is known of the streams below it: {1}")]
    Unreadable(RelPath, String),
    /// The label cannot be written.
    #[error(transparent)]
    Text(#[from] LabelError),
    /// The name of a job is invalid.
    #[error("{0}")]
    Job(String),
    /// An alias cannot move, or its target does not exist.
    #[error("{0}")]
    Name(String),
    /// The layout has no place for it.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The label of a build could not be written.
    #[error(transparent)]
    Label(#[from] LabelActError),
    /// The aliases could not be moved.
    #[error(transparent)]
    Move(#[from] PromotionError),
    /// The bundle of the builds at the stage cannot be made, so the stage stays in each member.
    #[error("the bundle cannot be made")]
    Bundle(#[from] BundleError),
    /// A stage of the same bundle cannot move.
    #[error("`{stream}` is part of the same bundle, and cannot be promoted: {why}")]
    Together {
        /// The stream of that stage.
        stream: Stream,
        /// The reasons.
        why: String,
    },
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot look at the mirror")]
    Store(#[from] StoreError),
}

shares!(StageError: RecoverError, StateError, JournalError, Interrupted);

impl StageError {
    /// Returns a copy, without its sources.
    pub(super) fn again(&self) -> Self {
        Self::Brought { why: chain(self), class: self.class() }
    }

    /// Returns the error that a build cannot have a stage.
    pub(super) fn unfit(stage: String, one: Candidate) -> Self {
        let rejected = one.rejected.map(|why| format!("it is rejected: {why}"));
        let is_rejected = rejected.is_some();
        // Votes and labels alone would not prevent it.
        let why = one.missing.into_iter().take(usize::from(one.unfit)).chain(rejected);
        Self::Unfit { stage, id: one.id, rejected: is_rejected, why: why.collect() }
    }
}

impl Classify for StageError {
    fn class(&self) -> Class {
        match self {
            Self::Pipeline(error) => error.class(),
            Self::NoStage { .. }
            | Self::NotInStream { .. }
            | Self::NoStream(_)
            | Self::NoJob { .. }
            | Self::Text(_)
            | Self::Job(_) => ErrorKind::Usage.into(),
            Self::Interfered { stage, stream } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep stages {stage} --stream {stream}` shows its state; `mirrorkeep promote {stage} \
                 --stream {stream} --take-over --why TEXT` accepts that and continues"
            )),
            Self::Tag { stage, stream, .. } => ErrorKind::Refused.hint(format!(
                "`mirrorkeep promote {stage} --stream {stream} --take-over --why TEXT` moves it all the same"
            )),
            Self::Lacks { stage, id, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep promote {stage} --build {} --force --why TEXT` promotes it all the same",
                shell_word(id.to_string().as_ref())
            )),
            Self::Empty { stage, stream, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep demote {stage} --stream {stream} --why TEXT --to ID` moves it to another build, and \
                 `--allow-empty` removes it"
            )),
            Self::NoWayBack { stage, stream } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep demote {stage} --stream {stream} --why TEXT --to ID` moves it to another build"
            )),
            Self::Unfit { stage, id, rejected: true, .. } => ErrorKind::Failed.hint(format!(
                "`mirrorkeep unreject {} --stage {stage}` takes the rejection back",
                shell_word(id.to_string().as_ref())
            )),
            Self::NoBuild(_)
            | Self::Unfit { .. }
            | Self::NoIncumbent { .. }
            | Self::Has { .. }
            | Self::NoWaiver { .. }
            | Self::Unreadable(..)
            | Self::Unsettled(_)
            | Self::Images(_)
            | Self::Together { .. }
            | Self::Name(_) => ErrorKind::Failed.into(),
            Self::Brought { class, .. } => class.clone(),
            Self::NoPlace(error) => error.class(),
            Self::Label(error) => error.class(),
            Self::Move(error) => error.class(),
            Self::Bundle(error) => error.class(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl From<RepointError> for StageError {
    fn from(error: RepointError) -> Self {
        PromotionError::from(error).into()
    }
}
