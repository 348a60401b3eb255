//! Settling an interrupted prune, trim, restore or sweep: the tree shows how far it came.

use crate::commit::CommitError;
use crate::commit::choose::protocol;
use crate::commit::discard::going;
use crate::commit::interrupted::{Interrupted, Settling};
use crate::commit::untrash::RESTORE_TERM;
use crate::mirror::{
    Mirror, StateError, TICKET_LIMIT, Ticket, TicketKind, Trashed, WriteLock, chain, number_of, term_of,
};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{Event, EventKind, Phase};
use crate::store::{StoreError, StoreErrorKind};

/// Finishes commands that passed their commit point and deletes what the others left.
///
/// An unreadable ticket never makes a build disappear: a tree in the trash is removed only if the tree of the build
/// itself is known to be at its path.
pub(crate) fn recover_trash(lock: &WriteLock<'_>, intent: &Event) -> Result<Settling, CommitError> {
    let named = intent.stated().trash;
    let Some(at) = named.filter(|at| at.parent() == Some(RelPath::state("trash"))) else {
        // Written by hand: a path outside the trash is not touched.
        return Ok(Settling::Undone);
    };
    protocol(lock.mirror()).recover(&Interrupted::read(lock, intent, at)?)
}

/// Returns whether this user may not do what would settle an intent.
pub(crate) fn is_denied(error: &CommitError) -> bool {
    let denied = |error: &StoreError| error.kind() == StoreErrorKind::Denied;
    matches!(error, CommitError::Store(error) | CommitError::Kept(StateError::Store(error)) if denied(error))
}

/// Returns what was denied, and who owns the directory of the trash and the mirror.
pub(crate) fn denied(lock: &WriteLock<'_>, intent: &Event, error: &CommitError) -> String {
    let store = lock.mirror().store();
    let named = intent.stated().trash;
    let places = named.into_iter().flat_map(|at| [going(&at), at]);
    let owner = |at: &RelPath| store.look(at).ok().flatten().map(|entry| entry.owner.0);
    let own = owner(&RelPath::state("mirror.yaml"));
    let foreign = places.filter_map(|at| Some((owner(&at)?, at))).find(|(user, _)| Some(*user) != own);
    let whose = match (foreign, own) {
        (Some((user, at)), Some(own)) => format!(
            "; `{at}` belongs to user {user}, and the mirror to user {own}: `chown -R {own} {}/{at}` gives it back",
            store.shown()
        ),
        _ => String::new(),
    };
    format!("{}{whose}", chain(error))
}

/// The journal's statements about directories of the trash: what was moved into them, and what was restored.
pub(crate) struct Filled(Vec<Event>);

impl Filled {
    pub(crate) fn of(mirror: &Mirror) -> Result<Self, CommitError> {
        Ok(Self(mirror.history(&[EventKind::Pruned, EventKind::Trimmed, EventKind::Restored])?))
    }

    /// Returns the last event about a directory, and the intent before it, if there is one.
    pub(crate) fn last(&self, at: &RelPath) -> Option<(&Event, Option<&Event>)> {
        let of_this =
            |event: &&Event| event.phase == Phase::Done && event.stated().trash.as_ref() == Some(at);
        let event = self.0.iter().rfind(of_this)?;
        Some((event, self.0.iter().find(|intent| Some(intent.seq) == event.settles)))
    }
}

/// Writes a damaged or missing ticket of a directory of the trash again, from the event that filled the directory;
/// nothing if that is not possible.
///
/// Its term begins again, since the policy of that time is not known.
pub(crate) fn renew_ticket(
    lock: &WriteLock<'_>,
    at: &RelPath,
    until: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    // A ticket that was unreadable a moment ago and is readable now is right as it is.
    if let Ok(ticket) = mirror.ticket(at) {
        return Ok(Some(Trashed { at: at.clone(), ticket }));
    }
    match store.read(&Trashed::ticket_in(at), TICKET_LIMIT) {
        Err(error) if error.is_not_found() => {}
        Ok(bytes) if !is_of_a_newer_form(&bytes) => {}
        Ok(_) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    if number_of(at).is_none() {
        return Ok(None);
    }
    let Some(there) = store.look(&at.child(mirror.trash_sign()).unwrap_or_default())? else {
        return Ok(None);
    };
    let filled = Filled::of(mirror)?;
    let last = filled.last(at);
    // The present tree was exchanged for the one that was restored.
    if last.is_some_and(|(event, _)| event.what == EventKind::Restored) {
        return Ok(None);
    }
    let Some((event, intent, id)) =
        last.and_then(|(event, intent)| Some((event, intent, event.to.parse::<BuildId>().ok()?)))
    else {
        return from_record(lock, at, there.inode, until);
    };
    let what = if event.what == EventKind::Pruned { TicketKind::Build } else { TicketKind::Untrimmed };
    let path = mirror.layout().build_path(&id)?;
    let inode = there.inode;
    // The event that names the directory, if there is one.
    let since = intent.map_or(event.at, |intent| intent.at);
    let until = term_of(event).map_or(until, |stated| stated.max(until));
    let ticket = Ticket { ticket: 1, id, path, what, since, until, bytes: 0, inode };
    let mut trashed = Trashed { at: at.clone(), ticket };
    if let Ok(record) = mirror.record_in(&trashed) {
        trashed.ticket.bytes = record.bytes;
    }
    lock.keep_ticket(&trashed)?;
    Ok(Some(trashed))
}

/// Returns the trash entries of a build whose ticket is damaged or missing, with the ticket written again.
pub(crate) fn find_unread(
    lock: &WriteLock<'_>,
    id: &BuildId,
    now: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let until = now.checked_add(RESTORE_TERM).unwrap_or(now);
    for (at, _) in lock.mirror().trash()?.strange {
        // A ticket that is unreadable for another reason is reported by the answer.
        if let Ok(Some(trashed)) = renew_ticket(lock, &at, until)
            && trashed.ticket.id == *id
        {
            return Ok(Some(trashed));
        }
    }
    Ok(None)
}

/// Writes the ticket of a directory of the trash from the record beside it, if the journal lost the event.
fn from_record(
    lock: &WriteLock<'_>,
    at: &RelPath,
    inode: (u64, u64),
    until: Stamp,
) -> Result<Option<Trashed>, CommitError> {
    let mirror = lock.mirror();
    let Some(id) = mirror.named_in(at)? else { return Ok(None) };
    let Ok(path) = mirror.layout().build_path(&id) else { return Ok(None) };
    let what = if mirror.has_build(&id)? { TicketKind::Untrimmed } else { TicketKind::Build };
    // The term begins now.
    let since = until.checked_add(-RESTORE_TERM).unwrap_or(until);
    let ticket = Ticket { ticket: 1, id, path, what, since, until, bytes: 0, inode };
    let mut trashed = Trashed { at: at.clone(), ticket };
    match mirror.record_in(&trashed) {
        Ok(record) => trashed.ticket.bytes = record.bytes,
        Err(_) => return Ok(None),
    }
    lock.keep_ticket(&trashed)?;
    Ok(Some(trashed))
}

/// Returns whether a ticket was written by a newer version, which knows how to read it.
fn is_of_a_newer_form(bytes: &[u8]) -> bool {
    let ticket: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    ticket.and_then(|ticket| ticket.get("ticket")?.as_u64()).is_some_and(|form| form > 1)
}
