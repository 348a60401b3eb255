//! A second, small model of `docs/policy.md`, compared with the engine over random censuses.
//!
//! It is written from the documentation and shares no code with the engine. `MIRRORKEEP_TORTURE` tries many more cases;
//! a case that fails prints its number, which is its seed.

use super::world::{plan, policy};
use crate::support::dice::Dice;
use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use mirrorkeep::census::{AliasCensus, AliasMove, BuildCensus, Census, LabelCensus, StreamCensus};
use mirrorkeep::decide::Fate;
use mirrorkeep::model::{BuildId, Outcome, Stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 1_774_800_000;
const ZONES: [Tz; 8] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__Sao_Paulo,
    Tz::America__Havana,
    Tz::Asia__Beirut,
    Tz::Asia__Kathmandu,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
];
const STREAMS: [&str; 3] = ["master/debian", "feature/x/debian", "rc/10.0"];
const VALUES: [&str; 3] = ["green", "yellow", "red"];

#[derive(Debug, Clone)]
struct Build {
    stream: usize,
    at: i64,
    seq: u64,
    result: Outcome,
    published: Option<i64>,
    confirmed: Option<i64>,
    sanity: Option<&'static str>,
    since: Option<i64>,
    hold: Option<i64>,
    needs: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Length {
    Hours(i64),
    Months(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum From {
    Created,
    Published,
    Confirmed,
    Superseded,
    Introduced,
}

/// From when a length counts.
enum Start {
    At(i64),
    /// It is not known yet, or not at all: the build stays.
    Open,
    Never,
}

impl std::convert::From<Option<i64>> for Start {
    fn from(at: Option<i64>) -> Self {
        at.map_or(Self::Open, Self::At)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Forever,
    Last(usize),
    Within(Length, From),
    Latest(usize, usize, bool),
    Each(usize, Length, bool),
    Periods(usize, From),
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    kind: Kind,
    only: Option<&'static str>,
}

#[derive(Debug)]
struct World {
    zone: Tz,
    floor: usize,
    min_age: i64,
    grace: i64,
    events: Vec<i64>,
    builds: Vec<Build>,
    /// The lanes of success, failure, partial and empty builds.
    lanes: [Vec<Rule>; 4],
    /// Each stream's alias: the build it points to, and builds it left with the time.
    aliases: Vec<Alias>,
}

/// The build to which it points, whether it points into its middle, and the builds that it left with the time.
type Alias = (usize, bool, Vec<(usize, i64)>);

fn stamp(at: i64) -> Stamp {
    Stamp::from_unix(at).unwrap()
}

fn number(dice: &mut Dice, end: i64) -> i64 {
    i64::try_from(dice.below(u64::try_from(end).unwrap())).unwrap()
}

fn length(dice: &mut Dice) -> Length {
    match dice.below(3) {
        0 => Length::Months(u32::try_from(1 + dice.below(5)).unwrap()),
        1 => Length::Hours(1 + number(dice, 900)),
        _ => Length::Hours(24 * (1 + number(dice, 60))),
    }
}

fn rule(dice: &mut Dice) -> Rule {
    let all = [From::Created, From::Published, From::Confirmed, From::Superseded, From::Introduced];
    let from = all[dice.index(all.len())];
    let count = 1 + dice.index(6);
    let kind = match dice.below(8) {
        0 if dice.below(5) == 0 => Kind::Forever,
        0 | 1 => Kind::Last(count),
        2 | 3 => Kind::Within(length(dice), from),
        4 | 5 => Kind::Latest(dice.index(6), count, dice.below(3) == 0),
        6 => Kind::Each(dice.index(6), length(dice), dice.below(3) == 0),
        _ => Kind::Periods(dice.index(2), from),
    };
    Rule { kind, only: (dice.below(3) == 0).then(|| VALUES[dice.index(3)]) }
}

fn world(seed: u64) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    dice.below(9);
    let dice = &mut dice;
    let mut builds: Vec<Build> = Vec::new();
    let streams = 1 + dice.index(3);
    for stream in 0..streams {
        let mut at = NOW + [0, HOUR, HOUR + 1, -DAY, -30 * DAY][dice.index(5)];
        for _ in 0..dice.below(16) {
            at -= match dice.below(6) {
                0 => 0,
                1 => HOUR * number(dice, 30),
                2 => number(dice, 40) * DAY,
                3 => number(dice, 300_000),
                _ => DAY,
            };
            let results =
                [Outcome::Success, Outcome::Fail, Outcome::Partial, Outcome::Empty, Outcome::Unknown];
            let result = results[[0, 0, 0, 0, 0, 1, 1, 2, 3, 4][dice.index(10)]];
            let sanity = (dice.below(3) > 0).then(|| VALUES[dice.index(3)]);
            builds.push(Build {
                stream,
                at,
                seq: dice.below(3),
                result,
                published: (dice.below(8) > 0).then(|| at + number(dice, 5 * HOUR)),
                confirmed: (dice.below(3) == 0).then(|| at + number(dice, 9 * DAY)),
                sanity,
                since: (dice.below(6) > 0).then(|| at + number(dice, 9 * DAY)),
                hold: (dice.below(14) == 0).then(|| NOW + [-1, 0, DAY][dice.index(3)]),
                needs: Vec::new(),
            });
        }
    }
    for index in 0..builds.len() {
        if dice.below(9) == 0 {
            builds[index].needs = (0..=dice.below(2)).map(|_| dice.index(builds.len())).collect();
        }
    }
    let mut aliases = Vec::new();
    for stream in 0..streams {
        let own: Vec<usize> = (0..builds.len()).filter(|index| builds[*index].stream == stream).collect();
        if own.is_empty() || dice.below(3) == 0 {
            continue;
        }
        let left = (0..dice.below(3)).map(|_| (own[dice.index(own.len())], NOW - number(dice, 4 * DAY)));
        let left: Vec<(usize, i64)> = left.collect();
        aliases.push((own[dice.index(own.len())], dice.below(3) == 0, left));
    }
    let mut lanes: [Vec<Rule>; 4] = Default::default();
    for lane in &mut lanes {
        *lane = (0..dice.below(4)).map(|_| rule(dice)).collect();
    }
    let mut events: Vec<i64> =
        (0..dice.below(4)).map(|_| NOW - 100 * DAY + number(dice, 150 * DAY)).collect();
    events.sort_unstable();
    events.dedup();
    World {
        zone: ZONES[dice.index(ZONES.len())],
        floor: 1 + dice.index(3),
        min_age: number(dice, 3) * 20,
        grace: number(dice, 3) * 30,
        events,
        builds,
        lanes,
        aliases,
    }
}

impl World {
    fn id(&self, index: usize) -> BuildId {
        let build = &self.builds[index];
        format!("{}/{}.{index}", STREAMS[build.stream], stamp(build.at)).parse().unwrap()
    }

    fn census(&self) -> Census {
        let mut census = Census::empty(stamp(NOW));
        for (number, stream) in STREAMS.iter().enumerate() {
            let own = self.builds.iter().enumerate().filter(|(_, build)| build.stream == number);
            let builds = own.map(|(index, build)| {
                let label = build.sanity.map(|value| {
                    let label = LabelCensus {
                        value: value.to_owned(),
                        since: build.since.map(stamp),
                        who: None,
                        url: None,
                    };
                    ("sanity".to_owned(), label)
                });
                BuildCensus {
                    created: Some(stamp(build.at)),
                    seq: build.seq,
                    published: build.published.map(stamp),
                    confirmed_at: build.confirmed.map(stamp),
                    last_activity: Some(stamp(build.at)),
                    result: build.result,
                    labels: label.into_iter().collect(),
                    holds: build.hold.map(|until| super::world::hold(stamp(until))).into_iter().collect(),
                    requires: build.needs.iter().map(|other| self.id(*other)).collect(),
                    ..BuildCensus::named(self.id(index).name)
                }
            });
            census.streams.push(StreamCensus { stream: stream.parse().unwrap(), builds: builds.collect() });
        }
        for (target, inside, left) in &self.aliases {
            let path = |index: usize| format!("{}", self.id(index));
            let more = if *inside { "/outputs" } else { "" };
            let moves = left.iter().map(|(from, at)| AliasMove {
                from: Some(path(*from).parse().unwrap()),
                to: None,
                at: stamp(*at),
                by_hand: false,
                replaced: false,
            });
            census.aliases.push(AliasCensus {
                path: format!("{}/latest", STREAMS[self.builds[*target].stream]).parse().unwrap(),
                target: Some((path(*target) + more).parse().unwrap()),
                required: false,
                moves: moves.collect(),
                problem: None,
            });
        }
        census
    }

    fn text(&self) -> String {
        let mut text = format!("version: 1\ntimezone: {}\n", self.zone.name());
        let events: Vec<String> = self.events.iter().map(|at| format!("\"{}\"", stamp(*at).iso())).collect();
        writeln!(text, "events: {{release: [{}]}}", events.join(", ")).unwrap();
        writeln!(
            text,
            "defaults: {{floor: {}, min_age: {}h, superseded_grace: {}h}}\nfamilies:\n  - name: all\n    match: \"**\"",
            self.floor, self.min_age, self.grace
        )
        .unwrap();
        for (name, rules) in ["keep", "failed", "partial", "empty"].iter().zip(&self.lanes) {
            let rules: Vec<String> = rules.iter().map(Rule::text).collect();
            writeln!(text, "    {name}: [{}]", rules.join(", ")).unwrap();
        }
        text
    }

    /// Returns what becomes of each build.
    fn fates(&self) -> Vec<Fate> {
        let blocked = |build: &Build| build.at > NOW + HOUR;
        let mut fates = vec![Fate::Expire; self.builds.len()];
        for stream in 0..STREAMS.len() {
            let own: Vec<usize> = (0..self.builds.len())
                .filter(|index| self.builds[*index].stream == stream && !blocked(&self.builds[*index]))
                .collect();
            let results = [Outcome::Success, Outcome::Fail, Outcome::Partial, Outcome::Empty];
            for (result, rules) in results.into_iter().zip(&self.lanes) {
                let mut lane = own.clone();
                lane.retain(|index| self.builds[*index].result == result);
                lane.sort_by_key(|index| std::cmp::Reverse(self.age(*index)));
                let mut kept: BTreeSet<usize> = BTreeSet::new();
                if result == Outcome::Success {
                    kept.extend(self.newest(&lane, self.floor));
                }
                for rule in rules {
                    let sees = |index: &usize| {
                        rule.only.is_none_or(|value| self.builds[*index].sanity == Some(value))
                    };
                    let seen: Vec<usize> = lane.iter().copied().filter(sees).collect();
                    kept.extend(self.kept_by(rule.kind, &seen, &own));
                }
                for index in kept {
                    fates[index] = Fate::Keep;
                }
            }
        }
        for (index, build) in self.builds.iter().enumerate() {
            let young = self.min_age > 0 && NOW <= build.published.unwrap_or(build.at) + self.min_age * HOUR;
            let held = build.hold.is_some_and(|until| NOW <= until);
            let named = self.aliases.iter().any(|(target, ..)| *target == index);
            let left = self.aliases.iter().flat_map(|(_, _, left)| left).filter(|(from, _)| *from == index);
            let left = self.grace > 0
                && left.map(|(_, at)| *at).max().is_some_and(|at| NOW <= at + self.grace * HOUR);
            if blocked(build) {
                fates[index] = Fate::Blocked;
            } else if young || held || named || left || build.result == Outcome::Unknown {
                fates[index] = Fate::Keep;
            }
        }
        loop {
            let kept = (0..fates.len()).filter(|index| fates[*index] != Fate::Expire);
            let needed: Vec<usize> = kept
                .flat_map(|index| self.builds[index].needs.clone())
                .filter(|other| fates[*other] == Fate::Expire)
                .collect();
            if needed.is_empty() {
                return fates;
            }
            for other in needed {
                fates[other] = Fate::Keep;
            }
        }
    }

    fn age(&self, index: usize) -> (i64, u64) {
        (self.builds[index].at, self.builds[index].seq)
    }

    /// Returns so many of the newest, and those as new as the last of them.
    fn newest(&self, lane: &[usize], count: usize) -> Vec<usize> {
        let place = |index: usize| lane.iter().filter(|other| self.age(**other) > self.age(index)).count();
        lane.iter().copied().filter(|index| place(*index) < count).collect()
    }

    fn kept_by(&self, kind: Kind, seen: &[usize], stream: &[usize]) -> Vec<usize> {
        match kind {
            Kind::Forever => seen.to_vec(),
            Kind::Last(count) => self.newest(seen, count),
            Kind::Within(length, from) => {
                let stays = |index: usize| match self.from(index, from, stream) {
                    Start::At(at) => NOW <= self.end(at, length),
                    Start::Open => true,
                    Start::Never => false,
                };
                seen.iter().copied().filter(|index| stays(*index)).collect()
            }
            Kind::Periods(n, from) => {
                let stays = |index: usize| match self.from(index, from, stream) {
                    Start::At(at) => {
                        let later: Vec<i64> =
                            self.events.iter().copied().filter(|event| *event > at).collect();
                        later.get(n).is_none_or(|end| NOW <= *end)
                    }
                    Start::Open => true,
                    Start::Never => false,
                };
                seen.iter().copied().filter(|index| stays(*index)).collect()
            }
            Kind::Latest(period, count, oldest) => {
                let standing = self.standing(period, seen, oldest);
                standing.into_values().rev().take(count).flatten().collect()
            }
            Kind::Each(period, length, oldest) => {
                let standing = self.standing(period, seen, oldest).into_values().flatten();
                standing.filter(|index| NOW <= self.end(self.builds[*index].at, length)).collect()
            }
        }
    }

    /// Returns the builds that stand for each period, by the first day or hour of the period.
    fn standing(
        &self,
        period: usize,
        seen: &[usize],
        oldest: bool,
    ) -> BTreeMap<(NaiveDate, u32), Vec<usize>> {
        let mut all: BTreeMap<(NaiveDate, u32), Vec<usize>> = BTreeMap::new();
        for index in seen {
            let local = local(self.builds[*index].at, self.zone);
            let day = local.date_naive();
            let first = match period {
                0 | 1 => day,
                2 => day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday())),
                3 => day.with_day(1).unwrap(),
                4 => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1).unwrap(),
                _ => NaiveDate::from_ymd_opt(day.year(), 1, 1).unwrap(),
            };
            all.entry((first, if period == 0 { local.hour() } else { 0 })).or_default().push(*index);
        }
        for inside in all.values_mut() {
            let ages = inside.iter().map(|index| self.age(*index));
            let one = if oldest { ages.min() } else { ages.max() };
            inside.retain(|index| Some(self.age(*index)) == one);
        }
        all
    }

    /// Returns from when a length counts.
    fn from(&self, index: usize, from: From, stream: &[usize]) -> Start {
        let build = &self.builds[index];
        match from {
            From::Created => Start::At(build.at),
            From::Published => build.published.into(),
            From::Confirmed => match (build.published, build.confirmed) {
                (Some(published), Some(confirmed)) => Start::At(published.max(confirmed)),
                (one, other) => one.or(other).into(),
            },
            From::Introduced if build.sanity.is_none() => Start::Never,
            From::Introduced => build.since.into(),
            From::Superseded => {
                let later = stream.iter().filter(|other| {
                    self.builds[**other].result == Outcome::Success && self.age(**other) > self.age(index)
                });
                later.filter_map(|other| self.builds[*other].published).min().into()
            }
        }
    }

    /// Returns the last second of a length.
    fn end(&self, at: i64, length: Length) -> i64 {
        match length {
            Length::Hours(hours) => at + hours * HOUR,
            Length::Months(months) => {
                let last = local(at, self.zone).date_naive().checked_add_months(Months::new(months)).unwrap();
                let before = last.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp() - 2 * DAY;
                let mut quarters = (0..).map(|quarter| before + quarter * 900);
                quarters.find(|at| local(*at, self.zone).date_naive() > last).unwrap() - 1
            }
        }
    }
}

fn local(at: i64, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp(at, 0).unwrap().with_timezone(&zone)
}

impl Length {
    fn text(self) -> String {
        match self {
            Self::Hours(hours) => format!("{hours}h"),
            Self::Months(months) => format!("{months}mo"),
        }
    }
}

impl Rule {
    fn text(&self) -> String {
        let words = ["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"];
        let basis = |from: From| match from {
            From::Created => "created",
            From::Published => "published",
            From::Confirmed => "confirmed",
            From::Superseded => "superseded",
            From::Introduced => "introduced(sanity)",
        };
        let pick = |oldest: bool| if oldest { ", pick: oldest" } else { "" };
        let mut text = match self.kind {
            Kind::Forever => "forever: true".to_owned(),
            Kind::Last(count) => format!("last: {count}"),
            Kind::Within(length, from) => format!("within: {}, basis: {}", length.text(), basis(from)),
            Kind::Latest(period, count, oldest) => {
                format!("{}: {{count: {count}{}}}", words[period], pick(oldest))
            }
            Kind::Each(period, length, oldest) => {
                format!("{}: {{within: {}{}}}", words[period], length.text(), pick(oldest))
            }
            Kind::Periods(n, from) => format!("periods: {{of: release, n: {n}}}, basis: {}", basis(from)),
        };
        if let Some(value) = self.only {
            write!(text, ", where: {{sanity: {value}}}").unwrap();
        }
        format!("{{{text}}}")
    }
}

#[test]
fn the_engine_and_a_second_model_of_the_manual_agree() {
    let cases = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 20_000 } else { 400 };
    let mut verdicts: BTreeMap<Fate, usize> = BTreeMap::new();
    for seed in 1..=cases {
        let world = world(seed);
        let (census, text) = (world.census(), world.text());
        let plan = plan(&census, &policy(&text), stamp(NOW));
        for (index, fate) in world.fates().into_iter().enumerate() {
            let found = plan.verdict(&world.id(index)).unwrap();
            assert_eq!(
                found.fate, fate,
                "seed {seed}, build {index}: {:?}\n{text}\n{:#?}\n{:?}\n{found:?}",
                world.builds[index], world.builds, world.aliases
            );
            *verdicts.entry(fate).or_default() += 1;
        }
    }
    let all = [Fate::Keep, Fate::Expire, Fate::Blocked];
    assert!(all.iter().all(|fate| verdicts.get(fate).is_some_and(|count| *count > 20)), "{verdicts:?}");
}
