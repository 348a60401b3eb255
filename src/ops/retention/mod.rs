//! Which builds expire, and how they are moved to the trash, restored, or deleted.

mod archiving;
pub(crate) mod clock;
pub(crate) mod concern;
#[cfg(test)]
mod handshakes;
pub(crate) mod hold;
pub(crate) mod order;
pub(crate) mod parts;
pub(crate) mod plan;
pub(crate) mod prune;
pub(crate) mod recheck;
pub(crate) mod removals;
pub(crate) mod report;
pub(crate) mod restore;
mod run;
pub(crate) mod sharing;
pub(crate) mod sweep;
pub(crate) mod trim;

pub use archiving::would_archive;
pub use concern::Concern;
pub use hold::{HoldReport, hold, unhold};
pub use plan::{
    PlanError, Planned, deferring, plan, plan_at, policy_of, publish_deadlines, suiting, verdicts, would_free,
};
pub use prune::prune;
pub use report::{Failure, PruneOptions, PruneReport, PrunedBuild, Skipped, SweepReport};
pub use restore::{Restored, not_archived, not_trashed, restore};
pub use sharing::share_out;
pub use sweep::sweep;
