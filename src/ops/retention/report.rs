//! How a prune is carried out, and what it did.

use crate::decide::{Fate, PartFate, Plan, PlanOutcome};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::ops::retention::concern::Concern;
use crate::recover::LeftStage;
use schemars::JsonSchema;
use serde::Serialize;

/// How a plan is to be carried out.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// The plan that somebody accepted, brakes notwithstanding.
    pub accepted: Option<Digest>,
    /// Whether the clock is right, whatever the last run and the clock of the store say.
    pub any_clock: bool,
}

/// What a run of prune did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PruneReport {
    /// The plan that was carried out.
    pub plan: Plan,
    /// How it ended: as the plan says, or short of what the disk needs.
    pub outcome: PlanOutcome,
    /// The builds that were moved to the trash, or deleted at once because the disk filled.
    pub pruned: Vec<PrunedBuild>,
    /// Builds that lost parts.
    pub trimmed: Vec<PrunedBuild>,
    /// The builds that expire in the plan and gained a protection since.
    pub skipped: Vec<Skipped>,
    /// What became of the trash.
    pub trash: SweepReport,
    /// Stages of interrupted publishes that were cleared, a day after they were left; in a dry run, that would be.
    pub stages: Vec<LeftStage>,
    /// What could not be done.
    pub failures: Vec<Failure>,
    /// Problems that need a person, whether or not anything was due.
    pub findings: Vec<Concern>,
}

/// A build that was pruned, or that lost parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrunedBuild {
    /// Which build.
    pub id: BuildId,
    /// The parts that were removed; empty for the whole build.
    pub parts: Vec<String>,
    /// The last instant at which it can be restored.
    pub until: Stamp,
}

/// A build that was not pruned after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Skipped {
    /// Which build.
    pub id: BuildId,
    /// What protects it now.
    pub why: String,
}

/// Returns the parts that go of each staying build.
pub(crate) fn parts(plan: &Plan) -> Vec<(BuildId, Vec<String>)> {
    let going = |verdict: &crate::decide::Verdict| -> Vec<String> {
        let parts = verdict.parts.iter().filter(|(_, fate)| **fate == PartFate::Expire);
        parts.map(|(name, _)| name.clone()).collect()
    };
    let kept = plan.builds.iter().filter(|verdict| verdict.fate == Fate::Keep);
    kept.map(|verdict| (verdict.id.clone(), going(verdict))).filter(|(_, parts)| !parts.is_empty()).collect()
}

/// Something that could not be done to one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// Where.
    pub path: String,
    /// Why not.
    pub error: String,
}

/// What a sweep did.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct SweepReport {
    /// Builds that were deleted from the trash.
    pub swept: Vec<BuildId>,
    /// Builds that were restored, since they are protected again.
    pub restored: Vec<BuildId>,
    /// How many files, links and directories were removed.
    pub entries: u64,
    /// What could not be removed.
    pub failures: Vec<Failure>,
}

/// Returns what is reported of directories whose ticket cannot be used.
pub(crate) fn unreadable(strange: Vec<(RelPath, String)>) -> Vec<Failure> {
    let hint = "`mirrorkeep recover` writes its ticket again, if the journal or its record states what it is";
    let failure =
        |(path, why): (RelPath, String)| Failure { path: path.to_string(), error: format!("{why}; {hint}") };
    strange.into_iter().map(failure).collect()
}
