//! What the own area keeps of each build: its record, its manifest, its holds.

use super::{Lease, Mirror};
use crate::record::{BuildRecord, Hold, Manifest, ManifestError, RecordError};
use crate::store::{Put, StoreError};
use crate::word::{BuildId, RelPath};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More than a record or a list of holds ever has, in bytes.
const RECORD_LIMIT: u64 = 16 << 20;

/// More than a manifest ever has, in bytes.
const MANIFEST_LIMIT: u64 = 4 << 30;

/// Says why what is kept of a build cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The record is damaged.
    #[error("the record of `{0}` cannot be used")]
    Record(BuildId, #[source] RecordError),
    /// The manifest is damaged.
    #[error("the manifest of `{0}` cannot be used")]
    Manifest(BuildId, #[source] ManifestError),
    /// The holds are damaged.
    #[error("the holds of `{0}` cannot be used")]
    Holds(BuildId, #[source] serde_json::Error),
    /// A file among the holds that is not ours.
    #[error("`{0}` among the holds is no list of holds")]
    StrangeHold(RelPath),
    /// A file among the seals that is not ours.
    #[error("`{0}` among the records is that of no build")]
    StrangeSeal(RelPath),
    /// The store failed.
    #[error("cannot read what is kept of the builds")]
    Store(#[from] StoreError),
}

/// The holds of one build, as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsFile {
    version: u32,
    id: BuildId,
    holds: Vec<Hold>,
}

/// What is kept below one directory of the own area, by build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Records and manifests.
    Builds,
    /// Holds.
    Holds,
}

impl Tree {
    pub(super) fn at(self, id: &BuildId, ending: &str) -> RelPath {
        let dir = match self {
            Self::Builds => "builds",
            Self::Holds => "holds",
        };
        RelPath::own(&format!("{dir}/{id}.{ending}"))
    }
}

impl Mirror {
    /// Returns the record of a build; nothing when there is none.
    pub fn record(&self, id: &BuildId) -> Result<Option<BuildRecord>, KeptError> {
        match self.store().read(&Tree::Builds.at(id, "json"), RECORD_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => {
                BuildRecord::parse(&bytes, id).map(Some).map_err(|error| KeptError::Record(id.clone(), error))
            }
        }
    }

    /// Returns the manifest of a build; nothing when there is none.
    pub fn manifest(&self, id: &BuildId) -> Result<Option<Manifest>, KeptError> {
        let text = self.manifest_text(id)?.map(|bytes| Manifest::parse(&bytes)).transpose();
        text.map_err(|error| KeptError::Manifest(id.clone(), error))
    }

    /// Returns the bytes of the manifest of a build; nothing when there is none.
    pub fn manifest_text(&self, id: &BuildId) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store().read(&Tree::Builds.at(id, "files"), MANIFEST_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Returns every build of which a record is kept, sorted.
    pub fn recorded(&self) -> Result<Vec<BuildId>, KeptError> {
        let mut found = Vec::new();
        let top = RelPath::own("builds");
        let mut dirs = vec![top.clone()];
        while let Some(dir) = dirs.pop() {
            let listing = match self.store().list(&dir) {
                Err(error) if error.is_not_found() => continue,
                listing => listing?,
            };
            for entry in listing.entries {
                let at = dir.child(&entry.name).unwrap_or_default();
                if entry.kind == crate::store::Kind::Dir {
                    dirs.push(at);
                    continue;
                }
                let below = at.below(&top).unwrap_or_default();
                found.extend(below.as_str().strip_suffix(".json").and_then(|id| id.parse::<BuildId>().ok()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns every event of those kinds, oldest first.
    pub fn history(
        &self,
        wanted: &[crate::record::EventKind],
    ) -> Result<Vec<crate::record::Event>, super::JournalError> {
        super::journal::history(self.store(), wanted)
    }

    /// Returns the holds of every build that has any.
    pub fn holds(&self) -> Result<BTreeMap<BuildId, Vec<Hold>>, KeptError> {
        let mut holds = BTreeMap::new();
        let mut dirs = vec![RelPath::own("holds")];
        while let Some(dir) = dirs.pop() {
            let listing = match self.store().list(&dir) {
                Err(error) if error.is_not_found() => continue,
                listing => listing?,
            };
            for entry in listing.entries {
                let at = dir.child(&entry.name).unwrap_or_default();
                if entry.kind == crate::store::Kind::Dir {
                    dirs.push(at);
                    continue;
                }
                let below = at.below(&RelPath::own("holds")).unwrap_or_default();
                let id = below.as_str().strip_suffix(".json").and_then(|id| id.parse::<BuildId>().ok());
                let id = id.ok_or_else(|| KeptError::StrangeHold(at.clone()))?;
                let found = self.holds_of(&id)?;
                holds.insert(id, found);
            }
        }
        Ok(holds)
    }

    /// Returns the holds of one build.
    pub fn holds_of(&self, id: &BuildId) -> Result<Vec<Hold>, KeptError> {
        let bytes = match self.store().read(&Tree::Holds.at(id, "json"), RECORD_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let file: HoldsFile =
            serde_json::from_slice(&bytes).map_err(|error| KeptError::Holds(id.clone(), error))?;
        Ok(file.holds)
    }
}

impl Lease<'_> {
    /// Writes the record of a build.
    pub fn keep_record(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let at = Tree::Builds.at(&record.id, "json");
        self.mirror().store().put(&at, record.write().as_bytes(), Put::Replace)
    }

    /// Writes the manifest of a build.
    pub fn keep_manifest(&self, id: &BuildId, manifest: &Manifest) -> Result<(), StoreError> {
        let at = Tree::Builds.at(id, "files");
        self.mirror().store().put(&at, manifest.write().as_bytes(), Put::Replace)
    }

    /// Removes what is kept of a build beyond its holds.
    pub fn forget(&self, id: &BuildId) -> Result<(), StoreError> {
        let store = self.mirror().store();
        store.remove(&Tree::Builds.at(id, "files"))?;
        store.remove(&Tree::Builds.at(id, "json"))
    }

    /// Writes the holds of a build; none removes the file.
    pub fn keep_holds(&self, id: &BuildId, holds: Vec<Hold>) -> Result<(), StoreError> {
        let at = Tree::Holds.at(id, "json");
        if holds.is_empty() {
            return self.mirror().store().remove(&at);
        }
        let file = HoldsFile { version: 1, id: id.clone(), holds };
        // Holds are plain data.
        let text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        self.mirror().store().put(&at, &text, Put::Replace)
    }
}
