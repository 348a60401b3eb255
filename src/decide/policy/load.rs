//! From the YAML of a policy to its meaning, every problem reported at once with its place.

use super::rule::{
    Amount, Basis, Brake, Brakes, Family, Keep, Part, Pick, Policy, PolicyChange, Pressure, Rule,
};
use super::schema::{
    BrakeFile, BrakesFile, CalendarFile, FamilyFile, PeriodsFile, PickFile, PolicyChangeFile, PolicyFile,
    PressureFile, RuleFile,
};
use super::{Period, PolicyError, Range, Span, covers, examples, unknown};
use crate::word::{Digest, Document, Label, Problem, Stamp};
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// What holds when neither family nor defaults say otherwise.
const FLOOR: usize = 3;
const MIN_SAMPLE: usize = 10;

impl Policy {
    /// Reads a policy; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, PolicyError> {
        let document = Document::parse(text, file).map_err(PolicyError)?;
        let raw: PolicyFile = match (document.read(), unknown::keys(&document)) {
            (Ok(raw), problems) if problems.is_empty() => raw,
            (Ok(_), problems) => return Err(PolicyError(problems)),
            (Err(first), problems) => return Err(PolicyError(unknown::pieces(&document, first, problems))),
        };
        let mut loading = Loading { document: &document, problems: Vec::new(), zone: Tz::UTC };
        let policy = loading.policy(raw, text);
        if loading.problems.is_empty() { Ok(policy) } else { Err(PolicyError(loading.problems)) }
    }

    /// Returns the JSON schema of a policy file, by which editors complete and check it.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(PolicyFile).to_value()
    }
}

/// What families have in common.
struct Common {
    floor: usize,
    min_age: Span,
    superseded_grace: Span,
    failed: Vec<Rule>,
    partial: Vec<Rule>,
    empty: Vec<Rule>,
}

pub(super) struct Loading<'a> {
    pub(super) document: &'a Document,
    pub(super) problems: Vec<Problem>,
    pub(super) zone: Tz,
}

impl Loading<'_> {
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

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
            self.problem("families", "no family; at least one is wanted");
        }
        let families: Vec<Family> = (raw.families.iter().enumerate())
            .map(|(index, family)| self.family(&format!("families[{index}]"), family, &common))
            .collect();
        self.reachable(&families);
        let tests =
            raw.tests.iter().enumerate().filter_map(|(index, test)| examples::example(self, index, test));
        let tests = tests.collect();
        let stranger = Family {
            name: "no family".to_owned(),
            pattern: glob::Pattern::default(),
            split: Vec::new(),
            floor: common.floor,
            min_age: common.min_age,
            superseded_grace: common.superseded_grace,
            keep: Vec::new(),
            failed: Vec::new(),
            partial: Vec::new(),
            empty: Vec::new(),
            parts: Vec::new(),
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
            pressure: raw.pressure.as_ref().and_then(|pressure| self.pressure(pressure)),
            families,
            stranger,
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
                    format!("`{name}` is no time zone; an IANA name such as `{near}` is accepted"),
                );
            }
        }
    }

    fn calendar(&mut self, name: &str, list: &[String]) -> Vec<Stamp> {
        let mut events = Vec::new();
        for (index, text) in list.iter().enumerate() {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
            let at = day.and_then(|day| super::span::start_of(day, self.zone)).or_else(|| text.parse().ok());
            match at {
                Some(at) if !events.contains(&at) => events.push(at),
                Some(_) => self.problem(&format!("events.{name}[{index}]"), format!("`{text}` stands twice")),
                None => self.problem(
                    &format!("events.{name}[{index}]"),
                    format!("`{text}` is no event; a day such as `2025-02-15` or an instant such as `2025-02-15T12:00:00Z` is accepted"),
                ),
            }
        }
        events.sort();
        events
    }

    fn floor(&mut self, at: &str, floor: usize) -> usize {
        if floor == 0 {
            self.problem(at, "0 would let the last success go; at least 1 is accepted");
        }
        floor
    }

    fn family(&mut self, at: &str, raw: &FamilyFile, common: &Common) -> Family {
        let pattern = self.pattern(&format!("{at}.match"), &raw.matches);
        if raw.name.trim().is_empty() {
            self.problem(&format!("{at}.name"), "the name is empty");
        }
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
                "`keep` is missing; a list of rules is wanted, such as `keep: [{forever: true}]`",
            );
        }
        let parts = raw.parts.iter().map(|(name, part)| {
            let here = format!("{at}.parts.{name}");
            if part.paths.is_empty() {
                self.problem(&here, "`paths` is empty; at least one pattern is wanted, such as `inputs/**`");
            }
            let paths = part.paths.iter().enumerate();
            let paths = paths.map(|(i, text)| self.pattern(&format!("{here}.paths[{i}]"), text)).collect();
            let keep = self.rules(&format!("{here}.keep"), &part.keep, "keep");
            Part { name: name.clone(), paths, keep }
        });
        let parts = parts.collect();
        let floor = self.floor(&format!("{at}.floor"), raw.floor.unwrap_or(common.floor));
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
            min_age: longer("min_age", raw.min_age, common.min_age),
            superseded_grace: longer("superseded_grace", raw.superseded_grace, common.superseded_grace),
            keep,
            failed,
            partial,
            empty,
            parts,
        }
    }

    fn pattern(&mut self, at: &str, text: &str) -> glob::Pattern {
        if text.is_empty() || text.starts_with('/') || text.split('/').any(|name| name == "..") {
            self.problem(
                at,
                format!(
                    "`{text}` can match nothing; a pattern below the root such as `master/**` is accepted"
                ),
            );
        }
        glob::Pattern::new(text).unwrap_or_else(|error| {
            self.problem(at, format!("`{text}` is no pattern: {error}"));
            glob::Pattern::default()
        })
    }

    /// Finds families that no stream can reach, since an earlier one takes all of theirs.
    fn reachable(&mut self, families: &[Family]) {
        for (index, family) in families.iter().enumerate() {
            let earlier = families.iter().take(index);
            for before in earlier {
                if before.name == family.name {
                    self.problem(
                        &format!("families[{index}].name"),
                        format!("a second family `{}`", family.name),
                    );
                }
                if covers(before.pattern.as_str(), family.pattern.as_str()) {
                    let why = format!(
                        "no stream can reach this family: `{}` of family `{}` takes all that `{}` fits; put the narrower one first",
                        before.pattern, before.name, family.pattern
                    );
                    self.problem(&format!("families[{index}].match"), why);
                    break;
                }
            }
        }
    }

    fn rules(&mut self, at: &str, rules: &[RuleFile], lane: &str) -> Vec<Rule> {
        let rules = rules.iter().enumerate();
        rules.filter_map(|(index, rule)| self.rule(&format!("{at}[{index}]"), rule, lane)).collect()
    }

    fn rule(&mut self, at: &str, raw: &RuleFile, lane: &str) -> Option<Rule> {
        let calendars = [&raw.hourly, &raw.daily, &raw.weekly, &raw.monthly, &raw.quarterly, &raw.yearly];
        let calendar = Period::ALL.into_iter().zip(calendars).filter_map(|(p, c)| Some((p, c.as_ref()?)));
        let calendar: Vec<(Period, &CalendarFile)> = calendar.collect();
        let mut only = raw.only.clone().unwrap_or_default();
        let labels = raw.label.clone().unwrap_or_default();
        self.labels(&format!("{at}.where"), raw.only.as_ref());
        self.labels(&format!("{at}.label"), raw.label.as_ref());
        only.extend(labels.clone());
        let introduced =
            || raw.label.as_ref().map(|labels| Basis::Introduced(labels.keys().cloned().collect()));
        let activity = if lane == "partial" { Basis::LastActivity } else { Basis::Created };
        let basis = match &raw.basis {
            Some(text) => self.basis(&format!("{at}.basis"), text, &labels)?,
            None => introduced().unwrap_or(activity),
        };
        if raw.basis.is_some() && raw.within.is_none() && raw.periods.is_none() {
            self.problem(&format!("{at}.basis"), "`basis` goes with `within` or `periods`");
        }
        if raw.forever == Some(false) {
            self.problem(&format!("{at}.forever"), "`false` says nothing; `forever: true` is accepted");
        }
        let keep = match (raw.forever, raw.last, raw.within, calendar.as_slice(), &raw.periods) {
            (Some(_), None, None, [], None) => Keep::Forever,
            (None, Some(last), None, [], None) => {
                Keep::Last(self.range(&format!("{at}.last"), last, |n| i64::from(*n)))
            }
            (None, None, Some(within), [], None) => {
                Keep::Within(self.range(&format!("{at}.within"), within, |span| span.seconds()), basis)
            }
            (None, None, None, [(period, calendar)], None) => {
                self.each(&format!("{at}.{}", period.word()), *period, calendar)?
            }
            (None, None, None, [], Some(PeriodsFile { of, n })) => Keep::Periods(of.clone(), *n, basis),
            (None, None, None, [], None) if raw.label.is_some() => Keep::Forever,
            _ => {
                let words = "`forever`, `last`, `within`, `hourly`, `daily`, `weekly`, `monthly`, `quarterly`, `yearly`, `label` and `periods`";
                self.problem(
                    at,
                    format!(
                        "exactly one of {words} makes a rule (`label` also goes with `within` or `periods`)"
                    ),
                );
                return None;
            }
        };
        if raw.label.is_some() && !matches!(keep, Keep::Forever | Keep::Within(..) | Keep::Periods(..)) {
            self.problem(
                &format!("{at}.label"),
                "`label` goes with `within` or `periods`; `where` goes with every rule",
            );
        }
        let mut rule = named(keep, raw.only.clone().unwrap_or_default(), at.to_owned());
        if raw.label.is_some() {
            let said: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let rest = if matches!(rule.keep, Keep::Forever) {
                rule.name.replacen("forever", "", 1)
            } else {
                format!(" {}", rule.name)
            };
            rule.name = format!("label {}{rest}", said.join(" ")).into();
        }
        rule.only = only;
        Some(rule)
    }

    fn labels(&mut self, at: &str, labels: Option<&BTreeMap<String, String>>) {
        let Some(labels) = labels else { return };
        if labels.is_empty() {
            self.problem(at, "no label; at least one is wanted, such as `{sanity: green}`");
        }
        for (key, value) in labels {
            if let Err(error) = Label::new(key, value) {
                self.problem(&format!("{at}.{key}"), error.to_string());
            }
        }
    }

    fn basis(&mut self, at: &str, text: &str, labels: &BTreeMap<String, String>) -> Option<Basis> {
        let inner = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')').map(str::trim);
        let basis = match text {
            "created" => Some(Basis::Created),
            "published" => Some(Basis::Published),
            "superseded" => Some(Basis::Superseded),
            "introduced" if !labels.is_empty() => Some(Basis::Introduced(labels.keys().cloned().collect())),
            _ => match (inner("introduced"), inner("left")) {
                (Some(label), _) if Label::new(label, "x").is_ok() => {
                    Some(Basis::Introduced(vec![label.to_owned()]))
                }
                (_, Some(alias))
                    if alias.parse::<crate::word::RelPath>().is_ok_and(|path| !path.is_root()) =>
                {
                    Some(Basis::Left(alias.to_owned()))
                }
                _ => None,
            },
        };
        if basis.is_none() {
            self.problem(
                at,
                format!("`{text}` is no basis; `created`, `published`, `superseded`, `introduced(LABEL)` and `left(ALIAS)` are accepted"),
            );
        }
        basis
    }

    fn range<T: Copy + std::fmt::Display>(
        &mut self,
        at: &str,
        range: Range<T>,
        size: impl Fn(&T) -> i64,
    ) -> Range<T> {
        if size(&range.min) > size(&range.max) {
            let (max, min) = (&range.max, &range.min);
            self.problem(at, format!("the range is upside down: `min` {min} is more than `max` {max}"));
        }
        range
    }

    fn each(&mut self, at: &str, period: Period, raw: &CalendarFile) -> Option<Keep> {
        let pick = if raw.pick == Some(PickFile::Oldest) { Pick::Oldest } else { Pick::Newest };
        match (raw.count, raw.within) {
            (Some(count), None) => {
                Some(Keep::Latest(period, self.range(&format!("{at}.count"), count, |n| i64::from(*n)), pick))
            }
            (None, Some(within)) => Some(Keep::Each(
                period,
                self.range(&format!("{at}.within"), within, |span| span.seconds()),
                pick,
            )),
            _ => {
                self.problem(at, "exactly one of `count` and `within` is wanted");
                None
            }
        }
    }

    fn brakes(&mut self, raw: &BrakesFile) -> Brakes {
        if raw.max_per_run == Some(0) {
            self.problem("brakes.max_per_run", "0 would let nothing go; at least 1 is accepted");
        }
        Brakes {
            stream: raw.stream.as_ref().map(|brake| self.brake("brakes.stream", brake)).unwrap_or_default(),
            run: raw.run.as_ref().map(|brake| self.brake("brakes.run", brake)).unwrap_or_default(),
            policy_change: match raw.policy_change {
                Some(PolicyChangeFile::Apply) => PolicyChange::Apply,
                _ => PolicyChange::Defer,
            },
            max_per_run: raw.max_per_run,
        }
    }

    fn brake(&mut self, at: &str, raw: &BrakeFile) -> Brake {
        if raw.percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
            self.problem(&format!("{at}.percent"), "a percentage from 0 to 100 is accepted");
        }
        let bytes =
            raw.bytes.as_deref().and_then(|text| match self.amount(&format!("{at}.bytes"), text)? {
                Amount::Bytes(bytes) => Some(bytes),
                Amount::Percent(_) => {
                    self.problem(
                        &format!("{at}.bytes"),
                        format!("`{text}` is a share; bytes such as `6TiB` are accepted"),
                    );
                    None
                }
            });
        let percent = raw.percent.map(|percent| (percent, raw.min_sample.unwrap_or(MIN_SAMPLE)));
        Brake { percent, count: raw.count, bytes }
    }

    fn pressure(&mut self, raw: &PressureFile) -> Option<Pressure> {
        let free_below = self.amount("pressure.free_below", &raw.free_below);
        let until_free = self.amount("pressure.until_free", &raw.until_free);
        let pressure = Pressure { free_below: free_below?, until_free: until_free? };
        let upside_down = match (pressure.free_below, pressure.until_free) {
            (Amount::Percent(below), Amount::Percent(until)) => until < below,
            (Amount::Bytes(below), Amount::Bytes(until)) => until < below,
            _ => false,
        };
        if upside_down {
            self.problem("pressure.until_free", "less than `free_below`; at least as much is accepted");
        }
        Some(pressure)
    }

    /// Reads a share of a disk or a number of bytes.
    fn amount(&mut self, at: &str, text: &str) -> Option<Amount> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: Option<f64> = number.parse().ok();
        let scale: Option<u64> = match unit.trim() {
            "" | "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "TiB" => Some(1 << 40),
            "KB" | "kB" => Some(1000),
            "MB" => Some(1_000_000),
            "GB" => Some(1_000_000_000),
            "TB" => Some(1_000_000_000_000),
            _ => None,
        };
        match (number, scale) {
            (Some(percent), _) if unit == "%" && percent <= 100.0 => Some(Amount::Percent(percent)),
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "sizes in a policy are round numbers"
            )]
            (Some(number), Some(scale)) => Some(Amount::Bytes((number * scale as f64) as u64)),
            _ => {
                self.problem(
                    at,
                    format!(
                        "`{text}` is no size; bytes such as `500GiB` or a share such as `8%` are accepted"
                    ),
                );
                None
            }
        }
    }
}

/// Returns a rule with the name that plans show.
fn named(keep: Keep, only: BTreeMap<String, String>, at: String) -> Rule {
    let picked = |pick: Pick| if pick == Pick::Oldest { " pick oldest" } else { "" };
    let mut name = match &keep {
        Keep::Forever => "forever".to_owned(),
        Keep::Last(count) => format!("last {}", count.max),
        Keep::Within(span, _) => format!("within {}", span.max),
        Keep::Latest(period, count, pick) => {
            format!("{} count {}{}", period.word(), count.max, picked(*pick))
        }
        Keep::Each(period, span, pick) => format!("{} within {}{}", period.word(), span.max, picked(*pick)),
        Keep::Periods(of, n, _) => format!("periods {of} {n}"),
    };
    if !only.is_empty() {
        let said: Vec<String> = only.iter().map(|(key, value)| format!("{key}={value}")).collect();
        name += &format!(" where {}", said.join(" "));
    }
    Rule { name: name.into(), at, keep, only }
}
