//! Bringing copies of the mirror elsewhere up to date, and reading how far they are.
//!
//! `docs/decisions/0022-downstream-mirrors.md` has the order of writes and what a kill leaves. A failure of one target is in its
//! report and holds back no other.

mod carry;
mod deletes;
mod error;
mod fetch;
mod files;
mod freshness;
mod left_out;
mod linked;
mod look;
mod names;
mod push;
mod report;
mod rsync;
mod run;
mod there;

pub use error::SyncError;
pub use freshness::{Freshness, TargetFreshness, freshness};
pub use report::{SyncOptions, SyncOutcome, SyncReport, TargetReport, Verify};
pub use run::sync;
