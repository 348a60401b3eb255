//! Moving one build to the trash: the ticket first, then the tree in one step, then its record and manifest.

use crate::commit::choose::protocol;
use crate::commit::{CommitError, handshake};
use crate::mirror::{LockError, Ticket, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, Digest, Stamp};
use crate::record::{Archive, Lapsed, Payload};
use crate::store::StoreError;

/// A build to move to the trash.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    /// Which build.
    pub(crate) id: BuildId,
    /// The last instant at which it can be restored.
    pub(crate) until: Stamp,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// The plan that deletes it.
    pub(crate) plan: Option<Digest>,
    /// Why a person withdrew it.
    pub(crate) why: Option<String>,
    /// The rules of the policy that no longer keep it.
    pub(crate) rules: Vec<Lapsed>,
    /// The archive that has it.
    pub(crate) archive: Option<Archive>,
}

/// The result of moving a build to the trash.
#[derive(Debug)]
pub(crate) enum Trashing {
    /// It is in the trash.
    Gone,
    /// It stays, since this protects it.
    Stays(String),
    /// It did not exist.
    Missing,
}

/// Moves a build to the trash. In an object store, `protects` checks everything again after the build was marked.
pub(crate) fn move_to_trash<E>(
    lock: &WriteLock<'_>,
    leaving: Leaving,
    protects: impl FnOnce() -> Result<Option<String>, E>,
) -> Result<Trashing, E>
where
    E: From<CommitError> + From<StoreError> + From<LockError>,
{
    let (mirror, store) = (lock.mirror(), lock.mirror().store());
    let Leaving { id, until, bytes, plan, why, rules, archive } = leaving;
    let path = mirror.layout().build_path(&id).map_err(CommitError::from)?;
    let protocol = protocol(mirror);
    let Some(inode) = protocol.identity(mirror, &path)? else { return Ok(Trashing::Missing) };
    let at = lock.next_in_trash().map_err(CommitError::from)?;
    let now = lock.now();
    let ticket =
        Ticket { ticket: 1, id: id.clone(), path, what: TicketKind::Build, since: now, until, bytes, inode };
    let trashed = Trashed { at, ticket };
    let payload = Payload::Pruned { trash: trashed.at.clone(), plan, why, rules, archive, until };
    // The lock was taken by a handle; what readers open is the path.
    mirror.is_at_its_path().map_err(LockError::from)?;
    let pending = lock.begin(now, &id, &payload).map_err(CommitError::from)?;
    let ticket = store.make_dir(&trashed.at).and_then(|()| lock.keep_ticket(&trashed));
    let moved = ticket.map_err(E::from).and_then(|()| handshake::part(lock, &trashed, protects));
    if !matches!(moved, Ok(None)) {
        // The next command finishes a move that failed after it happened.
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
