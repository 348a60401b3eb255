//! Taking the lock of a mirror, and looking at once whether events of its journal were lost.

use super::anchors::Anchors;
use super::write_lock::{LockError, WriteLock};
use super::{Journal, JournalError, Mirror, journal};
use crate::model::RelPath;
use crate::record::Event;
use crate::store::StoreErrorKind;

impl Mirror {
    /// Takes the right to change the mirror, waiting for others as long as the mirror was opened with.
    ///
    /// Fails when events of the journal were lost, as far as what refers to them shows.
    pub fn lock(&self) -> Result<WriteLock<'_>, LockError> {
        let lock = self.lock_over(|| Ok(()))?;
        let last = lock.next_seq().saturating_sub(1);
        let found = Anchors::read(self).and_then(|anchors| anchors.contradict(self, last));
        match found.map_err(LockError::Store)?.into_iter().next() {
            Some(lost) => Err(LockError::Journal(lost.into())),
            None => Ok(lock),
        }
    }

    /// Returns the changes that were begun and have no outcome yet, without a lock: one of them may be underway.
    pub fn unsettled(&self) -> Result<Vec<Event>, LockError> {
        let open = journal::unsettled(self.store())?;
        let last = journal::last_event(self.store())?;
        let found = Anchors::read(self).and_then(|anchors| anchors.contradict(self, last));
        match found.map_err(LockError::Store)?.into_iter().next() {
            Some(lost) => Err(LockError::Journal(lost.into())),
            None => Ok(open),
        }
    }

    /// Takes the lock, and reads the journal after `before`.
    pub(super) fn lock_over(
        &self,
        before: impl FnOnce() -> Result<(), JournalError>,
    ) -> Result<WriteLock<'_>, LockError> {
        let guard = self.store().lock(&RelPath::own("lock"), self.who(), self.wait());
        let guard = guard.map_err(|error| match error.kind() {
            StoreErrorKind::Busy => LockError::Busy(error),
            _ => LockError::Store(error),
        })?;
        self.is_still_there()?;
        before()?;
        let journal = Journal::open(self.store(), self.who().to_owned())?;
        Ok(WriteLock::over(self, journal, guard))
    }
}
