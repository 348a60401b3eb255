//! targets.yaml on the command line.

use super::scene::{BUILDS, Scene};
use std::fs;

#[test]
fn everything_wrong_with_the_file_is_named_and_nothing_is_sent() {
    let scene = Scene::new([BUILDS[0]]);
    scene.targets("  - {name: a, bandwith: x, directory: rel}\n  - {name: A, rsync: host}\n");
    let said = scene.rig.ends(2, &["sync"]);
    for wanted in ["to[0].bandwith", "to[0].directory", "to[1].name", "to[1].rsync"] {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    scene.rig.fails(2, "targets.yaml cannot be used", &["sync", "lint"]);
    let concern = scene.rig.ends(5, &["status", "--check"]);
    assert!(concern.contains("targets.yaml"), "{concern}");
}

#[test]
fn lint_names_what_is_odd_and_a_name_that_is_not_there_is_an_error() {
    let scene = Scene::new([BUILDS[0]]);
    assert!(scene.rig.ok(&["sync", "lint"]).contains("targets.yaml: OK"));
    scene.targets("  - {name: far, rsync: 'rsync://mirror.example.org/up', streams: 'old/**'}\n");
    let found = scene.rig.json_ends(5, &["sync", "lint"]);
    assert_eq!(found["findings"].as_array().unwrap().len(), 2);
    scene.rig.fails(2, "targets.yaml has no target `near`; it has `far`", &["sync", "near"]);
    fs::remove_file(scene.rig.mirror(".mirrorkeep/targets.yaml")).unwrap();
    scene.rig.fails(2, "the mirror has no `.mirrorkeep/targets.yaml`", &["freshness"]);
    assert!(scene.rig.ok(&["sync", "schema"]).contains("\"targets\""));
}
