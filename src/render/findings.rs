//! Findings as text for people: by path, with repeated ones counted, and their number.

use crate::decide::check::{Code, Finding, Grouped, Ignored, Severity};
use crate::model::shown;
use crate::render::{Paint, count};

/// The number of paths of a group that are named.
const NAMED: usize = 3;

/// Shows findings as text, a group on one line; nothing if there are none.
pub fn findings(found: &[Grouped<'_>], paint: Paint) -> String {
    let mut text = String::new();
    for group in found {
        let one = match group {
            Grouped::One(one) => *one,
            Grouped::Many { at, findings } => {
                text.push_str(&many(at, findings, paint));
                continue;
            }
        };
        let severity = severity(one, paint);
        text.push_str(&format!("{}: {severity}: {} [{}]\n", paint.bold(&one.path), meaning(one), one.code));
        text.push_str(&format!(
            "    found     {}\n    expected  {}\n",
            shown(&one.found),
            shown(&one.expected)
        ));
        if let Some(nearest) = &one.nearest {
            text.push_str(&format!("    nearest   {}\n", shown(nearest)));
        }
        text.push_str(&format!("    hint      {}\n", shown(&one.hint)));
    }
    text
}

/// Returns the line of findings of one code in one stream.
fn many(at: &str, findings: &[&Finding], paint: Paint) -> String {
    let Some(first) = findings.first() else { return String::new() };
    // A hint for one of them would leave the others.
    let same = findings.iter().all(|one| one.hint == first.hint);
    let hint = if same { &*first.hint } else { first.code.hint() };
    let paths: Vec<_> = findings.iter().take(NAMED).map(|one| shown(&one.path)).collect();
    let more = findings.len().saturating_sub(NAMED);
    format!(
        "{}: {}: {} times: {} [{}]: {}, and {more} more (`--all` lists them)\n    hint      {}\n",
        paint.bold(at),
        severity(first, paint),
        findings.len(),
        meaning(first),
        first.code,
        paths.join(", "),
        shown(hint),
    )
}

/// Shows findings that are ignored as text, with the reasons.
pub fn ignored(found: &[Ignored], paint: Paint) -> String {
    let mut text = String::new();
    for Ignored { finding, why, until } in found {
        let until = until.as_ref().map(|until| format!(" (until {until})")).unwrap_or_default();
        text.push_str(&format!(
            "{}: ignored: {} [{}]\n    found     {}\n    why       {}{until}\n",
            paint.bold(&finding.path),
            meaning(finding),
            finding.code,
            shown(&finding.found),
            shown(why),
        ));
    }
    text
}

/// Returns the word for a severity.
fn severity(found: &Finding, paint: Paint) -> String {
    match found.severity {
        Severity::Error => paint.red("error"),
        Severity::Warning => paint.yellow("warning"),
        Severity::Note => paint.bold("note"),
    }
}

/// Returns the meaning of a finding, without the full stop.
pub(super) fn meaning(found: &Finding) -> &'static str {
    found.code.meaning().trim_end_matches('.')
}

/// Returns the number of findings of each severity, as text.
pub fn findings_total(found: &[Finding]) -> String {
    let of = |severity| found.iter().filter(|one| one.severity == severity).count() as u64;
    let (errors, warnings, notes) = (of(Severity::Error), of(Severity::Warning), of(Severity::Note));
    format!("{}, {}, {}", count(errors, "error"), count(warnings, "warning"), count(notes, "note"))
}

/// Returns `docs/findings.md`.
pub fn findings_page() -> String {
    let mut page = "# What `mirrorkeep check` finds\n\n\
        Printed from the table in `src/decide/check/code.rs` by `mirrorkeep check --list`; a test keeps both equal.\n\
        Errors and warnings end the command with exit code 5, notes do not. A code never changes its meaning.\n\n\
        | code | severity | what it means | what to do |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for code in Code::ALL {
        let hint = code.hint();
        page.push_str(&format!("| `{code}` | {} | {} | {hint} |\n", code.severity(), code.meaning()));
    }
    page
}
