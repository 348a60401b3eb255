//! Holds that the journal states: where their file is lost, nothing is removed, and `recover` writes it again.

use crate::support::rig::Rig;
use std::fs;
use std::path::PathBuf;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const A_ID: &str = "master/centos/20261001T000000Z";
const REFUSED: i32 = 3;

/// Returns a mirror with three builds, of which the policy keeps two, and the oldest is held.
fn with_a_hold() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B, C]);
    rig.ok(&["hold", A_ID, "--why", "bug 7"]);
    rig
}

fn file(rig: &Rig) -> PathBuf {
    rig.mirror(&format!(".mirrorkeep/holds/{A_ID}.json"))
}

/// Checks that nothing is removed, that it is found, and that `recover` sets it right.
#[track_caller]
fn refused(rig: &Rig) {
    let named =
        format!("the journal states the hold `bug 7` of `{A_ID}`, but `.mirrorkeep/holds/{A_ID}.json`");
    for args in [&["prune"][..], &["plan"], &["hold", A_ID, "--why", "third"], &["unhold", A_ID]] {
        let changes = args[0] != "unhold" || file(rig).exists();
        if changes {
            rig.fails(REFUSED, &named, args);
            rig.fails(REFUSED, "`mirrorkeep recover` rebuilds it", args);
        }
    }
    assert_eq!(rig.there(), [A, B, C]);
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    let lost = findings.as_array().unwrap().iter().find(|found| found["code"] == "holds-lost");
    assert!(lost.unwrap().to_string().contains(A_ID), "{findings}");
    // What does not remove anything goes on.
    rig.ok(&["label", A_ID, "a=b"]);
    set_right(rig);
}

#[track_caller]
fn set_right(rig: &Rig) {
    let recovered = rig.ok(&["recover"]);
    assert!(recovered.contains(&format!("rebuilt: {A_ID}")), "{recovered}");
    assert!(fs::read_to_string(file(rig)).unwrap().contains("bug 7"));
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
    rig.ok(&["unhold", A_ID]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B, C]);
}

#[test]
fn holds_whose_directory_was_removed_still_protect() {
    let rig = with_a_hold();
    fs::remove_dir_all(rig.mirror(".mirrorkeep/holds")).unwrap();
    refused(&rig);
}

#[test]
fn a_hold_that_was_taken_out_of_its_file_still_protects() {
    let rig = with_a_hold();
    rig.ok(&["hold", A_ID, "--why", "other"]);
    let text = fs::read_to_string(file(&rig)).unwrap();
    let mut kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    kept["holds"].as_array_mut().unwrap().remove(0);
    fs::write(file(&rig), kept.to_string()).unwrap();
    refused(&rig);
}

#[test]
fn damaged_holds_are_written_again_from_the_journal() {
    let rig = with_a_hold();
    fs::write(file(&rig), "{").unwrap();
    rig.fails(REFUSED, "cannot be used", &["prune"]);
    // Each of these is where a person looks first, and each names the way out.
    for (code, args) in
        [(REFUSED, &["prune"][..]), (REFUSED, &["plan"]), (5, &["check"]), (5, &["status", "--check"])]
    {
        let said = rig.ends(code, args);
        assert!(said.contains("`mirrorkeep recover` rebuilds it"), "{args:?}: {said}");
        assert!(!said.contains("make it readable"), "{args:?}: {said}");
    }
    no_verdicts(&rig);
    assert!(rig.ok(&["status"]).contains("holds      not known"));
    rig.fails(REFUSED, "`mirrorkeep recover` rebuilds it", &["hold", "list"]);
    rig.fails(REFUSED, "cannot be used", &["--json", "hold", "list"]);
    set_right(&rig);
}

/// No verdict is shown, since the holds are not known.
#[track_caller]
fn no_verdicts(rig: &Rig) {
    let listed = rig.ok(&["list"]);
    assert!(!listed.contains("expire") && listed.lines().any(|line| line.contains(" ?")), "{listed}");
    assert!(rig.json(&["list"])["builds"][0]["verdict"].is_null());
    assert!(rig.json(&["show", A_ID])["verdict"].is_null());
}

#[test]
fn a_lost_hold_is_not_left_out_of_the_list_of_holds() {
    let rig = with_a_hold();
    fs::remove_file(file(&rig)).unwrap();
    no_verdicts(&rig);
    rig.fails(REFUSED, "`mirrorkeep recover` rebuilds it", &["hold", "list"]);
    set_right(&rig);
}

#[test]
fn what_the_journal_does_not_state_is_no_loss() {
    let rig = with_a_hold();
    // A hold that a person wrote protects more, not less.
    let text = fs::read_to_string(file(&rig)).unwrap();
    fs::write(
        file(&rig),
        text.replace("\"holds\": [", "\"holds\": [{\"who\":\"me\",\"why\":\"mine\",\"until\":null},"),
    )
    .unwrap();
    rig.ok(&["plan"]);
    rig.ok(&["unhold", A_ID]);
    rig.ok(&["prune"]);
    // The hold of a build that came back.
    rig.ok(&["restore", A_ID]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
}

#[test]
fn an_interrupted_hold_is_no_loss_whatever_came_of_it() {
    for nth in 1..8 {
        let rig = with_a_hold();
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2,fdatasync,fsync", "-e"]);
        strace.arg(format!("inject=renameat2,fdatasync,fsync:signal=KILL:when={nth}"));
        strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(rig.mirror(""));
        strace.args(["hold", A_ID, "--why", "other"]).output().unwrap();
        rig.ok(&["plan"]);
        rig.ok(&["prune"]);
        assert_eq!(rig.there(), [A, B, C]);
    }
}
