//! The gate `closure` with the real dnf: RPM repositories that are sound, broken, or whole only together with another one.

use super::readers::fine;
use super::web::at;
use crate::support::rig::Rig;
use crate::support::shapes::assert_shape;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

const STREAM: &str = "master/centos";

/// Builds a package with these requirements into a directory.
fn package(dir: &Path, name: &str, requires: &str) {
    let work = tempfile::tempdir().unwrap();
    let requires = if requires.is_empty() { String::new() } else { format!("Requires: {requires}\n") };
    let spec = format!(
        "Name: {name}\nVersion: 1\nRelease: 1\nSummary: a test\nLicense: none\nBuildArch: noarch\n{requires}%description\na test\n%files\n"
    );
    let file = work.path().join("one.spec");
    fs::write(&file, spec).unwrap();
    let top = format!("_topdir {}", work.path().display());
    fine(&Command::new(at("rpmbuild")).args(["-bb", "--define", &top]).arg(&file).output().unwrap()).unwrap();
    fs::create_dir_all(dir).unwrap();
    let built = format!("{name}-1-1.noarch.rpm");
    fs::copy(work.path().join("RPMS/noarch").join(&built), dir.join(&built)).unwrap();
}

fn repository(dir: &Path) {
    fine(&Command::new(at("createrepo_c")).arg("-q").arg(dir).output().unwrap()).unwrap();
}

/// Publishes what is in the workspace as the build of a day.
fn publish(rig: &Rig, day: u8) -> String {
    let (work, build) = (rig.work(""), format!("2018120{day}T060000Z"));
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", STREAM, "--build", &build]);
    format!("{STREAM}/{build}")
}

/// Asks the gate, which leaves nothing in the place for temporary files: one of its own, since other tests run beside this one.
fn closed(rig: &Rig, code: i32, id: &str) -> Value {
    let temporary = tempfile::tempdir().unwrap();
    let output =
        rig.command(&["--json", "gate", id, "closed"]).env("TMPDIR", temporary.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read_dir(temporary.path()).unwrap().next().is_none());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_shape(&["gate"], &answer);
    answer["gates"][0].clone()
}

#[test]
fn the_closure_of_a_sound_repository_passes_and_the_missing_package_of_a_broken_one_is_named() {
    let rig = Rig::new();
    fs::remove_dir_all(rig.work("outputs")).unwrap();
    rig.write("success", "");
    rig.ok(&["init", "--layout", "generic"]);
    let (os, other) = (rig.work("os x86,64"), rig.work("../other"));
    package(&os, "alpha", "");
    package(&os, "beta", "alpha");
    repository(&os);
    let sound = publish(&rig, 1);
    package(&os, "beta", "alpha, gamma");
    repository(&os);
    let broken = publish(&rig, 2);
    package(&other, "gamma", "");
    repository(&other);
    let file = rig.work("../pipeline.yaml");
    let set = |with: &str| {
        let text = format!(
            "pipeline: 1\nstages: [{{name: stable, streams: '**', require: {{gates: [closed]}}}}]\ngates:\n  closed: {{closure: {{repos: ['os x86,64'], with: {{{with}}}}}}}\n"
        );
        fs::write(&file, text).unwrap();
        rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
    };
    set("");
    assert_eq!(closed(&rig, 0, &sound)["outcome"], "success");
    let told = closed(&rig, 5, &broken);
    let log = told["log"].as_str().unwrap();
    assert!(log.contains("package: beta-1-1.noarch from build-1") && log.contains("gamma"), "{log}");
    assert_eq!(rig.json(&["show", &broken])["logs"]["gate/closed"]["log"], told["log"]);
    let moved = rig.json(&["promote"])["stages"][0].clone();
    assert_eq!(
        (&moved["build"], &moved["candidates"][0]["missing"]),
        (&json!(sound), &json!(["closed (failure)"]))
    );
    // A repository that cannot be read says nothing of the build.
    set("other: 'file:///no/such/repository'");
    let told = closed(&rig, 1, &broken);
    assert_eq!(
        (&told["outcome"], rig.json(&["show", &broken])["labels"]["vote/closed"]["value"].as_str()),
        (&json!("error"), Some("failure"))
    );
    assert!(told["why"].as_str().unwrap().starts_with("dnf could not look: "), "{told}");
    // Together with another one it is whole.
    set(&format!("other: 'file://{}'", fs::canonicalize(&other).unwrap().display()));
    assert_eq!(closed(&rig, 0, &broken)["outcome"], "success");
    assert_eq!(rig.json(&["promote"])["stages"][0]["build"], broken);
    // dnf finds nothing wrong with nothing.
    for name in ["alpha", "beta"] {
        fs::remove_file(os.join(format!("{name}-1-1.noarch.rpm"))).unwrap();
    }
    repository(&os);
    let told = closed(&rig, 5, &publish(&rig, 3));
    assert!(told["log"].as_str().unwrap().contains("no repository of the build has a package"), "{told}");
}

#[test]
fn without_dnf_the_gate_says_which_package_has_it() {
    let rig = Rig::new();
    rig.write("outputs/RPMS/std/repodata/repomd.xml", "<repomd/>")
        .write("outputs/RPMS/std/a.rpm", "")
        .publish("20181205T060000Z", &[]);
    let file = rig.work("../pipeline.yaml");
    let text = "pipeline: 1\nstages: [{name: stable, streams: '**'}]\ngates: {closed: {closure: {repos: [outputs/RPMS/std]}}}\n";
    fs::write(&file, text).unwrap();
    rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
    let id = format!("{STREAM}/20181205T060000Z");
    let output = rig.command(&["--json", "gate", &id, "closed"]).env("PATH", "/no/such").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let why = "there is no `dnf`; `apt-get install dnf dnf-plugins-core` installs it";
    assert_eq!(answer["gates"][0]["why"], why, "{answer}");
}
