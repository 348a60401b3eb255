//! `status`: the mirror on one screen, and when a person should look.

use crate::support::rig::{Rig, lay};
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::Stamp;
use mirrorkeep::ops::status::Sizes;
use mirrorkeep::store::Posix;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const OLD: &str = "20181204T060000Z";
const NEW: &str = "20181205T060000Z";

/// Returns a mirror with two builds of which nothing is due.
fn healthy() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([OLD, NEW]);
    rig
}

/// Returns why a person should look, as `status --check` tells it.
#[track_caller]
fn reasons(rig: &Rig) -> Vec<String> {
    let status = rig.json(&["status"]);
    let reasons: Vec<String> = (status["attention"].as_array().unwrap().iter())
        .map(|one| format!("{}: {}", one["path"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    let code = if reasons.is_empty() { 0 } else { 5 };
    assert_eq!(rig.run(&["status", "--check"]).status.code(), Some(code), "{reasons:?}");
    rig.ok(&["status"]);
    reasons
}

#[track_caller]
fn looks(rig: &Rig, expected: &str) {
    let reasons = reasons(rig);
    assert!(reasons.iter().any(|reason| reason.contains(expected)), "no {expected:?} in {reasons:?}");
}

#[test]
fn a_healthy_mirror_needs_no_attention_and_says_what_is_not_known() {
    let rig = healthy();
    assert_eq!(reasons(&rig), Vec::<String>::new());
    let text = rig.ok(&["status"]);
    let expected =
        ["STREAM", "NEWEST SUCCESS", NEW, "success", "nothing needs attention", "trash      empty"];
    for part in expected {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    assert!(text.contains("check      never run on the whole mirror"), "{text}");
    let status = rig.json(&["status"]);
    assert_eq!((&status["status"], &status["check"]), (&json!(1), &Value::Null));
    let stream = &status["streams"][0];
    assert_eq!(stream["stream"], "master/centos");
    assert_eq!(stream["newest_success"]["build"], NEW);
    assert_eq!((&stream["builds"], &stream["due"]), (&json!(2), &json!(0)));
    assert_eq!(stream["bytes_shared"], Value::Null);
    // The package is the same in both builds.
    let shared = rig.json(&["status", "--shared"]);
    assert_eq!(shared["bytes_shared"], shared["streams"][0]["bytes_shared"]);
    assert!(shared["bytes_shared"].as_u64().unwrap() >= 9, "{shared}");
    rig.run(&["check"]);
    assert_eq!(rig.json(&["status"])["check"]["error"], 0);
    assert!(rig.ok(&["status"]).contains("check      0m ago: 0 errors"));
}

#[test]
fn warnings_are_counted_where_nothing_needs_attention() {
    let rig = healthy();
    let id = format!("master/centos/{NEW}");
    rig.ok(&["withdraw", &id, "--why", "x"]);
    rig.ok(&["restore", &id]);
    // The alias stays at the older build.
    rig.ends(5, &["check"]);
    assert_eq!(reasons(&rig), Vec::<String>::new());
    let text = rig.ok(&["status"]);
    let line = text.lines().find(|line| line.starts_with("nothing needs attention")).unwrap();
    assert!(
        line.contains("; the last check found ") && line.ends_with("which `mirrorkeep check` lists"),
        "{text}"
    );
}

#[test]
fn an_empty_mirror_without_a_policy_says_so() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", "none"]);
    assert_eq!(reasons(&rig), Vec::<String>::new());
    let text = rig.ok(&["status"]);
    assert!(text.contains("no policy") && text.contains("no builds"), "{text}");
    assert!(text.contains("prune      not known: there is no policy"), "{text}");
    assert_eq!(rig.json(&["status"])["prune"], Value::Null);
}

#[test]
fn a_person_should_look_at_a_broken_alias_a_missing_build_and_errors_of_the_last_check() {
    let rig = healthy();
    let link = rig.mirror("master/centos/latest_build");
    fs::remove_file(&link).unwrap();
    looks(&rig, "master/centos/latest_build: the required alias is broken");
    // Its hint works, and the mirror is well again.
    rig.ok(&["alias", "set", "master/centos/latest_build", NEW]);
    assert_eq!(reasons(&rig), Vec::<String>::new());
    lay(&rig, &format!("master/centos/{OLD}"), &[("outputs/more.log", "")]);
    rig.run(&["check"]);
    let check = rig.json(&["status"])["check"].clone();
    assert!(check["error"].as_u64().unwrap() > 0, "{check}");
    looks(&rig, "the last check found");
    assert_eq!(check["builds"][0]["id"], format!("master/centos/{OLD}"));
    assert!(
        rig.ok(&["status"]).contains(&format!("errors: master/centos/{OLD}; `mirrorkeep check` looks again"))
    );
    fs::remove_dir_all(rig.mirror(&format!("master/centos/{OLD}"))).unwrap();
    looks(&rig, "the build is recorded, was not pruned, and is missing");
}

#[test]
fn a_person_should_look_at_what_prune_withholds_refuses_or_cannot_read() {
    let rig = healthy();
    rig.ok(&["prune"]);
    rig.policy("keep: [{last: 1}]");
    looks(&rig, "1 build is withheld from prune");
    let text = rig.ok(&["status"]);
    assert!(text.contains("0 due, 1 withheld"), "{text}");
    rig.policy("keep: [{last: 2}]");
    let record = rig.mirror(&format!(".mirrorkeep/builds/master/centos/{OLD}.json"));
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "{").unwrap();
    looks(&rig, "cannot be used");
    looks(&rig, "1 build is blocked, so that prune keeps it");
    fs::write(&record, whole).unwrap();
    rig.policy_file("version: 7");
    looks(&rig, "no plan can be made");
    assert!(rig.ok(&["status"]).contains("prune      not known: no plan can be made"));
    rig.policy("keep: [{last: 2}]");
    let last = rig.mirror(".mirrorkeep/last-run.json");
    let mut run: Value = serde_json::from_slice(&fs::read(&last).unwrap()).unwrap();
    run["at"] = json!("2018-12-05T07:00:00Z");
    fs::write(&last, run.to_string()).unwrap();
    looks(&rig, "prune last ran");
}

#[test]
fn a_person_should_look_at_what_an_interrupted_publish_left_after_a_day() {
    let rig = healthy();
    let stage = rig.mirror(".mirrorkeep/stage/20181206T060000Z-0123456789abcdef");
    fs::create_dir_all(stage.join("tree/outputs")).unwrap();
    fs::write(stage.join("ticket"), "").unwrap();
    fs::write(stage.join("tree/outputs/a"), "some bytes").unwrap();
    let status = rig.json(&["status"]);
    assert_eq!(status["stages"].as_array().unwrap().len(), 1, "{status}");
    assert!(rig.ok(&["status"]).contains("unfinished 1 publish, "));
    assert_eq!(reasons(&rig), Vec::<String>::new());
    let store = Arc::new(Posix::open(&rig.mirror("")).unwrap());
    let mirror = Mirror::open(store, "a test", Duration::ZERO).unwrap();
    let later = Stamp::from_unix(chrono::Utc::now().timestamp() + 3 * 86400).unwrap();
    let later = mirrorkeep::ops::status::status(&mirror, Sizes::Recorded, later).unwrap();
    let why = "an interrupted publish left it 3 days ago";
    assert!(later.attention.iter().any(|one| one.why == why), "{:?}", later.attention);
}

#[test]
fn trash_and_holds_are_counted_and_an_old_hold_is_marked() {
    let rig = healthy();
    let id = format!("master/centos/{OLD}");
    rig.ok(&["hold", &id, "--why", "bug 7"]);
    assert!(rig.ok(&["status"]).contains("holds      1 active\n"));
    let file = rig.mirror(&format!(".mirrorkeep/holds/{id}.json"));
    let mut holds: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    holds["holds"][0]["since"] = json!("2018-12-05T07:00:00Z");
    fs::write(&file, holds.to_string()).unwrap();
    let status = rig.json(&["status"]);
    assert_eq!(status["holds"][0]["old"], true, "{status}");
    assert!(rig.ok(&["status"]).contains(&format!("{OLD} is held for more than 90 days without a term")));
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([OLD, NEW]);
    rig.ok(&["prune"]);
    let status = rig.json(&["status"]);
    assert_eq!((&status["trash"]["builds"], &status["trash"]["due"]), (&json!(1), &json!(0)));
    assert!(rig.ok(&["status"]).contains("trash      1 build, "));
    assert_eq!(reasons(&rig), Vec::<String>::new());
}

#[test]
fn status_reads_only_and_walks_no_build() {
    let rig = healthy();
    let mut list = Command::new("find");
    list.arg(rig.mirror("")).args(["-printf", "%p %T@ %C@\n"]);
    let before = list.output().unwrap().stdout;
    let output = rig.run(&["-vv", "status"]);
    assert!(output.status.success());
    assert_eq!(list.output().unwrap().stdout, before);
    let log = String::from_utf8(output.stderr).unwrap();
    let walked: Vec<&str> =
        log.lines().filter(|line| line.contains(&format!("list `master/centos/{NEW}"))).collect();
    assert!(log.contains("list `master/centos`") && walked.is_empty(), "{walked:?}");
}

#[test]
fn a_prune_that_never_ran_and_events_that_are_not_delivered_want_a_look() {
    let rig = healthy();
    let at = Stamp::from_instant(chrono::Utc::now() + chrono::Duration::days(3)).unwrap();
    let status = || {
        let store = Arc::new(Posix::open(&rig.mirror("")).unwrap());
        let mirror = Mirror::open(store, "a test", Duration::ZERO).unwrap();
        mirrorkeep::ops::status::status(&mirror, Sizes::Recorded, at).unwrap()
    };
    assert!(status().attention.iter().any(|one| one.why == "prune never ran"));
    rig.ok(&["prune"]);
    assert!(!status().attention.iter().any(|one| one.why == "prune never ran"));
    assert_eq!(reasons(&rig), Vec::<String>::new());
    let deliver = rig.mirror(".mirrorkeep/deliver.yaml");
    fs::write(&deliver, "deliver: 1\nto: [{name: ci, since: 1, run: ['false'], park_after: 0h}]\n").unwrap();
    rig.run(&["deliver"]);
    looks(&rig, "deliver.yaml: subscriber `ci`: ");
    looks(&rig, "events parked");
    fs::write(&deliver, "deliver: 1\nto: [{name: CI}]\n").unwrap();
    looks(&rig, "`CI` is not a name of a subscriber");
}

#[test]
fn a_build_from_the_future_is_not_the_newest_success() {
    let rig = healthy();
    lay(&rig, "master/centos/20990101T000000Z", &[("outputs/success", ""), ("outputs/iso/a.iso", "x")]);
    assert_eq!(rig.json(&["status"])["streams"][0]["newest_success"]["build"], NEW);
    // Nor does it hide that the last build failed.
    rig.publish("20181206T060000Z", &["--result", "fail"]);
    let stream = rig.json(&["status"])["streams"][0].clone();
    assert_eq!(
        (&stream["last"]["result"], &stream["newest_success"]["build"]),
        (&json!("fail"), &json!(NEW))
    );
    let metrics = rig.ok(&["metrics"]);
    let success =
        metrics.lines().find(|line| line.starts_with("mirrorkeep_stream_last_build_success")).unwrap();
    assert!(success.ends_with(" 0"), "{success}");
    let last =
        metrics.lines().find(|line| line.starts_with("mirrorkeep_stream_last_build_timestamp")).unwrap();
    assert!(last.ends_with(" 1544076000"), "{last}");
    let text = rig.ok(&["status"]);
    let blocked =
        "1 build is blocked, so that prune keeps it: master/centos/20990101T000000Z; `mirrorkeep plan`";
    assert!(text.contains(blocked), "{text}");
    let list = rig.ok(&["list"]);
    assert!(list.contains("! future: it is dated 2099-01-01T00:00:00Z, more than 1h ahead"), "{list}");
    let only = Rig::new();
    only.policy("keep: [{last: 2}]");
    lay(&only, "master/centos/20990101T000000Z", &[("outputs/success", ""), ("outputs/iso/a.iso", "x")]);
    assert_eq!(only.json(&["status"])["streams"][0]["last"], Value::Null);
}
