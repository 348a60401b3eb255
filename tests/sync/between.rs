//! What changes in a mirror while it is sent: between the listing of its builds, the look at its names, and the sending of files.

use super::scene::{BUILDS, STREAM, Scene, whole};
use mirrorkeep::decide::targets::Targets;
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::Stamp;
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::sync::{SyncOptions, SyncOutcome, TargetReport, Verify, sync};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Call, Posix, Spy};
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Syncs by this store, on one thread, so that calls have the same order in each run.
fn through(scene: &Scene, spy: Arc<Spy>) -> TargetReport {
    let mirror = Mirror::open(spy, "a test", Duration::ZERO).unwrap();
    let yaml = fs::read_to_string(scene.rig.mirror(".mirrorkeep/targets.yaml")).unwrap();
    let targets = Targets::load(&yaml, "targets.yaml").unwrap();
    let (names, verify, mode) = (Vec::new(), Verify::Sample, Mode::Real);
    let options = SyncOptions { names, verify, restart: false, delete_at_most: None, mode };
    let now = || Stamp::from_instant(chrono::Utc::now()).unwrap();
    let session = Session::new(&mirror, &now);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let open = |_: &str| unreachable!("the target is a directory");
    let report = alone.install(|| sync(&session, &targets, &options, &open)).unwrap();
    report.targets.into_iter().next().unwrap()
}

fn spy(scene: &Scene) -> Spy {
    Spy::new(Arc::new(Posix::open(&scene.rig.mirror("")).unwrap()))
}

/// Returns the numbers of the calls that ask where the name leads. Each look at the mirror has one, after it listed the builds.
fn looks_at_the_name(spy: &Spy) -> Vec<usize> {
    let name = format!("{STREAM}/latest_build");
    let asks = |call: &Call| call.at.as_str() == name && call.method == "link_text";
    spy.calls().iter().enumerate().filter(|(_, call)| asks(call)).map(|(nth, _)| nth + 1).collect()
}

/// Returns the number of the first such call.
fn first_look_at_the_name(scene: &Scene) -> usize {
    let spy = Arc::new(spy(scene));
    through(scene, Arc::clone(&spy));
    looks_at_the_name(&spy)[0]
}

/// Returns a function that runs a command on the mirror.
fn command(scene: &Scene, line: String) -> impl Fn() + Send + Sync + 'static {
    let mirror = scene.rig.mirror("");
    move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        let output = command.arg("--mirror").arg(&mirror).args(line.split(' ')).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn publishing(scene: &Scene, build: &str) -> String {
    scene.rig.write("outputs/iso/bootimage.iso", build);
    format!("publish {} --stream {STREAM} --build {build}", scene.rig.work("").display())
}

/// Returns a spy in which the second build is published in the window of the first look.
fn second_is_published(scene: &Scene, nth: usize) -> Spy {
    spy(scene).meanwhile(nth, command(scene, publishing(scene, BUILDS[1])))
}

/// What came in the first look is seen by the second, which is the last: only a window of that one tells whether a build is sent that
/// the listing did not have.
#[test]
fn a_build_that_is_published_between_the_listing_and_the_look_at_its_name_is_sent_with_it() {
    let [first, second, scene] = [(); 3].map(|()| Scene::new([BUILDS[0]]));
    let nth = first_look_at_the_name(&first);
    let counted = Arc::new(second_is_published(&second, nth));
    let report = through(&second, Arc::clone(&counted));
    assert_eq!(
        (report.outcome, report.failures.len(), report.waits.len()),
        (SyncOutcome::Done, 0, 0),
        "{report:?}"
    );
    second.same("spare");
    // Before and after builds are sent, twice.
    let looks = looks_at_the_name(&counted);
    assert_eq!((looks.len(), looks[0]), (4, nth), "{looks:?}");
    let spy = second_is_published(&scene, nth);
    // Its source is another one than that of the build before.
    let other = scene.beside("other");
    fs::create_dir_all(other.join("outputs/iso")).unwrap();
    fs::write(other.join("outputs/iso/bootimage.iso"), BUILDS[2]).unwrap();
    let third = format!("publish {} --stream {STREAM} --build {}", other.display(), BUILDS[2]);
    let report = through(&scene, Arc::new(spy.meanwhile(looks[2], command(&scene, third))));
    assert_eq!(
        (report.outcome, report.failures.len(), report.waits.len()),
        (SyncOutcome::Done, 0, 0),
        "{report:?}"
    );
    assert_eq!(whole(&scene.to("spare"), &format!("{STREAM}/latest_build")).as_deref(), Some(BUILDS[2]));
    scene.same("spare");
}

#[test]
fn a_build_that_is_removed_between_the_listing_and_the_look_at_its_name_is_no_failure() {
    for removed in [BUILDS[0], BUILDS[1]] {
        let [first, scene] = [(); 2].map(|()| Scene::new([BUILDS[0], BUILDS[1]]));
        let nth = first_look_at_the_name(&first);
        let act = command(&scene, format!("withdraw {STREAM}/{removed} --why wrong"));
        let report = through(&scene, Arc::new(spy(&scene).meanwhile(nth, act)));
        assert_eq!((&report.outcome, report.failures.len()), (&SyncOutcome::Done, 0), "{report:?}");
        let stays = if removed == BUILDS[0] { BUILDS[1] } else { BUILDS[0] };
        assert_eq!(whole(&scene.to("spare"), &format!("{STREAM}/latest_build")).as_deref(), Some(stays));
        scene.same("spare");
    }
}

/// Returns what stands in for rsync: before the first run that sends files, commands change the mirror.
fn before_files(scene: &Scene, commands: &[String]) -> String {
    let program = env!("CARGO_BIN_EXE_mirrorkeep");
    let commands: Vec<String> = commands
        .iter()
        .map(|line| format!("{program} -q --mirror {} {line} >&2 || exit 1", scene.rig.mirror("").display()))
        .collect();
    let commands = commands.join("\n        ");
    format!(
        "case \" $* \" in *' -lptH '*)
    if mkdir \"$dir/once\" 2>/dev/null; then
        {commands}
    fi;;
esac
exec \"$real\" \"$@\""
    )
}

#[test]
fn a_build_that_is_removed_before_its_files_are_sent_is_not_there_afterwards() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let act = before_files(&scene, &[format!("withdraw {STREAM}/{} --why wrong", BUILDS[1])]);
    let output = scene.with_rsync(&act, &["sync"]);
    assert!(scene.beside("bin/once").exists(), "{output:?}");
    // The files that vanished may be a failure of this run, and never of the next.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert_ne!(whole(&scene.to("spare"), &format!("{STREAM}/latest_build")).as_deref(), Some(BUILDS[1]));
    scene.sync(0, &[]);
    assert_eq!(whole(&scene.to("spare"), &format!("{STREAM}/latest_build")).as_deref(), Some(BUILDS[0]));
    scene.same("spare");
}

#[test]
fn a_build_that_is_replaced_before_its_files_are_sent_is_sent_as_it_is_then() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    // Other bytes of the same size.
    let other = BUILDS[1].replace('Z', "z");
    let again = publishing(&scene, BUILDS[1]) + " --allow-withdrawn";
    scene.rig.write("outputs/iso/bootimage.iso", &other);
    let withdraw = format!("withdraw {STREAM}/{} --why wrong --purge --yes", BUILDS[1]);
    let output = scene.with_rsync(&before_files(&scene, &[withdraw, again]), &["sync"]);
    assert!(scene.beside("bin/once").exists(), "{output:?}");
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    // Whatever the name leads to is whole.
    whole(&scene.to("spare"), &format!("{STREAM}/latest_build"));
    scene.sync(0, &[]);
    let iso = scene.to(&format!("spare/{STREAM}/{}/outputs/iso/bootimage.iso", BUILDS[1]));
    assert_eq!(fs::read_to_string(iso).unwrap(), other);
    scene.same("spare");
}
