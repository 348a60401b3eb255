//! What differs between two builds: their records, manifests and CONTEXT are read, and no other file.

mod error;

pub use error::DiffError;

use crate::decide::diff::{BytesDiff, CommitsDiff, FilesDiff, PackagesDiff};
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, Outcome, RelPath, Stamp};
use crate::record::{BuildRecord, Context, Manifest};
use crate::store::StoreErrorKind;
use schemars::JsonSchema;
use serde::Serialize;

/// More bytes than CONTEXT ever has.
const CONTEXT_LIMIT: u64 = 16 << 20;

/// What differs between two builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BuildsDiff {
    /// The first build.
    pub before: DiffSide,
    /// The second build.
    pub after: DiffSide,
    /// Their commits; `null` if one of them has no readable CONTEXT.
    pub commits: Option<CommitsDiff>,
    /// Their packages, by the names of their files.
    pub packages: PackagesDiff,
    /// Their files, symlinks and empty directories.
    pub files: FilesDiff,
    /// Their bytes.
    pub bytes: BytesDiff,
    /// What could not be compared.
    pub warnings: Vec<String>,
}

/// One of two builds that are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiffSide {
    /// The ID of the build.
    pub id: BuildId,
    /// When it was built.
    pub created: Option<Stamp>,
    /// Its result.
    pub result: Outcome,
    /// The number of its files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The parts that were removed from it, by their names in the policy.
    pub trimmed: Vec<String>,
}

impl From<BuildRecord> for DiffSide {
    fn from(record: BuildRecord) -> Self {
        let BuildRecord { id, created, result, files, bytes, trimmed, .. } = record;
        Self { id, created, result, files, bytes, trimmed }
    }
}

/// Compares two builds.
pub fn diff(mirror: &Mirror, before: &BuildId, after: &BuildId) -> Result<BuildsDiff, DiffError> {
    let (old, old_files) = recorded(mirror, before)?;
    let (new, new_files) = recorded(mirror, after)?;
    let mut warnings = Vec::new();
    let commits = commits(mirror, before, after, &mut warnings)?;
    for record in [&old, &new] {
        if !record.trimmed.is_empty() {
            let parts = record.trimmed.join(", ");
            warnings
                .push(format!("the parts {parts} of `{}` were removed, so it lacks their files", record.id));
        }
    }
    warnings.dedup();
    Ok(BuildsDiff {
        commits,
        packages: PackagesDiff::of(&old_files, &new_files),
        files: FilesDiff::of(&old_files, &new_files),
        bytes: BytesDiff::of(&old_files, &new_files),
        before: old.into(),
        after: new.into(),
        warnings,
    })
}

/// Returns the record and the manifest of a build.
fn recorded(mirror: &Mirror, id: &BuildId) -> Result<(BuildRecord, Manifest), DiffError> {
    if !mirror.has_build(id)? {
        return Err(DiffError::NoBuild(id.clone()));
    }
    let record = mirror.record(id)?.ok_or_else(|| DiffError::NoRecord(id.clone()))?;
    let manifest = mirror.manifest(id)?.ok_or_else(|| DiffError::NoManifest(id.clone()))?;
    Ok((record, manifest))
}

/// Compares the commits of two builds; nothing, with a warning, if one has no readable CONTEXT.
fn commits(
    mirror: &Mirror,
    before: &BuildId,
    after: &BuildId,
    warnings: &mut Vec<String>,
) -> Result<Option<CommitsDiff>, DiffError> {
    let markers = mirror.layout().markers();
    let Some(at) = &markers.context else { return Ok(None) };
    let path = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path()).join(at);
    let (first, second) = (path(before), path(after));
    let (old, new) = (context(mirror, &first)?, context(mirror, &second)?);
    let neither = matches!((&old, &new), (Found::Missing, Found::Missing));
    for (path, found) in [(&first, &old), (&second, &new)] {
        match found {
            // A build need not have one if its layout does not require it.
            Found::Missing if neither && markers.context_optional => {}
            Found::Missing => warnings.push(format!("the commits are not compared: `{path}` is missing")),
            Found::Unfit(why) => {
                warnings.push(format!("the commits are not compared: `{path}` cannot be read: {why}"));
            }
            Found::Read(_) => {}
        }
    }
    Ok(match (old, new) {
        (Found::Read(old), Found::Read(new)) => Some(CommitsDiff::of(&old, &new)),
        _ => None,
    })
}

/// Returns the commits of a build; nothing if it has no readable CONTEXT.
pub(crate) fn context_of(mirror: &Mirror, id: &BuildId) -> Result<Option<Context>, DiffError> {
    let Some(at) = &mirror.layout().markers().context else { return Ok(None) };
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path()).join(at);
    Ok(match context(mirror, &path)? {
        Found::Read(context) => Some(context),
        Found::Missing | Found::Unfit(_) => None,
    })
}

/// The result of looking for a CONTEXT.
enum Found {
    Read(Context),
    Missing,
    Unfit(String),
}

fn context(mirror: &Mirror, at: &RelPath) -> Result<Found, DiffError> {
    match mirror.store().read(at, CONTEXT_LIMIT) {
        Err(error) if error.is_not_found() => Ok(Found::Missing),
        Err(error) if error.kind().is_damage() || error.kind() == StoreErrorKind::Escapes => {
            Ok(Found::Unfit(chain(&error)))
        }
        Err(error) => Err(error.into()),
        Ok(bytes) => {
            Ok(Context::parse(&bytes).map_or_else(|error| Found::Unfit(error.to_string()), Found::Read))
        }
    }
}
