//! What is mounted below a mirror is not ours: no verb changes anything behind a mount, be it of the same disk.

use crate::support::rig::{Mounted, PARTED, Rig};
use std::fs;
use std::path::Path;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";

/// A directory outside the mirror with one file.
fn archive(rig: &Rig) -> std::path::PathBuf {
    rig.write("../archive/sub/file", "precious");
    rig.work("../archive")
}

#[track_caller]
fn is_whole(archive: &Path) {
    assert_eq!(fs::read_to_string(archive.join("sub/file")).unwrap(), "precious");
}

#[test]
fn a_build_with_a_mount_inside_is_blocked_and_stays() {
    for kind in ["bind", "tmpfs"] {
        let rig = Rig::new();
        rig.policy("keep: [{last: 1}]").builds([A, B, C]);
        let archive = archive(&rig);
        let at = rig.mirror(&format!("master/centos/{A}/outputs/the mount"));
        let mounted = match kind {
            "bind" => Mounted::bind(&archive, &at),
            _ => Mounted::tmpfs(&at, "size=1m"),
        };
        fs::create_dir_all(at.join("sub")).unwrap();
        fs::write(at.join("sub/file"), "precious").unwrap();
        let said = rig.ends(6, &["plan"]);
        let why = format!("something is mounted at `master/centos/{A}/outputs/the mount`");
        assert!(said.contains("blocked") && said.contains(&why), "{said}");
        rig.ends(6, &["prune"]);
        assert_eq!(rig.there(), [A, C]);
        is_whole(&at);
        drop(mounted);
        rig.ok(&["prune"]);
        rig.ok(&["sweep"]);
        assert_eq!(rig.there(), [C]);
        is_whole(&archive);
    }
}

#[test]
fn a_mount_inside_a_build_keeps_its_parts() {
    let rig = Rig::new();
    rig.policy_file(PARTED);
    rig.write("inputs/RPMS/std/c.rpm", "input").builds([A, B]);
    let archive = archive(&rig);
    let mounted = Mounted::bind(&archive, &rig.mirror(&format!("master/centos/{A}/inputs/mounted")));
    rig.ends(6, &["prune"]);
    assert!(rig.mirror(&format!("master/centos/{A}/inputs/RPMS/std/c.rpm")).exists());
    is_whole(&archive);
    drop(mounted);
    is_whole(&archive);
}

#[test]
fn a_sweep_and_a_restore_touch_nothing_behind_a_mount_of_the_same_disk() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    let archive = archive(&rig);
    let trash = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().map(|entry| entry.unwrap().path());
    let mut mounts = Vec::new();
    for at in trash {
        mounts.push(Mounted::bind(&archive, &at.join("tree/outputs/mounted")));
    }
    rig.ok(&["restore", &format!("master/centos/{A}")]);
    is_whole(&archive);
    let said = rig.ends(1, &["sweep"]);
    assert!(said.contains("outputs/mounted") && said.contains("is mounted there"), "{said}");
    is_whole(&archive);
    drop(mounts);
    let left = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().map(|entry| entry.unwrap().path());
    for at in left {
        Mounted::umount(&at.join("tree/outputs/mounted"));
    }
    Mounted::umount(&rig.mirror(&format!("master/centos/{A}/outputs/mounted")));
    rig.ok(&["sweep"]);
    is_whole(&archive);
}

#[test]
fn a_stream_that_is_a_mount_of_the_same_disk_is_refused_before_anything_is_copied() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let other = rig.work("../streams");
    fs::create_dir_all(&other).unwrap();
    let stream = Mounted::bind(&other, &rig.mirror("master/centos"));
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", C];
    rig.fails(1, "`master/centos` is a mount of its own", &args);
    rig.fails(1, "hint: ", &args);
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count(), 0);
    drop(stream);
    rig.ok(&args);
}

#[test]
fn a_prune_of_a_stream_that_is_a_mount_says_so() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let other = rig.work("../streams");
    let status =
        std::process::Command::new("cp").arg("-a").arg(rig.mirror("master/centos")).arg(&other).status();
    assert!(status.unwrap().success());
    let stream = Mounted::bind(&other, &rig.mirror("master/centos"));
    let said = rig.ends(1, &["prune"]);
    assert!(said.contains("something is mounted at `master/centos`"), "{said}");
    drop(stream);
    rig.ok(&["prune"]);
}

#[test]
fn a_build_of_which_something_stays_is_not_reported_as_swept() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    let of = |name: &str| -> std::path::PathBuf {
        let is = |at: &std::path::PathBuf| fs::read_to_string(at.join("ticket.json")).unwrap().contains(name);
        trash_dirs(&rig).into_iter().find(is).unwrap()
    };
    let mounted = Mounted::tmpfs(&of(A).join("tree/outputs/the mount"), "size=1m");
    let said = rig.ends(1, &["sweep"]);
    assert!(said.contains(&format!("swept     master/centos/{B}")), "{said}");
    assert!(
        !said.contains(&format!("swept     master/centos/{A}")) && said.contains("1 build swept"),
        "{said}"
    );
    // It was mounted under another name.
    for at in trash_dirs(&rig) {
        Mounted::umount(&at.join("tree/outputs/the mount"));
    }
    drop(mounted);
    rig.ok(&["sweep"]);
}

fn trash_dirs(rig: &Rig) -> Vec<std::path::PathBuf> {
    fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().map(|entry| entry.unwrap().path()).collect()
}
