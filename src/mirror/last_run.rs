//! The state that a prune leaves for the next one.

use super::{Chosen, Mirror, WriteLock};
use crate::model::{RelPath, Stamp, Stream};
use crate::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state that a prune leaves for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastRun {
    /// The version of this form: 1.
    pub version: u32,
    /// When the run was.
    pub at: Stamp,
    /// The policy by which it was planned.
    pub policy: String,
    /// The number of builds of each stream afterwards.
    pub streams: BTreeMap<Stream, usize>,
    /// How many builds and parts could not be moved or deleted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub failed: u64,
    /// The ID of the mirror; older versions did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// The number of the last event of the journal; older versions did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl LastRun {
    fn place() -> RelPath {
        RelPath::state("last-run.json")
    }

    pub(crate) fn read(mirror: &Mirror) -> Result<Option<Self>, LastRunError> {
        let bytes = match mirror.store().read(&Self::place(), 64 << 20) {
            Err(error) if error.is_not_found() => return Ok(None),
            bytes => bytes?,
        };
        let read = serde_json::from_slice(&bytes);
        read.map(Some).map_err(|error| LastRunError::Damaged(Self::place(), error))
    }

    /// Records that the last run was in this mirror, if it states another one; an unreadable file stays as it is.
    pub(crate) fn claim(mirror: &Mirror) -> Result<(), StoreError> {
        let id = Some(mirror.config().id.clone());
        match Self::read(mirror) {
            Ok(Some(last)) if last.mirror.is_some() && last.mirror != id => {
                Self { mirror: id, ..last }.write(mirror)
            }
            Err(LastRunError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn write(&self, mirror: &Mirror) -> Result<(), StoreError> {
        // Plain data always serializes.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::Replace)
    }
}

/// The file with the policy that the first prune compares with the one in force, as later ones do with that of the last run.
///
/// `init` writes it, and `policy set` as long as there is no build that another policy could have kept.
fn first_policy() -> RelPath {
    RelPath::state("first-policy.yaml")
}

pub(super) fn keep_first_policy(store: &dyn Store, policy: &Chosen) -> Result<(), StoreError> {
    let (Chosen::Shipped(text) | Chosen::File(text)) = policy;
    store.put(&first_policy(), text.as_bytes(), Put::Replace)
}

impl Mirror {
    /// Returns the policy with which the first prune compares the one in force: its text, or the name of a shipped one.
    /// Older versions did not keep it.
    pub(crate) fn first_policy(&self) -> Result<Option<String>, StoreError> {
        match self.store().read(&first_policy(), super::settings::SETTINGS_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => Ok(Some(String::from_utf8_lossy(&bytes?).into_owned())),
        }
    }
}

impl WriteLock<'_> {
    /// Keeps the policy with which the first prune compares the one in force.
    pub(crate) fn keep_first_policy(&self, policy: &Chosen) -> Result<(), StoreError> {
        keep_first_policy(self.mirror().store(), policy)
    }
}

/// Says why what the last run left cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LastRunError {
    /// It is damaged.
    #[error("cannot read `{0}`")]
    Damaged(RelPath, #[source] serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
