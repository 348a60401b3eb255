//! Stages whose `from` points to each other, and those that wait for each other.

use super::stage::Stage;

/// Returns the stages that cannot be reached since their `from` forms a loop, each with the loop.
pub(super) fn loops(stages: &[Stage]) -> Vec<(usize, Vec<String>)> {
    let named = |name: &str| stages.iter().find(|stage| stage.name == name);
    let around = |(index, first): (usize, &Stage)| {
        let mut way = vec![first.name.clone()];
        let mut at = first;
        while let Some(from) = at.from.as_deref().filter(|_| way.len() <= stages.len()) {
            way.push(from.to_owned());
            if from == first.name {
                return Some((index, way));
            }
            at = named(from)?;
        }
        None
    };
    stages.iter().enumerate().filter_map(around).collect()
}

/// Returns the names of the stages that a build passes before `stage`, the nearest first.
pub(super) fn before(stages: &[Stage], stage: &Stage) -> Vec<String> {
    let mut before: Vec<String> = Vec::new();
    let mut at = Some(stage);
    while let Some(from) = at.and_then(|at| at.from.as_deref()) {
        at = stages
            .iter()
            .find(|stage| stage.name == from)
            .filter(|_| !before.iter().any(|name| name == from));
        before.extend(at.map(|at| at.name.clone()));
    }
    before
}
