//! What is said of a path that has no place: the rule that it breaks, what is wanted there, and the nearest that has one.

use mirrorkeep::layout::{Layout, Place};

/// Reads a layout whose fields are the same for every test here.
fn layout(lines: &str) -> Layout {
    let fields = "fields:\n  a: { matches: '[a-z]+' }\n  w: { one_of: [one, two] }\n  n: { matches: '[0-9]+' }\n  \
        g: { matches: '(x|y)[0-9]+' }\n";
    Layout::load(&format!("layout: 1\nname: x\ntitle: t\n{fields}{lines}\n"), "x").unwrap()
}

/// Returns the rule that a path breaks, what is wanted and what is nearest; the kind of its place where it has one.
fn told(layout: &Layout, path: &str) -> String {
    match layout.place(&path.parse().unwrap()) {
        Place::Stray(stray) => {
            let near = stray.nearest.unwrap_or_default();
            format!("{}, {} => {near}", stray.rule, stray.expected)
        }
        place => place.kind().to_owned(),
    }
}

#[track_caller]
fn case(layout: &Layout, path: &str, expected: &str) {
    assert_eq!(told(layout, path), expected, "{path}");
}

#[test]
fn everything_that_may_stand_there_is_wanted_and_told_once() {
    let streams = "streams:\n  - { stream: 's/{a}', build: '{n}' }\n  - { stream: 'r/{w}', build: '{n}' }\n  \
        - { stream: 's/{a}/x', build: 'b{n}' }\n";
    let layout = layout(streams);
    case(&layout, "q", "unknown-class, `s`, `r` => s/q");
    case(&layout, "r/three", "unknown-w, `one`, `two` => r/<w>");
    case(&layout, "s/main/Q", "build-name, a n of the form `[0-9]+`, `x` => s/main/<n>");
}

#[test]
fn a_name_that_no_legacy_name_fits_is_a_stray() {
    let layout = layout(
        "streams: [{ stream: 's/{a}', build: '{n}' }]\nlegacy: [{ alias: cur, target: s/main }, { alias: 'l/{a}', target: 's/{a}' }]",
    );
    for (path, expected) in [("cur", "alias"), ("cur/7", "alias"), ("l", "above"), ("l/main", "alias")] {
        case(&layout, path, expected);
    }
    case(&layout, "q", "unknown-class, `s` => s/q");
    case(&layout, "q/main", "unknown-class, `s` => s/main");
}

#[test]
fn a_build_is_misfiled_only_where_directories_stand_between_it_and_the_home_of_its_stream() {
    let between = layout("streams: [{ stream: s, build: 'b{n}', path: 's/{n}/b{n}' }]");
    case(&between, "s/17/b17", "build");
    case(&between, "s/2/b17", "misfiled, `b<n>` => s/17/b17");
    case(&between, "s/b17", "misfiled, a n of the form `[0-9]+` => s/17/b17");
    case(&between, "q/b17", "unknown-class, `s` => s/<n>/b17");
    let straight = layout("streams: [{ stream: s, build: 'b{n}' }]");
    case(&straight, "s/q/b17", "build-name, `b<n>` => s/b17");
}

#[test]
fn a_field_may_hold_groups_of_its_own() {
    let layout = layout("streams: [{ stream: 's/{a}', build: '{g}-{n}.{w}' }]");
    case(&layout, "s/main/x1-7.one", "build");
    case(&layout, "s/main/y23-45.two", "build");
    for wrong in ["z1-7.one", "x-7.one", "x1-y.one", "x1-7.three"] {
        case(&layout, &format!("s/main/{wrong}"), "build-name, `<g>-<n>.<w>` => s/main/<g>-<n>.<w>");
    }
}

#[test]
fn what_a_path_says_is_kept_and_a_name_too_many_is_left_out() {
    let layout = layout("streams: [{ stream: 's/{a}', build: '{n}' }]\ntree: [m, 'f/{a}/{w}/x.y', 'd/x']");
    let near = |path: &str| told(&layout, path).split(" => ").nth(1).map(str::to_owned).unwrap_or_default();
    for (path, nearest) in [
        ("s/main/MORE/7", "s/main/7"),
        ("s/main/MORE/7/m", "s/main/7/m"),
        ("s/main/MORE/7/d/x", "s/main/7/d/x"),
        ("s/main/7/f/main/MORE/one/x.y", "s/main/7/f/main/one/x.y"),
        // A name that fits in two places stands in the first.
        ("s/main/7/f/one/x.y", "s/main/7/f/one/<w>/x.y"),
    ] {
        assert_eq!(near(path), nearest, "{path}");
    }
}

#[test]
fn where_nothing_may_lie_in_a_build_the_nearest_path_is_the_build() {
    let layout = layout("streams: [{ stream: 's/{a}', build: '{n}' }]");
    case(&layout, "s/main/MORE/7", "build-name, a n of the form `[0-9]+` => s/main/7");
    case(&layout, "s/main/7/x", "unknown-direction, nothing below => s/main/7");
}

#[test]
fn the_nearest_path_has_a_place_though_more_than_one_name_was_wrong() {
    let layout = layout("streams: [{ stream: 's/{w}', build: '{n}' }]\ntree: ['{n}.tar']");
    case(&layout, "s/one/7/8.tar", "unknown-n, `<n>.tar` => s/one/7/7.tar");
    case(&layout, "s/twoo/7/8.tar", "unknown-w, `one`, `two` => s/two/7/7.tar");
}
