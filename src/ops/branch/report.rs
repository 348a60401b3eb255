//! What beginning streams did, or would do.

use crate::commit::Moved;
use crate::decide::branch::Lack;
use crate::model::{BuildId, Stream};
use crate::ops::copy::Copied;
use schemars::JsonSchema;
use serde::Serialize;

/// The result of beginning streams.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct BranchReport {
    /// The new streams.
    pub streams: Vec<BranchedStream>,
    /// What the settings lack; if there is anything, nothing was changed.
    pub lacks: Vec<Lack>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// A new stream.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BranchedStream {
    /// The stream.
    pub stream: Stream,
    /// The old stream.
    pub like: Stream,
    /// Whether it was begun now.
    pub outcome: BranchOutcome,
    /// The family of the policy to which it belongs; `null` if there is none, so that all its builds are kept.
    pub family: Option<String>,
    /// The stages of the pipeline that it has.
    pub stages: Vec<String>,
    /// The build of the old stream with which it begins.
    pub seed: Option<BuildId>,
    /// The inherited build; `null` if it begins empty, or if nothing was done.
    pub build: Option<Copied>,
    /// The aliases that were set.
    pub aliases: Vec<Moved>,
    /// The stages that the inherited build has.
    pub seeded: Vec<String>,
}

/// Whether a stream was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BranchOutcome {
    /// It was begun now.
    Branched,
    /// It was begun before.
    Unchanged,
    /// Nothing was done: this is a dry run, or the settings lack something.
    Trial,
}
