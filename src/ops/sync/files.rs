//! The files of a build in the order in which they are sent.

use super::look::{Here, is_last};
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, RelPath, sums_names};
use crate::record::{FileEntry, LinkEntry};
use crate::store::{Entry, Kind};
use rayon::prelude::*;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// How many files of a run are read again at the target, and how large each may be.
const SAMPLE: (usize, u64) = (64, 16 << 20);

/// The files of a build.
pub(super) struct Files {
    /// Paths in the mirror; those that are sent last are at the end.
    pub(super) all: Vec<RelPath>,
    /// How many of them are sent last.
    last: usize,
    /// How many bytes they have.
    pub(super) bytes: u64,
    known: HashSet<RelPath>,
    entries: Vec<(RelPath, FileEntry)>,
    links: Vec<(RelPath, LinkEntry)>,
}

impl Files {
    /// Returns the files of a build, or why they are not known.
    pub(super) fn of(mirror: &Mirror, id: &BuildId, here: &Here) -> Result<Self, String> {
        let manifest = mirror.manifest(id).map_err(|error| chain(&error))?;
        let manifest = manifest.ok_or_else(|| {
            format!("it has no manifest, so that it is not known what belongs to it; `mirrorkeep adopt {id}` makes one")
        })?;
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for path in manifest.paths().chain(&manifest.dirs) {
            let at = here.path.join(path);
            if is_last(mirror, path) { last.push(at) } else { first.push(at) }
        }
        for name in sums_names() {
            let Ok(at) = here.path.child(name) else { continue };
            let found = mirror.store().look(&at).map_err(|error| chain(&error))?;
            if found.is_some_and(|entry| entry.kind == Kind::File) {
                last.push(at);
            }
        }
        let (bytes, count) = (manifest.bytes(), last.len());
        let at = |path: &RelPath| here.path.join(path);
        let entries = manifest.files.into_iter().map(|file| (at(&file.path), file)).collect();
        let links = manifest.links.into_iter().map(|link| (at(&link.path), link)).collect();
        first.append(&mut last);
        let known = first.iter().cloned().collect();
        Ok(Self { all: first, last: count, bytes, known, entries, links })
    }

    /// Returns those that are sent first.
    pub(super) fn first(&self) -> &[RelPath] {
        self.all.get(..self.all.len() - self.last).unwrap_or_default()
    }

    /// Returns those that are sent last.
    pub(super) fn last(&self) -> &[RelPath] {
        self.all.get(self.all.len() - self.last..).unwrap_or_default()
    }

    /// Returns whether a path is of the build.
    pub(super) fn has(&self, path: &RelPath) -> bool {
        self.known.contains(path)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Fails with why, where a file here is not the one that was published, by its kind, size and time.
    pub(super) fn are_as_published(&self, mirror: &Mirror) -> Result<(), String> {
        let differs = |at: &RelPath, fits: &dyn Fn(&Entry) -> bool| match mirror.store().look(at) {
            Err(error) => Some(chain(&error)),
            Ok(Some(entry)) if fits(&entry) => None,
            Ok(_) => Some(format!("`{at}` is not what was published; `mirrorkeep check` reports more")),
        };
        let file = |(at, file): &(RelPath, FileEntry)| {
            differs(at, &|entry| {
                entry.kind == Kind::File && entry.size == file.size && entry.mtime == file.mtime
            })
        };
        let link =
            |(at, link): &(RelPath, LinkEntry)| differs(at, &|entry| entry.link.as_ref() == Some(&link.text));
        let wrong =
            self.entries.par_iter().find_map_any(file).or_else(|| self.links.par_iter().find_map_any(link));
        wrong.map_or(Ok(()), Err)
    }
}

/// Returns some files, by no rule that the target knows.
pub(super) fn sample<'f>(builds: impl Iterator<Item = &'f Files>) -> Vec<RelPath> {
    let state = RandomState::new();
    let small = builds.flat_map(|one| &one.entries).filter(|(_, file)| file.size <= SAMPLE.1);
    let mut ranked: Vec<(u64, &RelPath)> = small.map(|(at, _)| (state.hash_one(at.as_str()), at)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(SAMPLE.0).map(|(_, at)| at.clone()).collect()
}
