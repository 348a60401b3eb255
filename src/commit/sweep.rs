//! Marking what the trash deletes, under the lock.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::commit::discard::{going, is_listed};
use crate::mirror::{Mirror, Trash, Trashed, WriteLock};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{Event, EventKind, Payload, Phase};

/// Clears what is left behind, since nothing is under way while we hold the lock: tickets without a tree, and directories whose
/// tree went back to its place.
pub(crate) fn clear(lock: &WriteLock<'_>, trash: &Trash) -> Result<(), CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    for at in &trash.empty {
        // One look that found nothing does not decide.
        if !is_listed(store, at, mirror.trash_sign())? {
            protocol(mirror).delete_trash_entry(mirror, at)?;
        }
    }
    if !trash.strange.is_empty() && store.abilities().moves_trees {
        let events = mirror.history(&[EventKind::Pruned, EventKind::Trimmed, EventKind::Restored])?;
        for (at, _) in &trash.strange {
            if went_back(mirror, &events, at)? {
                protocol(mirror).delete_trash_entry(mirror, at)?;
            }
        }
    }
    Ok(())
}

/// Returns whether the tree of a directory of the trash is back in its place, as the last event of it states and as is seen there:
/// what lies in the directory came in exchange.
fn went_back(mirror: &Mirror, events: &[Event], at: &RelPath) -> Result<bool, CommitError> {
    let of_this = |event: &&Event| event.phase == Phase::Done && event.stated().trash.as_ref() == Some(at);
    let last = events.iter().rfind(of_this).filter(|event| event.what == EventKind::Restored);
    let Some(event) = last else { return Ok(false) };
    let intent = events.iter().find(|intent| Some(intent.seq) == event.settles);
    let (Some(inode), Ok(id)) =
        (intent.and_then(|intent| intent.stated().inode), event.to.parse::<BuildId>())
    else {
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
