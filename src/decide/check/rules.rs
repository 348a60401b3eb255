//! How one mirror changes the findings: other severities, and findings to ignore, each with a reason.

use crate::decide::check::{Code, Finding, Severity};
use crate::model::{RelPath, Stamp};
use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How a mirror changes the findings.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    severity: BTreeMap<Code, Severity>,
    ignore: Vec<Ignore>,
}

/// One entry of `check.ignore` as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct IgnoreText<'a> {
    /// The code.
    pub code: &'a str,
    /// The pattern of paths; all without one.
    pub path: Option<&'a str>,
    /// The reason.
    pub why: &'a str,
    /// The last day on which it applies; always without one.
    pub until: Option<&'a str>,
}

/// One entry of `check.ignore`.
#[derive(Debug, Clone)]
struct Ignore {
    code: Code,
    path: Option<glob::Pattern>,
    why: String,
    until: Option<NaiveDate>,
}

/// A finding that is ignored, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Ignored {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The reason that mirror.yaml gives.
    pub why: String,
    /// The last day on which it is ignored, such as `2026-12-31`, in UTC.
    pub until: Option<String>,
}

impl Rules {
    /// Sets the severity of findings with a code; fails with what would be accepted.
    pub fn grade(&mut self, code: &str, severity: &str) -> Result<(), String> {
        let code = read_code(code)?;
        let severity = match severity {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            "note" => Severity::Note,
            other => {
                return Err(format!("`{other}` is not a severity; accepted: `error`, `warning`, `note`"));
            }
        };
        self.severity.insert(code, severity);
        Ok(())
    }

    /// Sets findings to ignore; fails with the invalid key and what would be accepted.
    pub fn ignore(&mut self, entry: IgnoreText<'_>) -> Result<(), (&'static str, String)> {
        let code = read_code(entry.code).map_err(|why| ("code", why))?;
        let path = entry.path.map(read_pattern).transpose().map_err(|why| ("path", why))?;
        let why = entry.why.trim();
        if why.is_empty() {
            let message = "it is empty; a reason such as `published before CONTEXT was required` is accepted";
            return Err(("why", message.to_owned()));
        }
        let until = entry.until.map(read_day).transpose().map_err(|why| ("until", why))?;
        self.ignore.push(Ignore { code, path, why: why.to_owned(), until });
        Ok(())
    }

    /// Applies the rules: returns the findings that count, with findings about expired entries, and those that are
    /// ignored; both sorted.
    pub fn apply(&self, mut findings: Vec<Finding>, now: Stamp) -> (Vec<Finding>, Vec<Ignored>) {
        let today = now.instant().date_naive();
        let (over, valid): (Vec<&Ignore>, Vec<&Ignore>) =
            self.ignore.iter().partition(|entry| entry.until.is_some_and(|until| until < today));
        findings.extend(over.into_iter().map(Ignore::expired));
        let (mut counted, mut ignored) = (Vec::new(), Vec::new());
        for mut finding in findings {
            finding.severity = self.severity.get(&finding.code).copied().unwrap_or(finding.severity);
            match valid.iter().find(|entry| entry.fits(&finding)) {
                Some(entry) => {
                    let until = entry.until.map(|until| until.to_string());
                    ignored.push(Ignored { finding, why: entry.why.clone(), until });
                }
                None => counted.push(finding),
            }
        }
        counted.sort();
        counted.dedup();
        ignored.sort();
        ignored.dedup();
        (counted, ignored)
    }
}

impl Ignore {
    /// Returns whether a finding is of the code, and at or below a path of the pattern.
    fn fits(&self, finding: &Finding) -> bool {
        let Some(pattern) = &self.path else { return self.code == finding.code };
        let within_names =
            glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let path = &*finding.path;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        self.code == finding.code
            && ends.filter_map(|end| path.get(..end)).any(|at| pattern.matches_with(at, within_names))
    }

    /// Returns the finding of an entry that is over.
    fn expired(&self) -> Finding {
        let at = self.path.as_ref().map(|path| format!(" at `{path}`")).unwrap_or_default();
        let until = self.until.map(|until| until.to_string()).unwrap_or_default();
        let found = format!("`{}`{at} was ignored until {until}: {}", self.code, self.why);
        Finding::new(Code::IgnoreExpired, RelPath::state("mirror.yaml"), found, "an `until` that is not over")
    }
}

fn read_code(text: &str) -> Result<Code, String> {
    let known = |code: &&Code| code.as_str() == text;
    Code::ALL.iter().find(known).copied().ok_or_else(|| {
        let far = |code: &&Code| strsim::damerau_levenshtein(code.as_str(), text);
        let near = Code::ALL.iter().min_by_key(far);
        let near = near.map(|code| format!("; the nearest is `{code}`")).unwrap_or_default();
        format!("`{text}` is not a code of a finding{near}; `mirrorkeep check --list` lists all")
    })
}

fn read_pattern(text: &str) -> Result<glob::Pattern, String> {
    let accepted = "a pattern of paths below the root such as `master/centos/*` or `release/**` is accepted";
    if text.is_empty() || text.starts_with('/') || text.ends_with('/') {
        return Err(format!("`{text}` is not a path below the root; {accepted}"));
    }
    glob::Pattern::new(text).map_err(|error| format!("`{text}`: {error}; {accepted}"))
}

fn read_day(text: &str) -> Result<NaiveDate, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d");
    day.map_err(|_| {
        format!("`{text}` is not a day; one such as `2026-12-31` is accepted, in UTC and inclusive")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now(day: &str) -> Stamp {
        format!("{day}T120000Z").parse().unwrap()
    }

    fn found(code: Code, path: &str) -> Finding {
        Finding::new(code, path, "this", "that")
    }

    fn ignoring(path: Option<&str>, until: Option<&str>) -> Rules {
        let mut rules = Rules::default();
        rules.ignore(IgnoreText { code: "context-missing", path, why: "old", until }).unwrap();
        rules
    }

    #[test]
    fn what_cannot_be_used_is_answered_with_what_can() {
        let mut rules = Rules::default();
        let why = rules.grade("context-mising", "note").unwrap_err();
        assert!(
            why.contains("`context-mising` is not a code") && why.contains("nearest is `context-missing`")
        );
        let why = rules.grade("context-missing", "info").unwrap_err();
        assert!(why.contains("`error`, `warning`, `note`"), "{why}");
        let good = IgnoreText { code: "not-served", path: Some("a/**"), why: "x", until: Some("2026-12-31") };
        for (key, bad) in [
            ("code", IgnoreText { code: "not_served", ..good }),
            ("path", IgnoreText { path: Some("/a"), ..good }),
            ("path", IgnoreText { path: Some("a/"), ..good }),
            ("path", IgnoreText { path: Some(""), ..good }),
            ("path", IgnoreText { path: Some("[a"), ..good }),
            ("path", IgnoreText { path: Some("a**"), ..good }),
            ("why", IgnoreText { why: "  ", ..good }),
            ("until", IgnoreText { until: Some("2026-13-01"), ..good }),
            ("until", IgnoreText { until: Some("tomorrow"), ..good }),
        ] {
            assert_eq!(rules.ignore(bad).unwrap_err().0, key, "{bad:?}");
        }
        rules.ignore(good).unwrap();
    }

    #[test]
    fn a_pattern_is_of_whole_names_and_of_what_is_below() {
        let fits = |pattern: &str, path: &str| {
            let rules = ignoring(Some(pattern), None);
            rules.apply(vec![found(Code::ContextMissing, path)], now("20260101")).0.is_empty()
        };
        assert!(fits("master/*", "master/centos/1/CONTEXT") && fits("master", "master/centos"));
        assert!(fits("**/CONTEXT", "master/centos/1/CONTEXT") && fits("*/centos/1", "master/centos/1"));
        assert!(!fits("master/*/CONTEXT", "master/centos/1/CONTEXT") && !fits("mast", "master/centos"));
        assert!(!fits("*/debian", "master/centos/debian"));
    }

    #[test]
    fn an_entry_ignores_to_the_end_of_its_day_and_is_a_finding_then() {
        let all = || vec![found(Code::ContextMissing, "a"), found(Code::NotServed, "a")];
        let rules = ignoring(None, Some("2026-12-31"));
        let (counted, ignored) = rules.apply(all(), now("20261231"));
        assert_eq!((counted.len(), ignored.len()), (1, 1));
        assert_eq!((counted[0].code, &*ignored[0].why), (Code::NotServed, "old"));
        let (counted, ignored) = rules.apply(all(), now("20270101"));
        assert!(ignored.is_empty());
        let codes: Vec<&str> = counted.iter().map(|found| found.code.as_str()).collect();
        assert_eq!(codes, ["ignore-expired", "context-missing", "not-served"]);
        assert_eq!(counted[0].found, "`context-missing` was ignored until 2026-12-31: old");
        assert_eq!(counted[0].severity, Severity::Note);
    }

    proptest! {
        #[test]
        fn what_is_not_ignored_counts_and_only_the_severity_changes(
            chosen in prop::collection::vec((0..Code::ALL.len(), 0usize..4), 0..20),
            codes in prop::collection::vec(0..Code::ALL.len(), 0..20),
            severity in prop::sample::select(vec!["error", "warning", "note"]),
        ) {
            let mut rules = Rules::default();
            let (graded, ignored): (Vec<_>, Vec<_>) = codes.iter().map(|at| Code::ALL[*at]).partition(|code| *code < Code::NotServed);
            for code in &graded {
                rules.grade(code.as_str(), severity).unwrap();
            }
            for code in &ignored {
                let entry = IgnoreText { code: code.as_str(), path: Some("x*"), why: "w", until: None };
                rules.ignore(entry).unwrap();
            }
            let paths = ["x", "xy/z", "y", "z/x"];
            let mut all: Vec<Finding> = chosen.iter().map(|(code, at)| found(Code::ALL[*code], paths[*at])).collect();
            all.sort();
            all.dedup();
            let (counted, left) = rules.apply(all.clone(), now("20260101"));
            for one in &counted {
                prop_assert!(!(ignored.contains(&one.code) && one.path.starts_with('x')));
                let wanted = if graded.contains(&one.code) { severity.to_owned() } else { one.code.severity().to_string() };
                prop_assert_eq!(one.severity.to_string(), wanted);
            }
            let plain = |found: &Finding| (found.path.clone(), found.code);
            let mut back: Vec<_> = counted.iter().map(plain).chain(left.iter().map(|one| plain(&one.finding))).collect();
            back.sort();
            prop_assert_eq!(back, all.iter().map(plain).collect::<Vec<_>>());
        }
    }
}
