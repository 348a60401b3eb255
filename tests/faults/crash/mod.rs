//! Every system call of a command as the last one, or as one that fails: a reader sees nothing half-made, and a rerun
//! ends where an undisturbed run does.
//!
//! `make torture` tries every point; the usual run tries some of them, spread over all.

mod pages;
mod pruning;
mod publishing;
mod readers;

use crate::support::rig::{Rig, tree};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

/// The calls by which the mirror is touched, each with the errors that it can end with.
const CALLS: [(&str, &[&str]); 24] = [
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
    // Outside of the mirror, by the standard library.
    ("mkdir", &["ENOSPC", "EACCES", "EROFS"]),
    ("rename", &["ENOSPC", "EIO", "EACCES"]),
    ("unlink", &["EIO", "EACCES", "EROFS"]),
    ("rmdir", &["ENOTEMPTY"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    // Waits for a whole stage.
    ("syncfs", &["EIO", "ENOSPC"]),
];

/// What happens at every call: the machine goes, or a person presses Ctrl-C.
const SIGNALS: [&str; 2] = ["KILL", "INT"];

/// A command that is disturbed, and what must be true however far it came.
struct Story {
    name: &'static str,
    /// Returns a place where it can begin.
    begin: fn() -> Rig,
    /// Returns the command's arguments.
    command: fn(&Rig) -> Vec<String>,
    /// Returns whether a disturbed run may end so: with that exit code, having said that.
    fits: fn(Option<i32>, &str) -> bool,
    /// Fails when a reader could see a part of a build, or an alias that leads to none.
    visible: fn(&Rig) -> Result<(), String>,
    /// Returns whether the rerun may end so; a run that was cut off may have come far enough.
    again: fn(&Output) -> bool,
    /// Returns what there is in the end.
    end: fn(&Rig) -> Vec<String>,
}

/// One thing that goes wrong.
#[derive(Debug)]
struct Point {
    call: &'static str,
    nth: usize,
    fault: String,
}

/// Disturbs each story at every so manieth of its points, two at a time.
#[track_caller]
fn torture(stories: &[Story], stride: usize, least: usize) {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { stride };
    let expected: Vec<Vec<String>> = stories.iter().map(undisturbed).collect();
    let points: Vec<(usize, Point)> = (stories.iter().enumerate())
        .flat_map(|(index, story)| points(story).into_iter().map(move |point| (index, point)))
        .collect();
    let chosen = Mutex::new(points.iter().step_by(stride));
    let failures = Mutex::new(Vec::new());
    let (tried, missed) = (Mutex::new(0), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((index, point)) = chosen.lock().unwrap().next() else { return };
                    *tried.lock().unwrap() += 1;
                    let story = &stories[*index];
                    match survives(story, point, &expected[*index]) {
                        Ok(Tried::Disturbed) => {}
                        Ok(Tried::Missed) => *missed.lock().unwrap() += 1,
                        Err(why) => {
                            let (name, Point { call, nth, fault }) = (story.name, point);
                            failures.lock().unwrap().push(format!("{name}: {fault} at {call} {nth}: {why}"));
                        }
                    }
                }
            });
        }
    });
    let (tried, failures) = (tried.into_inner().unwrap(), failures.into_inner().unwrap());
    let missed = missed.into_inner().unwrap();
    let (all, failed) = (points.len(), failures.len());
    let names: Vec<&str> = stories.iter().map(|story| story.name).collect();
    let names = names.join(", ");
    let mut out = std::io::stdout();
    writeln!(out, "crash: {names}: {tried} of {all} points tried, {failed} failed").unwrap();
    assert!(tried >= least, "only {tried} points");
    assert!(
        missed * 20 <= tried,
        "{missed} of {tried} runs came to their end before the call that was to be the last"
    );
    assert!(failures.is_empty(), "{failed} of {tried} failed:\n{}", failures.join("\n"));
}

/// Returns every point at which something can go wrong, as an undisturbed run passes them.
fn points(story: &Story) -> Vec<Point> {
    let rig = (story.begin)();
    let log = rig.work("../trace");
    let calls: Vec<&str> = CALLS.iter().map(|(call, _)| *call).collect();
    let trace = format!("trace={}", calls.join(","));
    let output = traced(story, &rig, &["-y", "-s", "4096", "-o", log.to_str().unwrap(), "-e", &trace]);
    assert!(output.status.success(), "{}: {}", story.name, String::from_utf8_lossy(&output.stderr));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut points = Vec::new();
    let mirror = rig.mirror("").to_str().unwrap().trim_end_matches('/').to_owned();
    let mut threads = BTreeSet::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        threads.insert(thread.to_owned());
        let name = rest.trim_start().split('(').next().unwrap();
        let Some((call, errors)) = CALLS.iter().find(|(call, _)| *call == name) else { continue };
        let nth = counts.entry(call).or_default();
        *nth += 1;
        if !line.contains(&mirror) {
            continue;
        }
        let faults = SIGNALS.iter().map(|signal| format!("signal={signal}"));
        for fault in faults.chain(errors.iter().map(|error| format!("error={error}"))) {
            points.push(Point { call, nth: *nth, fault });
        }
    }
    assert_eq!(threads.len(), 1, "calls are counted for each thread apart; one is wanted");
    points
}

/// Runs the story's command under strace.
fn traced(story: &Story, rig: &Rig, strace: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(strace).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
    command.arg("--mirror").arg(rig.mirror("")).args((story.command)(rig));
    command.output().unwrap()
}

fn plainly(story: &Story, rig: &Rig) -> Output {
    let args = (story.command)(rig);
    rig.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Returns what there is after an undisturbed run.
fn undisturbed(story: &Story) -> Vec<String> {
    let rig = (story.begin)();
    let output = plainly(story, &rig);
    assert!(output.status.success(), "{}: {}", story.name, String::from_utf8_lossy(&output.stderr));
    (story.end)(&rig)
}

/// What became of a try.
enum Tried {
    Disturbed,
    /// The run had fewer calls than the one that was counted, such as for a file that is no longer too young to be trusted by
    /// its time, so that nothing killed it.
    Missed,
}

/// Lets one thing go wrong, looks at what a reader sees, runs the same command again, and compares the end.
fn survives(story: &Story, point: &Point, expected: &[String]) -> Result<Tried, String> {
    let rig = (story.begin)();
    let inject = format!("inject={}:{}:when={}", point.call, point.fault, point.nth);
    let trace = format!("trace={}", point.call);
    let output = traced(story, &rig, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code();
    let fits = match &*point.fault {
        // Nobody survives this signal: a run that ended well did not get it, and must have done everything.
        "signal=KILL" => code.is_none() || matches!(code, Some(0 | 137)),
        "signal=INT" => matches!(code, Some(0 | 130)),
        _ => (story.fits)(code, &said) && !said.contains("panicked"),
    };
    if !fits {
        return Err(format!("it ended with {code:?}: {said}"));
    }
    (story.visible)(&rig).map_err(|why| format!("before the rerun {why}: {said}"))?;
    if code == Some(0) {
        same(&(story.end)(&rig), expected)
            .map_err(|why| format!("success with another end: {why}: {said}"))?;
    }
    let again = plainly(story, &rig);
    if !(story.again)(&again) {
        return Err(format!("the rerun failed: {} after {said}", String::from_utf8_lossy(&again.stderr)));
    }
    (story.visible)(&rig).map_err(|why| format!("after the rerun {why}: {said}"))?;
    same(&(story.end)(&rig), expected)
        .map_err(|why| format!("the rerun came to another end: {why} after {said}"))?;
    let unsettled = rig.json(&["recover", "--dry-run"]);
    if unsettled.get("unsettled").and_then(|open| open.as_array()).is_none_or(|open| !open.is_empty()) {
        return Err(format!("something is unsettled: {unsettled}"));
    }
    left(&rig).map_err(|left| format!("{left:?} stays behind after {said}"))?;
    let missed = point.fault == "signal=KILL" && code == Some(0);
    Ok(if missed { Tried::Missed } else { Tried::Disturbed })
}

/// Fails with what is left of stages, and of trees among the unfinished files; a file alone waits for `recover`.
fn left(rig: &Rig) -> Result<(), Vec<String>> {
    let mut left: Vec<String> = tree(&rig.mirror(".mirrorkeep/stage"));
    for entry in fs::read_dir(rig.mirror(".mirrorkeep/tmp")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            left.push(entry.file_name().into_string().unwrap());
        }
    }
    if left.is_empty() { Ok(()) } else { Err(left) }
}

/// Fails with what two ends do not have in common.
fn same(found: &[String], expected: &[String]) -> Result<(), String> {
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>()
    };
    if found == expected {
        return Ok(());
    }
    Err(format!("it has {:?}, it lacks {:?}", only(found, expected), only(expected, found)))
}

/// Returns whether coreutils find every file of a build as its checksums say.
fn whole(build: &Path) -> bool {
    let mut check = Command::new("sha256sum");
    check.args(["-c", "--quiet", "SHA256SUMS"]).current_dir(build);
    // The marker of the layout `starlingx`, or that of a mirror that `publish --init` makes.
    let marked = ["outputs/success", "success"].iter().any(|marker| build.join(marker).exists());
    check.output().unwrap().status.success() && marked
}
