//! `diff`: what differs between two builds, by records, manifests and CONTEXT.

use crate::support::rig::{PARTED, Rig};
use serde_json::{Value, json};
use std::fs;

const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Publishes a build of these files, with commits of these directories.
fn publish(rig: &Rig, build: &str, files: &[(&str, &str)], commits: &[(&str, char)]) {
    fs::remove_dir_all(rig.work("")).unwrap();
    for (path, text) in files {
        rig.write(path, text);
    }
    let line = |(dir, digit): &(&str, char)| {
        format!("(cd ./{dir} && git checkout -f {})\n", digit.to_string().repeat(40))
    };
    let context = rig.work("../CONTEXT");
    fs::write(&context, commits.iter().map(line).collect::<String>()).unwrap();
    rig.publish(build, &["--context", context.to_str().unwrap()]);
}

/// Returns a mirror with two builds that differ in every way.
fn scene() -> Rig {
    let rig = Rig::new();
    publish(
        &rig,
        A,
        &[
            ("outputs/RPMS/std/bash-4.4-9.x86_64.rpm", "bash"),
            ("outputs/RPMS/std/glibc-2.28-1.x86_64.rpm", "glibc"),
            ("outputs/RPMS/std/old-1-1.noarch.rpm", "old"),
            ("outputs/RPMS/std/same-1-1.noarch.rpm", "same"),
            ("outputs/RPMS/std/tool-2-1.noarch.rpm", "tool"),
            ("outputs/iso/bootimage.iso", "image"),
        ],
        &[("cgcs-root/stx/config", '1'), ("cgcs-root/stx/gone", '2'), ("cgcs-root/stx/same", '3')],
    );
    publish(
        &rig,
        B,
        &[
            ("outputs/RPMS/std/bash-4.4-10.x86_64.rpm", "bash, fixed"),
            ("outputs/RPMS/std/glibc-2.28-1.x86_64.rpm", "glibc again"),
            ("outputs/RPMS/std/new-1-1.noarch.rpm", "new"),
            ("outputs/RPMS/std/same-1-1.noarch.rpm", "same"),
            ("outputs/RPMS/std/tool-1-9.noarch.rpm", "tool, before"),
            ("outputs/iso/bootimage.iso", "another image"),
        ],
        &[("cgcs-root/stx/config", '4'), ("cgcs-root/stx/new", '5'), ("cgcs-root/stx/same", '3')],
    );
    rig
}

#[test]
fn commits_packages_files_and_bytes_are_compared() {
    let rig = scene();
    // A name is accepted for either.
    let told = rig.ok(&["diff", &id(A), "master/centos/latest_build"]);
    for line in [
        "commits: 1 added, 1 gone, 1 changed, 1 the same\n",
        "  changed  cgcs-root/stx/config  111111111111 -> 444444444444\n",
        "  gone     cgcs-root/stx/gone    222222222222\n",
        "packages: 1 added, 1 gone, 1 newer, 1 older, 1 rebuilt, 1 the same\n",
        "  newer    bash.x86_64   4.4-9 -> 4.4-10\n",
        "  rebuilt  glibc.x86_64  2.28-1\n",
        "  added    new.noarch    1-1\n",
        "  gone     old.noarch    1-1\n",
        "  older    tool.noarch   2-1 -> 1-9\n",
        "  changed  outputs/iso/bootimage.iso                 5 B -> 13 B\n",
        "only after\n",
    ] {
        assert!(told.contains(line), "{line:?} is not in\n{told}");
    }
    let answer = rig.json(&["diff", &id(A), &id(B)]);
    assert_eq!((&answer["before"]["id"], &answer["after"]["id"]), (&json!(id(A)), &json!(id(B))));
    let packages = &answer["packages"]["changes"];
    assert_eq!(
        packages[0],
        json!({"kind": "rpm", "name": "bash", "arch": "x86_64", "change": "newer", "before": "4.4-9", "after": "4.4-10"})
    );
    // What both have is not counted: the file `same`, and the marker of the result.
    let only = ["bash, fixed", "glibc again", "new", "tool, before", "another image"].map(str::len);
    let context =
        answer["files"]["changes"].as_array().unwrap().iter().find(|one| one["path"] == "outputs/CONTEXT");
    let context = context.unwrap()["after"].as_u64().unwrap();
    assert_eq!(answer["bytes"]["added"], only.iter().sum::<usize>() as u64 + context);
    let back = rig.json(&["diff", &id(B), &id(A)]);
    assert_eq!(back["bytes"]["gone"], answer["bytes"]["added"]);
    assert_eq!(back["packages"]["changes"][0]["change"], "older");
}

#[test]
fn a_build_is_no_other_than_itself_and_many_changes_are_cut() {
    let rig = scene();
    let same = rig.json(&["diff", &id(A), &id(A)]);
    for section in ["commits", "packages", "files"] {
        assert_eq!(same[section]["changes"], json!([]), "{section}");
    }
    assert_eq!((&same["bytes"]["added"], &same["bytes"]["gone"]), (&json!(0), &json!(0)));
    let many: Vec<String> =
        (10..40).map(|number| format!("outputs/RPMS/std/p{number}-1-1.noarch.rpm")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), path.as_str())).collect();
    publish(&rig, "20181206T060000Z", &many, &[("a", '1')]);
    let next = id("20181206T060000Z");
    let told = rig.ok(&["diff", &id(B), &next]);
    assert!(told.contains("p10.noarch") && !told.contains("p39.noarch"), "{told}");
    assert!(told.contains("more; `--all` lists them\n"), "{told}");
    let told = rig.ok(&["diff", "--all", &id(B), &next]);
    assert!(told.contains("p39.noarch") && !told.contains("--all"), "{told}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let rig = scene();
    // Nothing but CONTEXT is read of the builds.
    fs::remove_file(rig.mirror(&format!("{}/outputs/iso/bootimage.iso", id(A)))).unwrap();
    fs::remove_file(rig.mirror(&format!("{}/outputs/CONTEXT", id(A)))).unwrap();
    let told = rig.ends(0, &["diff", &id(A), &id(B)]);
    assert!(told.contains("warning: the commits are not compared: `master/centos/20181204T060000Z/outputs/CONTEXT` is missing"), "{told}");
    assert!(!told.contains("commits:") && told.contains("packages:"), "{told}");
    assert_eq!(rig.json(&["diff", &id(A), &id(B)])["commits"], Value::Null);
    let never = id("20190101T000000Z");
    rig.fails(1, "there is no build `master/centos/20190101T000000Z`", &["diff", &id(A), &never]);
    rig.fails(2, "does not name a build", &["diff", "nonsense", &id(B)]);
    rig.fails(2, "`mirrorkeep diff ID ID` compares two builds", &["diff"]);
    let kept = |kind: &str, ending: &str| rig.mirror(&format!(".mirrorkeep/{kind}/{}.{ending}", id(B)));
    fs::remove_file(kept("manifests", "files")).unwrap();
    let hint = format!("restore `.mirrorkeep/manifests/{}.files` of the mirror from a copy", id(B));
    rig.fails(1, &hint, &["diff", &id(A), &id(B)]);
    fs::remove_file(kept("builds", "json")).unwrap();
    rig.fails(1, &format!("`mirrorkeep adopt {}` records it", id(B)), &["diff", &id(A), &id(B)]);
    rig.ok(&["adopt", &id(B)]);
    assert!(rig.ok(&["diff", &id(A), &id(B)]).contains("newer    bash.x86_64"));
}

#[test]
fn builds_that_need_no_context_are_compared_without_it() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("");
    for build in [A, B] {
        rig.write("outputs/iso/bootimage.iso", build);
        rig.ok(&["publish", work.to_str().unwrap(), "--stream", "main/debian", "--build", build]);
    }
    let [a, b] = [A, B].map(|build| format!("main/debian/{build}"));
    let told = rig.ends(0, &["diff", &a, &b]);
    assert!(told.contains("files: 1 changed") && !told.contains("warning"), "{told}");
}

#[test]
fn parts_that_were_removed_are_named() {
    let rig = Rig::new();
    rig.policy_file(PARTED).write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    rig.ok(&["prune"]);
    let told = rig.ends(0, &["diff", &id(A), &id(B)]);
    assert!(
        told.contains("warning: the parts bulky of `master/centos/20181204T060000Z` were removed, so it lacks their files"),
        "{told}"
    );
}
