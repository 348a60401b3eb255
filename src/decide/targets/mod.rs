//! Where copies of the mirror are: `targets.yaml` and its meaning, the trace of a copy, and what a copy lacks.
//!
//! The file has no secrets: it names files and variables that have them (`docs/decisions/0022-downstream-mirrors.md`).

mod address;
mod lint;
mod load;
mod rate;
mod schema;
mod target;
mod trace;

pub(in crate::decide) use address::mirror_address;
pub use lint::lint;
pub use load::rsync_address;
pub use rate::Rate;
pub use target::{Target, Targets, Way, target_name};
pub use trace::{Hop, TRACE_DIR, TRACE_LIMIT, Trace, TraceError};

use crate::model::{Class, Classify, ErrorKind, Problem};

/// Says what is wrong with a targets.yaml: every problem with its place.
#[derive(Debug, thiserror::Error)]
#[error("targets.yaml cannot be used:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct TargetsFileError(pub Vec<Problem>);

impl Classify for TargetsFileError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
