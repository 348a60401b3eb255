//! The progress of a subscriber, in memory and as written.
//!
//! The number up to which events may have been sent is written before an event above it is sent, and the number up to
//! which they are settled after the answer, so that a kill loses nothing and repetitions are counted.

use super::DeliverError;
use crate::decide::deliver::Subscriber;
use crate::mirror::{Begin, Cursor, Failing, Found, KeptCursor, LastAnswer, Mirror, Parked};
use crate::model::Stamp;
use crate::record::Event;
use crate::store::StoreError;
use std::time::{Duration, Instant};

/// How many numbers one write covers at least and at most while events follow each other: twice as many as the one before, so that
/// thousands of events take a few writes.
const WINDOW: (u64, u64) = (128, 8192);

/// How long a settled number may be in memory only.
const SOON: Duration = Duration::from_secs(1);

/// The progress of a subscriber.
#[derive(Debug)]
pub(super) struct Progress<'m> {
    mirror: &'m Mirror,
    name: &'m str,
    cursor: Cursor,
    kept: KeptCursor,
    /// Events up to this number may have been sent before this process began.
    sent_before: u64,
    /// Events up to this number may have been sent by this process.
    sent: u64,
    /// That number at the last write.
    sent_then: u64,
    /// How many numbers the last write covered.
    window: u64,
    /// The settled line of the journal, if it is not written yet.
    settled: Option<Event>,
    written: Instant,
    changed: bool,
}

/// Where a subscriber begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Began {
    /// Where it stopped.
    Again,
    /// Where it first began: its cursor is lost.
    Over(u64),
    /// After that number, for the first time.
    New(u64),
}

impl<'m> Progress<'m> {
    /// Returns the progress of a subscriber; a new one begins now.
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
        let (sent_before, sent) = (cursor.ahead, cursor.seq);
        let changed = began != Began::Again;
        let mut progress = Self {
            mirror,
            name,
            cursor,
            kept,
            sent_before,
            sent,
            sent_then: sent,
            window: 0,
            settled: None,
            written: Instant::now(),
            changed,
        };
        progress.write()?;
        Ok((progress, began))
    }

    /// Returns the number of the last settled line.
    pub(super) fn seq(&self) -> u64 {
        self.settled.as_ref().map_or(self.cursor.seq, |line| line.seq)
    }

    /// Returns the checksum of the last settled line, if known.
    pub(super) fn sum(&self) -> Option<String> {
        self.settled.as_ref().map_or_else(|| self.cursor.sum.clone(), |line| Some(line.sum()))
    }

    /// Returns the event that was last not accepted.
    pub(super) fn failing(&self) -> Option<&Failing> {
        self.cursor.failing.as_ref()
    }

    /// Records that an event may be sent, before it is sent.
    pub(super) fn cover(&mut self, seq: u64) -> Result<(), StoreError> {
        self.sent = self.sent.max(seq);
        if seq <= self.cursor.ahead {
            return Ok(());
        }
        let is_soon = self.written.elapsed() < SOON;
        self.window = if is_soon { (self.window * 2).clamp(WINDOW.0, WINDOW.1) } else { 1 };
        self.cursor.ahead = seq.saturating_add(self.window - 1);
        self.changed = true;
        self.write()
    }

    /// Records that an event was accepted; returns whether it may have been sent before.
    pub(super) fn accepted(&mut self, seq: u64, answer: String, now: Stamp) -> bool {
        let repeat = seq <= self.sent_before;
        self.cursor.delivered += 1;
        self.cursor.repeats += u64::from(repeat);
        self.cursor.last = Some(LastAnswer { at: now, seq, answer });
        self.cursor.failing = None;
        self.changed = true;
        repeat
    }

    /// Records that these preceding events were accepted with an event that is a digest; returns how many of them may
    /// have been sent before.
    pub(super) fn accepted_with(&mut self, others: &[u64]) -> u64 {
        let repeats = others.iter().filter(|seq| **seq <= self.sent_before).count() as u64;
        self.cursor.delivered += others.len() as u64;
        self.cursor.repeats += repeats;
        repeats
    }

    /// Records that a parked event was accepted, which was sent before.
    pub(super) fn accepted_again(&mut self, seq: u64, answer: String, now: Stamp) {
        self.cursor.delivered += 1;
        self.cursor.repeats += 1;
        self.cursor.last = Some(LastAnswer { at: now, seq, answer });
        self.is_settled(seq);
        self.changed = true;
    }

    /// Records that an event no longer waits for an answer.
    pub(super) fn is_settled(&mut self, seq: u64) {
        if self.cursor.failing.take_if(|failing| failing.seq == seq).is_some() {
            self.changed = true;
        }
    }

    /// Records that an event was not accepted, and returns since when and how often. Of the time since the try before, at
    /// most `most` seconds count.
    pub(super) fn not_accepted(
        &mut self,
        seq: u64,
        answer: &str,
        refused: bool,
        (now, most): (Stamp, i64),
    ) -> Failing {
        let before = self.cursor.failing.take().filter(|failing| failing.seq == seq);
        // Time during which the receiver was away before its first refusal does not count.
        let since = match &before {
            // A later time is from a wrong clock.
            Some(before) if before.refused || !refused => before.since.min(now),
            _ => now,
        };
        let last = self.cursor.last.as_ref().filter(|last| last.seq == seq).map_or(now, |last| last.at);
        let counted = before.as_ref().filter(|before| before.refused);
        let waited = counted.map_or(0, |before| before.waited.saturating_add(now.since(last).clamp(0, most)));
        let refused = refused || before.as_ref().is_some_and(|before| before.refused);
        let tries = before.map_or(0, |before| before.tries).saturating_add(1);
        let failing = Failing { seq, since, tries, answer: answer.to_owned(), refused, waited };
        self.cursor.last = Some(LastAnswer { at: now, seq, answer: answer.to_owned() });
        self.cursor.failing = Some(failing.clone());
        self.changed = true;
        failing
    }

    /// Parks an event, which is written before the cursor advances.
    pub(super) fn park(&mut self, failing: Failing, body: String, now: Stamp) -> Result<(), StoreError> {
        let Failing { seq, tries, answer, .. } = failing;
        let parked = Parked { parked: 1, seq, at: now, tries, answer, event: body, again: false };
        self.mirror.park(self.name, &parked)?;
        self.cursor.failing = None;
        self.changed = true;
        Ok(())
    }

    /// Notes that a line of the journal is settled; it is written soon.
    pub(super) fn settle(&mut self, line: Event) -> Result<(), StoreError> {
        // One that is not chosen any more fails no more.
        self.cursor.failing.take_if(|failing| failing.seq <= line.seq);
        self.settled = Some(line);
        self.changed = true;
        if self.written.elapsed() < SOON {
            return Ok(());
        }
        // No more than came since the last write: what is covered and not sent would count as repeated after a kill.
        self.window = self.sent.saturating_sub(self.sent_then).clamp(1, WINDOW.1);
        self.cover_at_most(self.window);
        self.write()
    }

    /// Covers at most so many numbers above those that may have been sent.
    fn cover_at_most(&mut self, more: u64) {
        let most = self.seq().max(self.sent).max(self.sent_before).saturating_add(more);
        if self.cursor.ahead > most {
            self.cursor.ahead = most;
            self.changed = true;
        }
    }

    /// Goes back to the events from that number on, or to another place if the journal is a different one.
    pub(super) fn replay(&mut self, since: u64, now: Stamp) -> Result<(), StoreError> {
        let seq = since.saturating_sub(1);
        self.sent_before = self.sent_before.max(self.cursor.ahead);
        self.settled = None;
        self.cursor.seq = seq;
        self.cursor.sum = if seq == 0 { None } else { self.mirror.event(seq)?.map(|event| event.sum()) };
        // Written before the cursor: if the cursor is lost later, the subscriber begins there again.
        if self.mirror.begin(self.name)?.is_none_or(|begin| begin.seq > seq) {
            let (mirror, sum) = (self.cursor.mirror.clone(), self.cursor.sum.clone());
            self.mirror.begin_cursor(self.name, &Begin { begin: 1, mirror, seq, sum, at: now })?;
        }
        self.cursor.failing = None;
        self.changed = true;
        self.write()
    }

    /// Writes what is known and not yet written.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        // What was covered but not sent does not count as repeated later.
        self.cover_at_most(0);
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
            self.sent_then = self.sent;
            self.written = Instant::now();
        }
        Ok(())
    }
}

/// Returns the place before the event with that number, which must exist or be the next one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::deliver::Deliver;
    use crate::mirror::{Chosen, Setup};
    use crate::record::{EventKind, Phase};
    use crate::store::ObjectStore;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn mirror() -> Mirror {
        let setup = Setup {
            layout: Chosen::Shipped("generic".to_owned()),
            policy: None,
            pipeline: None,
            id: "x".to_owned(),
        };
        let store = Arc::new(ObjectStore::in_memory().unwrap());
        Mirror::init(Arc::<ObjectStore>::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
        Mirror::open(store, "a test", Duration::ZERO).unwrap()
    }

    fn line(seq: u64) -> Event {
        Event {
            event: 1,
            seq,
            at: Stamp::default(),
            phase: Phase::Done,
            what: EventKind::Initialised,
            to: "x".to_owned(),
            by: "ops".to_owned(),
            settles: None,
            details: serde_json::Map::new(),
        }
    }

    #[test]
    fn thousands_of_events_take_a_few_writes_and_what_was_not_sent_does_not_stay_covered() {
        let mirror = mirror();
        let deliver = Deliver::load("deliver: 1\nto: [{name: ci, run: [a]}]\n", "d.yaml").unwrap();
        let (mut progress, _) = Progress::open(&mirror, &deliver.to[0], Stamp::default()).unwrap();
        let mut covered = BTreeSet::new();
        for seq in 1..=10_000 {
            progress.written = Instant::now();
            progress.cover(seq).unwrap();
            assert!(progress.cursor.ahead >= seq);
            covered.insert(progress.cursor.ahead);
        }
        assert!(covered.len() <= 7, "{covered:?}");
        // A second later it is as many as came in that second.
        progress.written = Instant::now().checked_sub(SOON).unwrap();
        progress.sent_then = 9_990;
        progress.settle(line(10_000)).unwrap();
        assert_eq!((progress.cursor.seq, progress.cursor.ahead), (10_000, 10_010));
        progress.flush().unwrap();
        assert_eq!(progress.cursor.ahead, 10_000);
        let Found::Known(cursor, _) = mirror.cursor("ci").unwrap() else { panic!() };
        assert_eq!((cursor.seq, cursor.ahead), (10_000, 10_000));
        // One that comes alone is covered alone.
        progress.written = Instant::now().checked_sub(SOON).unwrap();
        progress.cover(10_001).unwrap();
        assert_eq!(progress.cursor.ahead, 10_001);
    }

    #[test]
    fn how_long_an_event_is_refused_begins_with_the_first_refusal() {
        let mirror = mirror();
        let deliver = Deliver::load("deliver: 1\nto: [{name: ci, run: [a]}]\n", "d.yaml").unwrap();
        let at = |second: i64| Stamp::from_unix(1_800_000_000 + second).unwrap();
        let (mut progress, _) = Progress::open(&mirror, &deliver.to[0], at(0)).unwrap();
        // Away, refused, busy, refused, away: the refusals count from the first one on, whatever comes between them.
        let answers = [(0, false), (10, true), (20, false), (30, true), (40, false)];
        let since: Vec<(i64, i64)> = (answers.iter())
            .map(|(second, refused)| progress.not_accepted(7, "x", *refused, (at(*second), 15)))
            .map(|failing| (failing.since.since(at(0)), failing.waited))
            .collect();
        assert_eq!(since, [(0, 0), (10, 0), (10, 10), (10, 20), (10, 30)]);
        // A clock that jumps counts as a pause of the longest kind, or as none.
        assert_eq!(progress.not_accepted(7, "x", true, (at(864_000), 15)).waited, 45);
        assert_eq!(progress.not_accepted(7, "x", true, (at(41), 15)).waited, 45);
        assert_eq!(progress.not_accepted(8, "x", true, (at(50), 15)).since, at(50));
        // What is settled without an answer fails no more; what comes after it does.
        progress.settle(line(1)).unwrap();
        assert!(progress.failing().is_some());
        progress.not_accepted(1, "x", true, (at(60), 15));
        progress.settle(line(1)).unwrap();
        assert!(progress.failing().is_none());
    }
}
