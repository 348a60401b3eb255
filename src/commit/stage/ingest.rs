//! Ingesting the files of a source into a stage, each in the cheapest correct way.

use crate::commit::filling::{Brought, Check, Filling, StageError};
use crate::commit::reading::Reading;
use crate::commit::stage::staged::Staged;
use crate::commit::timing::Timing;
use crate::decide::{Held, Reuse};
use crate::mirror::Mirror;
use crate::model::{Digest, RelPath};
use crate::progress::NoProgress;
use crate::record::{FileEntry, Seen};
use crate::source::{OpenSource, SourceEntry, Watched, hash};
use crate::store::{Append, Entry, Fill, Share, Shared, SourceFile, Take};
use std::sync::atomic::Ordering;

/// What the threads that fill a stage share.
pub(crate) struct Ingest<'a, 'm> {
    pub(crate) staged: &'a Staged<'m>,
    pub(crate) reuse: &'a Reuse,
    pub(crate) how: Filling,
    pub(crate) reading: Reading<'a>,
    pub(crate) owner: Option<(u32, u32)>,
}

impl Ingest<'_, '_> {
    /// Ingests one file in the cheapest correct way, and records that it is staged.
    pub(crate) fn bring(&self, entry: &SourceEntry) -> Result<Brought, StageError> {
        self.reading.stop.check()?;
        let at = self.staged.tree(&entry.to);
        if let Some(done) = self.staged.done.get(&entry.to)
            && done.size == entry.size
            && done.mode == entry.mode()
            && done.seen == entry.seen()
            && entry.digest().is_none_or(|digest| digest == done.digest)
            && self.timing().allows(entry, done.digest, done.mtime)
            && self.mirror().store().look(&at)?.is_some_and(|found| is_as_noted(&found, done))
        {
            self.reading.tally.resumed.fetch_add(1, Ordering::Relaxed);
            self.reading.watch.bytes(entry.size);
            self.reading.watch.file(&entry.to);
            // It may have been changed since it was recorded.
            return Ok(Brought { entry: done.clone(), changed: None });
        }
        let digest = match self.quick(entry, &at)? {
            Some(digest) => digest,
            None => self.read(entry, &at)?,
        };
        if entry.mtime.is_none() {
            self.written_now(entry, &at, digest)?;
        }
        let brought = self.noted(&entry.to, &at, digest, entry.seen())?;
        self.reading.watch.file(&entry.to);
        Ok(brought)
    }

    /// Checks a staged file, and records for the next run that it is staged.
    pub(crate) fn noted(
        &self,
        to: &RelPath,
        at: &RelPath,
        digest: Digest,
        seen: Option<Seen>,
    ) -> Result<Brought, StageError> {
        let brought = self.staged.entry(to, at, digest, seen)?;
        let noted = format!("{}\n", brought.entry.line());
        self.mirror().store().append(&self.staged.own("progress"), noted.as_bytes(), Append::Quick)?;
        Ok(brought)
    }

    /// Shares the last build's file if its source looks unchanged and the user trusts that.
    fn quick(&self, entry: &SourceEntry, at: &RelPath) -> Result<Option<Digest>, StageError> {
        if self.how.check == Check::Bytes {
            return Ok(None);
        }
        let Some(seen) = entry.seen() else { return Ok(None) };
        let Some(held) = self.reuse.unseen_change(&entry.to, entry.size, entry.mode(), seen) else {
            return Ok(None);
        };
        let shared = self.share(held, at, entry)?;
        if shared.is_some() {
            self.reading.watch.bytes(entry.size);
        }
        Ok(shared)
    }

    /// Reads the file, only once if it is new.
    fn read(&self, entry: &SourceEntry, at: &RelPath) -> Result<Digest, StageError> {
        let mut open = entry.open()?;
        let (mut known, written_down) = (None, entry.digest());
        let no_copy = self.how.take.is_some();
        let held = self.how.dedupe.is_some() && self.reuse.has_size(entry.size);
        if no_copy || held || written_down.is_some() || self.timing().asks_for_digest(entry) {
            let digest = self.reading.digest(entry, &mut open)?;
            for held in self.reuse.with_digest(&entry.to, digest, entry.mode()) {
                if let Some(digest) = self.share(held, at, entry)? {
                    return Ok(digest);
                }
            }
            known = Some(digest);
        }
        let fill = known.map_or(entry.fill(), |digest| self.timing().fill(entry, digest));
        // A link has the time of the source, which is left as it is: a file that needs a later time is copied.
        if let (Some(_), Some(digest), true) = (self.how.take, known, fill == entry.fill()) {
            if let OpenSource::Disk { file, dir } = &open {
                let file = SourceFile { file, dir, path: &entry.from() };
                // This includes files that are to be moved: if they were only in the stage, deleting the stage would
                // lose them.
                if self.mirror().store().take(&file, at, Take::Link, fill)? == Shared::Yes {
                    return Ok(digest);
                }
            }
            return Err(StageError::CrossDevice(entry.from().display().to_string()));
        }
        let filled = if known.is_some() && written_down.is_none() {
            // Its progress was reported while it was hashed.
            self.mirror().store().fill(at, &mut open, fill)
        } else {
            self.mirror().store().fill(at, &mut self.reading.watched(&mut open), fill)
        };
        self.reading.arrived(entry, &mut open, known, filled)
    }

    /// Shares a file of an earlier build, if it is still as recorded and would look the same.
    fn share(&self, held: &Held, at: &RelPath, entry: &SourceEntry) -> Result<Option<Digest>, StageError> {
        let Some(how) = self.how.dedupe else { return Ok(None) };
        // A link has the time of the original, a copy that shares blocks its own.
        if how == Share::Link && !self.timing().allows(entry, held.digest, held.mtime) {
            return Ok(None);
        }
        let store = self.mirror().store();
        let from = held.at();
        let Ok(Some(found)) = store.look(&from) else { return Ok(None) };
        let intact = found.size == held.size
            && found.mode == held.mode
            && found.mtime == held.mtime
            && (held.inode == 0 || found.inode.1 == held.inode)
            && Some(found.owner) == self.owner;
        if !intact {
            return Ok(None);
        }
        // Every write to a file changes this time, and nothing can set it back. Links that others make or remove
        // change it too, so such a file is read.
        if held.changed != Some(found.changed()) && !self.is_right(held, &from)? {
            return Ok(None);
        }
        if store.share(&from, at, how, self.timing().fill(entry, held.digest))? == Shared::No {
            return Ok(None);
        }
        self.reading.shared(held.size);
        Ok(Some(held.digest))
    }

    /// Gives a file that was written with the current time a later one, if that time does not show that its bytes
    /// changed.
    fn written_now(&self, entry: &SourceEntry, at: &RelPath, digest: Digest) -> Result<(), StageError> {
        let Some(least) = self.timing().least(&entry.to, entry.size, digest) else { return Ok(()) };
        let mut bytes = entry.open()?;
        let fill = Fill { mode: entry.mode(), mtime: None };
        Ok(self.staged.raise(at, &mut self.reading.watched(&mut bytes), fill, least)?)
    }

    /// Returns the rule for the times of the build.
    pub(crate) fn timing(&self) -> Timing<'_> {
        Timing { rule: self.how.times, reuse: self.reuse }
    }

    /// Reads a file of an earlier build and returns whether it has the published bytes; an unreadable one does not.
    fn is_right(&self, held: &Held, at: &RelPath) -> Result<bool, StageError> {
        let Ok(from) = self.mirror().store().open(at) else { return Ok(false) };
        let found = hash(&mut Watched { from, watch: &NoProgress, stop: self.reading.stop });
        self.reading.stop.check()?;
        let right = found.is_ok_and(|digest| digest == held.digest);
        if !right {
            self.reading.tally.found_damaged(at);
        }
        Ok(right)
    }

    pub(crate) fn mirror(&self) -> &Mirror {
        self.staged.mirror
    }
}

fn is_as_noted(found: &Entry, done: &FileEntry) -> bool {
    found.size == done.size
        && found.mode == done.mode
        && found.mtime == done.mtime
        && found.inode.1 == done.inode
}
