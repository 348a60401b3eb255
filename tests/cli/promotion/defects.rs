//! What went wrong where others promote, as sentences that hold here.

use super::retention::sparing;
use super::sentences::{ONE, STAGED, STREAM, of_tested, tested, with_votes};
use crate::support::trunk::{Trunk, build, entry, id, stream};
use serde_json::{Value, json};
use std::fs;

#[test]
fn criteria_leak_an_alternative_that_one_build_used_changes_nothing_for_another() {
    let trunk = Trunk::with(STAGED);
    let one = with_votes(&trunk, 1, &["smoke", "boot"]);
    with_votes(&trunk, 2, &["boot-rerun"]);
    trunk.ok(&["promote", "tested", "--require-move"]);
    assert_eq!(trunk.has(ONE, "tested"), Some(one));
}

#[test]
fn criteria_leak_a_waiver_for_one_build_helps_no_other() {
    let trunk = Trunk::with(STAGED);
    let builds = [1, 2, 3].map(|day| with_votes(&trunk, day, &["smoke"]));
    trunk.ok(&["waive", "tested", "boot", "--build", &builds[1], "--why", "no hardware"]);
    let moved = of_tested(&trunk.json(&["promote", "tested"]));
    assert_eq!(moved["build"], builds[1]);
    let missing: Vec<&Value> =
        moved["candidates"].as_array().unwrap().iter().map(|one| &one["missing"]).collect();
    let any = json!(["any of boot, boot-rerun"]);
    assert_eq!(missing, [&any, &json!([]), &any]);
    with_votes(&trunk, 4, &["smoke"]);
    trunk.ends(4, &["promote", "tested", "--require-move"]);
}

#[test]
fn substring_match_a_job_of_a_longer_name_votes_for_itself_alone() {
    let (job, longer) = ("periodic-rdo-network-master", "periodic-rdo-network-master-validation");
    let trunk = Trunk::with(&STAGED.replace("[smoke, ", &format!("[{job}, {longer}, ")));
    with_votes(&trunk, 1, &["boot", longer]);
    assert_eq!(of_tested(&trunk.json(&["promote"]))["candidates"][0]["missing"], json!([job]));
    with_votes(&trunk, 2, &["boot", job]);
    assert_eq!(of_tested(&trunk.json(&["promote"]))["candidates"][0]["missing"], json!([longer]));
}

#[test]
fn unlisted_label_a_new_stage_protects_its_build_without_a_list() {
    let trunk = sparing(STAGED);
    let one = with_votes(&trunk, 1, &[]);
    let podified = STAGED.to_owned()
        + "  - {name: podified-ci-testing, streams: '*/component/*', from: consistent, pin: true}\n";
    trunk.ok(&["pipeline", "set", &trunk.pipeline_file(&podified)]);
    trunk.ok(&["promote", "podified-ci-testing"]);
    for day in 2..=4 {
        with_votes(&trunk, day, &[]);
    }
    trunk.ok(&["prune"]);
    assert_eq!(trunk.has(ONE, "podified-ci-testing"), Some(one.clone()));
    trunk.ok(&["verify", &one]);
}

#[test]
fn purged_a_candidate_that_is_gone_is_never_promoted() {
    let trunk = Trunk::with(STAGED);
    with_votes(&trunk, 1, &["smoke"]);
    let two = with_votes(&trunk, 2, &["smoke", "boot"]);
    trunk.ok(&["withdraw", &two, "--why", "a private key", "--force"]);
    let moved = of_tested(&trunk.json(&["promote"]));
    assert_eq!(moved["outcome"], "waiting");
    let gone = json!({"id": two, "missing": ["the build is gone"], "waived": [], "rejected": null});
    assert!(moved["candidates"].as_array().unwrap().contains(&gone), "{moved}");
}

#[test]
fn time_stamps_the_latest_arrival_is_promoted_however_old_its_build_is() {
    let trunk = Trunk::with(STAGED);
    with_votes(&trunk, 2, &["smoke", "boot"]);
    let one = with_votes(&trunk, 1, &["smoke", "boot"]);
    trunk.ok(&["alias", "set", &format!("{STREAM}/consistent"), &one, "--allow-backwards"]);
    trunk.ok(&["promote", "tested", "--require-move"]);
    assert_eq!(trunk.has(ONE, "tested"), Some(one));
}

#[test]
fn half_promoted_a_failure_on_the_way_leaves_every_name_where_it_was() {
    let carry = "    carry: [{alias: tested-repodata, place: repodata}]\n    keep: 2\n";
    let trunk = Trunk::with(&STAGED.replace("    keep: 2\n", carry));
    for day in 1..=2 {
        with_votes(&trunk, day, &["smoke", "boot"]);
        trunk.ok(&["promote", "tested", "--require-move"]);
    }
    with_votes(&trunk, 3, &["smoke", "boot"]);
    let links = || {
        ["tested", "previous-tested", "tested-repodata"]
            .map(|name| fs::read_link(trunk.link(ONE, name)).unwrap())
    };
    let before = links();
    // The third name that moves is that of the stage.
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat,renameat2"]);
    strace.args(["-e", "inject=renameat,renameat2:error=EIO:when=3", env!("CARGO_BIN_EXE_mirrorkeep")]);
    let output = strace.arg("--mirror").arg(trunk.mirror("")).arg("promote").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("error: {STREAM}: tested was not moved: ")), "{told}");
    assert_eq!(links(), before);
    assert_eq!(trunk.json(&["recover", "--dry-run"])["unsettled"], json!([]));
    // It was moved and moved back, and is no interference.
    trunk.ok(&["promote", "tested", "--require-move"]);
    assert_eq!(trunk.has(ONE, "previous-tested"), Some(id(ONE, 2)));
}

#[test]
fn wrong_hash_read_what_moves_is_the_build_that_was_voted_on() {
    let trunk = Trunk::with(STAGED);
    let one = with_votes(&trunk, 1, &["smoke"]);
    // The name from which candidates come moves while jobs run.
    trunk.publish(ONE, 2);
    trunk.vote(&one, "boot", "success");
    trunk.ok(&["promote", "tested", "--require-move"]);
    let repo = fs::read_to_string(trunk.link(ONE, "tested").join("delorean.repo")).unwrap();
    assert!(repo.contains(&build(ONE, 1)), "{repo}");
    assert_eq!(trunk.has(ONE, "consistent"), Some(id(ONE, 2)));
    // A vote on a name is a vote on the build that it has at that moment, which the answer names.
    let voted = trunk.json(&["vote", &format!("{STREAM}/consistent"), "smoke", "success"]);
    assert_eq!(voted["id"], id(ONE, 2));
}

#[test]
fn previous_stays_where_no_build_had_the_stage() {
    let trunk = tested(2);
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "first"]);
    // Who corrects a reason does not mean to take the stage from every build.
    let hints =
        trunk.fails(1, "was taken back to", &["demote", "tested", "--stream", STREAM, "--why", "second"]);
    assert!(hints.iter().any(|hint| hint.contains("--to ID")), "{hints:?}");
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 1)));
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "second", "--allow-empty"]);
    assert_eq!((trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested")), (None, None));
    let three = with_votes(&trunk, 3, &["smoke", "boot"]);
    let moved = of_tested(&trunk.json(&["promote", "tested", "--require-move"]));
    assert_eq!((&moved["previous"], &moved["carried"]), (&Value::Null, &json!([])));
    assert_eq!((trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested")), (Some(three), None));
}

#[test]
fn silent_loss_of_a_component_one_that_cannot_be_read_is_an_error() {
    let trunk = Trunk::with(STAGED);
    for component in [ONE, "network"] {
        let id = trunk.publish(component, 1);
        for job in ["smoke", "boot"] {
            trunk.vote(&id, job, "success");
        }
    }
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(trunk.mirror(STREAM));
    strace.args(["-e", "inject=getdents64:error=EIO", env!("CARGO_BIN_EXE_mirrorkeep"), "--json"]);
    let output = strace.arg("--mirror").arg(trunk.mirror("")).arg("promote").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |component: &str| entry(&answer["stages"], "tested", &stream(component)).clone();
    assert_eq!(of("network")["outcome"], "promoted");
    assert_eq!(of(ONE)["outcome"], "failed");
    assert!(of(ONE)["why"].as_str().unwrap().contains(&format!("`{STREAM}` cannot be read: ")), "{answer}");
    assert_eq!(trunk.has(ONE, "tested"), None);
}

#[test]
fn a_demotion_that_skips_a_build_leaves_no_newer_one_as_previous() {
    let trunk = tested(3);
    trunk.ok(&["reject", &id(ONE, 2), "--stage", "tested", "--why", "bug 7"]);
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "bug 8"]);
    assert_eq!((trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested")), (Some(id(ONE, 1)), None));
    let trunk = tested(4);
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "bug 9", "--to", &id(ONE, 2)]);
    let names = (trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested"));
    assert_eq!(names, (Some(id(ONE, 2)), Some(id(ONE, 1))));
}

#[test]
fn the_build_that_has_the_stage_gets_no_other_one_by_its_name() {
    let trunk = tested(1);
    with_votes(&trunk, 2, &["smoke", "boot"]);
    let named = ["promote", "tested", "--build", &id(ONE, 1)];
    let one = of_tested(&trunk.json(&named));
    assert_eq!((&one["outcome"], &one["build"]), (&json!("current"), &Value::Null));
    trunk.ends(4, &[&named[..], &["--require-move"]].concat());
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 1)));
}

#[test]
fn a_demotion_to_a_build_that_lacks_votes_says_what_it_lacks() {
    let trunk = tested(2);
    with_votes(&trunk, 3, &["smoke"]);
    let to = id(ONE, 3);
    let told = trunk.ends(0, &["demote", "tested", "--stream", STREAM, "--why", "bug 7", "--to", &to]);
    assert!(
        told.contains(&format!("`{to}` never had `tested`, and lacks any of boot, boot-rerun")),
        "{told}"
    );
    assert_eq!(trunk.has(ONE, "previous-tested"), Some(id(ONE, 1)));
    let moves = trunk.json(&["history", &format!("{STREAM}/tested")])["moves"].clone();
    assert_eq!(moves.as_array().unwrap().last().unwrap()["lacked"], json!(["any of boot, boot-rerun"]));
}
