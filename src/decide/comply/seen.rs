//! What only a disk shows: kinds, modes, names, texts. Plain data, so that a judgement can be repeated anywhere.

use crate::census::Census;
use crate::layout::Condition;
use crate::word::{BuildId, RelPath, Stream};
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
    /// Builds that the journal says were published or adopted here.
    pub known: Vec<BuildId>,
    /// Builds of which what is kept cannot be used, and why not.
    pub damaged: Vec<(BuildId, String)>,
    /// The directories at the top of each build.
    pub tops: BTreeMap<BuildId, BTreeSet<String>>,
    /// Unfinished temporary files that were left long ago.
    pub stale: Vec<RelPath>,
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
    /// Whether the mirror's settings name it.
    pub declared: bool,
}

/// What was seen of one build.
#[derive(Debug, Clone)]
pub struct SeenBuild {
    /// Which build.
    pub id: BuildId,
    /// Where it lies.
    pub path: RelPath,
    /// Everything in it, its directory first.
    pub entries: Vec<SeenEntry>,
    /// Names in it that no path can hold, escaped, with their directory in the build.
    pub odd: Vec<(RelPath, String)>,
    /// The bytes of CONTEXT, if it is there.
    pub context: Option<Vec<u8>>,
    /// The bytes of SHA256SUMS, if it is there.
    pub sums: Option<Vec<u8>>,
    /// Whether other lists of checksums speak for it: foreign ones, or its manifest.
    pub listed: bool,
    /// What could not be looked at in it.
    pub unread: Vec<(RelPath, String)>,
}
