//! A quick look at what is in the way of a deletion: every link outside the builds, and which builds are there.

use super::{KeptError, Mirror, Resolved};
use crate::layout::Place;
use crate::store::Kind;
use crate::word::{BuildId, RelPath};
use rayon::prelude::*;

/// Links and builds, as they are at this moment.
#[derive(Debug, Default)]
pub struct Links {
    /// Every link outside the builds, and where it leads.
    pub links: Vec<(RelPath, Resolved)>,
    /// Every build that is there.
    pub builds: Vec<BuildId>,
}

/// Reads every directory that leads to builds, and none of theirs; the first that cannot be read ends it.
pub fn links(mirror: &Mirror) -> Result<Links, KeptError> {
    let mut links = walk(mirror, &RelPath::root())?;
    if mirror.by_seal() {
        links.builds = mirror.sealed(None)?;
    }
    Ok(links)
}

/// Returns the builds that have a place of their own: in an object store also those that lie there without a seal.
pub fn laid(mirror: &Mirror) -> Result<Vec<BuildId>, KeptError> {
    let mut builds = walk(mirror, &RelPath::root())?.builds;
    builds.sort();
    Ok(builds)
}

fn walk(mirror: &Mirror, dir: &RelPath) -> Result<Links, KeptError> {
    let listing = mirror.store().list(dir)?;
    let found: Vec<Result<Links, KeptError>> = listing
        .entries
        .into_par_iter()
        .map(|entry| {
            let Ok(path) = dir.child(&entry.name) else { return Ok(Links::default()) };
            if path.is_own() {
                return Ok(Links::default());
            }
            if entry.kind == Kind::Link {
                let to = mirror.resolve(&path)?;
                return Ok(Links { links: vec![(path, to)], builds: Vec::new() });
            }
            match mirror.layout().place(&path) {
                Place::Above | Place::Stream { .. } if entry.kind == Kind::Dir => walk(mirror, &path),
                Place::Build { build } if entry.kind == Kind::Dir => {
                    Ok(Links { links: Vec::new(), builds: vec![build] })
                }
                _ => Ok(Links::default()),
            }
        })
        .collect();
    let mut all = Links::default();
    for part in found {
        let part = part?;
        all.links.extend(part.links);
        all.builds.extend(part.builds);
    }
    Ok(all)
}
