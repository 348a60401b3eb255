//! The commit protocol of stores that move trees: one rename makes a build visible, another moves it to the trash.

mod discard;
mod recover;
mod stage;
mod tree;
mod trim;
mod untrash;

use crate::commit::interrupted::{Interrupted, Settling};
use crate::commit::protocol::{CommitProtocol, Marked, Prepared, Progress, StagedBuild};
use crate::commit::stage::{Sealed, clear};
use crate::commit::unsealed::Unsealed;
use crate::commit::{CommitError, StageError};
use crate::mirror::{JournalError, Mirror, StateError, Trashed, WriteLock, chain};
use crate::model::{BuildId, RelPath, Stamp};
use crate::progress::{CancelToken, check_cancelled};
use crate::record::{BuildRecord, Event, Manifest, Origin};
use crate::store::{Guard, StoreError, Swept};

/// Commits by rename.
pub(super) struct Directory;

impl CommitProtocol for Directory {
    fn is_place_free(&self, _: &Mirror, _: &BuildId) -> Result<bool, CommitError> {
        Ok(true)
    }

    fn stage<'m>(
        &self,
        mirror: &'m Mirror,
        id: &BuildId,
        _: &RelPath,
    ) -> Result<Box<dyn StagedBuild + 'm>, StageError> {
        stage::open(mirror, id)
    }

    fn abandon(&self, mirror: &Mirror, sealed: Sealed) -> Result<(), StoreError> {
        clear(mirror.store(), &sealed.at)
    }

    fn commit(&self, lock: &WriteLock<'_>, sealed: &mut Sealed, _: Stamp) -> Result<(), StoreError> {
        lock.mirror().store().rename_tree(&sealed.tree(), &sealed.seal.path)
    }

    fn progress(&self, mirror: &Mirror, sealed: &Sealed) -> Progress {
        // A move can report a failure after it happened: then it is not undone, and the next command finishes it.
        match is_in_place(mirror, sealed) {
            Ok(false) => Progress::Nothing,
            _ => Progress::Unknown,
        }
    }

    fn committed(&self, mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, CommitError> {
        let Some(stage) = intent.stated().stage else { return Ok(None) };
        if mirror.store().look(&stage.child("tree").unwrap_or_default())?.is_some() {
            // The tree itself would be at its path: whatever else the stage has, the build is not published.
            return Ok(None);
        }
        let sealed = match Sealed::read(mirror, &stage) {
            Err(error) if error.kind().is_damage() => {
                let to = &intent.to;
                mirror.warnings().add(format!(
                    "`{to}` cannot be finished: {}; if it is in its place, `mirrorkeep adopt {to}` records it",
                    chain(&error)
                ));
                None
            }
            sealed => sealed?,
        };
        let Some(sealed) = sealed else {
            return recorded(mirror, intent, stage);
        };
        Ok(is_in_place(mirror, &sealed).map_err(StateError::from)?.then_some(sealed))
    }

    fn identity(&self, mirror: &Mirror, path: &RelPath) -> Result<Option<(u64, u64)>, StoreError> {
        Ok(mirror.store().look(path)?.map(|tree| tree.inode))
    }

    fn mark(&self, _: &WriteLock<'_>, _: &BuildId) -> Result<Marked, StoreError> {
        Ok(Marked::Alone)
    }

    fn unmark(&self, _: &WriteLock<'_>, _: &BuildId) -> Result<(), StoreError> {
        Ok(())
    }

    fn trash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        lock.mirror().store().rename_tree(&trashed.ticket.path, &trashed.tree())
    }

    fn is_trashed(&self, mirror: &Mirror, trashed: &Trashed) -> Result<bool, StoreError> {
        Ok(mirror.store().look(&trashed.tree())?.is_some())
    }

    fn follow(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        lock.file_away(&trashed.at, &trashed.ticket.id)?;
        lock.file_logs_away(&trashed.at, &trashed.ticket.id)
    }

    fn may_untrash(&self, _: &Mirror, _: &Trashed) -> Result<(), CommitError> {
        Ok(())
    }

    fn untrash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
        untrash::put_back(lock, trashed)
    }

    fn end_untrash(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        tell: Box<dyn FnOnce() -> Result<(), JournalError> + '_>,
    ) -> Result<(), CommitError> {
        tell()?;
        Ok(self.delete_trash_entry(lock.mirror(), &trashed.at)?)
    }

    fn prepare_trim(
        &self,
        mirror: &Mirror,
        _: &BuildId,
        path: &RelPath,
        goes: &dyn Fn(&RelPath) -> bool,
    ) -> Result<Prepared, CommitError> {
        trim::prepare(mirror, path, goes)
    }

    fn due<'t>(&self, waiting: &'t [Trashed], over: &dyn Fn(&Trashed) -> bool) -> Vec<&'t Trashed> {
        waiting.iter().filter(|trashed| over(trashed)).collect()
    }

    fn mark_swept(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        going: &RelPath,
    ) -> Result<(), CommitError> {
        Ok(lock.mirror().store().rename_tree(&trashed.at, going)?)
    }

    fn sweep(
        &self,
        mirror: &Mirror,
        going: Vec<RelPath>,
        stop: Option<&CancelToken>,
    ) -> Result<Vec<(RelPath, Swept)>, CommitError> {
        let one = |at: RelPath| check_cancelled(stop).map(|()| (at.clone(), mirror.store().sweep(&at)));
        Ok(going.into_iter().map(one).collect::<Result<_, _>>()?)
    }

    fn delete_trash_entry(&self, mirror: &Mirror, at: &RelPath) -> Result<(), StoreError> {
        discard::delete_trash_entry(mirror.store(), at)
    }

    fn unsealed(&self, _: &Mirror, _: Stamp) -> Result<Vec<Unsealed>, StateError> {
        Ok(Vec::new())
    }

    fn adopting(&self, _: &Mirror, _: &BuildId) -> Result<Option<Guard>, StoreError> {
        Ok(None)
    }

    fn enter(&self, lock: &WriteLock<'_>, record: &BuildRecord) -> Result<(), StoreError> {
        lock.write_record(record)
    }

    fn recover(&self, one: &Interrupted<'_>) -> Result<Settling, CommitError> {
        recover::recover(one)
    }
}

/// Returns a build that is at its path with its record, although its stage is gone: the record is written after the
/// tree was moved there, and removed with it.
fn recorded(mirror: &Mirror, intent: &Event, stage: RelPath) -> Result<Option<Sealed>, CommitError> {
    let Ok(id) = intent.to.parse::<BuildId>() else { return Ok(None) };
    if !mirror.has_build(&id)? {
        return Ok(None);
    }
    let result = intent.details.get("result").and_then(|result| result.as_str());
    let record = mirror
        .record(&id)?
        .filter(|record| record.origin == Origin::Published && Some(record.result.as_str()) == result);
    let Some(record) = record else { return Ok(None) };
    let path = mirror.layout().build_path(&id).unwrap_or_default();
    Ok(Some(Sealed::sent(stage, path, record, Manifest::default(), None)))
}

/// Returns whether exactly the tree of a stage is at the build's path.
fn is_in_place(mirror: &Mirror, sealed: &Sealed) -> Result<bool, StoreError> {
    let there = mirror.store().look(&sealed.seal.path)?;
    Ok(there.is_some_and(|entry| entry.inode.1 == sealed.seal.inode.1))
}
