//! The exit codes, as `--help` lists them, over the commands that end with them.

use crate::rig::Rig;
use mirrorkeep::cli::Exit;
use mirrorkeep::word::ErrorKind;
use std::{fs, process::Command};

const ID: &str = "master/centos/20260101T000000Z";
const NEXT: &str = "20260102T000000Z";

/// Returns a mirror with one build.
fn mirror() -> Rig {
    let rig = Rig::new();
    rig.publish("20260101T000000Z", &[]);
    rig
}

/// Returns what publishes the workspace once more, as another build.
fn publish(rig: &Rig) -> Vec<String> {
    let work = rig.work("").to_str().unwrap().to_owned();
    ["publish", &work, "--stream", "master/centos", "--build", NEXT].map(str::to_owned).to_vec()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_kind_of_error_has_its_exit_code() {
    let codes = [
        (ErrorKind::Failed, 1),
        (ErrorKind::Full, 1),
        (ErrorKind::Usage, 2),
        (ErrorKind::Refused, 3),
        (ErrorKind::Busy, 7),
        (ErrorKind::Interrupted, 130),
    ];
    for (kind, code) in codes {
        assert_eq!(Exit::from(kind) as u8, code, "{kind:?}");
    }
}

#[test]
fn a_damaged_journal_gives_3_for_every_verb_that_needs_it() {
    let rig = mirror();
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"seq\"", "\"sEq\"", 1)).unwrap();
    let other = Rig::new();
    other.ok(&["init"]);
    let (here, there) = (rig.mirror(""), other.mirror(""));
    let copy = format!("copy {} {} master/centos", there.display(), here.display());
    let verbs = [
        "check",
        "adopt --dry-run",
        "adopt",
        "prune --dry-run",
        "prune",
        "sweep",
        "recover",
        &format!("label {ID} sanity=green"),
        &format!("hold {ID} --why release"),
        &format!("unhold {ID}"),
        &format!("restore {ID}"),
        &format!("alias set master/centos/latest {ID}"),
        "alias remove master/centos/latest",
    ];
    other.publish("20260103T000000Z", &[]);
    let all = verbs.iter().map(|verb| words(verb)).chain([publish(&rig), words(&copy)]);
    for args in all {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        rig.fails(3, "the journal is damaged at line 1 of `.mirrorkeep/journal/000000000001.jsonl`", &args);
    }
}

#[test]
fn a_signal_gives_130_for_every_verb_that_stops() {
    for verb in ["check", "check --fix", "adopt", "verify --all", "publish"] {
        let rig = mirror();
        if verb == "adopt" {
            let beside = rig.mirror("master/centos").join(NEXT);
            let copied = Command::new("cp").arg("-a").args([rig.mirror(ID), beside]).status();
            assert!(copied.unwrap().success());
        }
        let args = if verb == "publish" { publish(&rig) } else { words(verb) };
        // The signal comes with the first call on the mirror, and so before any work.
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2"]);
        strace.args(["-e", "inject=openat2:signal=INT:when=1", env!("CARGO_BIN_EXE_mirrorkeep")]);
        let output = strace.arg("--mirror").arg(rig.mirror("")).args(&args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{verb}: {text}");
    }
}
