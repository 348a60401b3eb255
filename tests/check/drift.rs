//! Drift: what changed behind mirrorkeep's back is told by `check`, and settled by `adopt --changed`.

use crate::support::rig::Rig;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const DAYS: [&str; 3] = ["20260101T060000Z", "20260102T060000Z", "20260103T060000Z"];

fn published() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{ last: 1 }]");
    rig.write("outputs/CONTEXT", &format!("(cd ./a && git checkout -f {})\n", "1".repeat(40)));
    for day in DAYS {
        rig.publish(day, &["--dedupe", "none"]);
    }
    assert_eq!(told(&rig), wanted(&[]));
    rig
}

fn told(rig: &Rig) -> BTreeSet<(String, String)> {
    let answer: Value = serde_json::from_slice(&rig.run(&["check", "--format", "json"]).stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = answer["findings"].as_array().unwrap().iter();
    found.map(|found| (text(&found["code"]), text(&found["path"]))).collect()
}

fn wanted(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    list.iter().map(|(code, path)| ((*code).to_owned(), (*path).to_owned())).collect()
}

fn at(day: usize) -> String {
    format!("master/centos/{}", DAYS[day])
}

/// Overwrites a published file, as its owner can.
fn overwrite(rig: &Rig, file: &str, text: &str) {
    let path = rig.mirror(file);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, text).unwrap();
}

#[test]
fn a_file_of_another_size_or_time_is_told() {
    let rig = published();
    let iso = |day| format!("{}/outputs/iso/bootimage.iso", at(day));
    overwrite(&rig, &iso(0), "another image");
    let touched = fs::File::options().append(true).open(rig.mirror(&iso(1)));
    touched.unwrap_or_else(|_| panic!("tests run as root")).set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(told(&rig), wanted(&[("build-changed", &at(0)), ("build-changed", &at(1))]));
    assert!(rig.ends(5, &["check"]).contains("1 changed: `outputs/iso/bootimage.iso`"));
}

#[test]
fn what_changed_is_taken_for_right_only_when_asked_to_and_only_where_its_list_agrees() {
    let rig = published();
    rig.ok(&["label", &at(0), "sanity=green"]);
    let file = format!("{}/outputs/RPMS/std/a.rpm", at(0));
    overwrite(&rig, &file, "package A");
    rig.ok(&["adopt"]);
    assert_eq!(told(&rig), wanted(&[("build-changed", &at(0))]));
    assert!(rig.ends(6, &["adopt", "--changed"]).contains("differs from the list of checksums"));
    // Whoever changes a file on purpose changes the list, too.
    let sums = std::process::Command::new("sh")
        .args(["-c", "rm SHA256SUMS; sha256sum $(find * -type f | sort) > ../s; mv ../s SHA256SUMS"])
        .current_dir(rig.mirror(&at(0)))
        .status();
    assert!(sums.unwrap().success());
    let before = rig.json(&["show", &at(0)]);
    let trial = rig.json(&["adopt", "--changed", "--dry-run"]);
    assert_eq!(trial["report"]["again"][0]["id"], at(0).as_str());
    assert_eq!(told(&rig), wanted(&[("build-changed", &at(0))]));
    let done = rig.json(&["adopt", "--changed"]);
    assert_eq!(
        (&done["report"]["again"], &done["report"]["already"]),
        (&trial["report"]["again"], &2.into())
    );
    assert_eq!(told(&rig), wanted(&[]));
    rig.ok(&["verify", "--all"]);
    let after = rig.json(&["show", &at(0)]);
    for kept in ["created", "published", "result", "labels"] {
        assert_eq!(after["build"][kept], before["build"][kept], "{kept}");
    }
    assert_eq!(rig.json(&["adopt", "--changed"])["report"]["already"], 3);
}

#[test]
fn a_build_that_is_gone_is_told_until_somebody_lets_it_go() {
    let rig = published();
    fs::remove_dir_all(rig.mirror(&at(0))).unwrap();
    assert_eq!(told(&rig), wanted(&[("record-without-tree", &at(0))]));
    // The journal knows of it even when its record is gone, too.
    fs::remove_file(rig.mirror(&format!(".mirrorkeep/builds/{}.json", at(0)))).unwrap();
    assert_eq!(told(&rig), wanted(&[("record-without-tree", &at(0))]));
    assert_eq!(rig.json(&["adopt", "--changed", "--dry-run"])["report"]["forgotten"][0], at(0).as_str());
    assert_eq!(told(&rig), wanted(&[("record-without-tree", &at(0))]));
    assert_eq!(rig.json(&["adopt", "--changed", &at(0)])["report"]["forgotten"][0], at(0).as_str());
    assert_eq!(told(&rig), wanted(&[]));
    rig.fails(1, "there is no build", &["adopt", "--changed", &at(0)]);
    // What was pruned is not gone behind anybody's back, and what comes back is there.
    rig.ok(&["prune"]);
    assert_eq!(told(&rig), wanted(&[]));
    rig.ok(&["restore", &at(1)]);
    assert_eq!(told(&rig), wanted(&[]));
    fs::remove_dir_all(rig.mirror(&at(1))).unwrap();
    assert_eq!(told(&rig), wanted(&[("record-without-tree", &at(1))]));
}

#[test]
fn a_stream_that_is_gone_as_a_whole_must_be_named() {
    let rig = published();
    fs::rename(rig.mirror("master"), rig.work("master")).unwrap();
    let left = rig.ends(6, &["adopt", "--changed"]);
    assert_eq!(left.matches("name the stream").count(), 3, "{left}");
    fs::rename(rig.work("master"), rig.mirror("master")).unwrap();
    assert_eq!(told(&rig), wanted(&[]));
    fs::remove_dir_all(rig.mirror("master/centos")).unwrap();
    let answer = rig.json(&["adopt", "--changed", "master/centos"]);
    assert_eq!(answer["report"]["forgotten"].as_array().unwrap().len(), 3);
    assert_eq!(told(&rig), wanted(&[]));
}

#[test]
fn an_alias_that_was_moved_by_hand_is_told_and_written_down() {
    let rig = published();
    let latest = rig.mirror("master/centos/latest_build");
    fs::remove_file(&latest).unwrap();
    symlink(DAYS[1], &latest).unwrap();
    let alias = "master/centos/latest_build";
    assert_eq!(told(&rig), wanted(&[("alias-moved", alias), ("alias-older", alias)]));
    let answer = rig.json(&["adopt", "--changed"]);
    assert_eq!(answer["report"]["noted"][0]["to"], at(1).as_str());
    assert_eq!(rig.latest().as_deref(), Some(DAYS[1]), "it stays where it leads");
    assert_eq!(told(&rig), wanted(&[("alias-older", alias)]));
    rig.ok(&["alias", "set", alias, &at(2)]);
    assert_eq!(told(&rig), wanted(&[]));
    // One that nobody needs may go; that is told, too.
    rig.ok(&["alias", "set", "mine", &at(2)]);
    fs::remove_file(rig.mirror("mine")).unwrap();
    assert_eq!(told(&rig), wanted(&[("alias-moved", "mine")]));
    assert_eq!(rig.json(&["adopt", "--changed"])["report"]["noted"][0]["to"], Value::Null);
    assert_eq!(told(&rig), wanted(&[]));
    assert_eq!(rig.json(&["adopt", "--changed"])["report"]["noted"], Value::Array(Vec::new()));
}

#[test]
fn a_manifest_that_is_damaged_is_told() {
    let rig = published();
    let manifest = rig.mirror(&format!(".mirrorkeep/manifests/{}.files", at(0)));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("end\t", "end\t1")).unwrap();
    assert_eq!(told(&rig), wanted(&[("record-damaged", &at(0))]));
    assert!(rig.ends(6, &["adopt", "--changed"]).contains("its manifest"));
}

#[test]
fn sums_of_a_changed_build_are_written_again_from_its_bytes_when_asked_for() {
    let rig = published();
    let file = format!("{}/outputs/RPMS/std/a.rpm", at(0));
    overwrite(&rig, &file, "package A");
    for sign in ["SHA256SUMS.asc", "SHA256SUMS.minisig"] {
        fs::write(rig.mirror(&format!("{}/{sign}", at(0))), "signature").unwrap();
    }
    let rewrite = ["adopt", "--changed", "--rewrite-sums", &at(0)];
    let hint = format!("`mirrorkeep {}` takes the files as they are", rewrite.join(" "));
    assert!(rig.ends(6, &["adopt", "--changed"]).contains(&hint));
    let sums = rig.mirror(&format!("{}/SHA256SUMS", at(0)));
    let (before, mode) = (fs::read(&sums).unwrap(), fs::metadata(&sums).unwrap().permissions().mode());
    // A trial writes nothing, and the build must be named.
    rig.ok(&[&rewrite[..], &["--dry-run"]].concat());
    assert_eq!(fs::read(&sums).unwrap(), before);
    rig.fails(2, "required", &["adopt", "--changed", "--rewrite-sums"]);
    rig.fails(2, "--changed", &["adopt", "--rewrite-sums", &at(0)]);
    let output = rig.run(&rewrite);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&format!("`{}/SHA256SUMS.asc` signs the former SHA256SUMS", at(0))), "{text}");
    assert!(text.contains("SHA256SUMS.minisig` signs"), "{text}");
    assert_eq!(fs::metadata(&sums).unwrap().permissions().mode(), mode);
    rig.sums_hold(&at(0));
    rig.ok(&["verify", "--all"]);
    assert_eq!(told(&rig), wanted(&[]));
    // Bytes that changed under the same size and time are taken as well, as the build is named.
    let path = rig.mirror(&file);
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "package B").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    rig.ends(5, &["verify", &at(0)]);
    rig.ok(&rewrite);
    rig.ok(&["verify", "--all"]);
}

#[test]
fn the_hint_for_an_alias_that_was_moved_by_hand_works_when_it_is_pasted() {
    let rig = published();
    let alias = rig.mirror("master/centos/latest_build");
    fs::remove_file(&alias).unwrap();
    symlink(DAYS[1], &alias).unwrap();
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    let moved = findings.as_array().unwrap().iter().find(|found| found["code"] == "alias-moved").unwrap();
    let hint = moved["hint"].as_str().unwrap();
    let command = hint.split('`').nth(1).unwrap().strip_prefix("mirrorkeep ").unwrap();
    rig.ok(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(told(&rig), wanted(&[]));
}

#[test]
fn the_hint_for_a_build_that_changed_names_it() {
    let rig = published();
    overwrite(&rig, &format!("{}/outputs/iso/bootimage.iso", at(0)), "another image");
    let said = rig.ends(5, &["check"]);
    let id = at(0);
    assert!(said.contains(&format!("`mirrorkeep adopt --changed --rewrite-sums {id}`")), "{said}");
    rig.ok(&["adopt", "--changed", "--rewrite-sums", &id]);
    assert_eq!(told(&rig), wanted(&[]));
}

#[test]
fn a_file_that_several_builds_share_is_reported_once_when_its_bytes_changed() {
    let rig = Rig::new();
    rig.policy("keep: [{ last: 1 }]");
    rig.write("outputs/CONTEXT", &format!("(cd ./a && git checkout -f {})\n", "1".repeat(40)));
    for day in DAYS {
        rig.write("outputs/iso/own.iso", day);
        rig.publish(day, &[]);
    }
    overwrite(&rig, &format!("{}/outputs/iso/bootimage.iso", at(1)), "another image");
    assert_eq!(told(&rig), wanted(&[("build-changed", &at(0))]));
    let said = rig.ends(5, &["check"]);
    let shared = format!(
        "1 changed: `outputs/iso/bootimage.iso`; 2 other builds share the bytes: `{}`, `{}`",
        at(1),
        at(2)
    );
    assert!(said.contains(&shared), "{said}");
    // What one build has alone is reported beside it, and with its own build.
    for day in [0, 2] {
        overwrite(&rig, &format!("{}/outputs/iso/own.iso", at(day)), "another");
    }
    assert_eq!(told(&rig), wanted(&[("build-changed", &at(0)), ("build-changed", &at(2))]));
    let said = rig.ends(5, &["check"]);
    assert!(said.contains(&format!("{shared}; 1 changed: `outputs/iso/own.iso`")), "{said}");
    // The command of the hint settles all of them, not the first alone.
    let command = said.split('`').find(|text| text.starts_with("mirrorkeep adopt")).unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert_eq!(words, ["adopt", "--changed", "--rewrite-sums", "master/centos"]);
    rig.ok(&words);
    assert_eq!(told(&rig), wanted(&[]));
}
