//! Taking a build back from the trash, byte for byte: the same tree is moved to its place again.
//!
//! A hold of 14 days goes with it, so that the next prune does not undo what a person asked for.

use crate::commit::apart;
use crate::commit::trash::{renew_ticket, throw_out};
use crate::mirror::{Fact, KeptError, Lease, Mirror, TicketKind, Trashed};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::alias::label::Mode;
use crate::ops::retention::hold;
use crate::ops::retention::sweep::clear;
use crate::ops::retention::trim::noted;
use crate::progress::Interrupted;
use crate::record::{BuildRecord, EventKind, Hold};
use crate::recover::settle;
use crate::store::{Entry, Put, Store, StoreError, StoreErrorKind};
use serde::Serialize;

/// How long a restored build is held, in seconds.
pub(crate) const TERM: i64 = 14 * 86_400;

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
        (TicketKind::Build, true) => return Err(ActError::Occupied { id: id.clone(), path }),
        (TicketKind::Untrimmed, false) => return Err(ActError::NoBuild(id.clone())),
    }
    let now = clock();
    let until = now.checked_add(TERM);
    if let Some(lease) = &lease {
        let mut holds = mirror.holds_of(id)?;
        let why = "restored from the trash".to_owned();
        // A restore that was cut off left its hold already.
        holds.retain(|hold| hold.why != why);
        holds.push(Hold { who: hold::person(mirror.who()), why, until, since: Some(now) });
        hold::write(lease, id, EventKind::Held, &holds, now)?;
        bring_back(lease, &trashed, clock)?;
    }
    Ok(Restored { id: id.clone(), path, held_until: until })
}

/// Fails with where a build is that is not in its place, when it is in the trash.
pub fn not_trashed(mirror: &Mirror, id: &BuildId) -> Result<(), ActError> {
    match find(mirror, id)?.map(|trashed| trashed.ticket) {
        Some(ticket) if ticket.what == TicketKind::Build => {
            Err(ActError::InTrash { id: id.clone(), until: ticket.until })
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
    let until = now.checked_add(TERM).unwrap_or(now);
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

/// Returns what lies in the trash of a build: the whole of it before parts of it, the newest before older ones.
pub(crate) fn find(mirror: &Mirror, id: &BuildId) -> Result<Option<Trashed>, ActError> {
    let waiting = mirror.trash()?.waiting.into_iter().filter(|trashed| trashed.ticket.id == *id);
    let rank = |trashed: &Trashed| (trashed.ticket.what == TicketKind::Build, trashed.ticket.since);
    Ok(waiting.max_by_key(rank))
}

/// Moves a tree back to its place; the intent comes first, so that an interrupted move is finished.
pub(crate) fn bring_back(
    lease: &Lease<'_>,
    trashed: &Trashed,
    clock: &dyn Fn() -> Stamp,
) -> Result<(), ActError> {
    if lease.mirror().by_seal() && trashed.ticket.what == TicketKind::Untrimmed {
        apart::is_whole(lease.mirror(), trashed)?;
    }
    let trashed = &known_again(lease, trashed)?;
    let fact = Fact::new(EventKind::Restored, &trashed.ticket.id).with("trash", trashed.at.as_str());
    let kind = serde_json::to_value(trashed.ticket.what).unwrap_or_default();
    let noted = fact.clone().with("inode", noted(trashed)).with("kind", kind);
    let intent = lease.intend(clock(), noted)?;
    put_back(lease, trashed)?;
    let discard = || throw_out(lease.mirror().store(), &trashed.at);
    if lease.mirror().by_seal() {
        // Before it is told: a ticket that stayed would speak of a build that is there.
        discard()?;
        lease.tell(clock(), fact, Some(intent))?;
    } else {
        lease.tell(clock(), fact, Some(intent))?;
        discard()?;
    }
    Ok(())
}

/// Writes down anew what tells the tree from others, should the mirror have been moved to another disk since.
fn known_again(lease: &Lease<'_>, trashed: &Trashed) -> Result<Trashed, ActError> {
    let store = lease.mirror().store();
    let mut trashed = trashed.clone();
    let (there, back) = (store.look(&trashed.tree())?, store.look(&trashed.ticket.path)?);
    let known = |entry: &Entry| entry.inode.1 == trashed.ticket.inode.1;
    if let Some(entry) = there.as_ref().filter(|entry| !known(entry))
        && !back.as_ref().is_some_and(known)
    {
        trashed.ticket.inode = entry.inode;
        lease.keep_ticket(&trashed)?;
    }
    Ok(trashed)
}

/// Moves record, manifest and tree back; doing it again finishes what was cut off.
pub(crate) fn put_back(lease: &Lease<'_>, trashed: &Trashed) -> Result<(), ActError> {
    let store = lease.mirror().store();
    if lease.mirror().by_seal() && trashed.ticket.what == TicketKind::Untrimmed {
        return apart::put_back(lease, trashed);
    }
    if lease.mirror().by_seal() {
        return lease.take_back(trashed).map_err(|error| match error.kind() {
            StoreErrorKind::AlreadyExists => {
                ActError::Occupied { id: trashed.ticket.id.clone(), path: trashed.ticket.path.clone() }
            }
            _ => error.into(),
        });
    }
    if trashed.ticket.what == TicketKind::Untrimmed {
        keep_labels(lease, trashed)?;
    }
    lease.file_back(trashed)?;
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
            ActError::Occupied { id: trashed.ticket.id.clone(), path: path.clone() }
        }
        _ => error.into(),
    })
}

/// Brings what was said of a build since its parts were taken out into the record that comes back with them.
fn keep_labels(lease: &Lease<'_>, trashed: &Trashed) -> Result<(), ActError> {
    let (store, id) = (lease.mirror().store(), &trashed.ticket.id);
    let Some(now) = lease.mirror().record(id)? else { return Ok(()) };
    let before = match lease.mirror().record_in(trashed) {
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

/// Fails when somebody asked to stop.
pub(crate) fn go_on(stop: Option<&crate::progress::Stop>) -> Result<(), Interrupted> {
    stop.map_or(Ok(()), crate::progress::Stop::check)
}
