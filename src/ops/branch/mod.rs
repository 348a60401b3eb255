//! Beginning new streams after the pattern of old ones: settings are checked, a build of each old stream is published in its
//! counterpart, names and stages are set, and an event records that the stream exists.
//!
//! All of it is done, or nothing: a step that fails undoes those before it. Interrupted or killed anywhere, the same command
//! goes on. Steps and attacks are in `docs/decisions/0026-branching.md`.

mod error;
mod lacks;
mod plan;
mod report;
mod request;
mod run;
mod undo;
mod why;

pub use error::BranchError;
pub use report::{BranchOutcome, BranchReport, BranchedStream};
pub use request::BranchRequest;

use crate::model::{Classify, ErrorKind};
use crate::ops::Mode;
use crate::ops::copy::on_threads;
use crate::session::Session;
use run::BranchRun;

/// Begins streams; if the settings lack something for them, or in a dry run, nothing is changed.
pub fn branch(
    session: &Session<'_>,
    request: &BranchRequest,
    mode: Mode,
) -> Result<BranchReport, BranchError> {
    let mirror = session.mirror();
    on_threads(mirror, mirror, || begin(session, request, mode))
}

fn begin(session: &Session<'_>, request: &BranchRequest, mode: Mode) -> Result<BranchReport, BranchError> {
    let plan = plan::plan(session, request)?;
    let mut report = plan.report(mode);
    if !plan.lacks.is_empty() {
        return Ok(report);
    }
    let run = BranchRun { session, request, plan: &plan };
    let done = match mode {
        Mode::Trial => return run.tried(report),
        Mode::Real => run.carry_out(&mut report),
    };
    match done {
        Ok(()) => Ok(report),
        // As after a kill, the same command goes on.
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
        Err(error) => Err(run.undo(error)),
    }
}
