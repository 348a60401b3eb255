//! Files whose bytes changed get a later time, so that clients that compare size and time notice.

use crate::support::rig::Rig;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";
const FOUR: &str = "20181208T060000Z";

/// The second that a reproducible build gives all its files.
const CLAMPED: i64 = 1_540_000_000;

const IMAGE: &str = "outputs/iso/bootimage.iso";
const PACKAGE: &str = "outputs/RPMS/std/a.rpm";

/// Gives a file of the workspace these bytes and the time of every other.
fn build(rig: &Rig, file: &str, text: &str) {
    fs::remove_file(rig.work(file)).ok();
    rig.write(file, text);
    clamp(&rig.work(file), 0);
}

fn clamp(path: &Path, nanos: u32) {
    let time = UNIX_EPOCH + Duration::new(CLAMPED.unsigned_abs(), nanos);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// Returns how many seconds later than at the source a file of a build was published.
#[track_caller]
fn later(rig: &Rig, build: &str, file: &str) -> i64 {
    fs::metadata(rig.mirror(&format!("master/centos/{build}/{file}"))).unwrap().mtime() - CLAMPED
}

/// Publishes the workspace and returns the answer.
#[track_caller]
fn publish(rig: &Rig, build: &str, more: &[&str]) -> serde_json::Value {
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", build];
    rig.json(&[&args[..], more].concat())
}

/// Returns the columns of a file in the manifest of a build: its time, and that of its source.
#[track_caller]
fn noted(rig: &Rig, build: &str, file: &str) -> (i64, i64) {
    let manifest = rig.mirror(&format!(".mirrorkeep/manifests/master/centos/{build}.files"));
    let manifest = fs::read_to_string(manifest).unwrap();
    let line = manifest.lines().find(|line| line.ends_with(&format!("\t{file}"))).unwrap();
    let columns: Vec<&str> = line.split('\t').collect();
    [columns[4], columns[6]].map(|time| time.parse::<i64>().unwrap() / 1_000_000_000 - CLAMPED).into()
}

/// Fails when `check` finds more than that a build has no CONTEXT.
#[track_caller]
fn is_clean(rig: &Rig) {
    let output = rig.run(&["--json", "check"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["code"] == "context-missing"), "{findings:#?}");
}

/// Bytes change, come back and change once more; everything else stays, for each way in which files enter the mirror.
#[test]
fn other_bytes_get_a_later_second_whatever_the_way_in() {
    #[track_caller]
    fn case(dedupe: &str, take: &str) {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", "generic"]);
        let how = ["--dedupe", dedupe, "--take", take];
        let mut last: Option<(String, i64)> = None;
        for (name, text, seconds) in
            [(ONE, "image a", 0), (TWO, "image b", 1), (THREE, "image a", 2), (FOUR, "image c", 3)]
        {
            build(&rig, IMAGE, text);
            build(&rig, PACKAGE, "package");
            build(&rig, "outputs/RPMS/std/same.rpm", text);
            let answer = publish(&rig, name, &how);
            let changed = if name == ONE { 0 } else { 2 };
            assert_eq!(answer["later_files"], changed, "{how:?} {name}: {answer:#}");
            for file in [IMAGE, "outputs/RPMS/std/same.rpm"] {
                assert_eq!(later(&rig, name, file), seconds, "{how:?} {name} {file}");
                assert_eq!(noted(&rig, name, file), (seconds, 0), "{how:?} {name}");
            }
            assert_eq!(later(&rig, name, PACKAGE), 0, "{how:?} {name}");
            // The source stays as it is, or goes.
            let source = fs::metadata(rig.work(IMAGE));
            match take {
                "move" => assert!(source.is_err()),
                _ => assert_eq!(source.unwrap().mtime(), CLAMPED, "{how:?}"),
            }
            last = Some((name.to_owned(), seconds));
        }
        let (name, seconds) = last.unwrap();
        // The same again is no change, and as the next build keeps the times.
        if take != "move" {
            assert_eq!(publish(&rig, &name, &how)["outcome"], "unchanged");
            let answer = publish(&rig, "20181209T060000Z", &how);
            assert_eq!(answer["later_files"], 0, "{how:?}");
            assert_eq!(later(&rig, "20181209T060000Z", IMAGE), seconds, "{how:?}");
        }
        if dedupe == "link" {
            let at = |build: &str, file: &str| rig.inode(&format!("master/centos/{build}/{file}"));
            assert_eq!(at(ONE, PACKAGE), at(FOUR, PACKAGE));
            assert_ne!(at(ONE, IMAGE), at(THREE, IMAGE));
        }
        is_clean(&rig);
        rig.ok(&["verify", "--all"]);
    }
    for dedupe in ["link", "reflink", "none"] {
        for take in ["copy", "link", "move"] {
            case(dedupe, take);
        }
    }
}

#[test]
fn a_link_to_the_source_is_made_where_its_time_will_do() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    for (name, text) in [(ONE, "image a"), (TWO, "image b")] {
        build(&rig, IMAGE, text);
        build(&rig, PACKAGE, if name == ONE { "package" } else { "a larger package" });
        publish(&rig, name, &["--take", "link"]);
    }
    let names = |file: &str| fs::metadata(rig.work(file)).unwrap().nlink();
    assert_eq!((names(IMAGE), names(PACKAGE)), (1, 2));
}

#[test]
fn the_answer_says_how_many_files_got_a_later_time() {
    let rig = Rig::new();
    build(&rig, IMAGE, "image a");
    assert!(!rig.publish(ONE, &[]).contains("later time"));
    build(&rig, IMAGE, "image b");
    assert!(
        rig.publish(TWO, &[])
            .contains("\n  given a later time, since the bytes changed and the size did not: 1 file\n")
    );
}

#[test]
fn times_are_kept_on_request_with_a_warning() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    for (name, text) in [(ONE, "a"), (TWO, "b")] {
        for file in ["outputs/iso/z.iso", "outputs/RPMS/std/m.rpm", "outputs/iso/a.iso"] {
            build(&rig, file, text);
        }
        build(&rig, IMAGE, &format!("{text}{}", if name == ONE { "" } else { "longer" }));
        for dedupe in ["link", "none"] {
            let name = &format!("{}{}Z", &name[..14], i32::from(dedupe != "link"));
            let answer = publish(&rig, name, &["--keep-times", "--dedupe", dedupe]);
            let warnings = answer["warnings"].as_array().unwrap();
            assert_eq!(answer["later_files"], 0);
            if name == &format!("{}0Z", &TWO[..14]) {
                let [warning] = &**warnings else { panic!("{warnings:?}") };
                let warning = warning.as_str().unwrap();
                let said = "3 files have other bytes than in earlier builds, but the same size and no later time, the first \
                            `outputs/RPMS/std/m.rpm`: ";
                assert!(warning.starts_with(said) && warning.contains("without `--keep-times`"), "{warning}");
            } else {
                assert!(warnings.is_empty(), "{warnings:?}");
            }
            assert_eq!(later(&rig, name, "outputs/iso/a.iso"), 0);
        }
    }
    // From now on they are later again, after all that is there.
    build(&rig, "outputs/iso/a.iso", "c");
    assert_eq!(publish(&rig, THREE, &[])["later_files"], 1);
    assert_eq!(later(&rig, THREE, "outputs/iso/a.iso"), 1);
}

#[test]
fn equal_files_share_the_latest_of_their_times() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let other = "outputs/RPMS/std/b.rpm";
    build(&rig, PACKAGE, "same");
    build(&rig, other, "else");
    publish(&rig, ONE, &[]);
    build(&rig, other, "same");
    let answer = publish(&rig, TWO, &[]);
    assert_eq!(answer["later_files"], 1, "{answer:#}");
    assert_eq!((later(&rig, TWO, PACKAGE), later(&rig, TWO, other)), (1, 1));
    let at = |build: &str, file: &str| rig.inode(&format!("master/centos/{build}/{file}"));
    assert_eq!(at(TWO, PACKAGE), at(TWO, other));
    publish(&rig, THREE, &[]);
    assert_eq!(at(THREE, PACKAGE), at(TWO, other));
    assert_eq!(at(THREE, other), at(TWO, other));
    // Hard links of the source: the name that had other bytes needs a later time than the one that did not.
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    build(&rig, PACKAGE, "same");
    build(&rig, other, "else");
    publish(&rig, ONE, &[]);
    fs::remove_file(rig.work(other)).unwrap();
    fs::hard_link(rig.work(PACKAGE), rig.work(other)).unwrap();
    publish(&rig, TWO, &[]);
    assert_eq!(
        rig.inode(&format!("master/centos/{TWO}/{PACKAGE}")),
        rig.inode(&format!("master/centos/{TWO}/{other}"))
    );
    assert_eq!((later(&rig, TWO, PACKAGE), later(&rig, TWO, other)), (1, 1));
    is_clean(&rig);
}

/// What mirrorkeep writes itself has the time of writing, and builds may follow one another within a second.
#[test]
fn lists_and_contexts_of_builds_of_one_second_have_later_times_too() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let mut before: Option<Vec<i64>> = None;
    for (number, name) in [ONE, TWO, THREE, FOUR].into_iter().enumerate() {
        build(&rig, IMAGE, &format!("image {number}"));
        let context = rig.work("../context");
        fs::write(&context, format!("(cd ./repo && git checkout -f {number:040})\n")).unwrap();
        publish(&rig, name, &["--context", context.to_str().unwrap()]);
        let at =
            |file: &str| fs::metadata(rig.mirror(&format!("master/centos/{name}/{file}"))).unwrap().mtime();
        let now = vec![at("SHA256SUMS"), at("outputs/CONTEXT")];
        if let Some(before) = before {
            assert!(before.iter().zip(&now).all(|(before, now)| before < now), "{before:?} {now:?}");
        }
        before = Some(now);
    }
    is_clean(&rig);
}

#[test]
fn a_copy_has_the_times_of_the_mirror_that_it_copies() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    for (name, text) in [(ONE, "same a"), (TWO, "same b"), (THREE, "same a")] {
        build(&rig, IMAGE, text);
        build(&rig, PACKAGE, "same a");
        publish(&rig, name, &["--dedupe", "none"]);
    }
    let copy = rig.mirror("../copy");
    let layout = ["--mirror", copy.to_str().unwrap(), "init", "--layout", "generic"];
    rig.ok(&layout);
    rig.ok(&["copy", rig.mirror("").to_str().unwrap(), copy.to_str().unwrap()]);
    for name in [ONE, TWO, THREE] {
        for file in [IMAGE, PACKAGE] {
            let at = format!("master/centos/{name}/{file}");
            let times = [rig.mirror(&at), copy.join(&at)].map(|path| {
                let meta = fs::metadata(path).unwrap();
                (meta.mtime(), meta.mtime_nsec())
            });
            assert_eq!(times[0], times[1], "{at}");
        }
    }
}
