//! Aliases of an object store that have a copy of their build below them, for clients that can only read plain keys.
//!
//! Below the alias `A` there is `A/<generation>/…`, a whole copy of the build, and `A/current`, a pointer to the
//! current generation. A generation never changes; the pointer is replaced in one step, and the previous generation
//! stays for a term, so that readers who began there can finish. A generation in the state file may exist in part or
//! not at all; the one to which the pointer points is whole.

use super::{Mirror, build_of};
use crate::model::{Digest, RelPath, Stamp};
use crate::store::{Entry, Guard, Kind, Put, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

/// More bytes than a state file ever has.
const LIMIT: u64 = 1 << 20;

/// The state of one alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Materialized {
    /// The version of this form: 1.
    pub materialized: u32,
    /// The alias.
    pub alias: RelPath,
    /// The number of seconds that a replaced generation stays.
    pub keep: i64,
    /// Whether it should have a copy; otherwise the existing ones are only removed.
    pub wanted: bool,
    /// The number of the next generation.
    pub next: u64,
    /// Everything that may exist below the alias.
    pub generations: Vec<Generation>,
}

/// One copy of a build below an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Its name below the alias.
    pub name: String,
    /// The path of the build of which it is a copy.
    pub of: RelPath,
    /// What distinguishes that build from another that was at its path: the digest of its checksums.
    pub sums: Option<Digest>,
    /// Whether it was completed.
    pub whole: bool,
    /// The last instant at which it stays, once it was replaced.
    pub until: Option<Stamp>,
    /// The number of its objects.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Materialized {
    /// Returns the path of the pointer to the current generation of an alias.
    pub fn pointer(alias: &RelPath) -> RelPath {
        alias.child("current").unwrap_or_default()
    }

    /// Returns the path of a generation.
    pub fn at(&self, generation: &Generation) -> RelPath {
        self.alias.child(&generation.name).unwrap_or_default()
    }

    fn place(alias: &RelPath, ending: &str) -> RelPath {
        RelPath::state(&format!("materialized/{}.{ending}", alias.as_str()))
    }
}

impl Mirror {
    /// Returns every alias that has a copy, or the rest of one.
    pub fn materialized(&self) -> Result<Vec<RelPath>, StoreError> {
        let dir = RelPath::state("materialized");
        let states = self.store().below(&dir)?.into_iter().filter_map(|found| {
            let below = found.path.below(&dir)?;
            below.as_str().strip_suffix(".json")?.parse().ok()
        });
        Ok(states.collect())
    }

    /// Returns whether a copy of a build may be at a path: builds have their own paths.
    pub fn is_for_copies(&self, at: &RelPath) -> bool {
        !at.is_root() && !at.is_own() && build_of(self, at).is_none()
    }

    /// Returns what is at an alias, ignoring copies of builds below it, which are not in its way.
    pub fn named(&self, alias: &RelPath) -> Result<Option<Entry>, StoreError> {
        let found = self.store().look(alias)?;
        let is_dir = found.as_ref().is_some_and(|entry| entry.kind == Kind::Dir);
        if is_dir && !self.store().abilities().symlinks && self.materialized_as(alias)?.is_some() {
            return Ok(None);
        }
        Ok(found)
    }

    /// Points an alias to `target` in one step, including one that was removed while copies still exist below it.
    pub fn point(&self, alias: &RelPath, target: &RelPath) -> Result<(), StoreError> {
        match self.store().point(alias, target) {
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists && self.named(alias)?.is_none() => {
                self.store().link(alias, &alias.link_to(target))
            }
            done => done,
        }
    }

    /// Returns the state of an alias that has a copy.
    pub fn materialized_as(&self, alias: &RelPath) -> Result<Option<Materialized>, StoreError> {
        let at = Materialized::place(alias, "json");
        match self.store().read(&at, LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => {
                let state: Materialized = serde_json::from_slice(&bytes)
                    .map_err(|error| StoreError::new("read the state", &at, std::io::Error::from(error)))?;
                let ours = state.materialized == 1 && state.alias == *alias;
                // What it lists is removed one day, so it must not be a build, whoever wrote the state.
                if ours && state.generations.iter().all(|one| self.is_for_copies(&state.at(one))) {
                    return Ok(Some(state));
                }
                let why = "it is not a state of this alias, or of another version";
                Err(StoreError::because(StoreErrorKind::Io, "use the state", at, why))
            }
        }
    }

    /// Replaces the state of an alias that was read before; `Busy` if another process changed it since.
    pub fn keep_materialized(
        &self,
        before: Option<&Materialized>,
        after: &Materialized,
    ) -> Result<(), StoreError> {
        let at = Materialized::place(&after.alias, "json");
        // Plain data always serializes.
        let text = serde_json::to_vec_pretty(after).unwrap_or_default();
        let Some(before) = before else { return self.store().put(&at, &text, Put::Create) };
        let old = self.store().read(&at, LIMIT)?;
        if serde_json::from_slice(&old).ok().as_ref() != Some(before) {
            let why = "another process changed it at the same moment";
            return Err(StoreError::because(StoreErrorKind::Busy, "renew the state", &at, why));
        }
        self.store().renew(&at, &old, &text)
    }

    /// Removes the state of an alias without copies.
    pub fn forget_materialized(&self, alias: &RelPath) -> Result<(), StoreError> {
        self.store().remove(&Materialized::place(alias, "json"))
    }

    /// Takes the right to change the copies of an alias; nothing while another process has it.
    pub fn materializing(&self, alias: &RelPath) -> Result<Option<Guard>, StoreError> {
        match self.store().lock(&Materialized::place(alias, "ticket"), self.who(), std::time::Duration::ZERO)
        {
            Err(error) if error.kind() == StoreErrorKind::Busy => Ok(None),
            guard => guard.map(Some),
        }
    }
}
