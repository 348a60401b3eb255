//! Moving a tree back from the trash to its path.

use crate::commit::CommitError;
use crate::mirror::{StateError, TicketKind, Trashed, WriteLock};
use crate::model::RelPath;
use crate::record::BuildRecord;
use crate::store::{Put, Store, StoreError, StoreErrorKind};

/// Moves record, manifest and tree back; doing it again finishes an interrupted run.
pub(crate) fn put_back(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let store = lock.mirror().store();
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
        TicketKind::Build => store.rename_tree(&tree, path),
        TicketKind::Untrimmed => swap(store, path, &tree, trashed.ticket.inode),
    };
    moved.map_err(|error| match error.kind() {
        StoreErrorKind::AlreadyExists | StoreErrorKind::NotEmpty => {
            CommitError::Occupied { id: trashed.ticket.id.clone(), path: path.clone() }
        }
        _ => error.into(),
    })
}

/// Copies the labels that were set after the trim, and the time of confirmation, into the record that is restored.
fn keep_labels(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let (store, id) = (lock.mirror().store(), &trashed.ticket.id);
    let Some(now) = lock.mirror().record(id)? else { return Ok(()) };
    let before = match lock.mirror().record_in(trashed) {
        Err(StateError::Store(error)) if error.is_not_found() => return Ok(()),
        before => before?,
    };
    if (&before.labels, before.confirmed_at) != (&now.labels, now.confirmed_at) {
        let after = BuildRecord { labels: now.labels, confirmed_at: now.confirmed_at, ..before };
        store.put(&trashed.record(), after.write().as_bytes(), Put::Replace)?;
    }
    Ok(())
}

/// Exchanges two trees so that the one with that inode is at `path`, even if the store does it twice.
pub(crate) fn swap(
    store: &dyn Store,
    path: &RelPath,
    tree: &RelPath,
    wanted: (u64, u64),
) -> Result<(), StoreError> {
    store.exchange(path, tree)?;
    match store.look(path)? {
        // Both are on one file system, whose number may have changed with a reboot.
        Some(entry) if entry.inode.1 != wanted.1 => store.exchange(path, tree),
        _ => Ok(()),
    }
}
