//! A network that breaks between the command line and a real engine: nothing is lost, and a rerun ends where an
//! undisturbed run does.
//!
//! Each request of a command in turn is cut off, answered with an error, or done without an answer in time: one that
//! writes in each of these ways, one that only asks in one of them. The usual run breaks some of them, spread over all;
//! `make torture` every one. Counting the requests is done here as well.

mod counts;
pub(crate) mod proxy;
mod stories;

use crate::engines::stores::bucket::{Bucket, ONE};
use crate::support::servers::{Engine, weed};
use crate::support::view;
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Kind, Share, Store, Uploads};
use proxy::{FAULTS, Fault, Plan, Proxy};
use std::io::Write;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stories::Story;

/// How long the commands try again, in seconds; a server is asked again after a quarter of it.
const PATIENCE: &str = "4";

/// How many points are tried at once: most of the time is spent waiting.
const AT_ONCE: usize = 6;

/// One request that is broken, or all from one on.
#[derive(Debug, Clone, Copy)]
struct Point {
    story: usize,
    plan: Plan,
}

/// A story, ready to be disturbed.
struct Ready<'e> {
    story: &'static Story,
    bucket: Bucket<'e>,
    expected: Vec<String>,
    requests: Vec<String>,
}

#[test]
fn a_request_that_is_broken_loses_nothing() {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { 23 };
    let engine = weed::single();
    let ready: Vec<Ready<'_>> = stories::ALL.iter().map(|story| Ready::new(&engine, story)).collect();
    let mut points = Vec::new();
    for (story, ready) in ready.iter().enumerate() {
        for (first, request) in (1..).zip(&ready.requests) {
            // What only asks is sent again whatever broke it: one of the faults in turn.
            let asks = request.starts_with("GET ") || request.starts_with("HEAD ");
            let faults = if asks { &FAULTS[first % FAULTS.len()..][..1] } else { &FAULTS[..] };
            let single = faults.iter().map(|&fault| Plan { first, count: 1, fault });
            points.extend(single.map(|plan| Point { story, plan }));
        }
    }
    let all = points.len();
    let mut chosen: Vec<Point> = points.into_iter().step_by(stride).collect();
    // The server goes and does not come back while the command lasts.
    for (story, ready) in ready.iter().enumerate() {
        let plan =
            Plan { first: ready.requests.len() * 2 / 3, count: usize::MAX / 2, fault: Fault::Status(503) };
        chosen.push(Point { story, plan });
    }
    let tried = chosen.len();
    let (left, failures) = (Mutex::new(chosen.into_iter().enumerate()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((number, point)) = left.lock().unwrap().next() else { return };
                    let ready = &ready[point.story];
                    if let Err(why) = ready.survives(number, point.plan) {
                        let name = ready.story.name;
                        failures.lock().unwrap().push(format!("{name}: {:?}: {why}", point.plan));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "network: {tried} of {all} points tried, {} failed", failures.len()).unwrap();
    assert!(failures.is_empty(), "{} of {tried} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn what_a_killed_publisher_sent_in_parts_is_given_up_by_the_next() {
    let engine = weed::single();
    let bucket = Bucket::new(&engine, "killed");
    bucket.write("outputs/iso/large.iso", &"large ".repeat(16 << 20));
    let publish = |proxy: &Proxy| {
        let mut command = engine.through(proxy.port, bucket.name);
        command.args(bucket.publishing(ONE));
        command
    };
    let of_parts = |line: &&String| line.contains("uploadId=") || line.contains("uploads=");
    let proxy = Proxy::start(engine.port, None);
    let mut child = publish(&proxy).spawn().unwrap();
    while !proxy.seen().iter().any(|line| line.contains("partNumber=2")) {
        assert!(child.try_wait().unwrap().is_none(), "it came to its end without parts");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = engine.untried(bucket.name).unfinished(Uploads::Noted).unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    let begun: Vec<String> = proxy.seen().iter().filter(of_parts).cloned().collect();
    let id = begun
        .iter()
        .find_map(|line| line.split("uploadId=").nth(1))
        .unwrap()
        .split(['&', ' '])
        .next()
        .unwrap();
    let proxy = Proxy::start(engine.port, None);
    assert!(publish(&proxy).status().unwrap().success());
    let seen = proxy.seen();
    let given_up: Vec<&String> = seen.iter().filter(|line| line.contains(id)).collect();
    assert!(given_up.len() == 1 && given_up[0].starts_with("DELETE "), "{seen:#?}");
    assert_eq!(engine.untried(bucket.name).unfinished(Uploads::Noted).unwrap(), []);
    bucket.sums_hold(ONE);
}

impl<'e> Ready<'e> {
    fn new(engine: &'e Engine, story: &'static Story) -> Self {
        let bucket = Bucket::new(engine, story.name);
        (story.begin)(&bucket);
        let mut ready = Self { story, bucket, expected: Vec::new(), requests: Vec::new() };
        let name = ready.fork("undisturbed");
        let proxy = Proxy::start(engine.port, None);
        let output = ready.command(engine.through(proxy.port, &name)).output().unwrap();
        assert!(output.status.success(), "{}: {}", story.name, said(&output));
        ready.requests = proxy.seen();
        assert!(ready.requests.len() > 10, "{}: only {:?}", story.name, ready.requests);
        ready.expected = view::state(&ready.open(&name));
        ready
    }

    fn command(&self, mut command: Command) -> Command {
        // One thread, so that the requests come in one order.
        command
            .args(["--jobs", "1"])
            .args((self.story.command)(&self.bucket))
            .env("MIRRORKEEP_PATIENCE", PATIENCE);
        command
    }

    /// Copies the mirror, by the server itself, and returns the name of the copy.
    fn fork(&self, number: &str) -> String {
        let (from, to) = (self.story.name, format!("{}-{number}", self.story.name));
        let all = self.bucket.engine.untried("");
        let dir: RelPath = from.parse().unwrap();
        let copy: RelPath = to.parse().unwrap();
        for found in all.below(&dir).unwrap() {
            let at = copy.join(&found.path.below(&dir).unwrap());
            match found.kind {
                Kind::Link => all.link(&at, &all.look(&found.path).unwrap().unwrap().link.unwrap()).unwrap(),
                _ => {
                    let fill = mirrorkeep::store::Fill { mode: 0o444, mtime: None };
                    all.share(&found.path, &at, Share::Link, fill).unwrap();
                }
            }
        }
        to
    }

    fn open(&self, name: &str) -> Mirror {
        let store = self.bucket.engine.untried(name).known_as(mirrorkeep::store::Conditions::Honoured);
        Mirror::open(Arc::new(store), "a test", Duration::from_secs(20)).unwrap()
    }

    /// Breaks one request, looks at what a reader sees, runs the same again, and compares the end.
    fn survives(&self, number: usize, plan: Plan) -> Result<(), String> {
        let name = self.fork(&number.to_string());
        let engine = self.bucket.engine;
        let proxy = Proxy::start(engine.port, Some(plan));
        let output = self.command(engine.through(proxy.port, &name)).output().unwrap();
        let (code, told) = (output.status.code(), said(&output));
        if proxy.seen().len() < plan.first {
            return Err(format!("it made only {} requests", proxy.seen().len()));
        }
        let request = &proxy.seen()[plan.first - 1];
        let tell = |why: String| format!("{why}: {request}: it had ended with {code:?}: {told}");
        if !matches!(code, Some(0 | 1 | 3 | 7))
            || told.contains("panicked")
            || code != Some(0) && told.is_empty()
        {
            return Err(tell("no clean end".to_owned()));
        }
        let mirror = self.open(&name);
        view::misleads_nobody(&mirror).map_err(&tell)?;
        let same = |when: &str| {
            let state = view::state(&mirror);
            let differs = state != self.expected;
            if differs {
                Err(tell(format!("{when}{}", view::difference(&state, &self.expected))))
            } else {
                Ok(())
            }
        };
        if code == Some(0) {
            same("success with another end")?;
        }
        let again = self.command(engine.command(&name)).output().unwrap();
        if !(self.story.again)(&again) {
            return Err(tell(format!("the rerun failed: {}", said(&again))));
        }
        view::misleads_nobody(&mirror).map_err(&tell)?;
        same("the rerun came to another end")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
