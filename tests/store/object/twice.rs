//! In an object store: a command that is stopped anywhere, and then one read of the next command that fails.

use super::parts::TRIMS;
use super::scene::{self, ONE, Scene, TWO, build, now, open};
use crate::support::twice::{Left, every_read};
use crate::support::view::chain;
use mirrorkeep::ops::Mode;
use mirrorkeep::recover::Stages;
use mirrorkeep::session::Session;
use mirrorkeep::store::Store;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The n-th point of every N is tried in the usual run.
const STRIDE: usize = 11;

#[test]
fn a_read_that_fails_after_a_publish_that_was_stopped_loses_no_build() {
    let ready = Scene::new();
    every_read(STRIDE, || ready.fork(), scene::publish_two);
}

#[test]
fn a_read_that_fails_after_a_prune_that_was_stopped_loses_no_build() {
    let ready = two_builds();
    every_read(STRIDE, || ready.fork(), scene::prune);
}

#[test]
fn a_read_that_fails_after_a_trim_that_was_stopped_loses_no_build() {
    let ready = trimming();
    every_read(STRIDE, || ready.fork(), scene::prune);
}

#[test]
fn a_read_that_fails_after_a_sweep_that_was_stopped_loses_no_build() {
    let ready = pruned(two_builds());
    every_read(STRIDE, || ready.fork(), scene::sweep);
}

#[test]
fn a_read_that_fails_after_a_restore_that_was_stopped_loses_no_build() {
    let ready = pruned(two_builds());
    every_read(STRIDE, || ready.fork(), scene::restore_one);
}

#[test]
fn a_read_that_fails_after_a_restore_of_parts_that_was_stopped_loses_no_build() {
    let ready = pruned(trimming());
    every_read(STRIDE, || ready.fork(), scene::restore_one);
}

#[test]
fn a_read_that_fails_after_a_withdrawal_that_was_stopped_loses_no_build() {
    let ready = two_builds();
    every_read(STRIDE, || ready.fork(), scene::withdraw);
}

fn two_builds() -> Scene {
    let scene = Scene::new();
    scene::publish_two(&scene, scene.store()).unwrap();
    scene
}

fn trimming() -> Scene {
    let scene = two_builds();
    scene.policy(TRIMS);
    scene
}

fn pruned(scene: Scene) -> Scene {
    scene::prune(&scene, scene.store()).unwrap();
    scene
}

impl Left for Scene {
    type Had = BTreeSet<&'static str>;

    fn store(&self) -> Arc<dyn Store> {
        self.store()
    }

    fn recover(store: Arc<dyn Store>) -> Result<(), String> {
        mirrorkeep::recover::recover(&open(store)?, Stages::Wait, &now).map(drop).map_err(chain)
    }

    /// In the trash those count that are not marked as going.
    fn had(&self) -> BTreeSet<&'static str> {
        let trash = self.mirror().trash().unwrap();
        let going = |at: &str| trash.going.iter().any(|going| going.as_str().starts_with(at));
        let waits = |name: &str| {
            let of = trash.waiting.iter().filter(|trashed| trashed.ticket.id == build(name));
            of.filter(|trashed| !going(trashed.at.as_str())).count() > 0
        };
        let there = |name: &&str| self.mirror().has_build(&build(name)).unwrap() || waits(name);
        [ONE, TWO].into_iter().filter(there).collect()
    }

    fn survives(&self, had: &BTreeSet<&'static str>) -> Result<(), String> {
        <Self as Left>::recover(self.store())?;
        self.misleads_nobody()?;
        let waiting = self.mirror().trash().map_err(chain)?.waiting;
        for name in had {
            let trashed = waiting.iter().any(|trashed| trashed.ticket.id == build(name));
            if trashed || !self.mirror().has_build(&build(name)).map_err(chain)? {
                mirrorkeep::ops::retention::restore(
                    &Session::new(self.mirror(), &now),
                    &build(name),
                    Mode::Real,
                )
                .map_err(|error| format!("{name}: {}", chain(error)))?;
            }
            if !self.mirror().has_build(&build(name)).map_err(chain)? {
                return Err(format!("{name} is lost"));
            }
        }
        self.misleads_nobody()
    }
}
