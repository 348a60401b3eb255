//! Publishing only if the inputs differ from those of the newest success: otherwise that success is confirmed.
//!
//! Only the inputs are read, and nothing is staged before. If they cannot be compared, the build is published.

use crate::census::BuildCensus;
use crate::commit::filling::Tally;
use crate::commit::relabel::confirm;
use crate::decide::Inputs;
use crate::mirror::{Mirror, StateError, builds_of, chain};
use crate::model::{BuildId, CLOCK_SKEW, Outcome, Stamp, Stream};
use crate::ops::Mode;
use crate::ops::publish::compared::file_entry;
use crate::ops::publish::error::PublishError;
use crate::ops::publish::inputs_report::{Compared, InputsReport};
use crate::ops::publish::outcome::{PublishOutcome, PublishReport};
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;
use crate::ops::retention::clock::store_clock;
use crate::record::{BuildRecord, LinkEntry, Manifest};

/// The number of differing paths that are named.
const NAMED: usize = 10;

/// What the inputs are compared with.
enum Newest {
    /// There is no success.
    None,
    /// This build.
    Success(Box<(BuildRecord, Manifest)>),
    /// It is not known which build it is, or what it contains.
    Unknown(String),
}

impl PublishRun<'_> {
    /// Returns the report of a publish that is not needed, since its inputs are those of the newest success, and
    /// confirms that one; nothing if the build is to be published.
    pub(super) fn confirm(
        &self,
        prepared: &mut Prepared,
        mode: Mode,
    ) -> Result<Option<PublishReport>, PublishError> {
        let (session, publishing) = (self.session, self.publishing);
        let mirror = session.mirror();
        let Some(patterns) = &publishing.if_changed else { return Ok(None) };
        // A failure is never hidden behind inputs that succeeded before.
        if prepared.result == Outcome::Fail || mirror.has_build(&publishing.id)? {
            return Ok(None);
        }
        let read_at = session.now();
        let context = mirror.layout().markers().context.clone();
        let links: Vec<_> = prepared.source.links.iter().map(|(to, text)| (to, &**text)).collect();
        let reach = patterns.reach(links.into_iter(), context.as_ref());
        let inputs = self.inputs(prepared, |path| reach.has(path))?;
        drop(reach);
        let inputs = Inputs::of(&inputs, patterns, context.as_ref());
        loop {
            session.check_cancelled()?;
            if mode == Mode::Real {
                // The newest success may be one that an interrupted publish left.
                drop(session.begin()?);
            }
            let newest = newest(mirror, &publishing.id.stream)?;
            let before = match &newest {
                Newest::Success(known) => Inputs::of(&known.1, patterns, context.as_ref()),
                Newest::None | Newest::Unknown(_) => Inputs::default(),
            };
            if let Some(pattern) = patterns.unused(inputs.paths().chain(before.paths())) {
                return Err(PublishError::NoInputs(Some(pattern.to_owned())));
            }
            if inputs.is_empty() && before.is_empty() {
                return Err(PublishError::NoInputs(None));
            }
            let changed = inputs.changes(&before);
            let more = changed.len().saturating_sub(NAMED) as u64;
            let report = InputsReport {
                against: None,
                files: inputs.len() as u64,
                digest: inputs.digest(),
                changed: changed.into_iter().take(NAMED).collect(),
                more,
                confirmed_at: None,
            };
            let record = match newest {
                Newest::Unknown(why) => {
                    prepared
                        .warnings
                        .push(format!("it is published whether or not its inputs changed: {why}"));
                    prepared.compared = Some(Compared { inputs, against: None });
                    return Ok(None);
                }
                Newest::None => {
                    prepared.inputs = Some(InputsReport { changed: Vec::new(), more: 0, ..report });
                    prepared.compared = Some(Compared { inputs, against: None });
                    return Ok(None);
                }
                Newest::Success(known) => known.0,
            };
            let report = InputsReport { against: Some(record.id.clone()), ..report };
            if !report.changed.is_empty() {
                prepared.inputs = Some(report);
                prepared.compared = Some(Compared { inputs, against: Some(record.id) });
                return Ok(None);
            }
            if mode == Mode::Trial {
                return Ok(Some(self.not_needed(prepared, &record, report)?));
            }
            let is_off = |store: &Stamp| session.now().since(*store).abs() > CLOCK_SKEW;
            if let Some(store) = store_clock(mirror)?.filter(is_off) {
                let (store, here) = (store.iso(), session.now().iso());
                let why = format!(
                    "it is {store} by the clock of the mirror's store, and {here} by the clock of this machine"
                );
                return Err(PublishError::Confirmation(record.id, why));
            }
            let lock = session.begin()?;
            if newest_record(mirror, &publishing.id.stream)?.as_ref() != Some(&record) {
                continue;
            }
            let Some(record) = confirm(&lock, &record, (report.digest, read_at))? else { return Ok(None) };
            drop(lock);
            let report = InputsReport { confirmed_at: record.confirmed_at, ..report };
            return Ok(Some(self.not_needed(prepared, &record, report)?));
        }
    }

    /// Returns whether another command published a build of the same inputs since they were compared. The caller holds the lock.
    pub(super) fn is_overtaken(&self, prepared: &Prepared) -> Result<bool, PublishError> {
        let Some(compared) = &prepared.compared else { return Ok(false) };
        let (mirror, stream) = (self.session.mirror(), &self.publishing.id.stream);
        // Without another build its list of files, which may be long, is not read under the lock.
        let builds = builds_of(mirror, stream, None)?;
        let id = candidate(&builds).map(|build| BuildId::new(stream.clone(), build.build.clone()));
        if id == compared.against {
            return Ok(false);
        }
        let (Newest::Success(known), Some(patterns)) = (newest(mirror, stream)?, &self.publishing.if_changed)
        else {
            return Ok(false);
        };
        let context = mirror.layout().markers().context.as_ref();
        Ok(Inputs::of(&known.1, patterns, context) == compared.inputs)
    }

    /// Reads the inputs among the files to publish.
    fn inputs(
        &self,
        prepared: &Prepared,
        is_input: impl Fn(&crate::model::RelPath) -> bool + Sync,
    ) -> Result<Manifest, PublishError> {
        let files: Vec<_> = prepared.source.files.iter().filter(|file| is_input(&file.to)).collect();
        let bytes = files.iter().map(|file| file.size).sum();
        self.session.progress().expect("comparing", files.len() as u64, bytes);
        let mut files = self.read(&files)?;
        let own = prepared.own.iter().filter(|(to, _)| is_input(to));
        files.extend(
            own.map(|(to, bytes)| file_entry(to, bytes.len() as u64, crate::model::Digest::of(bytes), 0o444)),
        );
        let links = prepared.source.links.iter().filter(|(to, _)| is_input(to));
        let links = links.map(|(path, text)| LinkEntry { path: path.clone(), text: text.clone() }).collect();
        Ok(Manifest { files, links, dirs: Vec::new() })
    }

    /// Returns the report of a publish that is not needed.
    fn not_needed(
        &self,
        prepared: &Prepared,
        newest: &BuildRecord,
        inputs: InputsReport,
    ) -> Result<PublishReport, PublishError> {
        let (id, result) = (newest.id.clone(), newest.result);
        let path = self.session.mirror().layout().build_path(&id)?;
        let (size, tally) = ((newest.files, newest.bytes), Tally::default());
        let report = self.report(prepared, size, &tally, PublishOutcome::InputsUnchanged);
        Ok(PublishReport { id, path, result, inputs: Some(inputs), unserved_links: 0, ..report })
    }
}

/// Returns the newest success of a stream, with its contents.
///
/// # Errors
///
/// The store failed; whether something is damaged is not known.
fn newest(mirror: &Mirror, stream: &Stream) -> Result<Newest, StateError> {
    let mut builds = builds_of(mirror, stream, None)?;
    if let Some(unfit) = candidate(&builds).filter(|build| build.problem.is_some()) {
        let name = unfit.build.clone();
        builds = match builds_of(mirror, stream, Some(&name)) {
            Err(error @ StateError::Store(_)) => return Err(error),
            Err(error) => return Ok(Newest::Unknown(chain(&error))),
            Ok(builds) => builds,
        };
    }
    let Some(build) = candidate(&builds) else { return Ok(Newest::None) };
    let id = BuildId::new(stream.clone(), build.build.clone());
    if let Some(problem) = &build.problem {
        return Ok(Newest::Unknown(format!("`{id}` may be the newest success: {problem}")));
    }
    match (mirror.record(&id), mirror.manifest(&id)) {
        (Err(error @ StateError::Store(_)), _) | (_, Err(error @ StateError::Store(_))) => Err(error),
        (Err(error), _) | (_, Err(error)) => Ok(Newest::Unknown(chain(&error))),
        (Ok(Some(record)), _) if !record.trimmed.is_empty() => {
            Ok(Newest::Unknown(format!("parts of the newest success `{id}` were trimmed")))
        }
        (Ok(Some(record)), Ok(Some(manifest))) => Ok(Newest::Success(Box::new((record, manifest)))),
        _ => Ok(Newest::Unknown(format!("what the newest success `{id}` holds is not recorded"))),
    }
}

/// Returns the newest build that is a success or may be one: a build that cannot be judged counts, and comes first if
/// its age is not known.
fn candidate(builds: &[BuildCensus]) -> Option<&BuildCensus> {
    let undated = builds.iter().find(|build| build.problem.is_some() && build.created.is_none());
    let may_be = |build: &&BuildCensus| build.result == Outcome::Success || build.problem.is_some();
    undated.or_else(|| builds.iter().rfind(may_be))
}

/// Returns the record of the newest success of a stream.
fn newest_record(mirror: &Mirror, stream: &Stream) -> Result<Option<BuildRecord>, StateError> {
    Ok(match newest(mirror, stream)? {
        Newest::Success(known) => Some(known.0),
        Newest::None | Newest::Unknown(_) => None,
    })
}
