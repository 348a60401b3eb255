//! What is asked of gates, and what they found.

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
    /// Which gates.
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

/// What gates found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GateReport {
    /// The build.
    pub id: BuildId,
    /// Each gate, in the order in which they ran.
    pub gates: Vec<GateRun>,
    /// The stages that a promotion moves to the build now.
    pub promotable: Vec<String>,
}

/// What one gate found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GateRun {
    /// The gate.
    pub gate: String,
    /// What it checks: `run`, `verify`, `signature` or `closure`.
    pub check: &'static str,
    /// The command, where the pipeline names one.
    pub command: Option<String>,
    /// What became of it.
    pub outcome: GateOutcome,
    /// Why no vote is recorded.
    pub why: Option<String>,
    /// The vote of the gate before.
    pub before: Option<String>,
    /// How many seconds it took.
    pub seconds: u64,
    /// The end of what it wrote.
    pub log: String,
}

/// What became of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GateOutcome {
    /// It was not run, since only a trial was asked for.
    Trial,
    /// The build passed; the vote is recorded.
    Success,
    /// The build did not pass; the vote is recorded.
    Failure,
    /// It asks to be run again later, or runs already; no vote is recorded.
    Later,
    /// It found no answer, or the build is another by now; no vote is recorded.
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
