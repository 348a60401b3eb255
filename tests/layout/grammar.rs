//! Layout files: what they say of paths, and what is said of a file that is wrong.

use mirrorkeep::layout::{Created, Files, Layout, Place};
use mirrorkeep::model::{BuildId, RelPath, Stamp};
use std::convert::Infallible;
use std::sync::LazyLock;

fn starlingx() -> &'static Layout {
    static LAYOUT: LazyLock<Layout> =
        LazyLock::new(|| Layout::load(Layout::shipped("starlingx").unwrap(), "starlingx").unwrap());
    &LAYOUT
}

/// Rows of the paths that were seen on the real server, by what the spec's grammar makes of them.
#[test]
fn real_paths_have_the_place_that_the_spec_gives_them() {
    #[track_caller]
    fn case(path: &str, expected: &str) {
        let place = starlingx().place(&path.parse().unwrap());
        let rule =
            if let Place::Stray(stray) = &place { stray.rule.clone() } else { place.kind().to_owned() };
        assert_eq!(rule, expected, "{path}: {place:?}");
    }
    case("", "root");
    case("master", "above");
    case("master/centos", "stream");
    case("master/centos/20190130T060000Z", "build");
    case("master/centos/20190130T060000Z/outputs", "inside");
    case("master/centos/20190130T060000Z/outputs/iso/bootimage.iso", "inside");
    case("master/centos/20190206T060000Z/outputs/installer/vmlinuz", "inside");
    case("master/centos/20190130T060000Z/SHA256SUMS", "inside");
    case("master/centos/latest_build", "alias");
    case("master/centos/latest_build/outputs/iso/bootimage.iso", "alias");
    case("master/centos/latest_build/outputs/CONTEXT.sh", "build-name");
    case("r2018.10", "alias");
    case("reports", "unknown-class");
    case(".mirrorkeep/lock", "own");
    case("centos/2018.10/20181110/outputs/iso", "unknown-class");
    case("f/antelope/centos/flock/latest_build/outputs", "raw-branch");
    case("master/fedora", "unknown-distro");
    case("master/centos/flock", "build-name");
    case("master/centos/20181110", "build-name");
    case("milestone/2018.10/centos/2018.10.b3", "build-name");
    case("rc/4.0/centos/flock/latest_build/outputs/RPMS", "build-name");
    case("master/centos/20190812T033004Z/logs/x.log", "unknown-direction");
    case("master/centos/20200220T023000Z/outputs/CONTEXT.sh", "unknown-artifact");
    case("master/centos/20200220T023000Z/outputs/docker-images/x.lst", "unknown-artifact");
    case("master/centos/20200220T023000Z/outputs/RPMS/kernel/x.rpm", "unknown-phase");
}

#[test]
fn a_date_that_cannot_be_is_seen_as_one() {
    let id: BuildId = "master/centos/20180230T000000Z".parse().unwrap();
    assert!(matches!(starlingx().created(&id), Created::Impossible(why) if why.contains("20180230")));
}

#[test]
fn everything_wrong_with_a_layout_is_told_at_once_with_its_place() {
    let text = "layout: 1\nname: x\ntitle: t\nfields:\n  a: { one_of: [] }\n  b: { matches: \"[\" }\nstreams:\n  - { stream: \"{nope}\", build: \"x\" }\n";
    let error = Layout::load(text, "x.yaml").unwrap_err().to_string();
    for part in ["x.yaml:5:3: fields.a", "x.yaml:6:8: fields.b", "`{nope}` is not a field"] {
        assert!(error.contains(part), "{error}");
    }
    let error = Layout::load("layout: 1\nname: x\ntitle: t\nstreams: []\nstream: 1\n", "x.yaml").unwrap_err();
    assert!(error.to_string().contains("x.yaml:5:1: unknown field `stream`"), "{error}");
}

#[test]
fn the_committed_schema_is_the_programs() {
    let committed = include_str!("../../layouts/layout.schema.json");
    let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
    assert_eq!(
        committed,
        Layout::schema(),
        "write it again: mirrorkeep layout schema > layouts/layout.schema.json"
    );
}

#[test]
fn the_layout_that_the_guide_shows_works() {
    let guide = include_str!("../../docs/layout-grammar.md");
    let yaml = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let layout = Layout::load(yaml, "guide").unwrap();
    for (path, kind) in [
        ("main/20181205T060000Z/packages/a.rpm", "inside"),
        ("main/amd64/20181205T060000Z/boot.iso", "inside"),
        ("main/amd64/latest", "alias"),
        ("main/20181205T060000Z", "build"),
        ("main/20181205T060000Z/notes", "stray"),
    ] {
        assert_eq!(layout.place(&path.parse().unwrap()).kind(), kind, "{path}");
    }
}

#[test]
fn what_the_guide_quotes_ships() {
    let guide = include_str!("../../docs/layout-grammar.md");
    let shipped: Vec<&str> = Layout::shipped_names().filter_map(Layout::shipped).collect();
    for block in guide.split("```yaml\n").skip(2).map(|rest| rest.split("```").next().unwrap()) {
        for line in block.lines() {
            assert!(shipped.iter().any(|yaml| yaml.lines().any(|shipped| shipped == line)), "{line}");
        }
    }
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut count = 0;
    for row in rows {
        let [layout, path, place]: [&str; 3] = row
            .split(" | ")
            .map(|cell| cell.trim_matches(['`', '|', ' ']))
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let layout = Layout::load(Layout::shipped(layout).unwrap(), layout).unwrap();
        assert_eq!(layout.place(&path.parse().unwrap()).kind(), place, "{path}");
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn the_stray_that_the_guide_shows_is_told_so() {
    let guide = include_str!("../../docs/layout-grammar.md");
    let shown = guide.split("$ mirrorkeep ").nth(1).unwrap().split("```").next().unwrap();
    let (command, answer) = shown.split_once('\n').unwrap();
    let args: Vec<&str> = command.split(' ').collect();
    assert_eq!(crate::support::rig::Rig::new().ok(&args), answer);
}

#[test]
fn what_a_layout_cannot_mean_is_told_with_its_place() {
    #[track_caller]
    fn case(lines: &str, expected: &str) {
        let fields =
            "fields:\n  a: { matches: '[a-z]+', except: [no], examples: [ok] }\n  n: { matches: '[0-9]+' }\n";
        let head = "layout: 1\nname: x\ntitle: t\ntree: [m]\n";
        let streams =
            if lines.contains("streams:\n") { "" } else { "streams: [{ stream: 's/{a}', build: '{n}' }]\n" };
        let error = Layout::load(&format!("{head}{fields}{streams}{lines}\n"), "x").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    case(
        "streams:\n  - { stream: '{a}', build: '{n}', path: '{a}/x' }",
        "`{n}` is part of the build's id, but not of its path",
    );
    case("streams:\n  - { stream: '{a}', build: '{n}', path: '{n}' }", "`{a}` is part of the build's id");
    case(
        "streams:\n  - { stream: 's', build: '{n}', path: 's/{a}/{n}' }",
        "`{a}` is part of the path, but neither",
    );
    case(
        "streams:\n  - { stream: '{a}', build: '{n}', home: '{a}/{n}' }",
        "`{n}` is part of the home, but not of the stream",
    );
    case("streams:\n  - { stream: s, build: '{a:2-2}' }", "`2-2` is not a range such as `0-2`");
    case(
        "streams:\n  - { stream: '{a}', build: '{n}', respin: a }",
        "`{a}` is not a part of the build's name",
    );
    let twice = "  - { stream: 's/{a}', build: '{e}' }";
    case(
        &format!("  e: {{ matches: 'x[0-9]+', examples: [x1] }}\nstreams:\n{twice}\n{twice}"),
        "would be in each other",
    );
    case(
        &format!("  e: {{ one_of: [x, y] }}\nstreams:\n  - {{ stream: 's', build: '{{a}}' }}\n{twice}"),
        "would be in each other",
    );
    let same = "streams:\n  - { stream: s, build: '{e}' }\n  - { stream: s, build: '{a}' }";
    case(&format!("  e: {{ one_of: [x, y] }}\n{same}"), "would be in each other");
    case("created: { file: t }", "created.file: `t` has no place in `tree`");
    case("markers: { hold: k }", "markers.hold: `k` has no place in `tree`");
    case("markers: { without: fail }", "`fail` is not for every build");
    case("markers: { results: [{ result: partial, paths: [m] }] }", "`partial` has no marker here");
    case(
        "markers: { results: [{ result: fail, paths: [m], key: k }] }",
        "`words` lists the words for this result",
    );
    case(
        "markers: { results: [{ result: fail, paths: [m], words: [F], content: G }] }",
        "`content` is none of `words`",
    );
    case("markers: { results: [{ result: fail, paths: [m], given: true, content: G }] }", "never written");
    case("aliases: [{ name: x/y }]", "`x/y` is not one name");
    case("aliases: [{ name: '{a}', labels: { l: '{z}' } }]", "`{z}` is not a field of this layout");
    case("aliases: [{ name: x, labels: { l: [] } }]", "expected at least one word");
    case("aliases: [{ name: x, streams: '[' }]", "aliases[0].streams");
    case("aliases: [{ name: x, results: [grand] }]", "`grand` is not a result");
    case("aliases: [{ name: '{n}' }]", "`{n}` has no value");
}

#[test]
fn an_alias_that_two_streams_would_fight_over_is_not_kept() {
    let head = "layout: 1\nname: x\ntitle: t\nfields:\n  d: { one_of: [a, b] }\n  v: { matches: '[0-9]+' }\n";
    let streams = "streams:\n  - { stream: 'r/{d}', build: '{v}', home: r, path: 'r/{v}/{d}' }\n";
    let aliases =
        "aliases:\n  - { name: latest }\n  - { name: 'latest-{d}' }\n  - { name: newest, by_hand: true }\n";
    let layout = Layout::load(&format!("{head}{streams}{aliases}"), "x").unwrap();
    let rules = layout.aliases_of(&"r/a".parse().unwrap(), &std::collections::BTreeSet::new()).unwrap();
    assert_eq!(rules.iter().map(|rule| &*rule.name).collect::<Vec<_>>(), ["latest-a"]);
}

#[test]
fn below_a_name_lies_what_lies_below_what_it_names() {
    #[track_caller]
    fn case(layout: &str, path: &str, expected: &str) {
        let layout = Layout::load(Layout::shipped(layout).unwrap(), layout).unwrap();
        assert_eq!(layout.place(&path.parse().unwrap()).kind(), expected, "{path}");
    }
    case("rdo-trunk", "epoxy/centos9/component/compute/current/a.rpm", "alias");
    case("rdo-trunk", "epoxy/centos9/component/compute/current/repodata/x/y", "alias");
    case("rdo-trunk", "epoxy/centos9/component/compute/current/x/y", "stray");
    case("rdo-trunk", "epoxy/centos9/component/Compute", "stray");
    case("rdo-trunk", "epoxy/fedora", "stray");
    case("rdo-trunk", "master/centos9", "stray");
    case("starlingx", "master/centos/retention.json", "beside");
    case("starlingx-debian", "release/retention.json", "declared");
    case("starlingx", "retention.json", "stray");
    case("starlingx", "r2018.10/centos/20181205T060000Z/outputs/iso/a.iso", "alias");
    case("starlingx", "r2018.10/centos/20181205T060000Z/outputs/isos/a.iso", "stray");
    case("starlingx-debian", "release/latest_release", "alias");
    case("starlingx-debian", "release/latest_release/centos/flock", "alias");
    case("starlingx-debian", "release/latest_release/centos/flock/SHA256SUMS", "alias");
    case("starlingx-debian", "release/latest_release/fedora", "stray");
    case("starlingx-debian", "master/centos/latest_release", "stray");
    case("starlingx-debian", "master/centos/latest_build/outputs/nothing", "stray");
}

#[test]
fn a_word_that_does_not_count_is_none_in_a_longer_name_either() {
    let head = "layout: 1\nname: x\ntitle: t\nfields:\n  a: { matches: '[a-z]+', except: [latest] }\n";
    let layout =
        Layout::load(&format!("{head}streams: [{{ stream: s, build: 'build-{{a}}' }}]\n"), "x").unwrap();
    assert_eq!(layout.place(&"s/build-new".parse().unwrap()).kind(), "build");
    assert_eq!(layout.place(&"s/build-latest".parse().unwrap()).kind(), "stray");
}

#[test]
fn a_shipped_layout_gives_back_its_name_and_the_text_that_it_was_read_from() {
    for name in Layout::shipped_names() {
        let text = Layout::shipped(name).unwrap();
        let layout = Layout::load(text, name).unwrap();
        assert_eq!((layout.name(), layout.text()), (name, text));
        assert!(text.contains(layout.title()) && layout.title().len() > 3, "{name}");
        let again = Layout::load(layout.text(), name).unwrap();
        assert!(again.stream_shapes().eq(layout.stream_shapes()) && again.stream_shapes().count() > 0);
    }
    let shapes: Vec<&str> = starlingx().stream_shapes().collect();
    assert!(
        shapes.windows(2).all(|pair| pair[0] != pair[1]) && shapes.contains(&"master/{distro}"),
        "{shapes:?}"
    );
}

/// One file of a build.
struct One(&'static str, &'static str);

impl Files for One {
    type Error = Infallible;

    fn has(&self, at: &RelPath) -> Result<bool, Infallible> {
        Ok(at.as_str() == self.0)
    }

    fn text(&self, at: &RelPath) -> Result<Option<String>, Infallible> {
        Ok(self.has(at)?.then(|| self.1.to_owned()))
    }
}

#[test]
fn a_word_in_a_file_tells_the_result_and_a_strange_one_tells_that_it_is_strange() {
    let compose = Layout::load(Layout::shipped("fedora-compose").unwrap(), "fedora-compose").unwrap();
    for (word, outcome, problem) in [
        ("FINISHED\n", "success", ""),
        ("FINISHED_INCOMPLETE", "success", ""),
        ("DOOMED", "fail", ""),
        ("STARTED", "partial", ""),
        ("LOST", "unknown", "`STATUS` has `LOST`, which is not a result"),
    ] {
        let told = compose.result_of(&One("STATUS", word)).unwrap();
        assert_eq!((told.outcome.as_str(), told.problem.as_deref().unwrap_or_default()), (outcome, problem));
        assert_eq!(told.marker.unwrap().as_str(), "STATUS", "{word}");
    }
    assert_eq!(compose.result_of(&One("other", "DOOMED")).unwrap().marker, None);
}

#[test]
fn a_key_of_a_file_tells_the_time_and_the_result() {
    let trunk = Layout::load(Layout::shipped("rdo-trunk").unwrap(), "rdo-trunk").unwrap();
    let time = |text| match trunk.told_time(&One("commit.yaml", text)).unwrap() {
        None => "none".to_owned(),
        Some(told) => told.map_or_else(|why| why, Stamp::iso),
    };
    assert_eq!(time("commits: [{dt_build: 1543989600}]"), "2018-12-05T06:00:00Z");
    assert_eq!(time("commits: [{dt_build: 1543989600.75}]"), "2018-12-05T06:00:00Z");
    assert_eq!(time("commits: [{dt_build: '1543989600'}]"), "2018-12-05T06:00:00Z");
    for none in ["soon", "'1.'", "'.5'", "'1.5.6'", "'-5'"] {
        let text = format!("commits: [{{dt_build: {none}}}]");
        assert!(time(text.leak()).contains("the time in `commit.yaml`"), "{none}");
    }
    assert!(time("commits: [{dt_build: [1]}]").contains("is not a single word"));
    assert_eq!(trunk.told_time(&One("other", "")).unwrap(), None);
    let result = |text| trunk.result_of(&One("commit.yaml", text)).unwrap().outcome.as_str();
    assert_eq!(result("commits: [{status: SUCCESS}]"), "success");
    assert_eq!(result("commits: [{status: RETRY}]"), "fail");
    assert_eq!(result("commits: [{status: 7}]"), "unknown");
    assert_eq!(starlingx().told_time(&One("commit.yaml", "")).unwrap(), None);
}

/// Empty files of these names.
struct Names(&'static [&'static str]);

impl Files for Names {
    type Error = Infallible;

    fn has(&self, at: &RelPath) -> Result<bool, Infallible> {
        Ok(self.0.contains(&at.as_str()))
    }

    fn text(&self, at: &RelPath) -> Result<Option<String>, Infallible> {
        Ok(self.has(at)?.then(String::new))
    }
}

#[test]
fn of_files_that_stand_for_one_label_the_first_that_is_there_counts() {
    let layout = Layout::load(Layout::shipped("starlingx-debian").unwrap(), "starlingx-debian").unwrap();
    let sanity = |names| layout.told_labels(&Names(names)).unwrap().remove("sanity");
    assert_eq!(sanity(&[]), None);
    assert_eq!(sanity(&["outputs/GREEN"]).as_deref(), Some("green"));
    assert_eq!(sanity(&["outputs/GREEN", "outputs/YELLOW"]).as_deref(), Some("yellow"));
    assert_eq!(sanity(&["outputs/GREEN", "outputs/RED", "outputs/YELLOW"]).as_deref(), Some("red"));
}

#[test]
fn a_mistake_beside_optional_parts_is_reported_once() {
    let text = "layout: 1\nname: x\ntitle: t\nfields:\n  a: { matches: '[a-z]+' }\n  n: { matches: '[0-9]+' }\n\
        streams:\n  - { stream: 's[/{a}][/x]', build: '{n}{nope}[-r]', respin: more }\n";
    let error = Layout::load(text, "x.yaml").unwrap_err().to_string();
    assert_eq!(error.matches("`{nope}` is not a field").count(), 1, "{error}");
    assert_eq!(error.matches("`{more}` is not a part of the build's name").count(), 1, "{error}");
}

#[test]
fn a_respin_may_be_an_optional_part_of_the_name() {
    let text = "layout: 1\nname: x\ntitle: t\nfields:\n  d: { time: '%Y%m%d' }\n  respin: { matches: '[0-9]+' }\n\
        streams:\n  - { stream: s, build: '{d}[.{respin}]', respin: respin }\ntree: ['**']\n";
    let layout = Layout::load(text, "x.yaml").unwrap();
    let created = |name: &str| layout.created(&format!("s/{name}").parse().unwrap());
    let Created::At(plain, 0) = created("20181205") else { panic!("{:?}", created("20181205")) };
    assert_eq!(created("20181205.2"), Created::At(plain, 2));
}
