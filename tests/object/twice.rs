//! A command that is stopped anywhere, and then one read of the next command that fails: no build is lost.

use super::parts::TRIMS;
use super::scene::{self, Act, ONE, Scene, TWO, build, now, open};
use crate::view::chain;
use mirrorkeep::act::{self, Mode, Stages};
use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use std::{collections::BTreeSet, io::Write, sync::Arc};

/// The calls of a store that read.
const READS: [&str; 8] = ["look", "link_text", "noted_digest", "list", "below", "scan", "read", "open"];

/// The n-th point of every N is tried in the usual run.
const STRIDE: usize = 11;

#[test]
fn a_read_that_fails_after_a_publish_that_was_stopped_loses_no_build() {
    every_read(&Scene::new(), scene::publish_two);
}

#[test]
fn a_read_that_fails_after_a_prune_that_was_stopped_loses_no_build() {
    every_read(&two_builds(), scene::prune);
}

#[test]
fn a_read_that_fails_after_a_trim_that_was_stopped_loses_no_build() {
    every_read(&trimming(), scene::prune);
}

#[test]
fn a_read_that_fails_after_a_sweep_that_was_stopped_loses_no_build() {
    every_read(&pruned(two_builds()), scene::sweep);
}

#[test]
fn a_read_that_fails_after_a_restore_that_was_stopped_loses_no_build() {
    every_read(&pruned(two_builds()), scene::restore_one);
}

#[test]
fn a_read_that_fails_after_a_restore_of_parts_that_was_stopped_loses_no_build() {
    every_read(&pruned(trimming()), scene::restore_one);
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

/// Settles what was left, as every changing command does first.
fn recover(store: Arc<dyn Store>) -> Result<(), String> {
    act::recover(&open(store)?, Stages::Wait, &now).map(drop).map_err(chain)
}

#[track_caller]
fn every_read(ready: &Scene, act: Act) {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { STRIDE };
    let stopped = |nth| {
        let scene = ready.fork();
        act(&scene, Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).ok();
        scene
    };
    let undisturbed = ready.fork();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let (mut points, mut tried, mut wrong) = (0, 0, Vec::new());
    for (before, stop) in spy.calls().iter().zip(1..) {
        let left = stopped(stop);
        let had = kept(&left);
        let calm = left.fork();
        let reading = Arc::new(Spy::new(calm.store()));
        recover(Arc::<Spy>::clone(&reading)).unwrap();
        for (read, nth) in reading.calls().iter().zip(1..).filter(|(call, _)| READS.contains(&call.method)) {
            points += 1;
            if points % stride != 0 {
                continue;
            }
            tried += 1;
            let scene = left.fork();
            let fault = Fault::Fail(StoreErrorKind::Io);
            recover(Arc::new(Spy::new(scene.store()).with(nth, fault))).ok();
            if let Err(why) = survives(&scene, &had) {
                wrong.push(format!("stopped at {stop}, {before}, then failed at {nth}, {read}: {why}"));
            }
        }
    }
    writeln!(std::io::stdout(), "{tried} of {points} points tried, {} failed", wrong.len()).ok();
    assert!(tried > 10, "only {tried} points");
    assert!(wrong.is_empty(), "{} of {tried} failed:\n{}", wrong.len(), wrong.join("\n"));
}

/// Returns the builds that are in their place, or in the trash and not marked as going.
fn kept(scene: &Scene) -> BTreeSet<&'static str> {
    let trash = scene.mirror().trash().unwrap();
    let going = |at: &str| trash.going.iter().any(|going| going.as_str().starts_with(at));
    let waits = |name: &str| {
        let of = trash.waiting.iter().filter(|trashed| trashed.ticket.id == build(name));
        of.filter(|trashed| !going(trashed.at.as_str())).count() > 0
    };
    let there = |name: &&str| scene.mirror().has_build(&build(name)).unwrap() || waits(name);
    [ONE, TWO].into_iter().filter(there).collect()
}

/// Fails unless every build that there was is in its place, or comes back from the trash, whole.
fn survives(scene: &Scene, had: &BTreeSet<&str>) -> Result<(), String> {
    recover(scene.store())?;
    scene.misleads_nobody()?;
    let waiting = scene.mirror().trash().map_err(chain)?.waiting;
    for name in had {
        let trashed = waiting.iter().any(|trashed| trashed.ticket.id == build(name));
        if trashed || !scene.mirror().has_build(&build(name)).map_err(chain)? {
            act::restore(scene.mirror(), &build(name), Mode::Real, &now)
                .map_err(|error| format!("{name}: {}", chain(error)))?;
        }
        if !scene.mirror().has_build(&build(name)).map_err(chain)? {
            return Err(format!("{name} is lost"));
        }
    }
    scene.misleads_nobody()
}
