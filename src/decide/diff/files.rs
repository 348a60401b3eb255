//! The files, links and empty directories of two builds.

use super::Change;
use crate::model::RelPath;
use crate::record::{self, Manifest};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// What differs between the files, links and empty directories of two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FilesDiff {
    /// The number of entries that are the same in both.
    pub same: u64,
    /// The others, sorted by path.
    pub changes: Vec<FileChange>,
}

/// A file, link or empty directory that differs between the two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChange {
    /// The kind of change: of its bytes, its mode, its kind, or the target of a link.
    pub change: Change,
    /// Its path in the build.
    pub path: RelPath,
    /// Its size in the first build in bytes; `null` if it is not a file.
    pub before: Option<u64>,
    /// Its size in the second build in bytes; `null` if it is not a file.
    pub after: Option<u64>,
}

impl FilesDiff {
    /// Compares the files of two builds; their times do not count.
    pub fn of(before: &Manifest, after: &Manifest) -> Self {
        let (old, new) = (sizes(before), sizes(after));
        let one = |change: record::Change| {
            let (change, path) = match change {
                record::Change::Added(path) => (Change::Added, path),
                record::Change::Missing(path) => (Change::Gone, path),
                record::Change::Changed(path) => (Change::Changed, path),
            };
            FileChange { before: old.get(&path).copied(), after: new.get(&path).copied(), change, path }
        };
        let mut changes: Vec<FileChange> = before.changes(after).into_iter().map(one).collect();
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        let entries = after.files.len() + after.links.len() + after.dirs.len();
        let differ = changes.iter().filter(|one| one.change != Change::Gone).count();
        Self { same: entries.saturating_sub(differ) as u64, changes }
    }

    /// Returns the number of changes of this kind.
    pub fn count(&self, change: Change) -> u64 {
        self.changes.iter().filter(|one| one.change == change).count() as u64
    }
}

fn sizes(manifest: &Manifest) -> HashMap<&RelPath, u64> {
    manifest.files.iter().map(|file| (&file.path, file.size)).collect()
}
