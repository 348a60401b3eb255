//! The rules of the specification at their edges: the last instant, the last place, the last byte, and what is not known.

use super::cases::{NOW, build, census, days, fate, misses, reasons, short, stamp};
use super::world::{plan, policy, with};
use mirrorkeep::census::Census;
use mirrorkeep::decide::policy::Policy;
use mirrorkeep::decide::{Fate, Plan, PlanOutcome, PreviousRuns, Space, Verdict, retain};
use mirrorkeep::model::Stamp;
use serde_json::json;

fn verdict<'a>(plan: &'a Plan, id: &str) -> &'a Verdict {
    plan.verdict(&id.parse().unwrap()).unwrap()
}

/// Returns the days in June of the builds with that fate.
fn those(plan: &Plan, wanted: Fate) -> Vec<String> {
    with(plan, wanted).iter().map(|id| id.name.as_str()[6..8].to_owned()).collect()
}

/// Returns a policy that keeps one success and what its rules say, with more at the top.
fn with_top(top: &str, keep: &str) -> Policy {
    policy(&format!(
        "version: 1\n{top}\ndefaults: {{floor: 1, min_age: 0h, superseded_grace: 0h}}\nfamilies: [{{name: a, match: \"**\", keep: {keep}}}]\n"
    ))
}

fn fortnight() -> Census {
    census(json!({"master/x": days(1..=14)}), json!([]))
}

#[test]
fn the_representative_of_every_period_is_kept_for_its_own_time() {
    // The first of June 2026 is a Monday.
    let of = |keep: &str| plan(&fortnight(), &short(keep), stamp(NOW));
    let ten = of("[{weekly: {within: 10d}}]");
    assert_eq!(those(&ten, Fate::Keep), ["07", "14"]);
    let kept = &verdict(&ten, "master/x/20260607T023000Z").reasons;
    assert_eq!(
        (kept.len(), kept[0].until, kept[0].basis.as_deref()),
        (1, Some(stamp("2026-06-17T02:30:00Z")), Some("created"))
    );
    let told = misses(&ten, "master/x/20260606T023000Z");
    assert!(told.ends_with("2026-W23 is represented by 20260607T023000Z"), "{told}");
    let eight = of("[{weekly: {within: 8d}}]");
    assert_eq!(those(&eight, Fate::Keep), ["14"]);
    let told = misses(&eight, "master/x/20260607T023000Z");
    assert!(told.contains("late by 9h30m (deadline 2026-06-15T02:30:00Z)"), "{told}");
    assert_eq!(those(&of("[{weekly: {within: 15d, pick: oldest}}]"), Fate::Keep), ["01", "08", "14"]);
}

#[test]
fn of_the_latest_periods_only_so_many_count() {
    let one = plan(&fortnight(), &short("[{weekly: {count: 1}}]"), stamp(NOW));
    assert_eq!(those(&one, Fate::Keep), ["14"]);
    let told = misses(&one, "master/x/20260607T023000Z");
    assert!(told.contains("2026-W23 is number 2 of the latest periods with builds"), "{told}");
}

#[test]
fn every_protection_lasts_as_long_as_it_says_and_counts_from_what_it_says() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 24h, superseded_grace: 48h}\nfamilies: [{name: a, match: \"**\", keep: []}]\n";
    let until = "2026-06-20T00:00:00Z";
    let builds = json!([
        build(1, json!({"holds": [{"who": "ops", "why": "bug 7", "until": until}]})),
        build(2, json!({"locked_until": until})),
        build(3, json!({"leases": [{"who": "copier", "until": until}]})),
        build(4, json!({"published": "2026-06-15T02:30:00Z"})),
        build(5, json!({})),
        build(6, json!({"holds": [{"who": "ops", "why": "bug 7"}]})),
        build(7, json!({"leases": [{"who": "copier", "until": NOW}]})),
        build(8, json!({"leases": [{"who": "copier", "until": "2026-06-15T11:59:59Z"}]})),
        build(9, json!({"published": null, "created": NOW})),
        build(10, json!({})),
    ]);
    let alias = json!([{"path": "master/x/latest_build", "target": "master/x/20260610T023000Z", "moves": [
        {"from": "master/x/20260605T023000Z", "at": "2026-06-14T00:00:00Z"}]}]);
    let plan = plan(&census(json!({"master/x": builds}), alias), &policy(text), stamp(NOW));
    let told = |day: u32| {
        let verdict = verdict(&plan, &format!("master/x/202606{day:02}T023000Z"));
        let reason = verdict.reasons.first()?;
        assert!(reason.protects, "{reason:?}");
        assert_eq!(verdict.kept_until, verdict.reasons.iter().map(|reason| reason.until).min().flatten());
        Some((reason.basis.as_deref().unwrap_or("none").to_owned(), reason.until.map(Stamp::iso)))
    };
    for (day, basis, until) in [
        (1, "none", Some(until)),
        (2, "none", Some(until)),
        (3, "none", Some(until)),
        (4, "published", Some("2026-06-16T02:30:00Z")),
        (5, "left", Some("2026-06-16T00:00:00Z")),
        (6, "none", None),
        (7, "none", Some(NOW)),
        (9, "created", Some("2026-06-16T12:00:00Z")),
        (10, "none", None),
    ] {
        assert_eq!(told(day), Some((basis.to_owned(), until.map(str::to_owned))), "{day}");
    }
    assert_eq!(told(8), None);
}

#[test]
fn what_a_build_needs_lasts_as_long_as_that_build_and_keeps_its_parts() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 0h}\nfamilies:\n  - name: a\n    match: \"**\"\n    keep: [{within: 10d}]\n    parts: {bulky: {paths: [\"inputs/**\"], keep: [{within: 1d}]}}\n";
    let needs = |day: u32, other: u32| {
        build(day, json!({"requires": [format!("master/x/202606{other:02}T023000Z")]}))
    };
    let builds = json!([
        build(1, json!({})),
        needs(8, 1),
        build(9, json!({})),
        needs(10, 9),
        needs(2, 2),
        build(14, json!({}))
    ]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &policy(text), stamp(NOW));
    let told = |day: u32| {
        let verdict = verdict(&plan, &format!("master/x/202606{day:02}T023000Z"));
        let rules: Vec<String> = verdict.reasons.iter().map(|reason| reason.rule.to_string()).collect();
        let until = verdict.kept_until.map(Stamp::iso).unwrap_or_default();
        format!("{} {until} {:?}", rules.join("; "), verdict.parts["bulky"])
    };
    assert_eq!(told(1), "requires 2026-06-18T02:30:00Z Keep");
    assert_eq!(told(8), "within 10d 2026-06-18T02:30:00Z Expire");
    // What protects stands first, and the longest reason counts.
    assert_eq!(told(9), "requires; within 10d 2026-06-20T02:30:00Z Keep");
    // A build that needs itself protects nothing.
    assert_eq!(told(2), "  Expire");
}

#[test]
fn builds_that_need_each_other_and_are_kept_keep_each_other() {
    let ring = |a: u32, b: u32| build(a, json!({"requires": [format!("master/x/202606{b:02}T023000Z")]}));
    let builds = json!([ring(1, 2), ring(2, 1), build(3, json!({}))]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &short("[{last: 2}]"), stamp(NOW));
    assert_eq!(those(&plan, Fate::Keep), ["01", "02", "03"]);
    assert_eq!(reasons(&plan, "master/x/20260601T023000Z"), "requires");
}

#[test]
fn what_left_counts_from_depends_on_where_the_alias_led() {
    let of = |rule: &str, path: &str| {
        let alias = json!([{"path": path, "target": "master/x/20260605T023000Z", "moves": [
            {"from": "master/x/20260601T023000Z", "at": "2026-06-05T12:00:00Z"},
            {"from": "master/x/20260602T023000Z", "at": "2026-06-05T11:59:59Z"}]}]);
        let census = census(json!({"master/x": days(1..=6), "rc/x": days(1..=6)}), alias);
        plan(&census, &short(&format!("[{{within: 10d, basis: left({rule})}}]")), stamp(NOW))
    };
    let of_x = |plan: &Plan| -> Vec<String> {
        let kept = with(plan, Fate::Keep);
        kept.iter()
            .filter(|id| id.stream.as_str() == "master/x")
            .map(|id| id.name.as_str()[6..8].to_owned())
            .collect()
    };
    for (rule, path) in [
        ("latest_build", "master/x/latest_build"),
        ("master/x/latest_build", "master/x/latest_build"),
        ("stable", "stable"),
    ] {
        let plan = of(rule, path);
        // Kept to the last instant, since it still leads there, and by the floor.
        assert_eq!(of_x(&plan), ["01", "05", "06"], "{rule}");
        let told = misses(&plan, "master/x/20260602T023000Z");
        assert!(told.contains("late by 1s (deadline 2026-06-15T11:59:59Z)"), "{told}");
        let told = misses(&plan, "master/x/20260603T023000Z");
        assert!(told.contains(&format!("{rule} never pointed to it")), "{told}");
    }
    // No alias of that name is known in the stream: nobody can tell, so all stays.
    let unknown = of("latest_build", "master/x/newest");
    assert_eq!(of_x(&unknown).len(), 6);
    let elsewhere = of("latest_build", "master/x/latest_build");
    assert_eq!(with(&elsewhere, Fate::Keep).iter().filter(|id| id.stream.as_str() == "rc/x").count(), 6);
}

#[test]
fn a_stream_that_lost_builds_stands_still_and_no_other_does() {
    let census = census(json!({"master/x": days(1..=6), "master/y": days(1..=6)}), json!([]));
    let past = PreviousRuns {
        dropped: [("master/y".parse().unwrap(), "2 builds are gone".to_owned())].into(),
        ..PreviousRuns::default()
    };
    let plan = retain(&census, &short("[{last: 1}]"), stamp(NOW), &past);
    assert_eq!(fate(&plan, "master/x/20260601T023000Z"), Fate::Expire);
    assert_eq!((with(&plan, Fate::Withheld).len(), with(&plan, Fate::Expire).len()), (5, 5));
    assert_eq!(reasons(&plan, "master/y/20260601T023000Z"), "freeze");
    let accepted = PreviousRuns { accepted: Some(plan.digest), ..past };
    assert_eq!(with(&retain(&census, &short("[{last: 1}]"), stamp(NOW), &accepted), Fate::Expire).len(), 10);
}

#[test]
fn a_missing_alias_freezes_the_stream_in_which_it_lies() {
    let alias = json!([{"path": "master/y/latest_build", "target": null, "required": true, "problem": "it is missing"}]);
    let census = census(json!({"master/x": days(1..=6), "master/y": days(1..=6)}), alias);
    let plan = plan(&census, &short("[{last: 1}]"), stamp(NOW));
    assert!(with(&plan, Fate::Withheld).iter().all(|id| id.stream.as_str() == "master/y"));
    assert!(with(&plan, Fate::Expire).iter().all(|id| id.stream.as_str() == "master/x"));
}

#[test]
fn a_limit_that_is_reached_is_not_exceeded() {
    let ten = census(json!({"master/x": days(1..=10)}), json!([]));
    for (brakes, outcome) in [
        ("{run: {count: 5}}", PlanOutcome::Ok),
        ("{run: {count: 4}}", PlanOutcome::Withheld),
        ("{stream: {percent: 50, min_sample: 10}}", PlanOutcome::Ok),
        ("{stream: {percent: 49, min_sample: 10}}", PlanOutcome::Withheld),
        ("{stream: {percent: 49, min_sample: 11}}", PlanOutcome::Ok),
        ("{run: {bytes: 500B}}", PlanOutcome::Ok),
        ("{run: {bytes: 499B}}", PlanOutcome::Withheld),
    ] {
        let policy = with_top(&format!("brakes: {brakes}"), "[{last: 5}]");
        assert_eq!(plan(&ten, &policy, stamp(NOW)).outcome, outcome, "{brakes}");
    }
}

#[test]
fn the_oldest_go_first_however_they_are_listed() {
    let mut builds = days(1..=6);
    builds.as_array_mut().unwrap().reverse();
    let tie = |seq: u32| json!({"build": format!("r{seq}"), "created": "2026-06-01T02:30:00Z", "seq": seq, "result": "success"});
    builds.as_array_mut().unwrap().extend([tie(2), tie(1)]);
    let census = census(json!({"master/x": builds}), json!([]));
    let drained = plan(&census, &with_top("brakes: {max_per_run: 2}", "[{last: 1}]"), stamp(NOW));
    let going: Vec<String> = with(&drained, Fate::Expire).iter().map(|id| id.name.to_string()).collect();
    assert_eq!(going, ["20260601T023000Z", "r1"]);
}

#[test]
fn a_build_that_is_withheld_keeps_its_parts_and_frees_nothing() {
    let text = "version: 1\nbrakes: {stream: {count: 1}}\ndefaults: {floor: 1, min_age: 0h}\nfamilies:\n  - name: a\n    match: \"**\"\n    keep: [{last: 1}]\n    parts: {bulky: {paths: [\"inputs/**\"], keep: []}, logs: {paths: [\"logs/**\"], keep: []}}\n";
    let mut builds = days(1..=4);
    builds[0]["trimmed"] = json!(["logs"]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &policy(text), stamp(NOW));
    let held = verdict(&plan, "master/x/20260601T023000Z");
    let parts = format!("{:?} {:?} {:?}", held.fate, held.parts["bulky"], held.parts["logs"]);
    assert_eq!((&*parts, held.bytes_freed, plan.totals.bytes_freed), ("Withheld Keep Gone", 0, 0));
}

#[test]
fn the_clock_and_the_number_of_builds_are_wrong_only_beyond_their_limits() {
    let (census, policy) = (census(json!({"master/x": days(1..=6)}), json!([])), short("[{last: 1}]"));
    let outcome = |past: PreviousRuns| retain(&census, &policy, stamp(NOW), &past).outcome;
    let last = |text: &str| PreviousRuns { last_run: Some(stamp(text)), ..PreviousRuns::default() };
    let clock = |text: &str| PreviousRuns { store_clock: Some(stamp(text)), ..PreviousRuns::default() };
    // An hour of skew, and 31 days between two runs.
    assert_eq!(outcome(last("2026-06-15T13:00:00Z")), PlanOutcome::Ok);
    assert_eq!(outcome(last("2026-06-15T13:00:01Z")), PlanOutcome::Refused);
    assert_eq!(outcome(last("2026-05-15T12:00:00Z")), PlanOutcome::Ok);
    assert_eq!(outcome(last("2026-05-15T11:59:59Z")), PlanOutcome::Refused);
    for (at, expected) in [
        ("2026-06-15T13:00:00Z", PlanOutcome::Ok),
        ("2026-06-15T13:00:01Z", PlanOutcome::Refused),
        ("2026-06-15T11:00:00Z", PlanOutcome::Ok),
        ("2026-06-15T10:59:59Z", PlanOutcome::Refused),
    ] {
        assert_eq!(outcome(clock(at)), expected, "{at}");
    }
    assert_eq!(outcome(PreviousRuns { last_count: Some(12), ..PreviousRuns::default() }), PlanOutcome::Ok);
    let none = PreviousRuns { last_count: Some(0), ..PreviousRuns::default() };
    assert_eq!(retain(&Census::empty(stamp(NOW)), &policy, stamp(NOW), &none).outcome, PlanOutcome::Ok);
}

#[test]
fn a_build_of_the_future_or_named_twice_is_blocked() {
    let ahead = |name: &str, at: &str| json!({"build": name, "created": at, "result": "success"});
    let builds = json!([
        build(1, json!({})),
        ahead("near", "2026-06-15T13:00:00Z"),
        ahead("far", "2026-06-15T13:00:01Z"),
        ahead("twice", "2026-06-10T00:00:00Z"),
        ahead("twice", "2026-06-11T00:00:00Z"),
    ]);
    let plan = plan(&census(json!({"master/x": builds}), json!([])), &short("[{last: 2}]"), stamp(NOW));
    let fates: Vec<(String, Fate)> =
        plan.builds.iter().map(|one| (one.id.name.to_string(), one.fate)).collect();
    let count = |name: &str, fate: Fate| fates.iter().filter(|one| **one == (name.to_owned(), fate)).count();
    assert_eq!((count("near", Fate::Keep), count("far", Fate::Blocked)), (1, 1));
    assert_eq!((count("twice", Fate::Blocked), count("20260601T023000Z", Fate::Keep)), (2, 1));
}

#[test]
fn under_pressure_only_as_much_goes_as_is_wanted_and_what_is_frozen_is_not_pressed() {
    let policy = with_top("pressure: {free_below: 1000B, until_free: 1000B}", "[{last: {max: 9, min: 1}}]");
    let census = census(json!({"master/x": days(1..=5)}), json!([]));
    let space = Some(Space { total: 9000, free: 900, trash: 0 });
    let pressed = retain(&census, &policy, stamp(NOW), &PreviousRuns { space, ..PreviousRuns::default() });
    assert_eq!((those(&pressed, Fate::Expire), pressed.shortfall), (vec!["01".to_owned()], None));
    let pressing = |plan: &Plan| plan.builds.iter().filter(|verdict| verdict.pressed).count();
    assert_eq!(pressing(&pressed), 1);
    let frozen = [("master/x".parse().unwrap(), "damaged".to_owned())].into();
    let held =
        retain(&census, &policy, stamp(NOW), &PreviousRuns { space, frozen, ..PreviousRuns::default() });
    assert_eq!((those(&held, Fate::Withheld), pressing(&held)), (vec!["01".to_owned()], 0));
    // Without pressure what goes by itself is not pressed.
    let plain = retain(&census, &short("[{last: 1}]"), stamp(NOW), &PreviousRuns::default());
    assert_eq!((those(&plain, Fate::Expire).len(), pressing(&plain)), (4, 0));
}

#[test]
fn a_frozen_stream_keeps_the_parts_of_its_builds_too_and_freezes_no_other() {
    let text = "version: 1\ndefaults: {floor: 1, min_age: 0h}\nfamilies:\n  - name: a\n    match: \"**\"\n    keep: [{within: 10d}]\n    parts: {bulky: {paths: [\"inputs/**\"], keep: [{within: 3d}]}}\n";
    let streams = json!({"master/x": days(1..=15), "master/y": days(1..=15)});
    let past = PreviousRuns {
        frozen: [("master/x".parse().unwrap(), "damaged".to_owned())].into(),
        ..PreviousRuns::default()
    };
    let plan = retain(&census(streams, json!([])), &policy(text), stamp(NOW), &past);
    let part = |id: &str| {
        let verdict = plan.verdict(&id.parse().unwrap()).unwrap();
        format!("{:?} {:?}", verdict.fate, verdict.parts["bulky"])
    };
    assert_eq!(part("master/x/20260601T023000Z"), "Withheld Keep");
    assert_eq!(part("master/x/20260607T023000Z"), "Keep Keep");
    assert_eq!(part("master/y/20260601T023000Z"), "Expire Expire");
    assert_eq!(part("master/y/20260607T023000Z"), "Keep Expire");
}

#[test]
fn a_calendar_that_the_policy_has_not_keeps_and_is_told() {
    let text = |of: &str| {
        policy(&format!(
            "version: 1\ndefaults: {{floor: 1, min_age: 0h}}\nevents: {{ga: [2026-06-03, 2026-06-08]}}\nfamilies: [{{name: a, match: \"**\", keep: [{{periods: {{of: {of}, n: 0}}}}]}}]\n"
        ))
    };
    let census = census(json!({"master/x": days(1..=9)}), json!([]));
    let known = plan(&census, &text("ga"), stamp(NOW));
    assert_eq!((with(&known, Fate::Expire).len(), known.warnings), (7, Vec::<String>::new()));
    let unknown = plan(&census, &text("rc"), stamp(NOW));
    assert_eq!(with(&unknown, Fate::Expire).len(), 0);
    assert_eq!(unknown.warnings, ["the policy has no events `rc`; rules that count them keep everything"]);
}

/// Returns a build without a time.
fn undated(name: &str, more: serde_json::Value) -> serde_json::Value {
    let mut build = json!({"build": name, "result": "success", "bytes": 100});
    build.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    build
}

#[test]
fn a_build_without_a_time_is_kept_by_what_needs_no_time_and_blocked_without_it() {
    let hold = json!({"holds": [{"who": "ops", "why": "bug 7", "until": "2026-06-20T00:00:00Z"}]});
    let since = "2026-06-14T00:00:00Z";
    let green = json!({"labels": {"sanity": {"value": "green", "since": since}}});
    let builds = json!([
        undated("v1", json!({})),
        undated("v2", hold),
        undated("v3", json!({})),
        undated("v4", green),
        undated("v5", json!({"published": NOW})),
        undated("v6", json!({"result": "unknown"})),
        undated("v7", json!({"problem": "a damaged record"})),
        build(14, json!({})),
    ]);
    let alias = json!([{"path": "master/x/current", "target": "master/x/v3", "moves": []}]);
    let census = census(json!({"master/x": builds}), alias);
    let text = "version: 1\ndefaults: {floor: 1, min_age: 24h}\nfamilies: [{name: a, match: \"**\", keep: [{last: 1}, {within: 99d}, {daily: {count: 9}}, {label: {sanity: green}, within: 7d}]}]\n";
    let plan = plan(&census, &policy(text), stamp(NOW));
    let told = |name: &str| {
        let verdict = verdict(&plan, &format!("master/x/{name}"));
        (verdict.fate, reasons(&plan, &format!("master/x/{name}")), verdict.kept_until)
    };
    assert_eq!(told("v1").0, Fate::Blocked);
    assert_eq!(told("v2"), (Fate::Keep, "hold; undated".to_owned(), None));
    assert_eq!(told("v3"), (Fate::Keep, "alias".to_owned(), None));
    assert_eq!(told("v4"), (Fate::Keep, "label sanity=green within 7d; undated".to_owned(), None));
    // It is blocked from the first hour on, not only when `min_age` is over.
    assert_eq!(told("v5").0, Fate::Blocked);
    assert_eq!(told("v6"), (Fate::Keep, "unknown result".to_owned(), None));
    assert_eq!(told("v7").0, Fate::Blocked);
    // It takes no place of a build with a time.
    assert!(reasons(&plan, "master/x/20260614T023000Z").contains("last 1"));
}

#[test]
fn nothing_ever_deletes_a_build_without_a_time() {
    for keep in
        ["[]", "[{last: 1}]", "[{within: 1d}]", "[{within: 1d, basis: published}]", "[{forever: true}]"]
    {
        let builds =
            json!([undated("v1", json!({"published": "2020-01-01T00:00:00Z"})), build(14, json!({}))]);
        let census = census(json!({"master/x": builds}), json!([]));
        let plan = plan(&census, &short(keep), stamp("2999-01-01T00:00:00Z"));
        assert_ne!(fate(&plan, "master/x/v1"), Fate::Expire, "{keep}");
    }
}
