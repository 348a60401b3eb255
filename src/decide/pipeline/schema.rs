//! The YAML of a pipeline, exactly; what it means is made of it in `load`.

use super::time_limit::TimeLimit;
use crate::decide::policy::Span;
use crate::model::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A pipeline file: the stages, in the order in which builds pass them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a pipeline, `pipeline: 1` first, then `stages`")]
pub(super) struct PipelineFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) pipeline: u32,
    /// The stages; `promote` goes through them in this order.
    #[schemars(length(min = 1))]
    pub(super) stages: Vec<StageFile>,
    /// Checks that `gate` runs on a build, by name; each votes as the job of its name.
    #[serde(default)]
    pub(super) gates: BTreeMap<String, GateFile>,
    /// Examples that must come out as they say.
    #[serde(default)]
    pub(super) tests: Vec<TestFile>,
}

/// A stage: an alias that only promotion moves.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a stage such as `{name: tested, streams: \"**\", require: {votes: [smoke]}}`"
)]
pub(super) struct StageFile {
    /// The name of the alias.
    pub(super) name: String,
    /// In which streams, as a pattern or a list of patterns: `*` within a name, `**` for any names.
    pub(super) streams: OneOrMany,
    /// The alias whose builds are the candidates; without it, or for
    /// `latest_success`, the successful builds of the stream.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// The newest candidate is taken without any requirement, so that jobs test one build while `from` moves on.
    #[serde(default)]
    pub(super) pin: bool,
    /// What a candidate needs.
    #[serde(default)]
    pub(super) require: RequireFile,
    /// An alias that takes a candidate for which a required job voted failure, and no other job can stand in.
    #[serde(default)]
    pub(super) on_failure: Option<String>,
    /// An alias for the build that the stage had before.
    #[serde(default)]
    pub(super) previous: Option<String>,
    /// Other aliases, commands and images that go along, before the alias of the stage.
    #[serde(default)]
    pub(super) carry: Vec<CarriedFile>,
    /// When the stage moves in a stream, the bundle of the builds that have it in all streams is made, and its link moves
    /// last; the layout declares which streams have bundles.
    #[serde(default)]
    pub(super) bundle: bool,
    /// How many of the last builds that had the stage are protected from prune; 2 without it.
    #[serde(default)]
    pub(super) keep: Option<usize>,
    /// How many candidates are looked at; 100 without it.
    #[serde(default)]
    pub(super) look_back: Option<usize>,
    /// `stages --check` reports when the promoted build is that much older than the newest candidate.
    #[serde(default)]
    pub(super) alarm: Option<Span>,
}

/// What goes along with a stage: an alias, commands, or images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an alias such as `{alias: current-images, place: images}`, or `{run: {apply: [tag, latest], undo: [tag, previous]}}`"
)]
pub(super) struct CarriedFile {
    /// The name of an alias, beside that of the stage.
    #[serde(default)]
    pub(super) alias: Option<String>,
    /// The path inside the build to which the alias leads; to the build itself without it.
    #[serde(default)]
    pub(super) place: Option<String>,
    /// Commands.
    #[serde(default)]
    pub(super) run: Option<RunFile>,
    /// The container images of the build.
    #[serde(default)]
    pub(super) images: Option<ImagesFile>,
}

/// Container images that go along with a stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`from`, `to` and `tag`, such as `{from: registry.example.org/ci, to: [quay.io/example], tag: ['{build}', '{stage}']}`"
)]
pub(super) struct ImagesFile {
    /// The registry and namespace where the images of a build are: `[http://]HOST[:PORT]/NAMESPACE`.
    pub(super) from: String,
    /// The registries and namespaces where they go; `from` itself may be one.
    pub(super) to: Vec<String>,
    /// The tags that they get there; `{build}`, `{tag}` (that of the list), `{stage}` and `{stream}` are filled in. A tag with
    /// `{build}` or `{tag}` is fixed, the stage moves any other; at least one is fixed.
    pub(super) tag: Vec<String>,
}

/// Commands that go along with a stage, each a program with its arguments.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`verify`, `prepare`, `apply`, `undo` and `timeout`, such as `{apply: [tag, latest], undo: [tag, previous]}`"
)]
pub(super) struct RunFile {
    /// Looks whether the rest can succeed; it changes nothing.
    #[serde(default)]
    pub(super) verify: Option<Vec<String>>,
    /// Makes ready what takes long, such as copies under new names; it is not undone.
    #[serde(default)]
    pub(super) prepare: Option<Vec<String>>,
    /// Moves what goes along to the build; it may run again.
    pub(super) apply: Vec<String>,
    /// Moves it back to the build before; it is right after no part, a part or all of `apply`, and may run again.
    pub(super) undo: Vec<String>,
    /// For how long each may run; 5m without it.
    #[serde(default)]
    pub(super) timeout: Option<TimeLimit>,
}

/// A gate: exactly one of `run`, `verify`, `signature` and `closure`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a gate such as `{run: [/usr/local/bin/smoke], timeout: 30m}` or `{closure: {repos: [.]}}`"
)]
pub(super) struct GateFile {
    /// A command: exit code 0 is success, 1 failure, 75 "try again later".
    #[serde(default)]
    pub(super) run: Option<Vec<String>>,
    /// The bytes of the build are compared with its checksums: `true`.
    #[serde(default)]
    pub(super) verify: Option<bool>,
    /// Its checksums are signed.
    #[serde(default)]
    pub(super) signature: Option<SignatureFile>,
    /// The packages of its RPM repositories find everything that they require.
    #[serde(default)]
    pub(super) closure: Option<ClosureFile>,
    /// For how long a command may run; 30m without it.
    #[serde(default)]
    pub(super) timeout: Option<TimeLimit>,
}

/// Keys, of which one of each kind must have signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "keys such as `{keyrings: [/etc/pki/releases.gpg]}`")]
pub(super) struct SignatureFile {
    /// Files with OpenPGP public keys, as absolute paths.
    #[serde(default)]
    pub(super) keyrings: Vec<String>,
    /// Public keys of minisign, each a file or its text.
    #[serde(default)]
    pub(super) minisign: Vec<String>,
}

/// What `dnf repoclosure` checks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "repositories such as `{repos: [os/x86_64], with: {baseos: \"https://mirror.example.org/baseos\"}}`"
)]
pub(super) struct ClosureFile {
    /// Directories of the build, each an RPM repository; `.` is the build itself.
    pub(super) repos: Vec<String>,
    /// Further repositories in which requirements may be found, by name: URLs.
    #[serde(default)]
    pub(super) with: BTreeMap<String, String>,
    /// The architectures that are checked.
    #[serde(default)]
    pub(super) arch: Vec<String>,
    /// Only the newest version of each package is checked.
    #[serde(default)]
    pub(super) newest: bool,
    /// The platform of modules, such as `platform:el9`.
    #[serde(default)]
    pub(super) platform: Option<String>,
}

/// What a candidate needs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`votes`, `gates` and `labels`, such as `{votes: [smoke], labels: {sanity: green}}`"
)]
pub(super) struct RequireFile {
    /// Jobs that must have voted success.
    #[serde(default)]
    pub(super) votes: Vec<VoteFile>,
    /// Gates of this file that must have voted success.
    #[serde(default)]
    pub(super) gates: Vec<String>,
    /// Labels with the values that are accepted.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, OneOrMany>,
}

/// A job, or several of which one is enough.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a job, or several of which one is enough, such as `{any: [job, job-rerun]}`")]
pub(super) enum VoteFile {
    /// A job.
    Job(String),
    /// Several of which one is enough.
    Any(AnyFile),
}

/// Several jobs of which one is enough.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnyFile {
    /// The jobs.
    pub(super) any: Vec<String>,
}

/// An example: builds, what names have led to, votes and waivers, and what promotion does then.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an example with `name`, `stream`, `builds`, `led` and `expect`")]
pub(super) struct TestFile {
    /// What it shows.
    pub(super) name: String,
    /// When; the age of waivers and builds counts from it.
    pub(super) now: String,
    /// The stream.
    pub(super) stream: String,
    /// Its builds by name, each with what is known of it.
    pub(super) builds: BTreeMap<String, TestBuildFile>,
    /// What aliases have led to, oldest first.
    #[serde(default)]
    pub(super) led: BTreeMap<String, Vec<String>>,
    /// Waivers.
    #[serde(default)]
    pub(super) waivers: Vec<TestWaiverFile>,
    /// For each stage the build that it moves to, or `current`, `waiting`, `none`; for each `on_failure` the build that
    /// it takes, or `none`.
    pub(super) expect: BTreeMap<String, String>,
}

/// A build of an example.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`result`, `created`, `votes`, `labels` and `rejected`, such as `{votes: {smoke: success}}`"
)]
pub(super) struct TestBuildFile {
    /// How it went; a success without it.
    #[serde(default)]
    pub(super) result: Option<String>,
    /// When it was made; its name says it otherwise.
    #[serde(default)]
    pub(super) created: Option<String>,
    /// Votes by job: `success` or `failure`.
    #[serde(default)]
    pub(super) votes: BTreeMap<String, String>,
    /// Labels.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// The stages for which it is rejected; `*` stands for all.
    #[serde(default)]
    pub(super) rejected: Vec<String>,
}

/// A waiver of an example.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a waiver such as `{stage: tested, job: smoke, build: 20260601T000000Z}`"
)]
pub(super) struct TestWaiverFile {
    /// The stage.
    pub(super) stage: String,
    /// The job whose vote it stands in for.
    pub(super) job: String,
    /// For this build; needed without `until`.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// Until then; needed without `build`.
    #[serde(default)]
    pub(super) until: Option<String>,
}
