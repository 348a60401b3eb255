//! Ending a retirement before its removal, or after it.

use super::removed::removed;
use super::report::{RetireOutcome, RetireReport, RetiredStream};
use super::state::current;
use super::{RetireError, stub};
use crate::model::Stream;
use crate::ops::Mode;
use crate::record::{Payload, Retirement};
use crate::session::Session;

/// Ends the retirement of streams: they are no longer frozen, and nothing of them is redirected. What is in the trash or the
/// archive stays there.
pub fn cancel(
    session: &Session<'_>,
    streams: &[Stream],
    why: &str,
    mode: Mode,
) -> Result<RetireReport, RetireError> {
    let mirror = session.mirror();
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let known = mirror.retirements()?;
    if let Some(stream) = streams.iter().find(|stream| !known.contains_key(*stream)) {
        return Err(RetireError::NotRetiring(stream.clone()));
    }
    let gone = removed(mirror)?;
    let mut report = RetireReport::default();
    for stream in streams {
        let found: Option<Retirement> = match &lock {
            // A file that cannot be read is what is removed.
            Some(lock) => current(lock, [stream]).ok().and_then(|mut found| found.remove(stream)),
            None => known.get(stream).and_then(|one| one.as_ref().ok().cloned()),
        };
        if let Some(lock) = &lock {
            let pending = lock.begin(lock.now(), stream, &Payload::Unretired { why: why.to_owned() })?;
            stub::remove(lock, stream)?;
            lock.forget_retirement(stream)?;
            pending.done(lock.now())?;
        }
        let mut row = RetiredStream::of(stream.clone(), None);
        let away = gone.iter().filter(|id| id.stream == *stream).count();
        let back = match found.and_then(|one| one.archive) {
            _ if away == 0 => "nothing of it was removed".to_owned(),
            Some(archive) => format!(
                "of its builds {away} were removed; `mirrorkeep restore ID` restores one within its term, and `mirrorkeep copy {} MIRROR \
                 {stream}` brings all back",
                archive.address
            ),
            None => format!(
                "of its builds {away} were removed; `mirrorkeep restore ID` restores one within its term"
            ),
        };
        row.ends(RetireOutcome::Cancelled, back);
        report.streams.push(row);
    }
    Ok(report)
}
