//! Bytes of a new build that exist already.
//!
//! Earlier builds of the stream, and of others, have most of the files of a new one. A file is the same if its digest
//! is, whatever its name; with the quick check also if size, time and inode of its source are those of the last
//! publish.

use crate::decide::times::Times;
use crate::model::{Digest, RelPath};
use crate::record::{Manifest, Seen};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A file of an earlier build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The build, and the path in it: many files share the one, and the manifest the other.
    root: RelPath,
    place: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// Its permission bits as published.
    pub mode: u32,
    /// Its time as published, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode as published.
    pub inode: u64,
    /// When that inode last changed with these bytes, in nanoseconds since 1970; nothing if not known.
    pub changed: Option<i128>,
    seen: Option<Seen>,
}

/// The stream of an earlier build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// That of the new build.
    Own,
    /// Another one.
    Other,
}

/// The files of earlier builds, found by digest or by path.
#[derive(Debug, Default)]
pub struct Reuse {
    held: Vec<Held>,
    sizes: HashSet<u64>,
    by_digest: HashMap<(Digest, u32), usize>,
    by_place: HashMap<RelPath, usize>,
    times: Times,
    last: Option<RelPath>,
}

impl Held {
    /// Returns its path in the mirror.
    pub fn at(&self) -> RelPath {
        self.root.join(&self.place)
    }
}

impl Reuse {
    /// Returns the files of these builds, the newest first; `new` are the files of the new build with their sizes,
    /// and files of other sizes are ignored. `changed` has the change times of inodes whose bytes are known to be
    /// right.
    pub fn of<'a>(
        earlier: impl IntoIterator<Item = (Whose, RelPath, Manifest)>,
        new: impl IntoIterator<Item = (&'a RelPath, u64)>,
        changed: &BTreeMap<u64, i128>,
    ) -> Self {
        let mut reuse = Self::default();
        let new: HashMap<&RelPath, u64> = new.into_iter().collect();
        let sizes: HashSet<u64> = new.values().copied().collect();
        for (index, (whose, root, manifest)) in earlier.into_iter().enumerate() {
            let last = index == 0 && whose == Whose::Own;
            if last {
                reuse.last = Some(root.clone());
            }
            for file in manifest.files.into_iter().filter(|file| sizes.contains(&file.size)) {
                if whose == Whose::Own
                    && let Some((path, size)) = new.get_key_value(&file.path)
                    && *size == file.size
                    && let Some(mtime) = file.time()
                {
                    reuse.times.note(path, file.size, (file.digest, mtime), last);
                }
                let key = (file.digest, file.mode);
                let known = reuse.by_digest.contains_key(&key);
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

    /// Returns the same without any bytes to share: only the times of earlier builds.
    #[must_use]
    pub fn times_alone(self) -> Self {
        Self { times: self.times, last: self.last, ..Self::default() }
    }

    /// Returns the times in the stream's earlier builds.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// Returns the path of the stream's last build.
    pub fn last(&self) -> Option<&RelPath> {
        self.last.as_ref()
    }

    /// Returns whether any file of an earlier build has that size, so that hashing the new one first may pay.
    pub fn has_size(&self, size: u64) -> bool {
        self.sizes.contains(&size)
    }

    /// Returns the files of earlier builds with these bytes and this mode: that of the last build at `place` first.
    pub fn with_digest(
        &self,
        place: &RelPath,
        digest: Digest,
        mode: u32,
    ) -> impl Iterator<Item = &Held> + use<'_> {
        let here = self.by_place.get(place).and_then(|at| self.held.get(*at));
        let here = here.filter(|held| (held.digest, held.mode) == (digest, mode));
        let any = self.by_digest.get(&(digest, mode)).and_then(|at| self.held.get(*at));
        here.into_iter().chain(any.filter(|any| here != Some(*any)))
    }

    /// Returns the file of the last build at `place`, if its source had that size, mode and state.
    pub fn unseen_change(&self, place: &RelPath, size: u64, mode: u32, seen: Seen) -> Option<&Held> {
        let held = self.held.get(*self.by_place.get(place)?)?;
        (held.size == size && held.mode == mode && held.seen == Some(seen)).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileEntry;
    use proptest::prelude::*;

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

    /// Returns the files of builds that matter for a new build with a file of each size at a path that no build has.
    fn held_by<const N: usize>(builds: [(Whose, RelPath, Manifest); N], sizes: &[u64]) -> Reuse {
        let new: Vec<(RelPath, u64)> =
            sizes.iter().map(|size| (path(&format!("new/{size}")), *size)).collect();
        Reuse::of(builds, new.iter().map(|(path, size)| (path, *size)), &BTreeMap::from([(2, 9)]))
    }

    fn shared(reuse: &Reuse, bytes: &str, mode: u32) -> Option<RelPath> {
        reuse.with_digest(&path("new/0"), Digest::of(bytes.as_bytes()), mode).next().map(Held::at)
    }

    #[test]
    fn the_newest_holder_is_found_whatever_the_name() {
        let (new, old) = (path("m/c/2"), path("m/c/1"));
        let builds = [
            (Whose::Own, new, manifest(&[("x", "same", 0o444)])),
            (Whose::Own, old, manifest(&[("y", "same", 0o444), ("z", "older", 0o444)])),
        ];
        let reuse = held_by(builds, &[4, 5]);
        assert_eq!(shared(&reuse, "same", 0o444), Some(path("m/c/2/x")));
        assert_eq!(shared(&reuse, "older", 0o444), Some(path("m/c/1/z")));
        assert_eq!(shared(&reuse, "same", 0o555), None);
        let held = reuse.with_digest(&path("x"), Digest::of(b"same"), 0o444).next().unwrap();
        assert_eq!((held.at(), held.changed), (path("m/c/2/x"), Some(9)));
        assert!(reuse.has_size(4) && reuse.has_size(5) && !reuse.has_size(6));
    }

    #[test]
    fn two_files_of_the_last_build_with_the_same_bytes_are_both_known_by_their_places() {
        let build = (Whose::Own, path("m/c/2"), manifest(&[("x", "same", 0o444), ("y", "same", 0o444)]));
        let reuse = held_by([build], &[4]);
        let seen = Seen { mtime: 3, inode: 4 };
        for place in ["x", "y"] {
            let held = reuse.unseen_change(&path(place), 4, 0o444, seen).unwrap();
            assert_eq!(held.at(), path(&format!("m/c/2/{place}")));
            let mut held = reuse.with_digest(&path(place), Digest::of(b"same"), 0o444);
            assert_eq!(held.next().map(Held::at), Some(path(&format!("m/c/2/{place}"))));
        }
    }

    #[test]
    fn the_quick_check_asks_the_last_build_only_and_all_of_it() {
        let (new, old) = (path("m/c/2"), path("m/c/1"));
        let builds = [
            (Whose::Own, new, manifest(&[("x", "same", 0o444)])),
            (Whose::Own, old, manifest(&[("y", "older", 0o444)])),
        ];
        let reuse = held_by(builds, &[4, 5]);
        let seen = Seen { mtime: 3, inode: 4 };
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, seen).is_some());
        assert!(reuse.unseen_change(&path("x"), 4, 0o555, seen).is_none());
        assert!(reuse.unseen_change(&path("x"), 5, 0o444, seen).is_none());
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, Seen { mtime: 3, inode: 5 }).is_none());
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, Seen { mtime: 2, inode: 4 }).is_none());
        assert!(reuse.unseen_change(&path("y"), 5, 0o444, seen).is_none());
        // The last build of another stream is not used either.
        let build = (Whose::Other, path("m/d/2"), manifest(&[("x", "same", 0o444)]));
        let reuse = held_by([build], &[4]);
        assert!(reuse.unseen_change(&path("x"), 4, 0o444, seen).is_none());
        assert_eq!(shared(&reuse, "same", 0o444), Some(path("m/d/2/x")));
        assert_eq!(reuse.last(), None);
    }

    /// The source on a build server: the bytes of each of three files, and the second of their times.
    type Given = [(u8, i64); 3];

    /// Returns the build that publishing makes: shared bytes if allowed, later times, equal files with one time.
    fn published(given: &Given, earlier: &[Manifest], dedupe: bool) -> Manifest {
        let places: Vec<RelPath> = ["x", "y", "z"].map(path).to_vec();
        let builds = earlier.iter().rev().map(|build| (Whose::Own, path("m/c/1"), build.clone()));
        let reuse = Reuse::of(builds, places.iter().map(|place| (place, 1)), &BTreeMap::new());
        let files = places.iter().zip(given).map(|(place, (byte, second))| {
            let (digest, source) = (Digest::of(&[*byte]), i128::from(*second) * 1_000_000_000);
            let mut held = reuse.with_digest(place, digest, 0o444).map(|held| held.mtime);
            let shared = held.find(|mtime| reuse.times().allows(place, 1, digest, *mtime)).filter(|_| dedupe);
            let mtime = shared.unwrap_or_else(|| reuse.times().of(place, 1, digest, source));
            FileEntry { path: place.clone(), size: 1, digest, mode: 0o444, mtime, inode: 2, seen: None }
        });
        let mut files: Vec<FileEntry> = files.collect();
        let times: Vec<(Digest, i128)> = files.iter().map(|file| (file.digest, file.mtime)).collect();
        for file in files.iter_mut().filter(|_| dedupe) {
            let same = times.iter().filter(|(digest, _)| *digest == file.digest);
            file.mtime = same.map(|(_, mtime)| *mtime).max().unwrap();
        }
        Manifest { files, ..Manifest::default() }
    }

    proptest! {
        /// Same path, same size, other bytes than the last build: a later second; same bytes: not an earlier one.
        #[test]
        fn changed_bytes_have_a_later_second(
            builds in prop::collection::vec((any::<[(u8, u8); 3]>(), any::<bool>(), any::<bool>()), 2..12),
        ) {
            let mut there: Vec<Manifest> = Vec::new();
            for (given, dedupe, pruned) in builds {
                let given = given.map(|(byte, second)| (byte % 3, i64::from(second % 4)));
                let build = published(&given, &there, dedupe);
                if let Some(last) = there.last() {
                    for (old, new) in last.files.iter().zip(&build.files) {
                        let seconds = [old.mtime, new.mtime].map(|time| time.div_euclid(1_000_000_000));
                        let later = if old.digest == new.digest { seconds[1] >= seconds[0] } else { seconds[1] > seconds[0] };
                        prop_assert!(later, "{old:?} {new:?}");
                    }
                }
                if pruned {
                    there.clear();
                }
                there.push(build);
            }
        }
    }
}
