//! The facts about the aliases and builds of a stream, and the resulting state of a stage.

use crate::census::{AliasMove, Census, StreamCensus};
use crate::layout::{Layout, Place};
use crate::model::{BuildId, BuildName, RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// The target of an alias at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// Since when, if known.
    pub at: Option<Stamp>,
    /// The build; nothing if the alias was removed or pointed to something else.
    pub build: Option<BuildName>,
}

/// The history of the aliases of each stream.
#[derive(Debug, Clone, Default)]
pub struct Moves(BTreeMap<Stream, BTreeMap<String, History>>);

/// The history of one alias.
#[derive(Debug, Clone, Default)]
struct History {
    /// Oldest first.
    led: Vec<Led>,
    /// Whether another program moved it since mirrorkeep last did, or it points to no build of its stream.
    by_hand: bool,
    /// How much of it mirrorkeep did, or a person accepted.
    accepted: usize,
}

/// A waiver of the vote of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waiver {
    /// The stage.
    pub stage: String,
    /// The job.
    pub job: String,
    /// The builds to which it applies.
    #[serde(flatten)]
    pub scope: WaiverScope,
    /// The reason.
    pub why: String,
    /// Who gave it.
    pub by: String,
    /// When it was added.
    pub since: Stamp,
}

/// The builds to which a waiver applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaiverScope {
    /// One build.
    Build(BuildId),
    /// Every build, until then; the last instant counts.
    Until(Stamp),
}

/// What a promotion of a stage would do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A candidate meets all requirements: the stage moves to it.
    Promoted,
    /// Nothing is newer than the build at the stage.
    Current,
    /// There are candidates, and none meets all requirements.
    Waiting,
    /// No build has the stage, and there is no candidate.
    None,
    /// Another program moved the alias; nothing moves without `--take-over`.
    Interfered,
}

/// A build that can be promoted next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Candidate {
    /// The build.
    pub id: BuildId,
    /// What it lacks: successful jobs, labels, or why it cannot be promoted at all.
    pub missing: Vec<String>,
    /// The jobs whose vote is waived.
    pub waived: Vec<String>,
    /// Why it is rejected.
    pub rejected: Option<String>,
    /// Whether nothing can replace what it lacks: it is deleted, or not a success.
    #[serde(skip)]
    pub unfit: bool,
    /// Whether a required job has voted.
    #[serde(skip)]
    pub voted: bool,
    /// Whether a required job voted failure, without an alternative or a waiver.
    #[serde(skip)]
    pub failed: bool,
}

/// The state of a stage in one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StageState {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build at the stage.
    pub incumbent: Option<BuildId>,
    /// When it was added.
    pub since: Option<Stamp>,
    /// What a promotion would do now.
    pub outcome: Outcome,
    /// The build to which a promotion would move the stage.
    pub build: Option<BuildId>,
    /// The latest candidate for which a required job voted failure, if `on_failure` does not point to it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<BuildId>,
    /// The candidates, the latest arrival first.
    pub candidates: Vec<Candidate>,
    /// Why there is no candidate, if that is not only because nothing is newer.
    #[serde(skip)]
    pub why: Option<String>,
    /// How many whole days the present build is older than the newest candidate; nothing if not known.
    pub gap_days: Option<i64>,
    /// Whether that is more than the stage accepts.
    pub alarm: bool,
}

impl Moves {
    /// Returns the history of the aliases of a census; `layout` identifies builds by their paths.
    pub fn of_census(census: &Census, layout: &Layout) -> Self {
        let mut moves = Self::default();
        let mut dirs: HashMap<RelPath, Vec<&StreamCensus>> = HashMap::new();
        for line in &census.streams {
            if let Ok(dir) = layout.stream_path(&line.stream) {
                dirs.entry(dir).or_default().push(line);
            }
        }
        let there = census.aliases.iter().map(|alias| (alias, true));
        for (alias, is_there) in there.chain(census.removed.iter().map(|alias| (alias, false))) {
            let Some(lines) = alias.path.parent().and_then(|dir| dirs.get(&dir)) else { continue };
            let build = |path: &RelPath| match layout.place(path) {
                Place::Build { build } => Some(build),
                _ => None,
            };
            for line in lines {
                let stream = &line.stream;
                let of_stream = |id: BuildId| (id.stream == *stream).then_some(id.name);
                let led = |path: Option<&RelPath>| path.and_then(build).and_then(of_stream);
                let mut history = History::default();
                for step in &alias.moves {
                    let build = led(step.to.as_ref()).filter(|_| !step.replaced);
                    history.led.push(Led { at: Some(step.at), build });
                }
                let now = led(alias.target.as_ref());
                let last = alias.moves.iter().rposition(|step| !step.by_hand);
                history.accepted = last.map_or(0, |last| last + 1);
                let ours = alias.moves.iter().rev().find(|step| !step.by_hand);
                // If a build took the name of one at the stage, the stage was never moved to it.
                let takes_its_place = |step: &AliasMove| step.replaced && now.is_some();
                // If its build went, by a withdrawal or by accident, nobody moved it.
                let has = |name: &BuildName| line.builds.iter().any(|build| build.build == *name);
                let is_gone = |step: &AliasMove| {
                    let told = led(step.to.as_ref());
                    is_there && alias.target.is_none() && told.is_some_and(|name| !has(&name))
                };
                let moved = |step: &AliasMove| led(step.to.as_ref()) != now && !is_gone(step);
                let is_elsewhere = alias.target.is_some() && now.is_none();
                history.by_hand =
                    is_elsewhere || ours.is_some_and(|step| takes_its_place(step) || moved(step));
                if history.led.last().is_none_or(|last| last.build != now) {
                    history.led.push(Led { at: None, build: now });
                }
                if is_elsewhere || history.led.iter().any(|led| led.build.is_some()) {
                    moves.0.entry(stream.clone()).or_default().insert(alias.path.name().to_owned(), history);
                }
            }
        }
        moves
    }

    /// Adds that mirrorkeep pointed an alias of a stream to a build, or removed it; moves are added in the order of
    /// time.
    pub fn add(&mut self, stream: &Stream, alias: &str, at: Stamp, build: Option<BuildName>) {
        let aliases = self.0.entry(stream.clone()).or_default();
        let history = aliases.entry(alias.to_owned()).or_default();
        history.led.push(Led { at: Some(at), build });
        history.by_hand = false;
        history.accepted = history.led.len();
    }

    /// Returns the history of an alias of a stream, oldest first.
    pub fn of(&self, stream: &Stream, alias: &str) -> &[Led] {
        self.history(stream, alias).map_or(&[], |history| &history.led)
    }

    /// Returns the same without moves by other programs since mirrorkeep last moved it, unless a person accepted
    /// them.
    pub fn accepted(&self, stream: &Stream, alias: &str) -> &[Led] {
        let of = |history: &History| if history.by_hand { history.accepted } else { history.led.len() };
        let led = self.of(stream, alias);
        self.history(stream, alias).and_then(|history| led.get(..of(history))).unwrap_or(led)
    }

    /// Returns whether another program moved an alias since mirrorkeep last did, or it points to no build of its stream.
    pub fn is_by_hand(&self, stream: &Stream, alias: &str) -> bool {
        self.history(stream, alias).is_some_and(|history| history.by_hand)
    }

    fn history(&self, stream: &Stream, alias: &str) -> Option<&History> {
        self.0.get(stream)?.get(alias)
    }
}

impl Waiver {
    /// Returns whether it is for one build.
    pub fn is_for_one(&self) -> bool {
        matches!(self.scope, WaiverScope::Build(_))
    }

    /// Returns whether it waives a job's vote on a build at `now`.
    pub fn covers(&self, stage: &str, job: &str, id: &BuildId, now: Stamp) -> bool {
        self.stage == stage
            && self.job == job
            && match &self.scope {
                WaiverScope::Build(build) => build == id,
                WaiverScope::Until(until) => now <= *until,
            }
    }
}

impl StageState {
    /// Returns the newest candidate.
    pub fn newest(&self) -> Option<&Candidate> {
        self.candidates.first()
    }
}

impl Candidate {
    /// Returns whether it can be promoted.
    pub fn is_ready(&self) -> bool {
        self.missing.is_empty() && self.rejected.is_none()
    }

    /// Returns whether it can be promoted if votes and labels are ignored.
    pub fn can_be_forced(&self) -> bool {
        !self.unfit && self.rejected.is_none()
    }
}
