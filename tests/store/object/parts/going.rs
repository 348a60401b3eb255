//! What goes of a part when its term is over, and what never does.

use super::{
    LAST, PARTS, TRIMS, at, bytes, let_go, reads_well, restore_all, sweep, there, trim, trimmed, two_builds,
};
use crate::store::object::scene::{self, ONE, Scene, TWO, build, now};
use mirrorkeep::model::RelPath;
use mirrorkeep::ops::Mode;
use mirrorkeep::record::Manifest;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Put, Spy};
use std::sync::Arc;

#[test]
fn exactly_the_parts_go_when_their_term_is_over() {
    let scene = trimmed();
    scene.store().put(&at("outputs/RPMS/std/theirs.rpm"), b"nobody listed it", Put::Create).unwrap();
    trim(&scene, scene.store()).unwrap();
    assert_eq!(there(&scene), PARTS, "the term is not over");
    scene.end_terms();
    trim(&scene, scene.store()).unwrap();
    assert_eq!(there(&scene), [""; 0]);
    let left = ["SHA256SUMS", "outputs/RPMS/std/theirs.rpm", "outputs/iso/bootimage.iso", "outputs/success"];
    let found: Vec<String> = scene
        .store()
        .below(&build(ONE).as_path())
        .unwrap()
        .into_iter()
        .map(|one| one.path.to_string())
        .collect();
    assert_eq!(found, left.map(|left| at(left).to_string()));
    assert!(scene.store().below(&RelPath::state("trash")).unwrap().is_empty());
    reads_well(&*scene.store()).unwrap();
    let refused =
        mirrorkeep::ops::retention::restore(&Session::new(scene.mirror(), &now), &build(ONE), Mode::Real)
            .unwrap_err();
    assert_eq!(refused.to_string(), format!("`{}` is not in the trash", build(ONE)));
}

/// Sweeps, and stops before the objects of parts go.
pub(super) fn sweep_until_the_objects_go(scene: &Scene) {
    let fork = scene.fork();
    let spy = Arc::new(Spy::new(fork.store()));
    sweep(&fork, Arc::<Spy>::clone(&spy)).unwrap();
    let calls = spy.calls();
    let removal = calls.iter().rposition(|call| call.method == "remove_all").unwrap() + 1;
    let stopped = Arc::new(Spy::new(scene.store()).with(removal, Fault::Stop));
    sweep(scene, stopped).unwrap_err();
    assert_eq!(there(scene), PARTS);
}

#[test]
fn what_the_build_has_again_does_not_go_with_an_old_mark() {
    let scene = trimmed();
    let whole = scene.store().read(&scene.trash_file("files"), 1 << 20).unwrap();
    sweep_until_the_objects_go(&scene);
    let lock = Session::new(scene.mirror(), &scene::now).begin().unwrap();
    let (now, _) = Manifest::parse(&whole).unwrap().split(|path| path.as_str() == PARTS[1]);
    lock.keep_manifest(&build(ONE), &now).unwrap();
    drop(lock);
    sweep(&scene, scene.store()).unwrap();
    assert_eq!(there(&scene), [PARTS[0], PARTS[2]]);
}

#[test]
fn nothing_goes_where_nothing_tells_what_the_build_has() {
    let scene = trimmed();
    sweep_until_the_objects_go(&scene);
    let manifest = RelPath::state(&format!("manifests/{}.files", build(ONE)));
    for damage in [None, Some("damaged")] {
        match damage {
            None => scene.store().remove(&manifest).unwrap(),
            Some(text) => scene.store().put(&manifest, text.as_bytes(), Put::Replace).unwrap(),
        }
        let refused = sweep(&scene, scene.store()).unwrap_err();
        assert!(refused.contains("the manifest of"), "{refused}");
        assert_eq!(there(&scene), PARTS);
    }
}

#[test]
fn a_build_whose_parts_are_going_is_published_anew_as_a_whole() {
    let scene = trimmed();
    let_go(&scene, scene.store()).unwrap();
    let refused = scene.publish(scene.store(), ONE).unwrap_err();
    assert!(refused.contains("is in the trash"), "{refused}");
    sweep_until_the_objects_go(&scene);
    scene.publish(scene.store(), ONE).unwrap();
    scene.misleads_nobody().unwrap();
    sweep(&scene, scene.store()).unwrap();
    scene.misleads_nobody().unwrap();
    assert_eq!((there(&scene).len(), scene.builds()), (3, vec![ONE.to_owned(), TWO.to_owned()]));
}

#[test]
fn parts_that_go_first_leave_a_pruned_build_that_comes_back_without_them() {
    let scene = trimmed();
    // Only the term of the parts is over, and the build that went later waits on.
    scene.end_terms();
    scene.policy(LAST);
    trim(&scene, scene.store()).unwrap();
    assert_eq!((there(&scene), scene.builds()), (Vec::new(), vec![TWO.to_owned()]));
    scene::restore_one(&scene, scene.store()).unwrap();
    assert_eq!(scene.builds(), [ONE, TWO]);
    scene.misleads_nobody().unwrap();
}

#[test]
fn what_is_cut_off_while_it_is_marked_comes_back_or_goes_and_leaves_nothing() {
    let ready = trimmed();
    let whole = {
        let fork = ready.fork();
        restore_all(&fork, fork.store()).unwrap();
        bytes(&fork)
    };
    let counted = ready.fork();
    let spy = Arc::new(Spy::new(counted.store()));
    sweep(&counted, Arc::<Spy>::clone(&spy)).unwrap();
    let mut back = 0;
    for nth in 1..=spy.count() {
        let scene = ready.fork();
        sweep(&scene, Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).ok();
        if restore_all(&scene, scene.store()).is_ok() {
            assert_eq!(bytes(&scene), whole);
            back += 1;
        }
        let call = &spy.calls()[nth - 1];
        sweep(&scene, scene.store()).unwrap_or_else(|why| panic!("{call}: {why}"));
        let left = scene.store().below(&RelPath::state("trash")).unwrap();
        assert!(left.is_empty(), "{call}: {left:?}");
        scene.misleads_nobody().unwrap();
    }
    assert!(back > 10 && back < spy.count(), "{back}");
}

#[test]
fn later_parts_wait_for_earlier_ones_since_these_come_back_with_them() {
    let scene = two_builds();
    let before = bytes(&scene);
    scene.policy(&TRIMS.replace("\"outputs/RPMS/**\", ", ""));
    trim(&scene, scene.store()).unwrap();
    let first = scene.mirror().trash().unwrap().waiting;
    scene.policy(&TRIMS.replace("bulky", "packages"));
    trim(&scene, scene.store()).unwrap();
    scene.end_terms();
    // Only the term of the later one is over.
    Session::new(scene.mirror(), &scene::now).begin().unwrap().keep_ticket(&first[0]).unwrap();
    trim(&scene, scene.store()).unwrap();
    assert_eq!(scene.mirror().trash().unwrap().waiting.len(), 2);
    assert_eq!(there(&scene), PARTS);
    assert_eq!(scene.mirror().record(&build(ONE)).unwrap().unwrap().trimmed, ["bulky", "packages"]);
    restore_all(&scene, scene.store()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(bytes(&scene), before);
}
