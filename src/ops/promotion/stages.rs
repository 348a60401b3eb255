//! Where each stage is, and what the next build lacks for it.

use super::StageError;
use super::known::Known;
use crate::decide::pipeline::{Outcome, evaluate};
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp, Stream};
use crate::ops::matching::Matching;
use schemars::JsonSchema;
use serde::Serialize;

/// A stage in one stream.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StageStatus {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build that has it.
    pub build: Option<BuildId>,
    /// Since when, as far as that is known.
    pub since: Option<Stamp>,
    /// When that build was made.
    pub created: Option<Stamp>,
    /// What a promotion does now.
    pub outcome: Outcome,
    /// The newest candidate.
    pub candidate: Option<BuildId>,
    /// What the newest candidate lacks.
    pub missing: Vec<String>,
    /// The jobs whose vote on the newest candidate is waived.
    pub waived: Vec<String>,
    /// Why the newest candidate is rejected.
    pub rejected: Option<String>,
    /// How many whole days the build that has the stage is older than the newest candidate.
    pub gap_days: Option<i64>,
    /// Whether that is more than the stage accepts.
    pub alarm: bool,
}

/// Returns where the stages are, in the order of the pipeline.
pub fn stages(
    mirror: &Mirror,
    stage: Option<&str>,
    streams: Option<&Matching>,
    now: Stamp,
) -> Result<Vec<StageStatus>, StageError> {
    let known = Known::read(mirror, now)?;
    let look = |(name, stream): (String, Stream)| {
        let state = evaluate(known.stage_in(&name, &stream)?, &stream, &known.view());
        let newest = state.candidates.into_iter().next();
        let created = state.incumbent.as_ref().and_then(|id| known.census.build(id)?.created);
        let (candidate, missing, waived, rejected) =
            newest.map_or_else(Default::default, |one| (Some(one.id), one.missing, one.waived, one.rejected));
        Ok(StageStatus {
            stage: name,
            stream,
            build: state.incumbent,
            since: state.since,
            created,
            outcome: state.outcome,
            candidate,
            missing,
            waived,
            rejected,
            gap_days: state.gap_days,
            alarm: state.alarm,
        })
    };
    chosen(&known, stage, streams)?.into_iter().map(look).collect()
}

/// Returns the stages in the streams that are asked for, in the order of the pipeline.
pub(super) fn chosen(
    known: &Known,
    stage: Option<&str>,
    streams: Option<&Matching>,
) -> Result<Vec<(String, Stream)>, StageError> {
    if let Some(name) = stage {
        known.stage(name)?;
    }
    let lines = known.census.streams.iter().filter(|line| known.is_looked_at(line)).map(|line| &line.stream);
    let asked = |stream: &&Stream| streams.is_none_or(|pattern| pattern.has(stream.as_str()));
    let lines: Vec<&Stream> = lines.filter(asked).collect();
    let mut chosen = Vec::new();
    for one in known.pipeline.stages.iter().filter(|one| stage.is_none_or(|name| one.name == name)) {
        let streams = lines.iter().filter(|stream| one.is_in(stream));
        chosen.extend(streams.map(|stream| (one.name.clone(), (*stream).clone())));
    }
    Ok(chosen)
}
