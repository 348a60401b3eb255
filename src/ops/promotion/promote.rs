//! Promoting one stage in one stream, to the first candidate that meets all requirements.

use super::StageError;
use super::known::Known;
use super::moves::{commands, moves, step, unsettled};
use crate::commit::PromotionError;
use crate::commit::carried::may_carry;
use crate::commit::repoint::repoint;
use crate::decide::pipeline::{Candidate, Outcome, Stage, StageState, assess, evaluate};
use crate::exec;
use crate::mirror::{Mirror, WriteLock, chain};
use crate::model::{BuildId, BuildName, Classify, Stream, VOTE};
use crate::ops::matching::Matching;
use crate::record::{NameMove, Payload, Promotion, TagMove};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The request to promote.
#[derive(Debug, Clone, Default)]
pub struct PromoteRequest {
    /// Only this stage.
    pub stage: Option<String>,
    /// Only in these streams.
    pub streams: Option<Matching>,
    /// This build, whether it is a candidate or not; with a stage only.
    pub build: Option<BuildId>,
    /// Without the required votes and labels.
    pub force: bool,
    /// Also if another program moved the alias.
    pub take_over: bool,
    /// The reason of a person.
    pub why: Option<String>,
}

/// The result for a stage in one stream.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StageMove {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build that had it before.
    pub incumbent: Option<BuildId>,
    /// The result.
    pub outcome: PromotedAs,
    /// The build that has it now, if it was promoted.
    pub build: Option<BuildId>,
    /// The build that `previous` resolves to now, if it was promoted.
    pub previous: Option<BuildId>,
    /// The candidates, the latest arrival first.
    pub candidates: Vec<Candidate>,
    /// The candidate that a required job failed and that `on_failure` resolves to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<BuildId>,
    /// The other aliases that moved.
    pub carried: Vec<NameMove>,
    /// The commands that ran before the aliases moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// The image tags that moved: with the stage, or back to the images of its build.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<TagMove>,
    /// Why nothing moved although it should have, or why there is no candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What helps if nothing moved although it should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The result for a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromotedAs {
    /// It moved to a build.
    Promoted,
    /// Nothing is newer than the build that has it.
    Current,
    /// There are candidates, and none meets all requirements.
    Waiting,
    /// No build has it, and there is no candidate.
    None,
    /// Another program moved the alias; nothing was done.
    Interfered,
    /// It could not be moved; every alias is where it was, or the next command moves it back.
    Failed,
}

impl From<Outcome> for PromotedAs {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Promoted => Self::Promoted,
            Outcome::Current => Self::Current,
            Outcome::Waiting => Self::Waiting,
            Outcome::None => Self::None,
            Outcome::Interfered => Self::Interfered,
        }
    }
}

/// One stage in one stream.
pub(super) struct Promoting<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) lock: Option<&'a WriteLock<'a>>,
    pub(super) request: &'a PromoteRequest,
    pub(super) stage: &'a Stage,
    pub(super) stream: &'a Stream,
}

/// The next step for a stage.
pub(super) enum Planned {
    /// Nothing more.
    Done(Box<StageMove>),
    /// Move it.
    Move(Box<PlannedMove>),
}

/// A stage that is to be moved.
pub(super) struct PlannedMove {
    state: StageState,
    one: Candidate,
    /// The promotion for the journal.
    pub(super) promotion: Promotion,
}

impl Promoting<'_> {
    /// Decides the next step.
    pub(super) fn plan(&self, known: &mut Known) -> Result<Planned, StageError> {
        let done = |done: StageMove| Ok(Planned::Done(Box::new(done)));
        let mut state = evaluate(self.stage, self.stream, &known.view());
        let may_come_next = |id: &BuildId| self.may_come_next(known, &state, id);
        let hidden = known.unreadable(self.mirror, self.stream, may_come_next).or_else(|| {
            let error = unsettled(self.mirror, self.lock, &self.stage.name, self.stream)?;
            Some(error.to_string())
        });
        if let Some(why) = hidden {
            return done(StageMove { why: Some(why), ..Self::entry(state, PromotedAs::Failed) });
        }
        if state.outcome == Outcome::Interfered {
            // If it resolves to no build, another build takes nothing from readers.
            let is_named = state.incumbent.is_none() && self.request.build.is_some();
            let accepted = is_named || self.request.take_over;
            if !accepted {
                return done(Self::entry(state, PromotedAs::Interfered));
            }
            self.take_over(known, &state)?;
            state = evaluate(self.stage, self.stream, &known.view());
        }
        if let Err(error) = self.note_failure(known, &state) {
            return done(Self::failed(state, &error));
        }
        let Some(one) = self.pick(known, &state)? else {
            // If the user names the build that has the stage already, no other one is promoted.
            let has = self.request.build.is_some() && self.request.build == state.incumbent;
            let outcome = if has { PromotedAs::Current } else { state.outcome.into() };
            return done(Self::entry(state, outcome));
        };
        if let Err(error) = self.mirror.refuse_retiring(self.stream) {
            return done(Self::failed(state, &error.into()));
        }
        let promotion = match self.promotion(known, &one, state.incumbent.as_ref()) {
            Ok(promotion) => promotion,
            Err(error) => return done(Self::failed(state, &error)),
        };
        Ok(Planned::Move(Box::new(PlannedMove { state, one, promotion })))
    }

    /// Reports that a stage moved, and adds that to the state for the stages after it.
    pub(super) fn moved(&self, known: &mut Known, planned: PlannedMove) -> StageMove {
        let PlannedMove { state, one, promotion } = planned;
        let before = state.incumbent.clone();
        known.moves.add(self.stream, &self.stage.name, known.now, Some(one.id.name.clone()));
        if let (Some(previous), Some(before)) = (&self.stage.previous, &before) {
            known.moves.add(self.stream, previous, known.now, Some(before.name.clone()));
        }
        let mut carried = promotion.moves;
        carried.pop();
        let mut tags = promotion.tags;
        tags.retain(TagMove::is_move);
        let mut done = Self::entry(state, PromotedAs::Promoted);
        done.commands = promotion.commands.iter().map(|one| exec::shown(&one.apply)).collect();
        (done.build, done.carried, done.tags) = (Some(one.id), carried, tags);
        done.previous = before.filter(|_| self.stage.previous.is_some());
        done
    }

    /// Returns whether an unreadable build may be the one to which the stage moves.
    fn may_come_next(&self, known: &Known, state: &StageState, id: &BuildId) -> bool {
        // If the user names a build, the others do not matter.
        if self.request.build.is_some() {
            return false;
        }
        // Without `from` only builds that are known to be a success are candidates.
        let created = |id: &BuildId| known.census.build(id).map(|build| build.created);
        let is_newer = || state.incumbent.as_ref().is_none_or(|has| created(id) > created(has));
        state.candidates.iter().any(|one| one.id == *id) || self.stage.from.is_none() && is_newer()
    }

    fn entry(state: StageState, outcome: PromotedAs) -> StageMove {
        StageMove {
            stage: state.stage,
            stream: state.stream,
            incumbent: state.incumbent,
            outcome,
            build: None,
            previous: None,
            failed: state.failed,
            candidates: state.candidates,
            carried: Vec::new(),
            commands: Vec::new(),
            tags: Vec::new(),
            why: state.why,
            hint: None,
        }
    }

    fn failed(state: StageState, error: &StageError) -> StageMove {
        let mut done = Self::entry(state, PromotedAs::Failed);
        done.fails(error);
        done
    }

    /// Accepts the target to which another program moved the alias.
    fn take_over(&self, known: &mut Known, state: &StageState) -> Result<(), StageError> {
        let dir = self.mirror.layout().stream_path(self.stream)?;
        let alias = dir.child(&self.stage.name).unwrap_or_default();
        if let Some(lock) = self.lock {
            let from = crate::commit::pointed_at(self.mirror, &alias)?;
            let (by_hand, why) = (false, self.request.why.clone());
            let target =
                state.incumbent.as_ref().map(|id| self.mirror.layout().build_path(id)).transpose()?;
            let payload = match (from.clone(), &target) {
                (Some(to), Some(_)) => Some(Payload::Aliased { from: from.clone(), to, by_hand, why }),
                // It stays where it is until a build is promoted.
                (Some(_), None) => None,
                (None, _) => Some(Payload::Unaliased { from: None, by_hand, why }),
            };
            if let Some(payload) = payload {
                lock.note(lock.now(), &alias, &payload)?;
            }
            // Through another alias it would move with that one.
            if let Some(target) = target.filter(|target| from.as_ref() != Some(target)) {
                repoint(lock, &alias, &target, lock.now())?;
            }
        }
        if let Some(id) = &state.incumbent
            && let Some(why) = assess(self.stage, id, &known.view()).rejected
        {
            let stage = &self.stage.name;
            self.mirror.warnings().add(format!(
                "`{stage}` stays at `{id}`, which is rejected ({why}); `mirrorkeep demote {stage} --stream {} --why TEXT` takes it back",
                self.stream
            ));
        }
        let build: Option<BuildName> = state.incumbent.as_ref().map(|id| id.name.clone());
        known.moves.add(self.stream, &self.stage.name, known.now, build);
        Ok(())
    }

    /// Points `on_failure` to the latest candidate that a required job failed.
    fn note_failure(&self, known: &mut Known, state: &StageState) -> Result<(), StageError> {
        let (Some(alias), Some(failed)) = (&self.stage.on_failure, &state.failed) else { return Ok(()) };
        let target = self.mirror.layout().build_path(failed)?;
        let step = step(self.mirror, self.stream, alias, Some(target.clone()))?;
        if let Some(lock) = self.lock.filter(|_| step.from != step.to) {
            repoint(lock, &step.alias, &target, lock.now())?;
        }
        known.moves.add(self.stream, alias, known.now, Some(failed.name.clone()));
        Ok(())
    }

    /// Returns the build to which the stage moves now.
    fn pick(&self, known: &Known, state: &StageState) -> Result<Option<Candidate>, StageError> {
        let stage = self.stage.name.clone();
        let one = match &self.request.build {
            Some(id) if known.census.build(id).is_none() => return Err(StageError::NoBuild(id.clone())),
            Some(id) if state.incumbent.as_ref() == Some(id) => return Ok(None),
            Some(id) => assess(self.stage, id, &known.view()),
            None if self.request.force => match state.candidates.iter().find(|one| one.can_be_forced()) {
                Some(one) => one.clone(),
                None => return Ok(None),
            },
            None => return Ok(state.candidates.iter().find(|one| one.is_ready()).cloned()),
        };
        if !one.can_be_forced() {
            return Err(StageError::unfit(stage, one));
        }
        if !one.missing.is_empty() && !self.request.force {
            return Err(StageError::Lacks { stage, id: one.id, missing: one.missing });
        }
        Ok(Some(one))
    }

    fn promotion(
        &self,
        known: &Known,
        one: &Candidate,
        before: Option<&BuildId>,
    ) -> Result<Promotion, StageError> {
        may_carry(self.mirror, self.stage).map_err(PromotionError::from)?;
        let labels = known.census.build(&one.id).map(|build| &build.labels);
        let vote = |job: &String| {
            let label = labels?.get(&format!("{VOTE}{job}"))?;
            Some((job.clone(), label.value.clone()))
        };
        let votes: BTreeMap<String, String> =
            self.stage.votes.iter().flat_map(|any| &any.0).filter_map(vote).collect();
        Ok(Promotion {
            name: self.stage.name.clone(),
            stream: self.stream.clone(),
            build: Some(one.id.clone()),
            before: before.cloned(),
            moves: moves(self.mirror, self.stage, self.stream, Some(&one.id), before)?,
            commands: commands(self.stage),
            tags: Vec::new(),
            images: Vec::new(),
            votes,
            waived: one.waived.clone(),
            lacked: one.missing.clone(),
            why: self.request.why.clone(),
            pipeline: known.pipeline.digest,
            members: Vec::new(),
        })
    }
}

impl PlannedMove {
    /// Reports that the stage did not move.
    pub(super) fn failed(self, error: &StageError) -> StageMove {
        Promoting::failed(self.state, error)
    }
}

impl StageMove {
    /// Records why the stage, or tags of its images, did not move.
    pub(super) fn fails(&mut self, error: &StageError) {
        let is_moved = matches!(error, StageError::Tag { .. });
        self.outcome = if is_moved { PromotedAs::Interfered } else { PromotedAs::Failed };
        (self.why, self.hint) = (Some(chain(error)), error.class().hint);
    }
}

impl Planned {
    /// Returns the promotion for the journal of a stage that is to be moved.
    pub(super) fn promotion(&self) -> Option<&Promotion> {
        match self {
            Self::Move(planned) => Some(&planned.promotion),
            Self::Done(_) => None,
        }
    }

    /// Returns the candidate that a required job failed and to which `on_failure` points now.
    pub(super) fn failed_build(&self) -> Option<&BuildId> {
        match self {
            Self::Done(done) => done.failed.as_ref(),
            Self::Move(planned) => planned.state.failed.as_ref(),
        }
    }

    /// Returns why nothing may move in other streams of the same bundle either.
    pub(super) fn stops(&self) -> Option<String> {
        let Self::Done(done) = self else { return None };
        match done.outcome {
            PromotedAs::Failed => Some(done.why.clone().unwrap_or_default()),
            PromotedAs::Interfered => Some("it was moved without mirrorkeep".to_owned()),
            _ => None,
        }
    }
}
