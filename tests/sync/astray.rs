//! Names of a target never lead astray, whatever was restored, lost or moved, and what vanished here stays there.

use super::scene::{BUILDS, STREAM, Scene, daemon, whole};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const OTHER: &str = "release/1.0/centos";

fn latest() -> String {
    format!("{STREAM}/latest_build")
}

fn id(build: &str) -> String {
    format!("{STREAM}/{build}")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Replaces a directory by a copy of it from before.
fn restore(backup: &Path, to: &Path) {
    fs::remove_dir_all(to).unwrap();
    copy(backup, to);
}

/// Returns a mirror with a second stream, both at the target.
fn two_streams() -> Scene {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let work = scene.rig.work("").display().to_string();
    for build in [BUILDS[0], BUILDS[1]] {
        scene.rig.ok(&["publish", &work, "--stream", OTHER, "--build", build]);
    }
    scene.sync(0, &[]);
    scene
}

#[test]
fn what_vanished_here_stays_there_until_it_is_back_or_recorded_as_missing() {
    let scene = two_streams();
    let (dir, away) = (scene.rig.mirror("release"), scene.beside("away"));
    fs::rename(&dir, &away).unwrap();
    for (made, is_dry) in [(false, true), (false, false), (true, false), (true, false)] {
        if made {
            fs::create_dir_all(&dir).unwrap();
        }
        let done = scene.sync(1, if is_dry { &["--dry-run"] } else { &[] });
        assert_eq!((&done["deleted"], &done["names_removed"]), (&json!([]), &json!([])));
        let failed: Vec<_> = done["failures"].as_array().unwrap().iter().map(|one| &one["path"]).collect();
        assert_eq!(
            failed,
            [&json!(format!("{OTHER}/{}", BUILDS[0])), &json!(format!("{OTHER}/{}", BUILDS[1]))]
        );
        assert_eq!(whole(&scene.to("spare"), &format!("{OTHER}/latest_build")).as_deref(), Some(BUILDS[1]));
    }
    // The trace does not state what happens there since, and what happens elsewhere goes on.
    let before = scene.trace("spare");
    scene.rig.builds([BUILDS[2]]);
    scene.sync(1, &[]);
    let trace = scene.trace("spare");
    assert_eq!(trace["serial"], before["serial"]);
    assert!(trace["streams"][STREAM].as_u64() > before["streams"][STREAM].as_u64());
    assert_eq!(whole(&scene.to("spare"), &latest()).as_deref(), Some(BUILDS[2]));
    fs::remove_dir(&dir).unwrap();
    fs::rename(&away, &dir).unwrap();
    scene.sync(0, &[]);
    scene.same("spare");
    // One that is not to come back is recorded as missing.
    fs::remove_dir_all(scene.rig.mirror(&format!("{OTHER}/{}", BUILDS[0]))).unwrap();
    let gone = format!("{OTHER}/{}", BUILDS[0]);
    assert_eq!(scene.sync(1, &[])["deleted"], json!([]));
    scene.rig.ok(&["adopt", "--changed", &gone]);
    assert_eq!(scene.sync(0, &[])["deleted"], json!([gone]));
    scene.same("spare");
}

#[test]
fn a_target_from_its_backup_gets_its_names_before_builds_are_deleted() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let backup = scene.beside("backup");
    copy(&scene.to("spare"), &backup);
    scene.rig.builds([BUILDS[2]]);
    scene.sync(0, &[]);
    scene.rig.ok(&["withdraw", &id(BUILDS[1]), "--why", "wrong"]);
    restore(&backup, &scene.to("spare"));
    let done = scene.sync(0, &[]);
    assert_eq!((&done["names"], &done["deleted"]), (&json!([latest()]), &json!([id(BUILDS[1])])));
    scene.same("spare");
}

#[test]
fn a_state_from_a_backup_leaves_no_withdrawn_build_unreported() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let (state, backup) = (scene.rig.mirror(".mirrorkeep/sync"), scene.beside("backup"));
    copy(&state, &backup);
    let old = scene.trace("spare")["serial"].clone();
    scene.rig.builds([BUILDS[2]]);
    scene.sync(0, &[]);
    scene.rig.ok(&["withdraw", &id(BUILDS[2]), "--why", "secret"]);
    restore(&backup, &state);
    for _ in 0..2 {
        let done = scene.sync(1, &[]);
        assert_eq!(done["failures"][0]["path"], json!(id(BUILDS[2])));
        assert!(done["failures"][0]["error"].as_str().unwrap().contains("was withdrawn here and is there"));
        assert_eq!(whole(&scene.to("spare"), &latest()).as_deref(), Some(BUILDS[1]));
        assert_eq!(scene.trace("spare")["serial"], old);
    }
    fs::remove_dir_all(scene.to("spare").join(id(BUILDS[2]))).unwrap();
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn a_name_that_was_removed_while_nothing_was_known_goes_and_its_build_waits_for_it() {
    for how in ["restart", "lost", "cut off"] {
        let scene = Scene::new([BUILDS[0], BUILDS[1], BUILDS[2]]);
        let stable = format!("{STREAM}/latest_green_build");
        scene.rig.ok(&["alias", "set", &stable, &id(BUILDS[0])]);
        scene.sync(0, &[]);
        scene.rig.ok(&["alias", "remove", &stable]);
        let state = scene.rig.mirror(".mirrorkeep/sync/spare/state.json");
        // Before what was removed goes there, the build is withdrawn, too.
        scene.rig.ok(&["withdraw", &id(BUILDS[0]), "--why", "wrong"]);
        let done = match how {
            "restart" => scene.sync(0, &["--restart"]),
            "lost" => {
                fs::remove_file(&state).unwrap();
                scene.sync(0, &[])
            }
            _ => {
                fs::write(&state, "{\"sync\":1,").unwrap();
                let done = scene.sync(0, &[]);
                assert!(done["warnings"][0].as_str().unwrap().contains("state.json` is damaged"), "{done:#}");
                done
            }
        };
        assert_eq!(
            (&done["names_removed"], &done["deleted"]),
            (&json!([stable]), &json!([id(BUILDS[0])])),
            "{how}"
        );
        scene.same("spare");
    }
}

#[test]
fn a_build_to_which_a_name_of_others_leads_there_waits() {
    let scene = Scene::new([BUILDS[0], BUILDS[1], BUILDS[2]]);
    scene.sync(0, &[]);
    symlink(format!("master/centos/{}/outputs", BUILDS[0]), scene.to("spare/theirs")).unwrap();
    scene.rig.ok(&["prune"]);
    let done = scene.sync(1, &[]);
    assert_eq!(done["deleted"], json!([]));
    assert!(done["waits"][0].as_str().unwrap().contains("`theirs` leads to it there"), "{done:#}");
    fs::remove_file(scene.to("spare/theirs")).unwrap();
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn a_damaged_state_fills_no_directory_that_is_not_mounted() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    fs::write(scene.rig.mirror(".mirrorkeep/sync/spare/state.json"), "").unwrap();
    fs::remove_dir_all(scene.to("spare")).unwrap();
    fs::create_dir(scene.to("spare")).unwrap();
    scene.rig.fails(3, "lost its trace", &["sync"]);
    scene.sync(0, &["--restart"]);
    scene.same("spare");
}

#[test]
fn a_name_that_is_gone_or_changed_there_is_set_again() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let at = scene.to("spare").join(latest());
    fs::remove_file(&at).unwrap();
    assert_eq!(scene.sync(0, &[])["names"], json!([latest()]));
    fs::remove_file(&at).unwrap();
    symlink(BUILDS[0], &at).unwrap();
    // What rsync left of a name when it was killed goes, too.
    symlink(BUILDS[0], scene.to("spare").join(format!("{STREAM}/.latest_build.aB3xY9"))).unwrap();
    assert_eq!(scene.sync(0, &["--verify", "all"])["names"], json!([latest()]));
    scene.same("spare");
}

/// Publishes the next of these builds whenever files of builds are sent.
fn publishing(scene: &Scene, builds: &[&str]) -> String {
    fs::create_dir_all(scene.beside("bin")).unwrap();
    fs::write(scene.beside("bin/next"), builds.iter().map(|build| format!("{build}\n")).collect::<String>())
        .unwrap();
    let (program, work) = (env!("CARGO_BIN_EXE_mirrorkeep"), scene.rig.work(""));
    format!(
        "case \" $* \" in *' -lptH '*)
    next=$(head -n 1 \"$dir/next\"); sed -i 1d \"$dir/next\"
    [ -z \"$next\" ] || {program} -q publish {} --stream {STREAM} --build $next >&2 || exit 1;;
esac
exec \"$real\" \"$@\"",
        work.display()
    )
}

#[test]
fn a_target_that_is_slower_than_builds_come_gets_names_all_the_same() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    scene.rig.builds([BUILDS[1]]);
    let before = scene.trace("spare")["serial"].as_u64();
    // One that comes during the run is sent in it.
    let one = publishing(&scene, &[BUILDS[2]]);
    let output = scene.with_rsync(&one, &["sync"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(whole(&scene.to("spare"), &latest()).as_deref(), Some(BUILDS[2]));
    scene.same("spare");
    // Of those that come without end the run is not waited for.
    scene.rig.builds([BUILDS[3]]);
    let next: Vec<String> = (10..20).map(|day| format!("201812{day}T060000Z")).collect();
    let next: Vec<&str> = next.iter().map(|build| &**build).collect();
    let output = scene.with_rsync(&publishing(&scene, &next), &["sync"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let there = whole(&scene.to("spare"), &latest()).unwrap();
    let here = fs::read_link(scene.rig.mirror(&latest())).unwrap();
    assert!(*there > *BUILDS[3] && here.to_str().unwrap() > &*there);
    let trace = scene.trace("spare")["serial"].as_u64();
    assert!(trace > before);
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn a_reader_misses_no_file_while_builds_come_and_go_during_syncs() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let (target, ended) = (scene.to("spare"), AtomicBool::new(false));
    let rounds = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 100 } else { 10 };
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                whole(&target, &latest()).unwrap();
            }
        });
        let syncs = threads.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                scene.sync(0, &[]);
            }
        });
        for round in 0..rounds {
            let build = format!("20190101T{:02}{:02}00Z", round / 60, round % 60);
            scene.rig.builds([&*build]);
            scene.rig.ok(&["prune"]);
            if reader.is_finished() || syncs.is_finished() {
                break;
            }
        }
        ended.store(true, Ordering::Relaxed);
        syncs.join().unwrap();
        reader.join().unwrap();
    });
    scene.sync(0, &[]);
    scene.same("spare");
}

#[test]
fn pages_name_no_build_that_is_not_there() {
    let scene = Scene::new([]);
    let settings = scene.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "site: {auto: true}\n").unwrap();
    scene.rig.builds([BUILDS[0]]);
    scene.sync(0, &[]);
    scene.rig.builds([BUILDS[1]]);
    let iso = scene.rig.mirror(&format!("{}/outputs/iso/bootimage.iso", id(BUILDS[1])));
    let (bytes, time) = (fs::read(&iso).unwrap(), fs::metadata(&iso).unwrap().modified().unwrap());
    fs::write(&iso, "x").unwrap();
    scene.sync(1, &[]);
    let named = || {
        let mut grep = Command::new("grep");
        let found = grep.args(["-rl", BUILDS[1], "."]).current_dir(scene.to("spare")).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert_eq!(named(), "");
    fs::write(&iso, bytes).unwrap();
    fs::File::options().write(true).open(&iso).unwrap().set_modified(time).unwrap();
    scene.sync(0, &[]);
    assert!(!named().is_empty());
    scene.same("spare");
}

#[test]
fn builds_that_a_target_lost_are_sent_again_before_names_are_said_to_be_right() {
    let scene = two_streams();
    let server = daemon(&scene.to("far"), "");
    let far = format!("  - {{name: far, rsync: 'rsync://127.0.0.1:{}/up/'}}\n", server.port());
    let spare = scene.spare("");
    for (name, target) in [("spare", &spare), ("far", &far)] {
        scene.targets(target);
        scene.sync(0, &[]);
        let build = |build: &str| scene.to(&format!("{name}/{STREAM}/{build}"));
        let again = |lost: &[String]| {
            let done = scene.sync(0, &[]);
            assert_eq!(done["builds"], json!(lost));
            let told = done["warnings"].to_string();
            assert!(lost.iter().all(|id| told.contains(&format!("files of `{id}` were missing"))), "{told}");
            scene.same(name);
            assert_eq!(scene.sync(0, &[])["outcome"], "current");
        };
        // All builds of a stream with their names, a build to which no name leads, and one to which a name does.
        fs::remove_dir_all(scene.to(&format!("{name}/master"))).unwrap();
        again(&[id(BUILDS[0]), id(BUILDS[1])]);
        fs::remove_dir_all(build(BUILDS[0])).unwrap();
        again(&[id(BUILDS[0])]);
        fs::remove_dir_all(build(BUILDS[1])).unwrap();
        again(&[id(BUILDS[1])]);
        // Something at the top of one to which a name leads.
        fs::remove_file(build(BUILDS[1]).join("SHA256SUMS")).unwrap();
        again(&[id(BUILDS[1])]);
        fs::remove_dir_all(build(BUILDS[1]).join("outputs")).unwrap();
        again(&[id(BUILDS[1])]);
        // What is put into a build here is not sent, and is not missed there.
        let strange = scene.rig.mirror(&format!("{STREAM}/{}/0-notes", BUILDS[1]));
        fs::write(&strange, "").unwrap();
        assert_eq!(scene.sync(0, &[])["outcome"], "current");
        fs::remove_file(strange).unwrap();
    }
}

#[test]
fn a_target_that_loses_a_build_again_is_behind_and_its_name_waits() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    scene.sync(0, &[]);
    let lost = scene.to("spare").join(id(BUILDS[1]));
    let script = format!("case \"$*\" in *%L*) rm -rf '{}';; esac\nexec \"$real\" \"$@\"", lost.display());
    let output = scene.with_rsync(&script, &["sync", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let done = &answer["report"]["targets"][0];
    assert_eq!(done["failures"][0]["path"], json!(id(BUILDS[1])));
    assert!(done["failures"][0]["error"].as_str().unwrap().contains("lost it again"), "{done}");
    let waits = format!("`{}` waits until `{}` is whole there", latest(), id(BUILDS[1]));
    assert_eq!(done["waits"], json!([waits]));
    scene.rig.builds([BUILDS[2]]);
    let output = scene.with_rsync(&script, &["sync"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(whole(&scene.to("spare"), &latest()).as_deref(), Some(BUILDS[2]));
    scene.sync(0, &[]);
    scene.same("spare");
}
