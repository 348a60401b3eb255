//! The whole way of a stream: announced, redirected, removed, found again in the archive, and brought back.

use super::scene::{BUILDS, STREAM, Scene};
use crate::support::served::{Lie, Served};
use serde_json::json;
use std::fs;

#[test]
fn a_stream_is_announced_and_stays_until_its_date() {
    let scene = Scene::new();
    let said = scene.begin(0, &["--notice", "14d", "--no-redirects"]);
    assert!(
        said.starts_with("master/centos: announced: no users (3 builds here, 3 verified in the archive)\n"),
        "{said}"
    );
    assert!(said.contains("its builds are removed from "), "{said}");
    let stub = fs::read_to_string(scene.rig.mirror("master/centos/RETIRED.txt")).unwrap();
    assert!(
        stub.starts_with(
            "This file was written by mirrorkeep.\nThe stream master/centos is retired: no users\n"
        ),
        "{stub}"
    );
    assert_eq!(scene.rig.there(), BUILDS);
    // A nightly run waits, and ends well.
    let again = scene.rig.ok(&["retire"]);
    assert!(again.contains("its builds are removed from"), "{again}");
    assert_eq!(scene.rig.there(), BUILDS);
    scene.is_sound();
    let state = scene.rig.json(&["retire", "--status"]);
    assert_eq!(
        (&state["report"]["streams"][0]["state"], &state["report"]["streams"][0]["builds"]),
        (&json!("announced"), &json!(3))
    );
    // The archive has each build, held, and its names.
    let held = scene.archive(&["hold", "list"]);
    assert!(
        BUILDS.iter().all(|build| held.contains(build)) && held.contains("archived from mirror"),
        "{held}"
    );
    assert_eq!(
        scene.archive(&["resolve", "master/centos/latest_build"]).trim(),
        "master/centos/20181206T060000Z"
    );
    let listed = scene.rig.ends(0, &["list"]);
    assert!(listed.contains("note: master/centos is announced; its builds are removed from "), "{listed}");
    assert_eq!(scene.rig.ok(&["list", "--archive"]), "");
    let kinds = scene.rig.ok(&["events", "--type", "stream.*"]);
    assert_eq!(kinds.lines().count(), 2, "{kinds}");
}

#[test]
fn a_stream_goes_the_whole_way_and_comes_back_from_the_archive() {
    let scene = Scene::new();
    let trial = scene.begin(0, &["--notice", "0d", "--no-redirects", "--dry-run"]);
    assert!(trial.contains("would freeze it, would copy and verify 3 builds"), "{trial}");
    assert!(!scene.rig.mirror(".mirrorkeep/retire").exists());
    let said = scene.begin(0, &["--notice", "0d", "--no-redirects"]);
    assert!(said.contains("master/centos: retired: no users"), "{said}");
    assert!(said.contains("  removed the name master/centos/latest_build\n"), "{said}");
    assert_eq!(scene.rig.there(), [""; 0]);
    assert!(scene.rig.latest().is_none());
    let stub = fs::read_to_string(scene.rig.mirror("master/centos/RETIRED.txt")).unwrap();
    assert!(
        stub.contains("Its builds were removed by ") && stub.contains("master/centos/20181204T060000Z"),
        "{stub}"
    );
    assert!(scene.archive(&["list"]).contains(BUILDS[0]));
    scene.is_sound();
    scene.rig.ok(&["prune"]);
    // Nothing comes in.
    let work = scene.rig.work("").to_str().unwrap().to_owned();
    scene.rig.fails(
        3,
        "is retired since",
        &["publish", &work, "--stream", STREAM, "--build", "20181207T060000Z"],
    );
    let listed = scene.rig.json(&["list", "--archive"]);
    assert_eq!(listed["archived"][2]["id"], "master/centos/20181206T060000Z");
    assert!(scene.rig.ok(&["list", "--archive"]).contains("retired: no users"));
    let status = scene.rig.ok(&["status"]);
    assert!(status.contains("retired    master/centos: its builds were removed"), "{status}");
    // It was not withdrawn: one comes back from the trash, the others from the archive.
    let back = scene.rig.ok(&["retire", "--cancel", STREAM, "--why", "users"]);
    assert!(back.contains("of its builds 3 were removed; `mirrorkeep restore ID`"), "{back}");
    assert!(!scene.rig.mirror("master/centos/RETIRED.txt").exists());
    scene.rig.ok(&["restore", "master/centos/20181204T060000Z"]);
    scene.rig.ok(&["copy", &scene.at, scene.rig.mirror("").to_str().unwrap(), STREAM]);
    assert_eq!(scene.rig.there(), BUILDS);
    scene.rig.publish("20181207T060000Z", &[]);
    scene.rig.fails(
        1,
        "no retirement of `master/centos` began",
        &["retire", "--cancel", STREAM, "--why", "x"],
    );
    let log = scene.rig.ok(&["log"]);
    for said in [
        "began to retire master/centos: no users",
        "announced that the builds of master/centos",
        "began to redirect",
        "since its stream is retired",
        "retired master/centos",
        "ended the retirement of master/centos: users",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
}

#[test]
fn a_kept_name_stays_with_its_build() {
    let scene = Scene::new();
    let settings = scene.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text + "aliases: [{name: good, by_hand: true}]\n").unwrap();
    scene.rig.ok(&[
        "alias",
        "set",
        "--allow-backwards",
        "master/centos/good",
        "master/centos/20181205T060000Z",
    ]);
    scene.rig.fails(
        2,
        "neither a name nor a build `best`",
        &scene.args(&["--no-redirects", "--keep", "best"]),
    );
    assert!(!scene.rig.mirror(".mirrorkeep/retire/master/centos.json").exists());
    scene.begin(0, &["--notice", "0d", "--no-redirects", "--keep", "good"]);
    assert_eq!(scene.rig.there(), [BUILDS[1]]);
    assert!(scene.rig.mirror("master/centos/good/SHA256SUMS").exists());
    scene.is_sound();
    scene.rig.ok(&["prune"]);
    let rules = scene.rig.ok(&["export", "redirects", "--for", "nginx"]);
    assert!(rules.contains("/master/centos/20181204T060000Z") && rules.contains("return 410"), "{rules}");
    assert!(!rules.contains("= \"/master/centos/20181205T060000Z\""), "{rules}");
}

#[test]
fn nothing_is_removed_before_the_server_redirects() {
    let scene = Scene::new();
    let (archive, served) = (Served::start(scene.at.as_ref()), Served::start(&scene.rig.mirror("")));
    let (url, at) = (archive.url(), served.url());
    let said = scene.begin(5, &["--notice", "0d", "--url", &url, "--served-at", &at]);
    assert!(said.contains("master/centos: redirected") && said.contains("expected a redirect to"), "{said}");
    assert_eq!(scene.rig.there(), BUILDS);
    let rules = scene.rig.ok(&["export", "redirects", "--for", "nginx"]);
    let build = format!("{url}/master/centos/20181204T060000Z");
    assert!(rules.contains(&format!("return 302 \"{build}/$1$is_args$args\"")), "{rules}");
    assert_eq!(rules.matches("location = \"/master/centos/latest_build\"").count(), 1, "{rules}");
    // The build redirects, the name does not.
    let file = "20181204T060000Z/outputs/RPMS/std/a.rpm";
    served.lie("a.rpm", Lie::Redirect(format!("{url}/master/centos/{file}")));
    let smallest = scene.rig.ends(5, &["retire"]);
    assert!(smallest.contains("expected a redirect to"), "{smallest}");
    assert_eq!(scene.rig.there(), BUILDS);
}

#[test]
fn an_archive_that_is_not_served_ends_it_before_anything_is_redirected() {
    let scene = Scene::new();
    let archive = Served::start(scene.at.as_ref());
    archive.lie("", Lie::Bytes(b"another page".to_vec()));
    let said = scene.begin(3, &["--notice", "0d", "--url", &archive.url(), "--no-redirects"]);
    assert!(said.contains("does not serve a file that the archive has"), "{said}");
    assert_eq!(scene.rig.json(&["retire", "--status"])["report"]["streams"][0]["state"], "announced");
    archive.tell_the_truth();
    scene.rig.ok(&["retire"]);
    assert_eq!(scene.rig.there(), [""; 0]);
    let rules = scene.rig.ok(&["export", "redirects", "--for", "apache"]);
    assert!(rules.contains("Redirect 301 \"/master/centos/20181204T060000Z\" \"http://"), "{rules}");
    let text = scene.rig.ends(0, &["export", "redirects", "--for", "s3-website"]);
    assert!(text.contains("which this service cannot redirect"), "{text}");
}
