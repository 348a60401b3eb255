//! What is found in a store, and how something is to be put there.

use crate::model::{Digest, RelPath};
use std::path::Path;

/// What kind of thing lies at a path.
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

/// What lies at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// How many bytes it has.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime: i128,
    /// When its inode last changed, in seconds since 1970; for stores without inodes the time of writing.
    pub ctime: i64,
    /// The nanoseconds beyond these seconds; 0 where they are not known.
    pub ctime_nsec: i64,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Who owns it: user and group.
    pub owner: (u32, u32),
    /// What tells the file itself from its names: device and inode; zeros for stores without inodes.
    pub inode: (u64, u64),
    /// How many names it has.
    pub names: u64,
    /// The text of a link.
    pub link: Option<String>,
    /// The digest of its bytes, where the store keeps it beside them.
    pub digest: Option<Digest>,
}

impl Entry {
    /// Returns what a listing alone tells of a file.
    pub(super) fn listed(found: &Below) -> Self {
        let seconds = i64::try_from(found.written.div_euclid(1_000_000_000)).unwrap_or_default();
        Self { size: found.size, mtime: found.written, ctime: seconds, mode: 0o444, ..Self::of(found.kind) }
    }

    /// Returns a directory of which nothing is known but that it is there.
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

    /// Returns when it was put there, in nanoseconds since 1970, whatever time it carries.
    pub fn written(&self) -> i128 {
        i128::from(self.ctime) * 1_000_000_000
    }
}

/// A file or link that lies somewhere below a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Below {
    /// Its path.
    pub path: RelPath,
    /// What it is.
    pub kind: Kind,
    /// How many bytes it has.
    pub size: u64,
    /// When it was put there, in nanoseconds since 1970.
    pub written: i128,
    /// What tells this version of it from any other that lay there, where the store says so in its listings.
    pub version: Option<String>,
}

/// Where a link leads, as far as more than its text is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkTarget {
    /// To something that is there, below the root.
    To(RelPath),
    /// To a path below the root where nothing is.
    Missing(RelPath),
    /// To something that is there, outside the root.
    Outside,
    /// Only its text says.
    Unknown,
}

/// A link somewhere below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Its path; names that no path can hold are escaped, and of what is too deep for a path the upper part is given.
    pub path: RelPath,
    /// Where it leads.
    pub target: LinkTarget,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What lies directly in one directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// What has a name that a path can hold, sorted.
    pub entries: Vec<Listed>,
    /// Names that no path can hold (not UTF-8, control characters), escaped.
    pub odd: Vec<String>,
}

/// What lies directly in one directory, each with what a look at it says.
#[derive(Debug, Default)]
pub struct Scan {
    /// What has a name that a path can hold, sorted by name.
    pub entries: Vec<Scanned>,
    /// Names that no path can hold (not UTF-8, control characters), escaped.
    pub odd: Vec<String>,
    /// What could not be looked at, by name.
    pub unread: Vec<(String, super::StoreError)>,
}

/// One thing in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// The name.
    pub name: String,
    /// What lies there.
    pub entry: Entry,
}

/// Whether a file may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Nothing may be there; exactly one of many that try at once succeeds.
    Create,
    /// Whatever was there is replaced.
    Replace,
    /// Whatever was there is replaced in one step, and a power cut soon after may bring it back: for what can be made again.
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

/// How a published file is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Permission bits; never writable, never set-id.
    pub mode: u32,
    /// The time it shall carry, in nanoseconds since 1970; nothing leaves the time of writing.
    pub mtime: Option<i128>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// How many bytes.
    pub size: u64,
    /// Their digest.
    pub digest: Digest,
}

/// A file that was being sent in parts and is not there: what was sent of it is invisible, and takes room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Where it was to be.
    pub to: RelPath,
    /// The name that the store gave the upload; empty where a note says nothing.
    pub id: String,
    /// Where a sender of ours noted it; nothing when it is of others.
    pub note: Option<RelPath>,
    /// When its sender last gave a sign of life, in seconds since 1970: others give one when they begin.
    pub seen: i64,
}

/// Which files that are being sent in parts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploads {
    /// Those that a sender of ours noted.
    Noted,
    /// Those of others, too, where the store tells of them.
    All,
}

/// Whether bytes could be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// They are; the file is in place.
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

/// How the bytes of a source come in without a copy.
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
    /// The open file: its bytes are the ones that were looked at.
    pub file: &'a std::fs::File,
    /// The directory that holds it, open.
    pub dir: &'a std::fs::File,
    /// Its path, for messages; its last name is looked up in `dir`.
    pub path: &'a Path,
}

/// How full a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that it has.
    pub total: u64,
    /// Bytes that are free for everybody.
    pub free: u64,
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many entries went.
    pub removed: u64,
    /// Everything that could not be removed.
    pub failures: Vec<super::StoreError>,
}
