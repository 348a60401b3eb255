//! The YAML of a layout, exactly; what it means is made of it in `load`.

use crate::word::Words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A layout file: the grammar of the paths of one mirror.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a layout, `layout: 1` first")]
pub(super) struct LayoutFile {
    /// The version of this form: 1.
    pub(super) layout: u32,
    /// The layout's name.
    pub(super) name: String,
    /// What it describes, in a sentence.
    pub(super) title: String,
    /// The shipped policy that suits it.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// What may stand for each name in braces.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, FieldFile>,
    /// The lines of builds; the first that fits a path wins.
    pub(super) streams: Vec<StreamFile>,
    /// What may lie inside a build, as paths below it: `{field}`, `*` within a name, `**` for anything below.
    #[serde(default)]
    pub(super) tree: Vec<String>,
    /// Files whose presence says something of a build.
    #[serde(default)]
    pub(super) markers: MarkersFile,
    /// Aliases kept beside the builds of each stream.
    #[serde(default)]
    pub(super) aliases: Vec<AliasFile>,
    /// Older names for directories.
    #[serde(default)]
    pub(super) legacy: Vec<LegacyFile>,
    /// What else may lie beside the builds of a stream, as paths below its directory.
    #[serde(default)]
    pub(super) beside: Vec<String>,
    /// Trees that are left alone, as paths below the root.
    #[serde(default)]
    pub(super) declared: Vec<DeclaredFile>,
    /// Which stream a git branch or tag is built into; the first that fits wins.
    #[serde(default)]
    pub(super) branches: Vec<BranchFile>,
}

/// What may stand for a name in braces: one of `one_of`, `matches` and `time`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    /// One of these words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) one_of: Option<Vec<String>>,
    /// A regular expression that the whole value fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) matches: Option<String>,
    /// A UTC time in this form, such as `%Y%m%dT%H%M%SZ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,
    /// Values that must fit, checked when the layout is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) examples: Vec<String>,
}

/// A line of builds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamFile {
    /// The name of the stream; a part in `[…]` may be missing.
    pub(super) stream: String,
    /// The name of a build in it.
    pub(super) build: String,
    /// The directory in which aliases lie; as the stream is named without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) home: Option<String>,
    /// The path of a build; home and build name without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// The field that numbers builds of one instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) respin: Option<String>,
}

/// Files whose presence says something of a build, as paths below it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkersFile {
    /// From which commits it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
    /// How it went; the first path of each result is the one that is written.
    #[serde(default)]
    pub(super) results: Vec<ResultFile>,
    /// Labels that a file stands for, such as a sanity result.
    #[serde(default)]
    pub(super) labels: Vec<LabelFile>,
}

/// The marker of a result.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultFile {
    /// `success`, `fail` or `empty`.
    pub(super) result: String,
    /// Where the marker lies; the first is written, the others are read, too.
    pub(super) paths: Vec<String>,
    /// What it holds; nothing without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    /// For markers that are one word in a shared file (`STATUS`): the words that mean this result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<String>,
}

/// A file that stands for a label.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelFile {
    /// Where it lies in the build.
    pub(super) path: String,
    /// The label, `key=value`.
    pub(super) label: String,
}

/// An alias that follows the newest build of a stream that meets a condition.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasFile {
    /// Its name in the stream's home.
    pub(super) name: String,
    /// The results that count; `success` without this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) results: Option<Vec<String>>,
    /// The labels that the build must have, each with one value or a list of those that will do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, Words>,
    /// Whether nothing of the stream may be pruned while it is missing, dangles or loops.
    #[serde(default)]
    pub(super) required: bool,
    /// Whether it is set by hand only.
    #[serde(default)]
    pub(super) by_hand: bool,
}

/// An older name for a directory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LegacyFile {
    /// Where the link lies.
    pub(super) alias: String,
    /// The directory that it leads to.
    pub(super) target: String,
}

/// A tree that is left alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeclaredFile {
    /// Where it lies.
    pub(super) path: String,
    /// What it is.
    pub(super) why: String,
}

/// Which stream a git branch or tag is built into.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchFile {
    /// The branch or tag.
    pub(super) branch: String,
    /// The stream.
    pub(super) stream: String,
    /// The build's name, where it is not the time of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) build: Option<String>,
}
