//! Commands that go along with a stage: run under the lock, in their order, and undone in reverse.
//!
//! A command inherits the lock of a mirror in a directory, so that no other command of mirrorkeep runs beside it when
//! this process is killed. What is promised of them, and what they must promise, is in
//! `docs/decisions/0016-gates.md`.

use crate::commit::commands::{WITHOUT, described, environment};
use crate::decide::pipeline::{CarriedRun, Stage};
use crate::exec::{self, End, ExecError, Job};
use crate::mirror::{Commands, Mirror, RunLog, StateError, WriteLock, chain};
use crate::model::{BuildId, Class, Classify, ErrorKind, shown};
use crate::progress::CancelToken;
use crate::record::{BuildRecord, CarriedCommand, Promotion};
use serde_json::json;
use std::time::Duration;

/// Says why a carried command did not do its part.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// Commands of this mirror are not run.
    #[error(
        "the stage `{0}` runs commands, and the pipeline of a bucket runs none by itself; set MIRRORKEEP_RUN_COMMANDS=1 if \
         you trust everyone who can write to the bucket"
    )]
    Refused(String),
    /// It could not be run.
    #[error("`{command}` ({step} of {stage}) was not run")]
    NotRun {
        /// The command.
        command: String,
        /// Which part it plays.
        step: &'static str,
        /// Of which stage.
        stage: String,
        /// Why not.
        source: ExecError,
    },
    /// It failed.
    #[error("`{command}` ({step} of {stage}) failed: {why}")]
    Failed {
        /// The command.
        command: String,
        /// Which part it plays.
        step: &'static str,
        /// Of which stage.
        stage: String,
        /// How it ended, and the last line that it wrote.
        why: String,
    },
    /// What is kept of the build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
}

impl Classify for CarryError {
    fn class(&self) -> Class {
        match self {
            Self::Refused(_) => ErrorKind::Refused.into(),
            Self::NotRun { .. } | Self::Failed { .. } => ErrorKind::Failed.into(),
            Self::Kept(error) => error.class(),
        }
    }
}

/// Fails for a stage with commands where these are not run, before anything is begun that could not be undone either.
pub(crate) fn may_carry(mirror: &Mirror, stage: &Stage) -> Result<(), CarryError> {
    if stage.commands.is_empty() || mirror.commands() != Commands::Refuse {
        return Ok(());
    }
    Err(CarryError::Refused(stage.name.clone()))
}

/// The commands of a promotion or demotion, at work.
pub(crate) struct Carrying<'a> {
    lock: &'a WriteLock<'a>,
    promotion: &'a Promotion,
    stop: &'a CancelToken,
    /// The build that the commands are told: the one that gets the stage; where none does, the one that loses it.
    record: Option<BuildRecord>,
    runs: Vec<(String, RunLog)>,
}

impl<'a> Carrying<'a> {
    pub(crate) fn of(
        lock: &'a WriteLock<'a>,
        promotion: &'a Promotion,
        stop: &'a CancelToken,
    ) -> Result<Self, CarryError> {
        let id = promotion.build.as_ref().or(promotion.before.as_ref());
        let record = match id {
            Some(id) if !promotion.commands.is_empty() => lock.mirror().record(id)?,
            _ => None,
        };
        Ok(Self { lock, promotion, stop, record, runs: Vec::new() })
    }

    /// Looks with every `verify` whether the rest can succeed, and runs every `prepare`.
    pub(crate) fn make_ready(&mut self, commands: &[CarriedRun]) -> Result<(), CarryError> {
        for (number, one) in commands.iter().enumerate() {
            self.run((number, "verify"), &one.verify, one.limit)?;
        }
        for (number, one) in commands.iter().enumerate() {
            self.run((number, "prepare"), &one.prepare, one.limit)?;
        }
        Ok(())
    }

    /// Runs every `apply`; fails with how many had begun.
    pub(crate) fn apply(&mut self) -> Result<(), (usize, CarryError)> {
        for (number, one) in self.promotion.commands.iter().enumerate() {
            self.run((number, "apply"), &one.apply, limit(one)).map_err(|error| (number + 1, error))?;
        }
        Ok(())
    }

    /// Runs `undo` of the first entries, in reverse.
    pub(crate) fn undo(&mut self, begun: usize) -> Result<(), CarryError> {
        for (number, one) in self.promotion.commands.iter().enumerate().take(begun).rev() {
            self.run((number, "undo"), &one.undo, limit(one))?;
        }
        Ok(())
    }

    /// Moves what goes along back to an earlier build, or undoes it where there is none; returns every failure.
    pub(crate) fn demote(&mut self) -> Vec<CarryError> {
        let mut failures = Vec::new();
        if self.promotion.build.is_none() {
            for (number, one) in self.promotion.commands.iter().enumerate().rev() {
                failures.extend(self.run((number, "undo"), &one.undo, limit(one)).err());
            }
            return failures;
        }
        for (number, one) in self.promotion.commands.iter().enumerate() {
            let ready = self.run((number, "prepare"), &one.prepare, limit(one));
            let done = ready.and_then(|()| self.run((number, "apply"), &one.apply, limit(one)));
            failures.extend(done.err());
        }
        failures
    }

    /// Keeps what the commands wrote with the build.
    pub(crate) fn keep(&mut self) {
        let Some(record) = &self.record else { return };
        let mirror = self.lock.mirror();
        // The record may have got labels since.
        let now = mirror.record(&record.id).ok().flatten();
        let runs = std::mem::take(&mut self.runs);
        if let Err(error) = self.lock.keep_logs(now.as_ref().unwrap_or(record), runs) {
            mirror.warnings().add(format!(
                "the logs of `{}` could not be kept: {}",
                record.id,
                chain(&error)
            ));
        }
    }

    fn run(
        &mut self,
        (number, step): (usize, &'static str),
        words: &[String],
        limit: Duration,
    ) -> Result<(), CarryError> {
        let (mirror, promotion) = (self.lock.mirror(), self.promotion);
        if words.is_empty() {
            return Ok(());
        }
        match mirror.commands() {
            Commands::Run => {}
            Commands::Refuse => return Err(CarryError::Refused(promotion.name.clone())),
            Commands::Skip => {
                let command = exec::shown(words);
                mirror.warnings().add(format!("`{command}` ({step} of {}) was not run", promotion.name));
                return Ok(());
            }
        }
        let told = promotion.build.as_ref().or(promotion.before.as_ref());
        let before = promotion.before.as_ref().filter(|_| promotion.build.is_some());
        let mut env = environment(mirror, told);
        env.push(("MIRRORKEEP_STAGE", promotion.name.clone()));
        env.push(("MIRRORKEEP_STEP", step.to_owned()));
        env.push(("MIRRORKEEP_BEFORE", before.map(BuildId::to_string).unwrap_or_default()));
        let build = self.record.as_ref().map(|record| described(mirror, record));
        let input = json!({"stage": promotion.name, "step": step, "before": before, "build": build});
        let input = serde_json::to_vec(&input).unwrap_or_default();
        // What was begun is undone, whoever asks to stop.
        let never = CancelToken::new();
        let stop = if step == "undo" { &never } else { self.stop };
        let job =
            Job { words, env: &env, without: &WITHOUT, input: &input, limit, lock: self.lock.inherited() };
        let (command, stage) = (exec::shown(words), promotion.name.clone());
        let ran = exec::run(&job, stop).map_err(|source| CarryError::NotRun {
            command: command.clone(),
            step,
            stage: stage.clone(),
            source,
        })?;
        let failed = (ran.end != End::Code(0)).then(|| ran.end.to_string());
        let log = RunLog {
            at: self.lock.now(),
            result: failed.clone().unwrap_or_else(|| "success".to_owned()),
            seconds: ran.seconds,
            log: ran.output.clone(),
        };
        self.runs.push((format!("carry/{stage}/{}/{step}", number + 1), log));
        let Some(why) = failed else { return Ok(()) };
        let last = ran.output.lines().rfind(|line| !line.trim().is_empty());
        let why = last.map_or(why.clone(), |line| format!("{why}: {}", shown(line.trim())));
        Err(CarryError::Failed { command, step, stage, why })
    }
}

fn limit(command: &CarriedCommand) -> Duration {
    Duration::from_secs(command.seconds)
}
