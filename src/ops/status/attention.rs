//! Why a person should look: each reason with the command that helps, where there is one.

use super::{DiskStatus, LastCheck, PruneStatus};
use crate::census::Census;
use crate::decide::Plan;
use crate::mirror::{Mirror, Unreadable, chain};
use crate::model::{Classify, RelPath, Stamp};
use crate::ops::promotion::stage_concerns;
use crate::ops::retention::concern::Concern;
use crate::ops::retention::plan::PlanError;
use crate::recover::LeftStage;
use crate::store::StoreError;

/// After this many seconds without a prune, the timer that runs it is worth a look.
const OVERDUE: i64 = 2 * 86400;

/// A disk with less than this share of its bytes free is nearly full, in percent.
const NEARLY_FULL: u64 = 2;

fn concern(path: RelPath, why: String, hint: Option<&str>) -> Concern {
    Concern { path, why, hint: hint.map(str::to_owned) }
}

/// Returns what could not be read.
pub(super) fn of_troubles(troubles: &[Unreadable]) -> Vec<Concern> {
    let one = |trouble: &Unreadable| {
        let hint = trouble.error.class().hint;
        concern(trouble.path.clone(), chain(&trouble.error), hint.as_deref())
    };
    troubles.iter().map(one).collect()
}

/// Returns the stages that are not where a promotion left them, or are far behind.
pub(super) fn of_pipeline(mirror: &Mirror, census: &Census) -> Vec<Concern> {
    match stage_concerns(mirror, census) {
        Ok(found) => found.into_iter().map(|(path, why, hint)| concern(path, why, Some(&hint))).collect(),
        Err(error) => {
            let why = format!("stages cannot be evaluated: {}", chain(&error));
            vec![concern(RelPath::state("mirror.yaml"), why, error.class().hint.as_deref())]
        }
    }
}

/// Returns why no plan could be made.
pub(super) fn of_plan_error(error: &PlanError) -> Concern {
    let path = match error {
        PlanError::Journal(_) => "journal",
        _ => "mirror.yaml",
    };
    concern(
        RelPath::state(path),
        format!("no plan can be made: {}", chain(error)),
        error.class().hint.as_deref(),
    )
}

/// Returns what the plan withholds, refuses and cannot judge, and whether pruning is overdue.
pub(super) fn of_plan(plan: &Plan, prune: &PruneStatus, at: Stamp) -> Vec<Concern> {
    let root = RelPath::root;
    let mut found: Vec<Concern> = plan
        .refusals
        .iter()
        .map(|why| {
            concern(root(), format!("prune is refused: {why}"), Some("`mirrorkeep plan` gives the reasons"))
        })
        .collect();
    if prune.withheld > 0 {
        let why =
            format!("a brake or freeze withholds {} from prune", super::counted(prune.withheld, "build"));
        found.push(concern(root(), why, Some("`mirrorkeep plan` gives the reasons")));
    }
    if prune.blocked > 0 {
        let why = format!("{} cannot be judged", super::counted(prune.blocked, "build"));
        found.push(concern(root(), why, Some("`mirrorkeep plan` gives the reasons")));
    }
    if let Some(lacking) = plan.shortfall {
        let why = format!("{lacking} bytes cannot be freed: {}", plan.obstacles());
        found.push(concern(root(), why, Some("`mirrorkeep explain ID` gives all reasons for a build")));
    }
    if let Some(last) = prune.last
        && at.since(last) > OVERDUE
    {
        let days = super::counted(at.since(last).unsigned_abs() / 86400, "day");
        let why = format!("prune last ran {days} ago");
        found.push(concern(
            RelPath::state("last-run.json"),
            why,
            Some("look at the timer that runs `mirrorkeep prune`"),
        ));
    }
    found
}

/// Returns the stages that nobody came back for, those that cannot be looked at, and what is not a stage.
pub(super) fn of_stages(
    stages: &[LeftStage],
    unread: &[(RelPath, StoreError)],
    unknown: &[(RelPath, u64)],
) -> Vec<Concern> {
    let old = stages.iter().filter(|stage| stage.is_old()).map(|stage| {
        let days = super::counted(stage.age.unsigned_abs() / 86400, "day");
        let why = format!("an interrupted publish left it {days} ago");
        concern(stage.path.clone(), why, Some("the next prune clears it, and so does `mirrorkeep recover`"))
    });
    let unread = unread.iter().map(|(path, error)| concern(path.clone(), chain(error), None));
    let unknown = unknown.iter().map(|(path, bytes)| {
        let why = format!("it is not a stage, and has {bytes} bytes");
        concern(path.clone(), why, Some("`mirrorkeep recover --discard-stages` removes it"))
    });
    old.chain(unread).chain(unknown).collect()
}

/// Returns whether the last check found errors; a warning is listed and asks for nobody at night.
pub(super) fn of_check(check: &LastCheck) -> Option<Concern> {
    (check.error > 0).then(|| {
        let why = format!("the last check found {}", super::counted(check.error, "error"));
        concern(RelPath::state("last-check.json"), why, Some("`mirrorkeep check` names them"))
    })
}

/// Returns whether the disk is nearly full.
pub(super) fn of_disk(disk: &DiskStatus) -> Option<Concern> {
    let full = disk.free < disk.total / 100 * NEARLY_FULL;
    let why = format!("less than {NEARLY_FULL}% of the disk is free");
    let hint = "`mirrorkeep sweep` empties the trash, and `mirrorkeep plan` shows what prune would free";
    full.then(|| concern(RelPath::root(), why, Some(hint)))
}
