//! Requests and reports.

use crate::commit::Moved;
use crate::decide::release::{Finding, ReleaseType};
use crate::model::BuildId;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Which requests are checked or carried out.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// The directory of the request repository.
    pub requests: PathBuf,
    /// The revision that is read.
    pub revision: String,
    /// The revision whose entries are not looked at again.
    pub base: Option<String>,
    /// A directory in which clones are kept; without it, a temporary one.
    pub work: Option<PathBuf>,
    /// The time limit of each call of git.
    pub limit: Duration,
}

/// How tags are made, and what they state.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// The key with which git signs; without it, tags are not signed.
    pub key: Option<String>,
    /// Who approved the releases, beside those whom the commits of the requests name.
    pub approved_by: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckReport {
    /// The commit of the request repository.
    pub commit: String,
    /// The commit of the base.
    pub base: Option<String>,
    /// The number of requests.
    pub requests: usize,
    /// The number of entries that are neither in the base nor applied, and were checked with their repositories and builds.
    pub pending: usize,
    /// What violates a rule, by file and line.
    pub findings: Vec<Finding>,
    /// What is no violation, and should be known.
    pub warnings: Vec<String>,
}

/// What was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApplyReport {
    /// The commit of the request repository.
    pub commit: String,
    /// The number of entries that were applied before.
    pub applied: usize,
    /// The number of entries that the base has and that were not applied here: they count as done.
    pub base: usize,
    /// The other entries, in the order in which they were looked at.
    pub releases: Vec<EntryReport>,
    /// What keeps whole files from being read, and entries that the base has in another form.
    pub findings: Vec<Finding>,
    /// What is no failure, and should be known.
    pub warnings: Vec<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EntryReport {
    /// The series.
    pub series: String,
    /// The name of the project.
    pub name: String,
    /// The version.
    pub version: String,
    /// The type; `null` if the version has no accepted form.
    #[serde(rename = "type")]
    pub kind: Option<ReleaseType>,
    /// The result.
    pub outcome: EntryOutcome,
    /// Its tags, as far as they were looked at.
    pub tags: Vec<TagReport>,
    /// Its build.
    pub build: Option<BuildId>,
    /// The labels that the build has now, or would get, each as `key=value`.
    pub labels: Vec<String>,
    /// The aliases that moved.
    pub aliases: Vec<Moved>,
    /// The rules that it violates.
    pub findings: Vec<Finding>,
    /// Why it failed.
    pub why: Option<String>,
}

/// The result of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryOutcome {
    /// It is applied now.
    Released,
    /// It would be applied.
    WouldRelease,
    /// It violates a rule; nothing of it was done.
    Refused,
    /// Something failed; running it again goes on.
    Failed,
}

/// A tag of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagReport {
    /// The repository.
    pub repository: String,
    /// Its address.
    pub remote: String,
    /// The commit.
    pub commit: String,
    /// What was done.
    pub outcome: TagOutcome,
}

/// What was done about a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagOutcome {
    /// It was made and pushed.
    Made,
    /// It would be made.
    WouldMake,
    /// It was there, at the commit.
    There,
}
