//! A network that breaks between the command line and a real engine: nothing is lost, and a rerun ends where an
//! undisturbed run does.
//!
//! Each request of a command in turn is cut off, answered with an error, or done without an answer in time. The usual
//! run breaks some of them, spread over all; `make torture` every one. Counting the requests is done here as well.

mod counts;
mod proxy;
mod stories;

use crate::engines::bucket::Bucket;
use crate::servers::{Engine, weed};
use crate::view;
use mirrorkeep::mirror::Mirror;
use mirrorkeep::store::{Kind, Share, Store};
use mirrorkeep::word::RelPath;
use proxy::{FAULTS, Fault, Plan, Proxy};
use std::{
    io::Write,
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};
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
    requests: usize,
}

#[test]
fn a_request_that_is_broken_loses_nothing() {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { 61 };
    let engine = weed::single();
    let ready: Vec<Ready<'_>> = stories::ALL.iter().map(|story| Ready::new(&engine, story)).collect();
    let mut points = Vec::new();
    for (story, ready) in ready.iter().enumerate() {
        for first in 1..=ready.requests {
            let single = FAULTS.map(|fault| Plan { first, count: 1, fault });
            points.extend(single.map(|plan| Point { story, plan }));
        }
    }
    let all = points.len();
    let mut chosen: Vec<Point> = points.into_iter().step_by(stride).collect();
    // The server goes and does not come back while the command lasts.
    for (story, ready) in ready.iter().enumerate() {
        let plan = Plan { first: ready.requests * 2 / 3, count: usize::MAX / 2, fault: Fault::Status(503) };
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
    writeln!(out, "network: {tried} of {all} requests broken, {} failed", failures.len()).unwrap();
    assert!(failures.is_empty(), "{} of {tried} failed:\n{}", failures.len(), failures.join("\n"));
}

impl<'e> Ready<'e> {
    fn new(engine: &'e Engine, story: &'static Story) -> Self {
        let bucket = Bucket::new(engine, story.name);
        (story.begin)(&bucket);
        let mut ready = Self { story, bucket, expected: Vec::new(), requests: 0 };
        let name = ready.fork("undisturbed");
        let proxy = Proxy::start(engine.port, None);
        let output = ready.command(engine.through(proxy.port, &name)).output().unwrap();
        assert!(output.status.success(), "{}: {}", story.name, said(&output));
        ready.requests = proxy.seen().len();
        assert!(ready.requests > 10, "{}: only {} requests", story.name, ready.requests);
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
