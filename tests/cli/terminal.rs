//! Text of others on a terminal: no verb prints a control character, a hidden one or one that turns the direction.

use crate::support::requests::Requests;
use crate::support::rig::{Rig, lay};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink, process::Output};

/// A text that erases a line, forges one, turns the direction, hides, and ends a line in two more ways.
const HOSTILE: &str =
    "ok\n  EXPIRE    20260101T060000Z  \u{1b}[2K\u{9b}2K\u{202e}\u{2066}\u{200b}\u{2028}\u{2029}\rx";

/// A name of a file with the characters of these that a path may have.
const NAME: &str = "a\u{202e}b\u{200b}c\u{2028}d";

const ID: &str = "master/centos/20260101T060000Z";

#[track_caller]
fn printable(args: &[&str], output: &Output) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let bad = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        assert!(!text.contains(bad), "{args:?}: {text:?}");
        let forged = text.lines().any(|line| line.starts_with("  EXPIRE    20260101T060000Z  \\u"));
        assert!(!forged, "{args:?}: {text}");
    }
}

/// Changes a JSON file of the mirror.
fn edit(rig: &Rig, at: &str, change: impl Fn(&mut Value)) {
    let path = rig.mirror(at);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

/// Returns a mirror in which everything that is stored says something hostile.
fn hostile() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds(["20260101T060000Z", "20260102T060000Z"]);
    rig.ok(&["label", ID, "sanity=green"]);
    rig.ok(&["hold", ID, "--why", "a bug"]);
    edit(&rig, &format!(".mirrorkeep/holds/{ID}.json"), |file| {
        file["holds"].as_array_mut().unwrap().push(json!({"who": HOSTILE, "why": HOSTILE}));
    });
    edit(&rig, &format!(".mirrorkeep/builds/{ID}.json"), |record| {
        record["labels"]["sanity"]["value"] = json!(HOSTILE);
        record["labels"]["sanity"]["who"] = json!(HOSTILE);
    });
    let script = serde_json::to_string(HOSTILE).unwrap();
    let deliver = format!(
        "deliver: 1\nto:\n  - {{name: ci, since: 1, park_after: 0h, run: [sh, -c, 'printf %s \"$0\"; exit 1', {script}]}}\n"
    );
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    fs::create_dir_all(rig.mirror("").with_file_name("copied")).unwrap();
    let targets = format!(
        "targets: 1\nto: [{{name: copied, directory: '{}'}}]\n",
        rig.mirror("").with_file_name("copied").display()
    );
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    lay(&rig, "masters", &[(NAME, "")]);
    lay(&rig, ID, &[(&format!("outputs/{NAME}"), "")]);
    lay(
        &rig,
        "master/debian/20260103T060000Z",
        &[("outputs/success", ""), (&format!("outputs/{NAME}"), "a")],
    );
    symlink(format!("/{HOSTILE}"), rig.mirror(&format!("master/centos/{NAME}"))).unwrap();
    symlink("20260102T060000Z", rig.mirror(&format!("master/centos/x{NAME}"))).unwrap();
    rig
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each verb")]
fn no_verb_prints_what_a_terminal_acts_on() {
    let rig = hostile();
    let requests = Requests::beside(&rig);
    let text = serde_json::to_string(HOSTILE).unwrap();
    for (name, key) in [("a", "team"), ("b", "release-model"), ("c", "x"), (NAME, "team")] {
        requests.write(
            &format!("requests/2024.1/{name}.yaml"),
            &format!("{key}: {text}\nreleases: [{{version: {text}}}]\n{text}: 1\n"),
        );
    }
    requests.commit("Hostile");
    let requests = requests.at().display().to_string();
    let link = format!("master/centos/{NAME}");
    let calls: [&[&str]; 93] = [
        &["status"],
        &["metrics"],
        &["release", "check", "--requests", &requests],
        &["release", "check", "--requests", &requests, "--format", "junit"],
        &["release", "apply", "--requests", &requests, "--dry-run"],
        &["release", "apply", "--requests", &requests, "--approved-by", HOSTILE],
        &["release", "check", "--requests", &requests, "--rev", HOSTILE],
        &["release", "check", "--requests", HOSTILE],
        &["release", "show-tag", HOSTILE],
        &["publish", ".", "--from-tag", HOSTILE],
        &["due", "master/centos", "--request", "--why", HOSTILE],
        &["due", "master/centos", "--request", "--why", "a bug"],
        &["due", HOSTILE],
        &["branch", HOSTILE, "--like", "master/centos"],
        &["branch", "feature/x/centos", "--like", HOSTILE],
        &["branch", "feature/x/centos", "--like", "master/centos", "--seed", HOSTILE],
        &["branch", "feature/x/centos", "--like", "master/centos", "--seed", ID, "--build", HOSTILE],
        &["branch", "feature/x/centos", "--like", "master/centos", "--seed", ID],
        &["due", "master/centos", "--git", HOSTILE],
        &["due", "master/centos", "--changed", HOSTILE],
        &["due", "master/centos", "--dry-run", "--run", HOSTILE],
        &["due", "master/centos", "--run", HOSTILE],
        &["log"],
        &["events"],
        &["events", "--type", HOSTILE],
        &["sync", "lint"],
        &["sync", "--dry-run"],
        &["sync"],
        &["sync", HOSTILE],
        &["freshness"],
        &["pull", HOSTILE, HOSTILE],
        &["export", "changes", "--sign", HOSTILE],
        &["deliver", "lint"],
        &["deliver"],
        &["deliver", "status"],
        &["deliver", HOSTILE],
        &["deliver", "replay", HOSTILE, "--since", "1"],
        &["deliver", "unpark", "ci"],
        &["hold", "list"],
        &["trash", "list"],
        &["list"],
        &["show", ID],
        &["diff", ID, &link, "--all"],
        &["diff", ID, ID],
        &["images", "list", ID],
        &["images", "place", HOSTILE],
        &["images", "pins", HOSTILE],
        &["images", "pins", "--remove", HOSTILE],
        &["images", "pins"],
        &["images", "prune"],
        &["images", "place", "starlingx/stx-nova:master-centos-pike"],
        &["alias", "list"],
        &["resolve", &link],
        &["alias", "set", &link, "20260102T060000Z", "--dry-run"],
        &["alias", "remove", &link, "--dry-run"],
        &["plan"],
        &["explain", ID],
        &["prune", "--dry-run"],
        &["check"],
        &["check", "--format", "junit"],
        &["verify", ID],
        &["verify", "--all"],
        &["adopt", "--dry-run"],
        &["layout", "place", &format!("master/{NAME}")],
        &["layout", "path", &format!("master/centos/{NAME}")],
        &["export", "redirects", "--server", "nginx"],
        &["export", "cache-rules", "--for", "nginx"],
        &["policy", "lint"],
        &["pipeline", "set", "starlingx"],
        &["pipeline", "lint"],
        &["pipeline", "set", "generic"],
        &["vote", ID, "smoke", "success"],
        &["vote", ID, HOSTILE, "success"],
        &["gate", ID, HOSTILE],
        &["gate", ID, "--all-missing"],
        &["waive", "stable", "smoke", "--build", ID, "--why", "a bug"],
        &["waive", HOSTILE, HOSTILE, "--build", ID, "--why", "a bug"],
        &["promote", "testing", "--build", ID],
        &["promote"],
        &["bundle", &format!("master/{NAME}")],
        &["stages"],
        &["history", "master/centos/testing"],
        &["history", &link],
        &["demote", "testing", "--stream", "master/centos", "--why", "a bug"],
        &["policy", "simulate", "--for", "10d"],
        &["hold", ID, "--why", "another"],
        &["label", ID, "other=1"],
        &["unhold", ID, "--dry-run"],
        &["restore", &format!("master/centos/{NAME}")],
        &["withdraw", ID, "--why", "secret"],
        &["withdraw", ID, "--why", "secret", "--force", "--dry-run"],
        &["retire", "master/centos", "--why", "old", "--no-archive", "--no-redirects", "--dry-run"],
        &["recover"],
    ];
    for args in calls {
        let output = rig.run(args);
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{args:?} says nothing");
        printable(args, &output);
    }
    for verb in [&["plan"][..], &["explain", ID]] {
        let text = String::from_utf8(rig.run(verb).stdout).unwrap();
        assert!(text.contains("ok\\n  EXPIRE    20260101T060000Z  \\u{1b}[2K"), "{verb:?}: {text}");
    }
    let shown = rig.ok(&["show", ID]);
    assert!(
        shown.contains("hold       ok\\n  EXPIRE    20260101T060000Z  \\u{1b}[2K\\u{9b}2K\\u{202e}"),
        "{shown}"
    );
}

#[test]
fn a_census_of_others_forges_no_line() {
    let rig = Rig::new();
    let build = |name: &str| {
        json!({
            "build": name, "created": "2026-01-01T06:00:00Z", "result": "success",
            "holds": [{"who": HOSTILE, "why": HOSTILE}],
            "leases": [{"who": HOSTILE}],
            "labels": {"sanity": {"value": HOSTILE, "who": HOSTILE}},
            "requires": [format!("master/{NAME}/x")],
        })
    };
    let mut blocked = build("20260103T060000Z");
    blocked["problem"] = json!(HOSTILE);
    let census = json!({
        "census": 1, "at": "2026-02-01T00:00:00Z",
        "streams": [{"stream": format!("master/{NAME}"), "builds": [build("20260101T060000Z"), build(NAME), blocked]}],
        "aliases": [{"path": format!("master/{NAME}/latest_build"), "required": true, "problem": HOSTILE}],
        "strays": [{"path": HOSTILE, "why": HOSTILE}],
    });
    rig.write("census.json", &census.to_string());
    let file = rig.work("census.json").display().to_string();
    let id = format!("master/{NAME}/20260101T060000Z");
    let calls: [&[&str]; 5] = [
        &["plan", "--census", &file, "--policy", "starlingx"],
        &["explain", &id, "--census", &file, "--policy", "starlingx"],
        &["policy", "lint", "starlingx", "--census", &file],
        &["policy", "simulate", "starlingx", "--census", &file],
        &["policy", "diff", "starlingx", "simple", "--census", &file],
    ];
    for args in calls {
        printable(args, &rig.run(args));
    }
    let plan = rig.ends(6, calls[0]);
    assert!(plan.contains("ok\\n  EXPIRE"), "{plan}");
}

#[test]
fn a_reason_is_one_printable_line() {
    let rig = Rig::new();
    rig.publish("20260101T060000Z", &[]);
    for (why, said) in [
        ("", "it is empty; 1 to 255 printable characters are accepted"),
        (" ", "it is empty"),
        ("ok\n  EXPIRE", "it contains the control character U+000A"),
        ("\u{1b}[2K", "it contains the control character U+001B"),
        ("a\u{202e}b", "it contains U+202E"),
        ("a\u{200b}b", "it contains U+200B"),
        ("a\u{2028}b", "it contains U+2028"),
        ("a\u{2029}b", "it contains U+2029"),
        ("a\u{a0}b", "it contains U+00A0"),
        ("a\u{3164}b", "it contains U+3164"),
        ("a\u{feff}b", "it contains U+FEFF"),
        (&*"a".repeat(256), "it has 256 characters; 1 to 255"),
    ] {
        let said = format!("--why: {said}");
        rig.fails(2, &said, &["hold", ID, "--why", why]);
    }
    let longest = "ä".repeat(255);
    assert!(rig.ok(&["hold", ID, "--why", &longest]).contains(&longest));
}

#[test]
fn a_long_reason_of_an_old_file_is_read_and_taken_back() {
    let rig = Rig::new();
    rig.publish("20260101T060000Z", &[]);
    rig.ok(&["hold", ID, "--why", "a bug"]);
    let why = format!("first\nsecond {}", "long ".repeat(1000));
    // Beside the one of which the journal knows.
    edit(&rig, &format!(".mirrorkeep/holds/{ID}.json"), |file| {
        file["holds"].as_array_mut().unwrap().push(json!({"who": "an earlier version", "why": why}));
    });
    assert_eq!(rig.json(&["show", ID])["holds"][1]["why"], json!(why));
    assert!(rig.ok(&["plan"]).contains("first\\nsecond long"));
    rig.ok(&["unhold", ID, "--why", &why]);
    let left = rig.json(&["show", ID])["holds"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["why"]), (1, &json!("a bug")));
}

#[test]
fn names_that_are_not_printable_are_refused() {
    let rig = Rig::new();
    rig.publish("20260101T060000Z", &[]);
    let work = rig.work("").display().to_string();
    let publish = |more: &[&str]| {
        rig.run(
            &[&["publish", &work, "--stream", "master/centos", "--build", "20260102T060000Z"], more].concat(),
        )
    };
    let refused = |output: Output, code: i32, said: &str| {
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{text}");
        printable(&[said], &output);
    };
    for (c, point) in [
        ('\u{202e}', "U+202E"),
        ('\u{200b}', "U+200B"),
        ('\u{2028}', "U+2028"),
        ('\u{a0}', "U+00A0"),
        ('\u{34f}', "U+034F"),
        ('\u{2800}', "U+2800"),
        ('\u{3000}', "U+3000"),
        ('\u{3164}', "U+3164"),
        ('\u{fe0f}', "U+FE0F"),
        ('\u{7}', "the control character U+0007"),
    ] {
        let said = format!("contains {point}; rename it with printable characters");
        let file = format!("outputs/iso/a{c}b.iso");
        rig.write(&file, "x");
        refused(publish(&[]), 1, &said);
        fs::remove_file(rig.work(&file)).unwrap();
        let dir = rig.work(&format!("outputs/iso/d{c}"));
        fs::create_dir(&dir).unwrap();
        refused(publish(&[]), 1, &said);
        fs::remove_dir(dir).unwrap();
        let link = rig.work("outputs/iso/link");
        symlink(format!("a{c}b"), &link).unwrap();
        refused(publish(&[]), 1, &said);
        fs::remove_file(link).unwrap();
        refused(publish(&["--label", &format!("a=b{c}")]), 2, &format!("it contains {point}"));
        refused(rig.run(&["label", ID, &format!("a=b{c}")]), 2, &format!("it contains {point}"));
        if c != '\u{7}' {
            let alias = format!("master/centos/x{c}");
            refused(
                rig.run(&["alias", "set", &alias, "20260101T060000Z"]),
                1,
                &format!("it contains {point}"),
            );
        }
    }
    assert!(publish(&[]).status.success());
}

#[test]
fn arguments_that_are_refused_are_printed_escaped() {
    let rig = hostile();
    let option = format!("--by={HOSTILE}");
    for args in [
        &["hold", ID, "--why", "w", "--by", HOSTILE][..],
        &["hold", ID, "--why", "w", &option],
        &["list", "--sort", HOSTILE],
        &["list", "--wait", HOSTILE],
        &["list", HOSTILE],
        &[HOSTILE],
    ] {
        let output = rig.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        printable(args, &output);
    }
    // An answer goes to standard output, whatever else was typed.
    assert!(rig.ok(&["list", "--help", HOSTILE]).contains("Usage: mirrorkeep list"));
}

#[test]
fn keys_of_a_policy_forge_no_line() {
    let rig = hostile();
    let policy = rig.work("policy.yaml");
    let key = serde_json::to_string(HOSTILE).unwrap();
    fs::write(&policy, format!("version: 1\nfamilies: [{{name: x, match: \"**\", keep: [], {key}: 1}}]\n"))
        .unwrap();
    let args = ["policy", "lint", policy.to_str().unwrap()];
    let output = rig.run(&args);
    assert_eq!(output.status.code(), Some(2));
    printable(&args, &output);
}
