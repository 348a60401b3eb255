//! Parts that are taken out of a build in an object store: what readers see, whatever goes wrong at any call.

mod elsewhere;
mod going;

use super::every_call_of;
use super::kept::{checked, faults};
use super::scene::{self, Act, ONE, Scene, TWO, build, now, open};
use crate::support::view::{SIGNATURE, signature, signed_rightly};
use mirrorkeep::model::{Digest, RelPath};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::verify::By;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Put, Spy, Store, StoreErrorKind};
use std::sync::{Arc, Mutex};

/// Keeps both builds, and of the older one not its packages nor the link.
pub(super) const TRIMS: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
brakes: {policy_change: apply}
families:
  - name: all
    match: \"**\"
    keep: [{last: 2}]
    parts: {bulky: {paths: [\"outputs/RPMS/**\", \"outputs/iso/image.iso\"], keep: [{last: 1}]}}
";

/// Keeps the newer build alone.
const LAST: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
brakes: {policy_change: apply}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

const PARTS: [&str; 3] = ["outputs/RPMS/std/a.rpm", "outputs/RPMS/std/large.rpm", "outputs/iso/image.iso"];

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

/// Returns a place in the older build.
fn at(below: &str) -> RelPath {
    build(ONE).as_path().join(&path(below))
}

/// Returns a mirror with two builds, the older of which is signed and is to lose its packages.
fn two_builds() -> Scene {
    let scene = Scene::new();
    scene.policy(TRIMS);
    scene.publish(scene.store(), TWO).unwrap();
    sign(&*scene.store());
    scene
}

/// Signs the older build.
fn sign(store: &dyn Store) {
    let list = store.read(&at("SHA256SUMS"), 1 << 20).unwrap();
    store.put(&at(SIGNATURE), signature(&list).as_bytes(), Put::Replace).unwrap();
}

fn trim(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    scene::prune(scene, store)
}

/// Lets the older build go as a whole, its parts having gone before.
fn let_go(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    scene.policy(LAST);
    scene::prune(scene, store)
}

/// Takes back whatever of the older build lies in the trash.
fn restore_all(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    let mirror = open(store)?;
    let waits = |trashed: &mirrorkeep::mirror::Trashed| trashed.ticket.id == build(ONE);
    loop {
        match mirrorkeep::ops::retention::restore(&Session::new(&mirror, &now), &build(ONE), Mode::Real) {
            // Whoever tries again after it worked is told that nothing is in the trash.
            Err(mirrorkeep::ops::ActError::NotInTrash(_))
                if mirror.record(&build(ONE)).is_ok_and(|is| is.is_some_and(|is| is.trimmed.is_empty())) =>
            {
                return Ok(());
            }
            done => drop(done.map_err(crate::support::view::chain)?),
        }
        // A build that is back stays back, however often that is asked for.
        if !scene.mirror().trash().map_err(crate::support::view::chain)?.waiting.iter().any(waits) {
            return Ok(());
        }
    }
}

fn trimmed() -> Scene {
    let scene = two_builds();
    trim(&scene, scene.store()).unwrap();
    scene
}

/// Returns every byte that a build is made of: its objects, its record, its manifest.
fn bytes(scene: &Scene) -> Vec<(String, Vec<u8>)> {
    let (store, id) = (scene.store(), build(ONE));
    let mut found: Vec<RelPath> =
        store.below(&id.as_path()).unwrap().into_iter().map(|one| one.path).collect();
    found.push(RelPath::state(&format!("builds/{id}.json")));
    found.push(RelPath::state(&format!("manifests/{id}.files")));
    let read = |at: RelPath| match store.look(&at).unwrap().unwrap().link {
        Some(text) => (at.to_string(), text.into_bytes()),
        None => (at.to_string(), store.read(&at, 1 << 20).unwrap()),
    };
    found.into_iter().map(read).collect()
}

fn there(scene: &Scene) -> Vec<&'static str> {
    PARTS.into_iter().filter(|part| scene.store().look(&at(part)).unwrap().is_some()).collect()
}

/// Says what a reader of the older build would trip over who checks its list and what signs that.
fn reads_well(store: &dyn Store) -> Result<(), String> {
    let list = store.read(&at("SHA256SUMS"), 1 << 20).map_err(crate::support::view::chain)?;
    for line in String::from_utf8(list.clone()).unwrap().lines() {
        let (digest, file) = line.split_once("  ").unwrap();
        let bytes = store.read(&at(file), 1 << 20).map_err(|error| format!("{file} is listed: {error}"))?;
        if Digest::of(&bytes).to_string() != digest {
            return Err(format!("{file} has other bytes"));
        }
    }
    match store.read(&at(SIGNATURE), 1 << 10) {
        Ok(signed) => signed_rightly(ONE, &list, &signed),
        Err(_) => Ok(()),
    }
}

use going::sweep_until_the_objects_go;

/// Makes a test of each fault for each act, with what comes before it.
macro_rules! broken {
    ($($name:ident: [$($before:ident)*] $act:ident;)*) => { $(mod $name {
        use super::*;

        fn every_call(fault: Fault) {
            every_call_of(two_builds(), &[$($before),*], $act, fault, |scene| reads_well(&*scene.store()));
        }

        #[test]
        fn stopped_anywhere() {
            every_call(Fault::Stop);
        }

        #[test]
        fn failing_anywhere() {
            every_call(Fault::Fail(StoreErrorKind::Io));
        }

        #[test]
        fn done_but_not_told_anywhere() {
            every_call(Fault::Lose(StoreErrorKind::Io));
        }

        #[test]
        fn sent_twice_anywhere() {
            every_call(Fault::Repeat);
        }
    })* };
}

use scene::sweep;

broken! {
    trimming: [] trim;
    bringing_back: [trim] restore_all;
    sweeping_parts: [trim] sweep;
    letting_go_what_lost_parts: [trim] let_go;
    bringing_back_both: [trim let_go] restore_all;
}

#[test]
fn both_are_swept_though_it_is_stopped_anywhere() {
    for fault in [Fault::Stop, Fault::Fail(StoreErrorKind::Io), Fault::Lose(StoreErrorKind::Io)] {
        every_call_of(two_builds(), &[trim, let_go], sweep, fault, |_| Ok(()));
    }
}

#[test]
fn what_was_taken_out_comes_back_byte_for_byte() {
    let scene = two_builds();
    let before = bytes(&scene);
    trim(&scene, scene.store()).unwrap();
    assert_eq!(there(&scene), PARTS, "nothing goes at once");
    assert_ne!(bytes(&scene), before);
    assert!(scene.store().look(&at(SIGNATURE)).unwrap().is_none(), "nobody signed the new list");
    let record = scene.mirror().record(&build(ONE)).unwrap().unwrap();
    assert_eq!((record.trimmed, record.files), (vec!["bulky".to_owned()], 2));
    restore_all(&scene, scene.store()).unwrap();
    assert_eq!(bytes(&scene), before);
    assert_eq!(scene.mirror().holds_of(&build(ONE)).unwrap().len(), 1);
    trim(&scene, scene.store()).unwrap();
    assert_eq!(bytes(&scene), before, "it is held");
}

#[test]
fn what_is_said_of_a_build_meanwhile_stays_said() {
    let scene = trimmed();
    scene::label_one(&scene, scene.store()).unwrap();
    restore_all(&scene, scene.store()).unwrap();
    let record = scene.mirror().record(&build(ONE)).unwrap().unwrap();
    assert!(record.labels.contains_key("sanity") && record.trimmed.is_empty(), "{record:?}");
}

#[test]
fn what_lost_an_object_meanwhile_does_not_come_back_half() {
    let scene = trimmed();
    let before = scene.state();
    scene.store().remove(&at(PARTS[0])).unwrap();
    let refused = restore_all(&scene, scene.store()).unwrap_err();
    assert!(refused.contains(&format!("`{}` is missing or was replaced", at(PARTS[0]))), "{refused}");
    let held = |line: &String| !line.contains("/holds/") && !line.contains(PARTS[0]);
    let kept = |state: Vec<String>| state.into_iter().filter(held).collect::<Vec<_>>();
    assert_eq!(kept(scene.state()), kept(before));
}

#[test]
fn what_waits_is_nobodys_fault_and_nobodys_file() {
    let scene = two_builds();
    let before = checked(&scene);
    trim(&scene, scene.store()).unwrap();
    assert_eq!((checked(&scene), faults(&scene, By::Bytes)), (before.clone(), Vec::new()));
    let census = mirrorkeep::mirror::survey(scene.mirror(), now()).unwrap().census;
    let one = census.build(&build(ONE)).unwrap();
    let manifest = scene.mirror().manifest(&build(ONE)).unwrap().unwrap();
    assert_eq!((one.files, one.bytes), (Some(2), Some(manifest.bytes())));
    // Nor is it taken in when others change something, by whoever looks for that.
    scene.store().put(&at("outputs/iso/more.iso"), b"more", Put::Create).unwrap();
    scene.adopt_changed().unwrap();
    let paths: Vec<String> =
        scene.mirror().manifest(&build(ONE)).unwrap().unwrap().paths().map(ToString::to_string).collect();
    assert_eq!(paths, ["outputs/iso/bootimage.iso", "outputs/iso/more.iso", "outputs/success"]);
    // What is half swept is no fault either.
    sweep_until_the_objects_go(&scene);
    let found = checked(&scene);
    assert!(!found.iter().any(|found| found.starts_with("build-changed")), "{found:?}");
}

#[test]
fn a_reader_beside_each_step_finds_the_list_right() {
    let steps: [(&str, &[Act], Act); 3] =
        [("trim", &[], trim), ("restore", &[trim], restore_all), ("sweep", &[trim], sweep)];
    for (name, before, act) in steps {
        let ready = two_builds();
        for act in before {
            act(&ready, ready.store()).unwrap();
        }
        let counted = ready.fork();
        let spy = Arc::new(Spy::new(counted.store()));
        act(&counted, Arc::<Spy>::clone(&spy)).unwrap();
        for nth in 1..=spy.count() {
            let scene = ready.fork();
            let (wrong, reader) = (Arc::new(Mutex::new(None)), scene.store());
            let told = Arc::clone(&wrong);
            let look = move || *told.lock().unwrap() = reads_well(&*reader).err();
            act(&scene, Arc::new(Spy::new(scene.store()).meanwhile(nth, look))).unwrap();
            let wrong = wrong.lock().unwrap().take();
            assert_eq!(wrong, None, "{name}, before call {nth}: {}", spy.calls()[nth - 1]);
        }
    }
}

#[test]
fn a_hold_and_a_trim_see_each_other_before_each_step() {
    let ready = two_builds();
    let counted = ready.fork();
    let spy = Arc::new(Spy::new(counted.store()));
    trim(&counted, Arc::<Spy>::clone(&spy)).unwrap();
    let (mut stayed, mut went) = (0, 0);
    for nth in 1..=spy.count() {
        let scene = ready.fork();
        let (stands, other) = (Arc::new(Mutex::new(false)), scene.store());
        let told = Arc::clone(&stands);
        let hold = move || {
            // As one would whose lock the trim took over: written first, looked at then.
            let id = build(ONE);
            let text = format!(
                r#"{{"version":1,"id":"{id}","holds":[{{"who":"ops","why":"bug 7","until":null}}]}}"#
            );
            let place = RelPath::state(&format!("holds/{id}.json"));
            let mirror = open(Arc::clone(&other)).unwrap();
            let before = mirror.record(&id).unwrap().unwrap().trimmed.is_empty();
            other.put(&place, text.as_bytes(), Put::Replace).unwrap();
            let going = mirror.is_going(&id).unwrap();
            if going {
                other.remove(&place).unwrap();
            }
            *told.lock().unwrap() = before && !going;
        };
        trim(&scene, Arc::new(Spy::new(scene.store()).meanwhile(nth, hold))).ok();
        let whole = scene.mirror().record(&build(ONE)).unwrap().unwrap().trimmed.is_empty();
        if *stands.lock().unwrap() {
            assert!(whole, "held before call {nth}, and the parts went: {}", spy.calls()[nth - 1]);
            stayed += 1;
        } else {
            went += usize::from(!whole);
        }
    }
    assert!(stayed > 10 && went > 3, "{stayed} {went}");
}

#[test]
fn a_trim_asks_nothing_for_each_file_and_a_sweep_removes_them_at_once() {
    let counts = [1, 60].map(|more| {
        let scene = Scene::new();
        scene.policy(TRIMS);
        for nth in 0..more {
            scene.write(&format!("outputs/RPMS/std/{nth}.rpm"), &format!("package {nth}"));
            scene.write(&format!("outputs/logs/{nth}.log"), &format!("log {nth}"));
        }
        let names = ["20181205T070000Z", "20181205T080000Z"];
        for name in names {
            scene.publish(scene.store(), name).unwrap();
        }
        let through = |act: Act| {
            let spy = Arc::new(Spy::new(scene.store()));
            act(&scene, Arc::<Spy>::clone(&spy)).unwrap();
            spy.calls()
        };
        let (trimmed, swept) = (through(trim), through(sweep));
        let removals =
            swept.iter().filter(|call| call.at.as_str().starts_with("master") && call.method == "remove_all");
        let of_files =
            [&trimmed[..], &swept[..]].concat().into_iter().filter(|call| call.at.as_str().ends_with(".log"));
        (removals.count(), of_files.count())
    });
    assert_eq!(counts, [(1, 0), (1, 0)]);
}
