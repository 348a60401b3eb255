//! Checking file contents: every file is compared with its recorded digest.
//!
//! Files are read in parallel and leave nothing in the page cache that was not there before; a file that many builds
//! share is read once. An interrupted run is resumed, and a nightly sample continues where the last one ended. Only
//! the cursor that remembers this is written.

mod absent;
mod cursor;
mod report;
mod signed;
mod track;

pub use report::{Fault, FaultKind, VerifyReport};
pub(crate) use signed::of_build as signatures;

use crate::census::{BuildCensus, Census};
use crate::decide::{Portion, file_cost};
use crate::mirror::{Mirror, TrimmedObjects, chain, survey};
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME, is_sums};
use crate::ops::ActError;
use crate::ops::observe::disk::Disk;
use crate::ops::observe::inventory::{Holdings, Listed, ListedBy, Lists, complete, digest, holdings, listed};
use crate::session::Session;
use crate::sign::Keys;
use crate::store::{Entry, io_pool};
use cursor::Cursor;
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use track::Track;

/// The number of files to read before the cursor is updated.
const BATCH: usize = 2048;

/// The number of bytes to read before that.
const BATCH_BYTES: u64 = 8 << 30;

/// Which bytes are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The bytes of these builds.
    Builds(Vec<BuildId>),
    /// All; an interrupted run is resumed, unless a fresh start is requested.
    All {
        /// From the first build, whatever an earlier run left.
        restart: bool,
    },
    /// This many hundredths of a percent of all bytes, from where the last sample ended.
    Sample(u32),
}

impl Which {
    /// Returns whether a path that cannot be read may affect it.
    fn concerns(&self, mirror: &Mirror, path: &RelPath) -> bool {
        let Self::Builds(ids) = self else { return !path.is_own() };
        let place = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
        ids.iter().map(place).any(|place| place.is_within(path))
    }
}

/// How bytes are verified.
#[derive(Debug)]
pub struct VerifyOptions {
    /// Which bytes.
    pub which: Which,
    /// What is compared with the digests.
    pub by: By,
    /// Who must have signed the lists of digests; no one if there are no keys.
    pub keys: Keys,
}

/// What is compared with the recorded digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The digest that the store keeps for a file, if it keeps one; else its bytes.
    Notes,
    /// The bytes, read again.
    Bytes,
}

/// The number of files that are requested at once from a remote store.
const AT_ONCE: usize = 16;

/// One file to read.
struct Job {
    id: BuildId,
    root: RelPath,
    at: RelPath,
    entry: Entry,
    wanted: Digest,
    size: Option<u64>,
}

/// Reads files and compares them.
struct Reading<'a> {
    session: &'a Session<'a>,
    disk: Option<Disk>,
    verifying: &'a VerifyOptions,
    threads: Option<rayon::ThreadPool>,
    /// The digests of files with more than one name.
    shared: Mutex<HashMap<(u64, u64), Digest>>,
}

/// Compares bytes with their recorded digests.
pub fn verify(session: &Session<'_>, verifying: &VerifyOptions) -> Result<VerifyReport, ActError> {
    let mirror = session.mirror();
    let survey = survey(mirror, session.now())?;
    let mut report = VerifyReport::default();
    let absent = absent::look(mirror, (&survey.census, &survey.troubles), &verifying.which, &mut report);
    let mut order: Vec<BuildId> = survey.census.builds().map(|(id, _)| id).collect();
    order.sort();
    let mut track = match &verifying.which {
        Which::Builds(ids) => {
            let known = |id: &BuildId| order.binary_search(id).is_ok() || absent.contains(id);
            if let Some(id) = ids.iter().find(|id| !known(id)) {
                return Err(crate::commit::CommitError::NoBuild((*id).clone()).into());
            }
            order.retain(|id| ids.contains(id));
            Track::none(Portion::whole())
        }
        Which::All { restart } => Track::all(mirror, *restart)?,
        Which::Sample(hundredths) => Track::sample(mirror, Portion::of(cost(&survey.census), *hundredths))?,
    };
    let reading = Reading {
        session,
        disk: Disk::of(mirror),
        verifying,
        threads: if mirror.store().abilities().slow_calls {
            Some(io_pool(mirror.store(), AT_ONCE)?)
        } else {
            None
        },
        shared: Mutex::new(HashMap::new()),
    };
    report.resumed.clone_from(&track.started);
    // A part that could not be listed may have builds that are not known now, and an unreadable record may have a
    // digest.
    for trouble in survey.troubles.iter().filter(|trouble| verifying.which.concerns(mirror, &trouble.path)) {
        report.fault(&trouble.path, FaultKind::Unreadable, &chain(&trouble.error));
    }
    let (apart, mut batch) = (mirror.apart(), Vec::<Job>::new());
    session.progress().expect("verifying", 0, cost(&survey.census));
    for id in track.order(order) {
        let part = track.part(&id);
        let Some(census) = survey.census.build(&id) else { continue };
        let mut jobs = reading.look(&apart, &id, census, &mut report);
        jobs.retain(|job| part.has(&job.at));
        for job in jobs {
            if !track.portion.take(job.entry.size) {
                reading.read(std::mem::take(&mut batch), &mut track, &mut report);
                track.keep(mirror, session.now(), &mut report);
                return Ok(report.sorted());
            }
            let waiting = track.grew(job.entry.size);
            batch.push(job);
            if batch.len() >= BATCH || waiting >= BATCH_BYTES {
                reading.read(std::mem::take(&mut batch), &mut track, &mut report);
                if report.interrupted {
                    return Ok(report.sorted());
                }
            }
        }
    }
    reading.read(batch, &mut track, &mut report);
    if !report.interrupted {
        track.finish(mirror, session.now(), &mut report);
    }
    Ok(report.sorted())
}

/// Returns the cost of verifying everything, as far as known.
fn cost(census: &Census) -> u64 {
    let each = |build: &BuildCensus| {
        build.bytes.unwrap_or_default().saturating_add(file_cost(0) * build.files.unwrap_or_default())
    };
    census.builds().map(|(_, build)| each(build)).fold(0, u64::saturating_add)
}

/// Adds the sizes in the manifest to a list; a listing of the store has sizes without a request for each file.
fn sizes(mirror: &Mirror, id: &BuildId, list: &mut Listed) {
    let manifest = mirror.manifest(id).ok().flatten();
    for file in manifest.iter().flat_map(|manifest| &manifest.files) {
        if let Some((_, size)) = list.files.get_mut(&file.path) {
            *size = size.or(Some(file.size));
        }
    }
}

/// Reports which files are missing and which are not listed.
fn names(
    mirror: &Mirror,
    (census, root): (&BuildCensus, &RelPath),
    held: &Holdings,
    list: &Listed,
    report: &mut VerifyReport,
) {
    let unread = |at: &RelPath| held.unread.iter().any(|(dir, _)| at.is_within(dir));
    // Files that were removed on purpose are not missing.
    for at in list.files.keys().filter(|_| census.trimmed.is_empty()) {
        if !held.files.contains_key(at) && !unread(at) {
            report.fault(&root.join(at), FaultKind::Missing, "it is listed");
        }
    }
    // A list of another program covers its own directory, and not always all of it.
    if list.by == ListedBy::Foreign {
        return;
    }
    for at in held.files.keys().filter(|at| !list.files.contains_key(*at) && !is_sums(at.as_str())) {
        if !mirror.layout().is_said(at) {
            report.fault(&root.join(at), FaultKind::Extra, "no list has it");
        }
    }
}

impl Reading<'_> {
    /// Compares the names in a build with its list, and returns the files to read, by path.
    fn look(
        &self,
        apart: &TrimmedObjects<'_>,
        id: &BuildId,
        census: &BuildCensus,
        report: &mut VerifyReport,
    ) -> Vec<Job> {
        let mirror = self.session.mirror();
        let root = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
        let held = holdings(apart, id, &root);
        let record = mirror.record(id);
        let lists = Lists::of(record.as_ref().ok().and_then(Option::as_ref));
        let mut list = listed(mirror, id, &root, &held, lists);
        if list.by == ListedBy::Sums && lists == Lists::Others {
            complete(mirror, id, &mut list);
        }
        for (at, why) in &list.unread {
            report.warnings.push(format!("`{}`: {why}; the other lines count", root.join(at)));
        }
        if mirror.store().abilities().lists_sizes {
            sizes(mirror, id, &mut list);
        }
        report.builds += 1;
        signed::look(mirror, &self.verifying.keys, (&root, !census.trimmed.is_empty()), &held, report);
        let mut tell = |at: &RelPath, what, why: &str| report.fault(&root.join(at), what, why);
        for (at, why) in &held.unread {
            tell(at, FaultKind::Unreadable, why);
        }
        for (at, why) in &list.damaged {
            tell(at, FaultKind::Changed, &format!("the list cannot be read: {why}"));
        }
        for at in &list.disagreed {
            tell(at, FaultKind::Changed, "the lists of checksums disagree about it");
        }
        let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
        let published = match record {
            Ok(record) => record.and_then(|record| record.sums),
            Err(error) => {
                tell(&RelPath::root(), FaultKind::Unreadable, &chain(&error));
                None
            }
        };
        if published.is_some() && !held.files.contains_key(&sums) {
            tell(&sums, FaultKind::Missing, "it was there when the build was published");
        }
        if list.by == ListedBy::Nobody {
            if mirror.has_build(id).unwrap_or(true) {
                report.unlisted.push(id.clone());
            }
            return Vec::new();
        }
        names(mirror, (census, &root), &held, &list, report);
        let mut jobs: Vec<Job> = Vec::new();
        let listed = list.files.iter().map(|(at, (digest, size))| (at, *digest, *size));
        let own = published.map(|digest| (&sums, digest, None));
        for (at, wanted, size) in listed.chain(own) {
            if let Some(entry) = held.files.get(at) {
                let (root, at, entry) = (root.clone(), at.clone(), entry.clone());
                jobs.push(Job { id: id.clone(), root, at, entry, wanted, size });
            }
        }
        jobs.sort_by(|a, b| a.at.cmp(&b.at));
        jobs
    }

    /// Reads a batch of files, and remembers the progress.
    fn read(&self, mut batch: Vec<Job>, track: &mut Track, report: &mut VerifyReport) {
        track.read_all();
        let Some(last) = batch.last().map(|job| Cursor::at(&job.id, &job.at)) else { return };
        // The largest first, so that no thread has it left at the end.
        batch.sort_by_key(|job| std::cmp::Reverse(job.entry.size));
        let compare = || batch.par_iter().with_max_len(1).map(|job| self.compare(job)).collect();
        let faults: Vec<Option<(FaultKind, String)>> = match &self.threads {
            Some(threads) => threads.install(compare),
            None => compare(),
        };
        if self.session.check_cancelled().is_err() {
            // The next run reads this batch again.
            report.interrupted = true;
            track.keep(self.session.mirror(), self.session.now(), report);
        } else {
            track.passed(last);
            track.keep_at_times(self.session.mirror(), self.session.now(), report);
        }
        for (job, fault) in batch.iter().zip(faults) {
            if let Some((what, why)) = fault
                // A build that was pruned during that time has no faults.
                && self.session.mirror().has_build(&job.id).unwrap_or(true)
            {
                report.fault(&job.root.join(&job.at), what, &why);
            }
            if !report.interrupted {
                report.files += 1;
                report.bytes += job.entry.size;
            }
        }
    }

    /// Returns the digest of a file: the one that the store keeps, if that is enough, else that of its bytes.
    fn digest(&self, at: &RelPath, size: u64) -> std::io::Result<Digest> {
        if self.verifying.by == By::Notes
            && self.session.mirror().store().abilities().keeps_digests
            && let Some(noted) =
                self.session.mirror().store().noted_digest(at).map_err(std::io::Error::other)?
        {
            self.session.progress().bytes(size);
            return Ok(noted);
        }
        digest(self.session, self.disk.as_ref(), at)
    }

    /// Reads one file; returns nothing if it is unchanged, or if the run was cancelled.
    fn compare(&self, job: &Job) -> Option<(FaultKind, String)> {
        if self.session.check_cancelled().is_err() {
            return None;
        }
        if let Some(size) = job.size.filter(|size| *size != job.entry.size) {
            return Some((FaultKind::Changed, format!("it has {} bytes, {size} are listed", job.entry.size)));
        }
        let shared = || self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let many = job.entry.names > 1 && job.entry.inode != (0, 0);
        let known = if many { shared().get(&job.entry.inode).copied() } else { None };
        let found = match known {
            Some(digest) => digest,
            None => {
                let at = job.root.join(&job.at);
                match self.digest(&at, job.entry.size) {
                    Ok(digest) => digest,
                    Err(_) if self.session.check_cancelled().is_err() => return None,
                    Err(error) => return Some((FaultKind::Unreadable, error.to_string())),
                }
            }
        };
        if many {
            shared().insert(job.entry.inode, found);
        }
        self.session.progress().file(&job.at);
        (found != job.wanted)
            .then(|| (FaultKind::Changed, format!("sha256 is {found}, expected {}", job.wanted)))
    }
}
