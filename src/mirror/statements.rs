//! Statements of the journal about directories of the trash, cached while a mirror is open.

use crate::model::{RelPath, Stamp};
use crate::record::Event;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The suffix of a directory that is being swept.
pub const GOING: &str = ".going";

/// Statements of the journal about directories of the trash, as far as read: an event does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Statements(Arc<Mutex<BTreeMap<u64, Stated>>>);

/// The statements of the journal about one directory.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    /// The event that names the directory.
    pub(super) event: Event,
    /// When its outcome was written.
    pub(super) settled: Option<Stamp>,
}

/// Returns the number of the event by which a directory of the trash is named; none if its name is not one.
pub(crate) fn number_of(at: &RelPath) -> Option<u64> {
    let name = at.name().strip_suffix(GOING).unwrap_or(at.name());
    let number: u64 = name.parse().ok()?;
    (format!("{number:012}") == name).then_some(number)
}

/// Returns the last instant at which a build can be restored, as an event states it.
pub(crate) fn term_of(event: &Event) -> Option<Stamp> {
    event.stated().until
}

impl Statements {
    /// Returns what is known, by the number of the event.
    pub(super) fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Stated>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
