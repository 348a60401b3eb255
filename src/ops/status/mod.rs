//! The state of a mirror at a glance, and whether it needs attention.
//!
//! Reads records, the journal and the state of the last runs; no tree of a build is walked unless shared bytes are
//! requested, and nothing is changed. What is not known is stated as such.

mod attention;
mod held;
mod last_check;
mod retiring;
mod streams;
mod trashed;

pub use held::{HeldBuild, held};
pub use last_check::{CheckedBuild, LastCheck, note_check};
pub use retiring::RetiringStream;
pub use streams::{Expiry, LastBuild, NewestSuccess, StreamStatus};
pub use trashed::{TrashStatus, TrashedBuild, trashed};

use crate::census::Census;
use crate::decide::policy::Policy;
use crate::decide::{Plan, PlanOutcome, PreviousRuns, Space};
use crate::mirror::{JournalError, LastRun, Mirror, Unreadable, chain, survey_to_show};
use crate::model::Stamp;
use crate::ops::ActError;
use crate::ops::deliver::{DeliverError, SubscriberStatus, subscribers};
use crate::ops::retention::concern::{Concern, abandoned, concerns, fails_for_the_moment};
use crate::ops::retention::plan::{PlanError, evaluate};
use crate::ops::targets::{TargetStatus, target_status};
use crate::recover::{LeftStage, LeftStages, left_stages};
use schemars::JsonSchema;
use serde::Serialize;

/// The number of seconds of publishing that show how fast the disk fills.
const WINDOW: i64 = 14 * 86400;

/// The state of a mirror at one instant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub status: u32,
    /// The time of the report.
    pub at: Stamp,
    /// The path or URL of the mirror.
    pub mirror: String,
    /// The name of its layout.
    pub layout: String,
    /// The name of its policy; `null` without one.
    pub policy: Option<String>,
    /// The name of its pipeline; `null` without one.
    pub pipeline: Option<String>,
    /// The streams, sorted by name.
    pub streams: Vec<StreamStatus>,
    /// The number of builds.
    pub builds: u64,
    /// Their size in bytes, as far as known; bytes that builds share count for each of them.
    pub bytes: u64,
    /// How many of these bytes are stored once, but also counted for another build; `null` without `--shared`.
    pub bytes_shared: Option<u64>,
    /// How full the disk is; `null` in an object store.
    pub disk: Option<DiskStatus>,
    /// What is in the trash.
    pub trash: TrashStatus,
    /// The streams that are retired or being retired, by name.
    pub retiring: Vec<RetiringStream>,
    /// Every hold.
    pub holds: Vec<HeldBuild>,
    /// What interrupted publishes left.
    pub stages: Vec<LeftStage>,
    /// What pruning did last and would do now; `null` without a usable policy.
    pub prune: Option<PruneStatus>,
    /// What the last check of the whole mirror found; `null` if none was recorded.
    pub check: Option<LastCheck>,
    /// How far the copies elsewhere were when `sync` last looked, in the order of targets.yaml.
    pub targets: Vec<TargetStatus>,
    /// Problems that need a person.
    pub attention: Vec<Concern>,
    /// Other warnings.
    pub warnings: Vec<String>,
}

/// How full a disk is, and for how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiskStatus {
    /// Its size in bytes.
    pub total: u64,
    /// The number of free bytes.
    pub free: u64,
    /// The number of bytes that were published per day within the last 14 days, shared ones included; `null` if none
    /// were.
    pub per_day: Option<u64>,
    /// The number of days until it is full at this rate if nothing is pruned.
    pub days: Option<u64>,
}

/// What pruning did last, and would do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PruneStatus {
    /// When it last ran to its end; `null` if it never did.
    pub last: Option<Stamp>,
    /// How many builds and parts that run could not move or delete.
    pub failed: u64,
    /// How it would end now.
    pub outcome: PlanOutcome,
    /// The number of builds that it would move to the trash.
    pub due: u64,
    /// The number of builds that a brake or freeze withholds, parts of builds included, without those that only wait
    /// for their turn.
    pub withheld: u64,
    /// The number of builds that cannot be evaluated.
    pub blocked: u64,
}

/// Whether trees are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Only records are read.
    Recorded,
    /// Every tree is walked to find which bytes builds share.
    Shared,
}

/// Returns the state of a mirror.
pub fn status(mirror: &Mirror, sizes: Sizes, at: Stamp) -> Result<Status, ActError> {
    status_of(mirror, &look(mirror, at)?, sizes, at)
}

/// Returns the same from what was read.
pub(crate) fn status_of(
    mirror: &Mirror,
    found: &Looked,
    sizes: Sizes,
    at: Stamp,
) -> Result<Status, ActError> {
    let Looked { census, troubles, plan, policy, space, unplanned, subscribers } = found;
    let mut attention = concerns(mirror, census);
    attention.extend(abandoned(mirror, census));
    attention.extend(attention::of_troubles(troubles));
    attention.extend(unplanned.iter().map(attention::of_plan_error));
    if mirror.config().pipeline.is_some() {
        attention.extend(attention::of_pipeline(mirror, census));
    }
    let (trash, odd) = trashed::of(mirror, at)?;
    attention.extend(odd);
    let LeftStages { left: stages, failures, unknown } = left_stages(mirror, at)?;
    attention.extend(attention::of_stages(&stages, &failures, &unknown));
    let (retiring, waiting) = retiring::retiring(mirror, at);
    attention.extend(waiting);
    let holds = held(mirror, census);
    let last = LastRun::read(mirror).map_err(PlanError::from);
    let prune = plan.as_ref().map(|plan| pruning(plan, last.as_ref().ok().and_then(Option::as_ref)));
    if let (Some(plan), Some(prune)) = (plan, &prune) {
        attention.extend(attention::of_plan(plan, prune, census, at));
    }
    attention.extend(policy.as_ref().and_then(|policy| attention::of_families(policy, census)));
    attention.extend(attention::of_deliver(subscribers, at));
    let targets = target_status(mirror, at);
    attention.extend(attention::of_targets(&targets));
    // What cannot be read is among the problems.
    let targets = targets.unwrap_or_default();
    attention.extend(attention::of_readers(mirror, census));
    let check = last_check::read(mirror)?;
    attention.extend(check.iter().filter_map(attention::of_check));
    let disk = space.map(|space| disk(census, space, at));
    let due = prune.as_ref().map_or(0, |prune| prune.due);
    attention.extend(disk.iter().filter_map(|disk| attention::of_disk(disk, &trash, due)));
    let bytes = total(census);
    let mut streams = streams::of(census, plan.as_ref(), at);
    attention.extend(attention::of_streams(mirror, &streams, &retiring, at));
    let mut shared = None;
    if sizes == Sizes::Shared {
        let found = streams::shared(mirror, census);
        for stream in &mut streams {
            stream.bytes_shared = Some(found.streams.get(&stream.stream).copied().unwrap_or_default());
        }
        attention.extend(found.unread);
        shared = Some(found.all);
    }
    let mut warnings = plan.as_ref().map(|plan| plan.warnings.clone()).unwrap_or_default();
    if prune.is_none() {
        warnings.extend(mirror.idle_settings().map_err(PlanError::from)?);
    }
    // A problem is stated only once.
    let named = |warning: &str, one: &Concern| warning.contains(&format!("`{}`", one.path));
    warnings.retain(|warning| !attention.iter().any(|one| named(warning, one)));
    Ok(Status {
        status: 1,
        at,
        mirror: mirror.store().shown(),
        layout: mirror.layout().name().to_owned(),
        policy: mirror.config().policy.clone(),
        pipeline: mirror.config().pipeline.clone(),
        builds: census.builds().count() as u64,
        streams,
        bytes,
        bytes_shared: shared,
        disk,
        trash,
        retiring,
        holds,
        stages,
        prune,
        check,
        targets,
        attention,
        warnings,
    })
}

/// The census, and the plan for it.
pub(crate) struct Looked {
    pub(crate) census: Census,
    pub(crate) troubles: Vec<Unreadable>,
    pub(crate) plan: Option<Plan>,
    /// The policy by which it was made.
    pub(crate) policy: Option<Policy>,
    pub(crate) space: Option<Space>,
    /// The progress of the subscribers of deliver.yaml.
    pub(crate) subscribers: Result<Vec<SubscriberStatus>, DeliverError>,
    /// Why there is a policy and no plan.
    unplanned: Option<PlanError>,
}

impl Looked {
    /// Returns what could not be read at the moment, such as on a failing disk, so that the result may be wrong; what
    /// is damaged can be read, and is known to be damaged.
    pub(crate) fn failing(&self) -> Option<String> {
        let unread = self.troubles.iter().find(|trouble| fails_for_the_moment(&trouble.error));
        let unread = unread.map(|trouble| format!("`{}`: {}", trouble.path, chain(&trouble.error)));
        let unplanned =
            || self.unplanned.as_ref().filter(|error| fails_for_the_moment(*error)).map(|error| chain(error));
        unread.or_else(unplanned)
    }
}

/// Reads the state of a mirror.
pub(crate) fn look(mirror: &Mirror, at: Stamp) -> Result<Looked, ActError> {
    let subscribers = subscribers(mirror, at);
    match evaluate(mirror, None, at, PreviousRuns::default()) {
        Ok(planned) => Ok(Looked {
            subscribers,
            census: planned.census,
            troubles: planned.troubles,
            plan: Some(planned.plan),
            policy: Some(planned.policy),
            space: planned.space,
            unplanned: None,
        }),
        Err(PlanError::Journal(error @ JournalError::Store(_))) => Err(error.into()),
        Err(error) => {
            let unplanned = Some(error).filter(|error| !matches!(error, PlanError::NoPolicy));
            let (survey, _) = survey_to_show(mirror, at)?;
            let space = mirror.store().space()?;
            let space = space.map(|space| Space { total: space.total, free: space.free, trash: 0 });
            let (census, troubles) = (survey.census, survey.troubles);
            Ok(Looked { census, troubles, plan: None, policy: None, space, subscribers, unplanned })
        }
    }
}

fn pruning(plan: &Plan, last: Option<&LastRun>) -> PruneStatus {
    PruneStatus {
        last: last.map(|last| last.at),
        failed: last.map_or(0, |last| last.failed),
        outcome: plan.outcome,
        due: plan.totals.expire as u64,
        withheld: plan.held().count() as u64,
        blocked: plan.totals.blocked as u64,
    }
}

/// Returns how many bytes the builds of a census have, as far as that is known.
fn total(census: &Census) -> u64 {
    census.builds().filter_map(|(_, build)| build.bytes).fold(0, u64::saturating_add)
}

/// Returns a count with its noun.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns how full a disk is, and in how many days it is full if as much is published as within the last days and
/// nothing is deleted.
fn disk(census: &Census, space: Space, at: Stamp) -> DiskStatus {
    let published = || census.builds().filter_map(|(_, build)| Some((build.published?, build.bytes?)));
    let recent = published().filter(|(when, _)| (0..WINDOW).contains(&at.since(*when)));
    let bytes = recent.map(|(_, bytes)| bytes).fold(0, u64::saturating_add);
    // A younger mirror filled up within its life.
    let first = published().map(|(when, _)| at.since(when)).max().unwrap_or_default();
    let days = first.clamp(86400, WINDOW).unsigned_abs().div_ceil(86400);
    let per_day = Some(bytes / days.max(1)).filter(|bytes| *bytes > 0);
    DiskStatus {
        total: space.total,
        free: space.free,
        per_day,
        days: per_day.and_then(|per_day| space.free.checked_div(per_day)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::{BuildCensus, StreamCensus};

    fn at(text: &str) -> Stamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_disk_lasts_as_long_as_the_last_days_say() {
        let mut census = Census::empty(at("20260131T000000Z"));
        let build = |name: &str, bytes| BuildCensus {
            published: Some(at(name)),
            bytes: Some(bytes),
            ..BuildCensus::named(name.parse().unwrap())
        };
        let space = Space { total: 1000, free: 300, trash: 0 };
        let found = disk(&census, space, census.at);
        assert_eq!((found.per_day, found.days), (None, None));
        // Two days old: what was published in these two days.
        let stream = "master/centos".parse().unwrap();
        census.streams = vec![StreamCensus { stream, builds: vec![build("20260129T000000Z", 200)] }];
        let found = disk(&census, space, census.at);
        assert_eq!((found.per_day, found.days), (Some(100), Some(3)));
        // Older than the window: its last 14 days.
        census.streams[0].builds.push(build("20250101T000000Z", 1 << 40));
        let found = disk(&census, space, census.at);
        assert_eq!((found.per_day, found.days), (Some(14), Some(21)));
        // A build of the future does not count.
        census.streams[0].builds.push(build("20270101T000000Z", 1 << 40));
        assert_eq!(disk(&census, space, census.at), found);
    }
}
