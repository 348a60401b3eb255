//! A command that is stopped anywhere, and then one read of the next command that fails: no build is lost.

use super::scene::{self, Act, BUILDS, Scene, build, chain, now, open, prune, restore, restore_part, sweep};
use mirrorkeep::act::{self, Mode, Stages};
use mirrorkeep::mirror::GOING;
use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use std::{collections::BTreeSet, fs, io::Write, sync::Arc};

/// The calls of a store that read.
const READS: [&str; 8] = ["look", "link_text", "noted_digest", "list", "below", "scan", "read", "open"];

/// The n-th point of every N is tried in the usual run.
const STRIDE: usize = 23;

#[test]
fn a_read_that_fails_after_a_prune_that_was_stopped_loses_no_build() {
    every_read(Scene::new, prune);
}

#[test]
fn a_read_that_fails_after_a_sweep_that_was_stopped_loses_no_build() {
    every_read(Scene::pruned, sweep);
}

#[test]
fn a_read_that_fails_after_a_restore_that_was_stopped_loses_no_build() {
    every_read(Scene::pruned, restore);
}

#[test]
fn a_read_that_fails_after_a_restore_of_parts_that_was_stopped_loses_no_build() {
    every_read(Scene::pruned, restore_part);
}

/// Settles what was left, as every changing command does first.
fn recover(store: Arc<dyn Store>) -> Result<(), String> {
    act::recover(&open(store)?, Stages::Wait, &now).map(drop).map_err(chain)
}

#[track_caller]
fn every_read(begin: fn() -> Scene, act: Act) {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { STRIDE };
    let stopped = |nth| {
        let scene = begin();
        act(Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).ok();
        scene
    };
    let undisturbed = begin();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(Arc::<Spy>::clone(&spy)).unwrap();
    let (mut points, mut tried, mut wrong) = (0, 0, Vec::new());
    for (before, stop) in spy.calls().iter().zip(1..) {
        let left = stopped(stop);
        let reading = Arc::new(Spy::new(left.store()));
        recover(Arc::<Spy>::clone(&reading)).unwrap();
        for (read, nth) in reading.calls().iter().zip(1..).filter(|(call, _)| READS.contains(&call.method)) {
            points += 1;
            if points % stride != 0 {
                continue;
            }
            tried += 1;
            let scene = stopped(stop);
            let had = kept(&scene);
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

/// Returns the builds that are in their place or in the trash, by the files alone.
fn kept(scene: &Scene) -> BTreeSet<String> {
    let in_place = BUILDS.into_iter().filter(|name| scene.stream().join(name).is_dir());
    let mut kept: BTreeSet<String> = in_place.map(str::to_owned).collect();
    for entry in fs::read_dir(scene.root().join(".mirrorkeep/trash")).unwrap() {
        let at = entry.unwrap().path();
        if at.join("tree/SHA256SUMS").is_file() && !at.to_str().unwrap().ends_with(GOING) {
            let ticket = fs::read_to_string(at.join("ticket.json")).unwrap_or_default();
            kept.extend(BUILDS.into_iter().filter(|name| ticket.contains(name)).map(str::to_owned));
        }
    }
    kept
}

/// Fails unless every build that there was is in its place, or comes back from the trash, with all of its parts.
fn survives(scene: &Scene, had: &BTreeSet<String>) -> Result<(), String> {
    recover(scene.store())?;
    scene.is_whole()?;
    let mirror = scene::open(scene.store())?;
    let parts = scene.stream().join(BUILDS[2]).join("inputs");
    let waiting = mirror.trash().map_err(chain)?.waiting;
    for name in BUILDS.into_iter().filter(|name| had.contains(*name)) {
        let in_place = scene.stream().join(name).is_dir();
        let trashed = waiting.iter().any(|trashed| trashed.ticket.id == build(name));
        if !in_place || name == BUILDS[2] && trashed {
            act::restore(&mirror, &build(name), Mode::Real, &now)
                .map_err(|error| format!("{name}: {}", chain(error)))?;
        }
        if name == BUILDS[2] && trashed && !parts.is_dir() {
            return Err(format!("the parts of {name} are lost"));
        }
    }
    scene.is_whole()
}

#[test]
fn a_restore_that_was_stopped_and_runs_again_leaves_one_hold() {
    for (act, id) in [(restore as Act, build(BUILDS[0])), (restore_part as Act, build(BUILDS[2]))] {
        let undisturbed = Scene::pruned();
        let spy = Arc::new(Spy::new(undisturbed.store()));
        act(Arc::<Spy>::clone(&spy)).unwrap();
        for nth in 1..=spy.count() {
            let scene = Scene::pruned();
            act(Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).ok();
            act(scene.store()).unwrap();
            let holds = open(scene.store()).unwrap().holds_of(&id).unwrap();
            assert_eq!(holds.len(), 1, "before call {nth}, {}: {holds:?}", spy.calls()[nth - 1]);
        }
    }
}
