//! Why no gate was run.

use crate::commit::PipelineInForceError;
use crate::layout::NoPlace;
use crate::mirror::{JournalError, StateError};
use crate::model::{Class, Classify, ErrorKind};
use crate::ops::alias::LabelActError;
use crate::ops::op_error::{OpError, shares};
use crate::progress::Interrupted;
use crate::recover::RecoverError;

/// Why a gate was not run, or its vote not recorded.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// There is no pipeline, or it cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineInForceError),
    /// The pipeline has no such gate.
    #[error("the pipeline has no gate `{gate}`; it has {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    NoGate {
        /// The name.
        gate: String,
        /// The gates that it has.
        known: Vec<String>,
    },
    /// It runs a command, which this mirror does not permit.
    #[error("the gate `{0}` runs a command, and the pipeline of a bucket runs none by itself")]
    Commands(String),
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// There is no such build, or its vote could not be recorded.
    #[error(transparent)]
    Label(#[from] LabelActError),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
}

shares!(GateError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for GateError {
    fn class(&self) -> Class {
        match self {
            Self::Pipeline(error) => error.class(),
            Self::NoGate { .. } => ErrorKind::Usage.into(),
            Self::Commands(_) => ErrorKind::Refused
                .hint("set MIRRORKEEP_RUN_COMMANDS=1 if you trust everyone who can write to the bucket"),
            Self::NoPlace(error) => error.class(),
            Self::Label(error) => error.class(),
            Self::Op(error) => error.class(),
        }
    }
}
