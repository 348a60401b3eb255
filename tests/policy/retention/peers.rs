//! What other tools keep: a small reference of each tool's rule, compared with ours over generated builds.
//!
//! Each reference follows the behaviour that the tool documents. It takes a set of differences that are undone: with
//! none it is the tool, and with all of them it must keep exactly what ours keeps. So each build that a tool keeps and
//! ours does not, or the reverse, is explained by a difference that `docs/policy.md` names. The counts are asserted, so
//! that a change on either side is seen.

use super::world::{plan, policy, with};
use crate::support::dice::Dice;
use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;
use mirrorkeep::census::{BuildCensus, Census, LabelCensus, StreamCensus};
use mirrorkeep::decide::Fate;
use mirrorkeep::model::{Outcome, Stamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const CASES: u64 = 250;

/// A difference between a tool and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    Floor,
    Oldest,
    Ties,
    Edge,
    Finer,
    EmptyPeriods,
    NoRules,
    Protected,
    Unfinished,
}

use Difference::{Edge, EmptyPeriods, Finer, Floor, NoRules, Oldest, Protected, Ties, Unfinished};

/// The sentence of `docs/policy.md` that explains each difference.
const SENTENCES: [(Difference, &str); 9] = [
    (Floor, "The newest `floor` successes stay, also where no rule keeps them."),
    (Oldest, "The oldest build does not fill a place of a rule that has too few periods."),
    (Ties, "Builds with the same time and respin are kept or expired together."),
    (Edge, "A build stays at the very second of its deadline."),
    (Finer, "A build that a finer rule keeps takes its place in a coarser rule, too."),
    (EmptyPeriods, "Only periods with builds count, also after a pause."),
    (NoRules, "Without any rule, only the floor stays."),
    (Protected, "A build that is held takes its place in a rule like any other."),
    (Unfinished, "Builds without a result have rules of their own, and no success ends them."),
];

#[derive(Debug, Clone)]
struct Made {
    at: i64,
    seq: u64,
    tag: bool,
    held: bool,
    unfinished: bool,
}

/// What a policy asks for, in the words that the tools share.
#[derive(Debug, Clone, Default)]
struct Ask {
    last: Option<usize>,
    /// By the letter of the period.
    counts: Vec<(char, usize)>,
    within_hours: Option<i64>,
    /// Days in which each period is represented.
    each: Vec<(char, i64)>,
    tag: bool,
    zone: Tz,
}

/// The name of each period in a policy.
const WORDS: [(char, &str); 6] =
    [('h', "hourly"), ('d', "daily"), ('w', "weekly"), ('m', "monthly"), ('q', "quarterly"), ('y', "yearly")];

fn local(at: i64, zone: Tz) -> DateTime<Tz> {
    DateTime::<Utc>::from_timestamp(at, 0).unwrap().with_timezone(&zone)
}

/// Returns which period an instant is in, as a text, as the tools form it.
fn period(kind: char, at: i64, zone: Tz) -> String {
    let at = local(at, zone);
    match kind {
        'h' => format!("{}", at.format("%Y-%m-%d %H")),
        'd' => format!("{}", at.format("%Y-%m-%d")),
        'w' => format!("{}", at.format("%G-%V")),
        'm' => format!("{}", at.format("%Y-%m")),
        'q' => format!("{}-{}", at.year(), at.month0() / 3),
        _ => format!("{}", at.year()),
    }
}

fn number(dice: &mut Dice, end: u64) -> i64 {
    i64::try_from(dice.below(end)).unwrap()
}

/// Returns builds, newest first: evenly, in bursts, with pauses, and with ties when these are wanted.
fn made(dice: &mut Dice, ties: bool) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    let regular = dice.below(2) == 0;
    let mut at = 1_735_000_000 / HOUR * HOUR + number(dice, 20_000_000);
    for _ in 0..=dice.below(60) {
        at -= match if regular { 11 } else { dice.below(12) } {
            0 => number(dice, 120) * DAY,
            1..=3 => HOUR * (1 + number(dice, 5)),
            4..=6 => 1 + number(dice, 200_000),
            _ => DAY,
        };
        let copies = if ties && dice.below(6) == 0 { 2 + dice.below(2) } else { 1 };
        let same = dice.below(2) == 0;
        for copy in (0..copies).rev() {
            let seq = if same { 0 } else { copy };
            all.push(Made { at, seq, tag: dice.below(7) == 0, held: false, unfinished: false });
        }
    }
    all
}

fn ask(dice: &mut Dice, kinds: &str) -> Ask {
    let zones =
        [Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kathmandu, Tz::Australia__Lord_Howe];
    let mut ask = Ask { zone: zones[dice.index(zones.len())], ..Ask::default() };
    if dice.below(3) == 0 {
        ask.last = Some(1 + dice.index(12));
    }
    for kind in kinds.chars() {
        if dice.below(3) == 0 {
            ask.counts.push((kind, 1 + dice.index(10)));
        }
    }
    ask
}

/// Returns the builds that ours keeps, by their index, with the floor at 1 and at the time of the newest build.
fn ours(builds: &[Made], ask: &Ask, partial: &str) -> BTreeSet<usize> {
    let mut rules = String::new();
    if let Some(last) = ask.last {
        writeln!(rules, "      - {{last: {last}}}").unwrap();
    }
    let word = |kind: &char| WORDS.iter().find(|(letter, _)| letter == kind).unwrap().1;
    for (kind, count) in &ask.counts {
        writeln!(rules, "      - {{{}: {{count: {count}}}}}", word(kind)).unwrap();
    }
    for (kind, days) in &ask.each {
        writeln!(rules, "      - {{{}: {{within: {days}d}}}}", word(kind)).unwrap();
    }
    if let Some(hours) = ask.within_hours {
        writeln!(rules, "      - {{within: {hours}h}}").unwrap();
    }
    if ask.tag {
        rules.push_str("      - {label: {tag: \"yes\"}}\n");
    }
    let keep = if rules.is_empty() { " []\n".to_owned() } else { format!("\n{rules}") };
    let text = format!(
        "version: 1\ntimezone: {}\ndefaults: {{floor: 1, min_age: 0h, superseded_grace: 0h}}\nfamilies:\n  - name: all\n    match: \"**\"\n    partial: {partial}\n    keep:{keep}",
        ask.zone.name()
    );
    let name = |index: usize, made: &Made| format!("{}.{index}", stamp(made.at));
    let census = |(index, made): (usize, &Made)| {
        let at = Some(stamp(made.at));
        let label = || LabelCensus { value: "yes".to_owned(), since: at, who: None, url: None };
        BuildCensus {
            created: at,
            seq: made.seq,
            published: at,
            last_activity: at,
            result: if made.unfinished { Outcome::Partial } else { Outcome::Success },
            labels: made.tag.then(|| ("tag".to_owned(), label())).into_iter().collect(),
            holds: made.held.then(|| super::world::hold(Stamp::MAX)).into_iter().collect(),
            ..BuildCensus::named(name(index, made).parse().unwrap())
        }
    };
    let mut all = Census::empty(stamp(builds[0].at));
    let stream = "master/x".parse().unwrap();
    all.streams.push(StreamCensus { stream, builds: builds.iter().enumerate().map(census).collect() });
    let kept = with(&plan(&all, &policy(&text), stamp(builds[0].at)), Fate::Keep);
    let index = |name: &str| name.rsplit_once('.').unwrap().1.parse::<usize>().unwrap();
    kept.iter().map(|id| index(id.name.as_str())).collect()
}

fn stamp(at: i64) -> Stamp {
    Stamp::from_unix(at).unwrap()
}

/// Adds what is undone of the differences that every tool has: ties and the floor.
fn common(builds: &[Made], kept: &mut BTreeSet<usize>, undone: &[Difference]) {
    let successes: Vec<usize> = (0..builds.len()).filter(|index| !builds[*index].unfinished).collect();
    if let Some(newest) = successes.first().filter(|_| undone.contains(&Floor)) {
        kept.insert(*newest);
    }
    if undone.contains(&Ties) {
        let age = |index: &usize| (builds[*index].at, builds[*index].seq, builds[*index].unfinished);
        let ages: HashSet<(i64, u64, bool)> = kept.iter().map(age).collect();
        kept.extend((0..builds.len()).filter(|index| ages.contains(&age(index))));
    }
}

/// restic `forget`, and rustic, whose rule is the same and knows quarters: newest first, each rule keeps a snapshot when
/// its period is another one than that of the last it kept, and the oldest snapshot when it has places left.
fn restic(builds: &[Made], ask: &Ask, undone: &[Difference]) -> BTreeSet<usize> {
    let none = ask.last.is_none() && ask.counts.is_empty() && ask.within_hours.is_none();
    let all = none && ask.each.is_empty() && !ask.tag;
    if all && !undone.contains(&NoRules) {
        return (0..builds.len()).collect();
    }
    let mut kept = BTreeSet::new();
    let newest = builds[0].at;
    let inside =
        |at: i64, length: i64| at + length > newest || (undone.contains(&Edge) && at + length == newest);
    let fills = |index: usize| index + 1 == builds.len() && !undone.contains(&Oldest);
    kept.extend(0..ask.last.unwrap_or(0).min(builds.len()));
    if let Some(hours) = ask.within_hours {
        kept.extend((0..builds.len()).filter(|index| inside(builds[*index].at, hours * HOUR)));
    }
    for (kind, count) in &ask.counts {
        let (mut left, mut last) = (*count, String::new());
        for (index, made) in builds.iter().enumerate() {
            let period = period(*kind, made.at, ask.zone);
            if left > 0 && (period != last || fills(index)) {
                kept.insert(index);
                (left, last) = (left - 1, period);
            }
        }
    }
    for (kind, days) in &ask.each {
        let mut last = String::new();
        for (index, made) in builds.iter().enumerate() {
            let period = period(*kind, made.at, ask.zone);
            if inside(made.at, days * DAY) && (period != last || fills(index)) {
                kept.insert(index);
                last = period;
            }
        }
    }
    common(builds, &mut kept, undone);
    if ask.tag {
        kept.extend((0..builds.len()).filter(|index| builds[*index].tag));
    }
    kept
}

/// borg `prune`: from the finest rule to the coarsest, each takes the newest of each period; one that a finer rule keeps
/// takes no place, and the oldest archive is kept when a rule has places left.
fn borg(builds: &[Made], ask: &Ask, undone: &[Difference]) -> BTreeSet<usize> {
    let newest = builds[0].at;
    let inside =
        |at: i64, length: i64| at + length > newest || (undone.contains(&Edge) && at + length == newest);
    let mut kept = BTreeSet::new();
    if let Some(hours) = ask.within_hours {
        kept.extend((0..builds.len()).filter(|index| inside(builds[*index].at, hours * HOUR)));
    }
    let last = ask.last.map(|last| ('s', last));
    for (kind, count) in last.into_iter().chain(ask.counts.iter().copied()) {
        let before = if undone.contains(&Finer) { BTreeSet::new() } else { kept.clone() };
        let (mut taken, mut seen) = (0, String::new());
        for (index, made) in builds.iter().enumerate() {
            let now = if kind == 's' { made.at.to_string() } else { period(kind, made.at, ask.zone) };
            if now != seen && taken < count {
                seen = now;
                if !before.contains(&index) {
                    taken += 1;
                    kept.insert(index);
                }
            }
        }
        if taken < count && !undone.contains(&Oldest) {
            kept.insert(builds.len() - 1);
        }
    }
    common(builds, &mut kept, undone);
    kept
}

/// Kopia: the newest snapshot of each of so many periods, none older than so many periods before the newest snapshot.
/// Incomplete ones stay until a complete one follows, the three newest and those of the last four hours.
fn kopia(builds: &[Made], ask: &Ask, undone: &[Difference]) -> BTreeSet<usize> {
    let mut kept = BTreeSet::new();
    let complete: Vec<usize> = (0..builds.len()).filter(|index| !builds[*index].unfinished).collect();
    kept.extend(complete.iter().take(ask.last.unwrap_or(0)));
    let newest = complete.first().map_or(0, |index| builds[*index].at);
    for (kind, count) in &ask.counts {
        let n = i64::try_from(*count).unwrap();
        let date = |months: i64| {
            let at = DateTime::<Utc>::from_timestamp(newest, 0).unwrap();
            at.checked_sub_months(chrono::Months::new(u32::try_from(months).unwrap())).unwrap().timestamp()
        };
        let from = match kind {
            'h' => newest - n * HOUR,
            'd' => newest - n * DAY,
            'w' => newest - n * 7 * DAY,
            'm' => date(n),
            _ => date(12 * n),
        };
        let mut seen = HashSet::new();
        for index in &complete {
            let at = builds[*index].at;
            let old = at < from && !undone.contains(&EmptyPeriods);
            let period = period(*kind, at, ask.zone);
            if !old && seen.len() < *count && seen.insert(period) {
                kept.insert(*index);
            }
        }
    }
    let mut seen = 0;
    for (index, made) in builds.iter().enumerate() {
        if !made.unfinished && !undone.contains(&Unfinished) {
            break;
        }
        let (age, most) = (builds[0].at - made.at, 4 * HOUR);
        if made.unfinished && (seen < 3 || age < most) {
            kept.insert(index);
        }
        seen += usize::from(made.unfinished);
    }
    common(builds, &mut kept, undone);
    kept
}

/// Proxmox Backup: from the finest rule to the coarsest, with a mark for each snapshot. A period in which a finer rule
/// keeps one takes no place; protected snapshots take none either.
fn proxmox(builds: &[Made], ask: &Ask, undone: &[Difference]) -> BTreeSet<usize> {
    if ask.last.is_none() && ask.counts.is_empty() && !undone.contains(&NoRules) {
        return (0..builds.len()).collect();
    }
    let mut keep: BTreeMap<usize, bool> = BTreeMap::new();
    let mut kept: BTreeSet<usize> = (0..builds.len()).filter(|index| builds[*index].held).collect();
    let held = |index: &usize| builds[*index].held && !undone.contains(&Protected);
    for (kind, count) in ask.last.map(|last| ('s', last)).into_iter().chain(ask.counts.iter().copied()) {
        if undone.contains(&Finer) {
            keep.clear();
        }
        let key = |index: usize| {
            let at = builds[index].at;
            if kind == 's' { at.to_string() } else { period(kind, at, ask.zone) }
        };
        let before: HashSet<String> =
            keep.iter().filter(|(_, kept)| **kept).map(|(index, _)| key(*index)).collect();
        let mut taken = HashSet::new();
        for index in (0..builds.len()).filter(|index| !held(index)) {
            let key = key(index);
            if keep.contains_key(&index) || before.contains(&key) {
                continue;
            }
            let first = !taken.contains(&key);
            if first && taken.len() >= count {
                break;
            }
            taken.insert(key);
            keep.insert(index, first);
        }
        kept.extend(keep.iter().filter(|(_, kept)| **kept).map(|(index, _)| *index));
    }
    common(builds, &mut kept, undone);
    kept
}

/// Compares a tool with ours over all cases, and returns in how many both keep the same, and in how many each difference
/// matters: leaving it alone as it is, and undoing all others, changes what is kept.
#[track_caller]
fn compared(
    seed: u64,
    differences: &[Difference],
    case: impl Fn(&mut Dice) -> (Vec<Made>, Ask),
    tool: impl Fn(&[Made], &Ask, &[Difference]) -> BTreeSet<usize>,
    partial: &str,
) -> (usize, Vec<usize>) {
    let (mut same, mut matter) = (0, vec![0; differences.len()]);
    for number in 0..CASES {
        let mut dice = Dice((seed * 10_000 + number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.below(9);
        let (builds, ask) = case(&mut dice);
        let ours = ours(&builds, &ask, partial);
        let all = tool(&builds, &ask, differences);
        assert_eq!(ours, all, "case {number} of seed {seed}: {ask:?}\n{builds:#?}");
        same += usize::from(tool(&builds, &ask, &[]) == ours);
        for (count, difference) in matter.iter_mut().zip(differences) {
            let others: Vec<Difference> =
                differences.iter().filter(|other| *other != difference).copied().collect();
            *count += usize::from(tool(&builds, &ask, &others) != ours);
        }
    }
    (same, matter)
}

#[test]
fn restic_keeps_the_same_but_for_what_is_documented() {
    let case = |dice: &mut Dice| {
        let builds = made(dice, true);
        let mut ask = ask(dice, "hdwmy");
        ask.within_hours = (dice.below(4) == 0).then(|| 24 * number(dice, 40) + 1 + number(dice, 2) * 23);
        ask.tag = dice.below(6) == 0;
        for kind in "hdwmy".chars() {
            if dice.below(6) == 0 {
                ask.each.push((kind, 1 + number(dice, 90)));
            }
        }
        (builds, ask)
    };
    let differences = [Floor, Oldest, Ties, Edge, NoRules];
    assert_eq!(compared(1, &differences, case, restic, "[]"), (99, vec![4, 111, 84, 8, 3]));
}

#[test]
fn rustic_keeps_the_same_but_for_what_is_documented() {
    let case = |dice: &mut Dice| {
        let builds = made(dice, true);
        let mut ask = ask(dice, "hdwmqy");
        // Without a rule rustic ends with an error.
        ask.tag = dice.below(6) == 0 || (ask.last.is_none() && ask.counts.is_empty());
        (builds, ask)
    };
    let differences = [Floor, Oldest, Ties];
    assert_eq!(compared(2, &differences, case, restic, "[]"), (78, vec![20, 134, 69]));
}

/// Builds of different seconds, since both tools count several of one second as one.
fn apart(dice: &mut Dice) -> Vec<Made> {
    let mut builds = made(dice, false);
    builds.dedup_by_key(|made| made.at);
    builds
}

#[test]
fn borg_keeps_the_same_but_for_what_is_documented() {
    let case = |dice: &mut Dice| {
        let (builds, mut ask) = (apart(dice), ask(dice, "hdwmqy"));
        ask.within_hours = (dice.below(4) == 0).then(|| 24 * (1 + number(dice, 40)));
        if ask.last.is_none() && ask.counts.is_empty() && ask.within_hours.is_none() {
            // Without a rule borg ends with an error.
            ask.counts.push(('d', 7));
        }
        (builds, ask)
    };
    let differences = [Oldest, Edge, Finer];
    assert_eq!(compared(3, &differences, case, borg, "[]"), (66, vec![131, 13, 97]));
}

#[test]
fn kopia_keeps_the_same_but_for_what_is_documented() {
    let case = |dice: &mut Dice| {
        let mut builds = made(dice, true);
        for made in &mut builds {
            made.unfinished = dice.below(8) == 0;
        }
        let mut ask = ask(dice, "hdwmy");
        ask.zone = Tz::UTC;
        (builds, ask)
    };
    let differences = [Floor, Ties, EmptyPeriods, Unfinished];
    let partial = "[{within: 4h}, {last: 3}]";
    assert_eq!(compared(4, &differences, case, kopia, partial), (16, vec![21, 73, 84, 226]));
}

#[test]
fn proxmox_keeps_the_same_but_for_what_is_documented() {
    let case = |dice: &mut Dice| {
        let (mut builds, ask) = (apart(dice), ask(dice, "hdwmy"));
        for made in &mut builds {
            made.held = dice.below(10) == 0;
        }
        (builds, ask)
    };
    let differences = [Floor, Finer, NoRules, Protected];
    assert_eq!(compared(5, &differences, case, proxmox, "[]"), (103, vec![17, 76, 18, 98]));
}

/// A build a day for two years and a half: what a user of borg's manual wants is 14 days, 6 months and a year.
#[test]
fn days_months_and_a_year_keep_what_a_calendar_shows() {
    let newest = 1_736_899_200; // 15 January 2025
    let builds: Vec<Made> = (0..900)
        .map(|back| Made { at: newest - back * DAY, seq: 0, tag: false, held: false, unfinished: false })
        .collect();
    let ask = Ask { counts: vec![('d', 14), ('m', 6), ('q', 4), ('y', 1)], ..Ask::default() };
    let day = |index: usize| local(builds[index].at, Tz::UTC).format("%m-%d").to_string();
    let shown = |kept: BTreeSet<usize>| kept.into_iter().skip(14).map(day).collect::<Vec<_>>().join(" ");
    assert_eq!(local(builds[0].at, Tz::UTC).hour(), 0);
    // The newest day stands for its month, quarter and year, too.
    assert_eq!(shown(ours(&builds, &ask, "[]")), "12-31 11-30 10-31 09-30 08-31 06-30");
    // borg goes on counting behind what the days keep.
    assert_eq!(
        shown(borg(&builds, &ask, &[])),
        "12-31 11-30 10-31 09-30 08-31 07-31 06-30 03-31 12-31 09-30 12-31"
    );
}

#[test]
fn every_difference_is_in_the_documentation() {
    let manual = include_str!("../../../docs/policy.md");
    for (difference, sentence) in SENTENCES {
        assert!(manual.contains(sentence), "{difference:?}: {sentence}");
    }
}
