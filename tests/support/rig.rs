//! A mirror in a temporary directory, driven through the real binary.

use crate::support::shapes::assert_shape;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A policy that keeps two builds of a stream, and the inputs of the newest alone.
pub(crate) const PARTED: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - name: all
    match: \"**\"
    keep: [{last: 2}]
    parts: {bulky: {paths: [\"inputs/**\"], keep: [{last: 1}]}}
";

/// A mirror and a workspace to publish from.
pub(crate) struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    /// Returns an empty place: no mirror yet, and a workspace with one build.
    pub(crate) fn new() -> Self {
        let rig = Self { dir: tempfile::tempdir().unwrap() };
        rig.write("outputs/RPMS/std/a.rpm", "package a").write("outputs/iso/bootimage.iso", "image");
        rig
    }

    /// Returns another place with the same mirror and workspace, on a disk without syncs.
    pub(crate) fn copy(&self) -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").args([self.mirror(""), self.work("")]).arg(dir.path());
        assert!(copy.status().unwrap().success());
        Self { dir }
    }

    /// Returns the path of the mirror, or of something in it.
    pub(crate) fn mirror(&self, below: &str) -> PathBuf {
        self.dir.path().join("mirror").join(below)
    }

    /// Returns the path of the workspace, or of something in it.
    pub(crate) fn work(&self, below: &str) -> PathBuf {
        self.dir.path().join("work").join(below)
    }

    /// Writes a file of the workspace.
    pub(crate) fn write(&self, below: &str, text: &str) -> &Self {
        let path = self.work(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Runs the binary on the mirror.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Returns the binary on the mirror, which the environment names, not yet started; `init` gets the layout
    /// `starlingx` if the arguments name none.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.env("MIRRORKEEP_MIRROR", self.mirror("")).args(args);
        if args.contains(&"init") && !args.iter().any(|arg| arg.starts_with("--layout") || *arg == "--help") {
            command.args(["--layout", "starlingx"]);
        }
        command
    }

    /// Runs the binary, which must succeed, and returns its answer.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the binary with `--json` and returns the answer, which must match its schema.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        let answer = serde_json::from_str(&self.ok(&all)).unwrap();
        assert_shape(args, &answer);
        answer
    }

    /// Runs the binary, which must fail with that exit code and message.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, said: &str, args: &[&str]) {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(said), "{text}");
    }

    /// Returns the JSON answer of the binary, which must end with that exit code; it must match its schema.
    #[track_caller]
    pub(crate) fn json_ends(&self, code: i32, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        assert_shape(args, &answer);
        answer
    }

    /// Publishes the workspace as that build of `master/centos`, and makes the mirror before the first.
    #[track_caller]
    pub(crate) fn publish(&self, build: &str, more: &[&str]) -> String {
        let work = self.work("");
        let mut args = vec!["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", build];
        if !self.mirror(".mirrorkeep/mirror.yaml").exists() {
            self.ok(&["init"]);
        }
        args.extend(more);
        self.ok(&args)
    }

    /// Makes the mirror with a policy that protects nothing by age and has these keep rules for every stream.
    #[track_caller]
    pub(crate) fn policy(&self, keep: &str) -> &Self {
        let text = format!(
            "version: 1\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies:\n  - {{name: all, match: \"**\", {keep}}}\n"
        );
        self.policy_file(&text)
    }

    /// Makes the mirror with that policy.
    #[track_caller]
    pub(crate) fn policy_file(&self, text: &str) -> &Self {
        let own = self.mirror(".mirrorkeep/policy.yaml");
        if own.exists() {
            fs::write(own, text).unwrap();
            // As in a mirror that began with this policy; `policy set` is what waits for `--accept`.
            fs::remove_file(self.mirror(".mirrorkeep/first-policy.yaml")).ok();
            return self;
        }
        let path = self.dir.path().join("policy.yaml");
        fs::write(&path, text).unwrap();
        self.ok(&["init", "--policy", path.to_str().unwrap()]);
        self
    }

    /// Makes the mirror with a layout in which the second name of a stream is any that begins with a small letter.
    #[track_caller]
    pub(crate) fn init_with_any_stream(&self) {
        let (before, after) = include_str!("../../layouts/generic.yaml").split_once("\n  distro:\n").unwrap();
        let after = after.replacen("[A-Za-z][A-Za-z0-9._+-]*", "[a-zü].*", 1);
        let layout = self.dir.path().join("layout.yaml");
        fs::write(&layout, format!("{before}\n  distro:\n{after}")).unwrap();
        self.ok(&["init", "--layout", layout.to_str().unwrap()]);
    }

    /// Publishes builds of these names, each with an image of its own.
    #[track_caller]
    pub(crate) fn builds<const N: usize>(&self, names: [&str; N]) -> &Self {
        for name in names {
            self.write("outputs/iso/bootimage.iso", name);
            self.publish(name, &[]);
        }
        self
    }

    /// Returns the existing builds of `master/centos`.
    pub(crate) fn there(&self) -> Vec<String> {
        let names = fs::read_dir(self.mirror("master/centos")).unwrap().map(|entry| entry.unwrap());
        let dirs = names.filter(|entry| entry.file_type().unwrap().is_dir());
        let mut names: Vec<String> = dirs.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs the binary, which must end with that exit code, and returns its answer and messages.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    }

    /// Returns where `latest_build` of `master/centos` points.
    pub(crate) fn latest(&self) -> Option<String> {
        let link = fs::read_link(self.mirror("master/centos/latest_build")).ok()?;
        Some(link.to_str().unwrap().to_owned())
    }

    /// Returns the inode of a file of the mirror.
    #[track_caller]
    pub(crate) fn inode(&self, below: &str) -> u64 {
        fs::metadata(self.mirror(below)).unwrap().ino()
    }

    /// Has coreutils check a build.
    #[track_caller]
    pub(crate) fn sums_hold(&self, build: &str) {
        let mut check = Command::new("sha256sum");
        check.args(["-c", "--quiet", "SHA256SUMS"]).current_dir(self.mirror(build));
        let output = check.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Returns everything below a directory as lines of type, mode, size, inode and path.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let link = fs::read_link(&path).map(|link| link.display().to_string()).unwrap_or_default();
            let size = if meta.is_file() { meta.size() } else { 0 };
            let name = path.strip_prefix(root).unwrap().display();
            lines.push(format!("{name} {:o} {size} {link}", meta.mode()));
            if meta.is_dir() {
                dirs.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// A file system mounted on a directory, unmounted when the value is dropped.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts a tmpfs with these options on a directory, which is made.
    #[track_caller]
    pub(crate) fn tmpfs(at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        assert!(mount.status().unwrap().success(), "mounting needs root");
        Self(at.to_owned())
    }

    /// Mounts a directory on another one, which is made.
    #[track_caller]
    pub(crate) fn bind(from: &Path, at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let status = Command::new("mount").arg("--bind").args([from, at]).status();
        assert!(status.unwrap().success(), "mounting needs root");
        Self(at.to_owned())
    }

    /// Unmounts a directory, if something is mounted there.
    pub(crate) fn umount(at: &Path) {
        Command::new("umount").args(["--lazy", "--quiet"]).arg(at).status().ok();
    }

    /// Changes the options.
    #[track_caller]
    pub(crate) fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(&self.0);
        assert!(mount.status().unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

/// Writes a build as a script would, file by file, at its public path.
pub(crate) fn lay(rig: &Rig, build: &str, files: &[(&str, &str)]) {
    for (file, text) in files {
        let at = rig.mirror(&format!("{build}/{file}"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
}
