//! Every call that a command makes of its store goes wrong once, in every way, and nothing is lost.
//!
//! For each call in turn (one of three for each fault, but for `make torture`): do what was asked with that one call broken, look whether readers could be misled, do it
//! again with nothing broken, and compare with what it would have become undisturbed.

mod rewriting;
mod scene;
mod verifying;

use crate::support::broken::points;
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Fault, Put, Spy, Store, StoreErrorKind};
use scene::{Act, Scene};
use std::sync::Arc;
use std::time::Duration;

/// One of so many calls is broken with each fault, another one with the next fault.
const STRIDE: usize = 3;

/// What others do between the broken try and the next.
type Between = Option<Act>;

/// Breaks every call of `act` in turn and fails with everything that did not come right again.
///
/// Where there are more faults than one, the calls right after it are broken, too.
fn every_call(act: Act, faults: &[Fault], between: Between) {
    let undisturbed = Scene::new();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    if let Some(between) = between {
        between(&undisturbed, undisturbed.store()).unwrap();
    }
    let wanted = undisturbed.state();
    let count = spy.count();
    assert!(count > 10, "only {count} calls: is this the whole story?");
    let wrong: Vec<String> = points(count, faults[0], STRIDE)
        .filter_map(|nth| one_call(act, nth, faults, between, &wanted).err())
        .collect();
    assert!(wrong.is_empty(), "{} of {count} calls:\n{}", wrong.len(), wrong.join("\n"));
}

fn one_call(
    act: Act,
    nth: usize,
    faults: &[Fault],
    between: Between,
    wanted: &[String],
) -> Result<(), String> {
    let scene = Scene::new();
    let spy = (nth..).zip(faults).fold(Spy::new(scene.store()), |spy, (nth, fault)| spy.with(nth, *fault));
    let spy = Arc::new(spy);
    let first = act(&scene, Arc::<Spy>::clone(&spy));
    let call = spy.calls().get(nth - 1).map(ToString::to_string).unwrap_or_default();
    let told = |what: &str, why: String| {
        let first = first.as_ref().map_or_else(String::clone, |()| "it succeeded".to_owned());
        format!("{nth}. {call}: {first}\n    {what}: {why}")
    };
    scene.misleads_nobody().map_err(|why| told("then", why))?;
    if let Some(between) = between {
        between(&scene, scene.store()).map_err(|why| told("what others do", why))?;
        scene.misleads_nobody().map_err(|why| told("after what others do", why))?;
    } else if first.is_ok() {
        let differs = scene::difference(&scene.seen(), &seen(wanted));
        differs.map_err(|why| told("what was reported is not there", why))?;
    }
    act(&scene, scene.store()).map_err(|why| told("again", why))?;
    scene.misleads_nobody().map_err(|why| told("again", why))?;
    scene::difference(&scene.state(), wanted).map_err(|why| told("it became another", why))
}

/// Returns what readers see of a state.
fn seen(state: &[String]) -> Vec<String> {
    state.iter().filter(|line| line.starts_with("seen ")).cloned().collect()
}

/// Makes a test of each fault for each act.
macro_rules! broken {
    ($($act:ident)*) => { $(mod $act {
        use super::*;

        #[test]
        fn stopped_anywhere() {
            every_call(scene::$act, &[Fault::Stop], None);
        }

        #[test]
        fn stopped_anywhere_and_recovered() {
            every_call(scene::$act, &[Fault::Stop], Some(scene::recover));
        }

        #[test]
        fn stopped_anywhere_and_others_go_on() {
            every_call(scene::$act, &[Fault::Stop], Some(scene::say_another));
        }

        #[test]
        fn failing_anywhere() {
            for kind in [StoreErrorKind::NoSpace, StoreErrorKind::Io, StoreErrorKind::Denied] {
                every_call(scene::$act, &[Fault::Fail(kind)], None);
            }
        }

        #[test]
        fn failing_from_anywhere_on() {
            for kind in [StoreErrorKind::NoSpace, StoreErrorKind::ReadOnly] {
                every_call(scene::$act, &[Fault::FailOn(kind)], None);
            }
        }

        #[test]
        fn done_but_not_told_anywhere() {
            every_call(scene::$act, &[Fault::Lose(StoreErrorKind::Io)], None);
        }

        #[test]
        fn done_but_not_told_and_then_unreadable_anywhere() {
            let io = StoreErrorKind::Io;
            every_call(scene::$act, &[Fault::Lose(io), Fault::Fail(io)], None);
        }

        #[test]
        fn sent_twice_anywhere() {
            every_call(scene::$act, &[Fault::Repeat], None);
        }
    })* };
}

broken! { publish publish_signed publish_for_readers label adopt adopt_changed adopt_dated }

#[test]
fn a_stage_whose_clearing_was_cut_off_is_cleared_by_the_next_command() {
    for left in [&["manifest"][..], &["ticket"], &["progress", "ticket"], &["seal.json", "manifest"]] {
        let scene = Scene::new();
        let store = scene.store();
        let stage: RelPath = ".mirrorkeep/stage/20181205T060000Z-0".parse().unwrap();
        for name in left {
            store.put(&stage.child(name).unwrap(), b"", Put::Create).unwrap();
        }
        let filling = store.lock(&stage.child("ticket").unwrap(), "its publisher", Duration::ZERO).unwrap();
        scene::label(&scene, scene.store()).unwrap();
        assert!(store.look(&stage).unwrap().is_some(), "{left:?}");
        drop(filling);
        scene::say_another(&scene, scene.store()).unwrap();
        assert_eq!(store.look(&stage).unwrap(), None, "{left:?}");
    }
}

#[test]
fn who_waited_for_a_publisher_that_was_killed_ends_where_that_would_have() {
    let undisturbed = Scene::new();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    scene::publish(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let (wanted, calls) = (undisturbed.state(), spy.calls());
    let ticket = 1 + calls.iter().position(|call| call.at.name() == "ticket").unwrap();
    let mut wrong = Vec::new();
    for nth in ticket..=calls.len() {
        let scene = Arc::new(Scene::new());
        let first = Arc::clone(&scene);
        let killed = move || {
            scene::publish(&first, Arc::new(Spy::new(first.store()).with(nth, Fault::Stop))).ok();
        };
        let waited = scene::publish(&scene, Arc::new(Spy::new(scene.store()).meanwhile(ticket, killed)));
        let ended = waited.and_then(|()| scene.misleads_nobody());
        if let Err(why) = ended.and_then(|()| scene::difference(&scene.state(), &wanted)) {
            wrong.push(format!("killed at {nth}. {}: {why}", calls[nth - 1]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} calls:\n{}", wrong.len(), calls.len() - ticket, wrong.join("\n"));
}

#[test]
fn a_stage_that_the_next_publisher_holds_is_not_pulled_away_by_who_finishes_the_first() {
    let scene = Scene::new();
    let spy = Arc::new(Spy::new(scene.store()));
    scene::publish(&scene, Arc::<Spy>::clone(&spy)).unwrap();
    let revealed = 1 + spy.calls().iter().position(|call| call.method == "reveal").unwrap();
    let scene = Scene::new();
    scene::publish(&scene, Arc::new(Spy::new(scene.store()).with(revealed + 1, Fault::Stop))).unwrap_err();
    let store = scene.store();
    let stages: RelPath = ".mirrorkeep/stage".parse().unwrap();
    let stage = stages.child(&store.list(&stages).unwrap().entries[0].name).unwrap();
    let filling = store.lock(&stage.child("ticket").unwrap(), "the next publisher", Duration::ZERO).unwrap();
    scene::label(&scene, scene.store()).unwrap();
    assert!(store.look(&stage.child("ticket").unwrap()).unwrap().is_some());
    drop(filling);
    scene::say_another(&scene, scene.store()).unwrap();
    assert_eq!(store.look(&stage).unwrap(), None);
}

#[test]
fn a_spy_lets_go_wrong_what_it_was_told_to_and_notes_the_rest() {
    let scene = Scene::new();
    let at = "a".parse().unwrap();
    let spy = Spy::new(scene.store()).with(2, Fault::Fail(StoreErrorKind::NoSpace));
    assert!(spy.look(&at).is_ok());
    assert_eq!(spy.look(&at).unwrap_err().kind(), StoreErrorKind::NoSpace);
    assert!(spy.look(&at).is_ok());
    let spy = Spy::new(scene.store()).with(2, Fault::Stop);
    assert!(spy.look(&at).is_ok());
    assert!(spy.look(&at).is_err() && spy.list(&at).is_err());
    let noted: Vec<String> = spy.calls().iter().map(ToString::to_string).collect();
    assert_eq!(noted, ["look `a`", "look `a`", "list `a`"]);
}
