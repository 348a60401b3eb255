//! Two users and one mirror: one publishes, the other prunes. The tests run as root, which starts commands as each of them.

use crate::support::rig::tree;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A user by number, which no account needs to have: user and group.
type User = (u32, u32);

const GROUP: u32 = 61_000;
const PUBLISHER: User = (61_001, GROUP);
const PRUNER: User = (61_002, GROUP);
const STRANGER: User = (61_003, 61_003);

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
families:
  - name: all
    match: \"**\"
    keep: [{last: 2}]
    parts: {logs: {paths: [\"logs/**\"], keep: [{last: 1}]}}
";

/// A mirror of the publisher, and a workspace.
struct Shared {
    dir: tempfile::TempDir,
}

impl Shared {
    /// Makes the mirror's root with that mode, and a mirror in it.
    #[track_caller]
    fn new(mode: u32) -> Self {
        let shared = Self { dir: tempfile::tempdir().unwrap() };
        fs::set_permissions(shared.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // Below target, the program may be out of reach for others.
        fs::copy(env!("CARGO_BIN_EXE_mirrorkeep"), shared.at("mirrorkeep")).unwrap();
        let root = shared.at("mirror");
        fs::create_dir(&root).unwrap();
        chown(&root, Some(PUBLISHER.0), Some(GROUP)).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(mode)).unwrap();
        fs::write(shared.at("policy.yaml"), POLICY).unwrap();
        let policy = shared.at("policy.yaml");
        shared.ok(PUBLISHER, &["init", "--layout", "generic", "--policy", policy.to_str().unwrap()]);
        shared
    }

    fn at(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Runs the program as a user with a umask that takes everything from everybody else.
    fn run(&self, (user, group): User, args: &[&str]) -> Output {
        let mut command = Command::new("/bin/sh");
        command.current_dir("/").uid(user).gid(group).env("MIRRORKEEP_MIRROR", self.at("mirror"));
        command.args(["-c", "umask 077; exec \"$0\" \"$@\""]).arg(self.at("mirrorkeep")).args(args);
        command.output().unwrap()
    }

    #[track_caller]
    fn ok(&self, user: User, args: &[&str]) -> String {
        let output = self.run(user, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{user:?} {args:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, user: User, args: &[&str]) -> String {
        let output = self.run(user, args);
        assert_eq!(output.status.code(), Some(1), "{user:?} {args:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Fails when `check` finds more than that a build has no CONTEXT.
    #[track_caller]
    fn is_clean(&self, user: User) {
        let output = self.run(user, &["--json", "check"]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = answer["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["code"] == "context-missing"), "{findings:#?}");
    }

    /// Publishes a build as a user.
    #[track_caller]
    fn publish(&self, user: User, day: u32) -> String {
        let work = self.at("work");
        for (file, text) in [("a.rpm", "the same".to_owned()), ("logs/build.log", format!("log {day}"))] {
            let path = work.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let build = format!("2026060{day}T020000Z");
        self.ok(user, &["publish", work.to_str().unwrap(), "--stream", "main", "--build", &build])
    }

    fn builds(&self) -> Vec<String> {
        let names = fs::read_dir(self.at("mirror/main")).unwrap().map(|entry| entry.unwrap());
        let names = names.filter(|entry| entry.file_type().unwrap().is_dir());
        let mut names: Vec<String> = names.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Returns everything whose mode or group keeps the other user out.
fn closed(root: &Path) -> Vec<String> {
    let all = tree(root).into_iter().map(|line| line.split(' ').next().unwrap().to_owned());
    let wrong = all.filter(|name| {
        let meta = fs::symlink_metadata(root.join(name)).unwrap();
        let (mode, published) =
            (meta.mode() & 0o7777, !name.starts_with(".mirrorkeep") || name.contains("/tree"));
        let right = match (meta.is_dir(), meta.is_symlink()) {
            (_, true) => true,
            (true, _) => mode == if name == ".mirrorkeep" { 0o2770 } else { 0o2775 },
            _ if published => mode == 0o444,
            _ => mode == 0o660,
        };
        !right || meta.gid() != GROUP
    });
    wrong.collect()
}

#[test]
fn a_group_shares_a_mirror_whose_root_says_so() {
    let shared = Shared::new(0o2775);
    for day in 1..=3 {
        shared.publish(PUBLISHER, day);
    }
    assert_eq!(closed(&shared.at("mirror")), [""; 0]);
    // The other user prunes a build and a part of another, brings one back, and each finds all in order.
    shared.ok(PRUNER, &["prune"]);
    assert_eq!(shared.builds(), ["20260602T020000Z", "20260603T020000Z"]);
    assert!(!shared.at("mirror/main/20260602T020000Z/logs").exists());
    assert_eq!(closed(&shared.at("mirror")), [""; 0]);
    shared.ok(PRUNER, &["hold", "main/20260601T020000Z", "--why", "a test"]);
    assert_eq!(shared.builds().len(), 3);
    shared.ok(PUBLISHER, &["unhold", "main/20260601T020000Z"]);
    shared.ok(PUBLISHER, &["prune"]);
    shared.publish(PRUNER, 4);
    shared.publish(PUBLISHER, 5);
    shared.ok(PUBLISHER, &["prune"]);
    shared.ok(PRUNER, &["withdraw", "main/20260604T020000Z", "--why", "a test", "--purge", "--yes"]);
    for user in [PUBLISHER, PRUNER] {
        shared.is_clean(user);
        shared.ok(user, &["verify", "--all"]);
        shared.ok(user, &["recover"]);
        shared.ok(user, &["status"]);
    }
    assert_eq!(closed(&shared.at("mirror")), [""; 0]);
    assert_eq!(
        fs::read_link(shared.at("mirror/main/latest_build")).unwrap().to_str(),
        Some("20260605T020000Z")
    );
}

/// What one user left when the command was killed, the other one finishes or clears.
#[test]
fn the_other_user_clears_what_a_killed_command_left() {
    let shared = Shared::new(0o2775);
    shared.publish(PUBLISHER, 1);
    let work = shared.at("work");
    fs::write(work.join("large"), vec![7; 1 << 20]).unwrap();
    let mut limited = Command::new("/bin/sh");
    limited.current_dir("/").uid(PUBLISHER.0).gid(GROUP).env("MIRRORKEEP_MIRROR", shared.at("mirror"));
    // The file is larger than it may be, so that the publish fails and leaves a stage.
    limited.args(["-c", "ulimit -f 512; exec \"$0\" \"$@\""]).arg(shared.at("mirrorkeep"));
    limited.args(["publish", work.to_str().unwrap(), "--stream", "main", "--build", "20260602T020000Z"]);
    assert!(!limited.status().unwrap().success());
    shared.ok(PRUNER, &["recover", "--discard-stages"]);
    shared.is_clean(PRUNER);
    shared.publish(PUBLISHER, 3);
}

#[test]
fn who_is_left_out_is_told_the_owner_and_the_remedy() {
    let shared = Shared::new(0o2775);
    shared.publish(PUBLISHER, 1);
    let said = shared.fails(STRANGER, &["prune"]);
    for part in
        ["belongs to the user with the number 61001 and the group 61000", "`usermod -aG 61000 61003`", "sudo"]
    {
        assert!(said.contains(part), "{said}");
    }
    // As a restored copy may be: the own area belongs to one user alone.
    let own = shared.at("mirror/.mirrorkeep/journal");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
    let said = shared.fails(PRUNER, &["hold", "main/20260601T020000Z", "--why", "a test"]);
    assert!(said.contains("not open to its group") && said.contains("docs/users.md"), "{said}");

    let alone = Shared::new(0o755);
    alone.publish(PUBLISHER, 1);
    let said = alone.fails(PRUNER, &["prune"]);
    assert!(
        said.contains("belongs to the user with the number 61001") && said.contains("-u '#61001'"),
        "{said}"
    );
    assert!(said.contains("docs/users.md"), "{said}");
    let mode = |at: &str| fs::metadata(alone.at(at)).unwrap().mode() & 0o7777;
    assert_eq!(
        (mode("mirror/.mirrorkeep"), mode("mirror/main"), mode("mirror/.mirrorkeep/lock")),
        (0o700, 0o755, 0o600)
    );
}

/// The commands of the page turn a mirror of one user into one of a group, and the other user can work on.
#[test]
fn the_commands_of_the_page_share_a_mirror_that_was_not() {
    let shared = Shared::new(0o755);
    for day in 1..=3 {
        shared.publish(PUBLISHER, day);
    }
    shared.ok(PUBLISHER, &["prune"]);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/users.md")).unwrap();
    let block = page.split("```sh\n").find(|block| block.contains("chmod 2775")).unwrap();
    let block =
        block.split("```").next().unwrap().replace("/srv/mirror", shared.at("mirror").to_str().unwrap());
    let block = block.replace("chgrp -hR mirror", &format!("chgrp -hR {GROUP}"));
    let output = Command::new("sh").args(["-ec", &block]).output().unwrap();
    assert!(output.status.success(), "{block}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(closed(&shared.at("mirror")), [""; 0]);
    shared.publish(PUBLISHER, 4);
    shared.ok(PRUNER, &["prune"]);
    shared.is_clean(PRUNER);
    assert_eq!(shared.builds().len(), 2);
}
