//! Which bytes of a new build are there already.
//!
//! Earlier builds of the stream, and of others, hold most of what a new one brings. A file is the same when its digest is, whatever
//! its name; with the quick check also when size, time and inode of its source are those of the last publish.

use crate::model::{Digest, RelPath};
use crate::record::{Manifest, Seen};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A file that an earlier build holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The build, and the place in it: many files share the one, and the manifest the other.
    root: RelPath,
    place: RelPath,
    /// How many bytes it has.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
    /// Its permission bits as published.
    pub mode: u32,
    /// Its time as published, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode as published.
    pub inode: u64,
    /// When that inode changed last with these bytes, in nanoseconds since 1970; nothing where that is not known.
    pub changed: Option<i128>,
    seen: Option<Seen>,
}

/// Which stream an earlier build belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The new build's.
    Own,
    /// Another one.
    Other,
}

/// What earlier builds hold, found by digest or by place.
#[derive(Debug, Default)]
pub struct Reuse {
    held: Vec<Held>,
    sizes: HashSet<u64>,
    by_digest: HashMap<(Digest, u32), usize>,
    by_place: HashMap<RelPath, usize>,
}

impl Held {
    /// Returns where it lies in the mirror.
    pub fn at(&self) -> RelPath {
        self.root.join(&self.place)
    }
}

impl Reuse {
    /// Returns what these builds hold, the newest first; `sizes` are those of the new files, others do not matter.
    /// `changed` has the change times of inodes whose bytes are known to be right.
    pub fn of(
        earlier: impl IntoIterator<Item = (Whose, RelPath, Manifest)>,
        sizes: &HashSet<u64>,
        changed: &BTreeMap<u64, i128>,
    ) -> Self {
        let mut reuse = Self::default();
        for (index, (whose, root, manifest)) in earlier.into_iter().enumerate() {
            for file in manifest.files.into_iter().filter(|file| sizes.contains(&file.size)) {
                let key = (file.digest, file.mode);
                let known = reuse.by_digest.contains_key(&key);
                let last = index == 0 && whose == Whose::Own;
                if known && !last {
                    continue;
                }
                let next = reuse.held.len();
                if last {
                    reuse.by_place.insert(file.path.clone(), next);
                }
                reuse.sizes.insert(file.size);
                reuse.by_digest.entry(key).or_insert(next);
                reuse.held.push(Held {
                    root: root.clone(),
                    place: file.path,
                    size: file.size,
                    digest: file.digest,
                    mode: file.mode,
                    mtime: file.mtime,
                    inode: file.inode,
                    changed: changed.get(&file.inode).copied(),
                    seen: file.seen,
                });
            }
        }
        reuse
    }

    /// Returns whether any held file has that size, so that hashing the new one first may pay.
    pub fn has_size(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// Returns the held file with these bytes and this mode.
    pub fn with_digest(&self, digest: Digest, mode: u32) -> Option<&Held> {
        self.held.get(*self.by_digest.get(&(digest, mode))?)
    }

    /// Returns what the last build holds at `place`, if its source had that size, mode and look.
    pub fn unseen_change(&self, place: &RelPath, size: u64, mode: u32, seen: Seen) -> Option<&Held> {
        let held = self.held.get(*self.by_place.get(place)?)?;
        (held.size == size && held.mode == mode && held.seen == Some(seen)).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileEntry;

    fn manifest(files: &[(&str, &str, u32)]) -> Manifest {
        let files = files.iter().map(|(path, text, mode)| FileEntry {
            path: path.parse().unwrap(),
            size: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
            mode: *mode,
            mtime: 1,
            inode: 2,
            seen: Some(Seen { mtime: 3, inode: 4 }),
        });
        Manifest { files: files.collect(), ..Manifest::default() }
    }

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_holder_is_found_whatever_the_name() {
        let (new, old) = (path("m/c/2"), path("m/c/1"));
        let builds = [
            (Whose::Own, new, manifest(&[("x", "same", 0o444)])),
            (Whose::Own, old, manifest(&[("y", "same", 0o444), ("z", "older", 0o444)])),
        ];
        let reuse = Reuse::of(builds, &HashSet::from([4, 5]), &BTreeMap::from([(2, 9)]));
        assert_eq!(reuse.with_digest(Digest::of(b"same"), 0o444).unwrap().at(), path("m/c/2/x"));
        assert_eq!(reuse.with_digest(Digest::of(b"older"), 0o444).unwrap().at(), path("m/c/1/z"));
        assert_eq!(reuse.with_digest(Digest::of(b"same"), 0o444).unwrap().changed, Some(9));
        assert_eq!(reuse.with_digest(Digest::of(b"same"), 0o555), None);
        assert!(reuse.has_size(4) && reuse.has_size(5) && !reuse.has_size(6));
    }

    #[test]
    fn two_files_of_the_last_build_with_the_same_bytes_are_both_known_by_their_places() {
        let build = (Whose::Own, path("m/c/2"), manifest(&[("x", "same", 0o444), ("y", "same", 0o444)]));
        let reuse = Reuse::of([build], &HashSet::from([4]), &BTreeMap::new());
        let seen = Seen { mtime: 3, inode: 4 };
        for place in ["x", "y"] {
            let held = reuse.unseen_change(&path(place), 4, 0o444, seen).unwrap();
            assert_eq!(held.at(), path(&format!("m/c/2/{place}")));
        }
    }

    #[test]
    fn the_quick_check_asks_the_last_build_only_and_all_of_it() {
        let (new, old) = (path("m/c/2"), path("m/c/1"));
        let builds = [
            (Whose::Own, new, manifest(&[("x", "same", 0o444)])),
            (Whose::Own, old, manifest(&[("y", "older", 0o444)])),
        ];
        let reuse = Reuse::of(builds, &HashSet::from([4, 5]), &BTreeMap::from([(2, 9)]));
        let seen = Seen { mtime: 3, inode: 4 };
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, seen).is_some());
        assert!(reuse.unseen_change(&path("x"), 4, 0o555, seen).is_none());
        assert!(reuse.unseen_change(&path("x"), 5, 0o444, seen).is_none());
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, Seen { mtime: 3, inode: 5 }).is_none());
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, Seen { mtime: 2, inode: 4 }).is_none());
        assert!(reuse.unseen_change(&path("y"), 5, 0o444, seen).is_none());
        // Nor is the last build of another stream asked.
        let build = (Whose::Other, path("m/d/2"), manifest(&[("x", "same", 0o444)]));
        let reuse = Reuse::of([build], &HashSet::from([4]), &BTreeMap::new());
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, seen).is_none());
        assert!(reuse.with_digest(Digest::of(b"same"), 0o444).is_some());
    }
}
