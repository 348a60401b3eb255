//! Restoring a build, or parts of one, from the trash: the same tree is moved back to its path.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::mirror::{Mirror, Trashed, WriteLock};
use crate::model::BuildId;
use crate::record::Payload;
use crate::store::Entry;

/// How long a restored build is held, in seconds.
pub(crate) const RESTORE_TERM: i64 = 14 * 86_400;

/// Returns the trash entries of a build: the whole build before parts of it, the newest before older ones.
pub(crate) fn find(mirror: &Mirror, id: &BuildId) -> Result<Option<Trashed>, CommitError> {
    Ok(mirror.in_trash(id)?)
}

/// Moves a tree back to its path; the intent comes first, so that an interrupted move is finished.
pub(crate) fn bring_back(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let protocol = protocol(lock.mirror());
    protocol.may_untrash(lock.mirror(), trashed)?;
    let trashed = &known_again(lock, trashed)?;
    let (ticket, trash) = (&trashed.ticket, trashed.at.clone());
    let kind = Some(ticket.what.to_string());
    let payload = Payload::Restored { trash: trash.clone(), inode: Some(ticket.inode), kind };
    let done = Payload::Restored { trash, inode: None, kind: None };
    let pending = lock.begin(lock.now(), &ticket.id, &payload)?;
    protocol.untrash(lock, trashed)?;
    protocol.end_untrash(lock, trashed, Box::new(|| pending.done_as(lock.now(), &done)))
}

/// Records again what distinguishes the tree from others, in case the mirror was moved to another disk.
fn known_again(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<Trashed, CommitError> {
    let store = lock.mirror().store();
    let mut trashed = trashed.clone();
    let (there, back) = (store.look(&trashed.tree())?, store.look(&trashed.ticket.path)?);
    let known = |entry: &Entry| entry.inode.1 == trashed.ticket.inode.1;
    if let Some(entry) = there.as_ref().filter(|entry| !known(entry))
        && !back.as_ref().is_some_and(known)
    {
        trashed.ticket.inode = entry.inode;
        lock.keep_ticket(&trashed)?;
    }
    Ok(trashed)
}
