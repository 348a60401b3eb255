//! What each kind of gate does, and what its exit means.

use super::closure;
use super::error::GateError;
use super::verdict::{Found, Verdict};
use crate::commit::commands::{WITHOUT, described, environment};
use crate::decide::pipeline::{Gate, GateCheck};
use crate::exec::{self, End, Job};
use crate::mirror::chain;
use crate::ops::ActError;
use crate::ops::verify::{By, FaultKind, VerifyOptions, VerifyReport, Which, signatures, verify};
use crate::record::BuildRecord;
use crate::session::Session;
use crate::sign::Keys;
use indicatif::HumanBytes;
use serde_json::json;
use std::time::Instant;

/// The exit code by which a command requests another run later: `EX_TEMPFAIL` of sysexits.h.
const TRY_AGAIN: i32 = 75;

/// The number of faults that a log names.
const NAMED: usize = 500;

/// Runs a gate on a build.
pub(super) fn check(
    session: &Session<'_>,
    gate: &Gate,
    stages: &[String],
    record: &BuildRecord,
) -> Result<Found, GateError> {
    let mirror = session.mirror();
    let began = Instant::now();
    let (verdict, log) = match &gate.check {
        GateCheck::Run(words) => {
            let mut env = environment(mirror, Some(&record.id));
            env.push(("MIRRORKEEP_GATE", gate.name.clone()));
            env.push(("MIRRORKEEP_STAGE", stages.join(" ")));
            let input = json!({"gate": gate.name, "stages": stages, "build": described(mirror, record)});
            let input = serde_json::to_vec(&input).unwrap_or_default();
            let job =
                Job { words, env: &env, without: &WITHOUT, input: &input, limit: gate.limit, lock: None };
            ran(session, &job)?
        }
        GateCheck::Verify => {
            let which = Which::Builds(vec![record.id.clone()]);
            match verify(session, &VerifyOptions { which, by: By::Bytes, keys: Keys::none() }) {
                Ok(report) if report.interrupted => return Err(crate::progress::Interrupted.into()),
                Ok(report) => judged(&report),
                Err(error) => unknown(&error),
            }
        }
        GateCheck::Signature { keyrings, minisign } => match Keys::open(keyrings, minisign) {
            Ok(keys) => judged(&signatures(mirror, &keys, record)),
            Err(error) => (Verdict::Unknown(chain(&error)), String::new()),
        },
        GateCheck::Closure(closure) => closure::check(session, closure, gate.limit, record)?,
    };
    Ok(Found { verdict, seconds: began.elapsed().as_secs(), log })
}

/// Runs the command of a gate.
fn ran(session: &Session<'_>, job: &Job<'_>) -> Result<(Verdict, String), GateError> {
    let ran = match exec::run(job, session.stop()) {
        Ok(ran) => ran,
        Err(error) => return Ok((Verdict::Unknown(chain(&error)), String::new())),
    };
    let verdict = match ran.end {
        End::Code(0) => Verdict::Success,
        End::Code(1) => Verdict::Failure,
        End::Code(TRY_AGAIN) => Verdict::Later,
        End::Stopped => return Err(crate::progress::Interrupted.into()),
        end => Verdict::Unknown(end.to_string()),
    };
    Ok((verdict, ran.output))
}

/// Returns the result for these faults: what cannot be read may be sound.
fn judged(report: &VerifyReport) -> (Verdict, String) {
    let mut lines: Vec<String> = report
        .faults
        .iter()
        .take(NAMED)
        .map(|fault| format!("{}: {}: {}", fault.path, fault.what, fault.why))
        .collect();
    if let Some(more) = report.faults.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("and {more} more"));
    }
    lines.extend(report.unlisted.iter().map(|id| format!("{id}: no checksums are recorded")));
    let unreadable = report.faults.iter().filter(|fault| fault.what == FaultKind::Unreadable).count();
    let verdict = if report.faults.len() > unreadable || !report.unlisted.is_empty() {
        Verdict::Failure
    } else if unreadable > 0 {
        Verdict::Unknown(format!("{unreadable} of its files cannot be read"))
    } else {
        Verdict::Success
    };
    if report.files > 0 {
        lines.push(format!("read {} files, {}", report.files, HumanBytes(report.bytes)));
    }
    (verdict, lines.iter().map(|line| format!("{line}\n")).collect())
}

fn unknown(error: &ActError) -> (Verdict, String) {
    (Verdict::Unknown(chain(error)), String::new())
}
