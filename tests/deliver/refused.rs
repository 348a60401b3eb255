//! Events that a receiver refuses: parked after their time, and bounded.

use super::scene::{Scene, webhook};
use crate::support::receiver::{How, Receiver};
use serde_json::json;
use std::fs;

#[test]
fn a_refused_event_is_parked_after_its_time_and_one_that_was_not_reached_never() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1, park_after: 0h,"));
    let all = scene.numbers();
    receiver.answers([How::Status(429, ""), How::Status(500, "broken"), How::Status(200, "")]);
    scene.once(1);
    assert_eq!(scene.status("ci")["parked"], json!([]));
    let said = scene.once(0);
    assert!(
        said.contains(&format!("event {} is parked: 500 Internal Server Error: broken", all[0])),
        "{said}"
    );
    assert_eq!(receiver.numbers(), all[1..]);
    let parked = scene.rig.mirror(&format!(".mirrorkeep/deliver/ci/parked/{:012}.json", all[0]));
    let parked: serde_json::Value = serde_json::from_slice(&fs::read(parked).unwrap()).unwrap();
    assert_eq!((&parked["tries"], &parked["seq"]), (&json!(2), &json!(all[0])));
}

#[test]
fn a_receiver_that_refuses_everything_parks_a_thousand_events_and_no_more() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    let dir = scene.rig.mirror(".mirrorkeep/deliver/ci/parked");
    fs::create_dir_all(&dir).unwrap();
    for seq in 0..999 {
        let parked = json!({"parked": 1, "seq": 1_000_000 + seq, "at": "2018-12-05T06:00:00Z", "tries": 1, "answer": "404", "event": "{}"});
        fs::write(dir.join(format!("{:012}.json", 1_000_000 + seq)), parked.to_string()).unwrap();
    }
    receiver.then(Some(How::Status(404, "nothing here")));
    let said = scene.once(1);
    assert!(said.contains("it has 1000 parked events, and stops"), "{said}");
    let status = scene.status("ci");
    assert_eq!(status["parked"].as_array().unwrap().len(), 1000);
    assert_eq!((&status["failing"]["seq"], &status["behind"]), (&json!(all[1]), &json!(all.len() - 1)));
}

#[test]
fn a_command_gets_each_event_and_says_later_by_its_exit_code() {
    let scene = Scene::new(
        "  - {name: rebuild, since: 1, types: [build.published], run: [sh, -c, 'cat >> \"$0\"; test -e \"$0.go\" || exit 75', '/nowhere']}\n",
    );
    let out = scene.rig.work("../out");
    let text = fs::read_to_string(scene.rig.mirror(".mirrorkeep/deliver.yaml")).unwrap();
    fs::write(scene.rig.mirror(".mirrorkeep/deliver.yaml"), text.replace("/nowhere", out.to_str().unwrap()))
        .unwrap();
    let said = scene.once(1);
    assert!(said.contains("it ended with exit code 75"), "{said}");
    fs::write(scene.rig.work("../out.go"), "").unwrap();
    scene.once(0);
    let came = fs::read_to_string(&out).unwrap();
    let published = scene.rig.ok(&["events", "--type", "build.published"]);
    let first = published.lines().next().unwrap();
    assert_eq!(came, format!("{first}\n{published}"));
}

#[test]
fn a_command_gets_no_secret_of_another_subscriber() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let out = scene.rig.work("../out");
    let yaml = fs::read_to_string(scene.rig.mirror(".mirrorkeep/deliver.yaml")).unwrap();
    let run = format!("  - {{name: env, since: 1, run: [sh, -c, 'env > {}']}}\n", out.display());
    fs::write(scene.rig.mirror(".mirrorkeep/deliver.yaml"), yaml + &run).unwrap();
    scene.once(0);
    let env = fs::read_to_string(out).unwrap();
    assert!(env.contains("MIRRORKEEP_EVENT_TYPE=") && env.contains("MIRRORKEEP_EVENT_ID="), "{env}");
    assert!(!env.contains("HOOK_SECRET") && !env.contains("whsec"), "{env}");
}
