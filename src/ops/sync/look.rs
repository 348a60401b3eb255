//! What of a mirror belongs at a target, at one instant.

use super::SyncError;
use crate::decide::targets::{Hop, TRACE_DIR, Target, Trace};
use crate::mirror::{Mirror, Resolved, Tree, build_of, links};
use crate::model::{BuildId, RETENTION_NAME, RETIRED_NAME, RelPath, sums_names};
use crate::store::{Entry, Kind, StoreError};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The most names through which a name may lead, as in Linux.
const NAMES_ON_THE_WAY: usize = 40;

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
    /// The first other name through which it leads.
    pub(super) via: Option<RelPath>,
    /// Through how many names it leads.
    pub(super) depth: usize,
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
    /// The builds that should be here and are missing, of whatever stream: nothing follows from their absence.
    pub(super) vanished: BTreeSet<BuildId>,
    /// The paths of these.
    away: Vec<RelPath>,
}

impl Look {
    /// Looks at a mirror; what cannot be read fails.
    pub(super) fn at(mirror: &Mirror, target: &Target) -> Result<Self, SyncError> {
        let found = links(mirror)?;
        let vanished = vanished(mirror, target, &found.builds)?;
        let mut wanted: BTreeSet<BuildId> =
            found.builds.into_iter().filter(|id| target.gets(&id.stream)).collect();
        let all: BTreeSet<RelPath> = found.links.into_iter().map(|(path, _)| path).collect();
        let read = |path: &RelPath| Ok(seen(mirror, path, &all)?.map(|name| (name.path.clone(), name)));
        let seen = all.par_iter().map(read).collect::<Result<Vec<Option<_>>, StoreError>>()?;
        let seen: BTreeMap<RelPath, Name> = seen.into_iter().flatten().collect();
        // One that was published since the listing, and to which a name leads already.
        for id in seen.values().filter_map(|name| name.build.as_ref()) {
            if target.gets(&id.stream) && !wanted.contains(id) && mirror.has_build(id)? {
                wanted.insert(id.clone());
            }
        }
        let here = |id: BuildId| -> Result<Option<(BuildId, Here)>, SyncError> {
            let Ok(path) = mirror.layout().build_path(&id) else { return Ok(None) };
            let mark = mark(mirror, &id, &path)?;
            Ok(Some((id, Here { path, mark })))
        };
        let builds = wanted.into_par_iter().map(here).collect::<Result<Vec<_>, _>>()?;
        let builds: BTreeMap<BuildId, Here> = builds.into_iter().flatten().collect();
        let depth = |name: &Name| {
            let on = |name: &&Name| name.via.as_ref().and_then(|via| seen.get(via));
            std::iter::successors(Some(name), on).take(NAMES_ON_THE_WAY).count()
        };
        let belongs = |name: &&Name| match &name.build {
            Some(id) => target.gets(&id.stream),
            None => builds.values().any(|here| here.path.is_within(&name.to)),
        };
        let names = seen.values().filter(belongs);
        let mut names: Vec<Name> = names.map(|name| Name { depth: depth(name), ..name.clone() }).collect();
        names.sort_by(|a, b| (a.depth, &a.path).cmp(&(b.depth, &b.path)));
        let away = vanished.iter().filter_map(|id| mirror.layout().build_path(id).ok()).collect();
        Ok(Self { builds, names, vanished, away })
    }

    /// Returns the name at a path.
    pub(super) fn name(&self, path: &RelPath) -> Option<&Name> {
        self.names.iter().find(|name| name.path == *path)
    }

    /// Returns whether a path may be missing only because builds beside or below it vanished, as on a disk that is not mounted.
    pub(super) fn is_away(&self, path: &RelPath) -> bool {
        let dir = path.parent().filter(|dir| !dir.is_root());
        dir.is_some_and(|dir| self.away.iter().any(|build| build.is_within(&dir)))
    }

    /// Returns whether a path has, or may have, a whole build at or below it.
    pub(super) fn leads_to_some(&self, to: &RelPath, is_whole: impl Fn(&BuildId) -> bool) -> bool {
        self.builds.iter().any(|(id, here)| here.path.is_within(to) && is_whole(id))
    }
}

/// Returns a name by one reading of its link; nothing where it leads nowhere or out of the mirror, as it then does there, too.
fn seen(mirror: &Mirror, path: &RelPath, all: &BTreeSet<RelPath>) -> Result<Option<Name>, StoreError> {
    let Some(text) = mirror.store().link_text(path)? else { return Ok(None) };
    let Some(first) = path.follow(&text) else { return Ok(None) };
    let Resolved::To(to) = mirror.resolve(&first)? else { return Ok(None) };
    let via = first.ancestors().chain([first.clone()]).find(|above| all.contains(above));
    Ok(Some(Name { path: path.clone(), text, build: build_of(mirror, &to), to, via, depth: 0 }))
}

/// Returns the builds that should be here and are missing. The journal is read only where something recorded or sent is not here.
fn vanished(mirror: &Mirror, target: &Target, found: &[BuildId]) -> Result<BTreeSet<BuildId>, SyncError> {
    let there: BTreeSet<BuildId> = found.iter().cloned().collect();
    let known = mirror.recorded()?.into_iter().chain(mirror.sent_builds(&target.name)?);
    let is_complete = known.into_iter().all(|id| there.contains(&id));
    Ok(if is_complete { BTreeSet::new() } else { mirror.vanished(&there)? })
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
    let own = |dir: &RelPath| [RETENTION_NAME, RETIRED_NAME].map(|name| dir.child(name));
    files.extend(streams.iter().flat_map(own).flatten());
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

/// Returns whether a name that does not belong at a target is not here, or leads to what the target does not get; one that leads
/// nowhere now is left as it was.
pub(super) fn is_removed(mirror: &Mirror, path: &RelPath) -> Result<bool, SyncError> {
    Ok(mirror.store().link_text(path)?.is_none() || matches!(mirror.resolve(path)?, Resolved::To(_)))
}
