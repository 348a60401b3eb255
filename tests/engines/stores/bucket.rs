//! A mirror in a bucket and a workspace to publish from, driven through the real binary.

use crate::support::servers::Engine;
use mirrorkeep::model::{Digest, RelPath};
use mirrorkeep::store::Store;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) const ONE: &str = "20181205T060000Z";
pub(crate) const TWO: &str = "20181206T060000Z";
pub(crate) const THREE: &str = "20181207T060000Z";

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

/// What is done with a mirror, with its name.
pub(crate) type Story = (&'static str, fn(&Bucket<'_>));

/// A mirror in a bucket and a workspace.
pub(crate) struct Bucket<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) name: &'static str,
    /// What `init` said.
    pub(crate) made: String,
    dir: tempfile::TempDir,
}

impl<'e> Bucket<'e> {
    #[track_caller]
    pub(crate) fn new(engine: &'e Engine, name: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut bucket = Self { engine, name, made: String::new(), dir };
        bucket.write("outputs/RPMS/std/a.rpm", "package a");
        bucket.write("outputs/iso/bootimage.iso", "image");
        let policy = bucket.dir.path().join("policy.yaml");
        fs::write(&policy, POLICY).unwrap();
        bucket.made =
            bucket.ends(0, &["init", "--layout", "starlingx", "--policy", policy.to_str().unwrap()]);
        bucket
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        let path = self.work().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        self.engine.command(self.name)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Runs the binary, which must end with that code, and returns what it answered and said.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert_eq!(output.status.code(), Some(code), "{} {}: {args:?}: {text}", self.engine.name, self.name);
        text
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {}: {args:?}: {said}", self.engine.name, self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(args);
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(&self, code: i32, said: &str, args: &[&str]) {
        let text = self.ends(code, args);
        assert!(text.contains(said), "{text}");
    }

    pub(crate) fn publishing(&self, build: &str) -> Vec<String> {
        let work = self.work();
        let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", build];
        args.map(str::to_owned).to_vec()
    }

    #[track_caller]
    pub(crate) fn publish(&self, build: &str) -> String {
        let args = self.publishing(build);
        self.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Publishes, which must fail and say that.
    #[track_caller]
    pub(crate) fn cannot_publish(&self, build: &str, said: &str) {
        let args = self.publishing(build);
        self.fails(1, said, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[track_caller]
    pub(crate) fn builds(&self) -> Vec<String> {
        let list = self.json(&["list"]);
        let builds = list["builds"].as_array().unwrap().iter();
        builds.map(|build| build["build"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn latest(&self) -> String {
        self.ok(&["resolve", "master/centos/latest_build"]).trim().to_owned()
    }

    /// Returns the objects below a path.
    #[track_caller]
    pub(crate) fn objects(&self, below: &str) -> Vec<String> {
        let found = self.engine.untried(self.name).below(&below.parse().unwrap()).unwrap();
        found.into_iter().map(|found| found.path.to_string()).collect()
    }

    /// Returns every object below a path with its bytes.
    #[track_caller]
    pub(crate) fn contents(&self, below: &str) -> Vec<(String, Vec<u8>)> {
        let store = self.engine.untried(self.name);
        let read = |at: String| (at.clone(), store.read(&at.parse().unwrap(), 1 << 30).unwrap());
        self.objects(below).into_iter().map(read).collect()
    }

    /// Returns the files that the list of a build names.
    #[track_caller]
    pub(crate) fn listed(&self, build: &str) -> Vec<String> {
        let at = format!("master/centos/{build}/SHA256SUMS").parse().unwrap();
        let sums = String::from_utf8(self.engine.untried(self.name).read(&at, 1 << 30).unwrap()).unwrap();
        sums.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect()
    }

    /// Compares every file of a build with its checksum.
    #[track_caller]
    pub(crate) fn sums_hold(&self, build: &str) {
        let store = self.engine.untried(self.name);
        let dir: RelPath = format!("master/centos/{build}").parse().unwrap();
        let read = |file: &str| store.read(&dir.join(&file.parse().unwrap()), 1 << 30).unwrap();
        let sums = String::from_utf8(read("SHA256SUMS")).unwrap();
        assert!(sums.lines().count() >= 2, "{sums}");
        for line in sums.lines() {
            let (digest, file) = line.split_once("  ").unwrap();
            assert_eq!(Digest::of(&read(file)).to_string(), digest, "{build}/{file}");
        }
    }
}
