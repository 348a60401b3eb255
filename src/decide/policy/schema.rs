//! The YAML of a policy, exactly; what it means is made of it in `load`.

use super::{Range, Span};
use crate::model::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A policy file: what is kept of each family of streams, and for how long.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a policy, `version: 1` first, then `families`")]
pub(super) struct PolicyFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) version: u32,
    /// The zone of calendar days, weeks and months, such as `Europe/Berlin`; UTC without it.
    #[serde(default)]
    pub(super) timezone: Option<String>,
    /// Release calendars by name: days (their start, in the zone) or instants.
    #[serde(default)]
    pub(super) events: BTreeMap<String, Vec<String>>,
    /// What holds for every family that does not say otherwise.
    #[serde(default)]
    pub(super) defaults: DefaultsFile,
    /// How much may be deleted at once.
    #[serde(default)]
    pub(super) brakes: BrakesFile,
    /// What to do when the disk fills.
    #[serde(default)]
    pub(super) pressure: Option<PressureFile>,
    /// For which copies elsewhere a build waits before it is deleted.
    #[serde(default)]
    pub(super) mirrored: Option<MirroredFile>,
    /// The families; a stream belongs to the first whose `match` fits its name.
    pub(super) families: Vec<FamilyFile>,
    /// Examples that must come out as they say.
    #[serde(default)]
    pub(super) tests: Vec<TestFile>,
}

/// What holds for every family that does not say otherwise.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "keys such as `floor: 3` and `min_age: 24h`")]
pub(super) struct DefaultsFile {
    /// How many of the newest successes stay whatever the rules say; 3 without it, at least 1.
    #[serde(default)]
    pub(super) floor: Option<usize>,
    /// How long a build stays after it was published; 24h without it.
    #[serde(default)]
    pub(super) min_age: Option<Span>,
    /// How long a build stays after an alias left it; 48h without it.
    #[serde(default)]
    pub(super) superseded_grace: Option<Span>,
    /// How long a pruned build waits in the trash; 7d without it.
    #[serde(default)]
    pub(super) trash: Option<Span>,
    /// How much smaller than the last success of its stream a success may be, in files and in bytes, such as `50%`;
    /// without it `publish` compares nothing.
    #[serde(default)]
    pub(super) shrink: Option<String>,
    /// How far clocks may differ; 1h without it.
    #[serde(default)]
    pub(super) skew: Option<Span>,
    /// How much later than the last run a run may be; 31d without it.
    #[serde(default)]
    pub(super) max_clock_step: Option<Span>,
    /// Rules for builds that failed; `within: 7d` without it.
    #[serde(default)]
    pub(super) failed: Option<Vec<RuleFile>>,
    /// Rules for builds without a result; `within: 24h` without it.
    #[serde(default)]
    pub(super) partial: Option<Vec<RuleFile>>,
    /// Rules for builds with nothing new; `last: 1` without it.
    #[serde(default)]
    pub(super) empty: Option<Vec<RuleFile>>,
}

/// How much may be deleted at once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`stream`, `run`, `policy_change` and `max_per_run`, such as `{run: {count: 60}}`"
)]
pub(super) struct BrakesFile {
    /// Of one stream.
    #[serde(default)]
    pub(super) stream: Option<BrakeFile>,
    /// Of all streams together.
    #[serde(default)]
    pub(super) run: Option<BrakeFile>,
    /// Whether builds that expire only because the policy changed wait for an accepted plan (`defer`) or not (`apply`).
    #[serde(default)]
    pub(super) policy_change: Option<PolicyChangeFile>,
    /// Maximum number of builds that one run deletes, the oldest first.
    #[serde(default)]
    pub(super) max_per_run: Option<usize>,
}

/// For which copies elsewhere a build waits that an alias left or a newer success superseded.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`by` and `at_most`, such as `{by: [tier1-a], at_most: 3d}`")]
pub(super) struct MirroredFile {
    /// Targets of targets.yaml that must have what retired it.
    pub(super) by: OneOrMany,
    /// For how long after that it waits for them at most.
    pub(super) at_most: Span,
}

/// What a changed policy may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PolicyChangeFile {
    Defer,
    Apply,
}

/// The most that may be deleted at once; if more would be, nothing is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "limits such as `{percent: 25}`, `{count: 60}` or `{bytes: 6TiB}`")]
pub(super) struct BrakeFile {
    /// Of a hundred builds.
    #[serde(default)]
    pub(super) percent: Option<f64>,
    /// How many builds there must be for `percent` to count; 10 without it.
    #[serde(default)]
    pub(super) min_sample: Option<usize>,
    /// Builds.
    #[serde(default)]
    pub(super) count: Option<usize>,
    /// Bytes, such as `6TiB`.
    #[serde(default)]
    pub(super) bytes: Option<String>,
}

/// What to do when the disk fills.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{free_below: 8%, until_free: 15%}`")]
pub(super) struct PressureFile {
    /// When less than this is free, ranges shrink: a share such as `8%`, or bytes such as `500GiB`.
    pub(super) free_below: String,
    /// Until that much is free.
    pub(super) until_free: String,
}

/// A family of streams.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a family such as `{name: all, match: \"**\", keep: [{last: 5}]}`")]
pub(super) struct FamilyFile {
    /// Its name, for messages.
    pub(super) name: String,
    /// Which streams belong to it, as a pattern of whole names: `*` within a path component, `**` for any.
    #[serde(rename = "match")]
    pub(super) matches: String,
    /// Labels whose values part a stream into lines that are kept apart.
    #[serde(default)]
    pub(super) split: Vec<String>,
    /// How many of the newest successes stay whatever the rules say.
    #[serde(default)]
    pub(super) floor: Option<usize>,
    /// How much smaller than the last success of its stream a success may be, such as `50%`.
    #[serde(default)]
    pub(super) shrink: Option<String>,
    /// How long a build stays after it was published; not shorter than the default.
    #[serde(default)]
    pub(super) min_age: Option<Span>,
    /// How long a build stays after an alias left it; not shorter than the default.
    #[serde(default)]
    pub(super) superseded_grace: Option<Span>,
    /// Rules for successes; a build stays as long as any of them keeps it.
    #[serde(default)]
    pub(super) keep: Option<Vec<RuleFile>>,
    /// Rules for builds that failed.
    #[serde(default)]
    pub(super) failed: Option<Vec<RuleFile>>,
    /// Rules for builds without a result.
    #[serde(default)]
    pub(super) partial: Option<Vec<RuleFile>>,
    /// Rules for builds with nothing new.
    #[serde(default)]
    pub(super) empty: Option<Vec<RuleFile>>,
    /// Parts of a build that expire before it.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, PartFile>,
    /// Where builds go that expire, instead of the trash.
    #[serde(default)]
    pub(super) archive: Option<ArchiveFile>,
}

/// The mirror to which builds go that expire.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`to` and `until`, such as `{to: /srv/archive, until: 10y}`")]
pub(super) struct ArchiveFile {
    /// Its absolute path or its URL, such as `s3://bucket/prefix`.
    pub(super) to: String,
    /// How long it holds each build after that; without it until a person removes the hold.
    #[serde(default)]
    pub(super) until: Option<Span>,
}

/// A part of a build.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a part such as `{paths: [\"inputs/**\"], keep: [{within: 7d}]}`")]
pub(super) struct PartFile {
    /// Which paths below the build belong to it, as patterns.
    pub(super) paths: Vec<String>,
    /// Rules that keep the part while its build stays.
    pub(super) keep: Vec<RuleFile>,
}

/// One rule: exactly one of `forever`, `last`, `within`, a calendar period, `label` and `periods`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a rule such as `{last: 5}` or `{within: 14d}`")]
pub(super) struct RuleFile {
    /// All builds.
    #[serde(default)]
    pub(super) forever: Option<bool>,
    /// That many of the newest.
    #[serde(default)]
    pub(super) last: Option<Range<u32>>,
    /// Until that long after the basis.
    #[serde(default)]
    pub(super) within: Option<Range<Span>>,
    /// What `within` counts from: `created`, `published`, `confirmed`, `superseded`, `introduced(LABEL)` or `left(ALIAS)`.
    #[serde(default)]
    pub(super) basis: Option<String>,
    /// One build an hour.
    #[serde(default)]
    pub(super) hourly: Option<CalendarFile>,
    /// One build a day.
    #[serde(default)]
    pub(super) daily: Option<CalendarFile>,
    /// One build an ISO week.
    #[serde(default)]
    pub(super) weekly: Option<CalendarFile>,
    /// One build a month.
    #[serde(default)]
    pub(super) monthly: Option<CalendarFile>,
    /// One build a quarter.
    #[serde(default)]
    pub(super) quarterly: Option<CalendarFile>,
    /// One build a year.
    #[serde(default)]
    pub(super) yearly: Option<CalendarFile>,
    /// Builds with these labels; with `within` or `periods` that long after the label was given.
    #[serde(default)]
    pub(super) label: Option<BTreeMap<String, String>>,
    /// Until that many whole periods of a release calendar have passed.
    #[serde(default)]
    pub(super) periods: Option<PeriodsFile>,
    /// The rule sees only builds with these labels.
    #[serde(default, rename = "where")]
    pub(super) only: Option<BTreeMap<String, String>>,
}

/// How many periods: exactly one of `count` and `within`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a count or a length, such as `{count: 7}` or `{within: 7d}`")]
pub(super) struct CalendarFile {
    /// The representatives of that many of the latest periods that have builds.
    #[serde(default)]
    pub(super) count: Option<Range<u32>>,
    /// The representative of each period, until that long after it was created.
    #[serde(default)]
    pub(super) within: Option<Range<Span>>,
    /// Which build represents a period; the newest without it.
    #[serde(default)]
    pub(super) pick: Option<PickFile>,
}

/// Which build represents a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PickFile {
    Newest,
    Oldest,
}

/// Whole periods of a release calendar.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a calendar and a count, such as `{of: release, n: 1}`")]
pub(super) struct PeriodsFile {
    /// The calendar among `events`.
    pub(super) of: String,
    /// Number of whole periods after that of the basis.
    pub(super) n: u32,
}

/// An example that must come out as it says.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an example with `name`, `now`, `stream` and `expect`")]
pub(super) struct TestFile {
    /// Its name, for messages.
    pub(super) name: String,
    /// The instant of the plan.
    pub(super) now: String,
    /// The stream of the builds.
    pub(super) stream: String,
    /// Builds at even intervals.
    #[serde(default)]
    pub(super) given: Option<GivenFile>,
    /// Single builds by their stamps; they add to `given` or change one of it.
    #[serde(default)]
    pub(super) builds: BTreeMap<String, GivenBuildFile>,
    /// Aliases in the stream, with the build that each points to.
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, String>,
    /// What must come out, by stamp.
    pub(super) expect: BTreeMap<String, ExpectFile>,
}

/// Builds at even intervals.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`{every: 24h, from: 2026-06-01T00:00:00Z, to: 2026-06-30T00:00:00Z}`"
)]
pub(super) struct GivenFile {
    /// The interval.
    pub(super) every: Span,
    /// The first build.
    pub(super) from: String,
    /// No build is later than this.
    pub(super) to: String,
    /// How they went; success without it.
    #[serde(default)]
    pub(super) result: Option<String>,
    /// What was said of them.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

/// A single build of an example.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "what differs from a success, such as `{result: fail}`, or `{}`")]
pub(super) struct GivenBuildFile {
    /// How it went; success without it.
    #[serde(default)]
    pub(super) result: Option<String>,
    /// What was said of it, when it was made.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    /// When it was published; when it was made without it.
    #[serde(default)]
    pub(super) published: Option<String>,
    /// The reason to keep it.
    #[serde(default)]
    pub(super) hold: Option<String>,
}

/// What must come out of one build: exactly one verdict, and what becomes of its parts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a verdict such as `{keep: last}` or `{expire: within}`")]
pub(super) struct ExpectFile {
    /// It is kept, and this word starts one of its reasons; `any` takes every reason.
    #[serde(default)]
    pub(super) keep: Option<String>,
    /// It expires, and this word starts the rule that missed it; `any` takes every rule.
    #[serde(default)]
    pub(super) expire: Option<String>,
    /// It is blocked, and this is part of why; `any` takes every reason.
    #[serde(default)]
    pub(super) blocked: Option<String>,
    /// What becomes of its parts: `keep` or `expire`.
    #[serde(default)]
    pub(super) parts: BTreeMap<String, String>,
}
