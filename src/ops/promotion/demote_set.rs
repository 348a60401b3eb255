//! Demoting a stage in every member of a bundle: the moves of the last promotion of the set are reversed as one.

use super::StageError;
use super::demotion::{DemoteReport, DemoteRequest, planned};
use super::known::Known;
use crate::layout::Bundle;
use crate::mirror::{Mirror, WriteLock};
use crate::model::BuildId;
use crate::ops::bundle::current;
use crate::record::{EventKind, Phase, Promotion};
use crate::session::Session;

/// Returns the promotions of the members that move the set back, and the report.
pub(super) fn whole(
    (session, lock): (&Session<'_>, Option<&WriteLock<'_>>),
    known: &Known,
    request: &DemoteRequest,
    bundle: &Bundle,
) -> Result<(Vec<Promotion>, DemoteReport), StageError> {
    let mirror = session.mirror();
    let (name, stream) = (request.stage.clone(), request.stream.clone());
    let is_its = known.stage(&name)?.bundle && bundle.alias == name;
    let now_is = current(mirror, bundle)?.filter(|_| is_its);
    let Some(from) = now_is else { return Err(StageError::NoIncumbent { stage: name, stream }) };
    let mut promotions = Vec::new();
    let mut report = DemoteReport::of(request, Some(from.clone()));
    for one in members(mirror, known, request, &from)? {
        let (promotion, member) = planned((session, lock), known, &one, known.stage_in(&name, &one.stream)?)?;
        promotions.push(promotion);
        report.members.push(member);
    }
    if promotions.is_empty() {
        return Err(StageError::NoWayBack { stage: name, stream });
    }
    Ok((promotions, report))
}

/// Returns in which members the stage moves back: those that the last promotion of the set moved, or those that
/// differ from the bundle to which it is to go back.
fn members(
    mirror: &Mirror,
    known: &Known,
    request: &DemoteRequest,
    from: &BuildId,
) -> Result<Vec<DemoteRequest>, StageError> {
    let of = |id: &BuildId, to: Option<BuildId>| DemoteRequest {
        stage: request.stage.clone(),
        stream: id.stream.clone(),
        to,
        why: request.why.clone(),
        allow_empty: request.allow_empty,
    };
    if let Some(to) = &request.to {
        if to.stream != request.stream {
            return Err(StageError::NoBuild(to.clone()));
        }
        let record = mirror.record(to)?.ok_or_else(|| StageError::NoBuild(to.clone()))?;
        let has = |id: &&BuildId| {
            let last = known.moves.of(&id.stream, &request.stage).last();
            last.is_some_and(|last| last.build.as_ref() == Some(&id.name))
        };
        let differ = record.requires.iter().filter(|id| !has(id));
        return Ok(differ.map(|id| of(id, Some(id.clone()))).collect());
    }
    let events = mirror.history(&[EventKind::Promoted])?;
    let done = events.into_iter().rev().filter(|event| event.phase == Phase::Done);
    let sets = done.filter_map(|event| event.stated().promotion);
    let last = sets.into_iter().find(|one| !one.members.is_empty() && one.build.as_ref() == Some(from));
    let members = last.into_iter().flat_map(|last| last.members);
    Ok(members.filter_map(|one| Some(of(one.build.as_ref()?, None))).collect())
}
