//! Problems of a policy that can be used: rules without effect, numbers that keep nothing, labels that no build has.

use super::policy::{Basis, Family, Keep, Policy, Range, Rule, Span};
use crate::census::Census;
use crate::model::{Document, Mark, Stream};
use schemars::JsonSchema;
use serde::Serialize;

/// A problem of a policy or pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The kind, a stable word.
    pub code: &'static str,
    /// Whether it should be fixed (`warning`) or only known (`note`).
    pub severity: &'static str,
    /// The entry.
    pub place: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The problem, and what would be better.
    pub message: String,
}

/// Returns every problem of a policy; with a census also patterns that match nothing in it.
pub fn lint(policy: &Policy, census: Option<&Census>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if policy.trash.is_zero() {
        let message =
            format!("`trash` is {}: no deleted build can be restored; at least `1d` is safer", policy.trash);
        findings.push(finding("no-trash", "defaults.trash", message));
    }
    for name in policy.mirrored.iter().flat_map(|mirrored| &mirrored.by) {
        let target = census.and_then(|census| census.targets.iter().find(|target| target.name == *name));
        if target.is_some_and(|target| target.lacks.is_none()) {
            let message = format!(
                "`{name}` is not a target of targets.yaml, so that every build waits for it for as long as `at_most` says"
            );
            findings.push(finding("unknown-target", "mirrored.by", message));
        }
    }
    for (index, family) in policy.families.iter().enumerate() {
        lint_family(policy, index, family, &mut findings);
        if let Some(census) = census {
            unused(policy, index, family, census, &mut findings);
        }
    }
    for stream in census.into_iter().flat_map(Census::lines) {
        if policy.family(&stream.stream).is_none() {
            let message = format!(
                "no family fits the stream `{}`; all its builds are kept; `match: \"**\"` fits every stream, and `*` only names without `/`",
                stream.stream
            );
            findings.push(finding("uncovered-stream", "families", message));
        }
    }
    located(&mut findings, policy.text());
    findings
}

/// Adds the line and column of each finding in a file.
pub(super) fn located(findings: &mut [Finding], text: &str) {
    let document = Document::parse(text, "").ok();
    for finding in findings.iter_mut() {
        let mark: Option<Mark> = document.as_ref().and_then(|document| document.mark(&finding.place));
        finding.line = mark.map(|mark| mark.line);
        finding.column = mark.map(|mark| mark.column);
    }
    // People go through a file from its top.
    findings.sort_by_key(|finding| (finding.line, finding.column));
}

/// Returns a finding without its place: a note if something matches nothing in the census, a warning otherwise.
pub(super) fn finding(code: &'static str, place: impl Into<String>, message: impl Into<String>) -> Finding {
    let severity = if code.starts_with("unused") { "note" } else { "warning" };
    Finding { code, severity, place: place.into(), line: None, column: None, message: message.into() }
}

fn lint_family(policy: &Policy, index: usize, family: &Family, findings: &mut Vec<Finding>) {
    for rule in family.all_rules() {
        if let Some(why) = zero(&rule.keep) {
            findings.push(finding("zero", &rule.at, format!("`{}` {why}", rule.name)));
        }
        if let Keep::Periods(of, ..) = &rule.keep
            && !policy.events.contains_key(of)
        {
            let known: Vec<&str> = policy.events.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none is".to_owned() } else { known.join(", ") };
            findings.push(finding(
                "unknown-events",
                &rule.at,
                format!("no events `{of}` are listed ({known}); the rule keeps everything"),
            ));
        }
    }
    let parts = family.parts.iter().map(|part| &part.keep);
    for rule in std::iter::once(&family.keep).chain(parts.clone()).flatten() {
        if let Keep::Within(span, Basis::Created | Basis::Published) = &rule.keep
            && !span.max.is_zero()
            && span.max.seconds() <= family.min_age.seconds()
        {
            let mut message =
                format!("`{}` keeps nothing: `min_age` keeps every build for {}", rule.name, family.min_age);
            let amount = span.max.to_string();
            if let Some(minutes) = amount.strip_suffix('m') {
                message += &format!("; `{amount}` is {minutes} minutes, months are `{minutes}mo`");
            }
            findings.push(finding("too-short", &rule.at, message));
        }
    }
    for rules in [&family.keep, &family.failed, &family.partial, &family.empty].into_iter().chain(parts) {
        for (at, rule) in rules.iter().enumerate() {
            let others = rules.iter().enumerate().filter(|(other, _)| *other != at);
            // Of two equal rules only the later one is reported.
            let wider =
                others.filter(|(other, wide)| subsumes(wide, rule) && (!subsumes(rule, wide) || *other < at));
            if let Some((_, wide)) = wider.into_iter().next() {
                findings.push(finding(
                    "subsumed",
                    &rule.at,
                    format!("`{}` never matters: `{}` keeps all that it keeps", rule.name, wide.name),
                ));
            }
        }
    }
    let counts = |rule: &Rule| matches!(rule.keep, Keep::Last(_) | Keep::Latest(..) | Keep::Forever);
    if !family.keep.is_empty() && !family.keep.iter().any(counts) {
        let message = format!(
            "no rule of `{}` counts builds: a stream without new builds shrinks to its floor of {}",
            family.name, family.floor
        );
        findings.push(finding("time-only", format!("families[{index}].keep"), message));
    }
    for (key, span, risk) in [
        ("min_age", family.min_age, "a build can be deleted in the hour in which it was published"),
        (
            "superseded_grace",
            family.superseded_grace,
            "a build is deleted while clients read it by the alias that just left it",
        ),
    ] {
        if span.is_zero() {
            let message = format!("`{key}` of `{}` is {span}: {risk}; at least `1h` is safer", family.name);
            findings.push(finding("no-grace", format!("families[{index}].{key}"), message));
        }
    }
    let until = family.archive.as_ref().and_then(|archive| archive.until);
    if let Some(until) = until.filter(|until| until.seconds() <= policy.trash.seconds()) {
        let message = format!(
            "the archive of `{}` holds a build for {until}, no longer than the trash would ({})",
            family.name, policy.trash
        );
        findings.push(finding("short-archive", format!("families[{index}].archive"), message));
    }
    if family.keep.is_empty() {
        let message = format!("`{}` has no rules: only the floor of {} stays", family.name, family.floor);
        findings.push(finding("no-rules", format!("families[{index}].keep"), message));
    }
}

/// Returns why a rule keeps nothing.
fn zero(keep: &Keep) -> Option<&'static str> {
    let empty = match keep {
        Keep::Last(count) | Keep::Latest(_, count, _) => count.max == 0,
        Keep::Within(span, _) | Keep::Each(_, span, _) => span.max.is_zero(),
        Keep::Forever | Keep::Periods(..) => false,
    };
    empty.then_some("keeps nothing; leave it out, or give it a number above 0")
}

/// Returns whether `wide` keeps everything that `narrow` does, at both ends of their ranges.
fn subsumes(wide: &Rule, narrow: &Rule) -> bool {
    if !wide.only.iter().all(|(key, value)| narrow.only.get(key) == Some(value)) {
        return false;
    }
    // A count with a narrower label selects other builds than a count of all.
    let same_view = wide.only == narrow.only;
    let more = |wide: &Range<u32>, narrow: &Range<u32>| wide.max >= narrow.max && wide.min >= narrow.min;
    let longer = |wide: &Range<Span>, narrow: &Range<Span>| {
        wide.max.seconds() >= narrow.max.seconds() && wide.min.seconds() >= narrow.min.seconds()
    };
    match (&wide.keep, &narrow.keep) {
        (Keep::Forever, _) => true,
        (Keep::Last(wide), Keep::Last(narrow)) => same_view && more(wide, narrow),
        (Keep::Within(wide, from), Keep::Within(narrow, other)) => from == other && longer(wide, narrow),
        (Keep::Latest(period, wide, pick), Keep::Latest(other, narrow, picked)) => {
            same_view && (period, pick) == (other, picked) && more(wide, narrow)
        }
        (Keep::Each(period, wide, pick), Keep::Each(other, narrow, picked)) => {
            same_view && (period, pick) == (other, picked) && longer(wide, narrow)
        }
        (Keep::Within(wide, Basis::Created), Keep::Each(_, narrow, _)) => longer(wide, narrow),
        (Keep::Periods(of, n, from), Keep::Periods(other, m, basis)) => {
            of == other && n >= m && from == basis
        }
        _ => false,
    }
}

/// Finds patterns that match nothing in the census.
fn unused(policy: &Policy, index: usize, family: &Family, census: &Census, findings: &mut Vec<Finding>) {
    let own = |stream: &Stream| policy.family(stream).is_some_and(|found| std::ptr::eq(found, family));
    let mut streams = census.streams.iter().filter(|stream| own(&stream.stream)).peekable();
    if streams.peek().is_none() {
        // Any pattern matches nothing where there is nothing.
        if census.lines().next().is_none() {
            return;
        }
        let message = format!("`{}` matches no stream of the mirror", family.pattern);
        findings.push(finding("unused-family", format!("families[{index}].match"), message));
        return;
    }
    let builds: Vec<_> = streams.flat_map(|stream| &stream.builds).collect();
    let has = |(key, value): (&String, &String)| {
        builds.iter().any(|build| build.labels.get(key).is_some_and(|label| label.value == *value))
    };
    let fits = |rule: &Rule| rule.only.iter().all(has);
    if !builds.is_empty() && !family.keep.is_empty() && !family.keep.iter().any(fits) {
        let message = format!(
            "every rule of `{}` requires a label that no build has: only the floor of {} stays",
            family.name, family.floor
        );
        findings.push(finding("only-floor", format!("families[{index}].keep"), message));
    }
    for rule in family.all_rules().filter(|rule| !rule.only.is_empty()) {
        if !fits(rule) {
            findings.push(finding(
                "unused-label",
                &rule.at,
                format!("no build of the mirror meets the condition of `{}`", rule.name),
            ));
        }
    }
}
