//! A mirror with targets, and what readers of a target see.

use crate::engines::web::{Running, at};
use crate::support::rig::{Rig, tree};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

pub(in crate::sync) const STREAM: &str = "master/centos";
pub(in crate::sync) const BUILDS: [&str; 4] =
    ["20181203T060000Z", "20181204T060000Z", "20181205T060000Z", "20181206T060000Z"];

/// A mirror with a targets.yaml.
pub(in crate::sync) struct Scene {
    pub(in crate::sync) rig: Rig,
}

impl Scene {
    /// Returns a mirror that keeps two builds, with these first builds and one target `spare`, an empty directory.
    pub(in crate::sync) fn new<const N: usize>(builds: [&str; N]) -> Self {
        let rig = Rig::new();
        rig.policy("keep: [{last: 2}]").builds(builds);
        let scene = Self { rig };
        fs::create_dir_all(scene.to("spare")).unwrap();
        scene.targets(&scene.spare(""));
        scene
    }

    /// Returns the target `spare` as YAML.
    pub(in crate::sync) fn spare(&self, more: &str) -> String {
        format!("  - {{name: spare, directory: '{}'{more}}}\n", self.to("spare").display())
    }

    pub(in crate::sync) fn targets(&self, to: &str) -> &Self {
        fs::write(self.rig.mirror(".mirrorkeep/targets.yaml"), format!("targets: 1\nto:\n{to}")).unwrap();
        self
    }

    /// Returns a path beside the mirror.
    pub(in crate::sync) fn beside(&self, name: &str) -> PathBuf {
        self.rig.mirror("").parent().unwrap().join(name)
    }

    /// Returns the directory of a target, or something in it.
    pub(in crate::sync) fn to(&self, below: &str) -> PathBuf {
        self.beside("to").join(below)
    }

    /// Returns the only target's part of an answer of `sync`, which must end with that code.
    #[track_caller]
    pub(in crate::sync) fn sync(&self, code: i32, args: &[&str]) -> Value {
        let answer = self.rig.json_ends(code, &[&["sync"], args].concat());
        assert_eq!(answer["report"]["targets"].as_array().unwrap().len(), 1, "{answer:#}");
        answer["report"]["targets"][0].clone()
    }

    /// Fails unless a target has what the mirror shows to readers, and nothing else but its trace.
    #[track_caller]
    pub(in crate::sync) fn same(&self, target: &str) {
        self.same_but(target, ".mirrorkeep");
    }

    /// The same, but for what the mirror has below a name.
    #[track_caller]
    pub(in crate::sync) fn same_but(&self, target: &str, name: &str) {
        let plain = |lines: Vec<String>| -> Vec<String> {
            let own =
                |line: &String| [".mirrorkeep", "project", name].iter().any(|own| line.starts_with(own));
            lines.into_iter().filter(|line| !own(line)).collect()
        };
        assert_eq!(plain(tree(&self.rig.mirror(""))), plain(tree(&self.to(target))));
    }

    /// Returns the trace of a target.
    #[track_caller]
    pub(in crate::sync) fn trace(&self, target: &str) -> Value {
        let text = fs::read_to_string(self.to(&format!("{target}/project/trace/{target}"))).unwrap();
        assert!(text.starts_with("{\"trace\":1,") && text.ends_with("}\n"), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Runs the binary with another program in the place of `rsync`.
    pub(in crate::sync) fn with_rsync(&self, script: &str, args: &[&str]) -> Output {
        let dir = self.beside("bin");
        fs::create_dir_all(&dir).unwrap();
        let program = dir.join("rsync");
        fs::write(
            &program,
            format!("#!/bin/sh\nreal={}\ndir={}\n{script}\n", at("rsync").display(), dir.display()),
        )
        .unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
        self.rig.command(args).env("PATH", path).output().unwrap()
    }
}

/// Starts a daemon of rsync that takes what is sent to a directory, by the module `up`.
pub(in crate::sync) fn daemon(dir: &Path, more: &str) -> Running {
    fs::create_dir_all(dir).unwrap();
    let (root, more) = (dir.display().to_string(), more.to_owned());
    Running::start("rsync", move |dir, port| {
        let config = dir.join("rsyncd.conf");
        let ids = "uid = 0\ngid = 0\n";
        let ids = if rustix::process::getuid().is_root() { ids } else { "" };
        let text =
            format!("use chroot = no\nmunge symlinks = no\n{ids}[up]\npath = {root}\nread only = no\n{more}");
        fs::write(&config, text).unwrap();
        let (config, log) = (config.display(), dir.join("rsyncd.log").display().to_string());
        let options = ["--daemon", "--no-detach", "--address=127.0.0.1"].map(str::to_owned);
        let more = [format!("--port={port}"), format!("--config={config}"), format!("--log-file={log}")];
        [&options[..], &more].concat()
    })
}

/// Returns the build to which a name of a target leads, and fails unless it is whole; nothing where the name is not there.
#[track_caller]
pub(in crate::sync) fn whole(target: &Path, name: &str) -> Option<String> {
    let at = target.join(name);
    let link = fs::read_link(&at).ok()?;
    let build = at.parent().unwrap().join(&link);
    let sums = fs::read_to_string(build.join("SHA256SUMS"));
    let sums = sums.unwrap_or_else(|error| panic!("`{name}` leads to {}: {error}", link.display()));
    for line in sums.lines() {
        let (digest, path) = line.split_once("  ").unwrap();
        let bytes = fs::read(build.join(path));
        let bytes =
            bytes.unwrap_or_else(|error| panic!("`{name}` leads to {}: {path}: {error}", link.display()));
        assert_eq!(mirrorkeep::model::Digest::of(&bytes).to_string(), digest, "{path}");
    }
    Some(link.display().to_string())
}
