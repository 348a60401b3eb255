//! `mirror.yaml`: what makes a directory a mirror.

use super::changes_config::ChangesConfig;
use super::readers_config::ReadersConfig;
use super::site_config::SiteConfig;
use crate::model::{OneOrMany, RelPath, Stream};
use crate::store::Abilities;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of everything written below `.mirrorkeep`.
pub const FORMAT: u32 = 1;

/// The contents of `mirror.yaml`, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a mirror's settings, `format: 1` first")]
pub struct MirrorConfig {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// What identifies this mirror, so that a wrong disk mounted at its path is noticed.
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
    /// Legacy aliases: the path of a link and the directory or build to which it resolves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub legacy: BTreeMap<RelPath, RelPath>,
    /// What operators keep beside the streams, such as `README.txt` or `tools/*`; these paths and everything below
    /// them are left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<String>,
    /// Findings of `check` with another severity, and findings to ignore; `check` itself validates the codes.
    #[serde(default, skip_serializing_if = "CheckConfig::is_empty")]
    pub check: CheckConfig,
    /// The files for readers of aliases; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<ReadersConfig>,
    /// The files for people and programs that browse the mirror; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteConfig>,
    /// The list of what came, moved and went, for mirrors of the mirror; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesConfig>,
    /// The abilities of the store as `init` probed them; those of a directory are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abilities: Option<Abilities>,
}

impl MirrorConfig {
    /// Returns the public address of the mirror's root, without a slash at its end.
    pub fn address(&self) -> Option<&str> {
        let site = self.site.as_ref().and_then(|site| site.url.as_deref());
        let url = site.or_else(|| self.readers.as_ref()?.url.as_deref());
        url.map(|url| url.trim_end_matches('/'))
    }
}

/// How this mirror changes the findings of `check`.
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
    /// The path, as a pattern; everywhere without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The reason.
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
    /// Labels that the build must have, each with one value or a list of accepted ones.
    #[serde(default)]
    pub labels: BTreeMap<String, OneOrMany>,
    /// The streams, as a pattern; all without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<String>,
    /// Whether nothing of the stream may be deleted while the alias is missing or dangles.
    #[serde(default)]
    pub required: bool,
    /// Whether it follows no build: only a person or a promotion sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

impl AliasConfig {
    /// Returns whether it is an alias of a stream; an invalid pattern matches none.
    pub fn is_in(&self, stream: &Stream) -> bool {
        let fits = |pattern: &String| glob::Pattern::new(pattern).is_ok_and(|p| p.matches(stream.as_str()));
        self.streams.as_ref().is_none_or(fits)
    }
}
