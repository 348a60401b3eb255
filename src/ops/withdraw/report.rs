//! The report of a withdrawal.

use super::Withdrawing;
use crate::census::Census;
use crate::commit::Moved;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::retention::Failure;
use crate::store::{Entry, Kind, TreeSnapshot};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// The number of shared files that are named.
const NAMED: usize = 100;

/// The report of a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WithdrawReport {
    /// The ID of the build.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// The reason.
    pub why: String,
    /// Whether it was withdrawn before.
    pub already: bool,
    /// Aliases that moved to another build.
    pub moved: Vec<Moved>,
    /// Aliases that could not move and resolve to nothing now.
    pub left: Vec<UnmovedAlias>,
    /// What protected it and was overridden.
    pub protections: Vec<String>,
    /// The last instant at which it can be restored; `null` if it is not in the trash.
    pub until: Option<Stamp>,
    /// Whether its bytes are deleted at once.
    pub purged: bool,
    /// The number of files that were removed.
    pub removed: u64,
    /// The number of its files that other builds share, where they stay.
    pub shared_files: u64,
    /// The size of these files in bytes.
    pub shared_bytes: u64,
    /// The paths of these files, at most the first hundred.
    pub shared: Vec<RelPath>,
    /// The builds that also have them.
    pub shared_with: Vec<BuildId>,
    /// Copies below aliases of an object store, which stay for their term.
    pub copies: Vec<RelPath>,
    /// The stage of a publish of it that was interrupted or is running, which stays without `purge`.
    pub stage: Option<RelPath>,
    /// What could not be removed; the next sweep tries again.
    pub failures: Vec<Failure>,
}

/// An alias that could not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnmovedAlias {
    /// The alias.
    pub alias: RelPath,
    /// The reason.
    pub why: String,
}

impl WithdrawReport {
    pub(super) fn of(what: &Withdrawing, path: RelPath) -> Self {
        Self {
            id: what.id.clone(),
            path,
            why: what.why.clone(),
            already: false,
            moved: Vec::new(),
            left: Vec::new(),
            protections: Vec::new(),
            until: None,
            purged: false,
            removed: 0,
            shared_files: 0,
            shared_bytes: 0,
            shared: Vec::new(),
            shared_with: Vec::new(),
            copies: Vec::new(),
            stage: None,
            failures: Vec::new(),
        }
    }

    /// Finds the files that have names outside the build, and the builds with these names; a build that cannot be
    /// read is not among them.
    pub(super) fn share(&mut self, mirror: &Mirror, census: &Census) -> Result<(), ActError> {
        if !mirror.store().abilities().shares_files {
            // In a bucket, builds share no bytes.
            return Ok(());
        }
        let walked = TreeSnapshot::of(mirror.store(), &self.path)?;
        let mut names: HashMap<(u64, u64), (u64, u64, u64)> = HashMap::new();
        for (_, entry) in files(&walked) {
            let seen = names.entry(entry.inode).or_insert((0, entry.names, entry.size));
            seen.0 += 1;
        }
        names.retain(|_, (here, all, _)| *here < *all);
        if names.is_empty() {
            return Ok(());
        }
        self.shared_files = names.values().map(|(here, _, _)| here).sum();
        self.shared_bytes = names.values().map(|(_, _, size)| size).sum();
        let mut shared: Vec<RelPath> =
            files(&walked).filter(|(_, entry)| names.contains_key(&entry.inode)).map(|(at, _)| at).collect();
        shared.sort();
        shared.truncate(NAMED);
        self.shared = shared;
        let has_one = |id: &BuildId| {
            let path = mirror.layout().build_path(id).ok()?;
            let walked = TreeSnapshot::of(mirror.store(), &path).ok()?;
            let found = files(&walked).any(|(_, entry)| names.contains_key(&entry.inode));
            found.then(|| id.clone())
        };
        let others: Vec<BuildId> = census.builds().map(|(id, _)| id).filter(|id| *id != self.id).collect();
        self.shared_with = others.par_iter().filter_map(has_one).collect();
        Ok(())
    }
}

/// Returns the files of a tree with their paths in it.
fn files(walked: &TreeSnapshot) -> impl Iterator<Item = (RelPath, &Entry)> {
    let files = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File);
    files.filter_map(|(dir, name, entry)| Some((dir.child(name).ok()?, entry)))
}
