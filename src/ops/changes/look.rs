//! What of a mirror a change list states: builds that are visible and have a record, and names that lead somewhere.

use super::ChangesWriteError;
use crate::commit::repoint::pointed_at;
use crate::decide::changes::{Known, ListedBuild, ListedManifest, Present};
use crate::layout::Place;
use crate::mirror::{Mirror, Resolved, links};
use crate::model::{BuildId, Digest, RelPath, unprintable};
use crate::ops::withdraw::tombstones;
use crate::record::{BuildRecord, Manifest};
use crate::store::{StoreError, at_once};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How many requests are sent to a store at once.
pub(super) const AT_ONCE: usize = 16;

/// What is in a mirror, and what cannot be listed.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) present: Present,
    pub(super) warnings: Vec<String>,
}

/// How one build was found.
enum Found {
    Listed(Box<ListedBuild>),
    /// It went meanwhile, or is on its way out.
    Gone,
    Left(String),
}

impl Look {
    /// Looks at a mirror, of which the list states what is `known`; manifests of builds that are as they were are read only if
    /// `full`.
    pub(super) fn at(mirror: &Mirror, known: &Known, full: bool) -> Result<Self, ChangesWriteError> {
        let found = links(mirror)?;
        let mut look = Self::default();
        let nothing = Known::default();
        let before = if full { &nothing } else { known };
        let read = || -> Result<_, ChangesWriteError> {
            let builds = found.builds.par_iter().map(|id| build(mirror, id, before));
            Ok((builds.collect::<Result<Vec<_>, _>>()?, names(mirror, &found.links)?))
        };
        let requests = found.builds.len() + found.links.len();
        let (builds, names) = at_once(mirror.store(), (AT_ONCE, requests), read)??;
        for found in builds {
            look.add(found);
        }
        let mut seen: BTreeSet<BuildId> = found.builds.into_iter().collect();
        let missing = missing(mirror, &seen)?;
        // A build that came after the others were listed is there with its name.
        for id in names.values().filter_map(|to| build_at(mirror, to)).chain(missing.iter().cloned()) {
            if seen.insert(id.clone()) && mirror.has_build(&id)? {
                look.add(build(mirror, &id, before)?);
            }
        }
        look.present.names = names;
        look.present.missing = missing;
        look.present.missing.retain(|id| !look.present.builds.contains_key(id));
        let mut listed = look.present.missing.iter().filter(|id| known.build(id).is_some());
        if let Some(id) = listed.next() {
            let count = 1 + listed.count();
            look.warnings.push(format!(
                "{count} recorded builds are missing and were not pruned, such as `{id}`: the change list still states them; restore \
                 them from a copy, or `mirrorkeep adopt --changed {id}` records that it is missing"
            ));
        }
        let stones = tombstones(mirror)?;
        let withdrawn = stones.keys().filter_map(|id| id.parse().ok());
        look.present.withdrawn = withdrawn.collect();
        look.present.settle(known);
        Ok(look)
    }

    fn add(&mut self, found: Found) {
        match found {
            Found::Listed(build) => {
                self.present.builds.insert(build.id.clone(), *build);
            }
            Found::Gone => {}
            Found::Left(why) => self.warnings.push(why),
        }
    }
}

/// Returns the builds that should be there, by the records and the journal, and that were not seen.
fn missing(mirror: &Mirror, seen: &BTreeSet<BuildId>) -> Result<BTreeSet<BuildId>, ChangesWriteError> {
    let unseen = || -> Result<BTreeSet<BuildId>, ChangesWriteError> {
        let mut expected = mirror.expected()?;
        expected.retain(|id| !seen.contains(id));
        Ok(expected)
    };
    let missing = unseen()?;
    // One that another command removed after it was listed is not expected any more.
    if missing.is_empty() { Ok(missing) } else { unseen() }
}

/// Returns the build at a path or above it.
fn build_at(mirror: &Mirror, path: &RelPath) -> Option<BuildId> {
    match mirror.layout().place(path) {
        Place::Build { build } | Place::Inside { build, .. } => Some(build),
        _ => None,
    }
}

/// Returns the names that lead to something, each with what it points at.
fn names(mirror: &Mirror, links: &[(RelPath, Resolved)]) -> Result<BTreeMap<RelPath, RelPath>, StoreError> {
    // What leads nowhere, or out of the mirror, leads nowhere in a copy either.
    let leads = |(path, to): &&(RelPath, Resolved)| {
        matches!(to, Resolved::To(to) if !to.is_root()) && unprintable(path.as_str()).is_none()
    };
    let name = |(path, _): &(RelPath, Resolved)| {
        let to = pointed_at(mirror, path)?.filter(|to| !to.is_own() && !to.is_root());
        Ok(to.map(|to| (path.clone(), to)))
    };
    let names = links.par_iter().filter(leads).map(name).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(names.into_iter().flatten().collect())
}

fn build(mirror: &Mirror, id: &BuildId, known: &Known) -> Result<Found, ChangesWriteError> {
    let left = |why: &str| {
        Ok(Found::Left(format!(
            "`{id}` is not in the change list: {why}; `mirrorkeep adopt {id}` takes it over"
        )))
    };
    let Ok(path) = mirror.layout().build_path(id) else { return left("the layout has no path for it") };
    let Some(record) = mirror.record(id)? else {
        return if mirror.has_build(id)? { left("it has no record") } else { Ok(Found::Gone) };
    };
    let Some(sums) = record.sums else { return left("its record has no digest of SHA256SUMS") };
    let listed = |manifest| Box::new(listed(&record, path.clone(), sums, manifest));
    if let Some(before) = known.build(id)
        && *listed(before.manifest) == *before
    {
        return Ok(Found::Listed(listed(before.manifest)));
    }
    let Some(manifest) = mirror.manifest(id)? else { return left("it has no manifest") };
    let text = public(manifest).write();
    let manifest = ListedManifest { bytes: text.len() as u64, sha256: Digest::of(text.as_bytes()) };
    Ok(Found::Listed(listed(manifest)))
}

fn listed(record: &BuildRecord, path: RelPath, sums: Digest, manifest: ListedManifest) -> ListedBuild {
    ListedBuild {
        id: record.id.clone(),
        path,
        created: record.created,
        seq: record.seq,
        result: record.result,
        requires: record.requires.clone(),
        trimmed: record.trimmed.clone(),
        files: record.files,
        bytes: record.bytes,
        sums,
        manifest,
    }
}

/// Returns a manifest as it is published: without what it states of this machine.
pub(super) fn public(mut manifest: Manifest) -> Manifest {
    for file in &mut manifest.files {
        // A time that only the store knows stays unknown.
        file.mtime = file.time().unwrap_or_default();
        (file.inode, file.seen) = (0, None);
    }
    manifest
}
