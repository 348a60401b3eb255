//! Holds: a reasoned wish that a build stay. A build that waits in the trash comes back when it is held.

use crate::commit::trash::find_unread;
use crate::commit::untrash::{bring_back, find};
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp};
use crate::ops::{ActError, Mode};
use crate::record::{EventKind, Hold};
use crate::recover::settle;
use serde::Serialize;

/// What holding or letting go did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldReport {
    /// Which build.
    pub id: BuildId,
    /// All its holds now.
    pub holds: Vec<Hold>,
    /// Whether it came back from the trash, or would come back in a trial.
    pub restored: bool,
    /// Whether anything changed.
    pub changed: bool,
}

/// Returns the user and host of who is acting; the number of a process says nothing later.
pub(crate) fn person(who: &str) -> String {
    who.rsplit_once(" pid ").map_or(who, |(person, _)| person).to_owned()
}

/// Holds a build.
pub fn hold(
    mirror: &Mirror,
    id: &BuildId,
    hold: Hold,
    mode: Mode,
    clock: &dyn Fn() -> Stamp,
) -> Result<HoldReport, ActError> {
    let hold = Hold { who: person(&hold.who), ..hold };
    let same = |held: &Hold| held.why == hold.why && held.until == hold.until;
    change(mirror, id, EventKind::Held, mode, clock, |holds| {
        if !holds.iter().any(same) {
            holds.push(hold.clone());
        }
    })
}

/// Takes back the holds of a build: those with that reason, or all.
pub fn unhold(
    mirror: &Mirror,
    id: &BuildId,
    why: Option<&str>,
    mode: Mode,
    clock: &dyn Fn() -> Stamp,
) -> Result<HoldReport, ActError> {
    change(mirror, id, EventKind::Unheld, mode, clock, |holds| {
        holds.retain(|hold| why.is_some_and(|why| hold.why != why));
    })
}

fn change(
    mirror: &Mirror,
    id: &BuildId,
    what: EventKind,
    mode: Mode,
    clock: &dyn Fn() -> Stamp,
    change: impl Fn(&mut Vec<Hold>),
) -> Result<HoldReport, ActError> {
    mirror.layout().build_path(id)?;
    let lock = if mode == Mode::Real { Some(mirror.lock()?) } else { None };
    if let Some(lock) = &lock {
        settle(lock, clock)?;
    }
    let there = mirror.has_build(id)?;
    let trashed = if there { None } else { find(mirror, id)? };
    let trashed = match (trashed, &lock) {
        (None, Some(lock)) if !there && what == EventKind::Held => find_unread(lock, id, clock())?,
        (trashed, _) => trashed,
    };
    let before = mirror.holds_of(id)?;
    if !there && trashed.is_none() && (what == EventKind::Held || before.is_empty()) {
        return Err(crate::commit::CommitError::NoBuild(id.clone()).into());
    }
    let mut holds = before.clone();
    change(&mut holds);
    let changed = holds != before;
    let comes_back = trashed.filter(|_| what == EventKind::Held);
    let restored = comes_back.is_some();
    if let Some(lock) = &lock {
        if changed {
            crate::commit::holds::write(lock, id, what, &holds, clock())?;
        }
        if let Some(trashed) = comes_back {
            bring_back(lock, &trashed, clock)?;
        }
    }
    Ok(HoldReport { id: id.clone(), holds, restored, changed })
}
