//! What of a mirror a change list states: builds that are visible and have a record, and names that lead somewhere.

use super::ChangesWriteError;
use crate::commit::repoint::pointed_at;
use crate::decide::changes::{Known, ListedBuild, ListedManifest, Present};
use crate::mirror::{Mirror, Resolved, links};
use crate::model::{BuildId, Digest, RelPath, unprintable};
use crate::ops::withdraw::tombstones;
use crate::record::{BuildRecord, Manifest};
use crate::store::{StoreError, at_once};
use rayon::prelude::*;
use std::collections::BTreeMap;

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
    /// Looks at a mirror; manifests of builds that are as they are `known` are not read.
    pub(super) fn at(mirror: &Mirror, known: &Known) -> Result<Self, ChangesWriteError> {
        let found = links(mirror)?;
        let mut look = Self::default();
        let read = || -> Result<_, ChangesWriteError> {
            let builds = found.builds.par_iter().map(|id| build(mirror, id, known));
            Ok((builds.collect::<Result<Vec<_>, _>>()?, names(mirror, &found.links)?))
        };
        let requests = found.builds.len() + found.links.len();
        let (builds, names) = at_once(mirror.store(), (AT_ONCE, requests), read)??;
        for found in builds {
            match found {
                Found::Listed(build) => {
                    look.present.builds.insert(build.id.clone(), *build);
                }
                Found::Gone => {}
                Found::Left(why) => look.warnings.push(why),
            }
        }
        look.present.names = names;
        let stones = tombstones(mirror)?;
        let withdrawn = stones.keys().filter_map(|id| id.parse().ok());
        look.present.withdrawn = withdrawn.collect();
        Ok(look)
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
