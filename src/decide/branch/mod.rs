//! Beginning new streams after the pattern of old ones: which stream gets which counterpart, and what the settings lack for them
//! (`docs/decisions/0026-branching.md`).

mod counterpart;
mod lacking;

pub use counterpart::{Counterparts, Pair, PairError};
pub use lacking::{Lack, Setting, aliases_lack, calendar_lacks, calendars, pipeline_lacks, policy_lacks};
pub(crate) use lacking::{indented, without};

/// The label of a build that was published from a build of another stream of the mirror; its value is the ID of that build.
pub const INHERITED: &str = "inherited";
