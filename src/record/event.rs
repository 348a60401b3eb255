//! One event of the journal, as one line.
//!
//! A line is a JSON object whose last field is a checksum of everything before it, so that a truncated or edited line
//! is recognized. A change of a mirror is written twice: the intent before, the outcome after; an intent without
//! outcome is what `recover` settles.

use crate::model::{Digest, Stamp};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this form.
    pub event: u32,
    /// Its number: one more than that of the event before.
    pub seq: u64,
    /// When it was written.
    pub at: Stamp,
    /// Whether this is an intent or an outcome.
    pub phase: Phase,
    /// What happens.
    pub what: EventKind,
    /// The build, alias or mirror.
    pub to: String,
    /// The actor: user, host and process.
    pub by: String,
    /// The number of the intent that an outcome settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<u64>,
    /// Its other fields, by kind of event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// Whether this is an intent or an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// About to happen.
    Intent,
    /// Happened.
    Done,
    /// Did not happen; the mirror is as it was.
    Undone,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A mirror was made.
    Initialised,
    /// Another layout, policy or pipeline was put in force.
    Configured,
    /// A build became visible.
    Published,
    /// A publish found nothing changed since a build, and confirmed it.
    Confirmed,
    /// An alias moved.
    Aliased,
    /// An alias was removed.
    Unaliased,
    /// The copy of a build below an alias was replaced or removed.
    Materialized,
    /// A build was labelled.
    Labelled,
    /// A build was held.
    Held,
    /// A hold was removed.
    Unheld,
    /// A build was moved to the trash.
    Pruned,
    /// Parts of a build were removed.
    Trimmed,
    /// A build was restored from the trash.
    Restored,
    /// A build was deleted from the trash.
    Swept,
    /// A build of another tool was adopted.
    Adopted,
    /// A build that was not pruned was found missing, and its record was removed.
    Lost,
    /// A stage was moved to a build.
    Promoted,
    /// A stage was moved back.
    Demoted,
    /// A waiver was added.
    Waived,
    /// Waivers were removed.
    Unwaived,
    /// Pins were set or removed.
    Pinned,
    /// Tags of images were deleted in a registry.
    Untagged,
    /// A build was requested by hand.
    Requested,
    /// Requests were removed.
    Unrequested,
    /// A build was started.
    Started,
    /// A run of a build ended.
    Ended,
    /// A release was tagged and named.
    Released,
    /// A new stream began after the pattern of another one.
    Branched,
    /// The retirement of a stream began, or was announced.
    Retiring,
    /// A stream is retired.
    Retired,
    /// The retirement of a stream was ended.
    Unretired,
    /// What an interrupted command left was finished or cleared.
    Recovered,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 32] = [
        Self::Initialised,
        Self::Configured,
        Self::Published,
        Self::Confirmed,
        Self::Aliased,
        Self::Unaliased,
        Self::Materialized,
        Self::Labelled,
        Self::Held,
        Self::Unheld,
        Self::Pruned,
        Self::Trimmed,
        Self::Restored,
        Self::Swept,
        Self::Adopted,
        Self::Lost,
        Self::Promoted,
        Self::Demoted,
        Self::Waived,
        Self::Unwaived,
        Self::Pinned,
        Self::Untagged,
        Self::Requested,
        Self::Unrequested,
        Self::Started,
        Self::Ended,
        Self::Released,
        Self::Branched,
        Self::Retiring,
        Self::Retired,
        Self::Unretired,
        Self::Recovered,
    ];
}

/// Why a line is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The checksum does not match the text before it.
    #[error("its checksum does not match")]
    Checksum,
    /// It is not an event of a known version.
    #[error("it is not an event: {0}")]
    Form(String),
}

/// The text before the checksum.
const SUM: &str = ",\"sum\":\"";

impl Event {
    /// Writes the event as a line, its end included.
    pub fn write(&self) -> String {
        // An event always serializes.
        let text = serde_json::to_string(self).unwrap_or_default();
        let body = text.strip_suffix('}').unwrap_or(&text);
        format!("{body}{SUM}{}\"}}\n", sum(body))
    }

    /// Returns the checksum of its line.
    pub fn sum(&self) -> String {
        // The last field of the line, before a quote, a brace and the line's end.
        let line = self.write();
        line.rsplit_once(SUM).map(|(_, sum)| sum.chars().take(16).collect()).unwrap_or_default()
    }

    /// Returns the user and host of the actor, without the process ID.
    pub fn person(&self) -> &str {
        person(&self.by)
    }

    /// Returns a finished event for a test.
    #[cfg(test)]
    pub(crate) fn done(what: EventKind, to: &str, details: &serde_json::Value) -> Self {
        Self {
            event: 1,
            seq: 7,
            at: "20181205T060000Z".parse().unwrap(),
            phase: Phase::Done,
            what,
            to: to.to_owned(),
            by: "ci@host pid 7".to_owned(),
            settles: None,
            details: details.as_object().cloned().unwrap(),
        }
    }

    /// Parses an event from a line without its end.
    pub fn parse(line: &[u8]) -> Result<Self, EventError> {
        Self::parse_when(line, |_| true)
    }

    /// Parses an event from a line without its end; its details stay empty unless `wanted` selects it by the other
    /// fields.
    ///
    /// The checksum is compared in any case. A journal has many more events than a command needs in full.
    pub fn parse_when(line: &[u8], wanted: impl FnOnce(&Self) -> bool) -> Result<Self, EventError> {
        let text = str::from_utf8(line).map_err(|_| EventError::Checksum)?;
        let (body, tail) = text.rsplit_once(SUM).ok_or(EventError::Checksum)?;
        if tail.strip_suffix("\"}") != Some(&*sum(body)) {
            return Err(EventError::Checksum);
        }
        let form = |error: serde_json::Error| EventError::Form(error.to_string());
        let line: Line<'_> = serde_json::from_str(text).map_err(form)?;
        let Line { event, seq, at, phase, what, to, by, settles, details, .. } = line;
        if event != 1 {
            return Err(EventError::Form(format!("version {event} is not known here")));
        }
        let mut event = Self { event, seq, at, phase, what, to, by, settles, details: Map::new() };
        if let Some(details) = details.filter(|_| wanted(&event)) {
            event.details = serde_json::from_str(details.get()).map_err(form)?;
        }
        Ok(event)
    }
}

/// A line of the journal, with its details as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    event: u32,
    seq: u64,
    at: Stamp,
    phase: Phase,
    what: EventKind,
    to: String,
    by: String,
    #[serde(default)]
    settles: Option<u64>,
    #[serde(borrow, default)]
    details: Option<&'a RawValue>,
    #[serde(rename = "sum")]
    _sum: IgnoredAny,
}

/// Returns the user and host of an actor, without the process ID.
pub fn person(by: &str) -> &str {
    by.rsplit_once(" pid ").map_or(by, |(person, _)| person)
}

/// Returns the first 16 digits of a text's SHA-256: enough against accidents.
fn sum(body: &str) -> String {
    Digest::of(body.as_bytes()).to_string().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(seq: u64, to: String) -> Event {
        let details = Map::from_iter([("result".to_owned(), Value::from("success"))]);
        Event {
            event: 1,
            seq,
            at: "20181205T060000Z".parse().unwrap(),
            phase: Phase::Done,
            what: EventKind::Published,
            to,
            by: "ci@builder".to_owned(),
            settles: Some(seq.saturating_sub(1)),
            details,
        }
    }

    proptest! {
        #[test]
        fn an_event_prints_back_the_same(seq in any::<u64>(), to in "\\PC{0,20}") {
            let event = event(seq, to);
            let line = event.write();
            prop_assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
            prop_assert_eq!(Event::parse(line.trim_end().as_bytes()).unwrap(), event);
        }

        #[test]
        fn details_that_are_not_wanted_stay_empty(seq in any::<u64>(), to in "\\PC{0,20}") {
            let event = event(seq, to);
            let line = event.write();
            let read = |wanted| Event::parse_when(line.trim_end().as_bytes(), |_| wanted).unwrap();
            prop_assert_eq!(&read(true), &event);
            prop_assert_eq!(read(false), Event { details: Map::new(), ..event });
        }

        #[test]
        fn a_torn_or_changed_line_is_noticed(to in "[a-z]{3,9}", at in 0usize..120) {
            let line = event(7, to).write();
            let whole = line.trim_end().as_bytes();
            let mut bytes = whole.to_vec();
            let at = at % bytes.len();
            prop_assert!(Event::parse(&bytes[..at]).is_err());
            bytes[at] ^= 1;
            prop_assert!(Event::parse(&bytes).is_err());
        }
    }
}
