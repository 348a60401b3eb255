//! The stage of a build in a directory: written where no reader sees it, sealed, and ready to be moved to its path.

mod claim;
mod fill;
mod ingest;
mod joined;
mod place;
mod sealed;
mod staged;

pub(crate) use claim::{Claim, is_held, touched};
pub use place::STAGE_TERM;
pub(crate) use place::stage_of;
pub use sealed::{Seal, Sealed};
pub(crate) use sealed::{Underway, since};
pub use staged::Staged;
pub(crate) use staged::clear;
