//! Marking what the trash deletes, under the lock.

use crate::commit::CommitError;
use crate::commit::discard::{is_listed, throw_out};
use crate::mirror::{GOING, Trash, Trashed, WriteLock};
use crate::model::{RelPath, Stamp};
use crate::record::Payload;

/// Clears tickets without a tree: nothing is under way while we hold the lock, so they are left behind.
pub(crate) fn clear(lock: &WriteLock<'_>, trash: &Trash) -> Result<(), CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    let sign = if mirror.by_seal() { "record.json" } else { "tree" };
    for at in &trash.empty {
        // One look that found nothing does not decide.
        if !is_listed(store, at, sign)? {
            throw_out(store, at)?;
        }
    }
    Ok(())
}

/// Tells and marks one.
pub(crate) fn mark_one(lock: &WriteLock<'_>, trashed: &Trashed, now: Stamp) -> Result<RelPath, CommitError> {
    let pending = lock.begin(now, &trashed.ticket.id, &Payload::Swept { trash: trashed.at.clone() })?;
    let going = going(&trashed.at);
    if lock.mirror().by_seal() {
        crate::commit::places::mark(lock, trashed, &going)?;
    } else {
        lock.mirror().store().reveal(&trashed.at, &going)?;
    }
    pending.done(now)?;
    Ok(going)
}

/// Returns where in the trash something lies once it is marked.
pub(crate) fn going(at: &RelPath) -> RelPath {
    RelPath::own(&format!("trash/{}{GOING}", at.name()))
}
