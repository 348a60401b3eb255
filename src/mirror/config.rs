//! `mirror.yaml`: what makes a directory a mirror.

use crate::model::{RelPath, Words};
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
    /// Aliases beyond those of the layout, kept in every stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<AliasConfig>,
    /// Legacy names: where a link lies and the directory or build that it leads to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub legacy: BTreeMap<RelPath, RelPath>,
    /// What operators keep beside the streams, such as `README.txt` or `tools/*`; it is left alone with all below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
    /// What `init` found the store able to do, where that has to be tried out; a directory is simply asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abilities: Option<Abilities>,
}

/// An alias that follows the newest build of a stream that meets a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an alias such as `{name: latest_signed, labels: {signed: yes}}`")]
pub struct AliasConfig {
    /// Its name in the stream's directory.
    pub name: String,
    /// Labels that the build must have, each with one value or a list of those that will do.
    #[serde(default)]
    pub labels: BTreeMap<String, Words>,
    /// In which streams it is kept, as a pattern; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<String>,
    /// Whether nothing of the stream may go while it is missing or dangles.
    #[serde(default)]
    pub required: bool,
}
