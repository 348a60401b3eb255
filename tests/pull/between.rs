//! What changes at a mirror while a copy pulls: between its list and the files of its builds.

use super::scene::{BUILDS, Scene};
use std::fs;
use std::path::Path;
use std::process::Command;

const STREAM: &str = "master/centos";

/// Returns a function that runs commands on the mirror, each of which must succeed.
fn at_the_mirror(scene: &Scene, commands: Vec<Vec<String>>) -> impl FnOnce() + Send + 'static {
    let mirror = scene.up.mirror("");
    move || {
        for args in commands {
            let output = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"))
                .arg("--mirror")
                .arg(&mirror)
                .args(&args)
                .output();
            let output = output.unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Returns the command that withdraws a build and leaves nothing of it.
fn withdrawal(build: &str) -> Vec<String> {
    words(&format!("withdraw {STREAM}/{build} --why wrong --purge --yes"))
}

/// Returns the build to which the name of a copy leads, which must be whole.
#[track_caller]
fn latest(scene: &Scene) -> String {
    let at = scene.copy.mirror(&format!("{STREAM}/latest_build"));
    let build = fs::read_link(&at).unwrap();
    let sums =
        Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&at).output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    build.display().to_string()
}

/// The files that a pull of a build asks for, in their order: its manifest, its list of checksums, and one of its files.
fn asked(build: &str) -> [String; 3] {
    [
        format!("manifests/{STREAM}/{build}."),
        format!("{build}/SHA256SUMS"),
        format!("{build}/outputs/iso/bootimage.iso"),
    ]
}

/// Returns the end of the path of a file that is asked for; the name of a manifest ends with its digest.
fn end(scene: &Scene, start: &str) -> String {
    let Some((dir, name)) = start.rsplit_once('/').filter(|_| start.ends_with('.')) else {
        return start.to_owned();
    };
    let found =
        fs::read_dir(scene.list(dir)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    found.into_iter().find(|found| found.starts_with(name)).unwrap()
}

#[test]
fn a_build_that_is_removed_after_it_was_listed_is_not_shown_and_the_next_pull_goes_on() {
    for nth in 0..3 {
        for (removed, stays) in [(BUILDS[0], BUILDS[1]), (BUILDS[1], BUILDS[0])] {
            let scene = Scene::new(&BUILDS[..2], 9);
            let at = end(&scene, &asked(removed)[nth]);
            scene.server.meanwhile(&at, at_the_mirror(&scene, vec![withdrawal(removed)]));
            let report = scene.pull(1, &[]);
            let failure = &report["failures"][0];
            assert_eq!(failure["path"], format!("{STREAM}/{removed}"), "{report:#}");
            assert!(failure["error"].as_str().unwrap().contains("404 Not Found"), "{report:#}");
            assert_eq!(scene.copy.there(), [stays], "{at}");
            // A name whose build did not come is not set, and any other leads to a whole build.
            let name = scene.copy.mirror(&format!("{STREAM}/latest_build"));
            assert!(fs::symlink_metadata(&name).is_err() || latest(&scene) == stays, "{at}");
            scene.pull(0, &[]);
            assert_eq!(
                (scene.copy.there(), latest(&scene)),
                (vec![stays.to_owned()], stays.to_owned()),
                "{at}"
            );
            scene.copy.ok(&["verify", "--all"]);
        }
    }
}

#[test]
fn a_build_that_is_replaced_after_it_was_listed_is_not_shown_in_part() {
    for nth in 0..3 {
        let scene = Scene::new(&BUILDS[..2], 9);
        let at = end(&scene, &asked(BUILDS[1])[nth]);
        // Other bytes of the same size.
        let other = BUILDS[1].replace('Z', "z");
        scene.up.write("outputs/iso/bootimage.iso", &other);
        let work = scene.up.work("").display().to_string();
        let again =
            words(&format!("publish {work} --stream {STREAM} --build {} --allow-withdrawn", BUILDS[1]));
        scene.server.meanwhile(&at, at_the_mirror(&scene, vec![withdrawal(BUILDS[1]), again]));
        let report = scene.pull(1, &[]);
        assert_eq!(report["failures"][0]["path"], format!("{STREAM}/{}", BUILDS[1]), "{report:#}");
        assert_eq!(scene.copy.there(), [BUILDS[0]], "{at}");
        scene.pull(0, &[]);
        let iso = format!("{STREAM}/{}/outputs/iso/bootimage.iso", BUILDS[1]);
        assert_eq!(fs::read_to_string(scene.copy.mirror(&iso)).unwrap(), other, "{at}");
        assert_eq!(latest(&scene), BUILDS[1]);
        scene.copy.ok(&["verify", "--all"]);
        assert!(Path::new(&scene.up.mirror(&iso)).exists());
    }
}

#[test]
fn a_list_that_is_replaced_between_its_head_and_its_parts_is_read_again_by_the_next_pull() {
    let scene = Scene::new(&BUILDS[..1], 9);
    scene.pull(0, &[]);
    scene.publish(BUILDS[1]);
    scene.up.write("outputs/iso/bootimage.iso", BUILDS[2]);
    let work = scene.up.work("").display().to_string();
    let next = words(&format!("publish {work} --stream {STREAM} --build {}", BUILDS[2]));
    scene.server.meanwhile(".jsonl", at_the_mirror(&scene, vec![next]));
    let output = scene.copy.run(&["pull", &scene.server.url(), &scene.to()]);
    // Whether the part of the older head is still there is up to the mirror; nothing wrong is shown in either case.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert!([BUILDS[0], BUILDS[1]].contains(&&*latest(&scene)));
    scene.pull(0, &[]);
    assert_eq!(
        (scene.copy.there(), latest(&scene)),
        (BUILDS[..3].iter().map(|one| (*one).to_owned()).collect(), BUILDS[2].to_owned())
    );
}
