//! Trees of any depth are looked at and removed: no level uses up an open file or memory of the stack for good.

use crate::support::rig::Rig;
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use std::fs;
use std::path::Path;
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";

/// Makes that many directories, each in the one before, with a file in the last.
fn nest(at: &Path, levels: usize) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut dir = rustix::fs::open(at, flags, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&dir, "directory-of-20-bytes", Mode::RWXU).unwrap();
        dir = openat(&dir, "directory-of-20-bytes", flags, Mode::empty()).unwrap();
    }
    openat(&dir, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
}

/// Runs the binary with few open files and a small stack, which must succeed.
#[track_caller]
fn frugally(rig: &Rig, args: &[&str]) -> String {
    let script = "ulimit -n 200; ulimit -s 1024; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_mirrorkeep"), "--mirror"]).arg(rig.mirror("")).args(args);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

#[test]
fn a_build_with_a_very_deep_tree_is_pruned_and_swept() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    nest(&rig.mirror(&format!("master/centos/{A}/outputs")), 20_000);
    frugally(&rig, &["prune"]);
    assert_eq!(rig.there(), [B]);
    let said = frugally(&rig, &["sweep"]);
    // The file and the 20,000 directories, besides what the build had.
    assert!(said.contains("20,014 files removed"), "{said}");
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count(), 0);
}

#[test]
fn a_very_deep_tree_outside_the_builds_stops_nothing_and_its_links_protect() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    fs::create_dir(rig.mirror("docs")).unwrap();
    nest(&rig.mirror("docs"), 1_500);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut dir = rustix::fs::open(rig.mirror("docs"), flags, Mode::empty()).unwrap();
    for _ in 0..1_500 {
        dir = openat(&dir, "directory-of-20-bytes", flags, Mode::empty()).unwrap();
    }
    let target = rig.mirror(&format!("master/centos/{A}"));
    rustix::fs::symlinkat(&target, &dir, "link").unwrap();
    frugally(&rig, &["prune"]);
    assert_eq!(rig.there(), [A, B]);
    rig.run(&["check"]);
    rustix::fs::unlinkat(&dir, "link", rustix::fs::AtFlags::empty()).unwrap();
    frugally(&rig, &["prune"]);
    assert_eq!(rig.there(), [B]);
    assert!(Command::new("rm").arg("-rf").arg(rig.mirror("docs")).status().unwrap().success());
}

#[test]
fn a_build_of_others_that_is_too_deep_to_look_at_is_blocked_and_not_adopted() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([B]);
    let build = rig.mirror(&format!("master/centos/{A}"));
    fs::create_dir_all(build.join("outputs")).unwrap();
    nest(&build.join("outputs"), 1_500);
    let said = rig.ends(6, &["prune"]);
    assert!(said.contains("blocked"), "{said}");
    let adopted = rig.run(&["adopt"]);
    assert!(!adopted.status.success());
    let checked = rig.run(&["check"]);
    assert!(checked.status.code().is_some(), "check was killed");
    assert_eq!(rig.there(), [A, B]);
    assert!(Command::new("rm").arg("-rf").arg(build).status().unwrap().success());
}

#[test]
fn a_source_that_is_too_deep_is_refused() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let deep = "d/".repeat(260);
    fs::create_dir_all(rig.work(&format!("outputs/logs/{deep}"))).unwrap();
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", A];
    rig.fails(1, "more than 256 levels deep", &args);
}
