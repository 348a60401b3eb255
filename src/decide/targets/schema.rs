//! The YAML of targets.yaml, exactly; what it means is made of it in `load`.

use super::rate::Rate;
use crate::decide::pipeline::TimeLimit;
use crate::decide::policy::Span;
use crate::model::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;

/// Where copies of the mirror are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys `targets: 1` and `to`, a list of targets")]
pub(super) struct TargetsFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) targets: u32,
    /// How many targets are brought up to date at once; 4 without it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 64))]
    pub(super) at_once: Option<usize>,
    /// The targets.
    #[schemars(length(min = 1))]
    pub(super) to: Vec<TargetFile>,
}

/// A copy of the mirror: exactly one of `directory`, `rsync`, `mirror` and `http`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a target such as `{name: tier1-a, rsync: \"rsync://mirror.example.org/upload/\"}`"
)]
pub(super) struct TargetFile {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub(super) name: String,
    /// A directory of this machine, as an absolute path; it has to exist.
    #[serde(default)]
    pub(super) directory: Option<String>,
    /// An address of rsync: `rsync://HOST/MODULE/PATH`, or `USER@HOST:/PATH` for ssh.
    #[serde(default)]
    pub(super) rsync: Option<String>,
    /// Another mirror that mirrorkeep keeps, as in `--mirror`; `copy` brings it up to date.
    #[serde(default)]
    pub(super) mirror: Option<String>,
    /// The public address of a mirror that is brought up to date by others; only its trace is read.
    #[serde(default)]
    pub(super) http: Option<String>,
    /// The streams that it gets, as patterns: `*` within a name, `**` for any names; all without it.
    #[serde(default)]
    pub(super) streams: Option<OneOrMany>,
    /// Whether it gets the files of the site and for readers; without it if it gets all streams.
    #[serde(default)]
    pub(super) pages: Option<bool>,
    /// The most bytes a second that are sent, such as `50MiB/s`.
    #[serde(default)]
    pub(super) bandwidth: Option<Rate>,
    /// For how long nothing may arrive there before it is given up; 5m without it.
    #[serde(default)]
    pub(super) stall: Option<TimeLimit>,
    /// The file that has the password of an rsync daemon, as an absolute path.
    #[serde(default)]
    pub(super) password_file: Option<String>,
    /// The name of its trace; its own name without it.
    #[serde(default)]
    pub(super) trace: Option<String>,
    /// Whether the mirror needs it: `status` and `metrics` report it when it is behind for longer than `alarm`.
    #[serde(default)]
    pub(super) required: bool,
    /// For how long it may be behind before `freshness` reports it; 1d without it.
    #[serde(default)]
    pub(super) alarm: Option<Span>,
}
