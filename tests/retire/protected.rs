//! What keeps a build of a retired stream: protections, an archive that does not have it, a person.

use super::scene::{BUILDS, STREAM, Scene};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const NOW: [&str; 3] = ["--notice", "0d", "--no-redirects"];

/// Protects the oldest build in one way, retires the stream, and returns what was said.
#[track_caller]
fn stays(scene: &Scene, expected: &str, there: &[&str]) {
    let said = scene.begin(4, &NOW);
    assert!(said.contains(expected), "{said}");
    assert_eq!(scene.rig.there(), there, "{said}");
    // Running it again changes nothing.
    let again = scene.rig.ends(4, &["retire"]);
    assert!(again.contains(expected), "{again}");
    assert_eq!(scene.rig.there(), there);
}

#[test]
fn a_held_build_stays_until_its_hold_is_removed() {
    let scene = Scene::new();
    scene.rig.ok(&["hold", "master/centos/20181204T060000Z", "--why", "bug 7"]);
    stays(&scene, "master/centos/20181204T060000Z stays: hold: bug 7", &[BUILDS[0]]);
    scene.rig.ok(&["unhold", "master/centos/20181204T060000Z"]);
    let said = scene.rig.ok(&["retire"]);
    assert!(said.contains("master/centos: retired"), "{said}");
    assert_eq!(scene.rig.there(), [""; 0]);
}

#[test]
fn a_name_of_another_stream_protects_also_through_a_name_of_this_one() {
    let scene = Scene::new();
    fs::create_dir_all(scene.rig.mirror("master/debian")).unwrap();
    symlink("../centos/latest_build", scene.rig.mirror("master/debian/theirs")).unwrap();
    let stays = "20181206T060000Z stays: alias: master/debian/theirs resolves to it";
    super::protected::stays(&scene, stays, &[BUILDS[2]]);
    assert_eq!(scene.rig.latest().as_deref(), Some(BUILDS[2]), "the name leads through one of the stream");
}

#[test]
fn what_a_staying_build_needs_stays() {
    let scene = Scene::new();
    let requires = ["--requires", "master/centos/20181204T060000Z"];
    scene.rig.write("outputs/iso/bootimage.iso", "another");
    scene.rig.publish("20181207T060000Z", &requires);
    scene.rig.ok(&["hold", "master/centos/20181207T060000Z", "--why", "bug 7"]);
    stays(
        &scene,
        "20181204T060000Z stays: requires: master/centos/20181207T060000Z needs it",
        &[BUILDS[0], "20181207T060000Z"],
    );
}

#[test]
fn more_is_kept_by_beginning_again_and_another_archive_is_refused() {
    let scene = Scene::new();
    scene.rig.ok(&["hold", "master/centos/20181204T060000Z", "--why", "bug 7"]);
    scene.begin(4, &NOW);
    let said = scene.begin(0, &["--notice", "0d", "--no-redirects", "--keep", BUILDS[0]]);
    assert!(said.contains("master/centos: retired"), "{said}");
    assert_eq!(scene.rig.there(), [BUILDS[0]]);
    let other = scene.rig.work("../other").display().to_string();
    scene.rig.ok(&["--mirror", &other, "init"]);
    let begin = ["retire", STREAM, "--to", &other, "--why", "x", "--no-redirects"];
    scene.rig.fails(3, "the retirement of `master/centos` began with the archive", &begin);
}

#[test]
fn an_archive_that_changed_a_byte_loses_no_build() {
    let scene = Scene::new();
    scene.rig.ok(&["hold", "master/centos/20181204T060000Z", "--why", "bug 7"]);
    scene.begin(4, &NOW);
    scene.rig.ok(&["unhold", "master/centos/20181204T060000Z"]);
    let at = std::path::Path::new(&scene.at).join("master/centos/20181204T060000Z/outputs/iso/bootimage.iso");
    let before = fs::read(&at).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&at, vec![b'x'; before.len()]).unwrap();
    let said = scene.rig.ends(1, &["retire"]);
    assert!(said.contains("cannot be verified in the archive") && said.contains("is damaged"), "{said}");
    assert_eq!(scene.rig.there(), [BUILDS[0]]);
    fs::write(&at, before).unwrap();
    scene.rig.ok(&["retire"]);
    assert_eq!(scene.rig.there(), [""; 0]);
}

#[test]
fn an_archive_that_withdrew_a_build_or_has_another_id_loses_none() {
    let scene = Scene::new();
    scene.rig.ok(&["hold", "master/centos/20181204T060000Z", "--why", "bug 7"]);
    scene.begin(4, &NOW);
    scene.rig.ok(&["unhold", "master/centos/20181204T060000Z"]);
    scene.archive(&["withdraw", "master/centos/20181204T060000Z", "--why", "a key", "--force"]);
    let said = scene.rig.ends(1, &["retire"]);
    assert!(said.contains("was withdrawn from the archive: a key"), "{said}");
    fs::rename(&scene.at, format!("{}.old", scene.at)).unwrap();
    let said = scene.rig.ends(1, &["retire"]);
    assert!(said.contains("cannot open the archive"), "{said}");
    scene.rig.ok(&["--mirror", &scene.at, "init"]);
    let said = scene.rig.ends(3, &["retire"]);
    assert!(said.contains("another mirror is at this address now"), "{said}");
    assert_eq!(scene.rig.there(), [BUILDS[0]]);
}

#[test]
fn arguments_that_leave_it_open_where_builds_go_are_refused() {
    let scene = Scene::new();
    let own = scene.rig.mirror("").display().to_string();
    let cases: [(i32, &str, &[&str]); 8] = [
        (2, "where do the builds go?", &["retire", STREAM, "--why", "x", "--no-redirects"]),
        (2, "`--served-at URL` names the public address", &["retire", STREAM, "--why", "x", "--no-archive"]),
        (
            2,
            "no stream matches `stable/*`",
            &["retire", "stable/*", "--why", "x", "--no-archive", "--no-redirects"],
        ),
        (
            2,
            "the same address",
            &[
                "retire",
                STREAM,
                "--why",
                "x",
                "--to",
                &scene.at,
                "--url",
                "http://a/",
                "--served-at",
                "http://a",
            ],
        ),
        (
            2,
            "`http://u:p@a/` is not accepted",
            &["retire", STREAM, "--why", "x", "--to", &scene.at, "--url", "http://u:p@a/", "--no-redirects"],
        ),
        (2, "no stream is named", &["retire", "--why", "x", "--no-archive", "--no-redirects"]),
        (3, "has the ID of this mirror", &["retire", STREAM, "--why", "x", "--to", &own, "--no-redirects"]),
        (1, "no retirement of `master/centos` began", &["retire", STREAM]),
    ];
    for (code, said, args) in cases {
        scene.rig.fails(code, said, args);
    }
    assert!(!scene.rig.mirror(".mirrorkeep/retire").exists());
    assert_eq!(scene.rig.ok(&["retire"]), "no stream is retired\n");
}

#[test]
fn a_file_without_events_begins_its_notice_again_and_a_lost_one_is_written_again() {
    let scene = Scene::new();
    scene.begin(0, &["--notice", "14d", "--no-redirects"]);
    let at = scene.rig.mirror(".mirrorkeep/retire/master/centos.json");
    let text = fs::read_to_string(&at).unwrap();
    // The removal of a date by hand removes nothing: the journal has it.
    fs::write(&at, text.replace("\"removal_at\": \"202", "\"removal_at\": \"200")).unwrap();
    scene.rig.ok(&["retire"]);
    assert_eq!(fs::read_to_string(&at).unwrap(), text);
    fs::remove_file(&at).unwrap();
    scene.rig.ok(&["recover"]);
    assert_eq!(fs::read_to_string(&at).unwrap(), text);
    assert_eq!(scene.rig.there(), BUILDS);
    scene.rig.ok(&["retire", "--cancel", STREAM, "--why", "x"]);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(&at, text.replace("\"removal_at\": \"202", "\"removal_at\": \"200")).unwrap();
    scene.rig.ok(&["retire"]);
    assert_eq!(scene.rig.there(), BUILDS);
    assert_eq!(scene.rig.json(&["retire", "--status"])["report"]["streams"][0]["state"], "announced");
}
