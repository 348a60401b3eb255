//! Sweeping the trash: what has been there long enough is deleted, in parallel and without the lock.
//!
//! A build that gained a hold, a pin, or an alias that points to its path, is restored first. Each build to delete is
//! recorded and marked under the lock, so that the next command continues an interrupted sweep.

use crate::commit::choose::protocol;
use crate::commit::reserve;
use crate::commit::sweep::{clear, mark_one};
use crate::commit::untrash::bring_back;
use crate::mirror::{Mirror, TicketKind, Trashed, WriteLock, chain, pointing};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::images::pinned;
use crate::ops::retention::concern::alien;
use crate::ops::retention::report::{Failure, SweepReport, unreadable};
use crate::ops::{ActError, Mode};
use crate::session::Session;
use std::collections::{HashMap, HashSet};

/// Which builds of the trash are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those whose term is over.
    Due,
    /// All.
    All,
}

/// Empties the trash now.
pub fn sweep(session: &Session<'_>, mode: Mode) -> Result<SweepReport, ActError> {
    if mode == Mode::Trial {
        let trash = session.mirror().trash()?;
        let needed = needed(session.mirror(), &HashSet::new(), session.now())?;
        let ids = trash.waiting.into_iter().map(|trashed| trashed.ticket.id);
        let (restored, swept) = ids.partition(|id| needed.iter().any(|one| one.ticket.id == *id));
        for found in alien(trash.alien) {
            session.mirror().warnings().add(found.to_string());
        }
        let failures = unreadable(trash.strange);
        return Ok(SweepReport { swept, restored, failures, ..SweepReport::default() });
    }
    reserve::with_help(session.mirror(), || run(session, Which::All, &HashSet::new()))
}

/// Restores what is needed, then deletes the rest whose term is over.
pub(crate) fn run(
    session: &Session<'_>,
    which: Which,
    needed: &HashSet<BuildId>,
) -> Result<SweepReport, ActError> {
    let mut report = SweepReport::default();
    {
        let lock = session.begin()?;
        salvage(&lock, needed, &mut report)?;
        mark(&lock, which, &mut report)?;
    }
    finish(session, &mut report)?;
    Ok(report)
}

/// Restores what is needed.
pub(crate) fn salvage(
    lock: &WriteLock<'_>,
    needed_by_builds: &HashSet<BuildId>,
    report: &mut SweepReport,
) -> Result<(), ActError> {
    for trashed in needed(lock.mirror(), needed_by_builds, lock.now())? {
        let ticket = &trashed.ticket;
        match bring_back(lock, &trashed) {
            Ok(()) => report.restored.push(ticket.id.clone()),
            Err(error) => {
                report.failures.push(Failure { path: ticket.path.to_string(), error: chain(&error) });
            }
        }
    }
    Ok(())
}

/// Returns what is in the trash and needed: it is held or pinned, an alias points to its path, or a build needs it.
fn needed(
    mirror: &Mirror,
    needed_by_builds: &HashSet<BuildId>,
    now: Stamp,
) -> Result<Vec<Trashed>, ActError> {
    let waiting: Vec<Trashed> = mirror
        .trash()?
        .waiting
        .into_iter()
        .filter(|trashed| trashed.ticket.what == TicketKind::Build)
        // Only a person brings back what a person withdrew.
        .filter(|trashed| mirror.filled_by(trashed).is_none_or(|stated| stated.why.is_none()))
        .collect();
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    mirror.refuse_lost_holds(None, now)?;
    let ids = waiting.iter().map(|trashed| trashed.ticket.id.clone()).collect();
    let pins = pinned(mirror, ids, &mirror.pins()?);
    let targets: Vec<RelPath> = pointing(mirror)?.targets.into_iter().map(|(_, to)| to).collect();
    let mut needed = Vec::new();
    for trashed in waiting {
        let ticket = &trashed.ticket;
        let named = targets.iter().any(|target| target.is_within(&ticket.path));
        let held = mirror.holds_of(&ticket.id)?.iter().any(|hold| hold.is_active(now));
        if named || held || needed_by_builds.contains(&ticket.id) || pins.contains_key(&ticket.id) {
            needed.push(trashed);
        }
    }
    Ok(needed)
}

/// Records and marks what is deleted, so that it cannot be restored any more.
pub(crate) fn mark(lock: &WriteLock<'_>, which: Which, report: &mut SweepReport) -> Result<(), ActError> {
    let trash = lock.mirror().trash()?;
    let now = lock.now();
    let over = |trashed: &Trashed| which == Which::All || trashed.ticket.until < now;
    for trashed in protocol(lock.mirror()).due(&trash.waiting, &over) {
        mark_one(lock, trashed, None, now)?;
        if trashed.ticket.what == TicketKind::Build {
            report.swept.push(trashed.ticket.id.clone());
        }
    }
    clear(lock, &trash)?;
    if which == Which::All {
        // A prune reports them as findings.
        for found in alien(trash.alien) {
            lock.mirror().warnings().add(found.to_string());
        }
    }
    report.failures.extend(unreadable(trash.strange));
    Ok(())
}

/// Removes everything that is marked, without the lock.
pub(crate) fn finish(session: &Session<'_>, report: &mut SweepReport) -> Result<(), ActError> {
    let mirror = session.mirror();
    let going = mirror.trash()?.going;
    // Checked before the ticket may be removed.
    let ids: HashMap<RelPath, BuildId> =
        going.iter().filter_map(|at| Some((at.clone(), mirror.ticket(at).ok()?.id))).collect();
    for (at, swept) in protocol(mirror).sweep(mirror, going, Some(session.stop()))? {
        report.entries += swept.removed;
        if let Some(id) = ids.get(&at).filter(|_| !swept.failures.is_empty()) {
            // Part of it stays.
            report.swept.retain(|swept| swept != id);
        }
        report
            .failures
            .extend(swept.failures.iter().map(|error| Failure { path: at.to_string(), error: chain(error) }));
    }
    Ok(())
}
