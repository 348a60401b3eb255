//! Withdrawing one build that must not be in the mirror: its aliases move to other builds, it goes to the trash, and
//! the reason is kept.
//!
//! Steps and their order are in `docs/decisions/0011-withdraw.md`. No rule of the policy applies; a build that holds
//! or other builds protect needs `force`.

mod error;
mod names;
mod protections;
mod purge;
mod report;
mod request;
mod tombstone;

pub use error::WithdrawError;
pub use report::{UnmovedAlias, WithdrawReport};
pub use request::Withdrawing;
pub(crate) use tombstone::tombstones;
pub use tombstone::{Tombstone, tombstone};

use crate::census::Census;
use crate::commit::move_to_trash::{Leaving, Trashing, move_to_trash};
use crate::commit::reserve;
use crate::commit::untrash::RESTORE_TERM;
use crate::commit::{Moved, Permit, set};
use crate::mirror::{JournalError, Mirror, MirrorError, WriteLock, survey};
use crate::model::{BuildId, Stamp};
use crate::ops::readers::{Look, before_removal};
use crate::ops::retention::policy_of;
use crate::ops::retention::restore::{not_unread, unread};
use crate::ops::retention::{SweepReport, plan::PlanError};
use crate::ops::{ActError, Mode};
use crate::record::{EventKind, Hold};
use crate::session::Session;
use names::Names;
use protections::{Protections, hides, protections};

/// Withdraws a build; on a full disk, in the space that is reserved for this.
pub fn withdraw(
    session: &Session<'_>,
    what: &Withdrawing,
    mode: Mode,
) -> Result<WithdrawReport, WithdrawError> {
    match mode {
        Mode::Real => reserve::with_help(session.mirror(), || take_out(session, what, mode)),
        Mode::Trial => take_out(session, what, mode),
    }
}

fn take_out(session: &Session<'_>, what: &Withdrawing, mode: Mode) -> Result<WithdrawReport, WithdrawError> {
    let mirror = session.mirror();
    let path = mirror.layout().build_path(&what.id).map_err(ActError::from)?;
    let mut report = WithdrawReport::of(what, path);
    let lock = if mode == Mode::Real { Some(session.begin().map_err(ActError::from)?) } else { None };
    if mirror.has_build(&what.id).map_err(ActError::from)? {
        leave(session, lock.as_ref(), what, &mut report)?;
    } else {
        again(mirror, what, &mut report)?;
    }
    report.stage = purge::stage(mirror, &what.id)?;
    report.purged = what.purge;
    if !what.purge {
        return Ok(report);
    }
    let Some(lock) = lock else {
        report.failures = purge::unknown(mirror, &what.id)?;
        return Ok(report);
    };
    purge::mark(&lock, &mut report)?;
    drop(lock);
    let mut swept = SweepReport::default();
    crate::ops::retention::sweep::finish(session, &mut swept)?;
    report.removed = swept.entries;
    report.failures.extend(swept.failures);
    Ok(report)
}

/// Moves an existing build to the trash, after its aliases.
fn leave(
    session: &Session<'_>,
    lock: Option<&WriteLock<'_>>,
    what: &Withdrawing,
    report: &mut WithdrawReport,
) -> Result<(), WithdrawError> {
    let (mirror, now) = (session.mirror(), session.now());
    let survey = survey(mirror, now).map_err(ActError::from)?;
    if let Some(lost) = survey.lost.first() {
        return Err(ActError::from(JournalError::from(lost.clone())).into());
    }
    let census = &survey.census;
    let Protections { held, others, mounted } = protections(mirror, &survey, &what.id)?;
    if let Some(why) = mounted {
        return Err(WithdrawError::Mounted { id: what.id.clone(), why });
    }
    report.protections = held.iter().map(protections::line).collect();
    report.protections.extend(others);
    if !report.protections.is_empty() && !what.force {
        let protections = std::mem::take(&mut report.protections);
        return Err(WithdrawError::Protected { id: what.id.clone(), protections });
    }
    let Names { moves, left } = names::of(mirror, census, &what.id)?;
    if let Some((path, why)) = hides(mirror, &survey, &what.id, !moves.is_empty() || !left.is_empty()) {
        return Err(WithdrawError::Unreadable { id: what.id.clone(), path, why });
    }
    report.left = left;
    report.copies = names::copies(mirror, &report.path)?;
    for stream in names::bundles(mirror, census, &what.id) {
        mirror.warnings().add(format!(
            "the bundle that `{stream}` has now is made of it; `mirrorkeep bundle {stream}` makes one of the builds to which the \
             names point then"
        ));
    }
    // A secret must be removed even if the promotions cannot be read.
    let tags = crate::ops::images::tagged(mirror).unwrap_or_default().remove(&what.id);
    for stage in tags.into_iter().flatten() {
        let alias = mirror.layout().stream_path(&what.id.stream).ok().and_then(|dir| dir.child(&stage).ok());
        let is_left = report.left.iter().any(|left| Some(&left.alias) == alias.as_ref());
        let then = if is_left {
            "no build has the stage then, so delete these tags in the registry, or promote a build".to_owned()
        } else {
            format!(
                "the next `mirrorkeep promote {stage}` moves the tags to those of the build that has it then"
            )
        };
        mirror.warnings().add(format!(
            "the image tags of `{stage}` stay at the images of `{}`, and registries keep these; {then}",
            what.id
        ));
    }
    report.share(mirror, census)?;
    let until = term(mirror, now)?;
    report.until = Some(until);
    let Some(lock) = lock else {
        let from = Some(report.path.clone());
        report.moved = (moves.into_iter())
            .map(|(alias, to)| Moved { alias, from: from.clone(), to: Some(to) })
            .collect();
        return Ok(());
    };
    // The rule that selected the build allows it, whatever its result.
    let permit = Permit { backwards: true, no_success: true, stage: true };
    for (alias, to) in moves {
        report.moved.push(set(lock, &alias, &to, permit, lock.now())?);
    }
    if !held.is_empty() {
        let rest: Vec<Hold> = mirror.holds_of(&what.id).map_err(ActError::from)?;
        let rest: Vec<Hold> = rest.into_iter().filter(|hold| !hold.is_active(now)).collect();
        crate::commit::holds::write(lock, &what.id, EventKind::Unheld, &rest, lock.now())
            .map_err(ActError::from)?;
    }
    before_removal(session, Look::Changes, std::slice::from_ref(&what.id));
    let leaving = Leaving {
        id: what.id.clone(),
        until,
        bytes: bytes(census, &what.id),
        plan: None,
        why: Some(what.why.clone()),
        rules: Vec::new(),
        archive: None,
    };
    let protects = || names::protects(mirror, &what.id, &report.path, &report.left, lock.now());
    match move_to_trash::<ActError>(lock, leaving, protects)? {
        Trashing::Gone => Ok(()),
        Trashing::Stays(why) => Err(WithdrawError::Protected { id: what.id.clone(), protections: vec![why] }),
        Trashing::Missing => Err(ActError::from(crate::commit::CommitError::NoBuild(what.id.clone())).into()),
    }
}

fn bytes(census: &Census, id: &BuildId) -> u64 {
    census.build(id).and_then(|build| build.bytes).unwrap_or_default()
}

/// Returns until when a build that is withdrawn now can be restored: by the policy, and 14 days without one.
fn term(mirror: &Mirror, now: Stamp) -> Result<Stamp, ActError> {
    match policy_of(mirror) {
        Ok(policy) => Ok(policy.trash.after(now, policy.zone)),
        Err(
            PlanError::NoPolicy | PlanError::Policy(_) | PlanError::Mirror(MirrorError::NotShipped { .. }),
        ) => Ok(now.checked_add(RESTORE_TERM).unwrap_or(now)),
        Err(error) => Err(error.into()),
    }
}

/// Handles a build that is missing: an earlier run may have moved it already, or a prune.
fn again(mirror: &Mirror, what: &Withdrawing, report: &mut WithdrawReport) -> Result<(), WithdrawError> {
    let id = &what.id;
    let trashed = crate::commit::untrash::find(mirror, id).map_err(ActError::from)?;
    let withdrawn = tombstone(mirror, id).map_err(ActError::from)?;
    report.already = withdrawn.is_some();
    report.until = trashed.as_ref().map(|trashed| trashed.ticket.until);
    match (withdrawn, trashed) {
        (Some(withdrawn), _) => {
            // The reason in the journal, not that of this run.
            report.why = withdrawn.why;
            Ok(())
        }
        (None, Some(_)) if what.purge => Ok(()),
        (None, Some(trashed)) => Err(WithdrawError::Pruned { id: id.clone(), until: trashed.ticket.until }),
        (None, None) if what.purge && unread(mirror, id)?.is_some() => Ok(()),
        (None, None) => {
            not_unread(mirror, id)?;
            Err(ActError::from(crate::commit::CommitError::NoBuild(id.clone())).into())
        }
    }
}
