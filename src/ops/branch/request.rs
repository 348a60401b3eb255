//! The request to begin streams.

use crate::decide::branch::Counterparts;
use crate::model::BuildName;
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// Which streams begin, and with what.
#[derive(Debug, Clone)]
pub struct BranchRequest {
    /// The old streams and their counterparts.
    pub counterparts: Counterparts,
    /// The build of each old stream with which its counterpart begins: an alias or a build of that stream, or the ID of a build.
    pub seed: Option<String>,
    /// The name of that build in the counterpart; the same as in the old stream without it.
    pub build: Option<BuildName>,
    /// Stages of the old streams that the counterparts do not get.
    pub without: BTreeSet<String>,
    /// The day that the release calendars must have.
    pub date: Option<NaiveDate>,
}
