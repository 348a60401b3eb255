//! Looking at a mirror: one walk from the root down to the builds makes a census.
//!
//! The walk follows no link and goes only where the layout says that builds can be. What cannot be read becomes a
//! [`Trouble`] and never an absence: whoever deletes must take it for a reason to keep. Times of files are never
//! used as the age of a build.

use super::{JournalError, KeptError, Mirror, Resolved, journal, resolve};
use crate::census::{AliasCensus, AliasMove, BuildCensus, Census, StrayCensus, StreamCensus};
use crate::layout::{Created, Place};
use crate::record::{EventKind, Hold, Phase};
use crate::store::{Kind, StoreError};
use crate::word::{BuildId, BuildName, Outcome, RelPath, Stamp, Stream};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A census, and what stood in the way of a better one.
#[derive(Debug)]
pub struct Survey {
    /// What was found.
    pub census: Census,
    /// What could not be read.
    pub troubles: Vec<Trouble>,
}

/// Something that could not be read.
#[derive(Debug)]
pub struct Trouble {
    /// Where.
    pub path: RelPath,
    /// Why not.
    pub error: KeptError,
}

/// What the walk has found so far.
#[derive(Debug, Default)]
struct Found {
    streams: BTreeMap<Stream, Vec<BuildCensus>>,
    links: Vec<RelPath>,
    strays: Vec<StrayCensus>,
    troubles: Vec<Trouble>,
}

/// Returns what the mirror holds, as seen at `at`.
pub fn survey(mirror: &Mirror, at: Stamp) -> Result<Survey, JournalError> {
    let mut holds = BTreeMap::new();
    let mut found = Found::default();
    match mirror.holds() {
        Ok(all) => holds = all,
        Err(error) => found.troubles.push(Trouble { path: RelPath::own("holds"), error }),
    }
    found = found.and(walk(mirror, &RelPath::root(), &Place::Root, &holds));
    if mirror.by_seal() {
        match mirror.sealed(None) {
            Ok(ids) => found = found.and(sealed(mirror, &ids, &holds)),
            Err(error) => found.troubles.push(Trouble { path: RelPath::own("builds"), error }),
        }
    }
    let history = History::read(mirror)?;
    for (stream, builds) in &mut found.streams {
        history.supersede(stream, builds);
    }
    let moves = &history.moves;
    let required = required_aliases(mirror, &found);
    let links = std::mem::take(&mut found.links);
    let seen: Vec<Result<AliasCensus, Trouble>> =
        links.par_iter().map(|path| alias(mirror, path, moves, required.contains(path))).collect();
    let mut census = Census::empty(at);
    for alias in seen {
        match alias {
            Ok(alias) => census.aliases.push(alias),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    for path in required.iter().filter(|path| !links.contains(path)) {
        let problem = Some("it is missing".to_owned());
        let (path, moves) = (path.clone(), moves.get(path).cloned().unwrap_or_default());
        census.aliases.push(AliasCensus { path, target: None, required: true, moves, problem });
    }
    census.streams =
        found.streams.into_iter().map(|(stream, builds)| StreamCensus { stream, builds }).collect();
    census.strays = found.strays;
    census.sort();
    found.troubles.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Survey { census, troubles: found.troubles })
}

impl Found {
    fn and(mut self, other: Self) -> Self {
        for (stream, builds) in other.streams {
            self.streams.entry(stream).or_default().extend(builds);
        }
        self.links.extend(other.links);
        self.strays.extend(other.strays);
        self.troubles.extend(other.troubles);
        self
    }

    fn trouble(path: &RelPath, error: impl Into<KeptError>) -> Self {
        Self { troubles: vec![Trouble { path: path.clone(), error: error.into() }], ..Self::default() }
    }
}

/// Walks a directory that leads to builds.
fn walk(mirror: &Mirror, dir: &RelPath, place: &Place, holds: &BTreeMap<BuildId, Vec<Hold>>) -> Found {
    let listing = match mirror.store().list(dir) {
        Ok(listing) => listing,
        Err(error) => return Found::trouble(dir, error),
    };
    let mut found = Found::default();
    if let Place::Stream { stream } = place {
        found.streams.entry(stream.clone()).or_default();
    }
    for odd in listing.odd {
        let path = format!("{dir}/{odd}");
        let why = "its name is not UTF-8 or holds a control character".to_owned();
        found.strays.push(StrayCensus { path, why });
    }
    let below: Vec<Found> = listing
        .entries
        .into_par_iter()
        .map(|entry| match dir.child(&entry.name) {
            Ok(path) => visit(mirror, path, entry.kind, holds),
            Err(_) => Found::default(),
        })
        .collect();
    below.into_iter().fold(found, Found::and)
}

/// Looks at one thing in a directory that leads to builds.
fn visit(mirror: &Mirror, path: RelPath, kind: Kind, holds: &BTreeMap<BuildId, Vec<Hold>>) -> Found {
    if path.is_own() {
        return Found::default();
    }
    if kind == Kind::Link {
        return Found { links: vec![path], ..Found::default() };
    }
    let place = mirror.layout().place(&path);
    match &place {
        Place::Root | Place::Above | Place::Stream { .. } if kind == Kind::Dir => {
            walk(mirror, &path, &place, holds)
        }
        // What counts there are seals, and these lie together.
        Place::Build { .. } if kind == Kind::Dir && mirror.by_seal() => Found::default(),
        Place::Build { build: id } if kind == Kind::Dir => build(mirror, id, &path, holds),
        Place::Inside { .. } | Place::Beside { .. } | Place::Declared { .. } | Place::Own => Found::default(),
        Place::Stray(stray) => stray_at(&path, stray.why.clone()),
        Place::Alias { .. } => stray_at(&path, "an alias is a symlink; this is none".to_owned()),
        _ => stray_at(&path, "a directory is wanted there".to_owned()),
    }
}

fn stray_at(path: &RelPath, why: String) -> Found {
    Found { strays: vec![StrayCensus { path: path.to_string(), why }], ..Found::default() }
}

/// Looks at the builds that have a seal.
fn sealed(mirror: &Mirror, ids: &[BuildId], holds: &BTreeMap<BuildId, Vec<Hold>>) -> Found {
    let found: Vec<Found> = ids
        .par_iter()
        .map(|id| match mirror.layout().build_path(id) {
            Ok(path) => build(mirror, id, &path, holds),
            Err(error) => stray_at(&id.as_path(), error.to_string()),
        })
        .collect();
    found.into_iter().fold(Found::default(), Found::and)
}

/// Looks at one build.
fn build(mirror: &Mirror, id: &BuildId, path: &RelPath, holds: &BTreeMap<BuildId, Vec<Hold>>) -> Found {
    let (build, trouble) = match look_at_build(mirror, id) {
        Ok(build) => (build, None),
        Err(error) => {
            let mut build = named(mirror, id);
            build.problem = Some(crate::mirror::chain(&error));
            (build, Some(Trouble { path: path.clone(), error }))
        }
    };
    let elsewhere = (*path != id.as_path()).then(|| path.clone());
    let build = BuildCensus { holds: holds.get(id).cloned().unwrap_or_default(), path: elsewhere, ..build };
    let streams = BTreeMap::from([(id.stream.clone(), vec![build])]);
    Found { streams, troubles: trouble.into_iter().collect(), ..Found::default() }
}

/// Returns what is known of one build that is there, its holds left out.
pub fn look_at_build(mirror: &Mirror, id: &BuildId) -> Result<BuildCensus, KeptError> {
    let mut build = match mirror.record(id)? {
        Some(record) => record.into(),
        None => unrecorded(mirror, id)?,
    };
    match (mirror.layout().created(id), build.created) {
        (Created::Impossible(why), _) => build.problem = Some(why),
        (Created::At(named, _), Some(created)) if named != created => {
            build.problem = Some(format!("its name says {named}, its record {created}"));
        }
        _ => {}
    }
    Ok(build)
}

/// Returns what is known of each build of a stream; one that cannot be read has a problem.
///
/// Fails when the stream cannot be read, or the build that is `needed`: neither may pass for not being there.
pub fn builds_of(
    mirror: &Mirror,
    stream: &Stream,
    needed: Option<&BuildName>,
) -> Result<Vec<BuildCensus>, KeptError> {
    let Ok(dir) = mirror.layout().stream_path(stream) else { return Ok(Vec::new()) };
    let mut found = Found::default();
    if mirror.by_seal() {
        found = sealed(mirror, &mirror.sealed(Some(stream))?, &BTreeMap::new());
    } else if mirror.store().look(&dir)?.is_some() {
        found = walk(mirror, &dir, &mirror.layout().place(&dir), &BTreeMap::new());
    }
    for trouble in found.troubles {
        match mirror.layout().place(&trouble.path) {
            Place::Build { build: id } if Some(&id.name) != needed => {}
            _ => return Err(trouble.error),
        }
    }
    let mut builds = found.streams.remove(stream).unwrap_or_default();
    builds.sort_by(|a, b| (a.created, a.seq, &a.build).cmp(&(b.created, b.seq, &b.build)));
    Ok(builds)
}

/// Returns what the name of a build says of it.
fn named(mirror: &Mirror, id: &BuildId) -> BuildCensus {
    let mut build = BuildCensus::named(id.name.clone());
    match mirror.layout().created(id) {
        Created::At(stamp, seq) => (build.created, build.seq) = (Some(stamp), seq),
        Created::Unnamed => {}
        Created::Impossible(why) => build.problem = Some(why),
    }
    build
}

/// Returns what can be said of a build without a record.
fn unrecorded(mirror: &Mirror, id: &BuildId) -> Result<BuildCensus, StoreError> {
    let store = mirror.store();
    let path = &mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let mut build = named(mirror, id);
    // The inode's change time tells when it can have come here at the earliest guess; it only ever protects.
    build.published = store.look(path)?.and_then(|entry| Stamp::from_unix(entry.ctime));
    let mut said = Vec::new();
    for marker in &mirror.layout().markers().results {
        for at in &marker.paths {
            if store.look(&path.join(at))?.is_some() {
                said.push(marker.outcome);
                break;
            }
        }
    }
    build.result = match said.as_slice() {
        [one] => *one,
        [] => Outcome::Partial,
        _ => {
            build.problem = Some("it has more than one result marker".to_owned());
            Outcome::Unknown
        }
    };
    build.last_activity = build.published;
    let (files, bytes, requires) = contents(mirror, id, path)?;
    (build.files, build.bytes, build.requires) = (Some(files), Some(bytes), requires);
    Ok(build)
}

/// Counts a tree's files and bytes, each inode once, and returns the builds that symlinks in it lead into.
fn contents(mirror: &Mirror, id: &BuildId, root: &RelPath) -> Result<(u64, u64, Vec<BuildId>), StoreError> {
    let store = mirror.store();
    let mut inodes = std::collections::HashSet::new();
    let mut requires = std::collections::BTreeSet::new();
    let (mut files, mut bytes) = (0, 0);
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in store.list(&dir)?.entries {
            let Ok(at) = dir.child(&entry.name) else { continue };
            match entry.kind {
                Kind::Dir => dirs.push(at),
                Kind::Link => {
                    if let Resolved::To(target) | Resolved::Dangles(target) = resolve(store, &at)?
                        && let Some(other) = build_of(mirror, &target)
                        && other != *id
                    {
                        requires.insert(other);
                    }
                }
                Kind::File => {
                    if let Some(found) = store.look(&at)? {
                        files += 1;
                        if found.names < 2 || inodes.insert(found.inode) {
                            bytes += found.size;
                        }
                    }
                }
                Kind::Other => {}
            }
        }
    }
    Ok((files, bytes, requires.into_iter().collect()))
}

/// Returns the build that a path is or lies in.
pub fn build_of(mirror: &Mirror, path: &RelPath) -> Option<BuildId> {
    match mirror.layout().place(path) {
        Place::Build { build: id } | Place::Inside { build: id, .. } => Some(id),
        Place::Stray(_) => path.ancestors().find_map(|above| match mirror.layout().place(&above) {
            Place::Build { build: id } => Some(id),
            _ => None,
        }),
        _ => None,
    }
}

/// What the journal says of aliases and of builds that may be gone.
#[derive(Debug, Default)]
struct History {
    moves: BTreeMap<RelPath, Vec<AliasMove>>,
    /// Successes of each stream: when they were made and when they became visible.
    successes: BTreeMap<Stream, Vec<(Stamp, Stamp)>>,
}

impl History {
    fn read(mirror: &Mirror) -> Result<Self, JournalError> {
        let mut history = Self::default();
        let wanted = [EventKind::Aliased, EventKind::Unaliased, EventKind::Published];
        for event in journal::history(mirror.store(), &wanted)? {
            if event.phase != Phase::Done {
                continue;
            }
            let detail = |key: &str| event.details.get(key).and_then(|value| value.as_str());
            if event.what == EventKind::Published {
                let created = detail("created").and_then(|created| created.parse().ok());
                if let (Ok(id), Some(created), Some("success")) =
                    (event.to.parse::<BuildId>(), created, detail("result"))
                {
                    history.successes.entry(id.stream).or_default().push((created, event.at));
                }
            } else if let Ok(path) = event.to.parse() {
                let from = detail("from").and_then(|from| from.parse().ok());
                history.moves.entry(path).or_default().push(AliasMove { from, at: event.at });
            }
        }
        for successes in history.successes.values_mut() {
            successes.sort();
            let mut earliest = Stamp::MAX;
            for (_, at) in successes.iter_mut().rev() {
                earliest = earliest.min(*at);
                *at = earliest;
            }
        }
        Ok(history)
    }

    /// Notes when the first later success of each build became visible, also when that one is gone.
    fn supersede(&self, stream: &Stream, builds: &mut [BuildCensus]) {
        let Some(successes) = self.successes.get(stream) else { return };
        for build in builds {
            let Some(created) = build.created else { continue };
            let later = successes.partition_point(|(other, _)| *other <= created);
            build.superseded = successes.get(later).map(|(_, at)| *at);
        }
    }
}

/// Returns where an alias must be: in every stream that has a build which it could point at.
fn required_aliases(mirror: &Mirror, found: &Found) -> std::collections::BTreeSet<RelPath> {
    let mut required = std::collections::BTreeSet::new();
    for (stream, builds) in &found.streams {
        let Ok(dir) = mirror.layout().stream_path(stream) else { continue };
        for rule in mirror.alias_rules(stream).into_iter().filter(|rule| rule.required) {
            let fits = |build: &BuildCensus| {
                rule.when.is_met(build.result, |key| build.labels.get(key).map(|label| &*label.value))
            };
            if builds.iter().any(fits)
                && let Ok(path) = dir.child(&rule.name)
            {
                required.insert(path);
            }
        }
    }
    required
}

/// Looks at one link outside the builds.
fn alias(
    mirror: &Mirror,
    path: &RelPath,
    moves: &BTreeMap<RelPath, Vec<AliasMove>>,
    required: bool,
) -> Result<AliasCensus, Trouble> {
    let resolved = mirror.resolve(path);
    let resolved = resolved.map_err(|error| Trouble { path: path.clone(), error: error.into() })?;
    let (target, problem) = match resolved {
        Resolved::To(target) => (Some(target), None),
        Resolved::Dangles(target) => (None, Some(format!("it dangles: nothing is at `{target}`"))),
        Resolved::Loops => (None, Some("it loops".to_owned())),
        Resolved::Leaves(text) => (None, Some(format!("it leaves the mirror: `{}`", text.escape_debug()))),
    };
    let moves = moves.get(path).cloned().unwrap_or_default();
    Ok(AliasCensus { path: path.clone(), target, required, moves, problem })
}
