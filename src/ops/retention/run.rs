//! A running prune: its session, its plan, its recheck before each step, and its report so far.

use crate::ops::retention::archiving::Archives;
use crate::ops::retention::plan::Planned;
use crate::ops::retention::recheck::Recheck;
use crate::ops::retention::report::PruneReport;
use crate::session::Session;

/// One prune; its steps are methods in `prune` and `trim`.
pub(crate) struct PruneRun<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) planned: Planned,
    /// The recheck of every protection under the lock.
    pub(crate) recheck: Recheck,
    /// The archives, and what they have.
    pub(crate) archives: Archives<'a>,
    pub(crate) report: PruneReport,
}
