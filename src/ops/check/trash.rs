//! What is wrong in the trash: directories without a ticket that can be used, and directories that are gone.

use crate::mirror::{GOING, Mirror};
use crate::model::BuildId;
use crate::model::{RelPath, Stamp};
use crate::ops::ActError;
use crate::record::{EventKind, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// Returns each directory of the trash whose build may be lost, and why; a journal of another mirror states none.
pub(super) fn wrong(mirror: &Mirror, now: Stamp, foreign: bool) -> Result<Vec<(RelPath, String)>, ActError> {
    let mut found: Vec<(RelPath, String)> = Vec::new();
    for (at, why) in mirror.trash()?.unread() {
        let hint =
            "`mirrorkeep recover` writes its ticket again, if the journal or its record states what it is";
        found.push((at, format!("{why}; {hint}")));
    }
    let mut gone = if foreign { BTreeMap::new() } else { gone(mirror, now)? };
    if !gone.is_empty() {
        // Another command may have brought it back or swept it after the journal was read.
        let again = self::gone(mirror, now)?;
        gone.retain(|at, _| again.contains_key(at));
    }
    for (at, (id, until)) in gone {
        let until = until.iso();
        let why = format!("the journal states that `{id}` is there until {until}, and it is gone");
        found.push((at, format!("{why}; restore it from a copy")));
    }
    Ok(found)
}

/// Returns the directories that the journal states, whose term is not over, and that are not there.
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
            // One that is cut off has the directory no more.
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

/// Returns whether what an event moved to the trash is in its place, from whatever directory it came back.
fn is_back(mirror: &Mirror, what: EventKind, id: &str) -> Result<bool, ActError> {
    let Ok(id) = id.parse::<BuildId>() else { return Ok(false) };
    let whole = |id: &BuildId| -> Result<bool, ActError> {
        Ok(mirror.record(id)?.is_some_and(|record| record.trimmed.is_empty()))
    };
    Ok(mirror.has_build(&id)? && (what == EventKind::Pruned || whole(&id)?))
}
