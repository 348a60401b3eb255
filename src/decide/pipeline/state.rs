//! What is known of the names and builds of a stream, and what follows for a stage.

use crate::model::{BuildId, BuildName, Stamp, Stream};
use serde::Serialize;
use std::collections::BTreeMap;

/// What an alias led to at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Led {
    /// Since when.
    pub at: Stamp,
    /// The build; nothing where the alias was removed or led elsewhere.
    pub build: Option<BuildName>,
}

/// What the aliases of each stream have led to, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Moves(BTreeMap<Stream, BTreeMap<String, Vec<Led>>>);

/// What stands in for the vote of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The stage for which it counts.
    pub stage: String,
    /// The job.
    pub job: String,
    /// For which builds.
    #[serde(flatten)]
    pub scope: WaiverScope,
    /// Why.
    pub why: String,
    /// Who gave it.
    pub by: String,
    /// Since when.
    pub since: Stamp,
}

/// For which builds a waiver counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaiverScope {
    /// One build.
    Build(BuildId),
    /// Every build, until then; the last instant counts.
    Until(Stamp),
}

/// What a promotion of a stage does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A candidate meets everything: the stage moves to it.
    Promoted,
    /// Nothing is newer than the build that has the stage.
    Current,
    /// There are candidates, and none meets everything.
    Waiting,
    /// No build has the stage, and there is no candidate.
    None,
    /// Somebody moved the name; nothing moves until a person takes it over.
    Interfered,
}

/// A build that a stage may take next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The build.
    pub id: BuildId,
    /// What it lacks: jobs without a success, labels, or why it cannot be promoted at all.
    pub missing: Vec<String>,
    /// The jobs whose vote is waived.
    pub waived: Vec<String>,
    /// Why it is rejected.
    pub rejected: Option<String>,
}

/// The state of a stage in one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageState {
    /// The stage.
    pub stage: String,
    /// The stream.
    pub stream: Stream,
    /// The build that has the stage.
    pub incumbent: Option<BuildId>,
    /// Since when.
    pub since: Option<Stamp>,
    /// What a promotion does now.
    pub outcome: Outcome,
    /// The build that a promotion moves the stage to.
    pub build: Option<BuildId>,
    /// The latest candidate for which a required job voted failure, where `on_failure` does not have it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<BuildId>,
    /// The candidates, the latest arrival first.
    pub candidates: Vec<Candidate>,
    /// How many whole days the incumbent is older than the newest candidate; nothing where that is not known.
    pub gap_days: Option<i64>,
    /// Whether that is more than the stage accepts.
    pub alarm: bool,
}

impl Moves {
    /// Adds that an alias of a stream leads to a build, or to none; moves come in the order of time.
    pub fn add(&mut self, stream: &Stream, alias: &str, at: Stamp, build: Option<BuildName>) {
        let aliases = self.0.entry(stream.clone()).or_default();
        aliases.entry(alias.to_owned()).or_default().push(Led { at, build });
    }

    /// Returns what an alias of a stream has led to, oldest first.
    pub fn of(&self, stream: &Stream, alias: &str) -> &[Led] {
        self.0.get(stream).and_then(|aliases| aliases.get(alias)).map_or(&[], Vec::as_slice)
    }
}

impl Waiver {
    /// Returns whether it stands in for a job's vote on a build at `now`.
    pub fn covers(&self, stage: &str, job: &str, id: &BuildId, now: Stamp) -> bool {
        self.stage == stage
            && self.job == job
            && match &self.scope {
                WaiverScope::Build(build) => build == id,
                WaiverScope::Until(until) => now <= *until,
            }
    }
}

impl StageState {
    /// Returns the newest candidate.
    pub fn newest(&self) -> Option<&Candidate> {
        self.candidates.first()
    }
}

impl Candidate {
    /// Returns whether nothing keeps it from being promoted.
    pub fn is_ready(&self) -> bool {
        self.missing.is_empty() && self.rejected.is_none()
    }
}
