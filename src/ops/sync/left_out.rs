//! Which builds another mirror does not get: what was withdrawn there, is in its trash, or would expire there at once.

use super::SyncError;
use super::look::Look;
use crate::census::{AliasCensus, BuildCensus, Census, StreamCensus};
use crate::decide::Fate;
use crate::mirror::{Mirror, TicketKind, Trashed};
use crate::model::{BuildId, Stamp};
use crate::ops::retention::PlanError;
use crate::ops::retention::plan::verdicts_with;
use crate::ops::withdraw::tombstones;
use crate::record::BuildRecord;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the builds of a mirror that another one does not get, each with the reason; those that it has are not among them.
pub(super) fn left_out(
    from: &Mirror,
    to: &Mirror,
    look: &Look,
    now: Stamp,
) -> Result<BTreeMap<BuildId, &'static str>, SyncError> {
    let (mut left_out, mut come) = (BTreeMap::new(), BTreeMap::new());
    let withdrawn = tombstones(to)?;
    let is_whole = |trashed: &Trashed| trashed.ticket.what == TicketKind::Build;
    let trashed: BTreeSet<BuildId> =
        to.trash()?.waiting.into_iter().filter(is_whole).map(|trashed| trashed.ticket.id).collect();
    for id in look.builds.keys() {
        if to.has_build(id)? {
            continue;
        }
        if withdrawn.contains_key(&id.to_string()) {
            left_out.insert(id.clone(), "was withdrawn there");
        } else if trashed.contains(id) {
            left_out.insert(id.clone(), "is in the trash there");
        } else if let Some(record) = from.record(id)? {
            come.insert(id.clone(), record);
        }
    }
    if come.is_empty() {
        return Ok(left_out);
    }
    let verdicts = match verdicts_with(to, now, |census| add(census, &come, look)) {
        // Without a policy it keeps everything.
        Err(PlanError::NoPolicy) => return Ok(left_out),
        verdicts => verdicts?,
    };
    let expire = verdicts.into_iter().filter(|verdict| matches!(verdict.fate, Fate::Expire | Fate::Withheld));
    let expire = expire.map(|verdict| verdict.id).filter(|id| come.contains_key(id));
    left_out.extend(expire.map(|id| (id, "would expire there at once by its policy")));
    Ok(left_out)
}

/// Adds to a census what would come.
fn add(census: &mut Census, come: &BTreeMap<BuildId, BuildRecord>, look: &Look) {
    for (id, record) in come {
        let mut build = BuildCensus::from(record.clone());
        build.path = look.builds.get(id).map(|here| here.path.clone());
        match census.streams.iter_mut().find(|stream| stream.stream == id.stream) {
            Some(stream) => stream.builds.push(build),
            None => census.streams.push(StreamCensus { stream: id.stream.clone(), builds: vec![build] }),
        }
    }
    census.aliases.retain(|alias| look.name(&alias.path).is_none());
    census.aliases.extend(look.names.iter().map(|name| AliasCensus {
        path: name.path.clone(),
        target: Some(name.to.clone()),
        required: false,
        moves: Vec::new(),
        problem: None,
    }));
}
