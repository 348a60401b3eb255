//! How many bytes each build has alone, if builds share files by hard links.

use crate::census::Census;
use crate::mirror::Mirror;
use crate::model::{BuildId, Outcome, Stamp};
use crate::store::{Kind, StoreError, TreeSnapshot};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// The contents of one tree: bytes of files with one name, and files with more names, each once.
struct Tree {
    own: u64,
    shared: HashMap<(u64, u64), u64>,
}

/// Replaces the sizes of the builds of a census by what each adds to the disk.
///
/// A file that builds share counts for the newest of them, since older builds are deleted first. For the newest
/// success of a stream, `bytes` includes these files, and `bytes_alone` excludes those that its predecessor has too:
/// that is what one more build like it adds. A build that cannot be read keeps its sizes, and is returned with the
/// reason.
pub fn share_out(mirror: &Mirror, census: &mut Census) -> Vec<(BuildId, StoreError)> {
    if !mirror.store().abilities().shares_files {
        // In a bucket, builds share no bytes.
        return Vec::new();
    }
    let ids: Vec<BuildId> = census.builds().map(|(id, _)| id).collect();
    let trees: Vec<Result<Tree, StoreError>> = ids.par_iter().map(|id| tree(mirror, id)).collect();
    let ages: Vec<(Option<Stamp>, u64)> =
        census.builds().map(|(_, build)| (build.created, build.seq)).collect();
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|index| (ages.get(*index).copied(), *index));
    let mut last: HashMap<(u64, u64), usize> = HashMap::new();
    for index in order {
        if let Some(Ok(tree)) = trees.get(index) {
            last.extend(tree.shared.keys().map(|inode| (*inode, index)));
        }
    }
    let (last, none) = (&last, HashMap::new());
    let shared = |index: usize| match trees.get(index) {
        Some(Ok(tree)) => &tree.shared,
        _ => &none,
    };
    let own = |index: usize| shared(index).iter().filter(move |(inode, _)| last.get(*inode) == Some(&index));
    let mut start = 0;
    for stream in &mut census.streams {
        let mut good: Vec<usize> = (0..stream.builds.len()).collect();
        good.retain(|at| stream.builds.get(*at).is_some_and(|build| build.result == Outcome::Success));
        good.sort_by_key(|at| stream.builds.get(*at).map(|build| (build.created, build.seq)));
        let newest = good.last().copied();
        let before = good.len().checked_sub(2).and_then(|at| good.get(at)).map(|at| start + at);
        let inherited: HashSet<&(u64, u64)> = before.into_iter().flat_map(|at| shared(at).keys()).collect();
        for (at, build) in stream.builds.iter_mut().enumerate() {
            let index = start + at;
            let Some(Ok(tree)) = trees.get(index) else { continue };
            let sum = tree.own + own(index).map(|(_, size)| size).sum::<u64>();
            let known = own(index).filter(|(inode, _)| inherited.contains(inode)).map(|(_, size)| size);
            let known: u64 = if newest == Some(at) { known.sum() } else { 0 };
            (build.bytes, build.bytes_alone) = (Some(sum), Some(sum - known));
        }
        start += stream.builds.len();
    }
    let failed = ids.into_iter().zip(trees).filter_map(|(id, tree)| Some((id, tree.err()?)));
    failed.collect()
}

fn tree(mirror: &Mirror, id: &BuildId) -> Result<Tree, StoreError> {
    let root = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let mut walked = TreeSnapshot::of(mirror.store(), &root)?;
    if !walked.unread.is_empty() {
        return Err(walked.unread.swap_remove(0).1);
    }
    let mut tree = Tree { own: 0, shared: HashMap::new() };
    for (_, _, entry) in walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File) {
        if entry.names > 1 {
            tree.shared.insert(entry.inode, entry.size);
        } else {
            tree.own += entry.size;
        }
    }
    Ok(tree)
}
