//! Publishing a build: everything beside the mirror first, then one rename that makes it visible.
//!
//! A reader sees the whole build or none. Killed before the rename, nothing is visible and the next try goes on
//! where this one stopped; killed after it, the next command that changes anything finishes record, aliases and
//! event from what the stage's seal says. Publishing the same build with the same content again succeeds and
//! changes nothing; with other content it fails and says what differs.

mod steps;

mod claiming;
mod compared;
mod error;
mod outcome;
mod prepared;
mod request;
mod run;
mod shrunk;

pub use error::{PublishError, Shrunk};
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
use crate::model::{Label, Stamp};
use crate::ops::Mode;
use crate::ops::alias::label::label;
use crate::session::Session;
use crate::source::SourceEntry;
use crate::store::{StoreError, StoreErrorKind, Take};
use claiming::claim_of;
use rayon::prelude::*;

/// Publishes a build.
pub fn publish(session: &Session<'_>, publishing: &PublishRequest) -> Result<PublishReport, PublishError> {
    let mirror = session.mirror();
    let mut prepared = prepare(mirror, publishing, session.now())?;
    let first = resumed(mirror, publishing, &mut prepared, session.now())?;
    let publishing = first.as_ref().unwrap_or(publishing);
    let mut report = PublishRun { session, publishing }.lay_out(prepared)?;
    if report.outcome == PublishOutcome::Unchanged {
        label_again(session, publishing, &mut report);
    }
    Ok(report)
}

/// Sets the labels that a build that was there lacks, and warns of those that say something else.
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

/// Returns what is published under the name of an interrupted publish of the same, if there is one.
///
/// This comes before that publish is settled: when it came past its commit point, its build is there already.
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

/// Says what publishing would do, and changes nothing.
pub fn try_publish(
    session: &Session<'_>,
    publishing: &PublishRequest,
) -> Result<PublishReport, PublishError> {
    let (mirror, run) = (session.mirror(), PublishRun { session, publishing });
    let mut prepared = prepare(mirror, publishing, session.now())?;
    if let Some(report) = run.there_already(&prepared)? {
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
    Ok(report)
}

impl PublishRun<'_> {
    /// Lays a build out that is prepared, and makes it visible.
    pub(crate) fn lay_out(&self, mut prepared: Prepared) -> Result<PublishReport, PublishError> {
        let (mirror, publishing) = (self.session.mirror(), self.publishing);
        let last = self.session.begin()?.last_event();
        if let Some(mut report) = self.there_already(&prepared)? {
            if publishing.filling.take == Some(Take::Move) {
                // What a try that was cut off had published and not yet removed.
                let files = prepared.source.files.par_iter();
                // Some were copied: into a bucket, or since they needed a later time than the source has.
                let ours = |entry: &&SourceEntry| prepared.moved || is_shared(mirror, &prepared, entry);
                report.warnings.extend(leave(files.filter(ours)));
            }
            return Ok(report);
        }
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
        // Without a signature the stage stays as it is for the next try.
        prepared.sign(publishing, staged.manifest())?;
        let sealed =
            staged.seal(record(mirror, publishing, &prepared)?, prepared.path.clone(), &prepared.sums)?;
        self.session.check_cancelled()?;
        self.show(prepared, sealed, &tally)
    }

    /// Fails when the bytes of a build cannot be there beside what is there: as few as they can be, files counted as shared
    /// that have the size of a file in an earlier build.
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
    /// Returns whether what is staged can be gone on with: nothing is wrong with the mirror's own disk.
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
