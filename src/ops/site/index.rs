//! What programs read: an index of the streams, and one of the builds of each stream.
//!
//! The forms are a contract: fields are only ever added, and what is not known is `null`.

use super::{BuildFacts, SiteFacts, StreamFacts};
use crate::decide::Fate;
use crate::model::{BuildId, BuildName, Digest, Outcome, RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The streams of a mirror: `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SiteIndex {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub index: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The name of the mirror for people.
    pub title: String,
    /// The public address of the mirror's root, to which paths are relative; `null` if mirror.yaml has none.
    pub url: Option<String>,
    /// The streams, sorted by name.
    pub streams: Vec<IndexedStream>,
}

/// A stream of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IndexedStream {
    /// Its name.
    pub stream: Stream,
    /// Its path in the mirror.
    pub path: RelPath,
    /// The path in the mirror of the index of its builds; `null` if another file of the site is in its way.
    pub index: Option<RelPath>,
    /// The path in the mirror of its Atom feed; `null` if another file of the site is in its way.
    pub feed: Option<RelPath>,
    /// How many builds it has.
    pub builds: u64,
    /// How many bytes they have, as far as that is known; bytes that builds share count for each of them.
    pub bytes: u64,
    /// The newest build that succeeded.
    pub newest_success: Option<BuildName>,
    /// The newest build, however it went.
    pub newest: Option<BuildName>,
}

/// The builds of a stream: its `index.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StreamIndex {
    /// The version of this form.
    #[schemars(extend("const" = 1))]
    pub index: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The name of the stream.
    pub stream: Stream,
    /// The public address of the mirror's root, to which paths are relative; `null` if mirror.yaml has none.
    pub url: Option<String>,
    /// The builds, newest first.
    pub builds: Vec<IndexedBuild>,
}

/// A build of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct IndexedBuild {
    /// Its ID.
    pub id: BuildId,
    /// Its name in the stream.
    pub build: BuildName,
    /// Its path in the mirror.
    pub path: RelPath,
    /// When it was built.
    pub created: Option<Stamp>,
    /// When it became visible in the mirror.
    pub published: Option<Stamp>,
    /// Its result.
    pub result: Outcome,
    /// Its labels, votes included.
    pub labels: BTreeMap<String, String>,
    /// The paths of the aliases that resolve to it.
    pub aliases: Vec<RelPath>,
    /// How many files it has.
    pub files: Option<u64>,
    /// How many bytes they have.
    pub bytes: Option<u64>,
    /// The digest of its SHA256SUMS.
    pub sums: Option<Digest>,
    /// What the policy says of it; `null` without a usable policy.
    pub verdict: Option<Fate>,
    /// The last instant at which it is kept; `null` if something other than time decides.
    pub kept_until: Option<Stamp>,
}

impl SiteIndex {
    /// Returns the index of a mirror; `at` gives the paths of the files of a stream in the site.
    pub fn of(facts: &SiteFacts, at: impl Fn(&StreamFacts) -> [Option<RelPath>; 2]) -> Self {
        let one = |stream: &StreamFacts| {
            let [index, feed] = at(stream).map(|path| path.map(|path| facts.path.join(&path)));
            let status = &stream.status;
            IndexedStream {
                stream: status.stream.clone(),
                path: stream.path.clone(),
                index,
                feed,
                builds: status.builds,
                bytes: status.bytes,
                newest_success: status.newest_success.as_ref().map(|newest| newest.build.clone()),
                newest: status.last.as_ref().map(|last| last.build.clone()),
            }
        };
        Self {
            index: 1,
            mirror: facts.mirror.clone(),
            title: facts.title.clone(),
            url: facts.address.clone(),
            streams: facts.streams.iter().map(one).collect(),
        }
    }
}

impl StreamIndex {
    /// Returns the index of a stream.
    pub fn of(facts: &SiteFacts, stream: &StreamFacts) -> Self {
        Self {
            index: 1,
            mirror: facts.mirror.clone(),
            stream: stream.status.stream.clone(),
            url: facts.address.clone(),
            builds: stream.builds.iter().map(IndexedBuild::from).collect(),
        }
    }
}

impl From<&BuildFacts> for IndexedBuild {
    fn from(facts: &BuildFacts) -> Self {
        let BuildFacts { id, path, census, names, verdict, .. } = facts;
        Self {
            id: id.clone(),
            build: id.name.clone(),
            path: path.clone(),
            created: census.created,
            published: census.published,
            result: census.result,
            labels: census.labels.iter().map(|(key, label)| (key.clone(), label.value.clone())).collect(),
            aliases: names.clone(),
            files: census.files,
            bytes: census.bytes,
            sums: census.sums,
            verdict: verdict.as_ref().map(|verdict| verdict.fate),
            kept_until: verdict.as_ref().and_then(|verdict| verdict.kept_until),
        }
    }
}
