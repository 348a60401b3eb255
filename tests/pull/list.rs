//! The change list as it is written: what it states, what it keeps to itself, and what happens to it when it is damaged.

use super::scene::{BUILDS, Scene};
use serde_json::json;
use std::fs;

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
