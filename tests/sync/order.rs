//! What is sent, and in which order.

use super::scene::{BUILDS, STREAM, Scene, daemon, whole};
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_directory_gets_builds_names_and_a_trace_and_then_only_what_is_new() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let done = scene.sync(0, &[]);
    assert_eq!((&done["outcome"], done["builds"].as_array().unwrap().len()), (&json!("done"), 2));
    scene.same("spare");
    assert_eq!(whole(&scene.to("spare"), "master/centos/latest_build").as_deref(), Some(BUILDS[1]));
    // A file that builds share is one file there, too.
    let inode = |build: &str| {
        let rpm = format!("spare/{STREAM}/{build}/outputs/RPMS/std/a.rpm");
        fs::metadata(scene.to(&rpm)).unwrap().ino()
    };
    let shared = scene.rig.inode(&format!("{STREAM}/{}/outputs/RPMS/std/a.rpm", BUILDS[0]))
        == scene.rig.inode(&format!("{STREAM}/{}/outputs/RPMS/std/a.rpm", BUILDS[1]));
    assert_eq!(inode(BUILDS[0]) == inode(BUILDS[1]), shared);
    let trace = scene.trace("spare");
    assert_eq!(trace["serial"], done["serial"]);
    assert_eq!(trace["streams"][STREAM], done["serial"]);
    let again = scene.sync(0, &[]);
    assert_eq!((&again["outcome"], &again["builds"]), (&json!("current"), &json!([])));
    assert_eq!(scene.trace("spare"), trace);
    scene.rig.builds([BUILDS[2]]);
    let third = scene.sync(0, &[]);
    assert_eq!(third["builds"], json!([format!("{STREAM}/{}", BUILDS[2])]));
    assert_eq!(third["names"], json!([format!("{STREAM}/latest_build")]));
    scene.same("spare");
}

#[test]
fn a_daemon_gets_the_same_and_what_prune_deletes_goes_there() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let server = daemon(&scene.to("far"), "");
    scene.targets(&format!("  - {{name: far, rsync: 'rsync://127.0.0.1:{}/up/'}}\n", server.port()));
    scene.sync(0, &[]);
    scene.same("far");
    scene.rig.builds([BUILDS[2], BUILDS[3]]);
    scene.rig.ok(&["prune"]);
    // What others put there stays, and keeps the directory that it is in.
    fs::write(scene.to(&format!("far/{STREAM}/{}/theirs", BUILDS[0])), "theirs").unwrap();
    fs::create_dir(scene.to(&format!("far/{STREAM}/notes"))).unwrap();
    let done = scene.sync(0, &[]);
    assert_eq!(
        done["deleted"],
        json!([format!("{STREAM}/{}", BUILDS[0]), format!("{STREAM}/{}", BUILDS[1])])
    );
    let strange = json!([format!("{STREAM}/{}", BUILDS[0]), format!("{STREAM}/notes")]);
    assert_eq!(done["strange"], strange);
    assert!(!scene.to(&format!("far/{STREAM}/{}", BUILDS[1])).exists());
    let left: Vec<_> = fs::read_dir(scene.to(&format!("far/{STREAM}/{}", BUILDS[0]))).unwrap().collect();
    assert_eq!(left.len(), 1);
    fs::remove_dir_all(scene.to(&format!("far/{STREAM}/{}", BUILDS[0]))).unwrap();
    fs::remove_dir(scene.to(&format!("far/{STREAM}/notes"))).unwrap();
    scene.same("far");
    assert_eq!(scene.sync(0, &[])["outcome"], "current");
}

#[test]
fn a_target_gets_its_streams_and_a_change_of_them_is_carried_out() {
    let scene = Scene::new([BUILDS[0]]);
    let work = scene.rig.work("").display().to_string();
    scene.rig.ok(&["publish", &work, "--stream", "release/1.0/centos", "--build", BUILDS[1]]);
    scene.targets(&scene.spare(", streams: 'release/**'"));
    let done = scene.sync(0, &[]);
    assert_eq!(done["builds"], json!([format!("release/1.0/centos/{}", BUILDS[1])]));
    assert!(!scene.to("spare/master").exists());
    assert!(whole(&scene.to("spare"), "release/1.0/centos/latest_build").is_some());
    scene.targets(&scene.spare(", streams: 'master/**'"));
    let done = scene.sync(0, &[]);
    assert_eq!(done["deleted"], json!([format!("release/1.0/centos/{}", BUILDS[1])]));
    assert!(fs::symlink_metadata(scene.to("spare/release/1.0/centos/latest_build")).is_err());
    assert!(whole(&scene.to("spare"), "master/centos/latest_build").is_some());
}

#[test]
fn pages_come_after_builds_and_go_with_them() {
    let scene = Scene::new([BUILDS[0]]);
    let settings = scene.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "site: {auto: true}\n").unwrap();
    scene.rig.builds([BUILDS[1], BUILDS[2]]);
    assert!(scene.sync(0, &[])["pages"].as_u64().unwrap() > 3);
    scene.same("spare");
    scene.rig.ok(&["prune"]);
    scene.sync(0, &[]);
    scene.same("spare");
    assert_eq!(scene.sync(0, &[])["pages"], 0);
}

#[test]
fn a_name_that_goes_here_goes_there_and_one_that_came_back_comes_back() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let name = format!("{STREAM}/latest_green_build");
    let target = |build: &str| format!("{STREAM}/{build}");
    scene.rig.ok(&["alias", "set", &name, &target(BUILDS[0])]);
    scene.sync(0, &[]);
    assert_eq!(whole(&scene.to("spare"), &name).as_deref(), Some(BUILDS[0]));
    scene.rig.ok(&["alias", "remove", &name]);
    assert_eq!(scene.sync(0, &[])["names_removed"], json!([name]));
    assert!(fs::symlink_metadata(scene.to("spare").join(&name)).is_err());
    // By hand, which no journal knows.
    std::os::unix::fs::symlink(BUILDS[1], scene.rig.mirror(&name)).unwrap();
    scene.sync(0, &[]);
    assert_eq!(whole(&scene.to("spare"), &name).as_deref(), Some(BUILDS[1]));
}

#[test]
fn a_reader_that_follows_a_name_during_many_syncs_misses_no_file() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let (target, ended) = (scene.to("spare"), AtomicBool::new(false));
    let rounds = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 100 } else { 12 };
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !ended.load(Ordering::Relaxed) {
                seen.extend(Some(whole(&target, "master/centos/latest_build").unwrap()));
            }
            seen.len()
        });
        for round in 0..rounds {
            let build = format!("20190101T{:02}{:02}00Z", round / 60, round % 60);
            scene.rig.builds([&*build]);
            scene.rig.ok(&["prune"]);
            if !reader.is_finished() {
                scene.sync(0, &[]);
            }
        }
        ended.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 1);
    });
    scene.same("spare");
}

#[test]
fn a_part_that_is_trimmed_here_goes_there() {
    let scene = Scene::new([]);
    scene.rig.write("inputs/RPMS/big", "bytes");
    scene.rig.policy_file(crate::support::rig::PARTED).builds([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let big = format!("spare/{STREAM}/{}/inputs/RPMS/big", BUILDS[0]);
    assert!(scene.to(&big).exists());
    scene.rig.ok(&["prune"]);
    scene.sync(0, &[]);
    assert!(!scene.to(&big).exists());
    assert!(scene.to(&format!("spare/{STREAM}/{}/inputs/RPMS/big", BUILDS[1])).exists());
    assert_eq!(scene.sync(0, &[])["outcome"], "current");
}
