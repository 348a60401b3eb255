//! The moves of an alias: each with who, why, and the facts about the build at that moment.

use crate::mirror::{JournalError, Mirror};
use crate::model::{RelPath, Stamp};
use crate::record::{Event, EventKind, Phase, Promotion};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// One move of an alias.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NameHistory {
    /// When it moved.
    pub at: Stamp,
    /// Its previous target.
    pub from: Option<RelPath>,
    /// Its new target; nothing if it was removed.
    pub to: Option<RelPath>,
    /// Who did it.
    pub by: String,
    /// `promoted` or `demoted` if it moved as a stage or was carried by one.
    pub what: Option<&'static str>,
    /// The reason of a person.
    pub why: Option<String>,
    /// The votes of required jobs on the build.
    pub votes: BTreeMap<String, String>,
    /// The jobs whose vote was waived.
    pub waivers: Vec<String>,
    /// What the build lacked, if it was promoted all the same.
    pub lacked: Vec<String>,
    /// Whether it was moved without mirrorkeep.
    pub by_hand: bool,
}

/// The kinds of events that state moves of aliases.
const MOVING: [EventKind; 4] =
    [EventKind::Aliased, EventKind::Unaliased, EventKind::Promoted, EventKind::Demoted];

/// Returns every move of an alias, oldest first.
pub fn track(mirror: &Mirror, alias: &RelPath) -> Result<Vec<NameHistory>, JournalError> {
    let events = mirror.history(&MOVING)?;
    Ok(tracks(&events, |name| name == alias.as_str()).remove(alias.as_str()).unwrap_or_default())
}

/// Returns every move of each alias that is `wanted`, oldest first, by its path.
pub(crate) fn tracks(events: &[Event], wanted: impl Fn(&str) -> bool) -> HashMap<String, Vec<NameHistory>> {
    let mut moves: HashMap<String, Vec<(u64, NameHistory)>> = HashMap::new();
    let moving = |event: &&Event| event.phase == Phase::Done && MOVING.contains(&event.what);
    for event in events.iter().filter(moving) {
        if matches!(event.what, EventKind::Promoted | EventKind::Demoted) {
            let Some(promotion) = event.stated().promotion else { continue };
            for step in promotion.steps() {
                let known = moves.get_mut(step.alias.as_str());
                if let Some((known, part)) = known.zip(promotion.moving(&step.alias)) {
                    within(known, event, &step.alias, part);
                }
            }
        } else if wanted(&event.to) {
            let said = event.stated();
            moves.entry(event.to.clone()).or_default().push((
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
    let plain = |moves: Vec<(u64, NameHistory)>| moves.into_iter().map(|(_, one)| one).collect();
    moves.into_iter().map(|(name, moves)| (name, plain(moves))).collect()
}

/// Marks the moves that a promotion made; they come in the order of the journal.
fn within(moves: &mut [(u64, NameHistory)], event: &Event, alias: &RelPath, promotion: &Promotion) {
    let Some(first) = event.settles else { return };
    let what = if event.what == EventKind::Promoted { "promoted" } else { "demoted" };
    let goes =
        |to: &Option<RelPath>| promotion.moves.iter().any(|step| step.alias == *alias && step.to == *to);
    let made = moves.iter_mut().rev().take_while(|(seq, _)| *seq > first);
    for (_, one) in made.filter(|(seq, one)| *seq < event.seq && goes(&one.to)) {
        one.what = Some(what);
        one.why.clone_from(&promotion.why);
        one.votes.clone_from(&promotion.votes);
        one.waivers.clone_from(&promotion.waived);
        one.lacked.clone_from(&promotion.lacked);
    }
}
