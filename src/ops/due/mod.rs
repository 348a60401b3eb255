//! Whether a build of a stream is due, and starting it once.
//!
//! Only events are stored: requests, started runs, what they found and how they ended. A run holds a lock of its own
//! for the stream, never that of the mirror (`docs/decisions/0020-due.md`).

mod ask;
mod error;
mod git;
mod report;
mod request;
mod run;

pub use error::DueError;
pub use report::{ChangedFile, DueOutcome, DueReport, DueRequest, RequestReport, RunReport};
pub use request::{request, unrequest};

use crate::mirror::Mirror;
use crate::model::{Digest, RelPath, Stream};
use crate::ops::Mode;
use crate::session::Session;
use ask::Known;

/// Finds out whether a build is due, and starts it if the request has a command and the mode is real.
pub fn due(session: &Session<'_>, request: &DueRequest, mode: Mode) -> Result<DueReport, DueError> {
    let mirror = session.mirror();
    is_stream(mirror, &request.stream)?;
    if let (Some(words), Mode::Real) = (&request.run, mode) {
        return run::start(session, request, words);
    }
    let is_held = mirror.store().is_held(&lock_of(&request.stream))?;
    let known = Known::read(mirror, &request.stream)?;
    if is_held {
        return Ok(DueReport::running(&request.stream, None, known.runs.interrupted));
    }
    Ok(DueReport::asked(&request.stream, ask::all(session, request, &known)?.answers))
}

/// Fails if the layout has no such stream.
fn is_stream(mirror: &Mirror, stream: &Stream) -> Result<(), DueError> {
    mirror.layout().stream_path(stream)?;
    Ok(())
}

/// Returns the lock of the run of a stream.
fn lock_of(stream: &Stream) -> RelPath {
    RelPath::state(&format!("due/{}.lock", Digest::of(stream.as_str().as_bytes())))
}
