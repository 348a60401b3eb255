//! How builds, names and parts become visible and invisible, each in one step.
//!
//! Everything here works under a lock that the caller holds, and looks at nothing that an interrupted command left.

pub(crate) mod apart;
pub(crate) mod handshake;
pub(crate) mod places;
pub(crate) mod reading;
pub(crate) mod repoint;
pub(crate) mod reserve;
pub(crate) mod reveal;
pub(crate) mod stage;
pub(crate) mod trash;
pub(crate) mod tree;
pub(crate) mod unsealed;
pub(crate) mod upload;

pub use repoint::{Moved, Permit, RepointError, may_point, may_remove, pointed_at, remove, set};
pub use reserve::take as keep_reserve;
pub use reveal::RevealError;
pub use stage::{Check, Filling, Seal, Sealed, StageError, Staged, Tally};
