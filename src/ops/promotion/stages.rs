//! Where each stage is, and what the next build lacks for it.

use super::StageError;
use super::known::Known;
use super::moves::is_open;
use super::tags::stated_tags;
use crate::census::Census;
use crate::decide::pipeline::{Candidate, Outcome, StatedTags, Waiver, WaiverScope, evaluate, had};
use crate::decide::policy::Span;
use crate::mirror::Mirror;
use crate::model::registry::Image;
use crate::model::{BuildId, RelPath, Stamp, Stream, shell_word};
use crate::ops::matching::Matching;
use crate::recover::RecoverError;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

/// The label with the time at which what a build publishes was announced, such as a release upstream.
const ANNOUNCED: &str = "announced";

/// A stage in one stream.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct StageStatus {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build that has it.
    pub build: Option<BuildId>,
    /// Since when, if known.
    pub since: Option<Stamp>,
    /// When what the build publishes was announced, by its label `announced`; `null` without one that is a UTC time.
    pub announced: Option<Stamp>,
    /// How many seconds after the announcement the stage moved to the build; negative if it did before.
    pub announced_to_stage: Option<i64>,
    /// When that build was made.
    pub created: Option<Stamp>,
    /// What a promotion would do now.
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
    /// Whether an interrupted promotion or demotion of it is not settled.
    pub unsettled: bool,
    /// Whether its alias resolves to nothing, because its build is gone.
    pub dangles: bool,
    /// Image tags that the last promotion or demotion left at those of another build, by the journal; no registry is
    /// queried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags_elsewhere: Vec<Image>,
    /// How many whole days the present build is older than the newest candidate.
    pub gap_days: Option<i64>,
    /// Whether that is more than the stage accepts.
    pub alarm: bool,
    /// Whether a promotion first looks up images in a registry, which was not queried.
    #[serde(skip)]
    pub carries_images: bool,
    /// Its alias.
    #[serde(skip)]
    pub alias: RelPath,
    /// The last build that had it and can have it again, if it resolves to nothing.
    #[serde(skip)]
    pub fallback: Option<BuildId>,
}

/// A stage in one stream, with what a page shows beyond its state.
#[derive(Debug, Clone)]
pub struct StageView {
    /// Its state.
    pub status: StageStatus,
    /// Its candidates, the latest arrival first.
    pub candidates: Vec<Candidate>,
    /// By how many seconds the build that has it may be older than its newest candidate.
    pub accepts: Option<i64>,
    /// The waivers that count for it in this stream.
    pub waivers: Vec<Waiver>,
}

impl StageStatus {
    /// Returns why the stage needs attention.
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
        if self.dangles {
            return Some(format!("`{stage}` of `{stream}` resolves to nothing: its build is gone"));
        }
        if let (Some(tag), Some(id)) = (self.tags_elsewhere.first(), &self.build) {
            let tags = match self.tags_elsewhere.len() - 1 {
                0 => format!("the image tag `{tag}` of `{stage}` was"),
                more => format!("the image tag `{tag}` and {more} more of `{stage}` were"),
            };
            return Some(format!("{tags} left at another build than `{id}`"));
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
        if self.dangles && self.outcome != Outcome::Interfered {
            return match (&self.fallback, &self.candidate) {
                (Some(id), _) => {
                    format!(
                        "`mirrorkeep promote {stage} --build {id}` moves it to the build that had it before"
                    )
                }
                (None, Some(_)) => {
                    format!("`mirrorkeep stages {stage} --stream {stream}` shows what it waits for")
                }
                (None, None) => {
                    let alias = shell_word(self.alias.as_str().as_ref());
                    format!("`mirrorkeep alias remove {alias}` removes it")
                }
            };
        }
        if self.outcome != Outcome::Interfered && !self.tags_elsewhere.is_empty() {
            return format!(
                "`mirrorkeep promote {stage} --stream {stream}` moves what was left, or tells why it stays"
            );
        }
        match (self.outcome, &self.build) {
            (Outcome::Interfered, None) => {
                format!("`mirrorkeep promote {stage} --build ID` moves it to a build")
            }
            (Outcome::Interfered, Some(id)) => format!(
                "`mirrorkeep promote {stage} --stream {stream} --take-over --why TEXT` accepts {}, `mirrorkeep promote {stage} \
                 --build ID` moves it to another build",
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
    let views = stages_of(mirror, &Known::read(mirror, now)?, stage, streams)?;
    Ok(views.into_iter().map(|view| view.status).collect())
}

/// Returns where all stages are, from a census of the mirror.
pub(crate) fn stages_in(mirror: &Mirror, census: &Census) -> Result<Vec<StageStatus>, StageError> {
    Ok(stage_views(mirror, census)?.into_iter().map(|view| view.status).collect())
}

/// Returns the same with what a page shows beyond it.
pub(crate) fn stage_views(mirror: &Mirror, census: &Census) -> Result<Vec<StageView>, StageError> {
    stages_of(mirror, &Known::of_census(mirror, census)?, None, None)
}

/// Returns what needs attention, with the command that helps, from a census of the mirror.
pub(crate) fn stage_concerns(
    mirror: &Mirror,
    census: &Census,
) -> Result<Vec<(RelPath, String, String)>, StageError> {
    let stages = stages_in(mirror, census)?;
    let concern = |one: &StageStatus| Some((one.alias.clone(), one.concern()?, one.hint()));
    Ok(stages.iter().filter_map(concern).collect())
}

fn stages_of(
    mirror: &Mirror,
    known: &Known,
    stage: Option<&str>,
    streams: Option<&Matching>,
) -> Result<Vec<StageView>, StageError> {
    let open = mirror.unsettled().map_err(RecoverError::from)?;
    let carry = known.pipeline.stages.iter().any(|stage| !stage.images.is_empty());
    let stated = if carry { stated_tags(mirror)? } else { StatedTags::default() };
    let aliases = known.census.aliases.iter();
    let dangling: HashSet<&RelPath> =
        aliases.filter(|one| one.target.is_none()).map(|one| &one.path).collect();
    let look = |(name, stream): (String, Stream)| {
        let stage = known.stage_in(&name, &stream)?;
        let state = evaluate(stage, &stream, &known.view());
        let newest = state.candidates.first().cloned();
        let carried = stated.stage(&name, &stream).filter(|_| !stage.images.is_empty());
        let tags_elsewhere = carried.zip(state.incumbent.as_ref()).map(|(tags, id)| {
            tags.elsewhere(id).filter(|image| stage.gives(&stream, image)).cloned().collect()
        });
        let tags_elsewhere = tags_elsewhere.unwrap_or_default();
        let incumbent = state.incumbent.as_ref().and_then(|id| known.census.build(id));
        let created = incumbent.and_then(|build| build.created);
        let announced = incumbent.and_then(|build| build.labels.get(ANNOUNCED)?.value.parse().ok());
        let announced_to_stage = announced.zip(state.since).map(|(announced, since)| since.since(announced));
        let (candidate, missing, waived, rejected) =
            newest.map_or_else(Default::default, |one| (Some(one.id), one.missing, one.waived, one.rejected));
        let counts = |waiver: &&Waiver| {
            waiver.stage == name
                && match &waiver.scope {
                    WaiverScope::Build(id) => id.stream == stream,
                    WaiverScope::Until(until) => known.now <= *until,
                }
        };
        let waivers = known.waivers.iter().filter(counts).cloned().collect();
        let alias = mirror.layout().stream_path(&stream)?.child(&name).unwrap_or_default();
        let dangles = dangling.contains(&alias);
        let fallback = dangles.then(|| {
            let view = known.view();
            had(stage, &stream, &name, &view).first().map(|one| BuildId::new(stream.clone(), (*one).clone()))
        });
        let status = StageStatus {
            unsettled: is_open(&open, &alias),
            dangles,
            fallback: fallback.flatten(),
            alias,
            carries_images: !stage.images.is_empty(),
            tags_elsewhere,
            why: state.why,
            stage: name,
            stream,
            build: state.incumbent,
            since: state.since,
            announced,
            announced_to_stage,
            created,
            outcome: state.outcome,
            candidate,
            missing,
            waived,
            rejected,
            gap_days: state.gap_days,
            alarm: state.alarm,
        };
        let accepts = stage.alarm.map(Span::seconds);
        Ok(StageView { status, candidates: state.candidates, accepts, waivers })
    };
    chosen(known, stage, streams)?.into_iter().map(look).collect()
}

/// Returns the stages in the requested streams, in the order of the pipeline.
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
