//! Keeping a copy of its build below an alias, in an object store, for whoever can only read plain keys.
//!
//! The store copies the objects by itself into a new generation; when all are there, the pointer is replaced in one
//! step. A reader who follows the pointer once finds one build, whole, and keeps it for a term after the alias moved
//! on. Killed anywhere, the next command that moves names goes on: half-made generations are removed, never pointed at.
//! On a POSIX mirror there is nothing to do, since a symlink is all of this.

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

/// How many objects a page of a listing has, and one request removes.
const PAGE: u64 = 1000;

/// What a copy below an alias takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cost {
    /// The alias.
    pub alias: RelPath,
    /// The build that it resolves to.
    pub build: BuildId,
    /// How many objects a generation has.
    pub files: u64,
    /// How many bytes they take, beside those of the build; twice as many while the generation before stays.
    pub bytes: u64,
    /// About how many requests a move of the alias takes beyond its own, the removal of the generation before included.
    pub requests: u64,
    /// For how many seconds the generation before stays.
    pub keep: i64,
}

/// An alias whose copy was brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Switched {
    /// The alias.
    pub alias: RelPath,
    /// The generation that counts now; nothing when it has no copy any more.
    pub generation: Option<String>,
    /// The place of the build that it is a copy of.
    pub of: Option<RelPath>,
    /// How many generations were removed.
    pub removed: u64,
}

/// What became of the copies below aliases.
#[derive(Debug, Default)]
pub struct Followed {
    /// Aliases whose copies were brought up to date.
    pub switched: Vec<Switched>,
    /// Aliases that lead to no build now; the copy of the last one stays.
    pub stay: Vec<RelPath>,
}

/// Says why an alias has no copy, or not the right one.
#[derive(Debug, thiserror::Error)]
pub enum MaterializeError {
    /// The mirror is a directory.
    #[error("`{0}` is a directory, where an alias is a symlink and needs no copy")]
    Symlinks(String),
    /// There is no such alias.
    #[error("there is no alias `{0}`")]
    NoAlias(RelPath),
    /// It leads to no build.
    #[error("`{0}` resolves to no build; only an alias of a build can have a copy")]
    NoBuild(RelPath),
    /// Its copies would lie where the layout has builds.
    #[error("the layout has builds below `{0}`, so that no copy can lie there")]
    Taken(RelPath),
    /// It has no copy.
    #[error("`{0}` has no copy")]
    NotMaterialized(RelPath),
    /// Somebody else is changing its copy.
    #[error("another process is changing the copy of `{0}` right now")]
    Busy(RelPath),
    /// What is kept of the build cannot be used.
    #[error("the build `{0}` has no record and manifest, so that nothing tells what to copy")]
    NoRecord(BuildId),
    /// The build moved on again and again.
    #[error("`{0}` moved whenever its build was copied")]
    Restless(RelPath),
    /// A file of the build is missing.
    #[error("`{0}` is missing or damaged, so that the build cannot be copied")]
    Missing(RelPath),
    /// What can come in the way of every operation.
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
                ErrorKind::Usage.hint("`mirrorkeep alias list` lists the names and what they resolve to")
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

/// Lets an alias have a copy of its build below it from now on, and says what that takes; [`follow`](crate::ops::alias::follow) makes it.
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

/// Lets an alias have no copy any more; [`follow`](crate::ops::alias::follow) removes what is there.
pub fn dematerialize(mirror: &Mirror, alias: &RelPath, mode: Mode) -> Result<(), MaterializeError> {
    let wanted = || {
        let state = mirror.materialized_as(alias)?.filter(|state| state.wanted);
        state.ok_or_else(|| MaterializeError::NotMaterialized(alias.clone()))
    };
    // The ticket is a file of its own: none is made for a name without a copy, and none in a trial.
    wanted()?;
    if mode == Mode::Real {
        let _held = mirror.materializing(alias)?.ok_or_else(|| MaterializeError::Busy(alias.clone()))?;
        let state = wanted()?;
        let after = Materialized { wanted: false, ..state.clone() };
        mirror.keep_materialized(Some(&state), &after)?;
    }
    Ok(())
}

/// Returns the build that an alias leads to.
pub(crate) fn leads_to(mirror: &Mirror, alias: &RelPath) -> Result<Option<BuildId>, StoreError> {
    let Resolved::To(target) = mirror.resolve(alias)? else { return Ok(None) };
    match mirror.layout().place(&target) {
        Place::Build { build } => Ok(Some(build)),
        _ => Ok(None),
    }
}

fn cost(alias: &RelPath, build: BuildId, manifest: &Manifest, keep: i64) -> Cost {
    let files = (manifest.files.len() + manifest.links.len()) as u64 + 1;
    // A look and a copy for each; a listing to compare, one to remove, and the removal; state, pointer and journal.
    let requests = files * 2 + files.div_ceil(PAGE) * 3 + 12;
    Cost { alias: alias.clone(), build, files, bytes: manifest.bytes(), requests, keep }
}
