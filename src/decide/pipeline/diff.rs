//! What an edit of a pipeline changes.

use super::stage::{Pipeline, Stage};
use schemars::JsonSchema;
use serde::Serialize;

/// The differences between two pipelines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PipelineDiff {
    /// The stages that differ: those of the new pipeline in its order, then those that only the old one has.
    pub stages: Vec<StageDiff>,
    /// Whether the stages that both have are in another order.
    pub reordered: bool,
    /// The gates that differ: those of the new pipeline, then those that only the old one has.
    pub gates: Vec<GateDiff>,
}

/// The change of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GateDiff {
    /// The name.
    pub gate: String,
    /// The kind of change.
    pub change: StageChange,
}

/// The change of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageDiff {
    /// The name.
    pub stage: String,
    /// The kind of change.
    pub change: StageChange,
    /// The keys that differ, if both have the stage.
    pub keys: Vec<&'static str>,
}

/// How an edit changes a stage or a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageChange {
    /// Only the new pipeline has it.
    Added,
    /// Both have it, and it differs.
    Changed,
    /// Only the old pipeline has it: the name of a stage is an ordinary alias from then on.
    Removed,
}

/// Returns the differences between two pipelines; without an old one everything is new.
pub fn diff(old: Option<&Pipeline>, new: &Pipeline) -> PipelineDiff {
    let Some(old) = old else {
        let added = |name: &String| (name.clone(), StageChange::Added);
        let stages = new.stages.iter().map(|stage| added(&stage.name));
        let gates = new.gates.iter().map(|gate| added(&gate.name));
        return PipelineDiff {
            stages: stages.map(|(stage, change)| StageDiff { stage, change, keys: Vec::new() }).collect(),
            reordered: false,
            gates: gates.map(|(gate, change)| GateDiff { gate, change }).collect(),
        };
    };
    let differs = |stage: &Stage| {
        let name = stage.name.clone();
        let Some(before) = old.stage(&stage.name) else {
            return Some(StageDiff { stage: name, change: StageChange::Added, keys: Vec::new() });
        };
        let keys = keys(before, stage);
        (!keys.is_empty()).then_some(StageDiff { stage: name, change: StageChange::Changed, keys })
    };
    let gone = old.stages.iter().filter(|stage| new.stage(&stage.name).is_none());
    let gone = gone.map(|stage| StageDiff {
        stage: stage.name.clone(),
        change: StageChange::Removed,
        keys: Vec::new(),
    });
    let common = |of: &Pipeline, other: &Pipeline| -> Vec<String> {
        let names = of.stages.iter().map(|stage| stage.name.clone());
        names.filter(|name| other.stage(name).is_some()).collect()
    };
    PipelineDiff {
        stages: new.stages.iter().filter_map(differs).chain(gone).collect(),
        reordered: common(old, new) != common(new, old),
        gates: gates(old, new),
    }
}

fn gates(old: &Pipeline, new: &Pipeline) -> Vec<GateDiff> {
    let named = |name: &String, change| GateDiff { gate: name.clone(), change };
    let differs = new.gates.iter().filter_map(|gate| match old.gate(&gate.name) {
        None => Some(named(&gate.name, StageChange::Added)),
        Some(before) => (before != gate).then(|| named(&gate.name, StageChange::Changed)),
    });
    let gone = old.gates.iter().filter(|gate| new.gate(&gate.name).is_none());
    differs.chain(gone.map(|gate| named(&gate.name, StageChange::Removed))).collect()
}

fn keys(old: &Stage, new: &Stage) -> Vec<&'static str> {
    let differs = [
        ("streams", old.streams != new.streams),
        ("from", old.from != new.from),
        ("pin", old.pin != new.pin),
        ("require", (&old.votes, &old.gates, &old.labels) != (&new.votes, &new.gates, &new.labels)),
        ("on_failure", old.on_failure != new.on_failure),
        ("previous", old.previous != new.previous),
        ("carry", (&old.carry, &old.commands, &old.images) != (&new.carry, &new.commands, &new.images)),
        ("bundle", old.bundle != new.bundle),
        ("keep", old.keep != new.keep),
        ("look_back", old.look_back != new.look_back),
        ("alarm", old.alarm != new.alarm),
    ];
    differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(stages: &str) -> Pipeline {
        Pipeline::load(&format!("pipeline: 1\nstages: [{stages}]\n"), "p.yaml").unwrap()
    }

    #[test]
    fn each_difference_is_named_with_its_stage() {
        let old = pipeline("{name: a, streams: x}, {name: b, streams: x, keep: 3}, {name: c, streams: x}");
        let gated = |gates: &str| {
            let text = format!("pipeline: 1\nstages: [{{name: a, streams: x}}]\ngates: {{{gates}}}\n");
            Pipeline::load(&text, "p.yaml").unwrap()
        };
        let (one, other) = (
            gated("a: {verify: true}, b: {run: [x]}"),
            gated("b: {run: [x], timeout: 1m}, c: {verify: true}"),
        );
        let found: Vec<String> = diff(Some(&one), &other)
            .gates
            .iter()
            .map(|gate| format!("{} {:?}", gate.gate, gate.change))
            .collect();
        assert_eq!(found, ["b Changed", "c Added", "a Removed"]);
        let same = diff(Some(&old), &old);
        assert!(same.stages.is_empty() && !same.reordered);
        let new = pipeline(
            "{name: b, streams: [x, y], require: {votes: [smoke]}}, {name: a, streams: x}, {name: d, streams: x}",
        );
        let found = diff(Some(&old), &new);
        let shown: Vec<String> = (found.stages.iter())
            .map(|stage| format!("{} {:?} {}", stage.stage, stage.change, stage.keys.join(",")))
            .collect();
        assert_eq!(shown, ["b Changed streams,require,keep", "d Added ", "c Removed "]);
        assert!(found.reordered);
        let found = diff(None, &new);
        let shown: Vec<String> =
            found.stages.iter().map(|stage| format!("{} {:?}", stage.stage, stage.change)).collect();
        assert_eq!(shown, ["b Added", "a Added", "d Added"]);
    }

    #[test]
    fn every_key_of_a_stage_is_compared() {
        let schema = serde_json::to_string(&Pipeline::schema()["$defs"]["StageFile"]["properties"]).unwrap();
        let properties: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&schema).unwrap();
        let plain = pipeline("{name: a, streams: x}");
        let other = pipeline(
            "{name: a, streams: y, from: z, require: {votes: [smoke]}, on_failure: bad, previous: p, carry: [{alias: q}], bundle: true, keep: 3, look_back: 3, alarm: 1d}",
        );
        let pinned = pipeline("{name: a, streams: y, from: z, pin: true}");
        let mut compared = keys(&plain.stages[0], &other.stages[0]);
        compared.extend(keys(&plain.stages[0], &pinned.stages[0]));
        for key in properties.keys().filter(|key| *key != "name") {
            assert!(compared.contains(&key.as_str()), "{key}: {compared:?}");
        }
    }
}
