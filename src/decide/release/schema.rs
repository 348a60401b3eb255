//! The YAML of requests and of `releases.yaml`, exactly; what it means is made of it in `load` and `settings`.

use super::kinds::{ReleaseModel, Status};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A request: what of one project is released in one series.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "the keys `team`, `release-model` and `releases`"
)]
#[expect(dead_code, reason = "keys of OpenStack's deliverable files that are accepted and not read")]
pub(super) struct RequestFile {
    /// The team that is responsible.
    pub(super) team: String,
    /// Which types of releases there are; a request of the series `independent` or `_independent` may lack it, and has final
    /// releases alone.
    #[serde(default)]
    pub(super) release_model: Option<ReleaseModel>,
    /// The stream into which builds of it are published, where `stream` of releases.yaml does not say it.
    #[serde(default)]
    pub(super) stream: Option<String>,
    /// The repositories, each with its settings; those of the entries without it.
    #[serde(default)]
    pub(super) repository_settings: Option<BTreeMap<String, Option<RepositoryFile>>>,
    /// The releases, oldest first; new ones are added at the end.
    #[serde(default)]
    pub(super) releases: Option<Vec<EntryFile>>,
    /// Not read.
    #[serde(default, rename = "type")]
    #[schemars(with = "Option<serde_json::Value>")]
    kind: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    release_type: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    stable_branch_type: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    stable_status: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    artifact_link_mode: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    include_pypi_link: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    launchpad: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    storyboard: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    release_notes: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    cycle_highlights: Option<IgnoredAny>,
    /// Not read.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    branches: Option<IgnoredAny>,
}

/// Settings of a repository.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "settings of a repository, such as `{flags: [retired]}`"
)]
#[expect(dead_code, reason = "keys of OpenStack's deliverable files that are accepted and not read")]
pub(super) struct RepositoryFile {
    /// Facts about it.
    #[serde(default)]
    pub(super) flags: Vec<RepositoryFlag>,
    /// Not read.
    #[serde(default)]
    pypi_name: Option<String>,
    /// Not read.
    #[serde(default)]
    tarball_base: Option<String>,
}

/// A fact about a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RepositoryFlag {
    /// Not read.
    NoArtifactBuildJob,
    /// It has no further releases.
    Retired,
}

/// One version.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a release such as `{version: 29.0.0, projects: [{repo: openstack/nova, hash: …}]}`"
)]
#[expect(dead_code, reason = "keys of OpenStack's deliverable files that are accepted and not read")]
pub(super) struct EntryFile {
    /// The version, which is the name of the tags.
    pub(super) version: String,
    /// The repositories with their commits.
    pub(super) projects: Vec<ProjectFile>,
    /// The build that becomes this release; without it, one is published from the tag later, or none is.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// Labels that the build gets, beside `series`, `release` and `type`.
    #[serde(default)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// What the event says to people.
    #[serde(default)]
    pub(super) announcement: Option<String>,
    /// Exceptions from rules.
    #[serde(default)]
    pub(super) flags: Option<Vec<EntryFlag>>,
    /// Not read.
    #[serde(default)]
    diff_start: Option<String>,
}

/// An exception from a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EntryFlag {
    /// The version may be older than the one before.
    Forced,
    /// The tags are not signed.
    SkippedSig,
}

/// A repository with the commit that is released.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a repository with its commit, such as `{repo: openstack/nova, hash: …}`"
)]
#[expect(dead_code, reason = "keys of OpenStack's deliverable files that are accepted and not read")]
pub(super) struct ProjectFile {
    /// The repository; `remote` in releases.yaml says where it is.
    pub(super) repo: String,
    /// The whole ID of the commit.
    pub(super) hash: String,
    /// Not read.
    #[serde(default)]
    tarball_base: Option<String>,
    /// Not read.
    #[serde(default)]
    comment: Option<String>,
}

/// Where the repositories are, and which series are open.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys `releases: 1`, `remote` and `series`")]
pub(super) struct SettingsFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) releases: u32,
    /// The address of each repository, with `{repo}` in the place of its name.
    pub(super) remote: String,
    /// The branch of a series, with `{series}` in the place of its name; `stable/{series}` without it.
    #[serde(default)]
    pub(super) branch: Option<String>,
    /// The stream into which builds are published, with `{repo}`, `{series}` and `{name}` in the place of the names of repository,
    /// series and project.
    #[serde(default)]
    pub(super) stream: Option<String>,
    /// The series.
    pub(super) series: BTreeMap<String, SeriesFile>,
}

/// A series.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a series such as `{status: maintained}`")]
pub(super) struct SeriesFile {
    /// Which releases it gets.
    pub(super) status: Status,
    /// Its branch, if that is another one, such as `master`.
    #[serde(default)]
    pub(super) branch: Option<String>,
    /// The stage of the pipeline for which a build must have everything.
    #[serde(default)]
    pub(super) stage: Option<String>,
}
