//! Each stream in one line: its newest success, its last result, its size and what expires next.

use crate::census::{BuildCensus, Census, StreamCensus};
use crate::decide::{Fate, Plan};
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, BuildName, CLOCK_SKEW, Outcome, Stamp, Stream};
use crate::ops::retention::concern::Concern;
use crate::store::{Kind, StoreError, TreeSnapshot};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// The number of seconds of a day.
const DAY: i64 = 86_400;

/// From how many of its newest successes the rhythm of a stream is taken.
const RHYTHM: usize = 20;

/// The state of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StreamStatus {
    /// Its name.
    pub stream: Stream,
    /// The number of its builds.
    pub builds: u64,
    /// Their size in bytes, as far as known; bytes that builds share count for each of them.
    pub bytes: u64,
    /// How many of these bytes are stored once, but also counted for another build of the stream; `null` without `--shared`.
    pub bytes_shared: Option<u64>,
    /// The number of builds without a known size.
    pub unknown_sizes: u64,
    /// The newest build that succeeded.
    pub newest_success: Option<NewestSuccess>,
    /// Whether that is older than three times the usual time between successes of the stream, and than two days.
    pub stalled: bool,
    /// The newest build, whatever its result; one that is dated in the future is not it.
    pub last: Option<LastBuild>,
    /// The number of builds that the next prune would move to the trash; `null` without a usable policy.
    pub due: Option<u64>,
    /// The next kept build that expires by time alone.
    pub next_expiry: Option<Expiry>,
}

/// The newest success of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NewestSuccess {
    /// Its name in the stream.
    pub build: BuildName,
    /// When it was built.
    pub created: Option<Stamp>,
    /// The number of seconds since then.
    pub age: Option<i64>,
}

/// The newest build of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastBuild {
    /// Its name in the stream.
    pub build: BuildName,
    /// When it was built.
    pub created: Option<Stamp>,
    /// Its result.
    pub result: Outcome,
}

/// When a build expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Expiry {
    /// Its name in the stream.
    pub build: BuildName,
    /// The last instant at which it is kept.
    pub until: Stamp,
}

/// Returns each stream of a census.
pub(super) fn of(census: &Census, plan: Option<&Plan>, at: Stamp) -> Vec<StreamStatus> {
    census.lines().map(|stream| one(stream, plan, at)).collect()
}

/// Returns after how many seconds without a success a stream is stalled: three times its usual rhythm, that of its newest
/// successes, and at least two days. A stream with one success has no rhythm yet.
fn patience(stream: &StreamCensus, is_past: impl Fn(&&BuildCensus) -> bool) -> Option<i64> {
    let good = stream.builds.iter().filter(|build| build.result == Outcome::Success).filter(is_past);
    let mut good: Vec<Stamp> = good.filter_map(|build| build.created).collect();
    good.sort_unstable_by(|a, b| b.cmp(a));
    good.truncate(RHYTHM);
    let mut gaps: Vec<i64> =
        good.windows(2).filter_map(|pair| Some(pair.first()?.since(*pair.last()?))).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map(|gap| (gap * 3).max(2 * DAY))
}

fn one(stream: &StreamCensus, plan: Option<&Plan>, at: Stamp) -> StreamStatus {
    let age = |build: &&BuildCensus| (build.created, build.seq, build.build.clone());
    // A build dated in the future is not the newest.
    let is_past = |build: &&BuildCensus| build.created.is_none_or(|created| created.since(at) <= CLOCK_SKEW);
    let successes = stream.builds.iter().filter(|build| build.result == Outcome::Success);
    let newest = successes.filter(is_past).max_by_key(age);
    let last = stream.builds.iter().filter(is_past).max_by_key(age);
    let verdicts = || plan.map(|plan| plan.of_stream(&stream.stream)).unwrap_or_default().iter();
    let kept = verdicts().filter(|verdict| verdict.fate == Fate::Keep);
    let age_of = |build: &BuildCensus| build.created.map(|created| at.since(created));
    let stalled =
        newest.and_then(age_of).zip(patience(stream, is_past)).is_some_and(|(age, limit)| age > limit);
    let next = kept.filter_map(|verdict| Some((verdict.kept_until?, verdict.id.name.clone()))).min();
    StreamStatus {
        stream: stream.stream.clone(),
        builds: stream.builds.len() as u64,
        bytes: bytes(stream),
        bytes_shared: None,
        unknown_sizes: stream.builds.iter().filter(|build| build.bytes.is_none()).count() as u64,
        newest_success: newest.map(|build| NewestSuccess {
            build: build.build.clone(),
            created: build.created,
            age: age_of(build),
        }),
        stalled,
        last: last.map(|build| LastBuild {
            build: build.build.clone(),
            created: build.created,
            result: build.result,
        }),
        due: plan.map(|_| verdicts().filter(|verdict| verdict.fate == Fate::Expire).count() as u64),
        next_expiry: next.map(|(until, build)| Expiry { build, until }),
    }
}

/// Returns the size of the builds of a stream in bytes, as far as known.
fn bytes(stream: &StreamCensus) -> u64 {
    stream.builds.iter().filter_map(|build| build.bytes).fold(0, u64::saturating_add)
}

/// The number of bytes that are stored once and counted for more than one build.
pub(super) struct Shared {
    /// For each stream, among its own builds.
    pub(super) streams: HashMap<Stream, u64>,
    /// For the whole mirror.
    pub(super) all: u64,
    /// Builds that could not be read.
    pub(super) unread: Vec<Concern>,
}

/// Files of one build that have more than one name: inode and size.
type Files = HashMap<(u64, u64), u64>;

/// Measures which bytes builds share, by walking every tree.
pub(super) fn shared(mirror: &Mirror, census: &Census) -> Shared {
    let mut found = Shared { streams: HashMap::new(), all: 0, unread: Vec::new() };
    let shares = mirror.store().abilities().shares_files;
    let ids: Vec<BuildId> = census.builds().map(|(id, _)| id).filter(|_| shares).collect();
    let path = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let walked: Vec<Result<Files, StoreError>> =
        ids.par_iter().map(|id| files(&TreeSnapshot::of(mirror.store(), &path(id))?)).collect();
    let mut seen: HashMap<(u64, u64), BTreeSet<&Stream>> = HashMap::new();
    for (id, files) in ids.iter().zip(walked) {
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                let builds = vec![id.clone()];
                found.unread.push(Concern {
                    path: path(id),
                    why: chain(&error),
                    builds,
                    ..Concern::default()
                });
                continue;
            }
        };
        let of_stream = found.streams.entry(id.stream.clone()).or_default();
        for (inode, size) in files {
            let streams = seen.entry(inode).or_default();
            if !streams.is_empty() {
                found.all = found.all.saturating_add(size);
            }
            if !streams.insert(&id.stream) {
                *of_stream = of_stream.saturating_add(size);
            }
        }
    }
    found
}

fn files(walked: &TreeSnapshot) -> Result<Files, StoreError> {
    if let Some((_, error)) = walked.unread.first() {
        return Err(error.again());
    }
    let files = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File && entry.names > 1);
    Ok(files.map(|(_, _, entry)| (entry.inode, entry.size)).collect())
}
