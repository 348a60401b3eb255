//! Reading source files on their way into the mirror: with progress, cancellable, and checked for changes.

use crate::commit::filling::{StageError, Tally};
use crate::model::Digest;
use crate::progress::{CancelToken, Watch};
use crate::source::{OpenSource, SourceEntry, SourceProblem, Watched, hash};
use crate::store::{Filled, StoreError};
use std::sync::atomic::Ordering;

/// What all readers of the source share.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) watch: &'a dyn Watch,
    pub(crate) stop: &'a CancelToken,
    pub(crate) tally: &'a Tally,
}

impl Reading<'_> {
    /// Returns what a store reads from, which reports progress.
    pub(crate) fn watched<'o>(&'o self, open: &'o mut OpenSource) -> Watched<'o, &'o mut OpenSource> {
        Watched { from: open, watch: self.watch, stop: self.stop }
    }

    /// Reads the file only for its digest, and returns to its start; a recorded digest is not computed again.
    pub(crate) fn digest(&self, entry: &SourceEntry, open: &mut OpenSource) -> Result<Digest, StageError> {
        if let Some(digest) = entry.digest() {
            return Ok(digest);
        }
        let digest = hash(&mut self.watched(open)).map_err(|error| self.unreadable(entry, error))?;
        entry.unchanged(open)?;
        open.rewind().map_err(|error| self.unreadable(entry, error))?;
        Ok(digest)
    }

    /// Fails unless what arrived in the store is the file as it was found; `known` is its digest, if it was read
    /// before.
    pub(crate) fn arrived(
        &self,
        entry: &SourceEntry,
        open: &mut OpenSource,
        known: Option<Digest>,
        filled: Result<Filled, StoreError>,
    ) -> Result<Digest, StageError> {
        let filled = filled.map_err(|error| match (self.stop.check(), open.problem()) {
            (Err(interrupted), _) => StageError::from(interrupted),
            (Ok(()), Some(problem)) => problem.into(),
            (Ok(()), None) => error.into(),
        })?;
        entry.unchanged(open)?;
        if filled.size != entry.size || known.is_some_and(|digest| digest != filled.digest) {
            return Err(SourceProblem::Changed { path: entry.from().display().to_string() }.into());
        }
        self.tally.copied.fetch_add(filled.size, Ordering::Relaxed);
        Ok(filled.digest)
    }

    /// Counts a file whose bytes the store already had.
    pub(crate) fn shared(&self, size: u64) {
        self.tally.shared.fetch_add(1, Ordering::Relaxed);
        self.tally.shared_bytes.fetch_add(size, Ordering::Relaxed);
    }

    fn unreadable(&self, entry: &SourceEntry, source: std::io::Error) -> StageError {
        match self.stop.check() {
            Err(interrupted) => interrupted.into(),
            Ok(()) => StageError::Read { path: entry.from().display().to_string(), source },
        }
    }
}
