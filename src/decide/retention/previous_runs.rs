//! Inputs of a plan beyond census, policy and instant: earlier runs, and what could not be read.

use crate::decide::policy::Policy;
use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};
use std::collections::{BTreeMap, HashMap};

/// Earlier runs, and what could not be read. The default is a first run on a complete census.
#[derive(Debug, Clone, Default)]
pub struct PreviousRuns {
    /// The ID of the mirror, which the digest of the plan covers, so that a plan is accepted for one mirror only.
    pub mirror: Option<String>,
    /// When a plan was last carried out.
    pub last_run: Option<Stamp>,
    /// Whether no plan was ever carried out on builds that scripts wrote.
    pub first_run: bool,
    /// The number of builds then.
    pub last_count: Option<usize>,
    /// The time of the file system's clock.
    pub store_clock: Option<Stamp>,
    /// Whether no clock is compared: for a preview of any instant, and when the user states that the clock is right.
    pub any_clock: bool,
    /// The policy by which a plan was last carried out.
    pub previous: Option<Box<Policy>>,
    /// The plan that the user accepted, despite brakes.
    pub accepted: Option<Digest>,
    /// What could not be read and may protect any build: nothing expires.
    pub unreadable: Vec<(RelPath, String)>,
    /// Frozen streams, with the reason.
    pub frozen: BTreeMap<Stream, String>,
    /// Streams that lost builds without a prune, with the details; accepting the plan unfreezes them.
    pub dropped: BTreeMap<Stream, String>,
    /// Warnings that do not come from the census.
    pub warnings: Vec<String>,
    /// How full the disk is.
    pub space: Option<Space>,
    /// Whether a run under disk pressure is in progress: it ends when `until_free` is free, not at `free_below`.
    pub under_pressure: bool,
    /// The number of bytes that are really freed by what may be deleted of each build, if measured: of inodes that
    /// builds share, the last one frees them. A build that is missing here frees nothing.
    pub measured: Option<HashMap<BuildId, u64>>,
}

/// How full a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The size in bytes.
    pub total: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that emptying the trash frees.
    pub trash: u64,
}

impl PreviousRuns {
    /// Returns every reason for which nothing may be deleted.
    ///
    /// A run long after the last one is refused only until its plan is `accepted`.
    pub(super) fn refusals(&self, policy: &Policy, now: Stamp, builds: usize, accepted: bool) -> Vec<String> {
        let skew = policy.skew.seconds();
        let mut refusals: Vec<String> = self
            .unreadable
            .iter()
            .map(|(path, why)| format!("`{path}` cannot be read and may protect any build: {why}"))
            .collect();
        if let Some(last) = self.last_run.filter(|_| !self.any_clock) {
            if last.since(now) > skew {
                refusals.push(format!(
                    "the clock went back: it is {}, and the last run was at {}; if the clock is correct, run \
                     `mirrorkeep prune --accept-clock`",
                    now.iso(),
                    last.iso()
                ));
            }
            if !accepted && now.since(last) > policy.max_clock_step.seconds() {
                refusals.push(format!(
                    "the clock is more than {} past the last run at {}; if the clock is correct, run \
                     `mirrorkeep prune --accept-clock`",
                    policy.max_clock_step,
                    last.iso()
                ));
            }
        }
        if let Some(clock) = self.store_clock.filter(|clock| !self.any_clock && clock.since(now).abs() > skew)
        {
            refusals.push(format!(
                "the clock of the file system is at {}, and that of this machine at {}; if the clock of this machine is right, run \
                 `mirrorkeep prune --accept-clock`",
                clock.iso(),
                now.iso()
            ));
        }
        if builds == 0 && self.last_count.is_some_and(|count| count > 0) {
            refusals.push(
                "no build is there, where there were some at the last run: is the right disk mounted?"
                    .to_owned(),
            );
        }
        refusals
    }
}
