//! The seal of a stage: the build in it is complete, or being uploaded to its path in an object store.

use crate::mirror::{MANIFEST_LIMIT, Mirror, RECORD_LIMIT};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{BuildRecord, Manifest};
use crate::store::{Guard, Store, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

/// The name of the seal in a stage: if it exists, the tree beside it is complete and on disk.
pub(crate) const SEAL: &str = "seal.json";

/// A build that is complete, on disk and not yet visible.
#[derive(Debug)]
#[must_use = "a sealed build is invisible until revealed"]
pub struct Sealed {
    pub(crate) at: RelPath,
    pub(crate) seal: Seal,
    pub(crate) manifest: Manifest,
    pub(crate) ticket: Option<Guard>,
    /// Whether its files leave the source when it is published.
    pub(crate) moved: bool,
}

/// The contents of the seal, so that an interrupted commit can be finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The version of this form.
    pub seal: u32,
    /// The path of the build.
    pub path: RelPath,
    /// Device and inode of the tree, by which it is recognized at its path.
    pub inode: (u64, u64),
    /// Its record; the time of publishing is set when it becomes visible.
    pub record: BuildRecord,
}

/// The note of a build that is being uploaded to its path in a store that does not move trees, beside the ticket of
/// its publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Underway {
    /// The version of this form.
    pub(crate) upload: u32,
    /// The ID of the build.
    pub(crate) id: BuildId,
    /// The path of its files.
    pub(crate) path: RelPath,
}

impl Underway {
    /// Returns the path of the note in a stage.
    pub(crate) fn place(stage: &RelPath) -> RelPath {
        stage.child("upload.json").unwrap_or_default()
    }

    /// Reads the note of a stage; nothing when it has none.
    pub(crate) fn read(store: &dyn Store, stage: &RelPath) -> Result<Option<Self>, StoreError> {
        let at = Self::place(stage);
        match store.read(&at, RECORD_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                StoreError::because(StoreErrorKind::Damaged, "read the note", at, &error.to_string())
            }),
        }
    }
}

impl Sealed {
    /// Reads a stage that an interrupted command left sealed.
    pub(crate) fn read(mirror: &Mirror, at: &RelPath) -> Result<Option<Self>, StoreError> {
        let store = mirror.store();
        let own = |name: &str| at.child(name).unwrap_or_default();
        let text = match store.read(&own(SEAL), RECORD_LIMIT) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = |why: String| StoreError::because(StoreErrorKind::Damaged, "read the stage", at, &why);
        let seal = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let manifest = Manifest::parse(&store.read(&own("manifest"), MANIFEST_LIMIT)?);
        let manifest = manifest.map_err(|error| damaged(error.to_string()))?;
        Ok(Some(Self { at: at.clone(), seal, manifest, ticket: None, moved: false }))
    }

    /// Returns a build whose files were uploaded to their path.
    pub(crate) fn sent(
        at: RelPath,
        path: RelPath,
        record: BuildRecord,
        manifest: Manifest,
        ticket: Option<Guard>,
    ) -> Self {
        let seal = Seal { seal: 1, path, inode: (0, 0), record };
        Self { at, seal, manifest, ticket, moved: false }
    }

    /// Returns the present path of the finished tree.
    pub(crate) fn tree(&self) -> RelPath {
        self.at.child("tree").unwrap_or_default()
    }
}

/// Sets the time of labels that the build did not have in the source mirror.
pub(crate) fn since(record: &mut BuildRecord, now: Stamp) {
    for (_, label) in record.labels.iter_mut() {
        label.since.get_or_insert(now);
    }
}
