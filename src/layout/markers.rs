//! The files of a build that have a meaning.

use crate::model::{Outcome, RelPath};

/// The files of a build that have a meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markers {
    /// The path of CONTEXT in a build.
    pub context: Option<RelPath>,
    /// Whether a successful build may lack it.
    pub context_optional: bool,
    /// The markers of the results.
    pub results: Vec<ResultMarker>,
    /// The result of a build without any marker.
    pub without: Outcome,
    /// Files that represent a label: path, key and value; of one key, the first existing file counts.
    pub labels: Vec<(RelPath, String, String)>,
    /// The file that protects the build from pruning.
    pub hold: Option<RelPath>,
    /// The file that states when a build was made.
    pub created: Option<TimeFile>,
}

impl Markers {
    /// Returns every path of a build where a file has a meaning: CONTEXT, results, labels, hold and time.
    pub fn places(&self) -> impl Iterator<Item = &RelPath> {
        let results = self.results.iter().flat_map(|marker| &marker.paths);
        let labels = self.labels.iter().map(|(at, ..)| at);
        let created = self.created.as_ref().map(|time| &time.file);
        self.context.iter().chain(results).chain(labels).chain(&self.hold).chain(created)
    }
}

/// The marker of one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultMarker {
    /// The result.
    pub outcome: Outcome,
    /// Its possible paths in a build; the first is the one that is written.
    pub paths: Vec<RelPath>,
    /// Its contents when it is written; nothing for a marker that the build itself provides.
    pub content: Option<String>,
    /// For a marker that is one word in a shared file: the words for this result.
    pub words: Vec<String>,
    /// The key of the word in a YAML or JSON file.
    pub key: Option<String>,
}

/// The file of a build that states when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFile {
    /// Its path in the build.
    pub file: RelPath,
    /// The key of the time in it.
    pub key: Option<String>,
    /// The form of the time; by default as in JSON.
    pub form: Option<String>,
}
