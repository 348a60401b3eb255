//! The state of each subscriber: its cursor, where it began, what is parked, and the requests to its deliverer.
//!
//! All of it is below `deliver/<name>/` of the own area. Only the deliverer that read or wrote a cursor last may
//! replace it; a lost or unreadable cursor means that events are sent again, never that one is left out
//! (`docs/decisions/0019-events.md` has the order of writes).

use super::Mirror;
use super::journal::LIMIT as JOURNAL_LIMIT;
use crate::model::{RelPath, Stamp};
use crate::store::{Put, StoreError, StoreErrorKind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The directory of the own area.
const DIR: &str = "deliver";

/// The file that states why nothing can be delivered to a subscriber.
const UNABLE: &str = "unable.json";

/// More bytes than a file here ever has.
const LIMIT: u64 = 1 << 20;

/// The progress of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The version of this form: 1.
    pub cursor: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The number of the last settled line of the journal: delivered, not selected or parked.
    pub seq: u64,
    /// The checksum of that line; nothing before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// No event with a higher number was sent.
    pub ahead: u64,
    /// The number of events that were accepted.
    pub delivered: u64,
    /// The number of these that may have been sent before.
    pub repeats: u64,
    /// The event that is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// The last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastAnswer>,
}

/// An event that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// Its number.
    pub seq: u64,
    /// Since when it is not accepted.
    pub since: Stamp,
    /// How often it was sent.
    pub tries: u32,
    /// The last answer of the receiver.
    pub answer: String,
    /// Whether the receiver refused it at least once, and was not just away.
    pub refused: bool,
    /// For how many seconds it has been refused, by the time between tries; a long pause counts in part, so that a clock that
    /// jumps parks nothing.
    #[serde(default)]
    pub waited: i64,
}

/// The last answer of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastAnswer {
    /// When it came.
    pub at: Stamp,
    /// The number of the event.
    pub seq: u64,
    /// What the receiver answered.
    pub answer: String,
}

/// Where a subscriber began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The version of this form: 1.
    pub begin: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The number after which it began.
    pub seq: u64,
    /// The checksum of the line with that number; nothing before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// When it began.
    pub at: Stamp,
}

/// An event that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parked {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub parked: u32,
    /// Its number.
    pub seq: u64,
    /// When it was parked.
    pub at: Stamp,
    /// How often it was sent.
    pub tries: u32,
    /// What the receiver answered.
    pub answer: String,
    /// The event as it is sent.
    pub event: String,
    /// Whether it is to be sent again.
    #[serde(default)]
    pub again: bool,
}

/// Why nothing could be delivered to a subscriber, such as a missing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unable {
    /// The version of this form: 1.
    pub unable: u32,
    /// When it was tried.
    pub at: Stamp,
    /// Why not.
    pub why: String,
}

/// A request to a deliverer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Asked {
    /// Send every event from that number on again.
    Replay(u64),
    /// Park the event with that number, if it is not accepted by then; without one, the event that is not accepted.
    Park(Option<u64>),
    /// Send these parked events again; all without numbers.
    Unpark(Vec<u64>),
}

/// The state of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It exists.
    Known(Cursor, KeptCursor),
    /// It was lost or cannot be read, and the subscriber began there.
    Lost(Begin, KeptCursor),
    /// The subscriber is new, or its whole state is lost.
    New(KeptCursor),
}

/// The bytes of a cursor as they are in the store; it is replaced only if they are unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptCursor(Option<Vec<u8>>);

impl KeptCursor {
    /// Returns whether a file exists, readable or not.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

/// Returns the directory of a subscriber.
fn dir(name: &str) -> RelPath {
    RelPath::state(&format!("{DIR}/{name}"))
}

fn file(name: &str, file: &str) -> RelPath {
    RelPath::state(&format!("{DIR}/{name}/{file}"))
}

impl Mirror {
    /// Returns the path of the lock of a subscriber's deliverer.
    pub fn deliverer_lock(&self, name: &str) -> RelPath {
        file(name, "lock")
    }

    /// Takes the right to deliver to a subscriber, waiting at most this long for another deliverer.
    pub fn lock_deliverer(&self, name: &str, wait: Duration) -> Result<crate::store::Guard, StoreError> {
        self.store().lock(&self.deliverer_lock(name), self.who(), wait)
    }

    /// Returns the progress of a subscriber.
    pub fn cursor(&self, name: &str) -> Result<Found, StoreError> {
        let at = file(name, "cursor.json");
        let kept = self.kept(&at).map_err(|error| {
            let advice =
                "remove it: events are sent again from where the subscriber began, and none is left out";
            advised(&at, error, advice)
        });
        let kept = KeptCursor(kept?);
        let cursor = kept.0.as_deref().and_then(|bytes| serde_json::from_slice::<Cursor>(bytes).ok());
        if let Some(cursor) = cursor.filter(|cursor| cursor.cursor == 1 && cursor.mirror == self.config().id)
        {
            return Ok(Found::Known(cursor, kept));
        }
        Ok(match self.begin(name)? {
            Some(begin) => Found::Lost(begin, kept),
            None => Found::New(kept),
        })
    }

    /// Returns where a subscriber began.
    pub fn begin(&self, name: &str) -> Result<Option<Begin>, StoreError> {
        let begin: Option<Begin> = self.read_json(&file(name, "begin.json"))?;
        Ok(begin.filter(|begin| begin.begin == 1 && begin.mirror == self.config().id))
    }

    /// Records where a subscriber begins, before its first cursor and before one that goes back behind it.
    pub fn begin_cursor(&self, name: &str, begin: &Begin) -> Result<(), StoreError> {
        // Plain data always serializes.
        self.store().put(&file(name, "begin.json"), &json(begin), Put::Replace)
    }

    /// Replaces a cursor; `Busy` if another deliverer wrote it in the meantime.
    pub fn keep_cursor(&self, name: &str, cursor: &Cursor, kept: &mut KeptCursor) -> Result<(), StoreError> {
        let (at, new) = (file(name, "cursor.json"), json(cursor));
        match &kept.0 {
            Some(old) if *old == new => return Ok(()),
            Some(old) => self.store().renew(&at, old, &new)?,
            None => self.store().put(&at, &new, Put::Create)?,
        }
        kept.0 = Some(new);
        Ok(())
    }

    /// Returns the numbers of the parked events of a subscriber, in their order.
    pub fn parked(&self, name: &str) -> Result<Vec<u64>, StoreError> {
        let names = self.names_in(&dir(name), "parked")?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Returns the names of all subscribers that were ever delivered to, sorted.
    pub fn deliverers(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.names_in(&RelPath::state(""), DIR)?;
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the path of a parked event.
    pub fn parked_file(&self, name: &str, seq: u64) -> RelPath {
        parked_at(name, seq)
    }

    /// Returns a parked event; nothing if it is not parked, or cannot be read.
    pub fn parked_event(&self, name: &str, seq: u64) -> Result<Option<Parked>, StoreError> {
        // A parked event is as long as one in the journal.
        self.noted(&parked_at(name, seq), JOURNAL_LIMIT)
    }

    /// Records that an event is parked.
    pub fn park(&self, name: &str, parked: &Parked) -> Result<(), StoreError> {
        self.store().put(&parked_at(name, parked.seq), &json(parked), Put::Replace)
    }

    /// Removes an event from those that are parked.
    pub fn unpark(&self, name: &str, seq: u64) -> Result<(), StoreError> {
        self.store().remove(&parked_at(name, seq))
    }

    /// Returns why nothing could be delivered to a subscriber the last time, if that was so.
    pub fn unable(&self, name: &str) -> Result<Option<Unable>, StoreError> {
        self.read_json(&file(name, UNABLE))
    }

    /// Records why nothing can be delivered to a subscriber; nothing if delivery is possible.
    pub fn note_unable(&self, name: &str, unable: Option<&Unable>) -> Result<(), StoreError> {
        let at = file(name, UNABLE);
        match unable {
            Some(unable) => self.store().put(&at, &json(unable), Put::Replace),
            None if self.kept(&at)?.is_some() => self.store().remove(&at),
            None => Ok(()),
        }
    }

    /// Writes a request to the deliverer of a subscriber.
    pub fn ask_deliverer(&self, name: &str, asked: &Asked) -> Result<(), StoreError> {
        let id = uuid::Uuid::new_v4();
        self.store().put(&file(name, &format!("asked/{id}.json")), &json(asked), Put::Create)
    }

    /// Returns the requests to the deliverer of a subscriber, each with its path; an unreadable one requests nothing.
    pub fn asked_of_deliverer(&self, name: &str) -> Result<Vec<(RelPath, Option<Asked>)>, StoreError> {
        let names = self.names_in(&dir(name), "asked")?;
        let asked = names.iter().filter(|name| name.ends_with(".json"));
        let asked = asked.map(|one| file(name, &format!("asked/{one}")));
        asked.map(|at| self.read_json(&at).map(|asked| (at, asked))).collect()
    }

    /// Removes a request, once it is carried out.
    pub fn answered(&self, at: &RelPath) -> Result<(), StoreError> {
        self.store().remove(at)
    }

    fn names_in(&self, dir: &RelPath, below: &str) -> Result<Vec<String>, StoreError> {
        let Ok(at) = dir.child(below) else { return Ok(Vec::new()) };
        match self.store().list(&at) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            listing => Ok(listing?.entries.into_iter().map(|entry| entry.name).collect()),
        }
    }

    fn kept(&self, at: &RelPath) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store().read(at, LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, at: &RelPath) -> Result<Option<T>, StoreError> {
        self.noted(at, LIMIT)
    }

    /// Returns the contents of a file of the own area that may be lost; nothing if it is missing or invalid.
    pub(crate) fn noted<T: DeserializeOwned>(
        &self,
        at: &RelPath,
        limit: u64,
    ) -> Result<Option<T>, StoreError> {
        match self.store().read(at, limit) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(advised(at, error, "remove it")),
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }
}

/// Returns an error of reading with what to do about it, where something else is in the place of a file that may be lost.
fn advised(at: &RelPath, error: StoreError, advice: &str) -> StoreError {
    use std::error::Error;
    let kind = error.kind();
    if !matches!(kind, StoreErrorKind::WrongKind | StoreErrorKind::TooLarge | StoreErrorKind::Escapes) {
        return error;
    }
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    StoreError::because(kind, "read", at, &format!("{why}; {advice}"))
}

fn parked_at(name: &str, seq: u64) -> RelPath {
    file(name, &format!("parked/{seq:012}.json"))
}

/// Returns plain data as the bytes of a file.
fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::store::{ObjectStore, Posix, Store};
    use std::sync::Arc;

    fn cursor(seq: u64) -> Cursor {
        Cursor {
            cursor: 1,
            mirror: "x".to_owned(),
            seq,
            sum: None,
            ahead: seq,
            delivered: 0,
            repeats: 0,
            failing: None,
            last: None,
        }
    }

    #[test]
    fn of_two_deliverers_the_one_that_knows_the_cursor_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(Posix::open(dir.path()).unwrap()), Arc::new(ObjectStore::in_memory().unwrap())];
        for store in stores {
            let setup = Setup {
                layout: Chosen::Shipped("generic".to_owned()),
                policy: None,
                pipeline: None,
                id: "x".to_owned(),
            };
            Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
            let mirror = Mirror::open(store, "a test", Duration::ZERO).unwrap();
            let Found::New(mut one) = mirror.cursor("ci").unwrap() else { panic!() };
            let begin = Begin { begin: 1, mirror: "x".to_owned(), seq: 3, sum: None, at: Stamp::default() };
            mirror.begin_cursor("ci", &begin).unwrap();
            assert_eq!(mirror.cursor("ci").unwrap(), Found::Lost(begin.clone(), KeptCursor(None)));
            mirror.keep_cursor("ci", &cursor(4), &mut one).unwrap();
            let Found::Known(found, mut two) = mirror.cursor("ci").unwrap() else { panic!() };
            assert_eq!(found, cursor(4));
            mirror.keep_cursor("ci", &cursor(5), &mut two).unwrap();
            let refused = mirror.keep_cursor("ci", &cursor(6), &mut one).unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Busy);
            // Torn.
            mirror.store().put(&file("ci", "cursor.json"), b"{\"cursor\":1,", Put::Replace).unwrap();
            let Found::Lost(found, mut torn) = mirror.cursor("ci").unwrap() else { panic!() };
            assert_eq!(found, begin);
            mirror.keep_cursor("ci", &cursor(3), &mut torn).unwrap();
            mirror
                .park(
                    "ci",
                    &Parked {
                        parked: 1,
                        seq: 12,
                        at: Stamp::default(),
                        tries: 1,
                        answer: "404".to_owned(),
                        event: "{}".to_owned(),
                        again: false,
                    },
                )
                .unwrap();
            assert_eq!(mirror.parked("ci").unwrap(), [12]);
            mirror.ask_deliverer("ci", &Asked::Unpark(vec![12])).unwrap();
            let asked = mirror.asked_of_deliverer("ci").unwrap();
            assert_eq!(asked[0].1, Some(Asked::Unpark(vec![12])));
            mirror.answered(&asked[0].0).unwrap();
            mirror.unpark("ci", 12).unwrap();
            assert_eq!(
                (mirror.asked_of_deliverer("ci").unwrap().len(), mirror.parked("ci").unwrap().len()),
                (0, 0)
            );
        }
    }
}
