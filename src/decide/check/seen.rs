//! Observations of a disk: kinds, modes, names, texts. Plain data, so that a judgement can be repeated anywhere.

use crate::census::Census;
use crate::layout::Condition;
use crate::model::{BuildId, RelPath, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was observed of a mirror.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its builds, aliases and strays.
    pub census: Census,
    /// Entries outside the builds, without links.
    pub outside: Vec<SeenEntry>,
    /// Directories outside the builds with names that a path cannot represent, escaped.
    pub odd: Vec<(RelPath, String)>,
    /// The links outside the builds, and those that should exist.
    pub aliases: Vec<SeenAlias>,
    /// Builds that have a record, sorted.
    pub records: Vec<BuildId>,
    /// Builds that exist according to the journal.
    pub known: Vec<BuildId>,
    /// Builds whose record or manifest cannot be used, and why.
    pub damaged: Vec<(BuildId, String)>,
    /// The directories at the top of each build.
    pub tops: BTreeMap<BuildId, BTreeSet<String>>,
    /// Published builds that agree with their manifest, so that nothing of them is missing.
    pub whole: BTreeSet<BuildId>,
    /// Unfinished temporary files that were abandoned long ago.
    pub stale: Vec<RelPath>,
    /// Stages that interrupted publishes left and no process has locked: their age in seconds, and their bytes.
    pub stages: Vec<(RelPath, i64, u64)>,
    /// Entries among the stages that are not stages, and their bytes.
    pub unknown_stages: Vec<(RelPath, u64)>,
    /// Directories of the trash that no event of the journal filled, with the evidence.
    pub unknown_trash: Vec<(RelPath, String)>,
    /// Locks that cannot be locked, and why.
    pub locks: Vec<(RelPath, String)>,
    /// Uploads in parts to an object store that were begun long ago and not finished.
    pub uploads: Vec<RelPath>,
    /// Paths of builds in an object store with files and without a seal, with who wrote them.
    pub unsealed: Vec<(RelPath, String)>,
    /// Holds that are in the journal and not in the file at that path, with details and the build.
    pub unheld: Vec<(RelPath, String, BuildId)>,
    /// Where the journal and what refers to it contradict each other, and how.
    pub lost: Vec<(RelPath, String)>,
    /// The directory of public files for readers, and the files that differ from the aliases.
    pub readers: Option<(RelPath, String)>,
    /// What could not be read, and why.
    pub unread: Vec<(RelPath, String)>,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEntry {
    /// Its path; relative to the build for an entry in a build.
    pub path: RelPath,
    /// Its kind.
    pub kind: SeenKind,
    /// Its permission bits, set-id and sticky included.
    pub mode: u32,
    /// The names in a directory that has no place, or some of them.
    pub holds: Vec<String>,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symlink, its text and its target.
    Link(String, Leads),
    /// A device, FIFO or socket.
    Other,
}

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// Something below the root.
    To(RelPath),
    /// A path below the root where nothing exists.
    Nowhere(RelPath),
    /// A loop.
    Round,
    /// A path outside the mirror.
    Out,
    /// A path below the root, given as an absolute path.
    Absolute(RelPath),
}

/// A link outside the builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAlias {
    /// Its path.
    pub path: RelPath,
    /// Its text and its target; nothing if it should exist and does not.
    pub link: Option<(String, Leads)>,
    /// The stream whose builds it follows, and the condition on them.
    pub follows: Option<(Stream, Condition)>,
    /// Whether it must exist.
    pub required: bool,
    /// Whether the mirror's settings name it.
    pub declared: bool,
    /// Its target according to the journal, or that it was removed; nothing if the journal does not mention it.
    pub told: Option<Option<RelPath>>,
}

impl SeenAlias {
    /// Returns the path below the root to which its text points now.
    pub fn leads(&self) -> Option<RelPath> {
        match self.link.as_ref()? {
            (_, Leads::Absolute(to)) => Some(to.clone()),
            (text, _) => self.path.follow(text),
        }
    }

    /// Returns whether it differs from the journal: another target, removed, or present again.
    pub fn was_moved(&self) -> bool {
        let now = self.leads();
        self.told.as_ref().is_some_and(|told| *told != now || now.is_none() && self.link.is_some())
    }
}

/// Everything that was observed of one build.
#[derive(Debug, Clone)]
pub struct SeenBuild {
    /// The ID of the build.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// The permission bits of its directory.
    pub mode: u32,
    /// Its own directory and those in it, each before those in it.
    pub dirs: Vec<SeenDir>,
    /// The bytes of CONTEXT, if it exists.
    pub context: Option<Vec<u8>>,
    /// The bytes of SHA256SUMS, if it exists.
    pub sums: Option<Vec<u8>>,
    /// The bytes of its manifest, if there is one.
    pub manifest: Option<Vec<u8>>,
    /// Whether checksum lists of other tools cover it.
    pub listed: bool,
    /// Whether it was published here, so that its SHA256SUMS names every file, in the one form that mirrorkeep
    /// writes.
    pub published: bool,
    /// The lists of images in it.
    pub images: Vec<SeenImages>,
    /// What could not be read in it.
    pub unread: Vec<(RelPath, String)>,
}

/// A list of images in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenImages {
    /// Its path, relative to the build.
    pub path: RelPath,
    /// Its bytes, or why they could not be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// One directory in a build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenDir {
    /// Its path, relative to the build.
    pub path: RelPath,
    /// Its entries, sorted by name.
    pub items: Vec<SeenItem>,
    /// Names in it that a path cannot represent, escaped.
    pub odd: Vec<String>,
}

/// One entry of a directory of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenItem {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: SeenKind,
    /// Its permission bits, set-id and sticky included.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970; nothing if the store does not keep that.
    pub mtime: Option<i128>,
    /// Device and inode of a file with several names.
    pub linked: Option<(u64, u64)>,
}

impl SeenBuild {
    /// Returns the entry at a path in the build, without its own directory.
    pub fn find(&self, at: &RelPath) -> Option<&SeenItem> {
        let above = at.parent()?;
        self.dirs.iter().find(|dir| dir.path == above)?.find(at.name())
    }

    /// Returns every entry of the build, each with its directory.
    pub fn items(&self) -> impl Iterator<Item = (&SeenDir, &SeenItem)> {
        self.dirs.iter().flat_map(|dir| dir.items.iter().map(move |item| (dir, item)))
    }

    /// Returns the names at the top of the build.
    pub fn tops(&self) -> BTreeSet<String> {
        let top = self.dirs.iter().find(|dir| dir.path.is_root());
        top.into_iter().flat_map(|dir| &dir.items).map(|item| item.name.clone()).collect()
    }
}

impl SeenDir {
    /// Returns the entry with that name in the directory.
    pub fn find(&self, name: &str) -> Option<&SeenItem> {
        self.place(name).and_then(|place| self.items.get(place))
    }

    /// Returns the item with that name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.items.binary_search_by(|item| item.name.as_str().cmp(name)).ok()
    }

    /// Returns the path of an item, relative to the build.
    pub fn at(&self, item: &SeenItem) -> RelPath {
        self.path.child(&item.name).unwrap_or_default()
    }
}
