//! Somebody else acts between any two steps of a prune: what they need survives, or comes back.

use super::scene::{BUILDS, Scene, build, now, open, prune, prune_patiently};
use mirrorkeep::commit::Permit;
use mirrorkeep::ops::Mode;
use mirrorkeep::record::{EventKind, Hold, Phase};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Spy, Store};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

/// Lets `act` happen before every call of a prune in turn (every third, but for `make torture`), and `check` the end after one
/// more prune.
#[track_caller]
fn at_every_call(act: fn(&Path), check: fn(&Scene) -> Result<(), String>) {
    let scene = Scene::new();
    let counted = Arc::new(Spy::new(scene.store()));
    prune(Arc::<Spy>::clone(&counted)).unwrap();
    let mut failures = Vec::new();
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { 3 };
    for nth in (1..=counted.count()).step_by(stride) {
        let scene = Scene::new();
        let root = scene.root();
        let store: Arc<dyn Store> = Arc::new(Spy::new(scene.store()).meanwhile(nth, move || act(&root)));
        // What others do may make this run fail, but not harm anything.
        let first = prune(store);
        // A link to what had gone already leads nowhere until the next prune brings that back.
        let checked = prune_patiently(scene.store()).and_then(|()| scene.is_whole());
        if let Err(why) = checked.and_then(|()| check(&scene)) {
            failures.push(format!("before call {nth}, {}: {why}; first {first:?}", counted.calls()[nth - 1]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn there(scene: &Scene, name: &str) -> Result<(), String> {
    if scene.stream().join(name).is_dir() { Ok(()) } else { Err(format!("{name} is gone")) }
}

/// Fails when the oldest build went to the trash after something that protects it was written down, even if it came back.
fn never_went(scene: &Scene, after: EventKind, to: &str) -> Result<(), String> {
    let events = open(scene.store())?.history(&[after, EventKind::Pruned]).unwrap();
    let done = events.iter().filter(|event| event.phase == Phase::Done);
    let rest = done.skip_while(|event| event.what != after || event.to != to);
    let mut went = rest.filter(|event| event.what == EventKind::Pruned);
    let id = build(BUILDS[0]).to_string();
    if went.any(|event| event.to == id) { Err(format!("{id} went all the same")) } else { Ok(()) }
}

#[test]
fn a_build_that_an_admin_links_to_survives() {
    fn link(root: &Path) {
        symlink(BUILDS[0], root.join("master/centos/mine")).unwrap();
    }
    at_every_call(link, |scene| {
        there(scene, BUILDS[0])?;
        fs::metadata(scene.stream().join("mine/outputs")).map(drop).map_err(|error| error.to_string())
    });
}

#[test]
fn a_build_that_is_held_survives() {
    fn hold(root: &Path) {
        let mirror = open(Arc::new(mirrorkeep::store::Posix::open(root).unwrap())).unwrap();
        let hold = Hold { who: "ops".to_owned(), why: "bug 7".to_owned(), until: None, since: None };
        // While the prune has the lock, nobody else can hold anything.
        drop(mirrorkeep::ops::retention::hold(
            &Session::new(&mirror, &now),
            &build(BUILDS[0]),
            hold,
            Mode::Real,
        ));
    }
    at_every_call(hold, |scene| {
        let mirror = open(scene.store())?;
        let held = !mirror.holds_of(&build(BUILDS[0])).unwrap().is_empty();
        never_went(scene, EventKind::Held, &build(BUILDS[0]).to_string())?;
        if held { there(scene, BUILDS[0]) } else { Ok(()) }
    });
}

#[test]
fn a_build_that_an_alias_is_set_to_survives() {
    fn alias(root: &Path) {
        let mirror = open(Arc::new(mirrorkeep::store::Posix::open(root).unwrap())).unwrap();
        let alias = "master/centos/current-tripleo".parse().unwrap();
        let target = format!("master/centos/{}", BUILDS[0]).parse().unwrap();
        let permit = Permit { backwards: true, no_success: true, stage: false };
        if let Ok(lock) = Session::new(&mirror, &now).begin() {
            drop(mirrorkeep::commit::set(&lock, &alias, &target, permit, now()));
        }
    }
    at_every_call(alias, |scene| {
        let alias = scene.stream().join("current-tripleo");
        if alias.is_symlink() {
            never_went(scene, EventKind::Aliased, "master/centos/current-tripleo")?;
        }
        if alias.is_symlink() { there(scene, BUILDS[0]) } else { Ok(()) }
    });
}

#[test]
fn a_build_that_a_new_one_needs_survives() {
    fn publish(root: &Path) {
        let work = root.parent().unwrap().join("next");
        fs::create_dir_all(work.join("outputs/iso")).unwrap();
        fs::write(work.join("outputs/iso/bootimage.iso"), "next").unwrap();
        let needed = format!("master/centos/{}", BUILDS[0]);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.arg("--mirror").arg(root).args(["--wait", "0", "publish"]).arg(work);
        command.args(["--stream", "feature/x/centos", "--build", "20261005T000000Z", "--requires", &needed]);
        drop(command.output().unwrap());
    }
    at_every_call(publish, |scene| {
        let user = "feature/x/centos/20261005T000000Z";
        never_went(scene, EventKind::Published, user)?;
        let user = scene.root().join(user);
        if user.is_dir() { there(scene, BUILDS[0]) } else { Ok(()) }
    });
}

#[test]
fn another_prune_in_between_is_no_failure() {
    fn another(root: &Path) {
        // While the first prune has the lock, it ends at once.
        drop(prune(Arc::new(mirrorkeep::store::Posix::open(root).unwrap())));
    }
    let scene = Scene::new();
    let counted = Arc::new(Spy::new(scene.store()));
    prune(Arc::<Spy>::clone(&counted)).unwrap();
    let mut failures = Vec::new();
    for nth in 1..=counted.count() {
        let scene = Scene::new();
        let root = scene.root();
        let store: Arc<dyn Store> = Arc::new(Spy::new(scene.store()).meanwhile(nth, move || another(&root)));
        if let Err(why) = prune(store).and_then(|()| scene.is_whole()) {
            failures.push(format!("before call {nth}, {}: {why}", counted.calls()[nth - 1]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_root_that_is_replaced_stops_a_prune() {
    fn replace(root: &Path) {
        fs::rename(root, root.with_file_name("away")).unwrap();
        fs::create_dir(root).unwrap();
    }
    let first = {
        let scene = Scene::new();
        let counted = Arc::new(Spy::new(scene.store()));
        prune(Arc::<Spy>::clone(&counted)).unwrap();
        counted.calls().iter().position(|call| call.method == "append").unwrap()
    };
    // Before any call up to the last look at the path, which is right before the first intent.
    for nth in [1, first / 2, first] {
        let scene = Scene::new();
        let (root, away) = (scene.root(), scene.root().with_file_name("away"));
        let begins = move || replace(&root);
        let refused = prune(Arc::new(Spy::new(scene.store()).meanwhile(nth, begins))).unwrap_err();
        assert!(refused.contains("is not there now"), "{nth}: {refused}");
        assert_eq!(fs::read_dir(away.join(".mirrorkeep/trash")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(scene.root()).unwrap().count(), 0);
        for name in BUILDS {
            assert!(away.join("master/centos").join(name).is_dir());
        }
    }
}
