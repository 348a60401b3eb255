//! A policy run forward: builds keep coming, and every day what the policy lets go is gone.

use super::policy::Policy;
use crate::census::{BuildCensus, Census, StreamCensus};
use crate::decide::retention::{Fate, PreviousRuns, Verdict, retain};
use crate::model::{BuildName, Outcome, Stamp};
use std::collections::HashSet;

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
    /// How many of them expire only because the policy was edited, so that prune withholds them until a person accepts that.
    pub deferred: u64,
    /// Builds that a brake or freeze held back.
    pub withheld: u64,
}

/// How many new builds are simulated at most.
pub const MOST: u64 = 1_000_000;

/// How a stream goes on: when its next build comes, and what it is like.
struct Source {
    stream: usize,
    next: Stamp,
    interval: i64,
    model: BuildCensus,
}

/// Returns how many builds will come, in all streams together; [`MOST`] of them take about as long as one waits.
pub fn coming(census: &Census, how: Forward) -> u64 {
    let sources = census.streams.iter().enumerate().filter_map(|(index, stream)| source(index, stream, how));
    sources.map(|source| u64::try_from(how.length / source.interval).unwrap_or(0)).sum()
}

/// Returns what is there after each run; brakes hold as they would.
pub fn simulate(census: &Census, policy: &Policy, how: Forward) -> Vec<Tick> {
    simulate_to_end(census, policy, how, None).0
}

/// Returns the same, with what is there after the last run, and how many builds the policy of the last accepted plan would have
/// kept, if there is another one: the simulation deletes them, as after an `--accept`.
pub fn simulate_to_end(
    census: &Census,
    policy: &Policy,
    how: Forward,
    accepted: Option<&Policy>,
) -> (Vec<Tick>, Census) {
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
        let plan = retain(&census, policy, now, &PreviousRuns::default());
        let gone: HashSet<_> = plan.expiring().map(|verdict| verdict.id.clone()).collect();
        let before = accepted.map(|accepted| retain(&census, accepted, now, &PreviousRuns::default()));
        let only_now = |verdict: &&Verdict| {
            before.as_ref().is_some_and(|before| {
                before.verdict(&verdict.id).is_some_and(|before| before.fate != Fate::Expire)
            })
        };
        let deferred = plan.expiring().filter(only_now).count();
        for stream in &mut census.streams {
            let name = &stream.stream;
            stream.builds.retain(|build| {
                !gone.contains(&crate::model::BuildId::new(name.clone(), build.build.clone()))
            });
        }
        let builds = census.streams.iter().map(|stream| stream.builds.len() as u64).sum();
        let held = |verdict: &&Verdict| verdict.fate == Fate::Withheld && !verdict.waits_its_turn();
        let withheld = plan.builds.iter().filter(held).count();
        ticks.push(Tick {
            at: now,
            builds,
            bytes: census.streams.iter().map(on_disk).sum(),
            pruned: gone.len() as u64,
            deferred: deferred as u64,
            withheld: withheld as u64,
        });
        match now.checked_add(how.every.max(60)) {
            Some(next) => now = next,
            None => break,
        }
    }
    census.at = ticks.last().map_or(census.at, |last| last.at);
    (ticks, census)
}

/// Returns how many bytes the builds of a stream have together: what each has alone, and once what they share, which is
/// what the newest success has beyond that.
fn on_disk(stream: &StreamCensus) -> u64 {
    let alone = |build: &BuildCensus| build.bytes_alone.or(build.bytes).unwrap_or(0);
    let good = stream.builds.iter().filter(|build| build.result == Outcome::Success);
    let newest = good.max_by_key(|build| (build.created, build.seq));
    let shared = newest.map_or(0, |newest| newest.bytes.unwrap_or(0).saturating_sub(alone(newest)));
    stream.builds.iter().map(alone).sum::<u64>() + shared
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
    let there: HashSet<BuildName> = if source.next <= now {
        stream.builds.iter().map(|build| build.build.clone()).collect()
    } else {
        HashSet::new()
    };
    while source.next <= now {
        let at = source.next;
        if let Ok(name) = at.to_string().parse::<BuildName>()
            && !there.contains(&name)
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

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Stamp {
        Stamp::from_unix(1_700_000_000 + day * DAY).unwrap()
    }

    /// Returns a stream with a success of 100 bytes on each of these days, and a required alias.
    fn census(days: &[i64]) -> Census {
        let mut census = Census::empty(at(0));
        let builds = days.iter().map(|day| BuildCensus {
            created: Some(at(*day)),
            published: Some(at(*day)),
            result: Outcome::Success,
            bytes: Some(100),
            ..BuildCensus::named(at(*day).to_string().parse().unwrap())
        });
        census.streams.push(StreamCensus { stream: "master/x".parse().unwrap(), builds: builds.collect() });
        census.aliases.push(crate::census::AliasCensus {
            path: "master/x/latest_build".parse().unwrap(),
            target: days.last().map(|day| format!("master/x/{}", at(*day)).parse().unwrap()),
            required: true,
            moves: Vec::new(),
            problem: None,
        });
        census
    }

    fn policy(keep: &str) -> Policy {
        let text = "version: 1\ndefaults: {floor: 1, min_age: 0h, superseded_grace: 0h}\n";
        Policy::load(&format!("{text}families: [{{name: a, match: \"**\", keep: {keep}}}]\n"), "a test")
            .unwrap()
    }

    fn forward(from: i64, days: i64, cadence: Option<i64>) -> Forward {
        Forward { from: at(from), length: days * DAY, cadence, every: DAY }
    }

    #[test]
    fn a_stream_goes_on_as_often_as_it_did_and_what_the_policy_lets_go_is_gone() {
        // One a day, and one pause: most builds came a day after the one before.
        let ticks = simulate(&census(&[0, 1, 2, 5, 6]), &policy("[{last: 4}]"), forward(6, 3, None));
        let counts: Vec<_> =
            ticks.iter().map(|tick| (tick.at, tick.builds, tick.bytes, tick.pruned)).collect();
        assert_eq!(counts, [(at(6), 4, 400, 1), (at(7), 4, 400, 1), (at(8), 4, 400, 1), (at(9), 4, 400, 1)]);
        let every_two = simulate(&census(&[0, 2, 4]), &policy("[{last: 9}]"), forward(4, 4, None));
        assert_eq!(every_two.iter().map(|tick| tick.builds).collect::<Vec<_>>(), [3, 3, 4, 4, 5]);
    }

    #[test]
    fn a_stream_that_stood_still_for_more_than_ten_of_its_intervals_has_ended() {
        let builds = |from, cadence| {
            let ticks = simulate(&census(&[0, 1]), &policy("[{last: 9}]"), forward(from, 2, cadence));
            ticks.iter().map(|tick| tick.builds).collect::<Vec<_>>()
        };
        // After exactly ten it goes on still.
        assert_eq!(builds(11, None), [2, 3, 4]);
        assert_eq!(builds(12, None), [2, 2, 2]);
        assert_eq!(builds(12, Some(DAY)), [2, 3, 4]);
    }

    #[test]
    fn what_has_not_come_yet_and_what_failed_is_no_model() {
        let mut failed = census(&[0, 1]);
        failed.streams[0].builds.iter_mut().for_each(|build| build.result = Outcome::Fail);
        let ticks = simulate(&failed, &policy("[{last: 9}]"), forward(1, 2, None));
        assert_eq!(ticks.iter().map(|tick| tick.builds).max(), Some(2));
        let ahead = simulate(&census(&[0, 1, 9]), &policy("[{last: 99}]"), forward(1, 1, None));
        assert_eq!(ahead.iter().map(|tick| tick.builds).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn builds_that_come_are_like_the_newest_success_and_its_aliases_follow() {
        let mut census = census(&[0, 1]);
        let label = crate::census::LabelCensus {
            value: "green".to_owned(),
            since: Some(at(0)),
            who: None,
            url: None,
        };
        let newest = &mut census.streams[0].builds[1];
        newest.labels.insert("sanity".to_owned(), label);
        newest.bytes_alone = Some(30);
        let mut source = source(0, &census.streams[0], forward(1, 9, None)).unwrap();
        grow(&mut census, &mut source, at(2));
        let new = census.streams[0].builds.last().unwrap().clone();
        assert_eq!(census.streams[0].builds.len(), 3);
        assert_eq!((new.created, new.published, new.last_activity), (Some(at(2)), Some(at(2)), Some(at(2))));
        assert_eq!((new.result, new.bytes, new.bytes_alone), (Outcome::Success, Some(100), Some(30)));
        let label = new.labels.iter().next().unwrap().1;
        assert_eq!((&*label.value, label.since), ("green", Some(at(2))));
        let target = census.aliases[0].target.clone().unwrap();
        assert_eq!(target, format!("master/x/{}", at(2)).parse().unwrap());
    }

    #[test]
    fn the_first_build_to_come_is_due_an_interval_after_the_last_one_and_never_at_once() {
        let builds = |from, days| {
            let ticks = simulate(&census(&[0, 2, 4]), &policy("[{last: 9}]"), forward(from, days, None));
            ticks.iter().map(|tick| tick.builds).collect::<Vec<_>>()
        };
        assert_eq!(builds(5, 3), [3, 4, 4, 5]);
        // The first run shows what is there.
        assert_eq!(builds(6, 2), [3, 3, 4]);
    }

    #[test]
    fn what_a_brake_holds_back_is_counted_and_stays() {
        let text = "version: 1\nbrakes: {run: {count: 2}}\ndefaults: {floor: 1, min_age: 0h, superseded_grace: 0h}\n\
            families: [{name: a, match: \"**\", keep: [{last: 2}]}]\n";
        let policy = Policy::load(text, "a test").unwrap();
        let counts = |days: &[i64]| {
            let last = *days.last().unwrap();
            let ticks = simulate(&census(days), &policy, forward(last, 0, None));
            ticks.iter().map(|tick| (tick.builds, tick.pruned, tick.withheld)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&[0, 1, 2, 3]), [(2, 2, 0)]);
        assert_eq!(counts(&[0, 1, 2, 3, 4]), [(5, 0, 3)]);
    }

    #[test]
    fn what_expires_only_by_an_edit_is_counted_whenever_it_expires() {
        let (old, new) = (policy("[{within: 30d}]"), policy("[{within: 3d}]"));
        let counts = |accepted: Option<&Policy>| {
            let ticks = simulate_to_end(&census(&[0, 1, 2, 5]), &new, forward(5, 2, None), accepted).0;
            ticks.iter().map(|tick| (tick.pruned, tick.deferred)).collect::<Vec<_>>()
        };
        assert_eq!(counts(Some(&old)), [(2, 2), (1, 1), (0, 0)]);
        assert_eq!(counts(None), [(2, 0), (1, 0), (0, 0)]);
        assert_eq!(counts(Some(&new)), counts(None));
    }

    #[test]
    fn a_build_that_is_there_already_does_not_come_again() {
        let mut census = census(&[0, 1]);
        let mut source = source(0, &census.streams[0], forward(1, 9, None)).unwrap();
        grow(&mut census, &mut source, at(2));
        source.next = at(2);
        grow(&mut census, &mut source, at(3));
        let names: Vec<_> = census.streams[0].builds.iter().map(|build| build.build.to_string()).collect();
        assert_eq!(names, [0, 1, 2, 3].map(|day| at(day).to_string()));
    }

    #[test]
    fn only_the_required_aliases_of_a_stream_follow_its_builds() {
        let mut census = census(&[0, 1]);
        let target = census.aliases[0].target.clone();
        for (path, required) in [("master/x/mine", false), ("master/y/latest_build", true), ("latest", true)]
        {
            let mut alias = census.aliases[0].clone();
            (alias.path, alias.required) = (path.parse().unwrap(), required);
            census.aliases.push(alias);
        }
        let mut source = source(0, &census.streams[0], forward(1, 9, None)).unwrap();
        grow(&mut census, &mut source, at(2));
        let moved: Vec<bool> = census.aliases.iter().map(|alias| alias.target != target).collect();
        assert_eq!(moved, [true, false, false, false]);
    }
}
