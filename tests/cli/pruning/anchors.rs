//! A journal that lost events: what refers to them is noticed, nothing is changed, and a person can accept the loss.

use crate::support::rig::Rig;
use std::fs;
use std::path::PathBuf;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";
const D: &str = "20261004T000000Z";
const REFUSED: i32 = 3;

/// Every verb that changes the mirror, with arguments that succeed while the journal is whole.
const CHANGING: [&[&str]; 6] = [
    &["label", "master/centos/20261002T000000Z", "a=b"],
    &["hold", "master/centos/20261002T000000Z", "--why", "x"],
    &["alias", "set", "master/centos/mine", "master/centos/20261002T000000Z"],
    &["prune"],
    &["sweep"],
    &["recover"],
];

/// Returns a mirror of which the first of three builds is in the trash.
fn pruned() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B, C]).ok(&["prune"]);
    rig
}

/// Returns where a file of the journal is.
fn segment(rig: &Rig, name: &str) -> PathBuf {
    rig.mirror(".mirrorkeep/journal").join(name)
}

fn first(rig: &Rig) -> PathBuf {
    segment(rig, "000000000001.jsonl")
}

/// Divides the only segment before each event that a command began after the first, and returns the files.
fn divide(rig: &Rig) -> Vec<PathBuf> {
    let text = fs::read_to_string(first(rig)).unwrap();
    let mut files: Vec<(PathBuf, String)> = vec![(first(rig), String::new())];
    for (nth, line) in text.lines().enumerate() {
        if line.contains("\"what\":\"published\"") && line.contains("\"phase\":\"intent\"") && nth > 0 {
            files.push((segment(rig, &format!("{:012}.jsonl", nth + 1)), String::new()));
        }
        files.last_mut().unwrap().1 += &format!("{line}\n");
    }
    assert!(files.len() > 2, "{text}");
    for (file, text) in &files {
        fs::write(file, text).unwrap();
    }
    files.into_iter().map(|(file, _)| file).collect()
}

/// Returns everything but the locks, as text.
fn state(rig: &Rig) -> Vec<String> {
    let mut state = crate::support::rig::tree(&rig.mirror(""));
    state.retain(|line| !line.contains("lock"));
    state
}

/// Checks that everything that changes the mirror and `plan` refuse and name it, that `check` finds it, and that nothing is changed.
#[track_caller]
fn refused(rig: &Rig, named: &str) {
    let before = state(rig);
    let hint = "`mirrorkeep recover --accept-journal`";
    for args in CHANGING.iter().chain([&["plan"][..]].iter()) {
        rig.fails(REFUSED, named, args);
        rig.fails(REFUSED, hint, args);
    }
    let work = rig.work("");
    let publish = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", D];
    rig.fails(REFUSED, named, &publish);
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", D, "--dry-run"]);
    let mut after = state(rig);
    // A stage is filled before the lock is taken.
    after.retain(|line| before.contains(line) || !line.contains(".mirrorkeep/stage"));
    assert_eq!(after, before);
    found(rig, named);
    assert!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count() < 2);
}

#[track_caller]
fn found(rig: &Rig, named: &str) {
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    let lost = findings.as_array().unwrap().iter().find(|found| found["code"] == "journal-lost");
    assert!(lost.unwrap().to_string().contains(named), "{findings}");
}

/// Accepts the loss, and checks that all goes on and that the trash still has what it had.
#[track_caller]
fn accepted(rig: &Rig) {
    rig.ok(&["recover", "--accept-journal"]);
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    assert!(!findings.to_string().contains("journal-lost"), "{findings}");
    for args in CHANGING.iter().filter(|args| args[0] != "sweep") {
        rig.ok(args);
    }
    rig.builds([D]);
    rig.ok(&["prune"]);
    rig.ok(&["restore", &format!("master/centos/{A}")]);
    rig.sums_hold(&format!("master/centos/{A}"));
    let text = rig.mirror(&format!("master/centos/{A}/outputs/iso/bootimage.iso"));
    assert_eq!(fs::read_to_string(text).unwrap(), A);
    let again = rig.ok(&["recover", "--accept-journal"]);
    assert!(again.contains("nothing to recover"), "{again}");
}

#[test]
fn a_journal_that_is_gone_is_noticed_and_can_be_accepted() {
    let rig = pruned();
    fs::remove_dir_all(rig.mirror(".mirrorkeep/journal")).unwrap();
    refused(&rig, "the journal in `.mirrorkeep/journal` has no event, but `.mirrorkeep/builds/");
    accepted(&rig);
}

#[test]
fn a_journal_that_was_emptied_is_noticed_and_can_be_accepted() {
    let rig = pruned();
    fs::write(first(&rig), "").unwrap();
    refused(&rig, "has no event, but `.mirrorkeep/builds/");
    accepted(&rig);
}

#[test]
fn an_older_journal_is_noticed_by_the_trash_and_by_the_last_run() {
    let rig = pruned();
    let text = fs::read_to_string(first(&rig)).unwrap();
    let older: String = text.split_inclusive('\n').take(8).collect();
    fs::write(first(&rig), older).unwrap();
    refused(&rig, "the journal ends with event 8, but `.mirrorkeep/last-run.json` belongs to event");
    fs::remove_file(rig.mirror(".mirrorkeep/last-run.json")).unwrap();
    refused(&rig, "the journal ends with event 8, but `.mirrorkeep/trash/0000000000");
    accepted(&rig);
}

#[test]
fn a_segment_that_is_missing_stops_what_reads_the_whole_journal() {
    for lost in [0, 1] {
        let rig = pruned();
        let files = divide(&rig);
        rig.ok(&["plan"]);
        rig.ok(&["label", &format!("master/centos/{B}"), "a=b"]);
        fs::remove_file(&files[lost]).unwrap();
        let next = files[lost + 1].file_name().unwrap().to_str().unwrap().to_owned();
        let named =
            format!("`.mirrorkeep/journal/{next}` of the journal does not follow the event before it");
        for args in [&["prune"][..], &["plan"]] {
            rig.fails(REFUSED, &named, args);
        }
        found(&rig, &named);
        accepted(&rig);
    }
}

#[test]
fn the_last_segments_are_noticed_by_what_they_made() {
    let rig = pruned();
    let files = divide(&rig);
    fs::remove_file(files.last().unwrap()).unwrap();
    refused(&rig, "the journal ends with event");
    accepted(&rig);
}

#[test]
fn a_file_of_the_journal_with_another_name_is_refused() {
    let rig = pruned();
    fs::write(segment(&rig, "zzz.jsonl"), "").unwrap();
    refused(&rig, "`.mirrorkeep/journal/zzz.jsonl` is not a segment of the journal");
    accepted(&rig);
    assert!(!segment(&rig, "zzz.jsonl").exists());
    let rig = pruned();
    fs::rename(first(&rig), segment(&rig, "000000000002.jsonl")).unwrap();
    refused(
        &rig,
        "`.mirrorkeep/journal/000000000002.jsonl` of the journal begins with event 1; expected event 2",
    );
    accepted(&rig);
    assert!(first(&rig).exists());
}

#[test]
fn an_empty_segment_that_follows_nothing_is_refused() {
    let rig = pruned();
    fs::write(segment(&rig, "000000000900.jsonl"), "").unwrap();
    refused(
        &rig,
        "`.mirrorkeep/journal/000000000900.jsonl` of the journal does not follow the event before it",
    );
    accepted(&rig);
}

#[test]
fn what_can_be_read_of_a_damaged_journal_stays_when_the_loss_is_accepted() {
    let rig = pruned();
    let text = fs::read_to_string(first(&rig)).unwrap();
    let lines = text.lines().count();
    fs::write(first(&rig), text.replacen("\"seq\":5,", "\"seq\":6,", 1)).unwrap();
    rig.fails(REFUSED, "`mirrorkeep recover --accept-journal`", &["prune"]);
    accepted(&rig);
    let read = |name: &str| fs::read_to_string(segment(&rig, name)).unwrap();
    assert_eq!(read("000000000001.jsonl").lines().count(), 4);
    assert!(read("000000000006.jsonl").lines().count() > lines - 5);
    assert!(read("000000000001.jsonl.damaged-1").contains("\"seq\":6,"));
    assert!(read("000000000006.jsonl").contains("\"missing\":[[5,5]]"));
}

#[test]
fn another_mirror_than_that_of_the_last_run_is_refused() {
    let rig = pruned();
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let id = text.lines().find(|line| line.starts_with("id:")).unwrap();
    fs::write(&settings, text.replace(id, "id: another")).unwrap();
    refused(&rig, "expected `another`, the id in `.mirrorkeep/mirror.yaml`");
    accepted(&rig);
}

#[test]
fn a_last_run_of_an_older_version_is_accepted() {
    let rig = pruned();
    let at = rig.mirror(".mirrorkeep/last-run.json");
    let mut last: serde_json::Value = serde_json::from_slice(&fs::read(&at).unwrap()).unwrap();
    let last = last.as_object_mut().unwrap();
    assert!(last.remove("mirror").is_some() && last.remove("seq").is_some());
    fs::write(&at, serde_json::to_vec(&last).unwrap()).unwrap();
    rig.ok(&["prune"]);
}

#[test]
fn a_prune_of_a_mirror_without_events_is_no_loss() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").ok(&["prune"]);
    rig.ok(&["prune"]);
    rig.builds([A]).ok(&["prune"]);
}

#[test]
fn a_directory_of_the_trash_is_never_used_again() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B, C]);
    let events = fs::read_to_string(first(&rig)).unwrap().lines().count();
    let other = rig.mirror(&format!(".mirrorkeep/trash/{:012}", events + 1));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("kept"), "").unwrap();
    rig.fails(REFUSED, "belongs to event", &["prune"]);
    rig.ok(&["recover", "--accept-journal"]);
    // What has no ticket is reported, and stays.
    rig.fails(1, "ticket.json", &["prune"]);
    assert!(other.join("kept").exists());
    assert_eq!(rig.there(), [B, C]);
}

#[test]
fn damaged_lines_at_the_end_are_stated_as_lost_events() {
    let rig = pruned();
    rig.ok(&["hold", &format!("master/centos/{B}"), "--why", "audit"]);
    let text = fs::read_to_string(first(&rig)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let kept = lines.len() - 2;
    let damaged: String = lines
        .iter()
        .enumerate()
        .map(|(nth, line)| if nth < kept { format!("{line}\n") } else { "?\n".into() })
        .collect();
    fs::write(first(&rig), damaged).unwrap();
    rig.fails(REFUSED, "`mirrorkeep recover --accept-journal`", &["prune"]);
    let told = rig.ok(&["recover", "--accept-journal"]);
    assert!(!told.contains("nothing to recover"), "{told}");
    let (from, to) = (kept + 1, kept + 2);
    let stated = fs::read_to_string(segment(&rig, &format!("{:012}.jsonl", to + 1))).unwrap();
    assert!(stated.contains(&format!("\"missing\":[[{from},{to}]]")), "{stated}");
    rig.ok(&["label", &format!("master/centos/{B}"), "a=b"]);
    assert!(rig.ok(&["recover", "--accept-journal"]).contains("nothing to recover"));
}

#[test]
fn a_directory_of_the_trash_with_a_number_that_no_event_can_have_blocks_nothing() {
    for name in ["18446744073709551615", "99999999999999999999999", "9999999999999", "kept"] {
        let rig = pruned();
        fs::create_dir(rig.mirror(".mirrorkeep/trash").join(name)).unwrap();
        // A run of the plan reports it as the run itself does, and nothing fails.
        for (code, args) in [
            (5, &["prune"][..]),
            (5, &["prune", "--dry-run"]),
            (0, &["plan"]),
            (0, &["sweep", "--dry-run"]),
            (0, &["sweep"]),
        ] {
            let rig = rig.copy();
            let told = rig.ends(code, args);
            assert!(!told.contains("panicked") && !told.contains("journal ends"), "{name}: {told}");
            assert!(
                told.contains("no event of the journal made this directory") && told.contains(name),
                "{told}"
            );
        }
        let findings = rig.json_ends(5, &["check"])["findings"].to_string();
        assert!(findings.contains(name), "{findings}");
        rig.ok(&["recover", "--accept-journal"]);
        rig.builds([D]);
        rig.ok(&["restore", &format!("master/centos/{A}")]);
        rig.sums_hold(&format!("master/centos/{A}"));
    }
}

/// Puts the journal of another mirror into the place of the one that is there.
fn swap_journal(rig: &Rig, other: &Rig) {
    let journal = rig.mirror(".mirrorkeep/journal");
    fs::remove_dir_all(&journal).unwrap();
    let mut copy = std::process::Command::new("cp");
    copy.arg("-a").args([other.mirror(".mirrorkeep/journal"), journal]);
    assert!(copy.status().unwrap().success());
}

#[test]
fn a_journal_of_another_mirror_is_refused_and_can_be_accepted() {
    let (rig, other) = (pruned(), pruned());
    swap_journal(&rig, &other);
    let settings = fs::read_to_string(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap();
    let id = settings.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    refused(&rig, &format!("expected `{id}`, the id in `.mirrorkeep/mirror.yaml`"));
    rig.fails(
        REFUSED,
        "`.mirrorkeep/journal/000000000001.jsonl` is of the mirror `",
        &["recover", "--dry-run"],
    );
    // Nothing that it states is held against this mirror.
    let found = rig.json_ends(5, &["check"]);
    let codes = found["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap());
    let about: Vec<&str> =
        codes.filter(|code| ["record-without-tree", "alias-moved"].contains(code)).collect();
    assert_eq!(about, [""; 0]);
    accepted(&rig);
    // Nothing of it counts, and nothing of it is lost.
    let aside = fs::read(segment(&rig, "000000000001.jsonl.damaged-1")).unwrap();
    assert_eq!(aside, fs::read(first(&other)).unwrap());
}

/// The journal names another directory of the trash than that from which the build came back.
#[test]
fn a_build_that_is_back_is_not_missed_in_the_trash() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 2}]").builds([A, B, C]);
    let other = rig.copy();
    rig.ok(&["prune"]);
    for value in ["a=1", "a=2", "a=3"] {
        other.ok(&["label", "master/centos/20261003T000000Z", value]);
    }
    other.ok(&["prune"]);
    swap_journal(&rig, &other);
    rig.ok(&["recover"]);
    rig.ok(&["restore", "master/centos/20261001T000000Z"]);
    let found = rig.json_ends(5, &["check"]);
    let places = found["findings"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap());
    let missed: Vec<&str> = places.filter(|path| path.starts_with(".mirrorkeep/trash")).collect();
    assert_eq!(missed, [""; 0]);
}

#[test]
fn a_journal_of_an_older_version_without_the_id_of_its_mirror_is_accepted() {
    let rig = pruned();
    let text = fs::read_to_string(first(&rig)).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    let mut event = mirrorkeep::record::Event::parse(head.as_bytes()).unwrap();
    assert!(event.details.remove("mirror").is_some());
    assert!(!rest.contains("\"mirror\""), "{rest}");
    fs::write(first(&rig), event.write() + rest).unwrap();
    for args in CHANGING {
        rig.ok(args);
    }
    rig.ok(&["plan"]);
    rig.ok(&["recover", "--dry-run"]);
}

#[test]
fn lost_settings_name_the_id_that_the_journal_states() {
    let rig = pruned();
    let settings = fs::read_to_string(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap();
    let id = settings.lines().find(|line| line.starts_with("id: ")).unwrap();
    fs::remove_file(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap();
    fs::remove_file(rig.mirror(".mirrorkeep/last-run.json")).unwrap();
    rig.fails(REFUSED, &format!("`{id}` (as in last-run.json or the journal)"), &["list"]);
}
