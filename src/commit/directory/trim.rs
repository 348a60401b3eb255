//! Removing parts of a build in a store that moves trees: a second tree without them is exchanged with the first.

use crate::commit::CommitError;
use crate::commit::directory::tree::{Rest, any, lay_out, record};
use crate::commit::directory::untrash::swap;
use crate::commit::discard::TRIM_STAGE;
use crate::commit::protocol::{Prepared, Trim};
use crate::mirror::{Mirror, Trashed, WriteLock};
use crate::model::RelPath;
use crate::store::{Entry, StoreError};

/// Why a tree that another command moved away is not trimmed.
const GONE: &str = "another command moved or replaced it";

/// A tree without the parts, written beside the mirror.
struct Second {
    path: RelPath,
    stage: RelPath,
    rest: Rest,
    /// The tree at the path of the build.
    entry: Entry,
}

/// Writes the second tree; the lock is not needed, since a build does not change.
pub(super) fn prepare(
    mirror: &Mirror,
    path: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<Prepared, CommitError> {
    let store = mirror.store();
    let Some(entry) = store.look(path)? else { return Ok(Prepared::Missing) };
    let is_same = || store.look(path).map(|now| now.is_some_and(|now| now.inode == entry.inode));
    // A tree that another command moves away is found in part, or not at all.
    let found = any(store, path, goes);
    if found.is_err() && !is_same()? {
        return Ok(Prepared::Changed(GONE));
    }
    if !found? {
        return Ok(Prepared::Nothing);
    }
    let stage = RelPath::state(&format!("tmp/{TRIM_STAGE}{}", uuid::Uuid::new_v4().simple()));
    let rest = lay_out(store, path, &stage.child("tree").unwrap_or_default(), goes);
    if rest.is_err() && !is_same()? {
        return Ok(Prepared::Changed(GONE));
    }
    let rest = rest?;
    store.sync_tree(&stage)?;
    Ok(Prepared::Ready(Box::new(Second { path: path.clone(), stage, rest, entry })))
}

impl Trim for Second {
    fn rest(&self) -> (u64, u64) {
        (self.rest.files, self.rest.bytes)
    }

    fn frees(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.rest.bytes)
    }

    fn identity(&self) -> (u64, u64) {
        self.entry.inode
    }

    fn outdated(&self, mirror: &Mirror) -> Result<Option<&'static str>, CommitError> {
        let now = mirror.store().look(&self.path)?;
        Ok(if now.is_some_and(|now| now.inode == self.entry.inode) { None } else { Some(GONE) })
    }

    fn noted(&self) -> Option<(u64, u64)> {
        Some(self.identity())
    }

    fn keep(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError> {
        lock.mirror().store().rename_tree(&self.stage, &trashed.at)?;
        lock.keep_ticket(trashed)
    }

    fn carry_out(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        names: &[String],
    ) -> Result<(), CommitError> {
        let store = lock.mirror().store();
        let laid = store.look(&trashed.tree())?.map(|entry| entry.inode).unwrap_or_default();
        swap(store, &trashed.ticket.path, &trashed.tree(), laid)?;
        record(lock, trashed, names, self.rest())
    }

    fn undo(&self, _: &WriteLock<'_>, _: &Trashed) -> Result<bool, CommitError> {
        Ok(false)
    }
}
