//! The deliverer killed, the cursor lost, torn or of another journal: nothing is left out, and repeats are counted.

use super::scene::{Scene, in_order, webhook, without_repeats};
use crate::support::receiver::{How, Receiver, number};
use serde_json::json;
use std::fs;
use std::time::Duration;

#[test]
fn killed_at_any_instant_nothing_is_left_out_and_repeats_are_counted() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    for round in 0..12 {
        scene.labels(4);
        receiver.answers([How::Status(500, ""), How::Status(200, ""), How::Close]);
        let running = scene.follow(&[]);
        std::thread::sleep(Duration::from_millis(30 * (round % 7)));
        running.kill();
    }
    let before = receiver.numbers();
    let running = scene.follow(&[]);
    let all = scene.numbers();
    scene.wait("ci", |status| status["behind"] == 0 && status["failing"].is_null());
    assert_eq!(running.stop(), Some(0));
    let came = receiver.numbers();
    in_order(&came);
    let (once, repeats) = without_repeats(&came);
    assert_eq!(once, all, "{} came before the last run", before.len());
    let counted = scene.status("ci")["repeats"].as_u64().unwrap();
    assert!(counted >= repeats, "{repeats} events came again, and {counted} are counted");
}

#[test]
fn an_event_that_is_underway_when_the_deliverer_is_killed_comes_again_and_is_counted() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    for _ in 0..3 {
        scene.label("x");
        let before = receiver.all().len();
        // The third one of this run has no answer.
        receiver.answers([How::Status(200, ""), How::Status(200, ""), How::Hang(Duration::from_mins(1))]);
        let running = scene.follow(&[]);
        receiver.wait_for_requests(before + 3);
        running.kill();
        scene.label("y");
    }
    scene.once(0);
    let sent: Vec<u64> = receiver.all().iter().map(number).collect();
    in_order(&sent);
    let (once, repeats) = without_repeats(&sent);
    // At least the three without an answer; also what was accepted just before.
    assert!(once == scene.numbers() && repeats >= 3, "{sent:?}");
    let counted = scene.status("ci")["repeats"].as_u64().unwrap();
    assert!(counted >= repeats, "{repeats} events came again, and {counted} are counted");
}

#[test]
fn a_cursor_that_is_lost_or_torn_means_repeats() {
    for torn in [None, Some("{\"cursor\":1,\"mirror\""), Some(""), Some("{}"), Some("\0\0\0")] {
        let receiver = Receiver::start();
        let scene = Scene::new(&webhook("ci", &receiver.url(), ""));
        scene.once(0);
        scene.labels(3);
        scene.once(0);
        let came = receiver.numbers();
        assert_eq!(came.len(), 3);
        let cursor = scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json");
        match torn {
            Some(text) => fs::write(&cursor, text).unwrap(),
            None => fs::remove_file(&cursor).unwrap(),
        }
        assert_eq!(scene.status("ci")["attention"], json!(true));
        scene.label("after");
        let said = scene.once(0);
        assert!(said.contains("its cursor is lost"), "{torn:?}: {said}");
        let all = scene.numbers();
        let expected = [&came[..], &all[all.len() - 4..]].concat();
        assert_eq!(receiver.numbers(), expected, "{torn:?}");
        // The last one cannot have been sent, and is not known not to have been.
        assert_eq!(scene.status("ci")["repeats"], json!(4), "{torn:?}");
        scene.label("next");
        scene.once(0);
        assert_eq!(scene.status("ci")["repeats"], json!(4), "{torn:?}");
    }
}

#[test]
fn everything_lost_begins_as_deliver_yaml_says() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    scene.once(0);
    fs::remove_dir_all(scene.rig.mirror(".mirrorkeep/deliver")).unwrap();
    scene.once(0);
    let all = scene.numbers();
    assert_eq!(receiver.numbers(), [&all[..], &all].concat());
}

#[test]
fn a_journal_from_a_backup_is_refused_until_a_person_chooses() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let journal = scene.rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let old = fs::read(&journal).unwrap();
    let before = scene.numbers();
    scene.labels(2);
    scene.once(0);
    let came = receiver.numbers();
    fs::write(&journal, &old).unwrap();
    let output = scene.run(&["deliver"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("deliver replay ci --since SEQ"), "{said}");
    scene.labels(3);
    // Other events have the numbers that were delivered.
    assert_eq!(scene.run(&["deliver"]).status.code(), Some(3));
    assert_eq!(receiver.numbers(), came);
    let next = before.last().unwrap() + 1;
    scene.rig.ok(&["deliver", "replay", "ci", "--since", &next.to_string()]);
    scene.once(0);
    let all = scene.numbers();
    assert_eq!(receiver.numbers()[came.len()..], all[before.len()..]);
}

#[test]
fn a_journal_that_ends_before_the_place_of_a_subscriber_is_refused() {
    for cursor_is_lost in [false, true] {
        let receiver = Receiver::start();
        let scene = Scene::new(&webhook("ci", &receiver.url(), ""));
        let journal = scene.rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
        let old = fs::read(&journal).unwrap();
        let before = scene.numbers();
        scene.labels(3);
        // It begins after the third one, and nothing was delivered yet.
        scene.once(0);
        if cursor_is_lost {
            scene.label("x");
            scene.once(0);
            fs::remove_file(scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json")).unwrap();
        }
        let came = receiver.numbers();
        fs::write(&journal, &old).unwrap();
        let said = scene.once(3);
        assert!(said.contains("deliver replay ci --since SEQ"), "{said}");
        let problem = scene.status("ci")["problem"].clone();
        assert!(problem.as_str().unwrap().contains("the journal has no event"), "{problem}");
        // The numbers are given to other events, and go on beyond the place.
        scene.labels(6);
        scene.once(3);
        assert_eq!(receiver.numbers(), came);
        let next = before.last().unwrap() + 1;
        scene.rig.ok(&["deliver", "replay", "ci", "--since", &next.to_string()]);
        scene.once(0);
        assert_eq!(receiver.numbers()[came.len()..], scene.numbers()[before.len()..]);
    }
}

#[test]
fn a_replay_beyond_the_journal_is_refused_wherever_the_cursor_is() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let journal = scene.rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let old = fs::read(&journal).unwrap();
    let newest = *scene.numbers().last().unwrap();
    scene.labels(6);
    scene.once(0);
    let came = receiver.numbers();
    fs::write(&journal, &old).unwrap();
    // Below the cursor, and beyond the end of the journal.
    let too_high = (newest + 2).to_string();
    let said = format!("the journal ends with event {newest}; at most {} is accepted", newest + 1);
    scene.rig.fails(2, &said, &["deliver", "replay", "ci", "--since", &too_high]);
    scene.rig.fails(2, &said, &["deliver", "replay", "ci", "--since", &too_high, "--dry-run"]);
    scene.once(3);
    scene.rig.ok(&["deliver", "replay", "ci", "--since", &(newest + 1).to_string()]);
    scene.once(0);
    scene.labels(3);
    scene.once(0);
    let all = scene.numbers();
    assert_eq!(receiver.numbers()[came.len()..], all[all.len() - 3..]);
    // A new subscriber does not begin there, either.
    scene.subscribers(&webhook("cd", &receiver.url(), "since: 1000,"));
    let said = scene.once(2);
    assert!(said.contains("cannot begin with event 1000"), "{said}");
    assert!(!scene.rig.mirror(".mirrorkeep/deliver/cd/begin.json").exists());
}

#[test]
fn a_damaged_journal_is_delivered_up_to_the_damage() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let before = scene.numbers();
    scene.label("x");
    let journal = scene.rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let at = text.rfind("\"phase\":\"done\"").unwrap();
    fs::write(&journal, format!("{}\"phase\":\"dome\"{}", &text[..at], &text[at + 14..])).unwrap();
    let output = scene.run(&["deliver"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(receiver.numbers(), before);
    fs::write(&journal, text).unwrap();
    scene.once(0);
    assert_eq!(receiver.numbers(), scene.numbers());
}

#[test]
fn of_two_deliverers_the_second_waits() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let first = scene.follow(&[]);
    scene.wait("ci", |status| status["running"] == true && status["behind"] == 0);
    let second = scene.follow(&[]);
    let output = scene.run(&["--wait", "0", "deliver"]);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    scene.label("a");
    receiver.wait_for(scene.numbers().len());
    first.kill();
    scene.label("b");
    receiver.wait_for(scene.numbers().len());
    assert_eq!(second.stop(), Some(0));
    let (once, _) = without_repeats(&receiver.numbers());
    assert_eq!(once, scene.numbers());
}

#[test]
fn the_next_event_comes_within_a_second() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), ""));
    let running = scene.follow(&[]);
    scene.wait("ci", |status| status["running"] == true && !status["seq"].is_null());
    scene.label("a");
    receiver.wait_for(1);
    // On a machine with other work it may take longer; what is looked at is that it comes by itself.
    assert_eq!(running.stop(), Some(0));
    assert_eq!(scene.status("ci")["running"], json!(false));
}
