//! Every store call of a prune, a sweep and a restore gone wrong in every way: nothing half-made is seen, and a
//! rerun ends where an undisturbed run does.

use super::scene::{Act, Scene, accept, prune, purge, restore, restore_part, sweep, withdraw};
use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use std::io::Write;
use std::sync::Arc;

const FAULTS: [Fault; 5] = [
    Fault::Stop,
    Fault::Fail(StoreErrorKind::Io),
    Fault::FailOn(StoreErrorKind::NoSpace),
    Fault::Lose(StoreErrorKind::Io),
    Fault::Repeat,
];

#[test]
fn a_prune_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::new, prune, Scene::end);
}

#[test]
fn a_sweep_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::pruned, sweep, Scene::end);
}

#[test]
fn a_restore_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::pruned, restore, Scene::end_but_sweeping);
}

#[test]
fn a_restore_of_a_part_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::pruned, restore_part, Scene::end_but_sweeping);
}

#[test]
fn a_withdrawal_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::withdrawing, withdraw, Scene::end);
}

#[test]
fn a_withdrawal_that_purges_and_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::withdrawing, purge, Scene::end);
}

#[test]
fn a_loss_of_events_whose_acceptance_breaks_anywhere_is_accepted_by_the_next() {
    everywhere(Scene::lost, accept, Scene::end_of_the_journal);
    everywhere(Scene::damaged, accept, Scene::end_of_the_journal);
}

#[track_caller]
fn everywhere(begin: fn() -> Scene, act: Act, end: fn(&Scene) -> Vec<String>) {
    let undisturbed = begin();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(Arc::<Spy>::clone(&spy)).unwrap();
    let (expected, calls) = (end(&undisturbed), spy.calls());
    let mut failures = Vec::new();
    for nth in 1..=calls.len() {
        for fault in FAULTS {
            if let Err(why) = survives(begin, act, (nth, fault), end, &expected) {
                failures.push(format!("{fault:?} at {nth}, {}: {why}", calls[nth - 1]));
            }
        }
    }
    let (tried, failed) = (calls.len() * FAULTS.len(), failures.len());
    let mut out = std::io::stdout();
    writeln!(out, "{tried} points tried, {failed} failed").unwrap();
    assert!(failures.is_empty(), "{failed} of {tried} failed:\n{}", failures.join("\n"));
    assert!(calls.len() > 12, "only {} calls", calls.len());
}

fn survives(
    begin: fn() -> Scene,
    act: Act,
    (nth, fault): (usize, Fault),
    end: fn(&Scene) -> Vec<String>,
    expected: &[String],
) -> Result<(), String> {
    let scene = begin();
    let spy: Arc<dyn Store> = Arc::new(Spy::new(scene.store()).with(nth, fault));
    let first = act(spy);
    scene.is_whole().map_err(|why| format!("{why} after {first:?}"))?;
    act(scene.store()).map_err(|why| format!("the rerun failed: {why}; first {first:?}"))?;
    let end = end(&scene);
    if end == expected {
        return Ok(());
    }
    let other =
        |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>();
    Err(format!(
        "another end: {:?} instead of {:?}; first {first:?}",
        other(&end, expected),
        other(expected, &end)
    ))
}
