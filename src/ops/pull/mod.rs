//! Keeping a copy of a mirror from nothing but HTTP: by its change list, and with every byte verified.
//!
//! A build comes as with `copy`: staged, compared with its manifest while it is read, and shown in one step; names move last.
//! The server is not trusted. `docs/decisions/0023-change-list-and-pull.md` has the steps, what a kill leaves, and the attacks.

mod bring;
mod choose;
mod error;
mod list;
mod names;
mod report;
mod run;
mod sound;
mod state;

pub use error::PullError;
pub use report::{PullReport, SkippedBuild};
pub use run::{PullOptions, pull};
pub(crate) use state::upstream_of;
