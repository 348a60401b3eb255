//! Which build a stage moves to: the pipeline file and its meaning.
//!
//! A stage is an alias that only promotion moves. Its candidates are the builds to which another alias has pointed,
//! in the order of their arrival; a candidate is promoted when every required job voted for it. All of this is a pure
//! function of a census, the moves of the aliases and the waivers, so that `promote`, `stages`, `vote`, the
//! protections of a prune and the examples in a pipeline file cannot disagree (`docs/decisions/0015-promotion.md`).

mod commands;
mod diff;
mod evaluate;
mod example;
mod examples;
mod gate;
mod images;
mod lint;
mod load;
mod loading;
mod loops;
mod schema;
mod shipped;
mod stage;
mod state;
mod stated;
mod tagged;
mod time_limit;
mod tries;

pub use diff::{GateDiff, PipelineDiff, StageChange, StageDiff, diff};
pub use evaluate::{View, assess, evaluate, had, protected};
pub use example::Example;
pub use gate::{CarriedRun, Closure, Gate, GateCheck};
pub use images::{CarriedImages, ImagePlaces};
pub use lint::{LintTerms, lint};
pub use stage::{Carried, Pipeline, Requirement, Stage};
pub use state::{Candidate, Led, Moves, Outcome, StageState, Waiver, WaiverScope};
pub use stated::{Origin, StageTags, StatedTags, TAG_EVENTS};
pub use tagged::{GivenImages, TagIndex, TagOf, TargetNames};
pub(in crate::decide) use time_limit::TimeLimit;
pub use tries::Surprise;

use crate::model::{Class, Classify, ErrorKind, Problem};

/// The problems of a pipeline, each with its place.
#[derive(Debug, thiserror::Error)]
#[error("the pipeline cannot be used:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct PipelineError(pub Vec<Problem>);

impl Classify for PipelineError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
