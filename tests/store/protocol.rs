//! The contract of the commit protocol: ten laws on how builds appear, disappear and come back, over every kind of store.
//!
//! Each law runs over a directory and over a bucket in memory. Laws on interruption stop each step at every call of the
//! store in turn. A third kind of store joins by its own [`In`].

use super::copy::scene::{Home, In, build, now, open};
use crate::support::view::{self, chain};
use mirrorkeep::mirror::{Chosen, TicketKind, survey};
use mirrorkeep::model::{Digest, RelPath, SUMS_NAME, is_sums};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::publish::PublishRequest;
use mirrorkeep::ops::retention::{PruneOptions, PruneReport, SweepReport};
use mirrorkeep::record::{EventKind, Phase, Sums};
use mirrorkeep::recover::Stages;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Kind, Spy, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";

/// Keeps the newest build.
const LAST: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
brakes: {policy_change: apply}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

/// Keeps every build, and the packages of the newest alone.
const TRIMS: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
brakes: {policy_change: apply}
families:
  - name: all
    match: \"**\"
    keep: [{last: 9}]
    parts: {packages: {paths: [\"outputs/RPMS/**\"], keep: [{last: 1}]}}
";

/// What a reader finds in one build: mode and digest of each file, or the text of each link.
type Content = BTreeMap<RelPath, String>;

/// What readers and `restore` find in a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    builds: BTreeMap<String, Content>,
    latest: String,
    trash: Vec<(String, TicketKind)>,
}

/// A mirror with two builds, and what the third is made of.
struct Scene {
    home: Home,
    work: Arc<tempfile::TempDir>,
}

impl Scene {
    fn new(kind: In, policy: &str) -> Self {
        let (layout, policy) = ("starlingx".to_owned(), Chosen::File(policy.to_owned()));
        let home = Home::with_policy(kind, Chosen::Shipped(layout), Some(policy));
        let work = Arc::new(tempfile::tempdir().unwrap());
        let scene = Self { home, work };
        for name in [ONE, TWO] {
            scene.write("outputs/iso/bootimage.iso", name);
            scene.write("outputs/RPMS/std/a.rpm", "the same in all");
            scene.write("outputs/RPMS/std/own.rpm", &format!("a package of {name}"));
            publish(&scene, scene.home.store(), name).unwrap();
        }
        scene.write("outputs/iso/bootimage.iso", THREE);
        scene.write("outputs/RPMS/std/own.rpm", &format!("a package of {THREE}"));
        scene
    }

    fn fork(&self) -> Self {
        Self { home: self.home.fork(), work: Arc::clone(&self.work) }
    }

    fn write(&self, below: &str, text: &str) {
        write(self.work.path(), below, text);
    }

    /// Returns what a reader finds, and what waits in the trash.
    fn view(&self) -> View {
        let mirror = self.home.mirror();
        let survey = survey(mirror, now()).unwrap();
        assert!(survey.troubles.is_empty(), "{:?}", survey.troubles);
        let names = survey.census.builds().map(|(id, _)| id.name.to_string());
        let builds = names.map(|name| (name.clone(), self.content(&name))).collect();
        let waiting = mirror.trash().unwrap().waiting.into_iter();
        let mut trash: Vec<_> =
            waiting.map(|one| (one.ticket.id.name.to_string(), one.ticket.what)).collect();
        trash.sort_by(|a, b| a.0.cmp(&b.0));
        View { builds, latest: self.home.leads("latest_build"), trash }
    }

    fn content(&self, name: &str) -> Content {
        let (mirror, id) = (self.home.mirror(), build(name));
        let (store, root) = (mirror.store(), mirror.layout().build_path(&id).unwrap());
        let apart = mirror.apart().of(&id).unwrap();
        let found = store.below(&root).unwrap().into_iter();
        let inner = found.filter_map(|found| Some((found.path.below(&root)?, found.path)));
        let inner = inner.filter(|(path, _)| !apart.contains(path));
        inner
            .map(|(path, at)| {
                let entry = store.look(&at).unwrap().unwrap();
                let what = match entry.kind {
                    Kind::Link => entry.link.unwrap_or_default(),
                    _ => {
                        format!("{:o} {}", entry.mode & 0o777, Digest::of(&store.read(&at, 1 << 20).unwrap()))
                    }
                };
                (path, what)
            })
            .collect()
    }

    /// Fails unless every build that a reader lists has each file of its checksums, with the right bytes.
    fn lists_whole_builds(&self) -> Result<(), String> {
        let store = self.home.store();
        for name in self.view().builds.into_keys() {
            let root = build(&name).as_path();
            let read = |path: &RelPath| {
                let bytes = store.read(&root.join(path), 1 << 20);
                bytes.map_err(|error| format!("{name} lacks `{path}`: {error}"))
            };
            let list = read(&SUMS_NAME.parse().unwrap())?;
            for (path, digest) in Sums::parse(&list).map_err(chain)?.files() {
                if Digest::of(&read(path)?) != *digest {
                    return Err(format!("{name} has other bytes at `{path}` than its list says"));
                }
            }
        }
        Ok(())
    }

    /// Returns the bytes that the builds and the trash take without what is kept of builds, and with lists of checksums
    /// only where these count.
    fn taken(&self, lists: bool) -> u64 {
        let (store, mut inodes, mut bytes) = (self.home.store(), BTreeSet::new(), 0);
        let kept = |path: &RelPath| {
            let own = [".json", ".jsonl", "/files", "/parts"];
            path.is_own()
                && (!path.as_str().contains("/trash/")
                    || own.iter().any(|name| path.as_str().ends_with(name)))
        };
        for found in store.below(&RelPath::root()).unwrap() {
            let is_file =
                found.kind == Kind::File && (lists || !is_sums(found.path.name())) && !kept(&found.path);
            let Some(entry) = store.look(&found.path).unwrap().filter(|_| is_file) else { continue };
            if entry.inode == (0, 0) || inodes.insert(entry.inode) {
                bytes += entry.size;
            }
        }
        bytes
    }

    /// Returns the numbers of the intents that have no outcome.
    fn unsettled(&self) -> Vec<u64> {
        use EventKind::{Pruned, Published, Restored, Swept, Trimmed};
        let events = self.home.mirror().history(&[Published, Pruned, Trimmed, Restored, Swept]).unwrap();
        let settled: BTreeSet<u64> = events.iter().filter_map(|event| event.settles).collect();
        let intents = events.iter().filter(|event| event.phase == Phase::Intent).map(|event| event.seq);
        intents.filter(|seq| !settled.contains(seq)).collect()
    }

    fn recover(&self) -> Result<(), String> {
        mirrorkeep::recover::recover(self.home.mirror(), Stages::Discard, &now).map(drop).map_err(chain)
    }
}

fn write(work: &Path, below: &str, text: &str) {
    let path = work.join(below);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// One step of the protocol, through a store that may stop.
type Step = fn(&Scene, Arc<dyn Store>) -> Result<(), String>;

fn publish(scene: &Scene, store: Arc<dyn Store>, name: &str) -> Result<(), String> {
    let publishing: PublishRequest = view::publishing(build(name), scene.work.path());
    view::publish(&open(store)?, &publishing, &now).map(drop)
}

fn publish_three(scene: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    publish(scene, store, THREE)
}

fn pruned(store: Arc<dyn Store>, hours: i64) -> Result<PruneReport, String> {
    let how = PruneOptions { any_clock: true, ..PruneOptions::default() };
    let clock = || now().checked_add(hours * 3600).unwrap();
    let report = mirrorkeep::ops::retention::prune(
        &Session::new(&open(store)?, &clock),
        &how,
        &view::no_archive,
        Mode::Real,
    )
    .map_err(chain)?;
    let failures: Vec<_> = report.failures.iter().chain(&report.trash.failures).collect();
    if failures.is_empty() { Ok(report) } else { Err(format!("{failures:?}")) }
}

fn prune(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    pruned(store, 0).map(drop)
}

/// Prunes when the term of what was pruned at first is over.
fn prune_a_day_later(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    pruned(store, 30).map(drop)
}

fn restore_one(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    mirrorkeep::ops::retention::restore(&Session::new(&open(store)?, &now), &build(ONE), Mode::Real)
        .map(drop)
        .map_err(chain)
}

fn swept(store: Arc<dyn Store>) -> Result<SweepReport, String> {
    let report =
        mirrorkeep::ops::retention::sweep(&Session::new(&open(store)?, &now), Mode::Real).map_err(chain)?;
    if report.failures.is_empty() { Ok(report) } else { Err(format!("{:?}", report.failures)) }
}

fn sweep(_: &Scene, store: Arc<dyn Store>) -> Result<(), String> {
    swept(store).map(drop)
}

/// A law with its words.
type Law<'a> = (&'a str, &'a dyn Fn(&Scene) -> Result<(), String>);

/// Stops a step at every call of the store in turn, and fails with each law that does not hold then.
fn at_every_stop(ready: &Scene, step: Step, laws: &[Law<'_>]) {
    let undisturbed = ready.fork();
    let spy = Arc::new(Spy::new(undisturbed.home.store()));
    step(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let calls = spy.calls();
    assert!(calls.len() > 12, "only {} calls", calls.len());
    let mut broken = Vec::new();
    for (call, nth) in calls.iter().zip(1..) {
        let scene = ready.fork();
        // What is left to clear after the last change is no failure of the step.
        step(&scene, Arc::new(Spy::new(scene.home.store()).with(nth, Fault::Stop))).ok();
        for (law, holds) in laws {
            if let Err(why) = holds(&scene) {
                broken.push(format!("{law}: stopped at {nth}. {call}: {why}"));
            }
        }
    }
    writeln!(std::io::stdout(), "stopped at {} calls, {} laws broken", calls.len(), broken.len()).ok();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Fails unless a view is one of two; a ticket of what came back may stay in the trash until the next sweep.
fn is_either(is: &View, before: &View, after: &View) -> Result<(), String> {
    let left = before.trash.len() > after.trash.len() && is.trash == before.trash;
    if left && (&is.builds, &is.latest) == (&after.builds, &after.latest) {
        return Ok(());
    }
    if is == before || is == after {
        Ok(())
    } else {
        Err(format!("{is:?} is neither the state before nor after"))
    }
}

/// Holds the laws on interruption at every stop of a step: a reader lists each build wholly or not, nothing of another
/// build changes, and what recovers ends before the step or after it.
fn survives_every_stop(ready: &Scene, step: Step, of: &str) {
    let before = ready.view();
    let done = ready.fork();
    step(&done, done.home.store()).unwrap();
    let after = done.view();
    assert_ne!(before, after, "the step does nothing");
    let others = |view: &View| {
        let others = view.builds.iter().filter(|(name, _)| *name != of);
        others.map(|(name, content)| (name.clone(), content.clone())).collect::<BTreeMap<_, _>>()
    };
    let untouched = |scene: &Scene| {
        if others(&scene.view()) == others(&before) {
            Ok(())
        } else {
            Err("another build changed".to_owned())
        }
    };
    let ends = |scene: &Scene| {
        scene.recover()?;
        is_either(&scene.view(), &before, &after)?;
        let open = scene.unsettled();
        if open.is_empty() { Ok(()) } else { Err(format!("without outcome: {open:?}")) }
    };
    at_every_stop(
        ready,
        step,
        &[
            ("a reader lists each build wholly or not", &|scene| scene.lists_whole_builds()),
            ("nothing of another build changes", &untouched),
            ("what recovers ends before or after the step", &ends),
            ("nothing of another build changes by recovering", &untouched),
            ("a reader lists each build wholly after recovering", &|scene| scene.lists_whole_builds()),
        ],
    );
}

fn a_build_is_visible_all_at_once(kind: In) {
    let ready = Scene::new(kind, LAST);
    let done = ready.fork();
    publish_three(&done, done.home.store()).unwrap();
    let (before, after) = (ready.view(), done.view());
    let seen = Mutex::new(false);
    let all_at_once = |scene: &Scene| {
        let view = scene.view();
        let there = view.builds.get(THREE);
        let mut seen = seen.lock().unwrap();
        if *seen && there.is_none() {
            return Err("it was there at an earlier stop".to_owned());
        }
        *seen |= there.is_some();
        if there.is_none() && view == before || there == after.builds.get(THREE) {
            Ok(())
        } else {
            Err(format!("{view:?}"))
        }
    };
    at_every_stop(&ready, publish_three, &[("a build is visible all at once", &all_at_once)]);
}

fn a_second_commit_of_a_build_fails(kind: In) {
    let ready = Scene::new(kind, LAST);
    let other = tempfile::tempdir().unwrap();
    write(other.path(), "outputs/iso/bootimage.iso", "of another publisher");
    let other = Arc::new(other);
    let rival = |scene: &Scene| Scene { home: scene.home.fork(), work: Arc::clone(&other) };
    let content = |scene: &Scene| {
        publish_three(scene, scene.home.store()).unwrap();
        scene.content(THREE)
    };
    let (ours, theirs) = (content(&ready.fork()), content(&rival(&ready)));
    assert_ne!(ours, theirs);
    let scene = ready.fork();
    publish_three(&scene, scene.home.store()).unwrap();
    let view = scene.view();
    let late = Scene { home: scene.home, work: Arc::clone(&other) };
    publish_three(&late, late.home.store()).unwrap_err();
    assert_eq!(late.view(), view);
    // The same while the first is under way: one of the two succeeds, and the build is that one's.
    // How many calls there are depends on the clock: a list of checksums of the size and the second of the last one is written again.
    let mut tried = 0;
    for nth in 1.. {
        let scene = ready.fork();
        let second = Arc::new(Mutex::new(None));
        let (work, store, result) = (Arc::clone(&other), scene.home.store(), Arc::clone(&second));
        let act = move || {
            let publishing = view::publishing(build(THREE), work.path());
            let done = open(Arc::clone(&store)).and_then(|mirror| view::publish(&mirror, &publishing, &now));
            *result.lock().unwrap() = Some(done.is_ok());
        };
        let first = publish_three(&scene, Arc::new(Spy::new(scene.home.store()).meanwhile(nth, act)));
        let content = scene.content(THREE);
        let Some(second) = *second.lock().unwrap() else {
            first.unwrap();
            assert_eq!(content, ours);
            break;
        };
        tried = nth;
        let wanted = if second { &theirs } else { &ours };
        assert!(first.is_ok() != second, "at {nth}: {first:?} and {second}");
        assert_eq!(&content, wanted, "at {nth}");
    }
    assert!(tried > 20, "only {tried} calls");
}

fn trash_then_untrash_is_identity(kind: In) {
    for policy in [LAST, TRIMS] {
        let scene = Scene::new(kind, policy);
        let before = scene.view();
        prune(&scene, scene.home.store()).unwrap();
        assert_ne!(scene.view(), before);
        restore_one(&scene, scene.home.store()).unwrap();
        assert_eq!(scene.view(), before, "{policy}");
        assert!(scene.home.store().below(&RelPath::state("trash")).unwrap().is_empty());
    }
}

fn a_sweep_removes_only_what_is_marked(kind: In) {
    let scene = Scene::new(kind, LAST);
    let two = scene.content(TWO);
    // The second waits twelve hours longer than the first.
    prune(&scene, scene.home.store()).unwrap();
    publish_three(&scene, scene.home.store()).unwrap();
    pruned(scene.home.store(), 12).unwrap();
    assert_eq!(scene.view().trash.len(), 2);
    let survives = |scene: &Scene| {
        scene.recover()?;
        let view = scene.view();
        if !view.trash.iter().any(|(name, _)| name == TWO) {
            return Err(format!("{:?}", view.trash));
        }
        mirrorkeep::ops::retention::restore(
            &Session::new(scene.home.mirror(), &now),
            &build(TWO),
            Mode::Real,
        )
        .map_err(chain)?;
        if scene.content(TWO) == two { Ok(()) } else { Err("it came back as another".to_owned()) }
    };
    at_every_stop(&scene, prune_a_day_later, &[("a sweep removes only what is marked", &survives)]);
    let report = pruned(scene.home.store(), 30).unwrap();
    assert_eq!(report.trash.swept, [build(ONE)]);
    survives(&scene).unwrap();
}

fn a_second_sweep_is_nothing(kind: In) {
    for policy in [LAST, TRIMS] {
        let scene = Scene::new(kind, policy);
        prune(&scene, scene.home.store()).unwrap();
        swept(scene.home.store()).unwrap();
        let paths = |scene: &Scene| {
            let found = scene.home.store().below(&RelPath::root()).unwrap().into_iter();
            found.map(|found| (found.path, found.size)).filter(|(path, _)| path.name() != "lock").collect()
        };
        let (view, before): (View, Vec<_>) = (scene.view(), paths(&scene));
        let again = swept(scene.home.store()).unwrap();
        assert!(again.swept.is_empty() && again.restored.is_empty() && again.entries == 0, "{again:?}");
        assert_eq!((scene.view(), paths(&scene)), (view, before));
    }
}

fn a_trim_keeps_the_rest(kind: In) {
    let scene = Scene::new(kind, TRIMS);
    let before = scene.view();
    prune(&scene, scene.home.store()).unwrap();
    let after = scene.view();
    assert_eq!(after.builds[TWO], before.builds[TWO]);
    assert_eq!(after.trash, [(ONE.to_owned(), TicketKind::Untrimmed)]);
    let rest = |content: &Content| {
        let rest = content
            .iter()
            .filter(|(path, _)| !path.as_str().starts_with("outputs/RPMS/") && path.as_str() != SUMS_NAME);
        rest.map(|(path, what)| (path.clone(), what.clone())).collect::<Content>()
    };
    let (was, is) = (&before.builds[ONE], &after.builds[ONE]);
    assert_eq!(rest(is), rest(was));
    assert_eq!(is.len(), rest(was).len() + 1, "{is:?}");
    scene.lists_whole_builds().unwrap();
}

fn what_is_freed_is_what_goes(kind: In) {
    for policy in [LAST, TRIMS] {
        let scene = Scene::new(kind, policy);
        // The tree of a whole build has its list of checksums; in a bucket a build has the bytes of its files.
        let lists = kind == In::Dir && policy == LAST;
        let before = scene.taken(lists);
        let report = pruned(scene.home.store(), 0).unwrap();
        assert_eq!(scene.taken(lists), before, "the trash keeps every byte");
        swept(scene.home.store()).unwrap();
        assert_eq!(before - scene.taken(lists), report.plan.totals.bytes_freed, "{policy}");
    }
}

/// Returns a scene after a prune.
fn after_prune(kind: In, policy: &str) -> Scene {
    let scene = Scene::new(kind, policy);
    prune(&scene, scene.home.store()).unwrap();
    scene
}

/// Makes a test of each law for each kind of store.
macro_rules! laws {
    ($($kind:ident: $home:expr;)*) => { $(mod $kind {
        use super::*;

        #[test]
        fn a_build_is_visible_all_at_once() {
            super::a_build_is_visible_all_at_once($home);
        }

        #[test]
        fn a_second_commit_of_a_build_fails() {
            super::a_second_commit_of_a_build_fails($home);
        }

        #[test]
        fn trash_then_untrash_is_identity() {
            super::trash_then_untrash_is_identity($home);
        }

        #[test]
        fn a_sweep_removes_only_what_is_marked() {
            super::a_sweep_removes_only_what_is_marked($home);
        }

        #[test]
        fn a_second_sweep_is_nothing() {
            super::a_second_sweep_is_nothing($home);
        }

        #[test]
        fn a_trim_keeps_the_rest() {
            super::a_trim_keeps_the_rest($home);
        }

        #[test]
        fn what_is_freed_is_what_goes() {
            super::what_is_freed_is_what_goes($home);
        }

        mod a_stop_at_every_call_of {
            use super::*;

            #[test]
            fn publish_ends_before_or_after() {
                survives_every_stop(&Scene::new($home, LAST), publish_three, THREE);
            }

            #[test]
            fn trash_ends_before_or_after() {
                survives_every_stop(&Scene::new($home, LAST), prune, ONE);
            }

            #[test]
            fn untrash_ends_before_or_after() {
                survives_every_stop(&after_prune($home, LAST), restore_one, ONE);
            }

            #[test]
            fn trim_ends_before_or_after() {
                survives_every_stop(&Scene::new($home, TRIMS), prune, ONE);
            }

            #[test]
            fn untrim_ends_before_or_after() {
                survives_every_stop(&after_prune($home, TRIMS), restore_one, ONE);
            }

            #[test]
            fn sweep_ends_before_or_after() {
                survives_every_stop(&after_prune($home, LAST), sweep, ONE);
            }
        }
    })* };
}

laws! {
    directory: In::Dir;
    bucket: In::Bucket;
}
