//! How far a subscriber is, as it is known here and as it is written down.
//!
//! The number up to which events may have been sent is written before one above it is sent, and the number up to which
//! they are settled after the answer, so that a kill leaves nothing out and what is sent again is counted.

use super::DeliverError;
use crate::decide::deliver::Subscriber;
use crate::mirror::{Begin, Cursor, Failing, Found, KeptCursor, LastAnswer, Mirror, Parked};
use crate::model::Stamp;
use crate::record::Event;
use crate::store::StoreError;
use std::time::{Duration, Instant};

/// How many numbers are covered at once while events come one after the other.
const WINDOW: u64 = 128;

/// For how long what is settled may be known here alone.
const SOON: Duration = Duration::from_secs(1);

/// How far a subscriber is.
#[derive(Debug)]
pub(super) struct Progress<'m> {
    mirror: &'m Mirror,
    name: &'m str,
    cursor: Cursor,
    kept: KeptCursor,
    /// Events up to this number may have been sent before this process began.
    sent_before: u64,
    /// Those up to this number by this one.
    sent: u64,
    /// The line of the journal that is settled, where it is not written down yet.
    settled: Option<Event>,
    written: Instant,
    changed: bool,
}

/// How a subscriber begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Began {
    /// Where it was.
    Again,
    /// Where it once began: its cursor is lost.
    Over(u64),
    /// After that number, for the first time.
    New(u64),
}

impl<'m> Progress<'m> {
    /// Returns how far a subscriber is; one that is new begins now.
    pub(super) fn open(
        mirror: &'m Mirror,
        subscriber: &'m Subscriber,
        now: Stamp,
    ) -> Result<(Self, Began), DeliverError> {
        let name = &subscriber.name;
        let id = &mirror.config().id;
        let fresh = |(seq, sum): (u64, Option<String>), ahead: u64| Cursor {
            cursor: 1,
            mirror: id.clone(),
            seq,
            sum,
            ahead,
            delivered: 0,
            repeats: 0,
            failing: None,
            last: None,
        };
        let (cursor, kept, began) = match mirror.cursor(name)? {
            Found::Known(cursor, kept) => (cursor, kept, Began::Again),
            // Anything up to the newest event may have been sent.
            Found::Lost(begin, kept) => {
                let ahead = mirror.newest_event()?.max(begin.seq);
                (fresh((begin.seq, begin.sum), ahead), kept, Began::Over(begin.seq))
            }
            Found::New(kept) => {
                let (seq, sum) = match subscriber.since {
                    Some(first) => begins_with(mirror, name, first)?,
                    None => mirror.last_that_stays()?,
                };
                let begin = Begin { begin: 1, mirror: id.clone(), seq, sum: sum.clone(), at: now };
                mirror.begin_cursor(name, &begin)?;
                (fresh((seq, sum), seq), kept, Began::New(seq))
            }
        };
        let sent_before = cursor.ahead;
        let changed = began != Began::Again;
        let mut progress = Self {
            mirror,
            name,
            cursor,
            kept,
            sent_before,
            sent: 0,
            settled: None,
            written: Instant::now(),
            changed,
        };
        progress.write()?;
        Ok((progress, began))
    }

    /// Returns the number of the last line that is settled.
    pub(super) fn seq(&self) -> u64 {
        self.settled.as_ref().map_or(self.cursor.seq, |line| line.seq)
    }

    /// Returns the checksum of the line up to which everything is settled, where it is known.
    pub(super) fn sum(&self) -> Option<String> {
        self.settled.as_ref().map_or_else(|| self.cursor.sum.clone(), |line| Some(line.sum()))
    }

    /// Returns what was not accepted last.
    pub(super) fn failing(&self) -> Option<&Failing> {
        self.cursor.failing.as_ref()
    }

    /// Writes down that an event may be sent, before it is.
    pub(super) fn cover(&mut self, seq: u64) -> Result<(), StoreError> {
        self.sent = self.sent.max(seq);
        if seq <= self.cursor.ahead {
            return Ok(());
        }
        let more = if self.written.elapsed() < SOON { WINDOW - 1 } else { 0 };
        self.cursor.ahead = seq.saturating_add(more);
        self.changed = true;
        self.write()
    }

    /// Notes that an event was accepted; returns whether it may have been sent before.
    pub(super) fn accepted(&mut self, seq: u64, answer: String, now: Stamp) -> bool {
        let repeat = seq <= self.sent_before;
        self.cursor.delivered += 1;
        self.cursor.repeats += u64::from(repeat);
        self.cursor.last = Some(LastAnswer { at: now, seq, answer });
        self.cursor.failing = None;
        self.changed = true;
        repeat
    }

    /// Notes that so many events before it were accepted with an event that is a digest; returns how many of them may
    /// have been sent before.
    pub(super) fn accepted_with(&mut self, others: &[u64]) -> u64 {
        let repeats = others.iter().filter(|seq| **seq <= self.sent_before).count() as u64;
        self.cursor.delivered += others.len() as u64;
        self.cursor.repeats += repeats;
        repeats
    }

    /// Notes that a parked event was accepted, which was sent before.
    pub(super) fn accepted_again(&mut self, seq: u64, answer: String, now: Stamp) {
        self.cursor.delivered += 1;
        self.cursor.repeats += 1;
        self.cursor.last = Some(LastAnswer { at: now, seq, answer });
        self.is_settled(seq);
        self.changed = true;
    }

    /// Notes that an event waits for no answer any more.
    pub(super) fn is_settled(&mut self, seq: u64) {
        if self.cursor.failing.take_if(|failing| failing.seq == seq).is_some() {
            self.changed = true;
        }
    }

    /// Notes that an event was not accepted, and returns since when and how often.
    pub(super) fn not_accepted(&mut self, seq: u64, answer: &str, refused: bool, now: Stamp) -> Failing {
        let before = self.cursor.failing.take().filter(|failing| failing.seq == seq);
        let since = match &before {
            // That the receiver was away is not held against the event.
            Some(before) if before.refused || !refused => before.since,
            _ => now,
        };
        let tries = before.map_or(0, |before| before.tries).saturating_add(1);
        let failing = Failing { seq, since, tries, answer: answer.to_owned(), refused };
        self.cursor.last = Some(LastAnswer { at: now, seq, answer: answer.to_owned() });
        self.cursor.failing = Some(failing.clone());
        self.changed = true;
        failing
    }

    /// Parks an event, which is written down before the cursor goes on.
    pub(super) fn park(&mut self, failing: Failing, body: String, now: Stamp) -> Result<(), StoreError> {
        let Failing { seq, tries, answer, .. } = failing;
        let parked = Parked { parked: 1, seq, at: now, tries, answer, event: body, again: false };
        self.mirror.park(self.name, &parked)?;
        self.cursor.failing = None;
        self.changed = true;
        Ok(())
    }

    /// Notes that a line of the journal is settled; it is written down soon.
    pub(super) fn settle(&mut self, line: Event) -> Result<(), StoreError> {
        self.settled = Some(line);
        self.changed = true;
        if self.written.elapsed() >= SOON { self.write() } else { Ok(()) }
    }

    /// Goes back to the events from that number on, or to another place in a journal that is not the one it was.
    pub(super) fn replay(&mut self, since: u64) -> Result<(), StoreError> {
        let seq = since.saturating_sub(1);
        self.sent_before = self.sent_before.max(self.cursor.ahead);
        self.settled = None;
        self.cursor.seq = seq;
        self.cursor.sum = if seq == 0 { None } else { self.mirror.event(seq)?.map(|event| event.sum()) };
        self.cursor.failing = None;
        self.changed = true;
        self.write()
    }

    /// Writes down what is known, where it is not written down.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        // What was covered and not sent is no repeat later.
        let sent = self.seq().max(self.sent).max(self.sent_before);
        if self.cursor.ahead > sent {
            self.cursor.ahead = sent;
            self.changed = true;
        }
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if let Some(line) = self.settled.take() {
            self.cursor.seq = line.seq;
            self.cursor.sum = Some(line.sum());
            self.changed = true;
        }
        if self.changed {
            self.mirror.keep_cursor(self.name, &self.cursor, &mut self.kept)?;
            self.changed = false;
            self.written = Instant::now();
        }
        Ok(())
    }
}

/// Returns the place before the event with that number, which has to be there or the next one.
fn begins_with(mirror: &Mirror, name: &str, first: u64) -> Result<(u64, Option<String>), DeliverError> {
    let (seq, newest) = (first.saturating_sub(1), mirror.newest_event()?);
    if seq > newest {
        let next = newest + 1;
        return Err(DeliverError::Asked(format!(
            "`{name}` cannot begin with event {first}: the journal ends with event {newest}; at most {next} is accepted"
        )));
    }
    Ok((seq, mirror.event(seq)?.map(|line| line.sum())))
}
