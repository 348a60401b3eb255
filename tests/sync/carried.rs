//! A target that is a mirror of its own, and targets that follow events.

use super::scene::{BUILDS, STREAM, Scene, whole};
use std::fs;
use std::process::Command;

#[test]
fn a_mirror_gets_builds_and_names_and_passes_its_trace_on() {
    let scene = Scene::new([BUILDS[0], BUILDS[1]]);
    let there = scene.to("second").display().to_string();
    scene.rig.ok(&["--mirror", &there, "init"]);
    scene.targets(&format!("  - {{name: second, mirror: '{there}'}}\n"));
    let done = scene.sync(0, &[]);
    assert_eq!((&done["outcome"], done["builds"].as_array().unwrap().len()), (&"done".into(), 2));
    assert!(whole(&scene.to("second"), "master/centos/latest_build").is_some());
    assert_eq!(scene.sync(0, &[])["outcome"], "current");
    assert_eq!(scene.rig.json(&["freshness"])["targets"][0]["serial"], done["serial"]);
    // Its own targets learn where it comes from.
    let third = scene.to("third").display().to_string();
    fs::create_dir(&third).unwrap();
    fs::write(
        scene.to("second/.mirrorkeep/targets.yaml"),
        format!("targets: 1\nto:\n  - {{name: third, directory: '{third}'}}\n"),
    )
    .unwrap();
    scene.rig.ok(&["--mirror", &there, "sync"]);
    let trace = scene.trace("third");
    assert_eq!(
        (&trace["chain"][0]["name"], &trace["chain"][0]["serial"]),
        (&"second".into(), &done["serial"])
    );
    // Builds without CONTEXT are warnings.
    let found = scene.rig.ends(5, &["--mirror", &there, "check"]);
    assert!(found.contains("0 errors, 2 warnings"), "{found}");
}

#[test]
fn a_mirror_gets_nothing_that_its_policy_or_a_person_took_out_and_a_name_to_it_is_behind() {
    let scene = Scene::new([BUILDS[0], BUILDS[1], BUILDS[2]]);
    let there = scene.to("second").display().to_string();
    let policy = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";
    let file = scene.beside("policy.yaml");
    fs::write(&file, policy).unwrap();
    scene.rig.ok(&["--mirror", &there, "init", "--policy", file.to_str().unwrap()]);
    scene.targets(&format!("  - {{name: second, mirror: '{there}'}}\n"));
    // What would expire there at once is not sent.
    let newest = format!("{STREAM}/{}", BUILDS[2]);
    assert_eq!(scene.sync(0, &[])["builds"], serde_json::json!([newest]));
    scene.rig.builds([BUILDS[3]]);
    scene.sync(0, &[]);
    scene.rig.ok(&["--mirror", &there, "prune"]);
    let again = scene.sync(0, &[]);
    assert_eq!((&again["outcome"], &again["builds"]), (&"current".into(), &serde_json::json!([])));
    // What was withdrawn there stays out, and the trace does not state that a name leads there.
    scene.rig.ok(&["--mirror", &there, "restore", &newest]);
    scene.rig.ok(&["--mirror", &there, "withdraw", &newest, "--why", "wrong", "--force"]);
    let name = format!("{STREAM}/latest_build");
    scene.rig.ok(&["alias", "set", &name, &newest, "--allow-backwards"]);
    let done = scene.sync(1, &[]);
    assert_eq!(done["outcome"], "partly");
    assert!(done["waits"][0].as_str().unwrap().contains("was withdrawn there"), "{done:#}");
    assert_eq!(done["serial"], again["serial"]);
    assert_eq!(whole(&scene.to("second"), &name).as_deref(), Some(BUILDS[3]));
    scene.rig.ok(&["alias", "set", &name, &format!("{STREAM}/{}", BUILDS[3])]);
    scene.sync(0, &[]);
}

#[test]
fn targets_follow_publish_and_prune_by_events() {
    let scene = Scene::new([BUILDS[0]]);
    let deliver = "deliver: 1\nto:\n  - {name: downstream, since: 1, sync: all}\n";
    fs::write(scene.rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    scene.rig.ok(&["deliver"]);
    scene.same("spare");
    scene.rig.builds([BUILDS[1], BUILDS[2]]);
    scene.rig.ok(&["prune"]);
    let said = scene.rig.ok(&["deliver"]);
    assert!(said.contains("downstream:"), "{said}");
    scene.same("spare");
    assert_eq!(scene.rig.there(), [BUILDS[1], BUILDS[2]]);
    // One that is away gets its events later.
    fs::rename(scene.to("spare"), scene.to("away")).unwrap();
    scene.rig.builds([BUILDS[3]]);
    let waits = scene.rig.ends(1, &["deliver"]);
    assert!(waits.contains("does not exist"), "{waits}");
    fs::rename(scene.to("away"), scene.to("spare")).unwrap();
    scene.rig.ok(&["deliver"]);
    scene.same("spare");
}

#[test]
fn a_host_behind_a_shell_is_reached_by_the_shell_of_the_environment() {
    let scene = Scene::new([BUILDS[0]]);
    fs::create_dir_all(scene.to("host")).unwrap();
    // As ssh does: the host, then the command there.
    let shell = scene.beside("shell");
    fs::write(&shell, "#!/bin/sh\nshift\nexec sh -c \"$*\"\n").unwrap();
    fs::set_permissions(&shell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    scene.targets(&format!(
        "  - {{name: host, rsync: 'mirror.example.org:{}/'}}\n",
        scene.to("host").display()
    ));
    let mut command: Command = scene.rig.command(&["sync"]);
    let output = command.env("RSYNC_RSH", &shell).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    scene.same("host");
    assert!(whole(&scene.to("host"), &format!("{STREAM}/latest_build")).is_some());
}
