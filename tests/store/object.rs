//! Mirrors in an object store: what a reader may believe, whatever goes wrong at any call.
//!
//! The store is the one in memory, behind a spy. Each call of each act is stopped, failed, or done without an
//! answer; then nobody may be misled, and doing it again must end as if nothing had happened.

mod anchors;
mod counted;
mod kept;
mod parts;
mod scene;
mod twice;
mod uploads;

use crate::support::broken::points;
use crate::support::view;
use mirrorkeep::store::{Fault, Spy, StoreErrorKind};
use scene::{Act, ONE, Scene, THREE, TWO};
use std::sync::Arc;

#[test]
fn who_waited_for_a_publisher_that_was_killed_ends_where_that_would_have() {
    let ready = Scene::new();
    let undisturbed = ready.fork();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    scene::publish_two(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let (wanted, calls) = (undisturbed.state(), spy.calls());
    let ticket = 1 + calls.iter().position(|call| call.at.name() == "ticket").unwrap();
    let mut wrong = Vec::new();
    for nth in ticket..=calls.len() {
        let scene = Arc::new(ready.fork());
        let first = Arc::clone(&scene);
        let killed = move || {
            scene::publish_two(&first, Arc::new(Spy::new(first.store()).with(nth, Fault::Stop))).ok();
        };
        let waited = scene::publish_two(&scene, Arc::new(Spy::new(scene.store()).meanwhile(ticket, killed)));
        let ended = waited.and_then(|()| scene.misleads_nobody());
        if let Err(why) = ended {
            wrong.push(format!("killed at {nth}. {}: {why}", calls[nth - 1]));
        } else if scene.state() != wanted {
            let differs = view::difference(&scene.state(), &wanted);
            wrong.push(format!("killed at {nth}. {}: {differs}", calls[nth - 1]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} calls:\n{}", wrong.len(), calls.len() - ticket, wrong.join("\n"));
}

/// Of so many calls one is broken in the usual run; every one by `make torture`.
const STRIDE: usize = 3;

/// Breaks every call of `act` in turn, after `before`, and fails with everything that did not come right again.
fn every_call(before: &[Act], act: Act, fault: Fault) {
    every_call_of(Scene::new(), before, act, fault, |_| Ok(()));
}

/// Does the same with another scene, and holds every state of it against one more rule for readers.
fn every_call_of(
    ready: Scene,
    before: &[Act],
    act: Act,
    fault: Fault,
    reads_well: fn(&Scene) -> Result<(), String>,
) {
    for act in before {
        act(&ready, ready.store()).unwrap();
    }
    let undisturbed = ready.fork();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let (wanted, count) = (undisturbed.state(), spy.count());
    assert!(count > 10, "only {count} calls: is this the whole story?");
    let mut wrong = Vec::new();
    for nth in points(count, fault, STRIDE) {
        let scene = ready.fork();
        let spy = Arc::new(Spy::new(scene.store()).with(nth, fault));
        let first = act(&scene, Arc::<Spy>::clone(&spy));
        let call = spy.calls().get(nth - 1).map(ToString::to_string).unwrap_or_default();
        let mut tell =
            |what: &str, why: String| wrong.push(format!("{nth}. {call}: {first:?}\n    {what}: {why}"));
        if let Err(why) = scene.misleads_nobody().and_then(|()| reads_well(&scene)) {
            tell("then", why);
        }
        if first.is_ok() && scene.seen() != undisturbed.seen() {
            tell("reported", format!("{:?}", scene.seen()));
        }
        match act(&scene, scene.store()) {
            Err(why) => tell("again", why),
            Ok(()) if scene.state() != wanted => {
                tell("it became another", view::difference(&scene.state(), &wanted));
            }
            Ok(()) => {}
        }
        if let Err(why) = scene.misleads_nobody().and_then(|()| reads_well(&scene)) {
            tell("again", why);
        }
    }
    assert!(wrong.is_empty(), "{} of {count} calls:\n{}", wrong.len(), wrong.join("\n"));
}

/// Makes a test of each fault for each act, with what comes before it.
macro_rules! broken {
    ($($name:ident: [$($before:ident)*] $act:ident;)*) => { $(mod $name {
        use super::*;

        #[test]
        fn stopped_anywhere() {
            every_call(&[$(scene::$before),*], scene::$act, Fault::Stop);
        }

        #[test]
        fn failing_anywhere() {
            every_call(&[$(scene::$before),*], scene::$act, Fault::Fail(StoreErrorKind::Io));
        }

        #[test]
        fn done_but_not_told_anywhere() {
            every_call(&[$(scene::$before),*], scene::$act, Fault::Lose(StoreErrorKind::Io));
        }
    })* };
}

broken! {
    publishing: [] publish_two;
    publishing_signed: [] publish_signed;
    labelling: [] label_one;
    pruning: [publish_two] prune;
    restoring: [publish_two prune] restore_one;
    sweeping: [publish_two prune] sweep;
    withdrawing: [publish_two] withdraw;
    purging: [publish_two] purge;
    adopting: [lay_down] adopt;
    accepting: [publish_two prune lose_events] accept;
    accepting_all: [publish_two prune lose_journal] accept;
}

#[test]
fn the_only_build_is_withdrawn_though_a_name_leads_through_another() {
    use mirrorkeep::commit::{Permit, set};
    use mirrorkeep::ops::Mode;
    use mirrorkeep::ops::withdraw::{Withdrawing, withdraw};
    use mirrorkeep::session::Session;
    let scene = Scene::new();
    let mirror = scene::open(scene.store()).unwrap();
    let session = Session::new(&mirror, &scene::now);
    let [newest, latest, iso] =
        ["newest", "master/centos/latest_build", "iso"].map(|name| name.parse().unwrap());
    for (name, to) in [(&newest, &latest), (&iso, &newest)] {
        let lock = session.begin().unwrap();
        set(&lock, name, to, Permit::default(), lock.now()).unwrap();
    }
    let what = Withdrawing { id: scene::build(ONE), why: "a secret".to_owned(), force: false, purge: false };
    let report = withdraw(&session, &what, Mode::Real).unwrap();
    assert_eq!(report.left.len(), 3, "{report:?}");
    assert!(scene.builds().is_empty());
}

#[test]
fn what_was_swept_is_published_anew_though_it_is_stopped_anywhere() {
    let before = [scene::publish_two, scene::prune, scene::sweep];
    every_call(&before, scene::publish_one_again, Fault::Stop);
}

/// Returns the number of the call of a publish that is this one.
fn call_of_publishing(scene: &Scene, method: &str, at: &str) -> usize {
    let scene = scene.fork();
    let spy = Arc::new(Spy::new(scene.store()));
    scene::publish_two(&scene, Arc::<Spy>::clone(&spy)).unwrap();
    let calls = spy.calls();
    calls.iter().position(|call| call.method == method && call.at.as_str().ends_with(at)).unwrap() + 1
}

#[test]
fn nothing_is_a_build_before_its_seal() {
    let scene = Scene::new();
    let nth = call_of_publishing(&scene, "put", &format!("builds/master/centos/{TWO}.json"));
    let stopped = Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop));
    scene::publish_two(&scene, stopped).unwrap_err();
    let sums = format!("master/centos/{TWO}/SHA256SUMS").parse().unwrap();
    assert!(scene.store().look(&sums).unwrap().is_some(), "its files are there");
    assert_eq!(scene.builds(), [ONE]);
    assert_eq!(scene.latest(), ONE);
}

#[test]
fn what_was_sent_is_not_sent_again() {
    let scene = Scene::new();
    let nth = call_of_publishing(&scene, "fill", "SHA256SUMS");
    let stopped = Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop));
    scene::publish_two(&scene, stopped).unwrap_err();
    let again = Arc::new(Spy::new(scene.store()));
    let report = scene.publish(Arc::<Spy>::clone(&again), TWO).unwrap();
    assert_eq!((report.resumed_files, report.copied_bytes), (3, 0));
    let calls = again.calls();
    let of_source = |at: &str| at.ends_with(".rpm") || at.ends_with(".iso");
    let sent =
        calls.iter().filter(|call| ["fill", "share"].contains(&call.method) && of_source(call.at.as_str()));
    assert_eq!(sent.count(), 0, "{calls:?}");
}

#[test]
fn a_file_of_another_try_with_other_bytes_is_sent_anew() {
    let scene = Scene::new();
    let nth = call_of_publishing(&scene, "fill", "SHA256SUMS");
    let stopped = Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop));
    scene::publish_two(&scene, stopped).unwrap_err();
    scene.write("outputs/RPMS/std/a.rpm", "THE SAME IN ALL");
    scene.publish(scene.store(), TWO).unwrap();
    scene.misleads_nobody().unwrap();
}

#[test]
fn a_link_of_another_try_whose_place_a_file_took_does_not_take_the_file_along() {
    let scene = Scene::new();
    let nth = call_of_publishing(&scene, "put", &format!("builds/master/centos/{TWO}.json"));
    scene::publish_two(&scene, Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).unwrap_err();
    scene.write_over_the_link();
    scene.publish(scene.store(), TWO).unwrap();
    scene.misleads_nobody().unwrap();
}

#[test]
fn what_others_laid_down_is_not_taken_over() {
    let scene = Scene::new();
    let at = format!("master/centos/{THREE}/outputs/RPMS/std/a.rpm").parse().unwrap();
    scene.store().put(&at, b"theirs", mirrorkeep::store::Put::Create).unwrap();
    let refused = scene.publish(scene.store(), THREE).unwrap_err();
    assert!(refused.contains("mirrorkeep did not publish it"), "{refused}");
    assert_eq!(scene.store().read(&at, 10).unwrap(), b"theirs");
}

#[test]
fn what_waits_in_the_trash_is_not_written_over() {
    let scene = Scene::new();
    scene::publish_two(&scene, scene.store()).unwrap();
    scene::prune(&scene, scene.store()).unwrap();
    let refused = scene.publish(scene.store(), ONE).unwrap_err();
    assert!(refused.contains("is in the trash"), "{refused}");
    scene::restore_one(&scene, scene.store()).unwrap();
    scene.misleads_nobody().unwrap();
    assert_eq!(scene.builds(), [ONE, TWO]);
}

#[test]
fn of_two_publishers_of_one_build_one_seals_it() {
    let scene = Scene::new();
    let reports: Vec<_> = std::thread::scope(|scope| {
        let publishers: Vec<_> =
            (0..2).map(|_| scope.spawn(|| scene.publish(scene.store(), TWO).unwrap().outcome)).collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let published =
        reports.iter().filter(|outcome| **outcome == mirrorkeep::ops::publish::PublishOutcome::Published);
    assert_eq!(published.count(), 1, "{reports:?}");
    scene.misleads_nobody().unwrap();
}

#[test]
fn an_upload_that_nobody_takes_up_is_cleared_with_its_files() {
    let scene = Scene::new();
    let nth = call_of_publishing(&scene, "fill", "SHA256SUMS");
    let stopped = Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop));
    scene::publish_two(&scene, stopped).unwrap_err();
    let place = format!("master/centos/{TWO}").parse().unwrap();
    assert!(!scene.store().below(&place).unwrap().is_empty());
    scene.recover().unwrap();
    assert!(scene.store().below(&place).unwrap().is_empty());
    scene.misleads_nobody().unwrap();
}
