//! Marking what the trash deletes, under the lock.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::commit::discard::{going, is_listed};
use crate::mirror::{Trash, Trashed, WriteLock};
use crate::model::{RelPath, Stamp};
use crate::record::Payload;

/// Clears tickets without a tree: nothing is under way while we hold the lock, so they are left behind.
pub(crate) fn clear(lock: &WriteLock<'_>, trash: &Trash) -> Result<(), CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    for at in &trash.empty {
        // One look that found nothing does not decide.
        if !is_listed(store, at, mirror.trash_sign())? {
            protocol(mirror).delete_trash_entry(mirror, at)?;
        }
    }
    Ok(())
}

/// Records and marks one directory of the trash; `why` is the reason of a person who deletes it.
pub(crate) fn mark_one(
    lock: &WriteLock<'_>,
    trashed: &Trashed,
    why: Option<&str>,
    now: Stamp,
) -> Result<RelPath, CommitError> {
    let payload = Payload::Swept { trash: trashed.at.clone(), why: why.map(str::to_owned) };
    let pending = lock.begin(now, &trashed.ticket.id, &payload)?;
    let going = going(&trashed.at);
    protocol(lock.mirror()).mark_swept(lock, trashed, &going)?;
    pending.done(now)?;
    Ok(going)
}
