//! What is in a build here and is not of it is not sent, although builds are sent as directories.

use super::scene::{BUILDS, STREAM, Scene};
use serde_json::json;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};

/// Puts a file into a build of the mirror.
fn put(scene: &Scene, build: &str, path: &[u8]) {
    let at = scene.rig.mirror(&format!("{STREAM}/{build}")).join(std::ffi::OsStr::from_bytes(path));
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, "theirs").unwrap();
}

/// Returns the files of a build at the target.
fn sent(scene: &Scene, build: &str) -> Vec<String> {
    crate::support::rig::tree(&scene.to(&format!("spare/{STREAM}/{build}")))
}

#[test]
fn what_others_put_into_a_build_is_not_sent_whatever_it_is_called() {
    for names in [
        vec!["theirs", "outputs/a[b]*?", "outputs/RPMS/- x", "inputs/dir/SHA256SUMS", "inputs/dir/deep/f"],
        // Of names that no rule can say the files of builds are told one by one.
        vec!["outputs/odd\u{1}name", "plain"],
        vec!["outputs/more"; 1],
    ] {
        let scene = Scene::new([BUILDS[0]]);
        scene.sync(0, &[]);
        let before = sent(&scene, BUILDS[0]);
        fs::remove_dir_all(scene.to("spare")).unwrap();
        fs::create_dir(scene.to("spare")).unwrap();
        for name in &names {
            put(&scene, BUILDS[0], name.as_bytes());
        }
        if names.len() == 1 {
            for number in 0..2000 {
                put(
                    &scene,
                    BUILDS[0],
                    format!("outputs/more than fits into arguments/{number:0100}").as_bytes(),
                );
            }
            for number in 0..500 {
                put(&scene, BUILDS[0], format!("outputs/{number:0100}").as_bytes());
            }
        }
        symlink("/etc", scene.rig.mirror(&format!("{STREAM}/{}/outputs/link", BUILDS[0]))).unwrap();
        let done = scene.sync(0, &["--anew"]);
        assert_eq!(done["builds"], json!([format!("{STREAM}/{}", BUILDS[0])]), "{names:?}");
        assert_eq!(sent(&scene, BUILDS[0]), before, "{names:?}");
        assert_eq!(scene.sync(0, &["--verify", "all"])["warnings"], json!([]), "{names:?}");
    }
}

#[test]
fn what_comes_into_a_build_while_it_is_sent_does_not_stay_there() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let before = sent(&scene, BUILDS[0]);
    let other = Scene::new([BUILDS[0]]);
    let at = other.rig.mirror(&format!("{STREAM}/{}/outputs/came", BUILDS[0]));
    let script = format!(
        "case \" $* \" in *' -lptH '*) [ -e '{0}' ] || {{ touch '{0}'; echo put >> \"$dir/put\"; }};; esac\nexec \"$real\" \"$@\"",
        at.display()
    );
    let output = other.with_rsync(&script, &["sync"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_to_string(other.beside("bin").join("put")).unwrap(), "put\n");
    assert!(at.exists());
    assert_eq!(sent(&other, BUILDS[0]), before);
    assert_eq!(other.sync(0, &[])["outcome"], "current");
}

#[test]
fn a_file_that_builds_share_is_one_file_there_also_if_they_are_sent_by_different_runs() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    scene.rig.builds([BUILDS[1]]);
    let rpm = |build: &str| format!("{STREAM}/{build}/outputs/RPMS/std/a.rpm");
    assert_eq!(scene.rig.inode(&rpm(BUILDS[0])), scene.rig.inode(&rpm(BUILDS[1])));
    scene.sync(0, &[]);
    let inode = |build: &str| fs::metadata(scene.to("spare").join(rpm(build))).unwrap().ino();
    assert_eq!(inode(BUILDS[0]), inode(BUILDS[1]));
    scene.same("spare");
    // What is missing there is sent, and nothing waits for it.
    fs::remove_file(scene.to("spare").join(rpm(BUILDS[1]))).unwrap();
    scene.rig.builds([BUILDS[2]]);
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn what_others_put_beside_builds_is_reported_by_a_run_that_sends_some() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    fs::create_dir(scene.to(&format!("spare/{STREAM}/notes"))).unwrap();
    fs::write(scene.to(&format!("spare/{STREAM}/odd\u{1}name")), "").unwrap();
    symlink(BUILDS[0], scene.to(&format!("spare/{STREAM}/theirs"))).unwrap();
    scene.rig.builds([BUILDS[1]]);
    let done = scene.sync(0, &[]);
    let strange = ["notes", "odd\\u{1}name", "theirs"].map(|name| format!("{STREAM}/{name}"));
    assert_eq!(done["strange"], json!(strange));
    assert_eq!(scene.sync(0, &["--verify", "all"])["strange"], json!(strange));
}
