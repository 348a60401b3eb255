//! The record of a build: the facts about it beyond its files.
//!
//! One JSON file for each build in the own area. It can be lost: the tree is authoritative, and a record can be made
//! again from the tree. Only labels change after publishing.

use crate::model::{BuildId, Digest, Outcome, Stamp};
use crate::record::{Labels, as_object};
use serde::{Deserialize, Serialize};

/// The version of the JSON form.
pub const BUILD_RECORD_VERSION: u32 = 1;

/// The facts about one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildRecord {
    /// The version of this form, [`BUILD_RECORD_VERSION`].
    pub record: u32,
    /// The ID of the build.
    pub id: BuildId,
    /// When it was built.
    pub created: Option<Stamp>,
    /// The respin, which orders builds of one instant.
    #[serde(default)]
    pub seq: u64,
    /// When it became visible in this mirror.
    pub published: Option<Stamp>,
    /// When a publish last found that nothing had changed since it, so that it still was the newest; never set back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Stamp>,
    /// Its result.
    pub result: Outcome,
    /// Its labels.
    #[serde(default, serialize_with = "as_object")]
    pub labels: Labels,
    /// Builds that it requires.
    #[serde(default)]
    pub requires: Vec<BuildId>,
    /// Parts that were removed from it, by their names in the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<String>,
    /// The number of its files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The digest of its SHA256SUMS.
    pub sums: Option<Digest>,
    /// The origin of the record.
    pub origin: Origin,
    /// Why no verdict on it is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The origin of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Written by the publish of the build.
    Published,
    /// Made from a tree that other tools wrote.
    Adopted,
    /// Made again from the tree after the record was lost.
    Rebuilt,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not JSON of this form.
    #[error("it is not a build record")]
    Form(#[source] serde_json::Error),
    /// Written by a later version.
    #[error("it has version {0}; this program reads version {BUILD_RECORD_VERSION}")]
    Version(u32),
    /// It is of another build than its path states.
    #[error("it is of the build `{0}`")]
    OtherBuild(BuildId),
}

impl BuildRecord {
    /// Parses the record of the build `id`.
    pub fn parse(bytes: &[u8], id: &BuildId) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_slice(bytes).map_err(RecordError::Form)?;
        if record.record != BUILD_RECORD_VERSION {
            return Err(RecordError::Version(record.record));
        }
        if record.id != *id {
            return Err(RecordError::OtherBuild(record.id));
        }
        Ok(record)
    }

    /// Writes the record.
    pub fn write(&self) -> String {
        // A record always serializes.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"record": 1, "id": "master/centos/20181205T060000Z", "result": "success", "origin": "published",
        "created": null, "published": null, "seq": 0, "labels": {}, "requires": [], "files": 3, "bytes": 42}"#;

    #[test]
    fn a_record_reads_as_it_was_written_and_speaks_of_its_build_alone() {
        let id: BuildId = "master/centos/20181205T060000Z".parse().unwrap();
        let record = BuildRecord::parse(RECORD.as_bytes(), &id).unwrap();
        assert_eq!((record.files, record.bytes), (3, 42));
        assert_eq!(BuildRecord::parse(record.write().as_bytes(), &id).unwrap(), record);
        let other = "master/centos/20181206T060000Z".parse().unwrap();
        assert!(
            matches!(BuildRecord::parse(RECORD.as_bytes(), &other), Err(RecordError::OtherBuild(found)) if found == id)
        );
        let later = RECORD.replace("\"record\": 1", "\"record\": 2");
        assert!(matches!(BuildRecord::parse(later.as_bytes(), &id), Err(RecordError::Version(2))));
    }
}
