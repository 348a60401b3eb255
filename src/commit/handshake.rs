//! Deleting a build, and protecting it, when the lock does not exclude the two from each other.
//!
//! A lock in an object store lasts as long as its holder renews it, so a process that was suspended can resume beside
//! the next holder. Therefore both sides write before they look: the deleting side marks the build and then checks
//! every protection again; the protecting side writes the protection, then looks at the mark and the seal, and
//! removes the protection if it came too late. At least one of the two sees the other. Not guaranteed for a process
//! that is suspended between its last look and the removal of the seal for longer than the lock's term: object stores
//! have no conditional removal.

use crate::commit::choose::protocol;
use crate::commit::protocol::Marked;
use crate::mirror::{Trashed, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::store::StoreError;

/// The answer of a second look.
pub(crate) type Protected = Option<String>;

/// Moves a build to the trash, unless `protects` returns something that protects it, which is then returned.
pub(crate) fn part<E: From<StoreError>>(
    lock: &WriteLock<'_>,
    trashed: &Trashed,
    protects: impl FnOnce() -> Result<Protected, E>,
) -> Result<Protected, E> {
    while_marked(lock, &trashed.ticket.id, protects, || Ok(protocol(lock.mirror()).trash(lock, trashed)?))
}

/// Changes a marked build, unless `protects` returns something that protects it, which is then returned.
///
/// `protects` is called only if another command could have written a protection without seeing the mark. If that
/// fails, the mark stays for recovery.
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

/// Points an alias to a path, and back to its old target if a build there is being deleted; returns whether it stays.
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

/// Labels a build, and undoes that if the build is being deleted; returns whether the label stays.
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
