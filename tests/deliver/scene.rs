//! A mirror with events and subscribers, and processes that deliver to them.

use crate::support::rig::Rig;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

/// The variable with the secret of a webhook, and its value.
pub(in crate::deliver) const SECRET: (&str, &str) = ("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

/// A mirror with a deliver.yaml.
pub(in crate::deliver) struct Scene {
    pub(in crate::deliver) rig: Rig,
}

impl Scene {
    /// Returns a mirror in which two builds were published, with these subscribers.
    pub(in crate::deliver) fn new(to: &str) -> Self {
        let rig = Rig::new();
        rig.builds(["20181203T060000Z", "20181204T060000Z"]);
        let scene = Self { rig };
        scene.subscribers(to);
        scene
    }

    pub(in crate::deliver) fn subscribers(&self, to: &str) {
        fs::write(self.rig.mirror(".mirrorkeep/deliver.yaml"), format!("deliver: 1\nto:\n{to}")).unwrap();
    }

    pub(in crate::deliver) fn run(&self, args: &[&str]) -> Output {
        self.rig.command(args).env(SECRET.0, SECRET.1).output().unwrap()
    }

    /// Delivers once, which must end with that code, and returns what was said.
    #[track_caller]
    pub(in crate::deliver) fn once(&self, code: i32) -> String {
        let output = self.run(&["deliver"]);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    }

    /// Starts a process that delivers until it is stopped.
    pub(in crate::deliver) fn follow(&self, names: &[&str]) -> Running {
        let args: Vec<&str> = ["deliver", "--follow"].into_iter().chain(names.iter().copied()).collect();
        let mut command = self.rig.command(&args);
        Running(command.env(SECRET.0, SECRET.1).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Starts a process that delivers until it is stopped, with these variables.
    pub(in crate::deliver) fn follow_with(&self, env: &[(&str, &str)]) -> Running {
        let mut command = self.rig.command(&["deliver", "--follow"]);
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }

    /// Returns the status of a subscriber.
    #[track_caller]
    pub(in crate::deliver) fn status(&self, name: &str) -> Value {
        let output = self.run(&["--json", "deliver", "status", name]);
        let text = String::from_utf8(output.stdout).unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        crate::support::shapes::assert_shape(&["deliver", "status"], &answer);
        answer["subscribers"][0].clone()
    }

    /// Waits until the status of a subscriber is as wanted.
    #[track_caller]
    pub(in crate::deliver) fn wait(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status(name);
            if is(&status) {
                return status;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{status:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the numbers of the events of the journal.
    pub(in crate::deliver) fn numbers(&self) -> Vec<u64> {
        let text = self.rig.ok(&["events"]);
        let number =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["data"]["seq"].as_u64().unwrap();
        text.lines().map(number).collect()
    }

    /// Makes an event.
    pub(in crate::deliver) fn label(&self, value: &str) {
        self.rig.ok(&["label", "master/centos/20181203T060000Z", &format!("n={value}")]);
    }

    /// Makes so many events by one command each on one build, quickly.
    pub(in crate::deliver) fn labels(&self, count: usize) {
        (0..count).for_each(|nth| self.label(&format!("v{nth}")));
    }
}

/// A process that delivers; it is killed when the value is dropped.
pub(in crate::deliver) struct Running(pub(in crate::deliver) Child);

impl Running {
    /// Kills the process in the middle of whatever it does.
    pub(in crate::deliver) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks the process to stop, and returns its exit code.
    pub(in crate::deliver) fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Returns a webhook at an address as YAML.
pub(in crate::deliver) fn webhook(name: &str, url: &str, more: &str) -> String {
    format!("  - {{name: {name}, {more} webhook: {{url: '{url}', secret_env: {}}}}}\n", SECRET.0)
}

/// Fails unless the numbers are in order but for repeats: what comes again is what came before.
#[track_caller]
pub(in crate::deliver) fn in_order(came: &[u64]) {
    let mut highest = 0;
    for (nth, number) in came.iter().enumerate() {
        let was_there = came[..nth].contains(number);
        assert!(was_there || *number > highest, "{number} came late in {came:?}");
        highest = highest.max(*number);
    }
}

/// Returns each number once, and how many came again.
pub(in crate::deliver) fn without_repeats(came: &[u64]) -> (Vec<u64>, u64) {
    let mut once = came.to_vec();
    once.sort_unstable();
    once.dedup();
    let repeats = (came.len() - once.len()) as u64;
    (once, repeats)
}
