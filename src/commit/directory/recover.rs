//! Settling interrupted commands in stores that move trees: the tree itself and its inode show how far a command
//! came.

use crate::commit::CommitError;
use crate::commit::directory::discard::delete_trash_entry;
use crate::commit::directory::tree;
use crate::commit::directory::untrash::put_back;
use crate::commit::interrupted::{Interrupted, Settling};
use crate::mirror::{TicketKind, Trashed};
use crate::model::{RelPath, is_sums};
use crate::record::EventKind;
use crate::store::{Entry, Kind, Store, StoreError};
use std::collections::BTreeSet;

/// Finishes commands that passed their commit point and undoes the others.
pub(super) fn recover(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    match one.intent.what {
        EventKind::Pruned => pruned(one),
        EventKind::Trimmed => trimmed(one),
        EventKind::Restored => restored(one),
        _ => Ok(Settling::of(one.store().look(&one.at)?.is_none())),
    }
}

fn pruned(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    if one.look("tree")?.is_none() {
        delete_trash_entry(one.store(), &one.at)?;
        return Ok(Settling::Undone);
    }
    // The tree itself is the proof; only record and manifest may not have followed it yet.
    if let Some(id) = one.id() {
        one.lock.file_away(&one.at, &id)?;
        one.lock.file_logs_away(&one.at, &id)?;
    }
    Ok(Settling::Happened)
}

fn trimmed(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    let store = one.store();
    let path = one.id().and_then(|id| one.mirror().layout().build_path(&id).ok());
    let in_place = path.map(|path| store.look(&path)).transpose()?.flatten();
    let Some(tree) = one.look("tree")? else {
        delete_trash_entry(store, &one.at)?;
        return Ok(Settling::Undone);
    };
    let Some(trashed) = one.trashed(Some(TicketKind::Untrimmed), one.noted()) else {
        if one.is_unread() || in_place.is_none() {
            return Ok(one.left());
        }
        // The ticket is written before the trees are exchanged.
        delete_trash_entry(store, &one.at)?;
        return Ok(Settling::Undone);
    };
    let wanted = trashed.ticket.inode.1;
    if tree.inode.1 == wanted {
        return note_trimmed(one, &trashed);
    }
    let stayed = in_place.as_ref().is_some_and(|entry| entry.inode.1 == wanted);
    // On another disk no tree has that inode: the tree without the parts is the staged one.
    match if stayed { Some(false) } else { lacks(store, &trashed.ticket.path, &trashed.tree())? } {
        None => return Ok(one.left()),
        Some(true) => return note_trimmed(one, &trashed),
        Some(false) => {}
    }
    delete_trash_entry(store, &one.at)?;
    Ok(Settling::Undone)
}

/// Records that parts were removed.
fn note_trimmed(one: &Interrupted<'_>, trashed: &Trashed) -> Result<Settling, CommitError> {
    let stated = one.intent.stated();
    let stays = (stated.files.unwrap_or(0), stated.bytes.unwrap_or(0));
    tree::record(one.lock, trashed, &one.parts(), stays)?;
    Ok(Settling::Happened)
}

/// Returns whether the first tree is the second without some files; nothing if neither is the other with fewer files.
fn lacks(store: &dyn Store, first: &RelPath, second: &RelPath) -> Result<Option<bool>, StoreError> {
    let files = |root: &RelPath| -> Result<BTreeSet<(RelPath, Kind, u64)>, StoreError> {
        let below = store.below(root)?.into_iter();
        let inner = below.filter_map(|found| Some((found.path.below(root)?, found.kind, found.size)));
        // The list of checksums differs.
        Ok(inner.filter(|(path, ..)| !is_sums(path.as_str())).collect())
    };
    let (first, second) = (files(first)?, files(second)?);
    Ok(match (first.is_subset(&second), second.is_subset(&first)) {
        (true, false) if !first.is_empty() => Some(true),
        (false, true) if !second.is_empty() => Some(false),
        _ => None,
    })
}

fn restored(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    if one.look("tree")?.is_none() {
        return one.is_back();
    }
    let Some(trashed) = one.trashed(one.kind(), one.noted()) else { return Ok(one.left()) };
    let (store, id, path) = (one.store(), &trashed.ticket.id, &trashed.ticket.path);
    let back = |entry: &Entry| entry.inode.1 == trashed.ticket.inode.1;
    let there = store.look(path)?;
    let in_the_way = match trashed.ticket.what {
        TicketKind::Build => there.as_ref().is_some_and(|entry| !back(entry)),
        TicketKind::Untrimmed => there.is_none(),
    };
    let put_back = if in_the_way { None } else { Some(put_back(one.lock, &trashed)) };
    if let None | Some(Err(CommitError::Occupied { .. })) = put_back {
        // It stays in the trash with its record and manifest.
        one.lock.file_away(&trashed.at, id)?;
        if trashed.ticket.what == TicketKind::Build {
            one.lock.file_logs_away(&trashed.at, id)?;
        }
        one.warn_of_stay(&trashed);
        return Ok(Settling::Undone);
    }
    put_back.transpose()?;
    let back = store.look(path)?.is_some_and(|entry| back(&entry));
    if back {
        delete_trash_entry(store, &one.at)?;
    }
    Ok(Settling::of(back))
}
