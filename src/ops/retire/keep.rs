//! Which builds of a stream stay: those that are named, and those to which a kept name resolves.

use crate::census::Census;
use crate::mirror::Mirror;
use crate::model::{BuildId, Stream};
use std::collections::BTreeSet;

/// Returns the builds of a stream for which an entry of `--keep` stands: an ID, the name of a build, or an alias of the stream.
pub(super) fn named(mirror: &Mirror, census: &Census, stream: &Stream, entry: &str) -> BTreeSet<BuildId> {
    let dir = mirror.layout().stream_path(stream).unwrap_or_default();
    let of = census.stream(stream).map(|line| &*line.builds).unwrap_or_default();
    let ids = of.iter().map(|build| BuildId::new(stream.clone(), build.build.clone()));
    let alias = dir.child(entry).ok();
    let target = census.aliases.iter().find(|one| Some(&one.path) == alias.as_ref());
    let target = target.and_then(|one| one.target.clone());
    let is_meant = |id: &BuildId| {
        let at = || mirror.layout().build_path(id).ok();
        id.name.as_str() == entry
            || id.to_string() == entry
            || target.as_ref().zip(at()).is_some_and(|(target, at)| target.is_within(&at))
    };
    ids.filter(is_meant).collect()
}

/// Returns every build of a stream that stays.
pub(super) fn kept(mirror: &Mirror, census: &Census, stream: &Stream, keep: &[String]) -> BTreeSet<BuildId> {
    keep.iter().flat_map(|entry| named(mirror, census, stream, entry)).collect()
}
