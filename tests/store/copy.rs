//! Copying between mirrors of every kind, with everything going wrong that can.

pub(crate) mod scene;

use crate::support::broken::points;
use mirrorkeep::commit::Permit;
use mirrorkeep::mirror::Chosen;
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::adopt::Scope;
use mirrorkeep::ops::copy::{CopyOptions, CopyOutcome, CopyReport};
use mirrorkeep::record::LinkEntry;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use scene::{Home, ISO, In, ONE, PAIRS, TWO, build, copy, copy_between, everything, open, source};
use std::sync::Arc;

fn outcomes(report: &CopyReport) -> Vec<(String, CopyOutcome)> {
    report.builds.iter().map(|copied| (copied.id.name.to_string(), copied.outcome)).collect()
}

/// Of so many calls one is broken in the usual run; every one by `make torture`.
const STRIDE: usize = 4;

/// Breaks every call of one side in turn and fails with everything that did not come right again.
fn every_call((from, to): (In, In), side: Side, fault: Fault) {
    let from = source(from);
    let empty = Home::starlingx(to);
    let once = |to: &Home, nth: Option<usize>| {
        let spy = Spy::new(if side == Side::Target { to.store() } else { from.store() });
        let spy = Arc::new(if let Some(nth) = nth { spy.with(nth, fault) } else { spy });
        let broken: Arc<dyn Store> = Arc::<Spy>::clone(&spy);
        let done = match side {
            Side::Target => open(broken).and_then(|to| copy_between(from.mirror(), &to, &everything())),
            Side::Source => open(broken).and_then(|from| copy_between(&from, to.mirror(), &everything())),
        };
        (done.map(drop), spy.calls())
    };
    let undisturbed = empty.fork();
    let (done, calls) = once(&undisturbed, None);
    done.unwrap();
    let wanted = undisturbed.state();
    assert!(calls.len() > 10, "only {} calls: is this the whole story?", calls.len());
    let mut wrong = Vec::new();
    for nth in points(calls.len(), fault, STRIDE) {
        let home = empty.fork();
        let (first, calls) = once(&home, Some(nth));
        let call = calls.get(nth - 1).map(ToString::to_string).unwrap_or_default();
        let mut tell =
            |what: &str, why: String| wrong.push(format!("{nth}. {call}: {first:?}\n    {what}: {why}"));
        if let Err(why) = home.misleads_nobody() {
            tell("then", why);
        }
        match copy(&from, &home) {
            Err(why) => tell("again", why),
            Ok(_) if home.state() != wanted => {
                let is = home.state();
                let only = |a: &[String], b: &[String]| {
                    a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>().join("\n      ")
                };
                tell("it became another", format!("+ {}\n    - {}", only(&is, &wanted), only(&wanted, &is)));
            }
            Ok(_) => {}
        }
        if let Err(why) = home.misleads_nobody() {
            tell("again", why);
        }
    }
    assert!(wrong.is_empty(), "{} of {} calls:\n{}", wrong.len(), calls.len(), wrong.join("\n"));
}

/// Which of the two mirrors is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

/// Makes a test of each fault for each pair.
macro_rules! broken {
    ($($name:ident: $pair:expr;)*) => { $(mod $name {
        use super::*;

        #[test]
        fn stopped_anywhere() {
            every_call($pair, Side::Target, Fault::Stop);
        }

        #[test]
        fn failing_anywhere() {
            every_call($pair, Side::Target, Fault::Fail(StoreErrorKind::Io));
        }

        #[test]
        fn done_but_not_told_anywhere() {
            every_call($pair, Side::Target, Fault::Lose(StoreErrorKind::Io));
        }

        #[test]
        fn unreadable_anywhere() {
            every_call($pair, Side::Source, Fault::Fail(StoreErrorKind::Io));
        }
    })* };
}

broken! {
    a_directory_to_a_directory: PAIRS[0];
    a_bucket_to_a_bucket: PAIRS[3];
}

#[test]
fn stopped_anywhere_between_a_directory_and_a_bucket() {
    every_call(PAIRS[1], Side::Target, Fault::Stop);
}

#[test]
fn unreadable_anywhere_between_a_bucket_and_a_directory() {
    every_call(PAIRS[2], Side::Source, Fault::Fail(StoreErrorKind::Io));
}

#[test]
fn a_copy_is_the_same_build_and_a_second_one_changes_nothing() {
    for (one, other) in PAIRS {
        let (from, to) = (source(one), Home::starlingx(other));
        let report = copy(&from, &to).unwrap();
        assert_eq!(outcomes(&report), [ONE, TWO].map(|name| (name.to_owned(), CopyOutcome::Copied)));
        assert!(report.builds[1].shared_files > 0, "{one:?} to {other:?}: {report:?}");
        to.misleads_nobody().unwrap();
        let (mut is, mut was) = (to.state(), from.state());
        // Some kinds of manifest tell more than others, and none of it is seen.
        is.retain(|line| !line.starts_with(".mirrorkeep/"));
        was.retain(|line| !line.starts_with(".mirrorkeep/"));
        assert_eq!(is, was, "{one:?} to {other:?}");
        let before = to.state();
        let again = copy(&from, &to).unwrap();
        assert_eq!(outcomes(&again), [ONE, TWO].map(|name| (name.to_owned(), CopyOutcome::Unchanged)));
        assert!(again.aliases.is_empty() && to.state() == before);
        let back = copy(&to, &from).unwrap();
        assert_eq!(outcomes(&back), outcomes(&again), "{one:?} to {other:?} and back");
    }
}

#[test]
fn a_damaged_file_ends_its_build_and_no_other() {
    for (one, other) in PAIRS {
        let (from, to) = (source(one), Home::starlingx(other));
        from.label(TWO, "sanity=red");
        from.damage(&format!("master/centos/{TWO}/{ISO}"));
        let failed = copy(&from, &to).unwrap_err();
        let told = [TWO, ISO, "is damaged", "is listed"].iter().all(|word| failed.contains(word));
        assert!(told, "{failed}");
        assert_eq!(to.builds(), [ONE]);
        assert_eq!(to.leads("latest_build"), ONE, "{one:?} to {other:?}");
        to.misleads_nobody().unwrap();
        from.damage(&format!("master/centos/{TWO}/{ISO}"));
        let report = copy(&from, &to).unwrap();
        assert_eq!(report.builds[0].outcome, CopyOutcome::Unchanged);
        assert!(report.builds[1].resumed_files > 0, "{one:?} to {other:?}: {report:?}");
        assert_eq!(to.leads("latest_build"), TWO);
        to.misleads_nobody().unwrap();
    }
}

#[test]
fn what_is_there_with_another_content_is_told_and_left() {
    for (one, other) in PAIRS {
        let (from, to) = (source(one), Home::starlingx(other));
        let work = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(work.path().join("outputs/iso")).unwrap();
        std::fs::write(work.path().join(ISO), "another").unwrap();
        to.publish(work.path(), ONE, &[]);
        let before = to.state();
        let refused = copy(&from, &to).unwrap_err();
        assert!(refused.contains("with other content") && refused.contains(ISO), "{refused}");
        let (after, of_it) = (to.state(), format!("centos/{ONE}"));
        assert!(before.iter().filter(|line| line.contains(&of_it)).all(|line| after.contains(line)));
    }
}

#[test]
fn labels_follow_what_was_said_last() {
    let (from, to) = (source(In::Dir), Home::starlingx(In::Bucket));
    copy(&from, &to).unwrap();
    let labels = |home: &Home| home.mirror().record(&build(ONE)).unwrap().unwrap().labels;
    assert_eq!(labels(&to), labels(&from));
    to.label(ONE, "sanity=yellow");
    from.label(ONE, "kept=yes");
    let report = copy(&from, &to).unwrap();
    assert_eq!(report.builds[0].labels, ["kept"]);
    let there = labels(&to);
    assert_eq!(there.get("kept").map(|label| &*label.value), Some("yes"));
    assert_eq!(
        there.get("sanity").map(|label| &*label.value),
        Some("yellow"),
        "what was said here last stays"
    );
}

#[test]
fn what_a_build_needs_is_there_or_comes_along() {
    let (from, to) = (source(In::Dir), Home::starlingx(In::Bucket));
    let two = CopyOptions { what: vec![Scope::Build(build(TWO))], ..everything() };
    let refused = copy_between(from.mirror(), to.mirror(), &two).unwrap_err();
    assert!(refused.contains(&format!("needs `master/centos/{ONE}`")), "{refused}");
    assert!(to.builds().is_empty());
    copy(&from, &to).unwrap();
    assert_eq!(copy_between(from.mirror(), to.mirror(), &two).unwrap().builds.len(), 1);
}

#[test]
fn a_name_that_was_set_back_is_followed_when_that_is_permitted() {
    let (from, to) = (source(In::Dir), Home::starlingx(In::Bucket));
    copy(&from, &to).unwrap();
    let alias = "master/centos/latest_build".parse().unwrap();
    let back = Permit { backwards: true, no_success: false, stage: false };
    let one = format!("master/centos/{ONE}").parse().unwrap();
    mirrorkeep::commit::set(
        &Session::new(from.mirror(), &scene::now).begin().unwrap(),
        &alias,
        &one,
        back,
        scene::now(),
    )
    .unwrap();
    let report = copy(&from, &to).unwrap();
    assert!(report.left[0].why.contains("newer"), "{report:?}");
    assert_eq!(to.leads("latest_build"), TWO);
    let permitted = CopyOptions { permit: back, ..everything() };
    for mode in [Mode::Trial, Mode::Real] {
        let report =
            copy_between(from.mirror(), to.mirror(), &CopyOptions { mode, ..permitted.clone() }).unwrap();
        assert_eq!((report.aliases.len(), report.left.len()), (1, 0), "{report:?}");
    }
    assert_eq!(to.leads("latest_build"), ONE);
    // A new mirror gets the name as it is, not by way of the newest.
    let fresh = Home::starlingx(In::Dir);
    copy(&from, &fresh).unwrap();
    assert_eq!((fresh.leads("latest_build"), fresh.builds().len()), (ONE.to_owned(), 2));
}

#[test]
fn a_trial_changes_nothing_and_tells_the_same() {
    for (one, other) in PAIRS {
        let (from, to) = (source(one), Home::starlingx(other));
        let before = to.state();
        let trial = CopyOptions { mode: Mode::Trial, ..everything() };
        let told = copy_between(from.mirror(), to.mirror(), &trial).unwrap();
        assert_eq!(to.state(), before);
        let done = copy(&from, &to).unwrap();
        assert_eq!(told.aliases, done.aliases);
        let sizes = |report: &CopyReport| -> Vec<_> {
            report.builds.iter().map(|copied| (copied.id.clone(), copied.files, copied.bytes)).collect()
        };
        assert_eq!(sizes(&told), sizes(&done));
    }
}

#[test]
fn layouts_that_put_a_build_elsewhere_are_refused_before_anything_is_touched() {
    let from = source(In::Dir);
    let text = include_str!("../../layouts/starlingx.yaml");
    let rdo = Home::new(In::Dir, Chosen::Shipped("rdo-trunk".to_owned()));
    let refused = copy(&from, &rdo).unwrap_err();
    assert!(refused.contains("master/centos"), "{refused}");
    // The same streams, and fewer places in a build.
    let without = text.lines().filter(|line| !line.contains("logs")).collect::<Vec<_>>().join("\n");
    let narrow = Home::new(In::Dir, Chosen::File(without));
    let refused = copy(&from, &narrow).unwrap_err();
    assert!(refused.contains("outputs/logs/run"), "{refused}");
    assert!(rdo.builds().is_empty() && narrow.builds().is_empty());
}

#[test]
fn a_link_that_leads_to_no_build_is_refused() {
    let other = "../../../20181204T060000Z";
    for (text, through) in [
        ("../../../../../../etc/passwd", "x"),
        ("/etc/passwd", "x"),
        ("../../../../../.mirrorkeep/mirror.yaml", "x"),
        ("../../../..", "x"),
        ("turn/../../../.mirrorkeep/mirror.yaml", other),
    ] {
        let (from, to) = (source(In::Dir), Home::starlingx(In::Dir));
        let mut manifest = from.mirror().manifest(&build(ONE)).unwrap().unwrap();
        manifest.links[0].text = text.to_owned();
        let path = "outputs/iso/turn".parse().unwrap();
        manifest.links.push(LinkEntry { path, text: through.to_owned() });
        Session::new(from.mirror(), &scene::now)
            .begin()
            .unwrap()
            .keep_manifest(&build(ONE), &manifest)
            .unwrap();
        let refused = copy(&from, &to).unwrap_err();
        assert!(refused.contains("image.iso") && refused.contains("neither into its build"), "{refused}");
        assert!(!to.builds().contains(&ONE.to_owned()));
    }
}

#[test]
fn a_mirror_is_not_copied_into_itself() {
    let from = source(In::Bucket);
    let refused = copy(&from, &from).unwrap_err();
    assert!(refused.contains("both the source and the target"), "{refused}");
}
