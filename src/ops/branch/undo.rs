//! Undoing what a run that failed had made, and what an earlier one had left: stages, names, inherited builds, empty directories.
//!
//! Nothing is undone once an event records that one of the streams exists, and nothing that others made is touched.

use super::BranchError;
use super::plan::{Planned, Seed, branched};
use super::run::{BranchRun, is_inherited};
use super::why::WHY;
use crate::commit::{pointed_at, remove};
use crate::mirror::{Mirror, Resolved, WriteLock, chain, links};
use crate::model::RelPath;
use crate::ops::Mode;
use crate::ops::promotion::{DemoteRequest, demote};
use crate::ops::withdraw::{Withdrawing, withdraw};
use crate::session::Session;

impl BranchRun<'_> {
    /// Undoes everything after a failure, and returns the failure with what could not be undone.
    pub(super) fn undo(&self, failure: BranchError) -> BranchError {
        let mut left = Vec::new();
        match self.undo_all(&mut left) {
            Ok(true) => {}
            // Everything is there; the event of a stream is missing.
            Ok(false) => return failure,
            Err(error) => left.push(chain(&error)),
        }
        BranchError::Undone { left, source: Box::new(failure) }
    }

    /// Undoes everything; returns false if one of the streams exists by the journal, and nothing is undone.
    fn undo_all(&self, left: &mut Vec<String>) -> Result<bool, BranchError> {
        let mirror = self.session.mirror();
        // What was interrupted is settled first.
        drop(self.session.begin()?);
        let branched = branched(mirror)?;
        if self.plan.pending().any(|one| branched.contains_key(one.pair.new.as_str())) {
            return Ok(false);
        }
        let mut ours: Vec<(&Planned, &Seed)> = Vec::new();
        for one in self.plan.pending() {
            if let Some(seed) = &one.seed
                && mirror.has_build(&seed.id)?
                && is_inherited(mirror, seed)?
            {
                ours.push((one, seed));
            }
        }
        for (one, seed) in ours.iter().rev() {
            for stage in one.stages.iter().rev() {
                take_stage(self.session, one, seed, stage, left)?;
            }
        }
        let lock = self.session.begin()?;
        remove_names(&lock, &ours, left)?;
        drop(lock);
        for (one, seed) in ours.iter().rev() {
            let why = format!("{WHY}{} from {}", one.pair.new, one.pair.old);
            let what = Withdrawing { id: seed.id.clone(), why, force: false, purge: true };
            match withdraw(self.session, &what, Mode::Real) {
                Ok(report) => {
                    left.extend(
                        report.failures.into_iter().map(|one| format!("{}: {}", one.path, one.error)),
                    );
                }
                Err(error) => left.push(format!("`{}`: {}", seed.id, chain(&error))),
            }
        }
        let lock = self.session.begin()?;
        for one in self.plan.pending().filter(|one| one.seed.is_some()) {
            remove_empty(&lock, one)?;
        }
        Ok(true)
    }
}

/// Takes a stage from an inherited build.
fn take_stage(
    session: &Session<'_>,
    one: &Planned,
    seed: &Seed,
    stage: &str,
    left: &mut Vec<String>,
) -> Result<(), BranchError> {
    let mirror = session.mirror();
    let (home, path) = (mirror.layout().stream_path(&one.pair.new)?, mirror.layout().build_path(&seed.id)?);
    let Ok(alias) = home.child(stage) else { return Ok(()) };
    if pointed_at(mirror, &alias)?.as_ref() != Some(&path) {
        return Ok(());
    }
    let request = DemoteRequest {
        stage: stage.to_owned(),
        stream: one.pair.new.clone(),
        to: None,
        why: format!("{WHY}{}", one.pair.new),
        allow_empty: true,
    };
    if let Err(error) = demote(session, &request, Mode::Real) {
        left.push(format!("the stage `{alias}`: {}", chain(&error)));
    }
    Ok(())
}

/// Removes the names beside the new streams that resolve to inherited builds.
fn remove_names(
    lock: &WriteLock<'_>,
    ours: &[(&Planned, &Seed)],
    left: &mut Vec<String>,
) -> Result<(), BranchError> {
    let mirror = lock.mirror();
    let mut places = Vec::new();
    for (one, seed) in ours {
        places.push((mirror.layout().stream_path(&one.pair.new)?, mirror.layout().build_path(&seed.id)?));
    }
    let is_ours = |alias: &RelPath, real: &RelPath| {
        places.iter().any(|(home, path)| alias.parent().as_ref() == Some(home) && real.is_within(path))
    };
    for (alias, to) in links(mirror)?.links {
        if let Resolved::To(real) = to
            && is_ours(&alias, &real)
            && let Err(error) = remove(lock, &alias, lock.now())
        {
            left.push(format!("`{alias}`: {}", chain(&error)));
        }
    }
    Ok(())
}

/// Removes the directories of a new stream that are empty, and the legacy names that resolve to them.
fn remove_empty(lock: &WriteLock<'_>, one: &Planned) -> Result<(), BranchError> {
    let mirror = lock.mirror();
    let home = mirror.layout().stream_path(&one.pair.new)?;
    for dir in std::iter::once(home.clone()).chain(home.ancestors()).filter(|dir| !dir.is_root()) {
        // One that is not empty stays, with what is above it.
        if !is_removed(mirror, &dir) {
            break;
        }
    }
    for legacy in mirror.layout().legacy(&one.pair.new) {
        if mirror.look(&legacy.target)?.is_none()
            && pointed_at(mirror, &legacy.path)?.as_ref() == Some(&legacy.target)
        {
            remove(lock, &legacy.path, lock.now())?;
        }
    }
    Ok(())
}

/// Removes a directory if it is empty; returns whether it is gone.
fn is_removed(mirror: &Mirror, dir: &RelPath) -> bool {
    let store = mirror.store();
    store.remove_dir(dir).is_ok() || matches!(store.look(dir), Ok(None))
}
