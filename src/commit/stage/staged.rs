//! Staging a build beside the mirror, where no reader sees it.
//!
//! A stage survives a kill: what was copied and hashed is recorded line by line and not done again by the next run,
//! unless the machine was rebooted in between, when the bytes may not have reached the disk. A running publisher has
//! the stage's ticket locked, so that two publishers of one build meet here and nowhere later.

use crate::commit::filling::{Brought, StageError};
use crate::commit::stage::claim::Claim;
use crate::commit::stage::place::stage_of;
use crate::commit::stage::sealed::{SEAL, Seal, Sealed};
use crate::commit::timing::Timing;
use crate::decide::SECOND;
use crate::mirror::{MANIFEST_LIMIT, Mirror};
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME, Scheme};
use crate::record::{BuildRecord, FileEntry, Inodes, Manifest, Seen};
use crate::sign::Checksums;
use crate::source::{Lines, Source};
use crate::store::{Append, Fill, Guard, Put, Store, StoreError, StoreErrorKind};
use indicatif::HumanBytes;
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::time::Duration;

/// How often a stage may be removed while this process locks it.
const TRIES: u32 = 100;

/// A build that is being staged.
#[derive(Debug)]
#[must_use = "a stage is invisible until it is sealed and revealed"]
pub struct Staged<'m> {
    pub(crate) mirror: &'m Mirror,
    pub(crate) at: RelPath,
    pub(crate) ticket: Guard,
    pub(crate) done: HashMap<RelPath, FileEntry>,
    pub(crate) manifest: Manifest,
    /// When the inodes of its files last changed, if their bytes are known.
    pub(crate) changed: BTreeMap<u64, i128>,
    /// The path of the stream's last build.
    pub(crate) last: Option<RelPath>,
}

impl<'m> Staged<'m> {
    /// Opens the stage of a build and locks its ticket; what an interrupted run left in it stays as it is.
    pub fn open(mirror: &'m Mirror, id: &BuildId, who: &str, wait: Duration) -> Result<Self, StageError> {
        let at = stage_of(id);
        let mut tries = 0;
        let ticket = loop {
            let taken = mirror
                .store()
                .make_dir(&at)
                .and_then(|()| mirror.store().lock(&at.child("ticket").unwrap_or_default(), who, wait));
            match taken {
                // The previous holder removed it in the meantime.
                Err(error) if error.is_not_found() && tries < TRIES => tries += 1,
                Err(error) if error.kind() == StoreErrorKind::Busy => {
                    return Err(StageError::Busy(id.clone()));
                }
                taken => break taken?,
            }
        };
        Ok(Self {
            mirror,
            at,
            ticket,
            done: HashMap::new(),
            manifest: Manifest::default(),
            changed: BTreeMap::new(),
            last: None,
        })
    }

    /// Resumes an interrupted run, or starts again if its stage cannot be trusted.
    ///
    /// The caller has checked whether that run passed its commit point: its seal is removed here.
    pub fn resume(&mut self) -> Result<(), StageError> {
        let store = self.mirror.store();
        let boot = boot_id();
        let progress = self.own("progress");
        let noted = match store.read(&progress, MANIFEST_LIMIT) {
            // Text that is not UTF-8 is damaged, and none of it is trusted.
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Err(error) if error.is_not_found() => String::new(),
            Err(error) => return Err(error.into()),
        };
        let mut lines = noted.split_inclusive('\n');
        if lines.next().map(str::trim_end) == Some(&*boot) && store.look(&self.own(SEAL))?.is_none() {
            for line in lines.filter_map(|line| line.strip_suffix('\n')) {
                if let Some(entry) = FileEntry::parse(line) {
                    self.done.insert(entry.path.clone(), entry);
                }
            }
            // The signed list may differ from the new one.
            for scheme in Scheme::ALL {
                store.remove(&self.own("tree").child(scheme.file()).unwrap_or_default())?;
            }
            return Ok(());
        }
        for name in [SEAL, "progress"] {
            drop_file(store, &self.own(name))?;
        }
        store.discard(&self.own("tree"))?;
        store.append(&progress, format!("{boot}\n").as_bytes(), Append::Quick)?;
        Ok(())
    }

    /// Adds a small generated file, such as the marker.
    pub(crate) fn add(&mut self, to: &RelPath, bytes: &[u8], timing: Timing<'_>) -> Result<(), StageError> {
        let at = self.tree(to);
        let fill = Fill { mode: 0o444, mtime: None };
        let filled = self.mirror.store().fill(&at, &mut &*bytes, fill)?;
        if let Some(least) = timing.least(to, filled.size, filled.digest) {
            self.raise(&at, &mut &*bytes, fill, least)?;
        }
        let Brought { entry, changed } = self.entry(to, &at, filled.digest, None)?;
        self.note(entry.inode, changed);
        self.manifest.files.push(entry);
        self.manifest.sort();
        Ok(())
    }

    /// Writes a staged file again with `least` as the second of its time, unless its time is late enough.
    pub(crate) fn raise(
        &self,
        at: &RelPath,
        bytes: &mut dyn Read,
        fill: Fill,
        least: i128,
    ) -> Result<(), StoreError> {
        let store = self.mirror.store();
        let later = least * SECOND;
        if store.look(at)?.is_some_and(|found| found.mtime < later) {
            store.fill(at, bytes, Fill { mtime: Some(later), ..fill })?;
        }
        Ok(())
    }

    /// Records the change time of an inode; of several names for one, the last link counts.
    pub(crate) fn note(&mut self, inode: u64, changed: Option<i128>) {
        if let Some(changed) = changed {
            let noted = self.changed.entry(inode).or_insert(changed);
            *noted = changed.max(*noted);
        }
    }

    /// Returns the contents of the stage.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes SHA256SUMS and its signatures, waits until all is on disk, and closes the stage with its seal.
    ///
    /// A stage that could not be synced is deleted: a second sync would succeed and prove nothing.
    pub fn seal(self, record: BuildRecord, path: RelPath, sums: &Checksums) -> Result<Sealed, StageError> {
        match self.close(record, path, sums) {
            Ok(seal) => {
                let (at, manifest, ticket) = (self.at, self.manifest, Some(self.ticket));
                Ok(Sealed { at, seal, manifest, ticket, moved: false })
            }
            Err(error) => {
                self.discard().ok();
                Err(error.into())
            }
        }
    }

    /// Returns the seal, once it is written.
    fn close(&self, mut record: BuildRecord, path: RelPath, sums: &Checksums) -> Result<Seal, StoreError> {
        let store = self.mirror.store();
        let tree = self.own("tree");
        let mut filled = sums.write(store, &tree, &self.manifest, None)?;
        if let Some(later) = self.later_than_last(&tree)? {
            filled = sums.write(store, &tree, &self.manifest, Some(later))?;
        }
        record.sums = Some(filled.digest);
        record.files = self.manifest.files.len() as u64;
        record.bytes = self.manifest.bytes();
        let manifest = self.own("manifest");
        let how = Fill { mode: 0o600, mtime: None };
        let size = store.fill(&manifest, &mut Lines::of(self.manifest.lines()), how)?.size;
        if size > MANIFEST_LIMIT {
            let why = format!(
                "the build has too many files: its manifest has {}, and at most {} are read",
                HumanBytes(size),
                HumanBytes(MANIFEST_LIMIT)
            );
            return Err(StoreError::because(StoreErrorKind::TooLarge, "keep the manifest", manifest, &why));
        }
        let (build, changed) = (record.id.name.clone(), self.changed.clone());
        self.mirror.keep_inodes(&record.id.stream, &Inodes { build, changed })?;
        store.sync_tree(&self.at)?;
        let tree = store.look(&self.own("tree"))?.map(|entry| entry.inode).unwrap_or_default();
        let seal = Seal { seal: 1, path, inode: tree, record };
        let text = serde_json::to_vec(&seal).unwrap_or_default();
        store.put(&self.own(SEAL), &text, Put::Replace)?;
        Ok(seal)
    }

    /// Returns the time that SHA256SUMS and its signatures need, if one of them has the size and second of the last
    /// build's.
    fn later_than_last(&self, tree: &RelPath) -> Result<Option<i128>, StoreError> {
        let Some(last) = &self.last else { return Ok(None) };
        let (mut later, store) = (None, self.mirror.store());
        for name in Scheme::ALL.map(Scheme::file).into_iter().chain([SUMS_NAME]) {
            let at = |dir: &RelPath| store.look(&dir.child(name).unwrap_or_default());
            if let (Some(now), Some(before)) = (at(tree)?, at(last)?)
                && now.size == before.size
            {
                let (now, before) = (now.mtime.div_euclid(SECOND), before.mtime.div_euclid(SECOND));
                later = later.max((before >= now).then_some((before + 1) * SECOND));
            }
        }
        Ok(later)
    }

    /// Deletes the stage.
    pub fn discard(self) -> Result<(), StageError> {
        clear(self.mirror.store(), &self.at)?;
        Ok(())
    }

    /// Removes staged files that the source no longer has.
    pub(crate) fn clear_others(&mut self, source: &Source) -> Result<(), StageError> {
        if self.done.is_empty() {
            return Ok(());
        }
        let wanted: std::collections::HashSet<&RelPath> = source.files.iter().map(|file| &file.to).collect();
        let others: Vec<RelPath> = self.done.keys().filter(|path| !wanted.contains(path)).cloned().collect();
        if !others.is_empty() {
            // Rare, and a tree with left-over directories would not be the requested one: start again.
            self.mirror.store().remove(&self.own("progress"))?;
            self.done.clear();
            self.resume()?;
        }
        Ok(())
    }

    pub(crate) fn own(&self, name: &str) -> RelPath {
        self.at.child(name).unwrap_or_default()
    }

    pub(crate) fn tree(&self, to: &RelPath) -> RelPath {
        self.own("tree").join(to)
    }

    /// Returns the manifest line of a staged file in its present state.
    pub(crate) fn entry(
        &self,
        to: &RelPath,
        at: &RelPath,
        digest: Digest,
        seen: Option<Seen>,
    ) -> Result<Brought, StoreError> {
        let found = self.mirror.store().look(at)?.ok_or_else(|| {
            StoreError::because(StoreErrorKind::NotFound, "look at", at, "it vanished from the stage")
        })?;
        let entry = FileEntry {
            path: to.clone(),
            size: found.size,
            digest,
            mode: found.mode,
            mtime: found.mtime,
            inode: found.inode.1,
            seen,
        };
        Ok(Brought { entry, changed: Some(found.changed()) })
    }
}

/// Removes a stage whose ticket the caller has locked.
///
/// The records are removed first and the ticket last: the next process that locks the stage must find nothing to
/// resume, or it would publish files that are being deleted.
pub(crate) fn clear(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    let own = |name: &str| at.child(name).unwrap_or_default();
    for name in ["progress", Claim::NAME, SEAL, "manifest", "upload.json"] {
        drop_file(store, &own(name))?;
    }
    store.discard(&own("tree"))?;
    store.remove(&own("ticket"))?;
    match store.remove_dir(at) {
        // A process that waited for the ticket has made a new one.
        Err(error) if error.kind() == StoreErrorKind::NotEmpty => Ok(()),
        done => done,
    }
}

/// Removes a file of a stage, or a directory that is at its path.
fn drop_file(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    match store.remove(at) {
        Err(error) if error.kind() == StoreErrorKind::WrongKind => store.discard(at).map(drop),
        done => done,
    }
}

/// Returns what distinguishes this boot of the machine from the last; after a reboot nothing unsynced is trusted.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
