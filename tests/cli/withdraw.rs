//! `withdraw`: one build is taken back, its names move on, and the reason stays.

use crate::support::rig::{PARTED, Rig, lay};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;

const A: &str = "20181203T060000Z";
const B: &str = "20181204T060000Z";
const C: &str = "20181205T060000Z";
const LATEST: &str = "master/centos/latest_build";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Returns a mirror with three builds that the policy keeps, pruned once.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    rig
}

/// Returns the entries of the trash: build, kind and reason.
fn trash(rig: &Rig) -> Vec<String> {
    let trash = rig.json(&["trash", "list"]);
    let one = |one: &Value| {
        format!("{} {} {}", one["id"].as_str().unwrap(), one["what"].as_str().unwrap(), one["why"])
    };
    trash["builds"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_withdrawn_build_is_gone_its_name_moves_and_the_reason_stays() {
    let rig = rig();
    rig.ok(&["alias", "set", "stable", &id(C)]);
    rig.ok(&["alias", "set", "newest", LATEST]);
    let told = rig.ends(0, &["withdraw", LATEST, "--why", "a private key", "--by", "Jane"]);
    assert!(told.contains(&format!("withdrew {}: a private key (it can come back until 2", id(C))), "{told}");
    assert!(
        told.contains(&format!("  {LATEST} -> {}", id(B)))
            && told.contains(&format!("  stable -> {}", id(B))),
        "{told}"
    );
    assert!(told.contains("other builds share 1 file of it (9 B), which stay there"), "{told}");
    assert_eq!((rig.latest().as_deref(), rig.there()), (Some(B), vec![A.to_owned(), B.to_owned()]));
    assert_eq!(rig.json(&["resolve", "newest"])["build"], id(B));
    assert_eq!(trash(&rig), [format!("{} build \"a private key\"", id(C))]);
    assert!(rig.ok(&["trash", "list"]).contains("withdrawn: a private key"));
    let shown = rig.ends(1, &["show", &id(C)]);
    assert!(
        shown.contains("was withdrawn at 2")
            && shown.contains("by Jane (")
            && shown.contains("a private key"),
        "{shown}"
    );
    assert!(rig.ok(&["log", &id(C), "--limit", "1"]).contains(&format!("withdrew {}: a private key", id(C))));
    // A second time changes nothing, and nothing else finds fault with it.
    let told = rig.ok(&["withdraw", &id(C), "--why", "again"]);
    assert!(told.starts_with("already withdrawn: "), "{told}");
    assert_eq!(rig.ends(0, &["prune"]).lines().last(), Some("0 builds pruned, 0 swept, 2 kept"));
    rig.ok(&["status", "--check"]);
    rig.ok(&["verify", "--all"]);
    // It comes back only by hand, with a warning.
    let told = rig.ends(0, &["restore", &id(C)]);
    assert!(told.contains("warning: it was withdrawn at 2") && told.contains("a private key"), "{told}");
    assert_eq!(rig.json(&["show", &id(C)])["id"], id(C));
    rig.sums_hold(&id(C));
}

#[test]
fn a_build_without_another_success_leaves_its_name_dangling_and_no_prune_brings_it_back() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([C]);
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "licence"]);
    assert!(
        told.contains(&format!("warning: `{LATEST}` resolves to nothing now: the stream has no other build")),
        "{told}"
    );
    let told = rig.ends(0, &["prune"]);
    assert!(told.contains("it dangles") && !told.contains("restored"), "{told}");
    assert!(rig.there().is_empty());
    rig.ends(0, &["sweep"]);
    assert!(rig.there().is_empty() && trash(&rig).is_empty());
    // The next success sets the name.
    rig.builds(["20181206T060000Z"]);
    assert_eq!(rig.latest().as_deref(), Some("20181206T060000Z"));
    rig.ok(&["prune"]);
}

#[test]
fn protections_are_named_and_only_force_overrides_them() {
    let rig = rig();
    rig.ok(&["hold", &id(B), "--why", "bug 7"]);
    let user = "master/debian/20181206T060000Z";
    lay(&rig, user, &[("outputs/success", "")]);
    symlink(
        format!("../../../centos/{B}/outputs/iso/bootimage.iso"),
        rig.mirror(&format!("{user}/outputs/base.iso")),
    )
    .unwrap();
    symlink("20181206T060000Z", rig.mirror("master/debian/latest_build")).unwrap();
    rig.ok(&["adopt"]);
    let told = rig.ends(3, &["withdraw", &id(B), "--why", "secret"]);
    for part in ["is protected:", "hold: bug 7", &format!("requires: {user} needs it"), "--force"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert!(rig.there().contains(&B.to_owned()) && trash(&rig).is_empty());
    rig.fails(3, "is protected", &["withdraw", &id(B), "--why", "secret", "--dry-run"]);
    let told = rig.ends(0, &["withdraw", &id(B), "--why", "secret", "--force"]);
    assert!(told.contains("overrode: hold: bug 7") && told.contains("overrode: requires:"), "{told}");
    assert!(rig.json(&["hold", "list"])["holds"].as_array().unwrap().is_empty());
    // What still needs it does not bring it back.
    assert!(!rig.ends(0, &["prune"]).contains("restored"));
    assert!(!rig.there().contains(&B.to_owned()));
    assert_eq!(trash(&rig), [format!("{} build \"secret\"", id(B))]);
}

#[test]
fn purging_deletes_at_once_after_a_confirmation() {
    let rig = rig();
    let withdraw = ["withdraw", &id(C), "--why", "secret", "--purge"];
    rig.fails(2, "--yes confirms it", &withdraw);
    assert_eq!(rig.there().len(), 3);
    rig.fails(2, "--purge", &["withdraw", &id(C), "--why", "secret", "--yes"]);
    let told = rig.ends(0, &[&withdraw[..], &["--yes"]].concat());
    assert!(told.contains(&format!("withdrew and deleted {}: secret\n", id(C))), "{told}");
    assert!(trash(&rig).is_empty());
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count(), 0);
    let log = rig.ok(&["log", &id(C), "--limit", "2"]);
    assert!(log.contains(&format!("deleted {} from the trash", id(C))) && log.contains("withdrew"), "{log}");
    assert!(rig.ends(1, &["show", &id(C)]).contains("was withdrawn"));
    assert!(rig.ok(&[&withdraw[..], &["--yes"]].concat()).starts_with("deleted, withdrawn before: "));
    rig.ok(&["prune"]);
    rig.ok(&["status", "--check"]);
    // On a terminal the ID is asked for.
    let call = format!("{} withdraw {} --why x --purge", env!("CARGO_BIN_EXE_mirrorkeep"), id(B));
    for (typed, code) in [("yes", 2), (&*id(B), 0)] {
        let mut script = std::process::Command::new("script");
        script.env("MIRRORKEEP_MIRROR", rig.mirror("")).args(["-qec", &call, "/dev/null"]);
        script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = script.spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), format!("{typed}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(
            text.contains("would withdraw and delete") && text.contains("to delete it for good"),
            "{text}"
        );
        assert_eq!(rig.there().contains(&B.to_owned()), code != 0);
    }
}

#[test]
fn purging_deletes_parts_that_were_taken_out_before_and_builds_that_were_pruned() {
    let rig = Rig::new();
    rig.policy_file(PARTED).write("inputs/RPMS/a.rpm", "the same").builds([A, B, C]);
    rig.ok(&["prune"]);
    assert_eq!(trash(&rig), [format!("{} build null", id(A)), format!("{} untrimmed null", id(B))]);
    rig.ok(&["withdraw", &id(B), "--why", "secret", "--purge", "--yes"]);
    assert_eq!(trash(&rig), [format!("{} build null", id(A))]);
    rig.fails(1, "a prune moved it to the trash", &["withdraw", &id(A), "--why", "secret"]);
    rig.ok(&["withdraw", &id(A), "--why", "secret", "--purge", "--yes"]);
    assert!(trash(&rig).is_empty());
    rig.fails(1, "there is no build", &["withdraw", "master/centos/20190101T000000Z", "--why", "x"]);
    rig.fails(2, "--why", &["withdraw", &id(C)]);
    rig.fails(2, "--why: it is empty", &["withdraw", &id(C), "--why", " "]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_dry_run_tells_the_same_and_changes_nothing() {
    let rig = rig();
    let dry = rig.json(&["withdraw", &id(C), "--why", "secret", "--dry-run"]);
    assert_eq!((&dry["withdraw"], &dry["dry_run"]), (&json!(1), &json!(true)));
    let real = rig.json(&["withdraw", &id(C), "--why", "secret"]);
    let but_times = |answer: &Value| {
        let mut report = answer["report"].clone();
        report["until"] = Value::Null;
        report
    };
    assert_eq!(but_times(&dry), but_times(&real));
    assert_eq!(real["report"]["moved"][0], json!({"alias": LATEST, "from": id(C), "to": id(B)}));
}
