//! What is odd about a policy or pipeline, and how its examples came out.

use super::exit::Exit;
use super::say;
use crate::decide::Finding;
use crate::model;
use serde::Serialize;
use serde_json::json;

/// Shows findings; `what` is the kind of file and `name` what it is called in messages.
pub(super) fn findings(json: bool, what: &str, name: &str, findings: &[Finding]) -> Exit {
    if json {
        say::json(&json!({"lint": 1, what: name, "findings": findings}));
    } else {
        for found in findings {
            say::out(&format!("{}\n", line(name, found)));
        }
        if findings.is_empty() {
            say::out(&format!("{name}: nothing is odd\n"));
        }
    }
    if findings.iter().any(is_grave) { Exit::Findings } else { Exit::Done }
}

/// Returns a finding with its place in the file `name`.
pub(super) fn line(name: &str, found: &Finding) -> String {
    let place = match (found.line, found.column) {
        (Some(line), Some(column)) => format!("{name}:{line}:{column}"),
        _ => name.to_owned(),
    };
    format!("{place}: {}: {} [{}]", found.severity, model::shown(&found.message), found.code)
}

/// Returns whether a finding should be fixed.
pub(super) fn is_grave(found: &Finding) -> bool {
    found.severity == "warning"
}

/// How one example came out.
pub(super) struct Tried<'a, S> {
    /// Its name.
    pub(super) name: &'a str,
    /// What came out otherwise than it says.
    pub(super) surprises: Vec<S>,
}

/// Shows how examples came out; `shown` returns what a surprise is about, and what came out.
pub(super) fn examples<S: Serialize>(
    json: bool,
    (what, name): (&str, &str),
    tried: &[Tried<'_, S>],
    shown: impl Fn(&S) -> (&str, &str),
) -> Exit {
    let failed = tried.iter().filter(|one| !one.surprises.is_empty()).count();
    if json {
        let one = |one: &Tried<'_, S>| json!({"name": one.name, "passed": one.surprises.is_empty(), "surprises": one.surprises});
        let list: Vec<_> = tried.iter().map(one).collect();
        say::json(&json!({"test": 1, what: name, "tests": list}));
    } else {
        for one in tried {
            let passed = if one.surprises.is_empty() { "passed" } else { "FAILED" };
            say::out(&format!("{passed}  {}\n", model::shown(one.name)));
            for surprise in &one.surprises {
                let (about, message) = shown(surprise);
                say::out(&format!("        {}: {}\n", model::shown(about), model::shown(message)));
            }
        }
        let all = say::count(tried.len() as u64, "example");
        say::out(&format!("{name}: {all}, {failed} failed\n"));
    }
    if failed == 0 { Exit::Done } else { Exit::Findings }
}
