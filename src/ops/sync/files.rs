//! The files of a build: in which order they are sent, and whether they are here as they were published.
//!
//! What is sent are the files of manifests and nothing else. `rsync` reads a list of them a byte at a time, so that a build is sent as
//! a directory where that is the same: `Files` knows what else is in it.

use super::look::Here;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, RelPath, sums_names};
use crate::record::FileEntry;
use crate::store::{Entry, Kind, Scan, Store, StoreError};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// How many files of a run are read again at the target, and how large each may be.
const SAMPLE: (usize, u64) = (64, 16 << 20);

/// The names of files that are sent after others.
pub(super) struct Late(HashSet<String>);

/// The files of a build.
pub(super) struct Files {
    /// The path of the build.
    top: RelPath,
    /// Paths in the mirror; those that are sent last are at the end.
    pub(super) all: Vec<RelPath>,
    /// How many of them are sent last.
    last: usize,
    /// How many bytes they have.
    pub(super) bytes: u64,
    known: HashMap<RelPath, Known>,
    /// The directories in which they are.
    above: HashSet<RelPath>,
}

/// What a path of a build is.
enum Known {
    File {
        size: u64,
        mtime: i128,
    },
    Link(String),
    /// An empty directory.
    Dir,
    /// Checksums of the build or a signature of them, which no manifest has.
    Sums,
}

/// What a walk of a build found, beside its files.
#[derive(Default)]
pub(super) struct Walked {
    /// What is in its directory and is not of it: the tops of what is there.
    pub(super) others: Vec<RelPath>,
    /// Whether some of that has a name that is not a path.
    pub(super) has_odd: bool,
    /// Its files that have several names, each with the file itself.
    pub(super) shared: Vec<(RelPath, (u64, u64))>,
    files: usize,
}

impl Late {
    /// Returns the names that are sent last in builds of a mirror.
    pub(super) fn of(mirror: &Mirror) -> Self {
        let marks = mirror.layout().markers().results.iter().flat_map(|marker| &marker.paths);
        Self(marks.map(|path| path.name().to_owned()).chain(sums_names().map(str::to_owned)).collect())
    }

    /// Returns whether a path of a build is sent last: it has such a name, wherever that is, since this can be told to `rsync`.
    fn has(&self, path: &RelPath) -> bool {
        path.names().any(|name| self.0.contains(name))
    }

    /// Returns the names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl Files {
    /// Returns the files of a build, or why they are not known.
    pub(super) fn of(mirror: &Mirror, id: &BuildId, here: &Here) -> Result<Self, String> {
        let manifest = mirror.manifest(id).map_err(|error| chain(&error))?;
        let manifest = manifest.ok_or_else(|| {
            format!("it has no manifest, so that it is not known what belongs to it; `mirrorkeep adopt {id}` makes one")
        })?;
        let late = Late::of(mirror);
        let bytes = manifest.bytes();
        let (mut first, mut last, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        let files = manifest.files.into_iter().map(|file| {
            let FileEntry { path, size, mtime, .. } = file;
            (path, Known::File { size, mtime })
        });
        let links = manifest.links.into_iter().map(|link| (link.path, Known::Link(link.text)));
        let dirs = manifest.dirs.into_iter().map(|dir| (dir, Known::Dir));
        for (path, what) in files.chain(links).chain(dirs) {
            let at = here.path.join(&path);
            if late.has(&path) {
                last.push(at.clone())
            } else {
                first.push(at.clone())
            }
            known.insert(at, what);
        }
        for name in sums_names() {
            let Ok(at) = here.path.child(name) else { continue };
            let found = mirror.store().look(&at).map_err(|error| chain(&error))?;
            if found.is_some_and(|entry| entry.kind == Kind::File) {
                last.push(at.clone());
                known.insert(at, Known::Sums);
            }
        }
        let mut above = HashSet::new();
        for path in known.keys() {
            let dirs = path.ancestors().take_while(|dir| dir.is_within(&here.path));
            for dir in dirs {
                if !above.insert(dir) {
                    break;
                }
            }
        }
        let count = last.len();
        first.append(&mut last);
        Ok(Self { top: here.path.clone(), all: first, last: count, bytes, known, above })
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
        self.known.contains_key(path)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Walks the build; fails with why, where a file here is not the one that was published, by its kind, size and time.
    pub(super) fn walk(&self, mirror: &Mirror) -> Result<Walked, String> {
        let walked = self.below(mirror.store(), &self.top)?;
        let is_entry = |what: &Known| matches!(what, Known::File { .. } | Known::Link(_));
        if walked.files == self.known.values().filter(|what| is_entry(what)).count() {
            return Ok(walked);
        }
        let entries = self.known.iter().filter(|(_, what)| is_entry(what)).map(|(path, _)| path);
        let missing = entries.par_bridge().find_map_any(|at| match mirror.store().look(at) {
            Err(error) => Some(chain(&error)),
            Ok(None) => Some(differs(at)),
            Ok(Some(_)) => None,
        });
        Err(missing.unwrap_or_else(|| format!("`{}` changed while it was read", self.top)))
    }

    fn below(&self, store: &dyn Store, dir: &RelPath) -> Result<Walked, String> {
        let Scan { entries, odd, unread } = match store.scan(dir) {
            // What is missing is found by the count.
            Err(error) if error.is_not_found() => return Ok(Walked::default()),
            scan => scan.map_err(|error| chain(&error))?,
        };
        if let Some((_, error)) = unread.first() {
            return Err(chain(error));
        }
        let mut walked = Walked { has_odd: !odd.is_empty(), ..Walked::default() };
        let mut dirs = Vec::new();
        for one in entries {
            let Ok(at) = dir.child(&one.name) else {
                walked.has_odd = true;
                continue;
            };
            match self.known.get(&at) {
                Some(what) if !what.fits(&one.entry) => return Err(differs(&at)),
                Some(Known::File { .. }) => {
                    walked.files += 1;
                    if one.entry.names > 1 {
                        walked.shared.push((at, one.entry.inode));
                    }
                }
                Some(Known::Link(_)) => walked.files += 1,
                Some(Known::Sums) => {}
                Some(Known::Dir) => dirs.push(at),
                None if one.entry.kind == Kind::Dir && self.above.contains(&at) => dirs.push(at),
                None => walked.others.push(at),
            }
        }
        let below = dirs.par_iter().map(|dir| self.below(store, dir)).collect::<Result<Vec<_>, _>>()?;
        Ok(below.into_iter().fold(walked, Walked::with))
    }

    /// Returns the files that are in the directory of the build now and are not of it, but for what a walk found.
    pub(super) fn came(&self, mirror: &Mirror, walked: &Walked) -> Result<Vec<RelPath>, StoreError> {
        let known: HashSet<&RelPath> = walked.others.iter().collect();
        self.new_below(mirror.store(), &self.top, &known)
    }

    /// Returns the same below a directory, by names alone.
    fn new_below(
        &self,
        store: &dyn Store,
        dir: &RelPath,
        known: &HashSet<&RelPath>,
    ) -> Result<Vec<RelPath>, StoreError> {
        let listing = match store.list(dir) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            listing => listing?,
        };
        let (mut found, mut dirs) = (Vec::new(), Vec::new());
        for one in listing.entries {
            let Ok(at) = dir.child(&one.name) else { continue };
            if known.contains(&at) {
                continue;
            }
            if one.kind == Kind::Dir {
                dirs.push(at);
            } else if !self.has(&at) {
                found.push(at);
            }
        }
        let below =
            dirs.par_iter().map(|dir| self.new_below(store, dir, known)).collect::<Result<Vec<_>, _>>()?;
        found.extend(below.into_iter().flatten());
        Ok(found)
    }
}

impl Known {
    fn fits(&self, entry: &Entry) -> bool {
        match self {
            Self::File { size, mtime } => {
                entry.kind == Kind::File && entry.size == *size && entry.mtime == *mtime
            }
            Self::Link(text) => entry.link.as_ref() == Some(text),
            // Only what is of the manifest is known from when it was published.
            Self::Dir => entry.kind == Kind::Dir,
            Self::Sums => entry.kind == Kind::File,
        }
    }
}

impl Walked {
    fn with(mut self, other: Self) -> Self {
        self.others.extend(other.others);
        self.shared.extend(other.shared);
        self.has_odd |= other.has_odd;
        self.files += other.files;
        self
    }
}

fn differs(at: &RelPath) -> String {
    format!("`{at}` is not what was published; `mirrorkeep check` reports more")
}

/// Returns some files, by no rule that the target knows.
pub(super) fn sample<'f>(builds: impl Iterator<Item = &'f Files>) -> Vec<RelPath> {
    let state = RandomState::new();
    let small = |what: &Known| matches!(what, Known::File { size, .. } if *size <= SAMPLE.1);
    let small = builds.flat_map(|one| &one.known).filter(|(_, what)| small(what));
    let mut ranked: Vec<(u64, &RelPath)> = small.map(|(at, _)| (state.hash_one(at.as_str()), at)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(SAMPLE.0).map(|(_, at)| at.clone()).collect()
}
