//! The moves of a demotion, and its report.

use super::StageError;
use super::known::Known;
use super::moves::{commands, moves, step, unsettled};
use super::tags::{
    Foreign, lost_of, moves_to, registries, strictly, tags_of_stage, wanted_tags, warn_of_left,
};
use crate::commit::PromotionError;
use crate::commit::carried::{CarryError, may_carry};
use crate::decide::pipeline::{Outcome, Stage, StageTags, assess, evaluate, had};
use crate::exec;
use crate::mirror::{Mirror, WriteLock, chain};
use crate::model::registry::Image;
use crate::model::{BuildId, Classify, RelPath, Stream};
use crate::record::{Event, EventKind, NameMove, Phase, Promotion, TagMove};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The request to demote.
#[derive(Debug, Clone)]
pub struct DemoteRequest {
    /// The stage.
    pub stage: String,
    /// The stream; that of a bundle means every member that the last promotion of the set moved.
    pub stream: Stream,
    /// The new build; without it, the previous one.
    pub to: Option<BuildId>,
    /// The reason.
    pub why: String,
    /// Whether a stage that was already demoted may be left without a build.
    pub allow_empty: bool,
}

/// The report of a demotion.
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
    /// The other aliases that moved.
    pub carried: Vec<NameMove>,
    /// The commands that ran before the aliases moved.
    pub commands: Vec<String>,
    /// The image tags that moved before the aliases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
    /// Commands and registries that failed, each with its reason.
    pub failures: Vec<String>,
    /// What helps against the failures, each once.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hints: BTreeSet<String>,
    /// The bundle of the builds that then have the stage.
    pub bundle: Option<BuildId>,
    /// Later stages that have the rejected build; they stay.
    pub also: Vec<String>,
    /// Whether the last demotion did it already.
    pub already: bool,
    /// If a whole set was demoted: each of its members.
    pub members: Vec<Self>,
}

impl DemoteReport {
    /// Returns the report when only the build at the stage is known.
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
            hints: BTreeSet::new(),
            bundle: None,
            also: Vec::new(),
            already: false,
            members: Vec::new(),
        }
    }

    pub(super) fn carried_out(&mut self, failures: &[CarryError]) {
        if failures.iter().any(CarryError::is_of_registry) {
            // It is not known which of them moved; the next command continues.
            self.tags.clear();
            self.members.iter_mut().for_each(|member| member.tags.clear());
        }
        self.failures.extend(failures.iter().map(|error| chain(error)));
        self.hints.extend(failures.iter().filter_map(|error| error.class().hint));
    }

    /// Sets the bundle of the builds that then have the stage; a set moves to it.
    pub(super) fn bundle_is(&mut self, id: BuildId) {
        if !self.members.is_empty() {
            self.to = Some(id.clone());
        }
        self.bundle = Some(id);
    }
}

/// Returns the moves, and the report.
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
    mirror.refuse_retiring(stream)?;
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
    // It is rejected in its record, which therefore must be readable before anything begins.
    mirror.record(&from)?;
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
    let (tags, failure, hint) = match tags(session, (stage, stream), (&from, to.as_ref()), last.as_ref()) {
        Ok((tags, failure)) => {
            let failure = failure.map(|why| format!("the tags of its images stay: {why}"));
            (tags, failure, None)
        }
        // A bad build loses the stage even if a registry is down.
        Err(error) => {
            let why = format!("the tags of its images stay: {}", chain(&error));
            (Vec::new(), Some(why), error.class().hint)
        }
    };
    let mut moves = moves(mirror, stage, stream, to.as_ref(), None)?;
    if let (Some(previous), Some(last)) = (&stage.previous, last.as_ref().filter(|last| last.before == to)) {
        let back = step_back(mirror, stream, previous, last)?;
        let at = moves.len().saturating_sub(1);
        moves.splice(at..at, back);
    } else if let (Some(previous), Some(to)) = (&stage.previous, &to) {
        // A build is skipped: `previous` moves to the build before the one that gets the stage, if there was one.
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
        tags: tags.iter().filter(|one| one.is_move()).cloned().collect(),
        failures: failure.into_iter().collect(),
        hints: hint.into_iter().collect(),
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

/// Returns how the image tags move back: to their digests when the build got the stage, and if these are not known,
/// to those before the last promotion.
fn tags(
    session: &Session<'_>,
    (stage, stream): (&Stage, &Stream),
    (from, to): (&BuildId, Option<&BuildId>),
    last: Option<&Promotion>,
) -> Result<(Vec<TagMove>, Option<String>), StageError> {
    if stage.images.is_empty() {
        return Ok((Vec::new(), None));
    }
    let last = last.filter(|last| last.before.as_ref() == to);
    let stated = tags_of_stage(session.mirror(), (stage, stream))?;
    let back = |one: &TagMove| TagMove { image: one.image.clone(), from: one.to, to: one.from };
    let back = last.iter().flat_map(|last| &last.tags).map(back);
    let back = back.filter(|one| !one.to.is_some_and(|to| stated.is_withdrawn(to)));
    let Some(id) = to else { return Ok((back.collect(), None)) };
    let (own, known, failure) = match tags_with(session, (stage, stream), (id, &stated)) {
        Ok(found) => found,
        // Settling the demotion later asks a registry that does not answer now; where its tags go is in the journal.
        Err(error) => {
            session.check_cancelled()?;
            let own = by_journal((stage, stream), (id, &stated));
            if own.is_empty() && last.is_none() {
                return Err(error);
            }
            let known = own.iter().map(|one| one.image.clone()).collect();
            (own, known, None)
        }
    };
    let moves: Vec<TagMove> = own.into_iter().chain(back.filter(|one| !known.contains(&one.image))).collect();
    if failure.is_none() {
        warn_of_left(session.mirror(), (stage, stream), (from, id), (&moves, &stated));
    }
    Ok((moves, failure))
}

/// Returns how the tags move to their digests while a build has the stage, by the journal alone.
fn by_journal((stage, stream): (&Stage, &Stream), (id, stated): (&BuildId, &StageTags)) -> Vec<TagMove> {
    let with = stated.with(id).filter(|(image, ..)| stage.gives(stream, image));
    with.map(|(image, to, _)| TagMove { image: image.clone(), from: stated.left(image), to: Some(to) })
        .collect()
}

/// How tags move back, the tags of which that is known, and why some of them do not move.
type Back = (Vec<TagMove>, BTreeSet<Image>, Option<String>);

/// Returns how the tags move to their digests while a build has the stage.
fn tags_with(
    session: &Session<'_>,
    (stage, stream): (&Stage, &Stream),
    (id, stated): (&BuildId, &StageTags),
) -> Result<Back, StageError> {
    let (mirror, registries) = (session.mirror(), registries(session.stop())?);
    let look = strictly(mirror, &registries);
    let wanted = wanted_tags(mirror, &*look, (stage, id), stated)?;
    let moves = moves_to(&*look, (&wanted.tags, stated), Foreign::Leave)?;
    for image in &moves.foreign {
        mirror.warnings().add(format!("the tag `{image}` was moved by something else, and stays"));
    }
    let lost = lost_of(&*look, &moves.tags)?;
    let mut tags = moves.tags;
    tags.retain(|one| !lost.contains_key(&one.image));
    let is_known = |image: &Image| wanted.tags.contains_key(image) && !lost.contains_key(image);
    let missing = wanted.missing.iter().find(|one| !one.moving.iter().all(is_known));
    let missing = missing.map(|one| &one.fixed).or_else(|| lost.values().next());
    let failure = missing.map(|image| {
        let stage = &stage.name;
        format!(
            "`{image}` is missing in the registry; `mirrorkeep promote {stage} --stream {stream}` copies it and moves the tags, if \
             another repository has it"
        )
    });
    let failure = wanted.failures.first().map(|error| chain(error)).or(failure);
    Ok((tags, wanted.tags.into_keys().collect(), failure))
}

/// Returns the last event that moved an alias.
pub(super) fn last_move(mirror: &Mirror, alias: &RelPath) -> Result<Option<Event>, StageError> {
    let kinds = [EventKind::Promoted, EventKind::Demoted, EventKind::Aliased, EventKind::Unaliased];
    let of_it = |event: &Event| {
        let moves = || event.stated().promotion.is_some_and(|promotion| promotion.of(alias).is_some());
        let stays = || event.stated().promotion.is_some_and(|promotion| promotion.stays());
        event.phase == Phase::Done && (event.to == alias.as_str() || moves()) && !stays()
    };
    Ok(mirror.history(&kinds)?.into_iter().rfind(of_it))
}

/// Returns the promotion by which the present build got the stage.
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
    Ok(parts.into_iter().find(|one| one.build.as_ref() == Some(id) && !one.stays()))
}

/// Returns the build to which the stage moves.
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
        // No build had it before.
        Some(None) => Ok(None),
        _ => match usable.into_iter().next() {
            Some(id) => Ok(Some(id)),
            None => Err(StageError::NoWayBack { stage: name, stream: request.stream.clone() }),
        },
    }
}

/// Returns the move of `previous` to its target before the promotion, if that still exists.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use serde_json::json;

    #[test]
    fn no_tag_of_a_set_is_reported_as_moved_if_a_registry_failed() {
        let request = DemoteRequest {
            stage: "tested".to_owned(),
            stream: "main/debian".parse().unwrap(),
            to: None,
            why: "bad".to_owned(),
            allow_empty: false,
        };
        let image: Image = serde_json::from_value(json!("r.example/nova:tested")).unwrap();
        let (is, digest) = (Digest::of(b"a"), Digest::of(b"b"));
        let one = || {
            let tags = vec![TagMove { image: image.clone(), from: Some(is), to: Some(digest) }];
            DemoteReport { tags, ..DemoteReport::of(&request, None) }
        };
        let mut report = DemoteReport { members: vec![one()], ..one() };
        report.carried_out(&[]);
        assert_eq!((report.tags.len(), report.members[0].tags.len()), (1, 1));
        report.carried_out(&[CarryError::TagNotThere { image: Box::new(image.clone()), to: digest }]);
        assert_eq!((report.tags.len(), report.members[0].tags.len(), report.failures.len()), (0, 0, 1));
    }
}
