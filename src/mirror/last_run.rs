//! What a run of prune leaves for the next one.

use super::Mirror;
use crate::model::{RelPath, Stamp, Stream};
use crate::store::{Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run of prune leaves for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LastRun {
    /// The version of this form: 1.
    pub version: u32,
    /// When it was.
    pub at: Stamp,
    /// The policy by which it was planned.
    pub policy: String,
    /// How many builds each stream had afterwards.
    pub streams: BTreeMap<Stream, usize>,
    /// The id of the mirror; older versions did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// The number of the last event of the journal; older versions did not state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
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

    /// States that the last run was in this mirror, where it states another one; one that cannot be read stays as it is.
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
        // It is plain data.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::Replace)
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
