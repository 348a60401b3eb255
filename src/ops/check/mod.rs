//! Whether a mirror is as its layout defines it: everything is observed once, then judged.
//!
//! Nothing is changed and no link is followed. Each thread has one build in memory at a time, so the number of files
//! in a mirror does not matter. What cannot be read becomes a finding.

pub(crate) mod fix;
mod rules;
mod trash;

use trash::Wrong;

pub use fix::{FixOutcome, mend};
pub use rules::rules;

use crate::census::{BuildCensus, Census};
use crate::commit::choose::protocol;
use crate::commit::unsealed::{Unsealed, Whose};
use crate::decide::check::{
    Code, Drift, Finding, Ignored, Seen, SeenBuild, Terms, comply, comply_build, comply_drift,
};
use crate::mirror::{
    AnchorError, ExpectedState, JournalError, Kept, Mirror, StateError, Tree, Unreadable,
    build_info_from_record, build_info_from_snapshot, chain, named, survey_despite,
};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::observe::disk::Disk;
use crate::ops::observe::observer::{Observer, Outside};
use crate::ops::promotion::stage_concerns;
use crate::ops::readers::{differing, hides_names};
use crate::record::{BuildRecord, Origin};
use crate::recover::{LeftStages, abandoned, left_stages, stale};
use crate::session::Session;
use crate::store::{Kind, StoreError, Uploads};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The findings, sorted by path.
    pub findings: Vec<Finding>,
    /// Findings that mirror.yaml ignores; they do not count.
    pub ignored: Vec<Ignored>,
    /// Findings that an earlier check reported, if its answer was given; they do not count.
    pub known: Vec<Finding>,
    /// The number of builds that were checked.
    pub builds: u64,
    /// The number of files, links and directories that were checked in them.
    pub entries: u64,
}

/// Checks the mirror, or everything below `scope`, against the layout.
///
/// `more` are findings from elsewhere, to which the rules of the mirror apply as well.
pub fn check(
    session: &Session<'_>,
    scope: &RelPath,
    terms: Terms<'_>,
    more: Vec<Finding>,
) -> Result<CheckReport, ActError> {
    let (mirror, now) = (session.mirror(), session.now());
    let disk = Disk::of(mirror);
    let looking = Observer { mirror, disk: disk.as_ref() };
    let outside = looking.outside()?;
    let (apart, parts) = (mirror.apart(), Mutex::new(Parts::default()));
    let look = |id: &BuildId, record: Kept| {
        let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
        if session.check_cancelled().is_err() || !(path.is_within(scope) || scope.is_within(&path)) {
            return build_info_from_record(mirror, id, record?);
        }
        let is_published = |record: &BuildRecord| record.origin == Origin::Published;
        let published = record.as_ref().is_ok_and(|record| record.as_ref().is_some_and(is_published));
        // One walk serves both: the facts about the build, and its problems.
        let walked = apart.walk(id, &path)?;
        let looked = record.and_then(|record| build_info_from_snapshot(mirror, id, record, &walked));
        let seen = SeenBuild { published, ..looking.build(id, &path, walked) };
        let damaged = looked
            .as_ref()
            .err()
            .map(|error| BuildCensus { problem: Some(chain(error)), ..named(mirror, id) });
        if let Some(census) = looked.as_ref().ok().or(damaged.as_ref()) {
            let (findings, drift) = comply_build(&seen, census, mirror.layout(), now);
            parts.lock().unwrap_or_else(PoisonError::into_inner).add(&seen, findings, drift);
        }
        looked
    };
    let (surveyed, damage) = survey_despite(mirror, now, &look)?;
    if let Some(error @ JournalError::Store(_)) = damage {
        return Err(error.into());
    }
    session.check_cancelled()?;
    let Unread { damaged, unheld, paths: unread } = unread(mirror, &surveyed.troubles);
    let Parts { mut report, tops, whole, drifts } =
        parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Outside { entries, odd, links, unread: hidden } = outside;
    // The journal of another mirror states nothing about this one.
    let foreign = surveyed.lost.iter().any(AnchorError::is_foreign);
    let mute = foreign || damage.is_some();
    let told = if mute { ExpectedState::default() } else { mirror.expected_state()? };
    let aliases = looking.aliases(&surveyed.census, links, &told.aliases);
    let LeftStages { left, failures: unseen, unknown } = left_stages(mirror, now)?;
    let Wrong { unread: unusable, unknown: unknown_trash } = trash::wrong(mirror, now, mute)?;
    let unseen = unseen.iter().map(|(path, error)| (path.clone(), chain(error)));
    let (records, known, lost) = missed(mirror, &surveyed.census, told.builds, mute)?;
    // An alias that could not be read is reported as unreadable.
    let partial = surveyed.troubles.iter().any(|trouble| hides_names(mirror, trouble));
    let (readers, unread_lists) = if partial { (None, None) } else { readers(mirror, &surveyed.census, now) };
    let seen = Seen {
        readers,
        census: surveyed.census,
        outside: entries,
        odd,
        aliases,
        records,
        known,
        damaged,
        tops,
        whole,
        stale: stale(mirror, now)?,
        uploads: abandoned(mirror, Uploads::All, now)?.into_iter().map(|upload| upload.to).collect(),
        unsealed: protocol(mirror).unsealed(mirror, now)?.into_iter().filter_map(told_unsealed).collect(),
        unknown_stages: unknown,
        unknown_trash,
        locks: locks(mirror),
        stages: left.into_iter().map(|left| (left.path, left.age, left.bytes)).collect(),
        unheld: (surveyed.lost_holds.into_iter())
            .map(|lost| (lost.path(), lost.error().to_string(), lost.id))
            .chain(unheld)
            .collect(),
        lost: (surveyed.lost.iter().map(|lost| (lost.path().clone(), lost.to_string())))
            .chain(damage.map(|damage| (RelPath::state("journal"), chain(&damage))))
            .collect(),
        unread: hidden
            .into_iter()
            .chain(unread)
            .chain(lost)
            .chain(unseen)
            .chain(unusable)
            .chain(unread_lists)
            .collect(),
    };
    report.findings.extend(more);
    report.findings.extend(comply_drift(drifts));
    report.findings.extend(comply(&seen, mirror.layout(), terms));
    of_stages(mirror, &seen.census, &mut report.findings);
    report.findings.sort();
    report.findings.dedup();
    if let Some(rules) = terms.rules {
        (report.findings, report.ignored) = rules.apply(report.findings, now);
    }
    report.findings.retain(|found| is_below(&found.path, scope));
    report.ignored.retain(|ignored| is_below(&ignored.finding.path, scope));
    Ok(report)
}

/// Puts the command of the stage in place of `alias set` where the alias of a finding is that of a stage, which only promotion moves.
fn of_stages(mirror: &Mirror, census: &Census, findings: &mut [Finding]) {
    let about = |found: &&mut Finding| {
        matches!(
            found.code,
            Code::AliasMoved
                | Code::AliasDangling
                | Code::AliasMissing
                | Code::AliasDepth
                | Code::AliasLooping
        )
    };
    if !findings.iter_mut().any(|found| about(&found)) {
        return;
    }
    // What cannot be evaluated is a finding of its own.
    let stages = stage_concerns(mirror, census).unwrap_or_default();
    for found in findings.iter_mut().filter(about) {
        if let Some((.., hint)) = stages.iter().find(|(path, ..)| path.as_str() == found.path) {
            found.hint = hint.clone().into();
        }
    }
}

/// Something about a path.
type About = Option<(RelPath, String)>;

/// Returns where public files for readers differ from the aliases, and why they cannot be compared.
fn readers(mirror: &Mirror, census: &Census, now: Stamp) -> (About, About) {
    let Some(config) = &mirror.config().readers else { return (None, None) };
    match differing(mirror, census, now) {
        Err(error) => (None, Some((config.path.clone(), chain(&error)))),
        Ok(found) => {
            let (first, more) = (found.first(), found.len().saturating_sub(1));
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            (first.map(|(path, how)| (config.path.clone(), format!("`{path}` is {how}{more}"))), None)
        }
    }
}

/// Returns the locks of the mirror that cannot be locked.
fn locks(mirror: &Mirror) -> Vec<(RelPath, String)> {
    let wrong = |at: RelPath| {
        let store = mirror.store();
        let why = match store.look(&at).and_then(|found| Ok((found, store.is_held(&at)?))) {
            Ok((Some(entry), _)) if entry.kind != Kind::File => "it is not a file".to_owned(),
            Ok(_) => return None,
            Err(error) => chain(&error),
        };
        Some((at, why))
    };
    ["lock", "trim.lock", "readers.lock", "site.lock"]
        .into_iter()
        .map(RelPath::state)
        .filter_map(wrong)
        .collect()
}

/// What remains after the builds were observed.
#[derive(Default)]
struct Parts {
    report: CheckReport,
    tops: BTreeMap<BuildId, BTreeSet<String>>,
    whole: BTreeSet<BuildId>,
    drifts: Vec<Drift>,
}

impl Parts {
    fn add(&mut self, seen: &SeenBuild, findings: Vec<Finding>, drift: Option<Drift>) {
        // An adopted build may already have lacked something then.
        if seen.published && seen.manifest.is_some() && drift.is_none() {
            self.whole.insert(seen.id.clone());
        }
        self.drifts.extend(drift);
        self.report.builds += 1;
        self.report.entries += seen.items().count() as u64;
        self.report.findings.extend(findings);
        self.tops.insert(seen.id.clone(), seen.tops());
    }
}

/// Builds with a record, builds in the journal, and paths where builds should be and that cannot be read.
type Missed = (Vec<BuildId>, Vec<BuildId>, BTreeMap<RelPath, String>);

/// Returns the builds with a record, and those in the journal; one that appeared or vanished after the census is
/// looked at again.
fn missed(mirror: &Mirror, census: &Census, told: BTreeSet<BuildId>, mute: bool) -> Result<Missed, ActError> {
    let there: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
    let mut records = mirror.recorded()?;
    let gone: BTreeSet<BuildId> =
        told.iter().chain(&records).filter(|id| !there.contains(*id)).cloned().collect();
    let mut known: Vec<BuildId> = told.into_iter().collect();
    if gone.is_empty() {
        return Ok((records, known, BTreeMap::new()));
    }
    let still = if mute { BTreeSet::new() } else { mirror.expected_state()?.builds };
    let mut came = BTreeSet::new();
    let mut lost = BTreeMap::new();
    for id in &gone {
        match mirror.has_build(id) {
            Ok(false) => {}
            Ok(true) => drop(came.insert(id.clone())),
            // It is not known whether the build is missing.
            Err(error) => {
                let (at, why) = in_the_way(mirror, id, &error);
                lost.insert(at, why);
                came.insert(id.clone());
            }
        }
    }
    let kept: BTreeSet<BuildId> = mirror.recorded()?.into_iter().collect();
    records.retain(|id| !came.contains(id) && (there.contains(id) || kept.contains(id)));
    known.retain(|id| !came.contains(id) && (there.contains(id) || still.contains(id)));
    Ok((records, known, lost))
}

/// Returns where a build cannot be read, and why: at the symlink on the way to it, if there is one.
fn in_the_way(mirror: &Mirror, id: &BuildId, error: &StoreError) -> (RelPath, String) {
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let is_link = |at: &RelPath| {
        let found = mirror.store().look(at).ok().flatten();
        found.is_some_and(|entry| entry.kind == Kind::Link)
    };
    let link = path.ancestors().find(is_link);
    match link {
        Some(link) => {
            let why = "a symlink is there, mirrorkeep follows none, and builds with a record are below it";
            (link, why.to_owned())
        }
        None => (path, chain(error)),
    }
}

/// Returns the builds to which files without a seal belong; nothing while a publisher uploads them.
fn told_unsealed(found: Unsealed) -> Option<(RelPath, String)> {
    let whose = match found.whose {
        Whose::Publisher => return None,
        Whose::GivenUp => "a publisher was interrupted more than a day ago",
        Whose::Others => "files that mirrorkeep did not put there",
        Whose::Unsure => "files of unknown origin; a directory of the trash cannot be read",
    };
    Some((found.path, whose.to_owned()))
}

/// Returns whether a finding is within the requested scope; a non-UTF-8 name is not a path, so the text is compared.
fn is_below(path: &str, scope: &RelPath) -> bool {
    let rest = path.strip_prefix(scope.as_str());
    scope.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the survey could not read, each with the reason.
#[derive(Default)]
struct Unread {
    /// Builds whose record is damaged.
    damaged: Vec<(BuildId, String)>,
    /// Files of holds that are damaged, and their builds.
    unheld: Vec<(RelPath, String, BuildId)>,
    /// Paths that could not be read.
    paths: Vec<(RelPath, String)>,
}

/// Reports what the survey could not read.
fn unread(mirror: &Mirror, troubles: &[Unreadable]) -> Unread {
    let mut told = Unread::default();
    for Unreadable { path, error } in troubles {
        match (mirror.layout().place(path), error) {
            (crate::layout::Place::Build { build }, StateError::Record(..)) => {
                told.damaged.push((build, chain(error)));
            }
            (_, StateError::Holds(id, _)) => {
                told.unheld.push((Tree::Holds.at(id), chain(error), id.clone()));
            }
            _ => told.paths.push((path.clone(), chain(error))),
        }
    }
    told
}
