//! Keeping a copy of its build below an alias, in an object store, for whoever can only read plain keys.
//!
//! The store copies the objects by itself into a new generation; when all are there, the pointer is replaced in one
//! step. A reader who follows the pointer once finds one build, whole, and keeps it for a term after the alias moved
//! on. Killed anywhere, the next command that moves names goes on: half-made generations are removed, never pointed at.
//! On a POSIX mirror there is nothing to do, since a symlink is all of this.

use super::recover::{RecoverError, settle};
use super::{Interrupted, Mode, Stop, Watch};
use crate::layout::Place;
use crate::mirror::{Fact, Generation, JournalError, KeptError, LeaseError, Materialized, Mirror, Resolved};
use crate::record::{EventKind, Manifest};
use crate::store::{Fill, Kind, Share, Shared, StoreError, StoreErrorKind};
use crate::word::{BuildId, Digest, RelPath, SUMS_NAME, Stamp};
use rayon::prelude::*;
use serde::Serialize;

/// How many objects are copied at once.
const AT_ONCE: usize = 8;

/// How many objects a page of a listing has, and one request removes.
const PAGE: u64 = 1000;

/// How often the alias may move on while its build is copied.
const TRIES: u32 = 5;

/// What a copy below an alias takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// The alias.
    pub alias: RelPath,
    /// The build that it leads to.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    #[error("`{0}` leads to no build; only an alias of a build can have a copy")]
    NoBuild(RelPath),
    /// It led to a build, and does so no more.
    #[error("`{0}` leads to no build any more; the copy of its last one stays below it")]
    Nowhere(RelPath),
    /// It has no copy.
    #[error("`{0}` has no copy")]
    NotMaterialized(RelPath),
    /// Somebody else is changing its copy.
    #[error("somebody else is changing the copy of `{0}` right now")]
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
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// An earlier command's leftovers could not be settled.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot copy the build below its alias")]
    Store(#[from] StoreError),
    /// Asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// No threads could be started.
    #[error("cannot start the threads that copy")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Lets an alias have a copy of its build below it from now on, and says what that takes; [`follow`] makes it.
pub fn materialize(
    mirror: &Mirror,
    alias: &RelPath,
    keep: i64,
    mode: Mode,
) -> Result<Cost, MaterializeError> {
    if !mirror.by_seal() {
        return Err(MaterializeError::Symlinks(mirror.store().shown()));
    }
    let entry = mirror.store().look(alias)?;
    if entry.is_none_or(|entry| entry.kind != Kind::Link) {
        return Err(MaterializeError::NoAlias(alias.clone()));
    }
    let build = leads_to(mirror, alias)?.ok_or_else(|| MaterializeError::NoBuild(alias.clone()))?;
    let manifest = mirror.manifest(&build)?.ok_or_else(|| MaterializeError::NoRecord(build.clone()))?;
    let cost = cost(alias, build, &manifest, keep);
    if mode == Mode::Real {
        let _held = mirror.materializing(alias)?.ok_or_else(|| MaterializeError::Busy(alias.clone()))?;
        let mut state = mirror.materialized_as(alias)?.unwrap_or_else(|| Materialized {
            materialized: 1,
            alias: alias.clone(),
            keep,
            wanted: true,
            next: 1,
            generations: Vec::new(),
        });
        (state.keep, state.wanted) = (keep, true);
        mirror.keep_materialized(&state)?;
    }
    Ok(cost)
}

/// Lets an alias have no copy any more; [`follow`] removes what is there.
pub fn dematerialize(mirror: &Mirror, alias: &RelPath, mode: Mode) -> Result<(), MaterializeError> {
    let _held = mirror.materializing(alias)?.ok_or_else(|| MaterializeError::Busy(alias.clone()))?;
    let state = mirror.materialized_as(alias)?.filter(|state| state.wanted);
    let Some(mut state) = state else { return Err(MaterializeError::NotMaterialized(alias.clone())) };
    state.wanted = false;
    if mode == Mode::Real {
        mirror.keep_materialized(&state)?;
    }
    Ok(())
}

/// Brings the copies below all aliases up to date, and removes those whose time is over.
///
/// For whoever moved names; it costs one listing where no alias has a copy. One that somebody else is at is left to
/// them. Of several that fail the first is returned, after all were tried.
pub fn follow(
    mirror: &Mirror,
    watch: &dyn Watch,
    stop: &Stop,
    clock: &dyn Fn() -> Stamp,
) -> Result<Vec<Switched>, MaterializeError> {
    let (mut switched, mut failed) = (Vec::new(), None);
    if mirror.by_seal() {
        for alias in mirror.materialized()? {
            stop.check()?;
            match (Following { mirror, watch, stop, clock }).follow(&alias) {
                Ok(done) => switched.extend(done),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }
    failed.map_or(Ok(switched), Err)
}

/// Returns the build that an alias leads to.
fn leads_to(mirror: &Mirror, alias: &RelPath) -> Result<Option<BuildId>, StoreError> {
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

/// Bringing one alias up to date.
struct Following<'a> {
    mirror: &'a Mirror,
    watch: &'a dyn Watch,
    stop: &'a Stop,
    clock: &'a dyn Fn() -> Stamp,
}

impl Following<'_> {
    fn follow(&self, alias: &RelPath) -> Result<Option<Switched>, MaterializeError> {
        let Some(_held) = self.mirror.materializing(alias)? else { return Ok(None) };
        let Some(mut state) = self.mirror.materialized_as(alias)? else { return Ok(None) };
        let before = self.current(alias)?;
        let mut removed = 0;
        for _ in 0..TRIES {
            let wanted = self.wanted(&state)?;
            removed += self.clear(&mut state, wanted.as_ref())?;
            let current = self.current(alias)?;
            let is = state.generations.iter().find(|one| Some(&one.name) == current.as_ref());
            let right = match (&wanted, is) {
                (Some((_, of, sums)), Some(is)) => is.of == *of && is.sums == *sums,
                (None, None) => current.is_none(),
                _ => false,
            };
            if right {
                let of = is.map(|is| is.of.clone());
                if state.generations.is_empty() && wanted.is_none() {
                    self.mirror.forget_materialized(alias)?;
                }
                let moved = current != before || removed > 0;
                let switched = Switched { alias: alias.clone(), generation: current, of, removed };
                return Ok(moved.then_some(switched));
            }
            match wanted {
                Some((id, of, sums)) => self.renew(&mut state, &id, of, sums)?,
                None => self.point(&mut state, None)?,
            }
        }
        Err(MaterializeError::Restless(alias.clone()))
    }

    /// Returns the name of the generation that counts.
    fn current(&self, alias: &RelPath) -> Result<Option<String>, StoreError> {
        let pointer = Materialized::pointer(alias);
        Ok(self.mirror.store().look(&pointer)?.and_then(|entry| entry.link))
    }

    /// Returns the build of which a copy is to be there, with its place and its digest.
    ///
    /// While the alias leads to no build, the last copy stays.
    fn wanted(
        &self,
        state: &Materialized,
    ) -> Result<Option<(BuildId, RelPath, Option<Digest>)>, MaterializeError> {
        let there = self.mirror.store().look(&state.alias)?.is_some_and(|entry| entry.kind == Kind::Link);
        if !state.wanted || !there {
            return Ok(None);
        }
        let id = leads_to(self.mirror, &state.alias)?;
        let id = id.ok_or_else(|| MaterializeError::Nowhere(state.alias.clone()))?;
        let record = self.mirror.record(&id)?.ok_or_else(|| MaterializeError::NoRecord(id.clone()))?;
        let place = self.mirror.layout().build_path(&id).unwrap_or_default();
        Ok(Some((id, place, record.sums)))
    }

    /// Removes what is half-made and what has stayed long enough, and gives a term to what counts no more.
    fn clear(
        &self,
        state: &mut Materialized,
        wanted: Option<&(BuildId, RelPath, Option<Digest>)>,
    ) -> Result<u64, MaterializeError> {
        let (now, current) = ((self.clock)(), self.current(&state.alias)?);
        let old = state.clone();
        let mut removed = 0;
        for generation in &old.generations {
            let counts = Some(&generation.name) == current.as_ref();
            let about = wanted.is_some_and(|(_, of, sums)| generation.of == *of && generation.sums == *sums);
            let over = !generation.whole || generation.until.is_some_and(|until| until < now);
            if counts || about && generation.whole && !over {
                continue;
            }
            if over {
                let swept = self.mirror.store().sweep(&old.at(generation));
                if let Some(error) = swept.failures.into_iter().next() {
                    return Err(error.into());
                }
                state.generations.retain(|one| one.name != generation.name);
                removed += 1;
            } else if generation.until.is_none() {
                let until = now.checked_add(state.keep).unwrap_or(Stamp::MAX);
                for one in state.generations.iter_mut().filter(|one| one.name == generation.name) {
                    one.until = Some(until);
                }
            }
        }
        if *state != old {
            self.mirror.keep_materialized(state)?;
        }
        Ok(removed)
    }

    /// Makes a copy of a build, or finds one that is whole, and points at it.
    fn renew(
        &self,
        state: &mut Materialized,
        id: &BuildId,
        of: RelPath,
        sums: Option<Digest>,
    ) -> Result<(), MaterializeError> {
        let ready = |one: &Generation| one.whole && one.of == of && one.sums == sums;
        if let Some(ready) = state.generations.iter().find(|one| ready(one)).map(|one| one.name.clone()) {
            return self.point(state, Some(&ready));
        }
        let manifest = self.mirror.manifest(id)?.ok_or_else(|| MaterializeError::NoRecord(id.clone()))?;
        let name = format!("{}-{}", id.name, state.next);
        let files = (manifest.files.len() + manifest.links.len()) as u64 + 1;
        let (whole, until, bytes) = (false, None, manifest.bytes());
        state.next += 1;
        state.generations.push(Generation { name: name.clone(), of, sums, whole, until, files, bytes });
        self.mirror.keep_materialized(state)?;
        let Some(generation) = state.generations.last() else { return Ok(()) };
        self.copy(&generation.of, &state.at(generation), &manifest)?;
        if !self.mirror.has_build(id)? || self.mirror.record(id)?.and_then(|record| record.sums) != sums {
            // It went while it was copied: what is there is no build any more.
            return Ok(());
        }
        for one in state.generations.iter_mut().filter(|one| one.name == name) {
            one.whole = true;
        }
        self.mirror.keep_materialized(state)?;
        self.point(state, Some(&name))
    }

    /// Has the store copy every object of a build, and compares what is listed then.
    fn copy(&self, from: &RelPath, to: &RelPath, manifest: &Manifest) -> Result<(), MaterializeError> {
        let store = self.mirror.store();
        self.watch.expect("copying below the alias", manifest.files.len() as u64, manifest.bytes());
        let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
        let look =
            store.look(&from.join(&sums))?.ok_or_else(|| MaterializeError::Missing(from.join(&sums)))?;
        let files = manifest.files.iter().map(|file| (&file.path, file.size, file.mode, Some(file.digest)));
        let mut files: Vec<_> = files.collect();
        files.push((&sums, look.size, 0o444, None));
        let one = |(path, size, mode, digest): &(&RelPath, u64, u32, Option<Digest>)| {
            self.stop.check()?;
            let (old, new) = (from.join(path), to.join(path));
            let fill = Fill { mode: *mode, mtime: None };
            if store.share(&old, &new, Share::Link, fill)? == Shared::No {
                // Too large for one request, or a store that copies nothing: its bytes go through here.
                let mut open = store.open(&old)?;
                let filled = store.fill(&new, &mut open, fill)?;
                if digest.is_some_and(|digest| digest != filled.digest) {
                    return Err(MaterializeError::Missing(old));
                }
            }
            self.watch.bytes(*size);
            self.watch.file(path);
            Ok(())
        };
        let threads = if rayon::current_num_threads() == 1 { 1 } else { AT_ONCE };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| files.par_iter().with_max_len(1).try_for_each(one))?;
        for link in &manifest.links {
            store.link(&to.join(&link.path), &link.text)?;
        }
        let mut wanted: Vec<(RelPath, u64)> =
            files.iter().map(|(path, size, ..)| (to.join(path), *size)).collect();
        wanted.extend(manifest.links.iter().map(|link| (to.join(&link.path), link.text.len() as u64)));
        wanted.sort();
        let there: Vec<(RelPath, u64)> =
            store.below(to)?.into_iter().map(|found| (found.path, found.size)).collect();
        match wanted.into_iter().find(|one| there.binary_search(one).is_err()) {
            None => Ok(()),
            Some((at, size)) => {
                let why = format!("it was copied with {size} bytes, and the store does not list it so");
                Err(StoreError::because(StoreErrorKind::Io, "copy", at, &why).into())
            }
        }
    }

    /// Points at a generation, or at none, and gives a term to the one before.
    fn point(&self, state: &mut Materialized, name: Option<&str>) -> Result<(), MaterializeError> {
        let (pointer, alias) = (Materialized::pointer(&state.alias), state.alias.clone());
        for one in state.generations.iter_mut().filter(|one| Some(&*one.name) == name) {
            one.until = None;
        }
        let before = self.current(&alias)?;
        let lease = self.mirror.lease()?;
        settle(&lease, self.clock)?;
        let fact = || {
            Fact::new(EventKind::Materialized, &alias).with("from", before.clone()).with("generation", name)
        };
        let now = (self.clock)();
        let intent = lease.intend(now, fact())?;
        let done = match name.and_then(|name| alias.child(name).ok()) {
            Some(target) => self.mirror.store().point(&pointer, &target),
            None => self.mirror.store().remove(&pointer),
        };
        if let Err(error) = done {
            // It can fail after it happened: then the next command finds it so and writes it down.
            if self.current(&alias).is_ok_and(|at| at.as_deref() != name) {
                lease.undo(now, fact(), intent)?;
            }
            return Err(error.into());
        }
        lease.tell(now, fact(), Some(intent))?;
        drop(lease);
        let until = now.checked_add(state.keep).unwrap_or(Stamp::MAX);
        for one in state.generations.iter_mut().filter(|one| Some(&one.name) == before.as_ref()) {
            one.until = Some(until);
        }
        self.mirror.keep_materialized(state)?;
        Ok(())
    }
}
