//! The change list as it is written: what it states, what it keeps to itself, and what happens to it when it is damaged.

use super::scene::{BUILDS, Scene};
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn a_list_states_builds_and_names_and_nothing_private() {
    let scene = Scene::new(&BUILDS[..2], 9);
    scene.up.ok(&["hold", &format!("master/centos/{}", BUILDS[0]), "--why", "secret reason"]);
    scene.up.ok(&["label", &format!("master/centos/{}", BUILDS[0]), "internal=yes"]);
    let head = scene.head();
    assert_eq!((&head["builds"], &head["names"]), (&json!(2), &json!(1)));
    let mut all = String::new();
    for entry in fs::read_dir(scene.list("")).unwrap().map(Result::unwrap).filter(|one| one.path().is_file())
    {
        all += &fs::read_to_string(entry.path()).unwrap();
    }
    for entry in fs::read_dir(scene.list("manifests/master/centos")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        // No inode, and nothing of the workspace.
        assert!(
            text.lines().filter(|line| line.starts_with('f')).all(|line| line.contains("\t0\t-\t-\t")),
            "{text}"
        );
    }
    for private in ["secret reason", "internal", "published", "labels", "inode"] {
        assert!(!all.contains(private), "{private}");
    }
}

#[test]
fn an_edition_that_changes_nothing_is_the_same_with_a_later_time() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let before = scene.head();
    let report = scene.up.json(&["export", "changes"])["report"].clone();
    assert_eq!((&report["changed"], &report["written"]), (&json!(0), &json!(["changes/latest.json"])));
    let after = scene.head();
    assert_eq!((&before["serial"], &before["parts"]), (&after["serial"], &after["parts"]));
    scene.publish(BUILDS[1]);
    assert!(scene.head()["serial"].as_u64() > before["serial"].as_u64());
}

#[test]
fn a_damaged_list_is_written_anew_above_its_serial_and_copies_go_on() {
    let scene = Scene::new(&BUILDS[..2], 9);
    scene.pull(0, &[]);
    for damage in ["latest.json", "part"] {
        let before = scene.head()["serial"].as_u64().unwrap();
        let file = if damage == "part" { format!("{before}-all.jsonl") } else { damage.to_owned() };
        fs::write(scene.list(&file), "x").unwrap();
        scene.up.ok(&["export", "changes"]);
        assert!(scene.head()["serial"].as_u64().unwrap() > before, "{damage}");
        let report = scene.pull(0, &[]);
        assert_eq!((&report["builds"], &report["unchanged"]), (&json!([]), &json!(2)), "{report:#}");
    }
}

#[test]
fn many_editions_become_one_and_lists_of_files_of_builds_that_went_go() {
    let scene = Scene::new(&BUILDS[..2], 9);
    scene.pull(0, &[]);
    for nth in 0..35 {
        let build = format!("master/centos/{}", BUILDS[nth % 2]);
        scene.up.ok(&["alias", "set", "moving", &build, "--allow-backwards"]);
    }
    assert!(scene.head()["parts"].as_array().unwrap().len() < 33);
    scene.pull(0, &[]);
    assert_eq!(
        fs::read_link(scene.copy.mirror("moving")).unwrap().to_str().unwrap(),
        format!("master/centos/{}", BUILDS[0])
    );
    scene.publish(BUILDS[2]);
    scene.up.ok(&["alias", "remove", "moving"]);
    scene.up.ok(&["prune"]);
    let lists: Vec<_> = fs::read_dir(scene.list("manifests/master/centos")).unwrap().collect();
    assert_eq!(lists.len(), 2);
}

#[test]
fn builds_that_vanished_stay_listed_with_their_names_until_a_person_records_it() {
    let scene = Scene::new(&BUILDS[..2], 9);
    scene.pull(0, &[]);
    let before = scene.head();
    let (there, away) = (scene.up.mirror("master"), scene.up.mirror("../away"));
    fs::rename(&there, &away).unwrap();
    let told = scene.up.ends(0, &["export", "changes"]);
    assert!(
        told.contains(
            "2 recorded builds are missing and were not pruned, such as `master/centos/20181203T060000Z`"
        ),
        "{told}"
    );
    scene.up.ok(&["export", "changes", "--full"]);
    let after = scene.head();
    assert_eq!((&before["builds"], &before["names"]), (&after["builds"], &after["names"]));
    scene.pull(0, &[]);
    assert_eq!(scene.copy.latest().as_deref(), Some(BUILDS[1]));
    fs::rename(&away, &there).unwrap();
    assert_eq!(scene.up.json(&["export", "changes"])["report"]["changed"], 0);
    fs::rename(&there, &away).unwrap();
    scene.up.ok(&["adopt", "--changed", "master/centos"]);
    assert_eq!((&scene.head()["builds"], &scene.head()["names"]), (&json!(0), &json!(0)));
}

#[test]
fn a_list_that_was_lost_or_put_back_goes_on_above_every_edition_that_was_read() {
    let scene = Scene::new(&BUILDS[..1], 9);
    for _ in 0..6 {
        scene.up.ok(&["export", "changes", "--full"]);
    }
    scene.pull(0, &[]);
    let before = scene.head()["serial"].as_u64().unwrap();
    let list = scene.up.mirror("changes");
    fs::remove_dir_all(&list).unwrap();
    scene.publish(BUILDS[1]);
    assert!(scene.head()["serial"].as_u64() > Some(before));
    scene.pull(0, &[]);

    let copy = scene.up.mirror("../changes");
    assert!(Command::new("cp").arg("-a").args([&list, &copy]).status().unwrap().success());
    for _ in 0..3 {
        scene.up.ok(&["export", "changes", "--full"]);
    }
    scene.pull(0, &[]);
    let before = scene.head()["serial"].as_u64();
    fs::remove_dir_all(&list).unwrap();
    fs::rename(&copy, &list).unwrap();
    scene.up.ok(&["export", "changes"]);
    assert!(scene.head()["serial"].as_u64() > before);
    scene.pull(0, &[]);
    assert_eq!(scene.copy.there(), BUILDS[..2]);
}

#[test]
fn a_list_keeps_every_kind_of_signature_that_it_had() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let dir = tempfile::tempdir().unwrap();
    let (secret, _) = crate::cli::sign::keys::minisign(dir.path(), "release");
    let key = format!("minisign:{}", secret.display());
    scene.up.ok(&["export", "changes", "--sign", &key]);
    // Also one that is cut off, or is not there any more.
    for damage in ["cut", "removed"] {
        let head = scene.list("latest.json");
        if damage == "cut" {
            fs::write(head, "x").unwrap();
        } else {
            fs::remove_file(head).unwrap();
        }
        scene.up.fails(2, "is signed by minisign, and no key of minisign is given", &["export", "changes"]);
        scene.up.ok(&["export", "changes", "--sign", &key]);
    }
    let gpg = crate::cli::sign::keys::Gpg::new();
    gpg.key("a@x", "");
    let mut both = scene.up.command(&["export", "changes", "--sign", &key, "--sign", "gpg:a@x"]);
    assert!(both.env("GNUPGHOME", gpg.home()).status().unwrap().success());
    let told = "is signed by gpg and minisign, and no key of gpg is given";
    scene.up.fails(2, told, &["export", "changes", "--sign", &key]);
    scene.up.ok(&["export", "changes", "--sign", &key, "--drop-signatures"]);
    scene.up.ok(&["export", "changes", "--sign", &key]);
    scene.up.ok(&["export", "changes", "--drop-signatures"]);
    scene.up.ok(&["export", "changes"]);
    let settings = scene.up.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(settings, text.replace("{auto: true}", "{auto: true, sign: foo}")).unwrap();
    scene.up.fails(2, "`changes.sign: foo` has no form", &["export", "changes"]);
}
