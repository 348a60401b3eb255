//! The journal in its order, from a number on: new events, one segment at a time.
//!
//! Only lines that stay are returned. A command whose write failed undoes the last line, so the last line counts only
//! if no command has the lock after it was read and it is still there afterwards; a line that is followed by another
//! was synced before that one was written. A damaged line ends the feed with an error, and the lines before it are
//! returned first.

use super::journal::{self, LIMIT, Segment, named, parse};
use super::{JournalError, Mirror};
use crate::model::RelPath;
use crate::record::{Event, EventKind};
use crate::store::{Entry, StoreError};

/// A place in the journal.
#[derive(Debug)]
pub struct Feed<'m> {
    mirror: &'m Mirror,
    after: u64,
    /// The checksum of the line with that number, if known.
    sum: Option<String>,
    /// Whether that line existed once.
    was_there: bool,
    /// The highest number that was seen in this look, including lines that are known or left out.
    seen: u64,
    /// Why the journal cannot be read further; it is returned after the lines before it.
    broken: Option<JournalError>,
    /// Whether a line was left out that may still be undone.
    withheld: bool,
}

/// What shows whether something was written to the journal since.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalMark(Option<(RelPath, u64, i128)>);

impl Mirror {
    /// Returns a place in the journal after the event with that number, whose line has that checksum, if known.
    pub fn feed(&self, after: u64, sum: Option<String>) -> Feed<'_> {
        Feed { mirror: self, after, sum, was_there: false, seen: 0, broken: None, withheld: false }
    }

    /// Returns a place after an event that existed once: the feed fails if the journal ends before it.
    pub fn feed_of_known(&self, after: u64, sum: Option<String>) -> Feed<'_> {
        Feed { was_there: true, ..self.feed(after, sum) }
    }

    /// Returns the number of the last event that stays, with the checksum of its line; 0 before the first.
    pub fn last_that_stays(&self) -> Result<(u64, Option<String>), JournalError> {
        let before = journal::newest(self.store())?.saturating_sub(1);
        if let Some(line) = self.feed(before, None).next_lines()?.pop() {
            return Ok((line.seq, Some(line.sum())));
        }
        Ok((before, self.event(before)?.map(|line| line.sum())))
    }

    /// Returns a mark that changes whenever something is written to the journal.
    pub fn journal_mark(&self) -> Result<JournalMark, StoreError> {
        let segments = journal::files(self.store())?.into_iter().filter_map(Segment::named);
        let Some(last) = segments.max_by_key(Segment::first) else { return Ok(JournalMark::default()) };
        let mark = |entry: Entry| (last.at().clone(), entry.size, entry.changed());
        Ok(JournalMark(self.store().look(last.at())?.map(mark)))
    }

    /// Returns the event with that number, whatever its phase; nothing if the journal has none.
    pub fn event(&self, seq: u64) -> Result<Option<Event>, StoreError> {
        let found = journal::numbered(self.store(), &[seq].into())?;
        Ok(found.into_iter().find(|event| event.seq == seq))
    }
}

impl Feed<'_> {
    /// Returns the number of the last event that was returned, or after which the feed began.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// Returns whether there is a line that may still be undone; it is returned when no command works on the mirror.
    pub fn is_withheld(&self) -> bool {
        self.withheld
    }

    /// Returns the lines that follow, of one segment; none at the end.
    pub fn next_lines(&mut self) -> Result<Vec<Event>, JournalError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        (self.withheld, self.seen) = (false, 0);
        let store = self.mirror.store();
        let (segments, mut strange) = named(store)?;
        if let Some(strange) = strange.pop() {
            return Err(strange.into());
        }
        let next = self.after.saturating_add(1);
        let with = segments.partition_point(|segment| segment.first() <= next).saturating_sub(1);
        for (nth, segment) in segments.iter().enumerate().skip(with) {
            let is_last = nth + 1 == segments.len();
            let lines = self.lines_of(segment, is_last)?;
            let Some(first) = lines.first() else { continue };
            if first.seq != next {
                self.is_accepted(next, first.seq)?;
            }
            if let Some(last) = lines.last() {
                (self.after, self.sum, self.was_there) = (last.seq, Some(last.sum()), true);
            }
            return Ok(lines);
        }
        // Nothing follows: then the last known line has to be the last one.
        let seq = self.after;
        if self.was_there && seq > self.seen && !self.is_stated_missing(seq)? {
            return Err(JournalError::Replaced { seq, has: "no" });
        }
        Ok(Vec::new())
    }

    /// Returns the lines of a segment that are not known and stay.
    fn lines_of(&mut self, segment: &Segment, is_last: bool) -> Result<Vec<Event>, JournalError> {
        let store = self.mirror.store();
        let bytes = store.read(segment.at(), LIMIT)?;
        let (mut lines, whole) = match parse(segment.at(), &bytes) {
            Err(damage @ JournalError::Damaged { line, .. }) => {
                let before = bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
                let before: usize = before.map(<[u8]>::len).sum();
                let (mut lines, _) = parse(segment.at(), bytes.get(..before).unwrap_or_default())?;
                self.is_the_one(segment, &lines, true)?;
                lines.retain(|line| line.seq > self.after);
                if lines.is_empty() {
                    return Err(damage);
                }
                self.broken = Some(damage);
                return Ok(lines);
            }
            read => read?,
        };
        self.is_the_one(segment, &lines, false)?;
        // A segment begins after the line before its first.
        let last = lines.last().map_or_else(|| segment.first().saturating_sub(1), |line| line.seq);
        self.seen = self.seen.max(last);
        lines.retain(|line| line.seq > self.after);
        if is_last && !lines.is_empty() && !self.stays(segment, bytes.get(..whole).unwrap_or_default())? {
            lines.pop();
            self.withheld = true;
        }
        Ok(lines)
    }

    /// Fails if the last returned line is not in its segment any more: the journal is a different one, and the
    /// following numbers may be those of events that were never seen.
    fn is_the_one(&self, segment: &Segment, lines: &[Event], is_damaged: bool) -> Result<(), JournalError> {
        let (seq, Some(sum)) = (self.after, &self.sum) else { return Ok(()) };
        if segment.first() > seq {
            return Ok(());
        }
        match lines.iter().find(|line| line.seq == seq) {
            Some(line) if line.sum() == *sum => Ok(()),
            Some(_) => Err(JournalError::Replaced { seq, has: "another" }),
            None if is_damaged => Ok(()),
            None if self.is_stated_missing(seq)? => Ok(()),
            None => Err(JournalError::Replaced { seq, has: "no" }),
        }
    }

    /// Returns whether an event is lost, and a person accepted that.
    fn is_stated_missing(&self, seq: u64) -> Result<bool, JournalError> {
        let history = journal::history(self.mirror.store(), &[EventKind::Recovered])?;
        let mut stated = history.events.iter().flat_map(|event| event.stated().missing.unwrap_or_default());
        Ok(stated.any(|(first, last)| (first..=last).contains(&seq)))
    }

    /// Returns whether the last of these lines stays: no command is running that could undo it.
    fn stays(&self, segment: &Segment, lines: &[u8]) -> Result<bool, StoreError> {
        let store = self.mirror.store();
        Ok(!store.is_held(&RelPath::state("lock"))? && store.read(segment.at(), LIMIT)?.starts_with(lines))
    }

    /// Fails when events are missing of which no person accepted the loss.
    fn is_accepted(&self, expected: u64, found: u64) -> Result<(), JournalError> {
        let history = journal::history(self.mirror.store(), &[EventKind::Recovered])?;
        let gap = |(first, last): (u64, u64)| first <= expected && found.saturating_sub(1) <= last;
        let stated = history.events.iter().flat_map(|event| event.stated().missing.unwrap_or_default());
        match history.wrong.into_iter().next() {
            Some(wrong) if !stated.into_iter().any(gap) => Err(wrong.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::model::Stamp;
    use crate::record::Payload;
    use crate::store::{Append, ObjectStore, Posix, Put, Store};
    use serde_json::Map;
    use std::sync::Arc;
    use std::time::Duration;

    fn mirror(store: Arc<dyn Store>) -> Mirror {
        let setup = Setup {
            layout: Chosen::Shipped("generic".to_owned()),
            policy: None,
            pipeline: None,
            id: "x".to_owned(),
        };
        Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
        Mirror::open(store, "a test", Duration::ZERO).unwrap()
    }

    fn write(mirror: &Mirror, names: &[&str]) {
        let clock = Stamp::default;
        let lock = mirror.lock_over(&clock, || Ok(())).unwrap();
        for name in names {
            lock.note(Stamp::default(), name, &Payload::Labelled { labels: Map::new() }).unwrap();
        }
    }

    fn names(feed: &mut Feed<'_>) -> Vec<String> {
        feed.next_lines().unwrap().into_iter().map(|event| event.to).collect()
    }

    #[test]
    fn the_last_line_is_left_out_while_a_command_could_take_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(Posix::open(dir.path()).unwrap()), Arc::new(ObjectStore::in_memory().unwrap())];
        for store in stores {
            let mirror = mirror(store);
            let mut feed = mirror.feed(0, None);
            assert_eq!((names(&mut feed), feed.is_withheld()), (vec![], false));
            let clock = Stamp::default;
            let lock = mirror.lock_over(&clock, || Ok(())).unwrap();
            let note = |name: &str| {
                lock.note(Stamp::default(), name, &Payload::Labelled { labels: Map::new() }).unwrap();
            };
            note("a");
            assert_eq!((names(&mut feed), feed.is_withheld()), (vec![], true));
            note("b");
            assert_eq!((names(&mut feed), feed.is_withheld()), (vec!["a".to_owned()], true));
            let before = mirror.journal_mark().unwrap();
            let last = |mirror: &Mirror| {
                let (seq, sum) = mirror.last_that_stays().unwrap();
                assert_eq!(sum, mirror.event(seq).unwrap().map(|line| line.sum()));
                seq
            };
            assert_eq!(last(&mirror), 1);
            drop(lock);
            assert_eq!(last(&mirror), 2);
            assert_eq!((names(&mut feed), feed.is_withheld()), (vec!["b".to_owned()], false));
            assert_eq!(mirror.journal_mark().unwrap(), before);
            write(&mirror, &["c"]);
            assert_ne!(mirror.journal_mark().unwrap(), before);
            assert_eq!((names(&mut feed), feed.after()), (vec!["c".to_owned()], 3));
        }
    }

    #[test]
    fn lines_before_a_damaged_one_come_and_then_the_damage() {
        let mirror = mirror(Arc::new(ObjectStore::in_memory().unwrap()));
        write(&mirror, &["a", "b"]);
        let at = RelPath::state("journal/000000000001.jsonl");
        mirror.store().append(&at, b"{\"event\":1}\n", Append::Durable).unwrap();
        let mut feed = mirror.feed(1, None);
        assert_eq!(names(&mut feed), ["b"]);
        assert!(matches!(feed.next_lines(), Err(JournalError::Damaged { line: 3, .. })));
        assert!(matches!(feed.next_lines(), Err(JournalError::Damaged { line: 3, .. })));
    }

    #[test]
    fn a_journal_that_is_another_one_is_refused() {
        let mirror = mirror(Arc::new(ObjectStore::in_memory().unwrap()));
        write(&mirror, &["a"]);
        let at = RelPath::state("journal/000000000001.jsonl");
        let old = mirror.store().read(&at, LIMIT).unwrap();
        write(&mirror, &["b", "c"]);
        let mut feed = mirror.feed(0, None);
        assert_eq!(names(&mut feed), ["a", "b", "c"]);
        mirror.store().put(&at, &old, Put::Replace).unwrap();
        assert!(matches!(feed.next_lines(), Err(JournalError::Replaced { seq: 3, has: "no" })));
        let known = |after| mirror.feed_of_known(after, None).next_lines();
        assert!(matches!(known(2), Err(JournalError::Replaced { seq: 2, has: "no" })));
        assert_eq!((known(1).unwrap(), names(&mut mirror.feed(2, None))), (vec![], vec![]));
        mirror.store().remove(&at).unwrap();
        assert!(matches!(feed.next_lines(), Err(JournalError::Replaced { seq: 3, has: "no" })));
        assert!(matches!(known(1), Err(JournalError::Replaced { seq: 1, has: "no" })));
        assert_eq!(known(0).unwrap(), []);
        mirror.store().put(&at, &old, Put::Replace).unwrap();
        write(&mirror, &["x", "y", "z"]);
        assert!(matches!(feed.next_lines(), Err(JournalError::Replaced { seq: 3, has: "another" })));
        assert_eq!(names(&mut mirror.feed(1, None)), ["x", "y", "z"]);
    }

    #[test]
    fn a_gap_is_passed_only_where_its_loss_was_accepted() {
        let mirror = mirror(Arc::new(ObjectStore::in_memory().unwrap()));
        write(&mirror, &["a"]);
        let put = |name: &str, seq: u64, payload: &Payload| {
            let event = Event {
                event: 1,
                seq,
                at: Stamp::default(),
                phase: crate::record::Phase::Done,
                what: payload.kind(),
                to: name.to_owned(),
                by: "a test".to_owned(),
                settles: None,
                details: payload.details(),
            };
            let at = RelPath::state(&format!("journal/{seq:012}.jsonl"));
            mirror.store().put(&at, event.write().as_bytes(), Put::Replace).unwrap();
        };
        put("c", 5, &Payload::Labelled { labels: Map::new() });
        let mut feed = mirror.feed(0, None);
        assert_eq!(names(&mut feed), ["a"]);
        assert!(matches!(feed.next_lines(), Err(JournalError::Anchor(_))));
        put("c", 5, &Payload::Recovered { missing: vec![(2, 4)] });
        assert_eq!((names(&mut feed), feed.after()), (vec!["c".to_owned()], 5));
    }
}
