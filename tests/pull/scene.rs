//! A mirror with a change list, a server in front of it, and a copy.

use crate::support::rig::Rig;
use crate::support::served::Served;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

pub(in crate::pull) const BUILDS: [&str; 4] =
    ["20181203T060000Z", "20181204T060000Z", "20181205T060000Z", "20181206T060000Z"];

/// A mirror that keeps two builds, its server, and a copy.
pub(in crate::pull) struct Scene {
    pub(in crate::pull) up: Rig,
    pub(in crate::pull) server: Served,
    pub(in crate::pull) copy: Rig,
}

impl Scene {
    /// Returns a mirror with these first builds and its list, and an empty copy that keeps that many builds.
    pub(in crate::pull) fn new(builds: &[&str], keeps: usize) -> Self {
        let up = Rig::new();
        up.policy("keep: [{last: 2}]");
        let settings = up.mirror(".mirrorkeep/mirror.yaml");
        let text = fs::read_to_string(&settings).unwrap() + "changes: {auto: true}\n";
        fs::write(settings, text).unwrap();
        let copy = Rig::new();
        copy.policy(&format!("keep: [{{last: {keeps}}}]"));
        let settings = copy.mirror(".mirrorkeep/mirror.yaml");
        // Where traces go.
        let text = fs::read_to_string(&settings).unwrap() + "declared: [project]\n";
        fs::write(settings, text).unwrap();
        let scene = Self { server: Served::start(&up.mirror("")), up, copy };
        for build in builds {
            scene.publish(build);
        }
        scene.up.ok(&["export", "changes"]);
        scene
    }

    /// Publishes a build with an image of its own.
    pub(in crate::pull) fn publish(&self, build: &str) {
        self.up.write("outputs/iso/bootimage.iso", build);
        self.up.publish(build, &[]);
    }

    /// Returns the path of the copy.
    pub(in crate::pull) fn to(&self) -> String {
        self.copy.mirror("").to_str().unwrap().to_owned()
    }

    /// Pulls, which must end with that code, and returns the report.
    #[track_caller]
    pub(in crate::pull) fn pull(&self, code: i32, more: &[&str]) -> Value {
        let (url, to) = (self.server.url(), self.to());
        self.copy.json_ends(code, &args(&url, &to, more))["report"].clone()
    }

    /// Pulls, which must fail with that code and message.
    #[track_caller]
    pub(in crate::pull) fn fails(&self, code: i32, said: &str, more: &[&str]) {
        let (url, to) = (self.server.url(), self.to());
        let text = self.copy.ends(code, &args(&url, &to, more));
        assert!(text.contains(said), "{text}");
    }

    /// Returns a file of the change list.
    pub(in crate::pull) fn list(&self, below: &str) -> PathBuf {
        self.up.mirror("changes").join(below)
    }

    /// Returns the head of the change list.
    pub(in crate::pull) fn head(&self) -> Value {
        let file: Value = serde_json::from_slice(&fs::read(self.list("latest.json")).unwrap()).unwrap();
        serde_json::from_str(file["head"].as_str().unwrap()).unwrap()
    }

    /// Replaces texts in the files of the list and names their new digests in its head, as a server that lies with care.
    pub(in crate::pull) fn forge(&self, from: &str, to: &str) {
        let mut file: Value = serde_json::from_slice(&fs::read(self.list("latest.json")).unwrap()).unwrap();
        let mut head = self.head();
        let mut found = false;
        for part in head["parts"].as_array_mut().unwrap() {
            let all = if part["after"] == 0 { "-all" } else { "" };
            let name = format!("{}{all}.jsonl", part["serial"]);
            let text = fs::read_to_string(self.list(&name)).unwrap();
            found |= text.contains(from);
            let text = text.replace(from, to);
            part["bytes"] = text.len().into();
            part["sha256"] = mirrorkeep::model::Digest::of(text.as_bytes()).to_string().into();
            fs::write(self.list(&name), text).unwrap();
        }
        assert!(found, "the list has no `{from}`");
        file["head"] = head.to_string().into();
        fs::write(self.list("latest.json"), format!("{file}\n")).unwrap();
    }
}

/// Returns the command line of a pull.
pub(in crate::pull) fn args<'a>(url: &'a str, to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["pull", url, to], more].concat()
}
