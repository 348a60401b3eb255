//! Stages whose names people moved or removed: what they had is still known, and each can be taken over.

use crate::support::rig::Rig;
use std::fs;
use std::os::unix::fs::symlink;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";

const PIPELINE: &str = "pipeline: 1
stages:
  - {name: tested, streams: '**', from: latest_build, pin: true}
  - {name: stable, streams: '**', from: tested, require: {votes: [smoke]}}
";

/// A mirror in which three builds passed; `stable` was only ever at the last.
fn passed() -> Rig {
    let rig = Rig::new();
    rig.write("../pipeline.yaml", PIPELINE);
    rig.ok(&["init", "--pipeline", rig.work("../pipeline.yaml").to_str().unwrap()]);
    for build in [A, B, C] {
        rig.builds([build]);
        rig.ok(&["vote", &id(build), "smoke", "success"]);
        rig.ok(&["promote", "tested"]);
    }
    rig.ok(&["promote", "stable"]);
    rig
}

fn id(build: &str) -> String {
    format!("master/centos/{build}")
}

fn at(rig: &Rig, name: &str) -> Option<String> {
    fs::read_link(rig.mirror(&format!("master/centos/{name}"))).ok().map(|to| to.to_str().unwrap().to_owned())
}

#[test]
fn a_stage_that_has_no_build_any_more_gets_no_build_from_before() {
    let rig = passed();
    rig.ok(&["demote", "stable", "--stream", "master/centos", "--why", "it breaks"]);
    assert_eq!(at(&rig, "stable"), None);
    let said = rig.ok(&["promote"]);
    assert_eq!(at(&rig, "stable"), None, "{said}");
    // Nor do the candidates go with the name from which they come.
    rig.builds(["20261004T000000Z"]);
    let later = id("20261004T000000Z");
    rig.ok(&["vote", &later, "smoke", "success"]);
    rig.ok(&["promote", "tested"]);
    rig.ok(&["reject", &id(C), "--why", "it breaks"]);
    fs::remove_file(rig.mirror("master/centos/tested")).unwrap();
    rig.ok(&["promote", "stable"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some("20261004T000000Z"));
}

#[test]
fn a_stage_whose_name_was_removed_is_an_interference() {
    let rig = passed();
    fs::remove_file(rig.mirror("master/centos/stable")).unwrap();
    rig.fails(3, "`stable` was moved to no build", &["promote"]);
    assert_eq!(at(&rig, "stable"), None);
    rig.ok(&["promote", "stable", "--take-over", "--why", "an accident"]);
    rig.ok(&["promote"]);
    assert!(rig.ok(&["history", "master/centos/stable"]).contains("an accident"));
    rig.ok(&["promote", "stable", "--build", &id(C)]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(C));
}

#[test]
fn a_stage_whose_build_vanished_waits_for_it_or_for_the_next_one() {
    let rig = passed();
    fs::rename(rig.mirror(&id(C)), rig.work("../gone")).unwrap();
    rig.ok(&["promote"]);
    let said = rig.ends(5, &["status", "--check"]);
    for stage in ["tested", "stable"] {
        let gone = format!("`{stage}` of `master/centos` resolves to nothing: its build is gone");
        assert!(said.contains(&gone), "{said}");
    }
    fs::rename(rig.work("../gone"), rig.mirror(&id(C))).unwrap();
    rig.ok(&["promote"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(C));
}

#[test]
fn a_stage_that_leads_through_another_name_can_be_taken_over() {
    let rig = passed();
    let stable = rig.mirror("master/centos/stable");
    fs::remove_file(&stable).unwrap();
    symlink("latest_build", &stable).unwrap();
    let next = "20261004T000000Z";
    rig.builds([next]);
    rig.fails(3, "`stable` was moved to ", &["promote"]);
    rig.ok(&["promote", "stable", "--take-over", "--why", "it was urgent"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(next));
    rig.builds(["20261005T000000Z"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(next));
    rig.ok(&["promote"]);
}

#[test]
fn a_vote_counts_although_the_pipeline_is_broken() {
    let rig = passed();
    rig.write("../mirror/.mirrorkeep/pipeline.yaml", "stages: 3\n");
    rig.ok(&["vote", &id(A), "smoke", "failure"]);
    assert!(rig.ok(&["show", &id(A)]).contains("vote/smoke=failure"));
}

#[test]
fn what_goes_along_with_a_stage_goes_back_with_it_when_its_build_is_withdrawn() {
    let rig = Rig::new();
    let stage = "  - {name: stable, streams: '**', require: {votes: [smoke]}, previous: before, \
                 carry: [{alias: images, place: outputs/iso}]}\n";
    rig.write("../pipeline.yaml", &format!("pipeline: 1\nstages:\n{stage}"));
    rig.ok(&["init", "--pipeline", rig.work("../pipeline.yaml").to_str().unwrap()]);
    rig.write("outputs/iso/bootimage.iso", "an image");
    for build in [A, B, C] {
        rig.builds([build]);
        rig.ok(&["vote", &id(build), "smoke", "success"]);
        rig.ok(&["promote"]);
    }
    assert_eq!(at(&rig, "images"), Some(format!("{C}/outputs/iso")));
    rig.ok(&["withdraw", &id(C), "--why", "a secret"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(B));
    assert_eq!(at(&rig, "images"), Some(format!("{B}/outputs/iso")));
    // A vote is not taken away as a label is.
    rig.fails(2, "is set by `mirrorkeep vote` alone", &["label", &id(B), "--remove", "vote/smoke"]);
}

#[test]
fn what_led_to_a_build_of_the_same_name_says_nothing_of_the_next_one() {
    let rig = passed();
    rig.ok(&["demote", "stable", "--stream", "master/centos", "--why", "it breaks"]);
    rig.ok(&["withdraw", &id(C), "--why", "it breaks", "--purge", "--yes"]);
    rig.publish(C, &["--allow-withdrawn"]);
    rig.ok(&["promote", "tested"]);
    // It is a build of its own: no vote, no rejection, and it never had the stage.
    let stages = rig.json(&["stages", "stable"]);
    assert_eq!(stages["list"][0]["candidate"], id(C).as_str(), "{stages}");
    assert_eq!(stages["list"][0]["missing"][0], "smoke", "{stages}");
    rig.ok(&["vote", &id(C), "smoke", "success"]);
    rig.ok(&["promote", "stable"]);
    assert_eq!(at(&rig, "stable").as_deref(), Some(C));
}

#[test]
fn a_build_that_takes_the_name_of_the_one_that_had_the_stage_does_not_have_it() {
    let rig = Rig::new();
    rig.write(
        "../pipeline.yaml",
        "pipeline: 1\nstages:\n  - {name: stable, streams: '**', require: {votes: [smoke]}}\n",
    );
    rig.ok(&["init", "--pipeline", rig.work("../pipeline.yaml").to_str().unwrap()]);
    rig.builds([A]);
    rig.ok(&["vote", &id(A), "smoke", "success"]);
    rig.ok(&["promote"]);
    rig.ends(0, &["withdraw", &id(A), "--why", "a secret", "--purge", "--yes"]);
    rig.publish(A, &["--allow-withdrawn"]);
    rig.fails(3, "`stable` was moved to ", &["promote"]);
    rig.ok(&["promote", "stable", "--take-over", "--why", "it is the same without the secret"]);
    rig.ok(&["promote"]);
}
