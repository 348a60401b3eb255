//! What a copy has after a pull, what it costs, and how a pull that was cut off goes on.

use super::scene::{BUILDS, Scene, args};
use crate::engines::web::{Running, nginx_in};
use crate::support::rig::{Rig, tree};
use crate::support::served::Lie;
use serde_json::json;
use std::fs;

/// Returns what readers see of a mirror, without its change list.
fn seen(root: &std::path::Path) -> Vec<String> {
    let own = |line: &String| [".mirrorkeep", "changes", "project"].iter().any(|own| line.starts_with(own));
    tree(root).into_iter().filter(|line| !own(line)).collect()
}

#[test]
fn a_copy_has_what_the_mirror_has_and_then_only_what_is_new_is_asked_for() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let first = scene.pull(0, &["--trace", "copy"]);
    assert_eq!(first["builds"].as_array().unwrap().len(), 2, "{first:#}");
    assert_eq!(seen(&scene.up.mirror("")), seen(&scene.copy.mirror("")));
    scene.copy.ok(&["verify", "--all"]);
    // Warnings of commits that the builds do not state.
    assert!(scene.copy.ends(5, &["check"]).contains("0 errors"));
    let trace: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.copy.mirror("project/trace/copy")).unwrap()).unwrap();
    assert_eq!(trace["serial"], first["event"]);

    scene.server.asked();
    let again = scene.pull(0, &[]);
    assert_eq!((again["read"].clone(), again["builds"].clone()), (json!(0), json!([])));
    assert_eq!(scene.server.asked(), ["changes/latest.json"]);

    scene.publish(BUILDS[2]);
    let next = scene.pull(0, &[]);
    assert_eq!(next["builds"][0]["id"], format!("master/centos/{}", BUILDS[2]));
    assert_eq!(next["builds"][0]["shared_files"], 1, "{next:#}");
    assert_eq!(scene.copy.latest().as_deref(), Some(BUILDS[2]));
    let asked = scene.server.asked();
    assert!(!asked.iter().any(|path| path.contains(BUILDS[0]) || path.ends_with("a.rpm")), "{asked:?}");
    assert_eq!(seen(&scene.up.mirror("")), seen(&scene.copy.mirror("")));
}

#[test]
fn the_policy_of_the_copy_decides_what_comes_and_what_stays() {
    let scene = Scene::new(&BUILDS[..3], 1);
    let report = scene.pull(0, &[]);
    assert_eq!(scene.copy.there(), [BUILDS[2]]);
    assert_eq!(report["skipped"].as_array().unwrap().len(), 2, "{report:#}");
    assert!(!scene.server.asked().iter().any(|path| path.contains(BUILDS[0])));

    // What goes there stays here until the own policy lets it go.
    let scene = Scene::new(&BUILDS[..2], 9);
    scene.pull(0, &[]);
    scene.publish(BUILDS[2]);
    scene.up.ok(&["prune"]);
    assert_eq!(scene.up.there(), BUILDS[1..3]);
    let report = scene.pull(0, &[]);
    assert_eq!(report["gone"], json!([format!("master/centos/{}", BUILDS[0])]));
    assert_eq!(scene.copy.there(), BUILDS[..3]);
}

#[test]
fn only_chosen_streams_come_and_another_choice_is_read_anew() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let work = scene.up.work("");
    let other = ["publish", work.to_str().unwrap(), "--stream", "feature/a/centos", "--build", BUILDS[1]];
    scene.up.ok(&other);
    let report = scene.pull(0, &["--stream", "feature/**"]);
    assert_eq!(report["builds"][0]["id"], format!("feature/a/centos/{}", BUILDS[1]));
    assert_eq!((report["builds"].as_array().unwrap().len(), &report["left"]), (1, &json!([])));
    assert!(!scene.copy.mirror("master").exists());
    scene.pull(0, &[]);
    assert_eq!(seen(&scene.up.mirror("")), seen(&scene.copy.mirror("")));
}

#[test]
fn a_name_that_moves_back_or_goes_does_so_in_the_copy_unless_it_was_moved_there() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let build = |nth: usize| format!("master/centos/{}", BUILDS[nth]);
    scene.up.ok(&["alias", "set", "good", &build(1)]);
    scene.up.ok(&["alias", "set", "own", &build(1)]);
    scene.pull(0, &[]);
    let at = |name: &str| fs::read_link(scene.copy.mirror(name)).ok().map(|at| at.display().to_string());
    assert_eq!(at("good"), Some(build(1)));
    scene.up.ok(&["alias", "set", "good", &build(0), "--allow-backwards"]);
    scene.pull(0, &[]);
    assert_eq!(at("good"), Some(build(0)));
    scene.copy.ok(&["alias", "set", "own", &build(0), "--allow-backwards"]);
    scene.up.ok(&["alias", "remove", "good"]);
    scene.up.ok(&["alias", "remove", "own"]);
    scene.pull(0, &[]);
    assert_eq!((at("good"), at("own")), (None, Some(build(0))));
}

#[test]
fn what_was_withdrawn_there_is_reported_until_it_is_withdrawn_here() {
    let scene = Scene::new(&BUILDS[..3], 9);
    scene.pull(0, &[]);
    let id = format!("master/centos/{}", BUILDS[1]);
    scene.up.ok(&["withdraw", &id, "--why", "has a key"]);
    let text = fs::read_to_string(scene.list("latest.json")).unwrap();
    assert!(!text.contains("has a key"));
    for _ in 0..2 {
        assert_eq!(scene.pull(5, &[])["withdrawn"], json!([id]));
    }
    // Also to whoever reads everything.
    scene.up.ok(&["export", "changes", "--full"]);
    fs::remove_file(scene.copy.mirror(".mirrorkeep/pull.json")).unwrap();
    assert_eq!(scene.pull(5, &["--dry-run", "--withdraw"])["withdrawn"], json!([id]));
    assert_eq!(scene.pull(0, &["--withdraw"])["followed"], json!([id]));
    assert_eq!(scene.copy.there(), [BUILDS[0], BUILDS[2]]);
    scene.pull(0, &["--restart"]);
    assert_eq!(scene.copy.there(), [BUILDS[0], BUILDS[2]]);
}

#[test]
fn what_upstream_has_again_is_not_withdrawn_and_comes_back() {
    let scene = Scene::new(&BUILDS[..3], 9);
    scene.pull(0, &[]);
    let id = format!("master/centos/{}", BUILDS[1]);
    let withdraw = |why: &str| scene.up.ok(&["withdraw", &id, "--force", "--why", why]);
    let restore = || scene.up.ok(&["restore", &id]);
    withdraw("a mistake");
    assert_eq!(scene.pull(5, &[])["withdrawn"], json!([id]));
    restore();
    let report = scene.pull(0, &["--withdraw"]);
    assert_eq!((&report["withdrawn"], &report["followed"]), (&json!([]), &json!([])));
    // What was withdrawn here only since it was there comes again, also without its entry in the trash.
    withdraw("a mistake");
    assert_eq!(scene.pull(0, &["--withdraw"])["followed"], json!([id]));
    restore();
    assert_eq!(scene.pull(0, &[])["builds"][0]["id"], id.as_str());
    assert_eq!(scene.copy.there(), BUILDS[..3]);
    scene.copy.ok(&["verify", "--all"]);
    // What a person withdrew here does not.
    scene.copy.ok(&["withdraw", &id, "--why", "our own reason"]);
    withdraw("a mistake");
    restore();
    let report = scene.pull(0, &["--restart"]);
    assert_eq!(report["skipped"], json!([{ "id": id, "why": "it was withdrawn here" }]));
}

#[test]
fn more_withdrawals_than_are_accepted_do_nothing_and_the_hints_work() {
    let scene = Scene::new(&BUILDS, 9);
    scene.pull(0, &[]);
    for build in &BUILDS[..3] {
        scene.up.ok(&["withdraw", &format!("master/centos/{build}"), "--why", "a key"]);
    }
    let at_most = ["--withdraw", "--withdraw-at-most", "2"];
    let report = scene.pull(5, &at_most);
    assert_eq!(report["withdrawn"].as_array().unwrap().len(), 3);
    assert!(report["warnings"].to_string().contains("`--withdraw-at-most 3` withdraws all"), "{report:#}");
    let (url, to) = (scene.server.url(), scene.to());
    let told = scene.copy.ends(5, &args(&url, &to, &at_most));
    assert!(!told.contains("`--withdraw` or"), "{told}");
    let hint = format!("`mirrorkeep --mirror {to} withdraw master/centos/{} --why TEXT`", BUILDS[0]);
    assert!(told.contains(&hint), "{told}");
    assert_eq!(scene.copy.there(), BUILDS);
    let report = scene.pull(0, &["--withdraw", "--withdraw-at-most", "3"]);
    assert_eq!(report["followed"].as_array().unwrap().len(), 3);
}

#[test]
fn a_name_that_moves_to_a_build_that_was_skipped_brings_it() {
    let scene = Scene::new(&BUILDS[..3], 1);
    scene.pull(0, &[]);
    assert_eq!(scene.copy.there(), [BUILDS[2]]);
    let oldest = format!("master/centos/{}", BUILDS[0]);
    scene.up.ok(&["alias", "set", "master/centos/latest_build", &oldest, "--allow-backwards"]);
    assert_eq!(scene.pull(0, &["--dry-run"])["builds"][0]["id"], oldest.as_str());
    let report = scene.pull(0, &["--trace", "copy"]);
    assert_eq!((report["builds"].as_array().unwrap().len(), &report["left"]), (1, &json!([])));
    assert_eq!(scene.copy.latest().as_deref(), Some(BUILDS[0]));
    // Another policy decides again.
    scene.copy.policy("keep: [{last: 9}]");
    scene.pull(0, &[]);
    assert_eq!(scene.copy.there(), BUILDS[..3]);
}

#[test]
fn a_name_that_cannot_be_set_waits_and_the_copy_does_not_count_as_up_to_date() {
    let scene = Scene::new(&BUILDS[..3], 9);
    scene.pull(0, &["--trace", "copy"]);
    let trace = || fs::read_to_string(scene.copy.mirror("project/trace/copy")).unwrap();
    let before = trace();
    let oldest = format!("master/centos/{}", BUILDS[0]);
    scene.copy.ok(&["withdraw", &oldest, "--why", "our own reason"]);
    scene.up.ok(&["alias", "set", "good", &oldest]);
    for _ in 0..2 {
        let report = scene.pull(5, &["--trace", "copy"]);
        assert_eq!(report["left"][0]["alias"], "good", "{report:#}");
        assert_eq!(before, trace());
    }
    assert_eq!(scene.pull(5, &["--dry-run"])["left"][0]["alias"], "good");
    scene.copy.ok(&["restore", &oldest]);
    scene.pull(0, &["--trace", "copy"]);
    assert_eq!(fs::read_link(scene.copy.mirror("good")).unwrap().to_str(), Some(&*oldest));
    assert_ne!(before, trace());
}

#[test]
fn a_copy_with_the_default_layout_has_a_trace_and_a_pattern_without_a_stream_is_named() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let copy = Rig::new();
    copy.ok(&["init", "--layout", "generic", "--policy", "none"]);
    let (url, to) = (scene.server.url(), copy.mirror("").display().to_string());
    let pull = args(&url, &to, &["--trace", "uni"]);
    assert!(copy.ends(2, &pull).contains("declared: [project]"));
    let settings = copy.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap() + "declared: [project]\n";
    fs::write(&settings, text).unwrap();
    copy.ok(&pull);
    assert!(copy.mirror("project/trace/uni").is_file());
    let checked = copy.run(&["check"]);
    assert!(!String::from_utf8_lossy(&checked.stdout).contains("project"), "{checked:?}");
    let told = copy.ends(0, &args(&url, &to, &["--stream", "mastre/**"]));
    assert!(told.contains("warning: `--stream mastre/**` matches no stream"), "{told}");
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_would_come() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let before = tree(&scene.copy.mirror(""));
    let report = scene.pull(0, &["--dry-run"]);
    assert_eq!(report["builds"][1]["outcome"], "trial");
    assert_eq!(before, tree(&scene.copy.mirror("")));
    let before = tree(&scene.up.mirror(""));
    scene.up.ok(&["export", "changes", "--full", "--dry-run"]);
    assert_eq!(before, tree(&scene.up.mirror("")));
}

#[test]
fn a_pull_that_was_cut_off_goes_on_and_fetches_no_whole_file_again() {
    let scene = Scene::new(&BUILDS[..1], 9);
    // The largest file is fetched first.
    scene.server.lie("a.rpm", Lie::Cut(3));
    let report = scene.pull(1, &["--jobs", "1"]);
    assert_eq!((scene.copy.mirror("master").exists(), &report["builds"]), (false, &json!([])));
    assert_eq!(report["failures"].as_array().unwrap().len(), 1, "{report:#}");
    scene.server.tell_the_truth().asked();
    let report = scene.pull(0, &[]);
    assert!(report["builds"][0]["resumed_files"].as_u64() > Some(0), "{report:#}");
    assert!(!scene.server.asked().iter().any(|path| path.ends_with("bootimage.iso")));
    assert_eq!(seen(&scene.up.mirror("")), seen(&scene.copy.mirror("")));
}

#[test]
fn nginx_serves_a_list_that_is_read() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let root = scene.up.mirror("").display().to_string();
    let nginx = Running::start("nginx", |dir, port| {
        nginx_in(
            dir,
            "master_process off;",
            &format!(
                "gzip on; server {{ listen 127.0.0.1:{port}; location /pub/ {{ alias {root}/; }} location /.mirrorkeep {{ deny all; }} }}"
            ),
        )
    });
    let (url, to) = (format!("http://127.0.0.1:{}/pub/", nginx.port()), scene.to());
    scene.copy.ok(&["pull", &url, &to]);
    assert_eq!(seen(&scene.up.mirror("")), seen(&scene.copy.mirror("")));
}
