//! The verbs of a policy, on the command line.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";

/// Writes a policy into the workspace and returns its path.
fn policy(rig: &Rig, name: &str, families: &str) -> String {
    let text = format!(
        "version: 1\ndefaults: {{min_age: 1h, superseded_grace: 1h, floor: 1}}\nfamilies: [{families}]\n"
    );
    rig.write(name, &text);
    rig.work(name).to_str().unwrap().to_owned()
}

/// Writes a census of ten daily builds of `master/centos`.
fn census(rig: &Rig) -> String {
    let build = |day: u32| {
        let at = format!("2026-06-{day:02}T02:00:00Z");
        serde_json::json!({"build": format!("202606{day:02}T020000Z"), "created": at, "published": at,
            "result": "success", "bytes": 1_000_000})
    };
    let builds: Vec<Value> = (1..=10).map(build).collect();
    let text = serde_json::json!({"census": 1, "at": "2026-06-11T00:00:00Z",
        "streams": [{"stream": "master/centos", "builds": builds}], "aliases": [], "strays": []});
    rig.write("census.json", &text.to_string());
    rig.work("census.json").to_str().unwrap().to_owned()
}

#[test]
fn lint_tells_what_never_matters_with_its_place() {
    let rig = Rig::new();
    let odd = "{name: a, match: \"master/**\", keep: [{within: 3d}, {within: 14d}, {last: 0}]}";
    let said = rig.ends(5, &["policy", "lint", &policy(&rig, "odd.yaml", odd)]);
    assert!(said.contains("odd.yaml:3:49: warning: `within 3d` never matters"), "{said}");
    assert!(said.contains("`last 0` keeps nothing"), "{said}");
    let sound =
        policy(&rig, "sound.yaml", "{name: a, match: \"feature/**\", keep: [{within: 3d}, {last: 2}]}");
    rig.ends(0, &["policy", "lint", &sound]);
    let said = rig.ends(5, &["policy", "lint", &sound, "--census", &census(&rig)]);
    assert!(said.contains("no family fits the stream `master/centos`"), "{said}");
    assert!(said.contains("matches no stream of the mirror [unused-family]"), "{said}");
}

#[test]
fn every_problem_of_a_policy_is_told_at_once() {
    let rig = Rig::new();
    rig.write(
        "p.yaml",
        "version: 1\ntimezone: Europe/Berlim\nfamilies:\n  - name: all\n    match: \"**\"\n    keep:\n      - {last: some}\n      - {witin: 3d}\n      - {within: {max: 3d, min: 5d}}\n  - {name: never, match: \"a/**\", keep: [{last: 1}]}\n",
    );
    let path = rig.work("p.yaml");
    let said = rig.ends(2, &["policy", "lint", path.to_str().unwrap()]);
    assert!(
        said.contains("p.yaml:8:10: families[0].keep[1].witin: unknown key `witin` (`within`?)"),
        "{said}"
    );
    assert!(said.contains("p.yaml:7:"), "{said}");
    rig.write(
        "p.yaml",
        "version: 1\ntimezone: Europe/Berlim\nfamilies:\n  - name: all\n    match: \"**\"\n    keep:\n      - {within: {max: 3d, min: 5d}}\n  - {name: never, match: \"a/**\", keep: [{last: 1}]}\n",
    );
    let said = rig.ends(2, &["policy", "lint", path.to_str().unwrap()]);
    for part in [
        "p.yaml:2:1: timezone: `Europe/Berlim`",
        "`Europe/Berlin`",
        "p.yaml:7:10: ",
        "upside down",
        "p.yaml:8:19: ",
        "no stream can reach",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
}

#[test]
fn examples_that_come_out_otherwise_are_told() {
    let rig = Rig::new();
    let text = "version: 1\nfamilies: [{name: a, match: \"**\", keep: [{last: 3}]}]\ntests:\n  - name: wrong on purpose\n    now: 2026-06-20T00:00:00Z\n    stream: master/centos\n    given: {every: 24h, from: 2026-06-01T00:00:00Z, to: 2026-06-09T00:00:00Z}\n    expect: {20260601T000000Z: {keep: last}, 20260609T000000Z: {keep: last}}\n";
    rig.write("p.yaml", text);
    let said = rig.ends(5, &["policy", "test", rig.work("p.yaml").to_str().unwrap()]);
    assert!(said.contains("FAILED  wrong on purpose"), "{said}");
    assert!(said.contains("20260601T000000Z: expected keep by `last`, came out expire (last 3)"), "{said}");
    assert!(!said.contains("20260609T000000Z:"), "{said}");
}

#[test]
fn diff_names_what_an_edit_would_let_go_or_keep() {
    let rig = Rig::new();
    let (old, new) = (
        policy(&rig, "old.yaml", "{name: a, match: \"**\", keep: [{last: 5}]}"),
        policy(&rig, "new.yaml", "{name: a, match: \"**\", keep: [{last: 3}, {weekly: {count: 2}}]}"),
    );
    let all = ["policy", "diff", &old, &new, "--census", &census(&rig)];
    let said = rig.ok(&all);
    assert!(said.contains("would expire  master/centos/20260606T020000Z"), "{said}");
    assert!(said.contains("1 more build would expire, 0 more would be kept"), "{said}");
    let back = rig.json(&["policy", "diff", &new, &old, "--census", &census(&rig)]);
    assert_eq!(back["builds"][0]["change"], "would-stay", "{back}");
    let page = rig.work("diff.html");
    assert_eq!(rig.ok(&[&all[..], &["--html", page.to_str().unwrap()]].concat()), said);
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<svg class=\"calendar\"").count(), 2);
    for told in
        ["<title>2026-06-06: 0 of 1 kept</title>", "kept before by last 5", "<td>would expire</td>", "weekly"]
    {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    rig.fails(1, "cannot write the drawing", &[&all[..], &["--html", "/nowhere/at/all.html"]].concat());
}

#[test]
fn simulate_draws_what_comes() {
    let rig = Rig::new();
    let keep = policy(&rig, "p.yaml", "{name: a, match: \"**\", keep: [{within: 14d}, {last: 3}]}");
    let svg = rig.work("growth.svg");
    let census = census(&rig);
    let all =
        ["policy", "simulate", &keep, "--census", &census, "--for", "60d", "--svg", svg.to_str().unwrap()];
    let said = rig.ok(&all);
    assert!(said.starts_with("builds: at most 14, 14 at the end"), "{said}");
    assert!(!said.contains("brake"), "{said}");
    assert!(fs::read_to_string(svg).unwrap().starts_with("<svg "));
    let page = rig.work("growth.html");
    rig.ok(&[
        "policy",
        "simulate",
        &keep,
        "--census",
        &census,
        "--for",
        "60d",
        "--html",
        page.to_str().unwrap(),
    ]);
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 2);
    assert_eq!(page.matches("<svg class=\"calendar\"").count(), 2, "at the start and at the end");
    assert!(page.contains("At the start") && page.contains("within 14d"), "{page}");
    let series =
        rig.json(&["policy", "simulate", &keep, "--census", &census, "--for", "10d", "--cadence", "12h"]);
    let counts: Vec<u64> =
        series["series"].as_array().unwrap().iter().map(|point| point["builds"].as_u64().unwrap()).collect();
    assert_eq!(counts, [10, 12, 14, 16, 18, 19, 20, 21, 22, 23, 24]);
    rig.fails(
        2,
        "`60` is not a length of time",
        &["policy", "simulate", &keep, "--census", &census, "--for", "60"],
    );
    let many = ["policy", "simulate", &keep, "--census", &census, "--for", "10y", "--cadence", "1m"];
    rig.fails(2, "5259492 builds would come, and at most 1000000 are simulated", &many);
}

#[test]
fn consumers_are_told_the_deadlines() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    assert!(!rig.mirror("master/centos/retention.json").exists());
    rig.ok(&["plan", "--publish"]);
    let text = fs::read_to_string(rig.mirror("master/centos/retention.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["stream"], "master/centos");
    assert_eq!(told["builds"][0]["verdict"], "expire");
    assert_eq!(told["builds"][1]["build"], B);
    assert_eq!(rig.json(&["census"])["strays"], serde_json::json!([]));
}

#[test]
fn explain_tells_the_whole_story_of_one_build() {
    let rig = Rig::new();
    let keep = policy(
        &rig,
        "p.yaml",
        "{name: a, match: \"**\", keep: [{within: 5d}, {last: 2}, {weekly: {count: 1}}]}",
    );
    let census = census(&rig);
    let told = |id: &str| rig.ok(&["explain", id, "--census", &census, "--policy", &keep]);
    let gone = told("master/centos/20260604T020000Z");
    let lines: Vec<&str> = gone.lines().collect();
    assert_eq!(lines[0], "master/centos/20260604T020000Z   EXPIRE (trash until 2026-06-18T00:00:00Z)");
    assert_eq!(lines[1], "  within 5d       late by 1d22h (deadline 2026-06-09T02:00:00Z)");
    assert_eq!(lines[2], "  last 2          rank 7");
    assert_eq!(lines[3], "  weekly count 1  2026-W23 is represented by 20260607T020000Z");
    assert!(gone.contains("mirrorkeep hold master/centos/20260604T020000Z"), "{gone}");
    let kept = told("master/centos/20260608T020000Z");
    assert!(kept.starts_with("master/centos/20260608T020000Z   keep until 2026-06-13T02:00:00Z\n"), "{kept}");
    rig.fails(
        1,
        "there is no build",
        &["explain", "master/centos/20200101T000000Z", "--census", &census, "--policy", &keep],
    );
}

#[test]
fn list_and_show_say_until_when() {
    let rig = Rig::new();
    rig.policy("keep: [{within: 3000d}]").builds([A, B]);
    let list = rig.json(&["list"]);
    assert_eq!(list["builds"][0]["verdict"], "keep");
    assert_eq!(list["builds"][0]["kept_until"], "2034-12-18T00:00:00Z");
    assert_eq!(list["builds"][1]["kept_until"], Value::Null);
    assert!(rig.ok(&["list"]).contains("until 2034-12-18"));
    assert!(rig.ok(&["show", &format!("master/centos/{A}")]).contains("until 2034-12-18"));
}

#[test]
fn lint_finds_a_span_that_is_not_longer_than_the_age_that_protects() {
    let rig = Rig::new();
    let text = |span: &str, min_age: &str| {
        format!(
            "version: 1\ndefaults: {{min_age: {min_age}}}\nfamilies: [{{name: a, match: \"**\", keep: [{{within: {span}}}, {{last: 3}}]}}]\n"
        )
    };
    let lint = |code: i32, span: &str, min_age: &str| {
        rig.write("p.yaml", &text(span, min_age));
        rig.ends(code, &["policy", "lint", rig.work("p.yaml").to_str().unwrap()])
    };
    let said = lint(5, "6m", "24h");
    assert!(said.contains("`6m` is 6 minutes, months are `6mo` [too-short]"), "{said}");
    assert!(lint(5, "24h", "24h").contains("`min_age` keeps every build for 24h"));
    lint(0, "25h", "24h");
    lint(0, "6m", "5m");
}

#[test]
fn lint_finds_rules_that_need_a_label_no_build_has_and_graces_of_no_time() {
    let rig = Rig::new();
    let census = census(&rig);
    let labels =
        "{name: a, match: \"**\", keep: [{last: 9, where: {sanity: gren}}, {label: {customer: \"yes\"}}]}";
    let labels = policy(&rig, "labels.yaml", labels);
    let said = rig.ends(5, &["policy", "lint", &labels, "--census", &census]);
    assert!(said.contains("only the floor of 1 stays [only-floor]"), "{said}");
    let one =
        policy(&rig, "one.yaml", "{name: a, match: \"**\", keep: [{last: 9}, {label: {customer: \"yes\"}}]}");
    let said = rig.ends(0, &["policy", "lint", &one, "--census", &census]);
    assert!(said.contains("[unused-label]"), "{said}");
    rig.write("hasty.yaml", "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, trash: 0h}\nfamilies: [{name: a, match: \"**\", keep: [{last: 2}]}]\n");
    let said = rig.ends(5, &["policy", "lint", rig.work("hasty.yaml").to_str().unwrap()]);
    for part in
        ["`min_age` of `a` is 0h", "`superseded_grace` of `a` is 0h", "[no-grace]", "2:", "[no-trash]"]
    {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
}

#[test]
fn a_shape_that_does_not_fit_is_refused_with_one_that_does() {
    let rig = Rig::new();
    let whole = "a whole number such as `5`, or a range such as `{max: 10, min: 5}`";
    for (families, told) in [
        (
            "{name: a, match: \"**\", keep: [{daily: 7}]}",
            "`7` is not accepted here; expected a count or a length, such as `{count: 7}` or `{within: 7d}`",
        ),
        ("{name: a, match: \"**\", keep: [{last: 1e3}]}", whole),
        ("{name: a, match: \"**\", keep: [{within: 14}]}", "`14` is not a length"),
        ("{name: a, match: \"**\", keep: {last: 5}}", "a mapping is not accepted here; expected a list"),
        ("{name: a, match: \"**\", keep: [last]}", "a rule such as `{last: 5}` or `{within: 14d}`"),
        ("{name: a, match: \"**\", keep: [{last: 0o10}]}", "`0o10` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{last: 0x10}]}", "`0x10` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{last: 010}]}", "`010` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{last: +8}]}", "`+8` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{last: {max: 0x10, min: 1}}]}", "`0x10` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{last: 1_0}]}", "`1_0` is not a count"),
        ("{name: a, match: \"**\", floor: 0x2, keep: []}", "`0x2` is not a decimal number"),
        ("{name: a, match: \"**\", keep: [{periods: 3}]}", "such as `{of: release, n: 1}`"),
        ("{name: a, match: \"**\", keep: [{last: 1}], parts: {x: [\"a\"]}}", "a part such as"),
    ] {
        let path = policy(&rig, "p.yaml", families);
        let said = rig.ends(2, &["policy", "lint", &path]);
        assert!(said.contains(told), "{families}: {said}");
        assert!(!said.contains("struct ") && !said.contains("invalid type"), "{families}: {said}");
    }
    let labels =
        policy(&rig, "p.yaml", "{name: a, match: \"**\", keep: [{last: 1, where: {sha: 0x10}}, {last: 10}]}");
    rig.ends(0, &["policy", "lint", &labels]);
}

#[test]
fn a_census_that_lists_a_stream_twice_is_refused() {
    let rig = Rig::new();
    let twice = fs::read_to_string(census(&rig)).unwrap();
    let mut twice: Value = serde_json::from_str(&twice).unwrap();
    let stream = twice["streams"][0].clone();
    twice["streams"].as_array_mut().unwrap().push(stream);
    rig.write("twice.json", &twice.to_string());
    let keep = policy(&rig, "p.yaml", "{name: a, match: \"**\", keep: [{last: 3}]}");
    let twice = rig.work("twice.json");
    rig.fails(
        2,
        "lists the stream `master/centos` twice",
        &["plan", "--policy", &keep, "--census", twice.to_str().unwrap()],
    );
}

#[test]
fn the_rules_that_judge_a_failed_build_are_named() {
    let rig = Rig::new();
    let mut failed: Value = serde_json::from_str(&fs::read_to_string(census(&rig)).unwrap()).unwrap();
    failed["streams"][0]["builds"][0]["result"] = "fail".into();
    failed["at"] = "2026-07-11T00:00:00Z".into();
    rig.write("failed.json", &failed.to_string());
    let keep = policy(&rig, "p.yaml", "{name: a, match: \"**\", keep: [{forever: true}]}");
    let failed = rig.work("failed.json");
    let from = ["--policy", &keep, "--census", failed.to_str().unwrap()];
    let said = rig.ok(&[&["explain", "master/centos/20260601T020000Z"], &from[..]].concat());
    assert!(said.contains("failed build  the rules of `failed:` apply, not those of `keep:`"), "{said}");
    let said = rig.ok(&[&["plan"], &from[..]].concat());
    assert!(said.contains("failed build: within 7d: late by"), "{said}");
    let plan = rig.json(&[&["plan"], &from[..]].concat());
    assert_eq!(plan["builds"][0]["result"], "fail");
    assert_eq!(plan["builds"][1].get("result"), None);
}

#[test]
fn simulate_tells_that_brakes_are_included_and_since_when_they_withhold() {
    let rig = Rig::new();
    let braked = "version: 1\nbrakes: {run: {count: 1}}\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies: [{name: a, match: \"**\", keep: [{last: 3}]}]\n";
    rig.write("braked.yaml", braked);
    let (path, census) = (rig.work("braked.yaml"), census(&rig));
    let all = ["policy", "simulate", path.to_str().unwrap(), "--census", &census, "--for", "3d"];
    let said = rig.ok(&all);
    assert!(said.contains("a brake or freeze withholds builds since 2026-06-11T00:00:00Z; "), "{said}");
    assert!(said.contains("the brakes of the policy are included"), "{said}");
    assert_eq!(rig.json(&all)["series"][0]["withheld"], 7);
}
