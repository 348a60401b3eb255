//! What is pruned waits for the targets that the policy names, for as long as it says.

use super::scene::{BUILDS, STREAM, Scene};
use std::fs;

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
mirrored: {by: [spare], at_most: 3d}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

#[test]
fn a_build_waits_until_what_retired_it_is_there() {
    let scene = Scene::new([]);
    scene.rig.policy_file(POLICY).builds([BUILDS[0]]);
    scene.sync(0, &[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    scene.rig.builds([BUILDS[1]]);
    let id = format!("{STREAM}/{}", BUILDS[0]);
    let why = scene.rig.ok(&["explain", &id]);
    assert!(
        why.contains("mirrored 3d") && why.contains("`spare` lacks the event that retired it, until"),
        "{why}"
    );
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there().len(), 2);
    // Not for ever: after so long it expires, and a warning says why.
    let later = scene.rig.ends(0, &["plan", "--at", "20990101T000000Z"]);
    assert!(later.contains("the copy `spare` lacks what retired builds"), "{later}");
    scene.sync(0, &[]);
    assert!(!scene.rig.ok(&["explain", &id]).contains("mirrored 3d"));
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there(), [BUILDS[1]]);
}

#[test]
fn a_target_of_which_nothing_is_known_holds_back_within_the_limit() {
    let scene = Scene::new([]);
    scene.rig.policy_file(POLICY).builds([BUILDS[0], BUILDS[1]]);
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there().len(), 2);
    scene.sync(0, &[]);
    fs::write(scene.rig.mirror(".mirrorkeep/sync/spare/state.json"), "{").unwrap();
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there().len(), 2);
    // One that the file does not have is as unknown, and is named.
    scene.targets("  - {name: other, directory: /mnt/other}\n");
    let plan = scene.rig.ends(0, &["plan"]);
    assert!(plan.contains("names the target `spare`, which targets.yaml does not have"), "{plan}");
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there().len(), 2);
}

#[test]
fn a_target_that_does_not_get_the_stream_is_not_waited_for() {
    let scene = Scene::new([]);
    scene.rig.policy_file(POLICY).builds([BUILDS[0], BUILDS[1]]);
    scene.targets(&scene.spare(", streams: 'release/**'"));
    scene.rig.ok(&["prune"]);
    assert_eq!(scene.rig.there(), [BUILDS[1]]);
}

#[test]
fn a_wrong_section_is_refused_with_all_that_is_wrong() {
    let scene = Scene::new([BUILDS[0]]);
    let file = scene.rig.work("policy.yaml");
    fs::write(&file, POLICY.replace("by: [spare], at_most: 3d", "by: [A, b, b], at_most: 0d, to: x"))
        .unwrap();
    let said = scene.rig.ends(2, &["policy", "lint", file.to_str().unwrap()]);
    for wanted in ["`A` is not a name", "`b` is given twice", "0 waits for no target", "unknown key `to`"] {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
}

#[test]
fn an_edit_that_ends_the_waiting_is_shown_and_waits_until_it_is_accepted() {
    let scene = Scene::new([]);
    scene.rig.policy_file(POLICY).builds([BUILDS[0], BUILDS[1]]);
    scene.rig.ok(&["prune"]);
    let (old, new) = (scene.rig.work("old.yaml"), scene.rig.work("new.yaml"));
    fs::write(&old, POLICY).unwrap();
    fs::write(&new, POLICY.replace("mirrored: {by: [spare], at_most: 3d}\n", "")).unwrap();
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    for verb in [&["policy", "diff", old, new][..], &["policy", "set", new]] {
        let told = scene.rig.ok(verb);
        assert!(told.contains(BUILDS[0]) && !told.contains("no build is affected"), "{told}");
    }
    let told = scene.rig.ends(4, &["prune"]);
    assert!(told.contains("1 withheld"), "{told}");
    assert_eq!(scene.rig.there().len(), 2);
    // And the other way round.
    let told = scene.rig.ok(&["policy", "set", old]);
    assert!(told.contains(BUILDS[0]), "{told}");
}

#[test]
fn lint_names_a_target_that_does_not_exist() {
    let scene = Scene::new([]);
    scene.rig.policy_file(&POLICY.replace("[spare]", "[spare, nope]")).builds([BUILDS[0]]);
    let told = scene.rig.ends(5, &["policy", "lint"]);
    assert!(
        told.contains("`nope` is not a target of targets.yaml") && !told.contains("`spare` is"),
        "{told}"
    );
}
