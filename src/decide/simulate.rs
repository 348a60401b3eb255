//! A policy run forward: builds keep coming, and every day what the policy lets go is gone.

use super::policy::Policy;
use super::retain::{Fate, Past, retain};
use crate::census::{BuildCensus, Census, StreamCensus};
use crate::word::{BuildName, Outcome, Stamp};

/// How a policy is run forward.
#[derive(Debug, Clone, Copy)]
pub struct Forward {
    /// From when.
    pub from: Stamp,
    /// For how many seconds.
    pub length: i64,
    /// How many seconds lie between two builds of a stream; as in its past without this.
    pub cadence: Option<i64>,
    /// How many seconds lie between two runs of prune.
    pub every: i64,
}

/// What was there after one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When.
    pub at: Stamp,
    /// Builds that are there.
    pub builds: u64,
    /// Bytes that they have.
    pub bytes: u64,
    /// Builds that went in this run.
    pub pruned: u64,
    /// Builds that a brake or freeze held back.
    pub withheld: u64,
}

/// How a stream goes on: when its next build comes, and what it is like.
struct Source {
    stream: usize,
    next: Stamp,
    interval: i64,
    model: BuildCensus,
}

/// Returns what is there after each run; brakes hold as they would.
pub fn simulate(census: &Census, policy: &Policy, how: Forward) -> Vec<Tick> {
    let mut census = census.clone();
    let mut sources: Vec<Source> =
        census.streams.iter().enumerate().filter_map(|(index, stream)| source(index, stream, how)).collect();
    let mut ticks = Vec::new();
    let end = how.from.checked_add(how.length).unwrap_or(Stamp::MAX);
    let mut now = how.from;
    while now <= end {
        for source in &mut sources {
            grow(&mut census, source, now);
        }
        let plan = retain(&census, policy, now, &Past::default());
        let gone: std::collections::HashSet<_> = plan.expiring().map(|verdict| verdict.id.clone()).collect();
        for stream in &mut census.streams {
            let name = &stream.stream;
            stream.builds.retain(|build| {
                !gone.contains(&crate::word::BuildId::new(name.clone(), build.build.clone()))
            });
        }
        let builds = census.streams.iter().flat_map(|stream| &stream.builds);
        let withheld = plan.builds.iter().filter(|verdict| verdict.fate == Fate::Withheld).count();
        ticks.push(Tick {
            at: now,
            builds: builds.clone().count() as u64,
            bytes: builds.map(|build| build.bytes_alone.or(build.bytes).unwrap_or(0)).sum(),
            pruned: gone.len() as u64,
            withheld: withheld as u64,
        });
        match now.checked_add(how.every.max(60)) {
            Some(next) => now = next,
            None => break,
        }
    }
    ticks
}

/// Returns how a stream goes on: as often as in its past, like the newest success.
fn source(index: usize, stream: &StreamCensus, how: Forward) -> Option<Source> {
    let mut created: Vec<Stamp> = stream.builds.iter().filter_map(|build| build.created).collect();
    created.retain(|created| *created <= how.from);
    created.sort();
    let newest = *created.last()?;
    let mut gaps: Vec<i64> =
        created.windows(2).filter_map(|pair| Some(pair.last()?.since(*pair.first()?))).collect();
    gaps.sort_unstable();
    let interval = how.cadence.or_else(|| gaps.get(gaps.len() / 2).copied())?.max(60);
    // A stream that stood still for ten of its intervals has ended, unless somebody says how it goes on.
    if how.cadence.is_none() && how.from.since(newest) > interval.saturating_mul(10) {
        return None;
    }
    let good =
        stream.builds.iter().filter(|build| build.result == Outcome::Success && build.problem.is_none());
    let model = good.max_by_key(|build| (build.created, build.seq))?.clone();
    let next =
        newest.checked_add(interval).filter(|next| *next > how.from).or(how.from.checked_add(interval))?;
    Some(Source { stream: index, next, interval, model })
}

fn grow(census: &mut Census, source: &mut Source, now: Stamp) {
    let Some(stream) = census.streams.get_mut(source.stream) else { return };
    while source.next <= now {
        let at = source.next;
        if let Ok(name) = at.to_string().parse::<BuildName>()
            && !stream.builds.iter().any(|build| build.build == name)
        {
            let size = source.model.bytes;
            let labels = source.model.labels.iter().map(|(key, label)| {
                let label = crate::census::LabelCensus { since: Some(at), ..label.clone() };
                (key.clone(), label)
            });
            stream.builds.push(BuildCensus {
                created: Some(at),
                published: Some(at),
                last_activity: Some(at),
                result: Outcome::Success,
                labels: labels.collect(),
                bytes: size,
                bytes_alone: source.model.bytes_alone,
                ..BuildCensus::named(name)
            });
        }
        let Some(next) = at.checked_add(source.interval) else { return };
        source.next = next;
    }
    // The aliases of a stream follow its builds.
    let newest = stream
        .builds
        .iter()
        .filter(|build| build.result == Outcome::Success)
        .max_by_key(|build| build.created);
    let Some(newest) = newest.map(|build| build.build.clone()) else { return };
    let dir = stream.stream.as_path().clone();
    for alias in
        census.aliases.iter_mut().filter(|alias| alias.required && alias.path.parent() == Some(dir.clone()))
    {
        alias.target = dir.child(newest.as_str()).ok();
    }
}
