//! An event as a CloudEvent 1.0, in its structured JSON form.

use super::about::About;
use super::data::EventData;
use super::kind::type_of;
use crate::layout::Layout;
use crate::model::{Stamp, is_unprintable};
use crate::record::{Event, EventKind, Phase};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;

/// The characters that are percent-encoded in a part of a URI.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The attributes of a CloudEvent, and data of one form.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Envelope<T> {
    /// The version of the attributes: `1.0`.
    #[schemars(extend("const" = "1.0"))]
    pub specversion: String,
    /// The ID of the mirror and the number of the event; a repeat has the same ID.
    pub id: String,
    /// The mirror, as `mirrorkeep:` and its ID.
    pub source: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The build, alias, stage or mirror that the event is about.
    pub subject: String,
    /// When it happened.
    pub time: Stamp,
    /// The form of `data`: `application/json`.
    pub datacontenttype: String,
    /// The data of the event, by type.
    pub data: T,
}

/// An event for other programs.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    /// Its number in the journal.
    pub seq: u64,
    /// The kind of event.
    pub kind: EventKind,
    /// The subject of the event.
    pub about: About,
    /// The message to send.
    pub envelope: Envelope<EventData>,
}

impl CloudEvent {
    /// Returns the event for a line of a mirror's journal; nothing if the line does not state something that was
    /// done.
    pub fn of(event: &Event, mirror: &str, layout: &Layout) -> Option<Self> {
        if event.phase != Phase::Done {
            return None;
        }
        let stated = event.stated();
        let about = About::of(event, &stated, layout);
        let envelope = Envelope {
            specversion: "1.0".to_owned(),
            id: format!("{mirror}/{}", event.seq),
            source: format!("mirrorkeep:{}", utf8_percent_encode(mirror, ESCAPED)),
            kind: type_of(event.what),
            subject: event.to.clone(),
            time: event.at,
            datacontenttype: "application/json".to_owned(),
            data: EventData::of(event, stated, &about, layout),
        };
        Some(Self { seq: event.seq, kind: event.what, about, envelope })
    }

    /// Returns the event as JSON on one line, without its end; terminal control characters are escaped.
    pub fn line(&self) -> String {
        // Plain data always serializes.
        let text = serde_json::to_string(&self.envelope).unwrap_or_default();
        if !text.contains(is_unprintable) {
            return text;
        }
        let mut escaped = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            // Such a character can only be in a string: the rest of JSON is printable.
            if is_unprintable(c) {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escaped += &format!("\\u{unit:04x}"));
            } else {
                escaped.push(c);
            }
        }
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(what: EventKind, to: &str, details: Value) -> Event {
        Event::done(what, to, &details)
    }

    fn layout() -> Layout {
        Layout::load(Layout::shipped("starlingx").unwrap(), "layout.yaml").unwrap()
    }

    #[test]
    fn an_event_is_a_cloud_event() {
        let details = json!({"result": "success", "created": null, "files": 2, "bytes": 5, "mirror": "a b"});
        let event = event(EventKind::Published, "master/centos/20181205T060000Z", details);
        let cloud = CloudEvent::of(&event, "a b", &layout()).unwrap();
        let expected = json!({
            "specversion": "1.0", "id": "a b/7", "source": "mirrorkeep:a%20b",
            "type": "mirrorkeep.build.published.v1", "subject": "master/centos/20181205T060000Z",
            "time": "2018-12-05T06:00:00Z", "datacontenttype": "application/json",
            "data": {
                "seq": 7, "by": "ci@host", "build": "master/centos/20181205T060000Z", "stream": "master/centos",
                "path": "master/centos/20181205T060000Z", "result": "success", "created": null, "files": 2, "bytes": 5,
                "purge": ["/master/centos/20181205T060000Z/*", "/master/centos/"],
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&cloud.line()).unwrap(), expected);
        assert!(!cloud.line().contains('\n'));
    }

    #[test]
    fn what_a_terminal_acts_on_is_escaped_and_means_the_same() {
        let why = "a\u{202e}b\u{9b}2K\u{e0001}\n";
        let event = event(EventKind::Swept, "master/centos/20181205T060000Z", json!({"why": why}));
        let line = CloudEvent::of(&event, "x", &layout()).unwrap().line();
        assert!(!line.contains(is_unprintable), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["data"]["why"], why);
    }

    #[test]
    fn only_what_is_done_is_an_event() {
        let mut event = event(EventKind::Lost, "master/centos/20181205T060000Z", json!({}));
        for phase in [Phase::Intent, Phase::Undone] {
            event.phase = phase;
            assert_eq!(CloudEvent::of(&event, "x", &layout()), None);
        }
    }

    #[test]
    fn nothing_that_is_of_use_inside_alone_is_told() {
        let details =
            json!({"trash": "secret-place", "inode": [1, 2], "kind": "build", "stage": "secret-place"});
        for kind in EventKind::ALL {
            let event = event(kind, "master/centos/20181205T060000Z", details.clone());
            let line = CloudEvent::of(&event, "x", &layout()).unwrap().line();
            assert!(
                !line.contains("secret-place") && !line.contains("inode") && !line.contains("pid"),
                "{line}"
            );
        }
        let command = json!({"verify": ["a"], "apply": ["secret-word"], "undo": ["b"], "seconds": 1});
        let digest = "0".repeat(64);
        let promotion = json!({
            "name": "stable", "stream": "master/centos", "build": null, "before": null, "moves": [],
            "commands": [command], "pipeline": format!("sha256:{digest}"),
        });
        let mut event = event(EventKind::Promoted, "master/centos/stable", json!({"promotion": promotion}));
        if event.stated().promotion.is_none() {
            event.details["promotion"]["pipeline"] = json!(digest);
        }
        assert!(event.stated().promotion.is_some());
        let line = CloudEvent::of(&event, "x", &layout()).unwrap().line();
        assert!(line.contains("\"stage\":\"stable\"") && !line.contains("secret-word"), "{line}");
    }
}
