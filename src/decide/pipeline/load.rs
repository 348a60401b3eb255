//! From the YAML of a pipeline to the stages, with every problem reported at once with its place.

use super::gate::CarriedRun;
use super::images::CarriedImages;
use super::loading::Loading;
use super::schema::{CarriedFile, GateFile, PipelineFile, RequireFile, StageFile, TestFile, VoteFile};
use super::stage::{Carried, Pipeline, Requirement, Stage};
use super::{PipelineError, examples, loops};
use crate::decide::policy::unknown::{self, Pieces};
use crate::decide::policy::{Span, pattern};
use crate::model::{BuildName, Digest, Document, Label, OneOrMany, Problem, RelPath, by_place, job_name};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

/// The value of `from` for the successful builds of the stream, which is also the default.
const LATEST_SUCCESS: &str = "latest_success";

/// The default number of protected builds that had the stage: the present one, and the one to go back to.
const KEEP: usize = 2;

/// The default number of candidates to evaluate.
const LOOK_BACK: usize = 100;

impl Pipeline {
    /// Parses a pipeline; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, PipelineError> {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Pipeline::schema);
        let document = Document::parse(text, file).map_err(PipelineError)?;
        let (raw, problems) = unknown::read(&document, &SCHEMA, pieces).map_err(PipelineError)?;
        let mut loading = Loading { document: &document, problems };
        let pipeline = loading.pipeline(&raw, text);
        if loading.problems.is_empty() {
            Ok(pipeline)
        } else {
            Err(PipelineError(by_place(loading.problems)))
        }
    }

    /// Returns the JSON schema of a pipeline file, for completion and checks in editors.
    pub fn schema() -> Value {
        schemars::schema_for!(PipelineFile).to_value()
    }
}

/// Returns every problem that parsing the stages and examples one by one finds, without the unknown keys.
fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    for index in 0..document.items("stages").unwrap_or(0) {
        let at = format!("stages[{index}]");
        let key = |key: &str| format!("{at}.{key}");
        // Entry by entry: an unknown key of a stage would hide them.
        let found = [
            pieces.take_any::<Vec<CarriedFile>>(&key("carry")),
            pieces.take_any::<Span>(&key("alarm")),
            pieces.take_any::<usize>(&key("keep")),
            pieces.take_any::<usize>(&key("look_back")),
            pieces.take_any::<bool>(&key("pin")),
            pieces.take_any::<bool>(&key("bundle")),
            pieces.take_any::<RequireFile>(&key("require")),
            pieces.take_any::<OneOrMany>(&key("streams")),
        ];
        if !found.contains(&true) {
            pieces.take::<StageFile>(&at);
        }
    }
    for name in document.keys("gates") {
        pieces.take::<GateFile>(&format!("gates.{name}"));
    }
    for index in 0..document.items("tests").unwrap_or(0) {
        pieces.take::<TestFile>(&format!("tests[{index}]"));
    }
    pieces.end(first)
}

/// What a stage carries.
enum Carry {
    /// An alias.
    Alias(Carried),
    /// Commands.
    Run(CarriedRun),
    /// Images.
    Images(CarriedImages),
}

impl Loading<'_> {
    fn pipeline(&mut self, raw: &PipelineFile, text: &str) -> Pipeline {
        if raw.pipeline != 1 {
            self.problem("pipeline", format!("version {} is not known; 1 is accepted", raw.pipeline));
        }
        if raw.stages.is_empty() {
            self.problem("stages", "no stage; expected at least one");
        }
        let gates = self.gates(&raw.gates);
        let mut stages: Vec<Stage> = (raw.stages.iter().enumerate())
            .map(|(index, stage)| self.stage(&format!("stages[{index}]"), stage, &raw.gates))
            .collect();
        let mut names = HashSet::new();
        for (index, stage) in stages.iter().enumerate() {
            if !names.insert(stage.name.clone()) {
                self.problem(&format!("stages[{index}].name"), format!("a second stage `{}`", stage.name));
            }
        }
        let rejecting: Vec<Vec<String>> = stages.iter().map(|stage| loops::before(&stages, stage)).collect();
        for (stage, before) in stages.iter_mut().zip(rejecting) {
            stage.before = before;
        }
        self.movers(&stages, &raw.stages);
        for (index, way) in loops::loops(&stages) {
            let why = format!("no build can reach this stage: {}", way.join(" comes from "));
            self.problem(&format!("stages[{index}].from"), why);
        }
        let tests = (raw.tests.iter().enumerate())
            .filter_map(|(index, test)| examples::read(self, index, test, &stages))
            .collect();
        Pipeline { text: text.into(), digest: Digest::of(text.as_bytes()), stages, gates, tests }
    }

    fn stage(&mut self, at: &str, raw: &StageFile, gates: &BTreeMap<String, GateFile>) -> Stage {
        self.alias(&format!("{at}.name"), &raw.name);
        let others = [("from", &raw.from), ("previous", &raw.previous), ("on_failure", &raw.on_failure)];
        for (key, alias) in others {
            if let Some(alias) = alias {
                self.alias(&format!("{at}.{key}"), alias);
            }
        }
        let require = &raw.require;
        if raw.pin && !(require.votes.is_empty() && require.gates.is_empty() && require.labels.is_empty()) {
            self.problem(
                &format!("{at}.require"),
                "a stage with `pin: true` takes any candidate and requires nothing",
            );
        }
        if raw.pin && raw.from.is_none() {
            self.problem(at, "`pin` needs `from`, the alias whose newest build is taken");
        }
        let (mut carry, mut commands, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for (index, one) in raw.carry.iter().enumerate() {
            match self.carried(&format!("{at}.carry[{index}]"), one) {
                Some(Carry::Alias(alias)) => carry.push(alias),
                Some(Carry::Run(run)) => commands.push(run),
                Some(Carry::Images(one)) => images.push(one),
                None => {}
            }
        }
        if raw.on_failure.is_some() && require.votes.is_empty() && require.gates.is_empty() {
            self.problem(&format!("{at}.on_failure"), "no job is required, so none can fail");
        }
        let streams = raw.streams.as_slice().iter().map(|text| self.pattern(&format!("{at}.streams"), text));
        let streams = streams.collect();
        let votes = raw.require.votes.iter().enumerate();
        let votes = votes.map(|(index, vote)| self.vote(&format!("{at}.require.votes[{index}]"), vote));
        let mut votes: Vec<Requirement> = votes.collect();
        for (index, vote) in votes.iter().enumerate() {
            if votes.iter().take(index).any(|before| before == vote) {
                let why = format!("`{}` is required twice", vote.shown());
                self.problem(&format!("{at}.require.votes[{index}]"), why);
            }
        }
        for (index, gate) in require.gates.iter().enumerate() {
            let here = format!("{at}.require.gates[{index}]");
            let vote = Requirement(vec![gate.clone()]);
            if !gates.contains_key(gate) {
                let known = gates.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                self.problem(&here, format!("the file has no gate `{gate}`; its `gates` are: {known}"));
            } else if votes.contains(&vote) {
                self.problem(&here, format!("`{gate}` is required twice"));
            }
            votes.push(vote);
        }
        for (key, values) in &raw.require.labels {
            for value in values.as_slice() {
                if let Err(error) = Label::read(key, value) {
                    self.problem(&format!("{at}.require.labels.{key}"), format!("{error}"));
                }
            }
        }
        Stage {
            name: raw.name.clone(),
            streams,
            from: raw.from.clone().filter(|from| from != LATEST_SUCCESS),
            pin: raw.pin,
            votes,
            gates: require.gates.clone(),
            labels: raw.require.labels.clone(),
            before: Vec::new(),
            on_failure: raw.on_failure.clone(),
            previous: raw.previous.clone(),
            carry,
            commands,
            images,
            bundle: raw.bundle,
            keep: self.positive(&format!("{at}.keep"), raw.keep.unwrap_or(KEEP)),
            look_back: self.positive(&format!("{at}.look_back"), raw.look_back.unwrap_or(LOOK_BACK)),
            alarm: raw.alarm,
        }
    }

    /// Checks that every alias is moved for one reason only.
    fn movers(&mut self, stages: &[Stage], raw: &[StageFile]) {
        for (index, stage) in stages.iter().enumerate() {
            let also = [("previous", &stage.previous), ("on_failure", &stage.on_failure)];
            let also = also.into_iter().filter_map(|(key, name)| Some((key.to_owned(), name.as_ref()?)));
            let carried = raw.iter().skip(index).take(1).flat_map(|stage| stage.carry.iter().enumerate());
            let carried =
                carried.filter_map(|(nth, one)| Some((format!("carry[{nth}].alias"), one.alias.as_ref()?)));
            let also: Vec<(String, &String)> = also.chain(carried).collect();
            for (nth, (key, name)) in also.iter().enumerate() {
                let at = format!("stages[{index}].{key}");
                let other = |other: &Stage| {
                    let same = other.name == stage.name;
                    other.name == **name || !same && other.moves().any(|moved| moved == *name)
                };
                if stages.iter().any(other) || also.iter().take(nth).any(|(_, before)| before == name) {
                    let why = format!("`{name}` is the name of another stage or is carried with one");
                    self.problem(&at, why);
                } else if stages.iter().any(|other| other.from.as_ref() == Some(*name)) {
                    let why = format!(
                        "`{name}` is the `from` of a stage; what was demoted would be its newest candidate"
                    );
                    self.problem(&at, why);
                }
            }
        }
    }

    fn carried(&mut self, at: &str, raw: &CarriedFile) -> Option<Carry> {
        if raw.place.is_some() && raw.alias.is_none() {
            self.problem(&format!("{at}.place"), "`place` belongs to an `alias`");
        }
        match (&raw.alias, &raw.run, &raw.images) {
            (Some(alias), None, None) => {
                self.alias(&format!("{at}.alias"), alias);
                let place = raw.place.as_deref().map(str::parse::<RelPath>).transpose();
                let place =
                    place.map_err(|error| self.problem(&format!("{at}.place"), format!("{error}"))).ok()?;
                let place = place.filter(|place| !place.is_root());
                Some(Carry::Alias(Carried { alias: alias.clone(), place }))
            }
            (None, Some(run), None) => Some(Carry::Run(self.carried_run(&format!("{at}.run"), run))),
            (None, None, Some(images)) => {
                self.carried_images(&format!("{at}.images"), images).map(Carry::Images)
            }
            _ => {
                self.problem(at, "exactly one of `alias`, `run` and `images` is accepted");
                None
            }
        }
    }

    /// Checks that an alias can exist beside the builds of a stream.
    fn alias(&mut self, at: &str, name: &str) {
        if name.parse::<BuildName>().is_err() {
            self.problem(
                at,
                format!("`{name}` is no alias; one name without `/` is accepted, such as `current-tripleo`"),
            );
        }
    }

    fn positive(&mut self, at: &str, count: usize) -> usize {
        if count == 0 {
            self.problem(at, "0 is not accepted; at least 1 is");
        }
        count
    }

    fn pattern(&mut self, at: &str, text: &str) -> glob::Pattern {
        let (pattern, wrong) = pattern(text);
        for why in wrong {
            self.problem(at, why);
        }
        pattern
    }

    fn vote(&mut self, at: &str, raw: &VoteFile) -> Requirement {
        let jobs = match raw {
            VoteFile::Job(job) => vec![job.clone()],
            VoteFile::Any(any) => any.any.clone(),
        };
        if jobs.is_empty() {
            self.problem(at, "`any` is empty; expected at least one job");
        }
        for job in &jobs {
            if let Err(why) = job_name(job) {
                self.problem(at, why);
            }
        }
        Requirement(jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        Pipeline::load(text, "p.yaml")
            .err()
            .map_or(Vec::new(), |error| error.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_problem_of_a_file_is_reported_at_once_with_its_place() {
        let text = "pipeline: 2
stages:
  - {name: a/b, streams: /x, from: c, keep: 0}
  - {name: c, streams: '**', from: d, require: {votes: [smoke, smoke, 'no job', {any: []}]}}
  - {name: d, streams: '**', from: c, pin: true, require: {votes: [x]}}
  - {name: d, streams: '**', pin: true, previous: c}
";
        let found = problems(text);
        let wanted = [
            "p.yaml:1:1: pipeline: version 2 is not known",
            "p.yaml:3:6: stages[0].name: `a/b` is no alias",
            "p.yaml:3:17: stages[0].streams: `/x` can match nothing",
            "p.yaml:3:39: stages[0].keep: 0 is not accepted",
            "p.yaml:4:61: stages[1].require.votes[2]: `no job` is not a name of a job",
            "stages[1].require.votes[3]: `any` is empty",
            "stages[1].require.votes[1]: `smoke` is required twice",
            "stages[2].require: a stage with `pin: true` takes any candidate",
            "stages[3]: `pin` needs `from`",
            "stages[3].name: a second stage `d`",
            "stages[3].previous: `c` is the name of another stage or is carried with one",
            "stages[1].from: no build can reach this stage: c comes from d comes from c",
            "stages[2].from: no build can reach this stage: d comes from c comes from d",
        ];
        for wanted in wanted {
            let (place, message) = wanted.split_once(": ").unwrap();
            let fits = |line: &&String| {
                line.contains(message) && (place.starts_with("stages") || line.contains("p.yaml"))
            };
            assert!(found.iter().any(|line| fits(&line)), "{wanted}\n{}", found.join("\n"));
        }
        assert_eq!(found.len(), wanted.len(), "{}", found.join("\n"));
    }

    #[test]
    fn unknown_keys_and_wrong_forms_are_named_with_what_is_accepted() {
        let found =
            problems("pipeline: 1\nstages:\n  - {name: a, stream: '**', streams: '**', alarm: soon}\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("unknown key `stream` (`streams`?)"), "{found:?}");
        assert!(found[1].contains("`soon` is not a length of time"), "{found:?}");
    }
}
