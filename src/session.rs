//! What every operation gets: the mirror, the time, where to report progress, and cancellation.
//!
//! A session is how an operation takes the write lock: what an interrupted command left is recovered first, so that
//! no operation can forget that.

use crate::mirror::{Mirror, WriteLock};
use crate::model::Stamp;
use crate::progress::{CancelToken, Interrupted, NoProgress, Watch};
use crate::recover::{RecoverError, begin};
use std::fmt;

/// One running command on one mirror.
#[derive(Clone)]
pub struct Session<'a> {
    mirror: &'a Mirror,
    clock: &'a (dyn Fn() -> Stamp + Sync),
    progress: &'a dyn Watch,
    stop: CancelToken,
}

impl<'a> Session<'a> {
    /// Returns a session that reports no progress and is never cancelled.
    pub fn new(mirror: &'a Mirror, clock: &'a (dyn Fn() -> Stamp + Sync)) -> Self {
        Self { mirror, clock, progress: &NoProgress, stop: CancelToken::new() }
    }

    /// Returns the session with progress reported to `progress`.
    #[must_use]
    pub fn reporting_to(self, progress: &'a dyn Watch) -> Self {
        Self { progress, ..self }
    }

    /// Returns the session cancelled by `stop`.
    #[must_use]
    pub fn cancelled_by(self, stop: &CancelToken) -> Self {
        Self { stop: stop.clone(), ..self }
    }

    /// Returns the mirror.
    pub fn mirror(&self) -> &'a Mirror {
        self.mirror
    }

    /// Returns the time now.
    pub fn now(&self) -> Stamp {
        (self.clock)()
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> &'a (dyn Fn() -> Stamp + Sync) {
        self.clock
    }

    /// Returns where progress is reported.
    pub fn progress(&self) -> &'a dyn Watch {
        self.progress
    }

    /// Returns what cancels the session.
    pub fn stop(&self) -> &CancelToken {
        &self.stop
    }

    /// Fails if the session was cancelled.
    pub fn check_cancelled(&self) -> Result<(), Interrupted> {
        self.stop.check()
    }

    /// Takes the write lock and recovers what an interrupted command left.
    pub fn begin(&self) -> Result<WriteLock<'a>, RecoverError> {
        begin(self.mirror, self.clock).map(|(lock, _)| lock)
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("mirror", self.mirror).finish_non_exhaustive()
    }
}
