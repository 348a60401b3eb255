//! What was asked of a run of `sync`, and what it did.

use super::SyncError;
use crate::mirror::chain;
use crate::model::{BuildId, Class, Classify, RelPath, shown};
use crate::ops::Mode;
use crate::ops::retention::report::Failure;
use schemars::JsonSchema;
use serde::Serialize;

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// The targets; all without names.
    pub names: Vec<String>,
    /// How much is read again at the target.
    pub verify: Verify,
    /// Whether everything is compared, also with a target that lost its trace.
    pub restart: bool,
    /// The most builds that may be deleted at a target.
    pub delete_at_most: Option<usize>,
    /// Whether it is done, or only told.
    pub mode: Mode,
}

/// How much is read again at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Some of the files that were sent.
    Sample,
    /// Every file of every build.
    All,
}

/// What was done.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SyncReport {
    /// What was done for each target, in the order of targets.yaml.
    pub targets: Vec<TargetReport>,
}

/// What was done for a target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TargetReport {
    /// Its name.
    pub name: String,
    /// How it is reached: `directory`, `rsync`, `mirror`, `http`.
    pub via: &'static str,
    /// How it ended.
    pub outcome: SyncOutcome,
    /// The number of the event up to which everything is there; `null` where that is not known.
    pub serial: Option<u64>,
    /// The builds that are there now and were not, or not as a whole; in a dry run those that would be sent.
    pub builds: Vec<BuildId>,
    /// How many files these have.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The names that were set.
    pub names: Vec<RelPath>,
    /// The names that were removed.
    pub names_removed: Vec<RelPath>,
    /// How many files of the site and for readers were sent.
    pub pages: u64,
    /// The builds that were deleted there.
    pub deleted: Vec<BuildId>,
    /// The names that are not set yet, and the builds that are not deleted yet, each with the reason.
    pub waits: Vec<String>,
    /// What is there that was never sent, in directories of builds; at most 100 paths.
    pub strange: Vec<String>,
    /// What could not be sent.
    pub failures: Vec<Failure>,
    /// Warnings for a person.
    pub warnings: Vec<String>,
    /// Why the run did not come to its end.
    pub failure: Option<String>,
    /// What kind of failure that is.
    #[serde(skip)]
    pub class: Option<Class>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncOutcome {
    /// Everything was there already.
    Current,
    /// Everything is there now.
    Done,
    /// Only its trace was read.
    Read,
    /// Something could not be sent, or waits.
    Partly,
    /// More builds would be deleted than may be, so that none was.
    Withheld,
    /// Nothing was done: this is a dry run.
    Trial,
    /// The run did not come to its end.
    Failed,
}

impl TargetReport {
    pub(super) fn nothing(name: &str, via: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            via,
            outcome: SyncOutcome::Current,
            serial: None,
            builds: Vec::new(),
            files: 0,
            bytes: 0,
            names: Vec::new(),
            names_removed: Vec::new(),
            pages: 0,
            deleted: Vec::new(),
            waits: Vec::new(),
            strange: Vec::new(),
            failures: Vec::new(),
            warnings: Vec::new(),
            failure: None,
            class: None,
        }
    }

    /// Returns the report with how the run ended.
    pub(super) fn ended(self, ended: Result<(), SyncError>) -> Self {
        let Err(error) = ended else { return self };
        let why: String = shown(&chain(&error)).into_owned();
        Self { outcome: SyncOutcome::Failed, failure: Some(why), class: Some(error.class()), ..self }
    }

    /// Returns whether something was done.
    pub fn is_busy(&self) -> bool {
        !(self.builds.is_empty()
            && self.names.is_empty()
            && self.names_removed.is_empty()
            && self.pages == 0
            && self.deleted.is_empty())
    }
}
