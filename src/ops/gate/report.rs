//! Requests to run gates, and their results.

use crate::decide::pipeline::{Gate, GateCheck};
use crate::exec;
use crate::model::BuildId;
use schemars::JsonSchema;
use serde::Serialize;

/// Which gates run on which build.
#[derive(Debug, Clone)]
pub struct GateRequest {
    /// The build.
    pub id: BuildId,
    /// The gates.
    pub which: WhichGates,
}

/// Which gates run.
#[derive(Debug, Clone)]
pub enum WhichGates {
    /// These, whatever they voted before.
    Named(Vec<String>),
    /// Those that a stage of the stream requires and that have not voted on the build.
    AllMissing,
}

/// The results of gates.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GateReport {
    /// The build.
    pub id: BuildId,
    /// Each gate, in the order in which they ran.
    pub gates: Vec<GateRun>,
    /// The stages that a promotion now moves to the build.
    pub promotable: Vec<String>,
}

/// The result of one gate.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GateRun {
    /// The gate.
    pub gate: String,
    /// What it checks: `run`, `verify`, `signature` or `closure`.
    pub check: &'static str,
    /// The command, where the pipeline names one.
    pub command: Option<String>,
    /// The result.
    pub outcome: GateOutcome,
    /// Why no vote is recorded.
    pub why: Option<String>,
    /// The previous vote of the gate.
    pub before: Option<String>,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// The end of its output.
    pub log: String,
}

/// The result of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateOutcome {
    /// It was not run: this is a dry run.
    Trial,
    /// The build passed; the vote is recorded.
    Success,
    /// The build did not pass; the vote is recorded.
    Failure,
    /// It requests another run later, or is already running; no vote is recorded.
    Later,
    /// It found no answer, or the build has changed; no vote is recorded.
    Error,
}

impl GateRun {
    pub(super) fn of(gate: &Gate, outcome: GateOutcome) -> Self {
        let command = match &gate.check {
            GateCheck::Run(words) => Some(exec::shown(words)),
            _ => None,
        };
        Self {
            gate: gate.name.clone(),
            check: gate.kind(),
            command,
            outcome,
            why: None,
            before: None,
            seconds: 0,
            log: String::new(),
        }
    }
}
