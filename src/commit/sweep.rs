//! Marking what the trash deletes, under the lock.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::commit::discard::{going, is_listed};
use crate::mirror::{Fact, Trash, Trashed, WriteLock};
use crate::model::{RelPath, Stamp};
use crate::record::EventKind;

/// Clears tickets without a tree: nothing is under way while we hold the lock, so they are left behind.
pub(crate) fn clear(lock: &WriteLock<'_>, trash: &Trash) -> Result<(), CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    for at in &trash.empty {
        // One look that found nothing does not decide.
        if !is_listed(store, at, mirror.trash_sign())? {
            protocol(mirror).throw_out(mirror, at)?;
        }
    }
    Ok(())
}

/// Tells and marks one.
pub(crate) fn mark_one(lock: &WriteLock<'_>, trashed: &Trashed, now: Stamp) -> Result<RelPath, CommitError> {
    let fact = Fact::new(EventKind::Swept, &trashed.ticket.id).with("trash", trashed.at.as_str());
    let intent = lock.intend(now, fact.clone())?;
    let going = going(&trashed.at);
    protocol(lock.mirror()).mark_swept(lock, trashed, &going)?;
    lock.tell(now, fact, Some(intent))?;
    Ok(going)
}
