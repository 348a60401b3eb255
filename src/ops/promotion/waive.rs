//! Waivers: they replace the vote of a job, for one build or for a time.

use super::StageError;
use super::known::Known;
use crate::decide::pipeline::{Stage, Waiver};
use crate::model::BuildId;
use crate::ops::Mode;
use crate::record::{Payload, Waived};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

/// The report of adding or removing a waiver.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WaiveReport {
    /// The waiver.
    pub waiver: Waived,
    /// The waivers in force for the same stage and job.
    pub standing: Vec<Waiver>,
}

/// Adds a waiver for the vote of a job.
pub fn waive(session: &Session<'_>, waiver: &Waived, mode: Mode) -> Result<WaiveReport, StageError> {
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let known = Known::read(session.mirror(), session.now())?;
    let stage = match &waiver.build {
        Some(id) => known.stage_in(&waiver.name, &id.stream)?,
        None => known.stage(&waiver.name)?,
    };
    if !jobs(stage).contains(&waiver.job) {
        return Err(StageError::NoJob { job: waiver.job.clone(), known: jobs(stage) });
    }
    if let Some(id) = &waiver.build
        && known.census.build(id).is_none()
    {
        return Err(StageError::NoBuild(id.clone()));
    }
    if let Some(lock) = &lock {
        lock.note(lock.now(), &waiver.name, &Payload::Waived { waiver: waiver.clone() })?;
    }
    report(session, known, waiver, mode)
}

/// Removes the waivers for a job: that for one build, or all.
pub fn unwaive(
    session: &Session<'_>,
    (stage, job): (&str, &str),
    build: Option<&BuildId>,
    mode: Mode,
) -> Result<WaiveReport, StageError> {
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let known = Known::read(session.mirror(), session.now())?;
    let (name, job) = (stage.to_owned(), job.to_owned());
    let waiver = Waived { name, job, build: build.cloned(), until: None, why: None };
    let given = |one: &Waiver| {
        let for_it = |id: &BuildId| one.scope == crate::decide::pipeline::WaiverScope::Build(id.clone());
        one.stage == waiver.name && one.job == waiver.job && waiver.build.as_ref().is_none_or(for_it)
    };
    if !known.waivers.iter().any(given) {
        return Err(StageError::NoWaiver { stage: waiver.name, job: waiver.job });
    }
    if let Some(lock) = &lock {
        lock.note(lock.now(), &waiver.name, &Payload::Unwaived { waiver: waiver.clone() })?;
    }
    report(session, known, &waiver, mode)
}

/// Returns the jobs whose votes a stage requires.
fn jobs(stage: &Stage) -> Vec<String> {
    stage.votes.iter().flat_map(|any| any.0.clone()).collect()
}

fn report(
    session: &Session<'_>,
    before: Known,
    waiver: &Waived,
    mode: Mode,
) -> Result<WaiveReport, StageError> {
    let known = if mode == Mode::Real { Known::read(session.mirror(), session.now())? } else { before };
    let same = |one: &Waiver| one.stage == waiver.name && one.job == waiver.job;
    Ok(WaiveReport { waiver: waiver.clone(), standing: known.waivers.into_iter().filter(same).collect() })
}
