//! `check` in mirror.yaml: other severities, and findings that are ignored with a reason and to a day.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;

const BUILDS: [&str; 2] = ["20260101T060000Z", "20260102T060000Z"];

/// Returns a mirror of two builds without CONTEXT, with these lines at the end of mirror.yaml.
fn with(lines: &str) -> Rig {
    let rig = Rig::new();
    rig.builds(BUILDS);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}{lines}\n")).unwrap();
    rig
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect()
}

/// Returns what a check writes to standard output and to standard error, and its exit code.
fn said(rig: &Rig, args: &[&str]) -> (String, String, Option<i32>) {
    let output = rig.run(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn a_severity_decides_the_exit_code_in_every_format() {
    assert_eq!(said(&with(""), &["check"]).2, Some(5));
    let rig = with("check: {severity: {context-missing: note}}");
    let (out, err, code) = said(&rig, &["check"]);
    assert!(out.contains("note: ") && err.contains("0 errors, 0 warnings, 2 notes"), "{out}{err}");
    assert_eq!(code, Some(0));
    let answer = rig.json(&["check"]);
    assert_eq!((&answer["totals"]["note"], &answer["findings"][0]["severity"]), (&2.into(), &"note".into()));
    assert!(!rig.ok(&["check", "--format", "junit"]).contains("<failure"));
    assert!(rig.ok(&["check", "--format", "sarif"]).contains("\"level\": \"note\""));
    let rig = with("check: {severity: {context-missing: error}}");
    assert_eq!(rig.json_ends(5, &["check"])["totals"]["error"], 2);
}

#[test]
fn what_is_ignored_does_not_count_and_all_lists_it_with_the_reason() {
    let rig = with(
        "check:\n  ignore:\n    - code: context-missing\n      path: '*/centos/20260101*'\n      why: built before CONTEXT\n      until: 9998-12-31",
    );
    let (out, err, code) = said(&rig, &["check"]);
    assert_eq!((out.matches("[context-missing]").count(), code), (1, Some(5)), "{out}");
    assert!(err.contains("; 1 ignored (`--all` lists them)"), "{err}");
    let out = said(&rig, &["check", "--all"]).0;
    let at = format!("master/centos/{}/outputs/CONTEXT: ignored: ", BUILDS[0]);
    assert!(out.contains(&at) && out.contains("why       built before CONTEXT (until 9998-12-31)"), "{out}");
    let answer = rig.json_ends(5, &["check"]);
    assert_eq!(
        (codes(&answer["findings"]), &answer["totals"]["warning"]),
        (vec!["context-missing"], &1.into())
    );
    assert_eq!(
        (codes(&answer["ignored"]), &answer["ignored"][0]["until"]),
        (vec!["context-missing"], &"9998-12-31".into())
    );
    assert_eq!(answer["ignored"][0]["why"], "built before CONTEXT");
    assert_eq!(said(&rig, &["check", "--format", "junit"]).0.matches("<failure ").count(), 1);
    // What lies elsewhere is not asked for.
    rig.ok(&["check", &format!("master/centos/{}", BUILDS[0])]);
}

#[test]
fn an_entry_past_its_day_ignores_nothing_and_is_a_note() {
    let rig = with("check: {ignore: [{code: context-missing, why: old, until: 2026-01-31}]}");
    let answer = rig.json_ends(5, &["check"]);
    assert_eq!(codes(&answer["findings"]), ["ignore-expired", "context-missing", "context-missing"]);
    let first = &answer["findings"][0];
    assert_eq!((&first["path"], &first["severity"]), (&".mirrorkeep/mirror.yaml".into(), &"note".into()));
    assert_eq!(answer["ignored"], Value::Array(Vec::new()));
    assert_eq!(
        codes(&rig.json_ends(5, &["check", "master"])["findings"]),
        ["context-missing", "context-missing"]
    );
    // A note alone is not a failure.
    let rig = with(
        "check: {severity: {context-missing: note}, ignore: [{code: not-served, why: old, until: 2026-01-31}]}",
    );
    assert!(rig.ok(&["check"]).contains("[ignore-expired]"));
}

#[test]
fn entries_that_cannot_be_used_are_refused_with_their_place() {
    for (lines, message) in [
        (
            "check:\n  severity:\n    context-mising: note",
            ":5: check.severity.context-mising: `context-mising` is not a code of a finding; the nearest is `context-missing`",
        ),
        ("check: {severity: {context-missing: info}}", "accepted: `error`, `warning`, `note`"),
        ("check: {ignore: [{code: not_served, why: x}]}", "the nearest is `not-served`"),
        ("check: {ignore: [{code: not-served}]}", "missing field `why`"),
        ("check: {ignore: [{code: not-served, why: ''}]}", "check.ignore[0].why: it is empty"),
        (
            "check: {ignore: [{code: not-served, why: x, path: /a}]}",
            "check.ignore[0].path: `/a` is not a path",
        ),
        (
            "check: {ignore: [{code: not-served, why: x, until: soon}]}",
            "one such as `2026-12-31` is accepted",
        ),
        ("check: {ignored: []}", "unknown field `ignored`"),
    ] {
        let rig = with(lines);
        rig.fails(3, message, &["check"]);
        rig.fails(3, "mirror.yaml:", &["check"]);
    }
}

#[test]
fn what_is_ignored_is_not_fixed() {
    let rig = with("check: {ignore: [{code: record-missing, why: rebuilt later}]}");
    let record = rig.mirror(&format!(".mirrorkeep/builds/master/centos/{}.json", BUILDS[0]));
    fs::remove_file(&record).unwrap();
    rig.run(&["check", "--fix"]);
    assert!(!record.exists());
    assert_eq!(codes(&rig.json_ends(5, &["check"])["ignored"]), ["record-missing"]);
}

#[test]
fn what_is_in_the_baseline_does_not_count_and_what_is_new_does() {
    let rig = with("");
    let old = rig.work("../old.json");
    fs::write(&old, said(&rig, &["--json", "check"]).0).unwrap();
    let old = old.to_str().unwrap();
    let (out, err, code) = said(&rig, &["check", "--baseline", old]);
    assert_eq!((&*out, code), ("", Some(0)));
    assert!(err.contains("0 errors, 0 warnings, 0 notes") && err.contains("; 2 in the baseline"), "{err}");
    fs::create_dir(rig.mirror("masters")).unwrap();
    let answer = rig.json_ends(5, &["check", "--baseline", old]);
    assert_eq!(codes(&answer["findings"]), ["unknown-class"]);
    assert_eq!(codes(&answer["known"]), ["context-missing", "context-missing"]);
    // Its answer is a baseline, too, of all of them.
    let next = rig.work("../next.json");
    fs::write(&next, answer.to_string()).unwrap();
    rig.ok(&["check", "--baseline", next.to_str().unwrap()]);
    // What `status` states is what is there.
    assert_eq!(rig.json(&["status"])["check"]["warning"], 2);
}

#[test]
fn a_baseline_that_cannot_be_used_is_refused_by_its_name() {
    let rig = with("");
    let bad = rig.work("../bad.json");
    let name = bad.to_str().unwrap().to_owned();
    rig.fails(2, "cannot read the baseline `", &["check", "--baseline", &name]);
    for text in ["", "{}", "not JSON", "{\"check\": 1, \"codes\": []}"] {
        fs::write(&bad, text).unwrap();
        rig.fails(2, "bad.json` is not a baseline: ", &["check", "--baseline", &name]);
    }
}
