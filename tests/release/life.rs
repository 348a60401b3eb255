//! The whole life of a release, read through real nginx all the time: branched, built every night, promoted, requested, tagged
//! and named, followed by two point releases, announced as ending, archived, redirected, removed.

use crate::engines::web::{Running, nginx_in};
use crate::support::requests::Requests;
use crate::support::rig::Rig;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread::scope;

const OLD: &str = "release/2018.10/debian";
const NEW: &str = "release/2019.05/debian";

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - {name: releases, match: \"release/**\", keep: [{label: {type: final}}, {last: 3}]}
";

const PIPELINE: &str = "pipeline: 1
stages:
  - {name: tested, streams: \"release/**\", from: latest_build, require: {votes: [smoke]}}
";

/// A web server of a directory, with rules that can be loaded again.
struct Web {
    server: Running,
    rules: PathBuf,
}

impl Web {
    fn of(root: &Path, rules: PathBuf) -> Self {
        for dir in [root.parent().unwrap(), root] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(&rules, "").unwrap();
        let server = Running::start("nginx", |dir, port| {
            nginx_in(
                dir,
                "user root;",
                &format!(
                    "server {{ listen 127.0.0.1:{port}; root {}; include {}; }}",
                    root.display(),
                    rules.display()
                ),
            )
        });
        Self { server, rules }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    fn signal(&self, which: &str) {
        let pid = self.server.id().to_string();
        assert!(Command::new("kill").args([which, &pid]).status().unwrap().success());
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked.
        self.signal("-TERM");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// What a reader got from one address: the status, and where it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    status: String,
    to: Option<String>,
}

fn got(server: &Running, path: &str) -> (Got, Vec<u8>) {
    let (head, body) = server.get(path);
    let status = head.split(' ').nth(1).unwrap().to_owned();
    let to = head.lines().find_map(|line| line.strip_prefix("Location: ")).map(str::to_owned);
    (Got { status, to }, body)
}

/// A reader that follows every address that was ever published, as one who wrote it down would.
struct Reader<'a> {
    mirror: &'a Web,
    archive: &'a Web,
    /// Each address, with the bytes that were there.
    addresses: Mutex<BTreeMap<String, String>>,
    rounds: mpsc::SyncSender<()>,
}

impl Reader<'_> {
    fn follow(&self, path: &str) -> Result<(), String> {
        let (answer, body) = got(&self.mirror.server, path);
        let wanted = self.addresses.lock().unwrap().get(path).cloned();
        let body = match &*answer.status {
            "200" => body,
            "301" | "302" => {
                let to = answer.to.clone().unwrap_or_default();
                let in_archive = to.strip_prefix(&self.archive.url());
                let own = to.strip_prefix("http://").and_then(|to| Some(&to[to.find('/')?..]));
                let (server, there) = match in_archive {
                    Some(there) => (self.archive, there),
                    None => (self.mirror, own.unwrap_or(&to)),
                };
                let (answer, body) = got(&server.server, there);
                if answer.status != "200" {
                    return Err(format!("{path} is sent to {to}, which answers {}", answer.status));
                }
                body
            }
            "410" if body.is_empty() => return Err(format!("{path} is gone, without a word")),
            "410" => return Ok(()),
            other => return Err(format!("{path}: {other}")),
        };
        // The bytes of a dated address never change; those of a name do.
        match wanted {
            Some(bytes)
                if body != bytes.as_bytes() && !path.contains("_build") && !path.contains("stable") =>
            {
                Err(format!("{path} has other bytes"))
            }
            _ => Ok(()),
        }
    }

    fn read(&self, ended: &AtomicBool) -> Vec<String> {
        let mut wrong = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let paths: Vec<String> = self.addresses.lock().unwrap().keys().cloned().collect();
            wrong.extend(paths.iter().filter_map(|path| self.follow(path).err()));
            self.rounds.try_send(()).ok();
        }
        wrong
    }
}

/// A release, from its branch on.
struct Life<'a> {
    rig: &'a Rig,
    requests: &'a Requests,
    reader: &'a Reader<'a>,
    read: mpsc::Receiver<()>,
    request: String,
}

impl Life<'_> {
    /// Waits until the reader was everywhere after this call.
    fn round(&self) {
        self.read.try_iter().for_each(drop);
        for _ in 0..2 {
            self.read.recv().unwrap();
        }
    }

    fn night(&self, stream: &str, name: &str) {
        self.rig.write("outputs/iso/bootimage.iso", &format!("{stream} {name}"));
        let work = self.rig.work("");
        self.rig.ok(&["publish", work.to_str().unwrap(), "--stream", stream, "--build", name]);
        self.known(stream, name, &format!("{stream} {name}"));
    }

    /// Tells the reader an address.
    fn known(&self, stream: &str, name: &str, bytes: &str) {
        let path = format!("/{stream}/{name}/outputs/iso/bootimage.iso");
        self.reader.addresses.lock().unwrap().insert(path, bytes.to_owned());
    }

    /// Has a build tested and promoted.
    fn promote(&self, name: &str) {
        self.rig.ok(&["vote", &format!("{NEW}/{name}"), "smoke", "success"]);
        self.rig.ok(&["promote", "tested"]);
        assert_eq!(self.rig.ok(&["resolve", &format!("{NEW}/tested")]).trim(), format!("{NEW}/{name}"));
    }

    /// Requests a release of a build, and applies it.
    fn release(&mut self, version: &str, build: &str) {
        let commit = self.requests.grow("tool", "stable/tested");
        self.request += &format!(
            "  - version: {version}\n    build: {NEW}/{build}\n    announcement: Tool {version} is there.\n    projects: \
             [{{repo: tool, hash: {commit}}}]\n"
        );
        self.requests.write("requests/tested/tool.yaml", &self.request);
        self.requests.commit(&format!("Release {version}\n\nApproved-by: A"));
        self.requests.ends(self.rig, 0, &["release", "check"]);
        self.requests.ends(self.rig, 0, &["release", "apply"]);
        assert!(self.requests.tags("tool").contains(&(version.to_owned(), commit)));
        let stable = self.rig.ok(&["resolve", &format!("{NEW}/stable")]);
        assert_eq!(stable.trim(), format!("{NEW}/{build}"));
    }
}

/// Returns the types of the mirror's events, in order, of those that a release makes.
fn kinds(rig: &Rig) -> Vec<String> {
    let text = rig.ok(&["events", "--type", "stream.*", "--type", "release.*"]);
    let kind = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["type"].as_str().unwrap().trim_start_matches("mirrorkeep.").to_owned()
    };
    text.lines().map(kind).collect()
}

#[test]
fn a_release_lives_from_its_branch_to_the_archive_and_every_address_is_answered() {
    let rig = Rig::new();
    rig.policy_file(POLICY);
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(&pipeline, PIPELINE).unwrap();
    rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let alias = "aliases: [{name: stable, labels: {type: final}, streams: \"release/**\"}]\n";
    fs::write(&settings, fs::read_to_string(&settings).unwrap() + alias).unwrap();
    let archive = rig.work("../archive");
    rig.ok(&["--mirror", archive.to_str().unwrap(), "init"]);
    let requests = Requests::beside(&rig);

    let mirror = Web::of(rig.mirror("").as_path(), rig.work("../mirror.inc"));
    let there = Web::of(&archive, rig.work("../archive.inc"));
    let (rounds, read) = mpsc::sync_channel(1);
    let reader = Reader { mirror: &mirror, archive: &there, addresses: Mutex::default(), rounds };
    let ended = AtomicBool::new(false);
    let wrong = scope(|threads| {
        let reading = threads.spawn(|| reader.read(&ended));
        // The reader ends even if a sentence below fails.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let request = "team: tools\nrelease-model: independent\nreleases:\n".to_owned();
            let life = Life { rig: &rig, requests: &requests, reader: &reader, read, request };
            lived(life, &mirror, &there, &archive);
        }));
        ended.store(true, Ordering::Relaxed);
        let wrong = reading.join().unwrap();
        if let Err(why) = done {
            std::panic::resume_unwind(why);
        }
        wrong
    });
    assert_eq!(wrong, [""; 0]);
}

fn lived(mut life: Life<'_>, mirror: &Web, there: &Web, archive: &Path) {
    let rig = life.rig;
    life.night(OLD, "20190401T060000Z");
    life.known(OLD, "latest_build", "");
    rig.ok(&["branch", "release/2019.05", "--like", "release/2018.10", "--seed", "latest_build"]);
    life.known(NEW, "20190401T060000Z", &format!("{OLD} 20190401T060000Z"));
    life.known(NEW, "latest_build", "");
    life.round();
    for day in 2..=6 {
        life.night(NEW, &format!("2019050{day}T060000Z"));
    }
    life.promote("20190506T060000Z");
    // The general availability, and two point releases, each with builds between.
    life.release("1.0.0", "20190506T060000Z");
    life.known(NEW, "stable", "");
    for (version, day) in [("1.0.1", 10), ("1.0.2", 20)] {
        for day in [day, day + 1] {
            life.night(NEW, &format!("201905{day}T060000Z"));
        }
        life.promote(&format!("201905{}T060000Z", day + 1));
        life.release(version, &format!("201905{}T060000Z", day + 1));
    }
    life.round();
    // What the policy deletes is not read any more.
    let plan = rig.json(&["plan"]);
    let expiring = plan["builds"].as_array().unwrap().iter();
    let expiring =
        expiring.filter(|build| build["fate"] == "expire").map(|build| build["id"].as_str().unwrap());
    for id in expiring {
        let path = format!("/{id}/outputs/iso/bootimage.iso");
        life.reader.addresses.lock().unwrap().remove(&path);
    }
    let before: Vec<String> = life.reader.addresses.lock().unwrap().keys().cloned().collect();
    assert!(before.len() >= 7, "{before:?}");

    let (url, served) = (there.url(), mirror.url());
    let begun = rig.ends(
        5,
        &[
            "retire",
            NEW,
            "--to",
            archive.to_str().unwrap(),
            "--url",
            &url,
            "--served-at",
            &served,
            "--notice",
            "0d",
            "--why",
            "2019.11 replaces it",
        ],
    );
    assert!(begun.contains("expected a redirect to"), "{begun}");
    life.round();
    rig.ok(&["export", "redirects", "--for", "nginx", "--out", mirror.rules.to_str().unwrap()]);
    mirror.signal("-HUP");
    // Old workers of the server answer for a moment.
    while rig.run(&["retire"]).status.code() == Some(5) {
        life.round();
    }
    assert_eq!(rig.json(&["retire", "--status"])["report"]["streams"][0]["state"], "retired");
    assert!(!rig.mirror(NEW).join("20190506T060000Z").exists());
    rig.ok(&["export", "redirects", "--for", "nginx", "--out", mirror.rules.to_str().unwrap()]);
    mirror.signal("-HUP");
    life.round();
    // Each old address leads to the archive now.
    for path in before.iter().filter(|path| path.contains(NEW)) {
        let (answer, _) = got(&mirror.server, path);
        assert!(["301", "302"].contains(&&*answer.status), "{path}: {answer:?}");
    }
    assert_eq!(life.reader.follow(&format!("/{OLD}/latest_build/outputs/iso/bootimage.iso")), Ok(()));
    let kinds = kinds(rig);
    let expected = [
        "stream.branched.v1",
        "release.applied.v1",
        "release.applied.v1",
        "release.applied.v1",
        "stream.retiring.v1",
        "stream.retiring.v1",
        "stream.retiring.v1",
        "stream.retired.v1",
    ];
    assert_eq!(kinds, expected);
    rig.ok(&["--mirror", archive.to_str().unwrap(), "verify", "--all"]);
    // Nothing can be published there any more, and the old release goes on.
    let work = rig.work("");
    rig.fails(
        3,
        "is retired since",
        &["publish", work.to_str().unwrap(), "--stream", NEW, "--build", "20190601T060000Z"],
    );
    life.night(OLD, "20190601T060000Z");
}
