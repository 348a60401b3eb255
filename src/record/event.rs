//! One fact of the journal, as one line.
//!
//! A line is a JSON object whose last field is a checksum over all that stands before it, so that a torn or edited
//! line is told from a whole one. What changes a mirror is written twice: the intent before, the outcome after; an
//! intent without outcome is what `recover` settles.

use crate::model::{Digest, Stamp};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of this form.
    pub event: u32,
    /// Its number: one more than that of the event before.
    pub seq: u64,
    /// When it was written.
    pub at: Stamp,
    /// Whether it says what is about to happen or what did.
    pub phase: Phase,
    /// What happens.
    pub what: EventKind,
    /// To which build, alias or mirror.
    pub to: String,
    /// Who did it: user, host and process.
    pub by: String,
    /// The number of the intent that an outcome settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<u64>,
    /// What else belongs to it, by kind of event.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

/// Whether something is about to happen or did.
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

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A mirror was made.
    Initialised,
    /// A build became visible.
    Published,
    /// An alias moved.
    Aliased,
    /// An alias was taken away.
    Unaliased,
    /// The copy of a build below an alias took the place of another, or went.
    Materialized,
    /// Something was said of a build.
    Labelled,
    /// A build was held.
    Held,
    /// A hold was taken back.
    Unheld,
    /// A build went to the trash.
    Pruned,
    /// Parts of a build were taken out.
    Trimmed,
    /// A build came back from the trash.
    Restored,
    /// The trash was emptied of a build.
    Swept,
    /// A build that others laid out was taken over.
    Adopted,
    /// A build was found gone that nobody pruned, and what was kept of it was let go.
    Lost,
    /// A stage was handed on to a build.
    Promoted,
    /// A stage was handed back.
    Demoted,
    /// A waiver was given.
    Waived,
    /// Waivers were taken back.
    Unwaived,
    /// A file of pins was put in force, or taken out of it.
    Pinned,
    /// Tags of images were deleted in a registry.
    Untagged,
    /// What an interrupted command left was finished or cleared.
    Recovered,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::Initialised,
        Self::Published,
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
        Self::Recovered,
    ];
}

/// Says why a line is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The checksum does not fit what stands before it.
    #[error("its checksum does not fit")]
    Checksum,
    /// No event of a version that is known.
    #[error("it is not an event: {0}")]
    Form(String),
}

/// What stands before the checksum.
const SUM: &str = ",\"sum\":\"";

impl Event {
    /// Writes the event as a line, its end included.
    pub fn write(&self) -> String {
        // An event holds nothing that JSON cannot.
        let text = serde_json::to_string(self).unwrap_or_default();
        let body = text.strip_suffix('}').unwrap_or(&text);
        format!("{body}{SUM}{}\"}}\n", sum(body))
    }

    /// Returns the checksum of its line.
    pub fn sum(&self) -> String {
        // The last thing on the line, before a quote, a brace and the line's end.
        let line = self.write();
        line.rsplit_once(SUM).map(|(_, sum)| sum.chars().take(16).collect()).unwrap_or_default()
    }

    /// Returns the person who did it: user and host, without the number of the process.
    pub fn person(&self) -> &str {
        person(&self.by)
    }

    /// Reads an event from a line without its end.
    pub fn parse(line: &[u8]) -> Result<Self, EventError> {
        Self::parse_when(line, |_| true)
    }

    /// Reads an event from a line without its end; its details stay empty unless `wanted` picks what was read of it by then.
    ///
    /// The checksum is compared in any case. A journal has many more events than a command wants to know all of.
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

/// A line of the journal, its details as they are written.
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

/// Returns the person who did something: user and host, without the number of the process.
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
