//! Why a person should look: each reason with a command that helps, if there is one.

use super::{DiskStatus, LastCheck, PruneStatus, RetiringStream, StreamStatus, TrashStatus};
use crate::census::Census;
use crate::decide::policy::Policy;
use crate::decide::{Fate, Plan};
use crate::mirror::{Mirror, SITE_STATE, Unreadable, chain};
use crate::model::{Classify, RelPath, Stamp};
use crate::ops::deliver::{DeliverError, SubscriberStatus};
use crate::ops::promotion::stage_concerns;
use crate::ops::readers::behind;
use crate::ops::retention::concern::Concern;
use crate::ops::retention::plan::PlanError;
use crate::ops::targets::{TargetStatus, TargetsError};
use crate::recover::LeftStage;
use crate::store::StoreError;
use serde::Deserialize;

/// After this number of seconds without a prune, its timer should be checked.
const OVERDUE: i64 = 2 * 86400;

/// A disk with less than this share of its bytes free is nearly full, in percent.
const NEARLY_FULL: u64 = 5;

/// A stream without any build for this number of seconds is no longer built, and needs no one.
const FINISHED: i64 = 30 * 86400;

/// More than the state of a site ever has, in bytes.
const SITE_LIMIT: u64 = 256 << 20;

/// What the state of a site says about its last update; `ops::site` reads and writes the rest.
#[derive(Deserialize)]
struct SiteWriting {
    #[serde(default)]
    writing: bool,
}

fn concern(path: RelPath, why: String, hint: Option<&str>) -> Concern {
    Concern { path, why, hint: hint.map(str::to_owned), ..Concern::default() }
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
pub(super) fn of_plan(plan: &Plan, prune: &PruneStatus, census: &Census, at: Stamp) -> Vec<Concern> {
    let root = RelPath::root;
    let mut found: Vec<Concern> = plan
        .refusals
        .iter()
        .map(|why| {
            concern(root(), format!("prune is refused: {why}"), Some("`mirrorkeep plan` gives the reasons"))
        })
        .collect();
    if prune.withheld > 0 {
        let rules = plan.held_by();
        let one = if prune.withheld == 1 { "is" } else { "are" };
        let why = format!("{} {one} withheld from prune ({rules})", super::counted(prune.withheld, "build"));
        let accept = plan.accept();
        let accept = accept.map(|digest| {
            format!(", and `mirrorkeep prune --accept {digest}` deletes what a brake withholds")
        });
        let hint = format!("`mirrorkeep plan` gives the reasons{}", accept.unwrap_or_default());
        let builds = plan.held().map(|verdict| verdict.id.clone()).collect();
        found.push(Concern { builds, ..concern(root(), why, Some(&hint)) });
    }
    if prune.blocked > 0 {
        let one = if prune.blocked == 1 { "is" } else { "are" };
        let why = format!("{} {one} blocked, so that prune keeps", super::counted(prune.blocked, "build"));
        let why = format!("{why} {}", if prune.blocked == 1 { "it" } else { "them" });
        let blocked = plan.builds.iter().filter(|verdict| verdict.fate == Fate::Blocked);
        let builds = blocked.map(|verdict| verdict.id.clone()).collect();
        let hint = "`mirrorkeep plan` gives the reasons";
        found.push(Concern { builds, ..concern(root(), why, Some(hint)) });
    }
    if let Some(lacking) = plan.shortfall {
        let why = format!("{lacking} bytes cannot be freed: {}", plan.obstacles());
        found.push(concern(root(), why, Some("`mirrorkeep explain ID` gives all reasons for a build")));
    }
    if prune.failed > 0 {
        let why = format!("the last prune could not delete {}", super::counted(prune.failed, "build"));
        found.push(concern(
            RelPath::state("last-run.json"),
            why,
            Some("`mirrorkeep prune` tries again, and reports why"),
        ));
    }
    let first = census.builds().filter_map(|(_, build)| build.published).min();
    if prune.last.is_none() && first.is_some_and(|first| at.since(first) > OVERDUE) {
        let hint = "enable a timer that runs `mirrorkeep prune`, such as contrib/mirrorkeep-prune.timer";
        found.push(concern(RelPath::state("last-run.json"), "prune never ran".to_owned(), Some(hint)));
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

/// Returns the abandoned stages of publishes, those that cannot be read, and what is not a stage.
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

/// Returns the subscribers of deliver.yaml that need attention, and the problems of that file.
pub(super) fn of_deliver(
    subscribers: &Result<Vec<SubscriberStatus>, DeliverError>,
    at: Stamp,
) -> Vec<Concern> {
    let file = RelPath::state("deliver.yaml");
    let subscribers = match subscribers {
        Ok(subscribers) => subscribers,
        Err(error) => {
            let hint = "`mirrorkeep deliver lint` names everything that is wrong with it";
            return vec![concern(file, chain(error), Some(hint))];
        }
    };
    let late = subscribers.iter().filter(|one| one.attention).map(|one| {
        let why = match (&one.problem, one.parked.len() as u64) {
            (Some(problem), _) => problem.clone(),
            (None, 0) => waiting(one, at),
            (None, parked) => format!("{} parked", super::counted(parked, "event")),
        };
        let (name, status) = (&one.name, "`mirrorkeep deliver status` shows how far each subscriber is");
        let hint = match (one.parked.is_empty(), &one.failing) {
            (false, _) => {
                format!("{status}, and `mirrorkeep deliver unpark {name}` delivers parked events again")
            }
            (true, Some(_)) => {
                format!("{status}, and `mirrorkeep deliver park {name}` passes over the event")
            }
            (true, None) => status.to_owned(),
        };
        concern(file.clone(), format!("subscriber `{name}`: {why}"), Some(&hint))
    });
    late.collect()
}

/// Returns how many events wait for a subscriber, since when, and why if that is known.
fn waiting(one: &SubscriberStatus, at: Stamp) -> String {
    let wait = if one.behind == 1 { "waits" } else { "wait" };
    let seconds = i64::try_from(one.seconds).unwrap_or(i64::MAX);
    let since = at.checked_add(-seconds).map(|since| format!(" since {}", since.iso())).unwrap_or_default();
    let why = match (&one.failing, one.running) {
        (Some(failing), _) => format!(": event {} is not accepted: {}", failing.seq, failing.answer),
        (None, false) => ", and no process delivers to it".to_owned(),
        (None, true) => String::new(),
    };
    format!("{} {wait}{since}{why}", super::counted(one.behind, "event"))
}

/// Returns why what readers and visitors get is not up to date.
pub(super) fn of_readers(mirror: &Mirror, census: &Census) -> Vec<Concern> {
    let hint = "`mirrorkeep export readers` writes and loads it, or reports why not";
    let readers = match behind(mirror, census) {
        Ok(why) => why,
        Err(error) => Some(chain(&error)),
    };
    let readers = readers.map(|why| concern(RelPath::state("readers.json"), why, Some(hint)));
    let hint = "`mirrorkeep site` updates it, or reports why not";
    let at = RelPath::state(SITE_STATE);
    let site = mirror.config().site.as_ref().map(|_| mirror.noted::<SiteWriting>(&at, SITE_LIMIT));
    let site = match site.transpose().map(Option::flatten) {
        Ok(state) => {
            state.filter(|state| state.writing).map(|_| "the last update of the site did not end".to_owned())
        }
        Err(error) => Some(chain(&error)),
    };
    let site = site.map(|why| concern(at, why, Some(hint)));
    readers.into_iter().chain(site).collect()
}

/// Returns the copies elsewhere that the mirror needs and that are behind, and what is wrong with targets.yaml.
pub(super) fn of_targets(targets: &Result<Vec<TargetStatus>, TargetsError>) -> Vec<Concern> {
    let file = RelPath::state("targets.yaml");
    let targets = match targets {
        Ok(targets) => targets,
        Err(error) => {
            let hint = "`mirrorkeep sync lint` names everything that is wrong with it";
            return vec![concern(file, chain(error), Some(hint))];
        }
    };
    let late = targets.iter().filter(|one| one.attention).map(|one| {
        let behind = one.events.map(|events| format!("{} behind", super::counted(events, "event")));
        let parts: Vec<String> = behind.into_iter().chain(one.problem.clone()).collect();
        let why = parts.join(": ");
        let hint = format!("`mirrorkeep sync {}` brings it up to date", one.name);
        concern(file.clone(), format!("target `{}`: {why}", one.name), Some(&hint))
    });
    late.collect()
}

/// Returns whether the last check found errors; warnings are listed and need no one at night.
pub(super) fn of_check(check: &LastCheck) -> Option<Concern> {
    (check.error > 0).then(|| {
        let why = format!("the last check found {}", super::counted(check.error, "error"));
        let builds = check.builds.iter().map(|build| build.id.clone()).collect();
        let hint = Some("`mirrorkeep check` looks again, and lists what is left");
        Concern { builds, ..concern(RelPath::state("last-check.json"), why, hint) }
    })
}

/// Returns whether the policy applies to no stream at all, so that no prune ever deletes anything.
pub(super) fn of_families(policy: &Policy, census: &Census) -> Option<Concern> {
    let streams = || census.streams.iter().filter(|stream| !stream.builds.is_empty());
    let fits = streams().any(|stream| policy.family(&stream.stream).is_some());
    (streams().next().is_some() && !fits).then(|| {
        let why = "no family of the policy fits any stream of the mirror, so all builds are kept".to_owned();
        let hint = "`mirrorkeep policy lint` names the streams; `**` as `match` fits every stream, `*` only names without `/`";
        concern(RelPath::state("mirror.yaml"), why, Some(hint))
    })
}

/// Returns whether the disk is nearly full, or will be within a day; `due` is how many builds the plan deletes.
pub(super) fn of_disk(disk: &DiskStatus, trash: &TrashStatus, due: u64) -> Option<Concern> {
    let why = if disk.free < disk.total / 100 * NEARLY_FULL {
        format!("less than {NEARLY_FULL}% of the disk is free")
    } else if disk.days == Some(0) {
        "the disk is full in less than a day, at the rate of the last 14 days".to_owned()
    } else {
        return None;
    };
    let due = super::counted(due, "expired build");
    let hint = match (trash.builds, due.as_str()) {
        (0, "0 expired builds") => "`mirrorkeep plan` shows why each build is kept".to_owned(),
        (0, due) => format!(
            "`mirrorkeep prune` moves {due} to the trash, and `mirrorkeep sweep` then empties it, which frees the bytes"
        ),
        (_, "0 expired builds") => "`mirrorkeep sweep` empties the trash".to_owned(),
        (_, due) => format!(
            "`mirrorkeep sweep` empties the trash; `mirrorkeep prune` moves {due} there, which a `mirrorkeep sweep` after it deletes"
        ),
    };
    Some(concern(RelPath::root(), why, Some(&hint)))
}

/// Returns the streams that are still built, and had no success for long against their usual rhythm.
pub(super) fn of_streams(
    mirror: &Mirror,
    streams: &[StreamStatus],
    retiring: &[RetiringStream],
    at: Stamp,
) -> Vec<Concern> {
    let is_alive = |stream: &&StreamStatus| {
        if retiring.iter().any(|one| one.stream == stream.stream) {
            return false;
        }
        let last = stream.last.as_ref().and_then(|last| last.created);
        last.is_some_and(|last| at.since(last) < FINISHED)
    };
    let stalled = streams.iter().filter(|stream| stream.stalled).filter(is_alive).map(|stream| {
        let name = &stream.stream;
        let path = mirror.layout().stream_path(name).unwrap_or_else(|_| name.as_path().clone());
        let age = stream.newest_success.as_ref().and_then(|newest| newest.age).unwrap_or_default();
        let days = super::counted(age.unsigned_abs() / 86_400, "day");
        let why = format!("no success for {days}, which is more than three times as long as usual");
        concern(
            path,
            why,
            Some(&format!("look at the build server; `mirrorkeep list {name}` lists its builds")),
        )
    });
    stalled.collect()
}
