//! Copying builds to an archive, holding them there, and proving them.
//!
//! A build is held before it is read, so that no prune of the archive removes it after it was proved. Killed anywhere,
//! running it again continues: `copy` skips what is there, and a hold that is there stays.

use super::content::lacks;
use super::prove::{Prover, content_there};
use super::{ArchiveError, Content, content_of, hold_reason};
use crate::commit::repoint::Permit;
use crate::mirror::{Mirror, chain};
use crate::model::{BuildId, Digest, Stamp, shown};
use crate::ops::Mode;
use crate::ops::adopt::Scope;
use crate::ops::copy::{CopyError, CopyOptions, copy};
use crate::ops::retention::hold::hold_at_least;
use crate::ops::retention::report::Failure;
use crate::ops::withdraw::{Tombstone, tombstones};
use crate::progress::Interrupted;
use crate::record::Hold;
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is archived, and how it is held there.
#[derive(Debug, Clone)]
pub struct Archiving {
    /// The builds.
    pub builds: Vec<BuildId>,
    /// The last instant of the hold of each build in the archive; nothing for one that only a person removes.
    pub until: Option<Stamp>,
    /// Whether it is done, or only reported.
    pub mode: Mode,
}

/// The result of archiving.
#[derive(Debug, Default)]
pub struct Archived {
    /// The proved builds, each with the digest of its content here; in a dry run the ones that could be copied, or are
    /// there.
    pub proved: BTreeMap<BuildId, Digest>,
    /// The other builds, each with the reason.
    pub failures: Vec<Failure>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Copies builds of the session's mirror to the archive `there`, holds them there, and reads each byte there.
///
/// A build that fails is in the report, and the others go on. What a build needs is copied with it.
pub fn archive(
    session: &Session<'_>,
    there: &Mirror,
    archiving: &Archiving,
) -> Result<Archived, ArchiveError> {
    let (here, withdrawn) = (session.mirror(), tombstones(there)?);
    let there =
        &Session::new(there, session.clock()).reporting_to(session.progress()).cancelled_by(session.stop());
    let mut run = Run { here, there, archiving, withdrawn, report: Archived::default() };
    let mut contents = run.contents();
    run.copy(&mut contents)?;
    if archiving.mode == Mode::Trial {
        run.report.proved = contents.into_iter().map(|(id, content)| (id, content.digest())).collect();
        return Ok(run.report);
    }
    let files = contents.values().map(|content| content.manifest.files.len() as u64).sum();
    let bytes = contents.values().map(|content| content.manifest.bytes()).sum();
    there.progress().expect("verifying the archive", files, bytes);
    let prover = Prover::new(there)?;
    for (id, content) in contents {
        there.check_cancelled()?;
        match run.hold(&id).and_then(|()| prover.prove(&id, &content)) {
            Ok(()) => drop(run.report.proved.insert(id, content.digest())),
            Err(error) if error.is_interruption() => return Err(Interrupted.into()),
            Err(error) => run.fail(&id, &error),
        }
    }
    Ok(run.report)
}

/// One archiving, with what all its steps share.
struct Run<'a> {
    here: &'a Mirror,
    there: &'a Session<'a>,
    archiving: &'a Archiving,
    /// What a person took out of the archive, so that no command may bring it back.
    withdrawn: HashMap<String, Tombstone>,
    report: Archived,
}

impl Run<'_> {
    fn fail(&mut self, id: &BuildId, error: &ArchiveError) {
        self.report.failures.push(Failure { path: id.to_string(), error: error.told() });
    }

    /// Returns the content of each build that may go to the archive.
    fn contents(&mut self) -> BTreeMap<BuildId, Content> {
        let mut contents = BTreeMap::new();
        for id in &self.archiving.builds {
            let content = match self.withdrawn.get(&id.to_string()) {
                Some(stone) => {
                    Err(ArchiveError::Withdrawn { id: id.clone(), why: shown(&stone.why).into_owned() })
                }
                None => self.content(id),
            };
            match content {
                Ok(content) => drop(contents.insert(id.clone(), content)),
                Err(error) => self.fail(id, &error),
            }
        }
        contents
    }

    /// Returns the content of one build, if the archive has the same place for it.
    fn content(&self, id: &BuildId) -> Result<Content, ArchiveError> {
        let (from, to) = (self.here.layout().build_path(id)?, self.there.mirror().layout().build_path(id)?);
        if from != to {
            return Err(CopyError::OtherPlace { id: id.clone(), from, to }.into());
        }
        content_of(self.here, id)
    }

    /// Copies what the archive does not have, and removes from `contents` what could not be copied.
    fn copy(&mut self, contents: &mut BTreeMap<BuildId, Content>) -> Result<(), ArchiveError> {
        // What the archive has as a whole need not be copied if parts of it were removed here; labels and names of what is
        // the same may be new.
        let is_whole = |(id, content): &(&BuildId, &Content)| {
            content_there(self.there.mirror(), id).is_ok_and(|there| {
                lacks(&content.manifest, &there.manifest).is_empty() && !content.is_like(&there)
            })
        };
        let (whole, missing): (Vec<_>, Vec<_>) = contents.iter().partition(is_whole);
        let whole: BTreeSet<BuildId> = whole.into_iter().map(|(id, _)| id.clone()).collect();
        let mut what: BTreeSet<BuildId> = missing.into_iter().map(|(id, _)| id.clone()).collect();
        self.add_needed(contents, &mut what);
        if what.is_empty() {
            return Ok(());
        }
        let copying = CopyOptions {
            what: what.into_iter().map(Scope::Build).collect(),
            without: BTreeSet::new(),
            permit: Permit::default(),
            mode: self.archiving.mode,
        };
        let done = copy(self.here, self.there, &copying)?;
        if done.interrupted {
            return Err(Interrupted.into());
        }
        self.report.warnings.extend(done.warnings);
        let there: BTreeSet<BuildId> = done.builds.into_iter().map(|copied| copied.id).collect();
        let ended = done.ended_by.map(|error| chain(&error)).unwrap_or_default();
        let mut failures = done.failures;
        // The names come after the builds, so that their failure is that of no build. What stays here is copied again, with
        // the names.
        let is_named = failures.iter().all(|failure| failure.path.parse::<BuildId>().is_ok());
        contents.retain(|id, _| {
            if whole.contains(id) || is_named && there.contains(id) {
                return true;
            }
            if !failures.iter().any(|failure| failure.path == id.to_string()) {
                let error = if there.contains(id) {
                    ArchiveError::Unnamed(id.clone())
                } else {
                    ArchiveError::NotReached(ended.clone())
                };
                failures.push(Failure { path: id.to_string(), error: chain(&error) });
            }
            false
        });
        self.report.failures.extend(failures);
        Ok(())
    }

    /// Adds what these builds need and the archive does not have, through all builds between.
    fn add_needed(&self, contents: &BTreeMap<BuildId, Content>, what: &mut BTreeSet<BuildId>) {
        let needs = |id: &BuildId| match contents.get(id) {
            Some(content) => content.record.requires.clone(),
            // What cannot be read fails when it is copied.
            None => self.here.record(id).ok().flatten().map(|record| record.requires).unwrap_or_default(),
        };
        let mut open: Vec<BuildId> = what.iter().flat_map(needs).collect();
        while let Some(id) = open.pop() {
            // One that does not come fails those that need it, when they are copied.
            let comes = !self.there.mirror().has_build(&id).unwrap_or(false)
                && self.here.has_build(&id).unwrap_or(false)
                && !self.withdrawn.contains_key(&id.to_string());
            if comes && what.insert(id.clone()) {
                open.extend(needs(&id));
            }
        }
    }

    /// Holds a build in the archive, at least as long as requested.
    fn hold(&self, id: &BuildId) -> Result<(), ArchiveError> {
        let who = self.there.mirror().who().to_owned();
        let (why, until, since) = (hold_reason(self.here), self.archiving.until, Some(self.there.now()));
        let held = hold_at_least(self.there, id, Hold { who, why, until, since });
        held.map(drop).map_err(|error| ArchiveError::Hold(id.clone(), Box::new(error)))
    }
}
