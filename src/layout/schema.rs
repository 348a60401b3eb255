//! The YAML of a layout, exactly; `load` makes the grammar from it.

use crate::model::OneOrMany;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A layout file: the grammar of the paths of one mirror.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a layout, `layout: 1` first")]
pub(super) struct LayoutFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) layout: u32,
    /// The layout's name.
    pub(super) name: String,
    /// What it describes, in a sentence.
    pub(super) title: String,
    /// The shipped policy that suits it.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// The values of each name in braces.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, FieldFile>,
    /// Streams and their builds; the first entry that matches a path wins.
    #[schemars(length(min = 1))]
    pub(super) streams: Vec<StreamFile>,
    /// What may be inside a build, as paths below it: `{field}`, `*` within a path component, `**` for anything
    /// below.
    #[serde(default)]
    pub(super) tree: Vec<String>,
    /// Files of a build with a meaning.
    #[serde(default)]
    pub(super) markers: MarkersFile,
    /// The file of a build that states when it was made, if its name does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<CreatedFile>,
    /// Aliases kept beside the builds of each stream.
    #[serde(default)]
    pub(super) aliases: Vec<AliasFile>,
    /// Older names for directories.
    #[serde(default)]
    pub(super) legacy: Vec<LegacyFile>,
    /// What else may be beside the builds of a stream, as paths below its directory.
    #[serde(default)]
    pub(super) beside: Vec<String>,
    /// Trees that are left alone, as paths below the root.
    #[serde(default)]
    pub(super) declared: Vec<DeclaredFile>,
    /// The stream of a git branch or tag; the first entry that matches wins.
    #[serde(default)]
    pub(super) branches: Vec<BranchFile>,
    /// Builds that are made of those to which an alias points in several streams.
    #[serde(default)]
    pub(super) bundles: Vec<BundleFile>,
    /// Container images that come with the builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) images: Option<ImagesFile>,
}

/// The values of a name in braces: one of `one_of`, `matches`, `version` and `time`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a field")]
pub(super) struct FieldFile {
    /// One of these words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) one_of: Option<Vec<String>>,
    /// A regular expression that matches the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) matches: Option<String>,
    /// A regular expression that matches the whole value, which is a version: in the name of a build it orders the
    /// builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// A UTC time in this form, such as `%Y%m%dT%H%M%SZ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,
    /// Words that `matches` or `version` would accept, but that are excluded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) except: Vec<String>,
    /// Values that must match, checked when the layout is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) examples: Vec<String>,
}

/// Streams and their builds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a stream")]
pub(super) struct StreamFile {
    /// The name of the stream; a part in `[…]` may be missing.
    pub(super) stream: String,
    /// The name of a build in it; a part in `[…]` may be missing.
    pub(super) build: String,
    /// The directory of the aliases, `.` for the root [default: that of the stream's name].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) home: Option<String>,
    /// The path of a build [default: home and build name].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// The field that numbers builds of one instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) respin: Option<String>,
}

/// Files of a build with a meaning, as paths below it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of markers")]
pub(super) struct MarkersFile {
    /// The file with the commits from which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
    /// Whether a successful build may lack it.
    #[serde(default)]
    pub(super) context_optional: bool,
    /// The markers of its result; the first path of each result is the one that is written.
    #[serde(default)]
    pub(super) results: Vec<ResultFile>,
    /// The result of a build without any of them: `success`, `partial` (the default) or `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) without: Option<String>,
    /// Labels that a file represents, such as a sanity result; of one key, the first existing file counts.
    #[serde(default)]
    pub(super) labels: Vec<LabelFile>,
    /// The file that protects the build from pruning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<String>,
}

/// The marker of a result.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a marker")]
pub(super) struct ResultFile {
    /// `success`, `fail`, `empty` or, by `words`, `partial`.
    pub(super) result: String,
    /// The path of the marker; the first is written, the others are read, too.
    pub(super) paths: Vec<String>,
    /// Its contents [default: empty].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    /// For markers that are one word in a shared file (`STATUS`): the words for this result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) words: Vec<String>,
    /// The key of the word in a YAML or JSON file, such as `commits[0].status` [default: the whole text].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Whether the build itself provides the file, so that it is never written.
    #[serde(default)]
    pub(super) given: bool,
}

/// The file of a build that states when it was made.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a time")]
pub(super) struct CreatedFile {
    /// Its path in the build.
    pub(super) file: String,
    /// The key of the time in it, such as `commits[0].dt_build` [default: the whole text].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The form of the time: `unix` for seconds since 1970, or a form such as `%Y%m%d` [default: as in JSON].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<String>,
}

/// A file that represents a label.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a label")]
pub(super) struct LabelFile {
    /// Its path in the build.
    pub(super) path: String,
    /// The label, `key=value`.
    pub(super) label: String,
}

/// An alias that follows the newest build of a stream that meets a condition.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of an alias")]
pub(super) struct AliasFile {
    /// Its name in the stream's home; it may contain fields of the stream, and those that `labels` name.
    pub(super) name: String,
    /// The streams in which it is known, as a pattern or several [default: all].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) streams: Option<OneOrMany>,
    /// The results that count [default: `success`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) results: Option<Vec<String>>,
    /// The labels that the build must have, each with one value or a list of accepted ones; `{field}` accepts any
    /// value of the field, and makes an alias for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, OneOrMany>,
    /// Whether nothing of the stream may be pruned while it is missing, dangles or loops.
    #[serde(default)]
    pub(super) required: bool,
    /// Whether it is set by hand only.
    #[serde(default)]
    pub(super) by_hand: bool,
}

/// An older name for a directory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{alias: NAME, target: DIRECTORY}`")]
pub(super) struct LegacyFile {
    /// The path of the link.
    pub(super) alias: String,
    /// The directory that it points to.
    pub(super) target: String,
}

/// A tree that is left alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{path: PATH, why: TEXT}`")]
pub(super) struct DeclaredFile {
    /// Its path.
    pub(super) path: String,
    /// Its description.
    pub(super) why: String,
}

/// The stream of a git branch or tag.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "`{branch: NAME, stream: STREAM}`")]
pub(super) struct BranchFile {
    /// The branch or tag.
    pub(super) branch: String,
    /// The stream; a part in `[…]` is present if its fields are given.
    pub(super) stream: String,
    /// The build's name, if it is not the time of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) build: Option<String>,
}

/// A build that is made of those to which an alias points in several streams.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of a bundle")]
pub(super) struct BundleFile {
    /// The streams of the bundles, as `streams` names them.
    pub(super) stream: String,
    /// The streams of the members, as `streams` names them; fields that the bundle's stream also has, have the same
    /// values.
    pub(super) members: String,
    /// The alias in the stream of each member; it may contain fields of the bundle's stream.
    pub(super) alias: String,
    /// Streams that are not members, as a pattern or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) except: Option<OneOrMany>,
    /// The alias in the bundle's stream that resolves to the current bundle; the files are reached through it.
    pub(super) link: String,
    /// How each file is made.
    pub(super) files: Vec<BundledFile>,
}

/// A file of a bundle: those of the members in their order, or the MD5 of another one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a file such as `{file: versions.csv, header: true}`")]
pub(super) struct BundledFile {
    /// Its name, in each member and in the bundle.
    pub(super) file: String,
    /// Text that comes after each member's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    /// Whether the first line is the same in every member's file, and written once.
    #[serde(default)]
    pub(super) header: bool,
    /// The file of which this is the MD5, which is the name of the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) md5_of: Option<String>,
}

/// Container images that come with the builds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys of images")]
pub(super) struct ImagesFile {
    /// The files of a build with one reference on each line, as paths below it; a part in `[…]` may be missing.
    #[serde(default)]
    pub(super) lists: Vec<String>,
    /// The forms of references, `REPOSITORY:TAG` without the registry; a part in `[…]` may be missing. The first that
    /// matches counts; later ones are older names of the same images.
    #[schemars(length(min = 1))]
    pub(super) references: Vec<String>,
}
