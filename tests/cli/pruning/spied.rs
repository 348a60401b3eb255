//! Every store call of a prune, a sweep and a restore gone wrong in every way: nothing half-made is seen, and a
//! rerun ends where an undisturbed run does.

use super::scene::{
    Act, Scene, accept, prune, prune_into, prune_to_archive, purge, restore, restore_part, sweep, withdraw,
};
use crate::support::broken::Broken;

#[test]
fn a_prune_that_breaks_anywhere_is_finished_by_the_next() {
    everywhere(Scene::new, prune, Scene::end);
}

#[test]
fn a_prune_to_an_archive_that_breaks_anywhere_here_is_finished_by_the_next() {
    let (store, whole) = (Scene::store, Scene::is_whole_or_archived);
    let (begin, act, end) = (&Scene::archiving, &prune_to_archive, &Scene::end_of_both);
    Broken { stride: STRIDE, begin, store, act, whole, all_done: false, end }.every_call(12);
}

#[test]
fn a_prune_to_an_archive_that_breaks_anywhere_there_is_finished_by_the_next() {
    let (store, whole) = (Scene::store_of_archive, Scene::is_whole_or_archived);
    let (begin, act, end) = (&Scene::archiving, &prune_into, &Scene::end_of_both);
    Broken { stride: STRIDE, begin, store, act, whole, all_done: false, end }.every_call(12);
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
    // "Deleted" is said only of what is.
    broken(Scene::withdrawing, purge, Scene::end, true);
}

#[test]
fn a_loss_of_events_whose_acceptance_breaks_anywhere_is_accepted_by_the_next() {
    everywhere(Scene::lost, accept, Scene::end_of_the_journal);
    everywhere(Scene::damaged, accept, Scene::end_of_the_journal);
}

/// Not a divisor of the number of faults, so that each fault is tried at one of three calls, and another one at the next.
const STRIDE: usize = 3;

#[track_caller]
fn everywhere(begin: fn() -> Scene, act: Act, end: fn(&Scene) -> Vec<String>) {
    broken(begin, act, end, false);
}

#[track_caller]
fn broken(begin: fn() -> Scene, act: Act, end: fn(&Scene) -> Vec<String>, all_done: bool) {
    let (store, whole) = (Scene::store, Scene::is_whole);
    Broken { stride: STRIDE, begin: &begin, store, act: &act, whole, all_done, end: &end }.every_call(12);
}
