//! Options and report of a prune.

use crate::decide::{Fate, PartFate, Plan, PlanOutcome};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::ops::retention::concern::Concern;
use crate::record::Archive;
use crate::recover::LeftStage;
use schemars::JsonSchema;
use serde::Serialize;

/// How a plan is carried out.
#[derive(Debug, Clone, Default)]
pub struct PruneOptions {
    /// The plan that the user accepted, despite brakes.
    pub accepted: Option<Digest>,
    /// Whether the clock is right, whatever the last run and the clock of the store show.
    pub any_clock: bool,
}

/// The report of a prune.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PruneReport {
    /// The plan that was carried out.
    pub plan: Plan,
    /// How it ended: as planned, or with less than the disk needs.
    pub outcome: PlanOutcome,
    /// What `prune --accept` takes to delete what brakes withhold after this run; `null` if that is nothing.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub accept: Option<String>,
    /// The builds that were moved to the trash, or deleted at once because the disk filled.
    pub pruned: Vec<PrunedBuild>,
    /// Builds that lost parts.
    pub trimmed: Vec<PrunedBuild>,
    /// The expired builds of the plan that gained a protection after it was made, whose archive cannot be used, or that a
    /// build needs that stays.
    pub skipped: Vec<Skipped>,
    /// The report on the trash.
    pub trash: SweepReport,
    /// Stages of interrupted publishes that were deleted a day after they were abandoned; in a dry run, that would
    /// be.
    pub stages: Vec<LeftStage>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Problems that need a person, whether or not anything was due.
    pub findings: Vec<Concern>,
}

/// A build that was pruned, or that lost parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PrunedBuild {
    /// The ID of the build.
    pub id: BuildId,
    /// The parts that were removed; empty for the whole build.
    pub parts: Vec<String>,
    /// The last instant at which it can be restored.
    pub until: Stamp,
    /// The archive that has it; it was not kept in the trash then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
}

/// A build that was not pruned after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Skipped {
    /// The ID of the build.
    pub id: BuildId,
    /// What protects it now.
    pub why: String,
}

/// Returns the expiring parts of each kept build.
pub(crate) fn parts(plan: &Plan) -> Vec<(BuildId, Vec<String>)> {
    let going = |verdict: &crate::decide::Verdict| -> Vec<String> {
        let parts = verdict.parts.iter().filter(|(_, fate)| **fate == PartFate::Expire);
        parts.map(|(name, _)| name.clone()).collect()
    };
    let kept = plan.builds.iter().filter(|verdict| verdict.fate == Fate::Keep);
    kept.map(|verdict| (verdict.id.clone(), going(verdict))).filter(|(_, parts)| !parts.is_empty()).collect()
}

/// A failure at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// The path.
    pub path: String,
    /// Why it failed.
    pub error: String,
}

/// The report of a sweep.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct SweepReport {
    /// Builds that were deleted from the trash.
    pub swept: Vec<BuildId>,
    /// Builds that were restored, since they are protected again.
    pub restored: Vec<BuildId>,
    /// The number of files, links and directories that were removed.
    pub entries: u64,
    /// What could not be removed.
    pub failures: Vec<Failure>,
}

/// Returns the reports of directories whose ticket cannot be used.
pub(crate) fn unreadable(strange: Vec<(RelPath, String)>) -> Vec<Failure> {
    let hint = "`mirrorkeep recover` writes its ticket again, if the journal or its record states what it is";
    let failure =
        |(path, why): (RelPath, String)| Failure { path: path.to_string(), error: format!("{why}; {hint}") };
    strange.into_iter().map(failure).collect()
}
