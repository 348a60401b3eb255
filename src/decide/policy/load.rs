//! From the YAML of a policy to its meaning, every problem reported at once with its place.

mod limits;
mod rules;

use super::loading::Loading;
use super::rule::{ArchiveTo, Basis, Family, Keep, Mirrored, Part, Policy, Rule};
use super::schema::{ArchiveFile, FamilyFile, MirroredFile, PolicyFile, RuleFile};
use super::{PolicyError, Range, Span, covers, examples, unknown};
use crate::decide::targets::{mirror_address, target_name};
use crate::model::{Digest, Document, Stamp, by_place};
use chrono::NaiveDate;
use chrono_tz::Tz;
use rules::named;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// What holds when neither family nor defaults say otherwise.
const FLOOR: usize = 3;

/// What makes a name of a pattern fit more than itself.
const WILDCARDS: [char; 3] = ['*', '?', '['];

impl Policy {
    /// Reads a policy; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, PolicyError> {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Policy::schema);
        let document = Document::parse(text, file).map_err(PolicyError)?;
        let (raw, problems) = unknown::read(&document, &SCHEMA, unknown::pieces).map_err(PolicyError)?;
        let mut loading = Loading { document: &document, problems, zone: Tz::UTC };
        let policy = loading.policy(raw, text);
        if loading.problems.is_empty() { Ok(policy) } else { Err(PolicyError(by_place(loading.problems))) }
    }

    /// Returns the JSON schema of a policy file, by which editors complete and check it.
    pub fn schema() -> Value {
        schemars::schema_for!(PolicyFile).to_value()
    }
}

/// What families have in common.
struct Common {
    floor: usize,
    shrink: Option<f64>,
    min_age: Span,
    superseded_grace: Span,
    failed: Vec<Rule>,
    partial: Vec<Rule>,
    empty: Vec<Rule>,
}

impl Loading<'_> {
    fn policy(&mut self, raw: PolicyFile, text: &str) -> Policy {
        if raw.version != 1 {
            self.problem("version", format!("version {} is not known; 1 is accepted", raw.version));
        }
        self.zone(raw.timezone.as_deref());
        let events =
            raw.events.iter().map(|(name, list)| (name.clone(), self.calendar(name, list))).collect();
        let rules = |this: &mut Self, name: &str, raw: Option<&Vec<RuleFile>>, keep: Keep| match raw {
            Some(rules) => this.rules(&format!("defaults.{name}"), rules, name),
            None => vec![named(keep, BTreeMap::new(), format!("defaults.{name}"))],
        };
        let (d, activity) = (&raw.defaults, Basis::LastActivity);
        let common = Common {
            floor: self.floor("defaults.floor", d.floor.unwrap_or(FLOOR)),
            shrink: self.shrink("defaults.shrink", d.shrink.as_deref()),
            min_age: d.min_age.unwrap_or(Span::hours(24)),
            superseded_grace: d.superseded_grace.unwrap_or(Span::hours(48)),
            failed: rules(
                self,
                "failed",
                d.failed.as_ref(),
                Keep::Within(Range::fixed(Span::days(7)), Basis::Created),
            ),
            partial: rules(
                self,
                "partial",
                d.partial.as_ref(),
                Keep::Within(Range::fixed(Span::hours(24)), activity),
            ),
            empty: rules(self, "empty", d.empty.as_ref(), Keep::Last(Range::fixed(1))),
        };
        if raw.families.is_empty() {
            self.problem("families", "no family; expected at least one");
        }
        let families: Vec<Family> = (raw.families.iter().enumerate())
            .map(|(index, family)| self.family(&format!("families[{index}]"), family, &common))
            .collect();
        self.reachable(&families);
        let tests =
            raw.tests.iter().enumerate().filter_map(|(index, test)| examples::example(self, index, test));
        let tests = tests.collect();
        let fallback_family = Family {
            name: "no family".to_owned(),
            pattern: glob::Pattern::default(),
            split: Vec::new(),
            floor: common.floor,
            shrink: common.shrink,
            min_age: common.min_age,
            superseded_grace: common.superseded_grace,
            keep: Vec::new(),
            failed: Vec::new(),
            partial: Vec::new(),
            empty: Vec::new(),
            parts: Vec::new(),
            archive: None,
        };
        Policy {
            text: text.into(),
            digest: Digest::of(text.as_bytes()),
            zone: self.zone,
            events,
            trash: d.trash.unwrap_or(Span::days(7)),
            skew: d.skew.unwrap_or(Span::hours(1)),
            max_clock_step: d.max_clock_step.unwrap_or(Span::days(31)),
            brakes: self.brakes(&raw.brakes),
            mirrored: raw.mirrored.as_ref().map(|mirrored| self.mirrored(mirrored)),
            pressure: raw.pressure.as_ref().and_then(|pressure| self.pressure(pressure)),
            families,
            fallback_family,
            tests,
        }
    }

    fn zone(&mut self, name: Option<&str>) {
        match name.map(str::parse::<Tz>) {
            None => {}
            Some(Ok(zone)) => self.zone = zone,
            Some(Err(_)) => {
                let name = name.unwrap_or_default();
                let near =
                    chrono_tz::TZ_VARIANTS.iter().min_by_key(|zone| strsim::levenshtein(zone.name(), name));
                let near = near.map_or("UTC", |zone| zone.name());
                self.problem(
                    "timezone",
                    format!("`{name}` is not a time zone; an IANA name such as `{near}` is accepted"),
                );
            }
        }
    }

    fn calendar(&mut self, name: &str, list: &[String]) -> Vec<Stamp> {
        self.line(&format!("events.{name}"), name);
        let mut events = Vec::new();
        for (index, text) in list.iter().enumerate() {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
            let at = day.and_then(|day| super::span::start_of(day, self.zone)).or_else(|| text.parse().ok());
            match at {
                Some(at) if !events.contains(&at) => events.push(at),
                Some(_) => self.problem(&format!("events.{name}[{index}]"), format!("`{text}` is given twice")),
                None => self.problem(
                    &format!("events.{name}[{index}]"),
                    format!("`{text}` is not an event; a day such as `2025-02-15` or an instant such as `2025-02-15T12:00:00Z` is accepted"),
                ),
            }
        }
        events.sort();
        events
    }

    fn mirrored(&mut self, raw: &MirroredFile) -> Mirrored {
        let by = raw.by.as_slice().to_vec();
        for (index, name) in by.iter().enumerate() {
            if let Err(why) = target_name(name) {
                self.problem("mirrored.by", why);
            } else if by.iter().take(index).any(|before| before == name) {
                self.problem("mirrored.by", format!("`{name}` is given twice"));
            }
        }
        if raw.at_most.is_zero() {
            self.problem(
                "mirrored.at_most",
                "0 waits for no target; leave `mirrored` out, or give a length of time such as `3d`",
            );
        }
        Mirrored { by, at_most: raw.at_most }
    }

    fn floor(&mut self, at: &str, floor: usize) -> usize {
        if floor == 0 {
            self.problem(at, "0 would delete the last success; at least 1 is accepted");
        }
        floor
    }

    fn family(&mut self, at: &str, raw: &FamilyFile, common: &Common) -> Family {
        let pattern = self.pattern(&format!("{at}.match"), &raw.matches);
        self.line(&format!("{at}.name"), &raw.name);
        let mut lane = |name: &str, rules: Option<&Vec<RuleFile>>, common: &[Rule]| match rules {
            Some(rules) => self.rules(&format!("{at}.{name}"), rules, name),
            None => common.to_vec(),
        };
        let keep = lane("keep", raw.keep.as_ref(), &[]);
        let failed = lane("failed", raw.failed.as_ref(), &common.failed);
        let partial = lane("partial", raw.partial.as_ref(), &common.partial);
        let empty = lane("empty", raw.empty.as_ref(), &common.empty);
        if raw.keep.is_none() {
            self.problem(
                at,
                "`keep` is missing; expected a list of rules, such as `keep: [{forever: true}]`",
            );
        }
        let parts = raw.parts.iter().map(|(name, part)| {
            let here = format!("{at}.parts.{name}");
            self.line(&here, name);
            if part.paths.is_empty() {
                self.problem(&here, "`paths` is empty; expected at least one pattern, such as `inputs/**`");
            }
            let paths = part.paths.iter().enumerate();
            let paths = paths.map(|(i, text)| self.pattern(&format!("{here}.paths[{i}]"), text)).collect();
            let keep = self.rules(&format!("{here}.keep"), &part.keep, "keep");
            Part { name: name.clone(), paths, keep }
        });
        let parts = parts.collect();
        let floor = self.floor(&format!("{at}.floor"), raw.floor.unwrap_or(common.floor));
        let shrink = self.shrink(&format!("{at}.shrink"), raw.shrink.as_deref()).or(common.shrink);
        let archive =
            raw.archive.as_ref().and_then(|archive| self.archive(&format!("{at}.archive"), archive));
        let mut longer = |name: &str, own: Option<Span>, common: Span| match own {
            Some(own) if own.seconds() < common.seconds() => {
                let why =
                    format!("{own} is shorter than the default of {common}; a family may only lengthen it");
                self.problem(&format!("{at}.{name}"), why);
                common
            }
            own => own.unwrap_or(common),
        };
        Family {
            name: raw.name.clone(),
            pattern,
            split: raw.split.clone(),
            floor,
            shrink,
            min_age: longer("min_age", raw.min_age, common.min_age),
            superseded_grace: longer("superseded_grace", raw.superseded_grace, common.superseded_grace),
            keep,
            failed,
            partial,
            empty,
            parts,
            archive,
        }
    }

    fn archive(&mut self, at: &str, raw: &ArchiveFile) -> Option<ArchiveTo> {
        if raw.until.is_some_and(Span::is_zero) {
            self.problem(
                &format!("{at}.until"),
                "0 holds nothing in the archive; leave `until` out, or give a length of time such as `10y`",
            );
        }
        match mirror_address(&raw.to) {
            Ok(to) => Some(ArchiveTo { to: to.into(), until: raw.until }),
            Err(why) => {
                self.problem(&format!("{at}.to"), why);
                None
            }
        }
    }

    fn pattern(&mut self, at: &str, text: &str) -> glob::Pattern {
        let (pattern, wrong) = super::rule::pattern(text);
        for why in wrong {
            self.problem(at, why);
        }
        pattern
    }

    /// Finds families that no stream can reach, since an earlier one takes all of theirs.
    fn reachable(&mut self, families: &[Family]) {
        let mut names = HashSet::new();
        let mut earlier = Earlier::default();
        for (index, family) in families.iter().enumerate() {
            if !names.insert(&family.name) {
                let why = format!("a second family `{}`", family.name);
                self.problem(&format!("families[{index}].name"), why);
            }
            let text = family.pattern.as_str();
            if let Some(before) = earlier.covering(text, families) {
                let why = format!(
                    "no stream can reach this family: `{}` of family `{}` takes all that `{text}` fits; put the narrower one first",
                    before.pattern, before.name
                );
                self.problem(&format!("families[{index}].match"), why);
            }
            earlier.insert(index, text);
        }
    }
}

/// The patterns of the families so far, by the plain names with which they begin: only one that begins as another
/// does can take all of it. Comparing each with each takes minutes for the families of a large mirror.
#[derive(Default)]
struct Earlier<'a> {
    /// Patterns without wildcards, which take nothing but themselves.
    plain: HashMap<&'a str, usize>,
    /// The others, by what stands before the first name with a wildcard.
    wild: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Earlier<'a> {
    fn insert(&mut self, index: usize, text: &'a str) {
        match text.find(WILDCARDS) {
            None => drop(self.plain.entry(text).or_insert(index)),
            Some(wildcard) => {
                let names = text.get(..wildcard).and_then(|before| before.rfind('/')).unwrap_or(0);
                self.wild.entry(text.get(..names).unwrap_or_default()).or_default().push(index);
            }
        }
    }

    /// Returns the first family that takes everything that a pattern fits.
    fn covering<'f>(&self, text: &str, families: &'f [Family]) -> Option<&'f Family> {
        let ends = std::iter::once(0).chain(text.match_indices('/').map(|(at, _)| at)).chain([text.len()]);
        let wild = ends.filter_map(|end| self.wild.get(text.get(..end)?)).filter_map(|indices| {
            let covers = |index: &&usize| {
                families.get(**index).is_some_and(|before| covers(before.pattern.as_str(), text))
            };
            indices.iter().find(covers)
        });
        families.get(wild.chain(self.plain.get(text)).min().copied()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_family_is_out_of_reach_exactly_when_an_earlier_one_covers_it(
            patterns in prop::collection::vec("(a|b|a\\*|\\*|\\*\\*)(/(a|b|\\*|[ab]\\*|\\*\\*)){0,2}", 1..12)
        ) {
            let families = patterns.iter().enumerate().map(|(index, text)| {
                format!("  - {{name: f{index}, match: \"{text}\", keep: []}}\n")
            });
            let text = format!("version: 1\nfamilies:\n{}", families.collect::<String>());
            let found = Policy::load(&text, "p.yaml").err().map_or(Vec::new(), |error| error.0);
            let found: Vec<(String, String)> = found.into_iter().map(|problem| {
                let by = problem.message.split("of family `").nth(1).unwrap().split('`').next().unwrap();
                (problem.path, by.to_owned())
            }).collect();
            let expected: Vec<(String, String)> = (0..patterns.len()).filter_map(|index| {
                let by = (0..index).find(|before| covers(&patterns[*before], &patterns[index]))?;
                Some((format!("families[{index}].match"), format!("f{by}")))
            }).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
