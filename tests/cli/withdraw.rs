//! `withdraw`: one build is taken back, its names move on, and the reason stays.

use crate::support::rig::{Mounted, PARTED, Rig, lay};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;

const A: &str = "20181203T060000Z";
const B: &str = "20181204T060000Z";
const C: &str = "20181205T060000Z";
const LATEST: &str = "master/centos/latest_build";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Returns a mirror with three builds that the policy keeps, pruned once.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([A, B, C]);
    rig.ok(&["prune"]);
    rig
}

/// Returns the entries of the trash: build, kind and reason.
fn trash(rig: &Rig) -> Vec<String> {
    let trash = rig.json(&["trash", "list"]);
    let one = |one: &Value| {
        format!("{} {} {}", one["id"].as_str().unwrap(), one["what"].as_str().unwrap(), one["why"])
    };
    trash["builds"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_withdrawn_build_is_gone_its_name_moves_and_the_reason_stays() {
    let rig = rig();
    rig.ok(&["alias", "set", "stable", &id(C)]);
    rig.ok(&["alias", "set", "newest", LATEST]);
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "a private key", "--by", "Jane"]);
    assert!(
        told.contains(&format!("withdrew {}: a private key (it can be restored until 2", id(C))),
        "{told}"
    );
    assert!(
        told.contains(&format!("  {LATEST} -> {}", id(B)))
            && told.contains(&format!("  stable -> {}", id(B))),
        "{told}"
    );
    let shared = "1 file of it (9 B) stays in other builds: `outputs/RPMS/std/a.rpm`; in ";
    assert!(told.contains(&format!("{shared}`{}`, `{}`", id(A), id(B))), "{told}");
    assert_eq!((rig.latest().as_deref(), rig.there()), (Some(B), vec![A.to_owned(), B.to_owned()]));
    assert_eq!(rig.json(&["resolve", "newest"])["build"], id(B));
    assert_eq!(trash(&rig), [format!("{} build \"a private key\"", id(C))]);
    assert!(rig.ok(&["trash", "list"]).contains("withdrawn: a private key"));
    let shown = rig.ends(1, &["show", &id(C)]);
    assert!(
        shown.contains("was withdrawn at 2")
            && shown.contains("by Jane (")
            && shown.contains("a private key"),
        "{shown}"
    );
    assert!(rig.ok(&["log", &id(C), "--limit", "1"]).contains(&format!("withdrew {}: a private key", id(C))));
    // A second time changes nothing, and nothing else finds fault with it.
    let told = rig.ok(&["withdraw", &id(C), "--why", "again"]);
    assert!(told.starts_with(&format!("already withdrawn: {}: a private key (", id(C))), "{told}");
    assert_eq!(rig.ends(0, &["prune"]).lines().last(), Some("0 builds pruned, 0 swept, 2 kept"));
    rig.ok(&["status", "--check"]);
    rig.ok(&["verify", "--all"]);
    // It comes back only by hand, with a warning.
    let told = rig.ends(0, &["restore", &id(C)]);
    assert!(told.contains("warning: it was withdrawn at 2") && told.contains("a private key"), "{told}");
    assert_eq!(rig.json(&["show", &id(C)])["id"], id(C));
    rig.sums_hold(&id(C));
}

#[test]
fn a_build_without_another_success_leaves_its_name_dangling_and_no_prune_brings_it_back() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([C]);
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "licence"]);
    assert!(
        told.contains(&format!("warning: `{LATEST}` resolves to nothing now: the stream has no other build")),
        "{told}"
    );
    let told = rig.ends(0, &["prune"]);
    assert!(told.contains("it dangles") && !told.contains("restored"), "{told}");
    assert!(rig.there().is_empty());
    rig.ends(0, &["sweep"]);
    assert!(rig.there().is_empty() && trash(&rig).is_empty());
    // The next success sets the name.
    rig.builds(["20181206T060000Z"]);
    assert_eq!(rig.latest().as_deref(), Some("20181206T060000Z"));
    rig.ok(&["prune"]);
}

#[test]
fn protections_are_named_and_only_force_overrides_them() {
    let rig = rig();
    rig.ok(&["hold", &id(B), "--why", "bug 7"]);
    let user = "master/debian/20181206T060000Z";
    lay(&rig, user, &[("outputs/success", "")]);
    symlink(
        format!("../../../centos/{B}/outputs/iso/bootimage.iso"),
        rig.mirror(&format!("{user}/outputs/base.iso")),
    )
    .unwrap();
    symlink("20181206T060000Z", rig.mirror("master/debian/latest_build")).unwrap();
    rig.ok(&["adopt"]);
    let told = rig.ends(3, &["withdraw", &id(B), "--why", "secret"]);
    for part in ["is protected:", "hold: bug 7", &format!("requires: {user} needs it"), "--force"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    assert!(rig.there().contains(&B.to_owned()) && trash(&rig).is_empty());
    rig.fails(3, "is protected", &["withdraw", &id(B), "--why", "secret", "--dry-run"]);
    let told = rig.ends(0, &["withdraw", &id(B), "--why", "secret", "--force"]);
    assert!(told.contains("overrode: hold: bug 7") && told.contains("overrode: requires:"), "{told}");
    assert!(rig.json(&["hold", "list"])["holds"].as_array().unwrap().is_empty());
    // What still needs it does not bring it back.
    assert!(!rig.ends(0, &["prune"]).contains("restored"));
    assert!(!rig.there().contains(&B.to_owned()));
    assert_eq!(trash(&rig), [format!("{} build \"secret\"", id(B))]);
}

#[test]
fn purging_deletes_at_once_after_a_confirmation() {
    let rig = rig();
    let withdraw = ["withdraw", &id(C), "--why", "secret", "--purge"];
    rig.fails(2, "--yes confirms it", &withdraw);
    assert_eq!(rig.there().len(), 3);
    rig.fails(2, "--purge", &["withdraw", &id(C), "--why", "secret", "--yes"]);
    let told = rig.ends(0, &[&withdraw[..], &["--yes"]].concat());
    assert!(told.contains(&format!("withdrew and deleted {}: secret\n", id(C))), "{told}");
    assert!(trash(&rig).is_empty());
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().count(), 0);
    let log = rig.ok(&["log", &id(C), "--limit", "2"]);
    assert!(log.contains(&format!("deleted {} from the trash", id(C))) && log.contains("withdrew"), "{log}");
    assert!(rig.ends(1, &["show", &id(C)]).contains("was withdrawn"));
    assert!(rig.ok(&[&withdraw[..], &["--yes"]].concat()).starts_with("deleted, withdrawn before: "));
    rig.ok(&["prune"]);
    rig.ok(&["status", "--check"]);
    // On a terminal the ID is asked for.
    let call = format!("{} withdraw {} --why x --purge", env!("CARGO_BIN_EXE_mirrorkeep"), id(B));
    for (typed, code) in [("yes", 2), (&*id(B), 0)] {
        let mut script = std::process::Command::new("script");
        script.env("MIRRORKEEP_MIRROR", rig.mirror("")).args(["-qec", &call, "/dev/null"]);
        script.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = script.spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), format!("{typed}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(
            text.contains("would withdraw and delete") && text.contains("to delete it for good"),
            "{text}"
        );
        assert_eq!(rig.there().contains(&B.to_owned()), code != 0);
    }
}

#[test]
fn purging_deletes_parts_that_were_taken_out_before_and_builds_that_were_pruned() {
    let rig = Rig::new();
    rig.policy_file(PARTED).write("inputs/RPMS/a.rpm", "the same").builds([A, B, C]);
    rig.ok(&["prune"]);
    assert_eq!(trash(&rig), [format!("{} build null", id(A)), format!("{} untrimmed null", id(B))]);
    rig.ok(&["withdraw", &id(B), "--why", "secret", "--purge", "--yes"]);
    assert_eq!(trash(&rig), [format!("{} build null", id(A))]);
    rig.fails(1, "a prune moved it to the trash", &["withdraw", &id(A), "--why", "secret"]);
    rig.ok(&["withdraw", &id(A), "--why", "a licence", "--purge", "--yes"]);
    assert!(trash(&rig).is_empty());
    // The reason stays although a prune had moved it, and running the command again succeeds.
    assert!(rig.ends(1, &["show", &id(A)]).contains("was withdrawn at 2"));
    let log = rig.ok(&["log", &id(A), "--limit", "1"]);
    assert!(log.contains(&format!("deleted {} from the trash: a licence", id(A))), "{log}");
    let again = rig.ok(&["withdraw", &id(A), "--why", "other", "--purge", "--yes"]);
    assert_eq!(again, format!("deleted, withdrawn before: {}: a licence\n", id(A)));
    rig.fails(1, "there is no build", &["withdraw", "master/centos/20190101T000000Z", "--why", "x"]);
    rig.fails(2, "--why", &["withdraw", &id(C)]);
    rig.fails(2, "--why: it is empty", &["withdraw", &id(C), "--why", " "]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_dry_run_tells_the_same_and_changes_nothing() {
    let rig = rig();
    let dry = rig.json(&["withdraw", &id(C), "--why", "secret", "--dry-run"]);
    assert_eq!((&dry["withdraw"], &dry["dry_run"]), (&json!(1), &json!(true)));
    let real = rig.json(&["withdraw", &id(C), "--why", "secret"]);
    let but_times = |answer: &Value| {
        let mut report = answer["report"].clone();
        report["until"] = Value::Null;
        report
    };
    assert_eq!(but_times(&dry), but_times(&real));
    assert_eq!(real["report"]["moved"][0], json!({"alias": LATEST, "from": id(C), "to": id(B)}));
}

#[test]
fn a_name_is_refused_since_running_the_command_again_would_withdraw_another_build() {
    let rig = rig();
    for more in [&["--dry-run"][..], &[], &["--purge", "--yes"]] {
        let told = rig.ends(2, &[&["withdraw", LATEST, "--why", "a key"], more].concat());
        assert!(told.contains(&format!("`{LATEST}` is an alias, which moves")), "{told}");
        assert!(told.contains(&format!("withdraw {} --why 'a key'`", id(C))), "{told}");
    }
    assert_eq!(rig.there(), [A, B, C]);
}

#[test]
fn names_that_lead_through_other_names_follow_these() {
    let rig = rig();
    rig.ok(&["alias", "set", "newest", LATEST]);
    rig.ok(&["alias", "set", "iso", &format!("{LATEST}/outputs/iso")]);
    rig.ok(&["alias", "set", "deep", "iso"]);
    rig.ok(&["alias", "set", "into", &format!("{}/outputs", id(C))]);
    rig.write("outputs/RPMS/std/only.rpm", "x").builds(["20181206T060000Z"]);
    rig.ok(&["alias", "set", "only", &format!("{LATEST}/outputs/RPMS/std/only.rpm")]);
    let args = ["withdraw", &id("20181206T060000Z"), "--why", "secret"];
    let dry = rig.json(&[&args[..], &["--dry-run"]].concat());
    let told = rig.json(&args);
    assert_eq!(dry["report"]["left"], told["report"]["left"]);
    let why = format!("`{LATEST}` moves to `{}`, which has no `outputs/RPMS/std/only.rpm`", id(C));
    assert_eq!(told["report"]["left"], json!([{"alias": "only", "why": why}]));
    assert_eq!(rig.json(&["resolve", "deep"])["path"], format!("{}/outputs/iso", id(C)));
    // Only a name that points into the build by itself loses its target.
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "secret"]);
    assert!(told.contains("`into` resolves to nothing now: it points into the build"), "{told}");
    assert!(!told.contains("`iso`") && !told.contains("`deep`") && !told.contains("`newest`"), "{told}");
    assert_eq!(rig.json(&["resolve", "newest"])["build"], id(B));
}

#[test]
fn a_name_through_a_name_that_stays_is_reported_with_it() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds([C]);
    rig.ok(&["alias", "set", "newest", LATEST]);
    rig.ok(&["alias", "set", "iso", "newest/outputs/iso"]);
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "licence"]);
    for (name, via) in [("newest", LATEST), ("iso", "newest")] {
        let line = format!("`{name}` resolves to nothing now: it points at `{via}`, which stays");
        assert!(told.contains(&line), "{told}");
    }
}

#[test]
fn purging_deletes_what_has_no_ticket_that_can_be_read_and_reports_what_it_cannot_attribute() {
    let rig = rig();
    rig.ok(&["withdraw", &id(B), "--why", "other"]);
    rig.ok(&["withdraw", &id(C), "--why", "secret"]);
    let trash_dir = rig.mirror(".mirrorkeep/trash");
    let mut dirs: Vec<_> = fs::read_dir(&trash_dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.sort();
    for dir in &dirs {
        fs::write(dir.join("ticket.json"), "").unwrap();
    }
    let args = ["withdraw", &id(C), "--why", "secret", "--purge", "--yes"];
    let told = rig.ends(0, &args);
    assert!(told.starts_with("deleted, withdrawn before: "), "{told}");
    // The other build is untouched.
    assert!(!dirs[1].exists() && dirs[0].join("tree").exists());
    // Where nothing states whose a directory is, it may be this build.
    fs::create_dir_all(trash_dir.join("000000000001/tree")).unwrap();
    for more in [&[][..], &["--dry-run"]] {
        let told = rig.ends(1, &[&args[..], more].concat());
        assert!(
            told.contains("trash/000000000001: it may have") && told.contains("is not deleted"),
            "{told}"
        );
        assert!(!told.starts_with("deleted,"), "{told}");
    }
    assert!(trash_dir.join("000000000001/tree").exists());
}

#[test]
fn a_build_that_a_prune_moved_is_purged_though_its_ticket_cannot_be_read() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([B, C]);
    rig.ok(&["prune"]);
    let dir = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().next().unwrap().unwrap().path();
    fs::write(dir.join("ticket.json"), "{").unwrap();
    rig.fails(1, "is not in the trash as far as it can be read", &["withdraw", &id(B), "--why", "secret"]);
    rig.ok(&["withdraw", &id(B), "--why", "secret", "--purge", "--yes"]);
    assert!(!dir.exists());
}

#[test]
fn the_stage_of_an_interrupted_publish_is_reported_and_purged() {
    let rig = rig();
    rig.ok(&["withdraw", &id(C), "--why", "secret"]);
    let out = rig.work("");
    let publish =
        ["publish", out.to_str().unwrap(), "--stream", "master/centos", "--build", C, "--allow-withdrawn"];
    let mut killed = std::process::Command::new("strace");
    killed.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=renameat2:signal=KILL:when=3"]);
    killed.arg(env!("CARGO_BIN_EXE_mirrorkeep")).env("MIRRORKEEP_MIRROR", rig.mirror("")).args(publish);
    assert!(!killed.output().unwrap().status.success());
    let stages = || fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count();
    assert_eq!(stages(), 1);
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "secret"]);
    assert!(told.contains("left unfinished, stays: --purge deletes it"), "{told}");
    let told = rig.ends(0, &["withdraw", &id(C), "--why", "secret", "--purge", "--yes"]);
    assert!(!told.contains("warning"), "{told}");
    assert_eq!(stages(), 0);
}

#[test]
fn damaged_holds_of_one_build_are_in_the_way_of_no_other() {
    let rig = rig();
    rig.ok(&["hold", &id(A), "--why", "a"]);
    rig.ok(&["hold", &id(C), "--why", "c"]);
    fs::write(rig.mirror(&format!(".mirrorkeep/holds/{}.json", id(A))), "{").unwrap();
    rig.ok(&["hold", &id(B), "--why", "b"]);
    rig.ok(&["unhold", &id(B)]);
    rig.ends(0, &["withdraw", &id(C), "--why", "secret", "--force"]);
    rig.fails(3, "recover` rebuilds it", &["withdraw", &id(A), "--why", "secret", "--force"]);
    rig.fails(3, "recover` rebuilds it", &["unhold", &id(A)]);
    rig.ok(&["recover"]);
    rig.fails(3, "hold: a (", &["withdraw", &id(A), "--why", "secret"]);
    rig.ok(&["unhold", &id(A)]);
}

#[test]
fn a_copy_brings_a_withdrawn_build_back_only_by_its_id() {
    let (source, target) = (rig(), Rig::new());
    target.policy("keep: [{last: 3}]");
    let [from, to] = [&source, &target].map(|rig| rig.mirror("").to_str().unwrap().to_owned());
    source.ends(0, &["copy", &from, &to]);
    target.ok(&["withdraw", &id(B), "--why", "other", "--purge", "--yes"]);
    target.ok(&["withdraw", &id(C), "--why", "secret"]);
    for what in [&["--dry-run"][..], &[], &["master/centos"]] {
        let told = source.ends(0, &[&["copy", &from, &to], what].concat());
        for (name, why) in [(B, "other"), (C, "secret")] {
            let line = format!("`{}` is not copied: it was withdrawn from the target at 2", id(name));
            assert!(told.contains(&line) && told.contains(&format!(": {why}; naming")), "{told}");
        }
        assert_eq!((target.there(), target.latest().as_deref()), (vec![A.to_owned()], Some(A)));
    }
    let told = source.ends(0, &["copy", &from, &to, &id(C)]);
    assert!(!told.contains("is not copied"), "{told}");
    assert_eq!(target.there(), [A, C]);
    // It is there for good then.
    let told = source.ends(0, &["copy", &from, &to]);
    assert!(!told.contains(&format!("`{}` is not copied", id(C))), "{told}");
}

#[test]
fn a_job_that_runs_again_does_not_publish_a_withdrawn_build_again() {
    let rig = rig();
    rig.ok(&["withdraw", &id(C), "--why", "a secret"]);
    let work = rig.work("").display().to_string();
    let publish = ["publish", &work, "--stream", "master/centos", "--build", C];
    for more in [&[][..], &["--dry-run"], &["--json"]] {
        rig.fails(3, &format!("`{}` was withdrawn at", id(C)), &[&publish[..], more].concat());
    }
    rig.ok(&["withdraw", &id(C), "--why", "a secret", "--purge", "--yes"]);
    rig.fails(3, ": a secret", &publish);
    assert_eq!(rig.there(), [A, B]);
    // Another build, and the same one where a person says so; from then on it is a build like any other.
    rig.publish("20181206T060000Z", &[]);
    rig.ok(&[&publish[..], &["--allow-withdrawn"]].concat());
    assert!(rig.ok(&publish).contains("unchanged"));
    assert!(rig.there().contains(&C.to_owned()));
}

#[test]
fn where_else_the_bytes_of_a_withdrawn_build_are_is_named() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]");
    rig.write("outputs/iso/own.iso", "a").publish(A, &[]);
    rig.write("outputs/iso/own.iso", "b").publish(B, &[]);
    rig.write("outputs/iso/own.iso", "c").publish(C, &[]);
    let json = rig.json(&["withdraw", &id(A), "--why", "a secret", "--dry-run"])["report"].clone();
    let shared: Vec<&str> =
        json["shared"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
    assert!(
        shared.contains(&"outputs/iso/bootimage.iso") && !shared.contains(&"outputs/iso/own.iso"),
        "{json}"
    );
    assert_eq!(
        (json["shared_with"].clone(), &json["shared_files"]),
        (json!([id(B), id(C)]), &json!(shared.len()))
    );
    let said = rig.ends(0, &["withdraw", &id(A), "--why", "a secret"]);
    assert!(said.contains(" in other builds: `"), "{said}");
    assert!(said.contains(&format!("; in `{}`, `{}`", id(B), id(C))), "{said}");
}

#[test]
fn a_full_disk_keeps_room_for_a_withdrawal() {
    let rig = Rig::new();
    fs::create_dir(rig.mirror("")).unwrap();
    let _disk = Mounted::tmpfs(&rig.mirror(""), "size=8m");
    rig.policy("keep: [{last: 3}]").builds([A, B]);
    rig.ok(&["prune"]);
    let mut filler = fs::File::create(rig.mirror("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[7; 4096]).is_ok() {}
    rig.fails(1, "No space left on device", &["hold", &id(A), "--why", "x"]);
    let said = rig.ok(&["withdraw", &id(A), "--why", "room", "--purge", "--yes"]);
    assert!(said.contains("withdrew and deleted"), "{said}");
    assert_eq!(rig.there(), [B]);
}
