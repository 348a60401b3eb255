//! `release apply` is killed before and after each call of git, and after each push: the next run goes on.

use super::applied::{Scene, publish};
use crate::support::requests::{BRANCH, Requests};
use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A program in the place of git that counts its calls, and ends mirrorkeep at one of them.
struct Killer {
    dir: tempfile::TempDir,
}

const SCRIPT: &str = r#"#!/bin/sh
count=$(($(cat "$COUNT" 2>/dev/null || echo 0) + 1))
echo $count > "$COUNT"
boss=$(awk '/^PPid:/ {print $2}' "/proc/$PPID/status")
if [ "$KILL" = "before $count" ]; then kill -9 "$boss"; exit 1; fi
"$REAL_GIT" "$@"
code=$?
case "$KILL: $* " in
    "after $count: "*) kill -9 "$boss";;
    "push: "*" push "*) kill -9 "$boss";;
esac
exit $code
"#;

impl Killer {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join("git");
        fs::write(&git, SCRIPT).unwrap();
        fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    /// Runs a command that is killed there; returns whether it succeeded, and how many calls there were.
    fn run(&self, mut command: Command, kill: &str) -> (bool, usize) {
        let count = self.dir.path().join("count");
        fs::remove_file(&count).ok();
        let path = std::env::var("PATH").unwrap();
        let real = std::env::split_paths(&path).map(|dir| dir.join("git")).find(|git| git.exists()).unwrap();
        command.env("PATH", format!("{}:{path}", self.dir.path().display()));
        command.env("REAL_GIT", real).env("COUNT", &count).env("KILL", kill);
        let output = command.output().unwrap();
        let calls = fs::read_to_string(count).unwrap().trim().parse().unwrap();
        (output.status.success(), calls)
    }
}

/// Returns a mirror with a build, and a request for it in two repositories.
fn small() -> (Rig, Requests, [String; 2]) {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "openstack-tarballs"]);
    publish(&rig, "29.0.0");
    let requests = Requests::beside(&rig);
    let commits = ["openstack/nova", "openstack/api"].map(|repo| requests.grow(repo, BRANCH));
    let [nova, api] = &commits;
    let text = format!(
        "team: nova\nrelease-model: cycle-with-rc\nreleases:\n  - version: 29.0.0\n    build: openstack/nova/29.0.0\n    projects:\n      \
         - {{repo: openstack/nova, hash: {nova}}}\n      - {{repo: openstack/api, hash: {api}}}\n"
    );
    requests.write("requests/2024.1/nova.yaml", &text);
    requests.commit("Release");
    (rig, requests, commits)
}

#[test]
fn a_kill_at_each_call_of_git_is_followed_by_a_run_that_goes_on() {
    let killer = Killer::new();
    let apply = |rig: &Rig, requests: &Requests| requests.command(rig, &["--jobs", "1", "release", "apply"]);
    let (rig, requests, _) = small();
    let (done, calls) = killer.run(apply(&rig, &requests), "never");
    assert!(done && calls > 20, "{calls}");
    // In `make torture` all of them.
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { 3 };
    let kills = (1..=calls).flat_map(|at| [format!("before {at}"), format!("after {at}")]);
    for (number, kill) in kills.enumerate().filter(|(number, _)| number % stride == 0) {
        let (rig, requests, [nova, api]) = small();
        let (done, reached) = killer.run(apply(&rig, &requests), &kill);
        assert!(!done && reached <= calls, "{number} {kill}");
        let events = rig.ok(&["events", "--type", "release.*"]);
        if !events.is_empty() {
            assert_eq!(requests.tags("openstack/api").len(), 1, "{kill}: the event came before a tag");
        }
        requests.ends(&rig, 0, &["release", "apply"]);
        for (repo, commit) in [("openstack/nova", &nova), ("openstack/api", &api)] {
            assert_eq!(requests.tags(repo), [("29.0.0".to_owned(), commit.clone())], "{kill}");
        }
        assert_eq!(rig.ok(&["events", "--type", "release.*"]).lines().count(), 1, "{kill}");
        let link = fs::read_link(rig.mirror("openstack/nova/stable-2024.1")).unwrap();
        assert_eq!(link, PathBuf::from("29.0.0"), "{kill}");
        let again = requests.ends(&rig, 0, &["release", "apply"]);
        assert_eq!(again, "nothing to release: 1 release applied\n", "{kill}");
    }
}

#[test]
fn twelve_entries_are_applied_by_runs_that_are_killed_after_each_push() {
    let (scene, killer) = (Scene::new(), Killer::new());
    let pushes: usize = scene.tags.values().map(std::collections::BTreeMap::len).sum();
    let mut runs = 0;
    while !killer.run(scene.requests.command(&scene.rig, &["release", "apply"]), "push").0 {
        runs += 1;
        let made: usize = scene.tags.keys().map(|repo| scene.requests.tags(repo).len()).sum();
        assert_eq!(made, runs);
        // A tag comes before the event of its release.
        for line in scene.rig.ok(&["events", "--type", "release.*"]).lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let release = &event["data"]["release"];
            for (repo, commit) in release["commits"].as_object().unwrap() {
                let tag =
                    (release["version"].as_str().unwrap().to_owned(), commit.as_str().unwrap().to_owned());
                assert!(scene.requests.tags(repo).contains(&tag), "{tag:?}");
            }
        }
    }
    assert_eq!(runs, pushes);
    scene.is_applied();
}
