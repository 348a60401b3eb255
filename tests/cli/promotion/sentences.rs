//! What each verb of promotion answers, and what it leaves alone.

use crate::support::trunk::{Trunk, build, entry, id, stream};
use serde_json::{Value, json};

/// Two stages: two jobs for the first, one for the second.
pub(super) const STAGED: &str = "pipeline: 1
stages:
  - name: tested
    streams: '*/component/*'
    from: consistent
    require: {votes: [smoke, {any: [boot, boot-rerun]}]}
    previous: previous-tested
    keep: 2
    alarm: 3d
  - {name: released, streams: '*/component/*', from: tested, require: {votes: [install]}}
";

/// The component in which most tests work, and its stream.
pub(super) const ONE: &str = "compute";
pub(super) const STREAM: &str = "centos9-master/component/compute";

/// Publishes the build of a day, on which these jobs vote success.
pub(super) fn with_votes(trunk: &Trunk<'_>, day: u8, jobs: &[&str]) -> String {
    let id = trunk.publish(ONE, day);
    for job in jobs {
        trunk.vote(&id, job, "success");
    }
    id
}

/// Returns a mirror in which builds of the first days were promoted to `tested`, one after the other.
pub(super) fn tested(days: u8) -> Trunk<'static> {
    let trunk = Trunk::with(STAGED);
    for day in 1..=days {
        with_votes(&trunk, day, &["smoke", "boot"]);
        trunk.ok(&["promote", "tested", "--require-move"]);
    }
    trunk
}

/// Returns what became of `tested` in the answer of `promote`, or where it is in that of `stages`.
#[track_caller]
pub(super) fn of_tested(answer: &Value) -> Value {
    let list = if answer["list"].is_array() { &answer["list"] } else { &answer["stages"] };
    entry(list, "tested", STREAM).clone()
}

#[test]
fn nothing_to_promote_ends_with_0_and_with_4_where_a_move_is_required() {
    let trunk = tested(1);
    let told = trunk.ends(0, &["promote"]);
    assert!(told.contains(&format!("{STREAM}: tested stays at {}\n", build(ONE, 1))), "{told}");
    assert!(
        told.contains(&format!("{STREAM}: no build has released yet\n  {}: lacks install\n", build(ONE, 1)))
    );
    trunk.ends(4, &["promote", "--require-move"]);
    trunk.ends(4, &["promote", "--require-move", "--dry-run"]);
    trunk.vote(&id(ONE, 1), "install", "success");
    trunk.ends(0, &["promote", "--require-move", "--dry-run"]);
    trunk.ends(0, &["promote", "--require-move"]);
    trunk.ends(4, &["promote", "--require-move"]);
    let told = trunk.ends(0, &["promote", "--stream", "centos8-*/**"]);
    assert_eq!(told, "no stream of the mirror has one of these stages\n");
}

#[test]
fn the_last_vote_of_a_job_counts() {
    let trunk = Trunk::with(STAGED);
    let id = with_votes(&trunk, 1, &["smoke", "boot"]);
    let told = trunk.ok(&["vote", &id, "boot", "failure"]);
    assert_eq!(told, format!("boot voted failure on {id} (it was success)\n"));
    assert_eq!(of_tested(&trunk.json(&["promote"]))["outcome"], "waiting");
    let told = trunk.ok(&["vote", &id, "boot", "success"]);
    let hint = format!("  `mirrorkeep promote tested --stream {STREAM}` promotes it to tested\n");
    assert_eq!(told, format!("boot voted success on {id} (it was failure)\n{hint}"));
    let command = hint.split('`').nth(1).unwrap();
    let told = trunk.pasted(0, command, &[]);
    assert!(told.starts_with(&format!("{STREAM}: promoted {} to tested\n", build(ONE, 1))), "{told}");
}

#[test]
fn a_vote_is_a_label_with_who_when_and_url() {
    let trunk = Trunk::with(STAGED);
    let id = with_votes(&trunk, 1, &[]);
    trunk.ok(&["vote", &id, "smoke", "success", "--url", "https://logs.example.org/7"]);
    let label = trunk.json(&["show", &id])["labels"]["vote/smoke"].clone();
    assert_eq!((&label["value"], &label["url"]), (&json!("success"), &json!("https://logs.example.org/7")));
    assert!(label["who"].as_str().unwrap().starts_with("release-engineer (") && label["since"].is_string());
    // Only the verb writes it.
    trunk.fails(
        2,
        "the label `vote/boot` is set by `mirrorkeep vote` alone",
        &["label", &id, "vote/boot=success"],
    );
}

#[test]
fn an_older_build_is_promoted_only_where_it_is_named() {
    let trunk = Trunk::with(STAGED);
    let older = with_votes(&trunk, 1, &["smoke"]);
    with_votes(&trunk, 2, &["smoke", "boot"]);
    trunk.ok(&["promote", "--require-move"]);
    trunk.vote(&older, "boot", "success");
    trunk.ends(4, &["promote", "tested", "--require-move"]);
    let told = trunk.ok(&["promote", "tested", "--build", &older, "--why", "the new one is slow"]);
    assert!(
        told.contains(&format!("promoted {} to tested (it was at {})", build(ONE, 1), build(ONE, 2))),
        "{told}"
    );
    assert_eq!(trunk.has(ONE, "previous-tested"), Some(id(ONE, 2)));
    // Asked for again, it has the stage.
    let told = trunk.ok(&["promote", "tested", "--build", &older]);
    assert_eq!(told, format!("{STREAM}: tested stays at {}\n", build(ONE, 1)));
}

#[test]
fn who_forces_a_build_skips_votes_and_the_history_says_so() {
    let trunk = Trunk::with(STAGED);
    with_votes(&trunk, 1, &["smoke"]);
    assert!(trunk.ends(2, &["promote", "tested", "--force"]).contains("--why <TEXT>"));
    let told = trunk.ok(&["promote", "tested", "--force", "--why", "boot tests are broken"]);
    assert!(told.contains("promoted"), "{told}");
    let moves = trunk.json(&["history", &format!("{STREAM}/tested")])["moves"].clone();
    assert_eq!(moves[0]["lacked"], json!(["any of boot, boot-rerun"]));
    assert_eq!(
        (&moves[0]["why"], &moves[0]["votes"]),
        (&json!("boot tests are broken"), &json!({"smoke": "success"}))
    );
    let told = trunk.ok(&["history", &format!("{STREAM}/tested")]);
    assert!(
        told.contains(": boot tests are broken\n    smoke success, without any of boot, boot-rerun\n"),
        "{told}"
    );
    let log = trunk.ok(&["log", "--limit", "1"]);
    assert!(log.contains("without any of boot, boot-rerun: boot tests are broken"), "{log}");
}

#[test]
fn a_waiver_until_a_time_counts_for_every_build_and_is_taken_back() {
    let trunk = Trunk::with(STAGED);
    with_votes(&trunk, 1, &["smoke"]);
    trunk.publish("network", 1);
    trunk.vote(&id("network", 1), "smoke", "success");
    let waive = ["waive", "tested", "boot", "--until", "3d", "--why", "no hardware"];
    let answer = trunk.json(&waive);
    assert_eq!((&answer["waive"], &answer["waiver"]["job"]), (&json!(1), &json!("boot")));
    assert_eq!(answer["standing"][0]["why"], "no hardware");
    let stages = trunk.json(&["stages", "tested"]);
    for component in [ONE, "network"] {
        let one = entry(&stages["list"], "tested", &stream(component));
        assert_eq!((&one["outcome"], &one["waived"]), (&json!("promoted"), &json!(["boot"])));
    }
    let told = trunk.ok(&["unwaive", "tested", "boot"]);
    assert_eq!(told, "no longer waived: the vote of boot for tested\n");
    assert_eq!(of_tested(&trunk.json(&["stages"]))["waived"], json!([]));
    trunk.fails(
        2,
        "not in the future",
        &["waive", "tested", "boot", "--until", "20200101T000000Z", "--why", "x"],
    );
    let told = trunk.ends(2, &["waive", "tested", "boot", "--why", "no scope"]);
    assert!(told.contains("<--build <ID>|--until <TIME>>"), "{told}");
}

#[test]
fn a_rejected_build_is_no_candidate_until_that_is_taken_back() {
    let trunk = tested(1);
    let two = with_votes(&trunk, 2, &["smoke", "boot"]);
    let answer = trunk.json(&["reject", &two, "--why", "does not install"]);
    assert_eq!((&answer["reject"], &answer["report"]["why"]), (&json!(1), &json!("does not install")));
    let told = trunk.ok(&["promote", "tested"]);
    assert!(told.contains(&format!("  {}: rejected: does not install\n", build(ONE, 2))), "{told}");
    let told = trunk.ok(&["unreject", &two]);
    assert_eq!(told, format!("no longer rejected: {two}\n"));
    assert_eq!(trunk.ok(&["unreject", &two]), format!("not rejected: {two}\n"));
    trunk.ok(&["promote", "tested", "--require-move"]);
    // It keeps the stage that it has, and the answer says how that is taken away.
    let told = trunk.ends(0, &["reject", &two, "--why", "leaks memory"]);
    let hint = told.split('`').find(|part| part.starts_with("mirrorkeep demote")).unwrap().to_owned();
    assert_eq!(trunk.has(ONE, "tested"), Some(two));
    trunk.pasted(0, &hint, &[("TEXT", "leaks")]);
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 1)));
}

#[test]
fn the_same_demotion_twice_changes_nothing_the_second_time() {
    let trunk = tested(3);
    let demote = ["demote", "tested", "--stream", STREAM, "--why", "does not boot"];
    let told = trunk.ok(&demote);
    let (three, two) = (build(ONE, 3), build(ONE, 2));
    let first = format!("{STREAM}: moved tested back from {three} to {two}\n");
    assert!(told.starts_with(&first), "{told}");
    assert_eq!(trunk.has(ONE, "previous-tested"), Some(id(ONE, 1)));
    let answer = trunk.json(&demote);
    assert_eq!(
        (&answer["already"], &answer["to"], &answer["carried"]),
        (&json!(true), &json!(id(ONE, 2)), &json!([]))
    );
    let told = trunk.ends(0, &demote);
    let second =
        format!("{STREAM}: nothing to do: the last demotion moved tested back from {three} to {two}\n");
    assert!(told.contains(&second) && told.contains("another --why"), "{told}");
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 2)));
    // Another reason is another demotion.
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "it does not, either"]);
    assert_eq!((trunk.has(ONE, "tested"), trunk.has(ONE, "previous-tested")), (Some(id(ONE, 1)), None));
}

#[test]
fn a_stage_that_no_build_had_before_is_removed_by_a_demotion() {
    let trunk = tested(1);
    let told = trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "does not boot"]);
    assert_eq!(told, format!("{STREAM}: moved tested away from {}; no build had it before\n", build(ONE, 1)));
    assert_eq!(trunk.has(ONE, "tested"), None);
    let told = trunk.ok(&["history", &format!("{STREAM}/tested")]);
    assert!(
        told.contains("removed demoted by release-engineer (") && told.contains(": does not boot\n"),
        "{told}"
    );
    trunk.ends(4, &["promote", "tested", "--require-move"]);
}

#[test]
fn a_stage_past_its_alarm_ends_a_check_with_5_and_a_quiet_upstream_never() {
    let trunk = tested(1);
    // Nothing newer came, however long ago that is.
    trunk.ok(&["stages", "--check"]);
    for (day, code) in [(4, 0), (5, 5)] {
        trunk.publish(ONE, day);
        let told = trunk.ends(code, &["stages", "--check"]);
        let warning = format!("warning: `tested` of `{STREAM}` is 4 days behind its newest candidate");
        assert_eq!(told.contains(&warning), code == 5, "{told}");
    }
    trunk.ends(0, &["stages"]);
    let one = of_tested(&trunk.json_ends(5, &["stages", "--check"]));
    assert_eq!(
        (&one["alarm"], &one["gap_days"], &one["candidate"]),
        (&json!(true), &json!(4), &json!(id(ONE, 5)))
    );
    trunk.ok(&["stages", "released", "--check"]);
}

#[test]
fn an_alias_of_a_stage_is_set_and_removed_by_promotion_alone() {
    let trunk = tested(2);
    for name in ["tested", "previous-tested"] {
        let alias = format!("{STREAM}/{name}");
        let older = id(ONE, 1);
        let said = "belongs to the stage `tested`, which only promotion moves";
        let hints = trunk.fails(1, said, &["alias", "set", &alias, &older, "--allow-backwards"]);
        assert_eq!(trunk.fails(1, said, &["alias", "remove", &alias]), hints);
        let words = [("ID", &*older), ("STREAM", STREAM), ("TEXT", "test")];
        assert!(trunk.pasted(0, &format!("{} --dry-run", hints[0]), &words).contains("would promote"));
        assert!(
            trunk.pasted(0, &format!("{} --dry-run", hints[1]), &words).contains("would move tested back")
        );
    }
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 2)));
    // Another name of the same directory is free.
    trunk.ok(&["alias", "set", &format!("{STREAM}/component-ci-testing"), &id(ONE, 1)]);
}

#[test]
fn publishing_never_moves_a_stage() {
    let trunk = tested(1);
    let two = trunk.publish(ONE, 2);
    trunk.ok(&["label", &two, "consistent=no"]);
    trunk.ok(&["label", &two, "consistent=yes"]);
    assert_eq!((trunk.has(ONE, "tested"), trunk.has(ONE, "consistent")), (Some(id(ONE, 1)), Some(two)));
    let moves = trunk.json(&["history", &format!("{STREAM}/tested")])["moves"].clone();
    assert_eq!(moves.as_array().unwrap().len(), 1);
}

#[test]
fn a_withdrawn_build_hands_its_stages_to_those_that_had_them_before() {
    let trunk = tested(3);
    trunk.vote(&id(ONE, 3), "install", "success");
    trunk.ok(&["promote", "released"]);
    let told = trunk.ends(0, &["withdraw", &id(ONE, 3), "--why", "a private key", "--force"]);
    assert!(told.contains(&format!("{STREAM}/tested -> ")), "{told}");
    assert_eq!(trunk.has(ONE, "tested"), Some(id(ONE, 2)));
    assert!(told.contains("no earlier build of the stage `released` can have it again"), "{told}");
    // That is no interference, and what is in the trash is not promoted.
    let moved = trunk.json(&["promote", "tested"]);
    assert_eq!(of_tested(&moved)["outcome"], "current");
    trunk.fails(1, "there is no build", &["promote", "tested", "--build", &id(ONE, 3)]);
}

#[test]
fn history_shows_every_move_of_any_alias() {
    let trunk = tested(2);
    let told = trunk.ok(&["history", &format!("{STREAM}/consistent")]);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains(&format!("  -> {} by release-engineer (", build(ONE, 2))), "{told}");
    let moves = trunk.json(&["history", &format!("{STREAM}/previous-tested")])["moves"].clone();
    assert_eq!((&moves[0]["what"], moves.as_array().unwrap().len()), (&json!("promoted"), 1));
    trunk.fails(2, "exists or ever existed", &["history", &format!("{STREAM}/nosuch")]);
    trunk.fails(2, "is not an alias", &["history", ".mirrorkeep/journal"]);
}

#[test]
fn what_a_required_job_failed_goes_to_on_failure() {
    let trunk = Trunk::with(&STAGED.replace("    keep: 2\n", "    on_failure: bad-tested\n"));
    let one = trunk.publish(ONE, 1);
    trunk.vote(&one, "boot", "failure");
    assert_eq!(of_tested(&trunk.json(&["promote"]))["failed"], Value::Null);
    trunk.vote(&one, "boot-rerun", "failure");
    let moved = trunk.json(&["promote"]);
    assert_eq!(
        (&of_tested(&moved)["failed"], &of_tested(&moved)["outcome"]),
        (&json!(one), &json!("waiting"))
    );
    assert_eq!(trunk.has(ONE, "bad-tested"), Some(one));
    assert_eq!(of_tested(&trunk.json(&["promote"]))["failed"], Value::Null);
    trunk.fails(1, "only promotion moves", &["alias", "remove", &format!("{STREAM}/bad-tested")]);
}

#[test]
fn what_is_carried_moves_with_the_stage_and_back() {
    let carry = "    carry: [{alias: tested-repodata, place: repodata}]\n    keep: 2\n";
    let trunk = Trunk::with(&STAGED.replace("    keep: 2\n", carry));
    let there = |day: u8| {
        let told = trunk.ok(&["resolve", &format!("{STREAM}/tested-repodata")]);
        assert!(told.contains(&format!("{}/repodata", build(ONE, day))), "{told}");
    };
    for day in [1, 2] {
        with_votes(&trunk, day, &["smoke", "boot"]);
        let moved = trunk.json(&["promote", "tested", "--require-move"]);
        assert_eq!(of_tested(&moved)["carried"][0]["alias"], format!("{STREAM}/tested-repodata"));
        there(day);
    }
    trunk.ok(&["demote", "tested", "--stream", STREAM, "--why", "does not boot"]);
    there(1);
}
