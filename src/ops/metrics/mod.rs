//! Values for monitoring: instants, counts and bytes, as `status`, `stages` and `deliver status` compute them.
//!
//! Ages are not among them: a reader of an instant can compute the age, and an unchanged mirror has unchanged values.

mod family;

pub use family::{Family, Sample};

use crate::decide::Plan;
use crate::mirror::{Mirror, chain};
use crate::model::{Outcome, Stamp};
use crate::ops::ActError;
use crate::ops::deliver::SubscriberStatus;
use crate::ops::promotion::{StageStatus, stages_in};
use crate::ops::status::{Sizes, Status, StreamStatus, look, status_of};
use crate::ops::targets::TargetStatus;
use schemars::JsonSchema;
use serde::Serialize;

/// The metrics of a mirror at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Metrics {
    /// When they were taken.
    pub at: Stamp,
    /// The families, by subject; those without samples are left out.
    pub families: Vec<Family>,
    /// What is not known, and why.
    pub warnings: Vec<String>,
}

/// The number of unreadable paths that are named.
const UNREAD: usize = 10;

/// Returns the metrics of a mirror.
pub fn metrics(mirror: &Mirror, at: Stamp) -> Result<Metrics, ActError> {
    let found = look(mirror, at)?;
    let status = status_of(mirror, &found, Sizes::Recorded, at)?;
    let mut warnings = Vec::new();
    for trouble in found.troubles.iter().take(UNREAD) {
        let why = chain(&trouble.error);
        warnings.push(format!("`{}` cannot be read, so that numbers are too low: {why}", trouble.path));
    }
    if mirror.config().policy.is_some() && found.plan.is_none() {
        warnings.push("the verdicts are not known; `mirrorkeep status` shows why".to_owned());
    }
    let mut families = of_mirror(&status, found.plan.as_ref());
    families.extend(of_streams(&status.streams));
    if mirror.config().pipeline.is_some() {
        match stages_in(mirror, &found.census) {
            Ok(stages) => families.extend(of_stages(&stages)),
            Err(error) => warnings.push(format!("the stages are not known: {}", chain(&error))),
        }
    }
    match &found.subscribers {
        Ok(subscribers) => families.extend(of_subscribers(subscribers)),
        Err(error) => warnings.push(format!("the subscribers are not known: {}", chain(error))),
    }
    families.extend(of_targets(&status.targets));
    families.retain(|family| !family.samples.is_empty());
    // Of two mirrors on one machine, each has its own samples.
    for sample in families.iter_mut().flat_map(|family| &mut family.samples) {
        sample.labels.insert("mirror", mirror.config().id.clone());
    }
    Ok(Metrics { at, families, warnings })
}

fn of_targets(targets: &[TargetStatus]) -> Vec<Family> {
    let mut behind =
        Family::new("mirrorkeep_target_behind_events", "Number of events that the copy elsewhere lacks.");
    let mut lag = Family::new("mirrorkeep_target_lag_seconds", "For how long it lacks the oldest of them.");
    let mut synced =
        Family::new("mirrorkeep_target_synced_timestamp_seconds", "When sync last came to its end there.");
    let mut attention =
        Family::new("mirrorkeep_target_attention", "Whether a person should look at the copy elsewhere.");
    for one in targets {
        let labels: family::Labels<'_> = &[("target", &one.name)];
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        behind.known(labels, one.events.map(number));
        lag.known(labels, one.seconds.map(number));
        synced.at(labels, one.synced);
        attention.flag(labels, one.attention);
    }
    vec![behind, lag, synced, attention]
}

fn of_mirror(status: &Status, plan: Option<&Plan>) -> Vec<Family> {
    let mut info = Family::new(
        "mirrorkeep_mirror_info",
        "The mirror, its files in force, and the version of the program.",
    );
    let none = String::new();
    info.add(
        &[
            ("layout", &status.layout),
            ("pipeline", status.pipeline.as_ref().unwrap_or(&none)),
            ("policy", status.policy.as_ref().unwrap_or(&none)),
            ("version", env!("CARGO_PKG_VERSION")),
        ],
        1,
    );
    let mut collected = Family::new("mirrorkeep_collected_timestamp_seconds", "When the metrics were taken.");
    collected.at(&[], Some(status.at));
    let mut attention =
        Family::new("mirrorkeep_attention", "Number of problems that need a person, as status lists them.");
    attention.add(&[], status.attention.len() as u64);
    let mut builds = Family::new("mirrorkeep_builds", "Number of builds.");
    builds.add(&[], status.builds);
    let mut bytes = Family::new(
        "mirrorkeep_bytes",
        "Bytes of all builds; bytes that builds share count for each of them.",
    );
    bytes.add(&[], status.bytes);
    let mut verdicts =
        Family::new("mirrorkeep_verdict_builds", "Number of builds by what a prune would do with them now.");
    if let Some(totals) = plan.map(|plan| plan.totals) {
        for (verdict, count) in [
            ("blocked", totals.blocked),
            ("expire", totals.expire),
            ("keep", totals.keep),
            ("withheld", totals.withheld),
        ] {
            verdicts.add(&[("verdict", verdict)], count as u64);
        }
    }
    let mut pruned =
        Family::new("mirrorkeep_prune_last_run_timestamp_seconds", "When prune last ran to its end.");
    pruned.at(&[], status.prune.as_ref().and_then(|prune| prune.last));
    let mut checked =
        Family::new("mirrorkeep_check_last_run_timestamp_seconds", "When the whole mirror was last checked.");
    checked.at(&[], status.check.as_ref().map(|check| check.at));
    let mut findings =
        Family::new("mirrorkeep_check_findings", "Number of findings of the last check of the whole mirror.");
    if let Some(check) = &status.check {
        for (severity, count) in [("error", check.error), ("note", check.note), ("warning", check.warning)] {
            findings.add(&[("severity", severity)], count);
        }
    }
    let trash = &status.trash;
    let mut trashed =
        Family::new("mirrorkeep_trash_builds", "Number of builds in the trash that can be restored.");
    trashed.add(&[], trash.builds);
    let mut trashed_bytes = Family::new("mirrorkeep_trash_bytes", "Bytes that the builds in the trash had.");
    trashed_bytes.add(&[], trash.bytes);
    let mut due =
        Family::new("mirrorkeep_trash_due_builds", "Number of builds in the trash whose term is over.");
    due.add(&[], trash.due);
    let mut holds = Family::new("mirrorkeep_holds", "Number of holds that protect a build now.");
    holds.add(&[], status.holds.iter().filter(|hold| hold.active).count() as u64);
    let mut unfinished = Family::new("mirrorkeep_unfinished_publishes", "Number of interrupted publishes.");
    unfinished.add(&[], status.stages.len() as u64);
    let mut size = Family::new("mirrorkeep_disk_size_bytes", "Bytes of the disk of the mirror.");
    let mut free = Family::new("mirrorkeep_disk_free_bytes", "Free bytes of the disk of the mirror.");
    if let Some(disk) = &status.disk {
        size.add(&[], disk.total);
        free.add(&[], disk.free);
    }
    vec![
        info,
        collected,
        attention,
        builds,
        bytes,
        verdicts,
        pruned,
        checked,
        findings,
        trashed,
        trashed_bytes,
        due,
        holds,
        unfinished,
        size,
        free,
    ]
}

fn of_streams(streams: &[StreamStatus]) -> Vec<Family> {
    let mut builds = Family::new("mirrorkeep_stream_builds", "Number of builds of the stream.");
    let mut bytes = Family::new(
        "mirrorkeep_stream_bytes",
        "Bytes of the builds of the stream, as far as they are known.",
    );
    let mut due = Family::new(
        "mirrorkeep_stream_due_builds",
        "Number of builds of the stream that a prune would delete now.",
    );
    let mut newest = Family::new(
        "mirrorkeep_stream_newest_success_timestamp_seconds",
        "When the newest success of the stream was built.",
    );
    let mut last = Family::new(
        "mirrorkeep_stream_last_build_timestamp_seconds",
        "When the newest build of the stream was built.",
    );
    let mut good = Family::new(
        "mirrorkeep_stream_last_build_success",
        "Whether the newest build of the stream is a success.",
    );
    let mut expiry = Family::new(
        "mirrorkeep_stream_next_expiry_timestamp_seconds",
        "Until when the build of the stream is kept that expires next.",
    );
    for stream in streams {
        let labels: family::Labels<'_> = &[("stream", stream.stream.as_str())];
        builds.add(labels, stream.builds);
        bytes.add(labels, stream.bytes);
        stream.due.into_iter().for_each(|count| due.add(labels, count));
        newest.at(labels, stream.newest_success.as_ref().and_then(|newest| newest.created));
        if let Some(build) = &stream.last {
            last.at(labels, build.created);
            good.flag(labels, build.result == Outcome::Success);
        }
        expiry.at(labels, stream.next_expiry.as_ref().map(|next| next.until));
    }
    vec![builds, bytes, due, newest, last, good, expiry]
}

fn of_stages(stages: &[StageStatus]) -> Vec<Family> {
    let mut since =
        Family::new("mirrorkeep_stage_since_timestamp_seconds", "Since when the build has the stage.");
    let mut gap = Family::new(
        "mirrorkeep_stage_gap_days",
        "By how many days the build of the stage is older than the newest candidate.",
    );
    let mut alarm =
        Family::new("mirrorkeep_stage_alarm", "Whether the gap of the stage is larger than its alarm.");
    for stage in stages {
        let labels: family::Labels<'_> = &[("stage", &stage.stage), ("stream", stage.stream.as_str())];
        since.at(labels, stage.since);
        gap.known(labels, stage.gap_days);
        alarm.flag(labels, stage.alarm);
    }
    vec![since, gap, alarm]
}

fn of_subscribers(subscribers: &[SubscriberStatus]) -> Vec<Family> {
    let mut behind =
        Family::new("mirrorkeep_deliver_behind_events", "Number of events that wait for the subscriber.");
    let mut lag =
        Family::new("mirrorkeep_deliver_lag_seconds", "For how long the oldest of these events waits.");
    let mut parked = Family::new(
        "mirrorkeep_deliver_parked_events",
        "Number of events that the subscriber did not accept.",
    );
    let mut attention =
        Family::new("mirrorkeep_deliver_attention", "Whether a person should look at the subscriber.");
    for one in subscribers {
        let labels: family::Labels<'_> = &[("subscriber", &one.name)];
        behind.add(labels, one.behind);
        lag.add(labels, one.seconds);
        parked.add(labels, one.parked.len() as u64);
        attention.flag(labels, one.attention);
    }
    vec![behind, lag, parked, attention]
}
