//! A stream that is retired is frozen: by its file alone, also by one that cannot be read.

use crate::support::rig::Rig;
use serde_json::json;
use std::fs;

const BUILDS: [&str; 2] = ["20181204T060000Z", "20181205T060000Z"];
const STREAM: &str = "master/centos";
const SAID: &str = "`master/centos` is being retired since 2026-01-01T00:00:00Z: no users";

/// A mirror whose stream has the file of a retirement.
fn frozen() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds(BUILDS);
    let file = json!({"retire": 1, "stream": STREAM, "why": "no users", "by": "ops", "since": "2026-01-01T00:00:00Z", "notice": 0});
    write(&rig, &file.to_string());
    rig
}

fn write(rig: &Rig, text: &str) {
    let at = rig.mirror(".mirrorkeep/retire/master/centos.json");
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
}

fn publish<'a>(work: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["publish", work, "--stream", STREAM, "--build", "20181206T060000Z"], more].concat()
}

#[test]
fn nothing_is_published_or_copied_into_it_and_nothing_is_staged() {
    let rig = frozen();
    let work = rig.work("").to_str().unwrap().to_owned();
    rig.fails(3, SAID, &publish(&work, &[]));
    rig.fails(3, "`mirrorkeep retire --status master/centos`", &publish(&work, &["--dry-run"]));
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count(), 0);
    let other = Rig::new();
    other.builds(["20181206T060000Z"]);
    let (from, to) = (other.mirror("").display().to_string(), rig.mirror("").display().to_string());
    let said = rig.ends(1, &["copy", &from, &to]);
    assert!(said.contains(SAID), "{said}");
    assert_eq!(rig.there(), BUILDS);
    // Another stream is as before.
    rig.ok(&["publish", &work, "--stream", "master/debian", "--build", BUILDS[0]]);
}

#[test]
fn its_names_stay_and_its_builds_are_labelled_withdrawn_and_adopted() {
    let rig = frozen();
    rig.fails(
        3,
        SAID,
        &[
            "alias",
            "set",
            "--allow-backwards",
            "master/centos/latest_build",
            "master/centos/20181204T060000Z",
        ],
    );
    rig.ok(&["label", "master/centos/20181204T060000Z", "sanity=green"]);
    assert_eq!(rig.latest().as_deref(), Some(BUILDS[1]));
    // A secret is taken out of any stream, and its names move then.
    rig.ok(&["withdraw", "master/centos/20181205T060000Z", "--why", "a key"]);
    assert_eq!(rig.latest().as_deref(), Some(BUILDS[0]));
}

#[test]
fn no_stage_moves_in_it_and_a_promotion_of_everything_leaves_it_out() {
    let rig = frozen();
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(
        &pipeline,
        "pipeline: 1\nstages: [{name: stable, streams: 'master/**', require: {votes: [smoke]}}]\n",
    )
    .unwrap();
    rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    rig.ok(&["vote", "master/centos/20181205T060000Z", "smoke", "success"]);
    let said = rig.ends(1, &["promote", "stable", "--stream", STREAM]);
    assert!(said.contains(SAID), "{said}");
    rig.ok(&["promote"]);
    assert!(!rig.mirror("master/centos/stable").exists());
    fs::remove_file(rig.mirror(".mirrorkeep/retire/master/centos.json")).unwrap();
    rig.ok(&["promote"]);
    assert!(rig.mirror("master/centos/stable").exists());
}

#[test]
fn prune_keeps_its_builds_and_names_the_reason() {
    let rig = frozen();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), BUILDS);
    let said = rig.ok(&["explain", "master/centos/20181204T060000Z"]);
    assert!(said.contains("retire") && said.contains("no users"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_freezes_it_too() {
    let rig = frozen();
    write(&rig, "{");
    let work = rig.work("").to_str().unwrap().to_owned();
    let said =
        "`.mirrorkeep/retire/master/centos.json` cannot be used, so `master/centos` counts as being retired";
    rig.fails(3, said, &publish(&work, &[]));
    let said = rig.ends(4, &["prune"]);
    assert!(said.contains("counts as being retired"), "{said}");
    assert_eq!(rig.there(), BUILDS);
}
