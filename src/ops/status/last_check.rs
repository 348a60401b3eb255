//! What the last check of the whole mirror found, so that `status` can state it without checking again.
//!
//! If the note is lost or damaged, no check is known; nothing else depends on it.

use crate::decide::check::Severity;
use crate::layout::Place;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::check::CheckReport;
use crate::store::{Put, StoreError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More bytes than the note ever has.
const LIMIT: u64 = 4 << 20;

/// How many builds with errors are named.
const MOST: usize = 500;

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
    /// The builds in which it found errors, sorted, at most 500.
    #[serde(default)]
    pub builds: Vec<CheckedBuild>,
}

/// A build in which a check found errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckedBuild {
    /// Its ID.
    pub id: BuildId,
    /// The number of errors.
    pub errors: u64,
    /// Their codes, sorted.
    pub codes: BTreeSet<String>,
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
        builds: with_errors(mirror, report),
    };
    // Plain data always serializes.
    let text = serde_json::to_vec(&check).unwrap_or_default();
    mirror.store().put(&place(), &text, Put::Replace)
}

/// Returns the builds in which errors were found.
fn with_errors(mirror: &Mirror, report: &CheckReport) -> Vec<CheckedBuild> {
    let build_at = |path: &RelPath| match mirror.layout().place(path) {
        Place::Build { build } => Some(build),
        _ => None,
    };
    let mut builds: BTreeMap<BuildId, CheckedBuild> = BTreeMap::new();
    for found in report.findings.iter().filter(|found| found.severity == Severity::Error) {
        // What is not a path, such as a name that is not UTF-8, belongs to the directory above it.
        let near = found.path.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
        let Ok(path) = found.path.parse::<RelPath>().or_else(|_| near.parse()) else { continue };
        let Some(id) = build_at(&path).or_else(|| path.ancestors().find_map(|above| build_at(&above))) else {
            continue;
        };
        let new = || CheckedBuild { id: id.clone(), errors: 0, codes: BTreeSet::new() };
        let build = builds.entry(id.clone()).or_insert_with(new);
        build.errors += 1;
        build.codes.insert(found.code.as_str().to_owned());
    }
    builds.into_values().take(MOST).collect()
}
