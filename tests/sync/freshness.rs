//! How far a copy is, by its trace.

use super::scene::{BUILDS, STREAM, Scene, daemon};
use crate::engines::web::Running;
use std::fs;

#[test]
fn a_copy_is_behind_by_what_happened_since() {
    let scene = Scene::new([BUILDS[0]]);
    scene.rig.fails(5, "it has no trace", &["freshness"]);
    let unknown = &scene.rig.json_ends(5, &["freshness"])["targets"][0];
    assert_eq!(
        (&unknown["events"], &unknown["seconds"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    let line = scene.rig.ends(5, &["freshness"]);
    assert!(
        line.lines().any(|line| line.split_whitespace().eq(["spare", "directory", "-", "-", "-", "-"])),
        "{line}"
    );
    scene.targets(&scene.spare(", required: true"));
    let status = scene.rig.ends(5, &["status", "--check"]);
    assert!(status.contains("target `spare`: nothing was sent yet"), "{status}");
    scene.targets("  - {name: gone, directory: /no/such/directory}\n");
    scene.rig.fails(5, "the directory `/no/such/directory` does not exist", &["freshness"]);
    scene.targets(&scene.spare(""));
    scene.sync(0, &[]);
    let fresh = &scene.rig.json(&["freshness"])["targets"][0];
    assert_eq!((&fresh["events"], &fresh["attention"]), (&0.into(), &false.into()));
    scene.rig.builds([BUILDS[1]]);
    let late = &scene.rig.json(&["freshness"])["targets"][0];
    assert!(late["events"].as_u64().unwrap() >= 2, "{late:#}");
    assert_eq!(late["attention"], false);
    assert!(late["streams"][STREAM]["events"].as_u64().unwrap() >= 1);
    scene.targets(&scene.spare(", alarm: 0m, required: true"));
    let late = &scene.rig.json_ends(5, &["freshness"])["targets"][0];
    assert_eq!(late["attention"], true);
    let status = scene.rig.json_ends(5, &["status", "--check"]);
    assert_eq!(status["targets"][0]["events"], late["events"]);
    let metrics = scene.rig.ok(&["metrics"]);
    let attention = |line: &&str| line.starts_with("mirrorkeep_target_attention{") && line.ends_with(" 1");
    assert_eq!(metrics.lines().filter(attention).count(), 1, "{metrics}");
    // An event that changes no copy is no reason to look.
    scene.sync(0, &[]);
    scene.rig.ok(&["hold", &format!("{STREAM}/{}", BUILDS[0]), "--why", "bug 7"]);
    assert_eq!(scene.rig.json(&["freshness"])["targets"][0]["events"], 0);
}

#[test]
fn a_trace_that_cannot_be_believed_is_a_problem() {
    let scene = Scene::new([BUILDS[0]]);
    scene.sync(0, &[]);
    let at = scene.to("spare/project/trace/spare");
    let text = fs::read_to_string(&at).unwrap();
    let id = scene.trace("spare")["mirror"].as_str().unwrap().to_owned();
    let serial = scene.trace("spare")["serial"].clone();
    for (wrong, said) in [
        (text.trim_end().to_owned(), "it is incomplete"),
        ("{\"trace\":1}\n".to_owned(), "it is not a trace"),
        ("\u{1b}[2J\n".to_owned(), "it is not a trace"),
        (text.replace(&id, "other"), "is the copy of another mirror"),
        (text.replacen("\"serial\":", "\"serial\":99", 1), "it contradicts itself"),
        (text.replace(&format!("\":{serial}"), "\":999999"), "states event 999999"),
    ] {
        fs::write(&at, wrong).unwrap();
        scene.rig.fails(5, said, &["freshness"]);
    }
    fs::write(&at, vec![b' '; 5 << 20]).unwrap();
    scene.rig.fails(5, "has more than", &["freshness"]);
}

#[test]
fn it_is_read_by_rsync_and_over_http_and_noted_for_prune() {
    let scene = Scene::new([BUILDS[0]]);
    let server = daemon(&scene.to("far"), "");
    let far = format!("  - {{name: far, rsync: 'rsync://127.0.0.1:{}/up/'}}\n", server.port());
    scene.targets(&far);
    let serial = scene.sync(0, &[])["serial"].clone();
    let root = scene.to("far").display().to_string();
    let web = Running::start("python3", |_, port| {
        ["-m", "http.server", "--bind", "127.0.0.1", "--directory", &root, &port.to_string()]
            .map(str::to_owned)
            .into()
    });
    let uni = format!("  - {{name: uni, http: 'http://127.0.0.1:{}', trace: far}}\n", web.port());
    scene.targets(&format!("{far}{uni}"));
    let found = scene.rig.json(&["freshness"]);
    assert_eq!((&found["targets"][0]["serial"], &found["targets"][1]["serial"]), (&serial, &serial));
    let read = scene.rig.json(&["sync", "uni"])["report"]["targets"][0].clone();
    assert_eq!((&read["outcome"], &read["serial"]), (&"read".into(), &serial));
    assert_eq!(scene.rig.json(&["status"])["targets"][1]["serial"], serial);
    fs::remove_file(scene.to("far/project/trace/far")).unwrap();
    scene.rig.fails(1, "uni: it has no trace", &["sync", "uni"]);
}
