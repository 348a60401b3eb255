//! Up to where the change list was read, below the own area of a copy.
//!
//! The file is written last, so that whatever it states is done. If it is lost, everything is compared again, and only the memory
//! of the highest edition is lost with it.

use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath};
use crate::store::{Guard, Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More than a state ever has, in bytes.
const LIMIT: u64 = 256 << 20;

/// Up to where the change list was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PullState {
    /// The version of this form: 1.
    pub(super) pull: u32,
    /// The id of the copy.
    pub(super) mirror: String,
    /// The id of the mirror of which it is a copy.
    pub(super) from: String,
    /// The edition of which everything is here.
    pub(super) serial: u64,
    /// The highest edition that was seen.
    pub(super) seen: u64,
    /// What that edition consisted of.
    pub(super) content: Option<Digest>,
    /// What was chosen of the list, and by which policy.
    pub(super) choice: Option<Digest>,
    /// The names that were set, each with what it points at.
    pub(super) names: BTreeMap<RelPath, RelPath>,
    /// The names that could not be set, each with what it points at upstream: they are tried again.
    #[serde(default)]
    pub(super) waiting: BTreeMap<RelPath, RelPath>,
    /// The builds that were withdrawn upstream and may be here still.
    pub(super) withdrawn: BTreeSet<BuildId>,
}

impl PullState {
    fn place() -> RelPath {
        RelPath::state("pull.json")
    }

    /// Returns what is known; nothing where that is not known.
    pub(super) fn read(mirror: &Mirror) -> Result<Option<Self>, StoreError> {
        let state: Option<Self> = mirror.noted(&Self::place(), LIMIT)?;
        Ok(state.filter(|state| state.pull == 1 && state.mirror == mirror.config().id))
    }

    /// Writes down what is known.
    pub(super) fn keep(&self, mirror: &Mirror) -> Result<(), StoreError> {
        // A state is plain data.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::Replace)
    }
}

/// Returns the id of the mirror of which this one is a copy that `pull` updates.
pub(crate) fn upstream_of(mirror: &Mirror) -> Result<Option<String>, StoreError> {
    Ok(PullState::read(mirror)?.map(|state| state.from))
}

/// Takes the right to pull, waiting for others as for the lock of the mirror.
pub(super) fn alone(mirror: &Mirror) -> Result<Guard, StoreError> {
    mirror.store().lock(&RelPath::state("pull.lock"), mirror.who(), mirror.wait())
}
