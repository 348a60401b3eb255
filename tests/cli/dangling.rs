//! Aliases whose build is gone, is dated in the future, or belongs to another stream: what is said, and what helps.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;

const FUTURE: &str = "29990105T020000Z";

fn rig(pipeline: bool) -> Rig {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    if pipeline {
        rig.ok(&["pipeline", "set", "generic"]);
    }
    rig
}

#[track_caller]
fn publish(rig: &Rig, stream: &str, build: &str, more: &[&str]) {
    let work = rig.work("");
    rig.ok(&[&["publish", work.to_str().unwrap(), "--stream", stream, "--build", build], more].concat());
}

/// Returns the items of `status` about a path.
fn attention(status: &Value, path: &str) -> Vec<(String, String)> {
    let text = |one: &Value| one.as_str().unwrap_or_default().to_owned();
    let all = status["attention"].as_array().unwrap();
    all.iter().filter(|one| one["path"] == path).map(|one| (text(&one["why"]), text(&one["hint"]))).collect()
}

/// Runs the first command of a hint.
#[track_caller]
fn paste(rig: &Rig, hint: &str) {
    let command = hint.split('`').nth(1).unwrap().strip_prefix("mirrorkeep ").unwrap();
    rig.ok(&command.split(' ').collect::<Vec<_>>());
}

#[test]
fn a_build_that_others_put_there_with_a_date_in_the_future_gets_no_alias() {
    let rig = rig(true);
    publish(&rig, "main/linux", "20261130T020000Z", &[]);
    let planted = rig.mirror(&format!("main/linux/{FUTURE}"));
    fs::create_dir(&planted).unwrap();
    fs::write(planted.join("success"), "").unwrap();
    fs::remove_file(rig.mirror("main/linux/latest_build")).unwrap();
    let found = attention(&rig.json(&["status"]), "main/linux/latest_build");
    let [(_, hint)] = &found[..] else { panic!("{found:?}") };
    assert!(hint.contains("alias set main/linux/latest_build 20261130T020000Z"), "{hint}");
    let future = format!("main/linux/{FUTURE}");
    for more in [&[][..], &["--dry-run"]] {
        let set = [&["alias", "set", "main/linux/latest_build", &future], more].concat();
        rig.fails(1, "which is dated in the future", &set);
    }
    rig.fails(1, "a time that is not in the future", &["promote", "testing", "--build", &future]);
    paste(&rig, hint);
    assert_eq!(attention(&rig.json(&["status"]), "main/linux/latest_build"), []);
    // A publish that makes a missing alias does not take it either.
    fs::remove_file(rig.mirror("main/linux/latest_build")).unwrap();
    publish(&rig, "main/linux", "20261130T030000Z", &["--result", "fail"]);
    assert_eq!(rig.ok(&["resolve", "main/linux/latest_build"]).trim(), "main/linux/20261130T020000Z");
    // A script that points it there is noticed.
    fs::remove_file(rig.mirror("main/linux/latest_build")).unwrap();
    std::os::unix::fs::symlink(FUTURE, rig.mirror("main/linux/latest_build")).unwrap();
    let found = attention(&rig.json(&["status"]), "main/linux/latest_build");
    assert!(found.iter().any(|(why, _)| why.contains("dated in the future")), "{found:?}");
    paste(&rig, &found[0].1);
}

#[test]
fn the_aliases_of_a_stream_whose_last_build_vanished_are_reported_and_can_be_removed() {
    let rig = rig(true);
    publish(&rig, "old/linux", "20261130T020000Z", &[]);
    rig.ok(&["promote"]);
    fs::remove_dir_all(rig.mirror("old/linux/20261130T020000Z")).unwrap();
    rig.ok(&["adopt", "--changed", "old/linux/20261130T020000Z"]);
    let status = rig.json_ends(5, &["status", "--check"]);
    let latest = attention(&status, "old/linux/latest_build");
    let stage = attention(&status, "old/linux/testing");
    assert!(latest[0].0.contains("the required alias is broken"), "{latest:?}");
    assert!(stage[0].0.contains("resolves to nothing: its build is gone"), "{stage:?}");
    let stages = rig.json_ends(5, &["stages", "--check"]);
    let testing = stages["list"].as_array().unwrap().iter().find(|one| one["stage"] == "testing").unwrap();
    assert_eq!((&testing["dangles"], &testing["build"]), (&true.into(), &Value::Null));
    for (_, hint) in latest.iter().chain(&stage) {
        paste(&rig, hint);
    }
    let status = rig.json(&["status", "--check"]);
    assert_eq!(attention(&status, "old/linux/latest_build"), []);
    assert_eq!(attention(&status, "old/linux/testing"), []);
    // The stream goes on as a new one.
    publish(&rig, "old/linux", "20261130T030000Z", &[]);
    rig.ok(&["promote", "testing", "--stream", "old/linux", "--require-move"]);
}

#[test]
fn a_stage_whose_only_build_was_withdrawn_moves_to_the_next_one_without_being_taken_over() {
    let rig = rig(true);
    for build in ["20261128T020000Z", "20261129T020000Z"] {
        publish(&rig, "main/linux", build, &[]);
    }
    rig.ok(&["promote"]);
    rig.ok(&["withdraw", "main/linux/20261129T020000Z", "--why", "leak"]);
    let stage = attention(&rig.json(&["status"]), "main/linux/testing");
    assert!(stage.is_empty() || !stage[0].0.contains("without mirrorkeep"), "{stage:?}");
    publish(&rig, "main/linux", "20261130T020000Z", &[]);
    let moved = rig.json(&["promote", "testing", "--require-move"]);
    assert!(moved.to_string().contains("20261130T020000Z"), "{moved}");
    assert_eq!(rig.ok(&["resolve", "main/linux/testing"]).trim(), "main/linux/20261130T020000Z");
}

#[test]
fn what_withdraw_says_about_the_alias_of_a_stage_works() {
    let rig = rig(true);
    publish(&rig, "main/linux", "20261129T020000Z", &[]);
    rig.ok(&["promote"]);
    publish(&rig, "main/linux", "20261130T020000Z", &["--result", "fail"]);
    let said = rig.ends(0, &["withdraw", "main/linux/20261129T020000Z", "--why", "leak"]);
    let warning = said.lines().find(|line| line.contains("main/linux/testing")).unwrap();
    paste(&rig, warning.split("; ").last().unwrap());
    rig.fails(1, "no alias", &["resolve", "main/linux/testing"]);
    // A stage with a build moves by promotion alone.
    publish(&rig, "main/linux", "20261130T030000Z", &[]);
    rig.ok(&["promote"]);
    rig.fails(1, "only promotion moves", &["alias", "remove", "main/linux/testing"]);
}

#[test]
fn an_alias_that_is_set_to_another_alias_moves_with_it_and_that_is_said() {
    let rig = rig(false);
    publish(&rig, "main/linux", "20261128T020000Z", &[]);
    let said = rig.ends(0, &["alias", "set", "main/linux/stable", "latest_build"]);
    let warning = said.lines().find(|line| line.contains("`main/linux/latest_build` is an alias")).unwrap();
    paste(&rig, warning.split("; ").last().unwrap());
    publish(&rig, "main/linux", "20261129T020000Z", &[]);
    assert_eq!(rig.ok(&["resolve", "main/linux/stable"]).trim(), "main/linux/20261128T020000Z");
}

#[test]
fn a_stage_that_points_into_another_stream_is_not_taken_for_one_without_a_build() {
    let rig = rig(false);
    for stream in ["main/linux", "rel/linux"] {
        publish(&rig, stream, "20261128T020000Z", &[]);
    }
    rig.ok(&["alias", "set", "main/linux/stable", "rel/linux/20261128T020000Z"]);
    rig.ok(&["pipeline", "set", "generic"]);
    rig.ends(3, &["promote"]);
    rig.ok(&["vote", "main/linux/20261128T020000Z", "smoke", "success"]);
    rig.ends(3, &["promote", "stable", "--stream", "main/linux"]);
    assert_eq!(rig.ok(&["resolve", "main/linux/stable"]).trim(), "rel/linux/20261128T020000Z");
    let promote = ["promote", "stable", "--stream", "main/linux", "--take-over", "--why", "it was a mistake"];
    rig.ok(&promote);
    assert_eq!(rig.ok(&["resolve", "main/linux/stable"]).trim(), "main/linux/20261128T020000Z");
    // What was there is in the journal, and nothing says that the alias was removed.
    let events = rig.ok(&["events", "--type", "alias.removed"]);
    assert_eq!(events, "");
}
