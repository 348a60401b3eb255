//! Stages of interrupted publishes: listing, sizes, and deletion.

use super::settled::{RecoverError, SettledAs, Stages};
use crate::commit::STAGE_TERM;
use crate::commit::bucket::give_up_below;
use crate::commit::stage::{Underway, clear, is_held, touched};
use crate::commit::untrash::find;
use crate::mirror::{Mirror, WriteLock};
use crate::model::{RelPath, Stamp};
use crate::store::{Guard, Kind, Store, StoreError, StoreErrorKind, TreeSnapshot};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// The files that a publisher writes into its stage, beside its ticket.
const PARTS: [&str; 6] = ["tree", "progress", "manifest", "seal.json", "claim.json", "upload.json"];

/// Returns whether a stage has nothing to resume: the build was moved to its path, or deleted, and the rest of the
/// stage was left.
pub(super) fn is_left_behind(mirror: &Mirror, stage: &RelPath) -> Result<bool, StoreError> {
    let tree = mirror.store().look(&stage.child("tree").unwrap_or_default())?;
    Ok(tree.is_none()
        && !has_pending_upload(mirror, stage)?
        && unknown_stage(mirror.store(), stage)?.is_none())
}

/// Returns whether files of a build without a seal are at its path: its publisher may resume them.
fn has_pending_upload(mirror: &Mirror, stage: &RelPath) -> Result<bool, StoreError> {
    match Underway::read(mirror.store(), stage)? {
        Some(underway) => Ok(!mirror.has_build(&underway.id)?),
        None => Ok(false),
    }
}

/// Deletes a stage, even if its publisher may resume it, unless a process is filling it.
pub(crate) fn discard_stage(lock: &WriteLock<'_>, at: &RelPath) -> Result<SettledAs, RecoverError> {
    clear_stage(lock, at, Stages::Discard, lock.now())
}

/// Deletes a stage that no process is filling or will resume.
pub(super) fn clear_stage(
    lock: &WriteLock<'_>,
    at: &RelPath,
    stages: Stages,
    now: Stamp,
) -> Result<SettledAs, RecoverError> {
    let mirror = lock.mirror();
    let store = mirror.store();
    let _held = match hold(mirror, at) {
        Err(error) if error.kind() == StoreErrorKind::Busy => return Ok(SettledAs::Waiting),
        held => held?,
    };
    if stages == Stages::Wait && now.unix() - touched(store, at)? < STAGE_TERM {
        return Ok(SettledAs::Waiting);
    }
    let underway = match Underway::read(store, at) {
        // Nothing states the path of its files any more; `check` finds them.
        Err(error) if stages == Stages::Discard && error.kind().is_damage() => None,
        underway => underway?,
    };
    if let Some(underway) = underway {
        // A build in the trash has no seal either, and its files are at the same path.
        let trashed = find(mirror, &underway.id)
            .map_err(|error| RecoverError::Trash(underway.id.to_string(), Box::new(error)))?;
        give_up_below(store, &underway.path)?;
        if trashed.is_none() && !mirror.has_build(&underway.id)? {
            store.discard(&underway.path)?;
            lock.forget(&underway.id)?;
        }
        store.remove(&Underway::place(at))?;
    }
    clear(store, at)?;
    Ok(SettledAs::Cleared)
}

/// A stage of an interrupted publish: no process has it locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftStage {
    /// Its path.
    pub path: RelPath,
    /// How many seconds ago it was last written.
    pub age: i64,
    /// How many bytes of its files no build shares.
    pub bytes: u64,
}

impl LeftStage {
    /// Returns whether its time is over.
    pub fn is_old(&self) -> bool {
        self.age >= STAGE_TERM
    }
}

/// Returns the stages that [`recover`](super::recover) deletes when it discards them; nothing is locked or changed.
pub fn discardable(mirror: &Mirror, now: Stamp) -> Result<Vec<LeftStage>, StoreError> {
    let mut found = left_stages(mirror, now)?;
    if !found.failures.is_empty() {
        return Err(found.failures.swap_remove(0).1);
    }
    let unknown = |(path, bytes)| LeftStage { path, age: 0, bytes };
    found.left.extend(found.unknown.into_iter().map(unknown));
    Ok(found.left)
}

/// What was found among the stages.
#[derive(Debug, Default)]
pub(crate) struct LeftStages {
    /// Abandoned stages.
    pub(crate) left: Vec<LeftStage>,
    /// Stages that could not be read or deleted.
    pub(crate) failures: Vec<(RelPath, StoreError)>,
    /// What is not a stage, and its bytes.
    pub(crate) unknown: Vec<(RelPath, u64)>,
}

/// Returns the stages that no process has locked; nothing is locked or changed.
pub(crate) fn left_stages(mirror: &Mirror, now: Stamp) -> Result<LeftStages, StoreError> {
    let mut found = LeftStages::default();
    for path in children(mirror, "stage")? {
        let looked = match unknown_stage(mirror.store(), &path) {
            Ok(None) => left_stage(mirror, &path, now).map(|left| found.left.extend(left)),
            unknown => unknown.map(|bytes| found.unknown.extend(bytes.map(|bytes| (path.clone(), bytes)))),
        };
        if let Err(error) = looked {
            found.failures.push((path, error));
        }
    }
    Ok(found)
}

/// Returns the bytes of an entry among the stages that is not a stage: a file, or a directory with other files than a
/// publisher writes.
pub(super) fn unknown_stage(store: &dyn Store, path: &RelPath) -> Result<Option<u64>, StoreError> {
    let Some(entry) = store.look(path)? else { return Ok(None) };
    let is_stage = entry.kind == Kind::Dir && {
        let listing = match store.list(path) {
            Err(error) if error.is_not_found() => return Ok(None),
            listing => listing?,
        };
        let known = |name: &str, kind: Kind| match name {
            "ticket" => kind != Kind::Dir || !store.abilities().directories,
            name => PARTS.contains(&name) || name.starts_with("ticket."),
        };
        listing.odd.is_empty() && listing.entries.iter().all(|entry| known(&entry.name, entry.kind))
    };
    if is_stage {
        return Ok(None);
    }
    let files = TreeSnapshot::of(store, path).map(|walked| {
        let files = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File);
        files.map(|(_, _, entry)| entry.size).sum::<u64>()
    });
    Ok(Some(if entry.kind == Kind::Dir { files? } else { entry.size }))
}

fn left_stage(mirror: &Mirror, path: &RelPath, now: Stamp) -> Result<Option<LeftStage>, StoreError> {
    let store = mirror.store();
    if is_held(store, path)? {
        return Ok(None);
    }
    let mut trees = vec![path.clone()];
    // If it cannot be read, the path of its files is not known.
    if let Ok(Some(underway)) = Underway::read(store, path)
        && let Ok(false) = mirror.has_build(&underway.id)
    {
        trees.push(underway.path);
    }
    let mut bytes = 0;
    for tree in trees {
        let walked = TreeSnapshot::of(store, &tree)?;
        let own = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File && entry.names <= 1);
        bytes += own.map(|(_, _, entry)| entry.size).sum::<u64>();
    }
    let age = now.unix().saturating_sub(touched(store, path)?);
    // It may be deleted or locked by now.
    let still = store.look(path)?.is_some() || !store.abilities().directories;
    Ok((still && !is_held(store, path)?).then(|| LeftStage { path: path.clone(), age, bytes }))
}

/// Deletes the stages whose term is over, and returns them and what could not be deleted.
pub(crate) fn clear_old_stages(
    mirror: &Mirror,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<LeftStages, RecoverError> {
    let LeftStages { left, failures, unknown } = left_stages(mirror, clock())?;
    let mut done = LeftStages { left: Vec::new(), failures, unknown };
    for stage in left.into_iter().filter(LeftStage::is_old) {
        // A prune recovered before this.
        let (lock, ()) = mirror.lock_and_recover(clock, |_| Ok::<_, RecoverError>(()))?;
        match clear_stage(&lock, &stage.path, Stages::Wait, clock()) {
            Ok(SettledAs::Cleared) => done.left.push(stage),
            Ok(_) => {}
            Err(RecoverError::Store(error)) => done.failures.push((stage.path, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Locks the ticket of a stage, making one if there is none, so that no publisher resumes it at the same time.
pub(super) fn hold(mirror: &Mirror, at: &RelPath) -> Result<Guard, StoreError> {
    mirror.store().lock(&at.child("ticket").unwrap_or_default(), mirror.who(), Duration::ZERO)
}

pub(super) fn children(mirror: &Mirror, dir: &str) -> Result<Vec<RelPath>, StoreError> {
    mirror.list_state(&RelPath::state(dir))
}
