//! Making a mirror: two at once, inside another one, and cut off.

use crate::support::rig::Rig;
use mirrorkeep::mirror::{Chosen, InForce, Mirror, MirrorError, Setup};
use mirrorkeep::store::{ObjectStore, Posix, Spy, Store};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

fn make(store: Arc<dyn Store>, id: &str) -> Result<Mirror, MirrorError> {
    let policy = Some(Chosen::File(format!("# {id}\n")));
    let (layout, pipeline) = (Chosen::Shipped("starlingx".to_owned()), policy.clone());
    let setup = Setup { layout, policy, pipeline, id: id.to_owned() };
    Mirror::init(store, &setup, id, Duration::ZERO)
}

/// Lets another one make a mirror just before each call in turn, and looks whose mirror and whose files they are then.
fn one_wins(empty: impl Fn() -> Arc<dyn Store>) {
    let spy = Arc::new(Spy::new(empty()));
    make(Arc::<Spy>::clone(&spy), "first").unwrap();
    let calls = spy.calls();
    assert!(calls.len() > 10, "{calls:?}");
    for nth in 1..=calls.len() {
        let store = empty();
        let other = Arc::clone(&store);
        let spy = Spy::new(Arc::clone(&store)).meanwhile(nth, move || {
            make(Arc::clone(&other), "second").ok();
        });
        let first = make(Arc::new(spy), "first");
        let mirror = Mirror::open(store, "a test", Duration::ZERO).unwrap();
        let winner = mirror.config().id.clone();
        for which in [InForce::Policy, InForce::Pipeline] {
            let (_, text) = mirror.in_force(which, |_| None).unwrap().unwrap();
            assert_eq!(text, format!("# {winner}\n"), "before {nth}. {}", calls[nth - 1]);
        }
        assert_eq!(first.is_ok(), winner == "first", "before {nth}. {}: {first:?}", calls[nth - 1]);
    }
}

#[test]
fn of_two_that_make_a_mirror_at_once_one_wins_with_all_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    one_wins(|| {
        count.set(count.get() + 1);
        let place = dir.path().join(count.get().to_string());
        fs::create_dir(&place).unwrap();
        Arc::new(Posix::open(&place).unwrap())
    });
}

#[test]
fn of_two_that_make_a_mirror_at_once_in_a_bucket_one_wins_with_all_its_files() {
    one_wins(|| Arc::new(ObjectStore::in_memory().unwrap()));
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_own_area_is_closed_from_its_first_moment_and_closed_again() {
    let rig = Rig::new();
    let own = rig.mirror(".mirrorkeep");
    // The first change of a mode fails: everything before it has been done.
    let mirror = rig.mirror("");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fchmod", "-e", "inject=fchmod:error=EIO:when=1"]);
    strace.args([env!("CARGO_BIN_EXE_mirrorkeep"), "--mirror", mirror.to_str().unwrap(), "init"]);
    let output = strace.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(mode(&own), 0o700);
    rig.ok(&["init"]);
    // An older version, or a copy, left it open.
    for args in [&["publish", "--stream", "master/centos"][..], &["recover"]] {
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        let work = rig.work("");
        let source = (args[0] == "publish").then(|| work.to_str().unwrap());
        rig.ok(&args.iter().copied().chain(source).collect::<Vec<_>>());
        assert_eq!(mode(&own), 0o700, "{args:?}");
    }
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    for kept in ["mirror.yaml", "builds", "journal"] {
        let kept = own.join(kept);
        if kept.is_dir() { fs::remove_dir_all(kept).unwrap() } else { fs::remove_file(kept).unwrap() }
    }
    rig.ok(&["init"]);
    assert_eq!(mode(&own), 0o700);
}

#[test]
fn a_mirror_inside_another_is_refused() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let outer = rig.mirror("").canonicalize().unwrap();
    let link = rig.work("link");
    std::os::unix::fs::symlink(&outer, &link).unwrap();
    let places =
        ["inner", "a/b/inner", ".mirrorkeep/stage", "inner/../inner2"].map(|place| rig.mirror(place));
    for place in places.into_iter().chain([link.join("inner")]) {
        for more in [&["init"][..], &["init", "--dry-run"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
            let output = command.arg("--mirror").arg(&place).args(more).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{}: {said}", place.display());
            assert!(said.contains(&format!("is inside the mirror `{}`", outer.display())), "{said}");
        }
    }
    assert!(!rig.mirror("inner").exists() && !rig.mirror("a").exists());
    rig.fails(1, "is a mirror already", &["init"]);
    let beside = rig.work("../mirror2");
    let output =
        Command::new(env!("CARGO_BIN_EXE_mirrorkeep")).arg("--mirror").arg(beside).arg("init").output();
    assert!(output.unwrap().status.success());
}

const BUILD: &str = "20260101T000000Z";

#[test]
fn what_is_kept_of_a_mirror_whose_settings_are_missing_is_never_taken_for_a_new_one() {
    let rig = Rig::new();
    rig.publish(BUILD, &[]);
    rig.ok(&["prune"]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::remove_file(&settings).unwrap();
    let id = text.lines().find(|line| line.starts_with("id: ")).unwrap();
    let work = rig.work("");
    let publish = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--init"];
    for args in [&["init"][..], &["init", "--dry-run"], &["list"], &["prune"], &publish] {
        for said in ["lost its .mirrorkeep/mirror.yaml", "the records, the journal", "from a copy", id] {
            rig.fails(3, said, args);
        }
    }
    // Each alone is enough.
    for kept in ["builds", "journal", "trash", "holds"] {
        let rig = Rig::new();
        let dir = rig.mirror(&format!(".mirrorkeep/{kept}"));
        fs::create_dir_all(&dir).unwrap();
        rig.ok(&["init", "--dry-run"]);
        fs::write(dir.join("1"), "").unwrap();
        rig.fails(3, "`id` (any text", &["init"]);
        assert!(!rig.mirror(".mirrorkeep/mirror.yaml").exists());
    }
    fs::write(&settings, text).unwrap();
    assert!(rig.ok(&["list"]).contains(BUILD));
}

#[test]
fn where_no_mirror_is_the_hint_asks_for_the_mount_first() {
    let rig = Rig::new();
    let place = rig.work("my mirror");
    for args in [&["list"][..], &["prune"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        let output = command.arg("--mirror").arg(&place).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("hint: is its disk mounted"), "{said}");
        assert!(said.contains(&format!("`mirrorkeep --mirror '{}' init`", place.display())), "{said}");
    }
}

#[test]
fn a_publish_that_cannot_be_makes_no_mirror() {
    let rig = Rig::new();
    let (work, empty) = (rig.work("leaves"), rig.work("empty"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&work).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", work.join("link")).unwrap();
    let (work, empty) = (work.to_str().unwrap(), empty.to_str().unwrap());
    for (code, args) in [
        (2, &[work, "--stream", "nix/7"][..]),
        (2, &[work, "--stream", "master/centos", "--build", "latest"]),
        (2, &[work, "--stream", "master/centos", "--label", "odd"]),
        (2, &[work, "--stream", "master/centos", "--exclude", "["]),
        (1, &[work, "--stream", "master/centos"]),
        (1, &[empty, "--stream", "master/centos"]),
        (1, &["--add", "outputs/a=/nowhere", "--stream", "master/centos"]),
        (1, &["--add", "outputs/a=/etc/passwd", "--stream", "master/centos", "--context", "/nowhere"]),
    ] {
        let output = rig.run(&[&["publish", "--init"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(!rig.mirror("").exists() && !said.contains("made a new mirror"), "{args:?}: {said}");
    }
}
