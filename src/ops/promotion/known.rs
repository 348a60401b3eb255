//! The state of the stages of a mirror: its pipeline, builds, aliases and waivers at one instant.

use super::StageError;
use crate::census::{AliasCensus, Census, StreamCensus};
use crate::commit::required_pipeline;
use crate::decide::pipeline::{Moves, Pipeline, Stage, View, Waiver, WaiverScope};
use crate::layout::Place;
use crate::mirror::{JournalError, Mirror, Survey, Unreadable, chain, hidden_streams, survey, survey_stream};
use crate::model::{BuildId, Stamp, Stream};
use crate::record::{EventKind, Phase};
use std::collections::BTreeSet;

/// The input of evaluating a stage.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) pipeline: Pipeline,
    pub(super) census: Census,
    pub(super) moves: Moves,
    pub(super) waivers: Vec<Waiver>,
    pub(super) now: Stamp,
    pub(super) unreadable: Vec<Unreadable>,
    /// The streams of which nothing could be read, and those without builds in which a stage is left.
    hidden: Vec<Stream>,
}

impl Known {
    /// Reads a mirror; fails if it has no pipeline, or if events are lost that could state the builds of a stage.
    pub(super) fn read(mirror: &Mirror, now: Stamp) -> Result<Self, StageError> {
        Self::found(mirror, required_pipeline(mirror)?, survey(mirror, now)?)
    }

    /// Reads one stream of a mirror, as [`read`](Self::read) does for all of them.
    pub(super) fn read_stream(mirror: &Mirror, stream: &Stream, now: Stamp) -> Result<Self, StageError> {
        Self::found(mirror, required_pipeline(mirror)?, survey_stream(mirror, stream, now)?)
    }

    /// Returns the state from an existing census.
    pub(super) fn of_census(mirror: &Mirror, census: &Census) -> Result<Self, StageError> {
        let (pipeline, mut census, now) = (required_pipeline(mirror)?, census.clone(), census.at);
        let hidden = emptied(mirror, &pipeline, &census);
        look_at(&mut census, &hidden);
        let (moves, waivers) = (Moves::of_census(&census, mirror.layout()), waivers(mirror)?);
        Ok(Self { pipeline, census, moves, waivers, now, unreadable: Vec::new(), hidden })
    }

    fn found(mirror: &Mirror, pipeline: Pipeline, survey: Survey) -> Result<Self, StageError> {
        let now = survey.census.at;
        if let Some(lost) = survey.lost.first() {
            return Err(JournalError::from(lost.clone()).into());
        }
        let mut census = survey.census;
        // The contents are unknown, which is not the same as empty.
        let mut hidden = hidden_streams(mirror, &survey.troubles)
            .map_err(|one| StageError::Unreadable(one.path.clone(), chain(&one.error)))?;
        hidden.extend(emptied(mirror, &pipeline, &census));
        look_at(&mut census, &hidden);
        let moves = Moves::of_census(&census, mirror.layout());
        let waivers = waivers(mirror)?;
        // A clock that was set back does not make a waiver valid again.
        let moved = census.aliases.iter().flat_map(|alias| &alias.moves).map(|step| step.at);
        let said = waivers.iter().map(|waiver| waiver.since);
        let published = census.builds().filter_map(|(_, build)| build.published);
        let now = moved.chain(said).chain(published).fold(now, Stamp::max);
        Ok(Self { pipeline, census, moves, waivers, now, unreadable: survey.troubles, hidden })
    }

    pub(super) fn view(&self) -> View<'_> {
        View { census: &self.census, moves: &self.moves, waivers: &self.waivers, now: self.now }
    }

    /// Returns whether anything is known about a stream, or could not be read; a directory above builds can be a
    /// stream, too.
    pub(super) fn is_looked_at(&self, line: &StreamCensus) -> bool {
        !line.builds.is_empty() || self.hidden.contains(&line.stream)
    }

    /// Returns the stage of that name.
    pub(super) fn stage(&self, name: &str) -> Result<&Stage, StageError> {
        self.pipeline.stage(name).ok_or_else(|| StageError::NoStage {
            stage: name.to_owned(),
            known: self.pipeline.stages.iter().map(|stage| stage.name.clone()).collect(),
        })
    }

    /// Returns the stage of that name in a stream.
    pub(super) fn stage_in(&self, name: &str, stream: &Stream) -> Result<&Stage, StageError> {
        let stage = self.stage(name)?;
        if self.census.stream(stream).is_none() {
            return Err(StageError::NoStream(stream.to_string()));
        }
        if !stage.is_in(stream) {
            let streams = stage.streams.iter().map(|pattern| format!("`{pattern}`")).collect();
            return Err(StageError::NotInStream { stage: name.to_owned(), stream: stream.clone(), streams });
        }
        Ok(stage)
    }

    /// Returns what of a stream cannot be read, so that nothing is decided there: a build that may be next, an alias,
    /// or a directory.
    pub(super) fn unreadable(
        &self,
        mirror: &Mirror,
        stream: &Stream,
        may_come_next: impl Fn(&BuildId) -> bool,
    ) -> Option<String> {
        let dir = mirror.layout().stream_path(stream).ok()?;
        let hides = |one: &&Unreadable| match mirror.layout().place(&one.path) {
            Place::Build { build } => build.stream == *stream && may_come_next(&build),
            _ => one.path.is_within(&dir) || dir.is_within(&one.path),
        };
        let one = self.unreadable.iter().find(hides)?;
        Some(format!("`{}` cannot be read: {}", one.path, chain(&one.error)))
    }
}

/// Adds streams to a census that has no builds of them.
fn look_at(census: &mut Census, streams: &[Stream]) {
    let unknown = streams.iter().filter(|stream| census.stream(stream).is_none()).cloned();
    let lines: Vec<StreamCensus> =
        unknown.map(|stream| StreamCensus { stream, builds: Vec::new() }).collect();
    census.streams.extend(lines);
    census.sort();
}

/// Returns the streams without builds in which the alias of a stage resolves to nothing.
fn emptied(mirror: &Mirror, pipeline: &Pipeline, census: &Census) -> Vec<Stream> {
    let left = |alias: &AliasCensus| {
        let Place::Stream { stream } = mirror.layout().place(&alias.path.parent()?) else { return None };
        let is_stage = |stage: &Stage| stage.name == alias.path.name() && stage.is_in(&stream);
        let is_empty = census.stream(&stream).is_none_or(|line| line.builds.is_empty());
        (is_empty && pipeline.stages.iter().any(is_stage)).then_some(stream)
    };
    let dangling = census.aliases.iter().filter(|alias| alias.target.is_none());
    let found: BTreeSet<Stream> = dangling.filter_map(left).collect();
    found.into_iter().collect()
}

/// Returns the waivers that were added and not removed; those before a loss of events may have been removed.
fn waivers(mirror: &Mirror) -> Result<Vec<Waiver>, JournalError> {
    let mut waivers: Vec<Waiver> = Vec::new();
    for event in mirror.history(&[EventKind::Waived, EventKind::Unwaived, EventKind::Recovered])? {
        let said = event.stated();
        if event.what == EventKind::Recovered {
            if said.missing.is_some() {
                waivers.clear();
            }
            continue;
        }
        let Some(waiver) = said.waiver.filter(|_| event.phase == Phase::Done) else { continue };
        let scope = match (waiver.build, waiver.until) {
            (Some(id), _) => Some(WaiverScope::Build(id)),
            (None, Some(until)) => Some(WaiverScope::Until(until)),
            (None, None) => None,
        };
        waivers.retain(|old| {
            let same = old.stage == waiver.name && old.job == waiver.job;
            !(same && scope.as_ref().is_none_or(|scope| *scope == old.scope))
        });
        if let (EventKind::Waived, Some(scope)) = (event.what, scope) {
            waivers.push(Waiver {
                stage: waiver.name,
                job: waiver.job,
                scope,
                why: waiver.why.unwrap_or_default(),
                by: event.by,
                since: event.at,
            });
        }
    }
    Ok(waivers)
}
