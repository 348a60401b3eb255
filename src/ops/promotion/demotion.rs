//! What a demotion moves, and what is reported of it.

use super::StageError;
use super::images::{moving_tags, tags_back};
use super::known::Known;
use super::moves::{commands, moves, step, unsettled};
use crate::commit::PromotionError;
use crate::commit::carried::{CarryError, may_carry};
use crate::decide::pipeline::{Outcome, Stage, assess, evaluate, had};
use crate::exec;
use crate::mirror::{Mirror, WriteLock, chain};
use crate::model::{BuildId, RelPath, Stream};
use crate::record::{Event, EventKind, NameMove, Phase, Promotion, TagMove};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is demoted.
#[derive(Debug, Clone)]
pub struct DemoteRequest {
    /// The stage.
    pub stage: String,
    /// In this stream; that of a bundle stands for every member that the last promotion of the set moved.
    pub stream: Stream,
    /// To this build; to the one that had the stage before without it.
    pub to: Option<BuildId>,
    /// Why.
    pub why: String,
    /// Whether a stage that was taken back already may be left without a build.
    pub allow_empty: bool,
}

/// What demoting did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DemoteReport {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build that had it.
    pub from: Option<BuildId>,
    /// The build that has it now; `null` if no build had it before.
    pub to: Option<BuildId>,
    /// The build that is rejected for it.
    pub rejected: Option<BuildId>,
    /// The other names that moved along.
    pub carried: Vec<NameMove>,
    /// The commands that ran before the names moved.
    pub commands: Vec<String>,
    /// The tags of images that moved before the names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
    /// Commands and registries that failed, each with its reason.
    pub failures: Vec<String>,
    /// The bundle of the builds that have the stage then.
    pub bundle: Option<BuildId>,
    /// Later stages that have the rejected build; they stay.
    pub also: Vec<String>,
    /// Whether the last demotion did it already.
    pub already: bool,
    /// Where a whole set was demoted: each of its members.
    pub members: Vec<Self>,
}

impl DemoteReport {
    /// Returns what there is to report before anything is known but the build that has the stage.
    pub(super) fn of(request: &DemoteRequest, from: Option<BuildId>) -> Self {
        Self {
            stage: request.stage.clone(),
            stream: request.stream.clone(),
            from,
            to: None,
            rejected: None,
            carried: Vec::new(),
            commands: Vec::new(),
            tags: Vec::new(),
            failures: Vec::new(),
            bundle: None,
            also: Vec::new(),
            already: false,
            members: Vec::new(),
        }
    }

    pub(super) fn carried_out(&mut self, failures: &[CarryError]) {
        if failures.iter().any(CarryError::is_of_registry) {
            // Which of them moved is not known; the next command goes on.
            self.tags.clear();
        }
        self.failures.extend(failures.iter().map(|error| chain(error)));
    }

    /// Notes the bundle of what has the stage then; a set goes to it.
    pub(super) fn bundle_is(&mut self, id: BuildId) {
        if !self.members.is_empty() {
            self.to = Some(id.clone());
        }
        self.bundle = Some(id);
    }
}

/// Returns what moves, and what is reported of it.
pub(super) fn planned(
    (session, lock): (&Session<'_>, Option<&WriteLock<'_>>),
    known: &Known,
    request: &DemoteRequest,
    stage: &Stage,
) -> Result<(Promotion, DemoteReport), StageError> {
    let (mirror, stream, name) = (session.mirror(), &request.stream, &request.stage);
    if let Some(error) = unsettled(mirror, lock, name, stream) {
        return Err(error);
    }
    if let Some(why) = known.unreadable(mirror, stream, |_| false) {
        return Err(StageError::Name(why));
    }
    let state = evaluate(stage, stream, &known.view());
    if state.outcome == Outcome::Interfered {
        return Err(StageError::Interfered { stage: name.clone(), stream: stream.clone() });
    }
    let Some(from) = state.incumbent else {
        return Err(StageError::NoIncumbent { stage: name.clone(), stream: stream.clone() });
    };
    may_carry(mirror, stage).map_err(PromotionError::from)?;
    let last = last_promotion(mirror, stage, stream, &from)?;
    let to = target(known, request, stage, &from, last.as_ref())?;
    let named = request.to.as_ref().filter(|id| !had(stage, stream, name, &known.view()).contains(&&id.name));
    let lacked = named.map(|id| assess(stage, id, &known.view()).missing).unwrap_or_default();
    if let (Some(id), false) = (named, lacked.is_empty()) {
        mirror.warnings().add(format!("`{id}` never had `{name}`, and lacks {}", lacked.join(", ")));
    }
    let alias = mirror.layout().stream_path(stream)?.child(name).unwrap_or_default();
    // A bundle would lack a member, which is an error of its own.
    if to.is_none()
        && !stage.bundle
        && !request.allow_empty
        && last_move(mirror, &alias)?.is_some_and(|event| event.what == EventKind::Demoted)
    {
        return Err(StageError::Empty { stage: name.clone(), stream: stream.clone(), id: from });
    }
    let (tags, failure) = match tags(session, (stage, stream), to.as_ref(), last.as_ref()) {
        Ok(tags) => (tags, None),
        // A bad build loses the stage although a registry is down.
        Err(error) => (Vec::new(), Some(format!("the tags of its images stay: {}", chain(&error)))),
    };
    let mut moves = moves(mirror, stage, stream, to.as_ref(), None)?;
    if let (Some(previous), Some(last)) = (&stage.previous, last.as_ref().filter(|last| last.before == to)) {
        let back = step_back(mirror, stream, previous, last)?;
        let at = moves.len().saturating_sub(1);
        moves.splice(at..at, back);
    } else if let (Some(previous), Some(to)) = (&stage.previous, &to) {
        // A build is skipped: what had the stage before the build that gets it, if anything did.
        let view = known.view();
        let had = had(stage, stream, name, &view);
        let at = had.iter().position(|one| **one == to.name);
        let older = had.into_iter().skip(at.map_or(0, |at| at + 1)).find(|one| **one != from.name);
        let before = older.map(|name| BuildId::new(stream.clone(), name.clone()));
        let place = before.map(|id| mirror.layout().build_path(&id)).transpose()?;
        let step = step(mirror, stream, previous, place)?;
        let at = moves.len().saturating_sub(1);
        moves.splice(at..at, Some(step).filter(|step| step.from != step.to));
    }
    let of = |one: &&Stage| one.before.contains(name) && one.is_in(stream);
    let has = |one: &&Stage| {
        let led = known.moves.of(stream, &one.name).last();
        led.is_some_and(|led| led.build.as_ref() == Some(&from.name))
    };
    let also = known.pipeline.stages.iter().filter(of).filter(has).map(|one| one.name.clone()).collect();
    let mut carried = moves.clone();
    carried.pop();
    let commands = commands(stage);
    let ran = commands.iter().map(|one| exec::shown(if to.is_some() { &one.apply } else { &one.undo }));
    let report = DemoteReport {
        to: to.clone(),
        rejected: Some(from.clone()),
        carried,
        commands: ran.collect(),
        tags: tags.clone(),
        failures: failure.into_iter().collect(),
        also,
        ..DemoteReport::of(request, Some(from.clone()))
    };
    let promotion = Promotion {
        name: name.clone(),
        stream: stream.clone(),
        build: to,
        before: Some(from),
        moves,
        commands,
        tags,
        images: Vec::new(),
        votes: BTreeMap::new(),
        waived: Vec::new(),
        lacked,
        why: Some(request.why.clone()),
        pipeline: known.pipeline.digest,
        members: Vec::new(),
    };
    Ok((promotion, report))
}

/// Returns how the tags of images go back: to the images of the build, and those that it lacks to where the last promotion took
/// them from. What a tag had before the promotion need not have been an image of that build.
fn tags(
    session: &Session<'_>,
    of: (&Stage, &Stream),
    to: Option<&BuildId>,
    last: Option<&Promotion>,
) -> Result<Vec<TagMove>, StageError> {
    if of.0.images.is_empty() {
        return Ok(Vec::new());
    }
    let last = last.filter(|last| last.before.as_ref() == to);
    let back = |one: &TagMove| TagMove { image: one.image.clone(), from: one.to, to: one.from };
    let back = last.iter().flat_map(|last| &last.tags).map(back);
    let Some(id) = to else { return Ok(back.collect()) };
    let own = match tags_back(session, of, id) {
        // Without its list, what it had is what the promotion found.
        Err(_) if last.is_some() => return Ok(back.collect()),
        own => own?,
    };
    if last.is_none() {
        return Ok(own);
    }
    let known = moving_tags(session.mirror(), of.0, id)?;
    Ok(own.into_iter().chain(back.filter(|one| !known.contains(&one.image))).collect())
}

/// Returns the event by which an alias moved last.
pub(super) fn last_move(mirror: &Mirror, alias: &RelPath) -> Result<Option<Event>, StageError> {
    let kinds = [EventKind::Promoted, EventKind::Demoted, EventKind::Aliased, EventKind::Unaliased];
    let of_it = |event: &Event| {
        let moves = || event.stated().promotion.is_some_and(|promotion| promotion.of(alias).is_some());
        event.phase == Phase::Done && (event.to == alias.as_str() || moves())
    };
    Ok(mirror.history(&kinds)?.into_iter().rfind(of_it))
}

/// Returns the promotion by which a build got the stage that it has.
fn last_promotion(
    mirror: &Mirror,
    stage: &Stage,
    stream: &Stream,
    id: &BuildId,
) -> Result<Option<Promotion>, StageError> {
    let alias = mirror.layout().stream_path(stream)?.child(&stage.name).unwrap_or_default();
    let events = mirror.history(&[EventKind::Promoted])?;
    let done = events.into_iter().rev().filter(|event| event.phase == Phase::Done);
    let parts = done.filter_map(|event| event.stated().promotion?.of(&alias).cloned());
    Ok(parts.into_iter().find(|one| one.build.as_ref() == Some(id)))
}

/// Returns the build to which the stage goes.
fn target(
    known: &Known,
    request: &DemoteRequest,
    stage: &Stage,
    from: &BuildId,
    last: Option<&Promotion>,
) -> Result<Option<BuildId>, StageError> {
    let name = stage.name.clone();
    if let Some(id) = &request.to {
        if known.census.build(id).is_none() || id.stream != request.stream {
            return Err(StageError::NoBuild(id.clone()));
        }
        if id == from {
            return Err(StageError::Has { stage: name, id: id.clone() });
        }
        let one = assess(stage, id, &known.view());
        if !one.can_be_forced() {
            return Err(StageError::unfit(name, one));
        }
        return Ok(Some(id.clone()));
    }
    let named = |name| BuildId::new(request.stream.clone(), name);
    let view = known.view();
    let usable: Vec<BuildId> = had(stage, &request.stream, &stage.name, &view)
        .into_iter()
        .cloned()
        .map(named)
        .filter(|id| id != from)
        .collect();
    match last.map(|last| last.before.as_ref()) {
        Some(Some(before)) if usable.contains(before) => Ok(Some(before.clone())),
        // Nothing had it before.
        Some(None) => Ok(None),
        _ => match usable.into_iter().next() {
            Some(id) => Ok(Some(id)),
            None => Err(StageError::NoWayBack { stage: name, stream: request.stream.clone() }),
        },
    }
}

/// Returns the move of `previous` to where it led before the promotion, if that is still there.
fn step_back(
    mirror: &Mirror,
    stream: &Stream,
    previous: &str,
    last: &Promotion,
) -> Result<Option<NameMove>, StageError> {
    let now = step(mirror, stream, previous, None)?;
    let moved = last.moves.iter().find(|step| step.alias == now.alias && step.to == now.from);
    let Some(moved) = moved else { return Ok(None) };
    let is_there = |at: &RelPath| mirror.look(at).map(|entry| entry.is_some());
    match &moved.from {
        Some(at) if !is_there(at)? => Ok(None),
        from => Ok(Some(NameMove { to: from.clone(), ..now })),
    }
}
