//! Publishing a build: everything is staged beside the mirror, then one rename makes it visible.
//!
//! A reader sees the whole build or none. After a kill before the rename, nothing is visible and the next run
//! resumes; after a kill behind it, the next command that changes anything finishes record, aliases and event from
//! the stage's seal. Publishing the same build with the same content again succeeds and changes nothing; with other
//! content it fails and reports what differs.

mod steps;

mod claiming;
mod compared;
mod error;
mod inputs;
mod inputs_report;
mod outcome;
mod prepared;
mod request;
mod run;
mod shrunk;

pub use error::{PublishError, Shrunk};
pub use inputs_report::InputsReport;
pub use outcome::{PublishOutcome, PublishReport};
pub(crate) use prepared::{Prepared, record, strays, unserved_links, without_directories};
use prepared::{clocks, prepare};
pub use request::{ContextFrom, Named, PublishRequest};
pub(crate) use run::PublishRun;
use steps::{is_shared, leave};

use crate::commit::choose::protocol;
use crate::commit::filling::{StageError, Tally};
use crate::commit::protocol::{Begun, StagedBuild};
use crate::commit::timing::Timing;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, Label, Stamp, Stream, is_misspelt};
use crate::ops::Mode;
use crate::ops::alias::label::label;
use crate::ops::withdraw::tombstone;
use crate::session::Session;
use crate::source::SourceEntry;
use crate::store::{StoreError, StoreErrorKind, Take};
use claiming::claim_of;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Publishes a build.
pub fn publish(session: &Session<'_>, publishing: &PublishRequest) -> Result<PublishReport, PublishError> {
    let mut compares_again = publishing.if_changed.is_some() && publishing.named != Named::Given;
    loop {
        match publish_once(session, publishing) {
            // Another command took the name that the clock gives in this second, perhaps for the same inputs.
            Err(PublishError::Differs { .. }) if std::mem::take(&mut compares_again) => {
                session.check_cancelled()?;
            }
            // What another command published first may have the same inputs, and is compared with now.
            Err(PublishError::Overtaken(_)) => session.check_cancelled()?,
            done => return done,
        }
    }
}

fn publish_once(session: &Session<'_>, publishing: &PublishRequest) -> Result<PublishReport, PublishError> {
    let mirror = session.mirror();
    was_not_withdrawn(mirror, publishing)?;
    mirror.refuse_retiring(&publishing.id.stream)?;
    let mut prepared = prepare(mirror, publishing, session.now())?;
    let first = resumed(mirror, publishing, &mut prepared, session.now())?;
    // A resumed publish was checked when it began.
    if first.is_none()
        && let Some(report) = (PublishRun { session, publishing }).confirm(&mut prepared, Mode::Real)?
    {
        return Ok(report);
    }
    let publishing = first.as_ref().unwrap_or(publishing);
    let mut report = PublishRun { session, publishing }.lay_out(prepared)?;
    match report.outcome {
        PublishOutcome::Unchanged => label_again(session, publishing, &mut report),
        // A name that existed before was set by an earlier build.
        _ if report.aliases.iter().any(|moved| moved.from.is_none()) => {
            report.warnings.extend(new_stream(mirror, &publishing.id, Mode::Real));
        }
        _ => {}
    }
    Ok(report)
}

/// Fails for a build that was withdrawn and not restored, so that a repeated job does not publish a secret again.
fn was_not_withdrawn(mirror: &Mirror, publishing: &PublishRequest) -> Result<(), PublishError> {
    // A build named by the clock is new.
    if publishing.named != Named::Given || publishing.allow_withdrawn {
        return Ok(());
    }
    match tombstone(mirror, &publishing.id)? {
        Some(stone) => Err(PublishError::Withdrawn { id: publishing.id.clone(), stone }),
        None => Ok(()),
    }
}

/// How many streams a warning names.
const NAMED: usize = 3;

/// Returns a warning where a build is the first of a stream that is above others, or whose name looks like a misspelling of another stream.
fn new_stream(mirror: &Mirror, id: &BuildId, mode: Mode) -> Option<String> {
    let otherwise = match mode {
        Mode::Real => format!(
            "publish the build again and take this one out with `mirrorkeep withdraw {id} --why TEXT`"
        ),
        Mode::Trial => "publish it to another one".to_owned(),
    };
    // An unreadable directory is not a reason to warn about a name.
    let others = mirror.recorded().unwrap_or_default();
    if others.iter().any(|other| other.stream == id.stream && other != id) {
        return None;
    }
    let mut streams = others.iter().map(|other| &other.stream).filter(|stream| **stream != id.stream);
    let home = id.stream.as_path();
    let below: BTreeSet<&Stream> =
        streams.clone().filter(|stream| stream.as_path().is_within(home)).collect();
    if !below.is_empty() {
        let mut names: Vec<String> = below.iter().take(NAMED).map(|stream| format!("`{stream}`")).collect();
        let more = below.len().saturating_sub(NAMED);
        names.extend((more > 0).then(|| format!("{more} more")));
        return Some(format!(
            "`{}` is a new stream, and other streams are below it ({}); if a name such as --distro is missing, {otherwise}",
            id.stream,
            names.join(", ")
        ));
    }
    let near = streams.find(|stream| is_misspelt(stream.as_str(), id.stream.as_str()))?;
    Some(format!(
        "`{}` is a new stream, and its name looks like that of `{near}`; if it is misspelt, {otherwise}",
        id.stream
    ))
}

/// Sets the labels that an existing build lacks, and warns of those with another value.
fn label_again(session: &Session<'_>, publishing: &PublishRequest, report: &mut PublishReport) {
    let (mirror, id) = (session.mirror(), &publishing.id);
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
    match label(session, id, &new, &[], Mode::Real) {
        Ok(labelled) => {
            report.aliases.extend(labelled.aliases);
            report.labelled = new.iter().map(|label| format!("{}={}", label.key(), label.value())).collect();
        }
        Err(error) => report.warnings.push(format!("the labels could not be set: {}", chain(&error))),
    }
}

/// Returns the result under the name of an interrupted equal publish, if there is one.
///
/// This comes before that publish is recovered: if it passed its commit point, its build already exists.
fn resumed(
    mirror: &Mirror,
    publishing: &PublishRequest,
    prepared: &mut Prepared,
    now: Stamp,
) -> Result<Option<PublishRequest>, PublishError> {
    if publishing.named == Named::Given {
        return Ok(None);
    }
    let claim = claim_of(publishing, &prepared.source);
    let first = claim.interrupted(mirror, now)?;
    let Some(id) = first.filter(|first| *first != publishing.id) else {
        prepared.claim = Some(claim);
        return Ok(None);
    };
    let first = PublishRequest { id, ..publishing.clone() };
    prepared.rename(mirror, &first.id, now)?;
    prepared.claim = Some(claim_of(&first, &prepared.source));
    Ok(Some(first))
}

/// Returns what publishing would do, and changes nothing.
pub fn try_publish(
    session: &Session<'_>,
    publishing: &PublishRequest,
) -> Result<PublishReport, PublishError> {
    let (mirror, run) = (session.mirror(), PublishRun { session, publishing });
    was_not_withdrawn(mirror, publishing)?;
    mirror.refuse_retiring(&publishing.id.stream)?;
    let mut prepared = prepare(mirror, publishing, session.now())?;
    if let Some(report) = run.there_already(&prepared)? {
        return Ok(report);
    }
    if let Some(report) = run.confirm(&mut prepared, Mode::Trial)? {
        return Ok(report);
    }
    if !protocol(mirror).is_place_free(mirror, &publishing.id).map_err(Box::new)? {
        return Err(PublishError::InTrash(publishing.id.clone()));
    }
    run.has_not_shrunk(&mut prepared)?;
    run.fits(&prepared)?;
    let tally = Tally::default();
    let mut report = run.report(&prepared, (0, 0), &tally, PublishOutcome::Trial);
    (report.files, report.bytes) = prepared.size();
    report.warnings.extend(new_stream(mirror, &publishing.id, Mode::Trial));
    Ok(report)
}

impl PublishRun<'_> {
    /// Stages a prepared build, and makes it visible.
    pub(crate) fn lay_out(&self, mut prepared: Prepared) -> Result<PublishReport, PublishError> {
        let (mirror, publishing) = (self.session.mirror(), self.publishing);
        let last = self.session.begin()?.last_event();
        if let Some(mut report) = self.there_already(&prepared)? {
            if publishing.filling.take == Some(Take::Move) {
                // Files that an interrupted run had published and not yet removed.
                let files = prepared.source.files.par_iter();
                // Some were copied: into a bucket, or because they needed a later time than the source has.
                let ours = |entry: &&SourceEntry| prepared.moved || is_shared(mirror, &prepared, entry);
                report.warnings.extend(leave(files.filter(ours)));
            }
            return Ok(report);
        }
        mirror.refuse_retiring(&publishing.id.stream)?;
        self.has_not_shrunk(&mut prepared)?;
        if prepared.known.is_none() {
            let warnings = clocks(mirror, &prepared, &publishing.id, last, self.session.now())?;
            prepared.warnings.extend(warnings);
        }
        let id = &publishing.id;
        let mut staged = protocol(mirror).stage(mirror, id, &prepared.path)?;
        if let Some(report) = self.published_meanwhile(&prepared)? {
            staged.leave()?;
            return Ok(report);
        }
        let note = &mut || prepared.claim.as_ref().map_or(Ok(()), |claim| claim.note(mirror.store()));
        match staged.begin(id, note)? {
            Begun::Ready => {}
            Begun::InTrash => return Err(PublishError::InTrash(id.clone())),
            Begun::Foreign => return Err(PublishError::Foreign(id.clone())),
        }
        let tally = match self.fill(&prepared, &mut *staged) {
            Ok(tally) => tally,
            Err(error) => {
                if !error.leaves_a_good_stage() {
                    staged.give_up();
                }
                return Err(error.into());
            }
        };
        // Without a signature the stage stays as it is for the next run.
        prepared.sign(publishing, staged.manifest())?;
        let sealed =
            staged.seal(record(mirror, publishing, &prepared)?, prepared.path.clone(), &prepared.sums)?;
        self.session.check_cancelled()?;
        self.show(prepared, sealed, &tally)
    }

    /// Fails if the bytes of a build do not fit on the disk; it assumes the smallest possible size, in which files of
    /// the size of a file in an earlier build are shared.
    fn fits(&self, prepared: &Prepared) -> Result<(), PublishError> {
        if self.publishing.filling.take.is_some() {
            return Ok(());
        }
        let Some(space) = self.session.mirror().store().space()? else { return Ok(()) };
        if prepared.source.bytes() <= space.free {
            return Ok(());
        }
        let reuse = self.earlier(prepared);
        let new = prepared.source.files.iter().filter(|file| !reuse.has_size(file.size));
        let bytes: u64 = new.map(|file| file.size).sum();
        if bytes > space.free {
            let why =
                format!("No space left on device: {bytes} bytes are needed, and {} are free", space.free);
            let error = StoreError::because(StoreErrorKind::NoSpace, "write", &prepared.path, &why);
            return Err(StageError::from(error).into());
        }
        Ok(())
    }

    /// Fills a stage with everything that belongs to the build.
    fn fill(&self, prepared: &Prepared, staged: &mut dyn StagedBuild) -> Result<Tally, StageError> {
        let watch = self.session.progress();
        watch.expect("publishing", prepared.source.files.len() as u64, prepared.source.bytes());
        let reuse = self.earlier(prepared);
        let tally =
            staged.fill(&prepared.source, &reuse, self.publishing.filling, watch, self.session.stop())?;
        let timing = Timing { rule: self.publishing.filling.times, reuse: &reuse };
        for (to, bytes) in &prepared.own {
            staged.add(to, bytes, timing)?;
        }
        Ok(tally)
    }
}

impl StageError {
    /// Returns whether the staged build can be resumed: the mirror's own disk has no fault.
    fn leaves_a_good_stage(&self) -> bool {
        match self {
            Self::Busy(_)
            | Self::Source(_)
            | Self::Read { .. }
            | Self::CrossDevice(_)
            | Self::Interrupted(_) => true,
            Self::Store(error) => matches!(error.kind(), StoreErrorKind::Busy | StoreErrorKind::TooManyOpen),
        }
    }
}
