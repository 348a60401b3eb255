//! Marking what the trash deletes, under the lock.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::commit::discard::{going, is_listed};
use crate::commit::trash::Filled;
use crate::mirror::{Mirror, Trash, Trashed, WriteLock};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{EventKind, Payload};

/// Deletes leftovers, since nothing is in progress while this process has the lock: tickets without a tree, and
/// directories whose tree is back at its path. Returns what it deleted.
pub(crate) fn clear(lock: &WriteLock<'_>, trash: &Trash) -> Result<Vec<RelPath>, CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    let mut cleared = Vec::new();
    for at in &trash.empty {
        // A single look that found nothing does not decide.
        if !is_listed(store, at, mirror.trash_sign())? {
            protocol(mirror).delete_trash_entry(mirror, at)?;
            cleared.push(at.clone());
        }
    }
    if !trash.strange.is_empty() && store.abilities().moves_trees {
        let filled = Filled::of(mirror)?;
        for (at, _) in &trash.strange {
            if went_back(mirror, &filled, at)? {
                protocol(mirror).delete_trash_entry(mirror, at)?;
                cleared.push(at.clone());
            }
        }
    }
    Ok(cleared)
}

/// Returns whether the tree of a directory of the trash is back at its path, as its last event states and as is seen
/// there: the tree in the directory was exchanged for it.
fn went_back(mirror: &Mirror, filled: &Filled, at: &RelPath) -> Result<bool, CommitError> {
    let last = filled.last(at).filter(|(event, _)| event.what == EventKind::Restored);
    let Some((event, Some(intent))) = last else { return Ok(false) };
    let (Some(inode), Ok(id)) = (intent.stated().inode, event.to.parse::<BuildId>()) else {
        return Ok(false);
    };
    let there = mirror.store().look(&mirror.layout().build_path(&id)?)?;
    Ok(there.is_some_and(|entry| entry.inode.1 == inode.1))
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
