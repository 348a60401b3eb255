//! A mirror with a stream of three builds, and an archive.

use crate::support::rig::Rig;
use std::process::Command;

pub(super) const BUILDS: [&str; 3] = ["20181204T060000Z", "20181205T060000Z", "20181206T060000Z"];
pub(super) const STREAM: &str = "master/centos";

/// The mirror and the address of its archive.
pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) at: String,
}

impl Scene {
    #[track_caller]
    pub(super) fn new() -> Self {
        let rig = Rig::new();
        rig.policy("keep: [{last: 9}]").builds(BUILDS);
        let at = rig.work("../archive").display().to_string();
        rig.ok(&["--mirror", &at, "init"]);
        Self { rig, at }
    }

    /// Returns the arguments that begin the retirement.
    pub(super) fn args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["retire", STREAM, "--to", &*self.at, "--why", "no users"], more].concat()
    }

    /// Begins the retirement, which must end with that exit code.
    #[track_caller]
    pub(super) fn begin(&self, code: i32, more: &[&str]) -> String {
        self.rig.ends(code, &self.args(more))
    }

    /// Has `check` look at the mirror, which finds nothing but what it finds in every mirror of these builds.
    #[track_caller]
    pub(super) fn is_sound(&self) {
        let output = self.rig.run(&["check"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let odd =
            text.lines().find(|line| ["RETIRED", "alias", "error:"].iter().any(|word| line.contains(word)));
        assert_eq!(odd, None, "{text}");
    }

    /// Runs the binary on the archive.
    #[track_caller]
    pub(super) fn archive(&self, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        let output = command.env("MIRRORKEEP_MIRROR", &self.at).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
