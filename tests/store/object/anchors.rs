//! A journal in an object store that lost events is refused, and its loss can be accepted.

use super::scene::{
    self, ONE, Scene, TWO, accept, label_one, lose_events, lose_journal, prune, publish_two, restore_one,
};
use mirrorkeep::model::RelPath;
use mirrorkeep::session::Session;
use mirrorkeep::store::{Put, Spy};
use std::sync::Arc;

#[test]
fn a_journal_that_lost_events_is_refused_and_its_loss_can_be_accepted() {
    for lose in [lose_journal, lose_events] {
        let scene = Scene::new();
        publish_two(&scene, scene.store()).unwrap();
        prune(&scene, scene.store()).unwrap();
        lose(&scene, scene.store()).unwrap();
        let before = scene.state();
        for act in [label_one, prune, restore_one] {
            let refused = act(&scene, scene.store()).unwrap_err();
            assert!(refused.contains("the journal"), "{refused}");
        }
        assert_eq!(scene.state(), before);
        accept(&scene, scene.store()).unwrap();
        restore_one(&scene, scene.store()).unwrap();
        assert_eq!(scene.builds(), [ONE, TWO]);
        scene.misleads_nobody().unwrap();
        prune(&scene, scene.store()).unwrap();
    }
}

#[test]
fn a_directory_of_the_trash_that_no_event_made_is_not_used() {
    let scene = Scene::new();
    publish_two(&scene, scene.store()).unwrap();
    let journal = scene.store().read(&scene::segment(), 1 << 20).unwrap();
    let events = journal.split_inclusive(|byte| *byte == b'\n').count();
    let other = RelPath::state(&format!("trash/{:012}/record.json", events + 1));
    scene.store().put(&other, b"kept", Put::Create).unwrap();
    let refused = prune(&scene, scene.store()).unwrap_err();
    assert!(refused.contains("belongs to event"), "{refused}");
    assert_eq!(scene.store().read(&other, 10).unwrap(), b"kept");
}

#[test]
fn taking_the_lock_asks_twice_for_what_refers_to_the_journal() {
    let scene = Scene::new();
    publish_two(&scene, scene.store()).unwrap();
    let spy = Arc::new(Spy::new(scene.store()));
    let mirror = scene::open(Arc::<Spy>::clone(&spy)).unwrap();
    let before = spy.count();
    drop(Session::new(&mirror, &scene::now).begin().unwrap());
    let calls = spy.calls().into_iter().skip(before).map(|call| call.to_string());
    // Then what an interrupted command left is recovered.
    let calls: Vec<String> = calls.take_while(|call| !call.contains("stage")).collect();
    let asked = calls.iter().filter(|call| call.contains("trash") || call.contains("last-run"));
    assert_eq!(asked.count(), 2, "{calls:?}");
    assert!(calls.len() <= 8, "{calls:?}");
}

#[test]
fn a_journal_of_another_mirror_is_refused_and_can_be_accepted() {
    let scene = Scene::new();
    publish_two(&scene, scene.store()).unwrap();
    prune(&scene, scene.store()).unwrap();
    let journal = scene.store().read(&scene::segment(), 1 << 20).unwrap();
    let journal = String::from_utf8(journal).unwrap();
    let (head, rest) = journal.split_once('\n').unwrap();
    let mut event = mirrorkeep::record::Event::parse(head.as_bytes()).unwrap();
    assert_eq!(event.details.insert("mirror".to_owned(), "another".into()), Some("x".into()));
    let other = event.write() + rest;
    scene.store().put(&scene::segment(), other.as_bytes(), Put::Replace).unwrap();
    let before = scene.state();
    for act in [label_one, prune, restore_one] {
        let refused = act(&scene, scene.store()).unwrap_err();
        assert!(refused.contains("is of the mirror `another`; expected `x`"), "{refused}");
    }
    assert_eq!(scene.state(), before);
    accept(&scene, scene.store()).unwrap();
    restore_one(&scene, scene.store()).unwrap();
    assert_eq!(scene.builds(), [ONE, TWO]);
    prune(&scene, scene.store()).unwrap();
    // Those of earlier versions state none.
    event.details.remove("mirror");
    let old = event.write() + rest;
    let scene = Scene::new();
    publish_two(&scene, scene.store()).unwrap();
    prune(&scene, scene.store()).unwrap();
    scene.store().put(&scene::segment(), old.as_bytes(), Put::Replace).unwrap();
    restore_one(&scene, scene.store()).unwrap();
}
