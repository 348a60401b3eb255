//! Which time a file of a new build needs, so that readers notice that its bytes changed.
//!
//! rsync, `wget -N`, rclone, `If-Modified-Since` and the tags of web servers (`ETag`) compare size and second to see
//! whether a file is still the same. Reproducible builds clamp times, so that other bytes of the same size have the
//! same time. The law: same path, same size and other bytes than in the last build imply a later second. Only builds
//! that are still in the mirror are compared; a reader that last fetched from a pruned one may still be misled.

use crate::model::{Digest, RelPath};
use std::collections::HashMap;

/// Nanoseconds in a second, the precision with which readers compare times.
pub(crate) const SECOND: i128 = 1_000_000_000;

/// The times of files in earlier builds, by their paths.
#[derive(Debug, Default)]
pub struct Times(HashMap<RelPath, Earlier>);

/// The files of earlier builds at one path, of one size.
#[derive(Debug, Clone, Copy)]
struct Earlier {
    size: u64,
    /// Digest and time in the last build.
    last: Option<(Digest, i128)>,
    /// The latest second, and the digest of that file.
    latest: (i128, Digest),
    /// The latest second of the files with another digest than that one.
    other: Option<i128>,
}

impl Times {
    /// Adds a file of an earlier build, which is the `last` one or not; every file of one path has the same size.
    pub fn note(&mut self, path: &RelPath, size: u64, (digest, mtime): (Digest, i128), last: bool) {
        let second = second(mtime);
        let first = Earlier { size, last: None, latest: (second, digest), other: None };
        let earlier = self.0.entry(path.clone()).or_insert(first);
        if last {
            earlier.last = Some((digest, mtime));
        }
        let (latest, holder) = earlier.latest;
        if digest == holder {
            earlier.latest.0 = latest.max(second);
        } else if second > latest {
            (earlier.latest, earlier.other) = ((second, digest), Some(latest));
        } else {
            earlier.other = earlier.other.max(Some(second));
        }
    }

    /// Returns whether a file of that size and time may need a later time, depending on its bytes.
    pub fn depends(&self, path: &RelPath, size: u64, mtime: i128) -> bool {
        self.at(path, size).is_some_and(|earlier| earlier.latest.0 >= second(mtime))
    }

    /// Returns whether readers who compare size and second would take a file with that time for one of an earlier
    /// build with other bytes; never for the bytes of the last build.
    pub fn misleads(&self, path: &RelPath, size: u64, digest: Digest, mtime: i128) -> bool {
        self.at(path, size).is_some_and(|earlier| {
            earlier.same(digest).is_none()
                && earlier.others(digest).is_some_and(|other| other >= second(mtime))
        })
    }

    /// Returns the first second that a file with these bytes may have, since 1970; nothing if any will do.
    pub fn least(&self, path: &RelPath, size: u64, digest: Digest) -> Option<i128> {
        self.earliest(path, size, digest).map(second)
    }

    /// Returns whether a file with these bytes may have that time, in nanoseconds since 1970.
    pub fn allows(&self, path: &RelPath, size: u64, digest: Digest, mtime: i128) -> bool {
        self.least(path, size, digest).is_none_or(|least| second(mtime) >= least)
    }

    /// Returns the time of a file with these bytes whose source has the time `mtime`, in nanoseconds since 1970.
    pub fn of(&self, path: &RelPath, size: u64, digest: Digest, mtime: i128) -> i128 {
        let earliest = self.earliest(path, size, digest);
        earliest.filter(|earliest| second(mtime) < second(*earliest)).unwrap_or(mtime)
    }

    /// Returns the time of the last build's file with these bytes, or the first after those with other bytes.
    fn earliest(&self, path: &RelPath, size: u64, digest: Digest) -> Option<i128> {
        let earlier = self.at(path, size)?;
        earlier.same(digest).or_else(|| Some((earlier.others(digest)? + 1) * SECOND))
    }

    fn at(&self, path: &RelPath, size: u64) -> Option<&Earlier> {
        self.0.get(path).filter(|earlier| earlier.size == size)
    }
}

impl Earlier {
    /// Returns the time in the last build, if that has these bytes.
    fn same(&self, digest: Digest) -> Option<i128> {
        self.last.filter(|(last, _)| *last == digest).map(|(_, mtime)| mtime)
    }

    /// Returns the latest second of files with other bytes.
    fn others(&self, digest: Digest) -> Option<i128> {
        if self.latest.1 == digest { self.other } else { Some(self.latest.0) }
    }
}

/// Returns the second of a time.
fn second(mtime: i128) -> i128 {
    mtime.div_euclid(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i128 = SECOND;

    /// Returns the times of builds with one file `x` of four bytes each, the newest first.
    fn times(builds: &[(&str, i128)]) -> Times {
        let mut times = Times::default();
        for (index, (bytes, mtime)) in builds.iter().enumerate() {
            times.note(&x(), 4, (digest(bytes), *mtime), index == 0);
        }
        times
    }

    fn x() -> RelPath {
        "x".parse().unwrap()
    }

    fn digest(bytes: &str) -> Digest {
        Digest::of(bytes.as_bytes())
    }

    #[track_caller]
    fn case(builds: &[(&str, i128)], bytes: &str, source: i128, expected: i128) {
        let (times, digest) = (times(builds), digest(bytes));
        assert_eq!(times.of(&x(), 4, digest, source), expected);
        assert_eq!(times.allows(&x(), 4, digest, source), source == expected);
        assert!(times.allows(&x(), 4, digest, expected));
        assert!(source == expected || times.depends(&x(), 4, source));
    }

    #[test]
    fn other_bytes_get_the_second_after_the_latest() {
        case(&[], "a", 10 * S, 10 * S);
        case(&[("a", 10 * S)], "b", 10 * S, 11 * S);
        case(&[("a", 10 * S)], "b", 10 * S + 999, 11 * S);
        case(&[("a", 10 * S + 999)], "b", 9 * S, 11 * S);
        case(&[("a", 10 * S + 999)], "b", 11 * S + 5, 11 * S + 5);
        case(&[("a", 10 * S), ("c", 20 * S)], "b", 10 * S, 21 * S);
        case(&[("a", -S)], "b", -1, 0);
        // A file with the same bytes does not count.
        case(&[("a", 10 * S), ("b", 20 * S)], "b", 10 * S, 11 * S);
        case(&[("a", 10 * S), ("b", 20 * S), ("c", 15 * S)], "b", 10 * S, 16 * S);
    }

    #[test]
    fn the_bytes_of_the_last_build_keep_its_time() {
        case(&[("a", 10 * S + 5)], "a", 9 * S, 10 * S + 5);
        case(&[("a", 10 * S + 5)], "a", 10 * S, 10 * S);
        case(&[("a", 10 * S + 5)], "a", 12 * S, 12 * S);
        // Even if an earlier build has others that are not older.
        case(&[("a", 10 * S), ("b", 10 * S)], "a", 10 * S, 10 * S);
        assert!(!times(&[("a", 10 * S), ("b", 10 * S)]).misleads(&x(), 4, digest("a"), 10 * S));
        assert!(times(&[("b", 10 * S), ("a", 10 * S)]).misleads(&x(), 4, digest("a"), 10 * S));
    }

    #[test]
    fn another_path_or_size_is_another_file() {
        let times = times(&[("a", 10 * S)]);
        assert_eq!(times.of(&x(), 5, digest("b"), 10 * S), 10 * S);
        assert_eq!(times.of(&"y".parse().unwrap(), 4, digest("b"), 10 * S), 10 * S);
        assert_eq!(times.least(&x(), 5, digest("b")), None);
        assert_eq!(times.least(&x(), 4, digest("b")), Some(11));
        assert_eq!(times.least(&x(), 4, digest("a")), Some(10));
    }
}
