//! deliver.yaml: what is wrong with it, and what it may do.

use super::scene::{Running, Scene};
use crate::support::rig::Rig;
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
        said.contains("deliver.yaml:3:15: warning: `a` cannot tell") && said.contains("[not-encrypted]"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 2, "{said}");
    scene.subscribers("  - {name: b, run: [echo]}\n");
    assert_eq!(scene.rig.ok(&["deliver", "lint"]), "deliver.yaml: OK\n");
    let file = scene.rig.mirror(".mirrorkeep/deliver.yaml");
    assert!(scene.rig.ok(&["deliver", "lint", file.to_str().unwrap()]).ends_with(": OK\n"));
    assert!(scene.rig.ok(&["deliver", "schema"]).contains("\"deliver\""));
}

#[test]
fn a_variable_that_is_not_set_is_reported_before_anything_is_sent() {
    let rig = Rig::new();
    rig.builds(["20181203T060000Z"]);
    let out = rig.work("../out");
    let yaml = format!(
        "deliver: 1\nto:\n  - {{name: a, since: 1, run: [touch, '{}']}}\n  - {{name: b, webhook: {{url: 'http://localhost:1/', secret_env: NOT_SET}}}}\n",
        out.display()
    );
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), yaml).unwrap();
    rig.fails(2, "the environment variable `NOT_SET` is not set", &["deliver"]);
    assert!(!out.exists());
    rig.ok(&["deliver", "a"]);
    assert!(out.exists());
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
