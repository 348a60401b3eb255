//! A pull from its begin to its end.

use super::bring::{Bring, Web};
use super::choose::{Choice, as_upstream, choose};
use super::list::{Read, Upstream, follows};
use super::report::PullReport;
use super::state::{PullState, alone};
use super::{PullError, SkippedBuild};
use crate::decide::changes::{Head, Item, ListedBuild};
use crate::decide::policy::{Policy, fits};
use crate::decide::targets::{TRACE_DIR, Trace};
use crate::layout::Place;
use crate::mirror::{InForce, Mirror, chain};
use crate::model::{BuildId, CLOCK_SKEW, Digest, Patience, RelPath, Stamp, Stream};
use crate::ops::Mode;
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
    /// Whether what was withdrawn there is withdrawn here: at most so many builds in one run, and none if there are more.
    pub withdraw: Option<usize>,
    /// Whether everything is read, and an older list or that of another mirror accepted.
    pub restart: bool,
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

/// Returns where the trace goes; fails where the layout has something else, unless mirror.yaml declares the place.
fn trace_place(to: &Mirror, name: &str) -> Result<RelPath, PullError> {
    let dir: RelPath = TRACE_DIR.parse().unwrap_or_default();
    let at = dir.child(name).map_err(|error| PullError::Unsound(error.to_string()))?;
    match to.layout().place(&at) {
        Place::Stream { .. } | Place::Above if to.layout().is_declared(&at) => Ok(at),
        Place::Stream { .. } | Place::Above => {
            let hint = "add `declared: [project]` to .mirrorkeep/mirror.yaml of the copy, so that no stream is there";
            Err(PullError::Trace { at, hint })
        }
        Place::Build { .. } | Place::Inside { .. } | Place::Alias { .. } => {
            Err(PullError::Trace { at, hint: "give the trace another name" })
        }
        _ => Ok(at),
    }
}

/// One pull, with what all its steps share.
pub(super) struct Run<'r> {
    pub(super) session: &'r Session<'r>,
    pub(super) to: &'r Mirror,
    pub(super) options: &'r PullOptions,
    pub(super) upstream: &'r Upstream<'r>,
    web: Arc<Web>,
    trace: Option<RelPath>,
}

/// The items of a list, by their kinds.
#[derive(Default)]
pub(super) struct Items {
    pub(super) builds: Vec<ListedBuild>,
    gone: Vec<BuildId>,
    withdrawn: Vec<BuildId>,
    pub(super) names: BTreeMap<RelPath, RelPath>,
    names_gone: Vec<RelPath>,
}

impl Run<'_> {
    fn run(&self) -> Result<PullReport, PullError> {
        let known = PullState::read(self.to)?;
        let usable = known.as_ref().filter(|_| !self.options.restart);
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
                "without `--minisign-key` or `--keyring` the author of the change list is unknown".to_owned(),
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
        } else {
            let waiting = state.waiting.iter().filter(|(name, _)| !items.names_gone.contains(name));
            let waiting: Vec<_> = waiting.map(|(name, to)| (name.clone(), to.clone())).collect();
            for (name, to) in waiting {
                items.names.entry(name).or_insert(to);
            }
            self.beyond(&head, &mut items)?;
        }
        self.unmatched(&items, &mut report)?;
        state.withdrawn.extend(items.withdrawn.iter().cloned());
        // It was restored there.
        state.withdrawn.retain(|id| !items.builds.iter().any(|build| build.id == *id));
        let ended = self.bring(&mut state, items, &mut report);
        self.end(ended, &mut state, (&head, all), &mut report)?;
        Ok(report)
    }

    /// Returns what stands for the choice of streams and for the policy, by which builds are chosen as well.
    fn choice(&self) -> Digest {
        let streams: Vec<&str> = self.options.streams.iter().map(glob::Pattern::as_str).collect();
        // One that cannot be read fails where it is asked.
        let policy = self.to.in_force(InForce::Policy, Policy::shipped).ok().flatten();
        let policy = policy.map(|(_, text)| text).unwrap_or_default();
        Digest::of(format!("{}\n\n{policy}", streams.join("\n")).as_bytes())
    }

    /// Warns of patterns that fit no stream of this mirror or of what was read.
    fn unmatched(&self, items: &Items, report: &mut PullReport) -> Result<(), PullError> {
        let streams = &self.options.streams;
        let new = |pattern: &glob::Pattern| {
            items.builds.iter().any(|build| fits(pattern, build.id.stream.as_str()))
        };
        if streams.iter().all(new) {
            return Ok(());
        }
        let here = self.to.recorded()?;
        let is_here = |pattern: &glob::Pattern| here.iter().any(|id| fits(pattern, id.stream.as_str()));
        let unknown = streams.iter().filter(|pattern| !new(pattern) && !is_here(pattern));
        report.warnings.extend(unknown.map(|pattern| format!("`--stream {pattern}` matches no stream")));
        Ok(())
    }

    pub(super) fn gets(&self, stream: &Stream) -> bool {
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
        let upstream = &*state.from;
        let chosen = choose(self.to, builds, (&names, upstream), self.session.now())?;
        let Choice { come, here, skipped, failures } = chosen;
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
        let follow = self.options.withdraw.is_some_and(|most| here.len() <= most);
        if let Some(most) = self.options.withdraw.filter(|_| !follow) {
            report.warnings.push(format!(
                "{count} builds were withdrawn upstream, and at most {most} are withdrawn here in one run, so none was; \
                 `--withdraw-at-most {count}` withdraws all",
                count = here.len()
            ));
        }
        if !follow || self.options.mode == Mode::Trial {
            report.withdrawn.extend(here);
            return Ok(());
        }
        for id in here {
            let why = as_upstream(&state.from);
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
        // With a name that could not be set the copy does not have every event.
        if let Some(at) = self.trace.as_ref().filter(|_| whole && report.left.is_empty()) {
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
