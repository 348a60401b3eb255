//! Requests by hand: events of the journal, so that any user who may write to the mirror can make them, and none is
//! lost.

use super::report::RequestReport;
use super::{DueError, is_stream, lock_of};
use crate::decide::due::{Request, Runs, TELLING};
use crate::mirror::{JournalError, Mirror};
use crate::model::Stream;
use crate::ops::Mode;
use crate::record::Payload;
use crate::session::Session;

/// Requests a build of a stream.
pub fn request(
    session: &Session<'_>,
    stream: &Stream,
    why: &str,
    mode: Mode,
) -> Result<RequestReport, DueError> {
    note(session, stream, mode, |_| {
        // Under the lock of the mirror, which a run takes to note its start. Where it cannot be found out, a run may be going on.
        let idle = session.mirror().store().is_held(&lock_of(stream)).is_ok_and(|held| !held);
        Some(Payload::Requested { why: why.to_owned(), idle })
    })
}

/// Removes every open request of a stream.
pub fn unrequest(session: &Session<'_>, stream: &Stream, mode: Mode) -> Result<RequestReport, DueError> {
    note(session, stream, mode, |open| (!open.is_empty()).then_some(Payload::Unrequested {}))
}

fn note(
    session: &Session<'_>,
    stream: &Stream,
    mode: Mode,
    what: impl Fn(&[Request]) -> Option<Payload>,
) -> Result<RequestReport, DueError> {
    let mirror = session.mirror();
    is_stream(mirror, stream)?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let payload = what(&open(mirror, stream)?);
    let changed = payload.is_some();
    if let (Some(lock), Some(payload)) = (&lock, payload) {
        lock.note(lock.now(), stream, &payload)?;
    }
    Ok(RequestReport { stream: stream.clone(), open: open(mirror, stream)?, changed })
}

fn open(mirror: &Mirror, stream: &Stream) -> Result<Vec<Request>, JournalError> {
    Ok(Runs::of(&mirror.history(&TELLING)?, stream).open)
}
