//! Running the examples inside a pipeline.

use super::evaluate::{View, evaluate};
use super::example::{Example, Expected};
use super::stage::Pipeline;
use super::state::{Outcome, StageState};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A difference between an example and the actual result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Surprise {
    /// The example's name.
    pub test: String,
    /// The place of the expectation in the file.
    pub place: String,
    /// The stage.
    pub stage: String,
    /// The expected and the actual result, with what the candidates lack.
    pub message: String,
}

impl Pipeline {
    /// Runs one example, one stage after the other, and returns all differences.
    pub fn surprises(&self, test: &Example) -> Vec<Surprise> {
        let mut moves = test.moves.clone();
        let mut states = BTreeMap::new();
        for stage in self.stages_of(&test.stream) {
            let view =
                View { census: &test.census, moves: &moves, waivers: &test.waivers, now: test.census.at };
            let state = evaluate(stage, &test.stream, &view);
            if let Some(build) = &state.build {
                moves.add(&test.stream, &stage.name, test.census.at, Some(build.name.clone()));
            }
            states.insert(stage.name.as_str(), state);
        }
        let look = |(name, wanted): (&String, &Expected)| {
            let Some(state) = states.get(name.as_str()) else {
                return self.failure(test, (name, wanted), &states);
            };
            let (fits, wanted) = match wanted {
                Expected::Build(name) => {
                    (state.build.as_ref().is_some_and(|build| build.name == *name), name.to_string())
                }
                Expected::Outcome(outcome) => (state.outcome == *outcome, word(*outcome).to_owned()),
            };
            let came =
                state.build.as_ref().map_or(word(state.outcome).to_owned(), |build| build.name.to_string());
            let lacks = state.candidates.iter().map(|one| {
                let why =
                    one.rejected.as_ref().map_or_else(|| one.missing.join(", "), |_| "rejected".to_owned());
                format!("{}: {}", one.id.name, if why.is_empty() { "ready".to_owned() } else { why })
            });
            let lacks: Vec<String> = lacks.collect();
            let lacks = if lacks.is_empty() { "no candidate".to_owned() } else { lacks.join("; ") };
            let message = format!("expected {wanted}, came out {came} ({lacks})");
            let place = format!("{}.expect.{name}", test.at);
            (!fits).then(|| Surprise { test: test.name.clone(), place, stage: name.clone(), message })
        };
        test.expect.iter().filter_map(look).collect()
    }

    /// Compares the result of an `on_failure` with the expectation of an example.
    fn failure(
        &self,
        test: &Example,
        (name, wanted): (&str, &Expected),
        states: &BTreeMap<&str, StageState>,
    ) -> Option<Surprise> {
        let stage = self.stages.iter().find(|stage| stage.on_failure.as_deref() == Some(name))?;
        let failed = states.get(stage.name.as_str())?.failed.clone();
        let came = failed.map_or_else(|| "none".to_owned(), |id| id.name.to_string());
        let wanted = match wanted {
            Expected::Build(name) => name.to_string(),
            Expected::Outcome(outcome) => word(*outcome).to_owned(),
        };
        (came != wanted).then(|| Surprise {
            test: test.name.clone(),
            place: format!("{}.expect.{name}", test.at),
            stage: stage.name.clone(),
            message: format!("expected {wanted} at `{name}`, came out {came}"),
        })
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted => "promoted",
        Outcome::Current => "current",
        Outcome::Waiting => "waiting",
        Outcome::None => "none",
        Outcome::Interfered => "interfered",
    }
}
