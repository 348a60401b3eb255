//! One look at the end of the journal for all subscribers.

use crate::mirror::{JournalMark, Mirror};
use crate::ops::events::TICK;
use crate::progress::CancelToken;
use crate::store::StoreError;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What all subscribers wait for.
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
    /// How many subscribers are still at work.
    working: usize,
}

impl News {
    /// Returns a look that so many subscribers wait for.
    pub(super) fn for_so_many(working: usize) -> Self {
        Self { seen: Mutex::new(Seen { working, ..Seen::default() }), came: Condvar::new() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often something was new; who waits takes it before reading the journal.
    pub(super) fn count(&self) -> u64 {
        self.seen().count
    }

    /// Notes that a subscriber is not at work any more.
    pub(super) fn left(&self) {
        self.seen().working -= 1;
    }

    /// Returns whether a subscriber is still at work.
    pub(super) fn is_awaited(&self) -> bool {
        self.seen().working > 0
    }

    /// Looks at the end of the journal, and wakes those who wait where it is another one.
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

    /// Waits until something is new since `count`, at most so long, or until the command is to stop.
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
