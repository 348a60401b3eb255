//! A prune at work: its session, its plan, what is rechecked before each step, and what it did so far.

use crate::ops::retention::plan::Planned;
use crate::ops::retention::recheck::Recheck;
use crate::ops::retention::report::PruneReport;
use crate::session::Session;

/// One prune; its steps are methods in `prune` and `trim`.
pub(crate) struct PruneRun<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) planned: Planned,
    /// What rechecks every protection under the lock.
    pub(crate) recheck: Recheck,
    pub(crate) report: PruneReport,
}
