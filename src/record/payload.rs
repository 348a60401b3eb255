//! What an event states beside its build, alias or mirror, by its kind.
//!
//! `Payload` is what is written, with exactly the fields of its kind. `Details` is what is read, field by field: a
//! journal is read by versions that know fewer fields and by those that know more, so that what is missing or has
//! another form is nothing.

use super::{Event, EventKind, Hold, Promotion, Waived};
use crate::model::{Digest, ImageRef, Outcome, RelPath, Stamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What an event of one kind states.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// A build is about to become visible.
    Publish {
        /// How it went.
        result: Outcome,
        /// Where it is staged.
        stage: RelPath,
        /// `move`, where its files leave their source.
        #[serde(skip_serializing_if = "Option::is_none")]
        take: Option<&'static str>,
    },
    /// A build is visible.
    Published {
        /// How it went.
        result: Outcome,
        /// When it was made.
        created: Option<Stamp>,
        /// How many files it has.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
    },
    /// An alias points at something else.
    Aliased {
        /// Where it pointed before.
        from: Option<RelPath>,
        /// Where it points now.
        to: RelPath,
        /// Whether a person did it without mirrorkeep.
        #[serde(skip_serializing_if = "is_false")]
        by_hand: bool,
        /// Why a person took over where it led.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// An alias is removed.
    Unaliased {
        /// Where it pointed before.
        from: Option<RelPath>,
        /// Whether a person did it without mirrorkeep.
        #[serde(skip_serializing_if = "is_false")]
        by_hand: bool,
        /// Why a person took over that it led to no build.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Another generation of the copy below an alias counts.
    Materialized {
        /// Which one did before.
        from: Option<String>,
        /// Which one does now; nothing when there is none.
        generation: Option<String>,
    },
    /// Labels were set, and removed where the value is null.
    Labelled {
        /// The labels by their keys.
        labels: Map<String, Value>,
    },
    /// A hold was added.
    Held {
        /// All holds of the build.
        holds: Vec<Hold>,
    },
    /// Holds were removed.
    Unheld {
        /// All holds of the build.
        holds: Vec<Hold>,
    },
    /// A build went to the trash.
    Pruned {
        /// Its directory of the trash.
        trash: RelPath,
        /// The plan that deletes it; nothing where a person withdrew it.
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Digest>,
        /// Why a person withdrew it.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The last instant at which it can come back.
        until: Stamp,
    },
    /// Parts of a build went to the trash.
    Trimmed {
        /// Their directory of the trash.
        trash: RelPath,
        /// The names of the parts.
        parts: Vec<String>,
        /// How many files stay.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
        /// The last instant at which they can come back.
        until: Stamp,
        /// Device and inode of the tree with the parts; in the intent of a mirror in a directory only.
        #[serde(skip_serializing_if = "Option::is_none")]
        inode: Option<(u64, u64)>,
    },
    /// A build, or parts of one, came back from the trash.
    Restored {
        /// Their directory of the trash.
        trash: RelPath,
        /// Device and inode of the tree; in the intent only.
        #[serde(skip_serializing_if = "Option::is_none")]
        inode: Option<(u64, u64)>,
        /// `build` or `untrimmed`; in the intent only.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
    },
    /// A build is deleted for good.
    Swept {
        /// Its directory of the trash.
        trash: RelPath,
        /// Why a person deleted it by `withdraw --purge`.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A build that others made was adopted.
    Adopted {
        /// How it went.
        result: Outcome,
        /// When it was made.
        created: Option<Stamp>,
        /// How many files it has.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
        /// Whether only its record was lost.
        rebuilt: bool,
        /// The digest of all its files, where it had a record before.
        content: Option<Digest>,
        /// The digest of its SHA256SUMS, where it had a record before.
        sums: Option<Digest>,
    },
    /// The record of an adopted build states when the build was made.
    Dated {
        /// How it went.
        result: Outcome,
        /// When it was made.
        created: Stamp,
        /// How many files it has.
        files: u64,
        /// How many bytes they have.
        bytes: u64,
    },
    /// A build is gone that was not pruned.
    Lost {},
    /// A stage is handed on to a build.
    Promoted {
        /// To which, and what moves.
        promotion: Promotion,
    },
    /// A stage is handed back.
    Demoted {
        /// To which, and what moves.
        promotion: Promotion,
    },
    /// A waiver is given.
    Waived {
        /// For what.
        waiver: Waived,
    },
    /// Waivers are taken back.
    Unwaived {
        /// For what.
        waiver: Waived,
    },
    /// The images that a file of pins names; none takes it out of force.
    Pinned {
        /// The images, under the tags that their builds gave them.
        pins: Vec<ImageRef>,
    },
    /// Tags of images are deleted, with their digests.
    Untagged {
        /// The tags by the digest to which they lead.
        digests: BTreeMap<Digest, Vec<String>>,
    },
    /// Events are lost, and a person accepted that.
    Recovered {
        /// Each run of lost events by its first and last number.
        missing: Vec<(u64, u64)>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Payload {
    /// Returns the kind of its event.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Publish { .. } | Self::Published { .. } => EventKind::Published,
            Self::Aliased { .. } => EventKind::Aliased,
            Self::Unaliased { .. } => EventKind::Unaliased,
            Self::Materialized { .. } => EventKind::Materialized,
            Self::Labelled { .. } => EventKind::Labelled,
            Self::Held { .. } => EventKind::Held,
            Self::Unheld { .. } => EventKind::Unheld,
            Self::Pruned { .. } => EventKind::Pruned,
            Self::Trimmed { .. } => EventKind::Trimmed,
            Self::Restored { .. } => EventKind::Restored,
            Self::Swept { .. } => EventKind::Swept,
            Self::Adopted { .. } | Self::Dated { .. } => EventKind::Adopted,
            Self::Lost {} => EventKind::Lost,
            Self::Promoted { .. } => EventKind::Promoted,
            Self::Demoted { .. } => EventKind::Demoted,
            Self::Waived { .. } => EventKind::Waived,
            Self::Unwaived { .. } => EventKind::Unwaived,
            Self::Pinned { .. } => EventKind::Pinned,
            Self::Untagged { .. } => EventKind::Untagged,
            Self::Recovered { .. } => EventKind::Recovered,
        }
    }

    /// Returns the fields as they stand in the line of an event.
    pub fn details(&self) -> Map<String, Value> {
        // Plain data, and a map in every variant.
        match serde_json::to_value(self) {
            Ok(Value::Object(details)) => details,
            _ => Map::new(),
        }
    }
}

/// What an event was found to state.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of `Payload`")]
pub struct Details {
    #[serde(deserialize_with = "or_nothing")]
    pub result: Option<Outcome>,
    #[serde(deserialize_with = "or_nothing")]
    pub stage: Option<RelPath>,
    #[serde(deserialize_with = "or_nothing")]
    pub take: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub created: Option<Stamp>,
    #[serde(deserialize_with = "or_nothing")]
    pub files: Option<u64>,
    #[serde(deserialize_with = "or_nothing")]
    pub bytes: Option<u64>,
    #[serde(deserialize_with = "or_nothing")]
    pub from: Option<RelPath>,
    #[serde(deserialize_with = "or_nothing")]
    pub to: Option<RelPath>,
    #[serde(deserialize_with = "or_nothing")]
    pub by_hand: Option<bool>,
    #[serde(deserialize_with = "or_nothing")]
    pub generation: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub labels: Option<Map<String, Value>>,
    #[serde(deserialize_with = "or_nothing")]
    pub holds: Option<Vec<Hold>>,
    #[serde(deserialize_with = "or_nothing")]
    pub trash: Option<RelPath>,
    #[serde(deserialize_with = "or_nothing")]
    pub plan: Option<Digest>,
    #[serde(deserialize_with = "or_nothing")]
    pub parts: Option<Vec<String>>,
    #[serde(deserialize_with = "or_nothing")]
    pub until: Option<Stamp>,
    #[serde(deserialize_with = "or_nothing")]
    pub why: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub inode: Option<(u64, u64)>,
    #[serde(deserialize_with = "or_nothing")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub content: Option<Digest>,
    #[serde(deserialize_with = "or_nothing")]
    pub sums: Option<Digest>,
    #[serde(deserialize_with = "or_nothing")]
    pub promotion: Option<Promotion>,
    #[serde(deserialize_with = "or_nothing")]
    pub waiver: Option<Waived>,
    #[serde(deserialize_with = "or_nothing")]
    pub pins: Option<Vec<ImageRef>>,
    #[serde(deserialize_with = "or_nothing")]
    pub digests: Option<BTreeMap<Digest, Vec<String>>>,
    #[serde(deserialize_with = "or_nothing")]
    pub missing: Option<Vec<(u64, u64)>>,
}

fn or_nothing<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

impl Event {
    /// Returns what the event states.
    pub fn stated(&self) -> Details {
        Details::deserialize(&self.details).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(details: &str) -> Event {
        Event {
            event: 1,
            seq: 1,
            at: Stamp::default(),
            phase: super::super::Phase::Done,
            what: EventKind::Trimmed,
            to: "a/b/c".to_owned(),
            by: "ci".to_owned(),
            settles: None,
            details: serde_json::from_str(details).unwrap(),
        }
    }

    #[test]
    fn a_payload_has_the_fields_of_its_kind_and_no_other() {
        let at = |text: &str| -> RelPath { text.parse().unwrap() };
        let day: Stamp = "20181205T060000Z".parse().unwrap();
        let cases = [
            (
                Payload::Publish { result: Outcome::Success, stage: at("a"), take: None },
                r#"{"result":"success","stage":"a"}"#,
            ),
            (
                Payload::Published { result: Outcome::Fail, created: None, files: 1, bytes: 2 },
                r#"{"bytes":2,"created":null,"files":1,"result":"fail"}"#,
            ),
            (
                Payload::Aliased { from: None, to: at("b"), by_hand: false, why: None },
                r#"{"from":null,"to":"b"}"#,
            ),
            (
                Payload::Unaliased { from: Some(at("b")), by_hand: true, why: None },
                r#"{"by_hand":true,"from":"b"}"#,
            ),
            (
                Payload::Restored { trash: at("t"), inode: Some((1, 2)), kind: Some("build".to_owned()) },
                r#"{"inode":[1,2],"kind":"build","trash":"t"}"#,
            ),
            (
                Payload::Dated { result: Outcome::Success, created: day, files: 0, bytes: 0 },
                r#"{"bytes":0,"created":"2018-12-05T06:00:00Z","files":0,"result":"success"}"#,
            ),
            (Payload::Lost {}, "{}"),
            (Payload::Recovered { missing: vec![(3, 4)] }, r#"{"missing":[[3,4]]}"#),
        ];
        for (payload, expected) in cases {
            assert_eq!(serde_json::to_string(&payload.details()).unwrap(), expected);
        }
    }

    #[test]
    fn a_field_of_another_form_hides_no_other() {
        let stated =
            event(r#"{"trash": 5, "until": null, "parts": ["a"], "files": 3, "later": true}"#).stated();
        assert_eq!((stated.trash, stated.until), (None, None));
        assert_eq!((stated.parts, stated.files), (Some(vec!["a".to_owned()]), Some(3)));
        assert_eq!(event("{}").stated(), Details::default());
    }
}
