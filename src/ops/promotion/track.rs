//! How a name moved: each move with who, why, and what was known of the build at that moment.

use crate::mirror::{JournalError, Mirror};
use crate::model::{RelPath, Stamp};
use crate::record::{Event, EventKind, Phase, Promotion};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// One move of a name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NameHistory {
    /// When.
    pub at: Stamp,
    /// What it pointed at before.
    pub from: Option<RelPath>,
    /// What it pointed at then; nothing when it went.
    pub to: Option<RelPath>,
    /// Who did it.
    pub by: String,
    /// `promoted` or `demoted` where it moved as a stage or along with one.
    pub what: Option<&'static str>,
    /// Why a person did it.
    pub why: Option<String>,
    /// What required jobs had voted on the build.
    pub votes: BTreeMap<String, String>,
    /// The jobs whose vote was waived.
    pub waivers: Vec<String>,
    /// What the build lacked, where it was promoted all the same.
    pub lacked: Vec<String>,
    /// Whether it was moved without mirrorkeep.
    pub by_hand: bool,
}

/// Returns every move of a name, oldest first.
pub fn track(mirror: &Mirror, alias: &RelPath) -> Result<Vec<NameHistory>, JournalError> {
    let kinds = [EventKind::Aliased, EventKind::Unaliased, EventKind::Promoted, EventKind::Demoted];
    let events = mirror.history(&kinds)?;
    let mut moves: Vec<(u64, NameHistory)> = Vec::new();
    for event in events.iter().filter(|event| event.phase == Phase::Done) {
        if matches!(event.what, EventKind::Promoted | EventKind::Demoted) {
            let Some(promotion) = event.stated().promotion else { continue };
            if let Some(promotion) = promotion.moving(alias) {
                within(&mut moves, event, alias, promotion);
            }
        } else if event.to == alias.as_str() {
            let said = event.stated();
            moves.push((
                event.seq,
                NameHistory {
                    at: event.at,
                    from: said.from,
                    to: said.to,
                    by: event.by.clone(),
                    what: None,
                    why: said.why,
                    votes: BTreeMap::new(),
                    waivers: Vec::new(),
                    lacked: Vec::new(),
                    by_hand: said.by_hand.unwrap_or_default(),
                },
            ));
        }
    }
    Ok(moves.into_iter().map(|(_, one)| one).collect())
}

/// Says of the moves that a promotion made that it made them.
fn within(moves: &mut [(u64, NameHistory)], event: &Event, alias: &RelPath, promotion: &Promotion) {
    let Some(first) = event.settles else { return };
    let what = if event.what == EventKind::Promoted { "promoted" } else { "demoted" };
    let goes =
        |to: &Option<RelPath>| promotion.moves.iter().any(|step| step.alias == *alias && step.to == *to);
    for (_, one) in moves.iter_mut().filter(|(seq, one)| *seq > first && *seq < event.seq && goes(&one.to)) {
        one.what = Some(what);
        one.why.clone_from(&promotion.why);
        one.votes.clone_from(&promotion.votes);
        one.waivers.clone_from(&promotion.waived);
        one.lacked.clone_from(&promotion.lacked);
    }
}
