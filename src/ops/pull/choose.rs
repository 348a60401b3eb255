//! Which builds of a list come: those of the chosen streams that are not here, and that the policy of this mirror would not let go
//! at once.

use super::error::PullError;
use super::report::SkippedBuild;
use super::sound;
use crate::census::{AliasCensus, BuildCensus, Census, StreamCensus};
use crate::commit::choose::protocol;
use crate::decide::Fate;
use crate::decide::changes::ListedBuild;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::copy::choose::ordered;
use crate::ops::retention::plan::verdicts_with;
use crate::ops::retention::{Failure, PlanError};
use crate::ops::withdraw::tombstones;
use crate::record::BuildRecord;
use std::collections::{BTreeMap, BTreeSet};

/// What comes.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The builds, what is needed first and else the older first.
    pub(super) come: Vec<(ListedBuild, BuildRecord)>,
    /// The builds that are here.
    pub(super) here: BTreeSet<BuildId>,
    pub(super) skipped: Vec<SkippedBuild>,
    pub(super) failures: Vec<Failure>,
}

/// Chooses among builds of the mirror with the id `upstream`; `names` are those of the list, each with the path that it points at.
pub(super) fn choose(
    to: &Mirror,
    builds: Vec<ListedBuild>,
    (names, upstream): (&BTreeMap<RelPath, RelPath>, &str),
    now: Stamp,
) -> Result<Choice, PullError> {
    let mut choice = Choice::default();
    let mut come: BTreeMap<BuildId, (ListedBuild, BuildRecord)> = BTreeMap::new();
    let withdrawn = tombstones(to)?;
    let as_upstream = as_upstream(upstream);
    for listed in builds {
        let id = listed.id.clone();
        let mut skip = |why: &str| choice.skipped.push(SkippedBuild { id: id.clone(), why: why.to_owned() });
        let record = match sound::record(to, &listed, now) {
            Ok(record) => record,
            Err(error) => {
                choice.failures.push(Failure { path: id.to_string(), error: chain(&error) });
                continue;
            }
        };
        if to.has_build(&id)? {
            let there = to.record(&id)?.and_then(|record| record.sums);
            // What upstream trimmed may be whole here.
            if there == Some(listed.sums) || !listed.trimmed.is_empty() {
                choice.here.insert(id);
            } else {
                let error = chain(&PullError::Differs);
                choice.failures.push(Failure { path: id.to_string(), error });
            }
        } else if let Some(stone) = withdrawn.get(&id.to_string())
            && stone.why != as_upstream
        {
            skip("it was withdrawn here");
        } else if !protocol(to).is_place_free(to, &id).map_err(|error| PullError::Unsound(chain(&error)))? {
            if withdrawn.contains_key(&id.to_string()) {
                let error = chain(&PullError::Returned(id.clone()));
                choice.failures.push(Failure { path: id.to_string(), error });
            } else {
                skip("it is in the trash here");
            }
        } else {
            come.insert(id, (listed, record));
        }
    }
    if !come.is_empty() {
        for id in unkept(to, &come, names, now)? {
            come.remove(&id);
            let why = "the policy of this mirror would not keep it".to_owned();
            choice.skipped.push(SkippedBuild { id, why });
        }
    }
    let records = come.iter().map(|(id, (_, record))| (id.clone(), record.clone())).collect();
    let order = ordered(come.keys().cloned().collect(), &records);
    choice.come = order.iter().filter_map(|id| come.remove(id)).collect();
    Ok(choice)
}

/// Returns the reason of a withdrawal here that only followed one upstream: it ends where upstream has the build again.
pub(super) fn as_upstream(upstream: &str) -> String {
    format!("withdrawn from the mirror {upstream}")
}

/// Returns the builds that the policy would let go if they were here.
fn unkept(
    to: &Mirror,
    come: &BTreeMap<BuildId, (ListedBuild, BuildRecord)>,
    names: &BTreeMap<RelPath, RelPath>,
    now: Stamp,
) -> Result<Vec<BuildId>, PullError> {
    let verdicts = match verdicts_with(to, now, |census| add(census, come, names)) {
        Err(PlanError::NoPolicy) => return Ok(Vec::new()),
        verdicts => verdicts?,
    };
    let goes = verdicts.into_iter().filter(|verdict| matches!(verdict.fate, Fate::Expire | Fate::Withheld));
    Ok(goes.map(|verdict| verdict.id).filter(|id| come.contains_key(id)).collect())
}

/// Adds to a census what would come.
fn add(
    census: &mut Census,
    come: &BTreeMap<BuildId, (ListedBuild, BuildRecord)>,
    names: &BTreeMap<RelPath, RelPath>,
) {
    for (id, (listed, record)) in come {
        let build = BuildCensus {
            created: record.created,
            seq: record.seq,
            published: record.created,
            result: listed.result,
            trimmed: listed.trimmed.clone(),
            requires: listed.requires.clone(),
            files: Some(listed.files),
            bytes: Some(listed.bytes),
            path: Some(listed.path.clone()),
            ..BuildCensus::named(id.name.clone())
        };
        match census.streams.iter_mut().find(|stream| stream.stream == id.stream) {
            Some(stream) => stream.builds.push(build),
            None => census.streams.push(StreamCensus { stream: id.stream.clone(), builds: vec![build] }),
        }
    }
    census.aliases.retain(|alias| !names.contains_key(&alias.path));
    census.aliases.extend(names.iter().map(|(path, target)| AliasCensus {
        path: path.clone(),
        target: Some(target.clone()),
        required: false,
        moves: Vec::new(),
        problem: None,
    }));
}
