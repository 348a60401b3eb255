//! How often the store is asked: what a plan needs comes by listings and one catalogue a stream.

use super::scene::{ONE, Scene, TWO, label_one, publish_two};
use mirrorkeep::mirror::{Mirror, Resolved, links, survey};
use mirrorkeep::model::{RelPath, Stamp};
use mirrorkeep::store::{Put, Spy};
use std::sync::Arc;
use std::time::Duration;

/// How many builds the mirror has.
const BUILDS: usize = 40;

/// How many seals may be read one by one.
const SEALS: usize = 16;

fn filled() -> Scene {
    let scene = Scene::new();
    for nth in 1..BUILDS {
        scene.publish(scene.store(), &format!("20181206T06{nth:02}00Z")).unwrap();
    }
    scene
}

/// Looks at everything, and returns what is there, and what the store was asked for by name.
fn looked_at(scene: &Scene) -> (String, Vec<String>) {
    let spy = Arc::new(Spy::new(scene.store()));
    let mirror = Mirror::open(Arc::<Spy>::clone(&spy), "a test", Duration::ZERO).unwrap();
    let seen = survey(&mirror, Stamp::default()).unwrap();
    assert!(seen.troubles.is_empty(), "{:?}", seen.troubles);
    (serde_json::to_string(&seen.census).unwrap(), spy.calls().iter().map(ToString::to_string).collect())
}

fn catalogue() -> RelPath {
    ".mirrorkeep/catalogues/master/centos.json".parse().unwrap()
}

#[test]
fn a_plan_reads_one_catalogue_and_no_seal_that_is_in_it() {
    let (scene, seals) = (filled(), "read `.mirrorkeep/builds/");
    let (seen, calls) = looked_at(&scene);
    let read = calls.iter().filter(|call| call.starts_with(seals)).count();
    assert!(read < SEALS, "{read} seals were read:\n{}", calls.join("\n"));
    assert!(calls.len() < SEALS + 20, "{}:\n{}", calls.len(), calls.join("\n"));
    scene.store().remove(&catalogue()).unwrap();
    let (without, calls) = looked_at(&scene);
    assert_eq!(calls.iter().filter(|call| call.starts_with(seals)).count(), BUILDS);
    assert_eq!(without, seen);
}

#[test]
fn what_changed_since_or_is_damaged_is_read_from_the_seals() {
    let scene = filled();
    let kept = scene.store().read(&catalogue(), 1 << 20).unwrap();
    let (before, _) = looked_at(&scene);
    label_one(&scene, scene.store()).unwrap();
    let (labelled, _) = looked_at(&scene);
    let said = "\"sanity\":{\"value\":\"green\"";
    assert!(!before.contains(said) && labelled.contains(said), "{labelled}");
    for damaged in [&b"{"[..], b"", b"{\"catalogue\":2,\"seals\":[]}", &kept[..kept.len() / 2]] {
        scene.store().put(&catalogue(), damaged, Put::Replace).unwrap();
        assert_eq!(looked_at(&scene).0, labelled);
    }
    // One of a mirror that was laid down anew since, at the same place.
    scene.store().put(&catalogue(), &kept, Put::Replace).unwrap();
    assert_eq!(looked_at(&scene).0, labelled);
}

#[test]
fn a_name_is_followed_through_what_was_listed() {
    let scene = filled();
    let spy = Arc::new(Spy::new(scene.store()));
    let mirror = Mirror::open(Arc::<Spy>::clone(&spy), "a test", Duration::ZERO).unwrap();
    let before = spy.count();
    let found = links(&mirror).unwrap();
    let calls: Vec<String> = spy.calls().iter().skip(before).map(ToString::to_string).collect();
    let [(name, Resolved::To(_))] = &*found.links else { panic!("{:?}", found.links) };
    let looks: Vec<&String> = calls.iter().filter(|call| !call.starts_with("list")).collect();
    assert!(looks.iter().any(|call| **call == format!("link_text `{name}`")), "{calls:?}");
    // One for the text of the name and one listing of the seals, however deep the name and its build lie.
    assert!(looks.len() <= 2, "{calls:?}");
}

#[test]
fn a_seal_that_is_listed_and_cannot_be_found_is_no_build() {
    let scene = Scene::new();
    publish_two(&scene, scene.store()).unwrap();
    let seal: RelPath = format!(".mirrorkeep/builds/master/centos/{ONE}.json").parse().unwrap();
    let asked = format!("read `{seal}`");
    let looked = |spy: Spy| {
        let spy = Arc::new(spy);
        let mirror = Mirror::open(Arc::<Spy>::clone(&spy), "a test", Duration::ZERO).unwrap();
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let seen = alone.install(|| survey(&mirror, Stamp::default())).unwrap();
        assert!(seen.troubles.is_empty(), "{:?}", seen.troubles);
        let builds: Vec<String> = seen.census.builds().map(|(id, _)| id.name.to_string()).collect();
        (builds, spy.calls().iter().position(|call| call.to_string() == asked).unwrap() + 1)
    };
    let (builds, nth) = looked(Spy::new(scene.store()));
    assert_eq!(builds, [ONE, TWO]);
    let store = scene.store();
    let (builds, _) = looked(Spy::new(scene.store()).meanwhile(nth, move || store.remove(&seal).unwrap()));
    assert_eq!(builds, [TWO]);
}
