//! What withdrawing a build did, or would do.

use super::Withdrawing;
use crate::commit::Moved;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::retention::Failure;
use crate::store::{Kind, TreeSnapshot};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// What withdrawing a build did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WithdrawReport {
    /// Which build.
    pub id: BuildId,
    /// Where it was.
    pub path: RelPath,
    /// Why.
    pub why: String,
    /// Whether it was withdrawn before.
    pub already: bool,
    /// Names that moved to another build.
    pub moved: Vec<Moved>,
    /// Names that could not move and resolve to nothing now.
    pub left: Vec<UnmovedAlias>,
    /// What protected it and was overridden.
    pub protections: Vec<String>,
    /// The last instant at which it can be restored; `null` if it is not in the trash.
    pub until: Option<Stamp>,
    /// Whether its bytes are deleted at once.
    pub purged: bool,
    /// How many files were removed.
    pub removed: u64,
    /// How many of its files other builds share, where they stay.
    pub shared_files: u64,
    /// How many bytes these have.
    pub shared_bytes: u64,
    /// Copies below names of an object store, which stay for their term.
    pub copies: Vec<RelPath>,
    /// The stage of a publish of it that was interrupted or is running, which stays without `purge`.
    pub stage: Option<RelPath>,
    /// What could not be removed; the next sweep tries again.
    pub failures: Vec<Failure>,
}

/// A name that could not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnmovedAlias {
    /// The name.
    pub alias: RelPath,
    /// Why.
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
            copies: Vec::new(),
            stage: None,
            failures: Vec::new(),
        }
    }

    /// Counts the files that have names outside the build; what cannot be read counts for nothing.
    pub(super) fn share(&mut self, mirror: &Mirror) -> Result<(), ActError> {
        if !mirror.store().abilities().shares_files {
            // No two builds share bytes there.
            return Ok(());
        }
        let walked = TreeSnapshot::of(mirror.store(), &self.path)?;
        let mut names: HashMap<(u64, u64), (u64, u64, u64)> = HashMap::new();
        for (_, _, entry) in walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File) {
            let seen = names.entry(entry.inode).or_insert((0, entry.names, entry.size));
            seen.0 += 1;
        }
        let elsewhere = names.values().filter(|(here, all, _)| here < all);
        for (here, _, size) in elsewhere {
            self.shared_files += here;
            self.shared_bytes = self.shared_bytes.saturating_add(*size);
        }
        Ok(())
    }
}
