//! Letters: to a real mail server, to one that refuses, and to what is none.

use super::scene::{Scene, in_order, without_repeats};
use crate::support::servers::process::{Process, free_ports};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// A mail server that keeps what it takes: one line of JSON for each letter, in a file; it answers with the text of another
/// file, where there is one.
const SERVER: &str = "
import json, os, sys, time, email
from email import policy
from aiosmtpd.controller import Controller
out, says = sys.argv[2], sys.argv[3]
class Keep:
    async def handle_DATA(self, server, session, envelope):
        if os.path.exists(says):
            return open(says).read()
        letter = email.message_from_bytes(envelope.content, policy=policy.default)
        line = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'subject': letter['subject'], 'id': letter['message-id'],
                'text': letter.get_content()}
        with open(out, 'a') as file:
            file.write(json.dumps(line) + '\\n')
        return '250 kept'
Controller(Keep(), hostname='127.0.0.1', port=int(sys.argv[1])).start()
while True:
    time.sleep(60)
";

fn letters(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the event in the text of a letter.
fn event(letter: &Value) -> Value {
    let text = letter["text"].as_str().unwrap().replace("\r\n", "\n");
    serde_json::from_str(text.split_once("\n\n").unwrap().1).unwrap()
}

#[test]
fn every_event_is_a_letter_and_what_the_server_refuses_is_tried_again_or_parked() {
    let dir = tempfile::tempdir().unwrap();
    let [out, says, script] = ["out", "says", "server.py"].map(|name| dir.path().join(name));
    fs::write(&script, SERVER).unwrap();
    let port = free_ports(1)[0];
    let to = format!(
        "  - name: people\n    since: 1\n    park_after: 0h\n    mail: {{url: 'smtp://127.0.0.1:{port}', from: mirror@example.org, \
         to: [a@example.org, b@example.org], subject: '{{type}} {{subject}} ü'}}\n"
    );
    let scene = Scene::new(&to);
    let said = scene.once(1);
    assert!(said.contains("the mail server cannot be reached"), "{said}");
    let mut command = Command::new("/usr/bin/python3");
    command.arg(&script).arg(port.to_string()).args([&out, &says]);
    let mut server = Process::start("smtp", dir.path(), &mut command);
    server.until_listening(port);
    fs::write(&says, "451 come back later").unwrap();
    let said = scene.once(1);
    assert!(said.contains("451 come back later"), "{said}");
    assert_eq!(scene.status("people")["parked"], json!([]));
    fs::remove_file(&says).unwrap();
    scene.once(0);
    let all = scene.numbers();
    let printed: Vec<Value> =
        scene.rig.ok(&["events"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kept = letters(&out);
    assert_eq!(kept.iter().map(event).collect::<Vec<_>>(), printed);
    let (first, of) = (&kept[0], &printed[0]);
    let kind = of["type"].as_str().unwrap().replace("mirrorkeep.", "").replace(".v1", "");
    assert_eq!(first["subject"], format!("{kind} {} ü", of["subject"].as_str().unwrap()));
    assert_eq!(
        (&first["from"], &first["to"]),
        (&json!("mirror@example.org"), &json!(["a@example.org", "b@example.org"]))
    );
    let ids: std::collections::BTreeSet<&str> = kept.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    fs::write(&says, "554 never").unwrap();
    scene.label("refused");
    let said = scene.once(0);
    assert!(said.contains("is parked: 554 never"), "{said}");
    fs::remove_file(&says).unwrap();
    scene.rig.ok(&["deliver", "unpark", "people"]);
    scene.once(0);
    // Killed while it works.
    let running = scene.follow(&[]);
    for round in 0..4 {
        scene.labels(2);
        thread::sleep(Duration::from_millis(30 * round));
    }
    running.kill();
    scene.once(0);
    let came: Vec<u64> =
        letters(&out).iter().map(|one| event(one)["data"]["seq"].as_u64().unwrap()).collect();
    in_order(&came);
    assert_eq!(without_repeats(&came).0, scene.numbers());
}

#[test]
fn a_digest_is_one_letter_for_the_events_of_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let [out, says, script] = ["out", "says", "server.py"].map(|name| dir.path().join(name));
    fs::write(&script, SERVER).unwrap();
    let port = free_ports(1)[0];
    let mail = |digest: &str, types: &str| {
        format!(
            "  - {{name: people, since: 1, park_after: 0h, {types} mail: {{url: 'smtp://127.0.0.1:{port}', from: a@b.c, to: d@e.f, digest: {digest}}}}}\n"
        )
    };
    let scene = Scene::new(&mail("24h", ""));
    let mut command = Command::new("/usr/bin/python3");
    command.arg(&script).arg(port.to_string()).args([&out, &says]);
    let mut server = Process::start("smtp", dir.path(), &mut command);
    server.until_listening(port);
    // They wait for more.
    scene.once(0);
    let (all, status) = (scene.numbers(), scene.status("people"));
    assert_eq!(
        (&status["behind"], &status["attention"], letters(&out).len()),
        (&json!(all.len()), &json!(false), 0)
    );
    scene.subscribers(&mail("1s", ""));
    thread::sleep(Duration::from_secs(2));
    scene.once(0);
    let gathered = |letter: &Value| -> Vec<u64> {
        event(letter).as_array().unwrap().iter().map(|one| one["data"]["seq"].as_u64().unwrap()).collect()
    };
    let kept = letters(&out);
    assert_eq!((kept.len(), gathered(&kept[0])), (1, all.clone()));
    assert_eq!(kept[0]["subject"], format!("[mirrorkeep] digest {} events", all.len()));
    let status = scene.status("people");
    assert_eq!((&status["delivered"], &status["repeats"]), (&json!(all.len()), &json!(0)));
    // What is refused is parked as one, and sent again as one.
    fs::write(&says, "554 never").unwrap();
    scene.labels(2);
    thread::sleep(Duration::from_secs(2));
    let said = scene.once(0);
    let last = *scene.numbers().last().unwrap();
    assert!(said.contains(&format!("event {last} is parked: 554 never")), "{said}");
    fs::remove_file(&says).unwrap();
    scene.rig.ok(&["deliver", "unpark", "people"]);
    scene.once(0);
    let kept = letters(&out);
    assert_eq!((kept.len(), gathered(&kept[1])), (2, scene.numbers()[all.len()..].to_vec()));
    assert_eq!(kept[1]["subject"], "[mirrorkeep] digest 2 events");
    // A service sends one when its time has come; events that are not chosen send none.
    let running = scene.follow(&[]);
    scene.labels(3);
    scene.wait("people", |status| status["behind"] == 0);
    assert_eq!(running.stop(), Some(0));
    let came: Vec<u64> = letters(&out).iter().flat_map(gathered).collect();
    assert_eq!(came, scene.numbers());
    scene.subscribers(&mail("1s", "types: [build.published],"));
    let count = letters(&out).len();
    scene.label("other");
    thread::sleep(Duration::from_secs(2));
    scene.once(0);
    assert_eq!((letters(&out).len(), &scene.status("people")["behind"]), (count, &json!(0)));
}

/// What stands in for a mail server, and what is said of it.
const CASES: &[(&[u8], &str)] = &[
    (b"", "cannot be reached"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "sent nonsense"),
    (b"554 go \x1b[2K away\r\n", "554 go \\u{1b}[2K away"),
    (b"220 hello\r\n250-a\r\n250 b\r\n530 log in\r\n", "530 log in"),
    (b"220 hello\r\n2\r\n", "sent nonsense"),
];

#[test]
fn what_is_no_mail_server_takes_neither_long_nor_much() {
    let try_it = |says: Vec<u8>, said: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&says).ok();
            // What the client says is read by no one, and the end comes later.
            thread::sleep(Duration::from_millis(300));
        });
        let to = format!(
            "  - {{name: people, since: 1, timeout: 3s, mail: {{url: 'smtp://127.0.0.1:{port}', from: a@b.c, to: d@e.f}}}}\n"
        );
        let scene = Scene::new(&to);
        let began = Instant::now();
        let text = scene.once(1);
        assert!(text.contains(said), "{said}: {text}");
        assert!(
            !text.contains('\u{1b}') && text.len() < 1000 && began.elapsed() < Duration::from_secs(20),
            "{text}"
        );
    };
    for (says, said) in CASES {
        try_it(says.to_vec(), said);
    }
    try_it(b"220-more\r\n".repeat(1 << 20), "sent nonsense");
    try_it(vec![b'2'; 10 << 20], "sent nonsense");
}

#[test]
fn a_server_that_takes_a_letter_and_says_nothing_is_not_one_that_is_away() {
    for (after, said) in [
        (Duration::ZERO, "is parked: no answer to the letter"),
        (Duration::from_mins(1), "is parked: no answer within 2 s"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.write_all(b"220 hello\r\n").unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let mut is_letter = false;
                for line in lines {
                    match &*line {
                        "." => break,
                        _ if is_letter => {}
                        "DATA" => {
                            stream.write_all(b"354 go on\r\n").unwrap();
                            is_letter = true;
                        }
                        _ => stream.write_all(b"250 yes\r\n").unwrap(),
                    }
                }
                thread::spawn(move || {
                    thread::sleep(after);
                    drop(stream);
                });
            }
        });
        let to = format!(
            "  - {{name: people, since: 1, types: [build.published], park_after: 0h, timeout: 2s, mail: {{url: 'smtp://127.0.0.1:{port}', from: a@b.c, to: d@e.f}}}}\n"
        );
        let scene = Scene::new(&to);
        let text = scene.once(0);
        assert!(text.contains(said), "{text}");
        assert_eq!(scene.status("people")["parked"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_password_is_sent_to_no_server_without_encryption() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 hello\r\n250-a\r\n250 AUTH PLAIN\r\n235 in\r\n").ok();
        thread::sleep(Duration::from_secs(1));
    });
    let scene =
        Scene::new("  - {name: people, since: 1, mail: {url_env: SMTP_URL, from: a@b.c, to: d@e.f}}\n");
    // An address of this machine that is not the loopback one by its name.
    let host = Command::new("hostname").arg("-I").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap().split_whitespace().next().unwrap().to_owned();
    let url = format!("smtp://u:hidden@{host}:{port}");
    let output = scene.rig.command(&["-vvv", "deliver"]).env("SMTP_URL", url).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("does not offer encryption, which a password needs") && !text.contains("hidden"),
        "{text}"
    );
}
