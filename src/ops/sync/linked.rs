//! Files that are at a target already under other names: by them, what is a hard link here is one there, too.
//!
//! `rsync` links only what is in one run. It takes the name that comes first in its order, which must be the one that is there:
//! only builds with earlier names are looked at. Whatever they lack is sent as a file of its own.

use super::SyncError;
use super::files::Walked;
use super::look::Here;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath, Stream};
use rayon::prelude::*;
use std::collections::HashMap;

/// How many builds of a stream are looked at: each has what it shares with those before it.
const LOOKED_AT: usize = 3;

/// Returns names of the same files in builds that are whole there, one for each file of these builds that has one.
pub(super) fn linked<'l>(
    mirror: &Mirror,
    new: &[(&Stream, &Walked)],
    whole: impl Iterator<Item = (&'l BuildId, &'l Here)>,
) -> Result<Vec<RelPath>, SyncError> {
    let mut wanted: HashMap<&Stream, HashMap<u64, (&RelPath, u64)>> = HashMap::new();
    for (stream, walked) in new {
        let files = wanted.entry(stream).or_default();
        for (path, (device, inode)) in &walked.shared {
            let first = files.entry(*inode).or_insert((path, *device));
            first.0 = first.0.min(path);
        }
    }
    let mut builds: Vec<(&BuildId, &Here)> =
        whole.filter(|(id, _)| wanted.contains_key(&id.stream)).collect();
    builds.sort_by(|a, b| b.1.path.cmp(&a.1.path));
    let mut looked: HashMap<&Stream, usize> = HashMap::new();
    let mut found = Vec::new();
    for (id, here) in builds {
        let Some(files) = wanted.get_mut(&id.stream) else { continue };
        let is_before = |path: &RelPath| here.path.names().lt(path.names());
        if !files.values().any(|(path, _)| is_before(path)) {
            continue;
        }
        let looked = looked.entry(&id.stream).or_default();
        *looked += 1;
        if *looked > LOOKED_AT {
            continue;
        }
        // One that cannot be read saves nothing.
        let Ok(Some(manifest)) = mirror.manifest(id) else { continue };
        let same = |inode: u64, at: RelPath| {
            let (path, device) = files.get(&inode).filter(|(path, _)| is_before(path))?;
            let entry = mirror.store().look(&at).ok()??;
            (entry.inode == (*device, inode) && at != **path).then_some((inode, at))
        };
        let here: Vec<(u64, RelPath)> = manifest
            .files
            .par_iter()
            .filter(|file| files.contains_key(&file.inode))
            .filter_map(|file| same(file.inode, here.path.join(&file.path)))
            .collect();
        for (inode, at) in here {
            if files.remove(&inode).is_some() {
                found.push(at);
            }
        }
    }
    Ok(found)
}
