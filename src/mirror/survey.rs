//! Surveying a mirror: one walk from the root down to the builds makes a census.
//!
//! The walk follows no link and enters only directories where the layout allows builds. What cannot be read becomes
//! an [`Unreadable`] and never an absence: before a deletion it counts as a reason to keep. Times of files are never
//! used as the age of a build.

use super::anchors::Anchors;
use super::build_info::{build_info_from_record, named};
use super::catalogue::Sealed;
use super::held::{STATING, lost_holds};
use super::leading::{Leading, below_odd, below_other, leads};
use super::pins::in_force;
use super::{
    AnchorError, ExpectedError, JournalError, Kept, LostHolds, Mirror, PinsInForce, Resolved, StateError,
    chain, journal,
};
use crate::census::{AliasCensus, AliasMove, BuildCensus, Census, StrayCensus, StreamCensus};
use crate::layout::Place;
use crate::model::{BuildId, BuildName, Classify, Outcome, RelPath, Stamp, Stream};
use crate::record::{Event, EventKind, Hold, Phase, RetirementState};
use crate::store::Kind;
use rayon::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use tracing::info;

/// A census, and what could not be read for it.
#[derive(Debug)]
pub struct Survey {
    /// What was found.
    pub census: Census,
    /// What could not be read.
    pub troubles: Vec<Unreadable>,
    /// Whether there is any build that mirrorkeep did not publish.
    pub scripted: bool,
    /// Builds that are held and do not exist.
    pub held: Vec<(BuildId, Vec<Hold>)>,
    /// Every build that was pruned or recorded as gone, and when, by the journal.
    pub pruned: Vec<(BuildId, Stamp)>,
    /// Whether a plan was ever carried out that deleted a build or parts of one, by the journal.
    pub planned: bool,
    /// The image pins in force.
    pub pins: PinsInForce,
    /// Holds that are in the journal and not in their files.
    pub lost_holds: Vec<LostHolds>,
    /// How the journal and what refers to it contradict each other: events were lost.
    pub lost: Vec<AnchorError>,
}

/// Something that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// The path.
    pub path: RelPath,
    /// The reason.
    pub error: StateError,
}

impl Unreadable {
    /// Returns the reason, with what the user can do about it.
    pub fn advice(&self) -> String {
        let hint = self.error.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{}{hint}", chain(&self.error))
    }

    /// Returns whether it may protect any build, and not only the one of which it is part.
    pub fn may_protect_any(&self, mirror: &Mirror) -> bool {
        !matches!(mirror.layout().place(&self.path), Place::Build { .. })
    }
}

/// Returns the streams of which nothing could be read; fails with a directory above streams or that of records, which
/// may have any of them.
pub fn hidden_streams<'a>(
    mirror: &Mirror,
    troubles: &'a [Unreadable],
) -> Result<Vec<Stream>, &'a Unreadable> {
    let mut hidden = Vec::new();
    let records = RelPath::state("builds");
    for trouble in troubles {
        // Builds that are only recorded there, as all are in a bucket, are missing then.
        if trouble.path == records {
            return Err(trouble);
        }
        match mirror.layout().place(&trouble.path) {
            Place::Stream { stream } => hidden.push(stream),
            Place::Root | Place::Above => return Err(trouble),
            _ => {}
        }
    }
    Ok(hidden)
}

/// What the walk has found so far.
#[derive(Debug, Default)]
struct Found {
    streams: BTreeMap<Stream, Vec<BuildCensus>>,
    links: Vec<RelPath>,
    /// Links in directories that are not above builds, and their targets.
    deep: Vec<Leading>,
    strays: Vec<StrayCensus>,
    troubles: Vec<Unreadable>,
}

/// Returns the census of the mirror at `at`.
pub fn survey(mirror: &Mirror, at: Stamp) -> Result<Survey, JournalError> {
    surveyed(mirror, at, None, &by_record(mirror), &Err)
}

/// Returns the census of one stream: its builds and the aliases in it, without holds and other streams.
pub fn survey_stream(mirror: &Mirror, stream: &Stream, at: Stamp) -> Result<Survey, JournalError> {
    surveyed(mirror, at, Some(stream), &by_record(mirror), &Err)
}

/// How one build is read.
type Look<'a> = dyn Fn(&BuildId, Kept) -> Result<BuildCensus, StateError> + Sync + 'a;

/// Reads a build by its record alone.
fn by_record(mirror: &Mirror) -> impl Fn(&BuildId, Kept) -> Result<BuildCensus, StateError> + Sync {
    move |id, record| build_info_from_record(mirror, id, record?)
}

/// Returns the same for a command that only shows the mirror, with the reason why no decision can be made if the
/// journal cannot be used.
pub fn survey_to_show(mirror: &Mirror, at: Stamp) -> Result<(Survey, Option<JournalError>), JournalError> {
    let (survey, unread) = survey_despite(mirror, at, &by_record(mirror))?;
    let lost = survey.lost.first().map(|lost| lost.clone().into());
    Ok((survey, unread.or(lost)))
}

/// Does the same with a function that reads the builds, each once, on many threads; also returns why the journal
/// cannot be read.
pub fn survey_despite(
    mirror: &Mirror,
    at: Stamp,
    look: &Look<'_>,
) -> Result<(Survey, Option<JournalError>), JournalError> {
    let unread = Cell::new(None);
    let without = |error| {
        unread.set(Some(error));
        Ok(History { unread: true, ..History::default() })
    };
    let survey = surveyed(mirror, at, None, look, &without)?;
    Ok((survey, unread.into_inner()))
}

/// The replacement for a journal that cannot be used.
type Without<'a> = dyn Fn(JournalError) -> Result<History, JournalError> + 'a;

fn surveyed(
    mirror: &Mirror,
    at: Stamp,
    only: Option<&Stream>,
    look: &Look<'_>,
    without: &Without<'_>,
) -> Result<Survey, JournalError> {
    let mut holds = BTreeMap::new();
    let mut found = Found::default();
    let top = only.and_then(|stream| mirror.layout().stream_path(stream).ok()).unwrap_or_default();
    let readable = match only.map_or_else(|| mirror.holds(), |_| Ok(BTreeMap::new())) {
        Ok(all) => {
            holds = all;
            true
        }
        Err(error) => {
            found.troubles.push(Unreadable { path: RelPath::state("holds"), error });
            false
        }
    };
    let mounts = match mirror.store().mounts() {
        Ok(mounts) => mounts,
        Err(error) => {
            found.troubles.push(Unreadable { path: RelPath::root(), error: error.into() });
            Vec::new()
        }
    };
    let wanted = Wanted { mirror, holds: &holds, mounts: &mounts, only, look };
    found = found.and(walk(&wanted, &top, &mirror.layout().place(&top)));
    match mirror.protocol.unmet(mirror, only) {
        Ok(builds) => found = found.and(unmet(&wanted, builds)),
        Err(error) => found.troubles.push(Unreadable { path: RelPath::state("builds"), error }),
    }
    let is_there = |id: &BuildId| {
        let builds = found.streams.get(&id.stream);
        builds.is_some_and(|builds| builds.iter().any(|build| build.build == id.name))
    };
    let held = holds.iter().filter(|(id, _)| !is_there(id)).map(|(id, holds)| (id.clone(), holds.clone()));
    let held = held.collect();
    // Read before the journal, which then is at least as new.
    let anchors = Anchors::read(mirror);
    let history = History::read(mirror).or_else(without)?;
    let mut lost = history.wrong.clone();
    match anchors.and_then(|anchors| anchors.contradict(mirror, history.last)) {
        Ok(found) if !history.unread => lost.extend(found),
        Ok(_) => {}
        Err(error) => found.troubles.push(Unreadable { path: RelPath::state("trash"), error: error.into() }),
    }
    let mut unheld = Vec::new();
    if readable && only.is_none() && !history.unread {
        match lost_holds(mirror, &history.holds, holds.clone(), at) {
            Ok(lost) => unheld = lost,
            Err(ExpectedError::Kept(error)) => {
                found.troubles.push(Unreadable { path: RelPath::state("holds"), error });
            }
            Err(ExpectedError::Journal(error)) => return Err(error),
        }
    }
    for (stream, builds) in &mut found.streams {
        history.supersede(stream, builds);
    }
    let moves = &history.moves;
    let required = required_aliases(mirror, &found);
    let links = std::mem::take(&mut found.links);
    let seen: Vec<Result<AliasCensus, Unreadable>> =
        links.par_iter().map(|path| alias(mirror, path, moves, required.contains(path))).collect();
    let mut census = Census::empty(at);
    for alias in seen {
        match alias {
            Ok(alias) => census.aliases.push(alias),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    let mut seen: HashSet<RelPath> = links.iter().chain(&required).cloned().collect();
    for (path, to) in std::mem::take(&mut found.deep) {
        seen.insert(path.clone());
        let moves = moves.get(&path).cloned().unwrap_or_default();
        // A link to nothing below the root protects nothing, and in a declared tree it belongs to others.
        if matches!(to, Resolved::To(_) | Resolved::Dangles(_)) {
            census.aliases.push(seen_alias(path, to, false, moves));
        }
    }
    for path in required.iter().filter(|path| !links.contains(path)) {
        let problem = Some("it is missing".to_owned());
        let (path, moves) = (path.clone(), moves.get(path).cloned().unwrap_or_default());
        census.aliases.push(AliasCensus { path, target: None, required: true, moves, problem });
    }
    // There may be an alias in a part that cannot be read.
    let is_hidden = |path: &RelPath| found.troubles.iter().any(|trouble| path.is_within(&trouble.path));
    let is_gone = |path: &RelPath| path.is_within(&top) && !seen.contains(path) && !is_hidden(path);
    for (path, moves) in moves.iter().filter(|(path, _)| is_gone(path)) {
        let (path, moves) = (path.clone(), moves.clone());
        census.removed.push(AliasCensus { path, target: None, required: false, moves, problem: None });
    }
    census.streams =
        found.streams.into_iter().map(|(stream, builds)| StreamCensus { stream, builds }).collect();
    census.strays = found.strays;
    census.sort();
    found.troubles.sort_by(|a, b| a.path.cmp(&b.path));
    let builds: usize = census.streams.iter().map(|stream| stream.builds.len()).sum();
    let (streams, aliases) = (census.streams.len(), census.aliases.len());
    info!("surveyed {builds} builds in {streams} streams and {aliases} aliases");
    let scripted = census.builds().any(|(id, _)| !history.published.contains(&id));
    let (troubles, pruned, pins) = (found.troubles, history.pruned, in_force(history.pinned));
    let planned = history.planned;
    Ok(Survey { census, scripted, troubles, held, pruned, planned, pins, lost_holds: unheld, lost })
}

impl Found {
    fn and(mut self, other: Self) -> Self {
        for (stream, builds) in other.streams {
            self.streams.entry(stream).or_default().extend(builds);
        }
        self.links.extend(other.links);
        self.deep.extend(other.deep);
        self.strays.extend(other.strays);
        self.troubles.extend(other.troubles);
        self
    }

    /// Records the links below a directory, or that it could not be read, since one of them may protect a build.
    fn leading(dir: &RelPath, links: Result<Vec<Leading>, StateError>) -> Self {
        match links {
            Ok(deep) => Self { deep, ..Self::default() },
            Err(error) => Self::trouble(dir, error),
        }
    }

    fn trouble(path: &RelPath, error: impl Into<StateError>) -> Self {
        Self { troubles: vec![Unreadable { path: path.clone(), error: error.into() }], ..Self::default() }
    }
}

/// The purpose of a walk.
struct Wanted<'a> {
    mirror: &'a Mirror,
    holds: &'a BTreeMap<BuildId, Vec<Hold>>,
    /// The mount points below the root.
    mounts: &'a [RelPath],
    /// The stream whose builds are read; all without it.
    only: Option<&'a Stream>,
    look: &'a Look<'a>,
}

/// Walks a directory above builds.
fn walk(wanted: &Wanted<'_>, dir: &RelPath, place: &Place) -> Found {
    let mirror = wanted.mirror;
    let listing = match mirror.store().list(dir) {
        Ok(listing) => listing,
        Err(error) => return Found::trouble(dir, error),
    };
    let mut found = Found::default();
    if let Place::Stream { stream } = place {
        found.streams.entry(stream.clone()).or_default();
    }
    if !listing.odd.is_empty() && wanted.only.is_none() {
        found = found.and(Found::leading(dir, below_odd(mirror, dir)));
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
            Ok(path) => visit(wanted, path, entry.kind),
            Err(_) => Found::default(),
        })
        .collect();
    below.into_iter().fold(found, Found::and)
}

/// Reads one entry of a directory above builds.
fn visit(wanted: &Wanted<'_>, path: RelPath, kind: Kind) -> Found {
    if path.is_own() {
        return Found::default();
    }
    if kind == Kind::Link {
        return Found { links: vec![path], ..Found::default() };
    }
    let place = wanted.mirror.layout().place(&path);
    match &place {
        Place::Root | Place::Above | Place::Stream { .. } if kind == Kind::Dir => walk(wanted, &path, &place),
        Place::Build { build: id } if kind == Kind::Dir => {
            let asked = wanted.only.is_none_or(|stream| id.stream == *stream);
            let kept = if asked { wanted.mirror.protocol.met(wanted.mirror, id) } else { None };
            kept.map_or_else(Found::default, |kept| build(wanted, id, &path, kept))
        }
        Place::Inside { .. } | Place::Own => Found::default(),
        Place::Beside { .. } | Place::Declared { .. } => other(wanted, &path, kind),
        Place::Stray(stray) => stray_at(&path, stray.why.clone()).and(other(wanted, &path, kind)),
        Place::Alias { .. } => {
            let found = stray_at(&path, "an alias is a symlink; this is none".to_owned());
            // If an alias cannot be a symlink, this is mirrorkeep's own copy of its target.
            let symlinks = wanted.mirror.store().abilities().symlinks;
            if symlinks { found.and(other(wanted, &path, kind)) } else { found }
        }
        _ if wanted.mirror.layout().is_declared(&path) => Found::default(),
        _ => stray_at(&path, "expected a directory there".to_owned()),
    }
}

/// Looks for links in entries that are neither builds nor above builds.
fn other(wanted: &Wanted<'_>, path: &RelPath, kind: Kind) -> Found {
    if kind != Kind::Dir || wanted.only.is_some() {
        return Found::default();
    }
    Found::leading(path, below_other(wanted.mirror, path))
}

fn stray_at(path: &RelPath, why: String) -> Found {
    Found { strays: vec![StrayCensus { path: path.to_string(), why }], ..Found::default() }
}

/// Reads builds that no walk meets.
fn unmet(wanted: &Wanted<'_>, builds: Vec<Sealed>) -> Found {
    let found: Vec<Found> = builds
        .into_par_iter()
        .map(|(id, record)| match wanted.mirror.layout().build_path(&id) {
            Ok(path) => build(wanted, &id, &path, record),
            Err(error) => stray_at(&id.as_path(), error.to_string()),
        })
        .collect();
    found.into_iter().fold(Found::default(), Found::and)
}

/// Reads one build with this record.
fn build(wanted: &Wanted<'_>, id: &BuildId, path: &RelPath, record: Kept) -> Found {
    let (mut build, trouble) = match (wanted.look)(id, record) {
        Ok(build) => (build, None),
        Err(error) => {
            let mut build = named(wanted.mirror, id);
            build.problem = Some(crate::mirror::chain(&error));
            (build, Some(Unreadable { path: path.clone(), error }))
        }
    };
    if let Some(mount) = wanted.mounts.iter().find(|mount| mount.is_within(path)) {
        build.problem = Some(mounted_at(mount));
    }
    build.path = (*path != id.as_path()).then(|| path.clone());
    build.holds.extend(wanted.holds.get(id).cloned().unwrap_or_default());
    let streams = BTreeMap::from([(id.stream.clone(), vec![build])]);
    Found { streams, troubles: trouble.into_iter().collect(), ..Found::default() }
}

/// Reports that something is mounted in a build.
pub(crate) fn mounted_at(mount: &RelPath) -> String {
    format!("something is mounted at `{mount}`; unmount it first")
}

/// Returns the facts about each build of a stream; one that cannot be read has a problem.
///
/// Fails if the stream or the `needed` build cannot be read: neither may count as missing.
pub fn builds_of(
    mirror: &Mirror,
    stream: &Stream,
    needed: Option<&BuildName>,
) -> Result<Vec<BuildCensus>, StateError> {
    let Ok(dir) = mirror.layout().stream_path(stream) else { return Ok(Vec::new()) };
    let mut found = Found::default();
    let look = by_record(mirror);
    let wanted = Wanted { mirror, holds: &BTreeMap::new(), mounts: &[], only: Some(stream), look: &look };
    if mirror.protocol.is_walked(mirror, &dir)? {
        found = walk(&wanted, &dir, &mirror.layout().place(&dir));
    }
    found = found.and(unmet(&wanted, mirror.protocol.unmet(mirror, Some(stream))?));
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

/// The journal's statements about aliases and about builds that may be gone.
#[derive(Debug, Default)]
struct History {
    moves: BTreeMap<RelPath, Vec<AliasMove>>,
    /// Successes of each stream: when they were made and when they became visible.
    successes: BTreeMap<Stream, Vec<(Stamp, Stamp)>>,
    /// Builds that were published here.
    published: HashSet<BuildId>,
    /// Builds that were deleted, and when.
    pruned: Vec<(BuildId, Stamp)>,
    /// Whether a plan deleted anything.
    planned: bool,
    /// The events that state holds.
    holds: Vec<Event>,
    /// The events that state image pins.
    pinned: Vec<Event>,
    /// The number of the last event.
    last: u64,
    /// Where events are missing.
    wrong: Vec<AnchorError>,
    /// Whether the journal could not be used.
    unread: bool,
}

impl History {
    fn read(mirror: &Mirror) -> Result<Self, JournalError> {
        let wanted = [
            EventKind::Aliased,
            EventKind::Unaliased,
            EventKind::Published,
            EventKind::Pruned,
            EventKind::Lost,
            EventKind::Trimmed,
            EventKind::Pinned,
            EventKind::Promoted,
        ];
        // Of intents, only the holds are read in detail, and of a promotion nothing.
        let detailed = |event: &Event| match event.what {
            EventKind::Promoted => false,
            what => event.phase == Phase::Done || STATING.contains(&what),
        };
        let read = journal::history_with(mirror.store(), &[&wanted[..], &STATING].concat(), detailed)?;
        let wrong = [read.of_others(&mirror.config().id), read.wrong].concat();
        let mut history = Self { last: read.last, wrong, ..Self::default() };
        // The aliases that moved since a promotion began. One that cannot be settled stays open, and other commands
        // continue.
        let mut promoting: Option<Vec<RelPath>> = None;
        for event in read.events {
            if event.what == EventKind::Promoted {
                let moved = promoting.take().unwrap_or_default();
                match event.phase {
                    Phase::Intent => promoting = Some(Vec::new()),
                    Phase::Undone => history.forget(&moved),
                    Phase::Done => {}
                }
                continue;
            }
            if STATING.contains(&event.what) {
                history.holds.push(event);
                continue;
            }
            if event.what == EventKind::Pinned {
                history.pinned.push(event);
                continue;
            }
            if event.what == EventKind::Published && event.phase == Phase::Intent {
                // Aliases with that target pointed to another build; those of this one move after its intent.
                if let Ok(id) = event.to.parse::<BuildId>()
                    && history.published.contains(&id)
                    && let Ok(path) = mirror.layout().build_path(&id)
                {
                    let moves = history.moves.values_mut().flatten();
                    moves
                        .filter(|step| step.to.as_ref() == Some(&path))
                        .for_each(|step| step.replaced = true);
                }
            }
            if event.phase != Phase::Done {
                continue;
            }
            if event.what == EventKind::Pruned {
                // A withdrawal has a reason and no plan.
                history.planned |= event.stated().why.is_none();
                history.pruned.extend(event.to.parse().ok().map(|id| (id, event.at)));
            } else if event.what == EventKind::Lost {
                history.pruned.extend(event.to.parse().ok().map(|id| (id, event.at)));
            } else if event.what == EventKind::Trimmed {
                history.planned = true;
            } else if event.what == EventKind::Published {
                let Ok(id) = event.to.parse::<BuildId>() else { continue };
                let said = event.stated();
                if let (Some(created), Some(Outcome::Success)) = (said.created, said.result) {
                    history.successes.entry(id.stream.clone()).or_default().push((created, event.at));
                }
                history.published.insert(id);
            } else if let Ok(path) = event.to.parse() {
                let said = event.stated();
                let (from, to, by_hand) = (said.from, said.to, said.by_hand.unwrap_or_default());
                if let Some(moved) = &mut promoting {
                    moved.push(RelPath::clone(&path));
                }
                history.moves.entry(path).or_default().push(AliasMove {
                    from,
                    to,
                    at: event.at,
                    by_hand,
                    replaced: false,
                });
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

    /// Forgets the moves of a promotion that was undone, there and back: no reader should see them. Moves by other
    /// commands in the meantime stay.
    fn forget(&mut self, moved: &[RelPath]) {
        let paths: std::collections::BTreeSet<&RelPath> = moved.iter().collect();
        for path in paths {
            let Some(moves) = self.moves.get_mut(path) else { continue };
            let count = moved.iter().filter(|other| *other == path).count();
            let since = moves.split_off(moves.len().saturating_sub(count));
            let first = moves.len();
            for step in since {
                let back = moves.get(first..).and_then(<[AliasMove]>::last);
                if back.is_some_and(|back| back.from == step.to && back.to == step.from) {
                    moves.pop();
                } else {
                    moves.push(step);
                }
            }
            if moves.is_empty() {
                self.moves.remove(path);
            }
        }
    }

    /// Records when the first later success of each build became visible, even if that one is gone.
    fn supersede(&self, stream: &Stream, builds: &mut [BuildCensus]) {
        let Some(successes) = self.successes.get(stream) else { return };
        for build in builds {
            let Some(created) = build.created else { continue };
            let later = successes.partition_point(|(other, _)| *other <= created);
            build.superseded = successes.get(later).map(|(_, at)| *at);
        }
    }
}

/// Returns where an alias must exist: in every stream that has a build to which it could point.
fn required_aliases(mirror: &Mirror, found: &Found) -> std::collections::BTreeSet<RelPath> {
    let mut required = std::collections::BTreeSet::new();
    let retiring = mirror.retirement_files().unwrap_or_default();
    for (stream, builds) in &found.streams {
        // The names of a stream are removed with its builds.
        if matches!(retiring.get(stream), Some(Ok(one)) if one.state() >= RetirementState::Redirected) {
            continue;
        }
        let Ok(dir) = mirror.layout().stream_path(stream) else { continue };
        for rule in mirror.alias_rules(stream, builds).into_iter().filter(|rule| rule.required) {
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

/// Reads one link outside the builds.
fn alias(
    mirror: &Mirror,
    path: &RelPath,
    moves: &BTreeMap<RelPath, Vec<AliasMove>>,
    required: bool,
) -> Result<AliasCensus, Unreadable> {
    let resolved = leads(mirror, path);
    let resolved = resolved.map_err(|error| Unreadable { path: path.clone(), error: error.into() })?;
    let moves = moves.get(path).cloned().unwrap_or_default();
    Ok(seen_alias(path.clone(), resolved, required, moves))
}

fn seen_alias(path: RelPath, resolved: Resolved, required: bool, moves: Vec<AliasMove>) -> AliasCensus {
    let (target, problem) = match resolved {
        Resolved::To(target) => (Some(target), None),
        Resolved::Dangles(target) => (None, Some(format!("it dangles: nothing is at `{target}`"))),
        Resolved::Loops => (None, Some("it loops".to_owned())),
        Resolved::Leaves(text) => (None, Some(format!("it leaves the mirror: `{}`", text.escape_debug()))),
    };
    AliasCensus { path, target, required, moves, problem }
}
