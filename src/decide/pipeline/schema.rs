//! The YAML of a pipeline, exactly; what it means is made of it in `load`.

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
    pub(super) pipeline: u32,
    /// The stages; `promote` goes through them in this order.
    pub(super) stages: Vec<StageFile>,
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
    /// Other aliases that go along, moved before that of the stage.
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

/// An alias that goes along with a stage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an alias such as `{alias: current-images, place: images}`")]
pub(super) struct CarriedFile {
    /// Its name, beside that of the stage.
    pub(super) alias: String,
    /// The path inside the build to which it leads; to the build itself without it.
    #[serde(default)]
    pub(super) place: Option<String>,
}

/// What a candidate needs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`votes` and `labels`, such as `{votes: [smoke], labels: {sanity: green}}`"
)]
pub(super) struct RequireFile {
    /// Jobs that must have voted success.
    #[serde(default)]
    pub(super) votes: Vec<VoteFile>,
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
