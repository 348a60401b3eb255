//! Uploading a build to its final path, in a store that does not move trees: readers ignore it until it has a seal.
//!
//! A file is uploaded once: what an earlier run uploaded has its digest beside it, and what an earlier build of the
//! stream has is copied by the store. A running publisher has the ticket of its build locked, so two publishers of
//! one build meet here; a note beside the ticket states who wrote the unsealed files, so that `recover` can delete
//! them and files of other tools are never taken for mirrorkeep's.

use crate::commit::filling::{Check, Filling, StageError, Tally};
use crate::commit::reading::Reading;
use crate::commit::stage::{Sealed, Underway, stage_of};
use crate::commit::timing::Timing;
use crate::decide::{Held, Reuse};
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME};
use crate::progress::{CancelToken, Watch};
use crate::record::{BuildRecord, FileEntry, LinkEntry, Manifest};
use crate::sign::Checksums;
use crate::source::{Source, SourceEntry};
use crate::store::{
    Below, Fill, Guard, Kind, Put, Share, Shared, Store, StoreError, StoreErrorKind, Uploads, io_pool,
};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

/// Files of at least this many bytes are read first, so that their digests can be uploaded with them.
const LARGE: u64 = 16 << 20;

/// For files of at least this many bytes, a copy by the store is cheaper than an upload.
const WORTH_A_COPY: u64 = 64 << 10;

/// How many files are uploaded at once: a store answers slowly, but many requests at a time.
const AT_ONCE: usize = 8;

/// How many large files are uploaded at once: each has several parts of 16 MiB in flight.
const LARGE_AT_ONCE: usize = 3;

/// A build that is being uploaded.
#[derive(Debug)]
#[must_use = "what was sent is invisible until it is sealed"]
pub(crate) struct Upload<'m> {
    pub(super) mirror: &'m Mirror,
    at: RelPath,
    path: RelPath,
    ticket: Guard,
    there: HashMap<RelPath, Below>,
    /// What is at each path already; a link and a file can have the same name.
    kinds: HashMap<RelPath, Vec<Kind>>,
    manifest: Manifest,
}

/// Who wrote the files at a build's path without a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There are none, or an earlier run uploaded them.
    Ours,
    /// Another tool wrote them.
    Foreign,
}

impl<'m> Upload<'m> {
    /// Locks the ticket of a build.
    pub(crate) fn open(mirror: &'m Mirror, id: &BuildId, path: &RelPath) -> Result<Self, StageError> {
        let at = stage_of(id);
        let ticket = at.child("ticket").unwrap_or_default();
        let ticket = mirror.store().lock(&ticket, mirror.who(), mirror.wait());
        let ticket = ticket.map_err(|error| match error.kind() {
            StoreErrorKind::Busy => StageError::Busy(id.clone()),
            _ => error.into(),
        })?;
        let (path, there, kinds) = (path.clone(), HashMap::new(), HashMap::new());
        Ok(Self { mirror, at, path, ticket, there, kinds, manifest: Manifest::default() })
    }

    /// Lists what is there already, and writes the note that further files are mirrorkeep's.
    pub(crate) fn begin(&mut self, id: &BuildId) -> Result<Found, StageError> {
        let store = self.mirror.store();
        let there = store.below(&self.path)?;
        let note = Underway::place(&self.at);
        if !there.is_empty() && store.look(&note)?.is_none() {
            return Ok(Found::Foreign);
        }
        let underway = Underway { upload: 1, id: id.clone(), path: self.path.clone() };
        give_up_below(store, &self.path)?;
        // Plain data always serializes.
        store.put(&note, &serde_json::to_vec(&underway).unwrap_or_default(), Put::Replace)?;
        for found in &there {
            self.kinds.entry(found.path.clone()).or_default().push(found.kind);
        }
        self.there = there.into_iter().map(|found| (found.path.clone(), found)).collect();
        Ok(Found::Ours)
    }

    /// Uploads everything of the source that is not there yet.
    pub(crate) fn fill(
        &mut self,
        source: &Source,
        reuse: &Reuse,
        how: Filling,
        watch: &dyn Watch,
        stop: &CancelToken,
    ) -> Result<Tally, StageError> {
        self.clear_other_kinds(source)?;
        let mut tally = Tally::default();
        let reading = Reading { watch, stop, tally: &tally };
        let sending = Sending { upload: self, reuse, how, reading };
        let (large, small): (Vec<_>, Vec<_>) = source.files.iter().partition(|entry| entry.size >= LARGE);
        let mut files = sending.all(large, LARGE_AT_ONCE)?;
        files.extend(sending.all(small, AT_ONCE)?);
        self.manifest.files = files;
        for (to, text) in &source.links {
            self.mirror.store().link(&self.path.join(to), text)?;
            self.manifest.links.push(LinkEntry { path: to.clone(), text: text.clone() });
        }
        self.manifest.sort();
        let timing = Timing { rule: how.times, reuse };
        (tally.unnoticed, tally.first_unnoticed) = timing.unnoticed(&self.manifest.files);
        Ok(tally)
    }

    /// Removes uploaded entries where the source now has another kind: a link and a file of one name would exist side
    /// by side.
    fn clear_other_kinds(&mut self, source: &Source) -> Result<(), StageError> {
        let files = source.files.iter().map(|entry| (self.path.join(&entry.to), Kind::File));
        let links = source.links.iter().map(|(to, _)| (self.path.join(to), Kind::Link));
        let wanted: HashMap<RelPath, Kind> = files.chain(links).collect();
        for (path, kinds) in std::mem::take(&mut self.kinds) {
            if wanted.get(&path).is_some_and(|wanted| kinds.iter().any(|kind| kind != wanted)) {
                self.mirror.store().remove(&path)?;
                self.there.remove(&path);
            }
        }
        Ok(())
    }

    /// Adds a small generated file, such as the marker; the store sets its time.
    pub(crate) fn add(&mut self, to: &RelPath, bytes: &[u8]) -> Result<(), StageError> {
        let fill = Fill { mode: 0o444, mtime: None };
        let filled = self.mirror.store().fill(&self.path.join(to), &mut &*bytes, fill)?;
        let (size, digest) = (filled.size, filled.digest);
        let entry = FileEntry { path: to.clone(), size, digest, mode: 0o444, mtime: 0, inode: 0, seen: None };
        self.manifest.files.push(entry);
        self.manifest.sort();
        Ok(())
    }

    /// Uploads SHA256SUMS with its signatures, and compares everything that is there with what was uploaded.
    pub(crate) fn close(self, mut record: BuildRecord, sums: &Checksums) -> Result<Sealed, StageError> {
        let filled = sums.write(self.mirror.store(), &self.path, &self.manifest, None)?;
        self.compare(sums, filled.size)?;
        record.sums = Some(filled.digest);
        record.files = self.manifest.files.len() as u64;
        record.bytes = self.manifest.bytes();
        Ok(Sealed::sent(self.at, self.path, record, self.manifest, Some(self.ticket)))
    }

    /// Returns what was uploaded.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Removes the ticket; nothing was uploaded.
    pub(crate) fn leave(self) -> Result<(), StageError> {
        self.mirror.store().discard(&self.at)?;
        Ok(())
    }

    /// Lists what is there, removes what does not belong to the build, and fails for missing or truncated files.
    fn compare(&self, sums: &Checksums, sums_size: u64) -> Result<(), StoreError> {
        let store = self.mirror.store();
        let files =
            self.manifest.files.iter().map(|file| (self.path.join(&file.path), (Kind::File, file.size)));
        let links = self.manifest.links.iter();
        let links = links.map(|link| (self.path.join(&link.path), (Kind::Link, link.text.len() as u64)));
        let mut wanted: HashMap<RelPath, (Kind, u64)> = files.chain(links).collect();
        let signed = sums.signatures.iter().map(|one| (one.file, one.bytes.len() as u64));
        for (name, size) in signed.chain([(SUMS_NAME, sums_size)]) {
            wanted.insert(self.path.child(name).unwrap_or_default(), (Kind::File, size));
        }
        let mut sent: HashSet<RelPath> = HashSet::new();
        for found in store.below(&self.path)? {
            match wanted.remove(&found.path) {
                None if sent.contains(&found.path) => {
                    let why = "a link and a file there have the same name";
                    return Err(StoreError::because(StoreErrorKind::Io, "send", &found.path, why));
                }
                None => store.remove(&found.path)?,
                Some(wanted) if wanted == (found.kind, found.size) => drop(sent.insert(found.path)),
                Some((_, size)) => {
                    let why = format!("{} bytes are there, and {size} were sent", found.size);
                    return Err(StoreError::because(StoreErrorKind::Io, "send", &found.path, &why));
                }
            }
        }
        match wanted.into_keys().min() {
            None => Ok(()),
            Some(lost) => {
                let why = "it was sent, and the store does not list it";
                Err(StoreError::because(StoreErrorKind::Io, "send", lost, why))
            }
        }
    }
}

/// What the uploading threads share.
struct Sending<'a, 'm> {
    upload: &'a Upload<'m>,
    reuse: &'a Reuse,
    how: Filling,
    reading: Reading<'a>,
}

impl Sending<'_, '_> {
    /// Uploads files, several at once; with one thread, one after the other.
    fn all(&self, mut files: Vec<&SourceEntry>, at_once: usize) -> Result<Vec<FileEntry>, StageError> {
        // The largest first, so that no thread has it left at the end.
        files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.to.cmp(&b.to)));
        let pool = io_pool(self.store(), at_once)?;
        pool.install(|| files.into_par_iter().with_max_len(1).map(|entry| self.bring(entry)).collect())
    }

    /// Stores one file in the cheapest correct way.
    fn bring(&self, entry: &SourceEntry) -> Result<FileEntry, StageError> {
        self.reading.stop.check()?;
        let at = self.upload.path.join(&entry.to);
        let (digest, mtime) = match self.quick(entry, &at)? {
            Some(held) => (held.digest, held.mtime),
            None => self.read(entry, &at)?,
        };
        self.reading.watch.file(&entry.to);
        let (path, mode) = (entry.to.clone(), entry.mode());
        Ok(FileEntry { path, size: entry.size, digest, mode, mtime, inode: 0, seen: entry.seen() })
    }

    /// Copies the last build's file if its source looks unchanged and the user trusts that.
    fn quick(&self, entry: &SourceEntry, at: &RelPath) -> Result<Option<&Held>, StageError> {
        if self.how.check == Check::Bytes {
            return Ok(None);
        }
        let Some(seen) = entry.seen() else { return Ok(None) };
        let held = self.reuse.unseen_change(&entry.to, entry.size, entry.mode(), seen);
        let Some(held) = held else { return Ok(None) };
        let copied = self.copied(held, at, entry)?;
        if copied {
            self.reading.watch.bytes(entry.size);
        }
        Ok(copied.then_some(held))
    }

    /// Reads the file, uploads it if it is not there, and returns its digest and its time in the store.
    fn read(&self, entry: &SourceEntry, at: &RelPath) -> Result<(Digest, i128), StageError> {
        let mut open = entry.open()?;
        let sent = self.upload.there.get(at).is_some_and(|there| there.size == entry.size);
        let held = self.how.dedupe.is_some() && entry.size >= WORTH_A_COPY && self.reuse.has_size(entry.size);
        let (mut known, written_down) = (None, entry.digest());
        let asked = sent || held || entry.size >= LARGE || self.timing().asks_for_digest(entry);
        if asked || written_down.is_some() {
            let digest = self.reading.digest(entry, &mut open)?;
            if sent && let Some(mtime) = self.arrived(entry, at, digest)? {
                self.reading.tally.resumed.fetch_add(1, Ordering::Relaxed);
                return Ok((digest, mtime));
            }
            for held in self.reuse.with_digest(&entry.to, digest, entry.mode()).filter(|_| held) {
                if self.copied(held, at, entry)? {
                    return Ok((digest, held.mtime));
                }
            }
            known = Some(digest);
        }
        let fill = known.map_or(entry.fill(), |digest| self.timing().fill(entry, digest));
        let filled = match known {
            // Its progress was reported while it was hashed.
            Some(digest) if written_down.is_none() => self.store().fill_known(at, &mut open, fill, digest),
            Some(digest) => self.store().fill_known(at, &mut self.reading.watched(&mut open), fill, digest),
            None => self.store().fill(at, &mut self.reading.watched(&mut open), fill),
        };
        let digest = self.reading.arrived(entry, &mut open, known, filled)?;
        Ok((digest, fill.mtime.unwrap_or_default()))
    }

    /// Returns the time of a file that an earlier run uploaded, if it is the expected file.
    fn arrived(&self, entry: &SourceEntry, at: &RelPath, digest: Digest) -> Result<Option<i128>, StoreError> {
        let there = self.store().look(at)?.filter(|there| {
            there.kind == Kind::File
                && (there.size, there.mode, there.digest) == (entry.size, entry.mode(), Some(digest))
                && self.timing().allows(entry, digest, there.mtime)
        });
        Ok(there.map(|there| there.mtime))
    }

    /// Has the store copy a file of an earlier build, if it is still as recorded.
    fn copied(&self, held: &Held, at: &RelPath, entry: &SourceEntry) -> Result<bool, StageError> {
        // The copy has the time of the original.
        if self.how.dedupe.is_none() || !self.timing().allows(entry, held.digest, held.mtime) {
            return Ok(false);
        }
        let from = held.at();
        let Ok(Some(there)) = self.store().look(&from) else { return Ok(false) };
        let intact = (there.size, there.mode, there.digest) == (held.size, held.mode, Some(held.digest));
        let fill = entry.fill();
        if !intact || self.store().share(&from, at, Share::Link, fill)? == Shared::No {
            return Ok(false);
        }
        self.reading.shared(held.size);
        Ok(true)
    }

    fn timing(&self) -> Timing<'_> {
        Timing { rule: self.how.times, reuse: self.reuse }
    }

    fn store(&self) -> &dyn Store {
        self.upload.mirror.store()
    }
}

/// Aborts the multipart uploads of an earlier run below a path; the caller has locked the ticket of what is there.
///
/// An upload that cannot be aborted now is found by a check and aborted later.
pub(crate) fn give_up_below(store: &dyn Store, place: &RelPath) -> Result<(), StoreError> {
    for upload in store.unfinished(Uploads::Noted)?.iter().filter(|upload| upload.to.is_within(place)) {
        store.give_up(upload).ok();
    }
    Ok(())
}
