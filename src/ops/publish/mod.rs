//! Publishing a build: everything beside the mirror first, then one rename that makes it visible.
//!
//! A reader sees the whole build or none. Killed before the rename, nothing is visible and the next try goes on
//! where this one stopped; killed after it, the next command that changes anything finishes record, aliases and
//! event from what the stage's seal says. Publishing the same build with the same content again succeeds and
//! changes nothing; with other content it fails and says what differs.

mod send;

mod compared;
mod error;
mod prepared;

pub(crate) use compared::there_already;
pub use error::PublishError;
pub(crate) use prepared::{Prepared, record, strays, without_directories};
use prepared::{clocks, prepare};

use crate::commit::repoint::Moved;
use crate::commit::reveal::{Revealed, reveal};
use crate::commit::stage::Claim;
use crate::commit::stage::{Filling, Sealed, StageError, Staged, Tally};
use crate::decide::{Reuse, Whose};
use crate::mirror::{Mirror, builds_of, chain};
use crate::model::{BuildId, Label, Outcome, RelPath, Stamp, Stream};
use crate::ops::alias::label::{Mode, label};
use crate::ops::publish::send::send;
use crate::ops::retention::restore::find;
use crate::progress::{Stop, Watch};
use crate::recover::settle;
use crate::sign::{Signature, Signers};
use crate::source::{SourceEntry, SourceSpec};
use crate::store::{StoreError, StoreErrorKind, Take};
use rayon::prelude::*;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf, sync::atomic::Ordering};

/// How many earlier builds of the stream are asked for bytes that are there already.
const ASKED: usize = 30;

/// How many other streams are asked, each for its last published build.
const OTHERS: usize = 8;

/// What is to be published.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// As which build.
    pub id: BuildId,
    /// How that name came.
    pub named: Named,
    /// From where.
    pub sources: Vec<SourceSpec>,
    /// Which files of the sources are left out: patterns over the path below the source, or over the name alone.
    pub exclude: Vec<glob::Pattern>,
    /// How the build went; nothing means as its marker says, and success without one.
    pub result: Option<Outcome>,
    /// Its CONTEXT, if it is to have one that is not among the sources.
    pub context: Option<ContextFrom>,
    /// What is said of it from the start.
    pub labels: Vec<Label>,
    /// Builds that it needs.
    pub requires: Vec<BuildId>,
    /// How its bytes come in.
    pub filling: Filling,
    /// Who signs its checksums.
    pub signers: Signers,
}

/// How the name of a build came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// It was given.
    Given,
    /// From the clock: an interrupted publish of the same is resumed under its own name.
    ByClock,
}

/// Where a CONTEXT comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextFrom {
    /// From a file made elsewhere.
    File(PathBuf),
    /// From the git checkouts below a directory.
    Checkouts(PathBuf),
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishReport {
    /// Which build.
    pub id: BuildId,
    /// Where it lies, below the root.
    pub path: RelPath,
    /// Whether it was published now or had been there with the same content.
    pub outcome: PublishOutcome,
    /// How the build went.
    pub result: Outcome,
    /// How many files it has, SHA256SUMS not counted.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes were written.
    pub copied_bytes: u64,
    /// How many files share their bytes with earlier builds.
    pub shared_files: u64,
    /// How many bytes these have.
    pub shared_bytes: u64,
    /// How many files share their bytes with another file of the same build.
    pub joined_files: u64,
    /// How many bytes these have.
    pub joined_bytes: u64,
    /// How many files, links and directories of the source were left out on request.
    pub excluded: u64,
    /// How many files an interrupted try had laid out already.
    pub resumed_files: u64,
    /// What signs its checksums since now.
    pub signatures: Vec<Signature>,
    /// Names that moved.
    pub aliases: Vec<Moved>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Whether a build was published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishOutcome {
    /// It is visible now and was not before.
    Published,
    /// It was there already, with the same content.
    Unchanged,
    /// Nothing was done, since only a trial was asked for.
    Trial,
}

/// Publishes a build; `clock` tells the time, and is asked when a time is written down.
pub fn publish(
    mirror: &Mirror,
    publishing: &Publishing,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let mut prepared = prepare(mirror, publishing, clock())?;
    let first = resumed(mirror, publishing, &mut prepared, clock())?;
    let publishing = first.as_ref().unwrap_or(publishing);
    let mut report = lay_out(mirror, publishing, prepared, clock, watch, stop)?;
    if report.outcome == PublishOutcome::Unchanged {
        label_again(mirror, publishing, &mut report, clock);
    }
    Ok(report)
}

/// Sets the labels that a build that was there lacks, and warns of those that say something else.
fn label_again(
    mirror: &Mirror,
    publishing: &Publishing,
    report: &mut PublishReport,
    clock: &dyn Fn() -> Stamp,
) {
    let id = &publishing.id;
    let labels = mirror.record(id).ok().flatten().map(|record| record.labels).unwrap_or_default();
    let (others, new): (Vec<&Label>, Vec<&Label>) =
        publishing.labels.iter().partition(|label| labels.get(label.key()).is_some());
    for label in others {
        let (key, value) = (label.key(), label.value());
        if let Some(is) = labels.get(key).map(|is| &is.value).filter(|is| *is != value) {
            report.warnings.push(format!(
                "the label `{key}={value}` is not set: the build is labelled `{key}={is}`; to change it, run \
                 `mirrorkeep label {id} {key}={value}`"
            ));
        }
    }
    let new: Vec<Label> = new.into_iter().cloned().collect();
    if new.is_empty() {
        return;
    }
    match label(mirror, id, &new, &[], Mode::Real, clock) {
        Ok(labelled) => report.aliases.extend(labelled.aliases),
        Err(error) => report.warnings.push(format!("the labels could not be set: {}", chain(&error))),
    }
}

/// Returns what is published under the name of an interrupted publish of the same, if there is one.
///
/// This comes before that publish is settled: when it came past its commit point, its build is there already.
fn resumed(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &mut Prepared,
    now: Stamp,
) -> Result<Option<Publishing>, PublishError> {
    if publishing.named == Named::Given {
        return Ok(None);
    }
    let claim = Claim::of(publishing, &prepared.source);
    let first = claim.interrupted(mirror, now)?;
    let Some(id) = first.filter(|first| *first != publishing.id) else {
        prepared.claim = Some(claim);
        return Ok(None);
    };
    let first = Publishing { id, ..publishing.clone() };
    prepared.rename(mirror, &first.id, now)?;
    prepared.claim = Some(Claim::of(&first, &prepared.source));
    Ok(Some(first))
}

/// Lays a build out that is prepared, and makes it visible.
pub(crate) fn lay_out(
    mirror: &Mirror,
    publishing: &Publishing,
    mut prepared: Prepared,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let last = {
        let lease = mirror.lease()?;
        settle(&lease, clock)?;
        lease.last_event()
    };
    if let Some(mut report) = there_already(mirror, publishing, &prepared, watch, stop)? {
        if publishing.filling.take == Some(Take::Move) {
            // What a try that was cut off had published and not yet removed.
            let files = prepared.source.files.par_iter();
            let ours = |entry: &&SourceEntry| {
                is_shared(mirror, &prepared, entry) || prepared.moved && mirror.by_seal()
            };
            report.warnings.extend(leave(files.filter(ours)));
        }
        return Ok(report);
    }
    if prepared.known.is_none() {
        let warnings = clocks(mirror, &prepared, &publishing.id, last, clock())?;
        prepared.warnings.extend(warnings);
    }
    if mirror.by_seal() {
        return send(mirror, publishing, prepared, clock, watch, stop);
    }
    let mut staged = Staged::open(mirror, &publishing.id, mirror.who(), mirror.wait())?;
    if let Some(report) = published_meanwhile(mirror, publishing, &prepared, clock, watch, stop)? {
        staged.discard()?;
        return Ok(report);
    }
    staged.resume()?;
    if let Some(claim) = &prepared.claim {
        claim.note(mirror.store())?;
    }
    let filled = fill(mirror, publishing, &prepared, &mut staged, watch, stop);
    let tally = match filled {
        Ok(tally) => tally,
        Err(error) => {
            if !error.leaves_a_good_stage() {
                staged.discard().ok();
            }
            return Err(error.into());
        }
    };
    // Without a signature the stage stays as it is for the next try.
    prepared.sign(publishing, staged.manifest())?;
    let sealed =
        staged.seal(record(mirror, publishing, &prepared)?, prepared.path.clone(), &prepared.sums)?;
    stop.check()?;
    show(mirror, publishing, prepared, sealed, &tally, clock)
}

/// Looks again once the ticket is ours: whoever held it before may have published the build, and may have been killed
/// before that was told.
pub(crate) fn published_meanwhile(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<Option<PublishReport>, PublishError> {
    if mirror.has_build(&publishing.id)? {
        settle(&mirror.lease()?, clock)?;
    }
    there_already(mirror, publishing, prepared, watch, stop)
}

/// Makes a build visible whose files are all there, and says what was done.
pub(crate) fn show(
    mirror: &Mirror,
    publishing: &Publishing,
    mut prepared: Prepared,
    mut sealed: Sealed,
    tally: &Tally,
    clock: &dyn Fn() -> Stamp,
) -> Result<PublishReport, PublishError> {
    let size = (sealed.manifest.files.len() as u64, sealed.manifest.bytes());
    sealed.moved = publishing.filling.take == Some(Take::Move);
    let lease = mirror.lease()?;
    settle(&lease, clock)?;
    let Revealed { aliases, warnings } = reveal(&lease, sealed, prepared.names(), clock)?;
    prepared.warnings.extend(warnings);
    drop(lease);
    if publishing.filling.take == Some(Take::Move) {
        prepared.warnings.extend(leave(prepared.source.files.par_iter()));
    }
    Ok(report(publishing, &prepared, size, tally, aliases, PublishOutcome::Published))
}

/// Returns whether a file of the source and the published one are two names for the same bytes.
fn is_shared(mirror: &Mirror, prepared: &Prepared, entry: &SourceEntry) -> bool {
    let there = mirror.store().look(&prepared.path.join(&entry.to)).ok().flatten();
    there.is_some_and(|there| {
        let found = (there.inode.1, there.size, Some(there.mtime));
        there.names > 1 && found == (entry.inode, entry.size, entry.mtime)
    })
}

/// Removes files that were moved from the source, and returns which of them stayed.
fn leave<'a>(moved: impl ParallelIterator<Item = &'a SourceEntry>) -> Vec<String> {
    let stayed = moved.filter_map(|entry| entry.remove().err());
    stayed.map(|problem| format!("published, but not removed from the source: {problem}")).collect()
}

/// Says what publishing would do, and changes nothing.
pub fn try_publish(
    mirror: &Mirror,
    publishing: &Publishing,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let prepared = prepare(mirror, publishing, clock())?;
    if let Some(report) = there_already(mirror, publishing, &prepared, watch, stop)? {
        return Ok(report);
    }
    if mirror.by_seal() && find(mirror, &publishing.id).map_err(Box::new)?.is_some() {
        return Err(PublishError::InTrash(publishing.id.clone()));
    }
    fits(mirror, publishing, &prepared, watch)?;
    let tally = Tally::default();
    let mut report = report(publishing, &prepared, (0, 0), &tally, Vec::new(), PublishOutcome::Trial);
    report.files = (prepared.source.files.len() + prepared.own.len()) as u64;
    report.bytes =
        prepared.source.bytes() + prepared.own.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    Ok(report)
}

/// Fails when the bytes of a build cannot be there beside what is there: as few as they can be, files counted as shared
/// that have the size of a file in an earlier build.
fn fits(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    watch: &dyn Watch,
) -> Result<(), PublishError> {
    if publishing.filling.take.is_some() {
        return Ok(());
    }
    let Some(space) = mirror.store().space()? else { return Ok(()) };
    if prepared.source.bytes() <= space.free {
        return Ok(());
    }
    let reuse = match publishing.filling.dedupe {
        Some(_) => earlier(mirror, publishing, prepared, watch),
        None => Reuse::default(),
    };
    let new = prepared.source.files.iter().filter(|file| !reuse.has_size(file.size));
    let bytes: u64 = new.map(|file| file.size).sum();
    if bytes > space.free {
        let why = format!("No space left on device: {bytes} bytes are needed, and {} are free", space.free);
        let error = StoreError::because(StoreErrorKind::NoSpace, "write", &prepared.path, &why);
        return Err(StageError::from(error).into());
    }
    Ok(())
}

/// Fills a stage with everything that belongs to the build.
fn fill(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    staged: &mut Staged<'_>,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<Tally, StageError> {
    watch.expect("publishing", prepared.source.files.len() as u64, prepared.source.bytes());
    let reuse = match publishing.filling.dedupe {
        Some(_) => earlier(mirror, publishing, prepared, watch),
        None => Reuse::default(),
    };
    let tally = staged.fill(&prepared.source, &reuse, publishing.filling, watch, stop)?;
    for (to, bytes) in &prepared.own {
        staged.add(to, bytes)?;
    }
    Ok(tally)
}

/// Returns what the stream's earlier builds hold, and the last build of some other streams; what cannot be read of them is
/// not reused.
pub(crate) fn earlier(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    watch: &dyn Watch,
) -> Reuse {
    let stream = &publishing.id.stream;
    let mut builds = match builds_of(mirror, stream, None) {
        Ok(builds) => builds,
        Err(error) => {
            watch.say(&format!("earlier builds are not reused: {error}"));
            return Reuse::default();
        }
    };
    builds.retain(|build| build.problem.is_none());
    builds.sort_by_key(|build| std::cmp::Reverse((build.published, build.created)));
    let sizes = prepared.source.files.iter().map(|file| file.size).collect();
    let mut changed = mirror.inodes(stream).map(|inodes| inodes.changed).unwrap_or_default();
    let mut asked: Vec<BuildId> = Vec::new();
    asked.extend(builds.iter().take(ASKED).map(|build| BuildId::new(stream.clone(), build.build.clone())));
    let own = asked.len();
    asked.extend(last_of_others(mirror, stream, &mut changed));
    // One manifest at a time: each is as large as the build.
    let found = asked.into_iter().enumerate().filter_map(|(index, id)| {
        let whose = if index < own { Whose::Own } else { Whose::Other };
        Some((whose, mirror.layout().build_path(&id).ok()?, mirror.manifest(&id).ok()??))
    });
    Reuse::of(found, &sizes, &changed)
}

/// Returns the last published build of the other streams that were published into last, and adds when their inodes changed.
fn last_of_others(mirror: &Mirror, stream: &Stream, changed: &mut BTreeMap<u64, i128>) -> Vec<BuildId> {
    if mirror.by_seal() {
        return Vec::new();
    }
    let streams = mirror.noted_streams().unwrap_or_default();
    let others = streams.into_iter().filter(|other| other != stream).take(OTHERS);
    let last = others.filter_map(|other| {
        let notes = mirror.inodes(&other)?;
        for (inode, time) in notes.changed {
            // The later of two streams that have the file made the last link.
            let known = changed.entry(inode).or_insert(time);
            *known = time.max(*known);
        }
        Some(BuildId::new(other, notes.build))
    });
    last.collect()
}

pub(crate) fn report(
    publishing: &Publishing,
    prepared: &Prepared,
    (files, bytes): (u64, u64),
    tally: &Tally,
    aliases: Vec<Moved>,
    outcome: PublishOutcome,
) -> PublishReport {
    PublishReport {
        id: publishing.id.clone(),
        path: prepared.path.clone(),
        outcome,
        result: prepared.result,
        files,
        bytes,
        copied_bytes: tally.copied.load(Ordering::Relaxed),
        shared_files: tally.shared.load(Ordering::Relaxed),
        shared_bytes: tally.shared_bytes.load(Ordering::Relaxed),
        joined_files: tally.joined.load(Ordering::Relaxed),
        joined_bytes: tally.joined_bytes.load(Ordering::Relaxed),
        excluded: prepared.source.excluded,
        resumed_files: tally.resumed.load(Ordering::Relaxed),
        signatures: prepared.sums.signatures.clone(),
        aliases,
        warnings: prepared.warnings.iter().cloned().chain(tally.damaged()).collect(),
    }
}

impl StageError {
    /// Returns whether what is staged can be gone on with: nothing is wrong with the mirror's own disk.
    fn leaves_a_good_stage(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Source(_) | Self::Read { .. } | Self::Apart(_) | Self::Interrupted(_) => {
                true
            }
            Self::Store(error) => matches!(error.kind(), StoreErrorKind::Busy | StoreErrorKind::TooManyOpen),
        }
    }
}
