//! Bundles in a layout: which streams have one, who its members are, and what is said of a declaration that is wrong.

use mirrorkeep::layout::{Bundled, Layout, Made, MovedBy, Place};
use mirrorkeep::model::Stream;

const LAYOUT: &str = "layout: 1
name: sets
title: sets
fields:
  worker: {matches: '[a-z]+', examples: [rawhide]}
  part: {matches: '[a-z-]+', except: [set], examples: [base]}
  label: {matches: '[a-z]+', examples: [tested]}
  md5: {matches: '[0-9a-f]{32}', examples: [d41d8cd98f00b204e9800998ecf8427e]}
  stamp: {time: '%Y%m%dT%H%M%SZ'}
streams:
  - {stream: '{worker}/parts/{part}', build: '{stamp}'}
  - {stream: '{worker}/set/{label}', build: '{md5}', path: '{worker}/set/{label}/{md5:0-2}/{md5}'}
tree: [a.repo, a.md5, list.csv]
beside: [a.repo, a.md5, list.csv]
bundles:
  - stream: '{worker}/set/{label}'
    members: '{worker}/parts/{part}'
    alias: '{label}'
    except: '*/parts/old-*'
    link: now
    files:
      - {file: a.repo}
      - {file: a.md5, md5_of: a.repo}
      - {file: list.csv, header: true}
";

fn stream(text: &str) -> Stream {
    text.parse().unwrap()
}

fn load(text: &str) -> Layout {
    Layout::load(text, "sets.yaml").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_stream_has_a_bundle_of_the_streams_that_agree_with_it() {
    let layout = load(LAYOUT);
    let bundle = layout.bundle(&stream("rawhide/set/tested")).unwrap();
    assert_eq!((&*bundle.alias, &*bundle.link), ("tested", "now"));
    assert_eq!(bundle.needs().collect::<Vec<_>>(), ["a.repo", "list.csv"]);
    let cases = [
        ("rawhide/parts/base", Some(vec!["base".to_owned()])),
        ("rawhide/parts/old-base", None),
        ("branched/parts/base", None),
        ("rawhide/set/tested", None),
        ("rawhide", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(bundle.member(&stream(text)), wanted, "{text}");
    }
    assert!(layout.bundle(&stream("rawhide/parts/base")).is_none());
    assert_eq!(layout.bundle_shapes().collect::<Vec<_>>(), ["{worker}/set/{label}"]);
}

#[test]
fn an_alias_of_a_member_leads_to_its_bundle() {
    let layout = load(LAYOUT);
    let of = |member: &str, alias: &str| {
        layout.bundle_of(&stream(member), alias).map(|bundle| bundle.stream.to_string())
    };
    assert_eq!(of("rawhide/parts/base", "tested"), Some("rawhide/set/tested".to_owned()));
    assert_eq!(of("rawhide/parts/base", "tested-2"), None);
    assert_eq!(of("rawhide/parts/old-base", "tested"), None);
    assert_eq!(of("rawhide/set/tested", "tested"), None);
}

#[test]
fn the_link_is_an_alias_of_the_bundles_streams_alone() {
    let layout = load(LAYOUT);
    let kind = |path: &str| layout.place(&path.parse().unwrap()).kind();
    assert_eq!(kind("rawhide/set/tested/now"), "alias");
    assert_eq!(kind("rawhide/set/tested/now/a.repo"), "alias");
    assert_eq!(kind("rawhide/set/tested/now/b.repo"), "stray");
    assert_eq!(kind("rawhide/set/tested/a.repo"), "beside");
    assert_eq!(kind("rawhide/parts/base/now"), "stray");
    let moved = |of: &str| layout.moved_by(&stream(of), "now").unwrap();
    assert_eq!((moved("rawhide/set/tested"), moved("rawhide/parts/base")), (Some(MovedBy::Hand), None));
}

#[test]
fn rdo_sums_up_each_label_of_its_components() {
    let layout = load(Layout::shipped("rdo-trunk").unwrap());
    let bundle = layout.bundle(&stream("centos9-master/current-tripleo")).unwrap();
    assert_eq!(bundle.alias, "current-tripleo");
    let [repo, md5, csv] = ["delorean.repo", "delorean.repo.md5", "versions.csv"].map(str::to_owned);
    let wanted = [
        Bundled { file: repo.clone(), made: Made::Joined { after: "\n".to_owned() } },
        Bundled { file: md5, made: Made::Md5 { of: repo } },
        Bundled { file: csv, made: Made::Table },
    ];
    assert_eq!(bundle.files, wanted);
    assert!(bundle.member(&stream("centos9-master/component/compute")).is_some());
    assert!(bundle.member(&stream("centos9-epoxy/component/compute")).is_none());
    let link = layout.place(&"centos9-master/current-tripleo/bundle".parse().unwrap());
    assert!(matches!(link, Place::Alias { stream: Some(of), .. } if of == bundle.stream));
    // Before CentOS 8 there were no components.
    assert!(layout.bundle_of(&stream("centos7-master"), "current-tripleo").is_none());
}

#[test]
fn everything_wrong_with_a_bundle_is_told_with_line_and_column() {
    #[track_caller]
    fn case(from: &str, to: &str, wanted: &[&str]) {
        assert!(LAYOUT.contains(from), "{from}");
        let error = Layout::load(&LAYOUT.replace(from, to), "sets.yaml").unwrap_err();
        let found: Vec<String> = error.0.iter().map(ToString::to_string).collect();
        for (line, wanted) in found.iter().zip(wanted) {
            assert!(
                line.starts_with("sets.yaml:") && line.contains(wanted),
                "{wanted}\n{}",
                found.join("\n")
            );
        }
        assert_eq!(found.len(), wanted.len(), "{}", found.join("\n"));
    }
    case(
        "- stream: '{worker}/set/{label}'\n",
        "- stream: '{worker}/sets'\n",
        &[
            "16:5: bundles[0].stream: `{worker}/sets` is not one of the streams; `{worker}/parts/{part}`, `{worker}/set/{label}` are",
        ],
    );
    case(
        "members: '{worker}/parts/{part}'",
        "members: '{worker}/set/{label}'",
        &[
            "17:5: bundles[0].members: a bundle cannot be made of its own stream",
            "17:5: bundles[0].members: every field of `{worker}/set/{label}` is part of the bundle's stream, so there is one member",
        ],
    );
    case("alias: '{label}'", "alias: tested", &["16:5: bundles[0].stream: `{label}` is part of neither"]);
    case(
        "alias: '{label}'",
        "alias: '{label}/{part}'",
        &["18:5: bundles[0].alias: `{label}/{part}` is not one name", "`{part}` is not part of"],
    );
    case(
        "alias: '{label}'",
        "alias: '{label}-{nope}'",
        &[
            "16:5: bundles[0].stream: `{label}` is part of neither",
            "18:5: bundles[0].alias: `{nope}` is not a field",
            "is not one name",
        ],
    );
    case("'*/parts/old-*'", "'***'", &["19:5: bundles[0].except: `***`"]);
    case("link: now", "link: a/b", &["20:5: bundles[0].link: `a/b` is not one name"]);
    case("link: now", "link: ab", &["20:5: bundles[0].link: builds can be at `ab`"]);
    case(
        "link: now",
        "link: a.repo",
        &["20:5: bundles[0].link: `a.repo` is the name of a file of the bundle"],
    );
    case(
        "{file: a.repo}",
        "{file: b.repo}",
        &[
            "22:10: bundles[0].files[0].file: `b.repo` is not in `tree`",
            "22:10: bundles[0].files[0].file: `b.repo` is not in `beside`",
            "23:23: bundles[0].files[1].md5_of: `a.repo` is not a joined file",
        ],
    );
    case(
        "{file: a.repo}",
        "{file: a.repo, after: x, header: true}",
        &[
            "22:9: bundles[0].files[0]: at most one of `after`, `header` and `md5_of`",
            "`a.repo` is not a joined file",
        ],
    );
    case("header: true", "md5_of: a.repo", &["21:5: bundles[0].files: exactly one file has `md5_of`"]);
    case("file: list.csv", "file: a.repo", &["24:10: bundles[0].files[2].file: a second file `a.repo`"]);
    case(
        "file: list.csv",
        "file: x/list.csv",
        &["`x/list.csv` cannot be a file at the top of a build", "`tree`", "`beside`"],
    );
    case(
        "build: '{md5}', path: '{worker}/set/{label}/{md5:0-2}/{md5}'",
        "build: '{stamp}'",
        &[
            "an MD5 cannot be the name of a build of `{worker}/set/{label}`; a field with `matches: \"[0-9a-f]{32}\"` can",
        ],
    );
    case("header: true", "heading: true", &["24:"]);
    let again = LAYOUT.split_once("bundles:\n").unwrap().1;
    let error = Layout::load(&format!("{LAYOUT}{again}"), "sets.yaml").unwrap_err().to_string();
    assert!(
        error.contains("sets.yaml:25:5: bundles[1].stream: a second bundle of `{worker}/set/{label}`"),
        "{error}"
    );
}
