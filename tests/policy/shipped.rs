//! The shipped policies against the layouts that name them, their committed schema, and the guide to policies.

use crate::layout::trees::{SAMPLES, layout, lines};
use mirrorkeep::decide::lint;
use mirrorkeep::decide::policy::Policy;
use mirrorkeep::layout::Place;
use mirrorkeep::model::Stream;
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
    let committed = include_str!("../../policies/policy.schema.json");
    let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
    assert_eq!(
        committed,
        Policy::schema(),
        "write it again: mirrorkeep policy schema > policies/policy.schema.json"
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
    let guide = include_str!("../../docs/policy.md");
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
    assert_eq!((count, tests), (9, 5));
}

#[test]
fn the_guide_names_every_key_of_a_policy_and_every_finding() {
    let guide = include_str!("../../docs/policy.md");
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
    let source = include_str!("../../src/decide/lint.rs");
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
    assert!(subsumed("weekly: {within: 60d}", "weekly: {within: 50d}"));
    assert!(!subsumed("weekly: {within: 50d}", "weekly: {within: 60d}"));
    assert!(!subsumed("weekly: {within: 60d}", "daily: {within: 50d}"));
    assert!(subsumed("within: 60d", "weekly: {within: 60d}"));
    assert!(!subsumed("within: 60d, basis: superseded", "weekly: {within: 60d}"));
    let periods = |of: &str, n: u32, basis: &str| format!("periods: {{of: {of}, n: {n}}}, basis: {basis}");
    let (created, published) = (periods("a", 2, "created"), periods("a", 2, "published"));
    assert!(subsumed(&created, &periods("a", 1, "created")) && subsumed(&created, &created));
    assert!(!subsumed(&periods("a", 1, "created"), &created) && !subsumed(&created, &published));
    assert!(!subsumed(&created, &periods("b", 1, "created")));
}

#[test]
fn a_rule_is_one_too_many_also_before_a_wider_one() {
    let found = codes("keep: [{last: 4}, {last: 5}]", None);
    assert_eq!(found, ["subsumed families[0].keep[0]"]);
}

/// Returns what is found of a policy with one family for all streams, each with its place.
fn codes(family: &str, census: Option<&str>) -> Vec<String> {
    let text = format!(
        "version: 1\nevents: {{ga: [2026-01-01]}}\nfamilies:\n  - {{name: all, match: \"master/**\", {family}}}\n"
    );
    let policy = Policy::load(&text, "a test").unwrap_or_else(|error| panic!("{error}: {text}"));
    let census = census.map(|streams| {
        serde_json::from_str(&format!(
            "{{\"census\": 1, \"at\": \"2026-06-15T00:00:00Z\", \"aliases\": [], \"streams\": {streams}}}"
        ))
        .unwrap()
    });
    lint(&policy, census.as_ref()).iter().map(|found| format!("{} {}", found.code, found.place)).collect()
}

#[test]
fn what_keeps_nothing_counts_nothing_or_knows_no_calendar_is_told() {
    let none: [&str; 0] = [];
    assert_eq!(codes("keep: [{last: 3}]", None), none);
    assert_eq!(codes("keep: [{last: 3}, {within: 5d}]", None), none);
    assert_eq!(codes("keep: [{within: 5d}]", None), ["time-only families[0].keep"]);
    assert_eq!(codes("keep: []", None), ["no-rules families[0].keep"]);
    assert_eq!(codes("keep: [{last: 3}, {within: 0d}]", None), ["zero families[0].keep[1]"]);
    assert_eq!(codes("keep: [{last: 3}, {daily: {count: 0}}]", None), ["zero families[0].keep[1]"]);
    assert_eq!(codes("keep: [{last: 3}, {periods: {of: ga, n: 1}}]", None), none);
    assert_eq!(
        codes("keep: [{last: 3}, {periods: {of: rc, n: 1}}]", None),
        ["unknown-events families[0].keep[1]"]
    );
}

#[test]
fn what_fits_nothing_that_is_there_is_told() {
    let none: [&str; 0] = [];
    let family = "keep: [{last: 3}, {within: 5d, where: {sanity: green}}]";
    let stream = |name: &str, value: &str| {
        format!(
            "[{{\"stream\": \"{name}\", \"builds\": [{{\"build\": \"1\", \"result\": \"success\", \"labels\": {{\"sanity\": {{\"value\": \"{value}\"}}}}}}]}}]"
        )
    };
    assert_eq!(codes(family, Some(&stream("master/x", "green"))), none);
    assert_eq!(codes(family, Some(&stream("master/x", "red"))), ["unused-label families[0].keep[1]"]);
    let elsewhere = codes(family, Some(&stream("rc/x", "green")));
    assert_eq!(elsewhere, ["uncovered-stream families", "unused-family families[0].match"]);
}

/// Returns what is wrong with a policy whose families are these; nothing when all is well.
fn wrong(top: &str, families: &str) -> String {
    let text = format!("version: 1\n{top}\nfamilies:\n{families}");
    Policy::load(&text, "p.yaml").map_or_else(|error| error.to_string(), |_| String::new())
}

const ALL: &str = "  - {name: all, match: \"**\", keep: [{last: 1}]}\n";

#[test]
fn sizes_are_read_in_both_kinds_of_units() {
    for (text, bytes) in [
        ("7", 7),
        ("7B", 7),
        ("3KiB", 3 << 10),
        ("3MiB", 3 << 20),
        ("3GiB", 3 << 30),
        ("3TiB", 3 << 40),
        ("3KB", 3_000),
        ("3kB", 3_000),
        ("3MB", 3_000_000),
        ("3GB", 3_000_000_000),
        ("3TB", 3_000_000_000_000),
        ("1.5KiB", 1536),
    ] {
        let whole = format!("version: 1\nbrakes: {{run: {{bytes: {text}}}}}\nfamilies:\n{ALL}");
        let policy = Policy::load(&whole, "p.yaml").unwrap();
        assert_eq!((policy.brakes.run.bytes, policy.text()), (Some(bytes), &*whole), "{text}");
        let pressure =
            format!("version: 1\npressure: {{free_below: {text}, until_free: {text}}}\nfamilies:\n{ALL}");
        let pressure = Policy::load(&pressure, "p.yaml").unwrap().pressure.unwrap();
        assert_eq!(pressure.until_free.of(10), bytes);
    }
    let share = "version: 1\npressure: {free_below: 8%, until_free: 12.5%}\nfamilies:\n".to_owned() + ALL;
    let share = Policy::load(&share, "p.yaml").unwrap().pressure.unwrap();
    assert_eq!((share.free_below.of(2000), share.until_free.of(2000)), (160, 250));
}

#[test]
fn pressure_ends_where_it_began_or_above() {
    for (below, until, fits) in [
        ("8%", "8%", true),
        ("8%", "9%", true),
        ("9%", "8%", false),
        ("8GiB", "8GiB", true),
        ("8GiB", "9GiB", true),
        ("9GiB", "8GiB", false),
        ("9GiB", "8%", true),
    ] {
        let why = wrong(&format!("pressure: {{free_below: {below}, until_free: {until}}}"), ALL);
        assert_eq!(why.is_empty(), fits, "{below} {until}: {why}");
        assert!(fits || why.contains("less than `free_below`"), "{why}");
    }
}

#[test]
fn a_family_may_only_lengthen_what_protects() {
    for (own, fits) in [("23h", false), ("24h", true), ("25h", true)] {
        for name in ["min_age", "superseded_grace"] {
            let family = format!("  - {{name: all, match: \"**\", {name}: {own}, keep: [{{last: 1}}]}}\n");
            let why = wrong("defaults: {min_age: 24h, superseded_grace: 24h}", &family);
            assert_eq!(why.is_empty(), fits, "{why}");
            assert!(fits || why.contains("is shorter than the default of 24h"), "{why}");
        }
    }
}

#[test]
fn what_a_policy_cannot_mean_is_told_with_its_place() {
    let family =
        |name: &str, of: &str| format!("  - {{name: {name}, match: \"{of}\", keep: [{{last: 1}}]}}\n");
    for (top, families, why) in [
        ("timezone: Europe/Berlni", ALL.to_owned(), "an IANA name such as `Europe/Berlin`"),
        (
            "events: {ga: [2026-01-01, 2026-01-01]}",
            ALL.to_owned(),
            "events.ga[1]: `2026-01-01` is given twice",
        ),
        ("", family("a", "/master"), "`/master` can match nothing"),
        ("", family("a", "x/../y"), "`x/../y` can match nothing"),
        ("", family("a", "master/**") + &family("a", "rc/**"), "a second family `a`"),
        ("", family("a", "master/**") + &family("b", "master/x"), "no stream can reach this family"),
        ("", family("a", "**") + &family("b", "rc/*"), "no stream can reach this family"),
        ("", "  - {name: a, match: x, keep: [{}]}\n".to_owned(), "exactly one of `forever`"),
        ("brakse: {}", ALL.to_owned(), "brakes"),
        ("brakes: {stream: {cuont: 1}}", ALL.to_owned(), "count"),
    ] {
        let told = wrong(top, &families);
        assert!(told.contains(why), "{top} {families}: {told}");
    }
    assert_eq!(wrong("events: {ga: [2026-01-01, 2026-01-02]}", ALL), "");
    assert_eq!(wrong("", &(family("a", "rc/*") + &family("b", "master/x") + ALL)), "");
    assert_eq!(wrong("", &(family("a", "m*r/x") + &family("b", "master/*"))), "");
}

#[test]
fn an_example_that_comes_out_otherwise_is_told() {
    let surprises = |expect: &str| {
        let text = format!(
            "version: 1\ndefaults: {{floor: 1, min_age: 0h}}\nfamilies:\n  - name: all\n    match: \"**\"\n    keep: [{{last: 2}}]\n    parts: {{bulky: {{paths: [\"inputs/**\"], keep: [{{last: 1}}]}}}}\ntests:\n  - name: three\n    now: 2026-06-15T00:00:00Z\n    stream: master/x\n    given: {{every: 24h, from: 2026-06-01T00:00:00Z, to: 2026-06-03T00:00:00Z}}\n    expect: {{{expect}}}\n"
        );
        let policy = Policy::load(&text, "p.yaml").unwrap_or_else(|error| panic!("{error}"));
        policy.surprises(&policy.tests[0]).into_iter().map(|one| one.message).collect::<Vec<_>>()
    };
    let (old, middle) = ("20260601T000000Z", "20260602T000000Z");
    let none: [&str; 0] = [];
    assert_eq!(
        surprises(&format!(
            "{old}: {{expire: any}}, {middle}: {{keep: any}}, 20260603T000000Z: {{parts: {{bulky: keep}}}}"
        )),
        none
    );
    assert_eq!(surprises(&format!("{old}: {{expire: last}}, {middle}: {{keep: last}}")), none);
    assert_eq!(surprises(&format!("{middle}: {{keep: last, parts: {{bulky: expire}}}}")), none);
    assert_eq!(surprises(&format!("{old}: {{keep: any}}")), ["expected keep, came out expire (last 2)"]);
    assert_eq!(surprises(&format!("{middle}: {{expire: any}}")), ["expected expire, came out keep (last 2)"]);
    assert_eq!(
        surprises(&format!("{middle}: {{keep: floor}}")),
        ["expected keep by `floor`, came out keep (last 2)"]
    );
    let parts = surprises(&format!("{middle}: {{keep: last, parts: {{bulky: keep}}}}"));
    assert_eq!(parts, ["expected part `bulky` to keep, came out expire"]);
}
