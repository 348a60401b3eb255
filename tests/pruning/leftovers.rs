//! What a prune or restore that was cut off left behind, and what became of a mirror meanwhile.

use crate::rig::{PARTED, Rig};
use std::{fs, process::Command};

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const A_ID: &str = "master/centos/20261001T000000Z";

/// Returns a mirror with two builds, the older of which is to lose its inputs.
fn with_a_part() -> Rig {
    let rig = Rig::new();
    rig.policy_file(PARTED);
    rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    rig
}

#[test]
fn a_part_comes_back_on_a_mirror_that_was_moved_to_another_disk() {
    let rig = with_a_part();
    rig.ok(&["prune"]);
    let moved = rig.copy();
    let part = moved.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm"));
    assert!(!part.exists());
    moved.ok(&["restore", A_ID]);
    assert!(part.exists());
    moved.sums_hold(A_ID);
}

#[test]
fn what_was_said_since_a_part_went_stays_when_it_comes_back() {
    let rig = with_a_part();
    rig.ok(&["label", A_ID, "sanity=red"]);
    rig.ok(&["prune"]);
    rig.ok(&["label", A_ID, "sanity=green"]);
    rig.ok(&["restore", A_ID]);
    assert!(rig.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm")).exists());
    let shown = rig.json(&["show", A_ID]);
    assert_eq!(shown["labels"]["sanity"]["value"], "green", "{shown}");
    rig.sums_hold(A_ID);
}

#[test]
fn a_tree_that_was_laid_out_without_a_part_and_left_goes_with_the_next_prune() {
    let rig = with_a_part();
    let left = rig.mirror(".mirrorkeep/tmp/trim-0123/tree/outputs");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("success"), "").unwrap();
    rig.ok(&["prune"]);
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/tmp")).unwrap().count(), 0);
    assert!(!rig.mirror(&format!("{A_ID}/inputs")).exists());
}

#[test]
fn of_two_prunes_only_one_takes_parts_out() {
    let rig = with_a_part();
    let mut flock = Command::new("flock");
    flock.arg(rig.mirror(".mirrorkeep/trim.lock")).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
    let output = flock.arg("--mirror").arg(rig.mirror("")).arg("prune").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("another prune is taking parts out"), "{said}");
    assert!(rig.mirror(&format!("{A_ID}/inputs")).exists());
    rig.ok(&["prune"]);
    assert!(!rig.mirror(&format!("{A_ID}/inputs")).exists());
}

#[test]
fn what_a_restore_could_not_remove_from_the_trash_is_no_failure_of_the_next_prune() {
    for calls in 1..12 {
        let rig = with_a_part();
        rig.ok(&["prune"]);
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("inject=unlinkat:error=EIO:when={calls}+"));
        strace
            .arg(env!("CARGO_BIN_EXE_mirrorkeep"))
            .arg("--mirror")
            .arg(rig.mirror(""))
            .args(["restore", A_ID]);
        strace.output().unwrap();
        rig.sums_hold(A_ID);
        let said = rig.ends(0, &["prune"]);
        assert!(!said.contains("failed: "), "cut off at {calls}: {said}");
    }
}
