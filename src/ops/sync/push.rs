//! Bringing one target up to date by rsync: files of builds, names, deletes, the trace, in this order.
//!
//! `docs/decisions/0022-downstream-mirrors.md` has what a kill leaves after each step.

use super::SyncError;
use super::files::{Files, Late, Walked};
use super::linked::linked;
use super::look::{Here, Look, chain_of, has_room_for_traces, is_removed, mark, pages};
use super::report::{SyncOptions, SyncOutcome, TargetReport, Verify};
use super::rsync::{Chosen, Ran, Rsync, Sends};
use super::there::{There, is_leftover};
use crate::decide::targets::{Target, Trace, Way};
use crate::mirror::{Mirror, Sent, chain};
use crate::model::{BuildId, Digest, RelPath, Stream, shown};
use crate::ops::Mode;
use crate::ops::retention::report::Failure;
use crate::session::Session;
use crate::store::StoreError;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many files are sent before it is noted that their builds are whole.
const TOGETHER: usize = 200_000;

/// How many builds are read here at once.
const AT_ONCE: usize = 8;

/// The most characters of paths that are left out of a run, as its arguments.
const LEFT_OUT: usize = 32 << 10;

/// How often a run looks at the mirror: what happens during the last time is for the next run.
const LOOKS: usize = 2;

/// One target that is brought up to date.
pub(super) struct Push<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) target: &'a Target,
    pub(super) options: &'a SyncOptions,
    /// The directory of the mirror.
    pub(super) root: PathBuf,
    pub(super) rsync: Rsync<'a>,
    pub(super) sent: Sent,
    pub(super) report: TargetReport,
    /// The digest of the trace that is there.
    pub(super) trace: Option<Digest>,
    /// How much is read again there.
    pub(super) verify: Verify,
    /// The streams of which something could not be sent.
    pub(super) behind: BTreeSet<Stream>,
    /// Files of builds that were taken out of them here.
    pub(super) taken_out: Vec<(BuildId, Vec<RelPath>)>,
    /// What others put into builds.
    pub(super) inside: Vec<String>,
}

/// A build on its way.
struct Going<'g> {
    id: &'g BuildId,
    here: &'g Here,
    files: Files,
    walked: Walked,
    /// What is known of it there.
    before: Before,
}

/// What is known of a build at a target before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing of it was sent.
    Nothing,
    /// It was begun, or was sent and may differ.
    Begun,
    /// It was whole.
    Whole,
}

/// Brings a target up to date, and returns what was done, also where it did not come to its end.
pub(super) fn push(session: &Session<'_>, target: &Target, options: &SyncOptions) -> TargetReport {
    let mut report = TargetReport::nothing(&target.name, target.way.key());
    let ended = begin(session, target, options, &mut report);
    report.ended(ended)
}

fn begin(
    session: &Session<'_>,
    target: &Target,
    options: &SyncOptions,
    report: &mut TargetReport,
) -> Result<(), SyncError> {
    let mirror = session.mirror();
    let root = mirror.directory().ok_or_else(|| SyncError::Bucket(target.name.clone()))?;
    if let Way::Directory(dir) = &target.way {
        is_apart(&root, dir)?;
    }
    if options.mode == Mode::Trial {
        return trial(mirror, target, options, report);
    }
    super::rsync::look(session.stop())?;
    let lock = mirror.lock_target(&target.name, mirror.wait())?;
    let Some(rsync) = Rsync::new(target, lock, session.stop()) else { return Ok(()) };
    // Before the look, which has seen at least so much.
    let (serial, sum) = mirror.last_that_stays()?;
    let there = rsync.trace()?;
    let sent = known(mirror, target, options, serial, there.as_deref(), report)?;
    let (behind, taken_out) = (BTreeSet::new(), Vec::new());
    let mine = std::mem::replace(report, TargetReport::nothing(&target.name, target.way.key()));
    let trace = there.as_deref().map(Digest::of);
    let mut push = Push {
        session,
        target,
        options,
        root,
        rsync,
        sent,
        report: mine,
        trace,
        verify: options.verify,
        behind,
        taken_out,
        inside: Vec::new(),
    };
    let ended = push.run(serial, sum);
    push.sent.failure = ended.as_ref().err().map(|error| shown(&chain(error)).into_owned());
    let kept = mirror.keep_sent(&target.name, &push.sent);
    *report = push.report;
    ended?;
    Ok(kept?)
}

/// Fails where a directory is not there, or is in the mirror, or the mirror in it.
fn is_apart(root: &Path, dir: &Path) -> Result<(), SyncError> {
    let shown = || dir.display().to_string();
    let real = dir.canonicalize().ok().filter(|real| real.is_dir());
    let real = real.ok_or_else(|| SyncError::NoDirectory(shown()))?;
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if real.starts_with(&root) || root.starts_with(&real) { Err(SyncError::Within(shown())) } else { Ok(()) }
}

/// Returns what is known of a target. What is there of names is always read from it.
fn known(
    mirror: &Mirror,
    target: &Target,
    options: &SyncOptions,
    serial: u64,
    there: Option<&[u8]>,
    report: &mut TargetReport,
) -> Result<Sent, SyncError> {
    let trace = there.map(Trace::parse);
    if let Some(Ok(trace)) = &trace
        && trace.mirror != mirror.config().id
    {
        let (target, shown) = (target.name.clone(), |text: &str| shown(text).chars().take(100).collect());
        return Err(SyncError::Other { target, mirror: shown(&trace.mirror), name: shown(&trace.name) });
    }
    if let Some(Err(error)) = &trace {
        report.warnings.push(format!("its trace is replaced: {error}"));
    }
    let new = Sent {
        sync: 1,
        mirror: mirror.config().id.clone(),
        address: Some(target.address()),
        ..Sent::default()
    };
    let Some(sent) = mirror.sent(&target.name)? else {
        if !mirror.has_sent_state(&target.name)? {
            return Ok(new);
        }
        report.warnings.push(format!(
            "`.mirrorkeep/sync/{}/state.json` is damaged: everything is compared",
            target.name
        ));
        let is_empty = there.is_none() && !mirror.sent_builds(&target.name)?.is_empty();
        return if is_empty && !options.restart {
            Err(SyncError::Lost(target.name.clone()))
        } else {
            Ok(new)
        };
    };
    if sent.address != new.address {
        // What was sent elsewhere says nothing of what may be deleted here.
        mirror.forget_all_sent(&target.name)?;
        return Ok(new);
    }
    if options.restart {
        // What was sent under these names is ours.
        return Ok(Sent { names: sent.names, ..new });
    }
    let line = mirror.event(sent.serial)?.map(|line| line.sum());
    if sent.serial > serial || (sent.sum.is_some() && line != sent.sum) {
        return Err(SyncError::Replaced { target: target.name.clone(), serial: sent.serial });
    }
    let same = |bytes: &[u8]| Some(Digest::of(bytes)) == sent.trace;
    match (sent.trace, there) {
        (Some(_), None) => Err(SyncError::Lost(target.name.clone())),
        (Some(_), Some(bytes)) if !same(bytes) => {
            report
                .warnings
                .push("its trace is not the one that was written last: everything is compared".to_owned());
            Ok(Sent { builds: BTreeMap::new(), files: BTreeMap::new(), ..sent })
        }
        _ => Ok(sent),
    }
}

/// Reports what would be done by what is known here; the target is not asked.
fn trial(
    mirror: &Mirror,
    target: &Target,
    options: &SyncOptions,
    report: &mut TargetReport,
) -> Result<(), SyncError> {
    let sent =
        mirror.sent(&target.name)?.filter(|sent| sent.address == Some(target.address()) && !options.restart);
    let sent = sent.unwrap_or_default();
    let look = Look::at(mirror, target)?;
    has_room_for_traces(&look)?;
    for (id, here) in look.builds.iter().filter(|(id, here)| sent.builds.get(*id) != Some(&here.mark)) {
        match Files::of(mirror, id, here) {
            Ok(files) => {
                report.files += files.count();
                report.bytes += files.bytes;
                report.builds.push(id.clone());
            }
            Err(why) => report.failures.push(Failure { path: id.to_string(), error: why }),
        }
    }
    report.failures.extend(missing(mirror, target, &look)?.into_iter().map(|(_, failure)| failure));
    let failed = |id: &BuildId| report.failures.iter().any(|failure| failure.path == id.to_string());
    let is_new = |path: &RelPath, text: &str| sent.names.get(path).is_none_or(|name| name.text != text);
    let names = look.names.iter().filter(|name| !name.build.as_ref().is_some_and(failed));
    report.names =
        names.filter(|name| is_new(&name.path, &name.text)).map(|name| name.path.clone()).collect();
    let stays = |path: &RelPath| look.names.iter().any(|name| name.path == *path);
    for path in sent.names.keys().filter(|path| !stays(path) && !look.is_away(path)) {
        if is_removed(mirror, path)? {
            report.names_removed.push(path.clone());
        }
    }
    let pages = pages(mirror, target, &look)?;
    report.pages = pages.iter().filter(|(path, mark)| sent.files.get(*path) != Some(mark)).count() as u64;
    if sent.address.is_some() {
        let is_gone = |id: &BuildId| !look.builds.contains_key(id) && !look.vanished.contains(id);
        report.deleted = mirror.sent_builds(&target.name)?.into_iter().filter(is_gone).collect();
    }
    report.serial = sent.trace.is_some().then_some(sent.serial);
    report.outcome = SyncOutcome::Trial;
    Ok(())
}

/// Returns why each build that should be here, and belongs at a target or is there, is not deleted there.
pub(super) fn missing(
    mirror: &Mirror,
    target: &Target,
    look: &Look,
) -> Result<Vec<(Stream, Failure)>, SyncError> {
    if look.vanished.is_empty() {
        return Ok(Vec::new());
    }
    let sent = mirror.sent_builds(&target.name)?;
    let concerns = look.vanished.iter().filter(|id| target.gets(&id.stream) || sent.contains(*id));
    let failure = |id: &BuildId| {
        let error = format!(
            "it is recorded, was not pruned, and is missing here: what the target has of it stays; restore it, or \
             `mirrorkeep adopt --changed {id}` records that it is missing"
        );
        (id.stream.clone(), Failure { path: id.to_string(), error })
    };
    Ok(concerns.map(failure).collect())
}

impl Push<'_> {
    pub(super) fn mirror(&self) -> &Mirror {
        self.session.mirror()
    }

    /// Looks at the mirror and sends what is new, and once more where something happened meanwhile.
    fn run(&mut self, mut serial: u64, mut sum: Option<String>) -> Result<(), SyncError> {
        self.report.serial = self.sent.trace.is_some().then_some(self.sent.serial);
        for nth in 1..=LOOKS {
            self.once(serial, sum)?;
            let (newest, line) = self.mirror().last_that_stays()?;
            if newest <= serial || nth == LOOKS {
                break;
            }
            self.mirror().keep_sent(&self.target.name, &self.sent)?;
            (serial, sum) = (newest, line);
            self.verify = Verify::Sample;
        }
        Ok(())
    }

    /// Runs all steps; each begins when the one before it is known to be done.
    fn once(&mut self, serial: u64, sum: Option<String>) -> Result<(), SyncError> {
        self.behind.clear();
        self.report.waits.clear();
        self.report.failures.clear();
        self.report.outcome = SyncOutcome::Current;
        let look = Look::at(self.mirror(), self.target)?;
        has_room_for_traces(&look)?;
        self.send_builds(&look)?;
        self.session.check_cancelled()?;
        let now = Look::at(self.mirror(), self.target)?;
        for (stream, failure) in missing(self.mirror(), self.target, &now)? {
            self.behind.insert(stream);
            self.report.failures.push(failure);
        }
        let mut there = self.listed(&now)?;
        if self.send_lost(&now, &there)? {
            there = self.listed(&now)?;
            for id in self.lost(&now, &there) {
                self.sent.builds.remove(&id);
                self.fail(&id, "it is not whole there: the target lost it again".to_owned());
            }
        }
        self.send_names(&look, &now, &mut there)?;
        self.send_pages(&now, &mut there)?;
        self.delete(&now, &there)?;
        self.find_withdrawn(&now, &there)?;
        let is_all = self.verify == Verify::All;
        if is_all || !self.report.builds.is_empty() || !self.report.deleted.is_empty() {
            self.find_strange(&now, &there)?;
        }
        self.keep_trace(serial, sum, &now)?;
        if self.report.outcome != SyncOutcome::Withheld {
            self.report.outcome = match (self.is_whole(), self.report.is_busy()) {
                (false, _) => SyncOutcome::Partly,
                (true, true) => SyncOutcome::Done,
                (true, false) => SyncOutcome::Current,
            };
        }
        Ok(())
    }

    /// Returns whether everything that is to be there is.
    fn is_whole(&self) -> bool {
        self.behind.is_empty() && self.report.failures.is_empty()
    }

    /// Sends the builds of which it is not known that they are whole there.
    fn send_builds(&mut self, look: &Look) -> Result<(), SyncError> {
        let all = self.verify == Verify::All;
        let is_new = |(id, here): &(&BuildId, &Here)| all || self.sent.builds.get(*id) != Some(&here.mark);
        let wanted: Vec<(&BuildId, &Here)> = look.builds.iter().filter(is_new).collect();
        let (mut batch, mut count) = (Vec::new(), 0);
        for some in wanted.chunks(AT_ONCE) {
            self.session.check_cancelled()?;
            let mirror = self.mirror();
            let read = |(id, here): &(&BuildId, &Here)| {
                let files = Files::of(mirror, id, here)?;
                files.walk(mirror).map(|walked| (files, walked))
            };
            let found: Vec<Result<(Files, Walked), String>> = some.par_iter().map(read).collect();
            for ((id, here), found) in some.iter().zip(found) {
                match found {
                    Ok((files, walked)) => {
                        count += files.all.len();
                        let is_whole = self.sent.builds.get(*id) == Some(&here.mark);
                        let before = if is_whole { Before::Whole } else { Before::Nothing };
                        batch.push(Going { id, here, files, walked, before });
                    }
                    // Another command took it away.
                    Err(_) if !self.mirror().has_build(id)? => {}
                    Err(why) => self.fail(id, why),
                }
            }
            if count >= TOGETHER {
                self.send_batch(look, std::mem::take(&mut batch))?;
                count = 0;
            }
        }
        self.send_batch(look, batch)
    }

    /// Sends the builds again that the target had and lost, and returns whether there are any.
    fn send_lost(&mut self, now: &Look, there: &There) -> Result<bool, SyncError> {
        let lost = self.lost(now, there);
        for id in &lost {
            self.sent.builds.remove(id);
            let why = format!("files of `{id}` were missing or differed there, and were sent again");
            self.report.warnings.push(why);
        }
        if !lost.is_empty() {
            self.send_builds(now)?;
        }
        Ok(!lost.is_empty())
    }

    pub(super) fn fail(&mut self, id: &BuildId, error: String) {
        self.behind.insert(id.stream.clone());
        self.report.failures.push(Failure { path: id.to_string(), error });
    }

    /// Sends some builds, compares them, and notes which of them are whole.
    fn send_batch(&mut self, look: &Look, mut batch: Vec<Going<'_>>) -> Result<(), SyncError> {
        if batch.is_empty() {
            return Ok(());
        }
        let (mirror, name) = (self.session.mirror(), &self.target.name);
        batch.par_iter_mut().try_for_each(|one| keep_list(mirror, name, one))?;
        let batch = &batch[..];
        self.clear_leftovers(batch)?;
        let mut repaired = self.differing(batch)?;
        let mut first = chosen(batch, Part::First(&Late::of(self.mirror())));
        let builds = batch.iter().filter(|one| one.before != Before::Whole);
        let new = builds.map(|one| (&one.id.stream, &one.walked)).collect::<Vec<_>>();
        let others = look.builds.iter().filter(|(id, _)| self.is_there(look, id));
        let beside = linked(self.mirror(), &new, others)?;
        let count = first.paths.len();
        first.paths.extend(beside);
        let mut why = self.rsync.send(&self.root, &first, Sends::Files)?.partial;
        // A build of which files are missing has no SHA256SUMS.
        first.paths.truncate(count);
        let mut bad = self.compared(batch, &first, false)?;
        if !bad.is_empty() {
            bad = self.repair(batch, &bad, &mut why)?;
        }
        let good = batch.iter().enumerate().filter(|(nth, _)| !bad.contains(nth));
        let last: Vec<RelPath> = good.flat_map(|(_, one)| one.files.last().iter().cloned()).collect();
        let last = Chosen::from(last);
        let partial = self.rsync.send(&self.root, &last, Sends::Files)?.partial;
        why = why.or(partial);
        let again = self.read_again(batch, last);
        let wrong = self.compared(batch, &again, true)?;
        let wrong: BTreeSet<usize> = wrong.difference(&bad).copied().collect();
        repaired.extend(&wrong);
        let differed = repaired.iter().filter_map(|nth| batch.get(*nth)).map(|one| {
            let id = one.id;
            format!("files of `{id}` were missing or differed there, and were sent again")
        });
        self.report.warnings.extend(differed);
        if !wrong.is_empty() {
            bad.extend(self.repair(batch, &wrong, &mut why)?);
        }
        for (nth, one) in batch.iter().enumerate() {
            if repaired.contains(&nth) {
                self.sent.builds.remove(one.id);
            }
            self.settle(one, bad.contains(&nth), why.as_deref())?;
        }
        Ok(self.mirror().keep_sent(&self.target.name, &self.sent)?)
    }

    /// Returns which builds that were whole differ there now, by sizes and times.
    fn differing(&self, batch: &[Going<'_>]) -> Result<BTreeSet<usize>, SyncError> {
        let whole = |nth: &usize| batch.get(*nth).is_some_and(|one| one.before == Before::Whole);
        let some = chosen(batch.iter().filter(|one| one.before == Before::Whole), Part::All);
        Ok(self.compared(batch, &some, false)?.into_iter().filter(whole).collect())
    }

    /// Deletes the temporary files of rsync in builds that were begun, and notes what others put into those that are compared.
    fn clear_leftovers(&mut self, batch: &[Going<'_>]) -> Result<(), SyncError> {
        let begun = batch.iter().filter(|one| one.before != Before::Nothing);
        let builds: BTreeSet<RelPath> = begun.map(|one| one.here.path.clone()).collect();
        if builds.is_empty() {
            return Ok(());
        }
        let found = self.rsync.foreign(&self.root, &builds)?.lines;
        let is_ours = |path: &RelPath| batch.iter().any(|one| one.files.has(path));
        let (left, others): (Vec<String>, Vec<String>) = found
            .into_iter()
            .partition(|text| text.parse::<RelPath>().is_ok_and(|path| is_leftover(&path, is_ours)));
        let left: Vec<RelPath> = left.iter().filter_map(|text| text.parse().ok()).collect();
        if !left.is_empty() {
            self.rsync.delete(&left)?;
        }
        if self.verify == Verify::All {
            // What was taken out here is deleted, and is not of others.
            let lists = batch.iter().map(|one| self.mirror().sent_paths(&self.target.name, one.id));
            let sent: BTreeSet<RelPath> =
                lists.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            let above: BTreeSet<RelPath> = sent.iter().flat_map(RelPath::ancestors).collect();
            let is_strange = |text: &String| {
                text.parse::<RelPath>().map_or(true, |path| !sent.contains(&path) && !above.contains(&path))
            };
            self.inside.extend(others.into_iter().filter(is_strange));
        }
        Ok(())
    }

    /// Notes that a build is whole there, or why it is not.
    fn settle(&mut self, one: &Going<'_>, is_bad: bool, why: Option<&str>) -> Result<(), SyncError> {
        let id = one.id;
        if !self.mirror().has_build(id)? {
            return Ok(());
        }
        if is_bad {
            let why = why.unwrap_or("the target keeps neither its size nor its times, or lost it again");
            self.sent.builds.remove(id);
            self.fail(id, format!("it is not whole there: {}", shown(why)));
            return Ok(());
        }
        if mark(self.mirror(), id, &one.here.path)? != one.here.mark {
            self.behind.insert(id.stream.clone());
            self.report.waits.push(format!("`{id}` changed while it was sent; the next run sends it again"));
            return Ok(());
        }
        let before = self.sent.builds.insert(id.clone(), one.here.mark.clone());
        if before.as_ref() != Some(&one.here.mark) {
            self.report.files += one.files.count();
            self.report.bytes += one.files.bytes;
            self.report.builds.push(id.clone());
        }
        let mut list = self.mirror().sent_paths(&self.target.name, id)?;
        // What others put into the build here while its directory was sent may have been sent, too.
        let came = one.files.came(self.mirror(), &one.walked)?;
        if !came.is_empty() {
            list.extend(came);
            self.mirror().keep_sent_paths(&self.target.name, id, &list)?;
        }
        let gone: Vec<RelPath> = list.into_iter().filter(|path| !one.files.has(path)).collect();
        if !gone.is_empty() {
            self.taken_out.push((id.clone(), gone));
        }
        Ok(())
    }

    /// Returns which builds of a batch differ in these paths, by their places in it.
    fn compared(
        &self,
        batch: &[Going<'_>],
        chosen: &Chosen,
        bytes: bool,
    ) -> Result<BTreeSet<usize>, SyncError> {
        if chosen.paths.is_empty() {
            return Ok(BTreeSet::new());
        }
        let Ran { lines, cut, partial } = self.rsync.differing(&self.root, chosen, bytes)?;
        if cut || partial.is_some() {
            // What was left out may be of any of them.
            return Ok((0..batch.len()).collect());
        }
        let places: BTreeMap<&str, usize> =
            batch.iter().enumerate().map(|(nth, one)| (one.here.path.as_str(), nth)).collect();
        let place = |line: &String| {
            let ends = line.match_indices('/').map(|(at, _)| at).chain([line.len()]);
            ends.rev().find_map(|end| places.get(line.get(..end)?).copied())
        };
        let found: Vec<Option<usize>> = lines.iter().map(place).collect();
        // A path of none of them is one that was not understood.
        let all = found.iter().any(Option::is_none);
        Ok(if all { (0..batch.len()).collect() } else { found.into_iter().flatten().collect() })
    }

    /// Sends builds once more, every byte compared, and returns which of them still differ.
    fn repair(
        &self,
        batch: &[Going<'_>],
        which: &BTreeSet<usize>,
        why: &mut Option<String>,
    ) -> Result<BTreeSet<usize>, SyncError> {
        let some = batch.iter().enumerate().filter(|(nth, _)| which.contains(nth));
        let paths: Vec<RelPath> = some.flat_map(|(_, one)| one.files.all.iter().cloned()).collect();
        let paths = Chosen::from(paths);
        let partial = self.rsync.send(&self.root, &paths, Sends::FilesByBytes)?.partial;
        *why = why.take().or(partial);
        self.compared(batch, &paths, true)
    }

    /// Returns the files that are read again there: those that were sent last, and some or all of the others.
    fn read_again(&self, batch: &[Going<'_>], last: Chosen) -> Chosen {
        match self.verify {
            Verify::All => chosen(batch, Part::All),
            Verify::Sample => {
                let mut paths = last.paths;
                paths.extend(super::files::sample(batch.iter().map(|one| &one.files)));
                paths.into()
            }
        }
    }

    /// Returns whether a build that is here is whole there.
    pub(super) fn is_there(&self, look: &Look, id: &BuildId) -> bool {
        look.builds.get(id).is_some_and(|here| self.sent.builds.get(id) == Some(&here.mark))
    }

    /// Sends the files of the site and for readers, and removes those that are gone.
    fn send_pages(&mut self, now: &Look, there: &mut There) -> Result<(), SyncError> {
        self.session.check_cancelled()?;
        let mut pages = pages(self.mirror(), self.target, now)?;
        // They list the builds of these streams, and not all of them are there.
        let lags = now.builds.keys().filter(|id| !self.is_there(now, id)).map(|id| &id.stream);
        let lags: BTreeSet<&Stream> = lags.chain(&self.behind).collect();
        let lags: Vec<RelPath> =
            lags.into_iter().filter_map(|stream| self.mirror().layout().stream_path(stream).ok()).collect();
        for path in waiting_pages(self.mirror(), pages.keys(), &lags) {
            match self.sent.files.get(&path) {
                Some(mark) => drop(pages.insert(path, mark.clone())),
                None => drop(pages.remove(&path)),
            }
        }
        let is_new = |(path, mark): &(&RelPath, &String)| self.sent.files.get(*path) != Some(*mark);
        let changed: Vec<RelPath> = pages.iter().filter(is_new).map(|(path, _)| path.clone()).collect();
        if !changed.is_empty() {
            for path in &changed {
                self.sent.files.insert(path.clone(), String::new());
            }
            self.mirror().keep_sent(&self.target.name, &self.sent)?;
            let count = changed.len() as u64;
            self.rsync.send(&self.root, &changed.into(), Sends::Pages)?.whole()?;
            self.report.pages += count;
        }
        for (path, mark) in self.sent.files.iter().filter(|(path, _)| now.is_away(path)) {
            pages.entry(path.clone()).or_insert_with(|| mark.clone());
        }
        let gone: Vec<RelPath> =
            self.sent.files.keys().filter(|path| !pages.contains_key(path)).cloned().collect();
        if !gone.is_empty() {
            self.rsync.delete(&gone)?;
            gone.iter().for_each(|path| there.forget(path));
        }
        self.sent.files = pages;
        Ok(())
    }

    /// Writes the trace, and notes up to which event everything is there.
    fn keep_trace(&mut self, serial: u64, sum: Option<String>, now: &Look) -> Result<(), SyncError> {
        let failed = |stream: &Stream| self.behind.contains(stream);
        let mut streams: BTreeMap<Stream, u64> = BTreeMap::new();
        for stream in now.builds.keys().map(|id| &id.stream).chain(&self.behind) {
            let old = self.sent.streams.get(stream).copied().unwrap_or(self.sent.serial);
            streams.insert(stream.clone(), if failed(stream) { old } else { serial });
        }
        let at = self.session.now();
        let is_whole = self.is_whole();
        let (reached, sum) = if is_whole { (serial, sum) } else { (self.sent.serial, self.sent.sum.clone()) };
        let is_same = reached == self.sent.serial && streams == self.sent.streams;
        let is_first = self.sent.trace.is_none() && !is_whole;
        self.sent.at = Some(at);
        if is_first {
            return Ok(());
        }
        if !(is_same && self.trace.is_some() && self.trace == self.sent.trace) {
            let trace = Trace {
                trace: 1,
                mirror: self.mirror().config().id.clone(),
                name: self.target.trace.clone(),
                serial: reached,
                at,
                streams: streams.clone(),
                chain: chain_of(self.mirror()),
            };
            let bytes = trace.write();
            self.rsync.keep_trace(&bytes)?;
            self.sent.trace = Some(Digest::of(&bytes));
            self.trace = self.sent.trace;
        }
        (self.sent.serial, self.sent.sum, self.sent.streams) = (reached, sum, streams);
        self.report.serial = Some(reached);
        Ok(())
    }
}

/// Notes which paths of a build may be at a target, before the first of them is sent.
fn keep_list(mirror: &Mirror, target: &str, one: &mut Going<'_>) -> Result<(), StoreError> {
    let mut list = mirror.sent_paths(target, one.id)?;
    let known = list.len();
    if known > 0 && one.before == Before::Nothing {
        one.before = Before::Begun;
    }
    list.extend(one.files.all.iter().cloned());
    if list.len() != known || known == 0 { mirror.keep_sent_paths(target, one.id, &list) } else { Ok(()) }
}

/// Which files of builds.
#[derive(Clone, Copy)]
enum Part<'l> {
    All,
    First(&'l Late),
}

/// Returns what is sent or compared of these builds: their directories, without what else is in them; their files one by one where
/// that cannot be said.
fn chosen<'g>(batch: impl IntoIterator<Item = &'g Going<'g>> + Clone, part: Part<'_>) -> Chosen {
    let without = || batch.clone().into_iter().flat_map(|one| &one.walked.others);
    let can_be_said = batch.clone().into_iter().all(|one| !one.walked.has_odd)
        && without().map(|path| path.as_str().len()).sum::<usize>() <= LEFT_OUT;
    if !can_be_said {
        let files = |one: &'g Going<'g>| match part {
            Part::All => &one.files.all[..],
            Part::First(_) => one.files.first(),
        };
        return batch.into_iter().flat_map(files).cloned().collect::<Vec<_>>().into();
    }
    Chosen {
        paths: batch.clone().into_iter().map(|one| one.here.path.clone()).collect(),
        whole: true,
        without: without().cloned().collect(),
        without_named: match part {
            Part::All => Vec::new(),
            Part::First(late) => late.names().map(str::to_owned).collect(),
        },
    }
}

/// Returns the pages that may list builds of the streams at these paths: those of the streams, and those above them.
fn waiting_pages<'p>(
    mirror: &Mirror,
    pages: impl Iterator<Item = &'p RelPath>,
    streams: &[RelPath],
) -> Vec<RelPath> {
    let config = mirror.config();
    let site = config.site.as_ref().map(|site| &site.path);
    let tops: Vec<&RelPath> =
        site.into_iter().chain(config.readers.as_ref().map(|readers| &readers.path)).collect();
    let lists = |page: &&RelPath| {
        let below = tops.iter().find_map(|top| page.below(top));
        let dir = below.as_ref().unwrap_or(page).parent().unwrap_or_default();
        streams.iter().any(|stream| dir.is_within(stream) || stream.is_within(&dir))
    };
    pages.filter(lists).cloned().collect()
}
