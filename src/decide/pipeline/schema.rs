//! The YAML of a pipeline, exactly; `load` makes the stages from it.

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
    /// Checks that `gate` runs on a build, by name; each votes as the job with its name.
    #[serde(default)]
    pub(super) gates: BTreeMap<String, GateFile>,
    /// Examples that must come out as they state.
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
    /// The streams, as a pattern of whole names or a list: `*` within a path component, `**` for any.
    pub(super) streams: OneOrMany,
    /// The alias whose builds are the candidates [default: the successful builds of the stream, also for
    /// `latest_success`].
    #[serde(default)]
    pub(super) from: Option<String>,
    /// Take the newest candidate without any requirement, so that jobs test one build while `from` moves on.
    #[serde(default)]
    pub(super) pin: bool,
    /// What a candidate needs.
    #[serde(default)]
    pub(super) require: RequireFile,
    /// An alias for a candidate for which a required job voted failure, without an alternative job.
    #[serde(default)]
    pub(super) on_failure: Option<String>,
    /// An alias for the build that the stage had before.
    #[serde(default)]
    pub(super) previous: Option<String>,
    /// Other aliases, commands and images that are carried, before the alias of the stage moves.
    #[serde(default)]
    pub(super) carry: Vec<CarriedFile>,
    /// When the stage moves in a stream, the bundle of the builds that have it in all streams is made, and its link moves
    /// last; the layout declares which streams have bundles.
    #[serde(default)]
    pub(super) bundle: bool,
    /// Number of the last builds at the stage that are protected from prune [default: 2].
    #[serde(default)]
    pub(super) keep: Option<usize>,
    /// Number of candidates to evaluate [default: 100].
    #[serde(default)]
    pub(super) look_back: Option<usize>,
    /// `stages --check` reports when the promoted build is older than the newest candidate by more than this.
    #[serde(default)]
    pub(super) alarm: Option<Span>,
}

/// What is carried with a stage: an alias, commands, or images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an alias such as `{alias: current-images, place: images}`, or `{run: {apply: [tag, latest], undo: [tag, previous]}}`"
)]
pub(super) struct CarriedFile {
    /// The name of an alias, beside that of the stage.
    #[serde(default)]
    pub(super) alias: Option<String>,
    /// The path inside the build to which the alias points [default: the build itself].
    #[serde(default)]
    pub(super) place: Option<String>,
    /// Commands.
    #[serde(default)]
    pub(super) run: Option<RunFile>,
    /// The container images of the build.
    #[serde(default)]
    pub(super) images: Option<ImagesFile>,
}

/// Container images that are carried with a stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`from`, `to` and `tag`, such as `{from: registry.example.org/ci, to: [quay.io/example], tag: ['{build}', '{stage}']}`"
)]
pub(super) struct ImagesFile {
    /// The registry and namespace where the images of a build are: `[http://]HOST[:PORT]/NAMESPACE`.
    pub(super) from: String,
    /// The registries and namespaces to copy them to; `from` itself may be one.
    pub(super) to: Vec<String>,
    /// The tags that they get there; `{build}`, `{tag}` (that of the list), `{stage}` and `{stream}` are replaced. A
    /// tag with `{build}` or `{tag}` is fixed, the stage moves any other; at least one is fixed.
    pub(super) tag: Vec<String>,
    /// The values that fields of an image's reference must have, by the grammar of the layout; other images are left
    /// out.
    #[serde(default)]
    pub(super) only: BTreeMap<String, String>,
}

/// Commands that are carried with a stage, each a program with its arguments.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`verify`, `prepare`, `apply`, `undo` and `timeout`, such as `{apply: [tag, latest], undo: [tag, previous]}`"
)]
pub(super) struct RunFile {
    /// Checks whether the rest can succeed; it changes nothing.
    #[serde(default)]
    pub(super) verify: Option<Vec<String>>,
    /// Prepares what takes long, such as copies under new names; it is not undone.
    #[serde(default)]
    pub(super) prepare: Option<Vec<String>>,
    /// Moves what is carried to the build; it may run again.
    pub(super) apply: Vec<String>,
    /// Moves it back to the previous build; it must work after none, a part or all of `apply`, and may run again.
    pub(super) undo: Vec<String>,
    /// Time limit of each [default: 5m].
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
    /// Compare the bytes of the build with its checksums: `true`.
    #[serde(default)]
    pub(super) verify: Option<bool>,
    /// Require signed checksums.
    #[serde(default)]
    pub(super) signature: Option<SignatureFile>,
    /// Require that all requirements of the packages of its RPM repositories are met.
    #[serde(default)]
    pub(super) closure: Option<ClosureFile>,
    /// Time limit of a command [default: 30m].
    #[serde(default)]
    pub(super) timeout: Option<TimeLimit>,
}

/// Keys; one of each kind must have signed.
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

/// The arguments of `dnf repoclosure`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "repositories such as `{repos: [os/x86_64], with: {baseos: \"https://mirror.example.org/baseos\"}}`"
)]
pub(super) struct ClosureFile {
    /// Directories of the build, each an RPM repository; `.` is the build itself.
    pub(super) repos: Vec<String>,
    /// Further repositories that may meet requirements, by name: URLs.
    #[serde(default)]
    pub(super) with: BTreeMap<String, String>,
    /// The architectures to check.
    #[serde(default)]
    pub(super) arch: Vec<String>,
    /// Check only the newest version of each package.
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
    /// Labels with their accepted values.
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

/// An example: builds, the history of aliases, votes and waivers, and the expected promotion.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an example with `name`, `stream`, `builds`, `led` and `expect`")]
pub(super) struct TestFile {
    /// What it shows.
    pub(super) name: String,
    /// The time of the example; the age of waivers and builds counts from it.
    pub(super) now: String,
    /// The stream.
    pub(super) stream: String,
    /// Its builds by name, each with the facts about it.
    pub(super) builds: BTreeMap<String, TestBuildFile>,
    /// The builds to which aliases pointed, oldest first.
    #[serde(default)]
    pub(super) led: BTreeMap<String, Vec<String>>,
    /// Waivers.
    #[serde(default)]
    pub(super) waivers: Vec<TestWaiverFile>,
    /// For each stage the build to which it moves, or `current`, `waiting`, `none`; for each `on_failure` its build,
    /// or `none`.
    pub(super) expect: BTreeMap<String, String>,
}

/// A build of an example.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`result`, `created`, `votes`, `labels` and `rejected`, such as `{votes: {smoke: success}}`"
)]
pub(super) struct TestBuildFile {
    /// Its result [default: success].
    #[serde(default)]
    pub(super) result: Option<String>,
    /// When it was made [default: the time in its name].
    #[serde(default)]
    pub(super) created: Option<String>,
    /// Votes by job: `success` or `failure`.
    #[serde(default)]
    pub(super) votes: BTreeMap<String, String>,
    /// Labels.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// The stages for which it is rejected; `*` for all.
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
    /// The job whose vote it replaces.
    pub(super) job: String,
    /// The only build; required without `until`.
    #[serde(default)]
    pub(super) build: Option<String>,
    /// The end of the waiver; required without `build`.
    #[serde(default)]
    pub(super) until: Option<String>,
}
