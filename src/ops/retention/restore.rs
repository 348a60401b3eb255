//! Restoring a build from the trash, byte for byte: the same tree is moved back to its path.
//!
//! It gets a hold of 14 days, so that the next prune does not undo the restore.

use crate::commit::sweep::clear;
use crate::commit::trash::find_unread;
use crate::commit::untrash::{RESTORE_TERM, bring_back, find};
use crate::mirror::{Mirror, TicketKind};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::retention::hold;
use crate::ops::retention::removals::removals;
use crate::ops::{ActError, Mode};
use crate::record::{Event, EventKind, Hold};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

/// The reason of the hold of a restored build.
const RESTORED: &str = "restored from the trash";

/// A build that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Restored {
    /// The ID of the build.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// Until when it is held.
    pub held_until: Option<Stamp>,
}

/// Restores a build, or the parts that were removed from one.
pub fn restore(session: &Session<'_>, id: &BuildId, mode: Mode) -> Result<Restored, ActError> {
    let mirror = session.mirror();
    mirror.layout().build_path(id)?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    if let Some(lock) = &lock {
        clear(lock, &mirror.trash()?)?;
    }
    let found = match (find(mirror, id)?, &lock) {
        (None, Some(lock)) => find_unread(lock, id, lock.now())?,
        (found, _) => found,
    };
    let Some(trashed) = found else {
        return match already_back(mirror, id)? {
            Some(back) => Ok(back),
            None => Err(not_found(mirror, id)?),
        };
    };
    let path = trashed.ticket.path.clone();
    match (trashed.ticket.what, mirror.look(&path)?.is_some()) {
        (TicketKind::Build, false) | (TicketKind::Untrimmed, true) => {}
        (TicketKind::Build, true) => {
            return Err(crate::commit::CommitError::Occupied { id: id.clone(), path }.into());
        }
        (TicketKind::Untrimmed, false) => return Err(crate::commit::CommitError::NoBuild(id.clone()).into()),
    }
    let now = session.now();
    let until = now.checked_add(RESTORE_TERM);
    if let Some(lock) = &lock {
        let mut holds = mirror.holds_of(id)?;
        let why = RESTORED.to_owned();
        // An interrupted restore left its hold already.
        holds.retain(|hold| hold.why != why);
        holds.push(Hold { who: hold::person(mirror.who()), why, until, since: Some(now) });
        crate::commit::holds::write(lock, id, EventKind::Held, &holds, now)?;
        bring_back(lock, &trashed)?;
    }
    Ok(Restored { id: id.clone(), path, held_until: until })
}

/// Returns a build that an earlier `restore` restored, as its hold states; the command may have been interrupted.
fn already_back(mirror: &Mirror, id: &BuildId) -> Result<Option<Restored>, ActError> {
    let holds = mirror.holds_of(id)?;
    let Some(hold) = holds.iter().find(|hold| hold.why == RESTORED) else { return Ok(None) };
    if !mirror.has_build(id)? {
        return Ok(None);
    }
    mirror.warnings().add(format!("`{id}` is already back"));
    let path = mirror.layout().build_path(id)?;
    Ok(Some(Restored { id: id.clone(), path, held_until: hold.until }))
}

/// Fails with the path of a build that is in the trash and not at its path.
pub fn not_trashed(mirror: &Mirror, id: &BuildId) -> Result<(), ActError> {
    match find(mirror, id)?.map(|trashed| trashed.ticket) {
        Some(ticket) if ticket.what == TicketKind::Build => {
            Err(crate::commit::CommitError::InTrash { id: id.clone(), until: ticket.until }.into())
        }
        Some(_) => Ok(()),
        None => not_unread(mirror, id),
    }
}

/// Fails if a directory of the trash has the record of a build and no usable ticket.
pub(crate) fn not_unread(mirror: &Mirror, id: &BuildId) -> Result<(), ActError> {
    match unread(mirror, id)? {
        Some((at, why)) => Err(ActError::TrashUnread { id: id.clone(), at, why }),
        None => Ok(()),
    }
}

/// Returns a directory of the trash that has the record of a build and no usable ticket, and why it cannot be used.
pub(crate) fn unread(mirror: &Mirror, id: &BuildId) -> Result<Option<(RelPath, String)>, ActError> {
    Ok(mirror.trash()?.unread().find(|(at, _)| mirror.build_in(at).as_ref() == Some(id)))
}

/// Fails for a build that prune moved to an archive and that did not come back.
pub fn not_archived(mirror: &Mirror, id: &BuildId) -> Result<(), ActError> {
    let its = id.to_string();
    let archive = |event: &Event| event.stated().archive.filter(|_| event.to == its);
    match removals(mirror, archive)?.remove(id) {
        None => Ok(()),
        Some(archive) => Err(ActError::Archived {
            id: id.clone(),
            archive: archive.address,
            mirror: mirror.store().shown(),
        }),
    }
}

/// Returns the error that a build is not in the trash, or that this is not known.
fn not_found(mirror: &Mirror, id: &BuildId) -> Result<ActError, ActError> {
    if let Err(archived) = not_archived(mirror, id) {
        return Ok(archived);
    }
    let id = id.clone();
    Ok(match mirror.trash()?.strange.into_iter().next() {
        None => ActError::NotInTrash(id),
        Some((at, why)) => ActError::TrashUnread { id, at, why },
    })
}
