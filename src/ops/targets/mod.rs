//! The targets.yaml of a mirror, and what each target lacks by what `sync` knows of it. Nothing is written, and no target asked.

mod error;
mod lacking;
mod settings;
mod status;

pub use error::TargetsError;
pub use lacking::{Behind, behind, note_mirrored};
pub use settings::{chosen, may_act, required_targets, targets_file};
pub use status::{TargetStatus, target_status};
