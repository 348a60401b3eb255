//! The shipped policies against the layouts that name them, their committed schema, and the guide to policies.

use crate::trees::{SAMPLES, layout, lines};
use mirrorkeep::decide::{lint, policy::Policy};
use mirrorkeep::layout::Place;
use mirrorkeep::word::Stream;
use std::collections::{BTreeMap, BTreeSet};

fn policy(name: &str) -> Policy {
    Policy::load(Policy::shipped(name).unwrap(), name).unwrap()
}

/// Returns the streams of a layout's sample tree.
fn streams(name: &str, sample: &str) -> BTreeSet<Stream> {
    let layout = layout(name);
    let place = |path: &str| match layout.place(&path.parse().unwrap()) {
        Place::Build { build } => build.stream,
        other => panic!("{path}: {other:?}"),
    };
    lines(sample).filter(|line| line.place == "build").map(|line| place(line.path)).collect()
}

#[test]
fn every_family_of_a_shipped_policy_fits_streams_of_the_layout_that_names_it_and_leaves_none_out() {
    let mut wrong = Vec::new();
    let mut fitted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, sample) in SAMPLES {
        let chosen = layout(name).default_policy().unwrap().to_owned();
        let policy = policy(&chosen);
        let shipped = Policy::shipped_names().find(|shipped| *shipped == chosen).unwrap();
        for stream in streams(name, sample) {
            match policy.family(&stream) {
                Some(family) => drop(fitted.entry(shipped).or_default().insert(family.name.clone())),
                None => wrong.push(format!("{name}: no family of {chosen} fits {stream}")),
            }
        }
    }
    for shipped in Policy::shipped_names() {
        let fitted = fitted.remove(shipped).unwrap_or_default();
        for family in policy(shipped).families.iter().filter(|family| !fitted.contains(&family.name)) {
            wrong.push(format!("{shipped}: `{}` of {} fits no stream", family.pattern, family.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn examples_of_a_shipped_policy_are_about_streams_that_its_layouts_have() {
    for shipped in Policy::shipped_names() {
        let layouts = SAMPLES.iter().map(|(name, _)| layout(name));
        let layouts: Vec<_> = layouts.filter(|layout| layout.default_policy() == Some(shipped)).collect();
        assert!(!layouts.is_empty(), "no layout names {shipped}");
        let policy = policy(shipped);
        for test in &policy.tests {
            let known = layouts.iter().any(|layout| layout.stream_path(&test.stream).is_ok());
            assert!(known, "{shipped}: {}: {}", test.name, test.stream);
        }
        let tried: BTreeSet<&str> =
            policy.tests.iter().filter_map(|test| Some(&*policy.family(&test.stream)?.name)).collect();
        for family in &policy.families {
            let forever = family.keep.iter().any(|rule| &*rule.name == "forever");
            assert!(forever || tried.contains(&*family.name), "{shipped}: no example of {}", family.name);
        }
    }
}

#[test]
fn nothing_is_odd_about_a_shipped_policy_that_is_not_meant() {
    for shipped in Policy::shipped_names() {
        let findings: Vec<String> = lint(&policy(shipped), None)
            .into_iter()
            .map(|found| format!("{}: {}", found.code, found.message))
            .collect();
        assert_eq!(findings, Vec::<String>::new(), "{shipped}");
    }
}

#[test]
fn the_committed_schema_is_the_programs() {
    let committed = include_str!("../policies/policy.schema.json");
    let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
    assert_eq!(
        committed,
        Policy::schema(),
        "write it anew: mirrorkeep policy schema > policies/policy.schema.json"
    );
}

/// Returns a policy of what a block of the guide shows: a whole one, some of its keys, or the rules of a family.
fn whole(block: &str) -> String {
    if block.starts_with("version:") {
        return block.to_owned();
    }
    let rules: String = block.lines().map(|line| format!("    {line}\n")).collect();
    match block {
        rule if rule.starts_with("keep:") => {
            format!("version: 1\nfamilies:\n  - name: all\n    match: \"**\"\n{rules}")
        }
        keys if keys.contains("families:") => format!("version: 1\n{keys}"),
        keys => format!("version: 1\n{keys}families: [{{name: all, match: \"**\", keep: [{{last: 3}}]}}]\n"),
    }
}

#[test]
fn every_policy_that_the_guide_shows_reads_and_does_what_its_examples_say() {
    let guide = include_str!("../docs/policy.md");
    let blocks = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (mut count, mut tests) = (0, 0);
    for block in blocks {
        let policy = Policy::load(&whole(block), "guide").unwrap_or_else(|error| panic!("{error}:\n{block}"));
        for test in &policy.tests {
            assert_eq!(policy.surprises(test), [], "{}", test.name);
            tests += 1;
        }
        count += 1;
    }
    assert_eq!((count, tests), (8, 5));
}

#[test]
fn the_guide_names_every_key_of_a_policy_and_every_finding() {
    let guide = include_str!("../docs/policy.md");
    let schema = Policy::schema();
    let defs = schema["$defs"].as_object().unwrap().values();
    for shape in defs.chain([&schema]) {
        for key in shape["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
            assert!(guide.contains(key.as_str()), "`{key}` is not told");
        }
    }
    let codes: Vec<&str> = guide
        .split("| code | what |")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let source = include_str!("../src/decide/lint.rs");
    let told = source.matches("finding(\"").count() + source.matches("finding(\n").count();
    assert_eq!(codes.len(), told, "{codes:?}");
    for code in codes {
        assert!(source.contains(&format!("\"{code}\"")), "{code} is no finding");
    }
}

/// Returns whether the second of two rules is told to matter never, since the first keeps all that it keeps.
fn subsumed(wide: &str, narrow: &str) -> bool {
    let text = format!(
        "version: 1\nfamilies:\n  - name: all\n    match: \"**\"\n    keep: [{{{wide}}}, {{{narrow}}}]\n"
    );
    let policy = Policy::load(&text, "a test").unwrap_or_else(|error| panic!("{error}: {text}"));
    lint(&policy, None).iter().any(|found| found.code == "subsumed" && found.place.ends_with("keep[1]"))
}

#[test]
fn a_rule_is_one_too_many_only_beside_one_that_keeps_at_least_as_much_at_both_ends() {
    for (key, wide, narrow, expected) in [
        ("last", ["5", "2"], ["4", "1"], true),
        ("last", ["5", "2"], ["5", "2"], true),
        ("last", ["5", "2"], ["6", "1"], false),
        ("last", ["5", "2"], ["4", "3"], false),
        ("within", ["30d", "7d"], ["30d", "7d"], true),
        ("within", ["30d", "7d"], ["40d", "1d"], false),
        ("within", ["30d", "7d"], ["20d", "9d"], false),
    ] {
        let rule = |[max, min]: [&str; 2]| format!("{key}: {{max: {max}, min: {min}}}");
        let (wide, narrow) = (rule(wide), rule(narrow));
        assert_eq!(subsumed(&wide, &narrow), expected, "{narrow} beside {wide}");
    }
    assert!(subsumed("forever: true", "last: 3"));
    assert!(subsumed("daily: {count: 9}", "daily: {count: 8}"));
    assert!(!subsumed("daily: {count: 8}", "daily: {count: 9}"));
    assert!(!subsumed("daily: {count: 9}", "weekly: {count: 8}"));
}
