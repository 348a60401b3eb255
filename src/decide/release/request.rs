//! A request with its entries.

use super::kinds::ReleaseModel;
use super::settings::{Settings, stream_of};
use super::version::{ReleaseType, ReleaseVersion};
use crate::model::{BuildId, Document, Label, Stream};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// The directory of the requests.
pub const REQUESTS: &str = "requests";

/// A request: what of one project is released in one series.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its path in the repository.
    pub file: String,
    /// The series.
    pub series: String,
    /// The name of the project.
    pub name: String,
    /// The team that is responsible.
    pub team: String,
    /// Which types of releases there are.
    pub model: ReleaseModel,
    /// The template of the stream of its builds, if the file has one.
    pub stream: Option<String>,
    /// The repositories that are listed, with whether each has further releases; none if the file does not list them.
    pub repositories: BTreeMap<String, bool>,
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    pub(super) document: Document,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text of its version.
    pub text: String,
    /// The version, if it is one.
    pub version: Option<ReleaseVersion>,
    /// The repositories with their commits.
    pub projects: Vec<Project>,
    /// The build that becomes this release.
    pub build: Option<BuildId>,
    /// The labels that the request has for the build.
    pub labels: Vec<Label>,
    /// What the event says to people.
    pub announcement: Option<String>,
    /// Whether the version may be older than the one before.
    pub forced: bool,
    /// Whether its tags are not signed.
    pub unsigned: bool,
}

/// A repository with the commit that is released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The repository.
    pub repo: String,
    /// The commit.
    pub commit: String,
}

/// Which entry, by its series, name and version; printed as `2024.1/nova/29.0.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The series.
    pub series: String,
    /// The name of the project.
    pub name: String,
    /// The version.
    pub version: String,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.series, self.name, self.version)
    }
}

impl EntryId {
    /// Returns the path of its request.
    pub fn file(&self) -> String {
        format!("{REQUESTS}/{}/{}.yaml", self.series, self.name)
    }
}

impl Entry {
    /// Returns its type, if its version is one.
    pub fn kind(&self) -> Option<ReleaseType> {
        self.version.as_ref().map(ReleaseVersion::kind)
    }

    /// Returns the commit of a repository.
    pub fn commit(&self, repo: &str) -> Option<&str> {
        self.projects.iter().find(|project| project.repo == repo).map(|project| project.commit.as_str())
    }

    /// Returns its commits by repository.
    pub fn commits(&self) -> BTreeMap<String, String> {
        self.projects.iter().map(|project| (project.repo.clone(), project.commit.clone())).collect()
    }
}

impl Request {
    /// Returns which entry one of its entries is.
    pub fn id(&self, entry: &Entry) -> EntryId {
        EntryId { series: self.series.clone(), name: self.name.clone(), version: entry.text.clone() }
    }

    /// Returns the positions of the entries that are new. A second one of a version is, whatever the first one is.
    pub fn new_entries(&self, is_old: impl Fn(&EntryId) -> bool) -> BTreeSet<usize> {
        let (mut seen, mut new) = (HashSet::new(), BTreeSet::new());
        for (index, entry) in self.entries.iter().enumerate() {
            if !seen.insert(&entry.text) || !is_old(&self.id(entry)) {
                new.insert(index);
            }
        }
        new
    }

    /// Returns the labels that the build of an entry gets.
    pub fn labels(&self, entry: &Entry) -> Vec<Label> {
        let kind = entry.kind().map_or("final", ReleaseType::as_str);
        let own = [("series", self.series.as_str()), ("release", entry.text.as_str()), ("type", kind)];
        // The names were checked, and each is a value of a label.
        let own = own.into_iter().filter_map(|(key, value)| Label::new(key, value).ok());
        own.chain(entry.labels.iter().cloned()).collect()
    }

    /// Returns the stream of a repository, if it is stated.
    pub fn stream(&self, settings: &Settings, repo: &str) -> Option<Stream> {
        let template = self.stream.as_deref().or(settings.stream.as_deref())?;
        stream_of(template, repo, &self.series, &self.name).ok()
    }

    /// Returns the first and the last line of an entry, as git counts lines.
    pub fn lines(&self, index: usize) -> Option<(usize, usize)> {
        self.document.lines(&format!("releases[{index}]"))
    }
}
