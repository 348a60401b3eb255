//! `verify`: every byte that is not as it was is found, and a sample covers all over time.

use crate::support::rig::{Mounted, Rig, lay, tree};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const BUILD: &str = "master/centos/20260101T060000Z";

fn published() -> Rig {
    let rig = Rig::new();
    rig.publish("20260101T060000Z", &[]);
    rig
}

/// Returns what is wrong, as kind and path below the build.
fn faults(rig: &Rig, args: &[&str]) -> BTreeSet<(String, String)> {
    let all: Vec<&str> = ["--json", "verify"].iter().chain(args).copied().collect();
    let output = rig.run(&all);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: BTreeSet<_> = (answer["report"]["faults"].as_array().unwrap().iter())
        .map(|fault| (text(&fault["what"]), text(&fault["path"]).replace(&format!("{BUILD}/"), "")))
        .collect();
    assert_eq!(output.status.code(), Some(if found.is_empty() { 0 } else { 5 }));
    found
}

fn wanted(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    list.iter().map(|(what, path)| ((*what).to_owned(), (*path).to_owned())).collect()
}

#[test]
fn a_build_is_what_it_was() {
    let rig = published();
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[]));
    assert_eq!(faults(&rig, &["master/centos"]), wanted(&[]));
    assert_eq!(faults(&rig, &["--all"]), wanted(&[]));
    rig.fails(1, "there is no build", &["verify", "master/centos/20260102T060000Z"]);
    rig.fails(2, "", &["verify"]);
    rig.fails(2, "percentage", &["verify", "--sample", "0"]);
}

#[test]
fn missing_extra_and_changed_files_are_told_apart() {
    let rig = published();
    let file = |below: &str| rig.mirror(&format!("{BUILD}/{below}"));
    let iso = file("outputs/iso/bootimage.iso");
    let time = fs::metadata(&iso).unwrap().modified().unwrap();
    fs::set_permissions(&iso, fs::Permissions::from_mode(0o644)).unwrap();
    // Another byte, the same size and the same time: only reading shows it.
    fs::write(&iso, "imagE").unwrap();
    fs::File::options().write(true).open(&iso).unwrap().set_modified(time).unwrap();
    fs::remove_file(file("outputs/RPMS/std/a.rpm")).unwrap();
    fs::write(file("outputs/RPMS/std/b.rpm"), "").unwrap();
    let found = wanted(&[
        ("changed", "outputs/iso/bootimage.iso"),
        ("missing", "outputs/RPMS/std/a.rpm"),
        ("extra", "outputs/RPMS/std/b.rpm"),
    ]);
    assert_eq!(faults(&rig, &[BUILD]), found);
    assert_eq!(faults(&rig, &["--jobs", "1", BUILD]), found);
}

#[test]
fn a_list_that_was_changed_with_the_bytes_is_found_by_the_record() {
    let rig = published();
    let sums = rig.mirror(&format!("{BUILD}/SHA256SUMS"));
    let text = fs::read_to_string(&sums).unwrap();
    fs::remove_file(&sums).unwrap();
    fs::write(&sums, text.replace('a', "b")).unwrap();
    let found = faults(&rig, &[BUILD]);
    assert!(found.contains(&("changed".to_owned(), "SHA256SUMS".to_owned())), "{found:?}");
    fs::remove_file(&sums).unwrap();
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[("missing", "SHA256SUMS")]));
}

#[test]
fn a_link_in_the_place_of_a_file_is_not_read() {
    let rig = published();
    let iso = rig.mirror(&format!("{BUILD}/outputs/iso/bootimage.iso"));
    fs::rename(&iso, rig.work("elsewhere")).unwrap();
    symlink(rig.work("elsewhere"), &iso).unwrap();
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[("missing", "outputs/iso/bootimage.iso")]));
}

#[test]
fn foreign_lists_speak_for_builds_that_have_no_other() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let list = format!("{abc} a.deb 3 1700000000 1 2 /build/a.deb\n{abc} gone.deb 3 1 1 2 /build/gone.deb\n");
    lay(
        &rig,
        BUILD,
        &[
            ("outputs/iso/a.deb", "abc"),
            ("outputs/iso/unlisted.deb", "whatever"),
            ("outputs/iso/StxChecksums", &list),
            ("outputs/success", ""),
        ],
    );
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[("missing", "outputs/iso/gone.deb")]));
    fs::write(rig.mirror(&format!("{BUILD}/outputs/iso/a.deb")), "abd").unwrap();
    let found = wanted(&[("missing", "outputs/iso/gone.deb"), ("changed", "outputs/iso/a.deb")]);
    assert_eq!(faults(&rig, &["--all"]), found);
}

#[test]
fn samples_go_round_and_find_every_fault_in_time() {
    let rig = published();
    for file in ["1", "2", "3", "4", "5", "6"] {
        rig.write(&format!("outputs/logs/{file}"), file);
    }
    rig.publish("20260102T060000Z", &["--dedupe", "none"]);
    rig.publish("20260103T060000Z", &["--dedupe", "none"]);
    let files: Vec<String> = ["20260102T060000Z", "20260103T060000Z"]
        .iter()
        .flat_map(|build| ["1", "4", "6"].map(|file| format!("master/centos/{build}/outputs/logs/{file}")))
        .collect();
    for file in &files {
        fs::set_permissions(rig.mirror(file), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(rig.mirror(file), "X").unwrap();
    }
    let mut found = BTreeSet::new();
    let mut runs = 0;
    while found.len() < files.len() {
        found.extend(faults(&rig, &["--sample", "20%"]));
        runs += 1;
        assert!(runs <= 6, "{found:?}");
    }
    assert!(runs > 2, "a sample of a fifth saw all in {runs} runs");
    fs::write(rig.mirror(".mirrorkeep/cursors/verify-sample.json"), "damaged").unwrap();
    faults(&rig, &["--sample", "20%"]);
    assert_eq!(faults(&rig, &["--sample", "100%"]).len(), files.len());
}

#[test]
fn a_run_over_all_goes_on_where_one_was_interrupted() {
    let rig = published();
    rig.publish("20260102T060000Z", &[]);
    let cursor = rig.mirror(".mirrorkeep/cursors/verify-all.json");
    fs::create_dir_all(cursor.parent().unwrap()).unwrap();
    fs::write(&cursor, format!(r#"{{"version": 1, "build": "{BUILD}", "file": "zzz"}}"#)).unwrap();
    let answer = rig.json(&["verify", "--all"]);
    assert_eq!(answer["report"]["builds"], 2);
    let rest = answer["report"]["files"].as_u64().unwrap();
    assert!(!cursor.exists());
    let whole = rig.json(&["verify", "--all"])["report"]["files"].as_u64().unwrap();
    assert!(rest < whole, "{rest} of {whole}");
    fs::write(&cursor, format!(r#"{{"version": 1, "build": "{BUILD}", "file": "zzz"}}"#)).unwrap();
    // The older name of the option.
    for option in ["--restart", "--anew"] {
        assert_eq!(rig.json(&["verify", "--all", option])["report"]["files"], whole);
    }
}

#[test]
fn a_build_without_any_list_is_told_and_no_fault() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    lay(&rig, BUILD, &[("outputs/iso/a.iso", "a"), ("outputs/success", "")]);
    assert_eq!(rig.json(&["verify", "--all"])["report"]["unlisted"][0], BUILD);
}

#[test]
fn a_mirror_that_is_read_only_can_be_verified_and_checked() {
    let rig = Rig::new();
    let mounted = Mounted::tmpfs(&rig.mirror(""), "size=16m,mode=755");
    rig.publish("20260101T060000Z", &["--result", "fail"]);
    mounted.remount("ro");
    assert_eq!(faults(&rig, &["--all"]), wanted(&[]));
    let sample = rig.run(&["verify", "--sample", "5%"]);
    assert_eq!(sample.status.code(), Some(0));
    let said = String::from_utf8_lossy(&sample.stderr).into_owned();
    assert!(said.contains("the next run will not know where this one ended"), "{said}");
    assert_eq!(rig.ok(&["check"]), "");
}

#[test]
fn verifying_changes_nothing_but_the_cursor() {
    let rig = published();
    let before = tree(&rig.mirror("."));
    faults(&rig, &["--all"]);
    faults(&rig, &["--sample", "50%"]);
    let after = tree(&rig.mirror("."));
    let other =
        |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains("cursors")).collect::<Vec<_>>();
    assert_eq!(other(after), other(before));
}

#[test]
fn a_recorded_build_that_is_gone_is_missing_and_a_pruned_one_is_not() {
    const LAST: &str = "master/centos/20260103T060000Z";
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]");
    for build in ["20260101T060000Z", "20260102T060000Z", "20260103T060000Z"] {
        rig.publish(build, &[]);
    }
    rig.ok(&["prune"]);
    assert_eq!(faults(&rig, &["--all"]), wanted(&[]), "a pruned build is in the trash");
    rig.fails(1, "there is no build", &["verify", BUILD]);
    fs::remove_dir_all(rig.mirror(LAST)).unwrap();
    let gone = wanted(&[("missing", LAST)]);
    for args in [&["--all"][..], &["--sample", "5%"], &["master/centos"], &[LAST]] {
        assert_eq!(faults(&rig, args), gone, "{args:?}");
    }
    assert_eq!(faults(&rig, &["master/centos/20260102T060000Z"]), wanted(&[]));
    // Without its record the journal still knows it, and without any build the stream is still known.
    fs::remove_file(rig.mirror(&format!(".mirrorkeep/builds/{LAST}.json"))).unwrap();
    assert_eq!(faults(&rig, &["--all"]), gone);
    fs::remove_dir_all(rig.mirror("master")).unwrap();
    let all = wanted(&[("missing", "master/centos/20260102T060000Z"), ("missing", LAST)]);
    for args in [&["--all"][..], &["--sample", "5%"], &["master/centos"]] {
        assert_eq!(faults(&rig, args), all, "{args:?}");
    }
    let text = String::from_utf8(rig.run(&["verify", "--all"]).stdout).unwrap();
    assert!(text.contains("missing: the build is recorded and was not pruned"), "{text}");
    // `adopt --changed` takes the stream as it is.
    rig.ok(&["adopt", "--changed", "master/centos"]);
    assert_eq!(faults(&rig, &["--all"]), wanted(&[]));
}

#[test]
fn files_that_the_list_of_an_adopted_build_does_not_name_are_compared_with_its_manifest() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let list = format!("{abc}  outputs/iso/a.iso\n");
    lay(
        &rig,
        BUILD,
        &[
            ("outputs/iso/a.iso", "abc"),
            ("outputs/iso/a.img.xz", "compressed"),
            ("outputs/success", ""),
            ("SHA256SUMS", &list),
        ],
    );
    rig.ok(&["adopt"]);
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[]));
    let output = rig.run(&["--json", "check"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!found.to_string().contains("sums-differ"), "{found}");
    // Another byte, the same size and the same time: only the manifest knows what it was.
    let image = rig.mirror(&format!("{BUILD}/outputs/iso/a.img.xz"));
    let time = fs::metadata(&image).unwrap().modified().unwrap();
    fs::write(&image, "comprEssed").unwrap();
    fs::File::options().write(true).open(&image).unwrap().set_modified(time).unwrap();
    let changed = ("changed", "outputs/iso/a.img.xz");
    assert_eq!(faults(&rig, &[BUILD]), wanted(&[changed]));
    // What neither of the two has is still extra, and what one of them has may not be missing.
    fs::write(rig.mirror(&format!("{BUILD}/outputs/iso/b.iso")), "new").unwrap();
    fs::remove_file(rig.mirror(&format!("{BUILD}/outputs/success"))).unwrap();
    let all = [changed, ("extra", "outputs/iso/b.iso"), ("missing", "outputs/success")];
    assert_eq!(faults(&rig, &["--all"]), wanted(&all));
    assert!(rig.ends(5, &["check"]).contains("not listed: `outputs/iso/b.iso`"));
}
