//! Commands that a stage carries: run under the lock, in their order, and undone in reverse.
//!
//! A command inherits the lock of a directory mirror, so that no other mirrorkeep command runs beside it if this
//! process is killed. What they can rely on, and what they must guarantee, is in `docs/decisions/0016-gates.md`.

use crate::commit::commands::{WITHOUT, described, environment};
use crate::decide::pipeline::Stage;
use crate::exec::{self, End, ExecError, Job};
use crate::mirror::{Commands, Mirror, RunLog, StateError, WriteLock, chain};
use crate::model::registry::Image;
use crate::model::{BuildId, Class, Classify, Digest, ErrorKind, shown};
use crate::progress::CancelToken;
use crate::record::{BuildRecord, CarriedCommand, Promotion};
use crate::registry::RegistryError;
use serde_json::json;
use std::time::Duration;

/// Why a carried command failed.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// Commands of this mirror are not run.
    #[error(
        "the stage `{0}` runs commands or moves tags of images, and the pipeline of a bucket runs none by itself; set MIRRORKEEP_RUN_COMMANDS=1 if \
         you trust everyone who can write to the bucket"
    )]
    Refused(String),
    /// It could not be run.
    #[error("`{command}` ({step} of {stage}) was not run")]
    NotRun {
        /// The command.
        command: String,
        /// Its step.
        step: &'static str,
        /// The stage.
        stage: String,
        /// Why not.
        source: ExecError,
    },
    /// It failed.
    #[error("`{command}` ({step} of {stage}) failed: {why}")]
    Failed {
        /// The command.
        command: String,
        /// Its step.
        step: &'static str,
        /// The stage.
        stage: String,
        /// How it ended, and the last line of its output.
        why: String,
    },
    /// A registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A fixed tag of one build has another digest.
    #[error("the tag `{image}` has sha256:{is} already, which is another image than sha256:{digest}")]
    Taken {
        /// The image with its tag.
        image: Box<Image>,
        /// The present digest.
        is: Digest,
        /// The digest of the image of the build.
        digest: Digest,
    },
    /// A fixed tag of a build has the image of a withdrawn build of its name.
    #[error("the tag `{image}` has sha256:{is}, which is an image of a build that was withdrawn")]
    Withdrawn {
        /// The image with its tag.
        image: Box<Image>,
        /// Its digest.
        is: Digest,
    },
    /// After the move the tag has another digest.
    #[error("the tag `{image}` does not have sha256:{to}, to which it was moved")]
    TagNotThere {
        /// The image with its tag.
        image: Box<Image>,
        /// The digest that it was set to.
        to: Digest,
    },
    /// A repository cannot be read completely.
    #[error("`{repository}`: {why}")]
    Repository {
        /// The repository, or an image in it.
        repository: String,
        /// Why not.
        why: String,
    },
    /// The record of the build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
}

impl CarryError {
    /// Returns whether a registry failed, or has an unexpected digest.
    pub fn is_of_registry(&self) -> bool {
        matches!(
            self,
            Self::Registry(_)
                | Self::Taken { .. }
                | Self::Withdrawn { .. }
                | Self::TagNotThere { .. }
                | Self::Repository { .. }
        )
    }
}

impl Classify for CarryError {
    fn class(&self) -> Class {
        match self {
            Self::Refused(_) => ErrorKind::Refused.into(),
            Self::NotRun { .. }
            | Self::Failed { .. }
            | Self::Repository { .. }
            | Self::TagNotThere { .. } => ErrorKind::Failed.into(),
            Self::Taken { image, .. } | Self::Withdrawn { image, .. } => ErrorKind::Failed.hint(format!(
                "delete `{image}` in its registry if nothing else needs that image, or publish the build under another ID"
            )),
            Self::Registry(error) => error.class(),
            Self::Kept(error) => error.class(),
        }
    }
}

/// Fails for a stage with commands if commands are not run, before anything is begun that could not be undone.
pub(crate) fn may_carry(mirror: &Mirror, stage: &Stage) -> Result<(), CarryError> {
    if stage.commands.is_empty() && stage.images.is_empty() || mirror.commands() != Commands::Refuse {
        return Ok(());
    }
    Err(CarryError::Refused(stage.name.clone()))
}

/// The running commands of a promotion or demotion; for a set, those of each of its members.
pub(crate) struct Carrying<'a> {
    lock: &'a WriteLock<'a>,
    stop: &'a CancelToken,
    parts: Vec<Part<'a>>,
}

/// The stage of one stream with its commands.
struct Part<'a> {
    promotion: &'a Promotion,
    /// The build that is passed to the commands: the one that gets the stage, or else the one that loses it.
    record: Option<BuildRecord>,
    runs: Vec<(String, RunLog)>,
}

impl<'a> Carrying<'a> {
    pub(crate) fn of(
        lock: &'a WriteLock<'a>,
        promotion: &'a Promotion,
        stop: &'a CancelToken,
    ) -> Result<Self, CarryError> {
        let part = |promotion: &'a Promotion| {
            let id = promotion.build.as_ref().or(promotion.before.as_ref());
            let record = match id {
                Some(id) if !promotion.commands.is_empty() => lock.mirror().record(id)?,
                _ => None,
            };
            Ok(Part { promotion, record, runs: Vec::new() })
        };
        let parts = promotion.parts().iter().map(part).collect::<Result<_, StateError>>()?;
        Ok(Self { lock, stop, parts })
    }

    /// Returns the number of entries.
    pub(crate) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.promotion.commands.len()).sum()
    }

    /// Runs every `verify`, to see whether the rest can succeed, and then every `prepare`.
    pub(crate) fn make_ready(&mut self) -> Result<(), CarryError> {
        for (part, number, one) in self.entries() {
            self.run((part, number, "verify"), &one.verify, one)?;
        }
        for (part, number, one) in self.entries() {
            self.run((part, number, "prepare"), &one.prepare, one)?;
        }
        Ok(())
    }

    /// Runs every `apply`; returns how many were started, even if one failed.
    pub(crate) fn apply(&mut self) -> Result<usize, (usize, CarryError)> {
        let entries = self.entries();
        let all = entries.len();
        for (index, (part, number, one)) in entries.into_iter().enumerate() {
            self.run((part, number, "apply"), &one.apply, one).map_err(|error| (index + 1, error))?;
        }
        Ok(all)
    }

    /// Runs `undo` of the first entries, in reverse, except those of parts that another command moved in the
    /// meantime.
    pub(crate) fn undo(&mut self, begun: usize, own: &[bool]) -> Result<(), CarryError> {
        for (part, number, one) in self.entries().into_iter().take(begun).rev() {
            if own.get(part) == Some(&true) {
                self.run((part, number, "undo"), &one.undo, one)?;
            }
        }
        Ok(())
    }

    /// Moves the carried commands back to an earlier build, or undoes them if there is none, except for parts that
    /// another command moved in the meantime; returns every failure.
    pub(crate) fn demote(&mut self, own: &[bool]) -> Vec<CarryError> {
        let mut failures = Vec::new();
        let mut entries = self.entries();
        entries.retain(|(part, ..)| own.get(*part) == Some(&true));
        let back = |(part, ..): &(usize, usize, &CarriedCommand)| {
            self.parts.get(*part).is_some_and(|part| part.promotion.build.is_some())
        };
        let (again, undone): (Vec<_>, Vec<_>) = entries.into_iter().partition(back);
        for (part, number, one) in undone.into_iter().rev() {
            failures.extend(self.run((part, number, "undo"), &one.undo, one).err());
        }
        for (part, number, one) in again {
            let ready = self.run((part, number, "prepare"), &one.prepare, one);
            let done = ready.and_then(|()| self.run((part, number, "apply"), &one.apply, one));
            failures.extend(done.err());
        }
        failures
    }

    /// Stores the output of the commands with the builds.
    pub(crate) fn keep(&mut self) {
        let mirror = self.lock.mirror();
        for part in &mut self.parts {
            let Some(record) = &part.record else { continue };
            let runs = std::mem::take(&mut part.runs);
            if let Err(error) = self.lock.keep_logs(record, runs) {
                let why = chain(&error);
                mirror.warnings().add(format!("the logs of `{}` could not be kept: {why}", record.id));
            }
        }
    }

    /// Returns every entry with the number of its part and its number there.
    fn entries(&self) -> Vec<(usize, usize, &'a CarriedCommand)> {
        let of_part = |(part, one): (usize, &Part<'a>)| {
            let commands = one.promotion.commands.iter().enumerate();
            commands.map(move |(number, one)| (part, number, one)).collect::<Vec<_>>()
        };
        self.parts.iter().enumerate().flat_map(of_part).collect()
    }

    fn run(
        &mut self,
        (part, number, step): (usize, usize, &'static str),
        words: &[String],
        entry: &CarriedCommand,
    ) -> Result<(), CarryError> {
        let mirror = self.lock.mirror();
        let Some(part) = self.parts.get_mut(part).filter(|_| !words.is_empty()) else { return Ok(()) };
        let promotion = part.promotion;
        let (command, stage) = (exec::shown(words), promotion.name.clone());
        match mirror.commands() {
            Commands::Run => {}
            Commands::Refuse => return Err(CarryError::Refused(stage)),
            Commands::Skip => {
                mirror.warnings().add(format!("`{command}` ({step} of {stage}) was not run"));
                return Ok(());
            }
        }
        let told = promotion.build.as_ref().or(promotion.before.as_ref());
        let before = promotion.before.as_ref().filter(|_| promotion.build.is_some());
        let mut env = environment(mirror, told);
        env.push(("MIRRORKEEP_STAGE", stage.clone()));
        env.push(("MIRRORKEEP_STEP", step.to_owned()));
        env.push(("MIRRORKEEP_BEFORE", before.map(BuildId::to_string).unwrap_or_default()));
        let build = part.record.as_ref().map(|record| described(mirror, record));
        let input = json!({"stage": stage, "step": step, "before": before, "build": build});
        let input = serde_json::to_vec(&input).unwrap_or_default();
        // What was begun is undone, even if the command is cancelled.
        let never = CancelToken::new();
        let stop = if step == "undo" { &never } else { self.stop };
        let (limit, lock) = (Duration::from_secs(entry.seconds), self.lock.inherited());
        let job = Job { words, env: &env, without: &WITHOUT, input: &input, limit, lock };
        let ran = match exec::run(&job, stop) {
            Err(source) => return Err(CarryError::NotRun { command, step, stage, source }),
            Ok(ran) => ran,
        };
        let failed = (ran.end != End::Code(0)).then(|| ran.end.to_string());
        let result = failed.clone().unwrap_or_else(|| "success".to_owned());
        let last = ran.output.lines().rfind(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(": {}", shown(line.trim()))).unwrap_or_default();
        let (at, seconds, log) = (self.lock.now(), ran.seconds, ran.output);
        let name = format!("carry/{stage}/{}/{step}", number + 1);
        part.runs.push((name, RunLog { at, result, seconds, log }));
        match failed {
            Some(why) => Err(CarryError::Failed { command, step, stage, why: why + &last }),
            None => Ok(()),
        }
    }
}
