//! What the settings of a mirror lack for new streams, as text that can be pasted.
//!
//! Nothing is lacking where a person wrote something for the new stream, whatever it contains: only what is missing is reported, and
//! rules that were written for every other stream.

use super::{Counterparts, Pair};
use crate::decide::pipeline::Pipeline;
use crate::decide::policy::{Family, Keep, Policy, Rule, fits, start_of};
use crate::layout::{Addition, Layout};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A file of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// The layout.
    Layout,
    /// The policy.
    Policy,
    /// The pipeline.
    Pipeline,
    /// `mirror.yaml`.
    Mirror,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Layout => "layout",
            Self::Policy => "policy",
            Self::Pipeline => "pipeline",
            Self::Mirror => "mirror.yaml",
        })
    }
}

/// Something that settings lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lack {
    /// The file.
    pub setting: Setting,
    /// The place in the file.
    pub place: String,
    /// Why it is needed.
    pub why: String,
    /// The text to write there, as YAML; empty if none can be given.
    pub add: String,
}

impl Lack {
    /// Returns what a layout lacks.
    pub fn of_layout(addition: Addition) -> Self {
        let Addition { place, why, add } = addition;
        Self { setting: Setting::Layout, place, why, add }
    }
}

/// Returns the families that a policy lacks.
///
/// A counterpart is covered by the family of its old stream, by one with the same rules, and by one that was not written for the
/// old stream as well.
pub fn policy_lacks(policy: &Policy, counterparts: &Counterparts, pairs: &[Pair]) -> Vec<Lack> {
    let mut missing: BTreeMap<usize, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        let at = |name: &str| policy.families.iter().position(|family| fits(&family.pattern, name));
        let (old, new) = (at(pair.old.as_str()), at(pair.new.as_str()));
        let of = |at: Option<usize>| policy.families.get(at?);
        let is_covered = match (of(old), of(new)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(old), Some(new)) => {
                !fits(&new.pattern, pair.old.as_str()) || std::ptr::eq(old, new) || same_rules(old, new)
            }
        };
        if let Some(old) = old.filter(|_| !is_covered) {
            missing.entry(old).or_default().push(pair);
        }
    }
    let mut names: BTreeSet<String> = policy.families.iter().map(|family| family.name.clone()).collect();
    let mut lacks = Vec::new();
    for (index, pairs) in missing {
        let Some(family) = policy.families.get(index) else { continue };
        for (pattern, pairs) in patterns(family, counterparts, &pairs) {
            let takes = |one: &&Family| pairs.iter().any(|pair| fits(&one.pattern, pair.new.as_str()));
            let wider = policy.families.iter().find(takes);
            let name = free(&named(family, counterparts), &names);
            names.insert(name.clone());
            let new = some(pairs.iter().map(|pair| pair.new.as_str()));
            lacks.push(Lack {
                setting: Setting::Policy,
                place: match wider {
                    Some(wider) => format!("`families`, before `{}`", wider.name),
                    None => "`families`, at the end".to_owned(),
                },
                why: match wider {
                    Some(wider) => format!(
                        "`{}` has its own family `{}`, and {new} would belong to `{}`, which has other rules",
                        counterparts.old(),
                        family.name,
                        wider.name
                    ),
                    None => {
                        format!("no family has {new}; `{}` belongs to `{}`", counterparts.old(), family.name)
                    }
                },
                add: family_text(policy, index, &name, &pattern),
            });
        }
    }
    lacks
}

/// Returns patterns that together fit the counterparts and none of the old streams, with the pairs of each.
fn patterns<'p>(
    family: &Family,
    counterparts: &Counterparts,
    pairs: &[&'p Pair],
) -> Vec<(String, Vec<&'p Pair>)> {
    let like = family.pattern.as_str().replacen(counterparts.old(), counterparts.new_text(), 1);
    let fitting = |text: &str, pair: &Pair| {
        glob::Pattern::new(text).is_ok_and(|pattern| fits(&pattern, pair.new.as_str()))
    };
    let is_of_old = |text: &str| {
        glob::Pattern::new(text)
            .is_ok_and(|pattern| pairs.iter().any(|pair| fits(&pattern, pair.old.as_str())))
    };
    if !is_of_old(&like) && pairs.iter().all(|pair| fitting(&like, pair)) {
        return vec![(like, pairs.to_vec())];
    }
    let patterns = counterparts.patterns(pairs.iter().copied());
    let of = |text: String| {
        let of: Vec<&Pair> = pairs.iter().copied().filter(|pair| fitting(&text, pair)).collect();
        (text, of)
    };
    patterns.into_iter().map(of).collect()
}

/// Returns the name of the family of the counterparts.
fn named(family: &Family, counterparts: &Counterparts) -> String {
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let (old, new) = (last(counterparts.old()), last(counterparts.new_text()));
    if family.name.contains(&old) {
        return family.name.replacen(&old, &new, 1);
    }
    let plain = |text: &str| text.replace('*', "").replace('/', "-").trim_matches('-').to_owned();
    let new =
        Some(plain(&new)).filter(|new| !new.is_empty()).unwrap_or_else(|| plain(counterparts.new_text()));
    format!("{}-{new}", family.name)
}

fn free(name: &str, names: &BTreeSet<String>) -> String {
    let others = (2..=names.len() + 2).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(others).find(|name| !names.contains(name)).unwrap_or_default()
}

/// Returns the entry of a family with another name and other streams.
fn family_text(policy: &Policy, index: usize, name: &str, pattern: &str) -> String {
    let file: Value = serde_yaml::from_str(policy.text()).unwrap_or_default();
    let Some(mut family) = file.get("families").and_then(|families| families.get(index)).cloned() else {
        return String::new();
    };
    if let Some(keys) = family.as_mapping_mut() {
        keys.insert("name".into(), name.into());
        keys.insert("match".into(), pattern.into());
    }
    // What was read from YAML can be written.
    indented(&serde_yaml::to_string(&[family]).unwrap_or_default())
}

/// Returns lines two columns to the right, where entries of a list are.
pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Returns whether two families treat a build alike.
fn same_rules(one: &Family, other: &Family) -> bool {
    let same = |one: &[Rule], other: &[Rule]| {
        one.len() == other.len()
            && one.iter().zip(other).all(|(one, other)| (&one.keep, &one.only) == (&other.keep, &other.only))
    };
    let lanes = |family: &Family| {
        [family.keep.clone(), family.failed.clone(), family.partial.clone(), family.empty.clone()]
    };
    let numbers = |family: &Family| {
        let spans = [family.min_age, family.superseded_grace].map(|span| span.to_string());
        (family.split.clone(), family.floor, family.shrink, spans)
    };
    numbers(one) == numbers(other)
        && lanes(one).iter().zip(&lanes(other)).all(|(one, other)| same(one, other))
        && one.parts.len() == other.parts.len()
        && one.parts.iter().zip(&other.parts).all(|(one, other)| {
            (&one.name, &one.paths) == (&other.name, &other.paths) && same(&one.keep, &other.keep)
        })
}

/// Returns the calendars by which the builds of the counterparts are kept, each with a family that counts by it.
pub fn calendars(policy: &Policy, pairs: &[Pair]) -> BTreeMap<String, String> {
    let mut calendars = BTreeMap::new();
    for family in pairs.iter().flat_map(|pair| [policy.family(&pair.old), policy.family(&pair.new)]).flatten()
    {
        for rule in family.all_rules() {
            if let Keep::Periods(of, ..) = &rule.keep {
                calendars.entry(of.clone()).or_insert_with(|| family.name.clone());
            }
        }
    }
    calendars
}

/// Returns the calendars that lack a day.
pub fn calendar_lacks(policy: &Policy, pairs: &[Pair], day: NaiveDate) -> Vec<Lack> {
    let file: Value = serde_yaml::from_str(policy.text()).unwrap_or_default();
    let (from, to) =
        (start_of(day, policy.zone), day.succ_opt().and_then(|next| start_of(next, policy.zone)));
    let mut lacks = Vec::new();
    for (calendar, family) in calendars(policy, pairs) {
        let is_on = |event: &crate::model::Stamp| {
            from.is_some_and(|from| *event >= from) && to.is_none_or(|to| *event < to)
        };
        if policy.events.get(&calendar).is_some_and(|events| events.iter().any(is_on)) {
            continue;
        }
        let listed = file.get("events").and_then(|events| events.get(&calendar)).and_then(Value::as_sequence);
        let mut days: Vec<String> =
            listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        days.push(day.to_string());
        days.sort();
        lacks.push(Lack {
            setting: Setting::Policy,
            place: "`events`".to_owned(),
            why: format!("the family `{family}` counts periods of `{calendar}`, which has no event on {day}"),
            add: format!("  {calendar}: [{}]\n", days.join(", ")),
        });
    }
    lacks
}

/// Returns the stages that have the old streams, and not their counterparts, except those that these are to do without.
pub fn pipeline_lacks(
    pipeline: &Pipeline,
    counterparts: &Counterparts,
    pairs: &[Pair],
    without_these: &BTreeSet<String>,
) -> Vec<Lack> {
    let mut lacks = Vec::new();
    for stage in pipeline.stages.iter().filter(|stage| !without_these.contains(&stage.name)) {
        let missing: Vec<&Pair> =
            pairs.iter().filter(|pair| stage.is_in(&pair.old) && !stage.is_in(&pair.new)).collect();
        if missing.is_empty() {
            continue;
        }
        let streams = stage.streams.iter().map(|pattern| pattern.as_str().to_owned());
        lacks.push(Lack {
            setting: Setting::Pipeline,
            place: format!("the stage `{}`", stage.name),
            why: without("it", counterparts, &missing),
            add: streams_text(streams, counterparts, &missing),
        });
    }
    lacks
}

/// Returns the aliases of a layout that are known in the old streams, and not in their counterparts.
pub fn aliases_lack(layout: &Layout, counterparts: &Counterparts, pairs: &[Pair]) -> Vec<Lack> {
    let mut missing: BTreeMap<usize, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs {
        let there = layout.alias_entries(&pair.new);
        for index in layout.alias_entries(&pair.old).difference(&there) {
            missing.entry(*index).or_default().push(pair);
        }
    }
    let file: Value = serde_yaml::from_str(layout.text()).unwrap_or_default();
    let text = |(index, pairs): (usize, Vec<&Pair>)| {
        let name = file.get("aliases").and_then(|aliases| aliases.get(index)?.get("name")?.as_str());
        Lack {
            setting: Setting::Layout,
            place: format!("`aliases`, the entry {} (`{}`)", index + 1, name.unwrap_or_default()),
            why: without("the alias", counterparts, &pairs),
            add: streams_text(layout.alias_streams(index), counterparts, &pairs),
        }
    };
    missing.into_iter().map(text).collect()
}

/// Returns the reason why the counterparts are missing.
pub(crate) fn without(what: &str, counterparts: &Counterparts, missing: &[&Pair]) -> String {
    let new = some(missing.iter().map(|pair| pair.new.as_str()));
    format!("{what} is in `{}`, and not in {new}", counterparts.old())
}

/// Returns a key `streams` with what it has and the counterparts.
fn streams_text(
    has: impl IntoIterator<Item = String>,
    counterparts: &Counterparts,
    missing: &[&Pair],
) -> String {
    let all = has.into_iter().chain(counterparts.patterns(missing.iter().copied()));
    // A text of JSON is one of YAML.
    let all: Vec<String> = all.map(|text| serde_json::to_string(&text).unwrap_or_default()).collect();
    format!("    streams: [{}]\n", all.join(", "))
}

/// How many streams a reason names.
const NAMED: usize = 3;

fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "version: 1
timezone: Europe/Berlin
events:
  release: [2025-02-15, \"2025-08-30T12:00:00Z\"]
families:
  # The last one.
  - {name: \"release 2024.1\", match: \"release/2024.1/**\", floor: 5, keep: [{within: 90d, where: {ok: \"yes\"}}, {periods: {of: release, n: 1}}]}
  - name: nightly
    match: \"**\"
    keep: [{last: 2}]
";

    fn pairs(counterparts: &Counterparts, streams: &[&str]) -> Vec<Pair> {
        let streams: Vec<crate::model::Stream> = streams.iter().map(|text| text.parse().unwrap()).collect();
        counterparts.pairs(&streams).unwrap()
    }

    /// Adds a text to a file before its line that begins so.
    fn pasted(file: &str, text: &str, before: &str) -> String {
        let at = file.find(before).unwrap();
        format!("{}{text}{}", &file[..at], &file[at..])
    }

    #[test]
    fn the_text_of_a_family_covers_the_counterparts_once_it_is_pasted() {
        let counterparts = Counterparts::read("release/2024.2", "release/2024.1").unwrap();
        let policy = Policy::load(POLICY, "p.yaml").unwrap();
        let all = pairs(&counterparts, &["release/2024.1/debian", "release/2024.1/centos"]);
        let lacks = policy_lacks(&policy, &counterparts, &all);
        let [lack] = &*lacks else { panic!("{lacks:?}") };
        assert_eq!(lack.place, "`families`, before `nightly`");
        assert!(
            lack.why.contains("`release/2024.2/centos`, `release/2024.2/debian` would belong to `nightly`"),
            "{lack:?}"
        );
        let text = pasted(POLICY, &lack.add, "  - name: nightly");
        let after = Policy::load(&text, "p.yaml").unwrap();
        assert_eq!(policy_lacks(&after, &counterparts, &all), Vec::new());
        let (old, new) = (&after.families[0], &after.families[1]);
        assert_eq!((&*new.name, new.pattern.as_str()), ("release 2024.2", "release/2024.2/**"));
        assert!(same_rules(old, new) && new.floor == 5);
        // What is written for the new stream is accepted, whatever it keeps.
        let other = text.replacen("within: 90d", "within: 10d", 1);
        assert_eq!(policy_lacks(&Policy::load(&other, "p.yaml").unwrap(), &counterparts, &all), Vec::new());
    }

    #[test]
    fn a_family_that_both_belong_to_and_equal_rules_lack_nothing() {
        let case = |families: &str, expected: usize| {
            let policy = Policy::load(&format!("version: 1\nfamilies:\n{families}"), "p.yaml").unwrap();
            let counterparts = Counterparts::read("b", "a").unwrap();
            let lacks = policy_lacks(&policy, &counterparts, &pairs(&counterparts, &["a", "a/x"]));
            assert_eq!(lacks.len(), expected, "{lacks:?}");
        };
        case("  - {name: all, match: \"**\", keep: [{last: 2}]}\n", 0);
        let own =
            "  - {name: a, match: a, keep: [{last: 2}]}\n  - {name: ax, match: a/x, keep: [{last: 2}]}\n";
        case(&format!("{own}  - {{name: all, match: \"**\", keep: [{{last: 2}}]}}\n"), 0);
        case(&format!("{own}  - {{name: all, match: \"**\", keep: [{{last: 3}}]}}\n"), 2);
        // One entry for each family of the old streams.
        case(own, 2);
        // Where the old streams have no family, the new ones need none.
        case("  - {name: c, match: c, keep: []}\n", 0);
    }

    #[test]
    fn a_calendar_has_the_day_or_an_instant_of_it() {
        let counterparts = Counterparts::read("release/2024.2", "release/2024.1").unwrap();
        let policy = Policy::load(POLICY, "p.yaml").unwrap();
        let all = pairs(&counterparts, &["release/2024.1/debian"]);
        let lacks = |day: &str| calendar_lacks(&policy, &all, day.parse().unwrap());
        assert!(lacks("2025-02-15").is_empty() && lacks("2025-08-30").is_empty());
        let found = lacks("2025-03-01");
        let [lack] = &*found else { panic!("{found:?}") };
        assert_eq!(lack.add, "  release: [2025-02-15, 2025-03-01, 2025-08-30T12:00:00Z]\n");
        let text = POLICY
            .lines()
            .map(|line| if line.starts_with("  release:") { lack.add.trim_end() } else { line });
        let text = text.collect::<Vec<_>>().join("\n");
        assert!(
            calendar_lacks(&Policy::load(&text, "p.yaml").unwrap(), &all, "2025-03-01".parse().unwrap())
                .is_empty()
        );
    }

    #[test]
    fn the_streams_of_a_stage_have_the_counterparts_once_they_are_pasted() {
        let file = "pipeline: 1\nstages:\n  - {name: testing, streams: \"**\", from: latest_build, pin: true}\n  - name: stable\n    streams: [\"r/1/**\", r/1]\n    from: testing\n    require: {votes: [smoke]}\n";
        let counterparts = Counterparts::read("r/2", "r/1").unwrap();
        let all = pairs(&counterparts, &["r/1/x", "r/1"]);
        let found =
            pipeline_lacks(&Pipeline::load(file, "p.yaml").unwrap(), &counterparts, &all, &BTreeSet::new());
        let [lack] = &*found else { panic!("{found:?}") };
        assert_eq!(lack.place, "the stage `stable`");
        let text = file.replace("    streams: [\"r/1/**\", r/1]\n", &lack.add);
        assert!(
            pipeline_lacks(&Pipeline::load(&text, "p.yaml").unwrap(), &counterparts, &all, &BTreeSet::new())
                .is_empty(),
            "{text}"
        );
    }
}
