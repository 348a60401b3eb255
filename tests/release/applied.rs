//! Twelve entries applied against bare repositories with real signatures; what stops an entry stops no other.

use crate::cli::sign::keys::Gpg;
use crate::support::requests::{BRANCH, Requests, git};
use crate::support::rig::Rig;
use crate::support::shapes::{assert_shape, event_fits};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A mirror with builds, three repositories, and twelve entries in three files.
pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) requests: Requests,
    /// The expected tags of each repository.
    pub(super) tags: BTreeMap<&'static str, BTreeMap<String, String>>,
}

const REPOSITORIES: [&str; 3] = ["openstack/nova", "openstack/neutron", "openstack/neutron-vpnaas"];

/// Publishes a build of nova.
pub(super) fn publish(rig: &Rig, version: &str) {
    rig.write(&format!("../{version}/nova-{version}.tar.gz"), version);
    let from = rig.work(&format!("../{version}"));
    rig.ok(&["publish", from.to_str().unwrap(), "--stream", "openstack/nova", "--build", version]);
}

impl Scene {
    pub(super) fn new() -> Self {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", "openstack-tarballs"]);
        let requests = Requests::beside(&rig);
        let mut tags: BTreeMap<&'static str, BTreeMap<String, String>> = BTreeMap::new();
        let mut commits = |repo: &'static str, version: &str, same: Option<&str>| {
            let commit = same.map_or_else(|| requests.grow(repo, BRANCH), str::to_owned);
            tags.entry(repo).or_default().insert(version.to_owned(), commit.clone());
            commit
        };
        let one = |repo: &str, commit: &str| format!("      - {{repo: {repo}, hash: {commit}}}\n");
        let mut nova = "team: nova\nrelease-model: cycle-with-rc\nreleases:\n".to_owned();
        let mut last = String::new();
        for version in ["29.0.0.0rc1", "29.0.0.0rc2", "29.0.0", "29.0.1", "29.1.0"] {
            publish(&rig, version);
            let same = (version == "29.0.0").then_some(last.as_str());
            last = commits(REPOSITORIES[0], version, same);
            nova += &format!("  - version: {version}\n    projects:\n{}", one(REPOSITORIES[0], &last));
            nova +=
                &format!("    build: openstack/nova/{version}\n    announcement: Nova {version} is there.\n");
        }
        nova += &format!("  - version: 2024.1-eol\n    projects:\n{}", one(REPOSITORIES[0], &last));
        commits(REPOSITORIES[0], "2024.1-eol", Some(&last));
        let mut neutron = "team: neutron\nrelease-model: cycle-with-rc\nreleases:\n".to_owned();
        let mut both = [String::new(), String::new()];
        for version in ["24.0.0.0rc1", "24.0.0", "24.0.1"] {
            let same = version == "24.0.0";
            neutron += &format!("  - version: {version}\n    projects:\n");
            for (repo, last) in REPOSITORIES[1..].iter().zip(&mut both) {
                *last = commits(repo, version, same.then_some(last.as_str()));
                neutron += &one(repo, last);
            }
        }
        neutron += "  - version: 2024.1-eol\n    projects:\n";
        for (repo, last) in REPOSITORIES[1..].iter().zip(&both) {
            neutron += &one(repo, &commits(repo, "2024.1-eol", Some(last)));
        }
        let mut docs = "team: docs\nrelease-model: cycle-with-intermediary\nreleases:\n".to_owned();
        for version in ["1.0.0", "1.1.0"] {
            docs += &format!("  - version: {version}\n    projects:\n");
            docs += &one(REPOSITORIES[0], &commits(REPOSITORIES[0], version, None));
        }
        requests.write("requests/2024.1/docs.yaml", &docs);
        requests.write("requests/2024.1/neutron.yaml", &neutron);
        requests.write("requests/2024.1/nova.yaml", &nova);
        requests.commit("Release\n\nApproved-by: P. Erson <p@example.org>\nReviewed-by: R. Eviewer");
        Self { rig, requests, tags }
    }

    /// Checks that everything is applied, once.
    #[track_caller]
    pub(super) fn is_applied(&self) {
        for (repo, tags) in &self.tags {
            let found: BTreeMap<String, String> = self.requests.tags(repo).into_iter().collect();
            assert_eq!(&found, tags, "{repo}");
        }
        let events = self.rig.ok(&["events", "--type", "release.*"]);
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for event in &events {
            event_fits(event).unwrap();
        }
        let subjects: Vec<&str> = events.iter().map(|event| event["subject"].as_str().unwrap()).collect();
        let expected = [
            "docs/1.0.0",
            "docs/1.1.0",
            "neutron/24.0.0.0rc1",
            "neutron/24.0.0",
            "neutron/24.0.1",
            "neutron/2024.1-eol",
            "nova/29.0.0.0rc1",
            "nova/29.0.0.0rc2",
            "nova/29.0.0",
            "nova/29.0.1",
            "nova/29.1.0",
            "nova/2024.1-eol",
        ];
        let expected = expected.map(|name| format!("2024.1/{name}"));
        assert_eq!(subjects, expected);
        let release = &events[8]["data"]["release"];
        assert_eq!(release["announcement"], "Nova 29.0.0 is there.");
        assert_eq!(release["approved_by"], json!(["P. Erson <p@example.org>", "R. Eviewer"]));
        assert_eq!(release["commits"]["openstack/nova"], self.tags["openstack/nova"]["29.0.0"]);
        let link = fs::read_link(self.rig.mirror("openstack/nova/stable-2024.1")).unwrap();
        assert_eq!(link, PathBuf::from("29.1.0"));
        let labels = |build: &str| {
            let shown = self.rig.json(&["show", &format!("openstack/nova/{build}")]);
            let labels = shown["labels"].as_object().unwrap();
            labels
                .iter()
                .map(|(key, label)| format!("{key}={}", label["value"].as_str().unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(labels("29.0.0"), ["release=29.0.0", "series=2024.1", "type=final"]);
        assert_eq!(labels("29.0.0.0rc1"), ["release=29.0.0.0rc1", "type=rc"]);
        let text = self.requests.ends(&self.rig, 0, &["release", "apply"]);
        assert_eq!(text, "nothing to release: 12 releases applied\n");
    }

    pub(super) fn answer(&self, code: i32, args: &[&str]) -> Value {
        let all = [&["--json", "release", "apply"], args].concat();
        let output = self.requests.command(&self.rig, &all).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        assert_shape(&["release", "apply"], &answer);
        answer
    }
}

/// Returns the outcome of each entry.
fn outcomes(answer: &Value) -> Vec<String> {
    let one = |one: &Value| {
        format!(
            "{}/{} {}",
            one["name"].as_str().unwrap(),
            one["version"].as_str().unwrap(),
            one["outcome"].as_str().unwrap()
        )
    };
    answer["releases"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn twelve_entries_are_tagged_signed_named_and_announced() {
    let scene = Scene::new();
    let gpg = Gpg::new();
    let keyring = gpg.key("releases", "");
    let trial = scene.answer(0, &["--dry-run"]);
    assert!(outcomes(&trial).iter().all(|one| one.ends_with(" would-release")), "{trial:#}");
    assert!(scene.requests.tags("openstack/nova").is_empty());
    assert!(scene.rig.ok(&["events", "--type", "release.*"]).is_empty());
    let args = ["release", "apply", "--sign", "releases", "--keyring", keyring.to_str().unwrap()];
    let output = scene.requests.command(&scene.rig, &args).env("GNUPGHOME", gpg.home()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("  openstack/nova/stable-2024.1 -> openstack/nova/29.1.0\n"), "{text}");
    scene.is_applied();
    for repo in REPOSITORIES {
        for (tag, _) in scene.requests.tags(repo) {
            let mut verify = Command::new("git");
            verify
                .arg("-C")
                .arg(scene.requests.remote(repo))
                .args(["verify-tag", &tag])
                .env("GNUPGHOME", gpg.home());
            assert!(verify.output().unwrap().status.success(), "{repo} {tag}");
        }
    }
    let at = format!("{}@29.0.0", scene.requests.remote("openstack/nova").display());
    let shown = scene.rig.json(&["release", "show-tag", &at, "--keyring", keyring.to_str().unwrap()]);
    assert_eq!((&shown["verified"], &shown["build"]), (&json!(true), &json!("openstack/nova/29.0.0")));
    assert_eq!(shown["labels"], json!(["series=2024.1", "release=29.0.0", "type=final"]));
    // With another key, a check of what is new would refuse these tags.
    let fresh = Rig::new();
    fresh.ok(&["init", "--layout", "openstack-tarballs"]);
    let other = gpg.key("other", "");
    let args = ["release", "check", "--without-mirror", "--keyring", other.to_str().unwrap()];
    assert!(scene.requests.ends(&fresh, 5, &args).contains("tag-unsigned: the tag `"));
    let args = ["release", "check", "--without-mirror", "--keyring", keyring.to_str().unwrap()];
    scene.requests.ends(&fresh, 0, &args);
}

#[test]
fn what_stops_an_entry_stops_no_other() {
    let scene = Scene::new();
    // One tag is elsewhere, and one remote takes no tags.
    let elsewhere = scene.requests.grow("openstack/nova", BRANCH);
    git(&scene.requests.remote("openstack/nova"), &["tag", "29.0.1", &elsewhere]);
    let hook = scene.requests.remote("openstack/neutron-vpnaas").join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\necho no tags today >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let answer = scene.answer(1, &[]);
    let refused: Vec<String> =
        outcomes(&answer).into_iter().filter(|one| !one.ends_with(" released")).collect();
    let expected = [
        "neutron/24.0.0.0rc1 failed",
        "neutron/24.0.0 failed",
        "neutron/24.0.1 failed",
        "neutron/2024.1-eol failed",
        "nova/29.0.1 refused",
    ];
    assert_eq!(refused, expected, "{answer:#}");
    // The tag that was made stays, and nothing says that the entry is released.
    assert_eq!(scene.requests.tags("openstack/neutron").len(), 4);
    assert_eq!(scene.rig.ok(&["events", "--type", "release.*"]).lines().count(), 7);
    let labels = scene.rig.json(&["show", "openstack/nova/29.0.1"])["labels"].clone();
    assert_eq!(labels, json!({}));
    fs::remove_file(hook).unwrap();
    git(&scene.requests.remote("openstack/nova"), &["tag", "-d", "29.0.1"]);
    assert_eq!(outcomes(&scene.answer(0, &[])).len(), 5);
    for (repo, tags) in &scene.tags {
        assert_eq!(&scene.requests.tags(repo).into_iter().collect::<BTreeMap<_, _>>(), tags);
    }
}

#[test]
fn what_was_applied_is_neither_changed_nor_applied_again() {
    let scene = Scene::new();
    let base = git(&scene.requests.at(), &["rev-parse", "HEAD~1"]);
    scene.answer(0, &["--approved-by", "A. Boss", "--base", &base]);
    let events = scene.rig.ok(&["events", "--type", "release.*"]);
    assert!(events.contains("\"R. Eviewer\",\"A. Boss\""), "{events}");
    let file = scene.requests.at().join("requests/2024.1/docs.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| scene.tags["openstack/nova"][version].clone());
    fs::write(&file, text.replace(&old, &new)).unwrap();
    scene.requests.commit("Another commit for an old version");
    let told = scene.requests.ends(&scene.rig, 5, &["release", "check"]);
    assert!(told.contains("applied-other: `2024.1/docs/1.0.0` was applied with other commits"), "{told}");
    assert!(scene.requests.ends(&scene.rig, 0, &["release", "apply"]).starts_with("nothing to release: 12"));
    // What a base has is left alone, whatever the journal says.
    let other = Rig::new();
    other.ok(&["init", "--layout", "openstack-tarballs"]);
    let told = scene.requests.ends(&other, 0, &["release", "apply", "--base", "HEAD"]);
    assert_eq!(told, "12 releases of the base are not applied here; they count as done\n");
    let json =
        scene.requests.command(&other, &["release", "apply", "--base", "HEAD", "--json"]).output().unwrap();
    let answer: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&answer["applied"], &answer["base"]), (&json!(0), &json!(12)));
    // One that was corrected since, and that was never applied, is not passed over.
    let told = scene.requests.ends(&other, 5, &["release", "apply", "--base", "HEAD~1"]);
    assert!(told.contains("only-appended: `1.0.0` was changed") && told.contains("without --base"), "{told}");
    assert!(
        told.contains("12 releases of the base are not applied here") && !told.contains("nothing"),
        "{told}"
    );
}

#[test]
fn two_appliers_at_once_make_one_release_each() {
    let scene = Scene::new();
    let mut both: Vec<_> =
        (0..2).map(|_| scene.requests.command(&scene.rig, &["release", "apply"]).spawn().unwrap()).collect();
    for one in &mut both {
        assert!(one.wait().unwrap().success());
    }
    scene.requests.ends(&scene.rig, 0, &["release", "apply"]);
    let events = scene.rig.ok(&["events", "--type", "release.*"]);
    let mut subjects: Vec<String> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["subject"].to_string())
        .collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!((subjects.len(), events.lines().count()), (12, 12), "{events}");
}
