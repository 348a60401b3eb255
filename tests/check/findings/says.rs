//! What a finding says to who must mend it, and what a build holds that no list names.

use super::sight::{NEWEST, Sight, Spoil, path};
use mirrorkeep::census::StreamCensus;
use mirrorkeep::decide::check::{Finding, Leads, SeenKind};
use mirrorkeep::layout::Layout;
use mirrorkeep::record::{LinkEntry, Manifest};

const DIR: SeenKind = SeenKind::Dir;
const FILE: SeenKind = SeenKind::File;

fn findings(change: impl FnOnce(&mut Sight)) -> Vec<Finding> {
    let mut sight = Sight::good();
    change(&mut sight);
    sight.findings()
}

/// Returns every finding as its code and its place, with `~` for the newest build.
fn told(change: impl FnOnce(&mut Sight)) -> Vec<String> {
    let told = |found: &Finding| format!("{} {}", found.code, found.path.replace(NEWEST, "~"));
    findings(change).iter().map(told).collect()
}

/// Returns the only finding.
#[track_caller]
fn one(change: impl FnOnce(&mut Sight)) -> Finding {
    let mut all = findings(change);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

const NONE: [&str; 0] = [];

/// A mirror whose marker of failures is a word in a file, and on which files tell more of a build later.
fn later() -> Layout {
    let text = "layout: 1\nname: x\ntitle: t\n\
        fields: { distro: { one_of: [centos, debian] }, stamp: { time: '%Y%m%dT%H%M%SZ' } }\n\
        streams: [{ stream: 'master/{distro}', build: '{stamp}' }]\ntree: ['inputs/**', 'outputs/**']\n\
        markers:\n  context: outputs/build.info\n  hold: outputs/KEEP\n  \
        labels: [{ path: outputs/TESTED, label: tested=yes }, { path: outputs/GREEN, label: sanity=green }]\n  \
        results:\n    - { result: success, paths: [outputs/success] }\n    \
        - { result: fail, paths: [outputs/STATUS], words: [BAD] }\n";
    Layout::load(text, "x").unwrap()
}

#[test]
fn a_missing_alias_is_told_with_the_link_that_is_wanted() {
    let found = one(|s| (s.seen.aliases[0].link, s.seen.aliases[0].told) = (None, None));
    assert_eq!((found.code.as_str(), &*found.expected), ("alias-missing", "a link to `20260603T060000Z`"));
}

#[test]
fn what_sha256sums_has_too_much_or_too_little_is_told_by_name_three_of_them_and_how_many_more() {
    let said = |gone: &[&str], new: &[&str]| {
        one(|s| {
            for at in gone {
                s.newest().take(at);
            }
            for at in new {
                s.newest().put(at, FILE);
            }
        })
        .found
    };
    let gone = "outputs/success";
    let new = ["outputs/iso/b", "outputs/iso/c", "outputs/iso/d", "outputs/iso/e", "outputs/iso/f"];
    let three = "`outputs/iso/b`, `outputs/iso/c`, `outputs/iso/d`";
    assert_eq!(said(&[], &new[..1]), "1 not listed: `outputs/iso/b`");
    assert_eq!(said(&[], &new[..3]), format!("3 not listed: {three}"));
    assert_eq!(said(&[], &new[..4]), format!("4 not listed: {three}, and 1 more"));
    assert_eq!(said(&[], &new), format!("5 not listed: {three}, and 2 more"));
    let both = |s: &mut Sight| {
        s.newest().take("outputs/iso/a.iso");
        s.newest().put("outputs/iso/b", FILE);
    };
    assert_eq!(one(both).found, "1 not there: `outputs/iso/a.iso`; 1 not listed: `outputs/iso/b`");
    let missing = findings(|s| s.newest().take(gone));
    assert!(missing.iter().any(|found| found.found == format!("1 not there: `{gone}`")), "{missing:?}");
}

#[test]
fn a_success_without_its_marker_is_told_where_the_marker_belongs() {
    let bare = |s: &mut Sight| {
        s.newest().take("outputs/success");
        (s.newest().sums, s.newest().manifest, s.newest().listed) = (None, None, true);
    };
    assert_eq!(told(bare), ["marker-missing ~/outputs/success"]);
}

#[test]
fn a_marker_in_another_spelling_is_told_with_the_marker_of_its_own_result() {
    for (name, meant) in [
        ("ok", "success"),
        ("Succeeded", "success"),
        ("failed", "fail"),
        ("ERROR", "fail"),
        ("no_new_content", "empty"),
        ("CONTEXT.txt", "CONTEXT"),
    ] {
        let at = format!("outputs/{name}");
        let found = one(|s| s.newest().list(&at));
        let expected = ("marker-spelling", format!("{NEWEST}/outputs/{meant}"));
        assert_eq!((found.code.as_str(), found.nearest.unwrap()), expected, "{name}");
    }
    // A directory is no marker, whatever its name.
    assert_eq!(told(|s| s.newest().put("outputs/Failed", DIR)), ["unknown-artifact ~/outputs/Failed"]);
}

#[test]
fn a_file_where_only_a_directory_may_lie_is_of_the_wrong_kind() {
    assert_eq!(told(|s| s.newest().list("outputs/RPMS")), ["wrong-kind ~/outputs/RPMS"]);
    assert_eq!(told(|s| s.newest().put("outputs/RPMS", DIR)), NONE);
    assert_eq!(told(|s| s.newest().list("outputs/RPMS/std/a.rpm")), NONE);
}

#[test]
fn a_link_to_a_build_is_told_as_that_alone_though_it_has_no_place() {
    let link = |at: &str, text: &str, leads: Leads| {
        told(|s| {
            s.newest().manifest = None;
            s.newest().put(at, SeenKind::Link(text.to_owned(), leads));
        })
    };
    let (old, next) = ("master/centos/20260602T060000Z", "20260604T060000Z");
    let to_old = Leads::To(path(old));
    assert_eq!(link("old", "../20260602T060000Z", to_old), ["link-into-build ~/old"]);
    assert_eq!(link(next, next, Leads::Round), [format!("link-into-build ~/{next}")]);
    // Another link without a place is told as a stray.
    let iso = Leads::To(path(&format!("{NEWEST}/outputs/iso")));
    assert_eq!(link("iso", "outputs/iso", iso), ["unknown-artifact ~/iso"]);
}

#[test]
fn what_tells_of_a_build_is_nothing_that_was_built_where_the_layout_names_it_so() {
    let built = |at: &[&str]| {
        let found = told(|s| {
            s.layout = later();
            for old in ["inputs", "outputs/iso", "outputs/CONTEXT"] {
                s.newest().take(old);
            }
            for at in at {
                s.newest().put(at, FILE);
            }
        });
        !found.contains(&"no-artifact ~".to_owned())
    };
    assert!(!built(&[]));
    for at in ["build.info", "STATUS", "KEEP", "TESTED", "GREEN"] {
        assert!(!built(&[&format!("outputs/{at}")]), "{at}");
    }
    assert!(built(&["outputs/KEEP", "outputs/KEPT"]) && built(&["outputs/a/KEEP"]));
}

#[test]
fn what_is_said_of_a_build_later_is_no_change_of_it() {
    let put = |at: &str| {
        told(|s| {
            s.layout = later();
            s.newest().put(at, FILE);
        })
    };
    for at in ["outputs/KEEP", "outputs/TESTED", "outputs/GREEN"] {
        assert_eq!(put(at), NONE, "{at}");
    }
    assert_eq!(put("outputs/KEPT"), ["sums-differ ~/SHA256SUMS"]);
}

#[test]
fn only_a_file_is_what_a_list_of_files_names() {
    // What lies in its place has its bytes no more.
    for kind in
        [DIR, SeenKind::Link("a.iso".to_owned(), Leads::To(path(&format!("{NEWEST}/outputs/iso/a.iso"))))]
    {
        let found = told(|s| {
            s.newest().list("outputs/iso/b.iso");
            s.newest().change("outputs/iso/b.iso", |item| (item.kind, item.mode) = (kind.clone(), 0o755));
        });
        assert_eq!(found, ["sums-differ ~/SHA256SUMS"], "{kind:?}");
    }
}

#[test]
fn a_part_is_gone_when_no_file_of_it_is_left() {
    let gone = |left: &str, kind: &SeenKind| {
        told(|s| {
            s.newest().take("outputs/iso/a.iso");
            s.newest().put(left, kind.clone());
        })
    };
    assert_eq!(gone("outputs/iso/b.iso", &FILE), ["sums-differ ~/SHA256SUMS"]);
    assert_eq!(gone("outputs/iso/deep/b.iso", &FILE), ["sums-differ ~/SHA256SUMS"]);
    assert_eq!(gone("outputs/iso/deep", &DIR), ["half-deleted ~"]);
}

#[test]
fn a_link_of_a_build_is_the_same_as_long_as_its_text_is() {
    let link = |text: &str| {
        told(|s| {
            let newest = s.newest();
            let mut manifest = Manifest::parse(newest.manifest.as_deref().unwrap()).unwrap();
            manifest.links.push(LinkEntry { path: path("outputs/iso/b.iso"), text: "a.iso".to_owned() });
            newest.manifest = Some(manifest.write().into_bytes());
            let leads = Leads::To(path(&format!("{NEWEST}/outputs/iso/a.iso")));
            newest.put("outputs/iso/b.iso", SeenKind::Link(text.to_owned(), leads));
        })
    };
    assert_eq!(link("a.iso"), NONE);
    assert_eq!(link("./a.iso"), ["build-changed ~"]);
}

#[test]
fn context_that_could_not_be_read_is_not_missed() {
    let missed = |change: fn(&mut Sight)| {
        let found = told(|s| {
            s.layout = later();
            s.newest().context = None;
            change(s);
        });
        found.contains(&"context-missing ~/outputs/build.info".to_owned())
    };
    assert!(missed(|_| {}));
    assert!(!missed(|s| s.newest().put("outputs/build.info", FILE)));
    assert!(missed(|s| s.newest().put("outputs/build.info", DIR)));
    assert!(!missed(|s| s.newest().unread.push((path("outputs/build.info"), "denied".to_owned()))));
    assert!(missed(|s| s.newest().unread.push((path("outputs/success"), "denied".to_owned()))));
}

#[test]
fn names_that_differ_in_case_alone_are_found_whatever_stands_between_them() {
    let collide = told(|s| {
        s.newest().put("outputs/logs/a", FILE);
        for letter in 'A'..='Z' {
            s.newest().put(&format!("outputs/logs/{letter}"), FILE);
        }
    });
    let collide: Vec<_> = collide.iter().filter(|found| found.starts_with("case-collision")).collect();
    assert_eq!(collide, ["case-collision ~/outputs/logs/a"]);
    // An object store can hold a file and a directory of one name.
    let twice = told(|s| {
        s.outside("release", FILE).mode = 0o444;
        s.outside("release", DIR).mode = 0o755;
    });
    assert_eq!(twice, ["wrong-kind release"]);
}

#[test]
fn a_stream_without_builds_or_without_times_in_their_names_does_not_stall() {
    let empty = told(|s| {
        s.stalled = Some(7 * 3600);
        let stream = "master/debian".parse().unwrap();
        s.seen.census.streams.push(StreamCensus { stream, builds: Vec::new() });
    });
    assert_eq!(empty, NONE);
    let unnamed = told(|s| {
        s.stalled = Some(1);
        let text = "layout: 1\nname: x\ntitle: t\nfields: { name: { matches: '[0-9TZ]+' } }\n\
            streams: [{ stream: master/centos, build: '{name}' }]\ntree: ['inputs/**', 'outputs/**']\n";
        s.layout = Layout::load(text, "x").unwrap();
    });
    assert_eq!(unnamed, NONE);
}

#[test]
fn the_top_of_a_build_is_what_lies_in_its_directory_itself() {
    let tops = Sight::good().newest().tops();
    assert_eq!(tops.into_iter().collect::<Vec<_>>(), ["SHA256SUMS", "inputs", "outputs"]);
}
