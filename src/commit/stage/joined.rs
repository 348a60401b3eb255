//! Files of one new build with the same bytes: hard links of the source stay links, and equal files become links.
//!
//! Which file the others are linked to depends only on their times and paths, not on the threads: it is the latest
//! one, so that its time shows for each of them that its bytes changed (`decide/times.rs`).

use crate::commit::filling::{Brought, Filling, StageError, TimeRule};
use crate::commit::stage::ingest::Ingest;
use crate::model::{Digest, RelPath};
use crate::record::FileEntry;
use crate::source::{Source, SourceEntry};
use crate::store::{Share, Shared};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::Ordering;

/// The files of a source, split into those to ingest and those that have the same bytes as one of these.
pub(crate) struct Twins<'s> {
    /// The files to ingest.
    pub(crate) order: Vec<&'s SourceEntry>,
    /// The files to link to one of these, with its path.
    pub(crate) followers: Vec<(&'s SourceEntry, &'s RelPath)>,
}

/// What two files share that are known to have the same bytes before they are read.
#[derive(PartialEq, Eq, Hash)]
enum Same {
    /// Device and inode.
    Inode(u64, u64),
    /// The digest that another mirror recorded, the mode and the time.
    Digest(Digest, u32, Option<i128>),
}

impl<'s> Twins<'s> {
    /// Returns the files of a source; the first path of several is ingested, and the others are linked to it.
    pub(crate) fn of(source: &'s Source, how: Filling) -> Self {
        let mut twins = Self { order: Vec::new(), followers: Vec::new() };
        let mut first: HashMap<Same, &RelPath> = HashMap::new();
        for entry in &source.files {
            let same = match (entry.linked, entry.digest()) {
                // Files that are ingested without a copy keep their links by themselves.
                _ if how.dedupe.is_none() || how.take.is_some() || entry.size == 0 => None,
                (_, Some(digest)) => Some(Same::Digest(digest, entry.mode(), entry.mtime)),
                (Some(device), None) => Some(Same::Inode(device, entry.inode)),
                (None, None) => None,
            };
            match same.map(|same| *first.entry(same).or_insert(&entry.to)) {
                Some(leader) if *leader != entry.to => twins.followers.push((entry, leader)),
                _ => twins.order.push(entry),
            }
        }
        twins
    }
}

impl Ingest<'_, '_> {
    /// Links each file to the one with the same bytes; one that cannot be linked is ingested like any other.
    pub(crate) fn follow(
        &self,
        followers: &[(&SourceEntry, &RelPath)],
        brought: &[Brought],
    ) -> Result<Vec<Brought>, StageError> {
        if followers.is_empty() {
            return Ok(Vec::new());
        }
        let leaders: HashMap<&RelPath, &FileEntry> =
            brought.iter().map(|brought| (&brought.entry.path, &brought.entry)).collect();
        let one = |(entry, leader): &(&SourceEntry, &RelPath)| match leaders.get(leader) {
            Some(leader) => self.follow_one(entry, leader),
            None => self.bring(entry),
        };
        followers.par_iter().map(one).collect()
    }

    fn follow_one(&self, entry: &SourceEntry, leader: &FileEntry) -> Result<Brought, StageError> {
        self.reading.stop.check()?;
        let Some(how) = self.how.dedupe else { return self.bring(entry) };
        if how == Share::Link && !self.timing().allows(entry, leader.digest, leader.mtime) {
            return self.bring(entry);
        }
        // It must still be the file that was found.
        entry.open()?;
        let (from, at) = (self.staged.tree(&leader.path), self.staged.tree(&entry.to));
        let fill = self.timing().fill(entry, leader.digest);
        if self.mirror().store().share(&from, &at, how, fill)? == Shared::No {
            return self.bring(entry);
        }
        self.joined(entry.size);
        self.reading.watch.bytes(entry.size);
        self.reading.watch.file(&entry.to);
        self.noted(&entry.to, &at, leader.digest, entry.seen())
    }

    /// Links files with the same bytes and mode to the latest of them, or to the first of several of that time;
    /// `files` are sorted by path. A copy of a build changes no time, so that only files of one time are linked.
    pub(crate) fn join(&self, files: &mut [Brought]) -> Result<(), StageError> {
        if self.how.dedupe != Some(Share::Link) || self.how.take.is_some() {
            return Ok(());
        }
        let exact = self.how.times == TimeRule::Exact;
        let same = |entry: &FileEntry| (entry.digest, entry.mode, exact.then_some(entry.mtime));
        let with_bytes = || files.iter().enumerate().filter(|(_, file)| file.entry.size > 0);
        let mut leaders: HashMap<(Digest, u32, Option<i128>), (usize, &FileEntry)> = HashMap::new();
        for (index, Brought { entry, .. }) in with_bytes() {
            let leader = leaders.entry(same(entry)).or_insert((index, entry));
            if entry.mtime > leader.1.mtime {
                *leader = (index, entry);
            }
        }
        let mut later: Vec<(usize, usize)> = Vec::new();
        for (index, Brought { entry, .. }) in with_bytes() {
            if let Some((leader, latest)) = leaders.get(&same(entry))
                && latest.inode != entry.inode
            {
                later.push((index, *leader));
            }
        }
        let one = |(index, leader): &(usize, usize)| {
            let (Some(file), Some(leader)) = (files.get(*index), files.get(*leader)) else { return Ok(None) };
            Ok(self.join_one(&file.entry, &leader.entry)?.map(|brought| (*index, brought)))
        };
        let joined: Vec<Option<(usize, Brought)>> =
            later.par_iter().map(one).collect::<Result<_, StageError>>()?;
        for (index, brought) in joined.into_iter().flatten() {
            if let Some(file) = files.get_mut(index) {
                *file = brought;
            }
        }
        Ok(())
    }

    fn join_one(&self, file: &FileEntry, leader: &FileEntry) -> Result<Option<Brought>, StageError> {
        self.reading.stop.check()?;
        let (from, at) = (self.staged.tree(&leader.path), self.staged.tree(&file.path));
        let fill = crate::store::Fill { mode: file.mode, mtime: Some(leader.mtime) };
        if self.mirror().store().share(&from, &at, Share::Link, fill)? == Shared::No {
            return Ok(None);
        }
        self.joined(file.size);
        self.noted(&file.path, &at, file.digest, file.seen).map(Some)
    }

    fn joined(&self, size: u64) {
        self.reading.tally.joined.fetch_add(1, Ordering::Relaxed);
        self.reading.tally.joined_bytes.fetch_add(size, Ordering::Relaxed);
    }
}
