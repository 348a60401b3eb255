//! Being watched and being stopped while a long act runs.

use crate::model::{Class, Classify, ErrorKind, RelPath};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Somebody who is told how far an act is; every method may be called from many threads.
pub trait Watch: Sync {
    /// The work ahead is known: so many files with so many bytes.
    fn expect(&self, what: &str, files: u64, bytes: u64);
    /// So many bytes more were worked through.
    fn bytes(&self, bytes: u64);
    /// One more file is done.
    fn file(&self, path: &RelPath);
    /// Something that a person should know, though it is no error.
    fn say(&self, message: &str);
}

/// A watcher who does not look.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Watch for NoProgress {
    fn expect(&self, _: &str, _: u64, _: u64) {}
    fn bytes(&self, _: u64) {}
    fn file(&self, _: &RelPath) {}
    fn say(&self, _: &str) {}
}

/// A wish to stop at the next safe point, raised by a signal.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

/// Says that an act stopped because it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Classify for Interrupted {
    fn class(&self) -> Class {
        ErrorKind::Interrupted.into()
    }
}

impl CancelToken {
    /// Returns a wish that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the flag itself, for a signal handler to raise.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Fails when it was raised.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
    }
}

/// Fails when somebody asked to stop.
pub(crate) fn check_cancelled(stop: Option<&CancelToken>) -> Result<(), Interrupted> {
    stop.map_or(Ok(()), CancelToken::check)
}
