//! Writing the labels of an existing build, and that a publish found nothing changed.

use crate::commit::handshake::say;
use crate::mirror::{JournalError, WriteLock};
use crate::model::{CLOCK_SKEW, Digest, Stamp};
use crate::record::{BuildRecord, Payload};
use serde_json::{Map, Value};

/// Writes a record with other labels, with `said` in the journal; returns false and changes nothing if another
/// command is deleting the build right now.
pub(crate) fn relabel(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    new: &BuildRecord,
    said: Map<String, Value>,
    now: Stamp,
) -> Result<bool, JournalError> {
    renew(lock, old, new, &Payload::Labelled { labels: said }, now)
}

/// Records that a publish found nothing changed since a build; returns its record, or nothing, with nothing changed,
/// if another command is deleting the build right now.
///
/// A clock that was set back confirms no build for an earlier time than before.
pub(crate) fn confirm(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    (inputs, read_at): (Digest, Stamp),
) -> Result<Option<BuildRecord>, JournalError> {
    let now = lock.now();
    // A time in the future is from a wrong clock.
    let before = old.confirmed_at.filter(|before| before.since(now) <= CLOCK_SKEW);
    let confirmed_at = before.map_or(now, |before| before.max(now));
    let new = BuildRecord { confirmed_at: Some(confirmed_at), ..old.clone() };
    let stands = renew(lock, old, &new, &Payload::Confirmed { confirmed_at, inputs, read_at }, now)?;
    Ok(stands.then_some(new))
}

/// Replaces a record, with an event that states it.
fn renew(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    new: &BuildRecord,
    stated: &Payload,
    now: Stamp,
) -> Result<bool, JournalError> {
    let pending = lock.begin(now, &new.id, stated)?;
    let stands = say(lock, &new.id, || lock.renew_record(old, new), || lock.renew_record(new, old))?;
    if stands {
        pending.done(now)?;
    } else {
        pending.undone(now)?;
    }
    Ok(stands)
}
