//! `policy set` and `layout set`: what is in force changes in one step, and no build loses its place.

use crate::support::rig::Rig;
use std::fs;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";

/// Returns a mirror of two builds, the policy that came with its layout in force.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.builds([ONE, TWO]);
    rig
}

fn settings(rig: &Rig) -> String {
    fs::read_to_string(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap()
}

/// Returns the path of a file in the workspace, written with that text.
fn file(rig: &Rig, name: &str, text: &str) -> String {
    rig.write(name, text).work(name).to_str().unwrap().to_owned()
}

const KEEP_ONE: &str = "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 1}]}\n";

#[test]
fn a_policy_is_put_in_force_with_what_it_changes() {
    let rig = scene();
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), format!("# ours\n{}", settings(&rig))).unwrap();
    let (before, policy) = (settings(&rig), file(&rig, "policy.yaml", KEEP_ONE));
    let said = rig.ok(&["policy", "set", &policy, "--dry-run"]);
    assert!(said.contains("would be in force"), "{said}");
    assert_eq!(settings(&rig), before);
    let said = rig.ok(&["policy", "set", &policy]);
    assert!(said.contains("the policy `policy.yaml` is in force"), "{said}");
    assert!(settings(&rig).starts_with("# ours\n") && settings(&rig).contains("policy: policy.yaml\n"));
    assert_eq!(rig.ok(&["policy", "show"]), KEEP_ONE);
    // The brake for edited policies knows it.
    assert!(rig.ok(&["policy", "set", &policy]).contains("in force already"));
    let json = rig.json(&["policy", "set", "starlingx"]);
    assert_eq!(
        (&json["report"]["before"], &json["report"]["after"]),
        (&"policy.yaml".into(), &"starlingx".into())
    );
    assert!(rig.ok(&["policy", "show"]).contains("Host Build Artifacts"));
}

#[test]
fn a_policy_or_layout_that_is_wrong_changes_nothing() {
    let rig = scene();
    let before = settings(&rig);
    let policy = file(&rig, "policy.yaml", "version: 1\nfamilies: 7\n");
    rig.fails(2, "families", &["policy", "set", &policy]);
    rig.fails(2, "no policy `nightly`", &["policy", "set", "nightly"]);
    let layout = file(&rig, "layout.yaml", "layout: 1\nname: x\n");
    rig.fails(2, "layout.yaml:1:1: missing field", &["layout", "set", &layout]);
    assert_eq!(settings(&rig), before);
    assert!(!rig.mirror(".mirrorkeep/policy.yaml").exists());
    assert!(!rig.mirror(".mirrorkeep/layout.yaml").exists());
}

#[test]
fn a_layout_without_a_place_for_a_build_is_refused_by_the_builds_name() {
    let rig = scene();
    let before = settings(&rig);
    for dry in [&["--dry-run"][..], &[]] {
        rig.fails(
            3,
            &format!("no place for `master/centos/{ONE}`"),
            &[&["layout", "set", "fedora-compose"], dry].concat(),
        );
    }
    assert_eq!(settings(&rig), before);
}

#[test]
fn a_layout_in_which_all_builds_keep_their_path_is_put_in_force() {
    let rig = scene();
    let said = rig.ok(&["layout", "set", "generic", "--dry-run"]);
    assert!(said.contains("would be in force") && said.contains("latest_green_build"), "{said}");
    let said = rig.ok(&["layout", "set", "generic"]);
    assert!(said.contains("the layout `generic` is in force"), "{said}");
    rig.publish("20181207T060000Z", &[]);
    assert_eq!(rig.latest().as_deref(), Some("20181207T060000Z"));
    assert!(rig.ok(&["layout", "set", "generic"]).contains("in force already"));
}

#[test]
fn settings_in_another_form_are_left_to_the_user_with_the_line() {
    let rig = scene();
    let flow = settings(&rig).replace("policy: starlingx\n", "\"policy\": starlingx\n");
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), &flow).unwrap();
    rig.fails(3, "write `policy: generic` on a line of its own", &["policy", "set", "generic"]);
    assert_eq!(settings(&rig), flow);
}

#[test]
fn a_file_that_never_ends_is_refused_by_its_kind() {
    let rig = scene();
    let pipe = rig.work("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for args in [
        &["policy", "set", pipe][..],
        &["policy", "lint", pipe],
        &["layout", "set", pipe],
        &["plan", "--census", pipe, "--policy", "starlingx"],
        &["publish", "/tmp", "--recipe", pipe, "--stream", "master/centos"],
    ] {
        rig.fails(2, "it is not a regular file", args);
    }
}
