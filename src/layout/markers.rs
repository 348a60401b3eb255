//! Which files of a build say something of it.

use crate::model::{Outcome, RelPath};

/// The files that say something of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markers {
    /// Where CONTEXT lies in a build.
    pub context: Option<RelPath>,
    /// Whether a successful build may be without it.
    pub context_optional: bool,
    /// The markers of the results.
    pub results: Vec<ResultMarker>,
    /// What a build without any marker is.
    pub without: Outcome,
    /// Files that stand for a label: where they lie, key and value; of one key, the first that is there counts.
    pub labels: Vec<(RelPath, String, String)>,
    /// The file that holds a build back from pruning.
    pub hold: Option<RelPath>,
    /// The file that says when a build was made.
    pub created: Option<TimeFile>,
}

impl Markers {
    /// Returns every place of a build where a file has a meaning: CONTEXT, results, labels, hold and time.
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
    /// Where it may lie in a build; the first is the one that is written.
    pub paths: Vec<RelPath>,
    /// What it holds when it is written; nothing for a marker that the build brings itself.
    pub content: Option<String>,
    /// For a marker that is one word in a shared file: the words that mean this result.
    pub words: Vec<String>,
    /// Where the word stands in a file that is YAML or JSON.
    pub key: Option<String>,
}

/// The file of a build that says when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFile {
    /// Where it lies in the build.
    pub file: RelPath,
    /// Where the time stands in it.
    pub key: Option<String>,
    /// How it is written; as in JSON without this.
    pub form: Option<String>,
}
