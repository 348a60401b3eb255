//! Deleting at once whatever the mirror has of a withdrawn build: its trash, and the stage of an interrupted publish
//! of it.
//!
//! An unreadable path is never assumed to belong to another build: it is reported as a failure, so that "deleted" is
//! true.

use super::WithdrawReport;
use crate::commit::choose::protocol;
use crate::commit::stage::stage_of;
use crate::commit::sweep;
use crate::commit::trash::renew_ticket;
use crate::mirror::{Mirror, Trashed, WriteLock, chain};
use crate::model::{BuildId, RelPath};
use crate::ops::ActError;
use crate::ops::retention::Failure;
use crate::recover::{SettledAs, discard_stage};
use std::collections::HashMap;

/// Returns the stage of an interrupted or running publish of a build.
pub(super) fn stage(mirror: &Mirror, id: &BuildId) -> Result<Option<RelPath>, ActError> {
    let stage = stage_of(id);
    Ok(mirror.store().look(&stage)?.map(|_| stage))
}

/// Returns the directories of the trash whose build is not known: each may have this build.
pub(super) fn unknown(mirror: &Mirror, id: &BuildId) -> Result<Vec<Failure>, ActError> {
    let unread = mirror.trash()?.unread().filter(|(at, _)| mirror.build_in(at).is_none());
    Ok(unread.map(|(at, why)| may_be(&at, id, &why)).collect())
}

fn may_be(at: &RelPath, id: &BuildId, why: &str) -> Failure {
    Failure { path: at.to_string(), error: format!("it may have `{id}`, and is not deleted: {why}") }
}

/// Marks everything that the trash has of a build, removed parts included, so that nothing can be restored, and
/// deletes its stage.
pub(super) fn mark(lock: &WriteLock<'_>, report: &mut WithdrawReport) -> Result<(), ActError> {
    let (mirror, id) = (lock.mirror(), report.id.clone());
    let is_others = |at: &RelPath| mirror.build_in(at).is_some_and(|build| build != id);
    let mut errors = HashMap::new();
    for (at, _) in mirror.trash()?.unread().filter(|(at, _)| !is_others(at)) {
        if let Err(error) = renew_ticket(lock, &at, lock.now()) {
            errors.insert(at, chain(&error));
        }
    }
    let trash = mirror.trash()?;
    let of_it = |trashed: &Trashed| trashed.ticket.id == id;
    for trashed in protocol(mirror).due(&trash.waiting, &of_it) {
        sweep::mark_one(lock, trashed, Some(&report.why), lock.now())?;
    }
    // By this read alone, since what could be read before may be unreadable now.
    for (at, why) in trash.unread().filter(|(at, _)| !is_others(at)) {
        report.failures.push(may_be(&at, &id, errors.get(&at).unwrap_or(&why)));
    }
    let Some(stage) = report.stage.take() else { return Ok(()) };
    let left = match discard_stage(lock, &stage) {
        Ok(SettledAs::Waiting) => Some("a publish of the build holds it now".to_owned()),
        Ok(_) => None,
        Err(error) => Some(chain(&error)),
    };
    report.failures.extend(left.map(|error| Failure { path: stage.to_string(), error }));
    Ok(())
}
