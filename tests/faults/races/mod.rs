//! Many processes against one mirror: publishers, pruners, people with labels, holds, aliases and links of their own,
//! some of them killed, and a reader who checks all the time what is promised.
//!
//! Ten seconds in the usual run, ten minutes in `make torture`. What each does is drawn from a seed, which is told when
//! something fails and taken from `MIRRORKEEP_SEED`; how the processes meet is up to the machine.

mod actors;
mod ledger;
mod reader;

use crate::support::dice::Dice;
use crate::support::rig::Rig;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The streams into which is published.
const STREAMS: [&str; 2] = ["master/centos", "master/debian"];

/// Nothing is protected by its age, so that a prune always has something to let go, and the trash is swept soon.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 0h}
families:
  - {name: all, match: \"**\", keep: [{last: 3}], failed: [{last: 1}]}
";

/// What all share.
struct World {
    rig: Rig,
    until: Instant,
    /// The number of the newest build of each stream.
    newest: Mutex<[u32; 2]>,
    /// The builds whose publishing was reported.
    published: Mutex<BTreeSet<String>>,
    counts: Mutex<BTreeMap<&'static str, usize>>,
    failures: Mutex<Vec<String>>,
}

/// How a process goes about it.
#[derive(Clone, Copy, PartialEq)]
enum Pace {
    Quick,
    Slow,
}

impl World {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    fn counted(&self, what: &str) -> usize {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    fn fail(&self, why: String) {
        self.failures.lock().unwrap().push(why);
    }

    /// Returns the command that runs the binary on the mirror; a slow one lets others in before each time it locks.
    fn command(&self, pace: Pace, args: &[&str]) -> Command {
        let binary = env!("CARGO_BIN_EXE_mirrorkeep");
        let mut command = Command::new(if pace == Pace::Slow { "strace" } else { binary });
        if pace == Pace::Slow {
            command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=flock"]);
            command.args(["-e", "inject=flock:delay_enter=200000", binary]);
        }
        command.arg("--mirror").arg(self.rig.mirror("")).args(args);
        command
    }

    /// Runs the binary, which must succeed, or fail with one of these words; returns whether it succeeded.
    fn does(&self, what: &'static str, args: &[&str], or: &[&str]) -> bool {
        self.does_at(Pace::Quick, what, args, or)
    }

    fn does_at(&self, pace: Pace, what: &'static str, args: &[&str], or: &[&str]) -> bool {
        let output = self.command(pace, args).output().unwrap();
        let (code, said) = (output.status.code(), String::from_utf8_lossy(&output.stderr));
        let done = code == Some(0);
        if done {
            self.count(what);
        } else if code != Some(1) || !or.iter().any(|word| said.contains(word)) {
            let answer = String::from_utf8_lossy(&output.stdout);
            self.fail(format!("{args:?} ended with {code:?}: {said}{answer}"));
        }
        done
    }

    /// Starts the binary and kills it after a while.
    fn kill(&self, dice: &mut Dice, args: &[&str]) {
        let mut child =
            self.command(Pace::Quick, args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        dice.rest(150);
        child.kill().unwrap();
        child.wait().unwrap();
        self.count("killed");
    }

    /// Returns the builds of a stream that a reader sees now, the oldest first.
    fn builds(&self, stream: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.rig.mirror(stream)) else { return Vec::new() };
        let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut names: Vec<String> = dirs.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn at(&self, id: &str) -> PathBuf {
        self.rig.mirror(id)
    }
}

#[test]
fn whoever_meets_whom_every_promise_holds() {
    let long = std::env::var_os("MIRRORKEEP_TORTURE").is_some();
    let seed = match std::env::var("MIRRORKEEP_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::try_from(chrono::Utc::now().timestamp_micros()).unwrap(),
    };
    let rig = Rig::new();
    rig.policy_file(POLICY);
    let length = Duration::from_secs(if long { 600 } else { 10 });
    let world = World {
        rig,
        until: Instant::now() + length,
        newest: Mutex::new([0; 2]),
        published: Mutex::default(),
        counts: Mutex::default(),
        failures: Mutex::default(),
    };
    // Nobody has to wait for a first build.
    for stream in 0..STREAMS.len() {
        actors::publish(&world, &mut Dice(seed | 1), stream);
    }
    std::thread::scope(|scope| {
        for (index, actor) in actors::ALL.iter().enumerate() {
            let mut dice = Dice(
                seed.wrapping_add(u64::try_from(index).unwrap()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            );
            let world = &world;
            scope.spawn(move || {
                while world.goes_on() && world.failures.lock().unwrap().is_empty() {
                    actor(world, &mut dice);
                }
            });
        }
        scope.spawn(|| reader::read(&world));
    });
    ledger::settles(&world);
    let failures = world.failures.lock().unwrap();
    let counts = world.counts.lock().unwrap();
    let line = format!("races: seed {seed}: {counts:?}, {} failed\n", failures.len());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    assert!(failures.is_empty(), "MIRRORKEEP_SEED={seed}: {counts:?}\n{}", failures.join("\n"));
    for what in ["published", "pruned", "looked at a build"] {
        assert!(counts.get(what).is_some_and(|count| *count > 0), "nobody {what}: {counts:?}");
    }
}
