//! What happened to a mirror, from its journal: the events about a build, an alias, a stream or everything.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, RelPath, Stamp, Stream};
use crate::ops::ActError;
use crate::ops::matching::Matching;
use crate::record::{Event, Phase};

/// Which events are returned.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Those about a build, an alias, a stream, or streams that match a pattern; all if absent.
    pub about: Option<About>,
    /// Those of this person: by name, user, or user and host.
    pub by: Option<String>,
    /// Those at or after this instant.
    pub since: Option<Stamp>,
    /// The newest N of these.
    pub limit: Option<usize>,
}

/// What events are about.
#[derive(Debug, Clone)]
pub struct About {
    /// The text as it was given.
    text: String,
    /// The text as a pattern of streams.
    pattern: Matching,
    /// The path of a stream, if the text is a stream whose path differs from its name.
    stream: Option<RelPath>,
    /// The path of a build, if the text is one: events of aliases that pointed to it match, too.
    build: Option<RelPath>,
}

impl About {
    /// Parses what events are about; fails for an invalid pattern.
    pub fn read(mirror: &Mirror, text: &str) -> Result<Self, glob::PatternError> {
        let text = text.trim_end_matches('/').to_owned();
        let pattern = Matching::read(&text)?;
        let stream = text.parse::<Stream>().ok().and_then(|stream| mirror.layout().stream_path(&stream).ok());
        let build = text.parse::<BuildId>().ok().and_then(|id| mirror.layout().build_path(&id).ok());
        Ok(Self { text, pattern, stream, build })
    }

    fn has(&self, event: &Event) -> bool {
        let within = |place: &str| {
            event.to.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let said = event.stated();
        let is_build = |place: Option<RelPath>| place.is_some() && place == self.build;
        within(&self.text)
            || self.stream.as_ref().is_some_and(|place| within(place.as_str()))
            || self.pattern.has(&event.to)
            || is_build(said.to)
            || is_build(said.from)
    }
}

/// What happened.
#[derive(Debug)]
pub struct History {
    /// The selected events, newest first.
    pub events: Vec<Event>,
    /// Why these are not all.
    pub damage: Option<JournalError>,
    /// Whether any event, selected or not, is about the requested subject.
    pub known: bool,
}

/// Returns whether an event is of a person.
fn is_by(event: &Event, by: &str) -> bool {
    let person = event.person();
    let (name, account) = match person.strip_suffix(')').and_then(|person| person.split_once(" (")) {
        Some((name, account)) => (Some(name), account),
        None => (None, person),
    };
    let user = account.split_once('@').map_or(account, |(user, _)| user);
    person == by || name == Some(by) || account == by || user == by
}

/// Returns what happened, without changes that were begun and undone; from a damaged journal, what can be read.
pub fn history(mirror: &Mirror, choice: &Choice) -> Result<History, ActError> {
    let (mut events, damage) = mirror.readable_history()?;
    events.retain(|event| {
        event.phase == Phase::Done && choice.about.as_ref().is_none_or(|about| about.has(event))
    });
    let known = !events.is_empty();
    events.retain(|event| {
        choice.since.is_none_or(|since| event.at >= since)
            && choice.by.as_ref().is_none_or(|by| is_by(event, by))
    });
    events.reverse();
    events.truncate(choice.limit.unwrap_or(usize::MAX));
    Ok(History { events, damage, known })
}
