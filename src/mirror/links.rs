//! A quick look at what prevents a deletion: every link outside the builds, and the existing builds.
//!
//! Protections are looked for in every other directory as well, whether unknown, declared or beside builds; only
//! builds are not entered. Every directory above builds is listed; in an object store a link is then resolved through
//! the listed names, so that it costs one request and not three for each name on its way.

use super::leading::{below_odd, below_other, leads};
use super::resolve::{Step, follow, look};
use super::{Mirror, Resolved, StateError, build_of};
use crate::layout::Place;
use crate::model::{BuildId, RelPath};
use crate::store::{Kind, StoreError, io_pool};
use rayon::prelude::*;
use std::collections::HashSet;

/// How many requests are sent to an object store at once.
const AT_ONCE: usize = 16;

/// Links and builds, as they are at this moment.
#[derive(Debug, Default)]
pub struct Links {
    /// Every link outside the builds, and what it resolves to.
    pub links: Vec<(RelPath, Resolved)>,
    /// Every existing build.
    pub builds: Vec<BuildId>,
}

/// What protects builds by resolving to them, and the existing builds.
#[derive(Debug, Default)]
pub struct Pointing {
    /// Every link anywhere outside the builds that points below the root, and its target, whether or not that exists.
    pub targets: Vec<(RelPath, RelPath)>,
    /// Every existing build.
    pub builds: Vec<BuildId>,
}

/// What was listed.
#[derive(Debug, Default)]
struct Seen {
    links: Vec<RelPath>,
    dirs: Vec<RelPath>,
    builds: Vec<BuildId>,
    /// Directories that are neither builds nor above builds.
    others: Vec<RelPath>,
    /// Directories above builds that have names that a path cannot represent.
    odd: Vec<RelPath>,
}

/// Reads every directory above builds, but not the builds; fails with the first that cannot be read.
pub fn links(mirror: &Mirror) -> Result<Links, StateError> {
    if mirror.store().abilities().slow_calls {
        return io_pool(mirror.store(), AT_ONCE)?.install(|| listed(mirror));
    }
    let Seen { links, builds, .. } = walk(mirror, &RelPath::root())?;
    let leads = |link: RelPath| Ok((link.clone(), mirror.resolve(&link)?));
    let links = links.into_par_iter().map(leads).collect::<Result<_, StateError>>()?;
    Ok(Links { links, builds: mirror.protocol.builds(mirror, builds)? })
}

/// Reads every directory outside the builds; fails with the first that cannot be read.
pub fn pointing(mirror: &Mirror) -> Result<Pointing, StateError> {
    if mirror.store().abilities().slow_calls {
        return io_pool(mirror.store(), AT_ONCE)?.install(|| pointed(mirror));
    }
    pointed(mirror)
}

fn pointed(mirror: &Mirror) -> Result<Pointing, StateError> {
    let seen = walk(mirror, &RelPath::root())?;
    let (others, odd) = (seen.others.clone(), seen.odd.clone());
    let (resolved, builds) = if mirror.store().abilities().slow_calls {
        let Links { links, builds } = known(mirror, seen)?;
        (links, builds)
    } else {
        let leads = |link: RelPath| Ok((link.clone(), leads(mirror, &link)?));
        let links = seen.links.into_par_iter().map(leads).collect::<Result<_, StateError>>()?;
        (links, mirror.protocol.builds(mirror, seen.builds)?)
    };
    let mut targets: Vec<(RelPath, RelPath)> =
        resolved.into_iter().filter_map(|(link, to)| Some((link, to.path()?))).collect();
    let deep = others.par_iter().map(|dir| below_other(mirror, dir));
    let deep = deep.chain(odd.par_iter().map(|dir| below_odd(mirror, dir)));
    for found in deep.collect::<Result<Vec<_>, StateError>>()? {
        targets.extend(found.into_iter().filter_map(|(link, to)| Some((link, to.path()?))));
    }
    Ok(Pointing { targets, builds })
}

/// Lists an object store, and resolves each link through the listing.
fn listed(mirror: &Mirror) -> Result<Links, StateError> {
    known(mirror, walk(mirror, &RelPath::root())?)
}

/// Resolves each link of an object store through the listing.
fn known(mirror: &Mirror, seen: Seen) -> Result<Links, StateError> {
    let Seen { links, dirs, builds, .. } = seen;
    let builds = mirror.protocol.builds(mirror, builds)?;
    let known = Known { mirror, dirs: dirs.iter().collect(), sealed: builds.iter().collect() };
    let leads = |link: RelPath| Ok((link.clone(), known.resolve(&link)?));
    let links = links.into_par_iter().map(leads).collect::<Result<_, StateError>>()?;
    Ok(Links { links, builds })
}

/// What a listing of an object store showed.
struct Known<'a> {
    mirror: &'a Mirror,
    dirs: HashSet<&'a RelPath>,
    sealed: HashSet<&'a BuildId>,
}

impl Known<'_> {
    /// Returns what a listed link resolves to for readers.
    fn resolve(&self, link: &RelPath) -> Result<Resolved, StoreError> {
        let store = self.mirror.store();
        let resolved = follow(link, |at| {
            if self.dirs.contains(at) {
                return Ok(Some(Step::There));
            }
            match if at == link { store.link_text(at)? } else { None } {
                Some(text) => Ok(Some(Step::Link(text))),
                None => look(store, at),
            }
        })?;
        let Resolved::To(target) = resolved else { return Ok(resolved) };
        let there = match build_of(self.mirror, &target) {
            // A build that was sealed after the listing exists as well.
            Some(id) => self.sealed.contains(&id) || self.mirror.has_build(&id)?,
            // Some stores list a directory long after its last object was deleted.
            None => !self.dirs.contains(&target) || look(store, &target)?.is_some(),
        };
        Ok(if there { Resolved::To(target) } else { Resolved::Dangles(target) })
    }
}

/// Returns the builds that occupy their paths: in an object store, also those without a seal.
pub fn laid(mirror: &Mirror) -> Result<Vec<BuildId>, StateError> {
    let mut builds = walk(mirror, &RelPath::root())?.builds;
    builds.sort();
    Ok(builds)
}

fn walk(mirror: &Mirror, dir: &RelPath) -> Result<Seen, StateError> {
    let listing = mirror.store().list(dir)?;
    let found: Vec<Result<Seen, StateError>> = listing
        .entries
        .into_par_iter()
        .map(|entry| {
            let Ok(path) = dir.child(&entry.name) else { return Ok(Seen::default()) };
            match entry.kind {
                _ if path.is_own() => Ok(Seen::default()),
                Kind::Link => Ok(Seen { links: vec![path], ..Seen::default() }),
                Kind::Dir => below(mirror, path),
                Kind::File | Kind::Other => Ok(Seen::default()),
            }
        })
        .collect();
    let mut all = Seen::default();
    if !listing.odd.is_empty() {
        all.odd.push(dir.clone());
    }
    for part in found {
        let part = part?;
        all.links.extend(part.links);
        all.dirs.extend(part.dirs);
        all.builds.extend(part.builds);
        all.others.extend(part.others);
        all.odd.extend(part.odd);
    }
    Ok(all)
}

/// Returns a listed directory and its contents, if builds can be below it.
fn below(mirror: &Mirror, dir: RelPath) -> Result<Seen, StateError> {
    let mut seen = match mirror.layout().place(&dir) {
        Place::Above | Place::Stream { .. } => walk(mirror, &dir)?,
        Place::Build { build } => Seen { builds: vec![build], ..Seen::default() },
        // What is below a name there is mirrorkeep's own copy of what it resolves to.
        Place::Alias { .. } if !mirror.store().abilities().symlinks => Seen::default(),
        _ => Seen { others: vec![dir.clone()], ..Seen::default() },
    };
    seen.dirs.push(dir);
    Ok(seen)
}
