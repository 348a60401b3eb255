//! What only a disk shows: kinds, modes, names, texts. Plain data, so that a judgement can be repeated anywhere.

use crate::census::Census;
use crate::layout::Condition;
use crate::model::{BuildId, RelPath, Stream};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was seen of a mirror.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its builds, aliases and strays.
    pub census: Census,
    /// What lies outside the builds, links left out.
    pub outside: Vec<SeenEntry>,
    /// Directories outside the builds with names that no path can hold, escaped.
    pub odd: Vec<(RelPath, String)>,
    /// The names outside the builds, and those that should be there.
    pub aliases: Vec<SeenAlias>,
    /// Builds of which a record is kept, sorted.
    pub records: Vec<BuildId>,
    /// Builds that the journal says are here.
    pub known: Vec<BuildId>,
    /// Builds of which what is kept cannot be used, and why not.
    pub damaged: Vec<(BuildId, String)>,
    /// The directories at the top of each build.
    pub tops: BTreeMap<BuildId, BTreeSet<String>>,
    /// Unfinished temporary files that were left long ago.
    pub stale: Vec<RelPath>,
    /// Stages that interrupted publishes left and no process holds: their age in seconds, and their bytes.
    pub stages: Vec<(RelPath, i64, u64)>,
    /// Things among the stages that are none, and their bytes.
    pub unknown_stages: Vec<(RelPath, u64)>,
    /// Directories of the trash that no event of the journal filled, and how that shows.
    pub unknown_trash: Vec<(RelPath, String)>,
    /// Locks that cannot be locked, and why not.
    pub locks: Vec<(RelPath, String)>,
    /// Files that somebody began to send to an object store in parts, long ago, and that never arrived.
    pub uploads: Vec<RelPath>,
    /// Places of builds in an object store where files lie and no seal says that it is a build; whose they are.
    pub unsealed: Vec<(RelPath, String)>,
    /// Holds that the journal states and the file at that path lacks, how, and of which build.
    pub unheld: Vec<(RelPath, String, BuildId)>,
    /// Where the journal and what refers to it contradict each other, and how.
    pub lost: Vec<(RelPath, String)>,
    /// Where public files for readers are, and which are not as the names say.
    pub readers: Option<(RelPath, String)>,
    /// What could not be looked at, and why not.
    pub unread: Vec<(RelPath, String)>,
}

/// One thing in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEntry {
    /// Where it lies; below a build's directory for what lies in a build.
    pub path: RelPath,
    /// What it is.
    pub kind: SeenKind,
    /// Its permission bits, set-id and sticky included.
    pub mode: u32,
    /// The names in a directory that has no place, some of them at least.
    pub holds: Vec<String>,
}

/// What kind of thing it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symlink, its text and where it leads.
    Link(String, Leads),
    /// A device, FIFO or socket.
    Other,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To something below the root.
    To(RelPath),
    /// To a path below the root where nothing is.
    Nowhere(RelPath),
    /// Round in circles.
    Round,
    /// Out of the mirror.
    Out,
    /// To a path below the root, but absolutely.
    Absolute(RelPath),
}

/// A name outside the builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAlias {
    /// Where it lies.
    pub path: RelPath,
    /// Its text and where it leads; nothing when it should be there and is not.
    pub link: Option<(String, Leads)>,
    /// The stream whose builds it follows, and what they must be.
    pub follows: Option<(Stream, Condition)>,
    /// Whether it must be there.
    pub required: bool,
    /// Whether the mirror's settings name it.
    pub declared: bool,
    /// Where the journal says that it leads, or that it was taken away; nothing when it tells nothing of it.
    pub told: Option<Option<RelPath>>,
}

impl SeenAlias {
    /// Returns where its text leads now, below the root.
    pub fn leads(&self) -> Option<RelPath> {
        match self.link.as_ref()? {
            (_, Leads::Absolute(to)) => Some(to.clone()),
            (text, _) => self.path.follow(text),
        }
    }

    /// Returns whether it leads elsewhere than the journal says, or is gone, or back.
    pub fn was_moved(&self) -> bool {
        let now = self.leads();
        self.told.as_ref().is_some_and(|told| *told != now || now.is_none() && self.link.is_some())
    }
}

/// What was seen of one build.
#[derive(Debug, Clone)]
pub struct SeenBuild {
    /// Which build.
    pub id: BuildId,
    /// Where it lies.
    pub path: RelPath,
    /// The permission bits of its directory.
    pub mode: u32,
    /// The directories in it and itself, each before those in it.
    pub dirs: Vec<SeenDir>,
    /// The bytes of CONTEXT, if it is there.
    pub context: Option<Vec<u8>>,
    /// The bytes of SHA256SUMS, if it is there.
    pub sums: Option<Vec<u8>>,
    /// The bytes of its manifest, if one is kept.
    pub manifest: Option<Vec<u8>>,
    /// Whether lists of checksums that others wrote speak for it.
    pub listed: bool,
    /// Whether it was published here, so that its SHA256SUMS names every file, in the one form that mirrorkeep writes.
    pub published: bool,
    /// The lists of images in it.
    pub images: Vec<SeenImages>,
    /// What could not be looked at in it.
    pub unread: Vec<(RelPath, String)>,
}

/// A list of images in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenImages {
    /// Where it lies below the build's directory.
    pub path: RelPath,
    /// Its bytes, or why they could not be read.
    pub bytes: Result<Vec<u8>, String>,
}

/// One directory in a build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenDir {
    /// Where it lies below the build's directory.
    pub path: RelPath,
    /// What lies in it, sorted by name.
    pub items: Vec<SeenItem>,
    /// Names in it that no path can hold, escaped.
    pub odd: Vec<String>,
}

/// One thing in a directory of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenItem {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SeenKind,
    /// Its permission bits, set-id and sticky included.
    pub mode: u32,
    /// How many bytes it has.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970; nothing where the store does not keep that.
    pub mtime: Option<i128>,
    /// Device and inode of a file with several names.
    pub linked: Option<(u64, u64)>,
}

impl SeenBuild {
    /// Returns what lies at a path in the build, its own directory left out.
    pub fn find(&self, at: &RelPath) -> Option<&SeenItem> {
        let above = at.parent()?;
        self.dirs.iter().find(|dir| dir.path == above)?.find(at.name())
    }

    /// Returns everything in the build, each with its directory.
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
    /// Returns what has that name in the directory.
    pub fn find(&self, name: &str) -> Option<&SeenItem> {
        self.place(name).and_then(|place| self.items.get(place))
    }

    /// Returns which item has that name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.items.binary_search_by(|item| item.name.as_str().cmp(name)).ok()
    }

    /// Returns the path of an item below the build's directory.
    pub fn at(&self, item: &SeenItem) -> RelPath {
        self.path.child(&item.name).unwrap_or_default()
    }
}
