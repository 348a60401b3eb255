//! Pruning, sweeping and restoring, disturbed: builds that go, one that loses a part, old trash, and the way back.

use super::{Story, torture, whole};
use crate::support::rig::{Rig, tree};
use crate::support::shared::Shared;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

/// Builds of `master/centos`, oldest first: one that is in the trash and one that lost its inputs, both long ago; one
/// that goes, one that loses its inputs, and the newest. The one that lost its inputs goes, too.
const BUILDS: [&str; 5] =
    ["20181201T060000Z", "20181202T060000Z", "20181203T060000Z", "20181204T060000Z", "20181205T060000Z"];

/// Every so manieth point is tried in the usual run.
const STRIDE: usize = 67;

/// The terms are the only difference between what was and what is.
fn policy(trash: &str) -> String {
    format!(
        "version: 1
defaults: {{min_age: 0h, superseded_grace: 0h, floor: 1, trash: {trash}}}
families:
  - name: all
    match: \"**\"
    keep: [{{last: 2}}]
    parts: {{bulky: {{paths: [\"inputs/**\"], keep: [{{last: 1}}]}}}}
"
    )
}

#[test]
fn a_prune_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let _kept = templates();
    torture(&[story("prune", due, |_| args(&["prune", "--io-priority", "normal"]))], STRIDE, 20);
}

#[test]
fn a_sweep_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let _kept = templates();
    torture(&[story("sweep", pruned, |_| args(&["sweep", "--io-priority", "normal"]))], STRIDE, 8);
}

#[test]
fn a_restore_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let _kept = templates();
    // What is marked as going goes with the next sweep.
    let end = |rig: &Rig| end(rig).into_iter().filter(|line| line != "going").collect();
    let one = |name, command| Story { again: back, end, ..story(name, pruned, command) };
    let whole = one("restore", |_| args(&["restore", &format!("master/centos/{}", BUILDS[2])]));
    let part = one("restore a part", |_| args(&["restore", &format!("master/centos/{}", BUILDS[3])]));
    torture(&[whole, part], STRIDE, 8);
}

#[test]
fn a_withdrawal_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let _kept = templates();
    let one = |name, command| Story { visible: visible_but_newest, ..story(name, pruned, command) };
    let whole = one("withdraw", |_| args(&["withdraw", &newest(), "--why", "secret"]));
    let purge =
        one("withdraw and purge", |_| args(&["withdraw", &newest(), "--why", "secret", "--purge", "--yes"]));
    torture(&[whole, purge], STRIDE, 8);
}

/// Returns the newest build.
fn newest() -> String {
    format!("master/centos/{}", BUILDS[4])
}

fn story(name: &'static str, begin: fn() -> Rig, command: fn(&Rig) -> Vec<String>) -> Story {
    Story { name, begin, command, fits, visible, again: |output| output.status.success(), end }
}

fn args(verb: &[&str]) -> Vec<String> {
    ["--jobs", "1"].iter().chain(verb).map(|arg| (*arg).to_owned()).collect()
}

/// A failure, a refusal, or what cannot be judged for the moment; a person is told each.
fn fits(code: Option<i32>, said: &str) -> bool {
    match code {
        Some(1 | 3) => said
            .lines()
            .any(|line| ["error: ", "failed: ", "refused: "].iter().any(|word| line.starts_with(word))),
        Some(4) => said.contains("withheld: "),
        // It is not known whether a build vanished.
        Some(5) => said.contains("finding: "),
        Some(6) => said.contains("blocked: "),
        code => code == Some(0),
    }
}

/// A build that came back with the first try is not in the trash any more.
fn back(output: &Output) -> bool {
    output.status.success() || String::from_utf8_lossy(&output.stderr).contains("is not in the trash")
}

/// Makes the mirrors once, before and after a prune, for as long as a test has them; each scene is a copy.
fn templates() -> Arc<[Rig; 2]> {
    static TEMPLATES: Shared<[Rig; 2]> = Shared::new();
    TEMPLATES.get(|| {
        let rig = Rig::new();
        rig.write("inputs/RPMS/a.rpm", "the same");
        rig.policy_file(&policy("0h")).builds([BUILDS[0], BUILDS[1], BUILDS[2]]);
        rig.ok(&["prune"]);
        // A term is over in the second after its last.
        std::thread::sleep(Duration::from_millis(1100));
        rig.policy_file(&policy("7d")).builds([BUILDS[3], BUILDS[4]]);
        let pruned = rig.copy();
        pruned.ok(&["prune"]);
        [rig, pruned]
    })
}

fn due() -> Rig {
    templates()[0].copy()
}

fn pruned() -> Rig {
    templates()[1].copy()
}

/// Every directory of the stream is a whole build, and the newest is where it was.
fn visible(rig: &Rig) -> Result<(), String> {
    visible_with(rig, &[BUILDS[4]])
}

/// The same while the newest is withdrawn: its name leads to it or to the one before.
fn visible_but_newest(rig: &Rig) -> Result<(), String> {
    visible_with(rig, &[BUILDS[4], BUILDS[3]])
}

fn visible_with(rig: &Rig, newest: &[&str]) -> Result<(), String> {
    let stream = rig.mirror("master/centos");
    let mut seen = 0;
    for entry in fs::read_dir(&stream).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            seen += 1;
            if !whole(&entry.path()) || !complete(&entry.path()) {
                return Err(format!("{} is there in part", entry.path().display()));
            }
        }
    }
    match rig.latest().as_deref() {
        Some(latest)
            if newest.contains(&latest) && seen + newest.len() >= 3 && stream.join(latest).exists() =>
        {
            Ok(())
        }
        other => Err(format!("latest_build is {other:?}, and {seen} builds are there")),
    }
}

/// Returns whether a build has no file but those that its checksums name.
fn complete(build: &Path) -> bool {
    let sums = fs::read_to_string(build.join("SHA256SUMS")).unwrap();
    let files = tree(build).into_iter().filter(|line| line.split(' ').nth(1).unwrap().starts_with("100"));
    files.count() == sums.lines().count() + 1
}

/// Returns what readers see, what is said of each build, and what waits in the trash, by build and kind.
fn end(rig: &Rig) -> Vec<String> {
    let mut end = tree(&rig.mirror("master"));
    for build in rig.json(&["list"])["builds"].as_array().unwrap() {
        let [id, bytes, trimmed, problem] = ["id", "bytes", "trimmed", "problem"].map(|key| &build[key]);
        let held = build["holds"].as_array().map_or(0, |holds| holds.len().min(1));
        end.push(format!("{id} {bytes} {trimmed} {problem} held {held}"));
    }
    let mut waiting = Vec::new();
    for entry in fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap() {
        let at = entry.unwrap().path();
        let ticket: Option<Value> =
            fs::read(at.join("ticket.json")).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if at.to_str().unwrap().ends_with(".going") {
            end.push("going".to_owned());
            continue;
        }
        let Some(ticket) = ticket else {
            end.push("something without a ticket in the trash".to_owned());
            continue;
        };
        let kept = ["tree/SHA256SUMS", "record.json", "files"].map(|name| at.join(name).exists());
        waiting.push(format!("trash {} {} {kept:?}", ticket["id"], ticket["what"]));
    }
    // A part may have gone before its build, when another build could not be read for a moment.
    let gone = |line: &str| waiting.contains(&line.replace("untrimmed", "build"));
    end.extend(waiting.iter().filter(|line| !line.contains("untrimmed") || !gone(line)).cloned());
    end.sort();
    end
}
