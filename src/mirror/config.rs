//! `mirror.yaml`: what makes a directory a mirror.

use super::readers_config::ReadersConfig;
use crate::model::{OneOrMany, RelPath};
use crate::store::Abilities;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of everything written below `.mirrorkeep`.
pub const FORMAT: u32 = 1;

/// What `mirror.yaml` says, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a mirror's settings, `format: 1` first")]
pub struct MirrorConfig {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// What tells this mirror from every other, so that a wrong disk mounted at its place is noticed.
    pub id: String,
    /// A shipped layout by name, or a file beside this one, ending in `.yaml`.
    pub layout: String,
    /// A shipped policy by name, or a file beside this one, ending in `.yaml`; without one nothing is pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A shipped pipeline by name, or a file beside this one, ending in `.yaml`; without one nothing is promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// Aliases beyond those of the layout, kept in every stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<AliasConfig>,
    /// Legacy names: where a link lies and the directory or build that it leads to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub legacy: BTreeMap<RelPath, RelPath>,
    /// What operators keep beside the streams, such as `README.txt` or `tools/*`; it is left alone with all below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
    /// What `check` grades differently and ignores; `check` itself validates the codes.
    #[serde(default, skip_serializing_if = "CheckConfig::is_empty")]
    pub check: CheckConfig,
    /// What readers of names get beyond the names; nothing without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<ReadersConfig>,
    /// What `init` found the store able to do, where that has to be tried out; a directory is simply asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abilities: Option<Abilities>,
}

/// What this mirror changes of the findings of `check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys `severity` and `ignore`")]
pub struct CheckConfig {
    /// The severity of findings by their code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity: BTreeMap<String, String>,
    /// Findings that do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreConfig>,
}

impl CheckConfig {
    /// Returns whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.severity.is_empty() && self.ignore.is_empty()
    }
}

/// Findings that `check` ignores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an entry such as `{code: context-missing, path: 'release/**', why: built before 2020}`"
)]
pub struct IgnoreConfig {
    /// Their code.
    pub code: String,
    /// Where, as a pattern; everywhere without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why.
    pub why: String,
    /// The last day on which they are ignored, in UTC; always without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// An alias that follows the newest build of a stream that meets a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an alias such as `{name: latest_signed, labels: {signed: yes}}`")]
pub struct AliasConfig {
    /// Its name in the stream's directory.
    pub name: String,
    /// Labels that the build must have, each with one value or a list of those that will do.
    #[serde(default)]
    pub labels: BTreeMap<String, OneOrMany>,
    /// In which streams it is kept, as a pattern; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<String>,
    /// Whether nothing of the stream may go while it is missing or dangles.
    #[serde(default)]
    pub required: bool,
    /// Whether it follows no build: a person or promotion sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}
