//! The rules of a family: what is counted, from when, and for which builds.

use crate::decide::policy::loading::Loading;
use crate::decide::policy::rule::{Basis, Keep, Pick, Rule};
use crate::decide::policy::schema::{CalendarFile, PeriodsFile, PickFile, RuleFile};
use crate::decide::policy::{Period, Range};
use crate::model::Label;
use std::collections::BTreeMap;

impl Loading<'_> {
    pub(super) fn rules(&mut self, at: &str, rules: &[RuleFile], lane: &str) -> Vec<Rule> {
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
            self.problem(&format!("{at}.basis"), "`basis` needs `within` or `periods`");
        }
        if raw.forever == Some(false) {
            self.problem(&format!("{at}.forever"), "`false` has no meaning; `forever: true` is accepted");
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
                        "exactly one of {words} makes a rule (`label` is also accepted with `within` or `periods`)"
                    ),
                );
                return None;
            }
        };
        if raw.label.is_some() && !matches!(keep, Keep::Forever | Keep::Within(..) | Keep::Periods(..)) {
            self.problem(
                &format!("{at}.label"),
                "`label` needs `within` or `periods`; `where` is accepted in every rule",
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
            self.problem(at, "no label; expected at least one, such as `{sanity: green}`");
        }
        for (key, value) in labels {
            if let Err(error) = Label::read(key, value) {
                self.problem(&format!("{at}.{key}"), error.to_string());
            }
        }
    }

    fn basis(&mut self, at: &str, text: &str, labels: &BTreeMap<String, String>) -> Option<Basis> {
        let inner = |word: &str| text.strip_prefix(word)?.strip_prefix('(')?.strip_suffix(')').map(str::trim);
        let basis = match text {
            "created" => Some(Basis::Created),
            "published" => Some(Basis::Published),
            "confirmed" => Some(Basis::Confirmed),
            "superseded" => Some(Basis::Superseded),
            "introduced" if !labels.is_empty() => Some(Basis::Introduced(labels.keys().cloned().collect())),
            _ => match (inner("introduced"), inner("left")) {
                (Some(label), _) if Label::read(label, "x").is_ok() => {
                    Some(Basis::Introduced(vec![label.to_owned()]))
                }
                (_, Some(alias))
                    if alias.parse::<crate::model::RelPath>().is_ok_and(|path| !path.is_root()) =>
                {
                    Some(Basis::Left(alias.to_owned()))
                }
                _ => None,
            },
        };
        if basis.is_none() {
            self.problem(
                at,
                format!("`{text}` is not a basis; `created`, `published`, `confirmed`, `superseded`, `introduced(LABEL)` and `left(ALIAS)` are accepted"),
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
                self.problem(at, "expected exactly one of `count` and `within`");
                None
            }
        }
    }
}

/// Returns a rule with the name that plans show.
pub(super) fn named(keep: Keep, only: BTreeMap<String, String>, at: String) -> Rule {
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
