//! Each run of `rsync` is the last one, or fails; then `sync` runs again.

use super::scene::{BUILDS, Scene, whole};
use std::fs;

/// What happens at the run of `rsync` with the number in the file `at`.
const HOWS: [(&str, &str); 5] = [
    ("killed before it", "kill -9 $PPID; exit 1"),
    ("killed after it", "\"$real\" \"$@\"; kill -9 $PPID; exit 1"),
    ("fails before it", "echo 'rsync: connection reset' >&2; exit 12"),
    ("fails after it", "\"$real\" \"$@\"; exit 12"),
    ("does nothing, and says that it did", "exit 0"),
];

const COUNTS: &str = "n=$(($(cat \"$dir/count\") + 1)); echo $n > \"$dir/count\"
if [ $n = \"$(cat \"$dir/at\")\" ]; then
    HOW
fi
exec \"$real\" \"$@\"";

/// Returns a mirror whose target has two builds, where another came since and one was pruned.
fn begun() -> Scene {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    scene.rig.builds([BUILDS[2]]);
    scene.rig.ok(&["prune"]);
    scene
}

/// Runs `sync` with a fault at a run of `rsync`; returns whether there were so many.
fn faulty(scene: &Scene, how: &str, at: usize) -> bool {
    let dir = scene.beside("bin");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("count"), "0").unwrap();
    fs::write(dir.join("at"), at.to_string()).unwrap();
    scene.with_rsync(&COUNTS.replace("HOW", how), &["sync"]);
    fs::read_to_string(dir.join("count")).unwrap().trim().parse::<usize>().unwrap() >= at
}

#[test]
fn whatever_becomes_of_a_run_of_rsync_no_name_leads_astray_and_the_next_sync_goes_on() {
    for (what, how) in HOWS {
        let mut at = 1;
        loop {
            let scene = begun();
            if !faulty(&scene, how, at) {
                break;
            }
            // A name is there at all times, and its build is whole.
            let build = whole(&scene.to("spare"), "master/centos/latest_build");
            assert!(build.is_some(), "{what}, run {at}");
            scene.rig.run(&["sync"]);
            let last = scene.rig.ends(0, &["sync"]);
            assert!(last.contains("nothing new"), "{what}, run {at}: {last}");
            // What the program only said that it did is found when everything is compared.
            if what.starts_with("does nothing") {
                let left = scene.sync(0, &["--verify", "all"])["strange"].clone();
                for path in left.as_array().unwrap() {
                    fs::remove_dir_all(scene.to("spare").join(path.as_str().unwrap())).unwrap();
                }
            }
            scene.same("spare");
            at += 1;
        }
        assert!(at > 7, "{what}: {at}");
    }
}

#[test]
fn a_first_sync_that_is_killed_goes_on() {
    for at in 1.. {
        let scene = Scene::new([BUILDS[0], BUILDS[1]]);
        if !faulty(&scene, HOWS[1].1, at) {
            break;
        }
        whole(&scene.to("spare"), "master/centos/latest_build");
        scene.sync(0, &[]);
        scene.same("spare");
    }
}

#[test]
fn a_target_whose_disk_is_full_keeps_its_names_and_is_filled_once_there_is_room() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let scene = Scene::new([BUILDS[0]]);
    let disk = crate::support::rig::Mounted::tmpfs(&scene.to("spare"), "size=300k");
    scene.sync(0, &[]);
    scene.rig.write("outputs/iso/bootimage.iso", &"x".repeat(600 << 10)).publish(BUILDS[1], &[]);
    let output = scene.rig.ends(1, &["sync"]);
    assert!(output.contains("No space left"), "{output}");
    assert_eq!(whole(&scene.to("spare"), "master/centos/latest_build").as_deref(), Some(BUILDS[0]));
    disk.remount("size=4m");
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn two_at_once_wait_for_each_other() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    std::thread::scope(|threads| {
        let all: Vec<_> = (0..3).map(|_| threads.spawn(|| scene.rig.run(&["sync"]))).collect();
        for one in all {
            let output = one.join().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    });
    scene.same("spare");
}

#[test]
fn a_program_that_is_no_rsync_or_an_old_one_is_refused() {
    let scene = Scene::new([BUILDS[0]]);
    for (script, said) in [
        ("echo 'rsync  version 3.0.9  protocol version 30'", "3.1.0 or newer is needed; found: 3.0.9"),
        ("echo 'openrsync: protocol version 29'", "found: openrsync"),
    ] {
        let output = scene.with_rsync(script, &["sync"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(said), "{text}");
    }
}
