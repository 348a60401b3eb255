//! File systems that are full, read-only, foreign or broken: the error names the place, and a rerun works.

use crate::support::attempt::{Attempt, ONE, TWO};
use crate::support::rig::{Mounted, Rig};
use std::fs;
use std::process::Command;

#[test]
fn without_inodes_nothing_half_made_stays() {
    let rig = Rig::new();
    let mirror = Mounted::tmpfs(&rig.mirror(""), "size=8m,nr_inodes=60");
    let attempt = Attempt::on(rig);
    for n in 0..40 {
        attempt.rig.write(&format!("outputs/RPMS/std/{n}.rpm"), &n.to_string());
    }
    attempt.refused(1, &["cannot", "outputs/RPMS/std/", "No space left", "df -i"], &[]);
    assert!(attempt.stages().is_empty());
    mirror.remount("nr_inodes=400");
    attempt.publishes(&[]);
    drop(mirror);
}

#[test]
fn a_read_only_mirror_is_told_at_once() {
    let rig = Rig::new();
    let mirror = Mounted::tmpfs(&rig.mirror(""), "size=8m");
    let attempt = Attempt::on(rig);
    mirror.remount("ro");
    attempt.refused(1, &["Read-only file system", ".mirrorkeep"], &[]);
    let build = format!("master/centos/{ONE}");
    attempt.rig.fails(1, "Read-only file system", &["label", &build, "sanity=green"]);
    attempt.rig.fails(1, "Read-only file system", &["alias", "remove", "master/centos/latest_build"]);
    attempt.rig.fails(1, "Read-only file system", &["recover"]);
    // Reading goes on.
    attempt.rig.ok(&["list"]);
    attempt.rig.ok(&["show", &build]);
    mirror.remount("rw");
    attempt.publishes(&[]);
}

#[test]
fn a_file_with_too_many_links_is_copied() {
    let attempt = Attempt::new();
    let inject = ["-e", "trace=linkat", "-e", "inject=linkat:error=EMLINK"];
    let output = attempt.traced(&inject, &["--dedupe", "link"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    attempt.rig.sums_hold(&format!("master/centos/{TWO}"));
    let at = |build: &str| format!("master/centos/{build}/outputs/RPMS/std/a.rpm");
    assert_ne!(attempt.rig.inode(&at(ONE)), attempt.rig.inode(&at(TWO)));
}

#[test]
fn what_lies_on_another_file_system_is_neither_linked_nor_moved() {
    for take in ["link", "move"] {
        let rig = Rig::new();
        let elsewhere = rig.work("../elsewhere");
        let mount = Mounted::tmpfs(&elsewhere, "size=8m");
        let attempt = Attempt::on(rig);
        fs::write(elsewhere.join("big.iso"), "elsewhere").unwrap();
        let add = format!("outputs/iso/big.iso={}", elsewhere.join("big.iso").display());
        let said = ["elsewhere/big.iso", "another file system", "--take copy"];
        attempt.refused(1, &said, &["--dedupe", "none", "--take", take, "--add", &add]);
        // Nothing of the source is lost, and copying takes it.
        assert!(attempt.rig.work("outputs/RPMS/std/a.rpm").exists());
        assert!(attempt.rig.work("outputs/iso/bootimage.iso").exists());
        attempt.publishes(&["--add", &add]);
        drop(mount);
    }
}

#[test]
fn a_source_that_is_moved_goes_only_when_the_build_is_published() {
    let attempt = Attempt::new();
    let inject = ["-e", "trace=syncfs", "-e", "inject=syncfs:signal=KILL"];
    assert!(!attempt.traced(&inject, &["--take", "move"]).output().unwrap().status.success());
    attempt.is_as_before();
    assert!(attempt.rig.work("outputs/RPMS/std/a.rpm").exists());
    attempt.rig.ok(&["recover", "--discard-stages"]);
    let files = ["outputs/RPMS/std/a.rpm", "outputs/iso/bootimage.iso"];
    assert!(files.iter().all(|file| attempt.rig.work(file).exists()));
    attempt.publishes(&["--take", "move"]);
    // Cut off between the two, the build is published and the rest of the source goes with the rerun.
    fs::hard_link(
        attempt.rig.mirror(&format!("master/centos/{TWO}/{}", files[1])),
        attempt.rig.work(files[1]),
    )
    .unwrap();
    attempt.rig.write(files[0], "package a");
    attempt.publishes(&["--take", "move"]);
    // So does a file that was copied for a later time: its bytes were compared with those in the mirror.
    for file in files {
        assert!(!attempt.rig.work(file).exists(), "{file} is still in the source");
        assert!(attempt.rig.mirror(&format!("master/centos/{TWO}/{file}")).exists());
    }
}

#[test]
fn a_place_on_another_file_system_is_refused_before_anything_is_copied() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let stream = Mounted::tmpfs(&rig.mirror("master/centos"), "size=8m");
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    rig.fails(1, "`master/centos` is on another file system than `.mirrorkeep/stage", &args);
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count(), 0);
    drop(stream);
    rig.ok(&args);

    let own = Rig::new();
    let mount = Mounted::tmpfs(&own.mirror(".mirrorkeep"), "size=8m");
    own.ok(&["init"]);
    let work = own.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    own.fails(1, "is on another file system than `.mirrorkeep/stage", &args);
    assert!(!own.mirror("master").exists());
    drop(mount);
}

#[test]
fn a_stage_whose_sync_failed_is_thrown_away() {
    let attempt = Attempt::new();
    let inject = ["-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO"];
    let (code, text) = attempt.refuses(&mut attempt.traced(&inject, &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("cannot sync `.mirrorkeep/stage/") && text.contains("Input/output error"),
        "{text}"
    );
    assert!(attempt.stages().is_empty(), "what may be lost would be believed");
    attempt.publishes(&[]);
}

#[test]
fn a_source_that_cannot_be_read_to_its_end_is_named() {
    let attempt = Attempt::new();
    let iso = attempt.rig.work("outputs/iso/bootimage.iso");
    let inject = ["-P", iso.to_str().unwrap(), "-e", "trace=read", "-e", "inject=read:error=EIO"];
    let (code, text) = attempt.refuses(&mut attempt.traced(&inject, &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("outputs/iso/bootimage.iso`") && text.contains("Input/output error"), "{text}");
    attempt.publishes(&[]);
}

#[test]
fn without_open_files_the_stage_waits_for_the_rerun() {
    let attempt = Attempt::new();
    let inject = ["-e", "trace=openat2", "-e", "inject=openat2:error=EMFILE:when=60+"];
    let (code, text) = attempt.refuses(&mut attempt.traced(&inject, &[]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("Too many open files"), "{text}");
    attempt.publishes(&[]);
}

#[test]
fn a_mirror_whose_making_was_cut_off_is_made_by_the_rerun() {
    let mut half_made = 0;
    for stop in 1.. {
        let rig = Rig::new();
        let ended = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdirat", "-e"])
            .arg(format!("inject=mkdirat:signal=KILL:when={stop}"))
            .arg(env!("CARGO_BIN_EXE_mirrorkeep"))
            .arg("--mirror")
            .arg(rig.mirror(""))
            .arg("publish")
            .arg(rig.work(""))
            .args(["--stream", "master/centos", "--build", ONE, "--init"])
            .output()
            .unwrap();
        if ended.status.success() {
            break;
        }
        let (state, setup) =
            (rig.mirror(".mirrorkeep").exists(), rig.mirror(".mirrorkeep/mirror.yaml").exists());
        half_made += usize::from(state && !setup);
        rig.publish(ONE, &[]);
        assert_eq!(rig.latest().as_deref(), Some(ONE), "stopped at directory {stop}");
    }
    assert!(half_made > 3, "the mirror was half made only {half_made} times");
}

#[test]
fn a_root_that_is_replaced_while_publish_waits_is_refused() {
    let rig = Rig::new();
    rig.publish("20181205T060000Z", &[]);
    let (root, away) = (rig.mirror(""), rig.work("").with_file_name("away"));
    let lock = fs::File::open(rig.mirror(".mirrorkeep/lock")).unwrap();
    lock.lock().unwrap();
    let work = rig.work("");
    let args =
        ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", "20181206T060000Z"];
    let mut publisher = rig.command(&args).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // It waits for the lock as soon as it has its file open.
    let opened = format!("/proc/{}/fd", publisher.id());
    let waits =
        |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|to| to.ends_with(".mirrorkeep/lock"));
    while !fs::read_dir(&opened).unwrap().any(|file| file.is_ok_and(waits)) {
        assert_eq!(publisher.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    fs::rename(&root, &away).unwrap();
    fs::create_dir(&root).unwrap();
    drop(lock);
    let ended = publisher.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(told.contains("is not there now"), "{told}");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert!(!away.join("master/centos/20181206T060000Z").exists());
    // Back at its path, the mirror takes the build.
    fs::remove_dir(&root).unwrap();
    fs::rename(&away, &root).unwrap();
    rig.ok(&args);
}
