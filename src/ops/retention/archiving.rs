//! The archives of a running prune: which builds were copied there, are held there and were read there.
//!
//! Each archive is opened once, without the lock. One that cannot be opened is a failure, and its builds stay.

use crate::census::Census;
use crate::decide::{Plan, Verdict};
use crate::mirror::{Mirror, WriteLock, chain};
use crate::model::{BuildId, Digest, Stamp};
use crate::ops::archive::{ArchiveError, Archived, Archiving, archive, content_of, open};
use crate::ops::retention::report::{Failure, PruneReport, Skipped};
use crate::ops::targets::may_act;
use crate::ops::{ActError, Mode, Opener};
use crate::progress::Interrupted;
use crate::record::Archive;
use crate::session::Session;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The archives of one prune.
pub(crate) struct Archives<'a> {
    session: &'a Session<'a>,
    opener: &'a Opener<'a>,
    mode: Mode,
    /// Those that were opened, by their addresses; nothing for one that cannot be used.
    opened: BTreeMap<Arc<str>, Option<Mirror>>,
    proved: HashMap<BuildId, Proof>,
    /// Builds that stay after all.
    staying: HashSet<BuildId>,
    /// What these need, each with one that needs it.
    needed: HashMap<BuildId, BuildId>,
}

/// What was proved of a build.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// The archive that has it.
    pub(crate) archive: Archive,
    /// The digest of the content that it has there.
    content: Digest,
}

impl<'a> Archives<'a> {
    /// Returns the archives of a prune that has opened none.
    pub(crate) fn new(session: &'a Session<'a>, opener: &'a Opener<'a>, mode: Mode) -> Self {
        Self {
            session,
            opener,
            mode,
            opened: BTreeMap::new(),
            proved: HashMap::new(),
            staying: HashSet::new(),
            needed: HashMap::new(),
        }
    }

    /// Returns the proof of a build.
    pub(crate) fn proof(&self, id: &BuildId) -> Option<&Proof> {
        self.proved.get(id)
    }

    /// Archives those of these builds whose family has an archive, and returns the ones that may be removed here: these, if
    /// they are proved, and the builds that go to the trash. What a build needs that stays, stays as well.
    pub(crate) fn take(
        &mut self,
        (plan, census): (&Plan, &Census),
        builds: Vec<BuildId>,
        report: &mut PruneReport,
    ) -> Result<Vec<BuildId>, ActError> {
        let mut groups: BTreeMap<(Arc<str>, Option<Stamp>), Vec<BuildId>> = BTreeMap::new();
        for id in &builds {
            if let Some(to) = plan.verdict(id).and_then(|verdict| verdict.archive.as_ref()) {
                groups.entry((Arc::clone(&to.to), to.until)).or_default().push(id.clone());
            }
        }
        for ((to, until), builds) in groups {
            self.session.check_cancelled()?;
            for id in self.send(&to, until, builds, report)? {
                self.stay(census, id);
            }
        }
        let (mut may_go, mut left) = (builds, 0);
        may_go.retain(|id| !self.staying.contains(id));
        while left != may_go.len() {
            left = may_go.len();
            let needed: Vec<BuildId> =
                may_go.iter().filter(|id| self.needed.contains_key(*id)).cloned().collect();
            for id in needed {
                let why = self.needed.get(&id).map(|user| format!("`{user}` stays, and needs it"));
                report.skipped.push(Skipped { id: id.clone(), why: why.unwrap_or_default() });
                self.stay(census, id);
            }
            may_go.retain(|id| !self.staying.contains(id));
        }
        Ok(may_go)
    }

    /// Notes that a build stays, and what it needs.
    fn stay(&mut self, census: &Census, id: BuildId) {
        for needed in census.build(&id).into_iter().flat_map(|build| &build.requires) {
            self.needed.entry(needed.clone()).or_insert_with(|| id.clone());
        }
        self.staying.insert(id);
    }

    /// Archives builds at one address, and returns those that are not proved.
    fn send(
        &mut self,
        to: &Arc<str>,
        until: Option<Stamp>,
        builds: Vec<BuildId>,
        report: &mut PruneReport,
    ) -> Result<Vec<BuildId>, ActError> {
        let (session, mode) = (self.session, self.mode);
        let skip = |report: &mut PruneReport| {
            let why = format!("the archive `{to}` cannot be used");
            report.skipped.extend(builds.iter().map(|id| Skipped { id: id.clone(), why: why.clone() }));
        };
        let Some(there) = self.opened(to, report) else {
            skip(report);
            return Ok(builds);
        };
        let place = Archive { address: to.to_string(), id: there.config().id.clone() };
        match archive(session, there, &Archiving { builds: builds.clone(), until, mode }) {
            Ok(Archived { proved, failures, warnings, .. }) => {
                let one = |(id, content)| (id, Proof { archive: place.clone(), content });
                self.proved.extend(proved.into_iter().map(one));
                report.failures.extend(failures);
                report.plan.warnings.extend(warnings);
            }
            Err(error) if error.is_interruption() => return Err(Interrupted.into()),
            Err(error) => {
                report.failures.push(failed(to, &error));
                skip(report);
            }
        }
        Ok(builds.into_iter().filter(|id| !self.proved.contains_key(id)).collect())
    }

    /// Returns the mirror at an address; nothing, with a failure in the report, if it cannot be an archive.
    fn opened(&mut self, to: &Arc<str>, report: &mut PruneReport) -> Option<&Mirror> {
        if !self.opened.contains_key(to) {
            let here = self.session.mirror();
            let opened = match may_act(here) {
                Ok(()) => open(here, to, self.opener),
                Err(_) => Err(ArchiveError::Bucket(to.to_string())),
            };
            let opened = match opened {
                Ok(mirror) => Some(mirror),
                Err(error) => {
                    report.failures.push(failed(to, &error));
                    None
                }
            };
            self.opened.insert(Arc::clone(to), opened);
        }
        self.opened.get(to)?.as_ref()
    }
}

impl Proof {
    /// Returns why a build is not removed after all: what the archive has is not what is here now.
    pub(crate) fn differs(&self, lock: &WriteLock<'_>, id: &BuildId) -> Option<String> {
        match content_of(lock.mirror(), id) {
            Ok(content) if content.digest() == self.content => None,
            Ok(_) => Some("it changed after it was copied to the archive".to_owned()),
            Err(error) => Some(chain(&error)),
        }
    }
}

fn failed(to: &str, error: &ArchiveError) -> Failure {
    Failure { path: to.to_owned(), error: error.told() }
}

/// Returns the builds of a plan that would go to an archive, but those that a failure names.
pub fn would_archive<'p>(plan: &'p Plan, report: &'p PruneReport) -> impl Iterator<Item = &'p Verdict> {
    let stays = |verdict: &Verdict| {
        report.skipped.iter().any(|skipped| skipped.id == verdict.id)
            || report.failures.iter().any(|failure| failure.path == verdict.id.to_string())
    };
    plan.expiring().filter(move |verdict| verdict.archive.is_some() && !stays(verdict))
}
