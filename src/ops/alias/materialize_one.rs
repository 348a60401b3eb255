//! Updating the copy below one alias: what it should be, what is removed, and which generation is current.
//!
//! The process here has locked the ticket of the alias, so no other process is working on an incomplete generation.

use crate::mirror::{Generation, Materialized};
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME, Stamp};
use crate::ops::alias::materialize::{Followed, MaterializeError, Switched, leads_to};
use crate::record::{Manifest, Payload};
use crate::session::Session;
use crate::sign::there as signatures;
use crate::store::{Fill, Kind, Share, Shared, StoreError, StoreErrorKind, io_pool};
use rayon::prelude::*;

/// The number of objects that are copied at once.
const AT_ONCE: usize = 8;

/// How often the alias may move while its build is copied.
const TRIES: u32 = 5;

/// The build to copy: its ID, its path, and the digest of its checksums.
type Wanted = (BuildId, RelPath, Option<Digest>);

/// What an alias should have below it.
enum Wants {
    /// A copy of this build.
    Copy(Wanted),
    /// No copy.
    Nothing,
    /// Its present copy: it does not resolve to a build now.
    Last,
}

/// The result for one alias.
enum Done {
    /// Nothing was done, or another process is working on it.
    Nothing,
    /// Its copy was updated.
    Switched(Switched),
    /// Its last copy stays, since it does not resolve to a build.
    Stays,
}

/// The update of one alias.
struct Following<'a> {
    session: &'a Session<'a>,
}

/// Updates the copies below all aliases, and removes those whose term is over.
///
/// For commands that move aliases; it costs one listing if no alias has a copy. An alias on which another process
/// works is left to that process. If several fail, the first error is returned after all were tried.
pub fn follow(session: &Session<'_>) -> Result<Followed, MaterializeError> {
    let mirror = session.mirror();
    let (mut followed, mut failed) = (Followed::default(), None);
    if !mirror.store().abilities().symlinks {
        for alias in mirror.materialized()? {
            session.check_cancelled()?;
            match (Following { session }).follow(&alias) {
                Ok(Done::Nothing) => {}
                Ok(Done::Switched(switched)) => followed.switched.push(switched),
                Ok(Done::Stays) => followed.stay.push(alias),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }
    failed.map_or(Ok(followed), Err)
}

impl Following<'_> {
    /// Makes the copy below an alias that of the build to which it resolves, and removes those whose term is over.
    fn follow(&self, alias: &RelPath) -> Result<Done, MaterializeError> {
        let Some(_held) = self.session.mirror().materializing(alias)? else { return Ok(Done::Nothing) };
        let Some(mut state) = self.session.mirror().materialized_as(alias)? else { return Ok(Done::Nothing) };
        let before = self.current(alias)?;
        let mut removed = 0;
        for _ in 0..TRIES {
            let wanted = match self.wanted(&state)? {
                Wants::Copy(wanted) => Some(wanted),
                Wants::Nothing => None,
                Wants::Last => {
                    self.clear(&mut state, None)?;
                    return Ok(Done::Stays);
                }
            };
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
                    self.session.mirror().forget_materialized(alias)?;
                }
                if current == before && removed == 0 {
                    return Ok(Done::Nothing);
                }
                let alias = alias.clone();
                return Ok(Done::Switched(Switched { alias, generation: current, of, removed }));
            }
            match wanted {
                Some((id, of, sums)) => self.renew(&mut state, &id, of, sums)?,
                None => self.point(&mut state, None)?,
            }
        }
        Err(MaterializeError::Restless(alias.clone()))
    }

    /// Returns the name of the current generation.
    fn current(&self, alias: &RelPath) -> Result<Option<String>, StoreError> {
        let pointer = Materialized::pointer(alias);
        Ok(self.session.mirror().store().look(&pointer)?.and_then(|entry| entry.link))
    }

    /// Returns the build to copy.
    fn wanted(&self, state: &Materialized) -> Result<Wants, MaterializeError> {
        let there =
            self.session.mirror().store().look(&state.alias)?.is_some_and(|entry| entry.kind == Kind::Link);
        if !state.wanted || !there {
            return Ok(Wants::Nothing);
        }
        let Some(id) = leads_to(self.session.mirror(), &state.alias)? else { return Ok(Wants::Last) };
        let record =
            self.session.mirror().record(&id)?.ok_or_else(|| MaterializeError::NoRecord(id.clone()))?;
        let place = self.session.mirror().layout().build_path(&id).unwrap_or_default();
        Ok(Wants::Copy((id, place, record.sums)))
    }

    /// Removes incomplete generations and those whose term is over, and sets a term for those that are no longer
    /// current.
    fn clear(&self, state: &mut Materialized, wanted: Option<&Wanted>) -> Result<u64, MaterializeError> {
        let (now, current) = (self.session.now(), self.current(&state.alias)?);
        let mut left = Materialized { generations: Vec::new(), ..state.clone() };
        let mut removed = 0;
        for generation in &state.generations {
            let mut stays = generation.clone();
            let counts = Some(&generation.name) == current.as_ref();
            let about = wanted.is_some_and(|(_, of, sums)| generation.of == *of && generation.sums == *sums);
            let over = !generation.whole || generation.until.is_some_and(|until| until < now);
            if counts {
                // If a switch was interrupted, the term counts from the time when the generation stopped being
                // current.
                stays.until = None;
            } else if over {
                let swept = self.session.mirror().store().sweep(&state.at(generation));
                if let Some(error) = swept.failures.into_iter().next() {
                    return Err(error.into());
                }
                removed += 1;
                continue;
            } else if !about && stays.until.is_none() {
                stays.until = Some(now.checked_add(state.keep).unwrap_or(Stamp::MAX));
            }
            left.generations.push(stays);
        }
        self.keep(state, left)?;
        Ok(removed)
    }

    /// Writes the present state.
    fn keep(&self, state: &mut Materialized, after: Materialized) -> Result<(), StoreError> {
        if *state != after {
            self.session.mirror().keep_materialized(Some(state), &after)?;
            *state = after;
        }
        Ok(())
    }

    /// Makes a copy of a build, or finds one that is complete, and points to it.
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
        let manifest =
            self.session.mirror().manifest(id)?.ok_or_else(|| MaterializeError::NoRecord(id.clone()))?;
        let name = format!("{}-{}", id.name, state.next);
        let files = (manifest.files.len() + manifest.links.len()) as u64 + 1;
        let (whole, until, bytes) = (false, None, manifest.bytes());
        let generation = Generation { name: name.clone(), of, sums, whole, until, files, bytes };
        let mut begun = Materialized { next: state.next + 1, ..state.clone() };
        begun.generations.push(generation.clone());
        self.keep(state, begun)?;
        self.copy(&generation.of, &state.at(&generation), &manifest)?;
        if !self.session.mirror().has_build(id)?
            || self.session.mirror().record(id)?.and_then(|record| record.sums) != sums
        {
            // The build was deleted while it was copied: what is at its path is not a build any more.
            return Ok(());
        }
        let mut whole = state.clone();
        for one in whole.generations.iter_mut().filter(|one| one.name == name) {
            one.whole = true;
        }
        self.keep(state, whole)?;
        self.point(state, Some(&name))
    }

    /// Has the store copy every object of a build, then compares a listing of the copy with the build.
    fn copy(&self, from: &RelPath, to: &RelPath, manifest: &Manifest) -> Result<(), MaterializeError> {
        let store = self.session.mirror().store();
        self.session.progress().expect(
            "copying below the alias",
            manifest.files.len() as u64,
            manifest.bytes(),
        );
        let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
        let look =
            store.look(&from.join(&sums))?.ok_or_else(|| MaterializeError::Missing(from.join(&sums)))?;
        let files = manifest.files.iter().map(|file| (&file.path, file.size, file.mode, Some(file.digest)));
        let mut files: Vec<_> = files.collect();
        files.push((&sums, look.size, 0o444, None));
        let signed = signatures(store, from)?.into_iter();
        let signed: Vec<(RelPath, u64)> =
            signed.map(|one| (one.file.parse().unwrap_or_default(), one.bytes.len() as u64)).collect();
        files.extend(signed.iter().map(|(path, size)| (path, *size, 0o444, None)));
        let one = |(path, size, mode, digest): &(&RelPath, u64, u32, Option<Digest>)| {
            self.session.check_cancelled()?;
            let (old, new) = (from.join(path), to.join(path));
            let fill = Fill { mode: *mode, mtime: None };
            if store.share(&old, &new, Share::Link, fill)? == Shared::No {
                // Too large for one request, or a store that cannot copy: its bytes pass through this process.
                let mut open = store.open(&old)?;
                let filled = store.fill(&new, &mut open, fill)?;
                if digest.is_some_and(|digest| digest != filled.digest) {
                    return Err(MaterializeError::Missing(old));
                }
            }
            self.session.progress().bytes(*size);
            self.session.progress().file(path);
            Ok(())
        };
        io_pool(store, AT_ONCE)?.install(|| files.par_iter().with_max_len(1).try_for_each(one))?;
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

    /// Points to a generation, or to none, and sets a term for the previous one.
    fn point(&self, state: &mut Materialized, name: Option<&str>) -> Result<(), MaterializeError> {
        let (pointer, alias) = (Materialized::pointer(&state.alias), state.alias.clone());
        let before = self.current(&alias)?;
        let lock = self.session.begin()?;
        let payload = Payload::Materialized { from: before.clone(), generation: name.map(str::to_owned) };
        let now = lock.now();
        let pending = lock.begin(now, &alias, &payload)?;
        let done = match name.and_then(|name| alias.child(name).ok()) {
            Some(target) => self.session.mirror().store().point(&pointer, &target),
            None => self.session.mirror().store().remove(&pointer),
        };
        if let Err(error) = done {
            // The write can fail after it took effect: then the next command sees that and records it.
            if self.current(&alias).is_ok_and(|at| at.as_deref() != name) {
                pending.undone(now)?;
            }
            return Err(error.into());
        }
        pending.done(now)?;
        drop(lock);
        let until = now.checked_add(state.keep).unwrap_or(Stamp::MAX);
        let mut after = state.clone();
        for one in &mut after.generations {
            if Some(&*one.name) == name {
                one.until = None;
            } else if Some(&one.name) == before.as_ref() {
                one.until = Some(until);
            }
        }
        self.keep(state, after)?;
        Ok(())
    }
}
