//! Where each finding begins and ends: the last instant, the last bit, the last byte, and what else is told beside it.

use super::sight::{NEWEST, Sight, Spoil, path};
use mirrorkeep::decide::check::{Leads, SeenKind, mends};
use mirrorkeep::model::Outcome;

const OLD: &str = "master/centos/20260602T060000Z";

/// Returns every finding as its code and its place, with `~` for the newest build.
fn told(change: impl FnOnce(&mut Sight)) -> Vec<String> {
    let mut sight = Sight::good();
    change(&mut sight);
    let findings = sight.findings();
    findings.iter().map(|found| format!("{} {}", found.code, found.path.replace(NEWEST, "~"))).collect()
}

const NONE: [&str; 0] = [];

fn to(text: &str, at: &str) -> SeenKind {
    SeenKind::Link(text.to_owned(), Leads::To(path(at)))
}

#[test]
fn an_alias_is_missed_only_where_one_must_be() {
    assert_eq!(told(|s| s.latest("x", Leads::Out)), ["alias-leaves master/centos/latest_build"]);
    let missing = |required, follows: bool| {
        told(|s| {
            let alias = &mut s.seen.aliases[0];
            (alias.link, alias.told, alias.required) = (None, None, required);
            alias.follows = alias.follows.take().filter(|_| follows);
        })
    };
    assert_eq!(missing(true, true), ["alias-missing master/centos/latest_build"]);
    assert_eq!(missing(false, true), NONE);
    assert_eq!(missing(true, false), NONE);
}

#[test]
fn an_alias_that_follows_a_stream_or_is_declared_is_known() {
    let mine = |declared, follows: bool| {
        told(|s| {
            let wanted = s.seen.aliases[0].follows.clone().filter(|_| follows);
            let alias = s.link("master/centos/mine", NEWEST);
            (alias.declared, alias.follows) = (declared, wanted);
        })
    };
    assert_eq!(mine(false, false), ["alias-unknown master/centos/mine"]);
    assert_eq!(mine(true, false), NONE);
    assert_eq!(mine(false, true), NONE);
}

#[test]
fn an_alias_is_judged_by_the_builds_of_its_own_stream() {
    // A failed build of another stream is not what the condition is about.
    let elsewhere = told(|s| {
        s.add("master/debian/20260603T060000Z");
        s.latest("../debian/20260603T060000Z", Leads::To(path("master/debian/20260603T060000Z")));
    });
    assert_eq!(elsewhere, NONE);
    let absolute = told(|s| s.latest("/srv/m/x", Leads::Absolute(path(OLD))));
    assert_eq!(
        absolute,
        ["alias-absolute master/centos/latest_build", "alias-older master/centos/latest_build"]
    );
    let mut sight = Sight::good();
    sight.latest("20260601T060000Z", Leads::To(path("master/centos/20260601T060000Z")));
    assert_eq!(sight.findings()[0].nearest.as_deref(), Some(NEWEST));
    sight.census().problem = Some("no".to_owned());
    let older = sight.findings().into_iter().find(|found| found.code.as_str() == "alias-older").unwrap();
    assert_eq!(older.nearest.as_deref(), Some(OLD));
}

#[test]
fn an_alias_has_another_depth_only_where_its_build_lies_elsewhere_now() {
    let nowhere = |at: &str| {
        let mut sight = Sight::good();
        sight.latest("x", Leads::Nowhere(path(at)));
        let found = sight.findings().remove(0);
        format!("{} {}", found.code, found.nearest.unwrap())
    };
    assert_eq!(nowhere("master/centos/flock/20260602T060000Z"), format!("alias-depth {OLD}"));
    assert_eq!(nowhere("master/20260602T060000Z"), format!("alias-depth {OLD}"));
    // At the same depth, under another name at the top, or with the name of no build.
    for at in ["master/debian/20260602T060000Z", "rc/centos/flock/20260602T060000Z", "master/centos/a/b"] {
        assert_eq!(nowhere(at), format!("alias-dangling {NEWEST}"), "{at}");
    }
}

#[test]
fn an_alias_was_moved_when_it_leads_elsewhere_than_the_journal_says() {
    let moved = |link: Option<(&str, Leads)>, said: Option<Option<&str>>| {
        let codes = told(|s| {
            let alias = s.link("master/centos/mine", NEWEST);
            alias.declared = true;
            alias.link = link.map(|(text, leads)| (text.to_owned(), leads));
            alias.told = said.map(|said| said.map(path));
        });
        codes.contains(&"alias-moved master/centos/mine".to_owned())
    };
    let newest = || Some(("20260603T060000Z", Leads::To(path(NEWEST))));
    let absolute = || Some(("/srv/m/x", Leads::Absolute(path(NEWEST))));
    let out = || Some(("/etc", Leads::Out));
    assert!(!moved(newest(), None) && !moved(newest(), Some(Some(NEWEST))));
    assert!(!moved(absolute(), Some(Some(NEWEST))) && !moved(None, Some(None)));
    assert!(moved(newest(), Some(Some(OLD))) && moved(newest(), Some(None)));
    assert!(moved(absolute(), Some(Some(OLD))) && moved(None, Some(Some(NEWEST))));
    assert!(moved(out(), Some(Some(NEWEST))) && moved(out(), Some(None)));
}

#[test]
fn what_lies_in_a_stray_is_told_once() {
    let stray = |s: &mut Sight| {
        s.newest().list("outputs/isos/deep/a");
        s.newest().put("outputs/isos/b", to(OLD, OLD));
    };
    let found = told(stray);
    assert!(found.contains(&"unknown-artifact ~/outputs/isos".to_owned()), "{found:?}");
    assert!(!found.iter().any(|found| found.starts_with("unknown-artifact ~/outputs/isos/")), "{found:?}");
    let outside = told(|s| {
        for at in ["masters", "masters/a", "masters/a/b"] {
            s.outside(at, SeenKind::Dir).mode = 0o700;
        }
    });
    assert_eq!(outside, ["unknown-class masters"]);
}

#[test]
fn a_link_at_the_top_of_a_build_that_bears_the_name_of_another_is_one_into_a_build() {
    let name = "20260604T060000Z";
    let link = |at: &str, text: &str, leads: Leads| {
        told(|s| s.newest().put(at, SeenKind::Link(text.to_owned(), leads)))
            .into_iter()
            .filter(|found| found.starts_with("link-"))
            .collect::<Vec<_>>()
    };
    let nowhere = || Leads::Nowhere(path("master/centos/20260603T060000Z/20260604T060000Z"));
    assert_eq!(link(name, name, nowhere()), [format!("link-into-build ~/{name}")]);
    assert_eq!(link(name, name, Leads::Round), [format!("link-into-build ~/{name}")]);
    assert_eq!(link(name, "other", nowhere()), [format!("link-dangling ~/{name}")]);
    assert_eq!(link("outputs/x", "x", Leads::Round), ["link-dangling ~/outputs/x"]);
    assert_eq!(
        link(&format!("outputs/{name}"), name, nowhere()),
        [format!("link-dangling ~/outputs/{name}")]
    );
    assert_eq!(link("outputs/x", "/x", Leads::Absolute(path("x"))), ["link-leaves ~/outputs/x"]);
    assert_eq!(link("outputs/x", "iso", Leads::To(path(&format!("{NEWEST}/outputs/iso")))), NONE);
}

#[test]
fn markers_logs_and_what_is_said_later_are_nothing_that_was_built() {
    let rest = |at: &[&str]| {
        let found = told(|s| {
            s.newest().take("outputs/iso");
            s.newest().take("inputs");
            for at in at {
                s.newest().list(at);
            }
        });
        found.contains(&"no-artifact ~".to_owned())
    };
    assert!(
        rest(&[]) && rest(&["outputs/logs/a"]) && rest(&["outputs/logs/deep/a"]) && rest(&["outputs/ok"])
    );
    assert!(!rest(&["outputs/iso/b.iso"]));
    let failed = told(|s| {
        s.census().result = Outcome::Fail;
        s.newest().take("outputs/iso");
        s.newest().take("inputs");
    });
    assert!(!failed.contains(&"no-artifact ~".to_owned()), "{failed:?}");
}

#[test]
fn each_bit_of_a_mode_counts_for_what_it_is() {
    let file = |mode| told(|s| s.newest().mode("outputs/iso/a.iso", mode));
    let dir = |mode| told(|s| s.newest().mode("outputs/iso", mode));
    for (mode, code) in
        [(0o440, "not-served"), (0o4444, "set-id"), (0o2444, "set-id"), (0o446, "world-writable")]
    {
        assert_eq!(file(mode), [format!("{code} ~/outputs/iso/a.iso")], "{mode:o}");
    }
    for (mode, code) in
        [(0o751, "not-served"), (0o754, "not-served"), (0o4755, "set-id"), (0o757, "world-writable")]
    {
        assert_eq!(dir(mode), [format!("{code} ~/outputs/iso")], "{mode:o}");
    }
    assert_eq!((file(0o1444), file(0o004), dir(0o2755), dir(0o1005)), (vec![], vec![], vec![], vec![]));
    assert_eq!(told(|s| s.newest().mode = 0o750), ["not-served ~"]);
    assert_eq!(told(|s| s.seen.outside[2].mode = 0o750), ["not-served master/centos"]);
}

#[test]
fn a_path_may_have_a_thousand_bytes() {
    let long = |length: usize| {
        let name = "x".repeat(200);
        let above = format!("outputs/iso/{name}/{name}/{name}/{name}");
        let rest = length - (NEWEST.len() + 1 + above.len() + 1);
        told(|s| s.newest().list(&format!("{above}/{}", "y".repeat(rest))))
    };
    assert_eq!(long(1000), NONE);
    let found = long(1001);
    assert!(found.len() == 1 && found[0].starts_with("long-name"), "{found:?}");
}

#[test]
fn times_count_to_the_second() {
    // The policy lets clocks differ by an hour; it is noon.
    let ahead = |at: &str| told(|s| s.add(&format!("master/debian/{at}")).mode = 0o755);
    assert_eq!(ahead("20260603T130000Z"), NONE);
    assert_eq!(ahead("20260603T130001Z"), ["stamp-future master/debian/20260603T130001Z"]);
    let stalled = |limit: i64| told(|s| s.stalled = Some(limit));
    assert_eq!(stalled(6 * 3600), NONE);
    assert_eq!(stalled(6 * 3600 - 1), ["stream-stalled master/centos"]);
    let touched = |at: Option<&str>| {
        told(|s| {
            s.latest("20260602T060000Z", Leads::To(path(OLD)));
            s.newest().take("outputs/success");
            s.newest().sums = None;
            s.newest().manifest = None;
            s.census().result = Outcome::Partial;
            s.census().published = None;
            s.census().last_activity = at.map(|at| at.parse().unwrap());
        })
    };
    assert_eq!(touched(Some("20260602T120001Z")), ["in-progress ~"]);
    assert_eq!(touched(Some("20260602T120000Z")), ["half-published ~"]);
    assert_eq!(touched(None), ["half-published ~"]);
}

#[test]
fn a_stream_stalls_without_any_success_and_not_where_all_is_kept_for_ever() {
    let none = told(|s| {
        s.stalled = Some(1);
        s.seen.aliases.clear();
        for build in &mut s.seen.census.streams[0].builds {
            build.result = Outcome::Unknown;
        }
    });
    assert!(none.contains(&"stream-stalled master/centos".to_owned()), "{none:?}");
    let kept = |keep: &str| {
        told(|s| {
            s.stalled = Some(1);
            let text = format!("version: 1\nfamilies: [{{name: a, match: \"**\", keep: [{keep}]}}]\n");
            s.policy = mirrorkeep::decide::policy::Policy::load(&text, "p").unwrap();
        })
    };
    assert_eq!(kept("{last: 1}, {forever: true}"), NONE);
    assert_eq!(kept("{last: 1}, {forever: true, where: {a: x}}"), ["stream-stalled master/centos"]);
    assert_eq!(kept("{last: 1}"), ["stream-stalled master/centos"]);
}

#[test]
fn of_two_builds_nobody_knows_which_one_is_whole() {
    let without = |builds: usize, problem: bool| {
        told(|s| {
            let gone = 3 - builds;
            s.seen.tops.retain(|id, _| gone == 0 || id.name.as_str() != "20260601T060000Z");
            s.seen.tops.get_mut(&NEWEST.parse().unwrap()).unwrap().remove("inputs");
            s.census().problem = problem.then(|| "no".to_owned());
        })
    };
    assert_eq!(without(3, false), ["half-deleted ~"]);
    assert_eq!(without(2, false), NONE);
    assert!(!without(3, true).contains(&"half-deleted ~".to_owned()));
}

#[test]
fn what_sha256sums_told_is_not_told_again_as_a_change() {
    assert_eq!(told(|s| s.newest().put("outputs/iso/b.iso", SeenKind::File)), ["sums-differ ~/SHA256SUMS"]);
    let unlisted = told(|s| {
        s.newest().sums = None;
        s.newest().put("outputs/iso/b.iso", to("a.iso", &format!("{NEWEST}/outputs/iso/a.iso")));
    });
    assert_eq!(unlisted, ["build-changed ~"]);
    let changed = |change: fn(&mut Sight)| told(change);
    let link = |s: &mut Sight| {
        let leads = Leads::To(path(&format!("{NEWEST}/outputs/CONTEXT")));
        s.newest().sums = None;
        s.newest().change("outputs/iso/a.iso", |item| {
            item.kind = SeenKind::Link("../CONTEXT".to_owned(), leads.clone());
        });
    };
    assert_eq!(changed(link), ["build-changed ~"]);
    let gone = told(|s| {
        s.newest().sums = None;
        s.newest().take("inputs/downloads/a.tar");
    });
    assert_eq!(gone, ["build-changed ~"]);
    let trimmed = told(|s| {
        s.newest().take("inputs");
        s.newest().manifest = None;
        s.census().trimmed.push("bulky".to_owned());
    });
    assert_eq!(trimmed, NONE);
}

#[test]
fn a_list_that_names_a_file_twice_is_of_no_form() {
    let twice = |at: &str| {
        told(|s| {
            let digest = "0".repeat(64);
            let lines: String = [at, at].iter().map(|at| format!("{digest}  {at}\n")).collect();
            s.newest().sums = Some(lines.into_bytes());
        })
    };
    assert_eq!(twice("outputs/CONTEXT"), ["sums-form ~/SHA256SUMS"]);
    assert_eq!(twice("outputs/gone"), ["sums-form ~/SHA256SUMS"]);
}

#[test]
fn a_time_in_another_form_is_told_from_a_name_that_is_no_build() {
    let name = |name: &str| told(|s| s.outside(&format!("master/centos/{name}"), SeenKind::Dir).mode = 0o755);
    for like in ["202606030600", "20260603T060000+0100", "2026-06-03_06.00.00", "20260603060000"] {
        assert_eq!(name(like), [format!("stamp-not-utc master/centos/{like}")]);
    }
    for other in ["20260603060", "2026060306000012345", "320260603060000", "20260603T0600000X"] {
        assert_eq!(name(other), [format!("build-name master/centos/{other}")]);
    }
}

#[test]
fn an_absolute_alias_is_pointed_where_it_leads_and_what_is_mended_comes_in_order() {
    let mut sight = Sight::good();
    sight.latest("/srv/m/x", Leads::Absolute(path(NEWEST)));
    sight.seen.stale.push(path(".mirrorkeep/tmp/1"));
    sight.seen.uploads.push(path("master/centos/x/a.iso"));
    sight.newest().mode("outputs/iso/a.iso", 0o440);
    sight.seen.records.pop();
    let shown: Vec<String> = mends(&sight.findings()).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "remove .mirrorkeep/tmp/1".to_owned(),
            "give up the unfinished upload of master/centos/x/a.iso".to_owned(),
            format!("make {NEWEST}/outputs/iso/a.iso readable"),
            format!("point master/centos/latest_build at {NEWEST} relatively"),
            format!("make the record of {NEWEST} again"),
        ]
    );
}
