//! Removing parts of a build in stores that do not move trees, and restoring them.
//!
//! No object moves: a ticket keeps the build's old state, with a list of the objects to delete, and then the
//! checksums, the manifest and the record are replaced by those of the rest, the record last. The objects stay until
//! the term of the ticket is over, so that a reader of either list finds every file of it. A trim that is interrupted
//! before the first of these changes is undone, and one that is interrupted later is finished.

use crate::commit::bucket::discard::delete_trash_entry;
use crate::commit::protocol::{Prepared, Trim};
use crate::commit::{CommitError, KEPT_LIMIT};
use crate::mirror::{Mirror, StateError, Trashed, WriteLock, parts_at};
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME, Scheme};
use crate::record::{BuildRecord, Manifest, sums_without};
use crate::sign::{LIMIT as SIGNATURE_LIMIT, Signature, there as signatures};
use crate::store::{Fill, Kind, Put, Store, StoreError};
use std::collections::{HashMap, HashSet};

/// A build that is about to lose parts: its present state, and what remains.
#[derive(Debug)]
struct TrimSet {
    before: BuildRecord,
    /// The present manifest.
    whole: Vec<u8>,
    /// The files to remove.
    parts: Manifest,
    /// The files that stay.
    rest: Manifest,
    /// The list of checksums and its signatures, if the list changes.
    signed: Option<(Vec<u8>, Vec<Signature>)>,
}

/// Reads a build from which everything that `goes` is to be removed.
pub(super) fn prepare(
    mirror: &Mirror,
    id: &BuildId,
    path: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<Prepared, CommitError> {
    if !mirror.has_build(id)? {
        return Ok(Prepared::Missing);
    }
    let split = TrimSet::of(mirror, id, path, goes)?;
    Ok(split.map_or(Prepared::Nothing, |split| Prepared::Ready(Box::new(split))))
}

impl Trim for TrimSet {
    fn rest(&self) -> (u64, u64) {
        self.stays()
    }

    fn frees(&self, _: u64) -> u64 {
        self.parts.bytes()
    }

    fn identity(&self) -> (u64, u64) {
        (0, 0)
    }

    fn outdated(&self, mirror: &Mirror) -> Result<Option<&'static str>, CommitError> {
        let is_same = self.matches(mirror.record(&self.before.id)?.as_ref());
        Ok(if is_same { None } else { Some("it changed since it was looked at") })
    }

    fn noted(&self) -> Option<(u64, u64)> {
        None
    }

    fn keep(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        self.note(lock, trashed)
    }

    fn carry_out(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        names: &[String],
    ) -> Result<(), CommitError> {
        self.reduce(lock, &trashed.ticket.path, names)
    }

    fn undo(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<bool, CommitError> {
        if has_begun(lock.mirror(), trashed)? {
            return Ok(false);
        }
        give_up(lock, trashed)?;
        lock.unmark(&self.before.id)?;
        Ok(true)
    }
}

impl TrimSet {
    /// Reads a build whose parts are to be removed; nothing if it has nothing that `goes`.
    fn of(
        mirror: &Mirror,
        id: &BuildId,
        root: &RelPath,
        goes: impl Fn(&RelPath) -> bool,
    ) -> Result<Option<Self>, CommitError> {
        let (Some(before), Some(whole)) = (mirror.record(id)?, mirror.manifest_text(id)?) else {
            return Err(CommitError::NoManifest(id.clone()));
        };
        let (rest, parts) = parsed(&whole, id)?.split(goes);
        if parts.files.is_empty() && parts.links.is_empty() {
            return Ok(None);
        }
        let gone = paths(&parts);
        let signed = match read(mirror.store(), &sums_at(root), KEPT_LIMIT)? {
            Some(list) if sums_without(&list, |path| gone.contains(path)) != list => {
                Some((list, signatures(mirror.store(), root)?))
            }
            _ => None,
        };
        Ok(Some(Self { before, whole, parts, rest, signed }))
    }

    /// Returns the same for a build whose trim was interrupted.
    fn again(mirror: &Mirror, trashed: &Trashed) -> Result<Self, CommitError> {
        let (store, id) = (mirror.store(), &trashed.ticket.id);
        let before = mirror.record_in(trashed)?;
        let whole = store.read(&trashed.manifest(), KEPT_LIMIT)?;
        let gone = paths(&mirror.parts_in(&trashed.at)?.unwrap_or_default());
        let (rest, parts) = parsed(&whole, id)?.split(|path| gone.contains(path));
        let signed = match read(store, &sums_at(&trashed.at), KEPT_LIMIT)? {
            Some(list) => Some((list, signatures(store, &trashed.at)?)),
            None => None,
        };
        Ok(Self { before, whole, parts, rest, signed })
    }

    /// Returns the number of files and bytes that stay.
    fn stays(&self) -> (u64, u64) {
        (self.rest.files.len() as u64, self.rest.bytes())
    }

    /// Returns whether a record is that of the build as it was read; its labels may have changed.
    fn matches(&self, record: Option<&BuildRecord>) -> bool {
        record.is_some_and(|record| {
            let (labels, confirmed_at) = (self.before.labels.clone(), self.before.confirmed_at);
            BuildRecord { confirmed_at, labels, ..record.clone() } == self.before
        })
    }

    /// Writes the build's old state, the record last: a ticket without it has no effect.
    fn note(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        lock.keep_ticket(trashed)?;
        let store = lock.mirror().store();
        let put = |at: &RelPath, bytes: &[u8]| store.put(at, bytes, Put::Replace);
        if let Some((list, signatures)) = &self.signed {
            put(&sums_at(&trashed.at), list)?;
            for one in signatures {
                put(&trashed.at.child(one.file).unwrap_or_default(), &one.bytes)?;
            }
        }
        put(&trashed.manifest(), &self.whole)?;
        put(&parts_at(&trashed.at), self.parts.write().as_bytes())?;
        put(&trashed.record(), self.before.write().as_bytes())
    }

    /// Reduces the build to what stays; doing it again finishes an interrupted run.
    fn reduce(&self, lock: &WriteLock<'_>, root: &RelPath, names: &[String]) -> Result<(), CommitError> {
        let (mirror, id) = (lock.mirror(), &self.before.id);
        let mut sums = self.before.sums;
        if let Some((list, signatures)) = &self.signed {
            let gone = paths(&self.parts);
            let left = sums_without(list, |path| gone.contains(path));
            // A reader may find the list unsigned, but never with the signature of another list.
            for one in signatures {
                mirror.store().remove(&root.child(one.file).unwrap_or_default())?;
            }
            sums = Some(write_sums(mirror.store(), root, &left)?);
        }
        lock.keep_manifest(id, &self.rest)?;
        // Labels that were set since then stay.
        let Some(now) = mirror.record(id)? else { return Ok(()) };
        let mut trimmed = self.before.trimmed.clone();
        trimmed.extend(names.iter().filter(|name| !self.before.trimmed.contains(name)).cloned());
        let (files, bytes) = self.stays();
        let (labels, confirmed_at) = (now.labels.clone(), now.confirmed_at);
        let after = BuildRecord { confirmed_at, labels, trimmed, files, bytes, sums, ..self.before.clone() };
        Ok(lock.renew_record(&now, &after)?)
    }
}

/// Settles an interrupted trim, and returns whether it happened.
pub(super) fn recover_trim(
    lock: &WriteLock<'_>,
    trashed: &Trashed,
    names: &[String],
) -> Result<bool, CommitError> {
    let happened = has_begun(lock.mirror(), trashed)?;
    if happened {
        TrimSet::again(lock.mirror(), trashed)?.reduce(lock, &trashed.ticket.path, names)?;
    } else {
        give_up(lock, trashed)?;
    }
    lock.unmark(&trashed.ticket.id)?;
    Ok(happened)
}

/// Returns whether the build is reduced already, or partly.
fn has_begun(mirror: &Mirror, trashed: &Trashed) -> Result<bool, CommitError> {
    let store = mirror.store();
    let list = read(store, &sums_at(&trashed.at), KEPT_LIMIT)?;
    if list.is_some() && list != read(store, &sums_at(&trashed.ticket.path), KEPT_LIMIT)? {
        return Ok(true);
    }
    Ok(mirror.manifest_text(&trashed.ticket.id)? != read(store, &trashed.manifest(), KEPT_LIMIT)?)
}

/// Keeps the build as it is, from which only signatures were removed so far.
fn give_up(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let store = lock.mirror().store();
    sign_again(store, trashed)?;
    Ok(delete_trash_entry(store, &trashed.at)?)
}

/// Restores the build as it was before the trim; doing it again finishes an interrupted run.
pub(super) fn put_back(lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError> {
    let (mirror, id) = (lock.mirror(), &trashed.ticket.id);
    let store = mirror.store();
    let now = mirror.record(id)?.ok_or_else(|| CommitError::NoBuild(id.clone()))?;
    let before = mirror.record_in(trashed)?;
    if let Some(list) = read(store, &sums_at(&trashed.at), KEPT_LIMIT)? {
        write_sums(store, &trashed.ticket.path, &list)?;
        sign_again(store, trashed)?;
    }
    let whole = store.read(&trashed.manifest(), KEPT_LIMIT)?;
    lock.keep_manifest(id, &parsed(&whole, id)?)?;
    let after = BuildRecord { labels: now.labels.clone(), confirmed_at: now.confirmed_at, ..before };
    Ok(lock.renew_record(&now, &after)?)
}

/// Fails unless everything that the build had still exists, by one listing.
pub(super) fn is_whole(mirror: &Mirror, trashed: &Trashed) -> Result<(), CommitError> {
    let (store, id, root) = (mirror.store(), &trashed.ticket.id, &trashed.ticket.path);
    let whole = parsed(&store.read(&trashed.manifest(), KEPT_LIMIT)?, id)?;
    let there: HashMap<RelPath, (Kind, u64)> =
        store.below(root)?.into_iter().map(|found| (found.path, (found.kind, found.size))).collect();
    let files = whole.files.iter().map(|file| (&file.path, (Kind::File, file.size)));
    let links = whole.links.iter().map(|link| (&link.path, (Kind::Link, link.text.len() as u64)));
    match files.chain(links).find(|(path, wanted)| there.get(&root.join(path)) != Some(wanted)) {
        None => Ok(()),
        Some((path, _)) => Err(CommitError::Lost { id: id.clone(), path: root.join(path) }),
    }
}

/// Copies the signatures in the trash back beside the list.
fn sign_again(store: &dyn Store, trashed: &Trashed) -> Result<(), CommitError> {
    for scheme in Scheme::ALL {
        let (from, to) = (trashed.at.child(scheme.file()), trashed.ticket.path.child(scheme.file()));
        if let Some(bytes) = read(store, &from.unwrap_or_default(), SIGNATURE_LIMIT)? {
            store.fill(&to.unwrap_or_default(), &mut &*bytes, Fill { mode: 0o444, mtime: None })?;
        }
    }
    Ok(())
}

/// Writes the list of checksums of a build, and returns its digest.
fn write_sums(store: &dyn Store, root: &RelPath, list: &[u8]) -> Result<Digest, StoreError> {
    let fill = Fill { mode: 0o444, mtime: None };
    Ok(store.fill_known(&sums_at(root), &mut &*list, fill, Digest::of(list))?.digest)
}

fn sums_at(dir: &RelPath) -> RelPath {
    dir.child(SUMS_NAME).unwrap_or_default()
}

/// Returns the bytes of a file; nothing if it does not exist.
fn read(store: &dyn Store, at: &RelPath, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    match store.read(at, limit) {
        Err(error) if error.is_not_found() => Ok(None),
        bytes => bytes.map(Some),
    }
}

fn parsed(manifest: &[u8], id: &BuildId) -> Result<Manifest, StateError> {
    Manifest::parse(manifest).map_err(|error| StateError::Manifest(id.clone(), error))
}

fn paths(manifest: &Manifest) -> HashSet<RelPath> {
    manifest.paths().chain(&manifest.dirs).cloned().collect()
}
