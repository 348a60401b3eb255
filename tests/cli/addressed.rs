//! Commands in messages name the mirror that `--mirror` named, so that they work when they are pasted.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const FIRST: &str = "20260101T000000Z";
const SECOND: &str = "20260102T000000Z";
const KEEP_ONE: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
brakes: {run: {bytes: 1B}}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

/// Runs the binary in a directory on the mirror that is named like that.
fn on(mirror: &str, dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
    command.current_dir(dir).args(["--mirror", mirror]).args(args).output().unwrap()
}

/// Returns everything that a command wrote.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Makes a mirror of that name with two builds, of which a brake withholds one.
fn braked(rig: &Rig, name: &str) {
    let work = rig.work("outputs");
    rig.write("policy.yaml", KEEP_ONE);
    let made = on(name, &rig.work(""), &["init", "--policy", "./policy.yaml"]);
    assert!(made.status.success(), "{}", said(&made));
    for build in [FIRST, SECOND] {
        let add = format!("outputs={}", work.display());
        let args = ["publish", "--add", &add, "--stream", "master/centos", "--build", build];
        let published = on(name, &rig.work(""), &args);
        assert!(published.status.success(), "{}", said(&published));
    }
}

/// Returns the command between backticks that holds this text.
fn command_with<'a>(text: &'a str, part: &str) -> &'a str {
    let found = text.split('`').find(|found| found.starts_with("mirrorkeep ") && found.contains(part));
    found.unwrap_or_else(|| panic!("no command with {part} in {text}"))
}

#[test]
fn the_command_of_a_hint_works_when_it_is_pasted() {
    for name in ["m", "my mirror", "it's", "-m", "a&b<c>"] {
        let rig = Rig::new();
        let typed = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
        braked(&rig, &typed);
        let dir = rig.work("");
        let explain = said(&on(&typed, &dir, &["explain", &format!("master/centos/{FIRST}")]));
        let prune = on(&typed, &dir, &["prune"]);
        assert_eq!(prune.status.code(), Some(4), "{}", said(&prune));
        let prune = said(&prune);
        let accept = command_with(&prune, " prune --accept sha256:");
        assert_eq!(accept, command_with(&explain, " prune --accept sha256:"));
        let program = Path::new(env!("CARGO_BIN_EXE_mirrorkeep")).parent().unwrap();
        let mut shell = Command::new("bash");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let output = shell.env("PATH", path).current_dir(&dir).args(["-c", accept]).output().unwrap();
        assert!(said(&output).contains("1 build pruned"), "{name}: {}", said(&output));
    }
}

#[test]
fn every_form_of_an_answer_names_the_mirror_and_no_data_is_changed() {
    let rig = Rig::new();
    braked(&rig, "a\"b&'c");
    let (dir, name) = (rig.work(""), "a\"b&'c");
    let own = dir.join(name).join(".mirrorkeep");
    fs::remove_file(dir.join(name).join("master/centos/latest_build")).unwrap();
    let json = |args: &[&str]| -> Value { serde_json::from_slice(&on(name, &dir, args).stdout).unwrap() };
    let call = r#"`mirrorkeep --mirror 'a"b&'\''c' "#;
    for args in [&["--json", "check"][..], &["check", "--format", "sarif"]] {
        let found = json(args).to_string();
        let escaped = serde_json::to_string(call).unwrap();
        assert!(found.contains(escaped.trim_matches('"')), "{found}");
        assert!(!found.contains("`mirrorkeep alias"), "{found}");
    }
    assert!(json(&["--json", "prune"])["report"]["findings"][0]["hint"].as_str().unwrap().contains(call));
    assert!(said(&on(name, &dir, &["check"])).contains(call));
    let junit = said(&on(name, &dir, &["check", "--format", "junit"]));
    assert!(junit.contains(r"`mirrorkeep --mirror 'a&quot;b&amp;'\''c' alias set"), "{junit}");
    // What users wrote, pages and files stay as they are.
    let commands = "# see `mirrorkeep plan`\n";
    fs::write(own.join("policy.yaml"), commands.to_owned() + KEEP_ONE).unwrap();
    assert!(said(&on(name, &dir, &["policy", "show"])).starts_with(commands));
    let why = "see `mirrorkeep plan`";
    let id = format!("master/centos/{SECOND}");
    let held = json(&["--json", "hold", &id, "--why", why]);
    assert_eq!(held["report"]["holds"][0]["why"], why);
    assert!(json(&["--json", "census"]).to_string().contains(why));
    for args in [&["check", "--list"][..], &["--help"], &["man"], &["layout", "show"]] {
        assert!(!said(&on(name, &dir, args)).contains("mirrorkeep --mirror 'a"), "{args:?}");
    }
}

#[test]
fn a_mirror_that_the_environment_names_is_not_repeated() {
    let rig = Rig::new();
    braked(&rig, rig.mirror("").to_str().unwrap());
    rig.fails(4, "`mirrorkeep prune --accept sha256:", &["prune"]);
}

#[test]
fn a_plan_is_accepted_by_its_mirror_alone() {
    let rig = Rig::new();
    braked(&rig, "one");
    braked(&rig, "two");
    let dir = rig.work("");
    let digest = |name: &str, args: &[&str]| -> String {
        let output = on(name, &dir, args);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["digest"].as_str().unwrap().to_owned()
    };
    let id = format!("master/centos/{FIRST}");
    let [one, two] = ["one", "two"].map(|name| digest(name, &["--json", "plan"]));
    assert_ne!(one, two);
    assert_eq!(one, digest("one", &["--json", "explain", &id]));
    assert_eq!(one, digest("one", &["--json", "prune", "--dry-run"]));
    assert_eq!(on("two", &dir, &["prune", "--accept", &one]).status.code(), Some(4));
    assert!(dir.join("two/master/centos").join(FIRST).exists());
    let census = dir.join("census.json");
    fs::write(&census, on("one", &dir, &["census"]).stdout).unwrap();
    let from = ["--json", "plan", "--census", "census.json", "--policy", "./policy.yaml"];
    let apart = digest("one", &from);
    assert_eq!(apart, digest("two", &from));
    assert_eq!(on("one", &dir, &["prune", "--accept", &apart]).status.code(), Some(4));
    assert!(said(&on("one", &dir, &["prune", "--accept", &one])).contains("1 build pruned"));
}
