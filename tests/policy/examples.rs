//! Examples inside a policy and keys that it does not have: what each says, what comes of it, and how a mistake is told.

use mirrorkeep::decide::policy::{Policy, PolicyTest};
use mirrorkeep::model::Outcome;

const ALL: &str = "families: [{name: all, match: \"**\", keep: [{last: 1}]}]\n";

/// Returns a policy with one example, written as the value of `tests`.
fn with_example(example: &str) -> String {
    format!(
        "version: 1\ndefaults: {{floor: 1, min_age: 0h, superseded_grace: 0h}}\nfamilies: [{{name: all, match: \"**\", keep: [{{last: 1}}], failed: []}}]\ntests:\n  - {{name: one, {example}}}\n"
    )
}

fn example(text: &str) -> (Policy, PolicyTest) {
    let policy =
        Policy::load(&with_example(text), "p.yaml").unwrap_or_else(|error| panic!("{error}: {text}"));
    let test = policy.tests[0].clone();
    (policy, test)
}

/// Returns what an example expects and does not come out.
fn surprises(text: &str) -> Vec<String> {
    let (policy, test) = example(text);
    policy.surprises(&test).into_iter().map(|one| format!("{}: {}", one.place, one.message)).collect()
}

/// Returns what is wrong with a policy, one problem a line.
fn wrong(text: &str) -> String {
    match Policy::load(text, "p.yaml") {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(error) => error.to_string(),
    }
}

const NOW: &str = "now: 2026-06-15T00:00:00Z, stream: master/x";
const THREE: &str = "given: {every: 24h, from: 2026-06-01T00:00:00Z, to: 2026-06-03T00:00:00Z}";
const FIRST: &str = "20260601T000000Z";

#[test]
fn a_series_ends_with_the_last_instant_and_single_builds_add_to_it_or_change_one() {
    let names = |text: &str| {
        let (_, test) = example(&format!("{NOW}, {text}, expect: {{{FIRST}: {{expire: any}}}}"));
        test.builds.iter().map(|build| build.created.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(THREE), [FIRST, "20260602T000000Z", "20260603T000000Z"]);
    let short = THREE.replace("03T00:00:00Z", "02T23:59:59Z");
    assert_eq!(names(&short), [FIRST, "20260602T000000Z"]);
    assert_eq!(
        names(&format!("{short}, builds: {{20260531T000000Z: {{}}, {FIRST}: {{}}}}")),
        ["20260531T000000Z", FIRST, "20260602T000000Z"]
    );
    let (_, test) = example(&format!(
        "{NOW}, given: {{every: 24h, from: 2026-06-01T00:00:00Z, to: 2026-06-02T00:00:00Z, result: fail, labels: {{a: x}}}}, \
         builds: {{{FIRST}: {{labels: {{b: y}}, hold: why, published: 2026-06-05T00:00:00Z}}}}, expect: {{{FIRST}: {{keep: any}}}}"
    ));
    let [first, second] = &test.builds[..] else { panic!("{:?}", test.builds) };
    assert_eq!((first.result, first.hold.as_deref()), (Outcome::Success, Some("why")));
    assert_eq!((first.labels.len(), &*first.labels["b"]), (1, "y"));
    assert_eq!(first.published.iso(), "2026-06-05T00:00:00Z");
    assert_eq!((second.result, &second.hold, &*second.labels["a"]), (Outcome::Fail, &None, "x"));
    assert_eq!(second.published, second.created);
}

#[test]
fn what_is_said_of_a_build_of_an_example_counts_in_its_plan() {
    let expect = |builds: &str, rest: &str, verdict: &str| {
        surprises(&format!(
            "{NOW}, {THREE}, builds: {{{FIRST}: {{{builds}}}}}, {rest} expect: {{{FIRST}: {{{verdict}}}}}"
        ))
    };
    let none: [&str; 0] = [];
    assert_eq!(expect("", "", "expire: last"), none);
    assert_eq!(expect("hold: bug 7", "", "keep: hold"), none);
    assert_eq!(expect("", &format!("aliases: {{current: {FIRST}}},"), "keep: alias"), none);
    assert_eq!(expect("result: fail", "", "expire: any"), none);
    assert_eq!(expect("result: unknown", "", "keep: any").len(), 0);
    // Nobody writes to a build of an example after it was published; a day later what is partial goes.
    assert_eq!(expect("result: partial", "", "expire: within"), none);
    assert_eq!(expect("result: partial, published: 2026-06-14T12:00:00Z", "", "keep: within"), none);
    let place = format!("tests[0].expect.{FIRST}: ");
    assert_eq!(
        expect("", "", "blocked: any"),
        [format!("{place}expected blocked, came out expire (last 1)")]
    );
    // A word stands for itself, not for a part of another.
    assert_eq!(
        expect("", "", "expire: las"),
        [format!("{place}expected expire by `las`, came out expire (last 1)")]
    );
    // The verdict alone is not enough when the word is another one, nor the word when the verdict is.
    assert_eq!(
        expect("", "", "keep: last"),
        [format!("{place}expected keep by `last`, came out expire (last 1)")]
    );
    assert_eq!(expect("", "", "expire: 'true'"), none);
}

#[test]
fn a_build_that_cannot_be_judged_is_blocked_by_part_of_why() {
    let ahead = "20260616T000000Z";
    let expect = |verdict: &str| {
        surprises(&format!("{NOW}, {THREE}, builds: {{{ahead}: {{}}}}, expect: {{{ahead}: {{{verdict}}}}}"))
    };
    let none: [&str; 0] = [];
    assert_eq!(expect("blocked: any"), none);
    assert_eq!(expect("blocked: future"), none);
    assert_eq!(expect("blocked: apples").len(), 1);
    assert_eq!(expect("keep: any").len(), 1);
    assert_eq!(expect("expire: any").len(), 1);
}

#[test]
fn an_example_that_cannot_be_tried_is_refused() {
    let stamp = "20260601T000000";
    for (text, place, why) in [
        (format!("{NOW}, {THREE}, expect: {{}}"), "tests[0].expect", "the example cannot fail"),
        (
            format!("{NOW}, {THREE}, expect: {{20260604T000000Z: {{keep: any}}}}"),
            "tests[0].expect.20260604T000000Z",
            "has no build",
        ),
        (
            format!("{NOW}, {THREE}, aliases: {{a: 20260604T000000Z}}, expect: {{{FIRST}: {{keep: any}}}}"),
            "tests[0].aliases.a",
            "has no build",
        ),
        (format!("{NOW}, {THREE}, expect: {{{FIRST}: {{}}}}"), "tests[0].expect", "exactly one of `keep`"),
        (
            format!("{NOW}, {THREE}, expect: {{{FIRST}: {{keep: any, expire: any}}}}"),
            "tests[0].expect",
            "exactly one of `keep`",
        ),
        (
            format!("{NOW}, {THREE}, expect: {{{FIRST}: {{keep: any, parts: {{p: gone}}}}}}"),
            "parts.p",
            "`keep` and `expire` are accepted",
        ),
        (format!("{NOW}, {THREE}, expect: {{{stamp}: {{keep: any}}}}"), "tests[0].expect", stamp),
        (
            format!("now: soon, stream: x, {THREE}, expect: {{{FIRST}: {{keep: any}}}}"),
            "tests[0].now",
            "soon",
        ),
        (
            format!("now: 2026-06-15T00:00:00Z, stream: /x, {THREE}, expect: {{{FIRST}: {{keep: any}}}}"),
            "tests[0].stream",
            "/x",
        ),
        (
            format!("{NOW}, {}, expect: {{{FIRST}: {{keep: any}}}}", THREE.replace("24h", "0h")),
            "tests[0].given.every",
            "the interval is zero",
        ),
        (
            format!("{NOW}, {}, expect: {{{FIRST}: {{keep: any}}}}", THREE.replace("06-01T", "02-30T")),
            "tests[0].given.from",
            "2026-02-30",
        ),
        (
            format!(
                "{NOW}, {THREE}, builds: {{{FIRST}: {{result: good}}}}, expect: {{{FIRST}: {{keep: any}}}}"
            ),
            "result",
            "good",
        ),
        (
            format!(
                "{NOW}, {THREE}, builds: {{{FIRST}: {{published: then}}}}, expect: {{{FIRST}: {{keep: any}}}}"
            ),
            "published",
            "then",
        ),
        (
            format!(
                "{NOW}, given: {{every: 1m, from: 2025-06-01T00:00:00Z, to: 2026-06-03T00:00:00Z}}, expect: {{{FIRST}: {{keep: any}}}}"
            ),
            "tests[0].given",
            "more than 100000 builds",
        ),
    ] {
        let told = wrong(&with_example(&text));
        assert!(told.contains(place) && told.contains(why), "{text}: {told}");
    }
}

#[test]
fn an_unknown_key_is_told_wherever_it_stands_with_those_that_are_accepted() {
    let family =
        |rest: &str| format!("families: [{{name: all, match: \"**\", keep: [{{last: 1}}], {rest}}}]\n");
    for (text, accepted) in [
        (format!("extra: 1\n{ALL}"), "`families`"),
        (format!("defaults: {{extra: 1}}\n{ALL}"), "`min_age`"),
        (format!("defaults: {{failed: [{{last: 1, extra: 1}}]}}\n{ALL}"), "`forever`"),
        (format!("brakes: {{extra: 1}}\n{ALL}"), "`max_per_run`"),
        (format!("brakes: {{run: {{extra: 1}}}}\n{ALL}"), "`min_sample`"),
        (format!("pressure: {{free_below: 1%, until_free: 2%, extra: 1}}\n{ALL}"), "`until_free`"),
        (family("extra: 1"), "`superseded_grace`"),
        (family("failed: [{last: 1, extra: 1}]"), "`forever`"),
        (family("failed: [{last: 1}, {daily: {count: 1, extra: 1}}]"), "`pick`"),
        (family("failed: [{periods: {of: a, n: 1, extra: 1}}]"), "`of`"),
        (family("failed: [{last: {max: 2, min: 1, extra: 1}}]"), "`max`"),
        (family("failed: [{daily: {within: {max: 2d, min: 1d, extra: 1}}}]"), "`min`"),
        (family("parts: {bulky: {paths: [a], keep: [], extra: 1}}"), "`paths`"),
        (family("parts: {bulky: {paths: [a], keep: [{last: 1, extra: 1}]}}"), "`forever`"),
        (format!("{ALL}tests: [{{name: a, now: b, stream: c, expect: {{}}, extra: 1}}]\n"), "`given`"),
        (format!("{ALL}tests: [{{name: a, now: b, stream: c, expect: {{d: {{extra: 1}}}}}}]\n"), "`blocked`"),
    ] {
        let text = format!("version: 1\n{text}");
        let told = wrong(&text);
        assert!(told.contains("unknown key `extra`; accepted: "), "{text}: {told}");
        assert!(told.contains(accepted), "{text}: {told}");
        assert_eq!(told.matches("unknown").count(), 1, "{text}: {told}");
    }
}

#[test]
fn a_key_that_is_nearly_one_is_told_with_that_one() {
    for (key, told) in [
        ("famlies", "unknown key `famlies` (`families`?)"),
        ("evetn", "unknown key `evetn` (`events`?)"),
        ("breaks", "unknown key `breaks` (`brakes`?)"),
        ("breakage", "unknown key `breakage`; accepted"),
        ("familiarity", "unknown key `familiarity`; accepted"),
    ] {
        let found = wrong(&format!("version: 1\n{key}: 1\n{ALL}"));
        assert!(found.contains(told), "{found}");
    }
}

#[test]
fn labels_calendars_and_parts_have_names_of_their_own() {
    let text = "version: 1\nevents: {any-name: [2026-01-01]}\nfamilies:\n  - {name: a, match: \"**\", keep: [{label: {any: x}}, {last: 1, where: {other: y}}], parts: {name: {paths: [a], keep: []}}}\n";
    assert!(Policy::load(text, "p.yaml").is_ok());
}

#[test]
fn every_mistake_in_the_form_is_told_at_once_and_once() {
    let told = wrong(
        "version: 1\nextra: 1\ndefaults: {failed: [{last: x}, {within: y}], min_age: 1h}\nbrakes: {run: {count: z}}\npressure: {free_below: 8%}\nfamilies:\n  \
         - {name: a, match: x, keep: [{last: one}], failed: [{last: 1}, {last: two}], partial: [{last: three}], empty: [{last: four}, {last: {max: 2, min: 1, more: 1}}], parts: {p: {paths: [a], keep: [{last: five}]}}}\n  \
         - {name: b, match: y, keep: [{last: 1}], floor: six}\ntests:\n  - {name: a, now: b, stream: c, expect: {}, given: {every: seven, from: a, to: b}}\n",
    );
    let each = [
        "extra: unknown key `extra`",
        "defaults.failed[0]: last: `x` is not a count",
        "defaults.failed[1]: within: `y`",
        "brakes: run.count: string \"z\" is not accepted here; expected a whole number",
        "pressure: missing field `until_free`",
        "families[0].keep[0]: last: `one` is not a count",
        "families[0].failed[1]: last: `two` is not a count",
        "families[0].partial[0]: last: `three` is not a count",
        "families[0].empty[0]: last: `four` is not a count",
        "families[0].empty[1].last.more: unknown key `more`",
        "families[0].parts.p.keep[0]: last: `five` is not a count",
        "families[1]: floor: string \"six\" is not accepted here; expected a whole number",
        "tests[0]: given.every: `seven`",
    ];
    for what in each {
        assert_eq!(told.matches(what).count(), 1, "{what}: {told}");
    }
    // The first line says what follows; each mistake has one.
    assert_eq!(told.lines().count(), 1 + each.len(), "{told}");
    let defaults =
        wrong(&format!("version: 1\ndefaults: {{min_age: soon}}\nbrakes: {{run: {{count: z}}}}\n{ALL}"));
    assert!(defaults.contains("`soon`") && defaults.contains("brakes"), "{defaults}");
}
