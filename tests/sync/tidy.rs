//! What is left in builds of a target: temporary files, directories, files of others, files that changed there.

use super::scene::{BUILDS, STREAM, Scene};
use serde_json::json;
use std::fs;

fn iso(build: &str) -> String {
    format!("spare/{STREAM}/{build}/outputs/iso/bootimage.iso")
}

fn temporary(build: &str) -> String {
    format!("spare/{STREAM}/{build}/outputs/iso/.bootimage.iso.aB3xY9")
}

#[test]
fn temporary_files_of_a_killed_rsync_go_with_the_next_run() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    // As a run leaves it that was killed before it noted the build.
    fs::remove_file(scene.rig.mirror(".mirrorkeep/sync/spare/state.json")).unwrap();
    fs::write(scene.to(&temporary(BUILDS[1])), "part").unwrap();
    fs::write(scene.to("spare/project/trace/.spare.aB3xY9"), "part").unwrap();
    scene.sync(0, &[]);
    assert!(!scene.to("spare/project/trace/.spare.aB3xY9").exists());
    scene.same("spare");
    // In a build that is deleted there.
    fs::write(scene.to(&temporary(BUILDS[0])), "part").unwrap();
    scene.rig.builds([BUILDS[2]]);
    scene.rig.ok(&["prune"]);
    scene.sync(0, &[]);
    scene.same("spare");
    // What only looks like one is of others.
    fs::write(scene.to(&format!("spare/{STREAM}/{}/.other.aB3xY9", BUILDS[1])), "").unwrap();
    let done = scene.sync(0, &["--verify", "all"]);
    assert_eq!(done["strange"], json!([format!("{STREAM}/{}/.other.aB3xY9", BUILDS[1])]));
    assert_eq!(done["warnings"][0], "1 path there was never sent, and is left as it is");
}

#[test]
fn what_others_put_into_a_build_is_reported_where_it_keeps_the_directory_and_by_verify_all() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    for build in [BUILDS[0], BUILDS[1]] {
        fs::write(scene.to(&format!("spare/{STREAM}/{build}/theirs")), "theirs").unwrap();
    }
    scene.rig.ok(&["withdraw", &format!("{STREAM}/{}", BUILDS[0]), "--why", "wrong"]);
    let done = scene.sync(0, &[]);
    assert_eq!(done["deleted"], json!([format!("{STREAM}/{}", BUILDS[0])]));
    assert_eq!(done["strange"], json!([format!("{STREAM}/{}", BUILDS[0])]));
    // It is no build that stayed there.
    assert_eq!(scene.sync(0, &[])["outcome"], "current");
    let all = scene.sync(0, &["--verify", "all"]);
    let theirs = json!([format!("{STREAM}/{}", BUILDS[0]), format!("{STREAM}/{}/theirs", BUILDS[1])]);
    assert_eq!((&all["outcome"], &all["strange"]), (&json!("current"), &theirs));
}

#[test]
fn verify_all_reports_what_it_puts_right() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let id = format!("{STREAM}/{}", BUILDS[1]);
    let said = format!("files of `{id}` were missing or differed there, and were sent again");
    let missing = |at: &str| fs::remove_file(scene.to(at)).unwrap();
    let cut = |at: &str| fs::write(scene.to(at), "x").unwrap();
    for harm in [&missing as &dyn Fn(&str), &cut] {
        harm(&iso(BUILDS[1]));
        let done = scene.sync(0, &["--verify", "all"]);
        assert_eq!(
            (&done["outcome"], &done["builds"], &done["warnings"]),
            (&json!("done"), &json!([id]), &json!([said]))
        );
        scene.same("spare");
    }
    let done = scene.sync(0, &["--verify", "all"]);
    assert_eq!((&done["outcome"], &done["warnings"]), (&json!("current"), &json!([])));
}

#[test]
fn directories_go_with_streams_that_a_target_does_not_get_any_more() {
    let scene = Scene::new([BUILDS[0]]);
    let work = scene.rig.work("").display().to_string();
    scene.rig.ok(&["publish", &work, "--stream", "release/1.0/centos", "--build", BUILDS[1]]);
    scene.targets(&scene.spare(", streams: 'release/**'"));
    scene.sync(0, &[]);
    scene.targets(&scene.spare(", streams: 'master/**'"));
    scene.sync(0, &[]);
    assert!(!scene.to("spare/release").exists());
    // The directory of a stream that it gets stays without builds.
    scene.rig.ok(&["withdraw", &format!("{STREAM}/{}", BUILDS[0]), "--why", "wrong"]);
    scene.rig.run(&["alias", "remove", &format!("{STREAM}/latest_build")]);
    scene.sync(0, &[]);
    assert!(scene.to(&format!("spare/{STREAM}")).is_dir());
    assert_eq!(fs::read_dir(scene.to(&format!("spare/{STREAM}"))).unwrap().count(), 0);
}
