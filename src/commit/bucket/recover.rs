//! Settling interrupted commands in stores that do not move trees: the record in the trash and the seal show how far
//! a command came.

use crate::commit::CommitError;
use crate::commit::bucket::discard::delete_trash_entry;
use crate::commit::bucket::trim;
use crate::commit::discard::going;
use crate::commit::interrupted::{Interrupted, Settling};
use crate::commit::protocol::CommitProtocol;
use crate::mirror::{TicketKind, Trashed};
use crate::record::EventKind;

/// Finishes commands that passed their commit point and undoes the others.
pub(super) fn recover(protocol: &dyn CommitProtocol, one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    match one.intent.what {
        EventKind::Pruned => pruned(one),
        EventKind::Trimmed => trimmed(one),
        EventKind::Restored => restored(protocol, one),
        _ => swept(one),
    }
}

fn pruned(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    let kept = one.look("record.json")?.is_some();
    let id = one.id();
    let there = id.as_ref().map(|id| one.mirror().has_build(id)).transpose()?;
    let gone = kept && there != Some(true);
    if !gone {
        one.store().discard(&one.at)?;
    }
    if let Some(id) = &id {
        one.lock.unmark(id)?;
    }
    Ok(Settling::of(gone))
}

fn trimmed(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    // The record comes last: without it nothing was changed yet.
    if one.look("record.json")?.is_some()
        && let Some(trashed) = one.trashed(Some(TicketKind::Untrimmed), Some((0, 0)))
    {
        return Ok(Settling::of(trim::recover_trim(one.lock, &trashed, &one.parts())?));
    }
    delete_trash_entry(one.store(), &one.at)?;
    if let Some(id) = one.id() {
        one.lock.unmark(&id)?;
    }
    Ok(Settling::Undone)
}

fn swept(one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    let (store, at) = (one.store(), &one.at);
    let marked = store.look(&Trashed::ticket_in(&going(at)))?.is_some();
    let waits = store.look(at)?.is_some();
    if marked {
        delete_trash_entry(store, at)?;
    } else if waits {
        // The list of objects to remove is written before the ticket that takes effect.
        store.discard(&going(at))?;
    }
    Ok(Settling::of(marked || !waits))
}

fn restored(protocol: &dyn CommitProtocol, one: &Interrupted<'_>) -> Result<Settling, CommitError> {
    if one.look("record.json")?.is_none() {
        return one.is_back();
    }
    let what = match one.kind() {
        None if one.has_kind() => None,
        None if one.mirror().parts_in(&one.at)?.is_some() => Some(TicketKind::Untrimmed),
        None => Some(TicketKind::Build),
        kind => kind,
    };
    let Some(trashed) = one.trashed(what, Some((0, 0))) else { return Ok(one.left()) };
    let id = &trashed.ticket.id;
    let in_the_way = trashed.ticket.what == TicketKind::Untrimmed && !one.mirror().has_build(id)?;
    let put_back = if in_the_way { None } else { Some(protocol.untrash(one.lock, &trashed)) };
    if let None | Some(Err(CommitError::Occupied { .. })) = put_back {
        one.warn_of_stay(&trashed);
        return Ok(Settling::Undone);
    }
    put_back.transpose()?;
    let back = one.mirror().has_build(id)?;
    if back {
        delete_trash_entry(one.store(), &one.at)?;
    }
    Ok(Settling::of(back))
}
