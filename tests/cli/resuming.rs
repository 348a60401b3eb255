//! An interrupted publish without a name is resumed by the same command, and what nobody resumes is cleared.

use crate::support::view::{self, chain};
use mirrorkeep::decide::InputPatterns;
use mirrorkeep::decide::check::Terms;
use mirrorkeep::mirror::{Chosen, Mirror, Setup};
use mirrorkeep::model::{BuildId, RelPath, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::publish::{Named, PublishOutcome, PublishReport, PublishRequest};
use mirrorkeep::ops::retention::PruneOptions;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Conditions, Fault, ObjectStore, Posix, Spy, Store};
use object_store::memory::InMemory;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const FIRST: &str = "20181206T060000Z";
const SECOND: &str = "20181206T061500Z";
const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - {name: all, match: \"**\", keep: [{last: 9}]}
";

fn stamp(seconds: i64) -> Stamp {
    Stamp::from_unix(chrono::Utc::now().timestamp() + seconds).unwrap()
}

fn now() -> Stamp {
    stamp(0)
}

fn open(store: Arc<dyn Store>) -> Result<Mirror, String> {
    Mirror::open(store, "a test", Duration::ZERO).map_err(chain)
}

fn publishing(name: &str, work: &Path) -> PublishRequest {
    let id: BuildId = format!("master/centos/{name}").parse().unwrap();
    PublishRequest { named: Named::ByClock, ..view::publishing(id, work) }
}

/// A mirror without builds, a workspace, and where a process that is killed leaves what it did.
struct Scene {
    dir: tempfile::TempDir,
    store: Arc<dyn Store>,
}

impl Scene {
    fn on_disk() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        fs::create_dir(dir.path().join("mirror")).unwrap();
        let store = Arc::new(Posix::open(&dir.path().join("mirror")).unwrap());
        Self::of(dir, store)
    }

    fn in_bucket() -> Self {
        let memory = Arc::new(InMemory::new());
        let store = ObjectStore::new(Arc::clone(&memory) as Arc<_>, "memory:", Conditions::Honoured).unwrap();
        Self::of(tempfile::tempdir().unwrap(), Arc::new(store.naming_uploads(memory)))
    }

    fn of(dir: tempfile::TempDir, store: Arc<dyn Store>) -> Self {
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: Some(Chosen::File(POLICY.to_owned())),
            pipeline: None,
            id: "x".to_owned(),
        };
        Mirror::init(Arc::clone(&store), &setup, "a test", Duration::ZERO).unwrap();
        let scene = Self { dir, store };
        scene.write("outputs/RPMS/std/a.rpm", "a");
        scene.write("outputs/iso/bootimage.iso", "image");
        scene
    }

    fn work(&self) -> std::path::PathBuf {
        self.dir.path().join("work")
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.work().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Publishes by the clock; killed at the `nth` call, if one is said.
    fn publish(&self, name: &str, killed: Option<usize>) -> Result<PublishReport, String> {
        self.publish_as(&publishing(name, &self.work()), killed)
    }

    /// Publishes by the clock if the image is another than in the newest success.
    fn publish_if_changed(&self, name: &str, killed: Option<usize>) -> Result<PublishReport, String> {
        let if_changed = Some(InputPatterns::read(&["outputs/iso".to_owned()]).unwrap());
        self.publish_as(&PublishRequest { if_changed, ..publishing(name, &self.work()) }, killed)
    }

    fn publish_as(&self, request: &PublishRequest, killed: Option<usize>) -> Result<PublishReport, String> {
        let store: Arc<dyn Store> = match killed {
            Some(nth) => Arc::new(Spy::new(self.store()).with(nth, Fault::Stop)),
            None => self.store(),
        };
        view::publish(&open(store)?, request, &now)
    }

    /// Returns the number of the call with which the last file is there.
    fn filled(on: fn() -> Self) -> usize {
        let scene = on();
        let spy = Arc::new(Spy::new(scene.store()));
        let mirror = open(Arc::clone(&spy) as Arc<dyn Store>).unwrap();
        view::publish(&mirror, &publishing(FIRST, &scene.work()), &now).unwrap();
        let calls = spy.calls();
        let of =
            |call: &mirrorkeep::store::Call| call.method == "fill" && call.at.to_string().contains(FIRST);
        calls.iter().rposition(of).unwrap() + 1
    }

    fn stages(&self) -> Vec<RelPath> {
        open(self.store()).unwrap().list_state(&RelPath::state("stage")).unwrap()
    }

    fn builds(&self) -> Vec<String> {
        view::builds(&open(self.store()).unwrap())
    }

    /// Returns the findings of stages, at an instant.
    fn findings(&self, at: Stamp) -> Vec<String> {
        let mirror = open(self.store()).unwrap();
        let report = mirrorkeep::ops::check::check(
            &Session::new(&mirror, &|| at),
            &RelPath::root(),
            Terms::default(),
            Vec::new(),
        )
        .unwrap();
        let found = report.findings.iter().filter(|found| found.code.as_str().starts_with("stage-"));
        found.map(|found| format!("{} {}: {}", found.code, found.path, found.found)).collect()
    }

    /// Prunes when the clock says `at`, and returns the stages that are cleared.
    fn prune(&self, at: Stamp, mode: Mode) -> Vec<String> {
        let how = PruneOptions { any_clock: true, ..PruneOptions::default() };
        let report = mirrorkeep::ops::retention::prune(
            &Session::new(&open(self.store()).unwrap(), &move || at),
            &how,
            &crate::support::view::no_archive,
            mode,
        )
        .unwrap();
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        report.stages.iter().map(|stage| format!("{} {}", stage.path, stage.bytes)).collect()
    }
}

/// Kills the first command at each of its calls; the second has another clock, and ends what the first began.
fn every_call(on: fn() -> Scene) {
    let (mut resumed, mut finished, mut wrong) = (0, 0, Vec::new());
    for nth in 1.. {
        let scene = on();
        let killed = scene.publish(FIRST, Some(nth));
        let noted = scene
            .stages()
            .iter()
            .any(|at| scene.store.look(&at.child("claim.json").unwrap()).unwrap().is_some());
        let report = match scene.publish(SECOND, None) {
            Ok(report) => report,
            Err(why) => {
                wrong.push(format!("{nth}: {why}"));
                continue;
            }
        };
        let name = report.id.name.to_string();
        if noted && name != FIRST {
            wrong.push(format!("{nth}: a noted stage was not resumed"));
        }
        let builds = scene.builds();
        // After the stage went, the first build is there, and nothing tells that the second is the same.
        let ended = killed.is_err() && !noted && builds.contains(&FIRST.to_owned());
        if !ended && builds != [name.clone()] {
            wrong.push(format!("{nth}: {builds:?} are there, and {name} was reported"));
        }
        if !scene.stages().is_empty() {
            wrong.push(format!("{nth}: {:?} stayed", scene.stages()));
        }
        resumed += usize::from(name == FIRST && report.resumed_files > 0);
        finished += usize::from(
            name == FIRST && report.outcome == mirrorkeep::ops::publish::PublishOutcome::Unchanged,
        );
        if killed.is_ok() {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(resumed > 3 && finished > 3, "{resumed} resumed, {finished} finished");
}

/// Kills a publish of changed inputs at each of its calls; the second ends what the first began, and one build comes of both.
fn every_call_if_changed(on: fn() -> Scene) {
    const OLD: &str = "20181205T060000Z";
    let (mut finished, mut wrong) = (0, Vec::new());
    for nth in 1.. {
        let scene = on();
        scene.write("outputs/iso/bootimage.iso", "old");
        scene.publish(OLD, None).unwrap();
        scene.write("outputs/iso/bootimage.iso", "image");
        let killed = scene.publish_if_changed(FIRST, Some(nth));
        let report = scene.publish_if_changed(SECOND, None).unwrap();
        let name = report.id.name.to_string();
        if scene.builds() != [OLD.to_owned(), name.clone()] || !scene.stages().is_empty() {
            wrong.push(format!("{nth}: {:?} are there, and {name} was reported", scene.builds()));
        }
        finished += usize::from(name == FIRST && report.outcome == PublishOutcome::Unchanged);
        let third = scene.publish_if_changed("20181207T060000Z", None).unwrap();
        if (third.outcome, third.id) != (PublishOutcome::InputsUnchanged, report.id) {
            wrong.push(format!("{nth}: the third was not compared with {name}"));
        }
        if killed.is_ok() {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(finished > 3, "{finished} finished");
}

#[test]
fn one_build_comes_of_a_publish_of_changed_inputs_that_is_killed_anywhere_on_a_disk() {
    every_call_if_changed(Scene::on_disk);
}

#[test]
fn one_build_comes_of_a_publish_of_changed_inputs_that_is_killed_anywhere_in_a_bucket() {
    every_call_if_changed(Scene::in_bucket);
}

#[test]
fn a_publish_without_a_name_that_is_killed_anywhere_is_resumed_on_a_disk() {
    every_call(Scene::on_disk);
}

#[test]
fn a_publish_without_a_name_that_is_killed_anywhere_is_resumed_in_a_bucket() {
    every_call(Scene::in_bucket);
}

#[test]
fn only_the_same_is_resumed() {
    #[track_caller]
    fn case(on: fn() -> Scene, change: fn(&Scene, &mut PublishRequest)) {
        let scene = on();
        scene.publish(FIRST, Some(Scene::filled(on) + 1)).unwrap_err();
        let mut second = publishing(SECOND, &scene.work());
        change(&scene, &mut second);
        let report = view::publish(&open(scene.store()).unwrap(), &second, &now).unwrap();
        assert_eq!((report.id, report.resumed_files), (second.id, 0));
        assert_eq!(scene.stages().len(), 1);
    }
    for on in [Scene::on_disk, Scene::in_bucket] {
        case(on, |scene, _| scene.write("outputs/iso/bootimage.iso", "another"));
        case(on, |scene, _| scene.write("outputs/iso/more.iso", "more"));
        case(on, |_, second| second.labels.clear());
        case(on, |_, second| second.exclude = vec![glob::Pattern::new("*.part").unwrap()]);
        case(on, |_, second| second.result = Some(mirrorkeep::model::Outcome::Fail));
        case(on, |_, second| second.named = Named::Given);
        case(on, |_, second| second.id = format!("master/debian/{SECOND}").parse().unwrap());
        // A process holds the stage.
        case(on, |scene, _| {
            let ticket = scene.stages()[0].child("ticket").unwrap();
            Box::leak(Box::new(scene.store.lock(&ticket, "a living one", Duration::ZERO).unwrap()));
        });
    }
}

#[test]
fn what_an_interrupted_publish_left_is_found_and_cleared_after_a_day() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let scene = on();
        view::publish(&open(scene.store()).unwrap(), &publishing("20181201T060000Z", &scene.work()), &now)
            .unwrap();
        scene.write("outputs/iso/bootimage.iso", "one image more");
        scene.publish(FIRST, Some(Scene::filled(on) + 1)).unwrap_err();
        let [stage] = &*scene.stages() else { panic!("{:?}", scene.stages()) };
        let (hours, days) = (stamp(5 * 3600 + 60), stamp(3 * 86400 + 60));
        let [found] = &*scene.findings(hours) else { panic!("{:?}", scene.findings(hours)) };
        assert!(
            found.starts_with(&format!("stage-waiting {stage}: ")) && found.ends_with("5h ago"),
            "{found}"
        );
        let [found] = &*scene.findings(days) else { panic!("{:?}", scene.findings(days)) };
        assert!(found.starts_with(&format!("stage-stale {stage}: ")) && found.ends_with("3d ago"), "{found}");
        // A process that holds it may still go on.
        let ticket = scene.store.lock(&stage.child("ticket").unwrap(), "a living one", Duration::ZERO);
        assert!(scene.findings(days).is_empty() && scene.prune(days, Mode::Trial).is_empty());
        assert!(scene.prune(days, Mode::Real).is_empty());
        drop(ticket.unwrap());
        assert!(scene.prune(hours, Mode::Trial).is_empty() && scene.prune(hours, Mode::Real).is_empty());
        let would = scene.prune(days, Mode::Trial);
        assert_eq!(scene.stages().len(), 1);
        let bytes: u64 = would[0].rsplit(' ').next().unwrap().parse().unwrap();
        assert!(would[0].starts_with(stage.as_str()) && bytes >= 14, "{would:?}");
        assert_eq!(scene.prune(days, Mode::Real), would);
        assert!(scene.stages().is_empty() && scene.findings(days).is_empty());
        assert_eq!(scene.builds(), ["20181201T060000Z"]);
        let first: RelPath = format!("master/centos/{FIRST}").parse().unwrap();
        assert!(scene.store.below(&first).unwrap().is_empty());
    }
}

/// Publishes the workspace and one file beside it, which leave their places.
fn moving(scene: &Scene, store: Arc<dyn Store>) -> Result<PublishReport, String> {
    let mut moving = PublishRequest { named: Named::Given, ..publishing(FIRST, &scene.work()) };
    moving.filling.take = Some(mirrorkeep::store::Take::Move);
    moving.filling.dedupe = None;
    let (to, from) = ("outputs/iso/beside.iso".parse().unwrap(), scene.dir.path().join("beside.iso"));
    moving.sources.push(mirrorkeep::source::SourceSpec { to, from, only: None });
    let (to, from) = ("outputs/logs".parse().unwrap(), scene.dir.path().join("logs"));
    let only = Some("*.txt".parse().unwrap());
    moving.sources.push(mirrorkeep::source::SourceSpec { to, from, only });
    view::publish(&open(store)?, &moving, &now)
}

/// Returns the files of a workspace and beside it.
fn left(scene: &Scene) -> Vec<String> {
    let left = crate::support::rig::tree(scene.dir.path()).into_iter();
    left.filter(|line| !line.starts_with("mirror") && line.contains(" 100")).collect()
}

/// Ends the removing of the source after each file, and once more when all are gone.
#[test]
fn a_move_that_is_cut_off_while_it_empties_the_source_ends_with_the_same_command() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let files = [
            "work/outputs/RPMS/std/a.rpm",
            "work/outputs/iso/bootimage.iso",
            "work/outputs/fail",
            "beside.iso",
            "logs/b.txt",
        ];
        for gone in 0..=files.len() {
            let scene = on();
            scene.write("outputs/fail", "");
            scene.write("../beside.iso", "beside");
            scene.write("../logs/b.txt", "log");
            let kept = tempfile::tempdir_in(scene.dir.path()).unwrap();
            for (n, file) in files.iter().enumerate() {
                fs::hard_link(scene.dir.path().join(file), kept.path().join(n.to_string())).unwrap();
            }
            moving(&scene, scene.store()).unwrap();
            for (n, file) in files.iter().enumerate().skip(gone) {
                fs::rename(kept.path().join(n.to_string()), scene.dir.path().join(file)).unwrap();
            }
            kept.close().unwrap();
            let again = moving(&scene, scene.store()).unwrap();
            assert_eq!(again.outcome, mirrorkeep::ops::publish::PublishOutcome::Unchanged);
            assert_eq!((again.result, again.files), (mirrorkeep::model::Outcome::Fail, 5));
            assert_eq!(left(&scene), [""; 0], "{gone}");
            assert_eq!(scene.builds(), [FIRST]);
        }
    }
}

/// Gives two files of the workspace the time of a reproducible build.
fn clamp(scene: &Scene) {
    for file in ["outputs/RPMS/std/a.rpm", "outputs/iso/bootimage.iso"] {
        let file = fs::File::open(scene.work().join(file)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_540_000_000)).unwrap();
    }
}

/// Returns a scene with a build, whose next one has other bytes of the same size and time in one file.
fn clamped(on: fn() -> Scene) -> Scene {
    let scene = on();
    clamp(&scene);
    view::publish(&open(scene.store()).unwrap(), &publishing("20181201T060000Z", &scene.work()), &now)
        .unwrap();
    scene.write("outputs/iso/bootimage.iso", "imagf");
    clamp(&scene);
    scene
}

/// Returns the times of the files of a build that come from the source, in seconds after those of the source.
fn times(scene: &Scene, id: &BuildId) -> Vec<i128> {
    let files = open(scene.store()).unwrap().manifest(id).unwrap().unwrap().files;
    files.iter().filter_map(|file| Some((file.mtime - file.seen?.mtime) / 1_000_000_000)).collect()
}

#[test]
fn a_publish_that_is_killed_anywhere_is_resumed_with_the_same_times() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        for nth in (1..).step_by(3) {
            let scene = clamped(on);
            let killed = scene.publish(FIRST, Some(nth));
            let report = scene.publish(SECOND, None).unwrap();
            assert_eq!(times(&scene, &report.id), [0, 1], "{nth}");
            if killed.is_ok() {
                break;
            }
        }
    }
}

/// What another publish of the stream did meanwhile counts, too.
#[test]
fn a_publish_that_is_resumed_after_another_one_has_later_times_than_that() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let scene = clamped(on);
        scene.publish(FIRST, Some(Scene::filled(on) + 1)).unwrap_err();
        let other = tempfile::tempdir().unwrap();
        for (file, text) in [("RPMS/std/a.rpm", "a"), ("iso/bootimage.iso", "imagg")] {
            let path = other.path().join("outputs").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let time = std::time::UNIX_EPOCH + Duration::from_secs(1_540_000_003);
            fs::File::open(&path).unwrap().set_modified(time).unwrap();
        }
        let mut meanwhile = publishing("20181206T060500Z", other.path());
        meanwhile.named = Named::Given;
        view::publish(&open(scene.store()).unwrap(), &meanwhile, &now).unwrap();
        let report = scene.publish(SECOND, None).unwrap();
        assert_eq!(report.id.name.to_string(), FIRST);
        assert_eq!(times(&scene, &report.id)[1], 4);
    }
}

#[test]
fn a_move_that_copied_files_for_a_later_time_empties_the_source_too() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let scene = clamped(on);
        scene.write("../beside.iso", "beside");
        scene.write("../logs/b.txt", "log");
        let image = scene.work().join("outputs/iso/bootimage.iso");
        let kept = scene.dir.path().join("kept");
        fs::hard_link(&image, &kept).unwrap();
        assert_eq!(moving(&scene, scene.store()).unwrap().warnings, [""; 0]);
        assert!(!image.exists());
        // As if it had been cut off before this file was removed.
        fs::rename(&kept, &image).unwrap();
        moving(&scene, scene.store()).unwrap();
        assert_eq!(left(&scene), [""; 0]);
    }
}

#[test]
fn what_a_move_did_not_take_is_a_difference() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let scene = on();
        scene.write("../beside.iso", "beside");
        scene.write("../logs/b.txt", "log");
        moving(&scene, scene.store()).unwrap();
        scene.write("outputs/iso/new.iso", "new");
        assert!(moving(&scene, scene.store()).unwrap_err().contains("new here: outputs/iso/new.iso"));
        fs::remove_file(scene.work().join("outputs/iso/new.iso")).unwrap();
        scene.write("outputs/iso/bootimage.iso", "another");
        assert!(moving(&scene, scene.store()).unwrap_err().contains("changed: outputs/iso/bootimage.iso"));
        assert_eq!(fs::read_to_string(scene.work().join("outputs/iso/bootimage.iso")).unwrap(), "another");
        fs::remove_file(scene.work().join("outputs/iso/bootimage.iso")).unwrap();
        fs::create_dir_all(scene.work().join("outputs/logs/empty")).unwrap();
        if !scene.store.abilities().directories {
            continue;
        }
        assert!(moving(&scene, scene.store()).unwrap_err().contains("new here: outputs/logs/empty"));
    }
    // Nothing is left out of what was copied.
    let scene = Scene::on_disk();
    scene.write("../beside.iso", "beside");
    scene.write("../logs/b.txt", "log");
    view::publish(&open(scene.store()).unwrap(), &publishing(FIRST, &scene.work()), &now).unwrap();
    fs::remove_file(scene.work().join("outputs/iso/bootimage.iso")).unwrap();
    let error = moving(&scene, scene.store()).unwrap_err();
    assert!(error.contains("missing here: outputs/iso/bootimage.iso"), "{error}");
}

#[test]
fn labels_of_a_build_that_is_there_are_set_or_warned_of() {
    for on in [Scene::on_disk, Scene::in_bucket] {
        let scene = on();
        let mut publishing = publishing(FIRST, &scene.work());
        let publish = |publishing: &PublishRequest| {
            view::publish(&open(scene.store()).unwrap(), publishing, &now).unwrap()
        };
        publish(&publishing);
        publishing.named = Named::Given;
        publishing.labels = ["kind=weekly", "job=18"].map(|label| label.parse().unwrap()).to_vec();
        let report = publish(&publishing);
        assert_eq!(report.outcome, mirrorkeep::ops::publish::PublishOutcome::Unchanged);
        let [warning] = &*report.warnings else { panic!("{:?}", report.warnings) };
        let said = "is not set: the build is labelled `kind=nightly`; to change it, run `mirrorkeep label";
        assert!(warning.contains(said), "{warning}");
        let record = open(scene.store()).unwrap().record(&publishing.id).unwrap().unwrap();
        let value = |key: &str| record.labels.get(key).map(|label| label.value.clone());
        assert_eq!((value("kind").as_deref(), value("job").as_deref()), (Some("nightly"), Some("18")));
    }
}

#[test]
fn of_two_publishes_in_one_second_the_second_is_told_what_to_do() {
    use mirrorkeep::model::Classify;
    let scene = Scene::on_disk();
    scene.publish(FIRST, None).unwrap();
    let mirror = open(scene.store()).unwrap();
    let publish = |publishing: &PublishRequest| {
        mirrorkeep::ops::publish::publish(&Session::new(&mirror, &now), publishing)
    };
    let second = publishing(FIRST, &scene.work());
    let report = publish(&second).unwrap();
    assert_eq!(report.outcome, mirrorkeep::ops::publish::PublishOutcome::Unchanged);
    scene.write("outputs/iso/bootimage.iso", "another image");
    let by_clock = publish(&second).unwrap_err().class().hint.unwrap();
    assert!(by_clock.contains("run the same command again") && !by_clock.contains("--build"), "{by_clock}");
    let given = publish(&PublishRequest { named: Named::Given, ..second }).unwrap_err().class().hint.unwrap();
    assert!(given.contains("`--build`") && !given.contains("second"), "{given}");
}
