//! Requests to an address: their form, their signature, and what each answer means.

use super::scene::{SECRET, Scene, in_order, webhook};
use crate::support::http::Message;
use crate::support::receiver::{How, Receiver};
use crate::support::shapes::event_fits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Returns the signature that a request has to have.
fn signature(message: &Message) -> String {
    let key = STANDARD.decode(SECRET.1.strip_prefix("whsec_").unwrap()).unwrap();
    let of = |name: &str| message.header(name).unwrap().to_owned();
    let body = String::from_utf8(message.body.clone()).unwrap();
    let signed = format!("{}.{}.{body}", of("webhook-id"), of("webhook-timestamp"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    format!("v1,{}", STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes())))
}

#[test]
fn every_event_comes_once_in_order_and_signed() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let said = scene.once(0);
    let all = scene.numbers();
    assert!(said.contains(&format!("ci: {} events delivered\n", all.len())), "{said}");
    assert_eq!(receiver.numbers(), all);
    for message in receiver.accepted() {
        assert_eq!(message.header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
        assert_eq!(message.header("webhook-signature"), Some(&*signature(&message)));
        let event: Value = serde_json::from_slice(&message.body).unwrap();
        event_fits(&event).unwrap();
        assert_eq!(message.header("webhook-id"), event["id"].as_str());
    }
    // The same bytes as `events` prints.
    let bodies: Vec<String> =
        receiver.accepted().into_iter().map(|message| String::from_utf8(message.body).unwrap()).collect();
    assert_eq!(bodies.join("\n") + "\n", scene.rig.ok(&["events"]));
    scene.once(0);
    assert_eq!(receiver.numbers(), all);
    let status = scene.status("ci");
    assert_eq!(
        (&status["behind"], &status["repeats"], &status["attention"]),
        (&0.into(), &0.into(), &false.into())
    );
}

#[test]
fn a_new_subscriber_begins_with_the_next_event_and_filters_choose() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "types: [build.labelled], labels: {n: [b, c]},"));
    let said = scene.once(0);
    assert!(said.contains("ci: it is new, and begins after event"), "{said}");
    assert_eq!(receiver.all().len(), 0);
    for value in ["a", "b", "c"] {
        scene.label(value);
    }
    scene.rig.builds(["20181205T060000Z"]);
    scene.once(0);
    let bodies: Vec<Value> =
        receiver.accepted().iter().map(|message| serde_json::from_slice(&message.body).unwrap()).collect();
    let values: Vec<&Value> = bodies.iter().map(|event| &event["data"]["labels"]["n"]).collect();
    assert_eq!(values, ["b", "c"]);
}

#[test]
fn what_is_tried_again_and_what_is_not() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1,"));
    let (first, all) = (scene.numbers()[0], scene.numbers());
    let tried_again = [
        How::Status(500, "<html>"),
        How::Status(503, "no \u{1b}[2K room"),
        How::Status(429, "slowly"),
        How::Status(408, ""),
        How::Status(425, ""),
        How::Header(302, "location", "http://127.0.0.1:1/elsewhere".to_owned()),
        How::Garbage,
        How::Close,
        How::Headers(5000),
    ];
    for how in tried_again {
        receiver.answers([how.clone()]);
        let said = scene.once(1);
        assert!(
            said.contains("it is tried again by the next run") && !said.contains('\u{1b}'),
            "{how:?}: {said}"
        );
        let failing = scene.status("ci")["failing"].clone();
        assert_eq!(failing["seq"], first, "{how:?}: {failing}");
    }
    assert_eq!((receiver.numbers(), receiver.all().len()), (vec![], 9));
    // What will never be accepted is parked, and the next one goes on.
    receiver.answers([404, 401, 410].map(|status| How::Status(status, "never")));
    let said = scene.once(0);
    assert!(
        said.contains("event 2 is parked: 404") || said.contains(&format!("event {first} is parked: 404")),
        "{said}"
    );
    assert_eq!(receiver.numbers(), all[3..]);
    let status = scene.status("ci");
    assert_eq!((status["parked"].clone(), status["behind"].clone()), (serde_json::json!(all[..3]), 0.into()));
    assert_eq!(scene.run(&["deliver", "status"]).status.code(), Some(5));
}

#[test]
fn nothing_that_a_receiver_answers_takes_long_or_much() {
    let receiver = Receiver::start();
    let scene = Scene::new(&webhook("ci", &receiver.url(), "since: 1, timeout: 2s,"));
    let all = scene.numbers();
    assert!(all.len() >= 4, "{all:?}");
    receiver.answers([How::Huge(200, 100), How::Drip, How::Status(200, "x")]);
    let began = Instant::now();
    scene.once(0);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(receiver.numbers(), all);
    scene.label("more");
    receiver.answers([How::Huge(500, 100)]);
    let said = scene.once(1);
    assert!(said.len() < 2000, "{}", said.len());
    receiver.answers([How::Hang(Duration::from_secs(20))]);
    let began = Instant::now();
    let said = scene.once(1);
    assert!(said.contains("no answer within 2 s") && began.elapsed() < Duration::from_secs(15), "{said}");
    scene.once(0);
    in_order(&receiver.numbers());
}

#[test]
fn a_subscriber_that_hangs_delays_no_other() {
    let (dead, alive) = (Receiver::start(), Receiver::start());
    dead.then(Some(How::Hang(Duration::from_mins(1))));
    let away = "http://127.0.0.1:1/";
    let to = [
        webhook("dead", &dead.url(), "since: 1,"),
        webhook("away", away, "since: 1,"),
        webhook("alive", &alive.url(), "since: 1,"),
    ];
    let scene = Scene::new(&to.concat());
    let running = scene.follow(&[]);
    alive.wait_for(scene.numbers().len());
    let began = Instant::now();
    scene.label("more");
    alive.wait_for(scene.numbers().len());
    assert!(began.elapsed() < Duration::from_secs(20));
    let status = scene.wait("away", |status| !status["failing"].is_null());
    assert!(status["failing"]["answer"].as_str().unwrap().contains("cannot be reached"), "{status:#}");
    assert_eq!((&status["failing"]["refused"], &status["parked"]), (&false.into(), &serde_json::json!([])));
    let began = Instant::now();
    assert_eq!(running.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(dead.numbers().is_empty());
}

#[test]
fn an_address_in_the_environment_is_never_shown() {
    let receiver = Receiver::start();
    let scene = Scene::new("  - {name: chat, since: 1, webhook: {url_env: CHAT_URL}}\n");
    let run = |url: &str, args: &[&str]| {
        let output = scene.rig.command(args).env("CHAT_URL", url).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains("hidden"), "{said}");
        (output.status.code(), said)
    };
    let url = format!("{}?token=hidden", receiver.url());
    receiver.answers([How::Status(500, "")]);
    assert_eq!(run(&url, &["-vvv", "deliver"]).0, Some(1));
    assert_eq!(run(&url, &["-vvv", "deliver"]).0, Some(0));
    assert_eq!(receiver.numbers(), scene.numbers());
    assert!(receiver.accepted()[0].target().ends_with("?token=hidden"));
    scene.label("more");
    assert_eq!(run("http://hidden:1/x", &["-vvv", "deliver"]).0, Some(1));
    for wrong in ["hidden", "ftp://hidden/", "http://u:hidden@x/"] {
        let (code, said) = run(wrong, &["deliver"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("`CHAT_URL` has no usable address"), "{said}");
    }
    let output = scene.rig.run(&["deliver"]);
    assert_eq!(output.status.code(), Some(2));
    let kept: String = walk(&scene.rig.mirror(".mirrorkeep/deliver")).concat();
    assert!(!kept.contains("hidden") && kept.contains("\"seq\""), "{kept}");
}

#[test]
fn secrets_that_a_receiver_repeats_are_neither_kept_nor_shown() {
    const SAYS: [&str; 4] = [
        "Cannot POST /hook/hidden-path?key=hidden%2Dvalue with whsec_aGlkZGVuLXNlY3JldC1vZi0yNC1ieXRlcw== or whsec_aGlkZGVuLWJhc2U2NC1vZi0yNC1ieXRlcw==",
        "no token hidden-value, hidden-path; aGlkZGVuLWJhc2U2NC1vZi0yNC1ieXRlcw==, hidden-base64-of-24-bytes",
        // The secret is where the text is cut.
        "................................................................................................................................................................................................................................................................................................hidden-secret-of-24-bytes",
        "",
    ];
    let receiver = Receiver::start();
    let scene = Scene::new("  - {name: ci, since: 1, webhook: {url_env: HOOK, secret_env: KEYS}}\n");
    let url = format!("{}/hidden-path?key=hidden%2Dvalue", receiver.url());
    let run = |args: &[&str]| {
        let mut command = scene.rig.command(args);
        command.env("HOOK", &url).env(
            "KEYS",
            "whsec_aGlkZGVuLXNlY3JldC1vZi0yNC1ieXRlcw== whsec_aGlkZGVuLWJhc2U2NC1vZi0yNC1ieXRlcw==",
        );
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let mut all = String::new();
    for says in SAYS {
        for how in [How::Status(500, says), How::Status(404, says)] {
            receiver.answers([how.clone(), How::Status(429, says)]);
            all += &run(&["-vvv", "deliver"]);
        }
        all += &run(&["deliver", "status"]);
        all += &scene.status("ci").to_string();
    }
    all += &walk(&scene.rig.mirror(".mirrorkeep/deliver")).concat();
    assert!(!all.contains("hidde") && !all.contains("aGlk"), "{all}");
    // A receiver can repeat a secret address in any spelling, so that nothing of its answers is kept.
    assert!(all.contains("404 Not Found") && !all.contains("Cannot POST"), "{all}");
    // Where only the keys are secret, the rest is kept.
    let receiver = Receiver::start();
    scene.subscribers(&format!(
        "  - {{name: ci2, since: 1, webhook: {{url: '{}', secret_env: KEYS}}}}\n",
        receiver.url()
    ));
    receiver.answers([How::Status(
        404,
        "wrong: whsec_aGlkZGVuLXNlY3JldC1vZi0yNC1ieXRlcw== or hidden-base64-of-24-bytes",
    )]);
    let all = run(&["deliver"])
        + &scene.status("ci2").to_string()
        + &walk(&scene.rig.mirror(".mirrorkeep/deliver")).concat();
    assert!(!all.contains("hidde") && !all.contains("aGlk"), "{all}");
    assert!(all.contains("404 Not Found: wrong: … or …"), "{all}");
}

/// Returns the texts of all files below a directory.
fn walk(dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: std::path::PathBuf| {
        if path.is_dir() { walk(&path) } else { vec![std::fs::read_to_string(path).unwrap()] }
    };
    entries.flat_map(text).collect()
}
