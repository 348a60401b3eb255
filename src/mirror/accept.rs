//! Continuing a journal that lost events, once a person has accepted the loss.
//!
//! Every readable event is kept. A file that is not a whole segment is copied beside the segments first, and an event
//! states which numbers are missing, so that this loss is not reported again and a later one is.

use super::anchors::Anchors;
use super::journal::{self, LIMIT, Segment, files, parse, segment_path};
use super::{AnchorError, Fact, JournalError, LockError, Mirror, WriteLock};
use crate::model::{RelPath, Stamp};
use crate::record::{Event, Payload};
use crate::store::{Put, Store, StoreError, StoreErrorKind};
use serde::Serialize;
use std::collections::BTreeMap;

/// A loss of events that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The missing events, each range by its first and last number.
    pub missing: Vec<(u64, u64)>,
    /// The number of the event that states it; the journal continues after it.
    pub seq: u64,
}

impl Mirror {
    /// Takes the write lock whatever the journal lacks; the readable events of the journal become whole segments
    /// again. Also returns how many damaged lines were cut off after the last event.
    pub(crate) fn lock_despite_loss<'m>(
        &'m self,
        clock: &'m (dyn Fn() -> Stamp + Sync),
    ) -> Result<(WriteLock<'m>, u64), LockError> {
        let mut cut = 0;
        let lock = self.lock_over(clock, || {
            cut = sort_out(self.store(), &self.config().id)?;
            Ok(())
        })?;
        Ok((lock, cut))
    }
}

impl WriteLock<'_> {
    /// Records that the events of damaged lines after the last event are missing; does nothing if there were none.
    pub fn accept_cut(&self, cut: u64, now: Stamp) -> Result<Option<Accepted>, JournalError> {
        if cut == 0 {
            return Ok(None);
        }
        let first = self.next_seq();
        let mut anchors = Anchors::read(self.mirror())?;
        let highest = anchors.highest(first.saturating_sub(1))?;
        let next = first.saturating_add(cut).max(highest.saturating_add(1));
        self.state_missing(&[(first, next - 1)], Some(next), now).map(Some)
    }

    /// Records which events are missing, with a number above every one that is stated anywhere; does nothing if none
    /// is missing.
    pub fn accept_loss(&self, now: Stamp) -> Result<Option<Accepted>, JournalError> {
        let (mirror, store) = (self.mirror(), self.mirror().store());
        let mut anchors = Anchors::read(mirror)?;
        let history = journal::history(store, &[])?;
        let highest = anchors.highest(history.last)?;
        let found = anchors.contradict(mirror, history.last)?;
        if history.wrong.is_empty() && found.is_empty() {
            return Ok(None);
        }
        let mut missing: Vec<(u64, u64)> = history.wrong.iter().filter_map(gap).collect();
        let (after, next) = (history.last.saturating_add(1), history.last.max(highest).saturating_add(1));
        let above = (next > after).then_some(next);
        if above.is_some() {
            missing.push((after, next - 1));
        }
        self.state_missing(&missing, above, now).map(Some)
    }

    /// Records which events are missing; the journal continues with the number `above`, if one is given.
    fn state_missing(
        &self,
        missing: &[(u64, u64)],
        above: Option<u64>,
        now: Stamp,
    ) -> Result<Accepted, JournalError> {
        if let Some(next) = above {
            let open = self.unsettled();
            self.skip_to(next);
            // Intents that cannot be settled stay open, and only the last segment can have open ones.
            for intent in open {
                self.intend(now, Fact::of(&intent))?;
            }
        }
        let payload = Payload::Recovered { missing: missing.to_vec() };
        let seq = self.note(now, &self.mirror().config().id, &payload)?;
        Ok(Accepted { missing: missing.to_vec(), seq })
    }
}

/// Returns which events are missing before a segment.
fn gap(error: &AnchorError) -> Option<(u64, u64)> {
    match error {
        AnchorError::Gap { expected, found, .. } if found > expected => Some((*expected, found - 1)),
        _ => None,
    }
}

/// Makes whole segments of every readable event; of two with one number the first is kept, and a file that states the
/// ID of another mirror has no event of this one. Returns how many damaged lines followed the last event; a last line
/// without its end was never written completely.
fn sort_out(store: &dyn Store, mirror: &str) -> Result<u64, JournalError> {
    let mut read: Vec<(RelPath, Vec<u8>)> = Vec::new();
    for at in files(store)? {
        let bytes = store.read(&at, LIMIT)?;
        if journal::stated_by(&bytes).is_some_and(|id| id != mirror) {
            set_aside(store, &at, &bytes)?;
            store.remove(&at)?;
        } else {
            read.push((at, bytes));
        }
    }
    // Files with the name of a segment come first.
    read.sort_by_key(|(at, _)| (Segment::named(at.clone()).is_none(), at.clone()));
    let mut events: BTreeMap<u64, (usize, Event)> = BTreeMap::new();
    for (nth, (_, bytes)) in read.iter().enumerate() {
        for event in bytes.split(|byte| *byte == b'\n').filter_map(|line| Event::parse(line).ok()) {
            events.entry(event.seq).or_insert((nth, event));
        }
    }
    let mut segments = read.iter().filter(|(at, _)| Segment::named(at.clone()).is_some());
    let cut = segments.next_back().map_or(0, |(_, bytes)| damaged_at_the_end(bytes));
    let mut runs: Vec<(usize, Vec<Event>)> = Vec::new();
    for (nth, event) in events.into_values() {
        match runs.last_mut() {
            Some((file, run)) if *file == nth && run.last().is_some_and(|last| last.seq + 1 == event.seq) => {
                run.push(event);
            }
            _ => runs.push((nth, vec![event])),
        }
    }
    let place = |run: &[Event]| segment_path(run.first().map_or(1, |event| event.seq));
    let is_whole = |(nth, run): &(usize, Vec<Event>)| {
        read.get(*nth).is_some_and(|(at, bytes)| {
            *at == place(run) && parse(at, bytes).is_ok_and(|(events, _)| events == *run)
        })
    };
    let (whole, mut wanting): (Vec<_>, Vec<_>) = runs.into_iter().partition(is_whole);
    let kept: Vec<RelPath> = whole.iter().map(|(_, run)| place(run)).collect();
    let others: Vec<&(RelPath, Vec<u8>)> = read.iter().filter(|(at, _)| !kept.contains(at)).collect();
    for (at, bytes) in others.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        set_aside(store, at, bytes)?;
    }
    // New names first: what replaces a file with further events is written after the rest of that file.
    wanting.sort_by_key(|(_, run)| others.iter().any(|(at, _)| *at == place(run)));
    for (_, run) in &wanting {
        let text: String = run.iter().map(Event::write).collect();
        store.put(&place(run), text.as_bytes(), Put::Replace)?;
    }
    let written: Vec<RelPath> = wanting.iter().map(|(_, run)| place(run)).collect();
    for (at, _) in others.iter().filter(|(at, _)| !written.contains(at)) {
        store.remove(at)?;
    }
    Ok(cut)
}

/// Returns how many whole lines at the end of a segment are not events.
fn damaged_at_the_end(bytes: &[u8]) -> u64 {
    let whole: Vec<&[u8]> =
        bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")).collect();
    whole.iter().rev().take_while(|line| Event::parse(line).is_err()).count() as u64
}

/// Copies a file of the journal to a name that no segment has.
fn set_aside(store: &dyn Store, at: &RelPath, bytes: &[u8]) -> Result<(), StoreError> {
    for nth in 1_u32.. {
        let copy = RelPath::state(&format!("journal/{}.damaged-{nth}", at.name()));
        match store.put(&copy, bytes, Put::Create) {
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                if store.read(&copy, LIMIT).is_ok_and(|there| there == bytes) {
                    break;
                }
            }
            done => return done,
        }
    }
    Ok(())
}
