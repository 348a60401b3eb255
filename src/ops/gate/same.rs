//! Whether a build is still the one on which a gate started: not replaced, not trimmed, and not changed by the gate.

use crate::decide::pipeline::{Gate, GateCheck};
use crate::mirror::Mirror;
use crate::model::RelPath;
use crate::record::BuildRecord;
use crate::store::{Kind, StoreError, TreeSnapshot};
use std::collections::BTreeMap;

/// What shows that a file changed: its kind, size, modification time and inode.
type Sign = (Kind, u64, i128, u64);

/// A build before a gate ran.
pub(super) struct Before {
    pub(super) record: BuildRecord,
    /// Its files, if a command could change them.
    files: Option<BTreeMap<RelPath, Sign>>,
}

impl Before {
    pub(super) fn of(mirror: &Mirror, record: BuildRecord, gate: &Gate) -> Result<Self, StoreError> {
        // Only a command gets the path of a build, and only if it has one.
        let may_change = matches!(gate.check, GateCheck::Run(_)) && mirror.directory().is_some();
        let files = may_change.then(|| files(mirror, &record)).transpose()?;
        Ok(Self { record, files })
    }

    /// Returns how the build differs from the one before.
    pub(super) fn differs(&self, mirror: &Mirror, now: &BuildRecord) -> Result<Option<String>, StoreError> {
        let id = |record: &BuildRecord| {
            (record.published, record.created, record.sums, record.files, record.bytes)
        };
        if id(&self.record) != id(now) || self.record.trimmed != now.trimmed {
            return Ok(Some("the build was replaced or trimmed while the gate ran".to_owned()));
        }
        let Some(before) = &self.files else { return Ok(None) };
        let after = files(mirror, now)?;
        let changed = |(path, sign): &(&RelPath, &Sign)| before.get(path) != Some(sign);
        let first = after.iter().find(changed).map(|(path, _)| path);
        let first = first.or_else(|| before.keys().find(|path| !after.contains_key(path)));
        Ok(first.map(|path| format!("`{path}` of the build was changed while the gate ran")))
    }
}

/// Returns the files and links of a build, as a walk shows them.
fn files(mirror: &Mirror, record: &BuildRecord) -> Result<BTreeMap<RelPath, Sign>, StoreError> {
    let root = mirror.layout().build_path(&record.id).unwrap_or_default();
    let walked = TreeSnapshot::of(mirror.store(), &root)?;
    let mut files = BTreeMap::new();
    for (dir, scan) in &walked.dirs {
        for one in scan.entries.iter().filter(|one| one.entry.kind != Kind::Dir) {
            let entry = &one.entry;
            if let Ok(path) = dir.child(&one.name) {
                files.insert(path, (entry.kind, entry.size, entry.mtime, entry.inode.1));
            }
        }
    }
    Ok(files)
}
