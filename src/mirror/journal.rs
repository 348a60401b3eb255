//! The journal: what changed, once, in order.
//!
//! Append-only segments of lines in the own area; every line has its number and a checksum. A last line that a power
//! cut truncated is cut off, and a line that was sent twice counts once; anything else that does not fit is damage,
//! which is refused and never repaired by guessing. A segment ends only when nothing is unsettled, so only the last
//! one can have open intents.

use super::AnchorError;
use crate::model::{Class, Classify, ErrorKind, RelPath, Stamp};
use crate::record::{Event, EventKind, Payload, Phase};
use crate::store::{Append, Put, Store, StoreError, StoreErrorKind};
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use tracing::info;

/// After a segment has reached this number of bytes, a new one is begun.
const SEGMENT: usize = 256 * 1024;

/// The detail of the first event of a segment that states the ID of the mirror.
const MIRROR: &str = "mirror";

/// The ending of a segment's name.
const ENDING: &str = ".jsonl";

/// More bytes than a segment ever has; a larger file is damaged.
pub(super) const LIMIT: u64 = 64 * 1024 * 1024;

/// The journal as it was read, ready for the next event.
#[derive(Debug)]
pub struct Journal {
    by: String,
    segment: RelPath,
    next: u64,
    open: Vec<Event>,
    /// When the last event of those that were read happened.
    last: Option<Stamp>,
    /// The ID of the mirror, which the first line of each segment states.
    mirror: Option<String>,
    /// The segment that was read and the ID that it states; earlier versions wrote none.
    states: Option<(RelPath, String)>,
    /// Whether there may be a line at the end that was not written completely, or whose write was not confirmed.
    torn: bool,
    /// The contents of the segment, if a lock can expire: a line is added only to what was read or written here.
    held: Option<Vec<u8>>,
}

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A line is damaged.
    #[error("the journal is damaged at line {line} of `{segment}`: {why}")]
    Damaged {
        /// Which file.
        segment: RelPath,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// An event differs from the one that was read before.
    #[error("the journal has {has} event {seq}; expected the one that was read before")]
    Replaced {
        /// Its number.
        seq: u64,
        /// `another`, or `no`.
        has: &'static str,
    },
    /// Events are missing, or what refers to them contradicts the journal.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The store failed.
    #[error("cannot read or write the journal")]
    Store(#[from] StoreError),
}

impl Classify for JournalError {
    fn class(&self) -> Class {
        match self {
            Self::Damaged { .. } | Self::Replaced { .. } | Self::Anchor(_) => ErrorKind::Refused.hint(
                "restore `.mirrorkeep/journal` from a copy, or accept the loss with `mirrorkeep recover --accept-journal`",
            ),
            Self::Store(error) => error.class(),
        }
    }
}

/// The contents of an event, without its place in the journal.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    /// What happens.
    pub(super) what: EventKind,
    /// The build, alias or mirror.
    pub(super) to: String,
    /// Its other fields.
    pub(super) details: Map<String, Value>,
}

impl Fact {
    /// Returns an event about a build, an alias or the mirror.
    pub(super) fn new(to: impl ToString, payload: &Payload) -> Self {
        Self { what: payload.kind(), to: to.to_string(), details: payload.details() }
    }

    /// Returns an event.
    pub(super) fn of(event: &Event) -> Self {
        Self { what: event.what, to: event.to.clone(), details: event.details.clone() }
    }
}

impl Journal {
    /// Reads the last segment, repairs a truncated last line, and is ready to append; the caller has the lock.
    pub(super) fn open(store: &dyn Store, by: String) -> Result<Self, JournalError> {
        let mut held = (!store.abilities().directories).then(Vec::new);
        let mut before = segments(store)?;
        let Some(Segment { first, at: segment }) = before.pop() else {
            return Ok(Self {
                by,
                segment: segment_path(1),
                next: 1,
                open: Vec::new(),
                last: None,
                mirror: None,
                states: None,
                torn: false,
                held,
            });
        };
        let bytes = store.read(&segment, LIMIT)?;
        let (events, whole) = parse(&segment, &bytes)?;
        match events.first() {
            Some(event) if event.seq != first => {
                return Err(AnchorError::Begins { segment, expected: first, found: event.seq }.into());
            }
            Some(_) => {}
            None => follows(store, &segment, first, before.pop())?,
        }
        if whole < bytes.len() {
            store.put(&segment, bytes.get(..whole).unwrap_or_default(), Put::Replace)?;
        }
        let states = stated(&events).map(|id| (segment.clone(), id));
        let next = events.last().map_or(first, |event| event.seq + 1);
        let last = events.last().map(|event| event.at);
        let open = open_intents(events);
        if whole > SEGMENT && open.is_empty() {
            let segment = segment_path(next);
            return Ok(Self { by, segment, next, open, last, mirror: None, states, torn: false, held });
        }
        if let Some(held) = &mut held {
            held.extend_from_slice(bytes.get(..whole).unwrap_or_default());
        }
        Ok(Self { by, segment, next, open, last, mirror: None, states, torn: false, held })
    }

    /// Makes the first line of each new segment state the ID of the mirror.
    #[must_use]
    pub(super) fn stating(self, mirror: &str) -> Self {
        Self { mirror: Some(mirror.to_owned()), ..self }
    }

    /// Fails if the segment that was read states another ID of the mirror than `expected`.
    pub(super) fn belongs_to(&self, expected: &str) -> Result<(), AnchorError> {
        self.states.iter().try_for_each(|(segment, id)| same_mirror(segment, id, expected))
    }

    /// Returns the intents that have no outcome yet, oldest first.
    pub fn unsettled(&self) -> &[Event] {
        &self.open
    }

    /// Returns when the last event of those that were read happened.
    pub fn last_event(&self) -> Option<Stamp> {
        self.last
    }

    /// Returns the number that the next event will have.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Makes the journal continue with a higher number, in a new segment.
    pub(super) fn skip_to(&mut self, next: u64) {
        self.next = self.next.max(next);
        self.segment = segment_path(self.next);
        if let Some(held) = &mut self.held {
            held.clear();
        }
    }

    /// Writes an intent and returns its number.
    pub(super) fn intend(&mut self, store: &dyn Store, at: Stamp, fact: Fact) -> Result<u64, JournalError> {
        let event = self.write(store, at, (Phase::Intent, None), fact)?;
        let seq = event.seq;
        self.open.push(event);
        Ok(seq)
    }

    /// Writes the outcome of an intent, with the intent's number.
    pub(super) fn tell(
        &mut self,
        store: &dyn Store,
        at: Stamp,
        (phase, settles): (Phase, Option<u64>),
        fact: Fact,
    ) -> Result<u64, JournalError> {
        let event = self.write(store, at, (phase, settles), fact)?;
        self.open.retain(|intent| Some(intent.seq) != settles);
        Ok(event.seq)
    }

    fn write(
        &mut self,
        store: &dyn Store,
        at: Stamp,
        (phase, settles): (Phase, Option<u64>),
        fact: Fact,
    ) -> Result<Event, JournalError> {
        if self.torn {
            self.mend(store)?;
        }
        self.begin_when_full();
        let Fact { what, to, mut details } = fact;
        if self.segment == segment_path(self.next)
            && let Some(mirror) = &self.mirror
        {
            details.insert(MIRROR.to_owned(), mirror.as_str().into());
        }
        let event =
            Event { event: 1, seq: self.next, at, phase, what, to, by: self.by.clone(), settles, details };
        let line = event.write();
        if let Err(error) = self.append(store, line.as_bytes()) {
            // Half a line may be there now, or all of it; the next one must not be appended to it or share its
            // number.
            self.torn = true;
            self.mend(store).ok();
            return Err(error.into());
        }
        self.next += 1;
        info!("wrote event {}, {:?} ({:?}): `{}`", event.seq, event.what, event.phase, event.to);
        Ok(event)
    }

    /// Makes the next line begin a segment if this one has grown long, in stores where each line is written with its
    /// whole segment.
    fn begin_when_full(&mut self) {
        if let Some(held) = &mut self.held
            && held.len() > SEGMENT
            && self.open.is_empty()
        {
            // The place of the next line follows from what was written alone, so that two lock holders meet there.
            self.segment = segment_path(self.next);
            held.clear();
        }
    }

    /// Appends a line; if a lock can expire, only to what was read or written here, so that two holders who do not
    /// know of each other never give two events one number.
    fn append(&mut self, store: &dyn Store, line: &[u8]) -> Result<(), StoreError> {
        let Some(held) = &mut self.held else {
            return store.append(&self.segment, line, Append::Durable);
        };
        let grown = [held, line].concat();
        if held.is_empty() {
            begin(store, &self.segment, &grown)?;
        } else {
            store.renew(&self.segment, held, &grown)?;
        }
        *held = grown;
        Ok(())
    }

    /// Cuts off what a failed append left; until that succeeded nothing more is written.
    fn mend(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        if self.held.is_some() {
            // Either all of the line is there or nothing, and what is there may be another process's.
            return self.take_back(store);
        }
        let bytes = match store.read(&self.segment, LIMIT) {
            Err(error) if error.is_not_found() => Vec::new(),
            bytes => bytes?,
        };
        let told = |line: &&[u8]| {
            let event = line.strip_suffix(b"\n").map(Event::parse);
            event.is_some_and(|event| event.is_ok_and(|event| event.seq < self.next))
        };
        let whole = bytes.split_inclusive(|byte| *byte == b'\n').take_while(told).map(<[u8]>::len).sum();
        if let Some(whole) = bytes.get(..whole)
            && whole.len() < bytes.len()
        {
            store.put(&self.segment, whole, Put::Replace)?;
        }
        self.torn = false;
        Ok(())
    }

    /// Removes a line of which it is not known whether it was written; refuses if another process wrote since.
    fn take_back(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let held = self.held.as_deref().unwrap_or_default();
        let bytes = match store.read(&self.segment, LIMIT) {
            Err(error) if error.is_not_found() => Vec::new(),
            bytes => bytes?,
        };
        let ours = |line: &[u8]| {
            let event = line.strip_suffix(b"\n").map(Event::parse);
            event.is_some_and(|event| event.is_ok_and(|event| event.seq == self.next && event.by == self.by))
        };
        match bytes.strip_prefix(held) {
            Some([]) => {}
            Some(line) if ours(line) && held.is_empty() => store.remove(&self.segment)?,
            Some(line) if ours(line) => store.renew(&self.segment, &bytes, held)?,
            _ => return Err(overtaken(&self.segment)),
        }
        self.torn = false;
        Ok(())
    }
}

/// Begins a segment; one that has exactly these bytes was begun already.
fn begin(store: &dyn Store, segment: &RelPath, bytes: &[u8]) -> Result<(), StoreError> {
    match store.put(segment, bytes, Put::Create) {
        Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
            if store.read(segment, LIMIT)? == bytes { Ok(()) } else { Err(overtaken(segment)) }
        }
        done => done,
    }
}

/// Returns the error that another process has the lock by now.
fn overtaken(segment: &RelPath) -> StoreError {
    let why = "another process writes to it: the lock expired during this command";
    StoreError::because(StoreErrorKind::Busy, "add to", segment, why)
}

/// Returns the intents that have no outcome yet, oldest first; a truncated last line is left out.
pub(super) fn unsettled(store: &dyn Store) -> Result<Vec<Event>, JournalError> {
    let Some(Segment { at, .. }) = segments(store)?.pop() else { return Ok(Vec::new()) };
    let bytes = store.read(&at, LIMIT)?;
    let (events, _) = parse(&at, &bytes)?;
    Ok(open_intents(events))
}

/// Returns the number of the last event, of whatever kind; 0 if there is none.
pub(super) fn last_event(store: &dyn Store) -> Result<u64, JournalError> {
    Ok(history(store, &[])?.last)
}

/// Returns the ID of the mirror in the last segment that states one.
pub(super) fn mirror_id(store: &dyn Store) -> Option<String> {
    let segments = segments(store).ok()?;
    segments.iter().rev().find_map(|segment| stated_by(&store.read(&segment.at, LIMIT).ok()?))
}

/// Fails if an empty segment does not follow the last event before it.
fn follows(store: &dyn Store, at: &RelPath, first: u64, before: Option<Segment>) -> Result<(), JournalError> {
    let expected = match before {
        None => 1,
        Some(before) => {
            let (events, _) = parse(&before.at, &store.read(&before.at, LIMIT)?)?;
            events.last().map_or(before.first, |event| event.seq + 1)
        }
    };
    if expected == first {
        return Ok(());
    }
    Err(AnchorError::Gap { segment: at.clone(), expected, found: first }.into())
}

/// The events of some kinds, and whether the journal is whole.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The events, oldest first.
    pub(super) events: Vec<Event>,
    /// The number of the last event of any kind; 0 if there is none.
    pub(super) last: u64,
    /// Where events are missing whose loss was not accepted.
    pub(super) wrong: Vec<AnchorError>,
    /// The segments that state the ID of a mirror, and the ID.
    stated: Vec<(RelPath, String)>,
}

impl History {
    /// Returns which segments state another ID of the mirror than `expected`.
    pub(super) fn of_others(&self, expected: &str) -> Vec<AnchorError> {
        let wrong = |(segment, id): &(RelPath, String)| same_mirror(segment, id, expected).err();
        self.stated.iter().filter_map(wrong).collect()
    }
}

/// Returns the ID of the mirror in the first event of a segment.
fn stated(events: &[Event]) -> Option<String> {
    Some(events.first()?.details.get(MIRROR)?.as_str()?.to_owned())
}

/// Returns the ID of the mirror at the beginning of a file of the journal, as far as it can be read.
pub(super) fn stated_by(bytes: &[u8]) -> Option<String> {
    stated(&[Event::parse(bytes.split(|byte| *byte == b'\n').next()?).ok()?])
}

/// Fails if a segment states the ID of another mirror.
fn same_mirror(segment: &RelPath, found: &str, expected: &str) -> Result<(), AnchorError> {
    if found == expected {
        return Ok(());
    }
    let (at, found, expected) = (segment.clone(), found.to_owned(), expected.to_owned());
    Err(AnchorError::OtherMirror { at, found, expected })
}

/// Returns every event of the journal that `wanted` selects by its kind.
pub(super) fn history(store: &dyn Store, wanted: &[EventKind]) -> Result<History, JournalError> {
    history_with(store, wanted, |_| true)
}

/// Like [`history`]; the details of an event stay empty unless `detailed` selects it.
pub(super) fn history_with(
    store: &dyn Store,
    wanted: &[EventKind],
    detailed: impl Fn(&Event) -> bool + Sync,
) -> Result<History, JournalError> {
    /// The first and last number of a segment, its events, and its ID of the mirror.
    type Read = (Option<(u64, u64)>, Vec<Event>, Option<String>);
    let read = |segment: &Segment| -> Result<Read, JournalError> {
        let bytes = store.read(&segment.at, LIMIT)?;
        let begins = |event: &Event| event.seq == segment.first;
        let kept = |event: &Event| wanted.contains(&event.what) || event.what == EventKind::Recovered;
        let (mut events, _) = parse_when(&segment.at, &bytes, |event| {
            begins(event) || event.what == EventKind::Recovered || kept(event) && detailed(event)
        })?;
        let ends = events.first().map(|event| event.seq).zip(events.last().map(|event| event.seq));
        let mirror = stated(&events);
        events.retain(kept);
        Ok((ends, events, mirror))
    };
    let (segments, mut wrong) = named(store)?;
    let picked: Vec<_> = segments.par_iter().map(read).collect::<Result<_, _>>()?;
    let accepted: Vec<(u64, u64)> =
        picked.iter().flat_map(|(_, events, _)| events).flat_map(missing).collect();
    let mut last = 0;
    let mut stated = Vec::new();
    for (segment, (ends, _, mirror)) in segments.iter().zip(&picked) {
        let (found, end) = ends.unwrap_or((segment.first, segment.first.saturating_sub(1)));
        let (at, expected) = (segment.at.clone(), last + 1);
        if found != segment.first {
            wrong.push(AnchorError::Begins { segment: at, expected: segment.first, found });
        } else if found != expected && !accepted.contains(&(expected, found.saturating_sub(1))) {
            wrong.push(AnchorError::Gap { segment: at, expected, found });
        }
        last = end.max(last);
        stated.extend(mirror.clone().map(|mirror| (segment.at.clone(), mirror)));
    }
    let events = picked.into_iter().flat_map(|(_, events, _)| events);
    let events = events.filter(|event| wanted.contains(&event.what)).collect();
    Ok(History { events, last, wrong, stated })
}

/// Returns which events an event states as lost, each range by its first and last number.
fn missing(event: &Event) -> Vec<(u64, u64)> {
    if event.what != EventKind::Recovered {
        return Vec::new();
    }
    event.stated().missing.unwrap_or_default()
}

/// Returns the events with these numbers and their outcomes, from the segments in which these begin; unreadable lines
/// are skipped.
pub(super) fn numbered(store: &dyn Store, numbers: &BTreeSet<u64>) -> Result<Vec<Event>, StoreError> {
    let mut segments: Vec<Segment> = files(store)?.into_iter().filter_map(Segment::named).collect();
    segments.sort_by_key(|segment| segment.first);
    let with = |number: &u64| segments.partition_point(|segment| segment.first <= *number).checked_sub(1);
    let needed: BTreeSet<usize> = numbers.iter().filter_map(with).collect();
    let read = |segment: &Segment| -> Result<Vec<Event>, StoreError> {
        let bytes = store.read(&segment.at, LIMIT)?;
        let of_these = |event: &Event| {
            numbers.contains(&event.seq) || event.settles.is_some_and(|intent| numbers.contains(&intent))
        };
        let lines = bytes.split(|byte| *byte == b'\n');
        let events = lines.filter_map(|line| Event::parse_when(line, of_these).ok());
        Ok(events.filter(of_these).collect())
    };
    let segments: Vec<&Segment> = needed.into_iter().filter_map(|nth| segments.get(nth)).collect();
    Ok(segments.par_iter().map(|segment| read(segment)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Returns every readable event of a damaged journal, oldest first; unreadable lines are skipped.
pub(super) fn readable(store: &dyn Store) -> Result<Vec<Event>, StoreError> {
    let mut segments: Vec<Segment> = files(store)?.into_iter().filter_map(Segment::named).collect();
    segments.sort_by_key(|segment| segment.first);
    let read = |segment: &Segment| -> Result<Vec<Event>, StoreError> {
        let bytes = store.read(&segment.at, LIMIT)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(|line| Event::parse_when(line, |_| true).ok()).collect())
    };
    Ok(segments.par_iter().map(read).collect::<Result<Vec<_>, _>>()?.concat())
}

/// Returns the events with higher numbers than `seq`, oldest first; nothing if the journal does not have all of them.
///
/// Only the lines of these events are read from the end of each segment; an unreadable line at the end is one that is
/// just being written.
pub(super) fn after(store: &dyn Store, seq: u64) -> Result<Option<Vec<Event>>, JournalError> {
    let mut newer = Vec::new();
    let mut next = None;
    for segment in segments(store)?.iter().rev() {
        let bytes = store.read(&segment.at, LIMIT)?;
        let lines = bytes.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty());
        for event in lines.map(Event::parse) {
            let event = match event {
                Ok(event) => event,
                Err(_) if next.is_none() => continue,
                Err(_) => return Ok(None),
            };
            if next.is_some_and(|next| event.seq != next && event.seq + 1 != next) {
                return Ok(None);
            }
            if event.seq <= seq {
                newer.reverse();
                return Ok((event.seq == seq).then_some(newer));
            }
            // A line that was sent twice counts once.
            if next.replace(event.seq) != Some(event.seq) {
                newer.push(event);
            }
        }
    }
    newer.reverse();
    Ok((seq == 0).then_some(newer))
}

/// Returns the number of the last event, as far as the last segment that is not empty tells.
pub(super) fn newest(store: &dyn Store) -> Result<u64, JournalError> {
    let Some(segment) = segments(store)?.pop() else { return Ok(0) };
    let bytes = store.read(&segment.at, LIMIT)?;
    let last = bytes.split(|byte| *byte == b'\n').rev().find_map(|line| Event::parse(line).ok());
    Ok(last.map_or(segment.first.saturating_sub(1), |event| event.seq))
}

pub(super) fn segment_path(first: u64) -> RelPath {
    RelPath::state(&format!("journal/{first:012}.jsonl"))
}

/// A file of the journal.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The number of its first event, by its name.
    first: u64,
    at: RelPath,
}

impl Segment {
    /// Returns the number of its first event, by its name.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Returns its path.
    pub(super) fn at(&self) -> &RelPath {
        &self.at
    }

    /// Returns the segment with the name of a file.
    pub(super) fn named(at: RelPath) -> Option<Self> {
        let first = at.name().strip_suffix(ENDING)?.parse().ok()?;
        (segment_path(first) == at).then_some(Self { first, at })
    }
}

/// Returns the segments, oldest first; fails for a file that has the suffix of one and not the name.
fn segments(store: &dyn Store) -> Result<Vec<Segment>, JournalError> {
    let (segments, mut strange) = named(store)?;
    strange.pop().map_or(Ok(segments), |strange| Err(strange.into()))
}

/// Returns the segments, oldest first, and the files that have the suffix of one and not the name.
pub(super) fn named(store: &dyn Store) -> Result<(Vec<Segment>, Vec<AnchorError>), JournalError> {
    let (mut segments, mut strange) = (Vec::new(), Vec::new());
    for at in files(store)? {
        match Segment::named(at.clone()) {
            Some(segment) => segments.push(segment),
            None => strange.push(AnchorError::Name(at)),
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok((segments, strange))
}

/// Returns every file that has the suffix of a segment.
pub(super) fn files(store: &dyn Store) -> Result<Vec<RelPath>, StoreError> {
    let dir = RelPath::state("journal");
    if store.look(&dir)?.is_none() {
        return Ok(Vec::new());
    }
    let listing = store.list(&dir)?;
    let names = listing.entries.iter().filter(|entry| entry.name.ends_with(ENDING));
    Ok(names.filter_map(|entry| dir.child(&entry.name).ok()).collect())
}

/// Reads a segment and returns its events, and how many of its bytes are whole lines.
pub(super) fn parse(segment: &RelPath, bytes: &[u8]) -> Result<(Vec<Event>, usize), JournalError> {
    parse_when(segment, bytes, |_| true)
}

/// Like [`parse`]; the details of an event stay empty unless `wanted` selects it.
fn parse_when(
    segment: &RelPath,
    bytes: &[u8],
    wanted: impl Fn(&Event) -> bool,
) -> Result<(Vec<Event>, usize), JournalError> {
    let mut events: Vec<Event> = Vec::new();
    let mut before: &[u8] = &[];
    let mut whole = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let damaged = |why: String| JournalError::Damaged { segment: segment.clone(), line: index + 1, why };
        let last = whole + line.len() == bytes.len();
        let Some(text) = line.strip_suffix(b"\n").filter(|text| !text.contains(&0)) else {
            // No end, or blocks that were allocated but never written: truncated, if nothing follows.
            return if last { Ok((events, whole)) } else { Err(damaged("it holds zeros".to_owned())) };
        };
        let event = Event::parse_when(text, &wanted).map_err(|error| damaged(error.to_string()))?;
        whole += line.len();
        match events.last() {
            // Exactly the same line twice: the store was sent it again and appended it again.
            Some(_) if before == text => {}
            Some(last) if event.seq != last.seq + 1 => {
                return Err(damaged(format!("number {} follows {}", event.seq, last.seq)));
            }
            _ => events.push(event),
        }
        before = text;
    }
    Ok((events, whole))
}

/// Returns the intents that no later event settles.
fn open_intents(events: Vec<Event>) -> Vec<Event> {
    let settled: std::collections::HashSet<u64> = events.iter().filter_map(|event| event.settles).collect();
    events.into_iter().filter(|event| event.phase == Phase::Intent && !settled.contains(&event.seq)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Fault, ObjectStore, Spy, StoreErrorKind};
    use std::sync::Arc;

    #[test]
    fn a_line_that_was_not_told_as_written_is_cut_off_before_the_next() {
        let io = StoreErrorKind::Io;
        let inner = Arc::new(ObjectStore::in_memory().unwrap());
        // The append happened without a confirmation, and reading what it left fails.
        let store = Spy::new(inner).with(3, Fault::Lose(io)).with(4, Fault::Fail(io));
        let mut journal = Journal::open(&store, "a test".to_owned()).unwrap();
        let at = Stamp::default();
        let fact = |to: &str| Fact::new(to, &Payload::Labelled { labels: Map::new() });
        journal.intend(&store, at, fact("told")).unwrap();
        journal.intend(&store, at, fact("not told")).unwrap_err();
        journal.intend(&store, at, fact("the next")).unwrap();
        let events = history(&store, &[EventKind::Labelled]).unwrap().events;
        let told: Vec<(u64, &str)> = events.iter().map(|event| (event.seq, &*event.to)).collect();
        assert_eq!(told, [(1, "told"), (2, "the next")]);
    }
    #[test]
    fn of_two_who_hold_a_lock_that_ran_out_one_writes_and_the_other_is_refused() {
        let store = ObjectStore::in_memory().unwrap();
        let at = Stamp::default();
        let fact = |to: &str| Fact::new(to, &Payload::Labelled { labels: Map::new() });
        for round in 0..2 {
            let mut slept = Journal::open(&store, "a".to_owned()).unwrap();
            let mut next = Journal::open(&store, "b".to_owned()).unwrap();
            next.intend(&store, at, fact("next")).unwrap();
            for _ in 0..2 {
                let refused = slept.intend(&store, at, fact("slept")).unwrap_err();
                assert!(crate::mirror::chain(&refused).contains("another process"), "{refused:?}");
            }
            let told = history(&store, &[EventKind::Labelled]).unwrap().events;
            assert!(told.iter().all(|event| event.to == "next") && told.len() == round + 1);
        }
    }
}
