//! What a target can do wrong, and what is refused for safety.

use super::scene::{BUILDS, STREAM, Scene, daemon, whole};
use serde_json::json;
use std::fs;
use std::path::Path;

#[test]
fn one_that_is_away_holds_back_no_other() {
    let scene = Scene::new([BUILDS[0]]);
    let nothing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let spare = scene.spare("");
    scene.targets(&format!("  - {{name: away, rsync: 'rsync://127.0.0.1:{nothing}/up/'}}\n{spare}"));
    scene.rig.fails(1, "away: rsync ended with exit code", &["sync"]);
    scene.same("spare");
    // It said nothing and took nothing: the connection is given up.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    scene.targets(&format!("  - {{name: mute, rsync: 'rsync://127.0.0.1:{port}/up/', stall: 1s}}\n{spare}"));
    scene.rig.fails(1, "mute: rsync ended with exit code", &["sync"]);
    let read_only = daemon(&scene.to("ro"), "read only = yes\n");
    scene.targets(&format!("  - {{name: ro, rsync: 'rsync://127.0.0.1:{}/up/'}}\n", read_only.port()));
    scene.rig.fails(1, "ro: rsync ended with exit code", &["sync"]);
    scene.targets("  - {name: gone, directory: /no/such/directory}\n");
    scene.rig.fails(1, "mkdir -p /no/such/directory", &["sync"]);
    let inside = scene.rig.mirror("inside");
    fs::create_dir(&inside).unwrap();
    scene.targets(&format!("  - {{name: gone, directory: '{}'}}\n", inside.display()));
    scene.rig.fails(2, "are in each other", &["sync"]);
}

#[test]
fn each_failure_has_what_helps_and_what_was_done_elsewhere_is_no_error_of_usage() {
    let scene = Scene::new([BUILDS[0]]);
    let nothing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = daemon(&scene.to("far"), "");
    let at = |path: &str| format!("rsync: 'rsync://127.0.0.1:{}/{path}'", server.port());
    for (way, hint) in [
        (format!("rsync: 'rsync://127.0.0.1:{nothing}/up/'"), "nothing listens there"),
        (at("other/"), "lists the modules"),
        (at("up/not/there/"), "make the directory at the target"),
    ] {
        scene.targets(&format!("  - {{name: far, {way}}}\n"));
        let said = scene.rig.ends(1, &["sync"]);
        assert!(said.contains(hint) && said.contains("far: failed: rsync ended with"), "{said}");
    }
    // Two failures of different kinds, and one that was brought up to date.
    let inside = scene.rig.mirror("inside");
    fs::create_dir(&inside).unwrap();
    scene.targets(&format!(
        "  - {{name: in, directory: '{}'}}\n  - {{name: gone, directory: /no/such/directory}}\n{}",
        inside.display(),
        scene.spare("")
    ));
    scene.rig.fails(1, "gone: mount it, or make it: `mkdir -p /no/such/directory`", &["sync"]);
    scene.same_but("spare", "inside");
}

#[test]
fn one_that_lost_everything_is_not_filled_again_unasked() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    fs::remove_dir_all(scene.to("spare")).unwrap();
    fs::create_dir(scene.to("spare")).unwrap();
    scene.rig.fails(3, "`mirrorkeep sync spare --restart` sends everything again", &["sync"]);
    assert_eq!(fs::read_dir(scene.to("spare")).unwrap().count(), 0);
    scene.sync(0, &["--restart"]);
    scene.same("spare");
}

#[test]
fn the_copy_of_another_mirror_stays_one() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let other = Scene::new([BUILDS[1]]);
    other.targets(&scene.spare(""));
    other.rig.fails(3, "`spare` is the copy of another mirror", &["sync"]);
    other.rig.fails(3, "`spare` is the copy of another mirror", &["sync", "--restart"]);
    scene.same("spare");
}

#[test]
fn more_than_may_be_deleted_is_not() {
    let scene = Scene::new([]);
    let names: Vec<String> = (10..24).map(|day| format!("201812{day}T060000Z")).collect();
    for name in &names {
        scene.rig.builds([&**name]);
    }
    scene.sync(0, &[]);
    scene.rig.ok(&["prune"]);
    let held = scene.sync(4, &[]);
    assert_eq!((&held["outcome"], &held["deleted"]), (&json!("withheld"), &json!([])));
    assert!(held["waits"][0].as_str().unwrap().contains("`mirrorkeep sync spare --delete-at-most 12`"));
    assert_eq!(scene.sync(0, &["--delete-at-most", "12"])["deleted"].as_array().unwrap().len(), 12);
    scene.same("spare");
}

#[test]
fn without_its_state_nothing_is_sent_again_and_names_are_read_there() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let file = format!("{STREAM}/{}/outputs/iso/bootimage.iso", BUILDS[1]);
    let ctime = |file: &str| {
        let meta = fs::metadata(scene.to("spare").join(file)).unwrap();
        (std::os::unix::fs::MetadataExt::ino(&meta), std::os::unix::fs::MetadataExt::ctime_nsec(&meta))
    };
    let before = ctime(&file);
    scene.rig.builds([BUILDS[2]]);
    scene.rig.ok(&["prune"]);
    fs::write(scene.rig.mirror(".mirrorkeep/sync/spare/state.json"), "{\"sync\":1,").unwrap();
    let done = scene.sync(0, &[]);
    assert_eq!(done["deleted"], json!([format!("{STREAM}/{}", BUILDS[0])]));
    assert_eq!(ctime(&file), before);
    scene.same("spare");
}

#[test]
fn bytes_that_changed_there_are_found_when_all_are_read_and_put_right() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let at = scene.to(&format!("spare/{STREAM}/{}/outputs/iso/bootimage.iso", BUILDS[0]));
    damage(&at);
    assert_eq!(scene.sync(0, &[])["outcome"], "current");
    scene.sync(0, &["--verify", "all"]);
    assert!(whole(&scene.to("spare"), "master/centos/latest_build").is_some());
    // One that is gone is noticed in the same way.
    fs::remove_file(&at).unwrap();
    scene.sync(0, &["--verify", "all"]);
    scene.same("spare");
}

/// Changes bytes of a file and neither its size nor its time.
fn damage(at: &Path) {
    let meta = fs::metadata(at).unwrap();
    let bytes = fs::read(at).unwrap();
    fs::write(at, bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
    fs::File::options().write(true).open(at).unwrap().set_modified(meta.modified().unwrap()).unwrap();
}

#[test]
fn a_build_that_is_damaged_here_is_not_sent_and_its_name_waits() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let before = scene.trace("spare")["serial"].clone();
    scene.rig.builds([BUILDS[1]]);
    fs::write(scene.rig.mirror(&format!("{STREAM}/{}/outputs/iso/bootimage.iso", BUILDS[1])), "x").unwrap();
    let done = scene.sync(1, &[]);
    assert_eq!(done["outcome"], "partly");
    assert!(done["failures"][0]["error"].as_str().unwrap().contains("is not what was published"));
    assert_eq!(whole(&scene.to("spare"), "master/centos/latest_build").as_deref(), Some(BUILDS[0]));
    assert!(!scene.to(&format!("spare/{STREAM}/{}", BUILDS[1])).exists());
    assert_eq!(scene.trace("spare")["serial"], before);
}

#[test]
fn a_dry_run_changes_nothing_there_or_here() {
    let scene = Scene::new([BUILDS[0]]);
    let would = scene.sync(0, &["--dry-run"]);
    assert_eq!(would["builds"], json!([format!("{STREAM}/{}", BUILDS[0])]));
    assert_eq!(fs::read_dir(scene.to("spare")).unwrap().count(), 0);
    assert!(!scene.rig.mirror(".mirrorkeep/sync").exists());
}
