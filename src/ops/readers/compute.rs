//! The present and the former builds of each alias: from a census, or from the state file and the events since then.

use super::state::ReadersState;
use super::{NameState, ReadersError};
use crate::census::Census;
use crate::commit::pointed_at;
use crate::decide::policy::Policy;
use crate::decide::readers::{Departure, Facts, ReaderName, ReaderNames, Terms, list, names, repositories};
use crate::layout::Place;
use crate::mirror::{Mirror, ReadersConfig, Resolved, Unreadable, survey};
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::ops::retention::policy_of;
use crate::record::{Event, EventKind, Phase};
use crate::store::StoreError;
use std::collections::BTreeSet;

/// How much is examined.
#[derive(Debug, Clone, Copy)]
pub enum Look<'a> {
    /// The changes in the journal since the last time.
    Changes,
    /// Every alias and every file.
    Everything,
    /// The same, with a census that was taken after the event with that number.
    Census(&'a Census, u64),
}

/// The present aliases, and which of them may have changed.
pub(super) struct Seen {
    pub(super) names: ReaderNames,
    /// Nothing if each may have changed.
    pub(super) changed: Option<BTreeSet<RelPath>>,
    /// The number of the last event that is taken into account.
    pub(super) seq: u64,
}

/// Returns the aliases of the mirror and the paths of the builds of their lists, the current one first.
pub fn lists(
    mirror: &Mirror,
    newest: usize,
    now: Stamp,
) -> Result<Vec<(RelPath, Vec<RelPath>)>, ReadersError> {
    let policy = policy(mirror);
    let terms = Terms { policy: policy.as_ref(), newest };
    let names = by_census(mirror, &whole(mirror, now)?, &[])?;
    Ok(names.keys().map(|name| (name.clone(), paths(mirror, &list(&names, name, terms, now)))).collect())
}

/// Returns the paths of builds.
pub(super) fn paths(mirror: &Mirror, builds: &[BuildId]) -> Vec<RelPath> {
    builds.iter().map(|id| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path())).collect()
}

/// Returns the policy, which determines how long builds stay; without a usable one nothing is pruned.
pub(super) fn policy(mirror: &Mirror) -> Option<Policy> {
    mirror.config().policy.as_ref().and_then(|_| policy_of(mirror).ok())
}

/// Returns the digest of everything except the mirror that determines what is written.
pub(super) fn inputs(config: &ReadersConfig, policy: Option<&Policy>) -> Digest {
    // Plain data always serializes.
    let settings = serde_json::to_string(config).unwrap_or_default();
    let policy = policy.map(|policy| policy.digest.to_string()).unwrap_or_default();
    Digest::of(format!("1\n{settings}\n{policy}").as_bytes())
}

/// Examines the aliases; builds that are about to be deleted count as deleted.
pub(super) fn look(
    mirror: &Mirror,
    how: Look<'_>,
    state: Option<&ReadersState>,
    without: &[BuildId],
    now: Stamp,
) -> Result<Seen, ReadersError> {
    if let (Look::Changes, Some(state)) = (how, state)
        && let Some(events) = mirror.events_after(state.seq)?
        && !events.iter().any(|event| unclear(event.what))
    {
        return Ok(by_events(mirror, state, &events, without)?);
    }
    // Read before the aliases, which then are at least as new.
    let (names, seq) = match how {
        Look::Census(census, seq) => (by_census(mirror, census, without)?, seq),
        Look::Changes | Look::Everything => {
            let seq = mirror.newest_event()?;
            (by_census(mirror, &whole(mirror, now)?, without)?, seq)
        }
    };
    Ok(Seen { names, changed: None, seq })
}

/// Returns a census that has every alias; fails if one may be in an unreadable part, since it must not count as
/// removed.
fn whole(mirror: &Mirror, now: Stamp) -> Result<Census, ReadersError> {
    let survey = survey(mirror, now)?;
    match survey.troubles.into_iter().find(|trouble| hides_names(mirror, trouble)) {
        Some(trouble) => Err(trouble.error.into()),
        None => Ok(survey.census),
    }
}

/// Returns whether aliases or builds may be missing in a census because of what could not be read.
pub fn hides_names(mirror: &Mirror, trouble: &Unreadable) -> bool {
    // A build that cannot be read is in the census; holds and trash have no aliases.
    let known = ["holds", "trash"].map(RelPath::state).contains(&trouble.path);
    !known && !matches!(mirror.layout().place(&trouble.path), Place::Build { .. })
}

/// Returns whether such an event may have changed more than aliases.
fn unclear(what: EventKind) -> bool {
    matches!(
        what,
        EventKind::Trimmed
            | EventKind::Restored
            | EventKind::Adopted
            | EventKind::Lost
            | EventKind::Recovered
    )
}

/// Returns the aliases by a census.
pub(super) fn by_census(
    mirror: &Mirror,
    census: &Census,
    without: &[BuildId],
) -> Result<ReaderNames, StoreError> {
    let mut names = names(census);
    let known: Vec<RelPath> = names.keys().cloned().collect();
    for path in known {
        let via = pointed_at(mirror, &path)?.filter(|via| names.contains_key(via));
        if let Some(name) = names.get_mut(&path) {
            name.via = via;
        }
    }
    forget(&mut names, without);
    Ok(names)
}

/// Removes builds from all lists, and the aliases that point to them.
fn forget(names: &mut ReaderNames, gone: &[BuildId]) {
    names.retain(|_, name| !gone.contains(&name.build));
    for name in names.values_mut() {
        name.left.retain(|left| !gone.contains(&left.build));
    }
}

/// Returns the aliases by the state file and the events since then.
fn by_events(
    mirror: &Mirror,
    state: &ReadersState,
    events: &[Event],
    without: &[BuildId],
) -> Result<Seen, StoreError> {
    let mut names: ReaderNames =
        state.names.iter().map(|(path, state)| (path.clone(), state.name.clone())).collect();
    let seq = events.last().map_or(state.seq, |event| event.seq);
    let mut gone = without.to_vec();
    let mut moved: BTreeSet<RelPath> = BTreeSet::new();
    let mut left: Vec<(RelPath, Departure)> = Vec::new();
    for event in events.iter().filter(|event| event.phase == Phase::Done) {
        match event.what {
            EventKind::Pruned => gone.extend(event.to.parse::<BuildId>()),
            EventKind::Aliased | EventKind::Unaliased => {
                let Ok(path) = event.to.parse::<RelPath>() else { continue };
                if let Some(build) = event.stated().from.and_then(|from| build_at(mirror, &from)) {
                    left.push((path.clone(), Departure { at: event.at, build }));
                }
                moved.insert(path);
            }
            _ => {}
        }
    }
    // An alias that points to another one moves with that one.
    loop {
        let goes = |(path, name): (&RelPath, &ReaderName)| {
            let follows = name.via.as_ref().is_some_and(|via| moved.contains(via));
            (follows && !moved.contains(path)).then(|| path.clone())
        };
        let more: Vec<RelPath> = names.iter().filter_map(goes).collect();
        if more.is_empty() {
            break;
        }
        moved.extend(more);
    }
    for path in &moved {
        let build = match mirror.resolve(path)? {
            Resolved::To(target) => build_at(mirror, &target),
            _ => None,
        };
        let Some(build) = build else {
            names.remove(path);
            continue;
        };
        let via = pointed_at(mirror, path)?;
        let mut known = names.remove(path).map(|name| name.left).unwrap_or_default();
        known.extend(left.iter().filter(|(name, _)| name == path).map(|(_, left)| left.clone()));
        known.sort();
        known.dedup();
        names.insert(path.clone(), ReaderName { build, via, left: known });
    }
    let there: BTreeSet<RelPath> = names.keys().cloned().collect();
    for name in names.values_mut() {
        name.via = name.via.take().filter(|via| there.contains(via));
    }
    // Lists that had a removed build are made again.
    let listed = |state: &NameState| state.list.iter().any(|build| gone.contains(build));
    let listing = state.names.iter().filter(|(_, state)| listed(state)).map(|(path, _)| path.clone());
    moved.extend(listing);
    forget(&mut names, &gone);
    Ok(Seen { names, changed: Some(moved), seq })
}

/// Returns the build that has this path.
fn build_at(mirror: &Mirror, path: &RelPath) -> Option<BuildId> {
    match mirror.layout().place(path) {
        Place::Build { build } => Some(build),
        _ => None,
    }
}

/// Returns the facts about a build; its manifest is read only if `known` is not of the same bytes.
pub(super) fn facts(
    mirror: &Mirror,
    build: &BuildId,
    known: Option<&NameState>,
) -> Result<Facts, ReadersError> {
    let Some(record) = mirror.record(build)? else {
        return Ok(Facts { result: crate::model::Outcome::Unknown, ..Facts::default() });
    };
    let same = known.filter(|known| known.name.build == *build && known.facts.sums == record.sums);
    let repositories = match same {
        Some(same) if record.sums.is_some() => same.facts.repositories.clone(),
        _ => {
            let manifest = mirror.manifest(build)?;
            manifest
                .map(|manifest| repositories(manifest.files.iter().map(|file| &file.path)))
                .unwrap_or_default()
        }
    };
    Ok(Facts { sums: record.sums, created: record.created, result: record.result, repositories })
}
