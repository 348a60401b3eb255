//! The end of the journal: the events after one that a command knows.

use super::{JournalError, Mirror, journal};
use crate::record::Event;

impl Mirror {
    /// Returns the events after the one with that number; nothing if the journal does not have all of them.
    pub fn events_after(&self, seq: u64) -> Result<Option<Vec<Event>>, JournalError> {
        journal::after(self.store(), seq)
    }

    /// Returns the number of the last event in the last file of the journal; 0 if there is none.
    pub fn newest_event(&self) -> Result<u64, JournalError> {
        journal::newest(self.store())
    }
}
