//! Which builds are there: a directory says so where trees are moved, and the seal where they are not.
//!
//! In an object store the files of a build arrive one by one, under the place where they stay. The build is there
//! when its seal is there: its record, created last and only if none is there. Before that, and once the seal is
//! gone, nothing below that place counts, whatever lies there. Not promised to those who read the bucket by keys
//! they guess: they see objects, not builds.

use super::{Mirror, Resolved, StateError, Trashed, Tree, WriteLock, resolve};
use crate::model::{BuildId, RelPath, Stream};
use crate::record::BuildRecord;
use crate::store::{Entry, Put, StoreError, StoreErrorKind, Swept};

/// More than a record ever has, in bytes.
const LIMIT: u64 = 16 << 20;

impl Mirror {
    /// Returns what is at a path for readers: nothing, when it lies in a build that is not there.
    pub fn look(&self, at: &RelPath) -> Result<Option<Entry>, StoreError> {
        let found = self.store().look(at)?;
        if found.is_some() && self.protocol.is_hidden(self, at)? { Ok(None) } else { Ok(found) }
    }

    /// Returns where a path leads for readers.
    pub fn resolve(&self, path: &RelPath) -> Result<Resolved, StoreError> {
        Ok(match resolve(self.store(), path)? {
            Resolved::To(target) if self.protocol.is_hidden(self, &target)? => Resolved::Dangles(target),
            resolved => resolved,
        })
    }

    /// Removes the files of a build whose seal is gone, and what was kept of it.
    ///
    /// The caller holds the ticket of the build, so that nobody lays it down again meanwhile.
    pub fn sweep_unsealed(&self, id: &BuildId, path: &RelPath) -> Result<Swept, StoreError> {
        if self.has_build(id)? {
            let why = "the build has a seal, so it is no rubbish";
            return Err(StoreError::because(StoreErrorKind::AlreadyExists, "sweep", path, why));
        }
        let swept = self.store().sweep(path);
        if swept.failures.is_empty() {
            self.store().remove(&Tree::Logs.at(id))?;
            self.store().remove(&Tree::Manifests.at(id))?;
        }
        Ok(swept)
    }

    /// Returns the paths of what lies directly in a directory of the own area.
    ///
    /// Some object stores show a directory long after its last object went, so that only objects are believed.
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
    /// Creates the seal of a build: from here on it is there. Fails when it has one.
    pub fn seal(&self, record: &BuildRecord) -> Result<(), StoreError> {
        let at = Tree::Builds.at(&record.id);
        self.mirror().store().put(&at, record.write().as_bytes(), Put::Create)
    }

    /// Removes the seal of a build: from here on it is not there.
    pub fn unseal(&self, id: &BuildId) -> Result<(), StoreError> {
        self.mirror().store().remove(&Tree::Builds.at(id))
    }

    /// Marks a build as going: whoever protects it from now on looks at the mark, and takes that back.
    pub fn mark_going(&self, id: &BuildId) -> Result<(), StoreError> {
        let text = serde_json::json!({"going": 1, "who": self.mirror().who()}).to_string();
        self.mirror().store().put(&Tree::Going.at(id), text.as_bytes(), Put::Replace)
    }

    /// Takes the mark away, after the seal or because the build stays.
    pub fn unmark(&self, id: &BuildId) -> Result<(), StoreError> {
        self.mirror().store().remove(&Tree::Going.at(id))
    }

    /// Writes the record of a build that is still the one that was read, and still there.
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

    /// Puts the seal of a build away into its directory of the trash: the build is not there any more.
    ///
    /// Its files stay where they are and count for nothing until they are swept or the seal comes back.
    pub fn put_away(&self, trashed: &Trashed) -> Result<(), StoreError> {
        let store = self.mirror().store();
        let record = store.read(&Tree::Builds.at(&trashed.ticket.id), LIMIT)?;
        store.put(&trashed.record(), &record, Put::Replace)?;
        self.unseal(&trashed.ticket.id)
    }

    /// Takes the seal of a build back from the trash; one that came back already is left alone.
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
