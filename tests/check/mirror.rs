//! `check`: a mirror that is right gives nothing, everything nasty is found, and what is safe is mended.

use crate::support::rig::{Rig, lay, tree};
use mirrorkeep::decide::check::Code;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const BUILD: &str = "20260101T060000Z";

fn published() -> Rig {
    let rig = Rig::new();
    rig.write("outputs/CONTEXT", &format!("(cd ./a && git checkout -f {})\n", "1".repeat(40)));
    rig.publish(BUILD, &[]);
    rig
}

/// Returns the codes of all findings with their paths.
fn codes(rig: &Rig, args: &[&str]) -> BTreeSet<(String, String)> {
    let all: Vec<&str> = ["check", "--format", "json"].iter().chain(args).copied().collect();
    let answer: Value = serde_json::from_slice(&rig.run(&all).stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = answer["findings"].as_array().unwrap().iter();
    found.map(|found| (text(&found["code"]), text(&found["path"]))).collect()
}

/// The mirror of a first day: the default layout, and builds without any option that they could do without.
#[test]
fn a_build_needs_no_context_where_its_layout_says_so() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("").to_str().unwrap().to_owned();
    rig.ok(&["publish", &work, "--stream", "main/debian"]);
    assert_eq!(codes(&rig, &[]), BTreeSet::new());
    rig.ok(&["check"]);
    // What is there is judged, and another layout wants it.
    let other = Rig::new();
    other.publish(BUILD, &[]);
    finds(&other, "context-missing", &format!("master/centos/{BUILD}/outputs/CONTEXT"));
}

#[track_caller]
fn finds(rig: &Rig, code: &str, path: &str) {
    let found = codes(rig, &[]);
    assert!(found.contains(&(code.to_owned(), path.to_owned())), "{found:?}");
}

#[test]
fn what_mirrorkeep_published_has_no_findings() {
    let rig = published();
    rig.publish("20260102T060000Z", &["--result", "fail"]);
    assert_eq!(rig.ok(&["check"]), "");
    assert_eq!(codes(&rig, &[]), BTreeSet::new());
}

#[test]
fn everything_that_people_do_to_a_mirror_is_found() {
    let rig = published();
    let line = |below: &str| rig.mirror(&format!("master/centos/{below}"));
    let build = |below: &str| line(&format!("{BUILD}/{below}"));
    fs::create_dir_all(line("flock/20260101T060000Z/outputs")).unwrap();
    fs::create_dir_all(rig.mirror("release/2.0.0/centos/outputs/iso")).unwrap();
    fs::create_dir_all(line("20260230T060000Z")).unwrap();
    symlink("20260103T060000Z", build("20260103T060000Z")).unwrap();
    fs::write(build("outputs/Success"), "").unwrap();
    fs::set_permissions(build("outputs/iso/bootimage.iso"), fs::Permissions::from_mode(0o4400)).unwrap();
    fs::remove_file(line("latest_build")).unwrap();
    symlink("/etc", line("latest_build")).unwrap();
    assert!(Command::new("mkfifo").arg(build("outputs/logs")).status().unwrap().success());
    let inside = |below: &str| format!("master/centos/{BUILD}/{below}");
    let top = |below: &str| format!("master/centos/{below}");
    let found = codes(&rig, &[]);
    for (code, path) in [
        ("wrong-depth", top("flock")),
        ("wrong-depth", "release/2.0.0/centos/outputs".to_owned()),
        ("stamp-impossible", top("20260230T060000Z")),
        ("link-into-build", inside("20260103T060000Z")),
        ("marker-spelling", inside("outputs/Success")),
        ("not-served", inside("outputs/iso/bootimage.iso")),
        ("set-id", inside("outputs/iso/bootimage.iso")),
        ("special-file", inside("outputs/logs")),
        ("alias-leaves", top("latest_build")),
        ("sums-differ", inside("SHA256SUMS")),
    ] {
        assert!(found.contains(&(code.to_owned(), path.clone())), "{code} {path} of {found:#?}");
    }
    assert_eq!(rig.run(&["check"]).status.code(), Some(5));
}

#[test]
fn a_name_that_is_no_text_is_told_and_not_followed() {
    use std::os::unix::ffi::OsStrExt;
    let rig = published();
    let odd = std::ffi::OsStr::from_bytes(b"a\xff");
    fs::write(rig.mirror(&format!("master/centos/{BUILD}/outputs")).join(odd), "").unwrap();
    finds(&rig, "odd-name", &format!("master/centos/{BUILD}/outputs/a\\xff"));
}

#[test]
fn a_check_of_a_part_tells_of_that_part_only() {
    let rig = published();
    fs::create_dir_all(rig.mirror("masters")).unwrap();
    fs::create_dir_all(rig.mirror("master/suse")).unwrap();
    let found = codes(&rig, &["master"]);
    assert_eq!(found, BTreeSet::from([("unknown-distro".to_owned(), "master/suse".to_owned())]));
    assert_eq!(rig.run(&["check", "master/centos"]).status.code(), Some(0));
    rig.fails(2, "nothing is at", &["check", "nowhere"]);
}

#[test]
fn notes_alone_are_no_failure() {
    let rig = published();
    fs::remove_dir_all(rig.mirror(".mirrorkeep/journal")).unwrap();
    fs::create_dir_all(rig.mirror(".mirrorkeep/journal")).unwrap();
    fs::remove_file(rig.mirror(&format!(".mirrorkeep/builds/master/centos/{BUILD}.json"))).unwrap();
    assert!(rig.ok(&["check"]).contains("not-adopted"));
}

#[test]
fn what_is_safe_is_mended_and_a_trial_mends_nothing() {
    let rig = published();
    rig.ok(&["label", &format!("master/centos/{BUILD}"), "sanity=green"]);
    let before = tree(&rig.mirror("."));
    let record = format!(".mirrorkeep/builds/master/centos/{BUILD}.json");
    let wanted = fs::read_to_string(rig.mirror(&record)).unwrap();
    fs::remove_file(rig.mirror(&record)).unwrap();
    let iso = rig.mirror(&format!("master/centos/{BUILD}/outputs/iso/bootimage.iso"));
    fs::set_permissions(&iso, fs::Permissions::from_mode(0o400)).unwrap();
    let latest = rig.mirror("master/centos/latest_build");
    fs::remove_file(&latest).unwrap();
    symlink(rig.mirror(&format!("master/centos/{BUILD}")).canonicalize().unwrap(), &latest).unwrap();
    let stale = rig.mirror(".mirrorkeep/tmp/left");
    fs::write(&stale, "half").unwrap();
    let spoilt = tree(&rig.mirror("."));

    let trial = rig.run(&["check", "--fix", "--dry-run"]);
    let said = String::from_utf8_lossy(&trial.stderr).into_owned();
    assert_eq!(said.matches("would ").count(), 3, "{said}");
    assert_eq!(tree(&rig.mirror(".")), spoilt);

    assert_eq!(rig.ok(&["check", "--fix"]), "");
    let again: Value = serde_json::from_str(&fs::read_to_string(rig.mirror(&record)).unwrap()).unwrap();
    let wanted: Value = serde_json::from_str(&wanted).unwrap();
    for field in ["id", "created", "result", "files", "bytes", "sums"] {
        assert_eq!(again[field], wanted[field], "{field}");
    }
    assert_eq!(again["labels"]["sanity"]["value"], "green");
    assert_eq!(again["origin"], "rebuilt");
    assert_eq!(rig.latest().as_deref(), Some(BUILD));
    assert!(stale.exists(), "its writer may still be there");
    fs::remove_file(stale).unwrap();
    let own = |line: &String| line.starts_with(".mirrorkeep");
    let public = |lines: Vec<String>| lines.into_iter().filter(|line| !own(line)).collect::<Vec<_>>();
    assert_eq!(public(tree(&rig.mirror("."))), public(before));
    assert_eq!(rig.ok(&["check", "--fix"]), "");
}

#[test]
fn a_mode_is_never_changed_through_a_link() {
    let rig = published();
    let outside = rig.work("secret");
    fs::write(&outside, "").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o600)).unwrap();
    let iso = rig.mirror(&format!("master/centos/{BUILD}/outputs/iso/bootimage.iso"));
    fs::remove_file(&iso).unwrap();
    symlink(&outside, &iso).unwrap();
    assert_eq!(rig.run(&["check", "--fix"]).status.code(), Some(5));
    assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_format_tells_the_same_findings() {
    let rig = published();
    fs::create_dir_all(rig.mirror("masters/<odd> & \"quoted\"")).unwrap();
    fs::create_dir_all(rig.mirror("master/suse <&>")).unwrap();
    let paths: BTreeSet<String> = codes(&rig, &[]).into_iter().map(|(_, path)| path).collect();
    let sarif: Value = serde_json::from_slice(&rig.run(&["check", "--format", "sarif"]).stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), paths.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "master/suse%20%3C&%3E");
    let junit = rig.run(&["check", "--format", "junit"]).stdout;
    let junit = quick_junit::Report::deserialize_from_str(str::from_utf8(&junit).unwrap()).unwrap();
    let failed = junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let failed = failed.filter(|case| matches!(case.status, quick_junit::TestCaseStatus::NonSuccess { .. }));
    assert_eq!(failed.map(|case| case.name.to_string()).collect::<BTreeSet<_>>(), paths);
}

#[test]
fn a_stalled_stream_is_found_when_asked_for() {
    let rig = published();
    assert_eq!(rig.run(&["check", "--stalled", "100000d"]).status.code(), Some(0));
    assert_eq!(
        codes(&rig, &["--stalled", "1h"]),
        BTreeSet::from([("stream-stalled".to_owned(), "master/centos".to_owned())])
    );
    rig.fails(2, "soon", &["check", "--stalled", "soon"]);
}

#[test]
fn import_trees_that_look_like_builds_are_left_alone_where_the_layout_declares_them() {
    let rig = Rig::new();
    let layout = fs::read_to_string("layouts/starlingx.yaml").unwrap();
    let declared = format!("{layout}\ndeclared:\n  - {{ path: imports/**, why: what others mirror }}\n");
    rig.write("layout.yaml", &declared);
    let file = rig.work("layout.yaml");
    rig.ok(&["init", "--layout", file.to_str().unwrap()]);
    fs::create_dir_all(rig.mirror("imports/snapshot/20220331T000000Z/outputs")).unwrap();
    fs::write(rig.mirror("imports/snapshot/20220331T000000Z/x"), "").unwrap();
    assert_eq!(rig.ok(&["check"]), "");
    lay(&rig, "master/centos/20260101T000000Z", &[("outputs/success", "")]);
    assert!(rig.run(&["check"]).status.code() == Some(5));
}

#[test]
fn a_link_in_the_place_of_a_stream_or_class_is_found_and_the_rest_is_judged() {
    for at in ["feature", "feature/x/centos"] {
        let rig = published();
        let work = rig.work("");
        let args = ["publish", work.to_str().unwrap(), "--stream", "feature/x/centos", "--build", BUILD];
        rig.ok(&args);
        let aside = rig.work("../aside");
        fs::rename(rig.mirror(at), &aside).unwrap();
        symlink(&aside, rig.mirror(at)).unwrap();
        fs::write(rig.mirror("master/centos/notes.txt"), "x").unwrap();
        let found = codes(&rig, &[]);
        assert!(found.iter().any(|(code, path)| code == "cannot-read" && path == at), "{at}: {found:?}");
        assert!(found.iter().any(|(_, path)| path == "master/centos/notes.txt"), "{at}: {found:?}");
        let said = rig.ends(0, &["list"]);
        assert!(said.contains(&format!("warning: `{at}` is a symlink")), "{said}");
        assert!(said.contains("master/centos"), "{said}");
        let said = rig.ends(5, &["verify", "--all"]);
        assert!(said.contains("feature/x/centos"), "{said}");
    }
}

#[test]
fn what_operators_keep_above_the_streams_is_declared_in_the_settings() {
    let rig = published();
    fs::write(rig.mirror("README.txt"), "read me").unwrap();
    fs::write(rig.mirror("master/README.txt"), "read me").unwrap();
    fs::create_dir_all(rig.mirror("tools/old/20260101T000000Z")).unwrap();
    fs::create_dir(rig.mirror("lost+found")).unwrap();
    let answer: Value = serde_json::from_slice(&rig.run(&["check", "--format", "json"]).stdout).unwrap();
    let found = answer["findings"].as_array().unwrap();
    let of = |path: &str| found.iter().find(|found| found["path"] == path).unwrap();
    for path in ["README.txt", "master/README.txt"] {
        assert!(of(path)["nearest"].is_null(), "{}", of(path));
        let hint = of(path)["hint"].as_str().unwrap().to_owned();
        // One line for all of them, since a key is given once.
        let list = hint.split(['[', ']']).nth(1).unwrap();
        assert!(list.split(", ").any(|one| one == path), "{hint}");
        assert!(
            hint.starts_with("add `declared: [") && hint.contains("]` to .mirrorkeep/mirror.yaml"),
            "{hint}"
        );
    }
    assert!(!found.iter().any(|found| found["path"] == "lost+found"));
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}declared: ['*.txt', master/README.txt, 'tools/*']\n")).unwrap();
    assert_eq!(rig.ok(&["check"]), "");
    fs::write(rig.mirror("tools/other"), "").unwrap();
    assert_eq!(rig.ok(&["check"]), "");
    // What is declared hides nothing that belongs to a build.
    fs::write(rig.mirror(&format!("master/centos/{BUILD}/x.txt")), "").unwrap();
    assert_eq!(rig.run(&["check"]).status.code(), Some(5));
    fs::write(&settings, format!("{text}declared: ['a/**', /etc]\n")).unwrap();
    rig.fails(3, "mirror.yaml", &["check"]);
    rig.fails(3, "a declared directory is left alone with all below it", &["check"]);
}

#[test]
fn a_declared_path_without_its_reason_is_refused_in_the_words_of_a_layout() {
    let rig = Rig::new();
    let layout = fs::read_to_string("layouts/starlingx.yaml").unwrap();
    rig.write("layout.yaml", &format!("{layout}\ndeclared: [README.txt]\n"));
    let file = rig.work("layout.yaml");
    rig.fails(2, "expected `{path: PATH, why: TEXT}`", &["init", "--layout", file.to_str().unwrap()]);
}

#[test]
fn an_alias_is_not_advised_to_point_at_a_build_that_others_laid_down_or_that_is_from_the_future() {
    let rig = published();
    for name in ["20260105T060000Z", "20970101T060000Z"] {
        lay(
            &rig,
            &format!("master/centos/{name}"),
            &[("outputs/iso/bootimage.iso", "x"), ("outputs/success", "")],
        );
    }
    let told = || codes(&rig, &[]).into_iter().any(|(code, _)| code == "alias-older");
    assert!(!told());
    rig.ok(&["adopt", "master/centos/20260105T060000Z"]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    symlink(BUILD, rig.mirror("master/centos/latest_build")).unwrap();
    assert!(told());
}

#[test]
fn a_policy_that_is_not_in_force_is_told() {
    let rig = published();
    let own = rig.mirror(".mirrorkeep/policy.yaml");
    assert!(!own.exists());
    fs::write(&own, "version: 1\n").unwrap();
    let warning = "`.mirrorkeep/policy.yaml` is not used";
    for args in [&["plan"][..], &["prune"], &["prune", "--dry-run"], &["check"]] {
        let output = rig.run(args);
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(String::from_utf8_lossy(&said).matches(warning).count(), 1, "{args:?}");
    }
    assert!(rig.json(&["plan"])["warnings"].to_string().contains(warning));
}

#[test]
fn a_file_where_any_name_may_be_a_branch_is_declared_too() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("").display().to_string();
    rig.ok(&["publish", &work, "--stream", "main/debian", "--build", "20260101T060000Z"]);
    for file in ["README.txt", "main/README.txt"] {
        fs::write(rig.mirror(file), "read me").unwrap();
    }
    let said = rig.ends(5, &["check"]);
    let line = said.split('`').find(|text| text.starts_with("declared: [")).unwrap();
    assert_eq!(line, "declared: [README.txt, main/README.txt]", "{said}");
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}{line}\n")).unwrap();
    rig.ends(0, &["check"]);
}

#[test]
fn what_repeats_in_a_stream_is_one_line_and_all_lists_it() {
    let rig = Rig::new();
    rig.builds(["20260101T060000Z", "20260102T060000Z", "20260103T060000Z"]);
    let lines = |args: &[&str]| {
        let output = rig.run(args);
        assert_eq!(output.status.code(), Some(5), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(lines(&["check"]).matches("[context-missing]").count(), 3);
    rig.builds(["20260104T060000Z", "20260105T060000Z"]);
    let said = lines(&["check"]);
    let at = |day: u32| format!("master/centos/2026010{day}T060000Z/outputs/CONTEXT");
    let wanted = format!(
        "master/centos: warning: 5 times: {} [context-missing]: {}, {}, {}, and 2 more (`--all` lists them)\n    hint      {}\n",
        Code::ContextMissing.meaning().trim_end_matches('.'),
        at(1),
        at(2),
        at(3),
        Code::ContextMissing.hint()
    );
    assert_eq!(said, wanted);
    let all = lines(&["check", "--all"]);
    assert_eq!((all.matches("[context-missing]").count(), all.lines().count()), (5, 25), "{all}");
    assert_eq!(codes(&rig, &[]).len(), 5);
    for (format, each) in [("sarif", "\"ruleId\": \"context-missing\""), ("junit", "<failure ")] {
        assert_eq!(lines(&["check", "--format", format]).matches(each).count(), 5, "{format}");
    }
}

/// Returns the findings of a code.
fn of_code(rig: &Rig, code: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(&rig.run(&["check", "--format", "json"]).stdout).unwrap();
    answer["findings"].as_array().unwrap().iter().filter(|found| found["code"] == code).cloned().collect()
}

#[test]
fn no_hint_is_a_command_that_is_refused() {
    let rig = published();
    // It has to be renamed before it can be adopted.
    lay(&rig, "master/centos/20261199T020000Z", &[("outputs/success", ""), ("outputs/a.iso", "x")]);
    assert_eq!(of_code(&rig, "stamp-impossible").len(), 1);
    assert_eq!(of_code(&rig, "not-adopted"), Vec::<Value>::new());
    // A label is no result.
    lay(&rig, "master/centos/20181205T060000Z", &[("outputs/success", "")]);
    let hint = of_code(&rig, "no-artifact")[0]["hint"].as_str().unwrap().to_owned();
    assert!(hint.contains("`mirrorkeep withdraw master/centos/20181205T060000Z --why TEXT`"), "{hint}");
    for found in of_code(&rig, "sums-missing") {
        assert_eq!(found["nearest"], Value::Null, "{found}");
    }
    // Nothing can be set to a build that is gone.
    let mine = "master/centos/mine";
    rig.publish("20181206T060000Z", &[]);
    rig.ok(&["alias", "set", mine, "20181206T060000Z"]);
    fs::remove_dir_all(rig.mirror("master/centos/20181206T060000Z")).unwrap();
    let dangling = of_code(&rig, "alias-dangling").into_iter().find(|found| found["path"] == mine).unwrap();
    let hint = dangling["hint"].as_str().unwrap();
    assert!(
        hint.contains("`mirrorkeep alias remove master/centos/mine`") && !hint.contains("promote"),
        "{hint}"
    );
    fs::remove_file(rig.mirror(mine)).unwrap();
    let moved = of_code(&rig, "alias-moved").into_iter().find(|found| found["path"] == mine).unwrap();
    let hint = moved["hint"].as_str().unwrap();
    assert_eq!(
        (hint, &moved["nearest"]),
        ("record where it points with `mirrorkeep adopt --changed`", &Value::Null)
    );
    // Another build of this mirror cannot be adopted, which stops nothing.
    rig.run(&["adopt", "--changed"]);
    assert!(!of_code(&rig, "alias-moved").iter().any(|found| found["path"] == mine));
}
