//! Where each stage is, and what the next build lacks for it.

use super::StageError;
use super::known::Known;
use super::moves::is_open;
use crate::census::Census;
use crate::decide::pipeline::{Outcome, evaluate};
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp, Stream};
use crate::ops::matching::Matching;
use crate::recover::RecoverError;
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
    /// Why there is no candidate, if that is not only because nothing is newer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether an interrupted promotion or demotion of it waits to be settled.
    pub unsettled: bool,
    /// How many whole days the build that has the stage is older than the newest candidate.
    pub gap_days: Option<i64>,
    /// Whether that is more than the stage accepts.
    pub alarm: bool,
}

impl StageStatus {
    /// Returns why a person should look at the stage.
    pub fn concern(&self) -> Option<String> {
        let Self { stage, stream, .. } = self;
        if self.unsettled {
            return Some(format!(
                "an interrupted promotion or demotion of `{stage}` of `{stream}` waits to be settled"
            ));
        }
        if self.outcome == Outcome::Interfered {
            return Some(format!("`{stage}` of `{stream}` was moved or removed without mirrorkeep"));
        }
        let days = self.gap_days.filter(|_| self.alarm)?;
        let s = if days == 1 { "" } else { "s" };
        Some(format!("`{stage}` of `{stream}` is {days} day{s} behind its newest candidate"))
    }

    /// Returns the command that helps.
    pub fn hint(&self) -> String {
        let Self { stage, stream, .. } = self;
        if self.unsettled {
            return "`mirrorkeep recover` shows why; `mirrorkeep recover --skip-commands` settles it without its commands".to_owned();
        }
        match (self.outcome, &self.build) {
            (Outcome::Interfered, None) => {
                format!("`mirrorkeep promote {stage} --build ID` hands it to a build")
            }
            (Outcome::Interfered, Some(id)) => format!(
                "`mirrorkeep promote {stage} --stream {stream} --take-over --why TEXT` accepts {}, `mirrorkeep promote {stage} \
                 --build ID` hands it to another build",
                id.name
            ),
            _ => format!("`mirrorkeep stages {stage} --stream {stream}` shows what it waits for"),
        }
    }
}

/// Returns where the stages are, in the order of the pipeline.
pub fn stages(
    mirror: &Mirror,
    stage: Option<&str>,
    streams: Option<&Matching>,
    now: Stamp,
) -> Result<Vec<StageStatus>, StageError> {
    stages_of(mirror, &Known::read(mirror, now)?, stage, streams)
}

/// Returns what a person should look at, with the command that helps, from a census of the mirror.
pub(crate) fn stage_concerns(
    mirror: &Mirror,
    census: &Census,
) -> Result<Vec<(RelPath, String, String)>, StageError> {
    let stages = stages_of(mirror, &Known::of_census(mirror, census)?, None, None)?;
    let concern = |one: &StageStatus| {
        let alias = mirror.layout().stream_path(&one.stream).ok()?.child(&one.stage).ok()?;
        Some((alias, one.concern()?, one.hint()))
    };
    Ok(stages.iter().filter_map(concern).collect())
}

fn stages_of(
    mirror: &Mirror,
    known: &Known,
    stage: Option<&str>,
    streams: Option<&Matching>,
) -> Result<Vec<StageStatus>, StageError> {
    let open = mirror.unsettled().map_err(RecoverError::from)?;
    let look = |(name, stream): (String, Stream)| {
        let state = evaluate(known.stage_in(&name, &stream)?, &stream, &known.view());
        let newest = state.candidates.into_iter().next();
        let created = state.incumbent.as_ref().and_then(|id| known.census.build(id)?.created);
        let (candidate, missing, waived, rejected) =
            newest.map_or_else(Default::default, |one| (Some(one.id), one.missing, one.waived, one.rejected));
        Ok(StageStatus {
            unsettled: is_open(
                &open,
                &mirror.layout().stream_path(&stream)?.child(&name).unwrap_or_default(),
            ),
            why: state.why,
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
    chosen(known, stage, streams)?.into_iter().map(look).collect()
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
    let named = streams.map(Matching::to_string).filter(|text| !Matching::is_pattern(text));
    if let Some(name) = named.filter(|_| lines.is_empty()) {
        return Err(StageError::NoStream(name));
    }
    let mut chosen = Vec::new();
    for one in known.pipeline.stages.iter().filter(|one| stage.is_none_or(|name| one.name == name)) {
        let streams = lines.iter().filter(|stream| one.is_in(stream));
        chosen.extend(streams.map(|stream| (one.name.clone(), (*stream).clone())));
    }
    Ok(chosen)
}
