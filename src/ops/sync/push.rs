//! Bringing one target up to date by rsync: files of builds, names, deletes, the trace, in this order.
//!
//! `docs/decisions/0022-downstream-mirrors.md` has what a kill leaves after each step.

use super::SyncError;
use super::files::Files;
use super::look::{Here, Look, chain_of, has_room_for_traces, mark, pages};
use super::report::{SyncOptions, SyncOutcome, TargetReport, Verify};
use super::rsync::{Ran, Rsync, Sends};
use crate::decide::targets::{Target, Trace, Way};
use crate::mirror::{Mirror, Resolved, Sent, SentName, chain};
use crate::model::{BuildId, Digest, RelPath, Stream, shown};
use crate::ops::Mode;
use crate::ops::retention::report::Failure;
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many files are sent before it is noted that their builds are whole.
const TOGETHER: usize = 200_000;

/// How many builds may be deleted in any case, and at most one of so many that were sent.
const DELETES: (usize, usize) = (10, 4);

/// How many paths that were never sent are named.
const NAMED: usize = 100;

/// One target that is brought up to date.
pub(super) struct Push<'a> {
    session: &'a Session<'a>,
    target: &'a Target,
    options: &'a SyncOptions,
    /// The directory of the mirror.
    root: PathBuf,
    rsync: Rsync<'a>,
    sent: Sent,
    report: TargetReport,
    /// Whether nothing is known of names that may be there.
    lost: bool,
    /// The streams of which something could not be sent.
    behind: BTreeSet<Stream>,
    /// Files of builds that were taken out of them here.
    taken_out: Vec<(BuildId, Vec<RelPath>)>,
}

/// A build on its way.
struct Going<'g> {
    id: &'g BuildId,
    here: &'g Here,
    files: Files,
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
    let (sent, lost) = known(mirror, target, options, serial, there.as_deref(), report)?;
    let (behind, taken_out) = (BTreeSet::new(), Vec::new());
    let mine = std::mem::replace(report, TargetReport::nothing(&target.name, target.way.key()));
    let mut push =
        Push { session, target, options, root, rsync, sent, report: mine, lost, behind, taken_out };
    let ended = push.run(serial, sum, there.as_deref());
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

/// Returns what is known of a target, and whether names may be there of which nothing is known.
fn known(
    mirror: &Mirror,
    target: &Target,
    options: &SyncOptions,
    serial: u64,
    there: Option<&[u8]>,
    report: &mut TargetReport,
) -> Result<(Sent, bool), SyncError> {
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
        let lost = there.is_some() || !mirror.sent_builds(&target.name)?.is_empty();
        return Ok((new, lost));
    };
    if sent.address != new.address {
        // What was sent elsewhere says nothing of what may be deleted here.
        mirror.forget_all_sent(&target.name)?;
        return Ok((new, there.is_some()));
    }
    if options.anew {
        return Ok((new, true));
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
            Ok((Sent { builds: BTreeMap::new(), files: BTreeMap::new(), ..sent }, false))
        }
        _ => Ok((sent, false)),
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
        mirror.sent(&target.name)?.filter(|sent| sent.address == Some(target.address()) && !options.anew);
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
    let failed = |id: &BuildId| report.failures.iter().any(|failure| failure.path == id.to_string());
    let is_new = |path: &RelPath, text: &str| sent.names.get(path).is_none_or(|name| name.text != text);
    let names = look.names.iter().filter(|name| !name.build.as_ref().is_some_and(failed));
    report.names =
        names.filter(|name| is_new(&name.path, &name.text)).map(|name| name.path.clone()).collect();
    let stays = |path: &RelPath| look.names.iter().any(|name| name.path == *path);
    report.names_removed = sent.names.keys().filter(|path| !stays(path)).cloned().collect();
    let pages = pages(mirror, target, &look)?;
    report.pages = pages.iter().filter(|(path, mark)| sent.files.get(*path) != Some(mark)).count() as u64;
    if sent.address.is_some() {
        let gone = mirror.sent_builds(&target.name)?.into_iter().filter(|id| !look.builds.contains_key(id));
        report.deleted = gone.collect();
    }
    report.serial = sent.trace.is_some().then_some(sent.serial);
    report.outcome = SyncOutcome::Trial;
    Ok(())
}

impl Push<'_> {
    fn mirror(&self) -> &Mirror {
        self.session.mirror()
    }

    /// Runs all steps; each begins when the one before it is known to be done.
    fn run(&mut self, serial: u64, sum: Option<String>, there: Option<&[u8]>) -> Result<(), SyncError> {
        let look = Look::at(self.mirror(), self.target)?;
        has_room_for_traces(&look)?;
        self.report.serial = self.sent.trace.is_some().then_some(self.sent.serial);
        self.send_builds(&look)?;
        let now = self.send_names()?;
        self.send_pages(&now)?;
        self.delete(&now)?;
        if !self.report.builds.is_empty() || self.options.verify == Verify::All {
            self.find_strange(&now)?;
        }
        self.keep_trace(serial, sum, &now, there)?;
        let held = matches!(self.report.outcome, SyncOutcome::Withheld);
        if !held {
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
        let all = self.options.verify == Verify::All;
        let is_new = |(id, here): &(&BuildId, &Here)| all || self.sent.builds.get(*id) != Some(&here.mark);
        let wanted: Vec<(&BuildId, &Here)> = look.builds.iter().filter(is_new).collect();
        let (mut batch, mut count) = (Vec::new(), 0);
        for (id, here) in wanted {
            self.session.check_cancelled()?;
            match Files::of(self.mirror(), id, here)
                .and_then(|files| files.are_as_published(self.mirror()).map(|()| files))
            {
                Ok(files) => {
                    count += files.all.len();
                    batch.push(Going { id, here, files });
                }
                // Another command took it away.
                Err(_) if !self.mirror().has_build(id)? => {}
                Err(why) => self.fail(id, why),
            }
            if count >= TOGETHER {
                self.send_batch(&std::mem::take(&mut batch))?;
                count = 0;
            }
        }
        self.send_batch(&batch)
    }

    fn fail(&mut self, id: &BuildId, error: String) {
        self.behind.insert(id.stream.clone());
        self.report.failures.push(Failure { path: id.to_string(), error });
    }

    /// Sends some builds, compares them, and notes which of them are whole.
    fn send_batch(&mut self, batch: &[Going<'_>]) -> Result<(), SyncError> {
        if batch.is_empty() {
            return Ok(());
        }
        for one in batch {
            let mut list = self.mirror().sent_paths(&self.target.name, one.id)?;
            let known = list.len();
            list.extend(one.files.all.iter().cloned());
            if list.len() != known || known == 0 {
                self.mirror().keep_sent_paths(&self.target.name, one.id, &list)?;
            }
        }
        let first: Vec<RelPath> = batch.iter().flat_map(|one| one.files.first().iter().cloned()).collect();
        let last: Vec<RelPath> = batch.iter().flat_map(|one| one.files.last().iter().cloned()).collect();
        let mut why = self.rsync.send(&self.root, &first, Sends::Files)?.partial;
        // A build of which files are missing has no SHA256SUMS.
        let mut bad = self.compared(batch, &first, false)?;
        if !bad.is_empty() {
            bad = self.repair(batch, &bad, &mut why)?;
        }
        let last: Vec<RelPath> = last
            .into_iter()
            .filter(|path| !bad.iter().any(|at| path.is_within(&batch_path(batch, *at))))
            .collect();
        let partial = self.rsync.send(&self.root, &last, Sends::Files)?.partial;
        why = why.or(partial);
        let more = self.compared(batch, &last, false)?;
        bad.extend(more);
        let sample = self.sample(batch);
        let wrong = self.compared(batch, &sample, true)?;
        let wrong: BTreeSet<usize> = wrong.difference(&bad).copied().collect();
        let differed = wrong.iter().filter_map(|nth| batch.get(*nth)).map(|one| one.id.to_string());
        let differed = differed.map(|id| format!("bytes of `{id}` differed there, and were sent again"));
        self.report.warnings.extend(differed);
        if !wrong.is_empty() {
            bad.extend(self.repair(batch, &wrong, &mut why)?);
        }
        for (nth, one) in batch.iter().enumerate() {
            self.settle(one, bad.contains(&nth), why.as_deref())?;
        }
        Ok(self.mirror().keep_sent(&self.target.name, &self.sent)?)
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
        let list = self.mirror().sent_paths(&self.target.name, id)?;
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
        paths: &[RelPath],
        bytes: bool,
    ) -> Result<BTreeSet<usize>, SyncError> {
        if paths.is_empty() {
            return Ok(BTreeSet::new());
        }
        let Ran { lines, cut, partial } = self.rsync.differing(&self.root, paths, bytes)?;
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
        let partial = self.rsync.send(&self.root, &paths, Sends::FilesByBytes)?.partial;
        *why = why.take().or(partial);
        self.compared(batch, &paths, true)
    }

    /// Returns the files that are read again there.
    fn sample(&self, batch: &[Going<'_>]) -> Vec<RelPath> {
        match self.options.verify {
            Verify::All => batch.iter().flat_map(|one| one.files.all.iter().cloned()).collect(),
            Verify::Sample => super::files::sample(batch.iter().map(|one| &one.files)),
        }
    }

    /// Sets the names as they are now, each only if what it leads to is whole there, and removes those that are gone.
    fn send_names(&mut self) -> Result<Look, SyncError> {
        self.session.check_cancelled()?;
        let now = Look::at(self.mirror(), self.target)?;
        let mut changed = Vec::new();
        for name in &now.names {
            let is_there = match &name.build {
                Some(id) => self.is_there(&now, id),
                None => now.leads_to_some(&name.to, |id| self.is_there(&now, id)),
            };
            if !is_there {
                if let Some(id) = &name.build {
                    self.behind.insert(id.stream.clone());
                    self.report.waits.push(format!("`{}` waits until `{id}` is whole there", name.path));
                }
                continue;
            }
            let known = self.sent.names.get(&name.path);
            if known.is_none_or(|known| known.text != name.text || known.builds != name.builds()) {
                changed.push(name.clone());
            }
        }
        // Until it is known that they moved, they may lead to what they led to before.
        for name in &changed {
            let mut builds = name.builds();
            builds.extend(self.sent.names.get(&name.path).into_iter().flat_map(|known| known.builds.clone()));
            self.sent.names.insert(name.path.clone(), SentName { text: String::new(), builds });
        }
        if !changed.is_empty() {
            self.mirror().keep_sent(&self.target.name, &self.sent)?;
        }
        for some in changed.chunk_by(|a, b| a.through == b.through) {
            let links: Vec<(RelPath, String)> =
                some.iter().map(|name| (name.path.clone(), name.text.clone())).collect();
            self.rsync.send_links(&links)?;
        }
        for name in changed {
            let builds = name.builds();
            self.sent.names.insert(name.path.clone(), SentName { text: name.text, builds });
            self.report.names.push(name.path);
        }
        let stays: BTreeSet<&RelPath> = now.names.iter().map(|name| &name.path).collect();
        let gone: Vec<RelPath> =
            self.sent.names.keys().filter(|path| !stays.contains(path)).cloned().collect();
        // One that leads nowhere now is left as it was.
        let is_link = |path: &RelPath| self.mirror().store().link_text(path).map(|text| text.is_some());
        let mut removed = Vec::new();
        for path in gone {
            if !is_link(&path)? || self.is_for_others(&path)? {
                removed.push(path);
            }
        }
        if !removed.is_empty() {
            self.rsync.delete(&removed)?;
            for path in &removed {
                self.sent.names.remove(path);
            }
            self.report.names_removed = removed;
        }
        Ok(now)
    }

    /// Returns whether a name that does not belong at the target leads to something: to what the target does not get.
    fn is_for_others(&self, path: &RelPath) -> Result<bool, SyncError> {
        Ok(matches!(self.mirror().resolve(path)?, Resolved::To(_)))
    }

    /// Returns whether a build that is here is whole there.
    fn is_there(&self, look: &Look, id: &BuildId) -> bool {
        look.builds.get(id).is_some_and(|here| self.sent.builds.get(id) == Some(&here.mark))
    }

    /// Sends the files of the site and for readers, and removes those that are gone.
    fn send_pages(&mut self, now: &Look) -> Result<(), SyncError> {
        self.session.check_cancelled()?;
        let pages = pages(self.mirror(), self.target, now)?;
        let is_new = |(path, mark): &(&RelPath, &String)| self.sent.files.get(*path) != Some(*mark);
        let changed: Vec<RelPath> = pages.iter().filter(is_new).map(|(path, _)| path.clone()).collect();
        if !changed.is_empty() {
            for path in &changed {
                self.sent.files.insert(path.clone(), String::new());
            }
            self.mirror().keep_sent(&self.target.name, &self.sent)?;
            self.rsync.send(&self.root, &changed, Sends::Pages)?.whole()?;
            self.report.pages = changed.len() as u64;
        }
        let gone: Vec<RelPath> =
            self.sent.files.keys().filter(|path| !pages.contains_key(path)).cloned().collect();
        if !gone.is_empty() {
            self.rsync.delete(&gone)?;
        }
        self.sent.files = pages;
        Ok(())
    }

    /// Deletes what was sent and is not here any more.
    fn delete(&mut self, now: &Look) -> Result<(), SyncError> {
        let name = &self.target.name;
        for (id, gone) in std::mem::take(&mut self.taken_out) {
            self.session.check_cancelled()?;
            self.rsync.delete(&gone)?;
            let gone: BTreeSet<&RelPath> = gone.iter().collect();
            let list = self.mirror().sent_paths(name, &id)?;
            let list = list.into_iter().filter(|path| !gone.contains(path)).collect();
            self.mirror().keep_sent_paths(name, &id, &list)?;
        }
        let all = self.mirror().sent_builds(name)?;
        let gone: Vec<&BuildId> = all.iter().filter(|id| !now.builds.contains_key(*id)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        if self.lost {
            let why = "what was known of its names is lost: builds are deleted there by the next run";
            self.report.warnings.push(why.to_owned());
            return Ok(());
        }
        let most = self.options.delete_at_most.unwrap_or_else(|| DELETES.0.max(all.len() / DELETES.1));
        if gone.len() > most {
            self.report.outcome = SyncOutcome::Withheld;
            self.behind.extend(gone.iter().map(|id| id.stream.clone()));
            self.report.waits.push(format!(
                "{} builds of {} would be deleted there, and at most {most} are; \
                 `mirrorkeep sync {name} --delete-at-most {}` deletes them",
                gone.len(),
                all.len(),
                gone.len()
            ));
            return Ok(());
        }
        let (mut dirs, mut going) = (BTreeSet::new(), Vec::new());
        for id in gone {
            let named = self.sent.names.iter().find(|(_, known)| known.builds.contains(id));
            if let Some((path, _)) = named {
                self.behind.insert(id.stream.clone());
                self.report.waits.push(format!("`{id}` waits: `{path}` leads to it there"));
                continue;
            }
            // One that came back since the look stays.
            if self.mirror().has_build(id)? && self.target.gets(&id.stream) {
                continue;
            }
            going.push(id.clone());
        }
        for id in &going {
            self.sent.builds.remove(id);
        }
        self.mirror().keep_sent(name, &self.sent)?;
        for id in going {
            self.session.check_cancelled()?;
            let list: Vec<RelPath> = self.mirror().sent_paths(name, &id)?.into_iter().collect();
            self.rsync.delete(&list)?;
            let top = self.mirror().layout().build_path(&id).ok();
            let above = list.iter().flat_map(RelPath::ancestors);
            dirs.extend(above.filter(|dir| top.as_ref().is_some_and(|top| dir.is_within(top))));
            dirs.extend(top);
            self.report.deleted.push(id);
        }
        if !dirs.is_empty() {
            self.rsync.delete_dirs(&self.root, &dirs)?.whole()?;
        }
        for id in &self.report.deleted {
            self.mirror().forget_sent(name, id)?;
        }
        Ok(())
    }

    /// Finds what is in directories of builds there and was never sent.
    fn find_strange(&mut self, now: &Look) -> Result<(), SyncError> {
        let dirs: BTreeSet<RelPath> = now.builds.values().filter_map(|here| here.path.parent()).collect();
        let dirs: BTreeSet<RelPath> = dirs.into_iter().filter(|dir| !dir.is_root()).collect();
        if dirs.is_empty() {
            return Ok(());
        }
        let found = self.rsync.strange(&self.root, &dirs)?;
        let waiting = self.mirror().sent_builds(&self.target.name)?;
        let waiting: BTreeSet<String> = waiting
            .iter()
            .filter_map(|id| self.mirror().layout().build_path(id).ok())
            .map(|path| path.to_string())
            .collect();
        let is_strange = |path: &String| {
            let known = path
                .parse::<RelPath>()
                .is_ok_and(|path| self.sent.names.contains_key(&path) || self.sent.files.contains_key(&path));
            !known && !waiting.contains(path)
        };
        let found: Vec<String> = found.lines.into_iter().filter(is_strange).collect();
        if !found.is_empty() {
            let count = found.len();
            self.report
                .warnings
                .push(format!("{count} things there were never sent, and are left as they are"));
        }
        self.report.strange = found.iter().take(NAMED).map(|path| shown(path).into_owned()).collect();
        Ok(())
    }

    /// Writes the trace, and notes up to which event everything is there.
    fn keep_trace(
        &mut self,
        serial: u64,
        sum: Option<String>,
        now: &Look,
        there: Option<&[u8]>,
    ) -> Result<(), SyncError> {
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
        if !(is_same && there.is_some_and(|bytes| Some(Digest::of(bytes)) == self.sent.trace)) {
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
        }
        (self.sent.serial, self.sent.sum, self.sent.streams) = (reached, sum, streams);
        self.report.serial = Some(reached);
        Ok(())
    }
}

fn batch_path(batch: &[Going<'_>], at: usize) -> RelPath {
    batch.get(at).map(|one| one.here.path.clone()).unwrap_or_default()
}
