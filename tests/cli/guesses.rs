//! What a person types who does not know the verb, the option or the setting: each answer names what works when pasted.

use crate::support::rig::{Mounted, Rig};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const A: &str = "20260101T000000Z";
const B: &str = "20260102T000000Z";
const A_ID: &str = "master/centos/20260101T000000Z";

/// Runs a command line that cannot be used: code 2, with that advice, and without the noise of the parser.
#[track_caller]
fn advised(rig: &Rig, args: &[&str], advice: &str) {
    let said = rig.ends(2, args);
    let hint = said.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    assert!(hint.contains(advice), "{args:?}: {said}");
    assert!(!said.contains("tip:") && !said.contains("as a value"), "{args:?}: {said}");
}

#[test]
fn verbs_of_other_tools_name_the_verb_here() {
    let rig = Rig::new();
    for (args, advice) in [
        (&["alias", "add", "x", "y"][..], "`mirrorkeep alias set ALIAS ID`"),
        (&["alias", "rm", "x"], "`mirrorkeep alias remove ALIAS`"),
        (&["set-alias", "x", "y"], "`mirrorkeep alias set ALIAS ID`"),
        (&["serve"], "docs/serving.md"),
        (&["unpublish", A_ID], "`mirrorkeep withdraw ID --why TEXT`"),
        (&["health"], "`mirrorkeep status --check`"),
        (&["tags"], "`mirrorkeep alias list`"),
        (&["move", "a", "b"], "`mirrorkeep alias set ALIAS ID`"),
        (&["rsync"], "`mirrorkeep copy FROM TO`"),
        (&["search", "x"], "`mirrorkeep list"),
        (&["trash", "empty"], "`mirrorkeep sweep`"),
        (&["trash"], "`mirrorkeep trash list`"),
        (&["policy", "apply", "x"], "`mirrorkeep policy set FILE`"),
        (&["policy", "validate", "x"], "`mirrorkeep policy lint FILE`"),
        (&["hold", "remove", A_ID], "`mirrorkeep unhold ID`"),
        (&["hold", "rm", A_ID, "--why", "x"], "`mirrorkeep unhold ID`"),
        (&["hold", "add", A_ID, "--why", "x"], "`mirrorkeep hold ID --why TEXT`"),
        (&["hold", "ls"], "`mirrorkeep hold list`"),
        (&["get", "builds"], "`mirrorkeep list`"),
        (&["describe", A_ID], "`mirrorkeep show ID`"),
        (&["rollout", "undo"], "`mirrorkeep demote STAGE"),
        (&["apply", "-f", "x.yaml"], "`mirrorkeep policy set FILE`"),
        (&["empty-trash"], "`mirrorkeep sweep`"),
        (&["trash", "rm", A_ID], "`mirrorkeep sweep`"),
        (&["release", "list"], "`mirrorkeep events --type release.applied`"),
        (&["release", "create"], "`mirrorkeep release apply`"),
        (&["pipeline", "run"], "`mirrorkeep promote`"),
    ] {
        advised(&rig, args, advice);
    }
}

#[test]
fn what_is_typed_behind_a_verb_that_takes_no_such_thing_names_what_does_that() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    for (args, advice) in [
        (&["man", "/tmp/man"][..], "`mirrorkeep man --out /tmp/man`"),
        (&["man", "status"], "`mirrorkeep help status`"),
        (&["layout", "show", "starlingx"], "`mirrorkeep layout show --layout starlingx`"),
        (&["status", "master/centos"], "`mirrorkeep list master/centos`"),
        (&["prune", A_ID], "`mirrorkeep withdraw ID --why TEXT`"),
        (&["prune", "--at", "3d"], "`mirrorkeep plan --at 3d --expiring`"),
        (&["verify", "5%"], "`mirrorkeep verify --sample 5%`"),
        (&["promote", "stable", A_ID], &format!("`mirrorkeep promote STAGE --build {A_ID}`")),
        (&["promote", "stable", "--stream", "master/centos", "--build", A_ID], "leave out `--stream`"),
        (&["label", A_ID, "--add", "a=b"], "`mirrorkeep label ID KEY=VALUE`"),
        (&["events", "-f"], "`--follow`"),
        (&["unhold", "--all"], "`mirrorkeep hold list`"),
        (&["sync", "--to", "/mnt"], "targets.yaml"),
        (&["show", "--latest"], "`mirrorkeep show STREAM/latest_build`"),
        (&["list", "-C", "/srv"], "`--mirror DIR|URL`"),
        (&["export", "redirects"], "`--for nginx`"),
        (&["vote", A_ID, "smoke", "pass"], "`success`"),
        (&["policy", "set"], "`mirrorkeep policy set FILE`"),
        (&["copy", A_ID, "/mnt/spare"], &format!("/mnt/spare {A_ID}` copies it")),
        (&["show", "master/centos"], "`mirrorkeep list master/centos` lists its builds"),
        (&["history", "latest_build"], "the whole name is `master/centos/latest_build`"),
        (&["restore", A], "`mirrorkeep trash list`"),
    ] {
        advised(&rig, args, advice);
    }
    rig.ok(&["withdraw", A_ID, "--why", "x"]);
    advised(&rig, &["restore", A], &format!("`mirrorkeep restore {A_ID}` restores it"));
    // The value of an option is no word behind the verb.
    let said = rig.ends(2, &["prune", "--accept", "yes"]);
    assert!(said.contains("`yes` is not a digest") && !said.contains("hint: "), "{said}");
    // The usage is that of the verb, and names no other option.
    let said = rig.ends(2, &["list", "--reversed"]);
    assert!(said.contains("Usage: mirrorkeep list [OPTIONS]"), "{said}");
}

#[test]
fn an_alias_without_its_stream_is_answered_where_a_stream_has_its_place() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.write("f", "x").work("").to_str().unwrap().to_owned();
    rig.ok(&["publish", &work, "--stream", "main/debian", "--build", A]);
    let set = ["alias", "set", "latest_build", &format!("main/debian/{A}")];
    advised(&rig, &set, "the whole name is `main/debian/latest_build`");
}

#[test]
fn words_that_are_read_as_names_are_answered_when_there_is_no_such_name() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let settings =
        |name: &str, text: &str| fs::write(rig.mirror(&format!(".mirrorkeep/{name}")), text).unwrap();
    settings("deliver.yaml", "deliver: 1\nto: [{name: hook, run: [/bin/true]}]\n");
    settings("targets.yaml", "targets: 1\nto: [{name: spare, directory: /nowhere}]\n");
    for (args, advice) in [
        (&["deliver", "retry"][..], "`mirrorkeep deliver unpark NAME`"),
        (&["deliver", "skip"], "`mirrorkeep deliver park NAME`"),
        (&["deliver", "list"], "`mirrorkeep deliver status`"),
        (&["sync", "status"], "`mirrorkeep freshness`"),
    ] {
        advised(&rig, args, advice);
    }
}

#[test]
fn numbers_of_seconds_have_units_and_numbers_of_events_say_that_they_are_no_times() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    for wait in ["0", "90", "90s", "1m", "2h", "1d"] {
        rig.ok(&["list", "--wait", wait]);
    }
    for wait in ["", "m", "1.5m", "-1", "5x", "99999999999d"] {
        let said = rig.ends(2, &["list", &format!("--wait={wait}")]);
        assert!(said.contains("`90s` or `5m`"), "{wait}: {said}");
    }
    for args in [&["events", "--since", "1d"][..], &["deliver", "replay", "ci", "--since", "2026-12-01"]] {
        let said = rig.ends(2, args);
        assert!(
            said.contains("number of an event") && said.contains("`mirrorkeep log --since 1d`"),
            "{said}"
        );
    }
}

#[test]
fn a_verb_that_lacks_something_names_what_it_lacks() {
    let rig = Rig::new();
    for (args, advice) in [
        (&["verify"][..], "`mirrorkeep verify --all`"),
        (&["verify"], "`mirrorkeep verify --sample 5%`"),
        (&["publish", "out"], "`--git-branch BRANCH`"),
        (&["hold"], "`mirrorkeep hold list`"),
        (&["hold", "--until", "tomorrow"], "`mirrorkeep hold list`"),
        (&["restore"], "`mirrorkeep trash list`"),
        (&["unhold"], "`mirrorkeep hold list`"),
        (&["history"], "`mirrorkeep alias list`"),
    ] {
        advised(&rig, args, advice);
    }
}

#[test]
fn options_of_other_tools_name_the_option_here() {
    let rig = Rig::new();
    for (args, advice) in [
        (&["prune", "-n"][..], "`--dry-run`"),
        (&["alias", "set", "-n", "x", "y"], "`--dry-run`"),
        (&["prune", "--yes"], "`mirrorkeep prune --dry-run`"),
        (&["prune", "-y"], "does not ask"),
        (&["prune", "--keep-last", "5"], "`mirrorkeep policy set FILE`"),
        (&["prune", "--keep-last=5"], "`mirrorkeep policy set FILE`"),
        (&["prune", "--policy", "x"], "`mirrorkeep policy show`"),
        (&["list", "--latest"], "`mirrorkeep list --sort created --limit 1`"),
        (&["list", "--format", "json"], "`--json`"),
        (&["list", "-l"], "`mirrorkeep show ID`"),
        (&["list", "--long"], "`mirrorkeep show ID`"),
        (&["publish", "-s", "x"], "`--stream STREAM`"),
        (&["policy", "simulate", "--days", "9"], "`--for 30d`"),
        (&["publish", "out", "--stream", "a/b", "--result", "unstable"], "`fail`"),
    ] {
        advised(&rig, args, advice);
    }
    // Where nothing better is known, the parser's tip is shown, but not how to pass an option as a value.
    let said = rig.ends(2, &["list", "--sorts"]);
    assert!(said.contains("'--sort'") && !said.contains("as a value"), "{said}");
}

#[test]
fn advice_keeps_the_mirror_that_was_typed() {
    let rig = Rig::new();
    for at in [&["--mirror", "/srv/other"][..], &["--mirror=/srv/other"]] {
        for (args, advice) in [
            (&["ls"][..], "`mirrorkeep --mirror /srv/other list`"),
            (&["verify"], "`mirrorkeep --mirror /srv/other verify --all`"),
            (&["alias", "add"], "`mirrorkeep --mirror /srv/other alias set ALIAS ID`"),
        ] {
            advised(&rig, &[at, args].concat(), advice);
        }
    }
    let said = rig.ends(2, &["--json", "--mirror", "/srv/other", "ls"]);
    let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert!(last["hint"].as_str().unwrap().contains("`mirrorkeep --mirror /srv/other list`"), "{last}");
}

#[test]
fn the_verify_of_a_finding_names_the_build() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let file = rig.mirror(&format!("{A_ID}/outputs/RPMS/std/a.rpm"));
    fs::remove_file(&file).unwrap();
    fs::write(&file, "other").unwrap();
    let said = rig.ends(5, &["check"]);
    assert!(said.contains(&format!("`mirrorkeep verify {A_ID}`")), "{said}");
    rig.fails(5, "", &["verify", A_ID]);
    fs::remove_file(&file).unwrap();
    let said = rig.ends(5, &["check"]);
    assert!(!said.contains("`mirrorkeep verify`"), "{said}");
}

#[test]
fn a_plan_without_a_policy_names_how_to_get_one() {
    let rig = Rig::new();
    rig.ok(&["init", "--policy", "none"]);
    for verb in ["plan", "prune"] {
        rig.fails(2, "`mirrorkeep policy set generic` puts one in force", &[verb]);
    }
    rig.ok(&["policy", "set", "generic"]);
    rig.ok(&["plan"]);
}

#[test]
fn a_full_disk_names_what_the_trash_would_free() {
    let rig = Rig::new();
    fs::create_dir_all(rig.mirror("")).unwrap();
    let _disk = Mounted::tmpfs(&rig.mirror(""), "size=12m");
    rig.policy("keep: [{last: 1}]");
    let big = |name: &str| rig.write("outputs/iso/bootimage.iso", &name.repeat(3 << 20));
    big("a").publish(A, &[]);
    big("b").publish(B, &[]);
    rig.ok(&["prune"]);
    rig.write("outputs/iso/bootimage.iso", &"c".repeat(9 << 20));
    let work = rig.work("").to_str().unwrap().to_owned();
    let publish = ["publish", &work, "--stream", "master/centos", "--build", "20260103T000000Z"];
    let said = rig.ends(1, &publish);
    assert!(said.contains("`mirrorkeep sweep` empties the trash, which frees up to 3.00 MiB"), "{said}");
}

#[test]
fn a_shortfall_names_what_stands_in_the_way() {
    let rig = Rig::new();
    fs::create_dir_all(rig.mirror("")).unwrap();
    let _disk = Mounted::tmpfs(&rig.mirror(""), "size=12m");
    rig.policy_file(
        "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\npressure: {free_below: 90%, until_free: 95%}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 1}]}\n",
    );
    rig.write("outputs/iso/bootimage.iso", &"a".repeat(3 << 20)).publish(A, &[]);
    rig.write("outputs/iso/bootimage.iso", &"b".repeat(3 << 20)).publish(B, &[]);
    rig.ok(&["hold", A_ID, "--why", "bug 7"]);
    for args in [&["plan"][..], &["prune"]] {
        let said = rig.ends(8, args);
        assert!(
            said.contains("cannot be freed: ") && said.contains("`hold` keeps 1 build"),
            "{args:?}: {said}"
        );
    }
    let attention = rig.json(&["status"])["attention"].to_string();
    assert!(attention.contains("`hold` keeps 1 build"), "{attention}");
}

#[test]
fn a_bucket_without_credentials_says_so_at_once_whatever_answers_for_the_cloud() {
    let rig = Rig::new();
    // A proxy that refuses the address of the cloud's service.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _asked = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\ndenied").unwrap();
        }
    });
    let mut command = rig.command(&["--mirror", "s3://bucket/mirror", "list"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_METADATA_ENDPOINT", service).env("NO_PROXY", "127.0.0.1");
    let started = Instant::now();
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there are no credentials") && said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    assert!(!said.contains("/latest/api/token") && !said.contains("Generic"), "{said}");
}

#[test]
fn a_build_that_is_not_there_says_where_it_is_or_went() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["prune"]);
    for args in [&["label", A_ID, "a=b"][..], &["show", A_ID], &["explain", A_ID]] {
        rig.fails(1, &format!("`mirrorkeep restore {A_ID}` restores it"), args);
    }
    rig.ok(&["sweep"]);
    for args in [&["label", A_ID, "a=b"][..], &["show", A_ID], &["explain", A_ID]] {
        rig.fails(1, "it was deleted from the trash at ", args);
        rig.fails(1, &format!("`mirrorkeep log {A_ID}`"), args);
    }
    assert!(rig.ok(&["log", A_ID]).contains(A));
    let never = "master/centos/20250101T000000Z";
    for args in [&["label", never, "a=b"][..], &["show", never]] {
        rig.fails(1, "`mirrorkeep list master/centos` lists the builds of the stream", args);
    }
    rig.fails(1, "`mirrorkeep trash list`", &["restore", never]);
    rig.fails(1, "`mirrorkeep alias list`", &["resolve", "master/centos/never"]);
}

#[test]
fn a_name_that_the_layout_does_not_know_is_set_with_a_warning_and_can_be_made_known() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let set = ["alias", "set", "master/centos/latest_buld", A];
    let said = rig.ends(0, &set);
    assert!(said.contains("warning: the layout has no name `latest_buld`"), "{said}");
    assert!(said.contains("(nearest: `latest_build`)"), "{said}");
    assert!(said.contains("`mirrorkeep alias remove master/centos/latest_buld`"), "{said}");
    let known = rig.ends(0, &["alias", "set", "master/centos/latest_build", A, "--dry-run"]);
    assert!(!known.contains("warning"), "{known}");
    // What check advises works when it is pasted.
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    let unknown =
        findings.as_array().unwrap().iter().find(|found| found["code"] == "alias-unknown").unwrap().clone();
    let hint = unknown["hint"].as_str().unwrap();
    let entry = hint.split('`').nth(1).unwrap();
    assert_eq!(entry, "{name: latest_buld, by_hand: true}");
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}aliases: [{entry}]\n")).unwrap();
    let found = rig.json_ends(5, &["check"])["findings"].to_string();
    assert!(!found.contains("alias-unknown"), "{found}");
    assert!(!rig.ends(0, &set).contains("warning"));
    // No build moves it.
    rig.publish(B, &[]);
    assert_eq!(rig.ok(&["resolve", "master/centos/latest_buld"]), format!("{A_ID}\n"));
    fs::write(&settings, text).unwrap();
    rig.ok(&["alias", "remove", "master/centos/latest_buld"]);
}

#[test]
fn what_check_advises_for_files_beside_the_streams_works_for_all_of_them_at_once() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let paste = |found: &str| {
        let hint = found.split('`').find(|part| part.starts_with("declared: ")).unwrap().to_owned();
        let text = fs::read_to_string(&settings).unwrap();
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("declared")).collect();
        fs::write(&settings, format!("{}\n{hint}\n", kept.join("\n"))).unwrap();
    };
    fs::write(rig.mirror("README.txt"), "x").unwrap();
    fs::write(rig.mirror("master/NOTES"), "x").unwrap();
    fs::create_dir(rig.mirror("icons")).unwrap();
    fs::write(rig.mirror("icons/a.png"), "x").unwrap();
    let said = rig.run(&["check"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said.matches("declared: [README.txt, icons, master/NOTES]").count(), 3, "{said}");
    assert!(!said.contains("nearest   milestone"), "{said}");
    paste(&said);
    assert!(
        rig.json_ends(5, &["check"])["findings"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["code"] != "unknown-class")
    );
    // Another one comes later: the key stays one.
    fs::write(rig.mirror("MORE.txt"), "x").unwrap();
    let said = String::from_utf8(rig.run(&["check"]).stdout).unwrap();
    assert!(said.contains("declared: [README.txt, icons, master/NOTES, MORE.txt]"), "{said}");
    paste(&said);
    let findings = rig.json_ends(5, &["check"])["findings"].to_string();
    assert!(!findings.contains("unknown-"), "{findings}");
}

#[test]
fn a_label_that_a_second_publish_sets_is_reported() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let again = rig.publish(A, &["--label", "job=17"]);
    assert!(
        again.contains("already published, labelled now: ") && again.contains("labels set: job=17"),
        "{again}"
    );
    let again = rig.publish(A, &["--label", "job=17"]);
    assert!(again.contains("already published, unchanged: ") && !again.contains("job=17"), "{again}");
}

#[test]
fn a_policy_that_was_set_is_not_reported_as_one_that_would_be() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B]);
    let file = rig.work("new.yaml");
    fs::write(
        &file,
        "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 1}]}\n",
    )
    .unwrap();
    let set = ["policy", "set", file.to_str().unwrap()];
    let would = rig.ok(&[&set[..], &["--dry-run"]].concat());
    assert!(would.contains("1 more build would expire, 0 more would be kept"), "{would}");
    let waits = "1 build would be withheld from prune (policy_change defer: the policy was edited)";
    assert!(would.contains(waits) && !would.contains("--accept"), "{would}");
    let done = rig.ok(&set);
    assert!(
        done.contains("1 more build will expire, 0 more will be kept") && !done.contains("would"),
        "{done}"
    );
    let again = rig.ok(&set);
    assert!(again.starts_with("no build is affected now\n1 build is withheld from prune"), "{again}");
    // The command works when it is pasted.
    let accept = again.split('`').find(|part| part.contains("--accept")).unwrap().to_owned();
    rig.ok(&["prune", "--accept", accept.split(' ').next_back().unwrap()]);
    assert_eq!(rig.there(), [B]);
    assert!(!rig.ok(&set).contains("withheld"));
}

#[test]
fn a_policy_that_is_set_names_what_expires_once_the_protections_of_age_are_over() {
    let rig = Rig::new();
    let policy = |name: &str, pattern: &str| {
        let file = rig.work("..").join(name);
        let text = format!(
            "version: 1\ndefaults: {{floor: 1}}\nfamilies:\n  - {{name: all, match: \"{pattern}\", keep: [{{last: 1}}]}}\n"
        );
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    rig.ok(&["init", "--policy", &policy("old.yaml", "*")]);
    rig.builds([A, B]);
    let status = rig.json(&["status"])["attention"].to_string();
    assert!(
        status.contains("no family of the policy fits any stream") && status.contains("`**`"),
        "{status}"
    );
    let new = policy("new.yaml", "**");
    let would = rig.ok(&["policy", "set", &new, "--dry-run"]);
    assert!(would.starts_with("no build is affected now\n1 more build would expire until "), "{would}");
    let said = rig.ok(&["policy", "set", &new]);
    let soon =
        "once `min_age` and `superseded_grace` are over; 1 of these will be withheld until a person accepts";
    assert!(said.contains("1 more build will expire until ") && said.contains(soon), "{said}");
    let plan = rig.json_ends(4, &["plan", "--at", "3d"]);
    assert_eq!(plan["totals"]["withheld"], 1, "{plan}");
    let set = rig.json(&["policy", "set", &new]);
    assert_eq!(set["waiting"]["withheld"], serde_json::json!([]));
    // What plan withholds for a day, a simulation deletes, and says so.
    let series = rig.json(&["policy", "simulate", "--for", "5d"]);
    let deferred: u64 =
        series["series"].as_array().unwrap().iter().map(|one| one["deferred"].as_u64().unwrap()).sum();
    assert_eq!(deferred, 1, "{series}");
    let chart = rig.ok(&["policy", "simulate", "--for", "5d"]);
    assert!(chart.contains("until a person accepts the plan (policy_change: defer)"), "{chart}");
}

#[test]
fn what_is_withheld_is_deleted_one_by_one_or_all_together_and_explain_says_which() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A, B, "20260103T000000Z"]);
    let file = rig.work("..").join("new.yaml");
    let text = "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 1}]}\n";
    fs::write(&file, text).unwrap();
    rig.ok(&["policy", "set", file.to_str().unwrap()]);
    let said = rig.ok(&["explain", A_ID]);
    let line = |what: &str| said.lines().find(|line| line.trim_start().starts_with(what)).unwrap_or_default();
    assert!(line("to delete it ").contains(&format!("`mirrorkeep withdraw {A_ID} --why '…'`")), "{said}");
    assert!(line("to accept all").contains("` deletes what is withheld of all 2 builds"), "{said}");
    // A plan for another instant is not accepted.
    assert!(!rig.ok(&["explain", A_ID, "--at", "3d"]).contains("--accept"));
    rig.ok(&["withdraw", A_ID, "--why", "…"]);
    assert_eq!(rig.there().len(), 2);
}

#[test]
fn a_plan_can_leave_out_what_stays() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    for args in [&["plan"][..], &["prune", "--dry-run"]] {
        let all = rig.ok(args);
        assert!(all.contains(A) && all.contains(B), "{all}");
        let short = rig.ok(&[args, &["--expiring"]].concat());
        assert!(short.contains(A) && !short.contains(B), "{short}");
        assert!(short.contains("1 build kept, 1 expired (deletion frees "), "{short}");
        let both = rig.json(&[args, &["--expiring"]].concat());
        assert_eq!(both["builds"].as_array().unwrap().len(), 2);
    }
    rig.fails(2, "--dry-run", &["prune", "--expiring"]);
}

#[test]
fn answers_use_the_words_of_the_field() {
    let rig = Rig::new();
    rig.publish(A, &[]);
    let verified = rig.ok(&["verify", A_ID]);
    assert!(verified.starts_with("verified ") && verified.ends_with("): OK\n"), "{verified}");
    let checked = rig.ends(5, &["check"]);
    assert!(checked.contains("in 1 build (8 files, links and directories)"), "{checked}");
    assert_eq!(rig.ok(&["unhold", A_ID]), format!("{A_ID} is not held\n"));
    rig.fails(1, "it is a build or directory itself, not an alias", &["resolve", "master/centos"]);
    for args in [&["restore", "master/centos/nope"][..], &["hold", "master/centos/nope", "--why", "bug-7"]] {
        rig.fails(2, "there is no build or alias `master/centos/nope`", args);
        rig.fails(2, "`mirrorkeep list master/centos` lists the builds", args);
    }
    let hint = format!("give the stream, too: `mirrorkeep alias set STREAM/latest_build {A}`");
    rig.fails(1, &hint, &["alias", "set", "latest_build", A]);
    rig.fails(3, "is not a mirror", &["--mirror", rig.work("").to_str().unwrap(), "list"]);
    rig.fails(
        2,
        "is not a valid build name",
        &["publish", rig.work("").to_str().unwrap(), "--stream", "master/centos", "--build", "latest"],
    );
}
