//! Problems of the trash: directories without a usable ticket, and missing directories.

use crate::mirror::{GOING, Mirror, Trash, Trashed};
use crate::model::BuildId;
use crate::model::{RelPath, Stamp};
use crate::ops::ActError;
use crate::record::{EventKind, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// Problems of the trash: the path, and what is wrong.
#[derive(Default)]
pub(super) struct Wrong {
    /// Directories whose build may be lost.
    pub(super) unread: Vec<(RelPath, String)>,
    /// Directories that no event put there.
    pub(super) unknown: Vec<(RelPath, String)>,
}

/// Returns the problems of the trash; the journal of another mirror states nothing about it.
pub(super) fn wrong(mirror: &Mirror, now: Stamp, foreign: bool) -> Result<Wrong, ActError> {
    let Trash { waiting, strange, alien, .. } = mirror.trash()?;
    let mut wrong = Wrong { unknown: alien, ..Wrong::default() };
    for (at, why) in strange {
        match copied(mirror, &at, &waiting) {
            Some(of) => {
                let why = format!("it is a copy of `{of}`, whose ticket it has: {why}");
                wrong.unknown.push((at, why));
            }
            None => {
                let hint = "`mirrorkeep recover` writes its ticket again, if the journal or its record states what it is";
                wrong.unread.push((at, format!("{why}; {hint}")));
            }
        }
    }
    let mut gone = if foreign { BTreeMap::new() } else { gone(mirror, now)? };
    if !gone.is_empty() {
        // Another command may have restored or swept it after the journal was read.
        let again = self::gone(mirror, now)?;
        gone.retain(|at, _| again.contains_key(at));
    }
    for (at, (id, until)) in gone {
        let until = until.iso();
        let why = format!("the journal states that `{id}` is there until {until}, and it is missing");
        wrong.unread.push((at, format!("{why}; restore it from a copy")));
    }
    Ok(wrong)
}

/// Returns the directory of which this one is a copy: both have the same ticket, and only one is from an event.
fn copied<'a>(mirror: &Mirror, at: &RelPath, waiting: &'a [Trashed]) -> Option<&'a RelPath> {
    let ticket = mirror.ticket_as_written(at).ok()?;
    let same = |one: &&Trashed| (&one.ticket.id, one.ticket.since) == (&ticket.id, ticket.since);
    waiting.iter().find(same).map(|one| &one.at)
}

/// Returns the directories that the journal states, whose term is not over, and that are missing.
fn gone(mirror: &Mirror, now: Stamp) -> Result<BTreeMap<RelPath, (String, Stamp)>, ActError> {
    let kinds = [EventKind::Pruned, EventKind::Trimmed, EventKind::Restored, EventKind::Swept];
    let mut stated = BTreeMap::new();
    for event in mirror.history(&kinds)? {
        let said = event.stated();
        let Some(at) = said.trash else { continue };
        match (event.what, event.phase) {
            (EventKind::Pruned | EventKind::Trimmed, Phase::Done) => {
                if let Some(until) = said.until {
                    stated.insert(at, (event.what, event.to, until));
                }
            }
            // An interrupted restore or sweep may no longer have the directory.
            (EventKind::Restored | EventKind::Swept, Phase::Intent | Phase::Done) => {
                stated.remove(&at);
            }
            _ => {}
        }
    }
    let there: BTreeSet<RelPath> = mirror.list_state(&RelPath::state("trash"))?.into_iter().collect();
    let going = |at: &RelPath| RelPath::state(&format!("trash/{}{GOING}", at.name()));
    stated.retain(|at, (_, _, until)| *until >= now && !there.contains(at) && !there.contains(&going(at)));
    let mut gone = BTreeMap::new();
    for (at, (what, id, until)) in stated {
        if !is_back(mirror, what, &id)? {
            gone.insert(at, (id, until));
        }
    }
    Ok(gone)
}

/// Returns whether what an event moved to the trash is at its path again, from whichever directory it was restored.
fn is_back(mirror: &Mirror, what: EventKind, id: &str) -> Result<bool, ActError> {
    let Ok(id) = id.parse::<BuildId>() else { return Ok(false) };
    let whole = |id: &BuildId| -> Result<bool, ActError> {
        Ok(mirror.record(id)?.is_some_and(|record| record.trimmed.is_empty()))
    };
    Ok(mirror.has_build(&id)? && (what == EventKind::Pruned || whole(&id)?))
}
