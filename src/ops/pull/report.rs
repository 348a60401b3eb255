//! What a pull did.

use crate::commit::Moved;
use crate::model::{BuildId, Stamp};
use crate::ops::copy::{Copied, UnmovedAlias};
use crate::ops::pull::PullError;
use crate::ops::retention::Failure;
use schemars::JsonSchema;
use serde::Serialize;

/// What a pull did, or would do.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct PullReport {
    /// The id of the mirror of which this is a copy.
    pub upstream: String,
    /// The number of the edition of its change list.
    pub serial: u64,
    /// The number of the newest event that this edition has.
    pub event: u64,
    /// When the edition was written.
    pub written: Option<Stamp>,
    /// How many builds and names of the list were read: those that changed, or all.
    pub read: u64,
    /// The builds that came, in the order of their coming.
    pub builds: Vec<Copied>,
    /// How many of the builds that were read were here before.
    pub unchanged: u64,
    /// The builds that are not kept here.
    pub skipped: Vec<SkippedBuild>,
    /// Names that moved or were removed.
    pub aliases: Vec<Moved>,
    /// Names that could not be set, and are tried again by the next pull.
    pub left: Vec<UnmovedAlias>,
    /// Builds that went upstream and are here still: the policy of this mirror decides about them.
    pub gone: Vec<BuildId>,
    /// Builds that were withdrawn upstream and are here still.
    pub withdrawn: Vec<BuildId>,
    /// Builds that were withdrawn here, since they were upstream.
    pub followed: Vec<BuildId>,
    /// What could not be brought.
    pub failures: Vec<Failure>,
    /// Warnings for a person.
    pub warnings: Vec<String>,
    /// Why the list may not be the newest.
    pub stale: Option<String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// What ended it early.
    #[serde(skip)]
    pub ended_by: Option<PullError>,
}

/// A build that is not kept here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SkippedBuild {
    /// Which build.
    pub id: BuildId,
    /// Why not.
    pub why: String,
}
