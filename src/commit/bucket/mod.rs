//! The commit protocol of stores that do not move trees: creating a seal makes a build visible, removing the seal
//! hides it.
//!
//! Another process can take over a lock in a bucket, so each removal is marked first and its protections are
//! rechecked (`commit::handshake`).

mod discard;
mod recover;
mod stage;
mod sweep;
mod trim;
mod upload;

use crate::commit::interrupted::{Interrupted, Settling};
use crate::commit::protocol::{CommitProtocol, Marked, Prepared, Progress, StagedBuild};
use crate::commit::stage::{Sealed, since, stage_of};
use crate::commit::unsealed::{Unsealed, unsealed};
use crate::commit::{CommitError, StageError};
use crate::mirror::{JournalError, Mirror, StateError, TicketKind, Trashed, WriteLock};
use crate::model::{BuildId, RelPath, Stamp};
use crate::progress::CancelToken;
use crate::record::{BuildRecord, Event, Manifest};
use crate::store::{Guard, StoreError, StoreErrorKind, Swept};
use std::time::Duration;

pub(crate) use upload::give_up_below;

/// Commits by marker object.
pub(super) struct Bucket;

impl CommitProtocol for Bucket {
    fn is_place_free(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, CommitError> {
        Ok(mirror.in_trash(id)?.is_none())
    }

    fn stage<'m>(
        &self,
        mirror: &'m Mirror,
        id: &BuildId,
        path: &RelPath,
    ) -> Result<Box<dyn StagedBuild + 'm>, StageError> {
        stage::open(mirror, id, path)
    }

    fn abandon(&self, mirror: &Mirror, sealed: Sealed) -> Result<(), StoreError> {
        let store = mirror.store();
        // The files first: without the note of the upload they would be those of others.
        let sent: Vec<_> =
            store.below(&sealed.seal.path)?.into_iter().map(|found| (found.path, found.kind)).collect();
        if let Some(error) = store.remove_all(&sent).failures.into_iter().next() {
            return Err(error);
        }
        store.discard(&sealed.at).map(drop)
    }

    fn commit(&self, lock: &WriteLock<'_>, sealed: &mut Sealed, now: Stamp) -> Result<(), StoreError> {
        let record = &mut sealed.seal.record;
        record.published = Some(now);
        since(record, now);
        lock.keep_manifest(&record.id, &sealed.manifest)?;
        lock.seal(record)
    }

    fn progress(&self, mirror: &Mirror, sealed: &Sealed) -> Progress {
        match mirror.record(&sealed.seal.record.id) {
            // The seal is exactly the one that this command wrote; only the answer was lost.
            Ok(record) if record.as_ref() == Some(&sealed.seal.record) => Progress::Done,
            Ok(_) => Progress::Nothing,
            Err(_) => Progress::Unknown,
        }
    }

    fn committed(&self, mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, CommitError> {
        let stage = intent.stated().stage;
        let id = intent.to.parse::<BuildId>().ok();
        let record = id.map(|id| mirror.record(&id)).transpose()?.flatten();
        let (Some(stage), Some(record)) = (stage, record) else { return Ok(None) };
        let path = mirror.layout().build_path(&record.id).unwrap_or_default();
        Ok(Some(Sealed::sent(stage, path, record, Manifest::default(), None)))
    }

    fn identity(&self, _: &Mirror, _: &RelPath) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(Some((0, 0)))
    }

    fn mark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Marked, StoreError> {
        lock.mark_going(id)?;
        Ok(Marked::LookAgain)
    }

    fn unmark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<(), StoreError> {
        lock.unmark(id)
    }

    fn trash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        lock.put_away(trashed)
    }

    fn is_trashed(&self, mirror: &Mirror, trashed: &Trashed) -> Result<bool, StoreError> {
        Ok(!mirror.has_build(&trashed.ticket.id)?)
    }

    fn follow(&self, _: &WriteLock<'_>, _: &Trashed) -> Result<(), StoreError> {
        Ok(())
    }

    fn may_untrash(&self, mirror: &Mirror, trashed: &Trashed) -> Result<(), CommitError> {
        match trashed.ticket.what {
            TicketKind::Build => Ok(()),
            TicketKind::Untrimmed => trim::is_whole(mirror, trashed),
        }
    }

    fn untrash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
        if trashed.ticket.what == TicketKind::Untrimmed {
            return trim::put_back(lock, trashed);
        }
        lock.take_back(trashed).map_err(|error| match error.kind() {
            StoreErrorKind::AlreadyExists => {
                CommitError::Occupied { id: trashed.ticket.id.clone(), path: trashed.ticket.path.clone() }
            }
            _ => error.into(),
        })
    }

    fn end_untrash(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        tell: Box<dyn FnOnce() -> Result<(), JournalError> + '_>,
    ) -> Result<(), CommitError> {
        // Before the journal records it: a ticket that stayed would claim a build that still exists.
        self.delete_trash_entry(lock.mirror(), &trashed.at)?;
        Ok(tell()?)
    }

    fn prepare_trim(
        &self,
        mirror: &Mirror,
        id: &BuildId,
        path: &RelPath,
        goes: &dyn Fn(&RelPath) -> bool,
    ) -> Result<Prepared, CommitError> {
        trim::prepare(mirror, id, path, goes)
    }

    fn due<'t>(&self, waiting: &'t [Trashed], over: &dyn Fn(&Trashed) -> bool) -> Vec<&'t Trashed> {
        sweep::due(waiting, over)
    }

    fn mark_swept(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        going: &RelPath,
    ) -> Result<(), CommitError> {
        sweep::mark(lock, trashed, going)
    }

    fn sweep(
        &self,
        mirror: &Mirror,
        going: Vec<RelPath>,
        stop: Option<&CancelToken>,
    ) -> Result<Vec<(RelPath, Swept)>, CommitError> {
        sweep::finish(mirror, going, stop)
    }

    fn delete_trash_entry(&self, mirror: &Mirror, at: &RelPath) -> Result<(), StoreError> {
        discard::delete_trash_entry(mirror.store(), at)
    }

    fn unsealed(&self, mirror: &Mirror, now: Stamp) -> Result<Vec<Unsealed>, StateError> {
        unsealed(mirror, now)
    }

    fn adopting(&self, mirror: &Mirror, id: &BuildId) -> Result<Option<Guard>, StoreError> {
        let at = stage_of(id).child("ticket").unwrap_or_default();
        mirror.store().lock(&at, mirror.who(), Duration::ZERO).map(Some)
    }

    fn enter(&self, lock: &WriteLock<'_>, record: &BuildRecord) -> Result<(), StoreError> {
        lock.seal(record)
    }

    fn recover(&self, one: &Interrupted<'_>) -> Result<Settling, CommitError> {
        recover::recover(self, one)
    }
}
