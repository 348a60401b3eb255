//! Entries of a store, and how new ones are written.

use crate::model::{Digest, RelPath};
use std::path::Path;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symlink or an alias pointer.
    Link,
    /// A device, FIFO or socket.
    Other,
}

/// The entry at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its kind.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime: i128,
    /// When its inode last changed, in seconds since 1970; in stores without inodes, when it was written.
    pub ctime: i64,
    /// The nanoseconds beyond these seconds; 0 if not known.
    pub ctime_nsec: i64,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Its owner: user and group.
    pub owner: (u32, u32),
    /// What identifies the file itself under all its names: device and inode; zeros in stores without inodes.
    pub inode: (u64, u64),
    /// The number of its names.
    pub names: u64,
    /// The text of a link.
    pub link: Option<String>,
    /// The digest of its bytes, if the store keeps one.
    pub digest: Option<Digest>,
}

impl Entry {
    /// Returns the facts about a file that a listing alone has.
    pub(super) fn listed(found: &Below) -> Self {
        let seconds = i64::try_from(found.written.div_euclid(1_000_000_000)).unwrap_or_default();
        Self { size: found.size, mtime: found.written, ctime: seconds, mode: 0o444, ..Self::of(found.kind) }
    }

    /// Returns a directory that is only known to exist.
    pub(super) fn directory() -> Self {
        Self { mode: 0o755, ..Self::of(Kind::Dir) }
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            size: 0,
            mtime: 0,
            ctime: 0,
            ctime_nsec: 0,
            mode: 0,
            owner: (0, 0),
            inode: (0, 0),
            names: 1,
            link: None,
            digest: None,
        }
    }

    /// Returns when its inode last changed, in nanoseconds since 1970.
    pub fn changed(&self) -> i128 {
        i128::from(self.ctime) * 1_000_000_000 + i128::from(self.ctime_nsec)
    }

    /// Returns when it was written to this path, in nanoseconds since 1970, whatever its modification time is.
    pub fn written(&self) -> i128 {
        i128::from(self.ctime) * 1_000_000_000
    }
}

/// A file or link below a directory, at any depth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Below {
    /// Its path.
    pub path: RelPath,
    /// Its kind.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written to this path, in nanoseconds since 1970.
    pub written: i128,
    /// What distinguishes this version from any other at the path, if the store's listings have it.
    pub version: Option<String>,
}

/// The target of a link, as far as more than its text is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkTarget {
    /// Something that exists below the root.
    To(RelPath),
    /// A path below the root where nothing exists.
    Missing(RelPath),
    /// Something that exists outside the root.
    Outside,
    /// Only its text is known.
    Unknown,
}

/// A link below a directory, at any depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Its path; names that a path cannot represent are escaped, and of a path that is too long the upper part is
    /// given.
    pub path: RelPath,
    /// Its target.
    pub target: LinkTarget,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
}

/// The entries directly in one directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Entries with names that a path can represent, sorted.
    pub entries: Vec<Listed>,
    /// Names that a path cannot represent (not UTF-8, control characters), escaped.
    pub odd: Vec<String>,
}

/// The entries directly in one directory, each with its metadata.
#[derive(Debug, Default)]
pub struct Scan {
    /// Entries with names that a path can represent, sorted by name.
    pub entries: Vec<Scanned>,
    /// Names that a path cannot represent (not UTF-8, control characters), escaped.
    pub odd: Vec<String>,
    /// Entries whose metadata could not be read, by name.
    pub unread: Vec<(String, super::StoreError)>,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// The name.
    pub name: String,
    /// Its metadata.
    pub entry: Entry,
}

/// Whether the file may exist already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It must not exist; exactly one of many that try at once succeeds.
    Create,
    /// It is replaced.
    Replace,
    /// It is replaced in one step, and a power cut soon after may bring the old one back: for files that can be made
    /// again.
    ReplaceSoon,
}

/// Whether a line of a log must survive a power cut before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// It must.
    Durable,
    /// It must survive a kill of the process only.
    Quick,
}

/// The metadata of a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Permission bits; never writable, never set-id.
    pub mode: u32,
    /// Its time, in nanoseconds since 1970; nothing leaves the time of writing.
    pub mtime: Option<i128>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// The number of bytes.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

/// An unfinished upload in parts: what was sent is invisible, and takes space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The path of the file.
    pub to: RelPath,
    /// The name that the store gave the upload; empty if a note does not have it.
    pub id: String,
    /// The path of mirrorkeep's note of it; nothing if another program began it.
    pub note: Option<RelPath>,
    /// When its sender last renewed it, in seconds since 1970; for other programs, when they began it.
    pub seen: i64,
}

/// Which uploads in parts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploads {
    /// Those that mirrorkeep noted.
    Noted,
    /// Those of other programs too, if the store lists them.
    All,
}

/// Whether bytes could be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// They are shared; the file is at its path.
    Yes,
    /// They cannot (link limit, other file system, not permitted, gone): copy them.
    No,
}

/// How two files of a store share their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Two names for one inode; on an object store a copy made by the server.
    Link,
    /// Two inodes that share blocks until one is written to.
    Reflink,
}

/// How the bytes of a source are ingested without a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// By a second name for the same inode.
    Link,
    /// By renaming it.
    Move,
}

/// A file outside the store, open and known by its path.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// The open file: its bytes are the ones that were examined.
    pub file: &'a std::fs::File,
    /// Its directory, open.
    pub dir: &'a std::fs::File,
    /// Its path, for messages; its last name is looked up in `dir`.
    pub path: &'a Path,
}

/// How full a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The size in bytes.
    pub total: u64,
    /// The number of bytes that every user can use.
    pub free: u64,
}

/// The report of a removal.
#[derive(Debug, Default)]
pub struct Swept {
    /// The number of removed entries.
    pub removed: u64,
    /// Everything that could not be removed.
    pub failures: Vec<super::StoreError>,
}
