//! The details of an event beyond its build, alias or mirror, by its kind.
//!
//! `Payload` is what is written, with exactly the fields of its kind. `Details` is what is read, field by field: a
//! journal is read by versions that know fewer fields or more, so a field that is missing or has another form is
//! absent.

use super::{
    Archive, Event, EventKind, Hold, Promotion, Released, Retirement, RunOutcome, RunReason, Waived,
};
use crate::model::{BuildId, Digest, ImageRef, Outcome, RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A rule of the policy that no longer kept a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lapsed {
    /// The rule, such as `last 3`.
    pub rule: String,
    /// How narrowly it missed the build, such as `rank 6`.
    pub detail: String,
}

impl Lapsed {
    /// Returns in one line why no rule kept a build.
    pub fn line(rules: &[Self]) -> String {
        let each = rules.iter().map(|Self { rule, detail }| format!("{rule}: {detail}"));
        let line = each.collect::<Vec<_>>().join("; ");
        if line.is_empty() { "no rule kept it".to_owned() } else { line }
    }
}

/// What an event of one kind states.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Payload {
    /// Another layout, policy or pipeline is put in force.
    Configured {
        /// The one before, by its name in `mirror.yaml`; nothing if there was none.
        before: Option<String>,
        /// The new one, by its name in `mirror.yaml`.
        after: String,
        /// The digest of its text; nothing for a shipped one.
        digest: Option<Digest>,
    },
    /// A build is about to become visible.
    Publish {
        /// Its result.
        result: Outcome,
        /// Where it is staged.
        stage: RelPath,
        /// `move`, if its files leave their source.
        #[serde(skip_serializing_if = "Option::is_none")]
        take: Option<&'static str>,
    },
    /// A build is visible.
    Published {
        /// Its result.
        result: Outcome,
        /// When it was made.
        created: Option<Stamp>,
        /// The number of its files.
        files: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// Nothing changed since a build, which is confirmed.
    Confirmed {
        /// When that was found; the record has it, or a later time.
        confirmed_at: Stamp,
        /// The digest of the inputs that were compared.
        inputs: Digest,
        /// When reading them began.
        read_at: Stamp,
    },
    /// An alias points to another target.
    Aliased {
        /// Its previous target.
        from: Option<RelPath>,
        /// Its new target.
        to: RelPath,
        /// Whether a person did it without mirrorkeep.
        #[serde(skip_serializing_if = "is_false")]
        by_hand: bool,
        /// Why a person accepted its target.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// An alias is removed.
    Unaliased {
        /// Its previous target.
        from: Option<RelPath>,
        /// Whether a person did it without mirrorkeep.
        #[serde(skip_serializing_if = "is_false")]
        by_hand: bool,
        /// Why a person accepted that it resolves to no build.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// The copy below an alias has another current generation.
    Materialized {
        /// The previous one.
        from: Option<String>,
        /// The new one; nothing if there is none.
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
    /// A build was moved to the trash.
    Pruned {
        /// Its directory of the trash.
        trash: RelPath,
        /// The plan that deletes it; nothing if a person withdrew it.
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Digest>,
        /// Why a person withdrew it.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// The rules of the policy that no longer kept it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        rules: Vec<Lapsed>,
        /// The archive that has it and from which it comes back by `copy`; never with `why`, which makes the event a
        /// withdrawal.
        #[serde(skip_serializing_if = "Option::is_none")]
        archive: Option<Archive>,
        /// Why its stream is retired, if that removed it.
        #[serde(skip_serializing_if = "Option::is_none")]
        retired: Option<String>,
        /// The last instant at which it can come back.
        until: Stamp,
    },
    /// Parts of a build were moved to the trash.
    Trimmed {
        /// Their directory of the trash.
        trash: RelPath,
        /// The names of the parts.
        parts: Vec<String>,
        /// The number of files that stay.
        files: u64,
        /// Their size in bytes.
        bytes: u64,
        /// The last instant at which they can be restored.
        until: Stamp,
        /// Device and inode of the tree with the parts; in the intent of a directory mirror only.
        #[serde(skip_serializing_if = "Option::is_none")]
        inode: Option<(u64, u64)>,
    },
    /// A build, or parts of one, was restored from the trash.
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
    /// A build of another tool was adopted.
    Adopted {
        /// Its result.
        result: Outcome,
        /// When it was made.
        created: Option<Stamp>,
        /// The number of its files.
        files: u64,
        /// Their size in bytes.
        bytes: u64,
        /// Whether only its record was lost.
        rebuilt: bool,
        /// The digest of all its files, if it had a record before.
        content: Option<Digest>,
        /// The digest of its SHA256SUMS, if it had a record before.
        sums: Option<Digest>,
    },
    /// The record of an adopted build states when the build was made.
    Dated {
        /// Its result.
        result: Outcome,
        /// When it was made.
        created: Stamp,
        /// The number of its files.
        files: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// A build is missing that was not pruned.
    Lost {},
    /// A stage is moved to a build.
    Promoted {
        /// The build, and what moves.
        promotion: Promotion,
    },
    /// A stage is moved back.
    Demoted {
        /// The build, and what moves.
        promotion: Promotion,
    },
    /// A waiver is added.
    Waived {
        /// The waiver.
        waiver: Waived,
    },
    /// Waivers are removed.
    Unwaived {
        /// The waiver.
        waiver: Waived,
    },
    /// The images that a file of pins names; without any, the pins are removed.
    Pinned {
        /// The images, under the tags that their builds gave them.
        pins: Vec<ImageRef>,
    },
    /// Tags of images are deleted, with their digests.
    Untagged {
        /// The tags by the digest to which they point.
        digests: BTreeMap<Digest, Vec<String>>,
    },
    /// A build is requested by hand.
    Requested {
        /// The reason.
        why: String,
        /// Whether no run was going on, so that one that did not end was killed, and no later build is its own.
        #[serde(skip_serializing_if = "is_false")]
        idle: bool,
    },
    /// The open requests are removed.
    Unrequested {},
    /// A build is started.
    Started {
        /// The reason.
        reasons: Vec<RunReason>,
        /// What was found: the commit or digest of each branch, tag and file that was checked.
        seen: BTreeMap<String, String>,
        /// The numbers of the requests that it answers if it succeeds or publishes.
        requests: Vec<u64>,
        /// The time by which it must have ended.
        until: Stamp,
    },
    /// A run of a build ended.
    Ended {
        /// The number of the event that states its start.
        run: u64,
        /// How it ended.
        outcome: RunOutcome,
        /// The exit code of its command; nothing if it ended otherwise.
        code: Option<i32>,
        /// What the newest build stated then of each branch, tag and file that was looked at, as far as that is known.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        built: BTreeMap<String, Option<String>>,
    },
    /// A release is tagged and named.
    Released {
        /// The release.
        release: Released,
    },
    /// A stream begins after the pattern of another one.
    Branched {
        /// The old stream.
        like: Stream,
        /// The build of the old stream with which it begins; nothing if it begins empty.
        seed: Option<BuildId>,
        /// The inherited build in the new stream; nothing if it begins empty.
        build: Option<BuildId>,
        /// The day in the release calendar, if one was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        date: Option<String>,
    },
    /// The retirement of a stream begins, or is announced.
    Retiring {
        /// How it is retired.
        retirement: Box<Retirement>,
    },
    /// A stream is retired.
    Retired {
        /// How it was retired.
        retirement: Box<Retirement>,
    },
    /// The retirement of a stream is ended.
    Unretired {
        /// The reason.
        why: String,
    },
    /// Events are lost, and a person accepted that.
    Recovered {
        /// The lost events, each range by its first and last number.
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
            Self::Configured { .. } => EventKind::Configured,
            Self::Publish { .. } | Self::Published { .. } => EventKind::Published,
            Self::Confirmed { .. } => EventKind::Confirmed,
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
            Self::Requested { .. } => EventKind::Requested,
            Self::Unrequested {} => EventKind::Unrequested,
            Self::Started { .. } => EventKind::Started,
            Self::Ended { .. } => EventKind::Ended,
            Self::Released { .. } => EventKind::Released,
            Self::Branched { .. } => EventKind::Branched,
            Self::Retiring { .. } => EventKind::Retiring,
            Self::Retired { .. } => EventKind::Retired,
            Self::Unretired { .. } => EventKind::Unretired,
            Self::Recovered { .. } => EventKind::Recovered,
        }
    }

    /// Returns the fields as they are written in the line of an event.
    pub fn details(&self) -> Map<String, Value> {
        // Plain data, and a map in every variant.
        match serde_json::to_value(self) {
            Ok(Value::Object(details)) => details,
            _ => Map::new(),
        }
    }
}

/// The details of an event, as parsed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of `Payload`")]
pub struct Details {
    #[serde(deserialize_with = "or_nothing")]
    pub before: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub after: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub digest: Option<Digest>,
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
    pub confirmed_at: Option<Stamp>,
    #[serde(deserialize_with = "or_nothing")]
    pub inputs: Option<Digest>,
    #[serde(deserialize_with = "or_nothing")]
    pub read_at: Option<Stamp>,
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
    pub rules: Option<Vec<Lapsed>>,
    #[serde(deserialize_with = "or_nothing")]
    pub archive: Option<Archive>,
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
    pub reasons: Option<Vec<RunReason>>,
    #[serde(deserialize_with = "or_nothing")]
    pub seen: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "or_nothing")]
    pub requests: Option<Vec<u64>>,
    #[serde(deserialize_with = "or_nothing")]
    pub run: Option<u64>,
    #[serde(deserialize_with = "or_nothing")]
    pub outcome: Option<RunOutcome>,
    #[serde(deserialize_with = "or_nothing")]
    pub code: Option<i32>,
    #[serde(deserialize_with = "or_nothing")]
    pub idle: Option<bool>,
    #[serde(deserialize_with = "or_nothing")]
    pub built: Option<BTreeMap<String, Option<String>>>,
    #[serde(deserialize_with = "or_nothing")]
    pub release: Option<Released>,
    #[serde(deserialize_with = "or_nothing")]
    pub like: Option<Stream>,
    #[serde(deserialize_with = "or_nothing")]
    pub seed: Option<BuildId>,
    #[serde(deserialize_with = "or_nothing")]
    pub build: Option<BuildId>,
    #[serde(deserialize_with = "or_nothing")]
    pub date: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub retirement: Option<Retirement>,
    #[serde(deserialize_with = "or_nothing")]
    pub retired: Option<String>,
    #[serde(deserialize_with = "or_nothing")]
    pub missing: Option<Vec<(u64, u64)>>,
}

fn or_nothing<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

impl Event {
    /// Returns the details of the event.
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
