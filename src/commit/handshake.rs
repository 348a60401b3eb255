//! Letting a build go, and protecting it, when the lock does not keep the two apart.
//!
//! A lock in an object store lasts as long as its holder gives signs of life, so that one who slept can wake up beside
//! the next. Both sides therefore write before they look: whoever lets a build go marks it and then looks at every
//! protection again; whoever protects it writes that down, then looks at the mark and the seal, and takes it back when
//! it came too late. Of any two at least one sees the other. Not promised to one who sleeps between its last look and
//! the removal of the seal for longer than the lock's term: object stores have no conditional removal.

use crate::commit::choose::protocol;
use crate::commit::protocol::Marked;
use crate::mirror::{Trashed, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::store::StoreError;

/// What somebody says when they look again.
pub(crate) type Protected = Option<String>;

/// Moves a build into the trash, unless `protects` says that something protects it, which is returned.
pub(crate) fn part<E: From<StoreError>>(
    lock: &WriteLock<'_>,
    trashed: &Trashed,
    protects: impl FnOnce() -> Result<Protected, E>,
) -> Result<Protected, E> {
    while_marked(lock, &trashed.ticket.id, protects, || Ok(protocol(lock.mirror()).trash(lock, trashed)?))
}

/// Does something to a build that is marked, unless `protects` says that something protects it, which is returned.
///
/// `protects` is asked only where another command could have written a protection without seeing the mark.
/// Where that fails, the mark stays for whoever clears up.
pub(crate) fn while_marked<E: From<StoreError>>(
    lock: &WriteLock<'_>,
    id: &BuildId,
    protects: impl FnOnce() -> Result<Protected, E>,
    act: impl FnOnce() -> Result<(), E>,
) -> Result<Protected, E> {
    let protocol = protocol(lock.mirror());
    let why = match protocol.mark(lock, id)? {
        Marked::LookAgain => protects()?,
        Marked::Alone => None,
    };
    if why.is_none() {
        act()?;
    }
    protocol.unmark(lock, id)?;
    Ok(why)
}

/// Points a name at a path, and back to where it led when a build there is going; returns whether it stays.
pub(crate) fn point(
    lock: &WriteLock<'_>,
    alias: &RelPath,
    from: Option<&RelPath>,
    target: &RelPath,
) -> Result<bool, StoreError> {
    let store = lock.mirror().store();
    lock.mirror().point(alias, target)?;
    if !lock.mirror().leads_to_going(target)? {
        return Ok(true);
    }
    match from {
        Some(from) => store.point(alias, from)?,
        None => store.remove(alias)?,
    }
    Ok(false)
}

/// Says something of a build, and takes it back when the build is going; returns whether it stands.
pub(crate) fn say(
    lock: &WriteLock<'_>,
    id: &BuildId,
    write: impl FnOnce() -> Result<(), StoreError>,
    take_back: impl FnOnce() -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    write()?;
    let stands = !lock.mirror().is_going(id)?;
    if !stands {
        take_back()?;
    }
    Ok(stands)
}
