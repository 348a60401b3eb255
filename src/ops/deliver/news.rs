//! One look at the end of the journal for all subscribers.

use crate::mirror::{JournalMark, Mirror};
use crate::ops::events::TICK;
use crate::progress::CancelToken;
use crate::store::StoreError;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The news for which all subscribers wait.
#[derive(Debug, Default)]
pub(super) struct News {
    seen: Mutex<Seen>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    mark: JournalMark,
    /// How often something was new.
    count: u64,
    /// The number of subscribers that are still working.
    working: usize,
}

impl News {
    /// Returns the news for this number of subscribers.
    pub(super) fn for_so_many(working: usize) -> Self {
        Self { seen: Mutex::new(Seen { working, ..Seen::default() }), came: Condvar::new() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often something was new; take it before reading the journal, then wait.
    pub(super) fn count(&self) -> u64 {
        self.seen().count
    }

    /// Records that a subscriber has stopped.
    pub(super) fn left(&self) {
        self.seen().working -= 1;
    }

    /// Returns whether a subscriber is still working.
    pub(super) fn is_awaited(&self) -> bool {
        self.seen().working > 0
    }

    /// Looks at the end of the journal, and wakes the waiting subscribers if it changed.
    pub(super) fn look(&self, mirror: &Mirror) -> Result<(), StoreError> {
        let mark = mirror.journal_mark()?;
        let mut seen = self.seen();
        if seen.mark != mark {
            seen.mark = mark;
            seen.count += 1;
            self.came.notify_all();
        }
        Ok(())
    }

    /// Waits until something is new since `count`, for at most this time, or until the command is cancelled.
    pub(super) fn wait(&self, count: u64, most: Duration, stop: &CancelToken) {
        let began = Instant::now();
        let mut seen = self.seen();
        while seen.count == count && stop.check().is_ok() {
            let left = most.saturating_sub(began.elapsed());
            if left.is_zero() {
                return;
            }
            seen = self.came.wait_timeout(seen, left.min(TICK)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
