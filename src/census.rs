//! The contents of a mirror at one instant: streams, builds, aliases, strays.
//!
//! A census is pure data. A survey of a mirror makes one, and so does a JSON file (`plan --census`); every decision
//! is made from a census alone, so that a decision can be repeated, explained and tested anywhere. The JSON form is a
//! contract: fields are only ever added, and an unknown value is `null` or absent.

pub use crate::record::{Hold, LabelValue as LabelCensus, Labels};

use crate::model::{BuildId, BuildName, Digest, Outcome, RelPath, Stamp, Stream};
use crate::record::{BuildRecord, as_object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the JSON form.
pub const CENSUS_VERSION: u32 = 1;

/// The contents of a mirror at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "an object that begins with `\"census\": 1`")]
pub struct Census {
    /// The version of this form.
    #[schemars(extend("const" = CENSUS_VERSION))]
    pub census: u32,
    /// When it was taken.
    pub at: Stamp,
    /// The streams, sorted by name.
    #[serde(default)]
    pub streams: Vec<StreamCensus>,
    /// The aliases that point to builds or directories, sorted by path.
    #[serde(default)]
    pub aliases: Vec<AliasCensus>,
    /// The aliases that were removed, sorted by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<AliasCensus>,
    /// The paths without a place in the layout, sorted.
    #[serde(default)]
    pub strays: Vec<StrayCensus>,
    /// What the copies elsewhere lack for which the policy waits (`mirrored`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetCensus>,
}

/// A stream of builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamCensus {
    /// Its name.
    pub stream: Stream,
    /// Its builds, oldest first if their age is known.
    #[serde(default)]
    pub builds: Vec<BuildCensus>,
}

/// One build, as far as known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BuildCensus {
    /// Its name in the stream.
    pub build: BuildName,
    /// When it was built, from its record or its name, never from a file's time.
    #[serde(default)]
    pub created: Option<Stamp>,
    /// The respin, which orders builds of one instant.
    #[serde(default)]
    pub seq: u64,
    /// When it became visible in the mirror.
    #[serde(default)]
    pub published: Option<Stamp>,
    /// When a publish last found nothing changed since it, and published nothing; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Stamp>,
    /// Its result.
    #[serde(default)]
    pub result: Outcome,
    /// When it was last written to, for builds that are not finished.
    #[serde(default)]
    pub last_activity: Option<Stamp>,
    /// Its labels, by key.
    #[serde(default, serialize_with = "as_object")]
    #[schemars(with = "BTreeMap<String, LabelCensus>")]
    pub labels: Labels,
    /// Its holds.
    #[serde(default)]
    pub holds: Vec<Hold>,
    /// The processes that use it at this moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<LeaseCensus>,
    /// Until when it is locked; a lock can only be extended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Stamp>,
    /// When the first later success of its stream became visible, if that is known from history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Stamp>,
    /// Its path, if that differs from stream and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RelPath>,
    /// The parts that were removed from it, by their names in the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<String>,
    /// Builds that it needs, by ID, also because symlinks inside it point into them.
    #[serde(default)]
    pub requires: Vec<BuildId>,
    /// The number of its files.
    #[serde(default)]
    pub files: Option<u64>,
    /// Their size in bytes, each inode counted once.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// How many of these bytes no other build shares, so that removing this one alone frees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_alone: Option<u64>,
    /// The digest of its SHA256SUMS, if its record states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<Digest>,
    /// Which stages of the pipeline protect it, each with the reason, such as `current-tripleo, 2 of 3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<String>,
    /// Which image pins protect it, each with an image, such as `image-tags.yaml: org/nova:v1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// Why the retirement of its stream protects it until it removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring: Option<String>,
    /// Why no verdict is possible, such as an impossible date; `null` otherwise.
    #[serde(default)]
    pub problem: Option<String>,
}

/// A process that reads or links from a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseCensus {
    /// The process.
    pub who: String,
    /// When the lease ends by itself; `null` if that is not known, which protects the build.
    #[serde(default)]
    pub until: Option<Stamp>,
}

/// An alias that points to a build or a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AliasCensus {
    /// The path of the alias.
    pub path: RelPath,
    /// The path that it resolves to; `null` if it dangles, loops or leaves the mirror.
    #[serde(default)]
    pub target: Option<RelPath>,
    /// Whether its stream must not be touched while it is missing, dangling or looping.
    #[serde(default)]
    pub required: bool,
    /// Its moves, oldest first.
    #[serde(default)]
    pub moves: Vec<AliasMove>,
    /// Why there is no target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One move of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AliasMove {
    /// Its target before; `null` if it was new.
    #[serde(default)]
    pub from: Option<RelPath>,
    /// Its target from then on; absent if it was removed, or if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<RelPath>,
    /// When it moved.
    pub at: Stamp,
    /// Whether another program moved it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Whether another build was published since then under the name of the new target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

/// What a copy of the mirror elsewhere lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetCensus {
    /// Its name in targets.yaml.
    pub name: String,
    /// When the first event happened that it lacks, of each stream of which it lacks one; `null` where nothing of the stream
    /// is known to be there, and as a whole where nothing is known of the target.
    #[serde(default)]
    pub lacks: Option<BTreeMap<Stream, Option<Stamp>>>,
}

impl TargetCensus {
    /// Returns whether everything of a stream that happened up to an instant is known to be there.
    pub fn has(&self, stream: &Stream, at: Stamp) -> bool {
        self.lacks
            .as_ref()
            .is_some_and(|lacks| lacks.get(stream).is_none_or(|since| since.is_some_and(|since| since > at)))
    }
}

/// A path without a place in the layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrayCensus {
    /// Its path; bytes that are not UTF-8 are escaped.
    pub path: String,
    /// Which rule it breaks.
    pub why: String,
}

impl Census {
    /// Returns an empty census.
    pub fn empty(at: Stamp) -> Self {
        Self {
            census: CENSUS_VERSION,
            at,
            streams: Vec::new(),
            aliases: Vec::new(),
            removed: Vec::new(),
            strays: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Returns every build with its ID.
    pub fn builds(&self) -> impl Iterator<Item = (BuildId, &BuildCensus)> {
        self.streams.iter().flat_map(|stream| {
            stream
                .builds
                .iter()
                .map(|build| (BuildId::new(stream.stream.clone(), build.build.clone()), build))
        })
    }

    /// Returns the streams without directories above others that only look like a stream: those have no build.
    pub fn lines(&self) -> impl Iterator<Item = &StreamCensus> {
        let is_above = |stream: &StreamCensus| {
            let path = stream.stream.as_path();
            let is_below = |other: &StreamCensus| {
                other.stream != stream.stream && other.stream.as_path().is_within(path)
            };
            stream.builds.is_empty() && self.streams.iter().any(is_below)
        };
        self.streams.iter().filter(move |stream| !is_above(stream))
    }

    /// Returns the build with that ID.
    pub fn build(&self, id: &BuildId) -> Option<&BuildCensus> {
        self.stream(&id.stream)?.builds.iter().find(|build| build.build == id.name)
    }

    /// Returns the stream with that name.
    pub fn stream(&self, stream: &Stream) -> Option<&StreamCensus> {
        self.streams.iter().find(|line| line.stream == *stream)
    }

    /// Sorts everything, so that equal mirrors give equal text in whatever order they were read.
    pub fn sort(&mut self) {
        for stream in &mut self.streams {
            stream.builds.sort_by(|a, b| (a.created, a.seq, &a.build).cmp(&(b.created, b.seq, &b.build)));
        }
        self.streams.sort_by(|a, b| a.stream.cmp(&b.stream));
        self.aliases.sort_by(|a, b| a.path.cmp(&b.path));
        self.removed.sort_by(|a, b| a.path.cmp(&b.path));
        self.strays.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

impl BuildCensus {
    /// Returns whether it is dated after an instant.
    pub fn is_after(&self, latest: Stamp) -> bool {
        self.created > Some(latest)
    }

    /// Returns a build of which only the name is known.
    pub fn named(build: BuildName) -> Self {
        Self {
            build,
            created: None,
            seq: 0,
            published: None,
            confirmed_at: None,
            result: Outcome::Unknown,
            last_activity: None,
            labels: Labels::new(),
            holds: Vec::new(),
            leases: Vec::new(),
            locked_until: None,
            superseded: None,
            path: None,
            trimmed: Vec::new(),
            requires: Vec::new(),
            files: None,
            bytes: None,
            bytes_alone: None,
            sums: None,
            stages: Vec::new(),
            pins: Vec::new(),
            retiring: None,
            problem: None,
        }
    }
}

impl From<BuildRecord> for BuildCensus {
    fn from(record: BuildRecord) -> Self {
        Self {
            created: record.created,
            seq: record.seq,
            published: record.published,
            confirmed_at: record.confirmed_at,
            result: record.result,
            labels: record.labels,
            requires: record.requires,
            trimmed: record.trimmed,
            files: Some(record.files),
            bytes: Some(record.bytes),
            sums: record.sums,
            problem: record.problem,
            ..Self::named(record.id.name)
        }
    }
}
