//! A build of which parts wait in the trash, where it is copied: nothing of the parts goes along.

use super::{PARTS, at, reads_well, sweep, trim, trimmed};
use crate::store::copy::scene::{Home, In, copy_between, everything};
use crate::store::object::scene::{ONE, Scene, build, now};
use mirrorkeep::commit::Permit;
use mirrorkeep::model::{Digest, RelPath};
use mirrorkeep::ops::Mode;
use mirrorkeep::session::Session;
use mirrorkeep::store::Store;

const ALIAS: &str = "master/centos/latest_build";

/// Returns what lies below a path, without that path.
fn below(store: &dyn Store, root: &RelPath) -> Vec<String> {
    store.below(root).unwrap().into_iter().map(|one| one.path.below(root).unwrap().to_string()).collect()
}

#[test]
fn a_copy_elsewhere_has_what_the_build_has_now() {
    let scene = trimmed();
    let there = below(&*scene.store(), &build(ONE).as_path());
    assert!(
        PARTS.iter().all(|part| there.iter().any(|path| path == part)),
        "they wait where they lay: {there:?}"
    );
    for kind in [In::Dir, In::Bucket] {
        let home = Home::starlingx(kind);
        copy_between(scene.mirror(), home.mirror(), &everything()).unwrap();
        let wanted: Vec<&String> = there.iter().filter(|path| !PARTS.contains(&path.as_str())).collect();
        let found = below(&*home.store(), &build(ONE).as_path());
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{kind:?}");
        reads_well(&*home.store()).unwrap();
        let record = home.mirror().record(&build(ONE)).unwrap().unwrap();
        assert_eq!(record.trimmed, scene.mirror().record(&build(ONE)).unwrap().unwrap().trimmed, "{kind:?}");
    }
}

#[test]
fn a_copy_below_a_name_has_what_the_build_has_now_and_keeps_it() {
    let scene = trimmed();
    let alias: RelPath = ALIAS.parse().unwrap();
    let permit = Permit { backwards: true, no_success: false, stage: false };
    mirrorkeep::commit::set(
        &Session::new(scene.mirror(), &now).begin().unwrap(),
        &alias,
        &build(ONE).as_path(),
        permit,
        now(),
    )
    .unwrap();
    mirrorkeep::ops::alias::materialize(scene.mirror(), &alias, 3600, Mode::Real).unwrap();
    let followed = mirrorkeep::ops::alias::follow(&Session::new(scene.mirror(), &now)).unwrap();
    assert_eq!(followed.switched.len(), 1);
    let reads = |scene: &Scene| {
        let store = scene.store();
        let name = store.look(&alias.child("current").unwrap()).unwrap().unwrap().link.unwrap();
        let generation = alias.child(&name).unwrap();
        let list = store.read(&generation.child("SHA256SUMS").unwrap(), 1 << 20).unwrap();
        assert_eq!(list, store.read(&at("SHA256SUMS"), 1 << 20).unwrap());
        for line in String::from_utf8(list).unwrap().lines() {
            let (digest, file) = line.split_once("  ").unwrap();
            let bytes = store.read(&generation.join(&file.parse().unwrap()), 1 << 20).unwrap();
            assert_eq!(Digest::of(&bytes).to_string(), digest, "{file}");
        }
        below(&*store, &generation)
    };
    let copied = reads(&scene);
    assert!(!copied.iter().any(|path| PARTS.contains(&path.as_str())), "{copied:?}");
    scene.end_terms();
    trim(&scene, scene.store()).unwrap();
    sweep(&scene, scene.store()).unwrap();
    assert_eq!(reads(&scene), copied);
}
