//! Votes: results of jobs on a build.

use super::StageError;
use super::known::Known;
use crate::commit::pipeline_of;
use crate::decide::pipeline::{Outcome, Stage, assess, evaluate};
use crate::mirror::chain;
use crate::model::{BuildId, VOTE, job_name};
use crate::ops::Mode;
use crate::ops::alias::{Saying, say_of};
use crate::session::Session;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The vote of a job on a build.
#[derive(Debug, Clone)]
pub struct Vote {
    /// The build.
    pub id: BuildId,
    /// The job.
    pub job: String,
    /// Its result.
    pub result: VoteResult,
    /// URL of its log.
    pub url: Option<String>,
}

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoteResult {
    /// The job succeeded.
    Success,
    /// The job failed.
    Failure,
}

/// The report of a vote.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VoteReport {
    /// The build.
    pub id: BuildId,
    /// The job.
    pub job: String,
    /// Its result.
    pub result: VoteResult,
    /// The previous vote of the job.
    pub before: Option<String>,
    /// The stages that a promotion moves to the build now.
    pub promotable: Vec<String>,
}

impl VoteResult {
    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Records the vote of a job on a build; the last vote of a job counts.
pub fn vote(session: &Session<'_>, vote: &Vote, mode: Mode) -> Result<VoteReport, StageError> {
    job_name(&vote.job).map_err(StageError::Job)?;
    let saying = Saying {
        key: format!("{VOTE}{}", vote.job),
        value: Some(vote.result.as_str().to_owned()),
        url: vote.url.clone(),
        always: true,
    };
    let before = say_of(session, &vote.id, saying, mode)?;
    let promotable = match mode {
        // The vote counts, even if the stages cannot be read.
        Mode::Real => promotable(session, &vote.id).unwrap_or_else(|error| {
            let why = chain(&error);
            session.mirror().warnings().add(format!("which stages can move now is not known: {why}"));
            Vec::new()
        }),
        Mode::Trial => Vec::new(),
    };
    let known = is_gate(session, vote).or_else(|| is_required_by_none(session, vote));
    if let Some(why) = known {
        session.mirror().warnings().add(why);
    }
    let (id, job) = (vote.id.clone(), vote.job.clone());
    Ok(VoteReport { id, job, result: vote.result, before, promotable })
}

/// Returns the error that a job is a gate, whose result mirrorkeep itself determines.
fn is_gate(session: &Session<'_>, vote: &Vote) -> Option<String> {
    let (id, job) = (&vote.id, &vote.job);
    pipeline_of(session.mirror()).ok()??.gate(job)?;
    Some(format!(
        "`{job}` is a gate of the pipeline; `mirrorkeep gate {id} {job}` runs it, and its result takes the place of this vote"
    ))
}

/// Returns the error that no stage of the stream requires a job, which may be misspelt, with the required ones.
fn is_required_by_none(session: &Session<'_>, vote: &Vote) -> Option<String> {
    let pipeline = pipeline_of(session.mirror()).ok()??;
    let (stream, job) = (&vote.id.stream, &vote.job);
    let mut jobs: Vec<&String> =
        pipeline.stages_of(stream).flat_map(|stage| &stage.votes).flat_map(|any| &any.0).collect();
    jobs.sort();
    jobs.dedup();
    if jobs.is_empty() || jobs.contains(&job) {
        return None;
    }
    let listed = jobs.iter().map(|job| format!("`{job}`")).collect::<Vec<_>>().join(", ");
    Some(format!("no stage of `{stream}` requires the job `{job}`; required are {listed}"))
}

/// Returns what a build lacks for a stage, by the votes, waivers and rejections of now.
pub(crate) fn lacks(session: &Session<'_>, id: &BuildId, stage: &str) -> Result<Vec<String>, StageError> {
    let known = Known::read_stream(session.mirror(), &id.stream, session.now())?;
    let found = assess(known.stage_in(stage, &id.stream)?, id, &known.view());
    let rejected = found.rejected.map(|why| format!("it is rejected: {why}"));
    Ok(found.missing.into_iter().chain(rejected).collect())
}

/// Returns the stages that a promotion moves to a build now.
pub(crate) fn promotable(session: &Session<'_>, id: &BuildId) -> Result<Vec<String>, StageError> {
    if pipeline_of(session.mirror())?.is_none() {
        return Ok(Vec::new());
    }
    let known = Known::read_stream(session.mirror(), &id.stream, session.now())?;
    let moves = |stage: &&Stage| {
        let state = evaluate(stage, &id.stream, &known.view());
        state.outcome == Outcome::Promoted && state.build.as_ref() == Some(id)
    };
    Ok(known.pipeline.stages_of(&id.stream).filter(moves).map(|stage| stage.name.clone()).collect())
}
