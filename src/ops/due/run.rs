//! Starting a build that is due, under a lock of its own.
//!
//! The order: the lock, recovery, the questions, the event `run.started`, the command, the event `run.ended`. If
//! mirrorkeep is killed before the command ended, the start does not count unless a build was published; if the lock
//! is that of a file, it is held while the command lives.

use super::ask::{self, Known, seen};
use super::report::{DueOutcome, DueReport, DueRequest, RunReport};
use super::{DueError, lock_of};
use crate::commit::commands::environment;
use crate::exec::{self, End, Job};
use crate::mirror::chain;
use crate::model::{Classify, ErrorKind, Stamp};
use crate::progress::Interrupted;
use crate::record::{Payload, RunOutcome};
use crate::session::Session;
use crate::store::{Guard, StoreErrorKind};
use std::time::{Duration, Instant};

/// How long to wait for the lock of the mirror when a run ended, and the pause between two attempts.
const PATIENCE: Duration = Duration::from_hours(1);
const PAUSE: Duration = Duration::from_millis(200);

/// Starts a build if one is due and no other process does.
pub(super) fn start(
    session: &Session<'_>,
    request: &DueRequest,
    words: &[String],
) -> Result<DueReport, DueError> {
    let mirror = session.mirror();
    let at = lock_of(&request.stream);
    let alone: Guard = match mirror.store().lock(&at, mirror.who(), Duration::ZERO) {
        Err(error) if error.kind() == StoreErrorKind::Busy => {
            let since = Known::read(mirror, &request.stream)?.runs.interrupted;
            return Ok(DueReport::running(&request.stream, Some(chain(&error)), since));
        }
        lock => lock?,
    };
    let done = under(session, request, words, &alone);
    // Removed while locked, so that no lock of another process is removed; the next run reuses a lock that stays. A
    // lease may belong to another process by now.
    if alone.file().is_some() {
        mirror.store().remove(&at).ok();
    }
    done
}

fn under(
    session: &Session<'_>,
    request: &DueRequest,
    words: &[String],
    alone: &Guard,
) -> Result<DueReport, DueError> {
    let (mirror, stream) = (session.mirror(), &request.stream);
    // A build that an interrupted publish left may be the one that is due.
    drop(session.begin()?);
    let known = Known::read(mirror, stream)?;
    let asked = ask::all(session, request, &known)?;
    let mut report = DueReport::asked(stream, asked.answers.clone());
    if report.outcome != DueOutcome::Due {
        return Ok(report);
    }
    session.check_cancelled()?;
    let requests = known.runs.open.iter().map(|request| request.seq).collect();
    let reasons = report.answers.iter().filter_map(crate::decide::due::Answer::reason).collect();
    let limit = i64::try_from(request.run_limit.as_secs()).unwrap_or(i64::MAX);
    let until = session.now().checked_add(limit).unwrap_or(Stamp::MAX);
    let seen = seen(&report.answers);
    let run = note(session, request, &Payload::Started { reasons, seen, requests, until })?;
    let mut env = environment(mirror, None);
    env.retain(|(key, _)| *key == "MIRRORKEEP_MIRROR");
    env.push(("MIRRORKEEP_STREAM", stream.to_string()));
    let lock = alone.file();
    let job = Job { words, env: &env, without: &[], input: b"", limit: request.run_limit, lock };
    let (outcome, code, why, seconds) = match exec::pass(&job, session.stop()) {
        Ok(ran) => {
            let (outcome, code) = match ran.end {
                End::Code(0) => (RunOutcome::Success, Some(0)),
                End::Code(code) => (RunOutcome::Failure, Some(code)),
                End::Signal(_) | End::TimeLimit(_) => (RunOutcome::Failure, None),
                End::Stopped => (RunOutcome::Stopped, None),
            };
            (outcome, code, ran.end.to_string(), ran.seconds)
        }
        Err(error) => (RunOutcome::NotStarted, None, chain(&error), 0),
    };
    // Without it, any build that comes later counts as another.
    let newest = Known::read(mirror, stream).ok();
    let built = newest.map(|known| ask::built(&known, &asked, &request.changed)).unwrap_or_default();
    let unrecorded = note_end(session, request, &Payload::Ended { run, outcome, code, built }, outcome);
    if outcome == RunOutcome::Stopped {
        return Err(Interrupted.into());
    }
    let succeeded = outcome == RunOutcome::Success;
    report.outcome = if succeeded { DueOutcome::Succeeded } else { DueOutcome::Failed };
    report.run = Some(RunReport { run, outcome, code, why, seconds, unrecorded });
    Ok(report)
}

fn note(session: &Session<'_>, request: &DueRequest, payload: &Payload) -> Result<u64, DueError> {
    let lock = session.begin()?;
    Ok(lock.note(lock.now(), &request.stream, payload)?)
}

/// Records how a run ended, waiting longer than other commands for the lock: hours may have gone into it. Returns why
/// it could not be recorded, so that the caller learns how the run ended all the same.
fn note_end(
    session: &Session<'_>,
    request: &DueRequest,
    payload: &Payload,
    outcome: RunOutcome,
) -> Option<String> {
    let began = Instant::now();
    let patience = if outcome == RunOutcome::Stopped { Duration::ZERO } else { PATIENCE };
    loop {
        match note(session, request, payload) {
            Ok(_) => return None,
            Err(error) if error.kind() != ErrorKind::Busy || began.elapsed() >= patience => {
                return Some(chain(&error));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}
