//! How far each subscriber is: its cursor, where it began, what is parked, and what is asked of its deliverer.
//!
//! All of it is below `deliver/<name>/` of the own area. A cursor is replaced only by the deliverer that read or wrote it
//! last; one that is lost or cannot be read means that events are sent again, never that one is left out
//! (`docs/decisions/0019-events.md` has the order of writes).

use super::Mirror;
use crate::model::{RelPath, Stamp};
use crate::store::{Put, StoreError};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The directory of the own area.
const DIR: &str = "deliver";

/// The file that says why a subscriber cannot be delivered to at all.
const UNABLE: &str = "unable.json";

/// More than a file here ever has, in bytes.
const LIMIT: u64 = 1 << 20;

/// What is known of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The version of this form: 1.
    pub cursor: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The number of the last line of the journal that is settled: delivered, not chosen or parked.
    pub seq: u64,
    /// The checksum of that line; nothing before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// No event with a higher number was sent.
    pub ahead: u64,
    /// How many events were accepted.
    pub delivered: u64,
    /// How many of these may have been sent before.
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
    /// Since when.
    pub since: Stamp,
    /// How often it was sent.
    pub tries: u32,
    /// What the receiver answered last.
    pub answer: String,
    /// Whether the receiver refused it, and was not just away.
    pub refused: bool,
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
    /// When.
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

/// Why a subscriber could not be delivered to at all, such as a secret that is not there.
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

/// What a person asks of a deliverer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum Asked {
    /// To send every event from that number on again.
    Replay(u64),
    /// To park the event with that number, if it is not accepted by then; without one, the event that is not accepted.
    Park(Option<u64>),
    /// To send these parked events again; all without numbers.
    Unpark(Vec<u64>),
}

/// What is found of a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Known(Cursor, KeptCursor),
    /// It was lost or cannot be read, and the subscriber began there.
    Lost(Begin, KeptCursor),
    /// The subscriber is new, or everything that was known of it is lost.
    New(KeptCursor),
}

/// The bytes of a cursor as they are in the store, from which alone it is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptCursor(Option<Vec<u8>>);

/// Returns the directory of a subscriber.
fn dir(name: &str) -> RelPath {
    RelPath::state(&format!("{DIR}/{name}"))
}

fn file(name: &str, file: &str) -> RelPath {
    RelPath::state(&format!("{DIR}/{name}/{file}"))
}

impl Mirror {
    /// Returns the place of the lock of a subscriber's deliverer.
    pub fn deliverer_lock(&self, name: &str) -> RelPath {
        file(name, "lock")
    }

    /// Takes the right to deliver to a subscriber, waiting that long for another deliverer.
    pub fn lock_deliverer(&self, name: &str, wait: Duration) -> Result<crate::store::Guard, StoreError> {
        self.store().lock(&self.deliverer_lock(name), self.who(), wait)
    }

    /// Returns what is known of a subscriber.
    pub fn cursor(&self, name: &str) -> Result<Found, StoreError> {
        let kept = KeptCursor(self.kept(&file(name, "cursor.json"))?);
        let cursor = kept.0.as_deref().and_then(|bytes| serde_json::from_slice::<Cursor>(bytes).ok());
        if let Some(cursor) = cursor.filter(|cursor| cursor.cursor == 1 && cursor.mirror == self.config().id)
        {
            return Ok(Found::Known(cursor, kept));
        }
        let begin: Option<Begin> = self.read_json(&file(name, "begin.json"))?;
        Ok(match begin.filter(|begin| begin.begin == 1 && begin.mirror == self.config().id) {
            Some(begin) => Found::Lost(begin, kept),
            None => Found::New(kept),
        })
    }

    /// Writes down where a subscriber begins, before its first cursor.
    pub fn begin_cursor(&self, name: &str, begin: &Begin) -> Result<(), StoreError> {
        // A begin is plain data.
        self.store().put(&file(name, "begin.json"), &json(begin), Put::Replace)
    }

    /// Replaces a cursor; `Busy` when another deliverer wrote it meanwhile.
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

    /// Returns a parked event; nothing where it is not parked, or cannot be read.
    pub fn parked_event(&self, name: &str, seq: u64) -> Result<Option<Parked>, StoreError> {
        self.read_json(&parked_at(name, seq))
    }

    /// Writes down that an event is parked.
    pub fn park(&self, name: &str, parked: &Parked) -> Result<(), StoreError> {
        self.store().put(&parked_at(name, parked.seq), &json(parked), Put::Replace)
    }

    /// Removes an event from those that are parked.
    pub fn unpark(&self, name: &str, seq: u64) -> Result<(), StoreError> {
        self.store().remove(&parked_at(name, seq))
    }

    /// Returns why a subscriber could not be delivered to at all, where that was so the last time.
    pub fn unable(&self, name: &str) -> Result<Option<Unable>, StoreError> {
        self.read_json(&file(name, UNABLE))
    }

    /// Writes down why a subscriber cannot be delivered to at all; nothing where it can.
    pub fn note_unable(&self, name: &str, unable: Option<&Unable>) -> Result<(), StoreError> {
        let at = file(name, UNABLE);
        match unable {
            Some(unable) => self.store().put(&at, &json(unable), Put::Replace),
            None if self.kept(&at)?.is_some() => self.store().remove(&at),
            None => Ok(()),
        }
    }

    /// Asks something of the deliverer of a subscriber.
    pub fn ask_deliverer(&self, name: &str, asked: &Asked) -> Result<(), StoreError> {
        let id = uuid::Uuid::new_v4();
        self.store().put(&file(name, &format!("asked/{id}.json")), &json(asked), Put::Create)
    }

    /// Returns what is asked of the deliverer of a subscriber, each with its place; one that cannot be read asks nothing.
    pub fn asked_of_deliverer(&self, name: &str) -> Result<Vec<(RelPath, Option<Asked>)>, StoreError> {
        let names = self.names_in(&dir(name), "asked")?;
        let asked = names.iter().filter(|name| name.ends_with(".json"));
        let asked = asked.map(|one| file(name, &format!("asked/{one}")));
        asked.map(|at| self.read_json(&at).map(|asked| (at, asked))).collect()
    }

    /// Removes what was asked, once it is done.
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
        Ok(self.kept(at)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
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
    use crate::store::{ObjectStore, Posix, Store, StoreErrorKind};
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
