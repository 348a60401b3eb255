//! What was written for readers, and up to which event, so that a change of one alias does not require reading the
//! others.
//!
//! The file is written after everything that it states, and may be lost: then everything is read again.

use crate::decide::readers::{Facts, ReaderName};
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath, Stamp};
use crate::store::{Guard, Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More bytes than a state file ever has.
const LIMIT: u64 = 64 << 20;

/// What was written for readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadersState {
    /// The version of this form: 1.
    pub readers: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The number of the last event that it takes into account.
    pub seq: u64,
    /// The digest of the settings and the policy.
    pub inputs: Digest,
    /// The aliases that point to builds.
    pub names: BTreeMap<RelPath, NameState>,
    /// The digest of the rules that the server has read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<Digest>,
}

/// What was written for one alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameState {
    /// The alias.
    pub name: ReaderName,
    /// The facts about its build.
    pub facts: Facts,
    /// The builds of its list.
    pub list: Vec<BuildId>,
    /// The instant at which the list was made.
    pub at: Stamp,
    /// Its public files, with the digest of each.
    pub files: BTreeMap<RelPath, Digest>,
}

impl ReadersState {
    fn place() -> RelPath {
        RelPath::state("readers.json")
    }

    /// Returns what was written in a mirror; nothing if that is not known.
    pub fn read(mirror: &Mirror) -> Result<Option<Self>, StoreError> {
        let state: Option<Self> = mirror.noted(&Self::place(), LIMIT)?;
        Ok(state.filter(|state| state.readers == 1 && state.mirror == mirror.config().id))
    }

    /// Writes the state file.
    pub(super) fn keep(&self, mirror: &Mirror) -> Result<(), StoreError> {
        // Plain data always serializes.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::ReplaceSoon)
    }
}

/// Takes the right to write for readers, waiting for other processes as for the lock of the mirror.
pub(super) fn alone(mirror: &Mirror) -> Result<Guard, StoreError> {
    mirror.store().lock(&RelPath::state("readers.lock"), mirror.who(), mirror.wait())
}
