//! Two plans side by side as one page, for a browser: what each keeps, by which rule, day by day and stream by stream.
//!
//! The page needs no other file, and no script. What others wrote is escaped.

use crate::census::Census;
use crate::decide::{Fate, PartFate, Plan, Verdict};
use crate::model::{BuildId, BuildName, Stamp, Stream, shown};
use crate::render::calendar::{calendar, day_of, first_of};
use crate::render::chart::panels;
use crate::render::paint::{bytes, count};
use crate::render::{Series, chart};
use askama::Template;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many weeks a calendar has at most, how many streams have calendars, and how many builds are listed.
const WEEKS: i64 = 53;
const STREAMS: usize = 50;
const CHANGES: usize = 1000;

/// The classes of rules, those that keep most first; all others share the last.
const CLASSES: [&str; 8] = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "other"];

/// One of two plans.
#[derive(Debug, Clone, Copy)]
pub struct PolicySide<'a> {
    /// What it is, for people.
    pub name: &'a str,
    /// The builds that are there.
    pub census: &'a Census,
    /// What becomes of them.
    pub plan: &'a Plan,
    /// How many bytes are freed of each build, where that is known.
    pub freed: Option<&'a HashMap<BuildId, u64>>,
}

/// A build of which the two plans differ.
#[derive(Debug, Clone)]
pub struct ChangedBuild {
    /// Which build.
    pub id: BuildId,
    /// What the second plan does with it, in words.
    pub change: String,
    /// By which rules one of them keeps it, or which parts differ.
    pub by: String,
    /// How many bytes that frees.
    pub bytes: Option<u64>,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    title: String,
    style: &'static str,
    sides: [SideFacts; 2],
    charts: Vec<Drawn>,
    told: String,
    legend: Vec<Legend>,
    rows: Vec<TotalsRow>,
    streams: Vec<StreamCalendars>,
    more_streams: String,
    changes: Vec<ChangeRow>,
    more_changes: String,
}

struct SideFacts {
    name: String,
    at: String,
    kept: String,
    bytes: String,
    going: String,
    freed: String,
    parts: String,
}

struct Legend {
    class: &'static str,
    name: String,
    counts: String,
}

struct TotalsRow {
    stream: String,
    sides: [Cells; 2],
}

struct Cells {
    kept: u64,
    bytes: String,
    going: u64,
    freed: String,
    parts: String,
}

struct StreamCalendars {
    name: String,
    id: String,
    charts: Vec<Drawn>,
    earlier: String,
}

struct Drawn {
    name: String,
    svg: String,
}

struct ChangeRow {
    id: String,
    change: String,
    by: String,
    bytes: String,
}

/// What becomes of the builds of a stream.
#[derive(Default)]
struct Totals<'a> {
    kept: u64,
    bytes: u64,
    going: u64,
    withheld: u64,
    freed: u64,
    /// How many builds lose each part.
    parts: BTreeMap<&'a str, u64>,
    /// What becomes of the builds of each day: the rule that keeps one, or nothing.
    days: BTreeMap<i64, Vec<(Fate, Option<&'a str>)>>,
}

/// Returns the page; `series` is what a simulation between the two found.
pub fn policy_page(
    title: &str,
    sides: [PolicySide<'_>; 2],
    series: &[Series],
    changes: &[ChangedBuild],
) -> String {
    let totals = sides.map(|side| by_stream(&side));
    let streams: BTreeSet<&Stream> = totals.iter().flat_map(BTreeMap::keys).copied().collect();
    let rules = rules(&totals);
    let class = |rule: Option<&str>| {
        let at = rules.iter().position(|(name, _)| Some(*name) == rule);
        at.and_then(|at| CLASSES.get(at)).copied().unwrap_or("other")
    };
    let changed: BTreeSet<&Stream> = changes.iter().map(|change| &change.id.stream).collect();
    // Where the plans are alike, there is nothing to compare.
    let drawn: Vec<&Stream> =
        streams.iter().copied().filter(|stream| !series.is_empty() || changed.contains(stream)).collect();
    let none = Totals::default();
    let of = |stream: &Stream| totals.each_ref().map(|totals| totals.get(stream).unwrap_or(&none));
    let names = sides.map(|side| shown(side.name).into_owned());
    let calendars = drawn.iter().take(STREAMS).enumerate().filter_map(|(nth, stream)| {
        let both = of(stream);
        let days = || both.iter().flat_map(|totals| totals.days.keys().copied());
        let (oldest, last) = (days().min()?, days().max()?);
        let first = first_of(last, WEEKS).max(first_of(oldest, 1));
        let labels = ["The first plan day by day", "The second plan day by day"];
        let chart = |((totals, name), label): ((&&Totals<'_>, &String), &str)| Drawn {
            name: name.clone(),
            svg: calendar(label, first, last, |day| cell(totals.days.get(&day), &class)),
        };
        let earlier = both.iter().flat_map(|totals| totals.days.range(..first));
        let earlier: usize = earlier.map(|(_, builds)| builds.len()).max().unwrap_or_default();
        Some(StreamCalendars {
            name: shown(stream.as_str()).into_owned(),
            id: format!("stream-{nth}"),
            charts: both.iter().zip(&names).zip(labels).map(chart).collect(),
            earlier: match earlier {
                0 => String::new(),
                _ => "Earlier builds are not drawn.".to_owned(),
            },
        })
    });
    let row = |stream: &&Stream| TotalsRow {
        stream: shown(stream.as_str()).into_owned(),
        sides: of(stream).map(Cells::of),
    };
    let facts = |at: usize| {
        let mut sum = Totals::default();
        totals.get(at).into_iter().flat_map(BTreeMap::values).for_each(|one| sum.add(one));
        SideFacts::of(sides.get(at), &sum)
    };
    let legend = rules.iter().take(CLASSES.len() - 1).zip(CLASSES).map(|((rule, [one, other]), class)| {
        Legend { class, name: shown(rule).into_owned(), counts: format!("{one} and {other}") }
    });
    let mut legend: Vec<Legend> = legend.collect();
    if rules.len() >= CLASSES.len() {
        legend.push(Legend { class: "other", name: "other rules".to_owned(), counts: String::new() });
    }
    legend.push(Legend {
        class: "withheld",
        name: "withheld by a brake or freeze".to_owned(),
        counts: String::new(),
    });
    legend.push(Legend { class: "gone", name: "expires".to_owned(), counts: String::new() });
    let (charts, told) = if series.is_empty() {
        (Vec::new(), String::new())
    } else {
        let (builds, size) = panels(series);
        let drawn = |name: &str, svg| Drawn { name: name.to_owned(), svg };
        (vec![drawn("Builds", builds), drawn("Bytes", size)], chart::told(series))
    };
    let page = PolicyPage {
        title: shown(title).into_owned(),
        style: include_str!("../../templates/style.css"),
        sides: [facts(0), facts(1)],
        charts,
        told,
        legend,
        rows: streams.iter().map(row).collect(),
        streams: calendars.collect(),
        more_streams: more(drawn.len(), STREAMS, "stream"),
        changes: changes.iter().take(CHANGES).map(ChangeRow::of).collect(),
        more_changes: more(changes.len(), CHANGES, "build"),
    };
    // Nothing fails in memory.
    page.render().unwrap_or_default()
}

fn more(all: usize, listed: usize, noun: &str) -> String {
    match all.saturating_sub(listed) as u64 {
        0 => String::new(),
        more => format!("{} more are not shown.", count(more, noun)),
    }
}

/// Returns what becomes of the builds of each stream.
fn by_stream<'a>(side: &PolicySide<'a>) -> BTreeMap<&'a Stream, Totals<'a>> {
    let mut streams: BTreeMap<&Stream, Totals<'a>> = BTreeMap::new();
    for line in &side.census.streams {
        let totals = streams.entry(&line.stream).or_default();
        let verdicts = side.plan.of_stream(&line.stream);
        let verdicts: HashMap<&BuildName, &Verdict> =
            verdicts.iter().map(|verdict| (&verdict.id.name, verdict)).collect();
        for build in &line.builds {
            let Some(verdict) = verdicts.get(&build.build) else { continue };
            totals.count(verdict, build.bytes, side.freed, build.created);
        }
    }
    streams.retain(|_, totals| totals.kept + totals.going > 0);
    streams
}

/// Returns every rule that keeps a build of either plan, those that keep most first, with the number of builds of each plan.
fn rules<'a>(totals: &[BTreeMap<&Stream, Totals<'a>>; 2]) -> Vec<(&'a str, [u64; 2])> {
    let mut rules: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for (side, totals) in totals.iter().enumerate() {
        let builds = totals.values().flat_map(|totals| totals.days.values().flatten());
        for rule in builds.filter_map(|(_, rule)| *rule) {
            if let Some(count) = rules.entry(rule).or_default().get_mut(side) {
                *count += 1;
            }
        }
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(name, counts)| (std::cmp::Reverse(counts.iter().sum::<u64>()), *name));
    rules
}

/// Returns the class of a day and what is told of it: that of the rule that keeps most of its builds.
fn cell(
    builds: Option<&Vec<(Fate, Option<&str>)>>,
    class: &impl Fn(Option<&str>) -> &'static str,
) -> (&'static str, String) {
    let Some(builds) = builds else { return ("empty", "no build".to_owned()) };
    let kept: Vec<&str> = builds.iter().filter_map(|(_, rule)| *rule).collect();
    let withheld = builds.iter().filter(|(fate, _)| *fate == Fate::Withheld).count();
    let mut told = format!("{} of {} kept", kept.len(), builds.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in &kept {
        *counts.entry(rule).or_default() += 1;
    }
    if !counts.is_empty() {
        let rules: Vec<String> = counts.keys().map(|rule| escaped(rule)).collect();
        told += &format!(" ({})", rules.join(", "));
    }
    if withheld > 0 {
        told += &format!(", {withheld} withheld");
    }
    let most = counts.iter().max_by_key(|(_, count)| **count).map(|(rule, _)| *rule);
    match (most, withheld) {
        (Some(_), _) => (class(most), told),
        (None, 0) => ("gone", told),
        (None, _) => ("withheld", told),
    }
}

/// Returns a text of others as an element holds it.
fn escaped(text: &str) -> String {
    shown(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl<'a> Totals<'a> {
    fn count(
        &mut self,
        verdict: &'a Verdict,
        size: Option<u64>,
        freed: Option<&HashMap<BuildId, u64>>,
        created: Option<Stamp>,
    ) {
        let last = verdict.reasons.iter().find(|reason| reason.until == verdict.kept_until);
        let rule = last.or(verdict.reasons.first()).map(|reason| &*reason.rule);
        let stays = matches!(verdict.fate, Fate::Keep | Fate::Blocked);
        if stays {
            self.kept += 1;
            self.bytes = self.bytes.saturating_add(size.unwrap_or_default());
        } else {
            self.going += 1;
            self.withheld += u64::from(verdict.fate == Fate::Withheld);
        }
        let known = freed.and_then(|freed| freed.get(&verdict.id)).copied();
        let known = known.or(size.filter(|_| !stays && freed.is_none()));
        self.freed = self.freed.saturating_add(known.unwrap_or_default());
        for (name, fate) in verdict.parts.iter().filter(|_| stays) {
            if matches!(fate, PartFate::Expire | PartFate::Withheld) {
                *self.parts.entry(name).or_default() += 1;
            }
        }
        if let Some(created) = created {
            let rule = rule.unwrap_or("cannot be evaluated");
            let kept = stays.then_some(rule);
            self.days.entry(day_of(created)).or_default().push((verdict.fate, kept));
        }
    }

    fn add(&mut self, other: &Self) {
        self.kept += other.kept;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.going += other.going;
        self.withheld += other.withheld;
        self.freed = self.freed.saturating_add(other.freed);
        for (name, count) in &other.parts {
            *self.parts.entry(name).or_default() += count;
        }
    }

    /// Returns how many builds lose which parts.
    fn parts(&self) -> String {
        let parts = self.parts.iter().map(|(name, count)| format!("{name}: {count}"));
        shown(&parts.collect::<Vec<_>>().join(", ")).into_owned()
    }
}

impl Cells {
    fn of(totals: &Totals<'_>) -> Self {
        Self {
            kept: totals.kept,
            bytes: bytes(totals.bytes),
            going: totals.going,
            freed: bytes(totals.freed),
            parts: totals.parts(),
        }
    }
}

impl SideFacts {
    fn of(side: Option<&PolicySide<'_>>, sum: &Totals<'_>) -> Self {
        let withheld = match sum.withheld {
            0 => String::new(),
            withheld => format!(", {withheld} withheld"),
        };
        Self {
            name: side.map(|side| shown(side.name).into_owned()).unwrap_or_default(),
            at: side.map(|side| side.plan.at.iso()).unwrap_or_default(),
            kept: count(sum.kept, "build"),
            bytes: bytes(sum.bytes),
            going: format!("{}{withheld}", count(sum.going, "build")),
            freed: bytes(sum.freed),
            parts: sum.parts(),
        }
    }
}

impl ChangeRow {
    fn of(change: &ChangedBuild) -> Self {
        Self {
            id: shown(&change.id.to_string()).into_owned(),
            change: change.change.clone(),
            by: shown(&change.by).into_owned(),
            bytes: change.bytes.map(bytes).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::census::{BuildCensus, StreamCensus};
    use crate::decide::policy::Policy;
    use crate::decide::{PreviousRuns, retain};
    use crate::model::Outcome;

    fn at(day: i64) -> Stamp {
        Stamp::from_unix((20_000 + day) * 86_400).unwrap()
    }

    fn census(days: i64) -> Census {
        let mut census = Census::empty(at(days));
        let build = |day| BuildCensus {
            created: Some(at(day)),
            published: Some(at(day)),
            result: Outcome::Success,
            bytes: Some(1024),
            ..BuildCensus::named(at(day).to_string().parse().unwrap())
        };
        let stream = "main/<x>".parse().unwrap();
        census.streams.push(StreamCensus { stream, builds: (0..days).map(build).collect() });
        census
    }

    fn policy(keep: &str) -> Policy {
        let text = "version: 1\ndefaults: {floor: 1, min_age: 0h, superseded_grace: 0h}\n";
        Policy::load(&format!("{text}families: [{{name: a, match: \"**\", keep: {keep}}}]\n"), "a test")
            .unwrap()
    }

    #[test]
    fn two_plans_are_side_by_side_and_nothing_of_others_is_markup() {
        let census = census(10);
        let [old, new] = ["[{last: 4}]", "[{last: 2}]"]
            .map(|keep| retain(&census, &policy(keep), census.at, &PreviousRuns::default()));
        let side = |name, plan| PolicySide { name, census: &census, plan, freed: None };
        let changes = [ChangedBuild {
            id: new.builds[6].id.clone(),
            change: "would expire".to_owned(),
            by: "last <4>".to_owned(),
            bytes: Some(1024),
        }];
        let page = policy_page("<a> & b", [side("old <i>", &old), side("new", &new)], &[], &changes);
        assert_eq!(page.matches("<svg class=\"calendar\"").count(), 2);
        for told in [
            "&#60;a&#62; &#38; b",
            "old &#60;i&#62;",
            "main/&#60;x&#62;",
            "last &#60;4&#62;",
            "4.00 KiB",
            "would expire",
        ] {
            assert!(page.contains(told), "{told} is not in {page}");
        }
        assert!(!page.contains("<i>") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("0 of 1 kept").count(), 14, "6 and 8 expire");
        // Without a difference there is nothing to draw.
        let same = policy_page("same", [side("a", &old), side("b", &old)], &[], &[]);
        assert_eq!(same.matches("<svg").count(), 0);
    }
}
