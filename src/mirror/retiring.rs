//! Streams that are being retired or are retired: a file for each, which freezes its stream, and the same in the journal.
//!
//! A file that cannot be read freezes its stream, too. The journal decides how far a retirement has come; the file repeats
//! it, so that a publish does not read the journal.

use super::{ExpectedError, JournalError, Mirror, StateError, WriteLock};
use crate::model::{RelPath, Stream};
use crate::record::{Event, EventKind, Phase, Retirement};
use crate::store::{Put, StoreError};
use std::collections::BTreeMap;

/// The largest size of the file of a retirement, in bytes.
const LIMIT: u64 = 1 << 20;

/// The directory of the files.
const DIR: &str = "retire";

/// The events that state retirements.
const STATING: [EventKind; 3] = [EventKind::Retiring, EventKind::Retired, EventKind::Unretired];

/// The retirement of each stream that has one, or why it cannot be read.
pub type Retirements = BTreeMap<Stream, Result<Retirement, StateError>>;

impl Mirror {
    /// Returns the path of the file about the retirement of a stream.
    pub fn retirement_at(stream: &Stream) -> RelPath {
        RelPath::state(&format!("{DIR}/{stream}.json"))
    }

    /// Returns the retirement of a stream, by its file; nothing if there is none.
    pub fn retirement_of(&self, stream: &Stream) -> Result<Option<Retirement>, StateError> {
        let at = Self::retirement_at(stream);
        match self.store().read(&at, LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => Retirement::parse(&bytes, stream).map(Some).map_err(|why| StateError::Retirement {
                stream: stream.clone(),
                at,
                why,
            }),
        }
    }

    /// Fails if a stream is frozen since it is retired, or may be, since its file cannot be read.
    pub fn refuse_retiring(&self, stream: &Stream) -> Result<(), StateError> {
        match self.retirement_of(stream)? {
            None => Ok(()),
            Some(Retirement { stream, why, since, retired_at, .. }) => {
                Err(StateError::Retiring { stream, why, since, retired: retired_at.is_some() })
            }
        }
    }

    /// Returns every stream that has a file about its retirement.
    pub fn retirement_files(&self) -> Result<Retirements, StateError> {
        let dir = RelPath::state(DIR);
        let streams =
            self.paths_below(dir.clone(), |_, _| false)?.into_iter().filter_map(|at| stream_at(&dir, &at));
        let read = |stream: Stream| Some((self.retirement_of(&stream).transpose()?, stream));
        Ok(streams.filter_map(read).map(|(read, stream)| (stream, read)).collect())
    }

    /// Returns the last retirement of each stream in the journal, whose `unretired` is not in it.
    pub fn stated_retirements(&self) -> Result<BTreeMap<Stream, Retirement>, JournalError> {
        Ok(stated(&self.history(&STATING)?))
    }

    /// Returns the retirement of every stream: that of the journal, and that of a file of which the journal has nothing.
    pub fn retirements(&self) -> Result<Retirements, ExpectedError> {
        // The file is removed before its event is written, so it is read first.
        let mut all = self.retirement_files()?;
        for (stream, stated) in self.stated_retirements()? {
            let unread = matches!(all.get(&stream), Some(Err(_)));
            if !unread {
                all.insert(stream, Ok(stated));
            }
        }
        Ok(all)
    }
}

impl WriteLock<'_> {
    /// Writes the file about the retirement of a stream.
    pub fn keep_retirement(&self, retirement: &Retirement) -> Result<(), StoreError> {
        let at = Mirror::retirement_at(&retirement.stream);
        self.mirror().store().put(&at, retirement.write().as_bytes(), Put::Replace)
    }

    /// Removes the file about the retirement of a stream.
    pub fn forget_retirement(&self, stream: &Stream) -> Result<(), StoreError> {
        self.mirror().store().remove(&Mirror::retirement_at(stream))
    }
}

/// Returns the stream of the file at a path; nothing for a file with another name.
fn stream_at(dir: &RelPath, at: &RelPath) -> Option<Stream> {
    at.below(dir)?.as_str().strip_suffix(".json")?.parse().ok()
}

/// Returns the last retirement of each stream in these events.
fn stated(events: &[Event]) -> BTreeMap<Stream, Retirement> {
    let mut all = BTreeMap::new();
    for event in events.iter().filter(|event| event.phase == Phase::Done) {
        let Ok(stream) = event.to.parse::<Stream>() else { continue };
        match event.what {
            EventKind::Unretired => drop(all.remove(&stream)),
            EventKind::Retiring | EventKind::Retired => {
                // In an unknown form: what was stated before still counts.
                if let Some(retirement) = event.stated().retirement.filter(|one| one.stream == stream) {
                    all.insert(stream, retirement);
                }
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;
    use crate::record::RETIREMENT_VERSION;
    use serde_json::json;

    fn retirement(removal_at: Option<Stamp>) -> Retirement {
        Retirement {
            retire: RETIREMENT_VERSION,
            stream: "master/centos".parse().unwrap(),
            why: "no users".to_owned(),
            by: "ops".to_owned(),
            since: Stamp::default(),
            notice: 0,
            archive: None,
            url: None,
            served_at: None,
            keep: Vec::new(),
            names: BTreeMap::new(),
            announced_at: None,
            removal_at,
            redirect_since: None,
            retired_at: None,
        }
    }

    #[test]
    fn the_last_event_of_a_stream_counts_until_it_is_unretired() {
        let to = "master/centos";
        let event =
            |what, retirement: &Retirement| Event::done(what, to, &json!({ "retirement": retirement }));
        let announced = retirement(Some(Stamp::default()));
        let mut events = vec![
            event(EventKind::Retiring, &retirement(None)),
            event(EventKind::Retiring, &announced),
            Event::done(EventKind::Retiring, to, &json!({ "retirement": 7 })),
            Event { phase: Phase::Undone, ..event(EventKind::Retired, &retirement(None)) },
        ];
        let stream: Stream = to.parse().unwrap();
        assert_eq!(stated(&events), BTreeMap::from([(stream, announced)]));
        events.push(Event::done(EventKind::Unretired, to, &json!({ "why": "users" })));
        assert_eq!(stated(&events), BTreeMap::new());
    }

    #[test]
    fn a_file_is_that_of_the_stream_in_its_path() {
        let dir = RelPath::state(DIR);
        let stream = "release/2018.10/centos".parse().unwrap();
        assert_eq!(stream_at(&dir, &Mirror::retirement_at(&stream)), Some(stream));
        assert_eq!(stream_at(&dir, &RelPath::state("retire/master/notes.txt")), None);
    }
}
