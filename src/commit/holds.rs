//! Writing the holds of a build, with their event.

use crate::commit::CommitError;
use crate::commit::handshake::say;
use crate::mirror::WriteLock;
use crate::model::{BuildId, Stamp};
use crate::record::{EventKind, Hold, Payload};

/// Writes the holds of a build, with the event.
pub(crate) fn write(
    lock: &WriteLock<'_>,
    id: &BuildId,
    what: EventKind,
    holds: &[Hold],
    now: Stamp,
) -> Result<(), CommitError> {
    // What is written here becomes what the journal states: a hold whose file was lost must not be lost there too.
    lock.mirror().refuse_lost_holds(Some(id), now)?;
    let (before, there) = (lock.mirror().holds_of(id)?, lock.mirror().has_build(id)?);
    let payload = match what {
        EventKind::Unheld => Payload::Unheld { holds: holds.to_vec() },
        _ => Payload::Held { holds: holds.to_vec() },
    };
    let pending = lock.begin(now, id, &payload)?;
    let keep = || lock.keep_holds(id, holds.to_vec());
    // A build in the trash is restored when it is held.
    if !there || what != EventKind::Held {
        keep()?;
    } else if !say(lock, id, keep, || lock.keep_holds(id, before))? {
        pending.undone(now)?;
        return Err(CommitError::Going(id.clone()));
    }
    pending.done(now)?;
    Ok(())
}
