//! A pull from its begin to its end.

use super::bring::{Bring, Web};
use super::choose::{Choice, choose};
use super::list::{Read, Upstream, follows};
use super::report::PullReport;
use super::state::{PullState, alone};
use super::{PullError, SkippedBuild};
use crate::commit::Permit;
use crate::commit::repoint::{may_remove, pointed_at, remove};
use crate::decide::changes::{Head, Item, ListedBuild};
use crate::decide::policy::fits;
use crate::decide::targets::{TRACE_DIR, Trace};
use crate::layout::Place;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, CLOCK_SKEW, Digest, Patience, RelPath, Stamp, Stream};
use crate::ops::Mode;
use crate::ops::copy::names::{Name, Names, Naming};
use crate::ops::copy::{Copied, CopyError, CopyOutcome};
use crate::ops::retention::Failure;
use crate::ops::withdraw::{Withdrawing, withdraw};
use crate::record::BuildRecord;
use crate::send::Fetcher;
use crate::session::Session;
use crate::sign::Keys;
use crate::store::{Put, io_pool};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use url::Url;

/// How many files are on their way at once.
const AT_ONCE: usize = 16;

/// The most builds that are withdrawn in one run.
const WITHDRAWALS: usize = 10;

/// What is pulled, and how.
#[derive(Debug)]
pub struct PullOptions {
    /// The public address of the mirror.
    pub url: Url,
    /// The directory of its change list.
    pub changes: RelPath,
    /// The streams; all without one.
    pub streams: Vec<glob::Pattern>,
    /// The keys of which one of each kind must have signed the list and each build.
    pub keys: Keys,
    /// Whether builds need no signature.
    pub unsigned_builds: bool,
    /// After how many seconds a list counts as frozen.
    pub alarm: i64,
    /// Whether what was withdrawn there is withdrawn here.
    pub withdraw: bool,
    /// Whether everything is read, and an older list or that of another mirror accepted.
    pub anew: bool,
    /// The name of the trace that is written.
    pub trace: Option<String>,
    /// The limit of time of requests.
    pub patience: Patience,
    /// Whether it is done, or only told.
    pub mode: Mode,
}

/// Brings the session's mirror up to date with the mirror at an address.
///
/// Killed anywhere, the next run goes on, and fetches nothing twice that has arrived as a whole file.
pub fn pull(session: &Session<'_>, options: &PullOptions) -> Result<PullReport, PullError> {
    let to = session.mirror();
    let trace = options.trace.as_deref().map(|name| trace_place(to, name)).transpose()?;
    let fetcher = Fetcher::new(&options.url, options.patience, session.stop().clone());
    let fetcher = Arc::new(fetcher.map_err(PullError::Start)?);
    let _alone = if options.mode == Mode::Real { Some(alone(to)?) } else { None };
    let upstream = Upstream { fetcher: &fetcher, dir: options.changes.clone(), keys: &options.keys };
    let web = Arc::new(Web(Arc::clone(&fetcher)));
    let run = Run { session, to, options, upstream: &upstream, web, trace };
    io_pool(to.store(), AT_ONCE.max(rayon::current_num_threads()))?.install(|| run.run())
}

/// Returns where the trace goes; fails where the layout has something else.
fn trace_place(to: &Mirror, name: &str) -> Result<RelPath, PullError> {
    let dir: RelPath = TRACE_DIR.parse().unwrap_or_default();
    let at = dir.child(name).map_err(|error| PullError::Unsound(error.to_string()))?;
    match to.layout().place(&at) {
        Place::Build { .. } | Place::Stream { .. } | Place::Above | Place::Alias { .. } => {
            Err(PullError::Trace(at))
        }
        _ => Ok(at),
    }
}

/// One pull, with what all its steps share.
struct Run<'r> {
    session: &'r Session<'r>,
    to: &'r Mirror,
    options: &'r PullOptions,
    upstream: &'r Upstream<'r>,
    web: Arc<Web>,
    trace: Option<RelPath>,
}

/// The items of a list, by their kinds.
#[derive(Default)]
struct Items {
    builds: Vec<ListedBuild>,
    gone: Vec<BuildId>,
    withdrawn: Vec<BuildId>,
    names: BTreeMap<RelPath, RelPath>,
    names_gone: Vec<RelPath>,
}

impl Run<'_> {
    fn run(&self) -> Result<PullReport, PullError> {
        let known = PullState::read(self.to)?;
        let usable = known.as_ref().filter(|_| !self.options.anew);
        let choice = self.choice();
        // What was not chosen then is read now.
        let since = usable.filter(|state| state.choice == Some(choice)).map(|state| state.serial);
        let (at, own) = (self.upstream.address(), &self.to.config().id);
        let read = self.upstream.read(since, |head| follows(&at, own, usable, head));
        self.session.check_cancelled()?;
        let Read { head, changes, all } = read?;
        let mut report = PullReport {
            upstream: head.mirror.clone(),
            serial: head.serial,
            event: head.event,
            written: Some(head.at),
            read: changes.len() as u64,
            stale: self.stale(&head),
            ..PullReport::default()
        };
        if self.options.keys.wanted().next().is_none() {
            report.warnings.push(
                "without `--minisign-key` or `--keyring` nobody would notice that another wrote the change list".to_owned(),
            );
        }
        let mut items = Items::default();
        for change in changes {
            items.add(change.item, &|stream| self.gets(stream));
        }
        let same = known.filter(|state| state.from == head.mirror);
        let mut state = PullState {
            pull: 1,
            mirror: own.clone(),
            from: head.mirror.clone(),
            choice: Some(choice),
            ..same.unwrap_or_default()
        };
        if all {
            items.names_gone =
                state.names.keys().filter(|name| !items.names.contains_key(*name)).cloned().collect();
        }
        state.withdrawn.extend(items.withdrawn.iter().cloned());
        let ended = self.bring(&mut state, items, &mut report);
        self.end(ended, &mut state, (&head, all), &mut report)?;
        Ok(report)
    }

    /// Returns what stands for the choice of streams.
    fn choice(&self) -> Digest {
        let streams: Vec<&str> = self.options.streams.iter().map(glob::Pattern::as_str).collect();
        Digest::of(streams.join("\n").as_bytes())
    }

    fn gets(&self, stream: &Stream) -> bool {
        let streams = &self.options.streams;
        streams.is_empty() || streams.iter().any(|pattern| fits(pattern, stream.as_str()))
    }

    /// Returns why a list may not be the newest.
    fn stale(&self, head: &Head) -> Option<String> {
        let (now, at) = (self.session.now(), head.at);
        let age = now.since(at);
        if age < -CLOCK_SKEW {
            return Some(format!(
                "the change list was written at {}, in the future: it is {} now",
                at.iso(),
                now.iso()
            ));
        }
        (age > self.options.alarm).then(|| {
            format!("the change list was written at {}, and {} h ago is too long", at.iso(), age / 3600)
        })
    }

    /// Brings builds, then names, then withdrawals.
    fn bring(&self, state: &mut PullState, items: Items, report: &mut PullReport) -> Result<(), PullError> {
        let Items { builds, gone, withdrawn: _, names, names_gone } = items;
        let own: BTreeSet<RelPath> = names.keys().chain(state.names.keys()).cloned().collect();
        let Choice { come, here, skipped, failures } = choose(self.to, builds, &names, self.session.now())?;
        report.unchanged = here.len() as u64;
        report.skipped = skipped;
        report.failures = failures;
        let mut there = here;
        let mut coming: BTreeSet<BuildId> = come.iter().map(|(listed, _)| listed.id.clone()).collect();
        for (listed, record) in come {
            self.session.check_cancelled()?;
            match self.one(&listed, record, &coming, report) {
                Ok(Some(copied)) => {
                    there.insert(listed.id);
                    report.builds.push(copied);
                }
                Ok(None) => {
                    coming.remove(&listed.id);
                }
                Err(error) if error.is_interruption() => return Err(error),
                Err(error) => {
                    // A connection that was cut since somebody asked to stop is no failure.
                    self.session.check_cancelled()?;
                    coming.remove(&listed.id);
                    report.failures.push(Failure { path: listed.id.to_string(), error: chain(&error) });
                    if error.ends_all() {
                        return Err(error);
                    }
                }
            }
        }
        self.names(state, (names, names_gone), (&there, &own), report)?;
        for id in gone {
            if self.to.has_build(&id)? {
                report.gone.push(id);
            }
        }
        self.withdraw(state, report)
    }

    /// Brings one build, or tells what that would be; nothing if what it needs is not kept here.
    fn one(
        &self,
        listed: &ListedBuild,
        record: BuildRecord,
        coming: &BTreeSet<BuildId>,
        report: &mut PullReport,
    ) -> Result<Option<Copied>, PullError> {
        for required in &listed.requires {
            if !coming.contains(required) && !self.to.has_build(required)? {
                let (id, required) = (listed.id.clone(), required.clone());
                if report.skipped.iter().any(|skipped| skipped.id == required) || !self.gets(&required.stream)
                {
                    let why = format!("it needs `{required}`, which is not kept here");
                    report.skipped.push(SkippedBuild { id, why });
                    return Ok(None);
                }
                return Err(CopyError::Requires { id, required }.into());
            }
        }
        if self.options.mode == Mode::Trial {
            return Ok(Some(Copied {
                id: listed.id.clone(),
                path: listed.path.clone(),
                outcome: CopyOutcome::Trial,
                result: listed.result,
                files: listed.files,
                bytes: listed.bytes,
                copied_bytes: 0,
                shared_files: 0,
                shared_bytes: 0,
                resumed_files: 0,
                labels: Vec::new(),
            }));
        }
        let (session, upstream) = (self.session, self.upstream);
        let bring = Bring {
            session,
            upstream,
            web: Arc::<Web>::clone(&self.web),
            unsigned: self.options.unsigned_builds,
        };
        bring.build(listed, record, &mut report.warnings).map(Some)
    }

    /// Sets and removes names.
    fn names(
        &self,
        state: &mut PullState,
        (names, gone): (BTreeMap<RelPath, RelPath>, Vec<RelPath>),
        (there, own): (&BTreeSet<BuildId>, &BTreeSet<RelPath>),
        report: &mut PullReport,
    ) -> Result<(), PullError> {
        // Upstream may move a name back; that its list does not go back is what protects from an old one.
        let permit = Permit { backwards: true, no_success: true, stage: false };
        let (session, to, mode) = (self.session, self.to, self.options.mode);
        let is_known = |path: &RelPath| match to.layout().place(path) {
            Place::Build { build } => self.gets(&build.stream),
            _ => true,
        };
        let wanted: Vec<Name> = (names.iter())
            .filter(|(_, target)| is_known(target))
            .map(|(alias, target)| Name { alias: alias.clone(), target: target.clone() })
            .collect();
        let mut done = Names::default();
        let set = if wanted.is_empty() && there.is_empty() {
            Ok(())
        } else {
            Naming { session, to, permit, mode }.set_all(wanted, there, own, &mut done)
        };
        report.aliases.append(&mut done.aliases);
        report.left.append(&mut done.left);
        report.warnings.append(&mut done.warnings);
        set?;
        for (alias, target) in names {
            if mode == Mode::Trial || pointed_at(to, &alias)?.as_ref() == Some(&target) {
                state.names.insert(alias, target);
            }
        }
        for alias in gone {
            let Some(target) = state.names.remove(&alias) else { continue };
            // One that somebody moved here is not of the copy any more.
            if pointed_at(to, &alias)?.as_ref() != Some(&target) || may_remove(to, &alias).is_err() {
                continue;
            }
            if mode == Mode::Trial {
                report.aliases.push(crate::commit::Moved { alias, from: Some(target), to: None });
                continue;
            }
            let lock = session.begin()?;
            report.aliases.push(remove(&lock, &alias, lock.now()).map_err(CopyError::from)?);
        }
        Ok(())
    }

    /// Withdraws what was withdrawn upstream, or reports it.
    fn withdraw(&self, state: &mut PullState, report: &mut PullReport) -> Result<(), PullError> {
        let mut here = BTreeSet::new();
        for id in &state.withdrawn {
            if self.gets(&id.stream) && self.to.has_build(id)? {
                here.insert(id.clone());
            }
        }
        state.withdrawn.clone_from(&here);
        report.gone.retain(|id| !here.contains(id));
        let follow = self.options.withdraw && here.len() <= WITHDRAWALS;
        if self.options.withdraw && !follow {
            report.warnings.push(format!(
                "{} builds were withdrawn upstream, and at most {WITHDRAWALS} are withdrawn here in one run: none was",
                here.len()
            ));
        }
        if !follow || self.options.mode == Mode::Trial {
            report.withdrawn.extend(here);
            return Ok(());
        }
        for id in here {
            let why = format!("withdrawn from the mirror {}", state.from);
            let what = Withdrawing { id: id.clone(), why, force: false, purge: false };
            match withdraw(self.session, &what, Mode::Real) {
                Ok(_) => {
                    state.withdrawn.remove(&id);
                    report.followed.push(id);
                }
                Err(error) => {
                    self.session.check_cancelled()?;
                    report.failures.push(Failure { path: id.to_string(), error: chain(&error) });
                    report.withdrawn.push(id);
                }
            }
        }
        Ok(())
    }

    /// Writes the trace and the state, unless it ended early.
    fn end(
        &self,
        ended: Result<(), PullError>,
        state: &mut PullState,
        (head, all): (&Head, bool),
        report: &mut PullReport,
    ) -> Result<(), PullError> {
        match ended {
            Ok(()) => {}
            Err(error) if error.is_interruption() => {
                report.interrupted = true;
                return Ok(());
            }
            Err(error) => {
                report.ended_by = Some(error);
                return Ok(());
            }
        }
        if self.options.mode == Mode::Trial {
            return Ok(());
        }
        let whole = report.failures.is_empty();
        if let Some(at) = self.trace.as_ref().filter(|_| whole) {
            self.write_trace(at, head)?;
        }
        // A part of everything is no edition: everything is read again.
        state.serial = if whole {
            head.serial
        } else if all {
            0
        } else {
            state.serial
        };
        (state.seen, state.content) = (head.serial, Some(head.content()));
        state.keep(self.to)?;
        Ok(())
    }

    fn write_trace(&self, at: &RelPath, head: &Head) -> Result<(), PullError> {
        let now: Stamp = self.session.now();
        let name = at.name().to_owned();
        let (streams, chain) = (BTreeMap::new(), Vec::new());
        let trace = Trace {
            trace: 1,
            mirror: head.mirror.clone(),
            name: name.clone(),
            serial: head.event,
            at: now,
            streams,
            chain,
        };
        let bytes = trace.write();
        self.to.store().put(at, &bytes, Put::Replace)?;
        Ok(self.to.keep_own_trace(&name, &bytes)?)
    }
}

impl Items {
    fn add(&mut self, item: Item, gets: &impl Fn(&Stream) -> bool) {
        match item {
            Item::Build(build) if gets(&build.id.stream) => self.builds.push(*build),
            Item::BuildGone { id, withdrawn } if gets(&id.stream) => {
                if withdrawn {
                    self.withdrawn.push(id);
                } else {
                    self.gone.push(id);
                }
            }
            Item::Build(_) | Item::BuildGone { .. } => {}
            Item::Name(name) => {
                self.names.insert(name.path, name.to);
            }
            Item::NameGone(path) => self.names_gone.push(path),
        }
    }
}
