//! The builds that a retirement removed, by the journal, and the names of a stream.

use super::RetireError;
use crate::layout::{Layout, Place};
use crate::mirror::{JournalError, Mirror, survey_stream};
use crate::model::{BuildId, RelPath, Stamp, Stream};
use crate::ops::retention::removals::removals;
use std::collections::{BTreeMap, BTreeSet};

/// Returns every build that a retirement removed and that did not come back.
pub(super) fn removed(mirror: &Mirror) -> Result<BTreeSet<BuildId>, JournalError> {
    Ok(removals(mirror, |event| event.stated().retired)?.into_keys().collect())
}

/// Returns the stream in which a name is; nothing for one that belongs to no stream, such as a legacy name.
pub(super) fn stream_of(layout: &Layout, name: &RelPath) -> Option<Stream> {
    match layout.place(name) {
        Place::Alias { stream: Some(stream), legacy: false, .. } => Some(stream),
        Place::Alias { .. } => None,
        _ => match layout.place(&name.parent()?) {
            Place::Stream { stream } => Some(stream),
            _ => None,
        },
    }
}

/// Returns the names of a stream that resolve to builds of it, each with the path of its build.
pub(super) fn names_of(
    mirror: &Mirror,
    stream: &Stream,
    now: Stamp,
) -> Result<BTreeMap<RelPath, RelPath>, RetireError> {
    let census = survey_stream(mirror, stream, now)?.census;
    let paths: BTreeSet<RelPath> =
        census.builds().filter_map(|(id, _)| mirror.layout().build_path(&id).ok()).collect();
    let of = |name: &RelPath| stream_of(mirror.layout(), name).as_ref() == Some(stream);
    let names = census.aliases.into_iter().filter(|alias| of(&alias.path));
    let names = names.filter_map(|alias| Some((alias.path, alias.target?)));
    Ok(names.filter(|(_, to)| paths.contains(to)).collect())
}
