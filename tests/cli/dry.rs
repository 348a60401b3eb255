//! Dry runs: they say what the real run would do, and need no more than reading.

use crate::support::rig::{Mounted, Rig};
use std::fs;
use std::process::Command;

const ONE: &str = "20260101T000000Z";
const TWO: &str = "20260102T000000Z";

#[test]
fn init_fails_where_it_would_fail() {
    let rig = Rig::new();
    let file = rig.work("outputs/iso/bootimage.iso");
    let below = rig.work("outputs/iso/bootimage.iso/mirror");
    rig.ok(&["init"]);
    for place in [rig.mirror(""), file, below, "/proc/mirror".into(), "/proc/a/mirror".into()] {
        let codes = [&["init", "--dry-run"][..], &["init"]].map(|args| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
            let output = command.arg("--mirror").arg(&place).args(args).output().unwrap();
            output.status.code()
        });
        assert_eq!(codes, [Some(1), Some(1)], "{}", place.display());
    }
    let fresh = rig.work("a/b/mirror");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
    assert!(command.arg("--mirror").arg(&fresh).args(["init", "--dry-run"]).status().unwrap().success());
    assert!(!rig.work("a").exists());
}

#[test]
fn recover_lists_the_stages_that_it_would_discard() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let stage = rig.mirror(".mirrorkeep/stage/20260101T000000Z-0123");
    fs::create_dir_all(stage.join("tree")).unwrap();
    fs::write(stage.join("ticket"), "").unwrap();
    fs::write(stage.join("tree/file"), "12345").unwrap();
    assert!(!rig.ok(&["recover", "--dry-run"]).contains("would clear"));
    let said = rig.ok(&["recover", "--dry-run", "--discard-stages"]);
    assert!(said.contains("would clear: .mirrorkeep/stage/20260101T000000Z-0123"), "{said}");
    let answer = rig.json(&["recover", "--dry-run", "--discard-stages"]);
    assert_eq!(answer["stages"][0]["path"], ".mirrorkeep/stage/20260101T000000Z-0123");
    assert!(stage.exists());
    rig.ok(&["recover", "--discard-stages"]);
    assert!(!stage.exists());
}

#[test]
fn hold_says_that_a_build_would_come_back() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").publish(ONE, &[]);
    rig.publish(TWO, &[]);
    rig.ok(&["prune"]);
    let hold = ["hold", &format!("master/centos/{ONE}"), "--why", "a test"];
    assert!(!rig.mirror(hold[1]).exists());
    let dry = rig.ok(&[&hold[..], &["--dry-run"]].concat());
    assert!(dry.contains("it would be restored from the trash"), "{dry}");
    assert!(!rig.mirror(hold[1]).exists());
    assert!(rig.ok(&hold).contains("it was restored from the trash"));
}

#[test]
fn a_dry_run_works_where_nothing_can_be_written() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.publish(TWO, &[]);
    let mounted = Mounted::bind(&rig.mirror(""), &rig.mirror(""));
    let mut remount = Command::new("mount");
    assert!(remount.args(["-o", "remount,bind,ro"]).arg(rig.mirror("")).status().unwrap().success());
    let id = format!("master/centos/{ONE}");
    for args in [
        &["label", &id, "a=b"][..],
        &["alias", "set", "master/centos/latest_build", ONE, "--allow-backwards"],
        &["alias", "remove", "master/centos/latest_build"],
        &["recover"],
        &["recover", "--discard-stages"],
        &["hold", &id, "--why", "a test"],
        &["prune"],
    ] {
        let output = rig.run(&[args, &["--dry-run"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    drop(mounted);
}
