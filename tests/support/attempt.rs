//! A mirror with one build, and attempts to publish the next, which must leave the mirror as it was.

use crate::support::rig::{Rig, tree};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const ONE: &str = "20181205T060000Z";
pub(crate) const TWO: &str = "20181206T060000Z";

/// How long a publisher may take to reach the point where its source is changed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mirror that has [`ONE`], and a workspace that is to become [`TWO`].
pub(crate) struct Attempt {
    pub(crate) rig: Rig,
    before: Vec<String>,
}

impl Attempt {
    pub(crate) fn new() -> Self {
        Self::on(Rig::new())
    }

    /// Publishes the first build, and gives the workspace other content.
    pub(crate) fn on(rig: Rig) -> Self {
        rig.publish(ONE, &[]);
        rig.write("outputs/iso/bootimage.iso", "second image");
        let before = tree(&rig.mirror("master"));
        Self { rig, before }
    }

    /// Returns the arguments that publish the second build.
    pub(crate) fn args(&self, more: &[&str]) -> Vec<String> {
        let work = self.rig.work("").display().to_string();
        let args = ["--jobs", "1", "publish", &work, "--stream", "master/centos", "--build", TWO];
        args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    }

    /// Runs a command; if it fails, what readers see must be unchanged. Returns its exit code and its messages.
    #[track_caller]
    pub(crate) fn refuses(&self, command: &mut Command) -> (Option<i32>, String) {
        let output = command.output().unwrap();
        if !output.status.success() {
            self.is_as_before();
        }
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Publishes; this must fail with that code and all of these messages, and change nothing that a reader sees.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, said: &[&str], more: &[&str]) {
        let args = self.args(more);
        let output = self.rig.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}");
        for part in said {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        self.is_as_before();
    }

    /// Publishes; this must succeed and leave nothing behind. Returns the messages on standard error.
    #[track_caller]
    pub(crate) fn publishes(&self, more: &[&str]) -> String {
        let args = self.args(more);
        let output = self.rig.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        self.rig.sums_hold(&format!("master/centos/{TWO}"));
        assert_eq!(self.rig.latest().as_deref(), Some(TWO));
        for own in ["stage", "tmp"] {
            let left = fs::read_dir(self.rig.mirror(".mirrorkeep").join(own)).unwrap().count();
            assert_eq!(left, 0, "something is left in {own}");
        }
        text
    }

    /// Publishes slowed down by strace, and changes the source once `staged` is in the stage's tree; the publisher
    /// must fail then. Returns its messages.
    #[track_caller]
    pub(crate) fn meanwhile(&self, slow: &[&str], staged: &str, change: impl FnOnce()) -> String {
        let mut command = self.traced(slow, &[]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while !self.stages().iter().any(|stage| stage.join("tree").join(staged).exists()) {
            assert!(started.elapsed() < PATIENCE, "nothing is staged");
            std::thread::sleep(Duration::from_millis(5));
        }
        change();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        self.is_as_before();
        text
    }

    /// Returns the command that publishes under strace.
    pub(crate) fn traced(&self, strace: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null"]).args(strace);
        command.arg(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.arg("--mirror").arg(self.rig.mirror("")).args(self.args(more));
        command
    }

    /// Fails if a reader could see anything except the first build.
    #[track_caller]
    pub(crate) fn is_as_before(&self) {
        assert_eq!(tree(&self.rig.mirror("master")), self.before);
        assert_eq!(self.rig.latest().as_deref(), Some(ONE));
    }

    /// Returns what is being staged.
    pub(crate) fn stages(&self) -> Vec<PathBuf> {
        let Ok(stages) = fs::read_dir(self.rig.mirror(".mirrorkeep/stage")) else { return Vec::new() };
        stages.map(|stage| stage.unwrap().path()).collect()
    }
}
