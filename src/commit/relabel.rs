//! Writing down what is said of a build that is there already.

use crate::commit::handshake::say;
use crate::mirror::{JournalError, WriteLock};
use crate::model::Stamp;
use crate::record::{BuildRecord, Payload};
use serde_json::{Map, Value};

/// Writes down a record with other labels, of which the journal tells `said`; returns false, and nothing is changed,
/// when another command lets the build go at this moment.
pub(crate) fn relabel(
    lock: &WriteLock<'_>,
    old: &BuildRecord,
    new: &BuildRecord,
    said: Map<String, Value>,
    now: Stamp,
) -> Result<bool, JournalError> {
    let pending = lock.begin(now, &new.id, &Payload::Labelled { labels: said })?;
    let stands = say(lock, &new.id, || lock.renew_record(old, new), || lock.renew_record(new, old))?;
    if stands {
        pending.done(now)?;
    } else {
        pending.undone(now)?;
    }
    Ok(stands)
}
