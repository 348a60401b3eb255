//! `adopt`: what a shell script laid down becomes what mirrorkeep looks after, and not a byte of it changes.

use crate::support::rig::{Rig, lay, tree};
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::{Digest, Outcome, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::adopt::{AdoptOptions, Changed, Scope, SumsIn, Trust, adopt};
use mirrorkeep::session::Session;
use mirrorkeep::store::Posix;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const DAYS: [&str; 3] = ["20260101T060000Z", "20260102T060000Z", "20260103T060000Z"];

fn scripted() -> Rig {
    let rig = Rig::new();
    for day in DAYS {
        let marker = if day == DAYS[1] { "outputs/fail" } else { "outputs/success" };
        let files = [("outputs/iso/a.iso", day), ("outputs/RPMS/std/a.rpm", "same"), (marker, "")];
        lay(&rig, &format!("master/centos/{day}"), &files);
        // What the files' times say is not when they were built.
        let mut touch = Command::new("touch");
        touch.args(["-d", "2001-01-01", "outputs/iso/a.iso", "."]);
        touch.current_dir(rig.mirror(&format!("master/centos/{day}")));
        assert!(touch.status().unwrap().success());
    }
    symlink(DAYS[2], rig.mirror("master/centos/latest_build")).unwrap();
    rig.ok(&["init"]);
    rig
}

fn public(rig: &Rig) -> Vec<String> {
    let lines = tree(&rig.mirror(".")).into_iter();
    lines.filter(|line| !line.starts_with(".mirrorkeep")).collect()
}

fn record(rig: &Rig, build: &str) -> Value {
    let at = rig.mirror(&format!(".mirrorkeep/builds/master/centos/{build}.json"));
    serde_json::from_str(&fs::read_to_string(at).unwrap()).unwrap()
}

#[test]
fn a_mirror_that_a_script_filled_is_taken_over_and_looked_after() {
    let rig = scripted();
    let before = public(&rig);
    let answer = rig.json(&["adopt"]);
    assert_eq!(answer["report"]["adopted"].as_array().unwrap().len(), 3);
    assert_eq!(public(&rig), before);
    let adopted = record(&rig, DAYS[0]);
    assert_eq!(
        (&adopted["created"], &adopted["origin"]),
        (&"2026-01-01T06:00:00Z".into(), &"adopted".into())
    );
    assert_eq!(record(&rig, DAYS[1])["result"], "fail");
    rig.ok(&["verify", "--all"]);
    rig.ok(&["label", &format!("master/centos/{}", DAYS[0]), "sanity=green"]);
    rig.ok(&["plan"]);
    rig.ok(&["prune"]);
    rig.publish("20260104T060000Z", &[]);
    assert_eq!(rig.latest().as_deref(), Some("20260104T060000Z"));
    fs::write(rig.mirror(&format!("master/centos/{}/outputs/RPMS/std/a.rpm", DAYS[0])), "SAME").unwrap();
    assert_eq!(rig.run(&["verify", "--all"]).status.code(), Some(5));
}

#[test]
fn adopting_changes_no_verdict() {
    let rig = scripted();
    let verdicts = || {
        let plan = rig.json(&["plan", "--at", "2027-03-01T00:00:00Z"]);
        let all = plan["builds"].as_array().unwrap().clone();
        all.iter().map(|build| (build["id"].clone(), build["verdict"].clone())).collect::<Vec<_>>()
    };
    let before = verdicts();
    rig.ok(&["adopt"]);
    assert_eq!(verdicts(), before);
}

#[test]
fn taking_over_again_changes_nothing_and_goes_on_with_the_rest() {
    let rig = scripted();
    rig.ok(&["adopt", &format!("master/centos/{}", DAYS[1])]);
    let first = fs::read(rig.mirror(&format!(".mirrorkeep/builds/master/centos/{}.json", DAYS[1]))).unwrap();
    let answer = rig.json(&["adopt", "master/centos"]);
    assert_eq!(answer["report"]["adopted"].as_array().unwrap().len(), 2);
    assert_eq!(answer["report"]["already"], 1);
    let all = tree(&rig.mirror("."));
    assert_eq!(rig.json(&["adopt"])["report"]["already"], 3);
    assert_eq!(tree(&rig.mirror(".")), all);
    let again = fs::read(rig.mirror(&format!(".mirrorkeep/builds/master/centos/{}.json", DAYS[1]))).unwrap();
    assert_eq!(again, first);
}

#[test]
fn a_trial_reads_everything_and_writes_nothing() {
    let rig = scripted();
    let before = tree(&rig.mirror("."));
    let answer = rig.json(&["adopt", "--dry-run"]);
    assert_eq!(answer["report"]["adopted"].as_array().unwrap().len(), 3);
    assert_eq!(tree(&rig.mirror(".")), before);
}

#[test]
fn sums_are_written_only_where_asked_for_and_hold() {
    let rig = scripted();
    let build = format!("master/centos/{}", DAYS[0]);
    rig.ok(&["adopt", &build, "--write-sums"]);
    rig.sums_hold(&build);
    rig.ok(&["adopt"]);
    assert!(!rig.mirror(&format!("master/centos/{}/SHA256SUMS", DAYS[2])).exists());
    assert_eq!(rig.run(&["verify", "--all"]).status.code(), Some(0));
}

#[test]
fn what_makes_no_sense_is_left_alone_and_told() {
    let rig = scripted();
    let at = |below: &str| rig.mirror(&format!("master/centos/{below}"));
    fs::write(at(&format!("{}/outputs/fail", DAYS[0])), "").unwrap();
    fs::create_dir_all(at("20260230T060000Z/outputs")).unwrap();
    fs::create_dir_all(at("20260105T060000Z/outputs")).unwrap();
    fs::create_dir_all(rig.mirror("masters")).unwrap();
    assert!(Command::new("mkfifo").arg(at(&format!("{}/outputs/logs", DAYS[2]))).status().unwrap().success());
    let output = rig.run(&["--json", "adopt"]);
    assert_eq!(output.status.code(), Some(6));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let left = answer["report"]["left"].as_array().unwrap();
    for (path, why) in [
        ("master/centos/20260101T060000Z", "more than one result marker"),
        ("master/centos/20260230T060000Z", "impossible"),
        ("master/centos/20260105T060000Z", "may still be filled"),
        ("master/centos/20260103T060000Z", "FIFO"),
        ("masters", "expected there"),
    ] {
        let told =
            left.iter().find(|left| left["path"] == path).unwrap_or_else(|| panic!("{path}: {left:?}"));
        assert!(told["why"].as_str().unwrap().contains(why), "{told}");
    }
    assert_eq!(answer["report"]["adopted"].as_array().unwrap().len(), 1);
}

#[test]
fn bytes_that_differ_from_their_list_are_not_taken_for_right() {
    let rig = scripted();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let list = rig.mirror(&format!("master/centos/{}/outputs/iso/StxChecksums", DAYS[0]));
    fs::write(&list, format!("{abc} a.iso 16 1 1 1 /build/a.iso\n")).unwrap();
    let build = format!("master/centos/{}", DAYS[0]);
    let output = rig.run(&["adopt", &build]);
    assert_eq!(output.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&output.stdout).contains("differs from the list"));
    // Believed on request, and then told by the next look at the bytes.
    rig.ok(&["adopt", &build, "--trust-lists"]);
    assert_eq!(rig.run(&["verify", &build]).status.code(), Some(5));
}

#[test]
fn nothing_is_taken_over_that_is_not_there() {
    let rig = scripted();
    rig.fails(1, "there is no build", &["adopt", "master/centos/20250101T060000Z"]);
    rig.fails(2, "", &["adopt", "../elsewhere"]);
    rig.fails(2, "", &["adopt", "masters/centos"]);
}

#[test]
fn a_build_without_a_record_says_how_to_get_one() {
    let rig = scripted();
    rig.fails(1, "mirrorkeep adopt", &["label", &format!("master/centos/{}", DAYS[0]), "a=b"]);
}

/// The digest of `abc`.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Lays a build down with a list beside its file, and returns where the list is.
fn listed(rig: &Rig, list: &str, text: &str) -> String {
    let build = format!("master/centos/{}", DAYS[0]);
    lay(rig, &build, &[("outputs/iso/a.iso", "abc"), ("outputs/success", ""), (list, text)]);
    rig.ok(&["init"]);
    build
}

#[test]
fn lists_in_every_form_of_sha256sum_are_believed_and_contradicted() {
    let other = Digest::of(b"other").to_string();
    let forms: [fn(&str, &str) -> String; 6] = [
        |digest, name| format!("SHA256 ({name}) = {digest}\n"),
        |digest, name| format!("# comment\n{digest}  {name}\n"),
        |digest, name| format!("{digest} {name}\r\n"),
        |digest, name| format!("{digest} *.//{name}\n"),
        |digest, name| format!("{digest}  {name}\n{digest}  {name}\n"),
        |digest, name| {
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{digest}  {name}\n-----BEGIN PGP SIGNATURE-----\n\n=a\n-----END PGP SIGNATURE-----\n"
            )
        },
    ];
    for form in forms {
        for (list, name) in [("outputs/iso/sha256sums.txt", "a.iso"), ("SHA256SUMS", "outputs/iso/a.iso")] {
            let rig = Rig::new();
            let build = listed(&rig, list, &form(ABC, name));
            let text = rig.ok(&["adopt", &build]);
            assert!(text.contains("adopted 1 build"), "{text}");
            rig.ok(&["verify", "--all"]);
            let findings = String::from_utf8(rig.run(&["check"]).stdout).unwrap();
            assert!(!findings.contains("sums-"), "{findings}");
            // A list that contradicts the bytes refuses the build.
            let rig = Rig::new();
            let build = listed(&rig, list, &form(&other, name));
            assert!(rig.ends(6, &["adopt", &build]).contains("differs from the list"));
        }
    }
}

#[test]
fn a_list_that_cannot_be_read_is_named_and_the_build_is_adopted() {
    for list in ["outputs/iso/a.iso.sha256", "SHA256SUMS"] {
        let rig = Rig::new();
        let build = listed(&rig, list, "no checksums at all\n");
        let output = rig.run(&["adopt", &build]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains(&format!("warning: `{build}/{list}`: line 1 of the list cannot be read")),
            "{text}"
        );
        rig.ok(&["verify", "--all"]);
        fs::write(rig.mirror(&format!("{build}/outputs/iso/a.iso")), "abd").unwrap();
        assert_eq!(rig.run(&["verify", "--all"]).status.code(), Some(5));
    }
}

#[test]
fn lists_that_disagree_refuse_a_build() {
    let rig = Rig::new();
    let text = format!("{}  a.iso\n{ABC}  a.iso\n", Digest::of(b"other"));
    let build = listed(&rig, "outputs/iso/DIGESTS", &text);
    assert!(rig.ends(6, &["adopt", &build]).contains("they disagree"));
    assert!(rig.ends(5, &["verify", &build]).contains("the lists of checksums disagree about it"));
}

/// Lays out a release without a date, a dated build of the same mirror, and their layout with its own policy.
fn undated() -> (Rig, &'static str) {
    let rig = Rig::new();
    let release = "release/10.0.0/debian/monolithic";
    let files = [("outputs/iso/a.iso", "release"), ("outputs/Success", "Build was successful\n")];
    lay(&rig, release, &files);
    lay(&rig, "milestone/2018.10/centos/2018.10.b3", &files);
    lay(&rig, &format!("master/debian/monolithic/{}", DAYS[0]), &files);
    symlink(DAYS[0], rig.mirror("master/debian/monolithic/latest_build")).unwrap();
    rig.ok(&["init", "--layout", "starlingx-debian"]);
    (rig, "release/debian/monolithic/10.0.0")
}

#[test]
fn undated_builds_of_shipped_layouts_are_kept_by_their_policies_and_prune_succeeds() {
    let (rig, release) = undated();
    rig.ok(&["adopt"]);
    rig.ok(&["prune"]);
    let shown = rig.json(&["explain", release]);
    assert_eq!(shown["build"]["verdict"], "keep", "{shown}");
    assert!(shown["build"]["reasons"].to_string().contains("\"forever\""), "{shown}");

    let rig = Rig::new();
    for version in ["29.0.0", "29.2.0", "29.0.0.0rc1"] {
        let tarball = format!("nova-{version}.tar.gz");
        lay(&rig, &format!("openstack/nova/{version}"), &[(tarball.as_str(), version)]);
    }
    rig.ok(&["init", "--layout", "openstack-tarballs"]);
    rig.ok(&["adopt"]);
    rig.ok(&["prune"]);
}

#[test]
fn the_time_of_an_undated_build_can_be_recorded_and_only_where_no_name_has_it() {
    let (rig, release) = undated();
    let text = "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: all, match: \"**\", keep: [{last: 1}, {within: 14d}]}]\n";
    fs::write(rig.mirror(".mirrorkeep/policy.yaml"), text).unwrap();
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let shipped = fs::read_to_string(&settings).unwrap();

    fs::write(&settings, shipped.replace("policy: starlingx-production", "policy: policy.yaml")).unwrap();
    rig.ok(&["adopt"]);
    let said = rig.ends(6, &["plan"]);
    assert!(said.contains(&format!("`mirrorkeep adopt --created TIME {release}`")), "{said}");
    let trial = tree(&rig.mirror("."));
    rig.ok(&["adopt", "--dry-run", "--created", "2024-03-01T06:00:00Z", release]);
    assert_eq!(tree(&rig.mirror(".")), trial);
    let answer = rig.json(&["adopt", "--created", "2024-03-01", release]);
    assert_eq!(answer["report"]["again"][0]["created"], "2024-03-01T23:59:59Z", "{answer}");
    rig.ok(&["adopt", "--created", "2018-07-26T00:00:00Z", "milestone/2018.10/centos/2018.10.b3"]);
    rig.ok(&["prune"]);
    assert_eq!(rig.json(&["explain", release])["build"]["reasons"][0]["rule"], "floor 1");
    assert_eq!(rig.json(&["adopt", "--created", "2024-03-01", release])["report"]["already"], 1);
    // A record that is lost is made again with the time.
    fs::remove_file(rig.mirror(".mirrorkeep/builds/release/debian/monolithic/10.0.0.json")).unwrap();
    rig.run(&["check", "--fix"]);
    assert_eq!(rig.json(&["show", release])["created"], "2024-03-01T23:59:59Z");

    let dated = format!("master/debian/monolithic/{}", DAYS[0]);
    let said = rig.ends(6, &["adopt", "--created", "2024-03-01", &dated]);
    assert!(said.contains("its name says that it was made at 2026-01-01T06:00:00Z"), "{said}");
    rig.fails(2, "is in the future", &["adopt", "--created", "2999-01-01", release]);
    rig.fails(2, "a build is accepted", &["adopt", "--created", "2024-03-01", "release/debian/monolithic"]);
}

#[test]
fn a_marker_that_is_no_regular_file_is_never_a_success() {
    /// Puts something in the place of a file of the build.
    fn put(rig: &Rig, what: &str, at: &str) {
        let at = rig.mirror(&format!("master/centos/{}/{at}", DAYS[0]));
        match what {
            "link" => symlink("iso/a.iso", at).unwrap(),
            "dangling" => symlink("gone", at).unwrap(),
            _ => fs::create_dir_all(at).unwrap(),
        }
    }
    let id = format!("master/centos/{}", DAYS[0]);
    for what in ["link", "dangling", "directory"] {
        for (marker, success) in [("outputs/fail", true), ("outputs/fail", false), ("outputs/success", false)]
        {
            let rig = Rig::new();
            lay(&rig, &id, &[("outputs/iso/a.iso", "a")]);
            if success {
                lay(&rig, &id, &[("outputs/success", "")]);
            }
            put(&rig, what, marker);
            rig.ok(&["init"]);
            let shown = rig.json(&["show", &id]);
            assert_eq!(shown["result"], "unknown", "{what} {marker}");
            let why = shown["problem"].as_str().unwrap();
            assert!(why.contains(&format!("`{marker}` is a ")) && why.contains("regular file"), "{why}");
            assert!(rig.ends(6, &["adopt"]).contains("is left alone"), "{what} {marker}");
            assert!(rig.ends(5, &["check"]).contains("[marker-kind]"), "{what} {marker}");
        }
        for at in ["outputs/CONTEXT", "SHA256SUMS", "SHA256SUMS.asc"] {
            let rig = Rig::new();
            lay(&rig, &id, &[("outputs/iso/a.iso", "a"), ("outputs/success", "")]);
            put(&rig, what, at);
            rig.ok(&["init"]);
            let found = rig.ends(5, &["check"]);
            assert!(
                found.contains(&format!("{id}/{at}: error")) && found.contains("[marker-kind]"),
                "{found}"
            );
        }
    }
    // A hold by a marker stays one, whatever is there.
    let rig = Rig::new();
    let layout = rig.work("own.yaml");
    let text = fs::read_to_string("layouts/starlingx.yaml").unwrap();
    assert!(text.contains("markers:\n"));
    let text = text.replacen("markers:\n", "markers:\n  hold: outputs/hold\n", 1);
    let text = text.replacen("  - outputs/success", "  - outputs/hold\n  - outputs/success", 1);
    fs::write(&layout, text).unwrap();
    rig.ok(&["init", "--layout", layout.to_str().unwrap()]);
    for (what, day) in ["link", "dangling", "directory"].into_iter().zip(DAYS) {
        lay(&rig, &format!("master/centos/{day}"), &[("outputs/iso/a.iso", "a"), ("outputs/success", "")]);
        let at = rig.mirror(&format!("master/centos/{day}/outputs/hold"));
        match what {
            "link" => symlink("iso/a.iso", at).unwrap(),
            "dangling" => symlink("gone", at).unwrap(),
            _ => fs::create_dir_all(at).unwrap(),
        }
        assert_eq!(
            rig.json(&["show", &format!("master/centos/{day}")])["holds"].as_array().unwrap().len(),
            1
        );
    }
}

#[test]
fn builds_without_a_marker_get_one_where_a_person_says_how_they_went() {
    let rig = Rig::new();
    for (name, marker) in [(DAYS[0], None), (DAYS[1], Some(("fail", ""))), (DAYS[2], None)] {
        let files: Vec<(&str, &str)> = [("a.iso", name)].into_iter().chain(marker).collect();
        lay(&rig, &format!("main/debian/{name}"), &files);
    }
    rig.ok(&["init", "--layout", "generic"]);
    // One that changed within a day may have no marker yet.
    assert!(rig.ends(6, &["adopt", "--result", "success", "main/debian"]).contains("may still be filled"));
    assert!(!rig.mirror(&format!("main/debian/{}/success", DAYS[0])).exists());
    let open =
        || Mirror::open(Arc::new(Posix::open(&rig.mirror("")).unwrap()), "a test", Duration::ZERO).unwrap();
    let in_two_days = || Stamp::from_instant(chrono::Utc::now() + chrono::Duration::days(2)).unwrap();
    let adopting = |mode: Mode| {
        let options = AdoptOptions {
            scope: Scope::Stream("main/debian".parse().unwrap()),
            sums: SumsIn::Record,
            trust: Trust::Bytes,
            changed: Changed::Leave,
            result: Some(Outcome::Success),
            created: None,
            mode,
        };
        let report = adopt(&Session::new(&open(), &in_two_days), &options).unwrap();
        report.adopted.iter().map(|one| one.result).collect::<Vec<_>>()
    };
    let wanted = [Outcome::Success, Outcome::Success];
    assert_eq!(adopting(Mode::Trial), wanted);
    assert!(!rig.mirror(&format!("main/debian/{}/success", DAYS[0])).exists());
    assert_eq!(adopting(Mode::Real), wanted);
    let results: Vec<Value> =
        rig.json(&["list"])["builds"].as_array().unwrap().iter().map(|one| one["result"].clone()).collect();
    assert_eq!(results, ["success", "fail", "success"]);
    rig.ok(&["verify", "--all"]);
    let said = String::from_utf8(rig.run(&["check"]).stdout).unwrap();
    assert!(!said.contains("build-changed") && !said.contains("in-progress"), "{said}");
}
