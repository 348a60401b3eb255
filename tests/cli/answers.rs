//! `docs/json.md` names every field of every answer.

use crate::support::requests::Requests;
use crate::support::rig::{PARTED, Rig, lay};
use crate::support::served::Served;
use crate::support::shapes::assert_shape;
use crate::support::trunk::Trunk;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

const BUILDS: [&str; 3] = ["20181203T060000Z", "20181204T060000Z", "20181205T060000Z"];

/// Collects the fields of an answer; below those that stand for any word, only what lies one deeper.
fn fields(answer: &Value, found: &mut BTreeSet<String>) {
    for item in answer.as_array().into_iter().flatten() {
        fields(item, found);
    }
    for (key, below) in answer.as_object().into_iter().flatten() {
        found.insert(key.clone());
        match (&**key, below) {
            ("labels" | "logs" | "parts" | "votes" | "fields", Value::Object(below)) => {
                below.values().for_each(|below| fields(below, found));
            }
            _ => fields(below, found),
        }
    }
}

/// Pulls a mirror into another one.
fn pulled(rig: &Rig, found: &mut BTreeSet<String>) {
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}changes: {{}}\n")).unwrap();
    fields(&rig.json(&["export", "changes"]), found);
    let (server, other) = (Served::start(&rig.mirror("")), Rig::new());
    other.ok(&["init"]);
    let to = other.mirror("").to_str().unwrap().to_owned();
    fields(&rig.json(&["pull", &server.url(), &to]), found);
    fs::remove_dir_all(rig.mirror("changes")).unwrap();
    fs::write(settings, text).unwrap();
}

/// Checks and carries out a request, and shows its tag.
fn releases(rig: &Rig, build: &str, found: &mut BTreeSet<String>) {
    let requests = Requests::with_one(rig, build);
    let mut answer = |args: &[&str]| {
        let all = [&["--json"], args].concat();
        let output = match args[1] {
            "show-tag" => rig.run(&all),
            _ => requests.command(rig, &all).output().unwrap(),
        };
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        assert_shape(args, &answer);
        fields(&answer, found);
    };
    answer(&["release", "check"]);
    answer(&["release", "apply"]);
    let tag = format!("{}@1.0.0", requests.remote("tool").display());
    answer(&["release", "show-tag", &tag]);
    requests.write("requests/2024.1/other.yaml", "team: x\n");
    requests.commit("A wrong request");
    answer(&["release", "check"]);
}

/// Lays down a build and a stray by hand, changes a file, moves an alias, and removes a build.
fn spoil(rig: &Rig, changed: &str) {
    lay(rig, "master/debian/20181201T060000Z", &[("outputs/success", ""), ("outputs/iso/a.iso", "a")]);
    lay(rig, "masters", &[("stray", "")]);
    lay(rig, changed, &[("outputs/logs/new.log", "")]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    symlink(rig.mirror(changed).canonicalize().unwrap(), rig.mirror("master/centos/latest_build")).unwrap();
    fs::remove_dir_all(rig.mirror(&format!("master/centos/{}", BUILDS[0]))).unwrap();
}

/// Returns the file of a pipeline with a gate.
fn gated(rig: &Rig) -> String {
    let file = rig.work("../pipeline.yaml");
    let text = "pipeline: 1\nstages: [{name: stable, streams: '**'}]\ngates: {fine: {run: [echo]}}\n";
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Returns a call of each verb of promotion, each of which works after those before it.
fn promotion<'a>(id: &'a str, gated: &'a str) -> Vec<Vec<&'a str>> {
    let (stream, _) = id.rsplit_once('/').unwrap();
    vec![
        vec!["pipeline", "set", "generic"],
        vec!["vote", id, "smoke", "failure", "--url", "https://ci.example.org/1"],
        vec!["show", id],
        vec!["waive", "stable", "smoke", "--until", "3d", "--why", "a test"],
        vec!["waive", "stable", "smoke", "--build", id, "--why", "a test"],
        vec!["promote", "testing", "--build", id, "--why", "a test"],
        vec!["stages"],
        vec!["promote"],
        vec!["history", "master/centos/stable"],
        vec!["unwaive", "stable", "smoke"],
        vec!["demote", "stable", "--stream", stream, "--why", "a test"],
        vec!["reject", id, "--why", "a test"],
        vec!["unreject", id],
        vec!["pipeline", "set", gated],
        vec!["gate", id, "fine"],
        vec!["show", id],
    ]
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each answer")]
fn every_field_of_an_answer_is_told() {
    let rig = Rig::new();
    rig.policy_file(PARTED).write("inputs/RPMS/a.rpm", "the same").builds(BUILDS);
    let [oldest, trimmed, _] = BUILDS.map(|name| format!("master/centos/{name}"));
    rig.ok(&["label", &trimmed, "sanity=green"]);
    let mut found = BTreeSet::new();
    let pins = rig.work("..").join("pins.yaml").display().to_string();
    std::fs::write(&pins, "- {name: starlingx/stx-nova, src_build_tag: master-centos-pike}\n").unwrap();
    rig.ok(&["pipeline", "set", "generic"]);
    let calls: [&[&str]; 37] = [
        &["pipeline", "list"],
        &["pipeline", "show"],
        &["pipeline", "test"],
        &["pipeline", "set", "starlingx"],
        &["status", "--shared"],
        &["metrics"],
        &["plan"],
        &["explain", &oldest],
        &["list"],
        &["census"],
        &["show", &trimmed],
        &["diff", &oldest, &trimmed],
        &["images", "list", &trimmed],
        &["images", "place", "starlingx/stx-nova:master-centos-pike"],
        &["images", "pins", &pins, "--dry-run"],
        &["images", "pins", &pins],
        &["images", "pins"],
        &["images", "pins", "--remove", "pins.yaml"],
        &["prune"],
        &["trash", "list"],
        &["restore", &oldest],
        &["hold", &oldest, "--why", "a test"],
        &["list"],
        &["hold", "list"],
        &["unhold", &oldest],
        &["sweep", "--dry-run"],
        &["sweep"],
        &["log"],
        &["recover", "--dry-run"],
        &["recover"],
        &["alias", "list"],
        &["label", &trimmed, "sanity=red"],
        &["policy", "list"],
        &["policy", "show"],
        &["policy", "test", "starlingx"],
        &["policy", "simulate", "--for", "3d"],
        &["policy", "diff", "starlingx", "starlingx-production", "--at", "20190101T000000Z"],
    ];
    for call in calls {
        fields(&rig.json(call), &mut found);
    }
    for call in promotion(&trimmed, &gated(&rig)) {
        fields(&rig.json(&call), &mut found);
    }
    let trunk = Trunk::new();
    trunk.publish("compute", 1);
    fields(&trunk.json(&["bundle", "centos9-master/consistent"]), &mut found);
    let other = Rig::new();
    other.ok(&["init"]);
    let [here, there] = [&rig, &other].map(|rig| rig.mirror("").to_str().unwrap().to_owned());
    fields(&rig.json(&["copy", &here, &there]), &mut found);
    let branch = ["branch", "feature/x/centos", "--like", "master/centos"];
    fields(&rig.json(&[&branch[..], &["--seed", &trimmed, "--dry-run"]].concat()), &mut found);
    pulled(&rig, &mut found);
    fs::create_dir_all(rig.mirror("").with_file_name("copied")).unwrap();
    let targets = format!(
        "targets: 1\nto: [{{name: copied, directory: '{}'}}]\n",
        rig.mirror("").with_file_name("copied").display()
    );
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    fields(&rig.json(&["sync"]), &mut found);
    fields(&rig.json(&["freshness"]), &mut found);
    fields(&rig.json(&["status"]), &mut found);
    fields(&rig.json(&["export", "redirects", "--for", "nginx"]), &mut found);
    fields(&rig.json(&["export", "cache-rules", "--for", "nginx"]), &mut found);
    fields(&rig.json(&["export", "readers", "--for", "nginx"]), &mut found);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}readers: {{url: 'http://mirror'}}\nsite: {{}}\n")).unwrap();
    fields(&rig.json(&["site"]), &mut found);
    fields(&rig.json(&["label", &trimmed, "sanity=blue"]), &mut found);
    fields(&rig.json(&["export", "readers"]), &mut found);
    fs::write(&settings, text).unwrap();
    fields(&rig.json(&["withdraw", &trimmed, "--why", "a test", "--dry-run"]), &mut found);
    // What these tell is found in a mirror that somebody spoilt, and they end with another code.
    spoil(&rig, &trimmed);
    releases(&rig, &trimmed, &mut found);
    let calls: [&[&str]; 15] = [
        &["check"],
        &["status"],
        &["pipeline", "lint"],
        &["policy", "set", "starlingx", "--dry-run"],
        &["layout", "set", "generic", "--dry-run"],
        &["check", "--fix", "--dry-run"],
        &["check", "--fix"],
        &["verify", "--all"],
        &["verify", "--sample", "50%"],
        &["verify", "--sample", "50%"],
        &["adopt", "--dry-run"],
        &["due", "master/centos", "--request", "--why", "bug 7"],
        &["due", "master/centos", "--every", "24h", "--run", "true"],
        &["adopt", "--changed"],
        &["check"],
    ];
    for call in calls {
        let output = rig.run(&[&["--json"], call].concat());
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        assert_shape(call, &answer);
        fields(&answer, &mut found);
    }
    let told = include_str!("../../docs/json.md");
    let words: BTreeSet<&str> = told.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let lacking: Vec<&String> = found.iter().filter(|field| !words.contains(field.as_str())).collect();
    assert!(found.len() > 60, "only {} fields: {found:?}", found.len());
    assert!(lacking.is_empty(), "not in docs/json.md: {lacking:?}");
}

/// Every verb, and the field that carries the version of its answer's form.
#[test]
#[expect(clippy::too_many_lines, reason = "a row for each answer")]
fn every_answer_carries_the_version_of_its_form() {
    let rig = Rig::new();
    rig.policy_file(PARTED).builds(BUILDS);
    let [oldest, newer, newest] = BUILDS.map(|name| format!("master/centos/{name}"));
    let other = Rig::new();
    other.ok(&["init"]);
    let [here, there] = [&rig, &other].map(|rig| rig.mirror("").to_str().unwrap().to_owned());
    let (work, made) = (rig.work("").to_str().unwrap().to_owned(), rig.work("made"));
    let publish = ["publish", &work, "--stream", "master/debian", "--dry-run"];
    let deliver = "deliver: 1\nto:\n  - {name: ci, since: 1, park_after: 0h, run: ['false']}\n";
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    fs::create_dir_all(rig.mirror("").with_file_name("copied")).unwrap();
    let targets = format!(
        "targets: 1\nto: [{{name: copied, directory: '{}'}}]\n",
        rig.mirror("").with_file_name("copied").display()
    );
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    let asked = Requests::with_one(&rig, &newest).at().display().to_string();
    let cases: &[(&str, &[&str])] = &[
        ("publish", &publish),
        ("status", &["status"]),
        ("metrics", &["metrics"]),
        ("log", &["log"]),
        ("withdraw", &["withdraw", &newer, "--why", "a test", "--dry-run"]),
        (
            "retire",
            &["retire", "master/centos", "--why", "a test", "--no-archive", "--no-redirects", "--dry-run"],
        ),
        ("trash", &["trash", "list"]),
        ("hold", &["hold", "list"]),
        ("list", &["list"]),
        ("list", &["list", "--archive"]),
        ("show", &["show", &newer]),
        ("diff", &["diff", &oldest, &newer]),
        ("images", &["images", "list", &newer]),
        ("images", &["images", "place", "starlingx/stx-nova:master-centos-pike"]),
        ("images", &["images", "pins"]),
        ("census", &["census"]),
        ("label", &["label", &newer, "sanity=green"]),
        ("alias", &["alias", "set", "r1", &newest]),
        ("alias", &["alias", "remove", "r1"]),
        ("aliases", &["alias", "list"]),
        ("resolve", &["resolve", "master/centos/latest_build"]),
        ("redirects", &["export", "redirects", "--for", "nginx"]),
        ("cache_rules", &["export", "cache-rules", "--for", "nginx"]),
        ("layout", &["layout", "list"]),
        ("layout", &["layout", "show"]),
        ("layout", &["layout", "path", &newer]),
        ("layout", &["layout", "place", &newer]),
        ("layout", &["layout", "place", "nowhere/at/all"]),
        ("plan", &["plan"]),
        ("explain", &["explain", &oldest]),
        ("plan", &["prune", "--dry-run"]),
        ("prune", &["prune"]),
        ("restore", &["restore", &oldest]),
        ("sweep", &["sweep"]),
        ("hold", &["hold", &newer, "--why", "a test"]),
        ("hold", &["unhold", &newer]),
        ("policy", &["policy", "list"]),
        ("policy", &["policy", "show"]),
        ("policy", &["policy", "set", "starlingx", "--dry-run"]),
        ("pipeline", &["pipeline", "list"]),
        ("pipeline", &["pipeline", "set", "starlingx"]),
        ("pipeline", &["pipeline", "show"]),
        ("lint", &["pipeline", "lint"]),
        ("test", &["pipeline", "test"]),
        ("layout", &["layout", "set", "generic", "--dry-run"]),
        ("lint", &["policy", "lint", "starlingx"]),
        ("test", &["policy", "test", "starlingx"]),
        ("simulate", &["policy", "simulate", "--for", "3d"]),
        ("diff", &["policy", "diff", "starlingx", "starlingx-production"]),
        ("check", &["check"]),
        ("check", &["check", "--list"]),
        ("verify", &["verify", "--all"]),
        ("adopt", &["adopt"]),
        ("recover", &["recover"]),
        ("copy", &["copy", &here, &there]),
        ("branch", &["branch", "feature/x/centos", "--like", "master/centos"]),
        ("branch", &["branch", "feature/y/centos", "--like", "master/centos", "--seed", "latest_build"]),
        ("branch", &["branch", "a/b", "--like", "master/centos"]),
        ("sync", &["sync", "--dry-run"]),
        ("sync", &["sync"]),
        ("lint", &["sync", "lint"]),
        ("freshness", &["freshness"]),
        ("deliver", &["deliver", "status"]),
        ("deliver", &["deliver", "--dry-run"]),
        ("deliver", &["deliver"]),
        ("deliver", &["deliver", "replay", "ci", "--since", "1"]),
        ("deliver", &["deliver", "unpark", "ci"]),
        ("deliver", &["deliver"]),
        ("lint", &["deliver", "lint"]),
        ("release", &["release", "check", "--requests", &asked]),
        ("release", &["release", "apply", "--requests", &asked, "--dry-run"]),
        ("due", &["due", "master/centos", "--every", "24h"]),
        ("due", &["due", "master/centos", "--request", "--why", "bug 7"]),
        ("due", &["due", "master/centos", "--run", "true"]),
        ("due", &["due", "master/centos", "--unrequest"]),
        ("man", &["man"]),
        ("completions", &["completions", "bash"]),
    ];
    for sentence in promotion(&newest, &gated(&rig)) {
        let answer = rig.json(&sentence);
        let field = if sentence[0] == "pipeline" || sentence[0] == "show" { continue } else { sentence[0] };
        assert_eq!(answer[field], 1, "{sentence:?}: {answer}");
    }
    for (field, sentence) in cases {
        let output = rig.run(&[&["--json"], *sentence].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{sentence:?}: {error}: {}", String::from_utf8_lossy(&output.stderr));
        });
        assert_eq!(answer[field], 1, "{sentence:?}: {answer}");
        assert_shape(sentence, &answer);
    }
    let init = ["--json", "--mirror", made.to_str().unwrap(), "init"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mirrorkeep")).args(init).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["init"], 1);
    assert_shape(&["init"], &answer);
    rig.fails(2, "text and json", &["check", "--list", "--format", "sarif"]);
}
