//! What the last check of the whole mirror found, so that `status` can state it without checking again.
//!
//! If the note is lost or damaged, no check is known; nothing else depends on it.

use crate::decide::check::Severity;
use crate::mirror::Mirror;
use crate::model::{RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::check::CheckReport;
use crate::store::{Put, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More bytes than the note ever has.
const LIMIT: u64 = 64 * 1024;

/// The number of findings of the last check of the whole mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastCheck {
    /// The version of this form: 1.
    pub version: u32,
    /// When the check ran.
    pub at: Stamp,
    /// The number of errors.
    pub error: u64,
    /// The number of warnings.
    pub warning: u64,
    /// The number of notes.
    pub note: u64,
}

fn place() -> RelPath {
    RelPath::state("last-check.json")
}

/// Returns what the last check found; nothing if that is not known.
pub(super) fn read(mirror: &Mirror) -> Result<Option<LastCheck>, ActError> {
    match mirror.store().read(&place(), LIMIT) {
        Err(error) if error.is_not_found() => Ok(None),
        bytes => Ok(serde_json::from_slice(&bytes?).ok().filter(|check: &LastCheck| check.version == 1)),
    }
}

/// Writes what a check of the whole mirror found; fails if this user may not write.
pub fn note_check(mirror: &Mirror, report: &CheckReport, at: Stamp) -> Result<(), StoreError> {
    let of = |severity| report.findings.iter().filter(|found| found.severity == severity).count() as u64;
    let check = LastCheck {
        version: 1,
        at,
        error: of(Severity::Error),
        warning: of(Severity::Warning),
        note: of(Severity::Note),
    };
    // Plain data always serializes.
    let text = serde_json::to_vec(&check).unwrap_or_default();
    mirror.store().put(&place(), &text, Put::Replace)
}
