//! What happened to a mirror, from its journal: the events about a build, a name, a stream or everything.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, RelPath, Stamp, Stream};
use crate::ops::ActError;
use crate::ops::matching::Matching;
use crate::record::{Event, Phase};

/// Which events are returned.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Those about a build, a name, a stream, or streams that match a pattern; all without it.
    pub about: Option<About>,
    /// Those at or after this instant.
    pub since: Option<Stamp>,
    /// The newest so many of these.
    pub limit: Option<usize>,
}

/// What events are about.
#[derive(Debug, Clone)]
pub struct About {
    /// The text as it was given.
    text: String,
    /// The text as a pattern of streams.
    pattern: Matching,
    /// The place of a stream, where the text is one that has another place than its name.
    stream: Option<RelPath>,
    /// The place of a build, where the text is one: names that led to it are about it, too.
    build: Option<RelPath>,
}

impl About {
    /// Reads what events are about; fails where it is not a pattern that can be used.
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

/// Returns what happened, newest first; what was begun and did not happen is left out. Of a damaged journal it is what can be
/// read, with the reason why that is not all.
pub fn history(mirror: &Mirror, choice: &Choice) -> Result<(Vec<Event>, Option<JournalError>), ActError> {
    let (mut events, damage) = mirror.readable_history()?;
    events.retain(|event| {
        event.phase == Phase::Done
            && choice.since.is_none_or(|since| event.at >= since)
            && choice.about.as_ref().is_none_or(|about| about.has(event))
    });
    events.reverse();
    events.truncate(choice.limit.unwrap_or(usize::MAX));
    Ok((events, damage))
}
