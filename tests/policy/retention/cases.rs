//! Cases: the specification's examples, and the defects of the scripts that pruned real mirrors.

use super::world::{plan, policy, with};
use mirrorkeep::census::Census;
use mirrorkeep::decide::{Fate, Plan, PlanOutcome, PreviousRuns, Space, retain};
use mirrorkeep::model::Stamp;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const NOW: &str = "2026-06-15T12:00:00Z";

pub(super) fn stamp(text: &str) -> Stamp {
    text.parse().unwrap()
}

/// Returns a build of that day in June 2026, published when it was made.
pub(super) fn build(day: u32, more: Value) -> Value {
    let at = format!("2026-06-{day:02}T02:30:00Z");
    let mut build = json!({
        "build": format!("202606{day:02}T023000Z"), "created": at, "published": at, "last_activity": at,
        "result": "success", "bytes": 100
    });
    build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    build
}

pub(super) fn census(streams: Value, aliases: Value) -> Census {
    let streams: Vec<Value> = streams
        .as_object()
        .unwrap()
        .iter()
        .map(|(stream, builds)| json!({"stream": stream, "builds": builds}))
        .collect();
    serde_json::from_value(json!({"census": 1, "at": NOW, "streams": streams, "aliases": aliases})).unwrap()
}

pub(super) fn days(days: std::ops::RangeInclusive<u32>) -> Value {
    days.map(|day| build(day, json!({}))).collect()
}

#[track_caller]
pub(super) fn fate(plan: &Plan, id: &str) -> Fate {
    plan.verdict(&id.parse().unwrap()).unwrap_or_else(|| panic!("no verdict of {id}")).fate
}

#[track_caller]
pub(super) fn reasons(plan: &Plan, id: &str) -> String {
    let verdict = plan.verdict(&id.parse().unwrap()).unwrap();
    verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect::<Vec<_>>().join("; ")
}

#[track_caller]
pub(super) fn misses(plan: &Plan, id: &str) -> String {
    let verdict = plan.verdict(&id.parse().unwrap()).unwrap();
    verdict.misses.iter().map(|miss| format!("{}: {}", miss.rule, miss.near)).collect::<Vec<_>>().join("; ")
}

pub(super) fn short(keep: &str) -> mirrorkeep::decide::policy::Policy {
    policy(&format!(
        "version: 1\ndefaults: {{floor: 1, min_age: 0h, superseded_grace: 0h}}\nfamilies:\n  - {{name: all, match: \"**\", keep: {keep}}}\n"
    ))
}

#[test]
fn the_worked_policy_of_the_specification_reads_and_explains_itself() {
    let policy = policy(include_str!("../../../fixtures/policies/worked.yaml"));
    for test in &policy.tests {
        assert_eq!(policy.surprises(test), [], "{}", test.name);
    }
    let now = stamp("2026-06-15T04:40:00Z");
    let builds: Value = (0..40)
        .map(|back| {
            let at = stamp("2026-06-15T02:30:00Z").checked_add(-86_400 * back).unwrap();
            json!({"build": at.to_string(), "created": at, "published": at, "result": "success"})
        })
        .collect();
    let plan = plan(&census(json!({"master/debian/flock": builds}), json!([])), &policy, now);
    let told = misses(&plan, "master/debian/flock/20260601T023000Z");
    assert!(told.contains("within 14d: late by 2h10m (deadline 2026-06-15T02:30:00Z)"), "{told}");
    assert!(told.contains("last 10: rank 15"), "{told}");
    assert!(told.contains("weekly count 8: 2026-W23 is represented by 20260607T023000Z"), "{told}");
}

#[test]
fn settings_of_one_stream_do_not_leak_into_the_next() {
    // starlingx.md 5.3 #1: sourced values were globals.
    let policy = policy(
        "version: 1\ndefaults: {floor: 1, min_age: 0h}\nfamilies:\n  - {name: scratch, match: \"feature/**\", keep: []}\n  - {name: master, match: \"master/**\", keep: [{last: 9}]}\n",
    );
    let plan = plan(
        &census(json!({"feature/a/x": days(1..=9), "master/x": days(1..=9)}), json!([])),
        &policy,
        stamp(NOW),
    );
    assert_eq!(with(&plan, Fate::Expire).iter().filter(|id| id.stream.as_str() == "master/x").count(), 0);
    assert_eq!(with(&plan, Fate::Expire).len(), 8);
}

#[test]
fn empty_and_failed_builds_take_no_place_of_a_success() {
    // starlingx.md 5.3 #3 and #4: two empty builds made every real build deletable.
    let mut builds = days(1..=5);
    builds.as_array_mut().unwrap().extend([
        build(6, json!({"result": "empty"})),
        build(7, json!({"result": "empty"})),
        build(8, json!({"result": "fail"})),
        build(9, json!({"result": "partial"})),
    ]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &short("[{last: 2}]"), stamp(NOW));
    assert_eq!(reasons(&plan, "master/x/20260604T023000Z"), "last 2");
    assert_eq!(reasons(&plan, "master/x/20260605T023000Z"), "floor 1; last 2");
    assert_eq!(fate(&plan, "master/x/20260606T023000Z"), Fate::Expire);
    assert_eq!(reasons(&plan, "master/x/20260607T023000Z"), "last 1");
    assert_eq!(fate(&plan, "master/x/20260609T023000Z"), Fate::Expire);
}

#[test]
fn streams_of_any_depth_are_pruned_and_protected_alike() {
    // starlingx.md 5.3 #5 and #6: fixed depths of find left deep streams alone, or their references unseen.
    let deep = "master/debian/bookworm/amd64/monolithic";
    let mut builds = days(1..=6);
    builds[5]["requires"] = json!([format!("{deep}/20260601T023000Z")]);
    let alias = json!([{"path": format!("{deep}/latest_yellow_build"), "target": format!("{deep}/20260602T023000Z/outputs/iso")}]);
    let plan = plan(&census(json!({deep: builds}), alias), &short("[{last: 2}]"), stamp(NOW));
    assert_eq!(reasons(&plan, &format!("{deep}/20260601T023000Z")), "requires");
    assert_eq!(reasons(&plan, &format!("{deep}/20260602T023000Z")), "alias");
    assert_eq!(fate(&plan, &format!("{deep}/20260603T023000Z")), Fate::Expire);
}

#[test]
fn versions_and_tags_are_no_dates() {
    // starlingx.md 5.3 #10: only YYYY.MM was parsed; `2.0.0` to `12.0` would never match.
    let policy = policy(mirrorkeep::decide::policy::Policy::shipped("starlingx").unwrap());
    let streams = json!({"release/2.0.0/centos": days(1..=9), "release/12.0/debian": days(1..=9)});
    let plan = plan(&census(streams, json!([])), &policy, stamp("2036-01-01T00:00:00Z"));
    assert_eq!(with(&plan, Fate::Keep).len(), 18);
}

#[test]
fn any_alias_protects_whatever_its_name_and_a_trailing_slash_means_nothing() {
    // starlingx.md 5.3 #11, rdo.md 4.2: a label that was missing in a hand-typed list was not protected.
    let alias = json!([
        {"path": "master/x/podified-ci-testing", "target": "master/x/20260601T023000Z"},
        {"path": "current-of-all", "target": "master/x/20260602T023000Z"}
    ]);
    let plan = plan(&census(json!({"master/x": days(1..=6)}), alias), &short("[{last: 1}]"), stamp(NOW));
    assert_eq!(reasons(&plan, "master/x/20260601T023000Z"), "alias");
    assert_eq!(reasons(&plan, "master/x/20260602T023000Z"), "alias");
    assert_eq!(with(&plan, Fate::Expire).len(), 3);
}

#[test]
fn a_kept_build_keeps_what_it_links_to_and_rings_die_together() {
    // rdo.md 4.2: retained repositories were left with links to packages that were purged.
    let ring = |a: u32, b: u32| build(a, json!({"requires": [format!("master/y/202606{b:02}T023000Z")]}));
    let user = build(6, json!({"requires": ["master/y/20260603T023000Z"]}));
    let streams = json!({"master/x": [build(5, json!({})), user], "master/y": [ring(1, 2), ring(2, 1), build(3, json!({})), build(4, json!({}))]});
    let plan = plan(&census(streams, json!([])), &short("[{last: 1}]"), stamp(NOW));
    assert_eq!(reasons(&plan, "master/y/20260603T023000Z"), "requires");
    assert_eq!(fate(&plan, "master/y/20260601T023000Z"), Fate::Expire);
    assert_eq!(fate(&plan, "master/y/20260602T023000Z"), Fate::Expire);
}

#[test]
fn builds_that_need_each_other_stay_together_when_a_kept_one_needs_any_of_them() {
    let needing = |a: u32, b: u32| build(a, json!({"requires": [format!("master/y/202606{b:02}T023000Z")]}));
    let ring = [needing(1, 2), needing(2, 3), needing(3, 1), build(4, json!({})), build(5, json!({}))];
    let streams = json!({"master/x": [needing(6, 1)], "master/y": ring});
    let plan = plan(&census(streams, json!([])), &short("[{last: 1}]"), stamp(NOW));
    for day in 1..=3 {
        assert_eq!(reasons(&plan, &format!("master/y/202606{day:02}T023000Z")), "requires");
    }
    assert_eq!(fate(&plan, "master/y/20260604T023000Z"), Fate::Expire);
}

#[test]
fn a_build_without_a_time_is_blocked_and_never_guessed() {
    // starlingx.md 5.3 #9 and #12, rdo.md 4.2: ages came from file times, or from nothing.
    let builds = json!([
        build(1, json!({"created": null})),
        build(2, json!({"problem": "30 February"})),
        build(3, json!({}))
    ]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &short("[{last: 1}]"), stamp(NOW));
    assert_eq!(plan.outcome, PlanOutcome::Blocked);
    assert_eq!(fate(&plan, "master/x/20260601T023000Z"), Fate::Blocked);
    assert_eq!(fate(&plan, "master/x/20260602T023000Z"), Fate::Blocked);
    assert_eq!(reasons(&plan, "master/x/20260603T023000Z"), "floor 1; last 1");
}

#[test]
fn a_newly_added_stream_is_seen_and_an_unmatched_one_is_kept_aloud() {
    // rdo.md 4.3: new releases missing in a hard-coded list filled the disk, or lost their images.
    let policy = policy("version: 1\nfamilies: [{name: m, match: \"master/**\", keep: [{last: 1}]}]\n");
    let plan = plan(&census(json!({"epoxy/x": days(1..=9)}), json!([])), &policy, stamp(NOW));
    assert_eq!(with(&plan, Fate::Keep).len(), 9);
    assert_eq!(plan.warnings, ["no family fits the stream `epoxy/x`; all its builds are kept"]);
}

#[test]
fn no_links_found_neither_protects_all_nor_hides_a_required_alias() {
    // rdo.md 4.3: an empty pattern protected everything; a failed generator went unseen.
    let none = plan(&census(json!({"master/x": days(1..=6)}), json!([])), &short("[{last: 1}]"), stamp(NOW));
    assert_eq!(with(&none, Fate::Expire).len(), 5);
    let missing = json!([{"path": "master/x/latest_build", "target": null, "required": true, "problem": "it is missing"}]);
    let frozen = plan(
        &census(json!({"master/x": days(1..=6), "master/y": days(1..=6)}), missing),
        &short("[{last: 1}]"),
        stamp(NOW),
    );
    assert_eq!(frozen.outcome, PlanOutcome::Withheld);
    assert_eq!(with(&frozen, Fate::Withheld).iter().filter(|id| id.stream.as_str() == "master/x").count(), 5);
    assert_eq!(with(&frozen, Fate::Expire).iter().filter(|id| id.stream.as_str() == "master/y").count(), 5);
}

#[test]
fn a_dangling_link_warns_and_a_loop_freezes_its_stream() {
    let link = |problem: &str| json!([{"path": "master/x/odd", "target": null, "problem": problem}]);
    let plan_with = |problem: &str| {
        plan(&census(json!({"master/x": days(1..=6)}), link(problem)), &short("[{last: 1}]"), stamp(NOW))
    };
    let dangling = plan_with("it dangles: nothing is at `master/x/gone`");
    assert_eq!((dangling.outcome, dangling.warnings.len()), (PlanOutcome::Ok, 1));
    assert_eq!(plan_with("it loops").outcome, PlanOutcome::Withheld);
}

#[test]
fn the_clock_may_not_go_back_nor_leap() {
    let (census, policy) = (census(json!({"master/x": days(1..=6)}), json!([])), short("[{last: 1}]"));
    let outcome = |past: PreviousRuns| retain(&census, &policy, stamp(NOW), &past).outcome;
    let last = |text: &str| PreviousRuns { last_run: Some(stamp(text)), ..PreviousRuns::default() };
    assert_eq!(outcome(last("2026-06-14T12:00:00Z")), PlanOutcome::Ok);
    assert_eq!(outcome(last("2026-06-15T12:59:00Z")), PlanOutcome::Ok);
    assert_eq!(outcome(last("2026-06-15T13:01:00Z")), PlanOutcome::Refused);
    assert_eq!(outcome(last("2026-05-01T12:00:00Z")), PlanOutcome::Refused);
    let clock = |text: &str| PreviousRuns { store_clock: Some(stamp(text)), ..PreviousRuns::default() };
    assert_eq!(outcome(clock("2026-06-15T11:30:00Z")), PlanOutcome::Ok);
    assert_eq!(outcome(clock("2026-06-15T10:30:00Z")), PlanOutcome::Refused);
    let apart = retain(&census, &policy, stamp(NOW), &clock("2026-06-15T10:30:00Z"));
    assert!(apart.refusals[0].contains("`mirrorkeep prune --accept-clock`"), "{:?}", apart.refusals);
    let leap = retain(&census, &policy, stamp(NOW), &last("2026-05-01T12:00:00Z"));
    let accepted = PreviousRuns { accepted: Some(leap.digest), ..last("2026-05-01T12:00:00Z") };
    assert_eq!(outcome(accepted), PlanOutcome::Ok);
    let back = retain(&census, &policy, stamp(NOW), &last("2026-06-15T13:01:00Z"));
    assert_eq!(
        outcome(PreviousRuns { accepted: Some(back.digest), ..last("2026-06-15T13:01:00Z") }),
        PlanOutcome::Refused
    );
}

#[test]
fn an_empty_place_where_builds_were_is_the_wrong_disk() {
    let past = PreviousRuns { last_count: Some(12), ..PreviousRuns::default() };
    assert_eq!(
        retain(&Census::empty(stamp(NOW)), &short("[]"), stamp(NOW), &past).outcome,
        PlanOutcome::Refused
    );
}

#[test]
fn what_only_a_changed_policy_lets_go_waits_for_somebody() {
    let census = census(json!({"master/x": days(1..=9)}), json!([]));
    let past = PreviousRuns { previous: Some(Box::new(short("[{last: 7}]"))), ..PreviousRuns::default() };
    let plan = retain(&census, &short("[{last: 3}]"), stamp(NOW), &past);
    assert_eq!((with(&plan, Fate::Expire).len(), with(&plan, Fate::Withheld).len()), (2, 4));
    let accepted = PreviousRuns { accepted: Some(plan.digest), ..past.clone() };
    let plan = retain(&census, &short("[{last: 3}]"), stamp(NOW), &accepted);
    assert_eq!(with(&plan, Fate::Expire).len(), 6);
    let apply = policy(
        "version: 1\nbrakes: {policy_change: apply}\ndefaults: {floor: 1, min_age: 0h}\nfamilies: [{name: a, match: \"**\", keep: [{last: 3}]}]\n",
    );
    assert_eq!(with(&retain(&census, &apply, stamp(NOW), &past), Fate::Expire).len(), 6);
}

#[test]
fn a_backlog_drains_oldest_first_and_shares_count_from_a_sample_up() {
    let text = |brakes: &str| {
        policy(&format!(
            "version: 1\nbrakes: {brakes}\ndefaults: {{floor: 1, min_age: 0h}}\nfamilies: [{{name: a, match: \"**\", keep: [{{last: 2}}]}}]\n"
        ))
    };
    let nine = census(json!({"master/x": days(1..=9)}), json!([]));
    let drained = plan(&nine, &text("{max_per_run: 2}"), stamp(NOW));
    let going: Vec<String> = with(&drained, Fate::Expire).iter().map(ToString::to_string).collect();
    assert_eq!(going, ["master/x/20260601T023000Z", "master/x/20260602T023000Z"]);
    assert_eq!(plan(&nine, &text("{stream: {percent: 25}}"), stamp(NOW)).outcome, PlanOutcome::Ok);
    assert_eq!(
        plan(&nine, &text("{stream: {percent: 25, min_sample: 9}}"), stamp(NOW)).outcome,
        PlanOutcome::Withheld
    );
    assert_eq!(
        plan(&nine, &text("{stream: {percent: 78, min_sample: 9}}"), stamp(NOW)).outcome,
        PlanOutcome::Ok
    );
    assert_eq!(plan(&nine, &text("{run: {bytes: 699}}"), stamp(NOW)).outcome, PlanOutcome::Withheld);
    assert_eq!(plan(&nine, &text("{run: {bytes: 700}}"), stamp(NOW)).outcome, PlanOutcome::Ok);
}

#[test]
fn what_a_withheld_build_needs_is_withheld_with_it() {
    let user = build(1, json!({"requires": ["feature/y/20260601T023000Z"]}));
    let mut builds = days(2..=9);
    builds.as_array_mut().unwrap().push(user);
    let streams = json!({"master/x": builds, "feature/y": days(1..=3)});
    let text = "version: 1\nbrakes: {stream: {count: 3}}\ndefaults: {floor: 1, min_age: 0h}\nfamilies: [{name: a, match: \"**\", keep: [{last: 1}]}]\n";
    let plan = plan(&census(streams, json!([])), &policy(text), stamp(NOW));
    assert_eq!(fate(&plan, "master/x/20260601T023000Z"), Fate::Withheld);
    assert_eq!(fate(&plan, "feature/y/20260601T023000Z"), Fate::Withheld);
    assert_eq!(fate(&plan, "feature/y/20260602T023000Z"), Fate::Expire);
}

#[test]
fn parts_go_before_their_build_and_stay_where_it_is_protected() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 0h}\nfamilies:\n  - name: a\n    match: \"**\"\n    keep: [{within: 10d}]\n    parts: {bulky: {paths: [\"inputs/**\"], keep: [{within: 3d}]}}\n";
    let mut builds = days(1..=15);
    builds[7]["holds"] = json!([{"who": "ops", "why": "bug 7"}]);
    builds[8]["trimmed"] = json!(["bulky"]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &policy(text), stamp(NOW));
    let part = |day: u32| {
        let verdict = plan.verdict(&format!("master/x/202606{day:02}T023000Z").parse().unwrap()).unwrap();
        format!("{:?} {:?}", verdict.fate, verdict.parts["bulky"])
    };
    assert_eq!(part(4), "Expire Expire");
    assert_eq!(part(7), "Keep Expire");
    assert_eq!(part(8), "Keep Keep");
    assert_eq!(part(9), "Keep Gone");
    assert_eq!(part(13), "Keep Keep");
}

#[test]
fn a_milestone_lasts_whole_periods_and_an_unknown_event_means_keep() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 0h}\nevents: {release: [2026-06-03, 2026-06-08, 2026-06-14]}\nfamilies: [{name: a, match: \"**\", keep: [{label: {stage: milestone}, periods: {of: release, n: 1}}]}]\n";
    let labelled = |day: u32, since: &str| {
        build(day, json!({"labels": {"stage": {"value": "milestone", "since": since}}}))
    };
    let builds = json!([
        labelled(1, "2026-06-01T02:30:00Z"),
        labelled(2, "2026-06-07T00:00:00Z"),
        labelled(4, "2026-06-09T00:00:00Z"),
        build(5, json!({})),
        build(6, json!({})),
    ]);
    let plan = plan(&census(json!({"milestone/x": builds}), json!([])), &policy(text), stamp(NOW));
    assert!(misses(&plan, "milestone/x/20260601T023000Z").contains("deadline 2026-06-08T00:00:00Z"));
    assert!(misses(&plan, "milestone/x/20260602T023000Z").contains("deadline 2026-06-14T00:00:00Z"));
    assert_eq!(fate(&plan, "milestone/x/20260604T023000Z"), Fate::Keep);
    assert_eq!(
        misses(&plan, "milestone/x/20260605T023000Z"),
        "label stage=milestone periods release 1: no label stage=milestone"
    );
}

#[test]
fn deadlines_are_inclusive_and_ties_stay_together() {
    let tie = |name: &str| json!({"build": name, "created": "2026-06-10T02:30:00Z", "seq": 0, "published": null, "result": "success"});
    let builds = json!([tie("a"), tie("b"), build(11, json!({})), build(1, json!({}))]);
    let census = census(json!({"master/x": builds}), json!([]));
    let kept = with(&plan(&census, &short("[{last: 2}]"), stamp(NOW)), Fate::Keep);
    assert_eq!(kept.len(), 3);
    let within =
        |now: &str| fate(&plan(&census, &short("[{within: 14d}]"), stamp(now)), "master/x/20260601T023000Z");
    assert_eq!(within("2026-06-15T02:30:00Z"), Fate::Keep);
    assert_eq!(within("2026-06-15T02:30:01Z"), Fate::Expire);
}

#[test]
fn an_unknown_basis_keeps() {
    let builds = json!([
        build(1, json!({"published": null})),
        build(2, json!({})),
        build(3, json!({"published": null}))
    ]);
    let census = census(json!({"master/x": builds}), json!([]));
    let plan_of = |keep: &str| plan(&census, &short(keep), stamp(NOW));
    assert_eq!(
        reasons(&plan_of("[{within: 1d, basis: published}]"), "master/x/20260601T023000Z"),
        "within 1d"
    );
    assert_eq!(fate(&plan_of("[{within: 1d, basis: published}]"), "master/x/20260602T023000Z"), Fate::Expire);
    assert_eq!(
        reasons(&plan_of("[{within: 1d, basis: confirmed}]"), "master/x/20260601T023000Z"),
        "within 1d"
    );
    assert_eq!(fate(&plan_of("[{within: 1d, basis: confirmed}]"), "master/x/20260602T023000Z"), Fate::Expire);
    assert_eq!(
        reasons(&plan_of("[{within: 1d, basis: superseded}]"), "master/x/20260602T023000Z"),
        "within 1d"
    );
    assert_eq!(
        fate(&plan_of("[{within: 1d, basis: superseded}]"), "master/x/20260601T023000Z"),
        Fate::Expire
    );
}

#[test]
fn locks_leases_first_hours_and_grace_protect() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 24h, superseded_grace: 48h}\nfamilies: [{name: a, match: \"**\", keep: []}]\n";
    let builds = json!([
        build(1, json!({"locked_until": "2026-06-15T12:00:00Z"})),
        build(2, json!({"leases": [{"who": "copier"}]})),
        build(3, json!({"published": "2026-06-14T12:00:00Z"})),
        build(4, json!({})),
        build(5, json!({"locked_until": "2026-06-15T11:59:59Z"})),
        build(6, json!({"result": "unknown"})),
        build(7, json!({})),
    ]);
    let alias = json!([{"path": "master/x/latest_build", "target": "master/x/20260607T023000Z", "moves": [
        {"from": null, "at": "2026-06-01T00:00:00Z"}, {"from": "master/x/20260604T023000Z", "at": "2026-06-14T00:00:00Z"}]}]);
    let plan = plan(&census(json!({"master/x": builds}), alias), &policy(text), stamp(NOW));
    let told = |day: u32| reasons(&plan, &format!("master/x/202606{day:02}T023000Z"));
    let all: Vec<String> = (1..=7).map(told).collect();
    assert_eq!(
        all,
        ["lock", "lease", "min_age 24h", "superseded_grace 48h", "", "unknown result", "alias; floor 1"]
    );
}

#[test]
fn builds_that_need_each_other_go_together_when_the_disk_fills() {
    let text = "version: 1\npressure: {free_below: 1000B, until_free: 1000B}\ndefaults: {floor: 1, min_age: 0h, superseded_grace: 0h}\nfamilies: [{name: a, match: \"**\", keep: [{last: {max: 9, min: 1}}]}]\n";
    let ring = |a: u32, b: u32| build(a, json!({"requires": [format!("master/x/202606{b:02}T023000Z")]}));
    let census = census(
        json!({"master/x": [ring(1, 2), ring(2, 1), build(3, json!({})), build(4, json!({}))]}),
        json!([]),
    );
    let space =
        |free| PreviousRuns { space: Some(Space { total: 9000, free, trash: 0 }), ..PreviousRuns::default() };
    let alone = retain(&census, &policy(text), stamp(NOW), &space(950));
    assert_eq!(with(&alone, Fate::Expire), BTreeSet::from(["master/x/20260603T023000Z".parse().unwrap()]));
    let more = retain(&census, &policy(text), stamp(NOW), &space(850));
    assert_eq!((with(&more, Fate::Expire).len(), more.shortfall), (3, None));
}

#[test]
fn an_edit_that_takes_the_archive_away_waits_and_one_that_adds_or_moves_it_does_not() {
    let text = |archive: &str| {
        format!(
            "version: 1\ndefaults: {{floor: 1, min_age: 0h, superseded_grace: 0h}}\nfamilies: [{{name: a, match: \"**\", keep: [{{last: 1}}]{archive}}}]\n"
        )
    };
    let census = census(json!({"master/x": [build(1, json!({})), build(2, json!({}))]}), json!([]));
    let case = |before: &str, after: &str, expected: Fate| {
        let past =
            PreviousRuns { previous: Some(Box::new(policy(&text(before)))), ..PreviousRuns::default() };
        let plan = retain(&census, &policy(&text(after)), stamp(NOW), &past);
        assert_eq!(fate(&plan, "master/x/20260601T023000Z"), expected, "{before} -> {after}");
        plan
    };
    let (here, there) = (", archive: {to: /srv/a}", ", archive: {to: /srv/b, until: 1y}");
    case(here, here, Fate::Expire);
    case("", here, Fate::Expire);
    case(here, there, Fate::Expire);
    let plan = case(here, "", Fate::Withheld);
    let why = &plan.verdict(&"master/x/20260601T023000Z".parse().unwrap()).unwrap().reasons[0];
    assert_eq!(&*why.rule, "policy_change defer");
    assert!(why.detail.as_deref().unwrap().starts_with("goes to the trash and not to an archive"));
    assert!(plan.acceptable);
}
