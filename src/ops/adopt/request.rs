//! Which builds are adopted and how, and the result.

use crate::commit::Moved;
use crate::mirror::Mirror;
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream};
use crate::ops::{ActError, Mode};
use schemars::JsonSchema;
use serde::Serialize;

/// Which builds are adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// The builds of one stream.
    Stream(Stream),
    /// One build.
    Build(BuildId),
}

impl Scope {
    /// Returns whether a build belongs to it.
    pub(crate) fn has(&self, id: &BuildId) -> bool {
        match self {
            Self::All => true,
            Self::Stream(stream) => id.stream == *stream,
            Self::Build(build) => id == build,
        }
    }

    /// Returns whether a path that cannot be read may affect it.
    pub(crate) fn concerns(&self, mirror: &Mirror, path: &RelPath) -> bool {
        let home = match self {
            Self::All => return true,
            Self::Stream(stream) => mirror.layout().stream_path(stream),
            Self::Build(id) => mirror.layout().build_path(id),
        };
        home.is_ok_and(|home| path.is_within(&home) || home.is_within(path))
    }
}

/// Whether a tree without SHA256SUMS gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumsIn {
    /// No: the manifest in the own area has the digests.
    Record,
    /// Yes.
    Build,
}

/// Whether digests in lists are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No: every file is read, and a build with a file that differs from its list is not adopted.
    Bytes,
    /// Yes, if the size matches: only files without a digest in a list are read.
    Lists,
}

/// Whether changes that other programs made are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// No: builds that have a record are left alone.
    Leave,
    /// Yes: records of changed builds are made again, those of missing builds are removed, and aliases are recorded
    /// with their present targets.
    Take,
    /// Like `Take`, but no list of checksums is trusted: SHA256SUMS of each changed build is written again from its
    /// bytes.
    Rewrite,
}

/// How builds are adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptOptions {
    /// Which builds.
    pub scope: Scope,
    /// Whether the builds get SHA256SUMS.
    pub sums: SumsIn,
    /// Whether lists are trusted.
    pub trust: Trust,
    /// Whether changes are accepted.
    pub changed: Changed,
    /// The result of builds that state none; its marker is written into them.
    pub result: Option<Outcome>,
    /// When the build of the scope was made, if neither its name nor its files state it.
    pub created: Option<Stamp>,
    /// Whether anything is changed.
    pub mode: Mode,
}

/// The result of adopting.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct AdoptReport {
    /// The builds that got a record.
    pub adopted: Vec<Adopted>,
    /// The number of builds that already had a record.
    pub already: u64,
    /// The changed builds that got a new record.
    pub again: Vec<Adopted>,
    /// The missing builds whose records were removed.
    pub forgotten: Vec<BuildId>,
    /// The aliases that another program moved, made or removed, with their targets.
    pub noted: Vec<Moved>,
    /// The paths that were skipped, and why.
    pub left: Vec<SkippedBuild>,
}

/// A build that was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Adopted {
    /// The ID of the build.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// When it was made, from its name or its files.
    pub created: Option<Stamp>,
    /// Its result, as its markers state it.
    pub result: Outcome,
    /// The number of its files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The number of files with a digest in a list of the build.
    pub listed: u64,
    /// Lists of checksums in it with lines that cannot be read; every file was read for its digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadList>,
    /// The signatures of the SHA256SUMS that was written again, which are no longer valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfit: Vec<RelPath>,
}

/// A list of checksums from another program, with a line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnreadList {
    /// Its path.
    pub path: RelPath,
    /// The line, and why it cannot be read.
    pub why: String,
}

/// A path that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SkippedBuild {
    /// Its path.
    pub path: String,
    /// Why.
    pub why: String,
}

impl AdoptReport {
    /// Returns whether nothing was found that could be adopted.
    pub fn is_empty(&self) -> bool {
        let Self { adopted, again, forgotten, noted, already, left } = self;
        *already == 0
            && adopted.is_empty()
            && again.is_empty()
            && forgotten.is_empty()
            && noted.is_empty()
            && left.is_empty()
    }
}

/// Why one build cannot be taken over, or why nothing can.
pub(crate) enum Stopped {
    Build(String),
    All(ActError),
}

impl<E: Into<ActError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::All(error.into())
    }
}
