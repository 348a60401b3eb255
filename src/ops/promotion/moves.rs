//! The aliases that move with a stage: their names, their present targets and their new ones.

use super::StageError;
use crate::commit::repoint;
use crate::decide::pipeline::{CarriedRun, Stage};
use crate::layout::Bundle;
use crate::mirror::{Mirror, Resolved, WriteLock};
use crate::model::{BuildId, Digest, RelPath, Stream};
use crate::ops::bundle::{BundleError, current, links, through_old};
use crate::record::{CarriedCommand, Event, NameMove, Promotion};
use std::collections::BTreeMap;

/// Returns the moves of a stage to a build, or to none: carried aliases, then `previous`, then the stage.
///
/// `previous` points to the last build that had the stage, if any; it stays if `before` is nothing.
pub(super) fn moves(
    mirror: &Mirror,
    stage: &Stage,
    stream: &Stream,
    to: Option<&BuildId>,
    before: Option<&BuildId>,
) -> Result<Vec<NameMove>, StageError> {
    let target = to.map(|id| mirror.layout().build_path(id)).transpose()?;
    let mut moves = Vec::new();
    for carried in &stage.carry {
        let place = match (&target, &carried.place) {
            (Some(target), Some(place)) => Some(target.join(place)),
            (target, _) => target.clone(),
        };
        if let Some(place) = &place
            && !matches!(mirror.resolve(place)?, Resolved::To(_))
        {
            return Err(StageError::Name(format!(
                "`{}` moves with `{}` to `{place}`, which is not there",
                carried.alias, stage.name
            )));
        }
        moves.push(step(mirror, stream, &carried.alias, place)?);
    }
    if let (Some(previous), Some(before)) = (&stage.previous, before) {
        moves.push(step(mirror, stream, previous, Some(mirror.layout().build_path(before)?))?);
    }
    moves.retain(|step| step.from != step.to);
    moves.push(step(mirror, stream, &stage.name, target)?);
    Ok(moves)
}

/// Returns the commands that a stage carries, for the journal.
pub(super) fn commands(stage: &Stage) -> Vec<CarriedCommand> {
    let stated = |one: &CarriedRun| CarriedCommand {
        verify: one.verify.clone(),
        prepare: one.prepare.clone(),
        apply: one.apply.clone(),
        undo: one.undo.clone(),
        seconds: one.limit.as_secs(),
    };
    stage.commands.iter().map(stated).collect()
}

/// Returns the move of an alias of a stream.
pub(super) fn step(
    mirror: &Mirror,
    stream: &Stream,
    name: &str,
    to: Option<RelPath>,
) -> Result<NameMove, StageError> {
    let alias = mirror.layout().stream_path(stream)?.child(name).unwrap_or_default();
    let taken = format!("`{alias}` cannot be an alias: a file or directory is there");
    repoint::step(mirror, alias, to)?.ok_or(StageError::Name(taken))
}

/// Returns why a stage may not move: an interrupted command of it could not be settled.
pub(super) fn unsettled(
    mirror: &Mirror,
    lock: Option<&WriteLock<'_>>,
    stage: &str,
    stream: &Stream,
) -> Option<StageError> {
    let alias = mirror.layout().stream_path(stream).ok()?.child(stage).ok()?;
    is_open(&lock?.unsettled(), &alias).then_some(StageError::Unsettled(alias))
}

/// Returns whether an event without an outcome moves an alias.
pub(super) fn is_open(open: &[Event], alias: &RelPath) -> bool {
    open.iter().any(|event| {
        let promotion = event.stated().promotion;
        event.to == alias.as_str() || promotion.is_some_and(|promotion| promotion.moving(alias).is_some())
    })
}

/// Returns the promotion of a bundle by those of its members.
pub(super) fn around(
    lock: &WriteLock<'_>,
    bundle: &Bundle,
    id: &BuildId,
    members: Vec<Promotion>,
) -> Result<Promotion, BundleError> {
    let mirror = lock.mirror();
    let mut moves = links(mirror, bundle, id)?;
    if through_old(lock, &moves)?.is_some() {
        moves = links(mirror, bundle, id)?;
    }
    Ok(Promotion {
        name: bundle.alias.clone(),
        stream: bundle.stream.clone(),
        build: Some(id.clone()),
        before: current(mirror, bundle)?,
        moves,
        commands: Vec::new(),
        tags: Vec::new(),
        images: Vec::new(),
        votes: BTreeMap::new(),
        waived: Vec::new(),
        lacked: Vec::new(),
        why: members.iter().find_map(|one| one.why.clone()),
        pipeline: members.first().map_or_else(|| Digest::of(b""), |one| one.pipeline),
        members,
    })
}
