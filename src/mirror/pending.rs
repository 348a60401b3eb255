//! An intent of the journal that has no outcome yet.

use super::{Fact, JournalError, WriteLock};
use crate::model::Stamp;
use crate::record::{Event, Payload, Phase};

/// An intent whose outcome is to be written.
///
/// If it is dropped without one, it stays open, as after a kill: the next command checks whether the change happened,
/// and writes the outcome.
#[derive(Debug)]
#[must_use = "an intent without an outcome is left to the next command; call `done` or `undone`"]
pub struct Pending<'l> {
    lock: &'l WriteLock<'l>,
    seq: u64,
    fact: Fact,
}

impl Pending<'_> {
    /// Records that it happened.
    pub fn done(self, at: Stamp) -> Result<(), JournalError> {
        self.lock.outcome(at, (Phase::Done, Some(self.seq)), self.fact).map(drop)
    }

    /// Records that it happened, with fields that are known only now.
    pub fn done_as(self, at: Stamp, payload: &Payload) -> Result<(), JournalError> {
        let fact = Fact::new(&self.fact.to, payload);
        self.lock.outcome(at, (Phase::Done, Some(self.seq)), fact).map(drop)
    }

    /// Records that it did not happen, and that the mirror is as it was.
    pub fn undone(self, at: Stamp) -> Result<(), JournalError> {
        self.lock.outcome(at, (Phase::Undone, Some(self.seq)), self.fact).map(drop)
    }
}

impl WriteLock<'_> {
    /// Records what is about to happen; write its outcome later.
    pub fn begin(
        &self,
        at: Stamp,
        to: impl ToString,
        payload: &Payload,
    ) -> Result<Pending<'_>, JournalError> {
        let fact = Fact::new(to, payload);
        let seq = self.intend(at, fact.clone())?;
        Ok(Pending { lock: self, seq, fact })
    }

    /// Returns an intent that an interrupted command left; write its outcome later.
    pub fn resume(&self, intent: &Event) -> Pending<'_> {
        Pending { lock: self, seq: intent.seq, fact: Fact::of(intent) }
    }
}
