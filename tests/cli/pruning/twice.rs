//! In a directory: a command that is stopped anywhere, and then one read of the next command that fails.

use super::scene::{
    self, BUILDS, Scene, build, chain, now, open, prune, restore, restore_part, sweep, withdraw,
};
use crate::support::twice::{Left, every_read, every_read_after};
use mirrorkeep::mirror::GOING;
use mirrorkeep::ops::Mode;
use mirrorkeep::recover::Stages;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Spy, Store};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

/// The n-th point of every N is tried in the usual run.
const STRIDE: usize = 23;

#[test]
fn a_read_that_fails_after_a_prune_that_was_stopped_loses_no_build() {
    every_read(STRIDE, Scene::new, |_, store| prune(store));
}

#[test]
fn a_read_that_fails_after_a_sweep_that_was_stopped_loses_no_build() {
    every_read(STRIDE, Scene::pruned, |_, store| sweep(store));
}

#[test]
fn a_read_that_fails_after_a_restore_that_was_stopped_loses_no_build() {
    every_read(STRIDE, Scene::pruned, |_, store| restore(store));
}

#[test]
fn a_read_that_fails_after_a_restore_of_parts_that_was_stopped_loses_no_build() {
    every_read(STRIDE, Scene::pruned, |_, store| restore_part(store));
}

#[test]
fn a_read_that_fails_after_a_withdrawal_that_was_stopped_loses_no_build() {
    every_read(STRIDE, Scene::withdrawing, |_, store| withdraw(store));
}

/// Returns the first and the last call of a restore of parts after the journal has it that they are back.
fn discarding() -> (usize, usize) {
    let undisturbed = Scene::pruned();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    restore_part(Arc::<Spy>::clone(&spy)).unwrap();
    let calls = spy.calls();
    let told = calls.iter().rposition(|call| call.at.as_str().starts_with(".mirrorkeep/journal")).unwrap();
    (told + 2, calls.len())
}

/// The directory of the trash waits to be discarded: the journal has it that its tree is back.
#[test]
fn a_read_that_fails_between_a_restore_of_parts_and_the_discard_loses_no_build() {
    let (first, last) = discarding();
    every_read_after(first..=last, 1, Scene::pruned, |_, store| restore_part(store));
}

/// A ticket that is damaged for good tells no more whether the tree beside it is the one that came in exchange.
#[test]
fn a_ticket_that_is_damaged_between_a_restore_of_parts_and_the_discard_is_not_written_again() {
    let (first, _) = discarding();
    let scene = Scene::pruned();
    restore_part(Arc::new(Spy::new(scene.store()).with(first, Fault::Stop))).ok();
    let parts = scene.stream().join(BUILDS[2]).join("inputs");
    assert!(parts.is_dir());
    for entry in fs::read_dir(scene.root().join(".mirrorkeep/trash")).unwrap() {
        let ticket = entry.unwrap().path().join("ticket.json");
        if fs::read_to_string(&ticket).is_ok_and(|text| text.contains(BUILDS[2])) {
            fs::write(&ticket, "{").unwrap();
        }
    }
    <Scene as Left>::recover(scene.store()).unwrap();
    restore_part(scene.store()).ok();
    assert!(parts.is_dir(), "the parts of {} are lost", BUILDS[2]);
}

impl Left for Scene {
    type Had = BTreeSet<String>;

    fn store(&self) -> Arc<dyn Store> {
        self.store()
    }

    fn recover(store: Arc<dyn Store>) -> Result<(), String> {
        mirrorkeep::recover::recover(&open(store)?, Stages::Wait, &now).map(drop).map_err(chain)
    }

    /// By the files alone.
    fn had(&self) -> BTreeSet<String> {
        let in_place = BUILDS.into_iter().filter(|name| self.stream().join(name).is_dir());
        let mut kept: BTreeSet<String> = in_place.map(str::to_owned).collect();
        for entry in fs::read_dir(self.root().join(".mirrorkeep/trash")).unwrap() {
            let at = entry.unwrap().path();
            if at.join("tree/SHA256SUMS").is_file() && !at.to_str().unwrap().ends_with(GOING) {
                let ticket = fs::read_to_string(at.join("ticket.json")).unwrap_or_default();
                kept.extend(BUILDS.into_iter().filter(|name| ticket.contains(name)).map(str::to_owned));
            }
        }
        kept
    }

    /// With all of its parts.
    fn survives(&self, had: &BTreeSet<String>) -> Result<(), String> {
        <Self as Left>::recover(self.store())?;
        self.is_whole()?;
        let mirror = scene::open(self.store())?;
        let parts = self.stream().join(BUILDS[2]).join("inputs");
        let waiting = mirror.trash().map_err(chain)?.waiting;
        for name in BUILDS.into_iter().filter(|name| had.contains(*name)) {
            let in_place = self.stream().join(name).is_dir();
            let trashed = waiting.iter().any(|trashed| trashed.ticket.id == build(name));
            if !in_place || name == BUILDS[2] && trashed {
                mirrorkeep::ops::retention::restore(&Session::new(&mirror, &now), &build(name), Mode::Real)
                    .map_err(|error| format!("{name}: {}", chain(error)))?;
            }
            if name == BUILDS[2] && trashed && !parts.is_dir() {
                return Err(format!("the parts of {name} are lost"));
            }
        }
        self.is_whole()
    }
}

#[test]
fn a_restore_that_was_stopped_and_runs_again_leaves_one_hold() {
    for (act, id) in
        [(restore as scene::Act, build(BUILDS[0])), (restore_part as scene::Act, build(BUILDS[2]))]
    {
        let undisturbed = Scene::pruned();
        let spy = Arc::new(mirrorkeep::store::Spy::new(undisturbed.store()));
        act(Arc::<mirrorkeep::store::Spy>::clone(&spy)).unwrap();
        for nth in 1..=spy.count() {
            let scene = Scene::pruned();
            act(Arc::new(
                mirrorkeep::store::Spy::new(scene.store()).with(nth, mirrorkeep::store::Fault::Stop),
            ))
            .ok();
            act(scene.store()).unwrap();
            let holds = open(scene.store()).unwrap().holds_of(&id).unwrap();
            assert_eq!(holds.len(), 1, "before call {nth}, {}: {holds:?}", spy.calls()[nth - 1]);
        }
    }
}
