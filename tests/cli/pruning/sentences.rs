//! What pruning promises, said on the command line.

use crate::support::rig::{Rig, tree};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const D: &str = "20261004T000000Z";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Returns everything below a directory with inodes and times, to the nanosecond.
fn exactly(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
            lines.push(format!(
                "{} {} {:o} {} {times:?}",
                path.display(),
                meta.ino(),
                meta.mode(),
                meta.size()
            ));
            if meta.is_dir() {
                dirs.push(path);
            }
        }
    }
    lines.sort();
    lines
}

#[test]
fn an_alias_target_is_never_dropped() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["alias", "set", "master/centos/current", A, "--allow-backwards"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, C]);
    rig.ok(&["alias", "remove", "master/centos/current"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_pruned_build_goes_as_a_whole_and_comes_back_byte_for_byte() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let before = exactly(&rig.mirror(&id(A)));
    let listed = rig.json(&["show", &id(A)]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B]);
    for verb in ["show", "explain"] {
        rig.fails(1, &format!("`mirrorkeep restore {}` restores it", id(A)), &[verb, &id(A)]);
        rig.fails(1, "is in the trash until", &[verb, &id(A)]);
    }
    rig.fails(1, "there is no build", &["explain", &id(D)]);
    assert!(rig.ok(&["restore", &id(A)]).contains("held until"));
    assert_eq!(exactly(&rig.mirror(&id(A))), before);
    assert_eq!(rig.json(&["show", &id(A)])["published"], listed["published"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, B]);
    rig.ok(&["unhold", &id(A)]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B]);
    rig.fails(1, "is not in the trash", &["restore", &id(B)]);
}

#[test]
fn deadlines_are_written_for_consumers_and_name_only_parts_that_go() {
    let rig = Rig::new();
    rig.policy_file("version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 2}], parts: {bulky: {paths: [\"inputs/**\"], keep: [{last: 1}]}}}\n");
    rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    let going = || {
        rig.ok(&["plan", "--publish"]);
        let text = fs::read(rig.mirror("master/centos/retention.json")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
        told["builds"][0]["parts_going"].clone()
    };
    assert_eq!(going(), serde_json::json!(["bulky"]));
    rig.ok(&["prune"]);
    assert_eq!(going(), serde_json::json!([]));
    // An object also where there is nothing in it.
    assert_eq!(rig.json(&["show", &id(A)])["labels"], serde_json::json!({}));
}

#[test]
fn a_hold_keeps_a_build_until_it_is_taken_back_or_over() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["hold", &id(A), "--why", "bug 7", "--until", "2999-01-31"]);
    rig.fails(2, "is not in the future", &["hold", &id(B), "--why", "bug 8", "--until", "2020-01-31"]);
    rig.fails(2, "`2020-13-01` is", &["hold", &id(B), "--why", "bug 8", "--until", "2020-13-01"]);
    rig.fails(1, "there is no build", &["hold", &id(D), "--why", "bug 9"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, C]);
    let shown = rig.json(&["explain", &id(A)]);
    assert_eq!(shown["build"]["reasons"][0]["rule"], "hold");
    assert_eq!(shown["build"]["kept_until"], "2999-01-31T23:59:59Z");
    // Held again while it lies in the trash, a build comes back at once.
    assert!(rig.ok(&["hold", &id(B), "--why", "bug 8"]).contains("was restored from the trash"));
    assert_eq!(rig.there(), [A, B, C]);
    rig.ok(&["unhold", &id(A), "--why", "bug 7"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B, C]);
}

#[test]
fn what_gains_a_name_while_it_lies_in_the_trash_comes_back() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    symlink(format!("master/centos/{A}/outputs"), rig.mirror("wanted")).unwrap();
    let said = rig.ok(&["sweep"]);
    assert!(said.contains(&format!("restored  {}", id(A))), "{said}");
    assert_eq!(rig.there(), [A, C]);
    assert!(rig.mirror("wanted/iso").is_dir());
}

#[test]
fn brakes_withhold_and_one_plan_can_be_accepted() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    let braked = "version: 1\nbrakes: {stream: {count: 1}}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: all, match: \"**\", keep: [{last: 1}]}]\n";
    rig.policy_file(braked);
    let said = rig.ends(4, &["prune"]);
    assert!(said.contains("withheld: 2 builds"), "{said}");
    assert_eq!(rig.there(), [A, B, C]);
    let plan: serde_json::Value = serde_json::from_str(&rig.ends(4, &["--json", "plan"])).unwrap();
    assert_eq!(plan["totals"]["withheld"], 2);
    rig.ends(4, &["prune", "--accept", &format!("sha256:{}", "0".repeat(64))]);
    assert_eq!(rig.there(), [A, B, C]);
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(rig.there(), [C]);
    rig.fails(2, "expected the one that `mirrorkeep plan` showed", &["prune", "--accept", "yes"]);
}

#[test]
fn a_changed_policy_waits_until_somebody_accepts_what_it_lets_go() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    rig.policy("keep: [{last: 1}]");
    rig.ends(4, &["prune"]);
    rig.ends(4, &["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
    let plan: serde_json::Value = serde_json::from_str(&rig.ends(4, &["--json", "plan"])).unwrap();
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(rig.there(), [C]);
    rig.builds([D]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [D]);
}

#[test]
fn builds_that_vanish_without_a_word_freeze_their_stream() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B]);
    rig.ok(&["prune"]);
    rig.builds([C]);
    fs::remove_dir_all(rig.mirror(&id(B))).unwrap();
    fs::remove_dir_all(rig.mirror(&id(A))).unwrap();
    rig.builds([D]);
    fs::remove_dir_all(rig.mirror(&id(C))).unwrap();
    rig.builds(["20261005T000000Z"]);
    fs::remove_dir_all(rig.mirror(&id(D))).unwrap();
    let plan = rig.json(&["plan"]);
    assert_eq!(plan["totals"]["keep"], 1, "{plan}");
    rig.policy("keep: []").builds(["20261006T000000Z"]);
    fs::remove_dir_all(rig.mirror(&id("20261005T000000Z"))).unwrap();
    assert_eq!(rig.there(), ["20261006T000000Z"]);
}

#[test]
fn a_required_alias_that_leads_nowhere_freezes_its_stream() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    let said = rig.ends(4, &["prune"]);
    assert!(said.contains("withheld"), "{said}");
    symlink("latest_build", rig.mirror("master/centos/latest_build")).unwrap();
    rig.ends(4, &["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
}

#[test]
fn parts_go_in_one_step_and_come_back() {
    let rig = Rig::new();
    rig.write("inputs/RPMS/x86_64/a.rpm", "an input");
    rig.policy("keep: [{last: 2}], parts: {bulky: {paths: [\"inputs/**\"], keep: [{last: 1}]}}")
        .builds([A, B]);
    let whole = tree(&rig.mirror(&id(A)));
    let said = rig.ok(&["prune"]);
    assert!(said.contains(&format!("trimmed   {}  without bulky", id(A))), "{said}");
    assert!(!rig.mirror(&format!("{}/inputs", id(A))).exists());
    assert!(rig.mirror(&format!("{}/inputs", id(B))).exists());
    rig.sums_hold(&id(A));
    assert_eq!(rig.json(&["plan"])["builds"][0]["parts"]["bulky"], "gone");
    assert!(!rig.ok(&["prune"]).contains("trimmed"));
    rig.ok(&["restore", &id(A)]);
    assert_eq!(tree(&rig.mirror(&id(A))), whole);
    rig.sums_hold(&id(A));
    rig.ok(&["prune"]);
    assert_eq!(tree(&rig.mirror(&id(A))), whole);
}

#[test]
fn looking_changes_nothing_on_the_disk() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    let before = exactly(&rig.mirror(""));
    rig.ok(&["plan"]);
    rig.ok(&["explain", &id(A)]);
    rig.ok(&["prune", "--dry-run"]);
    rig.ok(&["sweep", "--dry-run"]);
    rig.ok(&["hold", &id(A), "--why", "x", "--dry-run"]);
    rig.ends(5, &["policy", "lint"]);
    rig.ok(&["policy", "test"]);
    rig.ok(&["policy", "simulate", "--for", "30d"]);
    rig.ok(&["list"]);
    let after = exactly(&rig.mirror(""));
    let changed: Vec<&String> = after.iter().filter(|line| !before.contains(line)).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "{changed:?}");
}

#[test]
fn zone_language_and_mask_of_the_host_do_not_matter() {
    let rig = Rig::new();
    rig.policy("keep: [{weekly: {count: 2}}]").builds([A, B, C, D]);
    let digest = |environment: [(&str, &str); 3], mask: &str| {
        let script = format!("umask {mask}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_mirrorkeep"), "--json", "--mirror"])
            .arg(rig.mirror(""));
        let output =
            command.args(["plan", "--at", "2026-11-21T00:00:00Z"]).envs(environment).output().unwrap();
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    };
    let here = digest([("TZ", "UTC"), ("LANG", "C"), ("LC_ALL", "C")], "022");
    let there =
        digest([("TZ", "Pacific/Kiritimati"), ("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8")], "077");
    assert_eq!(here, there);
}

#[test]
fn a_sweep_follows_no_link_and_goes_on_after_a_failure() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    let canary = rig.work("canary");
    fs::create_dir_all(&canary).unwrap();
    fs::write(canary.join("file"), "precious").unwrap();
    let trash: Vec<_> =
        fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().map(|entry| entry.unwrap().path()).collect();
    for at in &trash {
        symlink(&canary, at.join("tree/outputs/away")).unwrap();
        symlink("../../../../..", at.join("tree/up")).unwrap();
    }
    // What is mounted there is not ours.
    let mounted = trash[0].join("tree/outputs/mounted");
    fs::create_dir(&mounted).unwrap();
    let status = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mounted).status().unwrap();
    assert!(status.success(), "mounting needs root");
    fs::write(mounted.join("file"), "precious").unwrap();
    let said = rig.ends(1, &["sweep"]);
    let kept = fs::read_to_string(mounted.with_extension("").join("file")).or_else(|_| {
        let going = trash[0].with_extension("going").join("tree/outputs/mounted/file");
        fs::read_to_string(going)
    });
    let going = trash[0].with_extension("going").join("tree/outputs/mounted");
    Command::new("umount").arg(if going.exists() { &going } else { &mounted }).status().unwrap();
    assert_eq!(kept.unwrap(), "precious");
    assert!(said.contains("failed: ") && said.contains("mounted"), "{said}");
    assert_eq!(fs::read_to_string(canary.join("file")).unwrap(), "precious");
    rig.ok(&["sweep"]);
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count(), 0);
}

#[test]
fn a_full_disk_can_still_be_pruned() {
    for (what, options) in [("bytes", "size=1200k"), ("inodes", "size=20m,nr_inodes=170")] {
        let rig = Rig::new();
        fs::create_dir_all(rig.mirror("")).unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(rig.mirror("")).status();
        assert!(status.unwrap().success(), "mounting needs root");
        rig.policy("keep: [{last: 1}]").builds([A, B, C]);
        for index in 0.. {
            let filler = rig.mirror(&format!("filler-{index}"));
            let bytes = if what == "bytes" { vec![1; 1 << 16] } else { Vec::new() };
            if fs::write(filler, bytes).is_err() {
                break;
            }
        }
        // The last blocks, one by one.
        for index in 0.. {
            if what == "inodes" || fs::write(rig.mirror(&format!("crumb-{index}")), [1]).is_err() {
                break;
            }
        }
        let pruned = rig.run(&["prune"]);
        let swept = rig.run(&["sweep"]);
        let left = rig.there();
        let trash = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count();
        Command::new("umount").arg(rig.mirror("")).status().unwrap();
        let told = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(pruned.status.success(), "{what}: {}", told(&pruned));
        assert!(swept.status.success(), "{what}: {}", told(&swept));
        assert_eq!((left, trash), (vec![C.to_owned()], 0), "{what}");
    }
}

#[test]
fn a_filling_disk_lets_more_go_and_says_when_that_is_not_enough() {
    let text = |until: &str| {
        format!(
            "version: 1\nbrakes: {{policy_change: apply}}\npressure: {{free_below: {until}, until_free: {until}}}\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: {{max: 9, min: 2}}}}]}}]\n"
        )
    };
    let rig = Rig::new();
    fs::create_dir_all(rig.mirror("")).unwrap();
    let status =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "none"]).arg(rig.mirror("")).status();
    assert!(status.unwrap().success(), "mounting needs root");
    rig.policy_file(&text("1MiB"));
    for (name, byte) in [(A, 'a'), (B, 'b'), (C, 'c'), (D, 'd')] {
        rig.write("outputs/iso/bootimage.iso", &String::from(byte).repeat(3 << 20));
        rig.publish(name, &[]);
    }
    rig.ok(&["prune"]);
    let calm = rig.there();
    rig.policy_file(&text("5MiB"));
    let plan = rig.json(&["plan"]);
    let some = rig.run(&["prune"]);
    let (after, trash) = (rig.there(), fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count());
    rig.policy_file(&text("15MiB"));
    let short = rig.run(&["prune"]);
    let least = rig.there();
    Command::new("umount").arg(rig.mirror("")).status().unwrap();
    assert_eq!(calm, [A, B, C, D]);
    assert_eq!(plan["builds"][0]["pressed"], true, "{plan}");
    assert!(some.status.success(), "{}", String::from_utf8_lossy(&some.stderr));
    assert_eq!((after, trash), (vec![B.to_owned(), C.to_owned(), D.to_owned()], 0));
    assert_eq!(short.status.code(), Some(8), "{}", String::from_utf8_lossy(&short.stderr));
    assert_eq!(least, [C, D]);
}

#[test]
fn what_cannot_be_read_in_the_trash_is_told_by_who_looks_for_a_build_there() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["prune"]);
    let trash = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(trash.join("ticket.json")).unwrap();
    // Of a newer version: what is damaged is written again from the journal.
    fs::write(trash.join("ticket.json"), "{\"ticket\": 2}").unwrap();
    let name = trash.file_name().unwrap().to_str().unwrap();
    let may_be = format!("`.mirrorkeep/trash/{name}` may be it: its ticket cannot be used");
    rig.fails(1, &may_be, &["restore", &id(A)]);
    fs::write(trash.join("ticket.json"), good).unwrap();
    rig.fails(1, "is not in the trash\n", &["restore", &id(B)]);
    rig.ok(&["restore", &id(A)]);
}

#[test]
fn damaged_holds_and_wrong_policies_stop_everything() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["hold", &id(A), "--why", "bug 7"]);
    let holds = rig.mirror(&format!(".mirrorkeep/holds/{}.json", id(A)));
    let good = fs::read(&holds).unwrap();
    fs::write(&holds, "{").unwrap();
    let said = rig.ends(3, &["prune"]);
    assert!(said.contains("holds"), "{said}");
    assert_eq!(rig.there(), [A, B]);
    fs::remove_file(&holds).unwrap();
    fs::create_dir(&holds).unwrap();
    rig.ends(3, &["plan"]);
    rig.ends(3, &["prune"]);
    assert_eq!(rig.there(), [A, B]);
    fs::remove_dir(&holds).unwrap();
    fs::write(&holds, good).unwrap();
    let strange = rig.mirror(".mirrorkeep/holds/master/notes.txt");
    fs::write(&strange, "keep all of it").unwrap();
    let said = rig.ends(3, &["prune"]);
    assert!(said.contains("`.mirrorkeep/holds/master/notes.txt` among the holds is not a list"), "{said}");
    fs::remove_file(strange).unwrap();
    rig.policy_file("version: 1\nfamilies: [{name: a, match: \"**\", kept: []}]\n");
    rig.fails(2, "policy.yaml:2:35: families[0].kept", &["--wait", "0", "prune"]);
    rig.fails(2, "unknown key `kept` (`keep`?)", &["plan"]);
    let rig = Rig::new();
    rig.ok(&["init", "--policy", "none"]);
    rig.builds([A, B]);
    rig.fails(2, "the mirror has no policy", &["prune"]);
}

#[test]
fn two_prunes_and_a_publisher_at_once_are_safe() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A]);
    let start = |args: Vec<String>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.arg("--mirror").arg(rig.mirror("")).args(args).stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null()).spawn().unwrap()
    };
    std::thread::scope(|scope| {
        let pruners = [0, 1].map(|_| {
            scope.spawn(|| {
                for _ in 0..12 {
                    assert!(start(vec!["prune".to_owned()]).wait().unwrap().success());
                }
            })
        });
        for second in 0..24 {
            let name = format!("20261002T0000{second:02}Z");
            rig.write("outputs/iso/bootimage.iso", &name);
            rig.publish(&name, &[]);
            for there in rig.there() {
                // A build that goes meanwhile is gone as a whole: its directory does not stay.
                let mut check = Command::new("sha256sum");
                check.args(["-c", "--quiet", "SHA256SUMS"]).current_dir(rig.mirror(&id(&there)));
                let whole = check.output().is_ok_and(|output| output.status.success());
                assert!(whole || !rig.mirror(&id(&there)).exists(), "{there} is there in part");
            }
        }
        for pruner in pruners {
            pruner.join().unwrap();
        }
    });
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), ["20261002T000021Z", "20261002T000022Z", "20261002T000023Z"]);
    assert_eq!(rig.latest().as_deref(), Some("20261002T000023Z"));
}

#[test]
fn a_plan_from_a_census_needs_no_mirror_and_names_what_is_wrong() {
    let rig = Rig::new();
    let census = rig.work("census.json");
    fs::create_dir_all(rig.work("")).unwrap();
    fs::write(
        &census,
        r#"{"census": 1, "at": "2026-06-15T03:00:00Z", "streams": [{"stream": "master/centos", "builds": [
        {"build": "20260601T020000Z", "created": "2026-06-01T02:00:00Z", "result": "fail"},
        {"build": "20260701T020000Z", "created": "2026-07-01T02:00:00Z", "result": "success"}]}]}"#,
    )
    .unwrap();
    let file = census.to_str().unwrap();
    let said = rig.ends(6, &["plan", "--census", file, "--policy", "starlingx"]);
    assert!(said.contains("blocked") && said.contains("future"), "{said}");
    rig.ends(0, &["plan", "--census", file, "--policy", "starlingx", "--at", "2026-07-02T00:00:00Z"]);
    rig.fails(2, "unknown policy `starling`", &["plan", "--census", file, "--policy", "starling"]);
    rig.fails(2, "cannot read the census", &["plan", "--census", "/nowhere", "--policy", "starlingx"]);
    fs::write(&census, r#"{"census": 2, "at": "2026-06-15T03:00:00Z"}"#).unwrap();
    rig.fails(2, "version 2; 1 is accepted", &["plan", "--census", file, "--policy", "starlingx"]);
    fs::write(&census, r#"{"census": 1, "at": "2026-06-31T03:00:00Z"}"#).unwrap();
    rig.fails(2, "impossible date", &["plan", "--census", file, "--policy", "starlingx"]);
}

#[test]
fn a_hold_on_a_build_that_is_not_there_is_a_warning_until_it_is_removed() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([A, B]);
    rig.ok(&["hold", &id(A), "--why", "bug 7"]);
    assert!(!rig.ok(&["plan"]).contains("is held, but"));
    fs::remove_dir_all(rig.mirror(&id(A))).unwrap();
    let said = rig.ok(&["plan"]);
    assert!(
        said.contains(&format!("`{}` is held, but there is no such build; `mirrorkeep unhold", id(A))),
        "{said}"
    );
    rig.ok(&["unhold", &id(A)]);
    assert!(!rig.ok(&["plan"]).contains("is held, but"));
}

#[test]
fn a_drain_by_max_per_run_succeeds_each_night_and_tells_how_many_wait() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C, D]);
    let limited = "version: 1\nbrakes: {max_per_run: 1}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: all, match: \"**\", keep: [{last: 1}]}]\n";
    rig.policy_file(limited);
    let said = rig.ends(0, &["prune"]);
    assert!(
        said.contains("2 builds will be deleted by the next runs, since `max_per_run` limits each run"),
        "{said}"
    );
    assert!(said.contains("1 build pruned, 0 swept, 1 kept, 2 withheld"), "{said}");
    assert!(rig.ok(&["explain", &id(C)]).contains("one of the next runs deletes it"));
    rig.ends(0, &["prune"]);
    rig.ends(0, &["prune"]);
    assert_eq!(rig.there(), [D]);
}

#[test]
fn what_a_brake_withholds_is_explained_with_amounts_and_the_way_out() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    let braked = "version: 1\nbrakes: {run: {bytes: 1B}}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: all, match: \"**\", keep: [{last: 1}]}]\n";
    rig.policy_file(braked);
    let said = rig.ends(4, &["plan"]);
    let digest = said.lines().find_map(|line| line.strip_prefix("digest ")).unwrap().to_owned();
    let said = rig.ok(&["explain", &id(A)]);
    assert!(said.contains("brake run bytes 1 B"), "{said}");
    assert!(said.contains("2 builds would expire, ") && said.contains(" B in all"), "{said}");
    assert!(said.contains(&format!("mirrorkeep prune --accept {digest}")), "{said}");
    assert_eq!(rig.json(&["explain", &id(A)])["digest"], digest);
    rig.ok(&["prune", "--accept", &digest]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_hold_is_signed_by_a_user_and_no_process() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let mut command = rig.command(&["hold", &id(A), "--why", "bug 7"]);
    let done = command.env_remove("USER").env_remove("LOGNAME").output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(!said.contains(" pid ") && !said.contains("(0@"), "{said}");
    rig.ok(&["unhold", &id(A)]);
    rig.ok(&["prune"]);
    rig.ok(&["restore", &id(A)]);
    assert!(!rig.ok(&["show", &id(A)]).contains(" pid "));
}

#[test]
fn the_first_run_on_builds_of_scripts_deletes_only_what_was_accepted() {
    let rig = Rig::new();
    for name in [A, B, C] {
        crate::support::rig::lay(&rig, &id(name), &[("outputs/iso/a.iso", name), ("outputs/success", "")]);
    }
    symlink(C, rig.mirror("master/centos/latest_build")).unwrap();
    rig.policy("keep: [{last: 1}]");
    for adopted in [false, true] {
        if adopted {
            rig.ok(&["adopt"]);
        }
        let said = rig.ends(4, &["prune"]);
        assert!(said.contains("withheld: 2 builds") && said.contains("--accept sha256:"), "{said}");
        assert_eq!(rig.there(), [A, B, C]);
        // The next night is the first run as well.
        rig.ends(4, &["prune"]);
    }
    let plan = rig.ends(4, &["plan"]);
    assert!(
        plan.contains("first_run: the first deletion on a mirror with builds of other tools\n"),
        "{plan}"
    );
    let digest = plan.lines().find_map(|line| line.strip_prefix("digest ")).unwrap();
    rig.ok(&["prune", "--accept", digest]);
    assert_eq!(rig.there(), [C]);
    rig.publish(D, &[]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [D]);
}

#[test]
fn a_run_that_had_nothing_to_delete_is_not_the_first_one() {
    let rig = Rig::new();
    for name in [A, B] {
        crate::support::rig::lay(&rig, &id(name), &[("outputs/iso/a.iso", name), ("outputs/success", "")]);
    }
    symlink(B, rig.mirror("master/centos/latest_build")).unwrap();
    rig.policy("keep: [{last: 2}]");
    rig.ok(&["adopt"]);
    // Nothing was due, so that nobody has seen yet what the policy deletes.
    rig.ok(&["prune"]);
    rig.publish(C, &[]);
    let said = rig.ends(4, &["prune"]);
    assert!(said.contains("withheld: 1 build") && said.contains("--accept sha256:"), "{said}");
    // What a person withdraws is no plan.
    rig.ok(&["hold", &id(A), "--why", "a test"]);
    rig.ok(&["withdraw", &id(B), "--why", "a secret", "--force"]);
    rig.publish(D, &[]);
    rig.ok(&["unhold", &id(A)]);
    rig.ends(4, &["prune"]);
    let plan = rig.ends(4, &["plan"]);
    let digest = plan.lines().find_map(|line| line.strip_prefix("digest ")).unwrap();
    rig.ok(&["prune", "--accept", digest]);
    assert_eq!(rig.there(), [C, D]);
    rig.publish("20261005T000000Z", &[]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [D, "20261005T000000Z"]);
}

#[test]
fn what_only_an_edit_deletes_waits_though_it_was_not_due_in_the_first_run() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A, B]);
    rig.ok(&["prune"]);
    rig.policy("keep: [{last: 2}]");
    rig.ok(&["prune"]);
    rig.publish(C, &[]);
    // The policy of the last accepted plan keeps three.
    let plan = rig.json_ends(4, &["plan"]);
    assert_eq!(plan["builds"][0]["reasons"][0]["rule"], "policy_change defer", "{plan}");
    let why = "expires only because the policy was edited";
    let shown = rig.ends(4, &["plan"]);
    assert!(shown.contains(&format!("withheld  {A}               policy_change defer: {why}\n")), "{shown}");
    // The command once, as it is pasted.
    let accept = format!(
        "`mirrorkeep prune --accept {}` deletes what a brake withholds\n",
        plan["digest"].as_str().unwrap()
    );
    assert!(shown.ends_with(&accept), "{shown}");
    let status = rig.ok(&["status"]);
    assert!(status.contains("withheld from prune (policy_change defer: the policy was edited)"), "{status}");
    assert!(rig.ok(&["explain", &id(A)]).contains(why));
    rig.ends(4, &["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
    rig.ok(&["prune", "--accept", plan["digest"].as_str().unwrap()]);
    assert_eq!(rig.there(), [B, C]);
    rig.publish(D, &[]);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C, D]);
}

/// Returns how many bytes the files of the builds have on the disk, each inode once.
fn on_disk(rig: &Rig) -> u64 {
    let mut seen = std::collections::BTreeMap::new();
    for path in tree_files(&rig.mirror("master")) {
        let meta = fs::symlink_metadata(path).unwrap();
        seen.insert(meta.ino(), meta.size());
    }
    seen.values().sum()
}

fn tree_files(root: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| {
        if path.is_dir() && !path.is_symlink() { tree_files(&path) } else { vec![path] }
    };
    entries.flat_map(below).filter(|path| !path.is_symlink()).collect()
}

#[test]
fn a_simulation_and_a_diff_count_shared_files_once() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]");
    rig.write("outputs/iso/big.iso", &"same ".repeat(20_000)).builds([A, B, C, D]);
    let disk = on_disk(&rig);
    assert!(disk < 150_000, "publish did not share the file: {disk}");
    let wide = rig.work("wide.yaml");
    let text = |last| {
        format!(
            "version: 1\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: {last}}}]}}]\n"
        )
    };
    fs::write(&wide, text(9)).unwrap();
    let from = "2026-10-04T00:00:00Z";
    let simulate = |policy: &Path| {
        rig.json(&[
            "policy",
            "simulate",
            policy.to_str().unwrap(),
            "--at",
            from,
            "--for",
            "3d",
            "--cadence",
            "24h",
        ])
    };
    let bytes = |answer: &serde_json::Value, at: usize| answer["series"][at]["bytes"].as_u64().unwrap();
    let grown = simulate(&wide);
    assert_eq!(bytes(&grown, 0), disk);
    assert_eq!(grown["series"][3]["builds"], 7);
    // Three more builds add what each has of its own, and never the file that all of them have.
    assert!(bytes(&grown, 3) > disk && bytes(&grown, 3) < disk + 10_000, "{grown}");
    let narrow = rig.work("narrow.yaml");
    fs::write(&narrow, text(1)).unwrap();
    let pruned = simulate(&narrow);
    assert_eq!(pruned["series"][0]["builds"], 1);
    assert!(bytes(&pruned, 0) > 100_000 && bytes(&pruned, 0) < disk, "{pruned}");
    let diff = ["policy", "diff", wide.to_str().unwrap(), narrow.to_str().unwrap()];
    let answer = rig.json(&diff);
    assert_eq!(answer["totals"]["would_go"], 3, "{answer}");
    assert_eq!(answer["totals"]["bytes"].as_u64(), Some(disk - bytes(&pruned, 0)), "{answer}");
    let said = rig.ok(&diff);
    assert!(
        said.contains("3 more builds would expire, 0 more would be kept (frees ") && said.contains(" more)"),
        "{said}"
    );
    assert!(said.lines().all(|line| line.chars().count() < 120), "{said}");
}

#[test]
fn a_diff_names_the_parts_that_an_edit_deletes_with_their_bytes() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]");
    rig.builds([A, B]);
    let text = |parts| {
        format!(
            "version: 1\ndefaults: {{min_age: 0h, superseded_grace: 0h, floor: 1}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: 9}}]{parts}}}]\n"
        )
    };
    let (old, new) = (rig.work("old.yaml"), rig.work("new.yaml"));
    fs::write(&old, text("")).unwrap();
    fs::write(&new, text(", parts: {bulky: {paths: [\"outputs/iso/**\"], keep: [{last: 1}]}}")).unwrap();
    let said = rig.ok(&["policy", "diff", old.to_str().unwrap(), new.to_str().unwrap()]);
    assert!(said.contains(&format!("would expire  {}         16 B  part bulky", id(A))), "{said}");
    let total =
        "0 more builds would expire, 0 more would be kept, 1 build with other parts (frees 16 B more)";
    assert!(said.contains(total), "{said}");
    let back = rig.json(&["policy", "diff", new.to_str().unwrap(), old.to_str().unwrap()]);
    assert_eq!(back["builds"][0]["parts"], serde_json::json!(["bulky"]), "{back}");
    assert_eq!(
        (&back["totals"]["other_parts"], &back["totals"]["bytes"]),
        (&1.into(), &(-16).into()),
        "{back}"
    );
}
