//! What of a mirror belongs at a target, at one instant.

use super::SyncError;
use crate::decide::targets::{Hop, TRACE_DIR, Target, Trace};
use crate::mirror::{Mirror, Resolved, Tree, build_of, links};
use crate::model::{BuildId, RETENTION_NAME, RelPath, is_sums, sums_names};
use crate::store::{Entry, Kind, StoreError};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A build that belongs at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Here {
    /// Its path in the mirror.
    pub(super) path: RelPath,
    /// What tells whether its files are still the same.
    pub(super) mark: String,
}

/// A name of the mirror that leads to something at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Its path.
    pub(super) path: RelPath,
    /// The text of the link.
    pub(super) text: String,
    /// Where it leads, through other names.
    pub(super) to: RelPath,
    /// The build in which that is.
    pub(super) build: Option<BuildId>,
    /// Whether it leads through another name.
    pub(super) through: bool,
}

impl Name {
    /// Returns the build that it leads to, as a set.
    pub(super) fn builds(&self) -> BTreeSet<BuildId> {
        self.build.iter().cloned().collect()
    }
}

/// What of a mirror belongs at a target.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The builds.
    pub(super) builds: BTreeMap<BuildId, Here>,
    /// The names, those that lead through others after these.
    pub(super) names: Vec<Name>,
}

impl Look {
    /// Looks at a mirror; what cannot be read fails.
    pub(super) fn at(mirror: &Mirror, target: &Target) -> Result<Self, SyncError> {
        let found = links(mirror)?;
        let wanted: Vec<BuildId> = found.builds.into_iter().filter(|id| target.gets(&id.stream)).collect();
        let here = |id: BuildId| -> Result<Option<(BuildId, Here)>, SyncError> {
            let Ok(path) = mirror.layout().build_path(&id) else { return Ok(None) };
            let mark = mark(mirror, &id, &path)?;
            Ok(Some((id, Here { path, mark })))
        };
        let builds = wanted.into_par_iter().map(here).collect::<Result<Vec<_>, _>>()?;
        let all: BTreeSet<RelPath> = found.links.iter().map(|(path, _)| path.clone()).collect();
        let mut names = Vec::new();
        for (path, to) in found.links {
            // What leads nowhere, or out of the mirror, leads nowhere there either.
            let Resolved::To(to) = to else { continue };
            let build = build_of(mirror, &to);
            let belongs = match &build {
                Some(id) => target.gets(&id.stream),
                None => builds.iter().flatten().any(|(_, here): &(BuildId, Here)| here.path.is_within(&to)),
            };
            if !belongs {
                continue;
            }
            let Some(text) = mirror.store().link_text(&path)? else { continue };
            let first = path.follow(&text);
            let on_the_way =
                |at: &RelPath| at.ancestors().chain([at.clone()]).any(|above| all.contains(&above));
            names.push(Name { through: first.as_ref().is_some_and(on_the_way), path, text, to, build });
        }
        names.sort_by(|a, b| (a.through, &a.path).cmp(&(b.through, &b.path)));
        Ok(Self { builds: builds.into_iter().flatten().collect(), names })
    }

    /// Returns whether a path has, or may have, a whole build at or below it.
    pub(super) fn leads_to_some(&self, to: &RelPath, is_whole: impl Fn(&BuildId) -> bool) -> bool {
        self.builds.iter().any(|(id, here)| here.path.is_within(to) && is_whole(id))
    }
}

/// Returns what tells whether the files of a build are still those that its manifest lists.
pub(super) fn mark(mirror: &Mirror, id: &BuildId, path: &RelPath) -> Result<String, StoreError> {
    let top = sums_names().filter_map(|name| path.child(name).ok());
    let parts = std::iter::once(Tree::Manifests.at(id)).chain(top);
    let parts =
        parts.map(|at| Ok(mirror.store().look(&at)?.map_or_else(|| "-".to_owned(), |entry| stat(&entry))));
    Ok(parts.collect::<Result<Vec<_>, StoreError>>()?.join(" "))
}

/// Returns the other files that belong at a target, each with what tells whether it is still the same.
pub(super) fn pages(
    mirror: &Mirror,
    target: &Target,
    look: &Look,
) -> Result<BTreeMap<RelPath, String>, StoreError> {
    let mut found = BTreeMap::new();
    if !target.pages {
        return Ok(found);
    }
    let config = mirror.config();
    let site = config.site.as_ref().map(|site| &site.path);
    let readers = config.readers.as_ref().map(|readers| &readers.path);
    let mut files: Vec<RelPath> = Vec::new();
    for dir in site.into_iter().chain(readers) {
        let below = mirror.store().below(dir)?;
        files.extend(below.into_iter().filter(|one| one.kind == Kind::File).map(|one| one.path));
    }
    let streams: BTreeSet<RelPath> = look.builds.values().filter_map(|here| here.path.parent()).collect();
    files.extend(streams.iter().filter_map(|dir| dir.child(RETENTION_NAME).ok()));
    for at in files {
        if let Some(entry) = mirror.store().look(&at)?.filter(|entry| entry.kind == Kind::File) {
            found.insert(at, stat(&entry));
        }
    }
    Ok(found)
}

/// Returns the size and time of a file.
fn stat(entry: &Entry) -> String {
    format!("{}@{}", entry.size, entry.mtime)
}

/// Fails where the layout has a place for something else where the trace goes.
pub(super) fn has_room_for_traces(look: &Look) -> Result<(), SyncError> {
    let dir: RelPath = TRACE_DIR.parse().unwrap_or_default();
    let meets = |path: &RelPath| path.is_within(&dir) || dir.is_within(path);
    let mut paths =
        look.builds.values().map(|here| &here.path).chain(look.names.iter().map(|name| &name.path));
    if paths.any(meets) { Err(SyncError::Trace) } else { Ok(()) }
}

/// Returns the copies by which a mirror was filled itself: the newest of its own traces with its chain.
pub(super) fn chain_of(mirror: &Mirror) -> Vec<Hop> {
    let traces = mirror.own_traces().unwrap_or_default();
    let newest = traces.iter().filter_map(|bytes| Trace::parse(bytes).ok()).max_by_key(|trace| trace.at);
    newest.map(|trace| trace.chain.iter().cloned().chain([trace.hop()]).collect()).unwrap_or_default()
}

/// Returns whether a path of a build is sent after its other files: its checksums, what signs them, the marker of its result.
pub(super) fn is_last(mirror: &Mirror, path: &RelPath) -> bool {
    let marks = || mirror.layout().markers().results.iter().any(|marker| marker.paths.contains(path));
    is_sums(path.as_str()) || marks()
}
