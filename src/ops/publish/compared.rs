//! Whether a build already exists: with the same content publishing changes nothing, with other content it fails.

use crate::commit::filling::{StageError, Tally};
use crate::model::{Digest, Outcome, RelPath};
use crate::ops::publish::error::PublishError;
use crate::ops::publish::outcome::{PublishOutcome, PublishReport};
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;
use crate::record::{Change, FileEntry, LinkEntry, Manifest};
use crate::source::{SourceEntry, Watched, hash};
use rayon::prelude::*;

impl PublishRun<'_> {
    /// Returns the report of a build that already exists with the same content; fails if the content differs.
    pub(crate) fn there_already(&self, prepared: &Prepared) -> Result<Option<PublishReport>, PublishError> {
        let (id, mirror) = (&self.publishing.id, self.session.mirror());
        if !mirror.has_build(id)? {
            return Ok(None);
        }
        let (Some(record), Some(manifest)) = (mirror.record(id)?, mirror.manifest(id)?) else {
            return Err(PublishError::Foreign(id.clone()));
        };
        self.session.progress().expect(
            "comparing",
            prepared.source.files.len() as u64,
            prepared.source.bytes(),
        );
        let wanted = self.wanted(prepared)?;
        let mut changes = manifest.changes(&wanted);
        if prepared.moved {
            changes.retain(|change| !is_left_by_moving(change, &manifest, prepared, record.result));
        }
        if !changes.is_empty() {
            return Err(PublishError::Differs { id: id.clone(), changes, named: self.publishing.named });
        }
        let size = (manifest.files.len() as u64, manifest.bytes());
        let mut report = self.report(prepared, size, &Tally::default(), PublishOutcome::Unchanged);
        report.result = record.result;
        Ok(Some(report))
    }

    /// Returns the contents that the build would have, by reading the whole source.
    fn wanted(&self, prepared: &Prepared) -> Result<Manifest, PublishError> {
        let all: Vec<&SourceEntry> = prepared.source.files.iter().collect();
        let mut files = self.read(&all)?;
        let own = prepared.own.iter();
        files.extend(own.map(|(to, bytes)| file_entry(to, bytes.len() as u64, Digest::of(bytes), 0o444)));
        let links = prepared.source.links.iter();
        let links = links.map(|(path, text)| LinkEntry { path: path.clone(), text: text.clone() }).collect();
        let mut manifest = Manifest { files, links, dirs: prepared.source.dirs.clone() };
        manifest.sort();
        Ok(manifest)
    }

    /// Reads files of the source.
    pub(super) fn read(&self, files: &[&SourceEntry]) -> Result<Vec<FileEntry>, StageError> {
        let (watch, stop) = (self.session.progress(), self.session.stop());
        let read = |entry: &&SourceEntry| -> Result<FileEntry, StageError> {
            if let Some(digest) = entry.digest() {
                return Ok(file_entry(&entry.to, entry.size, digest, entry.mode()));
            }
            let mut open = entry.open()?;
            let digest = hash(&mut Watched { from: &mut open, watch, stop });
            let digest = digest.map_err(|source| match stop.check() {
                Err(interrupted) => StageError::from(interrupted),
                Ok(()) => StageError::Read { path: entry.from().display().to_string(), source },
            })?;
            entry.unchanged(&open)?;
            watch.file(&entry.to);
            Ok(file_entry(&entry.to, entry.size, digest, entry.mode()))
        };
        files.par_iter().map(read).collect()
    }
}

/// Returns whether a source differs from its build only because the build's files were moved out of it: a file is
/// missing, a directory empty, and the marker of the result may be missing as well.
fn is_left_by_moving(change: &Change, manifest: &Manifest, prepared: &Prepared, result: Outcome) -> bool {
    match change {
        Change::Missing(path) => manifest.files.iter().any(|file| file.path == *path),
        Change::Added(path) if prepared.source.dirs.contains(path) => {
            manifest.files.iter().any(|file| file.path.is_within(path))
        }
        Change::Added(path) => prepared.result != result && prepared.own.iter().any(|(own, _)| own == path),
        Change::Changed(_) => false,
    }
}

/// Returns a file of which only path, size, digest and mode matter.
pub(super) fn file_entry(path: &RelPath, size: u64, digest: Digest, mode: u32) -> FileEntry {
    FileEntry { path: path.clone(), size, digest, mode, mtime: 0, inode: 0, seen: None }
}
