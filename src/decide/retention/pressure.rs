//! Deletions under disk pressure: which further builds may be deleted, the oldest first, until enough is free.
//!
//! Only what ranges leave open is deleted: protections, floor and the lower end of every range stay.

use crate::decide::policy::Pressure;
use crate::decide::retention::draft::{Draft, Drafts};
use crate::decide::retention::needs::Needs;
use crate::decide::retention::plan::{Fate, PartFate};
use crate::decide::retention::previous_runs::Space;
use std::collections::HashMap;

/// Returns how many bytes must be freed in addition to the trash; nothing without pressure. A run in progress
/// continues until `until_free` is free.
pub(super) fn wanted(pressure: Pressure, space: Space, under_way: bool) -> Option<u64> {
    if !under_way && space.free >= pressure.free_below.of(space.total) {
        return None;
    }
    Some(pressure.until_free.of(space.total).saturating_sub(space.free).saturating_sub(space.trash))
}

/// Expires further builds, from the verdicts at the lower end of the ranges, and returns how many bytes are still
/// missing.
pub(super) fn press(drafts: &mut Drafts<'_>, pressed: Drafts<'_>, needs: &Needs, wanted: u64) -> u64 {
    let mut freed = drafts.expiring().map(|index| drafts.bytes(index)).fold(0, u64::saturating_add);
    let mut candidates: Vec<usize> =
        pressed.expiring().filter(|index| drafts.fate(*index) == Fate::Keep).collect();
    candidates.sort_by_key(|index| drafts.age(*index));
    let mut needed_by: HashMap<usize, Vec<usize>> = HashMap::new();
    for build in 0..drafts.len() {
        for other in needs.of_build(build) {
            needed_by.entry(*other).or_default().push(build);
        }
    }
    let mut near: HashMap<usize, Draft<'_>> =
        pressed.all.into_iter().enumerate().filter(|(_, draft)| draft.fate == Fate::Expire).collect();
    // A candidate that a younger one needs must wait for it, so the list is processed until nothing more can be
    // deleted alone; what is left then are builds that need each other, and they are deleted together.
    while freed < wanted {
        let users = |index: &usize| needed_by.get(index).into_iter().flatten().copied();
        let alone =
            candidates.iter().find(|index| users(index).all(|user| drafts.fate(user) == Fate::Expire));
        let ring = || {
            let rings = candidates.iter().map(|index| ring(*index, &needed_by, drafts));
            rings.into_iter().find(|ring| ring.iter().all(|index| candidates.contains(index)))
        };
        let Some(going) = alone.map(|index| vec![*index]).or_else(ring) else { break };
        for index in going {
            candidates.retain(|other| *other != index);
            freed = freed.saturating_add(drafts.bytes(index));
            if let (Some(draft), Some(pressed)) = (drafts.all.get_mut(index), near.remove(&index)) {
                draft.fate = Fate::Expire;
                draft.pressed = true;
                draft.reasons.clear();
                draft.misses = pressed.misses;
                draft.parts = draft.parts.keys().map(|name| (*name, PartFate::Expire)).collect();
            }
        }
    }
    wanted.saturating_sub(freed)
}

/// Returns a build with all builds that need it, directly or not, and are not deleted yet.
fn ring(build: usize, needed_by: &HashMap<usize, Vec<usize>>, drafts: &Drafts<'_>) -> Vec<usize> {
    let mut ring = vec![build];
    let mut open = vec![build];
    while let Some(build) = open.pop() {
        for user in needed_by.get(&build).into_iter().flatten() {
            if drafts.fate(*user) != Fate::Expire && !ring.contains(user) {
                ring.push(*user);
                open.push(*user);
            }
        }
    }
    ring
}
