//! Every system call of a small publish as the last one, or as one that fails: nothing half-made, and a rerun ends
//! where an undisturbed run does.
//!
//! `make torture` tries every point; the usual run tries some of them, spread over all.

use crate::attempt::{Attempt, ONE, TWO};
use crate::rig::{Rig, tree};
use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Output},
    sync::Mutex,
};

/// The calls by which the mirror is touched, each with the errors that it can end with.
const CALLS: [(&str, &[&str]); 19] = [
    ("openat2", &["EMFILE", "EACCES", "EIO"]),
    ("openat", &["ENOSPC", "EMFILE", "EROFS"]),
    ("getdents64", &["EIO"]),
    ("read", &["EIO"]),
    ("newfstatat", &["EIO"]),
    ("write", &["ENOSPC", "EIO"]),
    ("pwrite64", &["ENOSPC", "EIO"]),
    ("pwritev2", &["ENOSPC", "EIO"]),
    ("ftruncate", &["EIO"]),
    ("fchmod", &["EIO", "EROFS"]),
    ("utimensat", &["EIO"]),
    ("mkdirat", &["ENOSPC", "EACCES", "EROFS", "EMLINK"]),
    ("symlinkat", &["ENOSPC", "EIO"]),
    ("linkat", &["EMLINK", "EXDEV", "ENOSPC"]),
    ("renameat", &["ENOSPC", "EIO", "EACCES"]),
    ("renameat2", &["ENOSPC", "EIO", "EXDEV"]),
    ("unlinkat", &["EIO", "EACCES", "EROFS"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
];

/// The call that waits for a whole stage; apart from the others only because the list is of one length.
const SYNC: (&str, &[&str]) = ("syncfs", &["EIO", "ENOSPC"]);

/// What happens at every call: the machine goes, or a person presses Ctrl-C.
const SIGNALS: [&str; 2] = ["KILL", "INT"];

/// Every so manieth point is tried in the usual run.
const STRIDE: usize = 23;

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Story {
    /// A build where no mirror is yet.
    First,
    /// A build beside an earlier one, whose bytes it shares.
    Next,
}

/// One thing that goes wrong.
#[derive(Debug)]
struct Point {
    story: Story,
    call: &'static str,
    nth: usize,
    fault: String,
}

#[test]
fn a_publish_that_is_cut_off_or_fails_anywhere_converges_on_rerun() {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { STRIDE };
    let points: Vec<Point> = [Story::First, Story::Next].into_iter().flat_map(points).collect();
    let chosen = Mutex::new(points.iter().step_by(stride));
    let expected = [Story::First, Story::Next].map(undisturbed);
    let failures = Mutex::new(Vec::new());
    let tried = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(point) = chosen.lock().unwrap().next() else { return };
                    *tried.lock().unwrap() += 1;
                    if let Err(why) = survives(point, &expected[point.story as usize]) {
                        let Point { story, call, nth, fault } = point;
                        failures.lock().unwrap().push(format!("{story:?}: {fault} at {call} {nth}: {why}"));
                    }
                }
            });
        }
    });
    let (tried, failures) = (tried.into_inner().unwrap(), failures.into_inner().unwrap());
    let (all, failed) = (points.len(), failures.len());
    writeln!(std::io::stdout(), "crash: {tried} of {all} points tried, {failed} failed").unwrap();
    assert!(tried > 60, "only {tried} points");
    assert!(failures.is_empty(), "{failed} of {tried} failed:\n{}", failures.join("\n"));
}

/// Returns every point at which something can go wrong, as an undisturbed run passes them.
fn points(story: Story) -> Vec<Point> {
    let rig = begin(story);
    let log = rig.work("../trace");
    let calls: Vec<&str> = CALLS.iter().chain([&SYNC]).map(|(call, _)| *call).collect();
    let trace = format!("trace={}", calls.join(","));
    let args = ["-y", "-s", "4096", "-o", log.to_str().unwrap(), "-e", &trace];
    assert!(traced(&rig, &args).status.success());
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut points = Vec::new();
    let mirror = rig.mirror("").to_str().unwrap().trim_end_matches('/').to_owned();
    let mut threads = std::collections::BTreeSet::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        threads.insert(thread.to_owned());
        let name = rest.trim_start().split('(').next().unwrap();
        let Some((call, errors)) = CALLS.iter().chain([&SYNC]).find(|(call, _)| *call == name) else {
            continue;
        };
        let nth = counts.entry(call).or_default();
        *nth += 1;
        if !line.contains(&mirror) {
            continue;
        }
        let faults = SIGNALS.iter().map(|signal| format!("signal={signal}"));
        for fault in faults.chain(errors.iter().map(|error| format!("error={error}"))) {
            points.push(Point { story, call, nth: *nth, fault });
        }
    }
    assert_eq!(threads.len(), 1, "calls are counted for each thread apart; one is wanted");
    points
}

/// Returns a place where the story can begin.
fn begin(story: Story) -> Rig {
    match story {
        Story::First => Rig::new(),
        Story::Next => Attempt::new().rig,
    }
}

/// Publishes the story's build under strace.
fn traced(rig: &Rig, strace: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(strace).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
    command.arg("--mirror").arg(rig.mirror("")).args(publish(rig));
    command.output().unwrap()
}

fn publish(rig: &Rig) -> Vec<String> {
    let work = rig.work("").display().to_string();
    let args = ["--jobs", "1", "publish", &work, "--stream", "master/centos", "--build", TWO];
    args.map(str::to_owned).to_vec()
}

/// Returns what readers see in the end.
fn undisturbed(story: Story) -> Vec<String> {
    let rig = begin(story);
    rig.publish(TWO, &[]);
    tree(&rig.mirror("master"))
}

/// Lets one thing go wrong, looks at what a reader sees, runs the same command again, and compares the end.
fn survives(point: &Point, expected: &[String]) -> Result<(), String> {
    let rig = begin(point.story);
    let inject = format!("inject={}:{}:when={}", point.call, point.fault, point.nth);
    let trace = format!("trace={}", point.call);
    let output = traced(&rig, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    let fits = match &*point.fault {
        "signal=KILL" => code.is_none() || code == Some(137),
        "signal=INT" => matches!(code, Some(0 | 130)),
        _ => {
            code == Some(0)
                || (code == Some(1)
                    && said.lines().any(|line| line.starts_with("error: "))
                    && !said.contains("panicked"))
        }
    };
    if !fits {
        return Err(format!("it ended with {code:?}: {said}"));
    }
    visible(&rig, point.story).map_err(|why| format!("before the rerun {why}: {said}"))?;
    if code == Some(0) && tree(&rig.mirror("master")) != expected {
        return Err(format!("it reported success with another end: {said}"));
    }
    let again = rig.run(&publish(&rig).iter().map(String::as_str).collect::<Vec<_>>());
    if !again.status.success() {
        return Err(format!("the rerun failed: {} after {said}", String::from_utf8_lossy(&again.stderr)));
    }
    if tree(&rig.mirror("master")) != expected {
        return Err("the rerun came to another end".to_owned());
    }
    let unsettled = rig.json(&["recover", "--dry-run"]);
    if unsettled.get("unsettled").and_then(|open| open.as_array()).is_none_or(|open| !open.is_empty()) {
        return Err(format!("something is unsettled: {unsettled}"));
    }
    let stages: Vec<String> = tree(&rig.mirror(".mirrorkeep/stage"));
    if stages.is_empty() { Ok(()) } else { Err(format!("a stage stays behind: {stages:?} after {said}")) }
}

/// Fails when a reader could see a part of a build, or an alias that leads to none.
fn visible(rig: &Rig, story: Story) -> Result<(), String> {
    let builds = [(ONE, story == Story::Next), (TWO, false)];
    for (build, must) in builds {
        let there = rig.mirror(&format!("master/centos/{build}"));
        if must && !there.exists() {
            return Err(format!("{build} is gone"));
        }
        if there.exists() && !whole(&there) {
            return Err(format!("{build} is there in part"));
        }
    }
    match rig.latest().as_deref() {
        None if story == Story::First => Ok(()),
        Some(ONE) if story == Story::Next => Ok(()),
        Some(TWO) if rig.mirror(&format!("master/centos/{TWO}")).exists() => Ok(()),
        other => Err(format!("latest_build is {other:?}")),
    }
}

/// Returns whether coreutils find every file of a build as its checksums say.
fn whole(build: &Path) -> bool {
    let mut check = Command::new("sha256sum");
    check.args(["-c", "--quiet", "SHA256SUMS"]).current_dir(build);
    check.output().unwrap().status.success() && build.join("outputs/success").exists()
}
