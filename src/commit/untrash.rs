//! Bringing a build, or parts of one, back from the trash: the same tree is moved to its place again.

use crate::commit::discard::throw_out;
use crate::commit::{CommitError, apart};
use crate::mirror::{KeptError, Mirror, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::record::{BuildRecord, Payload};
use crate::store::{Entry, Put, Store, StoreError, StoreErrorKind};

/// How long a restored build is held, in seconds.
pub(crate) const RESTORE_TERM: i64 = 14 * 86_400;

/// Returns what lies in the trash of a build: the whole of it before parts of it, the newest before older ones.
pub(crate) fn find(mirror: &Mirror, id: &BuildId) -> Result<Option<Trashed>, CommitError> {
    let waiting = mirror.trash()?.waiting.into_iter().filter(|trashed| trashed.ticket.id == *id);
    let rank = |trashed: &Trashed| (trashed.ticket.what == TicketKind::Build, trashed.ticket.since);
    Ok(waiting.max_by_key(rank))
}

/// Moves a tree back to its place; the intent comes first, so that an interrupted move is finished.
pub(crate) fn bring_back(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    if lock.mirror().by_seal() && trashed.ticket.what == TicketKind::Untrimmed {
        apart::is_whole(lock.mirror(), trashed)?;
    }
    let trashed = &known_again(lock, trashed)?;
    let (ticket, trash) = (&trashed.ticket, trashed.at.clone());
    let kind = Some(ticket.what.to_string());
    let payload = Payload::Restored { trash: trash.clone(), inode: Some(ticket.inode), kind };
    let done = Payload::Restored { trash, inode: None, kind: None };
    let pending = lock.begin(lock.now(), &ticket.id, &payload)?;
    put_back(lock, trashed)?;
    let discard = || throw_out(lock.mirror().store(), &trashed.at);
    if lock.mirror().by_seal() {
        // Before it is told: a ticket that stayed would speak of a build that is there.
        discard()?;
        pending.done_as(lock.now(), &done)?;
    } else {
        pending.done_as(lock.now(), &done)?;
        discard()?;
    }
    Ok(())
}

/// Writes down anew what tells the tree from others, should the mirror have been moved to another disk since.
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

/// Moves record, manifest and tree back; doing it again finishes what was cut off.
pub(crate) fn put_back(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let store = lock.mirror().store();
    if lock.mirror().by_seal() && trashed.ticket.what == TicketKind::Untrimmed {
        return apart::put_back(lock, trashed);
    }
    if lock.mirror().by_seal() {
        return lock.take_back(trashed).map_err(|error| match error.kind() {
            StoreErrorKind::AlreadyExists => {
                CommitError::Occupied { id: trashed.ticket.id.clone(), path: trashed.ticket.path.clone() }
            }
            _ => error.into(),
        });
    }
    if trashed.ticket.what == TicketKind::Untrimmed {
        keep_labels(lock, trashed)?;
    }
    lock.file_back(trashed)?;
    let tree = trashed.tree();
    if store.look(&tree)?.is_none() {
        return Ok(());
    }
    let path = &trashed.ticket.path;
    if store.look(path)?.is_some_and(|entry| entry.inode.1 == trashed.ticket.inode.1) {
        return Ok(());
    }
    let moved = match trashed.ticket.what {
        TicketKind::Build => store.reveal(&tree, path),
        TicketKind::Untrimmed => swap(store, path, &tree, trashed.ticket.inode),
    };
    moved.map_err(|error| match error.kind() {
        StoreErrorKind::AlreadyExists | StoreErrorKind::NotEmpty => {
            CommitError::Occupied { id: trashed.ticket.id.clone(), path: path.clone() }
        }
        _ => error.into(),
    })
}

/// Brings what was said of a build since its parts were taken out into the record that comes back with them.
fn keep_labels(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let (store, id) = (lock.mirror().store(), &trashed.ticket.id);
    let Some(now) = lock.mirror().record(id)? else { return Ok(()) };
    let before = match lock.mirror().record_in(trashed) {
        Err(KeptError::Store(error)) if error.is_not_found() => return Ok(()),
        before => before?,
    };
    if before.labels != now.labels {
        let after = BuildRecord { labels: now.labels, ..before };
        store.put(&trashed.record(), after.write().as_bytes(), Put::Replace)?;
    }
    Ok(())
}

/// Lets two trees change places, so that the one with that inode lies at `path`, also when the store does it twice.
pub(crate) fn swap(
    store: &dyn Store,
    path: &RelPath,
    tree: &RelPath,
    wanted: (u64, u64),
) -> Result<(), StoreError> {
    store.exchange(path, tree)?;
    match store.look(path)? {
        // Both lie on one file system, whose number may be another after the machine was started again.
        Some(entry) if entry.inode.1 != wanted.1 => store.exchange(path, tree),
        _ => Ok(()),
    }
}
