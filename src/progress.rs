//! Progress and cancellation of long operations.

use crate::model::{Class, Classify, ErrorKind, RelPath};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A receiver of progress; every method may be called from many threads.
pub trait Watch: Sync {
    /// The total is known: this many files with this many bytes.
    fn expect(&self, what: &str, files: u64, bytes: u64);
    /// This many more bytes were processed.
    fn bytes(&self, bytes: u64);
    /// One more file is done.
    fn file(&self, path: &RelPath);
    /// A warning for the user, although nothing failed.
    fn say(&self, message: &str);
}

/// A receiver that ignores progress.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Watch for NoProgress {
    fn expect(&self, _: &str, _: u64, _: u64) {}
    fn bytes(&self, _: u64) {}
    fn file(&self, _: &RelPath) {}
    fn say(&self, _: &str) {}
}

/// A request to stop at the next safe point, made by a signal.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

/// An operation stopped because it was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Classify for Interrupted {
    fn class(&self) -> Class {
        ErrorKind::Interrupted.hint("run the same command again to continue")
    }
}

impl CancelToken {
    /// Returns a token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Fails if it was cancelled.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }
}

/// Fails if the operation was cancelled.
pub(crate) fn check_cancelled(stop: Option<&CancelToken>) -> Result<(), Interrupted> {
    stop.map_or(Ok(()), CancelToken::check)
}
