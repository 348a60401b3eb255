//! How full the disk will be: the policy is simulated on the census as it was when the day began.
//!
//! What is published on a day changes neither the census at its start nor the room for builds, so that the simulation is
//! made once a day, and again if a build that was there is changed or goes. Free space is rounded down by at most a sixteenth,
//! so that not every file that comes and goes is another forecast.

use crate::census::{BuildCensus, Census};
use crate::decide::policy::Policy;
use crate::decide::{Forward, SIMULATED, Space, Tick, coming, simulate};
use crate::model::{Digest, Stamp};
use serde::{Deserialize, Serialize};

/// For how many days one looks ahead at most.
const DAYS: i64 = 90;

/// For fewer days nothing is shown.
const FEWEST: i64 = 7;

/// How many builds are judged at most, one after another, over all days.
const JUDGED: i64 = 2_000_000;

const DAY: i64 = 86_400;

/// What changes with every other way to simulate.
const FORM: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

/// How full the disk will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// What was simulated.
    pub simulated: Simulated,
    /// How many bytes builds can have before the disk is full.
    pub room: u64,
    /// When they have more; nothing if they have not within the time.
    pub full: Option<Stamp>,
}

/// What the simulation of a policy found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// The digest of what it was made from.
    input: Digest,
    /// Day by day, how many bytes the builds have, and how many builds a brake or freeze withholds.
    pub days: Vec<(Stamp, u64, u64)>,
}

impl Forecast {
    /// Returns how full the disk will be; `known` is what was simulated last. Nothing where there is too much to simulate.
    pub(super) fn of(
        census: &Census,
        policy: &Policy,
        space: Space,
        day: Stamp,
        known: Option<&Simulated>,
    ) -> Option<Self> {
        let (start, since) = at_start(census, day);
        let builds = i64::try_from(start.builds().count()).ok()?;
        // Nothing can be said on the first day of a mirror.
        let days = JUDGED.checked_div(builds)?.min(DAYS);
        let how = Forward { from: day, length: days * DAY, cadence: None, every: DAY };
        if days < FEWEST || coming(&start, how) > SIMULATED {
            return None;
        }
        // Plain data.
        let text = serde_json::to_vec(&(FORM, policy.digest, days, &start)).unwrap_or_default();
        let input = Digest::of(&text);
        let simulated = known.filter(|known| known.input == input).cloned().unwrap_or_else(|| {
            let point = |tick: &Tick| (tick.at, tick.bytes, tick.withheld);
            Simulated { input, days: simulate(&start, policy, how).iter().map(point).collect() }
        });
        let now = start.builds().filter_map(|(_, build)| build.bytes).fold(0, u64::saturating_add);
        // What was published since has taken of it.
        let free = space.free.saturating_add(space.trash).saturating_add(since).min(space.total);
        let room = now.saturating_add(rounded(free));
        let full = simulated.days.iter().find(|(_, bytes, _)| *bytes > room).map(|(at, ..)| *at);
        Some(Self { simulated, room, full })
    }

    /// Returns the last day that was simulated.
    pub fn last(&self) -> Option<Stamp> {
        self.simulated.days.last().map(|(at, ..)| *at)
    }

    /// Returns the first day on which a brake or freeze withholds builds.
    pub fn withheld(&self) -> Option<Stamp> {
        self.simulated.days.iter().find(|(.., withheld)| *withheld > 0).map(|(at, ..)| *at)
    }
}

/// Returns a number with its first five binary digits, and zeros.
fn rounded(number: u64) -> u64 {
    let zeros = (u64::BITS - number.leading_zeros()).saturating_sub(5);
    number >> zeros << zeros
}

/// Returns a census as it was when a day began, and how many bytes were published since.
fn at_start(census: &Census, day: Stamp) -> (Census, u64) {
    let mut start = census.clone();
    start.at = day;
    start.strays.clear();
    let mut since = 0_u64;
    let is_new = |build: &BuildCensus| build.published.or(build.created).is_some_and(|at| at >= day);
    for stream in &mut start.streams {
        stream.builds.retain_mut(|build| {
            if is_new(build) {
                since = since.saturating_add(build.bytes.unwrap_or_default());
                return false;
            }
            build.superseded = build.superseded.filter(|at| *at < day);
            build.leases.clear();
            true
        });
    }
    start.streams.retain(|stream| !stream.builds.is_empty());
    for alias in start.aliases.iter_mut().chain(&mut start.removed) {
        if let Some(first) = alias.moves.iter().position(|step| step.at >= day) {
            alias.target = alias.moves.get(first).and_then(|step| step.from.clone());
            alias.moves.truncate(first);
        }
    }
    (start, since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::{AliasCensus, AliasMove, StreamCensus};
    use crate::model::{Outcome, RelPath};

    fn at(day: i64) -> Stamp {
        Stamp::from_unix((20_000 + day) * DAY).unwrap()
    }

    /// Returns a stream with a build of 100 bytes on each day before `days`, at noon, whose alias leads to the newest.
    fn census(days: i64) -> Census {
        let noon = |day| at(day).checked_add(DAY / 2).unwrap();
        let path = |day| -> RelPath { format!("main/x/{}", noon(day)).parse().unwrap() };
        let mut census = Census::empty(noon(days));
        let build = |day| BuildCensus {
            created: Some(noon(day)),
            published: Some(noon(day)),
            superseded: Some(noon(day + 1)).filter(|_| day + 1 < days),
            result: Outcome::Success,
            bytes: Some(100),
            ..BuildCensus::named(noon(day).to_string().parse().unwrap())
        };
        let stream = "main/x".parse().unwrap();
        census.streams.push(StreamCensus { stream, builds: (0..days).map(build).collect() });
        let step = |day| AliasMove {
            from: (day > 0).then(|| path(day - 1)),
            to: Some(path(day)),
            at: noon(day),
            by_hand: false,
            replaced: false,
        };
        census.aliases.push(AliasCensus {
            path: "main/x/latest_build".parse().unwrap(),
            target: Some(path(days - 1)),
            required: true,
            moves: (0..days).map(step).collect(),
            problem: None,
        });
        census
    }

    fn policy(keep: &str) -> Policy {
        let text = "version: 1\ndefaults: {floor: 1, min_age: 0h, superseded_grace: 0h}\n";
        Policy::load(&format!("{text}families: [{{name: a, match: \"**\", keep: {keep}}}]\n"), "a test")
            .unwrap()
    }

    fn space(free: u64) -> Space {
        Space { total: 10_000, free, trash: 0 }
    }

    #[test]
    fn a_disk_is_full_when_builds_have_no_room_and_never_if_enough_expire() {
        let forecast =
            |keep, free| Forecast::of(&census(5), &policy(keep), space(free), at(5), None).unwrap();
        // One build of 100 bytes a day, and room for 10 more; 1088 is what is left of 1099.
        let all = forecast("[{forever: true}]", 1099);
        assert_eq!(
            (all.room, all.simulated.days.first(), all.full),
            (1588, Some(&(at(5), 500, 0)), Some(at(16)))
        );
        let some = forecast("[{last: 4}]", 1099);
        assert_eq!((some.full, some.last()), (None, Some(at(95))));
    }

    #[test]
    fn what_is_published_on_a_day_changes_nothing_and_what_goes_does() {
        let policy = policy("[{forever: true}]");
        let first = Forecast::of(&census(5), &policy, space(1000), at(5), None).unwrap();
        let known = Some(&first.simulated);
        let second = Forecast::of(&census(6), &policy, space(900), at(5), known).unwrap();
        assert_eq!(first, second);
        // What is known is taken, and only for the same.
        let mut other = first.simulated.clone();
        other.days.truncate(1);
        let known = Forecast::of(&census(6), &policy, space(900), at(5), Some(&other)).unwrap();
        assert_eq!(known.simulated, other);
        let mut less = census(6);
        less.streams[0].builds.remove(0);
        let less = Forecast::of(&less, &policy, space(1000), at(5), Some(&other)).unwrap();
        assert_ne!(less.simulated, other);
    }

    #[test]
    fn free_space_loses_at_most_a_sixteenth() {
        assert_eq!([0, 1, 31, 1023, 1024].map(rounded), [0, 1, 31, 992, 1024]);
        for number in [33, 1000, 123_456_789, u64::MAX] {
            assert!(rounded(number) <= number && number - rounded(number) <= number / 16, "{number}");
        }
    }

    #[test]
    fn too_many_builds_and_none_have_no_forecast() {
        let mut many = census(5);
        let build = many.streams[0].builds[0].clone();
        many.streams[0].builds.extend(std::iter::repeat_n(build, 300_000));
        assert_eq!(Forecast::of(&many, &policy("[{last: 4}]"), space(1000), at(5), None), None);
        assert_eq!(Forecast::of(&census(5), &policy("[{last: 4}]"), space(1000), at(0), None), None);
    }
}
