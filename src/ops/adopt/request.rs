//! Which builds are adopted and how, and what came of it.

use crate::commit::Moved;
use crate::mirror::Mirror;
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream};
use crate::ops::{ActError, Mode};
use schemars::JsonSchema;
use serde::Serialize;

/// Which builds are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those of one stream.
    Stream(Stream),
    /// One.
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

    /// Returns whether what cannot be read at a path stands in the way.
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
    /// No: the manifest beside the record holds the digests.
    Record,
    /// Yes.
    Build,
}

/// Whether what a list says of a file is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No: every file is read, and one that differs from its list keeps its build from being taken over.
    Bytes,
    /// Yes, where the size fits: only what no list has is read.
    Lists,
}

/// Whether what changed behind mirrorkeep's back is taken for right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// No: builds that have a record are left alone.
    Leave,
    /// Yes: records are made again, those of builds that are gone go, and aliases are noted where they lead.
    Take,
    /// As `Take`, and no list of checksums is believed: SHA256SUMS of each such build is written again from its bytes.
    Rewrite,
}

/// How builds are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptOptions {
    /// Which.
    pub scope: Scope,
    /// Whether the builds get SHA256SUMS.
    pub sums: SumsIn,
    /// Whether lists are believed.
    pub trust: Trust,
    /// Whether changes are taken for right.
    pub changed: Changed,
    /// When the build of the scope was made, where neither its name nor its files have that.
    pub created: Option<Stamp>,
    /// Whether it is done or only tried.
    pub mode: Mode,
}

/// What adopting did.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct AdoptReport {
    /// The builds that got a record.
    pub adopted: Vec<Adopted>,
    /// The number of builds that had a record before.
    pub already: u64,
    /// The builds that had changed and got a new record.
    pub again: Vec<Adopted>,
    /// The builds that are no longer there, whose records were removed.
    pub forgotten: Vec<BuildId>,
    /// The aliases that another program moved, made or removed, with their targets.
    pub noted: Vec<Moved>,
    /// The paths that were skipped, and why.
    pub left: Vec<SkippedBuild>,
}

/// A build that was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Adopted {
    /// Which build.
    pub id: BuildId,
    /// Where it is.
    pub path: RelPath,
    /// When it was made, from its name or its files.
    pub created: Option<Stamp>,
    /// How it went, as its markers say.
    pub result: Outcome,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many files have a digest in a list of the build.
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
    /// Where it is.
    pub path: RelPath,
    /// Which line, and why.
    pub why: String,
}

/// A path that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SkippedBuild {
    /// Where it is.
    pub path: String,
    /// Why.
    pub why: String,
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
