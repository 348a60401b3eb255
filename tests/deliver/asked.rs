//! What a person asks of a deliverer, while one works and while none does.

use super::scene::{Scene, webhook};
use crate::support::receiver::{How, Receiver};
use serde_json::json;
use std::fs;

#[test]
fn replay_delivers_again_and_counts_repeats() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    scene.once(0);
    let all = scene.numbers();
    let [third, last] = [all[2], *all.last().unwrap()];
    scene.rig.fails(
        2,
        "the journal ends with event",
        &["deliver", "replay", "ci", "--since", &(last + 2).to_string()],
    );
    scene.rig.fails(
        2,
        "deliver.yaml has no subscriber `cj`; it has `ci`",
        &["deliver", "replay", "cj", "--since", "1"],
    );
    let said = scene.rig.ok(&["deliver", "replay", "ci", "--since", &third.to_string(), "--dry-run"]);
    assert!(said.contains("would deliver again"), "{said}");
    scene.once(0);
    assert_eq!(receiver.numbers(), all);
    let said = scene.rig.ok(&["deliver", "replay", "ci", "--since", &third.to_string()]);
    assert!(said.contains("the next run is to deliver again"), "{said}");
    scene.once(0);
    assert_eq!(receiver.numbers(), [&all[..], &all[2..]].concat());
    assert_eq!(scene.status("ci")["repeats"], json!(all.len() - 2));
}

#[test]
fn a_process_that_delivers_is_asked_and_does_it() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    receiver.then(Some(How::Status(500, "poison")));
    let running = scene.follow(&[]);
    scene.wait("ci", |status| status["failing"]["tries"].as_u64() > Some(0));
    scene.rig.fails(2, "is not parked", &["deliver", "unpark", "ci", "77"]);
    let said = scene.rig.ok(&["deliver", "park", "ci"]);
    assert!(said.contains("asked the process that delivers to it"), "{said}");
    scene.wait("ci", |status| status["parked"] == json!([all[0]]));
    receiver.then(None);
    scene.wait("ci", |status| status["behind"] == 0);
    assert_eq!(receiver.numbers(), all[1..]);
    scene.rig.ok(&["deliver", "unpark", "ci"]);
    scene.wait("ci", |status| status["parked"] == json!([]));
    assert_eq!(receiver.numbers(), [&all[1..], &all[..1]].concat());
    let bodies = receiver.accepted();
    let printed = scene.rig.ok(&["events", "--since", &all[0].to_string()]);
    assert_eq!(printed.lines().next().unwrap().as_bytes(), bodies.last().unwrap().body);
    scene.rig.ok(&["deliver", "replay", "ci", "--since", "1"]);
    receiver.wait_for(all.len() * 2);
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn what_is_parked_again_stays_parked() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    receiver.answers([How::Status(404, "one")]);
    scene.once(0);
    scene.rig.ok(&["deliver", "unpark", "ci", &all[0].to_string()]);
    receiver.answers([How::Status(404, "two")]);
    let said = scene.once(0);
    assert!(said.contains("stays parked: 404 Not Found: two"), "{said}");
    scene.once(0);
    assert_eq!(receiver.numbers(), all[1..]);
    scene.rig.fails(2, "has no event that is not accepted", &["deliver", "park", "ci"]);
    scene.rig.ok(&["deliver", "unpark", "ci"]);
    scene.once(0);
    assert_eq!(scene.status("ci")["parked"], json!([]));
    scene.rig.fails(2, "no event is parked for `ci`", &["deliver", "unpark", "ci"]);
}

#[test]
fn a_parked_event_that_is_answered_later_stops_nothing_that_is_asked() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    receiver.answers([How::Status(404, "one")]);
    scene.once(0);
    receiver.then(Some(How::Status(429, "slowly")));
    scene.rig.ok(&["deliver", "unpark", "ci"]);
    let said = scene.once(1);
    assert!(said.contains(&format!("event {}: 429 Too Many Requests: slowly", all[0])), "{said}");
    assert_eq!(scene.status("ci")["failing"]["seq"], json!(all[0]));
    let running = scene.follow(&[]);
    let tries = |status: &serde_json::Value| status["failing"]["tries"].as_u64().unwrap_or_default();
    scene.wait("ci", |status| tries(status) > 1 && status["failing"]["seq"] == json!(all[0]));
    let nothing_is_asked = || {
        let asked = || fs::read_dir(scene.rig.mirror(".mirrorkeep/deliver/ci/asked")).unwrap().count();
        scene.wait("ci", |_| asked() == 0);
    };
    scene.rig.ok(&["deliver", "replay", "ci", "--since", &all[1].to_string()]);
    nothing_is_asked();
    // It stays parked, and what comes after it goes on.
    scene.wait("ci", |status| status["failing"]["seq"] == json!(all[0]));
    let said = scene.rig.ok(&["deliver", "park", "ci"]);
    assert!(said.contains(&format!("parks event {}", all[0])), "{said}");
    nothing_is_asked();
    scene.wait("ci", |status| status["failing"]["seq"] == json!(all[1]));
    receiver.then(None);
    let status = scene.wait("ci", |status| status["behind"] == 0);
    assert_eq!((&status["parked"], &status["failing"]), (&json!([all[0]]), &json!(null)));
    assert_eq!(receiver.numbers(), [&all[1..], &all[1..]].concat());
    scene.rig.ok(&["deliver", "unpark", "ci"]);
    scene.wait("ci", |status| status["parked"] == json!([]));
    assert_eq!(running.stop(), Some(0));
    assert_eq!(scene.status("ci")["failing"], json!(null));
}

#[test]
fn an_event_that_is_accepted_before_it_is_parked_parks_no_other() {
    let scene = Scene::new("");
    let [tried, busy, go] = ["tried", "busy", "go"].map(|name| scene.rig.work(&format!("../{name}")));
    let first = scene.numbers()[0];
    // It refuses the first event once, and then takes its time to accept it; it refuses all others.
    let script = format!(
        "[ $MIRRORKEEP_EVENT_SEQ = {first} ] || exit 1; if [ ! -e {tried} ]; then touch {tried}; exit 1; fi; touch {busy}; \
         until [ -e {go} ]; do sleep 0.05; done",
        tried = tried.display(),
        busy = busy.display(),
        go = go.display()
    );
    scene.subscribers(&format!("  - {{name: ci, since: 1, run: [sh, -c, '{script}']}}\n"));
    let running = scene.follow(&[]);
    scene.wait("ci", |_| busy.exists());
    let said = scene.rig.ok(&["deliver", "park", "ci"]);
    assert!(said.contains(&format!("parks event {first}")), "{said}");
    fs::write(&go, "").unwrap();
    let asked = || fs::read_dir(scene.rig.mirror(".mirrorkeep/deliver/ci/asked")).unwrap().count();
    let second = scene.numbers()[1];
    let status = scene.wait("ci", |status| {
        asked() == 0 && (status["failing"]["seq"] == json!(second) || status["parked"] != json!([]))
    });
    assert_eq!(status["parked"], json!([]));
    assert_eq!(running.stop(), Some(0));
    scene.rig.ok(&["deliver", "park", "ci"]);
    assert_eq!(scene.status("ci")["parked"], json!([second]));
}
