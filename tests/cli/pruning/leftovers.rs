//! What a prune or restore that was cut off left behind, and what became of a mirror meanwhile.

use crate::support::rig::{PARTED, Rig};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const A_ID: &str = "master/centos/20261001T000000Z";

/// Returns a mirror with two builds, the older of which is to lose its inputs.
fn with_a_part() -> Rig {
    let rig = Rig::new();
    rig.policy_file(PARTED);
    rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    rig
}

#[test]
fn a_part_comes_back_on_a_mirror_that_was_moved_to_another_disk() {
    let rig = with_a_part();
    rig.ok(&["prune"]);
    let moved = rig.copy();
    let part = moved.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm"));
    assert!(!part.exists());
    moved.ok(&["restore", A_ID]);
    assert!(part.exists());
    moved.sums_hold(A_ID);
}

#[test]
fn what_was_said_since_a_part_went_stays_when_it_comes_back() {
    let rig = with_a_part();
    rig.ok(&["label", A_ID, "sanity=red"]);
    rig.ok(&["prune"]);
    rig.ok(&["label", A_ID, "sanity=green"]);
    rig.ok(&["restore", A_ID]);
    assert!(rig.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm")).exists());
    let shown = rig.json(&["show", A_ID]);
    assert_eq!(shown["labels"]["sanity"]["value"], "green", "{shown}");
    rig.sums_hold(A_ID);
}

#[test]
fn a_tree_that_was_laid_out_without_a_part_and_left_goes_with_the_next_prune() {
    let rig = with_a_part();
    let left = rig.mirror(".mirrorkeep/tmp/trim-0123/tree/outputs");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("success"), "").unwrap();
    rig.ok(&["prune"]);
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/tmp")).unwrap().count(), 0);
    assert!(!rig.mirror(&format!("{A_ID}/inputs")).exists());
}

#[test]
fn of_two_prunes_only_one_takes_parts_out() {
    let rig = with_a_part();
    let mut flock = Command::new("flock");
    flock.arg(rig.mirror(".mirrorkeep/trim.lock")).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
    let output = flock.arg("--mirror").arg(rig.mirror("")).arg("prune").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("another prune is taking parts out"), "{said}");
    assert!(rig.mirror(&format!("{A_ID}/inputs")).exists());
    rig.ok(&["prune"]);
    assert!(!rig.mirror(&format!("{A_ID}/inputs")).exists());
}

#[test]
fn what_a_restore_could_not_remove_from_the_trash_is_no_failure_of_the_next_prune() {
    for calls in 1..12 {
        let rig = with_a_part();
        rig.ok(&["prune"]);
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("inject=unlinkat:error=EIO:when={calls}+"));
        strace
            .arg(env!("CARGO_BIN_EXE_mirrorkeep"))
            .arg("--mirror")
            .arg(rig.mirror(""))
            .args(["restore", A_ID]);
        strace.output().unwrap();
        rig.sums_hold(A_ID);
        let said = rig.ends(0, &["prune"]);
        assert!(!said.contains("failed: "), "cut off at {calls}: {said}");
    }
}

const PRUNED: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 7d}
families: [{name: all, match: \"**\", keep: [{last: 1}]}]
";

/// Returns a mirror whose prune was killed as soon as what it took away was in the trash, and the ticket there.
fn killed_prune(policy: &str) -> (Rig, PathBuf) {
    let rig = Rig::new();
    rig.policy_file(policy);
    rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]);
    for call in 1..30 {
        let killed = rig.copy();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={call}"));
        strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(killed.mirror(""));
        strace.args(["--jobs", "1", "prune"]).output().unwrap();
        let at = fs::read_dir(killed.mirror(".mirrorkeep/trash")).unwrap().next();
        let Some(at) = at.map(|at| at.unwrap().path()) else { continue };
        if at.join("tree/inputs").exists() && !at.join("record.json").exists() {
            return (killed, at.join("ticket.json"));
        }
    }
    panic!("no call leaves a tree in the trash without its record");
}

#[test]
fn a_ticket_that_cannot_be_read_never_makes_a_build_disappear() {
    for policy in [PRUNED, PARTED] {
        let (killed, ticket) = killed_prune(policy);
        let text = fs::read(&ticket).unwrap();
        let newer =
            String::from_utf8(text.clone()).unwrap().replace("\"ticket\": 1", "\"ticket\": 2, \"new\": 1");
        for damage in ["", "{}", &newer, "\0\0\0\0"] {
            fs::write(&ticket, damage).unwrap();
            killed.ok(&["label", &format!("master/centos/{B}"), "seen=yes"]);
            killed.ok(&["recover"]);
            assert!(ticket.with_file_name("tree").join("inputs/RPMS/a.rpm").is_file(), "{damage}");
        }
        fs::write(&ticket, text).unwrap();
        killed.ok(&["restore", A_ID]);
        assert!(killed.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm")).is_file());
        killed.sums_hold(A_ID);
    }
}

#[test]
fn a_ticket_that_is_gone_makes_no_build_disappear() {
    for policy in [PRUNED, PARTED] {
        let (killed, ticket) = killed_prune(policy);
        let text = fs::read(&ticket).unwrap();
        fs::remove_file(&ticket).unwrap();
        killed.ok(&["label", &format!("master/centos/{B}"), "seen=yes"]);
        fs::write(&ticket, text).unwrap();
        killed.ok(&["restore", A_ID]);
        killed.sums_hold(A_ID);
    }
}

#[test]
fn a_restore_whose_place_is_taken_stops_no_other_command() {
    let rig = Rig::new();
    rig.policy_file(PRUNED).builds([A, B]);
    rig.ok(&["prune"]);
    let mut killed = false;
    for call in 1..10 {
        let rig = rig.copy();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={call}"));
        strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(rig.mirror(""));
        strace.args(["--jobs", "1", "restore", A_ID]).output().unwrap();
        let place = rig.mirror(A_ID);
        if place.exists() {
            break;
        }
        killed = true;
        fs::create_dir(&place).unwrap();
        rig.ok(&["label", &format!("master/centos/{B}"), "seen=yes"]);
        rig.fails(1, "something else is at", &["restore", A_ID]);
        fs::remove_dir(&place).unwrap();
        rig.ok(&["restore", A_ID]);
        rig.sums_hold(A_ID);
        assert_eq!(rig.json(&["show", A_ID])["problem"], serde_json::Value::Null);
    }
    assert!(killed);
}

#[test]
fn a_damaged_stage_stops_no_other_command_and_the_build_is_published_again() {
    let rig = Rig::new();
    rig.builds([A]);
    let publish = |rig: &Rig, call: u32| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={call}"));
        strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(rig.mirror(""));
        strace.args(["--jobs", "1", "publish"]).arg(rig.work(""));
        strace.args(["--stream", "master/centos", "--build", B]).output().unwrap();
    };
    let mut tried = 0;
    for call in 1..12 {
        for file in ["manifest", "seal.json"] {
            for damage in ["", "{}", "\0\0"] {
                let rig = rig.copy();
                publish(&rig, call);
                let stage = fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().next();
                let Some(stage) = stage.map(|stage| stage.unwrap().path()) else { continue };
                if !stage.join("seal.json").exists() || !stage.join("tree").exists() {
                    continue;
                }
                tried += 1;
                fs::write(stage.join(file), damage).unwrap();
                rig.ok(&["label", A_ID, "seen=yes"]);
                let said = rig.ok(&["recover"]);
                assert!(!said.contains("20261002t"), "{said}");
                rig.publish(B, &[]);
                rig.sums_hold(&format!("master/centos/{B}"));
            }
        }
    }
    assert!(tried > 0);
}

#[test]
fn a_trim_that_was_killed_is_settled_on_another_disk() {
    let mut taken_out = 0;
    for nth in 1..12 {
        let rig = with_a_part();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={nth}")).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
        strace.args(["--jobs", "1", "--mirror"]).arg(rig.mirror("")).arg("prune").output().unwrap();
        let moved = rig.copy();
        let output = moved.run(&["label", &format!("master/centos/{B}"), "a=b"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !told.contains("stays as it is"), "{nth}: {told}");
        let trimmed = !moved.mirror(&format!("{A_ID}/inputs")).exists();
        taken_out += u32::from(trimmed);
        moved.sums_hold(A_ID);
        let record = fs::read_to_string(moved.mirror(&format!(".mirrorkeep/builds/{A_ID}.json"))).unwrap();
        assert_eq!(record.contains("bulky"), trimmed, "{nth}: {record}");
        if trimmed {
            moved.ok(&["restore", A_ID]);
            moved.sums_hold(A_ID);
        }
        assert!(moved.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm")).exists());
        moved.ok(&["prune"]);
    }
    assert!((1..11).contains(&taken_out), "{taken_out}");
}

#[test]
fn a_ticket_that_is_damaged_or_gone_is_written_again_from_the_journal() {
    for policy in [PRUNED, PARTED] {
        let rig = Rig::new();
        rig.policy_file(policy);
        rig.write("inputs/RPMS/a.rpm", "the same").builds([A, B]).ok(&["prune"]);
        let at = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().next().unwrap().unwrap().path();
        let ticket = at.join("ticket.json");
        let kept: serde_json::Value = serde_json::from_slice(&fs::read(&ticket).unwrap()).unwrap();
        for damage in [None, Some(""), Some("{"), Some("\0\0")] {
            let rig = rig.copy();
            let ticket = rig.mirror(".mirrorkeep/trash").join(at.file_name().unwrap()).join("ticket.json");
            match damage {
                Some(text) => fs::write(&ticket, text).unwrap(),
                None => fs::remove_file(&ticket).unwrap(),
            }
            let other = rig.copy();
            assert!(rig.ok(&["recover"]).contains("rebuilt: .mirrorkeep/trash/"));
            let again: serde_json::Value = serde_json::from_slice(&fs::read(&ticket).unwrap()).unwrap();
            for key in ["id", "path", "what", "ticket"] {
                assert_eq!(again[key], kept[key], "{again}");
            }
            rig.ok(&["prune"]);
            for rig in [rig, other] {
                rig.ok(&["restore", A_ID]);
                assert!(rig.mirror(&format!("{A_ID}/inputs/RPMS/a.rpm")).is_file());
                rig.sums_hold(A_ID);
            }
        }
        fs::write(&ticket, "{\"ticket\": 2}").unwrap();
        rig.fails(1, "cannot be used", &["restore", A_ID]);
        assert!(rig.ok(&["recover"]).contains("left: "));
        assert_eq!(fs::read_to_string(&ticket).unwrap(), "{\"ticket\": 2}");
    }
}

#[test]
fn what_a_killed_prune_of_root_left_stops_no_command_of_the_mirrors_user() {
    let rig = Rig::new();
    rig.policy_file(PRUNED).builds([A, B]);
    let (mut told, mut tried) = (0, 0);
    for call in 1..6 {
        let rig = rig.copy();
        let top = rig.mirror("").parent().unwrap().to_owned();
        fs::copy(env!("CARGO_BIN_EXE_mirrorkeep"), top.join("mirrorkeep")).unwrap();
        assert!(Command::new("chown").args(["-R", "65534:65534"]).arg(&top).status().unwrap().success());
        let chown = |owner: &str, at: &std::path::Path| {
            assert!(Command::new("chown").args(["-R", owner]).arg(at).status().unwrap().success());
        };
        let mut strace = Command::new("setpriv");
        strace.args(["--reuid=65534", "--regid=65534", "--clear-groups", "strace"]);
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={call}")).arg(top.join("mirrorkeep"));
        strace.arg("--mirror").arg(rig.mirror("")).args(["--jobs", "1", "prune"]).output().unwrap();
        // As a version that let root prune the mirror of another user left it.
        let trash = rig.mirror(".mirrorkeep/trash");
        if trash.exists() {
            for at in fs::read_dir(&trash).unwrap() {
                chown("0:0", &at.unwrap().path());
            }
        }
        let as_user = |args: &[&str]| {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(top.join("mirrorkeep"));
            command.arg("--mirror").arg(rig.mirror("")).args(args);
            let output = command.output().unwrap();
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        for label in ["a=b", "c=d"] {
            let (code, said) = as_user(&["label", &format!("master/centos/{B}"), label]);
            assert_eq!(code, Some(0), "{call}: {said}");
            if said.contains("stays as it is") {
                let whose = "belongs to user 0, and the mirror to user 65534: `chown -R 65534 ";
                assert!(said.contains(whose), "{call}: {said}");
                told += 1;
            }
        }
        // Once the mirror's user has it, it is settled, and the build is in its place or comes back.
        chown("65534:65534", &top);
        assert_eq!(as_user(&["recover"]).0, Some(0));
        tried += 1;
        if !rig.mirror(A_ID).exists() {
            assert_eq!(as_user(&["restore", A_ID]).0, Some(0));
        }
        rig.sums_hold(A_ID);
    }
    assert!(told > 0 && tried == 5, "{told} of {tried}");
}

/// Returns a mirror of which a policy prunes builds with a term of 7 days, and the tickets of these, oldest build first.
fn two_in_the_trash() -> (Rig, Vec<PathBuf>) {
    let rig = Rig::new();
    rig.policy_file(PRUNED).write("inputs/RPMS/a.rpm", "the same");
    rig.builds([A, B, "20261003T000000Z"]).ok(&["prune"]);
    let mut tickets: Vec<PathBuf> = fs::read_dir(rig.mirror(".mirrorkeep/trash"))
        .unwrap()
        .map(|at| at.unwrap().path().join("ticket.json"))
        .collect();
    tickets.sort_by_key(|ticket| fs::read_to_string(ticket).unwrap().contains(B));
    assert_eq!(tickets.len(), 2);
    (rig, tickets)
}

/// Returns the same file in a copy of the mirror.
fn in_copy(copy: &Rig, rig: &Rig, at: &std::path::Path) -> PathBuf {
    copy.mirror("").join(at.strip_prefix(rig.mirror("")).unwrap())
}

#[test]
fn a_ticket_is_compared_with_the_journal_before_anything_is_removed() {
    let (rig, tickets) = two_in_the_trash();
    let text = fs::read_to_string(&tickets[0]).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    let stated = |key: &str, value: &str| {
        let mut changed = kept.clone();
        changed[key] = value.into();
        serde_json::to_string_pretty(&changed).unwrap()
    };
    let b_id = format!("master/centos/{B}");
    let cases = [
        ("path", stated("path", &b_id), "its ticket states the path"),
        ("id and path", stated("id", &b_id).replace(A, B), "its ticket states the build"),
        ("kind", stated("what", "untrimmed"), "its ticket states the kind"),
        ("time", stated("since", "2016-10-01T00:00:00Z"), "its ticket states the time"),
    ];
    for (what, changed, why) in cases {
        let copy = rig.copy();
        fs::write(in_copy(&copy, &rig, &tickets[0]), &changed).unwrap();
        copy.fails(1, why, &["prune"]);
        copy.fails(1, why, &["sweep"]);
        let tree = in_copy(&copy, &rig, &tickets[0]).with_file_name("tree");
        assert!(tree.exists(), "{what}");
        for recovered in [false, true] {
            let copy = copy.copy();
            if recovered {
                assert!(copy.ok(&["recover"]).contains("rebuilt: .mirrorkeep/trash/"), "{what}");
            }
            copy.ok(&["restore", A_ID]);
            let iso = copy.mirror(&format!("{A_ID}/outputs/iso/bootimage.iso"));
            assert_eq!(fs::read_to_string(iso).unwrap(), A, "{what}");
            copy.sums_hold(A_ID);
        }
    }
}

#[test]
fn the_term_in_a_ticket_is_never_shorter_than_the_one_in_the_journal() {
    let (rig, tickets) = two_in_the_trash();
    let text = fs::read_to_string(&tickets[0]).unwrap();
    let until = text.lines().find(|line| line.contains("\"until\"")).unwrap();
    fs::write(&tickets[0], text.replace(until, "  \"until\": \"2016-10-01T00:00:00Z\",")).unwrap();
    rig.ok(&["prune"]);
    rig.ok(&["restore", A_ID]);
    rig.sums_hold(A_ID);
}

#[test]
fn of_two_tickets_that_changed_places_each_build_comes_back_as_itself() {
    let (rig, tickets) = two_in_the_trash();
    let texts: Vec<String> = tickets.iter().map(|ticket| fs::read_to_string(ticket).unwrap()).collect();
    fs::write(&tickets[0], &texts[1]).unwrap();
    fs::write(&tickets[1], &texts[0]).unwrap();
    for build in [A, B] {
        let id = format!("master/centos/{build}");
        rig.ok(&["restore", &id]);
        let iso = rig.mirror(&format!("{id}/outputs/iso/bootimage.iso"));
        assert_eq!(fs::read_to_string(iso).unwrap(), build);
        rig.sums_hold(&id);
    }
}

#[test]
fn a_file_that_is_missing_for_one_read_makes_no_build_in_the_trash_disappear() {
    let (rig, _) = two_in_the_trash();
    for calls in ["openat", "statx", "newfstatat", "openat2"] {
        for call in 1..60 {
            let copy = rig.copy();
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(copy.mirror(".mirrorkeep/trash"));
            for at in fs::read_dir(copy.mirror(".mirrorkeep/trash")).unwrap() {
                let at = at.unwrap().path();
                strace
                    .arg("-P")
                    .arg(&at)
                    .arg("-P")
                    .arg(at.join("tree"))
                    .arg("-P")
                    .arg(at.join("ticket.json"));
            }
            strace.arg("-e").arg(format!("inject={calls}:error=ENOENT:when={call}"));
            strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(copy.mirror(""));
            strace.args(["--jobs", "1", "prune"]).output().unwrap();
            let trees = fs::read_dir(copy.mirror(".mirrorkeep/trash")).unwrap();
            let trees = trees.filter(|at| at.as_ref().unwrap().path().join("tree").exists()).count();
            assert_eq!(trees, 2, "{calls} {call}");
            if call > 12 {
                break;
            }
        }
    }
}

#[test]
fn a_ticket_that_was_lost_with_the_journal_is_written_again_from_the_record() {
    let (rig, tickets) = two_in_the_trash();
    fs::remove_file(&tickets[0]).unwrap();
    fs::remove_dir_all(rig.mirror(".mirrorkeep/journal")).unwrap();
    rig.ok(&["recover", "--accept-journal"]);
    let (copy, held) = (rig.copy(), rig.copy());
    fs::remove_file(in_copy(&copy, &rig, &tickets[0])).unwrap();
    fs::remove_file(in_copy(&held, &rig, &tickets[0])).unwrap();
    held.fails(1, "is not in the trash as far as it can be read", &["show", A_ID]);
    held.ok(&["hold", A_ID, "--why", "audit"]);
    for (rig, verb) in [(rig, "restore"), (copy, "restore"), (held, "show")] {
        rig.ok(&[verb, A_ID]);
        let iso = rig.mirror(&format!("{A_ID}/outputs/iso/bootimage.iso"));
        assert_eq!(fs::read_to_string(iso).unwrap(), A);
        rig.sums_hold(A_ID);
    }
}

#[test]
fn check_finds_a_ticket_that_cannot_be_used_and_a_directory_of_the_trash_that_is_gone() {
    let (rig, tickets) = two_in_the_trash();
    fs::remove_file(&tickets[0]).unwrap();
    fs::remove_dir_all(tickets[1].parent().unwrap()).unwrap();
    rig.fails(1, "`mirrorkeep recover` writes its ticket again", &["sweep", "--dry-run"]);
    let findings = rig.json_ends(5, &["check"])["findings"].to_string();
    for ticket in &tickets {
        let at = ticket.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(findings.contains(&format!(".mirrorkeep/trash/{at}")), "{findings}");
    }
    assert!(findings.contains(&format!("`master/centos/{B}` is there until ")), "{findings}");
}

#[test]
fn check_names_what_no_event_put_into_the_trash_and_of_what_it_is_a_copy() {
    let (rig, tickets) = two_in_the_trash();
    let (trash, at) = (rig.mirror(".mirrorkeep/trash"), tickets[0].parent().unwrap());
    let twice = trash.join("000000000001");
    assert!(Command::new("cp").arg("-a").args([at, &twice]).status().unwrap().success());
    fs::create_dir(trash.join("notes")).unwrap();
    fs::write(trash.join("a file"), "").unwrap();
    let answer = rig.json_ends(5, &["check"]);
    let found: Vec<(&str, &str)> = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "trash-unknown")
        .map(|finding| {
            assert_eq!(
                (finding["severity"].as_str(), finding["hint"].as_str()),
                (Some("error"), Some("move it out of the mirror"))
            );
            (finding["path"].as_str().unwrap(), finding["found"].as_str().unwrap())
        })
        .collect();
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(paths, ["000000000001", "a file", "notes"], "{answer}");
    let of = at.file_name().unwrap().to_str().unwrap();
    assert!(found[0].1.starts_with(&format!("it is a copy of `.mirrorkeep/trash/{of}`")), "{found:?}");
}

#[test]
fn a_restore_that_was_killed_ends_well_when_it_is_run_again() {
    let (rig, _) = two_in_the_trash();
    for call in 1..10 {
        let rig = rig.copy();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2", "-e"]);
        strace.arg(format!("inject=renameat2:signal=KILL:when={call}"));
        strace.arg(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(rig.mirror(""));
        strace.args(["--jobs", "1", "restore", A_ID]).output().unwrap();
        rig.ok(&["restore", A_ID]);
        rig.sums_hold(A_ID);
    }
}

#[test]
fn a_file_among_the_stages_stops_no_other_from_being_cleared() {
    let rig = Rig::new();
    rig.builds([A]);
    let stages = rig.mirror(".mirrorkeep/stage");
    fs::write(stages.join("0-file"), "").unwrap();
    fs::create_dir_all(stages.join("1-odd/seal.json")).unwrap();
    fs::create_dir_all(stages.join("1-odd/manifest")).unwrap();
    fs::create_dir_all(stages.join("1-odd/tree")).unwrap();
    fs::create_dir_all(stages.join("2-last/tree")).unwrap();
    let output = rig.run(&["recover", "--discard-stages"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!stages.join("2-last").exists(), "{output:?}");
    for name in ["0-file", "1-odd"] {
        assert_eq!(told.matches(name).count(), 1, "{told}");
        assert!(!stages.join(name).exists(), "{told}");
    }
}

#[test]
fn what_is_no_stage_is_found_with_its_size_and_removed_only_on_request() {
    let rig = Rig::new();
    rig.builds([A]);
    let stages = rig.mirror(".mirrorkeep/stage");
    fs::write(stages.join("0-file"), "1234567").unwrap();
    fs::create_dir_all(stages.join("1-dir/below")).unwrap();
    fs::write(stages.join("1-dir/below/x"), "12345").unwrap();
    fs::create_dir_all(stages.join("2-odd/ticket")).unwrap();
    rig.ok(&["prune"]);
    rig.ok(&["recover"]);
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    for (name, bytes) in [("0-file", 7), ("1-dir", 5), ("2-odd", 0)] {
        let path = format!(".mirrorkeep/stage/{name}");
        let found = findings.as_array().unwrap().iter().find(|found| found["path"] == *path).unwrap();
        assert_eq!(found["code"], "stage-unknown");
        assert_eq!(found["found"], format!("{bytes} B that no publish left"));
        assert!(stages.join(name).exists());
    }
    assert!(rig.ok(&["recover", "--discard-stages", "--dry-run"]).contains("0-file (7 B)"));
    rig.ok(&["recover", "--discard-stages"]);
    assert_eq!(fs::read_dir(&stages).unwrap().count(), 0);
}

#[test]
fn a_lock_that_cannot_be_locked_is_found() {
    let rig = Rig::new();
    rig.builds([A]);
    for name in ["lock", "trim.lock"] {
        let lock = rig.mirror(".mirrorkeep").join(name);
        fs::remove_file(&lock).ok();
        fs::create_dir(&lock).unwrap();
        let findings = rig.json_ends(5, &["check"])["findings"].to_string();
        assert!(findings.contains("lock-damaged") && findings.contains(name), "{findings}");
        fs::remove_dir(&lock).unwrap();
        assert!(!rig.ends(5, &["check"]).contains("lock-damaged"));
    }
}

#[test]
fn a_publish_whose_stage_is_gone_is_told_as_done_where_its_build_is_in_place() {
    let rig = Rig::new();
    rig.builds([A]);
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let (intent, _) = text.split_once('\n').unwrap();
    fs::write(&segment, format!("{intent}\n")).unwrap();
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    let told = rig.ok(&["recover"]);
    assert!(told.contains(&format!("finished: master/centos/{A}")), "{told}");
    assert_eq!(rig.latest().as_deref(), Some(A));
    let text = fs::read_to_string(&segment).unwrap();
    assert!(text.contains("\"phase\":\"done\",\"what\":\"published\"") && !text.contains("undone"), "{text}");
    // Another build that is in its place without a record is not taken for it.
    let other = format!("master/centos/{B}");
    let rig = Rig::new();
    rig.builds([A, B]);
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let of_b = |line: &&str| line.contains(&format!("\"to\":\"{other}\""));
    let end = text.find(text.lines().find(of_b).unwrap()).unwrap();
    let end = end + text[end..].find('\n').unwrap() + 1;
    fs::write(&segment, &text[..end]).unwrap();
    fs::remove_file(rig.mirror(".mirrorkeep/builds").join(format!("{other}.json"))).unwrap();
    assert!(rig.ok(&["recover"]).contains(&format!("undone: {other}")));
}

#[test]
fn a_lost_ticket_is_reported_by_plan_and_by_both_kinds_of_prune() {
    let (rig, tickets) = two_in_the_trash();
    fs::remove_file(&tickets[0]).unwrap();
    let at = tickets[0].parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    for (code, args) in [(0, &["plan"][..]), (1, &["prune", "--dry-run"]), (1, &["prune"])] {
        let told = rig.ends(code, args);
        let hint = "`mirrorkeep recover` writes its ticket again";
        assert!(told.contains(&at) && told.matches(hint).count() == 1, "{args:?}: {told}");
    }
    assert!(rig.json_ends(1, &["prune", "--dry-run"])["failures"][0]["path"].to_string().contains(&at));
    assert!(rig.json(&["plan"])["warnings"].to_string().contains(&at));
}

#[test]
fn a_last_run_that_cannot_be_read_names_what_helps() {
    let (rig, _) = two_in_the_trash();
    fs::write(rig.mirror(".mirrorkeep/last-run.json"), "").unwrap();
    rig.fails(3, "`rm .mirrorkeep/last-run.json` in the mirror", &["prune"]);
}
