//! Checking, verifying and taking over what lies in an object store.

use super::scene::{self, ONE, Scene, THREE, TWO, build, now};
use crate::support::view;
use mirrorkeep::decide::check::Terms;
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::{Classify, ErrorKind, RelPath};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::retention::PruneOptions;
use mirrorkeep::ops::verify::{By, VerifyOptions, VerifyReport, Which};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Put, Spy, Store};
use std::sync::Arc;
use std::time::Duration;

fn open(store: Arc<dyn Store>) -> Mirror {
    Mirror::open(store, "a test", Duration::ZERO).unwrap()
}

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

/// Returns the findings of a check, each as its code and its path.
pub(super) fn checked(scene: &Scene) -> Vec<String> {
    let report = mirrorkeep::ops::check::check(
        &Session::new(&open(scene.store()), &|| now()),
        &RelPath::root(),
        Terms::default(),
        Vec::new(),
    )
    .unwrap();
    report.findings.iter().map(|found| format!("{} {}", found.code, found.path)).collect()
}

fn verified(store: Arc<dyn Store>, by: By) -> VerifyReport {
    let verifying =
        VerifyOptions { which: Which::All { restart: true }, by, keys: mirrorkeep::sign::Keys::none() };
    mirrorkeep::ops::verify::verify(&Session::new(&open(store), &now), &verifying).unwrap()
}

/// Returns the faults that verifying finds, each as what it is and its path.
pub(super) fn faults(scene: &Scene, by: By) -> Vec<String> {
    let report = verified(scene.store(), by);
    report.faults.iter().map(|fault| format!("{} {}", fault.what, fault.path)).collect()
}

#[test]
fn what_was_published_complies() {
    let scene = Scene::new();
    assert_eq!(checked(&scene), ["context-missing master/centos/20181205T060000Z/outputs/CONTEXT"]);
    scene::publish_two(&scene, scene.store()).unwrap();
    scene::prune(&scene, scene.store()).unwrap();
    // What waits in the trash lies where it lay, and is nobody's fault.
    assert_eq!(checked(&scene), ["context-missing master/centos/20181206T060000Z/outputs/CONTEXT"]);
}

#[test]
fn a_check_asks_once_a_build_and_not_for_each_file() {
    let scene = Scene::new();
    let spy = Arc::new(Spy::new(scene.store()));
    let mirror = open(Arc::<Spy>::clone(&spy));
    mirrorkeep::ops::check::check(
        &Session::new(&mirror, &|| now()),
        &RelPath::root(),
        Terms::default(),
        Vec::new(),
    )
    .unwrap();
    let asked: Vec<String> = spy.calls().iter().map(ToString::to_string).collect();
    let of_files = asked.iter().filter(|call| call.contains(".rpm"));
    assert_eq!(of_files.count(), 0, "{asked:?}");
}

#[test]
fn what_came_behind_the_back_is_found() {
    let scene = Scene::new();
    let home = format!("master/centos/{ONE}");
    scene.store().put(&path(&format!("{home}/outputs/RPMS/std/new.rpm")), b"new", Put::Create).unwrap();
    scene.store().remove(&path(&format!("{home}/outputs/RPMS/std/large.rpm"))).unwrap();
    let longer = path(&format!("{home}/outputs/RPMS/std/a.rpm"));
    scene.store().put(&longer, b"longer than it was before", Put::Replace).unwrap();
    scene.store().put(&path("master/centos/notes.txt"), b"a stray", Put::Create).unwrap();
    scene
        .store()
        .point(&path("master/centos/latest_build"), &path("master/centos/20990101T000000Z"))
        .unwrap();
    scene::lay_down(&scene, scene.store()).unwrap();
    let found = checked(&scene);
    for wanted in [
        "build-changed master/centos/20181205T060000Z",
        "sums-differ master/centos/20181205T060000Z/SHA256SUMS",
        "alias-dangling master/centos/latest_build",
        "unsealed master/centos/20181207T060000Z",
    ] {
        assert!(found.iter().any(|found| found == wanted), "{wanted}: {found:#?}");
    }
    assert!(found.iter().any(|found| found.ends_with(" master/centos/notes.txt")), "{found:#?}");
}

#[test]
fn digests_that_the_store_notes_are_enough_and_bytes_are_read_when_asked() {
    let scene = Scene::new();
    let home = format!("master/centos/{ONE}");
    let read = |by| {
        let spy = Arc::new(Spy::new(scene.store()));
        let report = verified(Arc::<Spy>::clone(&spy), by);
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        spy.calls().iter().filter(|call| call.method == "open" && call.at.is_within(&path(&home))).count()
    };
    assert_eq!((read(By::Notes), read(By::Bytes)), (0, 5));
}

#[test]
fn what_was_replaced_lost_or_added_is_a_fault_whoever_is_asked() {
    let scene = Scene::new();
    let home = format!("master/centos/{ONE}");
    let at = |below: &str| path(&format!("{home}/{below}"));
    // As long as before, and written by somebody who notes no digest.
    scene.store().put(&at("outputs/RPMS/std/a.rpm"), b"THE SAME IN ALL", Put::Replace).unwrap();
    scene.store().remove(&at("outputs/iso/bootimage.iso")).unwrap();
    scene.store().put(&at("outputs/iso/more.iso"), b"more", Put::Create).unwrap();
    let wanted = [
        format!("changed {home}/outputs/RPMS/std/a.rpm"),
        format!("missing {home}/outputs/iso/bootimage.iso"),
        format!("extra {home}/outputs/iso/more.iso"),
    ];
    assert_eq!(faults(&scene, By::Notes), wanted);
    assert_eq!(faults(&scene, By::Bytes), wanted);
}

#[test]
fn a_build_that_is_gone_with_its_seal_is_missing_and_a_pruned_one_is_not() {
    let scene = Scene::new();
    scene::publish_two(&scene, scene.store()).unwrap();
    scene::prune(&scene, scene.store()).unwrap();
    assert_eq!(faults(&scene, By::Notes), [""; 0]);
    for found in scene.store().below(&path(&format!("master/centos/{TWO}"))).unwrap() {
        scene.store().remove(&found.path).unwrap();
    }
    scene.store().remove(&path(&format!(".mirrorkeep/builds/master/centos/{TWO}.json"))).unwrap();
    assert_eq!(faults(&scene, By::Notes), [format!("missing master/centos/{TWO}")]);
}

#[test]
fn what_others_laid_down_is_taken_over_and_is_a_build_then() {
    let scene = Scene::new();
    scene::lay_down(&scene, scene.store()).unwrap();
    assert_eq!(scene.builds(), [ONE]);
    scene::adopt(&scene, scene.store()).unwrap();
    assert_eq!(scene.builds(), [ONE, THREE]);
    assert_eq!(faults(&scene, By::Bytes), [""; 0]);
    let unsealed = checked(&scene).into_iter().filter(|found| found.starts_with("unsealed"));
    assert_eq!(unsealed.count(), 0);
    scene::adopt(&scene, scene.store()).unwrap();
    // One that is published later reuses nothing that it cannot be sure of, and may be pruned.
    scene::publish_two(&scene, scene.store()).unwrap();
    let withheld = scene::prune(&scene, scene.store()).unwrap_err();
    assert_eq!(withheld, "Withheld []", "the first plan on what others laid down waits for a person");
    let plan = mirrorkeep::ops::retention::plan(&open(scene.store()), None, now(), None).unwrap().plan;
    let accepted = PruneOptions { accepted: Some(plan.digest), ..PruneOptions::default() };
    mirrorkeep::ops::retention::prune(
        &Session::new(&open(scene.store()), &now),
        &accepted,
        &crate::support::view::no_archive,
        Mode::Real,
    )
    .unwrap();
    assert_eq!(scene.builds(), [TWO, THREE], "one by its name, one as the newest");
    scene.misleads_nobody().unwrap();
}

#[test]
fn what_a_publisher_sends_or_a_prune_left_is_not_taken_over() {
    let scene = Scene::new();
    scene::publish_two(&scene, scene.store()).unwrap();
    scene::prune(&scene, scene.store()).unwrap();
    scene::adopt(&scene, scene.store()).unwrap();
    assert_eq!(scene.builds(), [TWO], "what waits in the trash stays there");
    // Nor what a sweep that was cut off left of it.
    let whole = scene.fork();
    let spy = Arc::new(Spy::new(whole.store()));
    scene::sweep(&whole, Arc::<Spy>::clone(&spy)).unwrap();
    let sweeping = spy.calls().iter().position(|call| call.method == "sweep").unwrap();
    let fork = scene.fork();
    scene::sweep(&fork, Arc::new(Spy::new(fork.store()).with(sweeping + 1, Fault::Stop))).unwrap_err();
    assert!(!fork.store().below(&build(ONE).as_path()).unwrap().is_empty());
    scene::adopt(&fork, fork.store()).unwrap();
    assert_eq!(fork.builds(), [TWO]);
    let other = Scene::new();
    let counted = Arc::new(Spy::new(other.store()));
    scene::publish_two(&other, Arc::<Spy>::clone(&counted)).unwrap();
    let sums = counted.calls().iter().position(|call| call.at.as_str().ends_with("SHA256SUMS")).unwrap();
    let cut = Scene::new();
    scene::publish_two(&cut, Arc::new(Spy::new(cut.store()).with(sums + 1, Fault::Stop))).unwrap_err();
    let refused = scene::adopt(&cut, cut.store()).unwrap_err();
    assert!(refused.contains("it is being published"), "{refused}");
    assert_eq!(cut.builds(), [ONE]);
    assert!(!cut.store().below(&build(TWO).as_path()).unwrap().is_empty());
}

#[test]
fn an_object_that_is_not_a_lock_is_named_with_what_to_do() {
    let scene = Scene::new();
    scene.store().put(&path(".mirrorkeep/lock"), b"hands off", Put::Replace).unwrap();
    let error = Session::new(&open(scene.store()), &now).begin().unwrap_err();
    assert!(view::chain(&error).contains("cannot read the lock `.mirrorkeep/lock`"), "{error:?}");
    let class = error.class();
    assert_eq!(class.kind, ErrorKind::Refused);
    assert!(class.hint.unwrap().contains("then delete the object `.mirrorkeep/lock`"));
    // The command that helps does.
    scene.store().remove(&path(".mirrorkeep/lock")).unwrap();
    drop(Session::new(&open(scene.store()), &now).begin().unwrap());
}

#[test]
fn a_name_that_stays_at_a_later_build_is_reported() {
    let scene = Scene::new();
    // The link inside the build has a warning of its own.
    let of_names = |name: &str| -> Vec<String> {
        let warnings = scene.publish(scene.store(), name).unwrap().warnings;
        warnings.into_iter().filter(|warning| warning.contains("latest_build")).collect()
    };
    assert_eq!(of_names(THREE), Vec::<String>::new());
    let warnings = of_names(TWO);
    let [warning] = &*warnings else { panic!("{warnings:?}") };
    let said = format!("latest_build` stays at `{THREE}`, which is newer than `{TWO}`; to move it, run");
    assert!(warning.contains(&said), "{warning}");
    // Where the clock of the server is another one, a stamp of its future is refused.
    let days = mirrorkeep::model::Stamp::from_unix(now().unix() + 20 * 86400).unwrap();
    let publishing = crate::support::view::publishing(build(&days.to_string()), scene.work());
    let error = crate::support::view::publish(&open(scene.store()), &publishing, &|| days).unwrap_err();
    assert!(error.contains("dated in the future") && error.contains("clock of the mirror's"), "{error}");
}
