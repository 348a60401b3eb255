//! Requests and reports.

use crate::decide::due::{Answer, ContextSource, GitSource, Request};
use crate::decide::policy::Span;
use crate::model::{RelPath, Stamp, Stream};
use crate::record::RunOutcome;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What can make a build due, and what to start then.
#[derive(Debug, Clone)]
pub struct DueRequest {
    /// The stream.
    pub stream: Stream,
    /// The time since the last start.
    pub every: Option<Span>,
    /// The branches and tags to compare with the CONTEXT of the newest build.
    pub git: Vec<GitSource>,
    /// The repository of every checkout in that CONTEXT, to compare as well.
    pub context: Option<ContextSource>,
    /// The time limit of each repository.
    pub git_limit: Duration,
    /// The files to compare with those of the newest build.
    pub changed: Vec<ChangedFile>,
    /// The command to start: a program and its arguments.
    pub run: Option<Vec<String>>,
    /// Its time limit.
    pub run_limit: Duration,
}

/// A file to compare with one of the newest build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path in the build; without one, the only path with its name.
    pub path: Option<RelPath>,
    /// Its path on this machine.
    pub file: PathBuf,
}

/// Whether a build is due, and what was done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DueReport {
    /// The stream.
    pub stream: Stream,
    /// The result.
    pub outcome: DueOutcome,
    /// The process that runs a build of the stream, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// Since when, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Stamp>,
    /// The answer to each question; none while a run is in progress.
    pub answers: Vec<Answer>,
    /// The run that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunReport>,
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DueOutcome {
    /// A build is due.
    Due,
    /// None is due.
    NotDue,
    /// A run of the stream is in progress, so none is started.
    Running,
    /// A question could not be answered, and no other makes a build due.
    Unknown,
    /// A run was started, and its command succeeded.
    Succeeded,
    /// A run was started, and its command failed.
    Failed,
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunReport {
    /// Its number: that of the event `run.started`.
    pub run: u64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// The exit code; `null` if it ended otherwise.
    pub code: Option<i32>,
    /// How it ended, as a sentence.
    pub why: String,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// Why its end could not be recorded, so that the next call may start it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<String>,
}

/// The report of adding or removing requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RequestReport {
    /// The stream.
    pub stream: Stream,
    /// The open requests, oldest first; in a dry run those before the change.
    pub open: Vec<Request>,
    /// Whether requests were, or would be, added or removed.
    pub changed: bool,
}

impl DueReport {
    /// Returns that a run is in progress.
    pub(super) fn running(stream: &Stream, by: Option<String>, since: Option<Stamp>) -> Self {
        let stream = stream.clone();
        Self { stream, outcome: DueOutcome::Running, running: by, since, answers: Vec::new(), run: None }
    }

    /// Returns the result for these answers.
    pub(super) fn asked(stream: &Stream, answers: Vec<Answer>) -> Self {
        let any = |due| answers.iter().any(|answer| answer.due == due);
        let outcome = match () {
            () if any(Some(true)) => DueOutcome::Due,
            // What is not known is not "not due".
            () if any(None) => DueOutcome::Unknown,
            () => DueOutcome::NotDue,
        };
        Self { stream: stream.clone(), outcome, running: None, since: None, answers, run: None }
    }
}
