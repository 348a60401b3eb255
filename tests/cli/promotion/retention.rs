//! Builds of stages and builds that are voted on stay, and say so.

use super::sentences::{ONE, STAGED, of_tested, with_votes};
use crate::support::trunk::{Trunk, build, id};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Keeps the newest build alone.
pub(super) const NEWEST: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
brakes: {policy_change: apply}
families: [{name: all, match: '**', keep: [{last: 1}]}]
";

/// Returns a mirror with that pipeline, whose policy keeps nothing but the newest build.
pub(super) fn sparing(pipeline: &str) -> Trunk<'static> {
    let trunk = Trunk::with(pipeline);
    let file = trunk.mirror("../policy.yaml");
    fs::write(&file, NEWEST).unwrap();
    trunk.ok(&["policy", "set", file.to_str().unwrap()]);
    trunk
}

/// Returns for each day the verdict on its build, and why stages protect it.
fn verdicts(trunk: &Trunk<'_>, days: u8) -> BTreeMap<u8, (String, Vec<String>)> {
    let plan = trunk.json(&["plan"]);
    let verdict = |day: u8| {
        let of = |one: &&Value| one["id"] == id(ONE, day);
        let one = plan["builds"].as_array().unwrap().iter().find(of).unwrap();
        let reasons = one["reasons"].as_array().unwrap().iter().filter(|reason| reason["rule"] == "stage");
        let reasons = reasons.map(|reason| reason["detail"].as_str().unwrap().to_owned()).collect();
        (day, (one["verdict"].as_str().unwrap().to_owned(), reasons))
    };
    (1..=days).map(verdict).collect()
}

/// Returns a mirror in which three builds had the stage, one is voted on, and two are not.
fn scene() -> Trunk<'static> {
    let trunk = sparing(&STAGED.replace("    previous: previous-tested\n", ""));
    for day in 1..=3 {
        with_votes(&trunk, day, &["smoke", "boot"]);
        trunk.ok(&["promote", "tested", "--require-move"]);
    }
    with_votes(&trunk, 4, &[]);
    with_votes(&trunk, 5, &["smoke"]);
    with_votes(&trunk, 6, &[]);
    trunk
}

#[test]
fn builds_of_a_stage_and_candidates_that_are_voted_on_stay() {
    let trunk = scene();
    let kept = |reasons: &[&str]| {
        ("keep".to_owned(), reasons.iter().map(|why| (*why).to_owned()).collect::<Vec<_>>())
    };
    let gone = || ("expire".to_owned(), Vec::new());
    let wanted = [
        (1, gone()),
        (2, kept(&["tested, 2 of 2"])),
        (3, kept(&["tested, 1 of 2", "candidate of released"])),
        (4, gone()),
        (5, kept(&["candidate of tested"])),
        (6, kept(&["candidate of tested"])),
    ];
    assert_eq!(verdicts(&trunk, 6), BTreeMap::from(wanted));
    let told = trunk.ok(&["explain", &id(ONE, 2)]);
    assert!(
        told.lines().any(|line| line.split_whitespace().eq(["stage", "tested,", "2", "of", "2"])),
        "{told}"
    );
    let told = trunk.ok(&["plan"]);
    assert!(told.lines().any(|line| line.contains(&build(ONE, 5)) && line.ends_with(" stage")), "{told}");
    trunk.ok(&["prune"]);
    for day in 1..=6 {
        assert_eq!(trunk.run(&["show", &id(ONE, day)]).status.success(), ![1, 4].contains(&day), "{day}");
    }
    // So there is a build to which the stage goes back.
    trunk.ok(&["demote", "tested", "--stream", "centos9-master/component/compute", "--why", "x"]);
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 2)));
}

#[test]
fn a_candidate_that_is_rejected_or_failed_is_protected_no_more() {
    let trunk = scene();
    trunk.ok(&["reject", &id(ONE, 5), "--why", "bad"]);
    assert_eq!(verdicts(&trunk, 6)[&5], ("expire".to_owned(), Vec::new()));
    trunk.ok(&["unreject", &id(ONE, 5)]);
    assert_eq!(verdicts(&trunk, 6)[&5].0, "keep");
    trunk.vote(&id(ONE, 5), "smoke", "failure");
    assert_eq!(verdicts(&trunk, 6)[&5].0, "expire");
}

#[test]
fn a_pipeline_that_cannot_be_read_refuses_the_prune() {
    let trunk = scene();
    let file = trunk.mirror(".mirrorkeep/pipeline.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("keep: 2", "keep: two")).unwrap();
    for args in [&["prune"][..], &["plan"], &["prune", "--dry-run"], &["promote"], &["stages"]] {
        trunk.fails(2, "pipeline.yaml:", args);
    }
    fs::remove_file(&file).unwrap();
    let output = trunk.run(&["prune"]);
    assert!(!output.status.success());
    for day in 1..=6 {
        trunk.ok(&["show", &id(ONE, day)]);
    }
    fs::write(&file, text).unwrap();
    trunk.ok(&["prune"]);
}

#[test]
fn a_build_that_is_published_again_under_its_name_has_no_old_votes_and_waivers() {
    let trunk = Trunk::with(STAGED);
    let one = with_votes(&trunk, 1, &["smoke"]);
    trunk.ok(&["waive", "tested", "boot", "--build", &one, "--why", "no hardware"]);
    assert_eq!(of_tested(&trunk.json(&["stages"]))["outcome"], "promoted");
    trunk.ok(&["withdraw", &one, "--why", "a private key", "--purge", "--yes", "--force"]);
    // The journal counts in seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = ["--label", "consistent=yes", "--allow-withdrawn"];
    trunk.publish_as(ONE, 1, ("SUCCESS", "without the key"), &again);
    let stage = of_tested(&trunk.json(&["stages"]));
    assert_eq!((&stage["build"], &stage["candidate"]), (&Value::Null, &json!(one)));
    assert_eq!(stage["missing"], json!(["smoke", "any of boot, boot-rerun"]));
    assert_eq!(stage["waived"], json!([]));
    trunk.ends(4, &["promote", "--require-move"]);
}
