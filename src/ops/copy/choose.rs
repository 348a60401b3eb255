//! Which builds are copied, and in which order: what a build needs comes before it, and the older before the newer.

use crate::mirror::{Links, Mirror, links};
use crate::model::BuildId;
use crate::ops::adopt::Scope;
use crate::ops::copy::CopyError;
use crate::record::BuildRecord;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What is copied.
pub(crate) struct Chosen {
    /// The builds, in their order.
    pub(crate) order: Vec<BuildId>,
    /// Every link of the source outside its builds.
    pub(crate) links: Links,
}

/// Looks at the source and says what is copied; fails where the target has another place for any of it.
pub(crate) fn choose(from: &Mirror, to: &Mirror, what: &[Scope]) -> Result<Chosen, CopyError> {
    let shown = from.store().shown();
    if from.config().id == to.config().id && shown == to.store().shown() {
        return Err(CopyError::Same(shown));
    }
    let unreadable = |error| CopyError::Source(shown.clone(), error);
    let links = links(from).map_err(unreadable)?;
    let there: BTreeSet<&BuildId> = links.builds.iter().collect();
    let mut ids: BTreeSet<BuildId> = BTreeSet::new();
    for scope in what {
        match scope {
            Scope::All => ids.extend(links.builds.iter().cloned()),
            Scope::Build(id) if there.contains(id) => {
                ids.insert(id.clone());
            }
            Scope::Build(id) => return Err(CopyError::NoBuild(id.clone(), shown)),
            Scope::Stream(stream) => {
                let before = ids.len();
                ids.extend(links.builds.iter().filter(|id| id.stream == *stream).cloned());
                if ids.len() == before && !ids.iter().any(|id| id.stream == *stream) {
                    return Err(CopyError::NoBuilds(stream.clone(), shown));
                }
            }
        }
    }
    if what.is_empty() {
        ids.extend(links.builds.iter().cloned());
    }
    for id in &ids {
        let (here, would) = (from.layout().build_path(id)?, to.layout().build_path(id)?);
        if here != would {
            return Err(CopyError::OtherPlace { id: id.clone(), from: here, to: would });
        }
    }
    // What cannot be read is told when its turn comes.
    let ids: Vec<BuildId> = ids.into_iter().collect();
    let records: BTreeMap<BuildId, BuildRecord> =
        ids.par_iter().filter_map(|id| Some((id.clone(), from.record(id).ok()??))).collect();
    Ok(Chosen { order: ordered(ids, &records), links })
}

/// Puts builds into their order; of those that need each other the older comes first.
pub(crate) fn ordered(mut ids: Vec<BuildId>, records: &BTreeMap<BuildId, BuildRecord>) -> Vec<BuildId> {
    let age = |id: &BuildId| records.get(id).map(|record| (record.created, record.seq));
    ids.sort_by(|a, b| (age(a), a).cmp(&(age(b), b)));
    let wanted: BTreeSet<&BuildId> = ids.iter().collect();
    let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
    // Each build with how many of those that it needs were looked at.
    let mut open: Vec<(&BuildId, usize)> = Vec::new();
    for id in &ids {
        if seen.insert(id) {
            open.push((id, 0));
        }
        while let Some((id, next)) = open.pop() {
            let needs = records.get(id).map(|record| &*record.requires).unwrap_or_default();
            match needs.get(next) {
                None => order.push(id.clone()),
                Some(need) => {
                    open.push((id, next + 1));
                    if let Some(need) = wanted.get(need).copied()
                        && seen.insert(need)
                    {
                        open.push((need, 0));
                    }
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::record::{BUILD_RECORD_VERSION, Labels, Origin};

    fn record(name: &str, day: u32, requires: &[&str]) -> (BuildId, BuildRecord) {
        let id: BuildId = format!("m/c/{name}").parse().unwrap();
        let record = BuildRecord {
            record: BUILD_RECORD_VERSION,
            id: id.clone(),
            created: format!("201812{day:02}T000000Z").parse().ok(),
            seq: 0,
            published: None,
            confirmed_at: None,
            result: Outcome::Success,
            labels: Labels::new(),
            requires: requires.iter().map(|name| format!("m/c/{name}").parse().unwrap()).collect(),
            trimmed: Vec::new(),
            files: 0,
            bytes: 0,
            sums: None,
            origin: Origin::Published,
            problem: None,
        };
        (id, record)
    }

    #[track_caller]
    fn case(records: &[(BuildId, BuildRecord)], expected: &[&str]) {
        let ids = records.iter().map(|(id, _)| id.clone()).rev().collect();
        let order = ordered(ids, &records.iter().cloned().collect());
        assert_eq!(order.iter().map(|id| id.name.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_needed_comes_first_and_else_the_older() {
        case(&[record("b", 1, &[]), record("a", 2, &[])], &["b", "a"]);
        case(&[record("b", 1, &["c"]), record("a", 2, &[]), record("c", 3, &["a", "x"])], &["a", "c", "b"]);
        case(&[record("a", 1, &["b"]), record("b", 2, &["a"]), record("c", 3, &["c"])], &["b", "a", "c"]);
    }
}
