//! Which builds exist: if trees are moved, those with a directory, and otherwise those with a seal.
//!
//! In an object store the files of a build are uploaded one by one, to their final path. The build exists once its
//! seal does: its record, created last and only if none exists. Before that, and once the seal is removed, everything
//! below that path is ignored. Not guaranteed for readers who guess keys of the bucket: they see objects, not builds.

use super::{Mirror, Resolved, StateError, Trashed, Tree, WriteLock, resolve};
use crate::model::{BuildId, RelPath, Stream};
use crate::record::BuildRecord;
use crate::store::{Entry, Put, StoreError, StoreErrorKind, Swept};

/// More bytes than a record ever has.
const LIMIT: u64 = 16 << 20;

impl Mirror {
    /// Returns what is at a path for readers: nothing, if it is in a build that does not exist.
    pub fn look(&self, at: &RelPath) -> Result<Option<Entry>, StoreError> {
        let found = self.store().look(at)?;
        if found.is_some() && self.protocol.is_hidden(self, at)? { Ok(None) } else { Ok(found) }
    }

    /// Returns what a path resolves to for readers.
    pub fn resolve(&self, path: &RelPath) -> Result<Resolved, StoreError> {
        Ok(match resolve(self.store(), path)? {
            Resolved::To(target) if self.protocol.is_hidden(self, &target)? => Resolved::Dangles(target),
            resolved => resolved,
        })
    }

    /// Removes the files of a build without a seal, and its record and manifest.
    ///
    /// The caller has locked the ticket of the build, so that no process uploads it again at the same time.
    pub fn sweep_unsealed(&self, id: &BuildId, path: &RelPath) -> Result<Swept, StoreError> {
        if self.has_build(id)? {
            let why = "the build has a seal, so its files are not removed";
            return Err(StoreError::because(StoreErrorKind::AlreadyExists, "sweep", path, why));
        }
        let swept = self.store().sweep(path);
        if swept.failures.is_empty() {
            self.store().remove(&Tree::Logs.at(id))?;
            self.store().remove(&Tree::Manifests.at(id))?;
        }
        Ok(swept)
    }

    /// Returns the paths directly in a directory of the own area.
    ///
    /// Some object stores list a directory long after its last object was deleted, so only objects count.
    pub fn list_state(&self, dir: &RelPath) -> Result<Vec<RelPath>, StoreError> {
        if !self.store().abilities().directories {
            let below = self.store().below(dir)?;
            let first = |path: &RelPath| dir.child(path.below(dir)?.names().next()?).ok();
            let mut paths: Vec<RelPath> = below.iter().filter_map(|found| first(&found.path)).collect();
            paths.dedup();
            return Ok(paths);
        }
        match self.store().list(dir) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            listing => Ok(listing?.entries.iter().filter_map(|entry| dir.child(&entry.name).ok()).collect()),
        }
    }

    /// Returns every build that has a seal, of one stream or of all, by one listing.
    pub fn sealed(&self, stream: Option<&Stream>) -> Result<Vec<BuildId>, StateError> {
        Ok(self.seals(stream)?.into_iter().map(|seal| seal.id).collect())
    }
}

impl WriteLock<'_> {
    /// Creates the seal of a build, which makes it visible. Fails if there is one.
    pub fn seal(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let at = Tree::Builds.at(&record.id);
        self.mirror().store().put(&at, record.write().as_bytes(), Put::Create)
    }

    /// Removes the seal of a build, which hides it.
    pub fn unseal(&self, id: &BuildId) -> Result<(), StoreError> {
        self.mirror().store().remove(&Tree::Builds.at(id))
    }

    /// Marks a build as being deleted: commands that protect it from now on look at the mark, and undo the
    /// protection.
    pub fn mark_going(&self, id: &BuildId) -> Result<(), StoreError> {
        let text = serde_json::json!({"going": 1, "who": self.mirror().who()}).to_string();
        self.mirror().store().put(&Tree::Going.at(id), text.as_bytes(), Put::Replace)
    }

    /// Removes the mark, after the seal or because the build stays.
    pub fn unmark(&self, id: &BuildId) -> Result<(), StoreError> {
        self.mirror().store().remove(&Tree::Going.at(id))
    }

    /// Writes the record of a build if it still exists and is the one that was read.
    pub fn renew_record(&self, before: &BuildRecord, after: &BuildRecord) -> Result<(), StoreError> {
        let store = self.mirror().store();
        let at = Tree::Builds.at(&before.id);
        let bytes = store.read(&at, LIMIT)?;
        if BuildRecord::parse(&bytes, &before.id).ok().as_ref() != Some(before) {
            let why = "another process changed it at the same moment";
            return Err(StoreError::because(StoreErrorKind::Busy, "renew the record", &at, why));
        }
        store.renew(&at, &bytes, after.write().as_bytes())
    }

    /// Moves the seal of a build to its directory of the trash: the build does not exist any more.
    ///
    /// Its files stay where they are and are ignored until they are swept or the seal is restored.
    pub fn put_away(&self, trashed: &Trashed) -> Result<(), StoreError> {
        let store = self.mirror().store();
        let record = store.read(&Tree::Builds.at(&trashed.ticket.id), LIMIT)?;
        store.put(&trashed.record(), &record, Put::Replace)?;
        self.unseal(&trashed.ticket.id)
    }

    /// Moves the seal of a build back from the trash; one that is back already is left alone.
    pub fn take_back(&self, trashed: &Trashed) -> Result<(), StoreError> {
        let store = self.mirror().store();
        let at = Tree::Builds.at(&trashed.ticket.id);
        let record = store.read(&trashed.record(), LIMIT)?;
        match store.put(&at, &record, Put::Create) {
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                if store.read(&at, LIMIT)? == record { Ok(()) } else { Err(error) }
            }
            done => done,
        }
    }
}
