//! What publish reports of names that do not move to the new build, and of clocks that are wrong.

use crate::support::rig::Rig;
use crate::support::view::{self, chain};
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::{BuildId, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Posix, Spy, Store};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::Duration;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";
const LATEST: &str = "master/centos/latest_build";

/// Returns the stamp of that many seconds from now.
fn stamp(seconds: i64) -> Stamp {
    Stamp::from_unix(chrono::Utc::now().timestamp() + seconds).unwrap()
}

/// Publishes a build and returns its warnings, which the text shows as well as the JSON.
#[track_caller]
fn warnings(rig: &Rig, build: &str, more: &[&str]) -> Vec<String> {
    let work = rig.work("");
    let args = ["--json", "publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", build];
    let output = rig.run(&[&args, more].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = answer["warnings"].as_array().unwrap().iter();
    let warnings: Vec<String> = warnings.map(|warning| warning.as_str().unwrap().to_owned()).collect();
    assert!(warnings.iter().all(|warning| said.contains(warning)), "{said}");
    warnings
}

/// Expects one warning that says `said`, and that the command in it moves `latest_build` to `build`.
#[track_caller]
fn moved_by_hint(rig: &Rig, build: &str, said: &str) {
    let warnings = warnings(rig, build, &[]);
    let [warning] = &*warnings else { panic!("{warnings:?}") };
    assert!(warning.contains(&format!("`{LATEST}`")) && warning.contains(said), "{warning}");
    assert_ne!(rig.latest().as_deref(), Some(build));
    let command = warning.rsplit('`').nth(1).unwrap().strip_prefix("mirrorkeep ").unwrap();
    rig.ok(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(rig.latest().as_deref(), Some(build));
}

#[test]
fn a_name_that_stays_at_a_later_build_is_reported() {
    let rig = Rig::new();
    let later = stamp(1800).to_string();
    rig.publish(&later, &[]);
    let said = format!("stays at `{later}`, which is newer than `{ONE}` and dated in the future");
    moved_by_hint(&rig, ONE, &said);
    rig.publish(THREE, &[]);
    moved_by_hint(&rig, TWO, &format!("stays at `{THREE}`, which is newer than `{TWO}`;"));
}

#[test]
fn a_name_that_resolves_to_something_else_is_reported() {
    #[track_caller]
    fn case(target: &str) {
        let rig = Rig::new();
        rig.publish(ONE, &[]);
        fs::create_dir_all(rig.mirror("master/centos/hotfix")).unwrap();
        let work = rig.work("");
        rig.ok(&["publish", work.to_str().unwrap(), "--stream", "master/debian", "--build", ONE]);
        fs::remove_file(rig.mirror(LATEST)).unwrap();
        symlink(target, rig.mirror(LATEST)).unwrap();
        moved_by_hint(&rig, TWO, "which is not a build of `master/centos`");
    }
    case("hotfix");
    case(&format!("{ONE}/outputs"));
    case(&format!("../debian/{ONE}"));
}

#[test]
fn names_that_have_no_business_with_the_build_are_not_reported() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let alias = "aliases:\n- name: latest_green_build\n  labels: {sanity: green}\n";
    fs::write(&settings, text + alias).unwrap();
    assert!(warnings(&rig, TWO, &["--label", "sanity=green"]).is_empty());
    assert!(warnings(&rig, ONE, &["--result", "fail"]).is_empty());
    assert!(warnings(&rig, THREE, &[]).is_empty());
    // The same build again: nothing was to move.
    assert!(warnings(&rig, TWO, &["--label", "sanity=green"]).is_empty());
    // A name that leads nowhere is put right.
    fs::remove_file(rig.mirror(LATEST)).unwrap();
    symlink("20170101T000000Z", rig.mirror(LATEST)).unwrap();
    assert!(warnings(&rig, "20181208T060000Z", &[]).is_empty());
    assert_eq!(rig.latest().as_deref(), Some("20181208T060000Z"));
}

fn open(rig: &Rig) -> Mirror {
    let store = Arc::new(Posix::open(&rig.mirror("")).unwrap());
    Mirror::open(store, "a test", Duration::ZERO).unwrap()
}

fn build(name: &str) -> BuildId {
    format!("master/centos/{name}").parse().unwrap()
}

#[test]
fn a_build_from_the_future_of_the_file_system_is_refused() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let days = stamp(20 * 86400);
    let ahead = move || days;
    let publishing = |name: &str| view::publishing(build(name), &rig.work(""));
    let error = view::publish(&open(&rig), &publishing(&days.to_string()), &ahead).unwrap_err();
    assert!(
        error.contains("dated in the future") && error.contains("clock of the mirror's store"),
        "{error}"
    );
    assert_eq!(rig.there(), [ONE]);
    // A stamp that was given and is not of the future is right, whatever the clock says.
    let report = view::publish(&open(&rig), &publishing(TWO), &ahead).unwrap();
    assert!(report.warnings[0].contains("clock of this machine"), "{:?}", report.warnings);
    // That was an event of the future.
    let report = view::publish(&open(&rig), &publishing(THREE), &|| stamp(0)).unwrap();
    let [warning] = &*report.warnings else { panic!("{:?}", report.warnings) };
    assert!(warning.contains("the last event of the mirror is dated") && warning.contains("in the future"));
    let green = "a=b".parse().unwrap();
    mirrorkeep::ops::alias::label(
        &Session::new(&open(&rig), &|| stamp(0)),
        &build(ONE),
        &[green],
        &[],
        Mode::Real,
    )
    .map_err(chain)
    .unwrap();
}

#[test]
fn whoever_finishes_a_publish_reports_the_names_that_stay() {
    let mut reported = 0;
    let first = Rig::new();
    first.publish(TWO, &[]);
    for nth in 1.. {
        let rig = first.copy();
        let spy = Arc::new(Spy::new(Arc::new(Posix::open(&rig.mirror("")).unwrap())).with(nth, Fault::Stop));
        let mirror = Mirror::open(Arc::clone(&spy) as Arc<dyn Store>, "a test", Duration::ZERO);
        let publishing = view::publishing(build(ONE), &rig.work(""));
        let published =
            mirror.map_err(chain).and_then(|mirror| view::publish(&mirror, &publishing, &|| stamp(0)));
        let next = open(&rig);
        mirrorkeep::recover::recover(&next, mirrorkeep::recover::Stages::Wait, &|| stamp(0))
            .map_err(chain)
            .unwrap();
        let warnings = next.warnings().take();
        reported += usize::from(warnings.iter().any(|warning| warning.contains("latest_build` stays at")));
        if published.is_ok() {
            break;
        }
    }
    assert!(reported > 3, "{reported}");
}
