//! A copy of a build below its alias: whoever follows the pointer finds one build, whole, whatever goes wrong.

use crate::store::copy::scene::{Home, ISO, In, ONE, TWO, build, now, open};
use crate::support::rig::Rig;
use mirrorkeep::commit::Permit;
use mirrorkeep::mirror::{Materialized, Mirror};
use mirrorkeep::model::{Digest, RelPath, Stamp};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::alias::{Followed, MaterializeError, Switched};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Fault, Kind, Put, Spy, Store, StoreErrorKind};
use std::fs;
use std::sync::Arc;

const ALIAS: &str = "master/centos/latest_build";

/// For how long the copy before stays.
const KEEP: i64 = 3600;

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

/// Makes a mirror in a bucket with one build and a name that has a copy of it.
fn materialized() -> (Home, tempfile::TempDir) {
    let (home, work) = (Home::starlingx(In::Bucket), tempfile::tempdir().unwrap());
    next(&home, &work, ONE);
    mirrorkeep::ops::alias::materialize(home.mirror(), &path(ALIAS), KEEP, Mode::Real).unwrap();
    follow(home.mirror(), now()).unwrap();
    (home, work)
}

/// Publishes a build with an image of its own.
fn next(home: &Home, work: &tempfile::TempDir, name: &str) {
    for (below, text) in [(ISO, name), ("outputs/RPMS/std/a.rpm", "the same in all")] {
        let at = work.path().join(below);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    let link = work.path().join("outputs/iso/image.iso");
    fs::remove_file(&link).ok();
    std::os::unix::fs::symlink("bootimage.iso", link).unwrap();
    home.publish(work.path(), name, &[]);
}

/// Follows on one thread, so that the calls come in one order.
fn follow(mirror: &Mirror, at: Stamp) -> Result<Vec<Switched>, MaterializeError> {
    followed(mirror, at).map(|followed| followed.switched)
}

fn followed(mirror: &Mirror, at: Stamp) -> Result<Followed, MaterializeError> {
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| mirrorkeep::ops::alias::follow(&Session::new(mirror, &|| at)))
}

fn later() -> Stamp {
    now().checked_add(KEEP + 1).unwrap()
}

fn point(home: &Home, name: &str) {
    let permit = Permit { backwards: true, no_success: false, stage: false };
    let target = path(&format!("master/centos/{name}"));
    mirrorkeep::commit::set(
        &Session::new(home.mirror(), &now).begin().unwrap(),
        &path(ALIAS),
        &target,
        permit,
        now(),
    )
    .unwrap();
}

/// Returns the generations that lie below the name, whole or in part.
fn generations(store: &dyn Store) -> Vec<String> {
    let mut names: Vec<String> = store
        .below(&path(ALIAS))
        .unwrap()
        .iter()
        .filter(|found| found.path != path(&format!("{ALIAS}/current")))
        .map(|found| found.path.below(&path(ALIAS)).unwrap().names().next().unwrap().to_owned())
        .collect();
    names.dedup();
    names
}

/// Follows the pointer as a reader does, and returns of which build a whole copy is there; nothing without a pointer.
fn read(mirror: &Mirror) -> Result<Option<String>, String> {
    let store = mirror.store();
    let pointer = store.look(&path(&format!("{ALIAS}/current"))).unwrap();
    let Some(name) = pointer.and_then(|entry| entry.link) else { return Ok(None) };
    let (of, _) = name.split_once('-').ok_or_else(|| format!("{name} is no generation"))?;
    let at = path(&format!("{ALIAS}/{name}"));
    let manifest = mirror.manifest(&build(of)).unwrap().ok_or("its build is gone")?;
    for file in &manifest.files {
        let bytes = store.read(&at.join(&file.path), 1 << 20);
        let bytes = bytes.map_err(|error| format!("{name} lacks {}: {error}", file.path))?;
        if Digest::of(&bytes) != file.digest {
            return Err(format!("{name} has other bytes in {}", file.path));
        }
    }
    let there = store.below(&at).unwrap();
    let links = there.iter().filter(|found| found.kind == Kind::Link).count();
    if there.len() != manifest.files.len() + 2 || links != 1 {
        return Err(format!("{name} has {there:?}"));
    }
    Ok(Some(of.to_owned()))
}

#[test]
fn a_copy_follows_its_alias_and_the_one_before_stays_for_a_term() {
    let (home, work) = materialized();
    assert_eq!(read(home.mirror()), Ok(Some(ONE.to_owned())));
    assert_eq!(follow(home.mirror(), now()).unwrap(), []);
    next(&home, &work, TWO);
    let switched = follow(home.mirror(), now()).unwrap();
    assert_eq!(switched[0].generation, Some(format!("{TWO}-2")));
    assert_eq!(read(home.mirror()), Ok(Some(TWO.to_owned())));
    assert_eq!(generations(home.mirror().store()), [format!("{ONE}-1"), format!("{TWO}-2")]);
    // Back to what is still there: nothing is copied.
    point(&home, ONE);
    follow(home.mirror(), now()).unwrap();
    assert_eq!(read(home.mirror()), Ok(Some(ONE.to_owned())));
    assert_eq!(follow(home.mirror(), later()).unwrap()[0].removed, 1);
    assert_eq!(generations(home.mirror().store()), [format!("{ONE}-1")]);
    assert_eq!(read(home.mirror()), Ok(Some(ONE.to_owned())));
    // What lies below the name is nobody's build and hides none.
    assert_eq!(
        (home.builds(), home.leads("latest_build")),
        (vec![ONE.to_owned(), TWO.to_owned()], ONE.to_owned())
    );
}

#[test]
fn a_name_without_a_copy_leaves_nothing() {
    for by in ["dematerialize", "remove"] {
        let (home, _) = materialized();
        let alias = path(ALIAS);
        if by == "remove" {
            mirrorkeep::commit::remove(&Session::new(home.mirror(), &now).begin().unwrap(), &alias, now())
                .unwrap();
        } else {
            mirrorkeep::ops::alias::dematerialize(home.mirror(), &alias, Mode::Real).unwrap();
        }
        follow(home.mirror(), now()).unwrap();
        assert_eq!(read(home.mirror()), Ok(None));
        assert_eq!(generations(home.mirror().store()).len(), 1, "whoever reads it comes to the end");
        follow(home.mirror(), later()).unwrap();
        assert!(generations(home.mirror().store()).is_empty());
        assert!(home.mirror().materialized().unwrap().is_empty());
    }
}

#[test]
fn a_name_that_was_removed_is_set_again_while_its_copies_still_lie_there() {
    let (home, work) = materialized();
    let alias = path(ALIAS);
    mirrorkeep::commit::remove(&Session::new(home.mirror(), &now).begin().unwrap(), &alias, now()).unwrap();
    follow(home.mirror(), now()).unwrap();
    assert_eq!(read(home.mirror()), Ok(None));
    point(&home, ONE);
    follow(home.mirror(), now()).unwrap();
    assert_eq!((home.leads("latest_build"), read(home.mirror())), (ONE.to_owned(), Ok(Some(ONE.to_owned()))));
    mirrorkeep::commit::remove(&Session::new(home.mirror(), &now).begin().unwrap(), &alias, now()).unwrap();
    // Whoever publishes sets it, too.
    next(&home, &work, TWO);
    follow(home.mirror(), now()).unwrap();
    assert_eq!((home.leads("latest_build"), read(home.mirror())), (TWO.to_owned(), Ok(Some(TWO.to_owned()))));
    home.misleads_nobody().unwrap();
}

#[test]
fn the_last_copy_stays_while_its_name_leads_to_no_build() {
    let (home, work) = materialized();
    let (alias, elsewhere) = (path(ALIAS), path("master"));
    mirrorkeep::commit::set(
        &Session::new(home.mirror(), &now).begin().unwrap(),
        &alias,
        &elsewhere,
        Permit::default(),
        now(),
    )
    .unwrap();
    let done = followed(home.mirror(), later()).unwrap();
    assert_eq!((done.switched, done.stay), (vec![], vec![alias]));
    assert_eq!(read(home.mirror()), Ok(Some(ONE.to_owned())));
    next(&home, &work, TWO);
    point(&home, TWO);
    assert_eq!(followed(home.mirror(), later()).unwrap().stay, []);
    assert_eq!(read(home.mirror()), Ok(Some(TWO.to_owned())));
}

#[test]
fn a_state_that_somebody_else_changed_is_not_written_over() {
    let (home, _work) = materialized();
    let (alias, mirror) = (path(ALIAS), home.mirror());
    let seen = mirror.materialized_as(&alias).unwrap().unwrap();
    let theirs = Materialized { keep: seen.keep + 1, ..seen.clone() };
    mirror.keep_materialized(Some(&seen), &theirs).unwrap();
    let ours = Materialized { wanted: false, ..seen.clone() };
    let late = mirror.keep_materialized(Some(&seen), &ours).unwrap_err();
    assert_eq!(late.kind(), StoreErrorKind::Busy);
    let late = mirror.keep_materialized(None, &ours).unwrap_err();
    assert_eq!(late.kind(), StoreErrorKind::AlreadyExists);
    assert_eq!(mirror.materialized_as(&alias).unwrap(), Some(theirs));
}

#[test]
fn a_switch_that_was_cut_off_leaves_no_term_to_what_counts() {
    let (home, work) = materialized();
    next(&home, &work, TWO);
    follow(home.mirror(), now()).unwrap();
    // As a switch back to the first leaves it that ends before its last write.
    home.mirror()
        .store()
        .point(&path(&format!("{ALIAS}/current")), &path(&format!("{ALIAS}/{ONE}-1")))
        .unwrap();
    point(&home, ONE);
    follow(home.mirror(), now()).unwrap();
    let state = home.mirror().materialized_as(&path(ALIAS)).unwrap().unwrap();
    let first = state.generations.iter().find(|one| one.name == format!("{ONE}-1")).unwrap();
    assert_eq!(first.until, None);
}

/// Breaks every call of a follow in turn.
fn every_call(fault: Fault) {
    let (ready, work) = materialized();
    next(&ready, &work, TWO);
    let mut wrong = Vec::new();
    // To another build, and then the removal of the copy before.
    for (at, before) in [(now(), None), (later(), Some(now()))] {
        let scene = ready.fork();
        before.map(|before| follow(scene.mirror(), before).unwrap());
        let undisturbed = scene.fork();
        let spy = Arc::new(Spy::new(undisturbed.store()));
        follow(&open(Arc::<Spy>::clone(&spy) as Arc<dyn Store>).unwrap(), at).unwrap();
        assert!(spy.count() > 10, "only {} calls: is this the whole story?", spy.count());
        for nth in 1..=spy.count() {
            let home = scene.fork();
            let spy = Arc::new(Spy::new(home.store()).with(nth, fault));
            let first = open(Arc::<Spy>::clone(&spy) as Arc<dyn Store>)
                .and_then(|mirror| follow(&mirror, at).map(drop).map_err(|error| error.to_string()));
            let call = spy.calls().get(nth - 1).map(ToString::to_string).unwrap_or_default();
            let mut tell = |why: String| wrong.push(format!("{nth}. {call}: {first:?}: {why}"));
            match read(home.mirror()) {
                Ok(Some(_)) => {}
                other => tell(format!("then {other:?}")),
            }
            if let Err(error) = follow(home.mirror(), at) {
                tell(format!("again {error}"));
            }
            if read(home.mirror()) != Ok(Some(TWO.to_owned())) {
                tell(format!("again {:?}", read(home.mirror())));
            }
            // Whatever was begun twice is gone when its time is over, and the journal tells what is there.
            follow(home.mirror(), later().checked_add(KEEP + 1).unwrap()).unwrap();
            let left = generations(home.mirror().store());
            if left.len() != 1 || read(home.mirror()) != Ok(Some(TWO.to_owned())) {
                tell(format!("left {left:?}"));
            }
            // A pointer that moved without its event being told has it told by the next command.
            let settled = mirrorkeep::recover::begin(home.mirror(), &now).unwrap().1;
            if settled.iter().any(|settled| settled.what != mirrorkeep::recover::SettledAs::Noted) {
                tell(format!("{settled:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stopped_anywhere() {
    every_call(Fault::Stop);
}

#[test]
fn failing_anywhere() {
    every_call(Fault::Fail(StoreErrorKind::Io));
}

#[test]
fn done_but_not_told_anywhere() {
    every_call(Fault::Lose(StoreErrorKind::Io));
}

#[test]
fn a_reader_beside_many_moves_never_sees_a_mix() {
    let (home, work) = materialized();
    next(&home, &work, TWO);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for hour in 10..18 {
                next(&home, &work, &format!("20181206T{hour}0000Z"));
                follow(home.mirror(), now()).unwrap();
            }
        });
        let mut seen = std::collections::BTreeSet::new();
        while !writer.is_finished() {
            seen.insert(read(home.mirror()).unwrap());
        }
        writer.join().unwrap();
        assert!(seen.iter().all(Option::is_some) && seen.len() > 2, "{seen:?}");
    });
}

#[test]
fn what_it_takes_is_told_before() {
    let (home, work) = (Home::starlingx(In::Bucket), tempfile::tempdir().unwrap());
    next(&home, &work, ONE);
    let before = home.state();
    let cost = mirrorkeep::ops::alias::materialize(home.mirror(), &path(ALIAS), KEEP, Mode::Trial).unwrap();
    assert_eq!(home.state(), before);
    assert_eq!((cost.files, cost.bytes), (5, (ONE.len() + "the same in all".len()) as u64));
    mirrorkeep::ops::alias::materialize(home.mirror(), &path(ALIAS), KEEP, Mode::Real).unwrap();
    follow(home.mirror(), now()).unwrap();
    next(&home, &work, TWO);
    let spy = Arc::new(Spy::new(home.store()));
    follow(&open(Arc::<Spy>::clone(&spy) as Arc<dyn Store>).unwrap(), now()).unwrap();
    let copies = spy.calls().iter().filter(|call| ["share", "link"].contains(&call.method)).count();
    assert_eq!(copies as u64, cost.files);
    for wrong in ["master/centos/none", "master/centos"] {
        let refused =
            mirrorkeep::ops::alias::materialize(home.mirror(), &path(wrong), KEEP, Mode::Real).unwrap_err();
        assert!(refused.to_string().contains(wrong), "{refused}");
    }
}

#[test]
fn a_state_that_was_forged_removes_no_build() {
    let (home, _work) = materialized();
    let state = RelPath::state(&format!("materialized/{ALIAS}.json"));
    let text = String::from_utf8(home.store().read(&state, 1 << 20).unwrap()).unwrap();
    for (is, forged) in [
        (format!("\"{ONE}-1\""), format!("\"../{ONE}\"")),
        (format!("\"alias\": \"{ALIAS}\""), format!("\"alias\": \"master/centos/{ONE}\"")),
        ("\"materialized\": 1".to_owned(), "\"materialized\": 2".to_owned()),
        ("\"keep\"".to_owned(), "\"kept\"".to_owned()),
    ] {
        let changed = text.replace(&is, &forged);
        assert_ne!(changed, text);
        home.store()
            .put(&state, changed.replace("\"whole\": true", "\"whole\": false").as_bytes(), Put::Replace)
            .unwrap();
        let refused = follow(home.mirror(), later()).unwrap_err();
        let cause = std::error::Error::source(&refused).map(ToString::to_string);
        assert!(cause.as_ref().is_some_and(|cause| cause.contains("the state")), "{refused}: {cause:?}");
        home.misleads_nobody().unwrap();
        assert_eq!(home.builds(), [ONE]);
    }
}

#[test]
fn a_directory_needs_none() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.fails(2, "an alias is a symlink and needs no copy", &["alias", "materialize", ALIAS]);
    rig.fails(1, "has no copy", &["alias", "dematerialize", ALIAS]);
}
