//! How builds, aliases and parts become visible and invisible, each in one step.
//!
//! Everything here works under the caller's lock, and ignores what interrupted commands left.

pub(crate) mod adopted;
pub(crate) mod bucket;
pub(crate) mod carried;
pub(crate) mod choose;
pub(crate) mod commands;
pub(crate) mod directory;
mod discard;
mod error;
pub(crate) mod filling;
pub(crate) mod handshake;
pub(crate) mod holds;
pub(crate) mod interrupted;
pub(crate) mod move_to_trash;
mod pipeline;
pub(crate) mod protocol;
pub(crate) mod reading;
pub(crate) mod relabel;
pub(crate) mod repoint;
pub(crate) mod reserve;
pub(crate) mod reveal;
pub(crate) mod stage;
pub(crate) mod sweep;
pub(crate) mod tags;
pub(crate) mod timing;
pub(crate) mod together;
pub(crate) mod trash;
pub(crate) mod unsealed;
pub(crate) mod untrash;

pub use carried::CarryError;
pub(crate) use discard::TRIM_STAGE;
pub use error::CommitError;
pub use filling::{Check, Filling, StageError, Tally, TimeRule};
pub(crate) use pipeline::mover;
pub use pipeline::{PipelineInForceError, pipeline_of, required_pipeline, stage_at};
pub use repoint::{Moved, Permit, RepointError, may_point, may_remove, pointed_at, remove, set};
pub use reserve::take as keep_reserve;
pub use reveal::RevealError;
pub use stage::{STAGE_TERM, Seal, Sealed, Staged};
pub use together::PromotionError;

/// More bytes than a list of checksums or a manifest ever has.
pub(crate) const KEPT_LIMIT: u64 = crate::mirror::MANIFEST_LIMIT;
