//! `log`: what happened, when, and who did it; `--by` names the person.

use crate::support::rig::Rig;
use serde_json::json;

const OLD: &str = "20181204T060000Z";
const NEW: &str = "20181205T060000Z";
const LATEST: &str = "master/centos/latest_build";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Returns a mirror with a story.
fn lived() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([OLD, NEW]);
    rig.ok(&["label", &id(NEW), "sanity=green"]);
    rig.ok(&["hold", &id(NEW), "--why", "bug 7", "--by", "Jane Doe"]);
    rig.ok(&["--by", "cron", "prune"]);
    rig.ok(&["unhold", &id(NEW)]);
    rig.ok(&["alias", "set", "stable", &id(NEW)]);
    rig.ok(&["alias", "remove", "stable"]);
    rig
}

/// Returns the sentences without time and person.
fn sentences(rig: &Rig, args: &[&str]) -> Vec<String> {
    let answer = rig.json(&[&["log"], args].concat());
    let events = answer["events"].as_array().unwrap();
    events.iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_mirror_tells_its_story_newest_first() {
    let rig = lived();
    let all = sentences(&rig, &[]);
    assert_eq!(all.last().unwrap(), &format!("pointed {LATEST} at {}", id(OLD)));
    let newest: Vec<&str> = all.iter().map(String::as_str).take(2).collect();
    let removed = format!("removed the alias stable, which pointed at {}", id(NEW));
    assert_eq!(newest, [&removed, &format!("pointed stable at {}", id(NEW))]);
    let has = |part: &str| assert!(all.iter().any(|text| text.contains(part)), "no {part:?} in {all:?}");
    has(&format!("published {} (success, 3 files, ", id(OLD)));
    has(&format!("pointed {LATEST} at {} (it was at {})", id(NEW), id(OLD)));
    has(&format!("labelled {} sanity=green", id(NEW)));
    has(&format!("held {}: bug 7", id(NEW)));
    has(&format!("moved {} to the trash: last 1: rank 2", id(OLD)));
    has(&format!("removed the holds on {}", id(NEW)));
    // As text: a line each, with the time and the person.
    let text = rig.ok(&["log"]);
    assert_eq!(text.lines().count(), all.len());
    assert!(text.lines().all(|line| line.starts_with("20") && !line.contains(" pid ")), "{text}");
}

#[test]
fn a_story_can_be_of_a_build_a_name_a_stream_a_pattern_or_a_time() {
    let rig = lived();
    let all = sentences(&rig, &[]).len();
    let of_old = sentences(&rig, &[&id(OLD)]);
    // The name that led to it, and that it was left, belong to its story.
    assert_eq!(of_old.len(), 4, "{of_old:?}");
    assert!(of_old.iter().all(|text| text.contains(OLD)), "{of_old:?}");
    let of_name = sentences(&rig, &[LATEST]);
    assert_eq!(of_name.len(), 2, "{of_name:?}");
    let of_stream = sentences(&rig, &["master/centos"]);
    assert!(of_stream.len() > 6 && !of_stream.iter().any(|text| text.contains("stable,")), "{of_stream:?}");
    for pattern in ["master/*", "*/centos", "master/centos/"] {
        assert_eq!(sentences(&rig, &[pattern]), of_stream, "{pattern}");
    }
    assert_eq!(sentences(&rig, &["*"]).len(), all);
    assert!(sentences(&rig, &["release/*"]).is_empty());
    assert!(rig.ends(0, &["log", "release/*"]).contains("no events"));
    // A mistyped name is not a quiet stream.
    for nothing in ["master/cent", "nowhere", "master/centos/20990101T000000Z"] {
        rig.fails(1, &format!("no event is about `{nothing}`"), &["log", nothing]);
    }
    assert_eq!(sentences(&rig, &["--limit", "3"]), sentences(&rig, &[])[..3]);
    assert_eq!(sentences(&rig, &["--since", "1d"]).len(), all);
    assert!(sentences(&rig, &["--since", "2999-01-31"]).is_empty());
    assert!(sentences(&rig, &["master/centos", "--since", "2999-01-31"]).is_empty());
    rig.fails(2, "--since: `lastweek` is not a time", &["log", "--since", "lastweek"]);
    rig.fails(2, "pattern cannot be used", &["log", "master/[x"]);
}

#[test]
fn the_person_is_who_was_named_and_the_user_otherwise() {
    let rig = lived();
    let by = |args: &[&str]| {
        let answer = rig.json(&[&["log"], args].concat());
        answer["events"][0]["by"].as_str().unwrap().to_owned()
    };
    let user = by(&[&id(NEW), "--limit", "1"]);
    assert!(user.contains('@') && user.contains(" pid ") && !user.contains('('), "{user}");
    let account = user.split(" pid ").next().unwrap().to_owned();
    let pruned = by(&[&id(OLD), "--limit", "1"]);
    assert!(pruned.starts_with(&format!("cron ({account}) pid ")), "{pruned}");
    let held = rig.json(&["log", &id(NEW)]);
    let held = held["events"].as_array().unwrap().iter().find(|event| event["what"] == "held").unwrap();
    assert_eq!(held["details"]["holds"][0]["who"], format!("Jane Doe ({account})"));
    let mut label = rig.command(&["label", &id(NEW), "a=b"]);
    assert!(label.env("MIRRORKEEP_ACTOR", "J\u{f8}rn").status().unwrap().success());
    assert!(by(&["--limit", "1"]).starts_with("J\u{f8}rn ("));
    assert!(rig.ok(&["log", "--limit", "1"]).contains(&format!("J\u{f8}rn ({account})  labelled ")));
    // A variable that is empty names nobody, and no name forges a line.
    let mut label = rig.command(&["label", &id(NEW), "a=c"]);
    assert!(label.env("MIRRORKEEP_ACTOR", "").status().unwrap().success());
    assert!(by(&["--limit", "1"]).starts_with(&format!("{account} pid ")));
    rig.fails(2, "U+000A", &["--by", "a\nb", "label", &id(NEW), "a=d"]);
    rig.fails(2, "is empty", &["--by", " ", "label", &id(NEW), "a=d"]);
    assert_eq!(rig.json(&["log", "--limit", "1"])["log"], json!(1));
}

#[test]
fn a_hold_may_last_so_many_days_from_now() {
    let rig = lived();
    rig.ok(&["hold", &id(NEW), "--why", "candidate", "--until", "7d"]);
    let holds = rig.json(&["show", &id(NEW)])["holds"].clone();
    let until = chrono::DateTime::parse_from_rfc3339(holds[0]["until"].as_str().unwrap()).unwrap();
    let since = chrono::DateTime::parse_from_rfc3339(holds[0]["since"].as_str().unwrap()).unwrap();
    assert_eq!(until - since, chrono::TimeDelta::days(7));
    rig.fails(2, "a span like `7d` is accepted", &["hold", &id(NEW), "--why", "x", "--until", "next week"]);
}
