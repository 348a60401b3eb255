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
    assert!(said.contains("the next run will deliver again"), "{said}");
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

#[test]
fn what_failed_by_other_settings_is_not_parked_and_no_event_is_jumped_over() {
    let receiver = Receiver::start();
    let scene = Scene::new("");
    scene.labels(4);
    let since = scene.numbers()[0];
    // Nobody listens there, and all events are one letter.
    scene.subscribers(&format!(
        "  - {{name: ci, since: {since}, types: [build.labelled], mail: {{url: 'smtp://127.0.0.1:9', from: a@example.org, to: \
         [b@example.org], digest: 1s}}}}\n"
    ));
    std::thread::sleep(std::time::Duration::from_millis(2100));
    scene.once(1);
    let labelled: Vec<u64> = {
        let text = scene.rig.ok(&["events", "--type", "build.labelled"]);
        let number = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["data"]["seq"].as_u64().unwrap()
        };
        text.lines().map(number).collect()
    };
    let last = *labelled.last().unwrap();
    assert_eq!(scene.status("ci")["failing"]["seq"], json!(last));
    // Single events: the last is not the next one.
    let single = webhook("ci", &receiver.url(), "types: [build.labelled],");
    scene.subscribers(&single);
    assert_eq!(scene.status("ci")["failing"], json!(null));
    scene.rig.fails(2, "has no event that is not accepted", &["deliver", "park", "ci"]);
    // Also where it was asked before the settings changed, and for whatever number.
    let asked = scene.rig.mirror(".mirrorkeep/deliver/ci/asked");
    fs::create_dir_all(&asked).unwrap();
    for (name, seq) in [("a", json!(last)), ("b", json!(null))] {
        fs::write(asked.join(format!("{name}.json")), json!({ "park": seq }).to_string()).unwrap();
    }
    scene.once(0);
    assert_eq!(receiver.numbers(), labelled);
    assert_eq!(scene.status("ci")["parked"], json!([]));
    // An event that is refused, and not chosen any more, fails no more, and the place in the journal stays.
    receiver.then(Some(How::Status(500, "no")));
    scene.label("refused");
    scene.label("after it");
    scene.once(1);
    let refused = scene.status("ci")["failing"]["seq"].as_u64().unwrap();
    scene.subscribers(&webhook("ci", &receiver.url(), "types: [build.pruned],"));
    scene.once(0);
    let status = scene.status("ci");
    assert_eq!(
        (&status["failing"], status["seq"].as_u64().unwrap() > refused),
        (&json!(null), true),
        "{status:#}"
    );
    let cursor = fs::read_to_string(scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json")).unwrap();
    assert!(!cursor.contains("failing"), "{cursor}");
    scene.rig.fails(2, "has no event that is not accepted", &["deliver", "park", "ci"]);
    // The next chosen event can be parked, whatever is before it that is not chosen.
    scene.subscribers(&single);
    scene.rig.publish("20181206T060000Z", &[]);
    scene.label("next");
    scene.label("last");
    scene.once(1);
    let next = scene.status("ci")["failing"]["seq"].clone();
    scene.rig.ok(&["deliver", "park", "ci"]);
    receiver.then(None);
    scene.once(0);
    assert_eq!(scene.status("ci")["parked"], json!([next]));
    assert_eq!(receiver.numbers().len(), labelled.len() + 1);
}

/// What puts something in the place of a file, and what is said of it.
type Put<'a> = (&'a dyn Fn(&std::path::Path), &'a str);

#[test]
fn what_is_in_the_place_of_a_cursor_can_be_removed_as_the_error_says() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    scene.once(0);
    let cursor = scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json");
    let mkfifo = |at: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(at).status().unwrap().success());
    };
    let link = |at: &std::path::Path| std::os::unix::fs::symlink("/etc/passwd", at).unwrap();
    let large = |at: &std::path::Path| fs::write(at, " ".repeat(2 << 20)).unwrap();
    let all: [Put<'_>; 3] =
        [(&mkfifo, "not a regular file"), (&link, "it is a symlink"), (&large, "larger than")];
    for (put, what) in all {
        fs::remove_file(&cursor).unwrap();
        put(&cursor);
        let said = scene.once(1);
        assert!(said.contains(what) && said.contains("remove it: events are sent again"), "{said}");
        scene.rig.fails(1, "remove it: events are", &["deliver", "replay", "ci", "--since", "1"]);
        fs::remove_file(&cursor).unwrap();
        scene.once(0);
    }
}

#[test]
fn a_parked_event_whose_file_is_torn_comes_from_the_journal() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    receiver.answers([How::Status(404, "one")]);
    scene.once(0);
    let file = scene.rig.mirror(&format!(".mirrorkeep/deliver/ci/parked/{:012}.json", all[0]));
    for torn in ["", "{\"parked\":1,"] {
        fs::write(&file, torn).unwrap();
        scene.rig.ok(&["deliver", "unpark", "ci"]);
        receiver.answers([How::Status(404, "again")]);
        scene.once(0);
        assert_eq!(scene.status("ci")["parked"], json!([all[0]]));
    }
    fs::write(&file, "torn").unwrap();
    scene.rig.ok(&["deliver", "unpark", "ci", &all[0].to_string()]);
    scene.once(0);
    assert_eq!(scene.status("ci")["parked"], json!([]));
    assert_eq!(receiver.numbers(), [&all[1..], &all[..1]].concat());
    let bodies = receiver.accepted();
    let printed = scene.rig.ok(&["events", "--since", &all[0].to_string()]);
    assert_eq!(printed.lines().next().unwrap().as_bytes(), bodies.last().unwrap().body);
}

#[test]
fn a_subscriber_whose_files_cannot_be_read_hides_no_other_from_status() {
    let receiver = Receiver::start();
    let two =
        [webhook("ci", &receiver.url(), "since: 1,"), webhook("cj", &receiver.url(), "since: 1,")].concat();
    let scene = Scene::new(&two);
    scene.once(0);
    // A directory in its place, since root may read every file.
    let cursor = scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json");
    fs::remove_file(&cursor).unwrap();
    fs::create_dir(&cursor).unwrap();
    let status = scene.rig.json_ends(5, &["deliver", "status"]);
    let of = |name: &str| {
        let all = status["subscribers"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap().clone()
    };
    assert!(of("ci")["problem"].as_str().unwrap().contains("cursor.json"), "{status}");
    assert_eq!((&of("cj")["problem"], &of("cj")["behind"]), (&json!(null), &json!(0)), "{status}");
}

#[test]
fn a_process_that_delivers_reads_a_deliver_yaml_that_changed_and_goes_on_with_one_that_cannot_be_used() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    let running = scene.follow(&[]);
    receiver.wait_for(all.len());
    scene.subscribers("  - {name: ci, typ: x, run: [a]}\n");
    scene.rig.publish("20181206T060000Z", &[]);
    let all = scene.numbers();
    receiver.wait_for(all.len());
    let two =
        [webhook("ci", &receiver.url(), "since: 1,"), webhook("cj", &receiver.url(), "since: 1,")].concat();
    scene.subscribers(&two);
    scene.wait("cj", |status| {
        status["running"] == true && status["behind"] == 0 && status["seq"] != json!(null)
    });
    receiver.wait_for(all.len() * 2);
    assert_eq!(receiver.numbers(), [&all[..], &all[..]].concat());
    assert_eq!(running.stop(), Some(0));
    let repeats = |name: &str| scene.status(name)["repeats"].clone();
    assert_eq!((repeats("ci"), repeats("cj")), (json!(0), json!(0)));
}

#[test]
fn what_was_asked_for_again_is_not_lost_with_the_cursor() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), ""));
    let all = scene.numbers();
    scene.once(0);
    assert!(receiver.numbers().is_empty());
    receiver.answers([How::Status(500, "no"), How::Status(500, "no")]);
    scene.rig.ok(&["deliver", "replay", "ci", "--since", "1"]);
    scene.once(1);
    fs::write(scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json"), "{").unwrap();
    scene.once(1);
    scene.once(0);
    assert_eq!(receiver.numbers(), all);
    // Also where it is the first that anyone asks for.
    let scene = Scene::new(&webhook("ci", &receiver.url(), ""));
    scene.rig.ok(&["deliver", "replay", "ci", "--since", "1"]);
    fs::remove_file(scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json")).unwrap();
    scene.once(0);
    assert_eq!(receiver.numbers(), [&all[..], &scene.numbers()[..]].concat());
}

#[test]
fn what_happens_while_a_secret_lacks_is_delivered_once_it_is_there() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "").replace(super::scene::SECRET.0, "LATER"));
    let before = scene.numbers().len();
    scene.rig.fails(2, "`LATER` is not set", &["deliver"]);
    scene.rig.publish("20181206T060000Z", &[]);
    let run = scene.rig.command(&["deliver"]).env("LATER", super::scene::SECRET.1).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_eq!(receiver.numbers(), scene.numbers()[before..]);
}

#[test]
fn a_parked_event_that_is_accepted_when_it_comes_again_is_parked_no_more() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let all = scene.numbers();
    receiver.answers([How::Status(404, "one")]);
    scene.once(0);
    assert_eq!(scene.status("ci")["parked"], json!([all[0]]));
    scene.rig.ok(&["deliver", "replay", "ci", "--since", "1"]);
    scene.once(0);
    assert_eq!(receiver.numbers(), [&all[1..], &all[..]].concat());
    assert_eq!(scene.status("ci")["parked"], json!([]));
    scene.rig.fails(2, "no event is parked for `ci`", &["deliver", "unpark", "ci"]);
}

#[test]
fn a_cursor_that_cannot_be_read_without_its_begin_wants_a_look() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    scene.once(0);
    fs::remove_file(scene.rig.mirror(".mirrorkeep/deliver/ci/begin.json")).unwrap();
    fs::write(scene.rig.mirror(".mirrorkeep/deliver/ci/cursor.json"), "{").unwrap();
    let status = scene.status("ci");
    assert!(status["problem"].as_str().unwrap().contains("where it began is lost"), "{status}");
    scene.rig.fails(5, "", &["deliver", "status"]);
    scene.rig.ok(&["deliver", "replay", "ci", "--since", "1"]);
    scene.once(0);
    assert_eq!(scene.status("ci")["problem"], json!(null));
}
