//! Brokers that are none, or answer what they should not.

use crate::deliver::scene::Scene;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

/// What stands in for a broker, and what is said of it.
const CASES: &[(&[u8], &str)] = &[
    (b"", "cannot be reached"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not AMQP"),
    (b"\x01\x00\x00\xff\xff\xff\xff", "at most 131072 are accepted"),
    (b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a\xce", "truncated"),
    (b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a\x00", "not AMQP"),
    // It closes before it begins, with a text that a terminal would act on.
    (b"\x01\x00\x00\x00\x00\x00\x0b\x00\x0a\x00\x32\x01\x93\x04a\x1b[2\xce\x00", "a\\u{1b}[2 (403)"),
    // Heartbeats for ever.
    (b"\x08\x00\x00\x00\x00\x00\x00\xce", "unexpected"),
];

#[test]
fn what_is_no_broker_takes_neither_long_nor_much_and_parks_nothing() {
    for (says, said) in CASES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut protocol = [0; 8];
            stream.read_exact(&mut protocol).unwrap();
            assert_eq!(&protocol, b"AMQP\0\0\x09\x01");
            stream.write_all(says).ok();
        });
        let to = format!(
            "  - {{name: bus, since: 1, park_after: 0h, amqp: {{url: 'amqp://127.0.0.1:{port}'}}}}\n"
        );
        let scene = Scene::new(&to);
        let text = scene.once(1);
        assert!(text.contains(said), "{says:?}: {text}");
        assert!(!text.contains('\u{1b}') && text.len() < 1000, "{text}");
        let status = scene.status("bus");
        assert_eq!(
            (status["parked"].as_array().unwrap().len(), &status["failing"]["refused"]),
            (0, &false.into())
        );
    }
}

#[test]
fn a_broker_that_is_silent_is_left_after_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = format!("  - {{name: bus, since: 1, timeout: 1s, amqp: {{url: 'amqp://127.0.0.1:{port}'}}}}\n");
    let scene = Scene::new(&to);
    let began = Instant::now();
    let text = scene.once(1);
    assert!(text.contains("no confirm within 1 s"), "{text}");
    let running = scene.follow(&[]);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(running.stop(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_password_is_in_no_message() {
    let scene = Scene::new("  - {name: bus, since: 1, amqp: {url_env: AMQP_URL}}\n");
    let run = |url: &str| {
        let output = scene.rig.command(&["-vvv", "deliver"]).env("AMQP_URL", url).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains("hidden"), "{text}");
        (output.status.code(), text)
    };
    let (code, text) = run("amqp://u:hidden@127.0.0.1:1/x");
    assert_eq!(code, Some(1), "{text}");
    for wrong in ["hidden", "https://u:hidden@x/", "amqp://u:hidden@h/?hidden"] {
        let (code, text) = run(wrong);
        assert!(code == Some(2) && text.contains("`AMQP_URL` has no usable address"), "{text}");
    }
}

#[test]
fn a_virtual_host_that_a_broker_repeats_is_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut protocol = [0; 8];
        stream.read_exact(&mut protocol).unwrap();
        let text = b"NOT_ALLOWED - no hidden/vhost for hidden-pass";
        let size = u8::try_from(text.len() + 7).unwrap();
        let head = [1, 0, 0, 0, 0, 0, size, 0, 10, 0, 50, 1, 0x93, size - 7];
        stream.write_all(&[&head[..], text, b"\xce"].concat()).ok();
    });
    let scene = Scene::new("  - {name: bus, since: 1, amqp: {url_env: AMQP_URL}}\n");
    let url = format!("amqp://u:hidden-pass@127.0.0.1:{port}/hidden%2Fvhost");
    let output = scene.rig.command(&["-vvv", "deliver"]).env("AMQP_URL", url).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(text.contains("NOT_ALLOWED - no … for … (403)") && !text.contains("hidden"), "{text}");
    assert!(!scene.status("bus").to_string().contains("hidden"));
}
