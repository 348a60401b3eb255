//! The write lock: the right to change a mirror, one holder at a time, for as long as a commit takes.
//!
//! It is taken around commit points only, never while bytes are copied or swept. Taking it fails if another process
//! keeps it longer than the mirror waits, if another mirror is at the path, and if the journal is damaged. It is
//! released when its value is dropped, and by the kernel when the process dies.

use super::{Fact, Journal, JournalError, Mirror, MirrorError};
use crate::model::{Class, Classify, ErrorKind, Stamp};
use crate::record::{Event, Payload, Phase};
use crate::store::{Guard, StoreError};
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The right to change one mirror.
#[must_use = "the right to change the mirror is given back when the lock is dropped"]
pub struct WriteLock<'m> {
    mirror: &'m Mirror,
    clock: &'m (dyn Fn() -> Stamp + Sync),
    journal: Mutex<Journal>,
    guard: Guard,
}

/// Why the write lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the mirror is busy")]
    Busy(#[source] StoreError),
    /// The mirror is gone, or is a different one.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot lock the mirror")]
    Store(#[source] StoreError),
}

impl Classify for LockError {
    fn class(&self) -> Class {
        match self {
            Self::Busy(_) => ErrorKind::Busy.into(),
            Self::Mirror(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl<'m> WriteLock<'m> {
    /// Returns the right to change a mirror whose lock was taken.
    pub(super) fn over(
        mirror: &'m Mirror,
        clock: &'m (dyn Fn() -> Stamp + Sync),
        journal: Journal,
        guard: Guard,
    ) -> Self {
        Self { mirror, clock, journal: Mutex::new(journal), guard }
    }
}

impl WriteLock<'_> {
    /// Returns the mirror that may be changed.
    pub fn mirror(&self) -> &Mirror {
        self.mirror
    }

    /// Returns the time now.
    pub fn now(&self) -> Stamp {
        (self.clock)()
    }

    /// Returns what a command inherits so that the mirror stays locked while it runs, even if this process is killed.
    pub(crate) fn inherited(&self) -> Option<OwnedFd> {
        self.guard.file()
    }

    /// Records an event without an intent.
    pub fn note(&self, at: Stamp, to: impl ToString, payload: &Payload) -> Result<u64, JournalError> {
        self.outcome(at, (Phase::Done, None), Fact::new(to, payload))
    }

    /// Records an intent.
    pub(super) fn intend(&self, at: Stamp, fact: Fact) -> Result<u64, JournalError> {
        self.journal().intend(self.mirror.store(), at, fact)
    }

    /// Records the outcome of the intent with that number.
    pub(super) fn outcome(
        &self,
        at: Stamp,
        outcome: (Phase, Option<u64>),
        fact: Fact,
    ) -> Result<u64, JournalError> {
        self.journal().tell(self.mirror.store(), at, outcome, fact)
    }

    /// Returns when the last event before this lock happened.
    pub fn last_event(&self) -> Option<Stamp> {
        self.journal().last_event()
    }

    /// Returns the number that the next event will have.
    pub fn next_seq(&self) -> u64 {
        self.journal().next_seq()
    }

    /// Returns the intents that an interrupted command left, oldest first.
    pub fn unsettled(&self) -> Vec<Event> {
        self.journal().unsettled().to_vec()
    }

    /// Fails if the journal states the ID of another mirror.
    pub(super) fn is_of_this_mirror(&self) -> Result<(), JournalError> {
        Ok(self.journal().belongs_to(&self.mirror.config().id)?)
    }

    /// Makes the journal continue with a higher number.
    pub(super) fn skip_to(&self, next: u64) {
        self.journal().skip_to(next);
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WriteLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteLock").field("mirror", self.mirror).finish_non_exhaustive()
    }
}
