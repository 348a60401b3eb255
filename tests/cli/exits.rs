//! The exit codes, as `--help` lists them, over the commands that end with them.

use crate::support::rig::Rig;
use mirrorkeep::cli::Exit;
use mirrorkeep::model::ErrorKind;
use std::fs;
use std::process::Command;

const ID: &str = "master/centos/20260101T000000Z";
const ONE: &str = "20260101T000000Z";
const TWO: &str = "20260102T000000Z";
const THREE: &str = "20260103T000000Z";

/// Returns a mirror with one build.
fn mirror() -> Rig {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig
}

/// Returns what publishes the workspace once more, as another build.
fn publish(rig: &Rig) -> Vec<String> {
    let work = rig.work("").to_str().unwrap().to_owned();
    ["publish", &work, "--stream", "master/centos", "--build", TWO].map(str::to_owned).to_vec()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_kind_of_error_has_its_exit_code() {
    let codes = [
        (ErrorKind::Failed, 1),
        (ErrorKind::Full, 1),
        (ErrorKind::Denied, 1),
        (ErrorKind::Usage, 2),
        (ErrorKind::Refused, 3),
        (ErrorKind::Busy, 7),
        (ErrorKind::Interrupted, 130),
    ];
    for (kind, code) in codes {
        assert_eq!(Exit::from(kind) as u8, code, "{kind:?}");
    }
}

#[test]
fn a_mirror_without_a_name_gives_2_where_a_mirror_is_needed() {
    let rig = Rig::new();
    rig.fails(2, "`/srv/mirror`", &["--mirror", "", "list"]);
    rig.fails(2, "is empty", &["--mirror=", "init"]);
    let unset = |args: &[&str]| rig.command(args).env("MIRRORKEEP_MIRROR", "").output().unwrap();
    assert_eq!(unset(&["list"]).status.code(), Some(2));
    assert_eq!(unset(&["policy", "list"]).status.code(), Some(0));
}

#[test]
fn a_damaged_journal_gives_3_for_every_verb_that_needs_it() {
    let rig = mirror();
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"seq\"", "\"sEq\"", 1)).unwrap();
    let other = Rig::new();
    other.ok(&["init"]);
    let (here, there) = (rig.mirror(""), other.mirror(""));
    let copy = format!("copy {} {} master/centos", there.display(), here.display());
    let verbs = [
        "adopt --dry-run",
        "adopt",
        "prune --dry-run",
        "prune",
        "sweep",
        "recover",
        &format!("label {ID} sanity=green"),
        &format!("hold {ID} --why release"),
        &format!("unhold {ID}"),
        &format!("restore {ID}"),
        &format!("alias set master/centos/latest {ID}"),
        "alias remove master/centos/latest",
    ];
    other.publish(THREE, &[]);
    let all = verbs.iter().map(|verb| words(verb)).chain([publish(&rig), words(&copy)]);
    for args in all {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        rig.fails(3, "the journal is damaged at line 1 of `.mirrorkeep/journal/000000000001.jsonl`", &args);
    }
}

#[test]
fn a_signal_gives_130_for_every_verb_that_stops() {
    for verb in ["check", "check --fix", "adopt", "verify --all", "publish"] {
        let rig = mirror();
        if verb == "adopt" {
            let beside = rig.mirror("master/centos").join(TWO);
            let copied = Command::new("cp").arg("-a").args([rig.mirror(ID), beside]).status();
            assert!(copied.unwrap().success());
        }
        let args = if verb == "publish" { publish(&rig) } else { words(verb) };
        // The signal comes with the first call on the mirror, and so before any work.
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2"]);
        strace.args(["-e", "inject=openat2:signal=INT:when=1", env!("CARGO_BIN_EXE_mirrorkeep")]);
        let output = strace.arg("--mirror").arg(rig.mirror("")).args(&args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{verb}: {text}");
    }
}

#[test]
fn prune_ends_with_5_while_a_required_alias_is_broken_or_a_build_vanished() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([ONE, TWO]);
    rig.publish(THREE, &["--result", "fail"]);
    rig.ok(&["prune"]);
    let latest = rig.mirror("master/centos/latest_build");
    fs::remove_file(&latest).unwrap();
    let way = format!("`mirrorkeep alias set master/centos/latest_build {TWO}`");
    for args in [&["prune"][..], &["prune", "--dry-run"]] {
        let said = rig.ends(5, args);
        assert!(
            said.contains("the required alias is broken: it is missing") && said.contains(&way),
            "{said}"
        );
    }
    std::os::unix::fs::symlink("nowhere", &latest).unwrap();
    let report = rig.json_ends(5, &["prune"]);
    assert_eq!(report["report"]["findings"][0]["path"], "master/centos/latest_build");
    rig.ok(&["alias", "set", "master/centos/latest_build", TWO]);
    rig.ok(&["prune"]);
    let id = format!("master/centos/{ONE}");
    fs::rename(rig.mirror(&id), rig.work("../moved")).unwrap();
    // It is reported every night until somebody acts.
    for _ in 0..2 {
        let said = rig.ends(5, &["prune"]);
        assert!(said.contains(&format!("`mirrorkeep adopt --changed {id}`")), "{said}");
    }
    rig.ok(&["adopt", "--changed", &id]);
    rig.ok(&["prune"]);
}

#[test]
fn a_freeze_names_the_newest_success() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([ONE, TWO]);
    rig.publish(THREE, &["--result", "fail"]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    let said = rig.ends(4, &["prune"]);
    assert!(said.contains(&format!("`mirrorkeep alias set master/centos/latest_build {TWO}`")), "{said}");
    rig.ok(&["alias", "set", "master/centos/latest_build", TWO]);
    rig.ok(&["prune"]);
}

#[test]
fn a_mirror_of_another_format_is_refused_by_its_number_whatever_else_it_has() {
    let rig = mirror();
    let config = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("format: 1", "format: 2") + "shards: 16\n").unwrap();
    rig.fails(3, "`.mirrorkeep/mirror.yaml` has format 2; this version reads 1", &["list"]);
}

/// Runs a copy of the binary, which other users can start, as a user.
fn run_as(rig: &Rig, user: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("setpriv");
    let ids = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
    command.args(ids).arg(rig.work("../mirrorkeep")).arg("--mirror").arg(rig.mirror("")).args(args);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn root_and_other_users_are_told_who_owns_the_mirror() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([ONE]);
    let top = rig.work("..").canonicalize().unwrap();
    fs::copy(env!("CARGO_BIN_EXE_mirrorkeep"), top.join("mirrorkeep")).unwrap();
    fs::set_permissions(&top, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(Command::new("chown").args(["-R", "4001:4001"]).arg(&top).status().unwrap().success());
    let owner = "belongs to the user with the number 4001, and this command runs as `root`";
    let hold = format!("hold master/centos/{ONE} --why release");
    for verb in ["prune", "recover", "verify --all", "check --fix", "plan --publish", &hold] {
        rig.fails(3, owner, &verb.split(' ').collect::<Vec<_>>());
    }
    let args: Vec<String> = publish(&rig);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    rig.fails(3, owner, &args);
    rig.fails(3, "hint: `sudo --preserve-env=MIRRORKEEP_MIRROR -u '#4001' ", &args);
    for verb in ["list", "check", "plan", "alias list"] {
        let code = rig.run(&verb.split(' ').collect::<Vec<_>>()).status.code();
        assert!(matches!(code, Some(0 | 5)), "{verb}: {code:?}");
    }
    let of_root = Command::new("find").arg(&top).args(["-user", "0"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&of_root.stdout), "");
    // Another user sees no mirror's state at all, and is told whose it is.
    let (code, said) = run_as(&rig, "4002", &["list"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("Permission denied") && said.contains("belongs to the user with the number 4001"),
        "{said}"
    );
    assert!(said.contains("-u '#4001'"), "{said}");
    let (code, said) = run_as(&rig, "4001", &args);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(run_as(&rig, "4001", &["prune"]).0, Some(0));
}

#[test]
fn prune_ends_with_5_while_a_required_alias_is_no_link_or_points_at_a_failed_build() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([ONE, TWO]);
    rig.publish(THREE, &["--result", "fail"]);
    let latest = rig.mirror("master/centos/latest_build");
    fs::remove_file(&latest).unwrap();
    std::os::unix::fs::symlink(THREE, &latest).unwrap();
    let said = rig.ends(5, &["prune"]);
    let way = format!("alias set --allow-backwards master/centos/latest_build {TWO}");
    assert!(
        said.contains("does not meet its condition") && said.contains(&format!("`mirrorkeep {way}`")),
        "{said}"
    );
    rig.ok(&way.split(' ').collect::<Vec<_>>());
    rig.ok(&["prune"]);
    fs::remove_file(&latest).unwrap();
    fs::create_dir(&latest).unwrap();
    let said = rig.ends(5, &["prune"]);
    assert!(said.contains("something that is not a symlink is in its place; move it away"), "{said}");
    assert!(
        !said.contains("finding: master/centos/latest_build: the required alias is broken: it is missing"),
        "{said}"
    );
}

#[test]
fn prune_ends_with_5_while_recorded_builds_are_behind_a_link() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([ONE, TWO]);
    let work = rig.work("");
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", "master/debian", "--build", ONE]);
    rig.ok(&["prune"]);
    let away = rig.work("../away");
    fs::rename(rig.mirror("master/centos"), &away).unwrap();
    std::os::unix::fs::symlink(&away, rig.mirror("master/centos")).unwrap();
    for args in [&["prune", "--dry-run"][..], &["prune"]] {
        let said = rig.ends(5, args);
        assert!(said.contains(&format!("finding: master/centos/{ONE}: the build is recorded")), "{said}");
    }
}

#[test]
fn an_answer_that_is_lost_ends_with_1_whatever_it_said() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([ONE, TWO]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    for args in [&["check"][..], &["prune", "--dry-run"], &["list"], &["--json", "check"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = rig.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("cannot write to standard output"), "{args:?}: {said}");
    }
    rig.fails(5, "", &["check"]);
}

#[test]
fn verbs_that_only_show_builds_go_on_without_the_journal() {
    let rig = mirror();
    assert_eq!(rig.json(&["show", ID])["verdict"], "keep");
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let said = "warning: the journal is damaged at line 1 of `.mirrorkeep/journal/000000000001.jsonl`";
    let empty = "warning: the journal in `.mirrorkeep/journal` has no event";
    for (text, said) in [(text.replacen("\"seq\"", "\"sEq\"", 1), said), (String::new(), empty)] {
        fs::write(&segment, text).unwrap();
        for args in [&["list"][..], &["show", ID], &["alias", "list"]] {
            let told = rig.ends(0, args);
            assert!(told.contains(ONE) && told.contains(said), "{told}");
            assert!(told.contains("`mirrorkeep recover --accept-journal`"), "{told}");
        }
        assert_eq!(rig.ok(&["resolve", "master/centos/latest_build"]), format!("{ID}\n"));
        // What is wrong is shown with the rest.
        let findings = rig.json_ends(5, &["check"])["findings"].to_string();
        assert!(findings.contains("journal-lost") && findings.contains("--accept-journal"), "{findings}");
        let status = rig.ok(&["status"]);
        assert!(status.contains("master/centos") && status.contains("--accept-journal"), "{status}");
        rig.fails(5, "", &["status", "--check"]);
        // What a policy says needs the journal.
        assert!(rig.json(&["list"])["builds"][0]["verdict"].is_null());
        assert!(rig.json(&["show", ID])["verdict"].is_null());
        for args in [&["plan"][..], &["explain", ID], &["prune", "--dry-run"]] {
            rig.fails(3, "`mirrorkeep recover --accept-journal`", args);
        }
    }
}

#[test]
fn an_alias_that_a_person_set_to_a_failed_build_is_no_fault() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 9}]").builds([ONE, TWO]);
    rig.publish(THREE, &["--result", "fail"]);
    let alias = "master/centos/latest_build";
    rig.ok(&["alias", "set", alias, THREE, "--allow-unsuccessful"]);
    rig.ok(&["prune"]);
    rig.ok(&["prune", "--dry-run"]);
    let findings = rig.json_ends(5, &["check"])["findings"].clone();
    let unfit = findings.as_array().unwrap().iter().find(|found| found["code"] == "alias-unfit").unwrap();
    assert_eq!(unfit["severity"], "note");
    // Set by hand, it is one.
    rig.ok(&["alias", "set", alias, TWO, "--allow-backwards"]);
    fs::remove_file(rig.mirror(alias)).unwrap();
    std::os::unix::fs::symlink(THREE, rig.mirror(alias)).unwrap();
    assert!(rig.ends(5, &["prune"]).contains("does not meet its condition"));
}

#[test]
fn a_log_of_a_damaged_journal_has_what_can_be_read_and_ends_as_one_that_is_damaged() {
    let rig = mirror();
    rig.ok(&["label", ID, "sanity=green"]);
    let segment = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"seq\"", "\"sEq\"", 1)).unwrap();
    let output = rig.run(&["log"]);
    let (told, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(told.contains("sanity=green") && told.contains(ID), "{told}");
    assert!(said.contains("the journal is damaged at line 1") && said.contains("--accept-journal"), "{said}");
    assert!(!rig.json_ends(3, &["log"])["events"].as_array().unwrap().is_empty());
}
