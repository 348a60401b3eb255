//! Problems of a policy or pipeline, and the results of its examples.

use super::answer::{Sorted, Version};
use super::exit::Exit;
use super::say;
use crate::decide::Finding;
use crate::model;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `policy lint`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicyLint<'a> {
    lint: Version,
    /// The name of the policy, as it was given.
    policy: &'a str,
    /// The findings.
    findings: &'a [Finding],
}

/// The answer of `pipeline lint`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelineLint<'a> {
    lint: Version,
    /// The name of the pipeline, as it was given.
    pipeline: &'a str,
    /// The findings.
    findings: &'a [Finding],
}

/// The answer of `deliver lint`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeliverLint<'a> {
    lint: Version,
    /// The name of the file.
    deliver: &'a str,
    /// The findings.
    findings: &'a [Finding],
}

/// The answer of `sync lint`.
#[derive(Serialize, JsonSchema)]
pub(super) struct TargetsLint<'a> {
    lint: Version,
    /// The name of the file.
    targets: &'a str,
    /// The findings.
    findings: &'a [Finding],
}

/// Shows findings; `what` is the kind of file, and `name` its name in messages.
pub(super) fn findings(json: bool, what: &str, name: &str, findings: &[Finding]) -> Exit {
    if json {
        match what {
            "policy" => say::json(&Sorted(PolicyLint { lint: Version, policy: name, findings })),
            "targets" => say::json(&Sorted(TargetsLint { lint: Version, targets: name, findings })),
            "deliver" => say::json(&Sorted(DeliverLint { lint: Version, deliver: name, findings })),
            _ => say::json(&Sorted(PipelineLint { lint: Version, pipeline: name, findings })),
        }
    } else {
        for found in findings {
            say::out(&format!("{}\n", line(name, found)));
        }
        if findings.is_empty() {
            say::out(&format!("{name}: OK\n"));
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

/// The result of one example.
pub(super) struct Tried<'a, S> {
    /// Its name.
    pub(super) name: &'a str,
    /// The differences from what it expects.
    pub(super) surprises: Vec<S>,
}

/// The answer of `policy test`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PolicyTest<'a, S> {
    test: Version,
    /// The name of the policy, as it was given.
    policy: &'a str,
    /// The examples of the file.
    tests: Vec<TriedRow<'a, S>>,
}

/// The answer of `pipeline test`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PipelineTest<'a, S> {
    test: Version,
    /// The name of the pipeline, as it was given.
    pipeline: &'a str,
    /// The examples of the file.
    tests: Vec<TriedRow<'a, S>>,
}

/// An example.
#[derive(Serialize, JsonSchema)]
struct TriedRow<'a, S> {
    /// Its name.
    name: &'a str,
    /// Whether its result is as expected.
    passed: bool,
    /// The differences from what it expects.
    surprises: &'a [S],
}

/// Shows the results of examples; `shown` returns the subject of a difference and the actual result.
pub(super) fn examples<'a, S: Serialize>(
    json: bool,
    (what, name): (&'a str, &'a str),
    tried: &'a [Tried<'a, S>],
    shown: impl Fn(&S) -> (&str, &str),
) -> Exit {
    let failed = tried.iter().filter(|one| !one.surprises.is_empty()).count();
    if json {
        let one = |one: &'a Tried<'a, S>| {
            let (name, surprises) = (one.name, one.surprises.as_slice());
            TriedRow { name, passed: surprises.is_empty(), surprises }
        };
        let tests = tried.iter().map(one).collect();
        match what {
            "policy" => say::json(&Sorted(PolicyTest { test: Version, policy: name, tests })),
            _ => say::json(&Sorted(PipelineTest { test: Version, pipeline: name, tests })),
        }
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
