//! Holds: protection of a build, with a reason. Holding a build in the trash restores it.

use crate::commit::trash::find_unread;
use crate::commit::untrash::{bring_back, find};
use crate::model::BuildId;
use crate::ops::{ActError, Mode};
use crate::record::{EventKind, Hold};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;

/// The result of `hold` or `unhold`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HoldReport {
    /// The ID of the build.
    pub id: BuildId,
    /// All its holds now.
    pub holds: Vec<Hold>,
    /// Whether it was restored from the trash, or would be in a dry run.
    pub restored: bool,
    /// Whether anything changed.
    pub changed: bool,
}

/// Returns the user and host of an actor; the process ID means nothing later.
pub(crate) fn person(who: &str) -> String {
    who.rsplit_once(" pid ").map_or(who, |(person, _)| person).to_owned()
}

/// Holds a build.
pub fn hold(session: &Session<'_>, id: &BuildId, hold: Hold, mode: Mode) -> Result<HoldReport, ActError> {
    let hold = Hold { who: person(&hold.who), ..hold };
    let same = |held: &Hold| held.why == hold.why && held.until == hold.until;
    change(session, id, EventKind::Held, mode, |holds| {
        if !holds.iter().any(same) {
            holds.push(hold.clone());
        }
    })
}

/// Holds a build for a reason until the end of a hold at least: one with the same reason that ends later, or never, stays.
pub(crate) fn hold_at_least(session: &Session<'_>, id: &BuildId, hold: Hold) -> Result<HoldReport, ActError> {
    let hold = Hold { who: person(&hold.who), ..hold };
    let is_longer =
        |held: &Hold| held.until.is_none_or(|until| hold.until.is_some_and(|least| until >= least));
    change(session, id, EventKind::Held, Mode::Real, |holds| {
        if !holds.iter().any(|held| held.why == hold.why && is_longer(held)) {
            holds.retain(|held| held.why != hold.why);
            holds.push(hold.clone());
        }
    })
}

/// Removes the holds of a build: those with that reason, or all.
pub fn unhold(
    session: &Session<'_>,
    id: &BuildId,
    why: Option<&str>,
    mode: Mode,
) -> Result<HoldReport, ActError> {
    change(session, id, EventKind::Unheld, mode, |holds| {
        holds.retain(|hold| why.is_some_and(|why| hold.why != why));
    })
}

fn change(
    session: &Session<'_>,
    id: &BuildId,
    what: EventKind,
    mode: Mode,
    change: impl Fn(&mut Vec<Hold>),
) -> Result<HoldReport, ActError> {
    let mirror = session.mirror();
    mirror.layout().build_path(id)?;
    let lock = if mode == Mode::Real { Some(session.begin()?) } else { None };
    let there = mirror.has_build(id)?;
    let trashed = if there { None } else { find(mirror, id)? };
    let trashed = match (trashed, &lock) {
        (None, Some(lock)) if !there && what == EventKind::Held => find_unread(lock, id, lock.now())?,
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
            crate::commit::holds::write(lock, id, what, &holds, lock.now())?;
        }
        if let Some(trashed) = comes_back {
            bring_back(lock, &trashed)?;
        }
    }
    Ok(HoldReport { id: id.clone(), holds, restored, changed })
}
