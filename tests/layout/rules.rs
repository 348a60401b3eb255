//! What `docs/layout-grammar.md` says of layouts, rule by rule: what one means, and what one that means nothing is told.

use mirrorkeep::layout::{Created, Files, Layout, Place};
use mirrorkeep::model::{BuildId, RelPath, Stamp, Stream};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Reads a layout whose fields and tree are the same for every test here.
fn layout(lines: &str) -> Result<Layout, String> {
    let head = "layout: 1\nname: x\ntitle: t\n";
    let fields = "fields:\n  a: { matches: '[a-z]+', examples: [ok] }\n  n: { matches: '[0-9]+' }\n  \
        s: { time: '%Y%m%d' }\n  w: { one_of: [one, two] }\n  v: { matches: '[0-9]+', examples: ['7'] }\n";
    let tree = "tree: [m, k, t, STATUS, 'd/**', 'e/*.x', '{n}.tar']\n";
    let streams =
        if lines.contains("streams:\n") { "" } else { "streams: [{ stream: 's/{a}', build: '{n}' }]\n" };
    Layout::load(&format!("{head}{fields}{tree}{streams}{lines}\n"), "x").map_err(|error| error.to_string())
}

fn stream(text: &str) -> Stream {
    text.parse().unwrap()
}

#[test]
fn what_a_layout_cannot_mean_is_refused() {
    #[track_caller]
    fn case(lines: &str, expected: &str) {
        let error = layout(lines).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    case("streams:\n  - { stream: s, build: '{a}/{n}' }", "one name without `/`");
    case("streams:\n  - { stream: s, build: '**' }", "one name without `/`");
    case("aliases: [{ name: '**' }]", "is not one name without `/`");
    case("markers: { results: [{ result: fail, paths: [] }] }", "`paths` is empty");
    case("markers: { results: [{ result: grand, paths: [m] }] }", "`grand` has no marker here");
    case("markers: { results: [{ result: fail, paths: [/m] }] }", "markers.results[0].paths[0]: ");
    case("markers: { results: [{ result: fail, paths: [m, x] }] }", "`x` has no place in `tree`");
    case("markers: { results: [{ result: fail, paths: [d] }] }", "`d` has no place in `tree`");
    case(
        "markers: { results: [{ result: partial, paths: [m], words: [P], content: P }] }",
        "a marker that is never written",
    );
    case(
        "markers: { results: [{ result: fail, paths: [m], words: [F], key: k, content: F }] }",
        "a marker that is never written",
    );
    case("markers: { labels: [{ path: m, label: red }] }", "markers.labels[0].label: ");
    case("markers: { labels: [{ path: x, label: a=b }] }", "markers.labels[0].path: `x` has no place");
    case("markers: { context: x }", "markers.context: `x` has no place");
    case("markers: { context_optional: true }", "markers.context_optional: there is no `context`");
    case("legacy: [{ alias: 'r{z}', target: s }]", "`{z}` is not a field");
    case("declared: [{ path: 'a/**/b', why: x }]", "`**` must be last");
    case("declared: [{ path: 'a//b', why: x }]", "an empty name");
    case("declared: [{ path: 'a{n', why: x }]", "`{` without `}`");
    case("declared: [{ path: 'a{n}}', why: x }]", "`}` without `{`");
    case("declared: [{ path: 'a}', why: x }]", "`}` without `{`");
    case("beside: ['[*']", "beside");
    case("branches: [{ branch: x, stream: 's/{z}' }]", "branches[0].stream: ");
}

#[test]
fn a_field_is_one_of_three_and_its_examples_fit() {
    #[track_caller]
    fn case(field: &str, expected: Option<&str>) {
        let text = format!(
            "layout: 1\nname: x\ntitle: t\nfields:\n  f: {field}\nstreams: [{{ stream: s, build: '{{f}}' }}]\n"
        );
        let error = Layout::load(&text, "x").err().map(|error| error.to_string());
        match expected {
            None => assert_eq!(error, None, "{field}"),
            Some(expected) => {
                assert!(error.as_ref().is_some_and(|e| e.contains(expected)), "{field}: {error:?}");
            }
        }
    }
    case("{ one_of: [a, b], examples: [b] }", None);
    case("{ one_of: [a, b], examples: [c] }", Some("fields.f.examples[0]: `c` does not fit"));
    case("{ one_of: [a, b], except: [b], examples: [b] }", Some("`b` does not fit"));
    case("{ one_of: [] }", Some("`one_of` is empty"));
    case("{ matches: 'a|b', examples: [a, b] }", None);
    case("{ matches: 'a|b', examples: [ax] }", Some("`ax` does not fit"));
    case("{ matches: 'a|b', examples: [xb] }", Some("`xb` does not fit"));
    case("{ time: '%Y%m%d', examples: ['20181205'] }", None);
    case("{ time: '%Y%m%d', examples: ['20180230'] }", Some("`20180230` does not fit"));
    case("{ time: '%Y%m%d', examples: [x20181205] }", Some("`x20181205` does not fit"));
    case("{ time: '%Y' }", Some("`%Y` cannot be read back"));
    case("{ one_of: [a], matches: a }", Some("exactly one of"));
    case("{ matches: a, time: '%Y%m%d' }", Some("exactly one of"));
    case("{ examples: [a] }", Some("exactly one of"));
}

#[test]
fn another_version_and_no_streams_are_refused() {
    for (text, expected) in [
        ("layout: 2\nname: x\ntitle: t\nstreams: [{ stream: s, build: b }]\n", "version 2 is not known"),
        ("layout: 1\nname: x\ntitle: t\nstreams: []\n", "no stream"),
    ] {
        let error = Layout::load(text, "x").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_sound_layout_says_what_stands_in_it() {
    let layout = layout("policy: p").unwrap();
    assert_eq!((layout.name(), layout.title(), layout.default_policy()), ("x", "t", Some("p")));
    let markers = "markers: { hold: k, context: d/c, labels: [{ path: m, label: a=b }] }\ncreated: { file: t, key: k, time: unix }";
    let layout = self::layout(markers).unwrap();
    assert_eq!(layout.default_policy(), None);
    let markers = layout.markers();
    let at = |path: &Option<RelPath>| path.as_ref().map(ToString::to_string);
    assert_eq!((at(&markers.hold).as_deref(), at(&markers.context).as_deref()), (Some("k"), Some("d/c")));
    assert_eq!(markers.labels, [("m".parse().unwrap(), "a".to_owned(), "b".to_owned())]);
    let created = markers.created.as_ref().unwrap();
    assert_eq!(
        (created.file.as_str(), created.key.as_deref(), created.form.as_deref()),
        ("t", Some("k"), Some("unix"))
    );
}

/// The first path of a result is written, with `content` in it; what has a key or is `given` never is.
#[test]
fn a_marker_is_written_with_its_content_unless_it_is_the_builds_own() {
    #[track_caller]
    fn case(rest: &str, content: Option<&str>) {
        let lines = format!("markers: {{ results: [{{ result: success, paths: [m]{rest} }}] }}");
        let layout = layout(&lines).unwrap();
        assert_eq!(layout.markers().results[0].content.as_deref(), content, "{rest}");
    }
    case("", Some(""));
    case(", content: done", Some("done"));
    case(", words: [OK, FINE]", Some("OK"));
    case(", words: [OK, FINE], content: \"FINE\\n\"", Some("FINE\n"));
    case(", words: [OK], key: k", None);
    case(", words: [OK], given: true", None);
    case(", given: true", None);
    let partial = layout("markers: { results: [{ result: partial, paths: [m], words: [P] }] }").unwrap();
    assert_eq!(partial.markers().results[0].content, None);
}

/// The files of one build with their text.
struct Texts<'a>(&'a [(&'a str, &'a str)]);

impl Files for Texts<'_> {
    type Error = Infallible;

    fn has(&self, at: &RelPath) -> Result<bool, Infallible> {
        Ok(self.text(at)?.is_some())
    }

    fn text(&self, at: &RelPath) -> Result<Option<String>, Infallible> {
        Ok(self.0.iter().find(|(name, _)| *name == at.as_str()).map(|(_, text)| (*text).to_owned()))
    }
}

/// The files of a build; the result, the marker and a part of the problem that they tell.
type Told<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

#[test]
fn the_markers_of_a_build_tell_one_result_or_why_there_is_none() {
    let markers = "markers:\n  results:\n    - { result: success, paths: [m, d/m] }\n    \
        - { result: fail, paths: [k] }\n    - { result: success, paths: [STATUS], words: [OK] }\n    \
        - { result: fail, paths: [STATUS], words: [BAD] }\n";
    let layout = layout(markers).unwrap();
    let rows: [Told<'_>; 10] = [
        (&[], "partial", "", ""),
        (&[("m", "")], "success", "m", ""),
        (&[("d/m", "")], "success", "d/m", ""),
        // Two places of one marker are one marker.
        (&[("m", ""), ("d/m", "")], "success", "m", ""),
        (&[("k", "")], "fail", "k", ""),
        (&[("m", ""), ("k", "")], "unknown", "m", "more than one result marker"),
        // Of a shared file one rule knows a word that another does not.
        (&[("STATUS", "OK\n")], "success", "STATUS", ""),
        (&[("STATUS", "BAD\n")], "fail", "STATUS", ""),
        (&[("STATUS", "ODD\n")], "unknown", "STATUS", "`STATUS` has `ODD`"),
        (&[("m", ""), ("STATUS", "ODD\n")], "unknown", "STATUS", "`STATUS` has `ODD`"),
    ];
    for (files, outcome, marker, problem) in rows {
        let told = layout.result_of(&Texts(files)).unwrap();
        assert_eq!(told.outcome.as_str(), outcome, "{files:?}");
        assert_eq!(told.marker.as_ref().map_or("", RelPath::as_str), marker, "{files:?}");
        let why = told.problem.unwrap_or_default();
        assert!(why.contains(problem) && why.is_empty() == problem.is_empty(), "{files:?}: {why}");
    }
}

#[test]
fn what_a_build_without_any_marker_is_the_layout_says() {
    for (lines, outcome) in [
        ("", "partial"),
        ("markers: { without: partial }", "partial"),
        ("markers: { without: success }", "success"),
        ("markers: { without: unknown }", "unknown"),
    ] {
        let told = layout(lines).unwrap().result_of(&Texts(&[])).unwrap();
        assert_eq!((told.outcome.as_str(), told.marker), (outcome, None), "{lines}");
    }
}

#[test]
fn the_file_that_says_when_a_build_was_made_is_read_in_the_form_that_the_layout_names() {
    #[track_caller]
    fn case(created: &str, text: &str, expected: &str) {
        let layout = layout(&format!("created: {created}")).unwrap();
        let told = layout.told_time(&Texts(&[("t", text)])).unwrap().unwrap();
        let told = told.map_or_else(|why| why, Stamp::iso);
        assert!(told.starts_with(expected), "{told}");
    }
    case("{ file: t }", "2018-12-05T06:00:00Z\n", "2018-12-05T06:00:00Z");
    case("{ file: t, time: unix }", "1543989600\n", "2018-12-05T06:00:00Z");
    case("{ file: t, time: '%Y%m%d' }", "20181205", "2018-12-05T00:00:00Z");
    case("{ file: t, time: '%Y%m%d' }", "1543989600", "the time in `t`: ");
    case("{ file: t, time: unix }", "2018-12-05T06:00:00Z", "the time in `t`: ");
    case("{ file: t, key: a.b }", "a: { b: '2018-12-05T06:00:00Z' }", "2018-12-05T06:00:00Z");
    case("{ file: t, key: a.b }", "a: { c: x }", "t:1:1: a.b: this entry is missing");
}

#[test]
fn what_a_stream_lacks_has_too_much_or_has_wrong_is_told() {
    let layout = layout("streams:\n  - { stream: 's/{w}/end', build: '{n}' }").unwrap();
    for (name, expected) in [
        ("s", "it is too short; expected next: `one`, `two`"),
        ("s/one", "it is too short; expected next: `end`"),
        ("s/three/end", "`three` does not fit; expected `one`, `two`"),
        ("x/one/end", "`x` does not fit; expected `s`"),
        ("s/one/end/more", "`more` is one name too many"),
    ] {
        let error = layout.stream_path(&stream(name)).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("the streams are `s/{w}/end`"), "{error}");
    }
    assert_eq!(layout.stream_path(&stream("s/two/end")).unwrap().as_str(), "s/two/end");
    // Of several forms of streams each one is named.
    let several =
        self::layout("streams:\n  - { stream: 's/{w}', build: '{n}' }\n  - { stream: 't', build: '{n}' }")
            .unwrap();
    let error = several.stream_path(&stream("x")).unwrap_err().to_string();
    assert!(error.contains("`x` does not fit; expected `s`, or `t`; "), "{error}");
    let id: BuildId = "s/one/end/x".parse().unwrap();
    let error = layout.build_path(&id).unwrap_err().to_string();
    assert!(
        error.contains("`x` is not a valid build name there; expected a n of the form `[0-9]+`"),
        "{error}"
    );
}

#[test]
fn a_build_is_named_by_its_time_and_the_first_respin_where_that_says_all() {
    let at = "20181205T060000Z".parse().unwrap();
    let name = |build: &str| {
        let lines = format!("streams:\n  - {{ stream: s, build: '{build}', respin: n }}");
        let lines = if build.contains("{n}") { lines } else { lines.replace(", respin: n", "") };
        let layout = layout(&lines).unwrap();
        layout.build_name(&stream("s"), at).map(|name| name.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(name("{s}").as_deref(), Ok("20181205"));
    assert_eq!(name("b-{s}.{n}").as_deref(), Ok("b-20181205.0"));
    let error = name("{s}.{v}").unwrap_err();
    assert!(error.contains("v is not given") && error.contains("give it with --build"), "{error}");
}

#[test]
fn the_name_of_a_build_tells_its_time_and_its_respin() {
    let layout =
        layout("streams:\n  - { stream: s, build: '{s}.{n}', respin: n }\n  - { stream: u, build: '{n}' }")
            .unwrap();
    let created = |id: &str| layout.created(&id.parse().unwrap());
    let day = "20181205T000000Z".parse().unwrap();
    assert_eq!(created("s/20181205.0"), Created::At(day, 0));
    assert_eq!(created("s/20181205.12"), Created::At(day, 12));
    assert_eq!(created("u/7"), Created::Unnamed);
    assert_eq!(created("elsewhere/7"), Created::Unnamed);
    assert!(matches!(created("s/20180230.1"), Created::Impossible(why) if why.contains("20180230")));
    let many = "s/20181205.99999999999999999999";
    assert!(matches!(created(many), Created::Impossible(why) if why.contains("its respin is not a number")));
}

#[test]
fn a_branch_is_built_into_the_stream_that_takes_what_it_says_and_what_is_given() {
    let branches = "streams:\n  - { stream: 's/{a}[/{w}]', build: '{n}' }\n  - { stream: 'r/{w}', build: '{n}' }\n\
        branches:\n  - { branch: 'f/{a}', stream: 's/{a}[/{w}]' }\n  - { branch: 't{n}', stream: 's/tags', build: '{n}' }\n";
    let layout = layout(branches).unwrap();
    let place = |branch: &str, given: &[(&str, &str)]| {
        let given: BTreeMap<String, String> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let place = layout.branch(branch, &given).map_err(|error| error.to_string())?;
        Ok::<_, String>((place.stream.to_string(), place.build.map(|name| name.to_string())))
    };
    assert_eq!(place("f/main", &[]), Ok(("s/main".to_owned(), None)));
    assert_eq!(place("f/main", &[("w", "two")]), Ok(("s/main/two".to_owned(), None)));
    // What the branch says goes before what is given.
    assert_eq!(place("f/main", &[("a", "other")]), Ok(("s/main".to_owned(), None)));
    assert_eq!(place("t12", &[]), Ok(("s/tags".to_owned(), Some("12".to_owned()))));
    for (branch, given, expected) in [
        ("f/main", &[("w", "three")][..], "`three` is not a valid w here"),
        ("f/main", &[("z", "1")], "its stream has no field `z`; it takes `w`"),
        ("x/main", &[], "branches and tags of the forms `f/{a}`, `t{n}` are mapped"),
        ("f/MAIN", &[], "are mapped"),
    ] {
        let error = place(branch, given).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let none = self::layout("").unwrap().branch("main", &BTreeMap::new()).unwrap_err().to_string();
    assert!(none.contains("it maps no branches"), "{none}");
}

/// What `place` says of a path: kind and rule of its place.
#[track_caller]
fn place(layout: &Layout, path: &str, expected: &str) {
    let told = match layout.place(&path.parse().unwrap()) {
        Place::Stray(stray) => {
            format!("{}: {} => {}", stray.rule, stray.why, stray.nearest.unwrap_or_default())
        }
        Place::Inside { artifact, rest, .. } => {
            format!("inside {rest} by {}{}", artifact.rule, if artifact.leaf { "" } else { ", no file" })
        }
        Place::Beside { stream, rule } => format!("beside {stream} by {rule}"),
        Place::Alias { stream, name, legacy } => {
            let stream = stream.map_or_else(|| "none".to_owned(), |stream| stream.to_string());
            format!("alias {name} of {stream}{}", if legacy { ", legacy" } else { "" })
        }
        other => other.kind().to_owned(),
    };
    assert_eq!(told, expected, "{path}");
}

#[test]
fn every_path_of_a_mirror_has_the_place_that_the_rules_give_it() {
    let layout = layout(
        "aliases: [{ name: latest }, { name: 'top-{a}', streams: s/top }]\nbeside: [README, 'notes/*']\n\
         declared: [{ path: 'old/{n}/**', why: 'from before' }, { path: keep, why: 'by hand' }]\n\
         legacy: [{ alias: 'z/{a}', target: 's/{a}' }]",
    )
    .unwrap();
    let case = |path: &str, expected: &str| place(&layout, path, expected);
    case("", "root");
    case(".mirrorkeep", "own");
    case("s", "above");
    case("s/main", "stream");
    case("s/main/7", "build");
    case("s/main/7/SHA256SUMS", "inside SHA256SUMS by SHA256SUMS");
    case("s/main/7/m", "inside m by m");
    case("s/main/7/d", "inside d by directory, no file");
    case("s/main/7/d/x/y", "inside d/x/y by d/**");
    case("s/main/7/e", "inside e by directory, no file");
    case("s/main/7/e/a.x", "inside e/a.x by e/*.x");
    // A field that the build has, too, must have the same value.
    case("s/main/7/7.tar", "inside 7.tar by {n}.tar");
    let other = match layout.place(&"s/main/7/8.tar".parse().unwrap()) {
        Place::Stray(stray) => Some((stray.rule, stray.nearest.unwrap_or_default())),
        _ => None,
    };
    assert_eq!(other, Some(("unknown-n".to_owned(), "s/main/7/7.tar".to_owned())));
    case("s/main/latest", "alias latest of s/main");
    case("s/main/latest/m", "alias latest of s/main");
    case("s/top/top-top", "alias top-top of s/top");
    case("s/main/README", "beside s/main by README");
    case("s/main/notes", "beside s/main by directory");
    case("s/main/notes/x", "beside s/main by notes/*");
    case("s/main/retention.json", "beside s/main by retention.json");
    case("keep", "declared");
    case("old", "above");
    case("old/7", "declared");
    case("old/7/x/y", "declared");
    case("z", "above");
    case("z/main", "alias main of none, legacy");
    case("z/main/7/m", "alias main of none, legacy");
    case("z/main/latest", "alias main of none, legacy");
}

#[test]
fn what_lies_in_a_build_has_the_values_of_its_own_rule_and_not_those_of_the_build() {
    let layout = layout("streams:\n  - { stream: 's/{a}', build: '{n}' }").unwrap();
    let fields = |path: &str| match layout.place(&path.parse().unwrap()) {
        Place::Inside { artifact, .. } => artifact.fields.into_iter().collect::<Vec<_>>(),
        other => panic!("{path} is {}", other.kind()),
    };
    assert_eq!(fields("s/main/7/7.tar"), [("n".to_owned(), "7".to_owned())]);
    assert_eq!(fields("s/main/7/m"), []);
}

/// An alias by hand is known at its place, but it is nobody's but the person's who set it.
#[test]
fn the_aliases_that_follow_a_stream_are_its_own_and_not_those_set_by_hand() {
    let layout = layout(
        "aliases:\n  - { name: latest }\n  - { name: mine, by_hand: true }\n  - { name: top, streams: s/top }\n  \
         - { name: 'old*-{a}' }\n  - { name: 'green-{w}', labels: { sanity: '{w}' } }",
    )
    .unwrap();
    let said = ["sanity=one", "sanity=three", "other=two"].map(|label| label.parse().unwrap()).into();
    let names = |of: &str| {
        let rules = layout.aliases_of(&stream(of), &said).unwrap();
        rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>()
    };
    assert_eq!(names("s/main"), ["latest", "green-one"]);
    assert_eq!(names("s/top"), ["latest", "top", "green-one"]);
    place(&layout, "s/main/mine", "alias mine of s/main");
    place(&layout, "s/main/old1-main", "alias old1-main of s/main");
}

#[test]
fn a_stream_has_the_legacy_names_of_the_directories_in_which_it_lies() {
    let lines = "streams:\n  - { stream: 's/{a}/{w}', build: '{n}' }\n\
        legacy: [{ alias: 'z{a}', target: 's/{a}' }, { alias: 'y/{w}', target: 's/old/{w}' }]";
    let layout = layout(lines).unwrap();
    let names = |of: &str| {
        let names = layout.legacy(&stream(of));
        names.into_iter().map(|name| format!("{} -> {}", name.path, name.target)).collect::<Vec<_>>()
    };
    assert_eq!(names("s/main/one"), ["zmain -> s/main"]);
    assert_eq!(names("s/old/two"), ["zold -> s/old", "y/two -> s/old/two"]);
    assert_eq!(names("elsewhere"), [""; 0]);
}

#[test]
fn a_branch_of_an_unknown_kind_is_answered_with_the_kinds() {
    let layout = Layout::load(Layout::shipped("generic").unwrap(), "generic").unwrap();
    let error = layout.branch("user/me/thing", &BTreeMap::new()).unwrap_err().to_string();
    assert!(error.contains("are mapped; kind is `") && error.contains("`users`"), "{error}");
    let given = BTreeMap::from([("arc".to_owned(), "x86_64".to_owned())]);
    let error = layout.branch("main", &given).unwrap_err().to_string();
    assert!(error.contains("its stream has no field `arc`; it takes `arch`, `distro`"), "{error}");
}
