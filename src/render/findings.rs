//! Findings as people read them: one after the other, by path, and how many there are.

use crate::decide::check::{Code, Finding, Severity};
use crate::model::shown;
use crate::render::{Paint, count};

/// Shows findings as text; nothing when there are none.
pub fn findings(found: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for one in found {
        let severity = match one.severity {
            Severity::Error => paint.red("error"),
            Severity::Warning => paint.yellow("warning"),
            Severity::Note => paint.bold("note"),
        };
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

/// Returns what a finding means, without the full stop.
pub(super) fn meaning(found: &Finding) -> &'static str {
    found.code.meaning().trim_end_matches('.')
}

/// Returns how many findings of each severity there are, in words.
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
