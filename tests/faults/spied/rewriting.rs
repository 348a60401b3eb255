//! `adopt --changed --rewrite-sums` with every call of the store broken once: a reader finds the old list of checksums or the
//! new one, and doing it again ends as if nothing had happened.
//!
//! Before the command ends, bytes and list disagree: that is why the list is written again. So a list is compared with the
//! two that may be there, and not with the bytes.

use super::scene::{self, ONE, STREAM, Scene, difference};
use mirrorkeep::store::{Fault, Spy, StoreErrorKind};
use std::fs;
use std::sync::Arc;

/// Returns a mirror of which a file of the first build was changed by hand.
fn changed() -> Scene {
    let scene = Scene::new();
    let iso = scene.root().join(STREAM).join(ONE).join("outputs/iso/bootimage.iso");
    fs::remove_file(&iso).unwrap();
    fs::write(&iso, "by hand").unwrap();
    fs::File::options().append(true).open(&iso).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    scene
}

fn list(scene: &Scene) -> String {
    fs::read_to_string(scene.root().join(STREAM).join(ONE).join("SHA256SUMS")).unwrap()
}

/// Returns the state with each event once: who asks again for a build takes it again as it is, with the same event.
fn once(scene: &Scene) -> Vec<String> {
    let mut state = scene.state();
    state.sort();
    state.dedup();
    state
}

#[test]
fn a_list_that_is_written_again_is_the_old_or_the_new_one_whatever_breaks() {
    let undisturbed = changed();
    let (old, spy) = (list(&undisturbed), Arc::new(Spy::new(undisturbed.store())));
    scene::rewrite(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    undisturbed.misleads_nobody().unwrap();
    let (new, wanted, calls) = (list(&undisturbed), once(&undisturbed), spy.calls());
    assert!(old != new && calls.len() > 20, "{} calls", calls.len());
    let io = StoreErrorKind::Io;
    let faults: [&[Fault]; 7] = [
        &[Fault::Stop],
        &[Fault::Fail(io)],
        &[Fault::Fail(StoreErrorKind::Denied)],
        &[Fault::FailOn(StoreErrorKind::NoSpace)],
        &[Fault::Lose(io)],
        &[Fault::Lose(io), Fault::Fail(io)],
        &[Fault::Repeat],
    ];
    let mut wrong = Vec::new();
    for nth in 1..=calls.len() {
        for faults in faults {
            let scene = changed();
            let broken = (nth..).zip(faults);
            let spy = broken.fold(Spy::new(scene.store()), |spy, (nth, fault)| spy.with(nth, *fault));
            let first = scene::rewrite(&scene, Arc::new(spy));
            let found = list(&scene);
            let between =
                if found == old || found == new { Ok(()) } else { Err(format!("the list is {found}")) };
            let reported = if first.is_ok() { scene.misleads_nobody() } else { Ok(()) };
            let again = scene::rewrite(&scene, scene.store());
            let ended = again.and_then(|()| scene.misleads_nobody());
            let same = difference(&once(&scene), &wanted);
            if let Err(why) = between.and(reported).and(ended).and(same) {
                wrong.push(format!("{faults:?} at {nth}. {}: {why}; first {first:?}", calls[nth - 1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), calls.len() * faults.len(), wrong.join("\n"));
}
