//! Moving one build into the trash: the ticket first, then the tree in one step, then what is kept of it.

use crate::commit::choose::protocol;
use crate::commit::{CommitError, handshake};
use crate::mirror::{LockError, Ticket, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, Digest, Stamp};
use crate::record::Payload;
use crate::store::StoreError;

/// A build that is to be moved into the trash.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    /// Which build.
    pub(crate) id: BuildId,
    /// The last instant at which it can come back.
    pub(crate) until: Stamp,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    /// The plan that deletes it.
    pub(crate) plan: Option<Digest>,
    /// Why a person withdrew it.
    pub(crate) why: Option<String>,
}

/// What became of a build that was to be moved into the trash.
#[derive(Debug)]
pub(crate) enum Trashing {
    /// It is in the trash.
    Gone,
    /// It stays, since this protects it.
    Stays(String),
    /// It was not there.
    Missing,
}

/// Moves a build into the trash. In an object store `protects` looks at everything once more after the build was marked.
pub(crate) fn move_to_trash<E>(
    lock: &WriteLock<'_>,
    leaving: Leaving,
    protects: impl FnOnce() -> Result<Option<String>, E>,
) -> Result<Trashing, E>
where
    E: From<CommitError> + From<StoreError> + From<LockError>,
{
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    let Leaving { id, until, bytes, plan, why } = leaving;
    let path = mirror.layout().build_path(&id).map_err(CommitError::from)?;
    let protocol = protocol(mirror);
    let Some(inode) = protocol.identity(mirror, &path)? else { return Ok(Trashing::Missing) };
    let at = lock.next_in_trash().map_err(CommitError::from)?;
    let now = lock.now();
    let ticket =
        Ticket { ticket: 1, id: id.clone(), path, what: TicketKind::Build, since: now, until, bytes, inode };
    let trashed = Trashed { at, ticket };
    let payload = Payload::Pruned { trash: trashed.at.clone(), plan, why, until };
    // The lock was taken by a handle; what readers open is the path.
    mirror.is_at_its_path().map_err(LockError::from)?;
    let pending = lock.begin(now, &id, &payload).map_err(CommitError::from)?;
    let ticket = store.make_dir(&trashed.at).and_then(|()| lock.keep_ticket(&trashed));
    let moved = ticket.map_err(E::from).and_then(|()| handshake::part(lock, &trashed, protects));
    if !matches!(moved, Ok(None)) {
        // A move that failed after it happened is finished by the next command.
        if !protocol.is_trashed(mirror, &trashed)? {
            protocol.unmark(lock, &id)?;
            protocol.delete_trash_entry(mirror, &trashed.at)?;
            pending.undone(lock.now()).map_err(CommitError::from)?;
        }
        return Ok(moved?.map_or(Trashing::Missing, Trashing::Stays));
    }
    protocol.follow(lock, &trashed)?;
    pending.done(lock.now()).map_err(CommitError::from)?;
    Ok(Trashing::Gone)
}
