//! What each word of a policy is read as: bases, rules, limits, examples, and every mistake with its place.

use mirrorkeep::decide::policy::{Basis, Keep, Period, Pick, Policy, PolicyChange, Rule};
use mirrorkeep::model::Outcome;

const ALL: &str = "families: [{name: all, match: \"**\", keep: [{last: 1}]}]\n";

fn read(text: &str) -> Policy {
    Policy::load(&format!("version: 1\n{text}"), "p.yaml").unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns what is wrong with a policy, one problem a line.
fn wrong(text: &str) -> String {
    match Policy::load(&format!("version: 1\n{text}"), "p.yaml") {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(error) => error.to_string(),
    }
}

fn with_rule(rule: &str) -> String {
    format!("events: {{ga: [2026-01-01]}}\nfamilies: [{{name: all, match: \"**\", keep: [{{{rule}}}]}}]\n")
}

fn rule(text: &str) -> Rule {
    read(&with_rule(text)).families[0].keep[0].clone()
}

#[test]
fn a_deadline_counts_from_the_basis_that_is_written() {
    let introduced = |labels: &[&str]| Basis::Introduced(labels.iter().map(|&label| label.into()).collect());
    for (text, basis) in [
        ("", Basis::Created),
        ("basis: created", Basis::Created),
        ("basis: published", Basis::Published),
        ("basis: confirmed", Basis::Confirmed),
        ("basis: superseded", Basis::Superseded),
        ("basis: introduced(sanity)", introduced(&["sanity"])),
        ("basis: left(latest)", Basis::Left("latest".to_owned())),
        ("basis: left( rc/latest )", Basis::Left("rc/latest".to_owned())),
        ("label: {a: x, b: y}", introduced(&["a", "b"])),
        ("label: {a: x, b: y}, basis: introduced", introduced(&["a", "b"])),
        ("label: {a: x}, basis: introduced(b)", introduced(&["b"])),
        ("label: {a: x}, basis: created", Basis::Created),
        ("where: {a: x}", Basis::Created),
    ] {
        // Reasons tell it in the words in which it may be written.
        if let Some(word) = text.strip_prefix("basis: ") {
            assert_eq!(basis.word(), word.replace(' ', ""));
        }
        let Keep::Within(_, read) = rule(&format!("within: 5d, {text}")).keep else { panic!("{text}") };
        assert_eq!(read, basis, "{text}");
        let Keep::Periods(of, 2, read) = rule(&format!("periods: {{of: ga, n: 2}}, {text}")).keep else {
            panic!("{text}")
        };
        assert_eq!((&*of, read), ("ga", basis), "{text}");
    }
}

#[test]
fn what_people_mistype_is_answered_with_what_they_meant() {
    let told = wrong("families:\n  - name: all\n    match: **\n    keep: [{last: 3}]\n");
    assert!(told.contains("`**` begins with `*`") && told.contains("write it in quotes: `\"**\"`"), "{told}");
    let told = wrong("families: [{name: all, match: *, keep: [{last: 3}]}]\n");
    assert!(told.contains("write it in quotes: `\"*\"`"), "{told}");
    let told = wrong("grace: 7d\nmin_age: 1d\nfamily: [{name: all, match: '**', keep: [{last: 3}]}]\n");
    let lines: Vec<&str> = told.lines().skip(1).collect();
    for (line, meant) in
        ["`defaults.superseded_grace`", "`defaults.min_age`", "`families`"].iter().enumerate()
    {
        assert!(lines[line].contains(&format!("({meant}?)")), "{told}");
    }
}

#[test]
fn a_basis_that_is_none_is_refused() {
    for basis in [
        "introduced",
        "introduced()",
        "introduced(A=B)",
        "introduced(sanity",
        "introducedsanity",
        "left",
        "left()",
        "left(/x)",
        "left(a/../b)",
        "last_activity",
        "Created",
        "made",
    ] {
        let why = wrong(&with_rule(&format!("within: 5d, basis: \"{basis}\"")));
        assert!(why.contains("families[0].keep[0].basis"), "{why}");
        assert!(why.contains(&format!("`{basis}` is not a basis")), "{why}");
    }
}

#[test]
fn builds_without_a_result_count_from_when_they_were_last_written_to_and_others_do_not() {
    let lanes = "failed: [{within: 5d}], partial: [{within: 5d}], empty: [{within: 5d}]";
    let named = read(&format!("families: [{{name: all, match: \"**\", keep: [{{within: 5d}}], {lanes}}}]"));
    let common = lanes.replace(", partial", "\n  partial").replace(", empty", "\n  empty");
    let common = read(&format!(
        "defaults:\n  {common}\nfamilies: [{{name: all, match: \"**\", keep: [{{within: 5d}}]}}]"
    ));
    for policy in [named, common] {
        let family = &policy.families[0];
        for (lane, basis) in [
            (&family.keep, Basis::Created),
            (&family.failed, Basis::Created),
            (&family.partial, Basis::LastActivity),
            (&family.empty, Basis::Created),
        ] {
            let [Rule { keep: Keep::Within(span, read), .. }] = &lane[..] else { panic!("{lane:?}") };
            assert_eq!((span.max.seconds(), read), (5 * 86_400, &basis));
        }
    }
}

#[test]
fn a_rule_sees_builds_with_all_labels_of_label_and_where() {
    let only = |text: &str| {
        let labels = rule(text).only.into_iter();
        labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(only("last: 2"), "");
    assert_eq!(only("last: 2, where: {b: y, a: x}"), "a=x b=y");
    assert_eq!(only("label: {a: x}"), "a=x");
    assert_eq!(only("label: {a: x}, within: 5d, where: {b: y}"), "a=x b=y");
}

#[test]
fn a_rule_is_named_by_what_it_says() {
    for (text, name) in [
        ("forever: true", "forever"),
        ("forever: true, where: {a: x}", "forever where a=x"),
        ("last: 5", "last 5"),
        ("last: {max: 5, min: 2}", "last 5"),
        ("within: 14d", "within 14d"),
        ("hourly: {count: 7}", "hourly count 7"),
        ("daily: {count: 7, pick: newest}", "daily count 7"),
        ("weekly: {count: 7, pick: oldest}", "weekly count 7 pick oldest"),
        ("monthly: {within: 1y}", "monthly within 1y"),
        ("quarterly: {within: 6mo, pick: oldest}", "quarterly within 6mo pick oldest"),
        ("yearly: {count: 1}", "yearly count 1"),
        ("periods: {of: ga, n: 1}", "periods ga 1"),
        ("last: 2, where: {b: y, a: x}", "last 2 where a=x b=y"),
        ("label: {a: x}", "label a=x"),
        ("label: {a: x}, where: {b: y}", "label a=x where b=y"),
        ("label: {a: x}, within: 5d", "label a=x within 5d"),
        ("label: {a: x}, periods: {of: ga, n: 0}", "label a=x periods ga 0"),
    ] {
        assert_eq!(&*rule(text).name, name, "{text}");
    }
}

#[test]
fn each_word_of_the_calendar_is_its_own_period_and_stands_for_the_newest_without_pick() {
    for (word, period) in [
        ("hourly", Period::Hourly),
        ("daily", Period::Daily),
        ("weekly", Period::Weekly),
        ("monthly", Period::Monthly),
        ("quarterly", Period::Quarterly),
        ("yearly", Period::Yearly),
    ] {
        for (pick, picked) in
            [("", Pick::Newest), ("pick: newest", Pick::Newest), ("pick: oldest", Pick::Oldest)]
        {
            let Keep::Latest(read, count, by) = rule(&format!("{word}: {{count: 7, {pick}}}")).keep else {
                panic!("{word}")
            };
            assert_eq!((read, count.max, count.min, by), (period, 7, 7, picked));
            let within = format!("{word}: {{within: {{max: 7d, min: 1d}}, {pick}}}");
            let Keep::Each(read, span, by) = rule(&within).keep else { panic!("{word}") };
            assert_eq!((read, span.max.seconds(), span.min.seconds(), by), (period, 604_800, 86_400, picked));
        }
    }
}

#[test]
fn a_rule_says_exactly_one_thing() {
    let keeps = [
        "forever: true",
        "last: 5",
        "within: 5d",
        "daily: {count: 1}",
        "yearly: {within: 1d}",
        "periods: {of: ga, n: 1}",
    ];
    for (at, one) in keeps.iter().enumerate() {
        assert_eq!(rule(one).at, "families[0].keep[0]");
        for other in &keeps[at + 1..] {
            let why = wrong(&with_rule(&format!("{one}, {other}")));
            assert!(
                why.contains("keep[0]") && why.contains("exactly one of `forever`"),
                "{one} {other}: {why}"
            );
        }
    }
    for (text, place, why) in [
        ("forever: false", ".forever", "`false` has no meaning"),
        ("last: 3, basis: created", ".basis", "needs `within` or `periods`"),
        ("forever: true, basis: created", ".basis", "needs `within` or `periods`"),
        ("last: 3, label: {a: x}", ".label", "`where` is accepted in every rule"),
        ("daily: {count: 1}, label: {a: x}", ".label", "`where` is accepted in every rule"),
        ("label: {}", ".label", "expected at least one"),
        ("last: 3, where: {}", ".where", "expected at least one"),
        ("last: 3, where: {\"a b\": x}", ".where.a b", "a b"),
        ("daily: {}", ".daily", "exactly one of `count` and `within`"),
        ("daily: {count: 1, within: 1d}", ".daily", "exactly one of `count` and `within`"),
        ("last: {max: 2, min: 3}", ".last", "`min` 3 is more than `max` 2"),
        ("within: {max: 2d, min: 49h}", ".within", "`min` 49h is more than `max` 2d"),
        ("daily: {count: {max: 2, min: 3}}", ".daily.count", "upside down"),
        ("daily: {within: {max: 2d, min: 3d}}", ".daily.within", "upside down"),
        ("last: -3", "keep[0]: last", "`-3` is negative"),
        ("last: 18446744073709551616", "keep[0]: last", "is not a count"),
        ("last: {max: 3, min: x}", "keep[0]: last.min", "`x` is not a count"),
        ("last: {max: 3}", "keep[0]", "min"),
        (
            "last: true",
            "keep[0]: last",
            "`true` is not accepted here; expected a whole number such as `5`, or a range such as `{max: 10, min: 5}`",
        ),
        (
            "within: {max: [3d], min: 2d}",
            "keep[0]: within.max",
            "a list is not accepted here; expected a length with its unit, such as `14d`",
        ),
    ] {
        let told = wrong(&with_rule(text));
        assert!(told.contains(place) && told.contains(why), "{text}: {told}");
    }
}

#[test]
fn what_no_family_says_is_as_the_guide_says() {
    let policy = read(ALL);
    let family = &policy.families[0];
    let hour = 3600;
    assert_eq!(
        (family.floor, family.min_age.seconds(), family.superseded_grace.seconds()),
        (3, 24 * hour, 48 * hour)
    );
    assert_eq!((policy.trash.seconds(), policy.skew.seconds()), (7 * 24 * hour, hour));
    assert_eq!(policy.max_clock_step.seconds(), 31 * 24 * hour);
    assert_eq!(policy.brakes.policy_change, PolicyChange::Defer);
    let names =
        |result| family.rules(result).map(|rules| rules.iter().map(|rule| &*rule.name).collect::<Vec<_>>());
    assert_eq!(names(Outcome::Success), Some(vec!["last 1"]));
    assert_eq!(names(Outcome::Fail), Some(vec!["within 7d"]));
    assert_eq!(names(Outcome::Partial), Some(vec!["within 24h"]));
    assert_eq!(names(Outcome::Empty), Some(vec!["last 1"]));
    assert_eq!(names(Outcome::Unknown), None);
    let Keep::Within(_, basis) = &family.partial[0].keep else { panic!("{:?}", family.partial) };
    assert_eq!(*basis, Basis::LastActivity);
    let Keep::Within(_, basis) = &family.failed[0].keep else { panic!("{:?}", family.failed) };
    assert_eq!(*basis, Basis::Created);
}

#[test]
fn what_a_family_says_goes_before_what_the_defaults_say() {
    let policy = read(
        "defaults: {floor: 5, min_age: 1h, superseded_grace: 2h, trash: 3h, skew: 4h, max_clock_step: 5h, failed: [{last: 4}], partial: [{last: 5}], empty: [{last: 6}]}\n\
         families:\n  - {name: own, match: \"a/*\", floor: 2, min_age: 7h, superseded_grace: 8h, split: [arch], keep: [], failed: [{last: 7}], partial: [], empty: [{last: 8}, {last: 9}]}\n  \
         - {name: all, match: \"**\", keep: [{last: 1}]}\n",
    );
    let [own, all] = &policy.families[..] else { panic!("two families") };
    let spans = |family: &mirrorkeep::decide::policy::Family| {
        (family.floor, family.min_age.to_string(), family.superseded_grace.to_string())
    };
    assert_eq!(spans(own), (2, "7h".to_owned(), "8h".to_owned()));
    assert_eq!(spans(all), (5, "1h".to_owned(), "2h".to_owned()));
    let names =
        |rules: &[Rule]| rules.iter().map(|rule| format!("{} {}", rule.name, rule.at)).collect::<Vec<_>>();
    assert_eq!(names(&own.failed), ["last 7 families[0].failed[0]"]);
    assert_eq!(names(&own.partial), [""; 0]);
    assert_eq!(names(&own.empty), ["last 8 families[0].empty[0]", "last 9 families[0].empty[1]"]);
    assert_eq!(names(&all.failed), ["last 4 defaults.failed[0]"]);
    assert_eq!(names(&all.partial), ["last 5 defaults.partial[0]"]);
    assert_eq!(names(&all.empty), ["last 6 defaults.empty[0]"]);
    assert_eq!(
        [policy.trash, policy.skew, policy.max_clock_step].map(|span| span.to_string()),
        ["3h", "4h", "5h"]
    );
    // `*` is one name, and what no family fits is treated by a family without rules.
    let family = |stream: &str| policy.family(&stream.parse().unwrap()).map(|family| &*family.name);
    assert_eq!((family("a/b"), family("a/b/c"), family("b/c")), (Some("own"), Some("all"), Some("all")));
    assert_eq!(own.split, ["arch"]);
}

#[test]
fn a_limit_that_means_nothing_is_refused() {
    for (text, place, why) in [
        ("brakes: {max_per_run: 0}", "brakes.max_per_run", "at least 1"),
        ("brakes: {run: {percent: -1}}", "brakes.run.percent", "from 0 to 100"),
        ("brakes: {stream: {percent: 100.5}}", "brakes.stream.percent", "from 0 to 100"),
        ("brakes: {run: {bytes: 8%}}", "brakes.run.bytes", "`8%` is a share"),
        ("brakes: {run: {bytes: 8 apples}}", "brakes.run.bytes", "`8 apples` is not a size"),
        ("brakes: {policy_change: never}", "brakes: policy_change", "`defer` or `apply`"),
        ("pressure: {free_below: 8%, until_free: 101%}", "pressure.until_free", "`101%` is not a size"),
        ("pressure: {free_below: GiB, until_free: 9%}", "pressure.free_below", "`GiB` is not a size"),
        ("pressure: {free_below: 1.2.3, until_free: 9%}", "pressure.free_below", "`1.2.3` is not a size"),
        ("defaults: {floor: 0}", "defaults.floor", "at least 1"),
        ("defaults: {floor: 0, min_age: 3}", "defaults", "3"),
    ] {
        let told = wrong(&format!("{text}\n{ALL}"));
        assert!(told.contains(place) && told.contains(why), "{text}: {told}");
    }
    let policy = read(&format!(
        "brakes: {{max_per_run: 1, run: {{percent: 0}}, stream: {{percent: 100, min_sample: 4, count: 3}}, policy_change: apply}}\npressure: {{free_below: 0%, until_free: 100%}}\n{ALL}"
    ));
    let brakes = &policy.brakes;
    assert_eq!((brakes.max_per_run, brakes.policy_change), (Some(1), PolicyChange::Apply));
    assert_eq!((brakes.run.percent, brakes.run.count), (Some((0.0, 10)), None));
    assert_eq!((brakes.stream.percent, brakes.stream.count), (Some((100.0, 4)), Some(3)));
    assert_eq!(policy.pressure.unwrap().until_free.of(700), 700);
}

#[test]
fn a_family_without_a_name_a_rule_or_a_path_is_refused() {
    for (family, place, why) in [
        ("name: \" \", match: x, keep: []", "families[0].name", "the name is empty"),
        (
            "name: \"a\\x07\", match: x, keep: []",
            "families[0].name",
            "the name contains the control character U+0007",
        ),
        ("name: \"a\\u202Eb\", match: x, keep: []", "families[0].name", "the name contains U+202E"),
        (
            "name: a, match: x, keep: [], parts: {\"p\\e[2K\": {paths: [in], keep: []}}",
            "families[0].parts.p",
            "the name contains the control character U+001B",
        ),
        ("name: a, match: x", "families[0]", "`keep` is missing"),
        ("name: a, match: \"\", keep: []", "families[0].match", "can match nothing"),
        ("name: a, match: \"a/***\", keep: []", "families[0].match", "is not a pattern"),
        ("name: a, match: x, floor: 0, keep: []", "families[0].floor", "at least 1"),
        (
            "name: a, match: x, keep: [], parts: {p: {paths: [], keep: []}}",
            "families[0].parts.p",
            "`paths` is empty",
        ),
        (
            "name: a, match: x, keep: [], parts: {p: {paths: [/in], keep: []}}",
            "parts.p.paths[0]",
            "can match nothing",
        ),
        (
            "name: a, match: x, keep: [], parts: {p: {paths: [in], keep: [{}]}}",
            "parts.p.keep[0]",
            "exactly one of",
        ),
        (
            "name: a, match: x, keep: [], archive: {to: archive}",
            "families[0].archive.to",
            "`archive` is not the address of a mirror",
        ),
        (
            "name: a, match: x, keep: [], archive: {to: \"s3://key:secret@bucket/x\"}",
            "families[0].archive.to",
            "a user, a key",
        ),
        (
            "name: a, match: x, keep: [], archive: {to: /srv/a, until: 0d}",
            "families[0].archive.until",
            "0 holds nothing",
        ),
        (
            "name: a, match: x, keep: [], archive: {to: /srv/a, untl: 1y}",
            "families[0].archive.untl",
            "unknown key `untl` (`until`?)",
        ),
        ("name: a, match: x, keep: [], archive: /srv/a", "families[0]", "`to` and `until`, such as"),
        ("name: a, match: x, keep: [], failed: [{}]", "families[0].failed[0]", "exactly one of"),
    ] {
        let told = wrong(&format!("families: [{{{family}}}]\n"));
        assert!(told.contains(place) && told.contains(why), "{family}: {told}");
    }
    assert!(wrong("families: []\n").contains("expected at least one"));
    assert!(
        Policy::load(&format!("version: 2\n{ALL}"), "p.yaml")
            .unwrap_err()
            .to_string()
            .contains("1 is accepted")
    );
}

#[test]
fn events_are_days_in_the_zone_or_instants_in_their_order() {
    let text = "timezone: Europe/Berlin\nevents: {ga: [2026-07-02, \"2026-07-01T12:00:00Z\", 2026-01-05]}\n";
    let events = read(&format!("{text}{ALL}")).events["ga"].iter().map(|at| at.iso()).collect::<Vec<_>>();
    assert_eq!(events, ["2026-01-04T23:00:00Z", "2026-07-01T12:00:00Z", "2026-07-01T22:00:00Z"]);
    for odd in ["2026-1-5", "2026-02-30", "soon"] {
        let told = wrong(&format!("events: {{ga: [{odd}]}}\n{ALL}"));
        assert!(
            told.contains("events.ga[0]") && told.contains(&format!("`{odd}` is not an event")),
            "{told}"
        );
    }
}
