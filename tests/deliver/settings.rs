//! deliver.yaml: what is wrong with it, and what it may do.

use super::scene::{Running, Scene};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn every_problem_is_reported_at_once() {
    let scene =
        Scene::new("  - {name: a, typs: x, run: []}\n  - {name: a, streams: /x, webhook: {url: 'x'}}\n");
    for args in [&["deliver"][..], &["deliver", "lint"], &["deliver", "status"]] {
        scene.rig.fails(2, "deliver.yaml:3:15: to[0].typs: unknown key", args);
    }
    scene.subscribers("  - {name: a, types: x, run: []}\n  - {name: a, streams: /x, webhook: {url: 'x'}}\n");
    let output = scene.rig.run(&["deliver", "lint"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().filter(|line| line.contains("deliver.yaml:")).count(), 5, "{said}");
    fs::remove_file(scene.rig.mirror(".mirrorkeep/deliver.yaml")).unwrap();
    scene.rig.fails(2, "has no `.mirrorkeep/deliver.yaml`", &["deliver"]);
}

#[test]
fn what_is_odd_is_found() {
    let scene = Scene::new(
        "  - {name: a, webhook: {url: 'http://ci.example.org/'}}\n  - {name: b, webhook: {url: 'http://localhost/', secret_env: X}}\n",
    );
    let output = scene.rig.run(&["deliver", "lint"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(
        said.contains("deliver.yaml:3:15: warning: `a` gets events without a signature")
            && said.contains("[not-encrypted]"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    scene.subscribers("  - {name: b, run: [echo]}\n");
    assert_eq!(scene.rig.ok(&["deliver", "lint"]), "deliver.yaml: OK\n");
    let file = scene.rig.mirror(".mirrorkeep/deliver.yaml");
    assert!(scene.rig.ok(&["deliver", "lint", file.to_str().unwrap()]).ends_with(": OK\n"));
    assert!(scene.rig.ok(&["deliver", "schema"]).contains("\"deliver\""));
}

/// A subscriber that touches a file, and three that lack what they need.
fn one_of_four(out: &std::path::Path) -> String {
    format!(
        "  - {{name: good, since: 1, run: [touch, '{}']}}
  - {{name: b, since: 1, webhook: {{url: 'http://localhost:1/', secret_env: NOT_SET}}}}
  - {{name: c, since: 1, webhook: {{url_env: NOT_SET_2}}}}
  - {{name: d, since: 1, webhook: {{url: 'http://localhost:1/', secret_file: /no/such}}}}
",
        out.display()
    )
}

#[test]
fn a_subscriber_without_its_secret_stops_no_other() {
    let scene = Scene::new("");
    let out = scene.rig.work("../out");
    scene.subscribers(&one_of_four(&out));
    let problems =
        ["variable `NOT_SET` is not set", "variable `NOT_SET_2` is not set", "cannot read `/no/such`: "];
    let said = scene.once(2);
    assert!(problems.iter().all(|problem| said.contains(problem)) && out.exists(), "{said}");
    // Also what is said at the end names all.
    let last = said.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
    assert!(problems.iter().all(|problem| last.contains(problem)), "{said}");
    assert_eq!(scene.status("good")["behind"], 0);
    for (name, problem) in ["b", "c", "d"].into_iter().zip(problems) {
        let status = scene.status(name);
        assert!(status["problem"].as_str().unwrap().contains(problem), "{status:#}");
        assert_eq!(status["attention"], true);
    }
    // Once it has what it needs, nothing is said of it.
    let output =
        scene.rig.command(&["deliver", "b"]).env("NOT_SET", super::scene::SECRET.1).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(scene.status("b")["problem"], serde_json::Value::Null);
}

#[test]
fn a_service_goes_on_without_a_subscriber_that_lacks_its_secret_and_says_so_at_the_end() {
    let scene = Scene::new("");
    let out = scene.rig.work("../out");
    scene.subscribers(&one_of_four(&out));
    let running = scene.follow(&[]);
    scene.wait("good", |status| status["running"] == true && status["behind"] == 0);
    scene.wait("d", |status| status["attention"] == true && !status["problem"].is_null());
    fs::remove_file(&out).unwrap();
    scene.label("more");
    scene.wait("good", |_| out.exists());
    assert_eq!(running.stop(), Some(2));
    // Without any that can work, it ends at once.
    assert_eq!(scene.run(&["deliver", "--follow", "b", "c"]).status.code(), Some(2));
}

#[test]
fn a_service_goes_on_while_it_has_no_subscriber() {
    let scene = Scene::new("");
    let out = scene.rig.work("../out");
    let none = || fs::write(scene.rig.mirror(".mirrorkeep/deliver.yaml"), "deliver: 1\nto: []\n").unwrap();
    let one =
        || scene.subscribers(&format!("  - {{name: good, since: 1, run: [touch, '{}']}}\n", out.display()));
    none();
    let mut running = scene.follow(&[]);
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..2 {
        one();
        scene.wait("good", |status| status["running"] == true && status["behind"] == 0);
        assert!(out.exists());
        fs::remove_file(&out).unwrap();
        none();
        std::thread::sleep(Duration::from_secs(4));
        assert!(running.0.try_wait().unwrap().is_none());
        scene.label("more");
    }
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_service_manager_hears_that_it_is_ready_and_that_it_stops() {
    let scene = Scene::new("  - {name: a, run: [cat]}\n");
    let at = scene.rig.work("../notify");
    let socket = UnixDatagram::bind(&at).unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let heard = || {
        let mut text = [0; 100];
        let count = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let mut command = scene.rig.command(&["deliver", "--follow"]);
    let child =
        command.env("NOTIFY_SOCKET", &at).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = Running(child);
    assert_eq!(heard(), "READY=1\nWATCHDOG=1");
    // It goes on until it is stopped.
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(running.stop(), Some(0));
    assert_eq!(heard(), "STOPPING=1");
}

#[test]
fn one_event_of_a_digest_is_not_parked_by_hand() {
    let scene = Scene::new(
        "  - {name: people, mail: {url: 'smtp://localhost', from: a@example.org, to: [b@example.org], digest: 24h}}\n",
    );
    scene.rig.fails(2, "`people` gets digests", &["deliver", "park", "people"]);
}

#[test]
fn a_subscriber_under_another_name_is_told_what_the_former_one_was_not_sent() {
    let scene = Scene::new("  - {name: ci, since: 1, run: ['false']}\n");
    scene.once(1);
    scene.subscribers("  - {name: ci2, run: ['true']}\n");
    let said = scene.once(0);
    let command = "`mirrorkeep deliver replay ci2 --since ";
    let first = said.split(command).nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let answer = scene.rig.json(&["deliver", "status"]);
    assert_eq!(
        (&answer["former"][0]["name"], &answer["subscribers"][0]["behind"]),
        (&"ci".into(), &0.into())
    );
    let told = String::from_utf8(scene.run(&["deliver", "status"]).stderr).unwrap();
    assert!(told.contains("ci is in deliver.yaml no more"), "{told}");
    scene.rig.ok(&["deliver", "replay", "ci2", "--since", first]);
    scene.once(0);
    assert_eq!(scene.status("ci2")["delivered"], scene.numbers().len());
    let command = told.split('`').find(|part| part.starts_with("rm -r ")).unwrap();
    assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert_eq!(scene.rig.json(&["deliver", "status"])["former"], serde_json::json!([]));
}

#[test]
fn a_subscriber_that_is_removed_gets_nothing_more_and_the_others_go_on_without_its_secrets() {
    let scene = Scene::new("");
    let [out, env] = ["out", "env"].map(|name| scene.rig.work("..").join(name));
    let write = format!("env > '{}'; touch '{}'", env.display(), out.display());
    let script = scene.rig.work("../write.sh");
    fs::write(&script, write).unwrap();
    let good = format!("  - {{name: good, run: [sh, '{}']}}\n", script.display());
    let hook = super::scene::webhook("hook", "http://localhost:1/", "");
    scene.subscribers(&format!("{good}{hook}"));
    let running = scene.follow(&["good", "hook"]);
    scene.wait("hook", |status| status["running"] == true);
    scene.subscribers(&good);
    std::thread::sleep(Duration::from_secs(4));
    scene.label("more");
    scene.wait("good", |_| out.exists());
    scene.wait("good", |status| status["behind"] == 0);
    let seen = fs::read_to_string(&env).unwrap();
    assert!(seen.contains("MIRRORKEEP_") && !seen.contains(super::scene::SECRET.0), "{seen}");
    assert_eq!(running.stop(), Some(0));
}
