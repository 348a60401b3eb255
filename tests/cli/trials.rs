//! Dry runs: nothing on the disk changes, no line reads as done, and they fail where the real thing would.

use crate::support::requests::Requests;
use crate::support::rig::{Mounted, Rig};
use crate::support::served::Served;
use crate::support::trunk::Trunk;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

const A: &str = "master/centos/20181204T060000Z";
const B: &str = "master/centos/20181205T060000Z";
const C: &str = "master/centos/20181206T060000Z";
const D: &str = "master/centos/20181207T060000Z";

/// Verbs that change nothing that others see, and need no dry run.
const READERS: &[&str] = &[
    "release check",
    "release show-tag",
    "release schema",
    "stages",
    "history",
    "status",
    "metrics",
    "log",
    "events",
    "deliver status",
    "deliver lint",
    "deliver schema",
    "sync lint",
    "sync schema",
    "freshness",
    "trash list",
    "hold list",
    "list",
    "show",
    "diff",
    "images list",
    "images place",
    "census",
    "alias list",
    "resolve",
    "layout list",
    "layout show",
    "layout path",
    "layout place",
    "layout schema",
    "explain",
    "policy list",
    "policy show",
    "policy lint",
    "policy test",
    "policy simulate",
    "policy diff",
    "policy schema",
    "pipeline list",
    "pipeline show",
    "pipeline lint",
    "pipeline test",
    "pipeline schema",
    "verify",
    "completions",
    "man",
    "help",
];

/// Words that say that something happened.
const DONE: &[&str] = &[
    "published",
    "pruned",
    "swept",
    "restored",
    "held",
    "made",
    "wrote",
    "written",
    "cleared",
    "mended",
    "copied",
    "branched",
    "inherited",
    "adopted",
    "accepted",
    "set",
    "removed",
    "moved",
    "let go",
    "withdrew",
    "deleted",
    "overrode",
    "labelled",
    "is gone",
    "recorded",
    "done",
    "->",
];

/// Returns everything below a directory: name, kind, mode, size, time and bytes.
fn snapshot(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            // A dry run may wait for others; the lock says who held it last.
            if path.ends_with(".mirrorkeep/lock") {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            let link = fs::read_link(&path).unwrap_or_default();
            let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
            let time = (meta.mtime(), meta.mtime_nsec());
            let (at, to) = (path.display(), link.display());
            found.insert(format!("{at} {:o} {time:?} {to} {bytes:?}", meta.mode()));
            if meta.is_dir() {
                dirs.push(path);
            }
        }
    }
    found
}

/// Returns the verbs that a help text lists, at the top in groups.
fn verbs(help: &str) -> Vec<String> {
    let groups = help.split("\nPublish:\n").nth(1).and_then(|text| text.split("\nGlobal options").next());
    let below = || help.split("\nCommands:\n").nth(1).and_then(|text| text.split("\n\n").next());
    let list = groups.or_else(below).unwrap_or_default();
    let verbs = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    verbs.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

const PIPELINE: &str = "pipeline: 1
stages:
  - {name: tested, streams: master/centos, require: {votes: [smoke]}, previous: before}
  - {name: later, streams: master/centos, from: tested, require: {votes: [smoke, boot]}}
gates: {smoke: {run: ['false']}}
";

/// A mirror in which every changing verb has something to do.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B, C].map(|id| id.rsplit('/').next().unwrap()));
    rig.ok(&["prune"]);
    rig.builds([D.rsplit('/').next().unwrap()]);
    rig.ok(&["hold", D, "--why", "bug 7"]);
    rig.ok(&["alias", "set", "master/centos/stable", C]);
    // Laid down by others, and an alias that `check --fix` makes relative.
    let theirs = rig.mirror("master/debian/20181204T060000Z");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(rig.mirror(D)).arg(&theirs).status();
    assert!(copied.unwrap().success());
    fs::remove_file(theirs.join("SHA256SUMS")).unwrap();
    symlink(theirs.file_name().unwrap(), rig.mirror("master/debian/latest_build")).unwrap();
    fs::remove_file(rig.mirror("master/centos/stable")).unwrap();
    symlink(rig.mirror(C), rig.mirror("master/centos/stable")).unwrap();
    rig.write("outputs/iso/bootimage.iso", "the next");
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(&pipeline, PIPELINE).unwrap();
    rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    rig.ok(&["vote", C, "smoke", "success"]);
    rig.ok(&["promote"]);
    rig.ok(&["vote", D, "smoke", "success"]);
    rig.ok(&["waive", "later", "smoke", "--until", "3d", "--why", "no hardware"]);
    rig.ok(&["reject", D, "--stage", "later", "--why", "does not boot"]);
    // A subscriber that refuses an event, and one of which events are parked.
    let deliver = "deliver: 1\nto:\n  - {name: refusing, since: 1, run: ['false']}\n  - {name: parking, since: 1, park_after: 0h, run: ['false']}\n";
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    assert_eq!(rig.run(&["deliver"]).status.code(), Some(1));
    fs::create_dir(rig.mirror("").with_file_name("copy")).unwrap();
    let targets = format!(
        "targets: 1\nto: [{{name: copy, directory: '{}'}}]\n",
        rig.mirror("").with_file_name("copy").display()
    );
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    // What was published before has no lists yet.
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(settings, text + "readers: {url: 'http://mirror'}\nsite: {}\nchanges: {}\n").unwrap();
    rig.ok(&["export", "changes"]);
    rig
}

/// Returns the verbs that are neither tried nor known to change nothing.
fn in_no_list(rig: &Rig, all_tried: &[&str]) -> Vec<String> {
    let mut unknown = Vec::new();
    for verb in verbs(&rig.ok(&["--help"])).into_iter().filter(|verb| verb != "help") {
        let below = verbs(&rig.ok(&[&verb, "--help"]));
        let all = if below.is_empty() { vec![verb.clone()] } else { Vec::new() };
        let below = below.into_iter().filter(|below| below != "help").map(|below| format!("{verb} {below}"));
        for verb in all.into_iter().chain(below).filter(|verb| verb != "help") {
            let args: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
            let has = rig.ok(&args).contains("--dry-run");
            let (tried, reads) = (all_tried.contains(&&*verb), READERS.contains(&&*verb));
            if (has, !has) != (tried, reads) {
                unknown.push(verb);
            }
        }
    }
    unknown
}

/// Returns a server of a mirror, and its address.
fn served(rig: &Rig) -> (Served, String) {
    let server = Served::start(&rig.mirror(""));
    let url = server.url();
    (server, url)
}

/// Returns a mirror of a trunk with one build, and its path.
fn trunk() -> (Trunk<'static>, String) {
    let trunk = Trunk::new();
    trunk.publish("compute", 1);
    let path = trunk.mirror("").display().to_string();
    (trunk, path)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each verb")]
fn every_dry_run_changes_nothing_and_says_would() {
    let rig = scene();
    let (work, out, other, new) =
        (rig.work(""), rig.work("../redirects.conf"), rig.work("../other"), rig.work("../new"));
    let (work, out, other, new) =
        (work.to_str().unwrap(), out.to_str().unwrap(), other.to_str().unwrap(), new.to_str().unwrap());
    let mirror = rig.mirror("").display().to_string();
    rig.ok(&["--mirror", other, "init"]);
    let (_trunk, trunk) = trunk();
    let latest = "master/centos/latest_build";
    let pins = rig.work("../pins.yaml").display().to_string();
    fs::write(&pins, "- {name: starlingx/stx-nova, src_build_tag: master-centos-pike}\n").unwrap();
    let (_server, url) = served(&rig);
    let requests = Requests::with_one(&rig, D).at();
    let requests = requests.to_str().unwrap();
    let trials: &[(&str, i32, &[&str])] = &[
        ("init", 0, &["--mirror", new, "init", "--dry-run"]),
        ("init of a mirror", 1, &["init", "--dry-run"]),
        ("publish", 0, &["publish", work, "--stream", "master/centos", "--dry-run"]),
        ("copy", 0, &["copy", &mirror, other, "master/centos", "--dry-run"]),
        (
            "branch",
            0,
            &[
                "branch",
                "feature/x/centos",
                "--like",
                "master/centos",
                "--seed",
                C,
                "--without-stage",
                "tested",
                "--without-stage",
                "later",
                "--dry-run",
            ],
        ),
        ("pull", 0, &["pull", &url, other, "--dry-run"]),
        ("label", 0, &["label", C, "sanity=green", "--dry-run"]),
        ("images pins", 0, &["images", "pins", &pins, "--dry-run"]),
        // Without a stage that carries images; with one it is tried beside registries.
        ("images prune", 2, &["images", "prune", "--dry-run"]),
        ("alias set", 0, &["alias", "set", latest, C, "--allow-backwards", "--dry-run"]),
        ("alias remove", 0, &["alias", "remove", latest, "--dry-run"]),
        ("alias materialize", 2, &["alias", "materialize", latest, "--dry-run"]),
        ("alias dematerialize", 1, &["alias", "dematerialize", latest, "--dry-run"]),
        ("export redirects", 0, &["export", "redirects", "--for", "nginx", "--out", out, "--dry-run"]),
        ("export changes", 0, &["export", "changes", "--dry-run"]),
        ("export cache-rules", 0, &["export", "cache-rules", "--for", "nginx", "--out", out, "--dry-run"]),
        ("export readers", 0, &["export", "readers", "--dry-run"]),
        ("site", 0, &["site", "--dry-run"]),
        ("plan", 0, &["plan", "--publish", "--dry-run"]),
        ("prune", 0, &["prune", "--dry-run"]),
        ("withdraw", 0, &["withdraw", C, "--why", "secret", "--purge", "--dry-run"]),
        (
            "retire",
            0,
            &["retire", "master/centos", "--why", "old", "--no-archive", "--no-redirects", "--dry-run"],
        ),
        ("promote", 0, &["promote", "--dry-run"]),
        ("demote", 0, &["demote", "tested", "--stream", "master/centos", "--why", "bad", "--dry-run"]),
        ("bundle", 0, &["--mirror", &trunk, "bundle", "centos9-master/consistent", "--dry-run"]),
        ("vote", 0, &["vote", D, "boot", "failure", "--dry-run"]),
        ("gate", 0, &["gate", D, "smoke", "--dry-run"]),
        ("waive", 0, &["waive", "later", "boot", "--build", D, "--why", "bug 7", "--dry-run"]),
        ("unwaive", 0, &["unwaive", "later", "smoke", "--dry-run"]),
        ("reject", 0, &["reject", D, "--why", "bad", "--dry-run"]),
        ("unreject", 0, &["unreject", D, "--stage", "later", "--dry-run"]),
        ("restore", 0, &["restore", A, "--dry-run"]),
        ("sweep", 0, &["sweep", "--dry-run"]),
        ("release apply", 0, &["release", "apply", "--requests", requests, "--dry-run"]),
        ("due", 0, &["due", "master/centos", "--request", "--why", "bug 7", "--dry-run"]),
        ("due --run", 0, &["due", "master/centos", "--every", "24h", "--dry-run", "--run", "false"]),
        ("due --unrequest", 0, &["due", "master/centos", "--unrequest", "--dry-run"]),
        // A build that others put there has no manifest yet.
        ("sync", 1, &["sync", "--dry-run"]),
        ("deliver", 0, &["deliver", "--dry-run"]),
        ("deliver replay", 0, &["deliver", "replay", "refusing", "--since", "1", "--dry-run"]),
        ("deliver park", 0, &["deliver", "park", "refusing", "--dry-run"]),
        ("deliver unpark", 0, &["deliver", "unpark", "parking", "--dry-run"]),
        ("hold", 0, &["hold", C, "--why", "bug 8", "--dry-run"]),
        ("unhold", 0, &["unhold", D, "--dry-run"]),
        ("check", 5, &["check", "--fix", "--dry-run"]),
        ("adopt", 0, &["adopt", "--write-sums", "--dry-run"]),
        ("recover", 0, &["recover", "--dry-run"]),
        ("policy set", 0, &["policy", "set", "starlingx", "--dry-run"]),
        ("pipeline set", 0, &["pipeline", "set", "starlingx", "--dry-run"]),
        ("layout set", 0, &["layout", "set", "generic", "--dry-run"]),
    ];
    let parent = rig.mirror("..");
    let before = snapshot(&parent);
    let mut wrong = Vec::new();
    for (verb, code, args) in trials {
        let output = rig.run(args);
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        if output.status.code() != Some(*code) {
            wrong.push(format!("{verb} ended with {:?}:\n{out}{err}", output.status.code()));
        }
        if snapshot(&parent) != before {
            let after = snapshot(&parent);
            wrong.push(format!(
                "{verb} changed {:?}",
                after.symmetric_difference(&before).collect::<Vec<_>>()
            ));
            break;
        }
        // What is refused.
        if verb.ends_with("materialize") || ["init of a mirror", "images prune"].contains(verb) {
            continue;
        }
        // Findings and plans say what is there.
        let lines: Vec<&str> = match *verb {
            "check" | "plan" | "prune" => err.lines().collect(),
            _ => out.lines().chain(err.lines()).collect(),
        };
        // There is nothing that would be done.
        let is_idle = *verb == "recover" && out == "nothing to recover\n";
        if !is_idle && !lines.iter().any(|line| line.contains("would")) {
            wrong.push(format!("{verb} says no `would`:\n{out}{err}"));
        }
        let words = |line: &str| format!(" {} ", line.replace([',', '.', ':', ';', '(', ')'], " "));
        let reads_as_done = |line: &&&str| {
            !line.contains("would") && DONE.iter().any(|done| words(line).contains(&format!(" {done} ")))
        };
        wrong.extend(lines.iter().filter(reads_as_done).map(|line| format!("{verb} reads as done: {line}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let tried: Vec<&str> = trials.iter().map(|(verb, ..)| *verb).collect();
    let unknown = in_no_list(&rig, &tried);
    assert!(unknown.is_empty(), "without a dry run, or without a row here: {unknown:?}");
}

#[test]
fn a_dry_run_of_publish_fails_where_the_real_one_would() {
    let rig = Rig::new();
    let work = rig.work("");
    let publish =
        ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", "20181205T060000Z"];
    let dry = [&publish[..], &["--dry-run"]].concat();
    rig.fails(3, "init", &publish);
    rig.fails(3, "init", &dry);
    let said = rig.ends(0, &[&dry[..], &["--init"]].concat());
    assert!(said.contains("would make a mirror at") && said.contains("would publish"), "{said}");
    assert!(!rig.mirror("").exists());
    symlink("/etc/passwd", rig.work("outputs/leaves")).unwrap();
    rig.fails(1, "outputs/leaves", &[&dry[..], &["--init"]].concat());
    fs::remove_file(rig.work("outputs/leaves")).unwrap();
    fs::create_dir(rig.mirror("")).unwrap();
    let _small = Mounted::tmpfs(&rig.mirror(""), "size=2m");
    rig.ok(&["init"]);
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(4 << 20));
    rig.fails(1, "No space left on device", &dry);
    rig.fails(1, "No space left on device", &publish);
    rig.write("outputs/iso/bootimage.iso", "small");
    assert!(rig.ok(&dry).contains("would publish"));
}
