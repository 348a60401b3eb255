//! Keeping a copy of its build below an alias, in an object store, for clients that can only read plain keys.
//!
//! The store itself copies the objects into a new generation; when all are there, the pointer is replaced in one
//! step. A reader who resolves the pointer once gets one whole build, which stays for a term after the alias moved
//! on. After a kill at any point, the next command that moves aliases continues: incomplete generations are removed,
//! and the pointer never points to one. A directory mirror needs none of this, since an alias is a symlink there.

use crate::layout::Place;
use crate::mirror::{JournalError, Materialized, Mirror, Resolved, StateError};
use crate::model::{BuildId, Class, Classify, ErrorKind, RelPath};
use crate::ops::Mode;
use crate::ops::op_error::{OpError, shares};
use crate::progress::Interrupted;
use crate::record::Manifest;
use crate::recover::RecoverError;
use crate::store::{Kind, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

/// The number of objects on a page of a listing, and in one request to remove.
const PAGE: u64 = 1000;

/// The cost of a copy below an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cost {
    /// The alias.
    pub alias: RelPath,
    /// The build that it resolves to.
    pub build: BuildId,
    /// The number of objects of a generation.
    pub files: u64,
    /// Their size in bytes, in addition to the build; twice that while the previous generation stays.
    pub bytes: u64,
    /// The approximate number of requests that a move of the alias takes in addition to its own, the removal of the
    /// previous generation included.
    pub requests: u64,
    /// The number of seconds that the previous generation stays.
    pub keep: i64,
}

/// An alias whose copy was updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Switched {
    /// The alias.
    pub alias: RelPath,
    /// The current generation; nothing if the alias has no copy any more.
    pub generation: Option<String>,
    /// The path of the build of which it is a copy.
    pub of: Option<RelPath>,
    /// The number of generations that were removed.
    pub removed: u64,
}

/// The result of updating the copies below aliases.
#[derive(Debug, Default)]
pub struct Followed {
    /// Aliases whose copies were updated.
    pub switched: Vec<Switched>,
    /// Aliases that do not resolve to a build now; the last copy stays.
    pub stay: Vec<RelPath>,
}

/// Why an alias has no copy, or not the right one.
#[derive(Debug, thiserror::Error)]
pub enum MaterializeError {
    /// The mirror is a directory.
    #[error("`{0}` is a directory, where an alias is a symlink and needs no copy")]
    Symlinks(String),
    /// There is no such alias.
    #[error("there is no alias `{0}`")]
    NoAlias(RelPath),
    /// It does not resolve to a build.
    #[error("`{0}` resolves to no build; only an alias of a build can have a copy")]
    NoBuild(RelPath),
    /// Its copies would be where the layout has builds.
    #[error("the layout has builds below `{0}`, so there can be no copy")]
    Taken(RelPath),
    /// It has no copy.
    #[error("`{0}` has no copy")]
    NotMaterialized(RelPath),
    /// Another process is changing its copy.
    #[error("another process is changing the copy of `{0}` right now")]
    Busy(RelPath),
    /// The record or manifest of the build cannot be used.
    #[error("the build `{0}` has no record and manifest, so its content is not known")]
    NoRecord(BuildId),
    /// The alias moved again and again.
    #[error("`{0}` moved whenever its build was copied")]
    Restless(RelPath),
    /// A file of the build is missing.
    #[error("`{0}` is missing or damaged, so that the build cannot be copied")]
    Missing(RelPath),
    /// What can stop every operation.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The store failed.
    #[error("cannot copy the build below its alias")]
    Store(#[from] StoreError),
}

shares!(MaterializeError: RecoverError, StateError, JournalError, Interrupted);

impl Classify for MaterializeError {
    fn class(&self) -> Class {
        match self {
            Self::NoAlias(_) | Self::NoBuild(_) => {
                ErrorKind::Usage.hint("`mirrorkeep alias list` lists the aliases and what they resolve to")
            }
            Self::Symlinks(_) | Self::Taken(_) => ErrorKind::Usage.into(),
            Self::NotMaterialized(_) | Self::NoRecord(_) | Self::Restless(_) | Self::Missing(_) => {
                ErrorKind::Failed.into()
            }
            Self::Busy(_) => ErrorKind::Busy.into(),
            Self::Op(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Allows an alias to have a copy of its build below it from now on, and returns the cost;
/// [`follow`](crate::ops::alias::follow) makes the copy.
pub fn materialize(
    mirror: &Mirror,
    alias: &RelPath,
    keep: i64,
    mode: Mode,
) -> Result<Cost, MaterializeError> {
    if mirror.store().abilities().symlinks {
        return Err(MaterializeError::Symlinks(mirror.store().shown()));
    }
    let entry = mirror.store().look(alias)?;
    if entry.is_none_or(|entry| entry.kind != Kind::Link) {
        return Err(MaterializeError::NoAlias(alias.clone()));
    }
    let build = leads_to(mirror, alias)?.ok_or_else(|| MaterializeError::NoBuild(alias.clone()))?;
    let first = alias.child(&format!("{}-1", build.name)).unwrap_or_default();
    if !mirror.is_for_copies(&first) {
        return Err(MaterializeError::Taken(alias.clone()));
    }
    let manifest = mirror.manifest(&build)?.ok_or_else(|| MaterializeError::NoRecord(build.clone()))?;
    let cost = cost(alias, build, &manifest, keep);
    if mode == Mode::Real {
        let _held = mirror.materializing(alias)?.ok_or_else(|| MaterializeError::Busy(alias.clone()))?;
        let before = mirror.materialized_as(alias)?;
        let mut state = before.clone().unwrap_or_else(|| Materialized {
            materialized: 1,
            alias: alias.clone(),
            keep,
            wanted: true,
            next: 1,
            generations: Vec::new(),
        });
        (state.keep, state.wanted) = (keep, true);
        mirror.keep_materialized(before.as_ref(), &state)?;
    }
    Ok(cost)
}

/// Stops keeping a copy below an alias; [`follow`](crate::ops::alias::follow) removes the existing one.
pub fn dematerialize(mirror: &Mirror, alias: &RelPath, mode: Mode) -> Result<(), MaterializeError> {
    let wanted = || {
        let state = mirror.materialized_as(alias)?.filter(|state| state.wanted);
        state.ok_or_else(|| MaterializeError::NotMaterialized(alias.clone()))
    };
    // The ticket is a file of its own: none is made for an alias without a copy, and none in a dry run.
    wanted()?;
    if mode == Mode::Real {
        let _held = mirror.materializing(alias)?.ok_or_else(|| MaterializeError::Busy(alias.clone()))?;
        let state = wanted()?;
        let after = Materialized { wanted: false, ..state.clone() };
        mirror.keep_materialized(Some(&state), &after)?;
    }
    Ok(())
}

/// Returns the build to which an alias resolves.
pub(crate) fn leads_to(mirror: &Mirror, alias: &RelPath) -> Result<Option<BuildId>, StoreError> {
    let Resolved::To(target) = mirror.resolve(alias)? else { return Ok(None) };
    match mirror.layout().place(&target) {
        Place::Build { build } => Ok(Some(build)),
        _ => Ok(None),
    }
}

fn cost(alias: &RelPath, build: BuildId, manifest: &Manifest, keep: i64) -> Cost {
    let files = (manifest.files.len() + manifest.links.len()) as u64 + 1;
    // For each object a HEAD and a copy; in addition a listing to compare, one to remove, and the removal; state,
    // pointer and journal.
    let requests = files * 2 + files.div_ceil(PAGE) * 3 + 12;
    Cost { alias: alias.clone(), build, files, bytes: manifest.bytes(), requests, keep }
}
