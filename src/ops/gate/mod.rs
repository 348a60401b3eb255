//! Gates: checks that the pipeline defines, run on a build, each a vote with its log.
//!
//! A gate runs without the lock of the mirror. Its vote is recorded only if it found an answer and the build is still
//! the one on which it ran (`docs/decisions/0016-gates.md`).

mod check;
mod closure;
mod error;
mod report;
mod same;
mod verdict;

pub use error::GateError;
pub use report::{GateOutcome, GateReport, GateRequest, GateRun, WhichGates};

use crate::commit::required_pipeline;
use crate::decide::pipeline::{Gate, GateCheck, Pipeline};
use crate::mirror::{Commands, Mirror, RunLog, chain};
use crate::model::{Digest, RelPath, Stream, VOTE};
use crate::ops::Mode;
use crate::ops::alias::{LabelActError, Saying, say_under};
use crate::ops::promotion::promotable;
use crate::record::BuildRecord;
use crate::session::Session;
use crate::store::{Guard, StoreError, StoreErrorKind};
use same::Before;
use std::time::Duration;
use verdict::{Found, Verdict};

/// Runs gates on a build, one after the other; a failed gate stops no other.
pub fn gate(session: &Session<'_>, request: &GateRequest, mode: Mode) -> Result<GateReport, GateError> {
    let (mirror, id) = (session.mirror(), &request.id);
    let pipeline = required_pipeline(mirror)?;
    mirror.layout().build_path(id)?;
    let record = record_of(mirror, request)?;
    let mut report = GateReport { id: id.clone(), gates: Vec::new(), promotable: Vec::new() };
    for gate in chosen(&pipeline, &record, request)? {
        let runs = matches!(gate.check, GateCheck::Run(_));
        if runs && mirror.commands() != Commands::Run {
            return Err(GateError::Commands(gate.name.clone()));
        }
        let one = One { session, gate, stages: stages_of(&pipeline, &id.stream, &gate.name), request };
        report.gates.push(match mode {
            Mode::Trial => one.trial(&record),
            Mode::Real => one.run()?,
        });
        session.check_cancelled()?;
    }
    if mode == Mode::Real && report.gates.iter().any(|one| one.outcome == GateOutcome::Success) {
        // The votes count, even if the stages cannot be read.
        report.promotable = promotable(session, id).unwrap_or_else(|error| {
            let why = chain(&error);
            mirror.warnings().add(format!("which stages can move now is not known: {why}"));
            Vec::new()
        });
    }
    Ok(report)
}

/// Returns the record of the build.
fn record_of(mirror: &Mirror, request: &GateRequest) -> Result<BuildRecord, GateError> {
    let id = &request.id;
    if !mirror.has_build(id)? {
        return Err(LabelActError::NoBuild(id.clone()).into());
    }
    mirror.record(id)?.ok_or_else(|| LabelActError::NoRecord(id.clone()).into())
}

/// Returns the requested gates, in their order.
fn chosen<'p>(
    pipeline: &'p Pipeline,
    record: &BuildRecord,
    request: &GateRequest,
) -> Result<Vec<&'p Gate>, GateError> {
    let known = || pipeline.gates.iter().map(|gate| gate.name.clone()).collect();
    match &request.which {
        WhichGates::Named(names) => {
            let mut chosen: Vec<&Gate> = Vec::new();
            for name in names {
                let gate = pipeline.gate(name);
                let gate = gate.ok_or_else(|| GateError::NoGate { gate: name.clone(), known: known() })?;
                if !chosen.iter().any(|other| other.name == gate.name) {
                    chosen.push(gate);
                }
            }
            Ok(chosen)
        }
        WhichGates::AllMissing => {
            let is_required = |gate: &&Gate| !stages_of(pipeline, &request.id.stream, &gate.name).is_empty();
            let has_no_vote = |gate: &&Gate| !record.labels.contains_key(&key(gate));
            Ok(pipeline.gates.iter().filter(is_required).filter(has_no_vote).collect())
        }
    }
}

/// Returns the stages of a stream that require the vote of a gate.
fn stages_of(pipeline: &Pipeline, stream: &Stream, gate: &str) -> Vec<String> {
    let needs = |job: &String| job == gate;
    let stages =
        pipeline.stages_of(stream).filter(|stage| stage.votes.iter().any(|any| any.0.iter().any(needs)));
    stages.map(|stage| stage.name.clone()).collect()
}

fn key(gate: &Gate) -> String {
    format!("{VOTE}{}", gate.name)
}

/// One gate on the build.
struct One<'a> {
    session: &'a Session<'a>,
    gate: &'a Gate,
    stages: Vec<String>,
    request: &'a GateRequest,
}

impl One<'_> {
    fn trial(&self, record: &BuildRecord) -> GateRun {
        let before = record.labels.get(&key(self.gate)).map(|label| label.value.clone());
        GateRun { before, ..GateRun::of(self.gate, GateOutcome::Trial) }
    }

    /// Runs the gate, unless another process runs it on this build, and records its vote.
    fn run(&self) -> Result<GateRun, GateError> {
        let mirror = self.session.mirror();
        let at = self.place();
        let _alone: Guard = match mirror.store().lock(&at, mirror.who(), Duration::ZERO) {
            Err(error) if error.kind() == StoreErrorKind::Busy => {
                let why = format!("it is running already: {}", chain(&error));
                return Ok(GateRun { why: Some(why), ..GateRun::of(self.gate, GateOutcome::Later) });
            }
            lock => lock?,
        };
        let done = self.alone();
        // Removed while locked, so that no lock of another process is removed; the next run reuses a lock that stays.
        mirror.store().remove(&at).ok();
        done
    }

    /// Returns the lock of this gate on this build.
    fn place(&self) -> RelPath {
        let name = format!("{}\n{}", self.request.id, self.gate.name);
        RelPath::state(&format!("gates/{}.lock", Digest::of(name.as_bytes())))
    }

    fn alone(&self) -> Result<GateRun, GateError> {
        let (session, gate) = (self.session, self.gate);
        let record = record_of(session.mirror(), self.request)?;
        let before = Before::of(session.mirror(), record, gate)?;
        let vote = before.record.labels.get(&key(gate)).map(|label| label.value.clone());
        let found = check::check(session, gate, &self.stages, &before.record)?;
        let (outcome, why) = match found.verdict {
            Verdict::Success => (GateOutcome::Success, None),
            Verdict::Failure => (GateOutcome::Failure, None),
            Verdict::Later => (GateOutcome::Later, Some("the gate asks to try again later".to_owned())),
            Verdict::Unknown(ref why) => (GateOutcome::Error, Some(why.clone())),
        };
        let (outcome, why) = match outcome {
            GateOutcome::Success | GateOutcome::Failure => match self.record(&before, &found)? {
                None => (outcome, None),
                why => (GateOutcome::Error, why),
            },
            outcome => (outcome, why),
        };
        let (seconds, log) = (found.seconds, found.log);
        Ok(GateRun { why, before: vote, seconds, log, ..GateRun::of(gate, outcome) })
    }

    /// Records the vote of a gate that found an answer; returns why not if the build has changed.
    fn record(&self, before: &Before, found: &Found) -> Result<Option<String>, GateError> {
        let (session, id) = (self.session, &self.request.id);
        let lock = session.begin()?;
        let mirror = lock.mirror();
        let now = if mirror.has_build(id)? { mirror.record(id)? } else { None };
        let Some(now) = now else { return Ok(Some("the build was removed while the gate ran".to_owned())) };
        if let Some(why) = before.differs(mirror, &now)? {
            return Ok(Some(why));
        }
        let value = if found.verdict == Verdict::Success { "success" } else { "failure" };
        let log = RunLog {
            at: lock.now(),
            result: value.to_owned(),
            seconds: found.seconds,
            log: found.log.clone(),
        };
        lock.keep_logs(&now, vec![(format!("gate/{}", self.gate.name), log)])?;
        let saying = Saying { key: key(self.gate), value: Some(value.to_owned()), url: None, always: true };
        say_under(&lock, &now, saying)?;
        Ok(None)
    }
}

impl From<StoreError> for GateError {
    fn from(error: StoreError) -> Self {
        LabelActError::from(error).into()
    }
}
