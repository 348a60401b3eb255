//! Taking the lock of a mirror, and checking at once whether its journal lost events.

use super::anchors::Anchors;
use super::write_lock::{LockError, WriteLock};
use super::{Journal, JournalError, Mirror, journal};
use crate::model::{RelPath, Stamp};
use crate::record::Event;
use crate::store::StoreErrorKind;

impl Mirror {
    /// Takes the write lock, waiting for other processes as long as the mirror was opened with, and runs `recover`
    /// under it.
    ///
    /// Operations take the lock through a session. Fails if events of the journal were lost, as far as what refers to
    /// them shows.
    pub(crate) fn lock_and_recover<'m, T, E: From<LockError>>(
        &'m self,
        clock: &'m (dyn Fn() -> Stamp + Sync),
        recover: impl FnOnce(&WriteLock<'m>) -> Result<T, E>,
    ) -> Result<(WriteLock<'m>, T), E> {
        let lock = self.whole_lock(clock)?;
        let recovered = recover(&lock)?;
        Ok((lock, recovered))
    }

    /// Takes the lock; fails if events of the journal were lost.
    fn whole_lock<'m>(&'m self, clock: &'m (dyn Fn() -> Stamp + Sync)) -> Result<WriteLock<'m>, LockError> {
        let lock = self.lock_over(clock, || Ok(()))?;
        lock.is_of_this_mirror()?;
        let last = lock.next_seq().saturating_sub(1);
        let found = Anchors::read(self).and_then(|anchors| anchors.contradict(self, last));
        match found.map_err(LockError::Store)?.into_iter().next() {
            Some(lost) => Err(LockError::Journal(lost.into())),
            None => Ok(lock),
        }
    }

    /// Returns the changes that were begun and have no outcome yet, without a lock: one of them may be in progress.
    pub fn unsettled(&self) -> Result<Vec<Event>, LockError> {
        let open = journal::unsettled(self.store())?;
        let history = journal::history(self.store(), &[])?;
        if let Some(other) = history.of_others(&self.config().id).into_iter().next() {
            return Err(LockError::Journal(other.into()));
        }
        let last = history.last;
        let found = Anchors::read(self).and_then(|anchors| anchors.contradict(self, last));
        match found.map_err(LockError::Store)?.into_iter().next() {
            Some(lost) => Err(LockError::Journal(lost.into())),
            None => Ok(open),
        }
    }

    /// Takes the lock, and reads the journal after `before`.
    pub(super) fn lock_over<'m>(
        &'m self,
        clock: &'m (dyn Fn() -> Stamp + Sync),
        before: impl FnOnce() -> Result<(), JournalError>,
    ) -> Result<WriteLock<'m>, LockError> {
        let guard = self.store().lock(&RelPath::state("lock"), self.who(), self.wait());
        let guard = guard.map_err(|error| match error.kind() {
            StoreErrorKind::Busy => LockError::Busy(error),
            _ => LockError::Store(error),
        })?;
        self.is_still_there()?;
        before()?;
        let journal = Journal::open(self.store(), self.who().to_owned())?.stating(&self.config().id);
        Ok(WriteLock::over(self, clock, journal, guard))
    }
}
