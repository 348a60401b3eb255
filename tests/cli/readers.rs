//! What readers of names get: public files, the rules of a server, and what happens when one cannot be written.

use crate::support::rig::{Rig, tree};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";
const C: &str = "20181206T060000Z";
const NAME: &str = "readers/master/centos/latest_build";

/// Keeps the newest alone, but for builds that a name left within two days.
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 48h, floor: 1}
families: [{name: all, match: \"**\", keep: [{last: 1}]}]
";

/// Adds settings to a mirror.
fn settings(rig: &Rig, more: &str) {
    let at = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&at).unwrap();
    let text = text.split("readers:").next().unwrap().to_owned();
    fs::write(at, format!("{text}{more}\n")).unwrap();
}

/// Returns a mirror whose readers get lists, with a build that has an RPM repository.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.policy_file(POLICY).write("outputs/RPMS/std/repodata/repomd.xml", "<repomd/>");
    settings(&rig, "readers: {url: https://mirror.example.org}");
    rig
}

fn text(rig: &Rig, below: &str) -> String {
    fs::read_to_string(rig.mirror(below)).unwrap()
}

/// Returns the builds of a list.
fn listed(rig: &Rig) -> Vec<String> {
    let list = text(rig, &format!("{NAME}/mirrorlist"));
    let start = "https://mirror.example.org/master/centos/";
    list.lines().filter_map(|line| Some(line.strip_prefix(start)?.trim_end_matches('/').to_owned())).collect()
}

fn pointer(rig: &Rig) -> Value {
    serde_json::from_str(&text(rig, &format!("{NAME}.json"))).unwrap()
}

/// Returns what `check` finds of the public files.
fn stale(rig: &Rig) -> Vec<String> {
    let found: Value = serde_json::from_slice(&rig.run(&["--json", "check"]).stdout).unwrap();
    let found = found["findings"].as_array().unwrap().iter().filter(|found| found["code"] == "readers-stale");
    found.map(|found| found["found"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_name_that_moves_takes_its_lists_along() {
    let rig = rig();
    rig.builds([A]);
    assert_eq!(listed(&rig), [A]);
    rig.builds([B, C]);
    assert_eq!(listed(&rig), [C, B, A]);
    let found = pointer(&rig);
    assert_eq!(
        (&found["build"], &found["result"]),
        (&format!("master/centos/{C}").into(), &"success".into())
    );
    assert_eq!(found["earlier"][0]["url"], format!("https://mirror.example.org/master/centos/{B}/"));
    let repo = text(&rig, &format!("{NAME}.repo"));
    assert!(
        repo.contains("mirrorlist=https://mirror.example.org/readers/master/centos/latest_build/outputs/RPMS/std/mirrorlist\nmetadata_expire=86400\n"),
        "{repo}"
    );
    assert_eq!(
        text(&rig, &format!("{NAME}/outputs/RPMS/std/mirrorlist")).lines().nth(1).unwrap(),
        format!("https://mirror.example.org/master/centos/{C}/outputs/RPMS/std/")
    );
    // Back, by a person: the one that was left is on the list.
    rig.ok(&[
        "alias",
        "set",
        "master/centos/latest_build",
        &format!("master/centos/{A}"),
        "--allow-backwards",
    ]);
    assert_eq!(listed(&rig), [A, C, B]);
    rig.ok(&["alias", "set", "master/centos/old", &format!("master/centos/{B}")]);
    assert!(rig.mirror("readers/master/centos/old.json").exists());
    rig.ok(&["alias", "remove", "master/centos/old"]);
    assert!(!rig.mirror("readers/master/centos/old.json").exists());
    assert!(!rig.mirror("readers/master/centos/old").exists());
    assert_eq!(stale(&rig), [""; 0]);
}

#[test]
fn a_name_by_way_of_another_has_its_list() {
    let rig = rig();
    rig.builds([A]);
    symlink("centos/latest_build", rig.mirror("master/newest")).unwrap();
    rig.ok(&["export", "readers"]);
    rig.builds([B]);
    let list = text(&rig, "readers/master/newest/mirrorlist");
    assert!(list.contains(&format!("{B}/\nhttps://mirror.example.org/master/centos/{A}/")), "{list}");
}

#[test]
fn what_is_removed_is_on_no_list_before() {
    let rig = rig();
    rig.builds([A, B, C]);
    rig.ok(&["withdraw", &format!("master/centos/{B}"), "--why", "a test"]);
    assert_eq!(listed(&rig), [C, A]);
    rig.ok(&["withdraw", &format!("master/centos/{C}"), "--why", "a test"]);
    assert_eq!(listed(&rig), [A]);
    rig.ok(&["restore", &format!("master/centos/{B}")]);
    assert!(listed(&rig).contains(&B.to_owned()));
    // Without a grace nothing but the current build stays, on disk and on the list.
    rig.policy("keep: [{last: 1}]");
    rig.ok(&["unhold", &format!("master/centos/{B}")]);
    assert_eq!(listed(&rig).len(), 1);
    rig.ok(&["prune", "--accept-clock"]);
    assert_eq!(stale(&rig), [""; 0]);
}

#[test]
fn what_is_not_changed_is_not_written() {
    let rig = rig();
    rig.builds([A]);
    rig.ok(&["alias", "set", "master/centos/other", &format!("master/centos/{A}")]);
    let other = rig.inode("readers/master/centos/other.json");
    let repo = rig.inode(&format!("{NAME}.repo"));
    rig.builds([B]);
    assert_eq!(rig.inode("readers/master/centos/other.json"), other);
    assert_eq!(rig.inode(&format!("{NAME}.repo")), repo);
    let before = tree(&rig.mirror("readers"));
    let told = rig.json(&["export", "readers"]);
    assert_eq!(told["report"]["written"], Value::Array(vec![]), "{told}");
    rig.ok(&["label", &format!("master/centos/{B}"), "a=b"]);
    assert_eq!(tree(&rig.mirror("readers")), before);
}

#[test]
fn check_reports_what_is_out_of_date_and_fixes_it() {
    let rig = rig();
    rig.builds([A, B]);
    let of = stale;
    assert_eq!(of(&rig), [""; 0]);
    let list = rig.mirror(&format!("{NAME}/mirrorlist"));
    fs::remove_file(&list).unwrap();
    assert_eq!(of(&rig), [format!("`{NAME}/mirrorlist` is missing")]);
    fs::write(&list, "# Written by mirrorkeep\n").unwrap();
    fs::write(rig.mirror("readers/gone.json"), "{\n  \"readers\": 1,\n").unwrap();
    fs::write(rig.mirror("readers/README"), "by a person\n").unwrap();
    assert_eq!(of(&rig), ["`readers/gone.json` is of an alias that was removed, and 1 more"]);
    rig.run(&["check", "--fix"]);
    assert_eq!((of(&rig), listed(&rig)), (vec![], vec![B.to_owned(), A.to_owned()]));
    assert!(!rig.mirror("readers/gone.json").exists() && rig.mirror("readers/README").exists());
}

#[test]
fn a_failure_is_a_warning_and_a_field_and_the_next_command_makes_up_for_it() {
    let rig = rig();
    rig.builds([A]);
    // A file of others is in the way of the lists.
    fs::remove_dir_all(rig.mirror(NAME)).unwrap();
    fs::write(rig.mirror(NAME), "in the way").unwrap();
    let work = rig.work("");
    let publish = ["--json", "publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", B];
    let output = rig.run(&publish);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the public files for readers are not up to date"), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["readers"]["failure"].is_string(), "{answer}");
    assert_eq!(rig.latest().as_deref(), Some(B));
    fs::remove_file(rig.mirror(NAME)).unwrap();
    let answer = rig.json(&["label", &format!("master/centos/{A}"), "a=b"]);
    assert_eq!(answer["readers"]["failure"], Value::Null, "{answer}");
    assert_eq!(listed(&rig), [B, A]);
    // Whatever becomes of what was written down, everything comes back.
    for state in ["", "{}", "{\"readers\": 9}"] {
        fs::write(rig.mirror(".mirrorkeep/readers.json"), state).unwrap();
        fs::remove_dir_all(rig.mirror("readers")).unwrap();
        rig.ok(&["label", &format!("master/centos/{A}"), "c=d"]);
        assert_eq!(listed(&rig), [B, A]);
        rig.ok(&["label", &format!("master/centos/{A}"), "--remove", "c"]);
    }
}

#[test]
fn the_server_is_told_after_the_files_and_again_when_that_failed() {
    let rig = rig();
    let out = rig.work("../rules.inc");
    let log = rig.work("../log");
    let command = rig.work("../reload");
    let script = |text: &str| {
        fs::write(&command, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let told = || fs::read_to_string(&log).unwrap_or_default().lines().count();
    let works = format!("grep -q {NAME}.json {0}; echo called >> {0}", log.display());
    script(&works);
    settings(
        &rig,
        &format!(
            "readers: {{url: 'http://m', for: nginx, out: {}, reload: [{}, 'a b']}}",
            out.display(),
            command.display()
        ),
    );
    rig.builds([A]);
    assert_eq!(told(), 1);
    assert!(fs::read_to_string(&out).unwrap().contains(&format!("\"/master/centos/{A}/$1\"")));
    rig.ok(&["label", &format!("master/centos/{A}"), "a=b"]);
    assert_eq!(told(), 1, "nothing moved");
    script("echo no such thing >&2; exit 3");
    rig.write("outputs/iso/bootimage.iso", "other");
    let said =
        rig.run(&["publish", rig.work("").to_str().unwrap(), "--stream", "master/centos", "--build", B]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.contains("' failed: exit status: 3: no such thing")
            || said.contains("failed: exit status: 3: no such thing"),
        "{said}"
    );
    assert!(fs::read_to_string(&out).unwrap().contains(&format!("\"/master/centos/{B}/$1\"")));
    script(&works);
    rig.ok(&["label", &format!("master/centos/{A}"), "c=d"]);
    assert_eq!(told(), 2);
}

#[test]
fn settings_that_cannot_be_used_are_told_by_their_place() {
    let rig = rig();
    for (settings_, said) in [
        ("readers: {urls: x}", "mirror.yaml:"),
        ("readers:\n  url: ftp://x", "`ftp://x` is not an address"),
        ("readers:\n  url: 'https://x/\"'", "is not an address"),
        ("readers:\n  newest: 0", "0 is not a number from 1 to 64"),
        ("readers:\n  path: .mirrorkeep/x", "mirrorkeep's own"),
        ("readers:\n  for: lighttpd\n  out: /x", "`nginx` and `apache` are accepted"),
        ("readers:\n  for: nginx", "it needs `out`, too"),
        ("readers:\n  out: /x", "it needs `for`, too"),
        ("readers:\n  for: nginx\n  out: x", "an absolute path is accepted"),
        ("readers:\n  reload: [x]", "it needs `out`"),
    ] {
        settings(&rig, settings_);
        let output = rig.run(&["list"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() != Some(0) && text.contains(said) && text.contains("mirror.yaml:"),
            "{settings_}: {text}"
        );
    }
}

#[test]
fn a_directory_that_is_missing_for_the_rules_is_named() {
    let rig = rig();
    rig.builds([A]);
    let out = rig.work("../gone/rules.inc");
    settings(&rig, &format!("readers: {{url: 'http://m', for: nginx, out: {}}}", out.display()));
    let said = rig.ends(1, &["export", "readers"]);
    assert!(said.contains("/gone` does not exist") && !said.contains("is unchanged"), "{said}");
}

#[test]
fn a_directory_for_public_files_is_no_stream() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic", "--policy", "none"]);
    let by_hand = "aliases: [{name: x, by_hand: true}, {name: x.json, by_hand: true}]";
    settings(&rig, &format!("readers: {{url: 'http://m'}}\n{by_hand}"));
    rig.publish(A, &[]);
    rig.ok(&["alias", "set", "master/centos/x.json", &format!("master/centos/{A}")]);
    let output = rig.run(&["alias", "set", "master/centos/x", &format!("master/centos/{A}")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is in the way"), "{said}");
    let found: Value = serde_json::from_slice(&rig.run(&["--json", "check"]).stdout).unwrap();
    let found = found["findings"].as_array().unwrap().iter().map(|found| found["path"].as_str().unwrap());
    assert_eq!(found.filter(|path| path.starts_with("readers")).collect::<Vec<_>>(), [""; 0]);
    let work = rig.work("");
    rig.fails(
        2,
        "is below `readers.path` of mirror.yaml",
        &["publish", work.to_str().unwrap(), "--stream", "readers/centos", "--build", B],
    );
}

#[test]
fn rules_are_for_the_names_that_were_asked_for() {
    let rig = Rig::new();
    rig.policy_file(POLICY).builds([A, B]);
    rig.fails(2, "readers: {url: https://mirror.example.org}", &["export", "readers"]);
    let rules = rig.ok(&["export", "readers", "--for", "nginx", "--under", "pub"]);
    assert!(
        rules.contains(&format!(
            "try_files $uri \"/pub/master/centos/{B}/$1\" \"/pub/master/centos/{A}/$1\" @"
        )),
        "{rules}"
    );
    rig.fails(2, "there is no alias `x`", &["export", "readers", "--for", "apache", "x"]);
    let out = rig.work("../rules");
    let args = [
        "export",
        "readers",
        "--for",
        "apache",
        "master/centos/latest_build",
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(rig.json(&[&args[..], &["--dry-run"]].concat())["changed"], true);
    assert!(!out.exists());
    assert_eq!(rig.json(&args)["changed"], true);
    assert_eq!(rig.json(&args)["changed"], false);
    let output = rig.run(&["alias", "set", "master/centos/$x", &format!("master/centos/{A}")]);
    assert!(output.status.success());
    let rules = rig.ok(&["export", "readers", "--for", "nginx"]);
    assert!(rules.contains("/master/centos/\\\\$x/"), "{rules}");
}

#[test]
fn what_readers_do_not_get_yet_is_in_the_status_until_they_get_it() {
    let rig = rig();
    rig.builds([A]);
    let attention = || {
        let status = rig.json(&["status"]);
        let all = status["attention"].as_array().unwrap().clone();
        let mut of_readers = all.into_iter().filter(|one| one["path"] == ".mirrorkeep/readers.json");
        of_readers.next().map(|one| one["why"].as_str().unwrap().to_owned())
    };
    assert_eq!(attention(), None);
    // The directory for the rules is missing, and then the server does not load them.
    let out = rig.mirror("../rules/names.inc");
    let with = |reload: &str| {
        let out = out.display();
        settings(
            &rig,
            &format!(
                "readers: {{url: https://mirror.example.org, for: nginx, out: {out}, reload: [{reload}]}}"
            ),
        );
    };
    with("'true'");
    rig.builds([B]);
    assert_eq!(attention().unwrap(), "the web server has not loaded the newest rules for the aliases");
    fs::create_dir(out.parent().unwrap()).unwrap();
    with("'false'");
    rig.ends(1, &["export", "readers"]);
    assert_eq!(attention().unwrap(), "the web server has not loaded the newest rules for the aliases");
    with("'true'");
    rig.ok(&["export", "readers"]);
    assert_eq!(attention(), None);
    // A name that moved without its lists.
    let state = fs::read(rig.mirror(".mirrorkeep/readers.json")).unwrap();
    rig.builds([C]);
    fs::write(rig.mirror(".mirrorkeep/readers.json"), state).unwrap();
    assert_eq!(attention().unwrap(), "the public files for readers are older than the aliases");
    rig.ok(&["export", "readers"]);
    assert_eq!(attention(), None);
}
