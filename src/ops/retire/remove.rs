//! The last step: names and builds are removed, in turns, each build with its names.
//!
//! Everything is decided again at each turn, under the lock: what protects a build keeps it and its names.

use super::keep::kept;
use super::prove::Proof;
use super::removed::{removed, stream_of};
use super::report::{ProtectedBuild, RetireOutcome, RetireReport, RetiredStream, fails};
use super::state::{current, write};
use super::{RetireError, stub};
use crate::commit::move_to_trash::{Leaving, Trashing, move_to_trash};
use crate::commit::repoint::remove_checked;
use crate::mirror::{JournalError, Mirror, Survey, WriteLock, chain, survey};
use crate::model::{BuildId, RelPath, Stamp, Stream};
use crate::ops::archive::content_of;
use crate::ops::readers::{Look, before_removal};
use crate::ops::retention::order::order;
use crate::ops::withdraw::{copies, hides, line, protections, protects, term};
use crate::ops::{ActError, Mode};
use crate::record::Retirement;
use crate::session::Session;
use std::collections::{BTreeMap, BTreeSet};

/// How many builds are removed before other commands may have the lock.
const TURN: usize = 50;

/// A stream whose builds are removed.
#[derive(Debug)]
pub(super) struct Due {
    /// Its retirement.
    pub(super) retirement: Retirement,
    /// What the archive proved in this run.
    pub(super) proof: Proof,
}

/// What is removed, and what stays.
#[derive(Debug, Default)]
struct Plan {
    /// The builds that go, each after those that need it.
    going: Vec<BuildId>,
    /// The names of each.
    names: BTreeMap<BuildId, Vec<RelPath>>,
    /// Those that stay, and why.
    staying: BTreeMap<BuildId, Vec<String>>,
    bytes: BTreeMap<BuildId, u64>,
}

/// Removes what is due of these streams.
pub(super) fn remove(
    session: &Session<'_>,
    due: &[Due],
    report: &mut RetireReport,
    mode: Mode,
) -> Result<(), RetireError> {
    let (mut failed, mut stuck) = (BTreeSet::new(), BTreeMap::new());
    loop {
        session.check_cancelled()?;
        let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
        let left = || due.iter().map(|one| &one.retirement.stream).filter(|of| !failed.contains(*of));
        let known = lock.as_ref().map(|lock| current(lock, left())).transpose()?;
        let mut now_due = Vec::new();
        for one in due {
            if failed.contains(&one.retirement.stream) {
                continue;
            }
            // It may have been ended, or be complete by another run.
            let is_same =
                known.as_ref().is_none_or(|known| known.get(&one.retirement.stream) == Some(&one.retirement));
            if is_same {
                now_due.push(one);
            } else {
                failed.insert(one.retirement.stream.clone());
                let error = RetireError::Changed(one.retirement.stream.clone());
                fails(row(report, &one.retirement.stream)?, &error)?;
            }
        }
        let mut plan = plan(session.mirror(), &now_due, session.now())?;
        plan.leave(&stuck);
        let Some(lock) = lock else { return tell(&plan, &now_due, report) };
        let turn: Vec<BuildId> = plan.going.iter().take(TURN).cloned().collect();
        if turn.is_empty() {
            return finish(&lock, &plan, &now_due, report);
        }
        before_removal(session, Look::Changes, &turn);
        for id in &turn {
            let Some(one) = now_due.iter().find(|one| one.retirement.stream == id.stream) else { continue };
            match take(&lock, one, &plan, id, row(report, &id.stream)?) {
                Ok(None) => {}
                Ok(Some(why)) => drop(stuck.insert(id.clone(), why)),
                Err(error) => {
                    fails(row(report, &id.stream)?, &error)?;
                    failed.insert(id.stream.clone());
                    break;
                }
            }
        }
    }
}

fn row<'r>(report: &'r mut RetireReport, stream: &Stream) -> Result<&'r mut RetiredStream, RetireError> {
    let found = report.streams.iter_mut().find(|row| row.stream == *stream);
    found.ok_or_else(|| RetireError::NotRetiring(stream.clone()))
}

/// Removes the names of a build and moves it to the trash, or returns what protects it after all.
fn take(
    lock: &WriteLock<'_>,
    due: &Due,
    plan: &Plan,
    id: &BuildId,
    row: &mut RetiredStream,
) -> Result<Option<String>, RetireError> {
    let mirror = lock.mirror();
    let path = mirror.layout().build_path(id)?;
    for name in plan.names.get(id).into_iter().flatten() {
        remove_checked(lock, name, lock.now())?;
        row.names.push(name.clone());
    }
    let one = &due.retirement;
    let now = lock.now();
    let mut until = term(mirror, now)?;
    if one.archive.is_none() {
        // Without a copy elsewhere it can be restored at least as long as users had notice.
        until =
            until.max(now.checked_add(i64::try_from(one.notice).unwrap_or(i64::MAX)).unwrap_or(Stamp::MAX));
    }
    let leaving = Leaving {
        id: id.clone(),
        until,
        bytes: plan.bytes.get(id).copied().unwrap_or_default(),
        plan: None,
        why: None,
        rules: Vec::new(),
        archive: one.archive.clone(),
        retired: Some(one.why.clone()),
    };
    let protects = || protects(mirror, id, &path, &[], lock.now());
    match move_to_trash::<ActError>(lock, leaving, protects)? {
        Trashing::Gone | Trashing::Missing => {
            row.removed.push(id.clone());
            Ok(None)
        }
        Trashing::Stays(why) => Ok(Some(why)),
    }
}

impl Plan {
    /// Leaves builds that stayed in an earlier turn.
    fn leave(&mut self, stuck: &BTreeMap<BuildId, String>) {
        self.going.retain(|id| !stuck.contains_key(id));
        self.staying.extend(stuck.iter().map(|(id, why)| (id.clone(), vec![why.clone()])));
    }
}

/// Decides which builds go.
fn plan(mirror: &Mirror, due: &[&Due], now: Stamp) -> Result<Plan, RetireError> {
    let survey = survey(mirror, now)?;
    if let Some(lost) = survey.lost.first() {
        return Err(JournalError::from(lost.clone()).into());
    }
    let mut plan = Plan::default();
    let mut candidates: BTreeSet<BuildId> = BTreeSet::new();
    for one in due {
        let Retirement { stream, keep, .. } = &one.retirement;
        let kept = kept(mirror, &survey.census, stream, keep);
        candidates.extend(
            survey.census.builds().map(|(id, _)| id).filter(|id| id.stream == *stream && !kept.contains(id)),
        );
    }
    let proofs: BTreeMap<&Stream, &Proof> =
        due.iter().map(|one| (&one.retirement.stream, &one.proof)).collect();
    for id in &candidates {
        let mut why = protecting(mirror, &survey, id, &mut plan)?;
        why.extend(unproved(mirror, id, proofs.get(&id.stream).copied()));
        if !why.is_empty() {
            plan.staying.insert(id.clone(), why);
        }
    }
    stay_with(&survey, &candidates, &mut plan);
    let going = candidates.iter().filter(|id| !plan.staying.contains_key(id)).collect();
    plan.going = order(&survey.census, &going);
    plan.bytes = (survey.census.builds()).map(|(id, build)| (id, build.bytes.unwrap_or_default())).collect();
    Ok(plan)
}

/// Returns what protects a build, without the builds that need it, and records its names.
fn protecting(
    mirror: &Mirror,
    survey: &Survey,
    id: &BuildId,
    plan: &mut Plan,
) -> Result<Vec<String>, RetireError> {
    let path = mirror.layout().build_path(id)?;
    let found = protections(mirror, survey, id, &|_| false)?;
    let mut why: Vec<String> = found.held.iter().map(line).collect();
    why.extend(found.others);
    why.extend(survey.lost_holds.iter().filter(|lost| lost.id == *id).map(|lost| chain(&lost.error())));
    why.extend(found.mounted);
    if let Some((at, reason)) = hides(mirror, survey, id, true) {
        why.push(format!("unreadable: {at}: {reason}"));
    }
    for copy in copies(mirror, &path)? {
        why.push(format!("copy: `{copy}` is a copy of it; `mirrorkeep alias dematerialize` removes it"));
    }
    for alias in &survey.census.aliases {
        if !alias.target.as_ref().is_some_and(|target| target.is_within(&path)) {
            continue;
        }
        if stream_of(mirror.layout(), &alias.path).as_ref() == Some(&id.stream) {
            plan.names.entry(id.clone()).or_default().push(alias.path.clone());
        } else {
            why.push(format!("alias: {} resolves to it", alias.path));
        }
    }
    Ok(why)
}

/// Returns why the archive does not prove a build as it is now.
fn unproved(mirror: &Mirror, id: &BuildId, proof: Option<&Proof>) -> Option<String> {
    let Some(Proof::Proved(proved)) = proof else { return None };
    let Some(digest) = proved.get(id) else {
        return Some(
            "it came after the builds were verified in the archive; the next run copies it".to_owned(),
        );
    };
    match content_of(mirror, id) {
        Ok(content) if content.digest() == *digest => None,
        Ok(_) => Some("it changed since it was verified in the archive".to_owned()),
        Err(error) => Some(chain(&error)),
    }
}

/// Adds the builds that stay since one that stays needs them.
fn stay_with(survey: &Survey, candidates: &BTreeSet<BuildId>, plan: &mut Plan) {
    loop {
        let before = plan.staying.len();
        for (other, build) in survey.census.builds() {
            let stays = !candidates.contains(&other) || plan.staying.contains_key(&other);
            for needed in build.requires.iter().filter(|_| stays) {
                if candidates.contains(needed) && *needed != other && !plan.staying.contains_key(needed) {
                    plan.staying.insert(needed.clone(), vec![format!("requires: {other} needs it")]);
                }
            }
        }
        if plan.staying.len() == before {
            return;
        }
    }
}

/// Says what would be removed.
fn tell(plan: &Plan, due: &[&Due], report: &mut RetireReport) -> Result<(), RetireError> {
    for one in due {
        let stream = &one.retirement.stream;
        let row = row(report, stream)?;
        row.removed = plan.going.iter().filter(|id| id.stream == *stream).cloned().collect();
        row.names = plan
            .names
            .iter()
            .filter(|(id, _)| row.removed.contains(id))
            .flat_map(|(_, names)| names.clone())
            .collect();
        row.protected = staying(plan, stream);
        row.ends(RetireOutcome::Trial, format!("would remove {} builds", row.removed.len()));
    }
    Ok(())
}

fn staying(plan: &Plan, stream: &Stream) -> Vec<ProtectedBuild> {
    let of = plan.staying.iter().filter(|(id, _)| id.stream == *stream);
    of.map(|(id, by)| ProtectedBuild { id: id.clone(), by: by.clone() }).collect()
}

/// Completes the retirement of each stream of which nothing is left that should go.
fn finish(
    lock: &WriteLock<'_>,
    plan: &Plan,
    due: &[&Due],
    report: &mut RetireReport,
) -> Result<(), RetireError> {
    let gone = removed(lock.mirror())?;
    for one in due {
        let Retirement { stream, .. } = &one.retirement;
        let row = row(report, stream)?;
        row.protected = staying(plan, stream);
        row.builds = row.builds.saturating_sub(row.removed.len() as u64);
        if !row.protected.is_empty() {
            row.ends(
                RetireOutcome::Protected,
                "remove what protects its builds, or name them in `--keep`, then run `mirrorkeep retire`",
            );
            continue;
        }
        let next = Retirement { retired_at: Some(lock.now()), ..one.retirement.clone() };
        let of = gone.iter().filter(|id| id.stream == *stream).cloned().collect();
        let done = stub::write(lock, &next, &of).and_then(|()| write(lock, &next));
        match done {
            Ok(()) => {
                row.is_now(&next);
                row.ends(RetireOutcome::Retired, "");
            }
            Err(error) => fails(row, &error)?,
        }
    }
    Ok(())
}
