//! What is known of the stages of a mirror: its pipeline, builds, names and waivers at one instant.

use super::StageError;
use crate::census::Census;
use crate::commit::required_pipeline;
use crate::decide::pipeline::{Moves, Pipeline, Stage, View, Waiver, WaiverScope};
use crate::layout::Place;
use crate::mirror::{JournalError, Mirror, Unreadable, chain, survey};
use crate::model::{Stamp, Stream};
use crate::record::{EventKind, Phase};

/// What is known when a stage is looked at.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) pipeline: Pipeline,
    pub(super) census: Census,
    pub(super) moves: Moves,
    pub(super) waivers: Vec<Waiver>,
    pub(super) now: Stamp,
    unreadable: Vec<Unreadable>,
}

impl Known {
    /// Looks at a mirror; fails where it has no pipeline, or where events are lost that could tell what had a stage.
    pub(super) fn read(mirror: &Mirror, now: Stamp) -> Result<Self, StageError> {
        let pipeline = required_pipeline(mirror)?;
        let survey = survey(mirror, now)?;
        if let Some(lost) = survey.lost.first() {
            return Err(JournalError::from(lost.clone()).into());
        }
        let moves = Moves::of_census(&survey.census, mirror.layout());
        let waivers = waivers(mirror)?;
        Ok(Self { pipeline, census: survey.census, moves, waivers, now, unreadable: survey.troubles })
    }

    pub(super) fn view(&self) -> View<'_> {
        View { census: &self.census, moves: &self.moves, waivers: &self.waivers, now: self.now }
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

    /// Returns what of a stream cannot be read, so that nothing is decided there.
    pub(super) fn unreadable(&self, mirror: &Mirror, stream: &Stream) -> Option<String> {
        let dir = mirror.layout().stream_path(stream).ok()?;
        // A build that cannot be read is no candidate, and says why; a name or a directory may hide anything.
        let hides = |one: &&Unreadable| {
            (one.path.is_within(&dir) || dir.is_within(&one.path))
                && !matches!(mirror.layout().place(&one.path), Place::Build { .. })
        };
        let one = self.unreadable.iter().find(hides)?;
        Some(format!("`{}` cannot be read: {}", one.path, chain(&one.error)))
    }
}

/// Returns the waivers that were given and not taken back; those before a loss of events may have been.
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
