//! The files of the own area for each build: its record, its manifest, its holds.

use super::{Mirror, StateError, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::record::{BuildRecord, Hold, Manifest};
use crate::store::{Kind, Listed, Put, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More bytes than a record or a list of holds ever has.
pub(crate) const RECORD_LIMIT: u64 = 16 << 20;

/// The largest size of a manifest or of a list of checksums, in bytes: two million files with paths of a hundred bytes.
pub(crate) const MANIFEST_LIMIT: u64 = 512 << 20;

/// The holds of one build, as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldsFile {
    version: u32,
    id: BuildId,
    holds: Vec<Hold>,
}

/// The files below one directory of the own area, by build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Records.
    Builds,
    /// Manifests; separate from the records, so that listing the records lists only builds.
    Manifests,
    /// Holds.
    Holds,
    /// Marks of builds that are being deleted.
    Going,
    /// The ends of the output of gates and carried commands.
    Logs,
}

impl Tree {
    pub(crate) fn at(self, id: &BuildId) -> RelPath {
        let ending = if self == Self::Manifests { "files" } else { "json" };
        RelPath::state(&format!("{}/{id}.{ending}", self.dir()))
    }

    /// Returns the build to which the file at a path belongs.
    pub(super) fn build_at(self, path: &RelPath) -> Option<BuildId> {
        let id: BuildId =
            path.below(&RelPath::state(self.dir()))?.as_str().rsplit_once('.')?.0.parse().ok()?;
        (self.at(&id) == *path).then_some(id)
    }

    pub(super) fn dir(self) -> &'static str {
        match self {
            Self::Builds => "builds",
            Self::Manifests => "manifests",
            Self::Holds => "holds",
            Self::Going => "going",
            Self::Logs => "logs",
        }
    }
}

impl Mirror {
    /// Returns the record of a build; nothing if there is none.
    pub fn record(&self, id: &BuildId) -> Result<Option<BuildRecord>, StateError> {
        match self.store().read(&Tree::Builds.at(id), RECORD_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(bytes) => BuildRecord::parse(&bytes, id)
                .map(Some)
                .map_err(|error| StateError::Record(id.clone(), error)),
        }
    }

    /// Returns the manifest of a build; nothing if there is none.
    pub fn manifest(&self, id: &BuildId) -> Result<Option<Manifest>, StateError> {
        let text = self.manifest_text(id)?.map(|bytes| Manifest::parse(&bytes)).transpose();
        text.map_err(|error| StateError::Manifest(id.clone(), error))
    }

    /// Returns the bytes of the manifest of a build; nothing if there is none.
    pub fn manifest_text(&self, id: &BuildId) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store().read(&Tree::Manifests.at(id), MANIFEST_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// Returns every build that has a record, sorted.
    pub fn recorded(&self) -> Result<Vec<BuildId>, StateError> {
        Ok(self.kept_below(Tree::Builds)?.into_iter().filter_map(|(_, id)| id).collect())
    }

    /// Returns every event of those kinds, oldest first.
    pub fn history(
        &self,
        wanted: &[crate::record::EventKind],
    ) -> Result<Vec<crate::record::Event>, super::JournalError> {
        Ok(super::journal::history(self.store(), wanted)?.events)
    }

    /// Returns every readable event, with the reason why others cannot be read: for a command that only shows them.
    pub fn readable_history(
        &self,
    ) -> Result<(Vec<crate::record::Event>, Option<super::JournalError>), super::JournalError> {
        match self.history(&crate::record::EventKind::ALL) {
            Ok(events) => Ok((events, None)),
            Err(error @ super::JournalError::Damaged { .. }) => {
                Ok((super::journal::readable(self.store())?, Some(error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the holds of every build that has any.
    pub fn holds(&self) -> Result<BTreeMap<BuildId, Vec<Hold>>, StateError> {
        let mut holds = BTreeMap::new();
        for (at, id) in self.kept_below(Tree::Holds)? {
            let id = id.ok_or(StateError::StrangeHold(at))?;
            let found = self.holds_of(&id)?;
            holds.insert(id, found);
        }
        Ok(holds)
    }

    /// Returns every file in a tree of the own area, sorted, with its build; none if its name is not that of a build.
    fn kept_below(&self, tree: Tree) -> Result<Vec<(RelPath, Option<BuildId>)>, StoreError> {
        let paths = self.files_below(tree)?;
        Ok(paths.into_iter().map(|path| (path.clone(), tree.build_at(&path))).collect())
    }

    /// Returns every file in a tree of the own area, sorted; none if it does not exist. A directory at the path of a
    /// file counts as one, so that reading it fails.
    pub(super) fn files_below(&self, tree: Tree) -> Result<Vec<RelPath>, StoreError> {
        self.paths_below(RelPath::state(tree.dir()), |dir, entries| {
            // The name of a stream may look like that of a file; then it has files or streams in it.
            let is_ours = |entry: &Listed| {
                entry.kind == Kind::Dir || dir.child(&entry.name).is_ok_and(|at| tree.build_at(&at).is_some())
            };
            tree.build_at(dir).is_some() && !entries.iter().any(is_ours)
        })
    }

    /// Returns every file below a directory of the own area, sorted; none if it does not exist. A directory that `counts` by
    /// what is in it is one of them, too.
    pub(super) fn paths_below(
        &self,
        dir: RelPath,
        counts: impl Fn(&RelPath, &[Listed]) -> bool,
    ) -> Result<Vec<RelPath>, StoreError> {
        if !self.store().abilities().directories {
            return Ok(self.store().below(&dir)?.into_iter().map(|found| found.path).collect());
        }
        let (mut files, mut dirs) = (Vec::new(), vec![dir]);
        while let Some(dir) = dirs.pop() {
            let listing = match self.store().list(&dir) {
                Err(error) if error.is_not_found() => continue,
                listing => listing?,
            };
            if counts(&dir, &listing.entries) {
                files.push(dir.clone());
            }
            for entry in listing.entries {
                let Ok(path) = dir.child(&entry.name) else { continue };
                if entry.kind == Kind::Dir { dirs.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    /// Returns the holds of one build.
    pub fn holds_of(&self, id: &BuildId) -> Result<Vec<Hold>, StateError> {
        let bytes = match self.store().read(&Tree::Holds.at(id), RECORD_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            bytes => bytes?,
        };
        let file: HoldsFile =
            serde_json::from_slice(&bytes).map_err(|error| StateError::Holds(id.clone(), error))?;
        Ok(file.holds)
    }
}

impl WriteLock<'_> {
    /// Writes the record of a build.
    pub fn write_record(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let at = Tree::Builds.at(&record.id);
        self.mirror().store().put(&at, record.write().as_bytes(), Put::Replace)
    }

    /// Writes the manifest of a build.
    pub fn keep_manifest(&self, id: &BuildId, manifest: &Manifest) -> Result<(), StoreError> {
        let (at, text) = (Tree::Manifests.at(id), manifest.write());
        if text.len() as u64 > MANIFEST_LIMIT {
            let why = format!("the build has too many files: it would have more than {MANIFEST_LIMIT} bytes");
            return Err(StoreError::because(StoreErrorKind::TooLarge, "keep the manifest", at, &why));
        }
        self.mirror().store().put(&at, text.as_bytes(), Put::Replace)
    }

    /// Removes the record and manifest of a build, not its holds.
    pub fn forget(&self, id: &BuildId) -> Result<(), StoreError> {
        let store = self.mirror().store();
        store.remove(&Tree::Logs.at(id))?;
        store.remove(&Tree::Manifests.at(id))?;
        store.remove(&Tree::Builds.at(id))
    }

    /// Writes the holds of a build; without any, the file is removed.
    pub fn keep_holds(&self, id: &BuildId, holds: Vec<Hold>) -> Result<(), StoreError> {
        let at = Tree::Holds.at(id);
        if holds.is_empty() {
            return self.mirror().store().remove(&at);
        }
        let file = HoldsFile { version: 1, id: id.clone(), holds };
        // Plain data always serializes.
        let text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        self.mirror().store().put(&at, &text, Put::Replace)
    }
}
