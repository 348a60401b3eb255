//! Continuing a journal of which events were lost, once a person has accepted the loss.
//!
//! Every event that can be read is kept. A file that is not a whole segment is copied beside the segments first, and an
//! event states which numbers are missing, so that the loss is not reported again and a later loss is.

use super::anchors::Anchors;
use super::journal::{self, LIMIT, Segment, files, parse, segment_path};
use super::{AnchorError, Fact, JournalError, Lease, LeaseError, Mirror};
use crate::model::{RelPath, Stamp};
use crate::record::{Event, EventKind};
use crate::store::{Put, Store, StoreError, StoreErrorKind};
use serde::Serialize;
use std::collections::BTreeMap;

/// A loss of events that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Which events are missing, each run of them by its first and last number.
    pub missing: Vec<(u64, u64)>,
    /// The number of the event that states it; the journal continues after it.
    pub seq: u64,
}

impl Mirror {
    /// Takes the right to change the mirror whatever its journal lacks; what can be read of the journal becomes whole
    /// segments again.
    pub fn lease_despite_loss(&self) -> Result<Lease<'_>, LeaseError> {
        self.lease_over(|| sort_out(self.store()))
    }
}

impl Lease<'_> {
    /// Writes down which events are missing, above every number that is stated anywhere; nothing when none is missing.
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
        let (after, next) = (history.last + 1, history.last.max(highest) + 1);
        if next > after {
            missing.push((after, next - 1));
            let open = self.unsettled();
            self.skip_to(next);
            // What cannot be settled stays open, and only the last segment can hold what is open.
            for Event { what, to, details, .. } in open {
                self.intend(now, Fact { what, to, details })?;
            }
        }
        // Numbers are plain data.
        let stated = serde_json::to_value(&missing).unwrap_or_default();
        let fact = Fact::new(EventKind::Recovered, &mirror.config().id).with("missing", stated);
        Ok(Some(Accepted { missing, seq: self.tell(now, fact, None)? }))
    }
}

/// Returns which events are missing before a segment.
fn gap(error: &AnchorError) -> Option<(u64, u64)> {
    match error {
        AnchorError::Gap { expected, found, .. } if found > expected => Some((*expected, found - 1)),
        _ => None,
    }
}

/// Makes whole segments of every event that can be read; of two with one number the first stays.
fn sort_out(store: &dyn Store) -> Result<(), JournalError> {
    let mut read: Vec<(RelPath, Vec<u8>)> = Vec::new();
    for at in files(store)? {
        let bytes = store.read(&at, LIMIT)?;
        read.push((at, bytes));
    }
    // Those with the name of a segment come first.
    read.sort_by_key(|(at, _)| (Segment::named(at.clone()).is_none(), at.clone()));
    let mut events: BTreeMap<u64, (usize, Event)> = BTreeMap::new();
    for (nth, (_, bytes)) in read.iter().enumerate() {
        for event in bytes.split(|byte| *byte == b'\n').filter_map(|line| Event::parse(line).ok()) {
            events.entry(event.seq).or_insert((nth, event));
        }
    }
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
    // New names first: what takes the place of a file that has more comes after the rest of that file.
    wanting.sort_by_key(|(_, run)| others.iter().any(|(at, _)| *at == place(run)));
    for (_, run) in &wanting {
        let text: String = run.iter().map(Event::write).collect();
        store.put(&place(run), text.as_bytes(), Put::Replace)?;
    }
    let written: Vec<RelPath> = wanting.iter().map(|(_, run)| place(run)).collect();
    for (at, _) in others.iter().filter(|(at, _)| !written.contains(at)) {
        store.remove(at)?;
    }
    Ok(())
}

/// Copies a file of the journal to a name that no segment has.
fn set_aside(store: &dyn Store, at: &RelPath, bytes: &[u8]) -> Result<(), StoreError> {
    for nth in 1_u32.. {
        let copy = RelPath::own(&format!("journal/{}.damaged-{nth}", at.name()));
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
