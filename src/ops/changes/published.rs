//! What was published of a change list, below the own area: the directory of the list may be lost, moved or put back.

use crate::mirror::Mirror;
use crate::model::{RelPath, Scheme};
use crate::store::{Put, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// More than the file ever has, in bytes.
const LIMIT: u64 = 64 << 10;

/// What was published of a change list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Published {
    /// The version of this form: 1.
    changes: u32,
    /// The id of the mirror.
    mirror: String,
    /// The highest number of an edition: no later one has a lower one.
    pub(super) serial: u64,
    /// How the head was signed: copies may require it.
    signed: BTreeSet<String>,
}

impl Published {
    fn place() -> RelPath {
        RelPath::state("changes.json")
    }

    /// Returns what is known; nothing where that is not known.
    pub(super) fn read(mirror: &Mirror) -> Result<Self, StoreError> {
        let known: Option<Self> = mirror.noted(&Self::place(), LIMIT)?;
        let id = &mirror.config().id;
        let known = known.filter(|known| known.changes == 1 && known.mirror == *id);
        Ok(known.unwrap_or_else(|| Self { changes: 1, mirror: id.clone(), ..Self::default() }))
    }

    /// Returns how the list was signed.
    pub(super) fn schemes(&self) -> impl Iterator<Item = Scheme> {
        Scheme::ALL.into_iter().filter(|by| self.signed.contains(&by.to_string()))
    }

    /// Returns what is known once this edition is published.
    pub(super) fn then(&self, serial: u64, signed: &[Scheme]) -> Self {
        let signed = signed.iter().map(ToString::to_string).collect();
        Self { serial: serial.max(self.serial), signed, ..self.clone() }
    }

    /// Writes it down, unless it is what was known before.
    pub(super) fn keep(&self, mirror: &Mirror, before: &Self) -> Result<(), StoreError> {
        if self == before {
            return Ok(());
        }
        // Plain data always serializes.
        let text = serde_json::to_vec(self).unwrap_or_default();
        mirror.store().put(&Self::place(), &text, Put::Replace)
    }
}
