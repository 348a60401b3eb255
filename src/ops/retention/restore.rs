//! Taking a build back from the trash, byte for byte: the same tree is moved to its place again.
//!
//! A hold of 14 days goes with it, so that the next prune does not undo what a person asked for.

use crate::commit::sweep::clear;
use crate::commit::trash::renew_ticket;
use crate::commit::untrash::{RESTORE_TERM, bring_back, find};
use crate::mirror::{Lease, Mirror, TicketKind, Trashed};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::retention::hold;
use crate::ops::{ActError, Mode};
use crate::record::{EventKind, Hold};
use crate::recover::settle;
use serde::Serialize;

/// A build that came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Which build.
    pub id: BuildId,
    /// Where it lies again.
    pub path: RelPath,
    /// Until when it is held.
    pub held_until: Option<Stamp>,
}

/// Takes a build back from the trash, or the parts that were taken out of one.
pub fn restore(
    mirror: &Mirror,
    id: &BuildId,
    mode: Mode,
    clock: &dyn Fn() -> Stamp,
) -> Result<Restored, ActError> {
    mirror.layout().build_path(id)?;
    let lease = if mode == Mode::Real { Some(mirror.lease()?) } else { None };
    if let Some(lease) = &lease {
        settle(lease, clock)?;
        clear(lease, &mirror.trash()?)?;
    }
    let found = match (find(mirror, id)?, &lease) {
        (None, Some(lease)) => find_unread(lease, id, clock())?,
        (found, _) => found,
    };
    let Some(trashed) = found else { return Err(not_found(mirror, id)?) };
    let path = trashed.ticket.path.clone();
    match (trashed.ticket.what, mirror.look(&path)?.is_some()) {
        (TicketKind::Build, false) | (TicketKind::Untrimmed, true) => {}
        (TicketKind::Build, true) => {
            return Err(crate::commit::CommitError::Occupied { id: id.clone(), path }.into());
        }
        (TicketKind::Untrimmed, false) => return Err(crate::commit::CommitError::NoBuild(id.clone()).into()),
    }
    let now = clock();
    let until = now.checked_add(RESTORE_TERM);
    if let Some(lease) = &lease {
        let mut holds = mirror.holds_of(id)?;
        let why = "restored from the trash".to_owned();
        // A restore that was cut off left its hold already.
        holds.retain(|hold| hold.why != why);
        holds.push(Hold { who: hold::person(mirror.who()), why, until, since: Some(now) });
        crate::commit::holds::write(lease, id, EventKind::Held, &holds, now)?;
        bring_back(lease, &trashed, clock)?;
    }
    Ok(Restored { id: id.clone(), path, held_until: until })
}

/// Fails with where a build is that is not in its place, when it is in the trash.
pub fn not_trashed(mirror: &Mirror, id: &BuildId) -> Result<(), ActError> {
    match find(mirror, id)?.map(|trashed| trashed.ticket) {
        Some(ticket) if ticket.what == TicketKind::Build => {
            Err(crate::commit::CommitError::InTrash { id: id.clone(), until: ticket.until }.into())
        }
        _ => Ok(()),
    }
}

/// Says that a build is not in the trash, or that nobody can tell.
fn not_found(mirror: &Mirror, id: &BuildId) -> Result<ActError, ActError> {
    let id = id.clone();
    Ok(match mirror.trash()?.strange.into_iter().next() {
        None => ActError::NotInTrash(id),
        Some((at, why)) => ActError::TrashUnread { id, at, why },
    })
}

/// Returns what is in the trash of a build whose ticket is damaged or gone: the journal states it.
fn find_unread(lease: &Lease<'_>, id: &BuildId, now: Stamp) -> Result<Option<Trashed>, ActError> {
    let until = now.checked_add(RESTORE_TERM).unwrap_or(now);
    for (at, _) in lease.mirror().trash()?.strange {
        // Of a ticket that cannot be read for another reason the answer tells.
        if let Ok(Some(trashed)) = renew_ticket(lease, &at, until)
            && trashed.ticket.id == *id
        {
            return Ok(Some(trashed));
        }
    }
    Ok(None)
}
