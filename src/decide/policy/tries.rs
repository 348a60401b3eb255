//! Trying the examples inside a policy.

use super::rule::{Expect, Expected, Policy, PolicyTest, TestBuild};
use crate::census::{AliasCensus, BuildCensus, Census, LabelCensus, StreamCensus};
use crate::decide::retention::{Fate, PartFate, PreviousRuns, Verdict, retain};
use crate::model::{BuildId, BuildName};
use crate::record::Hold;
use schemars::JsonSchema;
use serde::Serialize;

/// What came out of one example otherwise than it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Surprise {
    /// The example's name.
    pub test: String,
    /// Where in the file it is expected.
    pub place: String,
    /// Which build.
    pub build: String,
    /// What was expected and what came out, with the reasons.
    pub message: String,
}

impl Policy {
    /// Tries one example and returns everything that came out otherwise.
    pub fn surprises(&self, test: &PolicyTest) -> Vec<Surprise> {
        let plan = retain(&census(test), self, test.now, &PreviousRuns::default());
        let look = |(name, wanted): (&BuildName, &Expect)| {
            let id = BuildId::new(test.stream.clone(), name.clone());
            let verdict = plan.verdict(&id)?;
            let message = differs(wanted, verdict)?;
            let place = format!("{}.expect.{name}", test.at);
            Some(Surprise { test: test.name.clone(), place, build: name.to_string(), message })
        };
        test.expect.iter().filter_map(look).collect()
    }
}

/// Returns the census of an example.
fn census(test: &PolicyTest) -> Census {
    let mut census = Census::empty(test.now);
    let builds = test.builds.iter().filter_map(build).collect();
    for (alias, target) in &test.aliases {
        let (Ok(path), Ok(target)) =
            (test.stream.as_path().child(alias), test.stream.as_path().child(target.as_str()))
        else {
            continue;
        };
        census.aliases.push(AliasCensus {
            path,
            target: Some(target),
            required: false,
            moves: Vec::new(),
            problem: None,
        });
    }
    census.streams.push(StreamCensus { stream: test.stream.clone(), builds });
    census
}

fn build(build: &TestBuild) -> Option<BuildCensus> {
    let name: BuildName = build.created.to_string().parse().ok()?;
    let label = |value: &String| LabelCensus {
        value: value.clone(),
        since: Some(build.created),
        who: None,
        url: None,
    };
    let hold = |why: &String| Hold { who: "example".to_owned(), why: why.clone(), until: None, since: None };
    Some(BuildCensus {
        created: Some(build.created),
        published: Some(build.published),
        last_activity: Some(build.published),
        result: build.result,
        labels: build.labels.iter().map(|(key, value)| (key.clone(), label(value))).collect(),
        holds: build.hold.iter().map(hold).collect(),
        ..BuildCensus::named(name)
    })
}

/// Returns how a verdict differs from what was expected.
fn differs(wanted: &Expect, verdict: &Verdict) -> Option<String> {
    let found: Vec<&str> = match verdict.fate {
        Fate::Expire => verdict.misses.iter().map(|miss| &*miss.rule).collect(),
        _ => verdict.reasons.iter().map(|reason| &*reason.rule).collect(),
    };
    let (word, fate) = match wanted.verdict {
        Expected::Keep => ("keep", verdict.fate == Fate::Keep),
        Expected::Expire => ("expire", verdict.fate == Fate::Expire),
        Expected::Blocked => ("blocked", verdict.fate == Fate::Blocked),
        Expected::Any => ("any verdict", true),
    };
    let details = verdict.reasons.iter().filter_map(|reason| reason.detail.as_deref());
    let said = wanted.word.as_ref().is_none_or(|word| {
        let rules = found.iter().any(|rule| rule.split(' ').any(|part| part == word));
        rules
            || (verdict.fate == Fate::Blocked && details.clone().any(|detail| detail.contains(word.as_str())))
    });
    let came = format!("{:?}", verdict.fate).to_lowercase();
    if !fate || !said {
        let wanted = wanted.word.as_ref().map_or(word.to_owned(), |rule| format!("{word} by `{rule}`"));
        return Some(format!("expected {wanted}, came out {came} ({})", found.join("; ")));
    }
    wanted.parts.iter().find_map(|(part, keep)| {
        let fate = verdict.parts.get(part);
        let fits = matches!((fate, keep), (Some(PartFate::Keep), true) | (Some(PartFate::Expire), false));
        let wanted = if *keep { "keep" } else { "expire" };
        let came = fate.map_or("no such part".to_owned(), |fate| format!("{fate:?}").to_lowercase());
        (!fits).then(|| format!("expected part `{part}` to {wanted}, came out {came}"))
    })
}
