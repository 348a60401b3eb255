//! `policy set` and `layout set`: what is in force changes in one step, and no build loses its place.

use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";

/// Returns a mirror of two builds, the policy that came with its layout in force.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.builds([ONE, TWO]);
    rig
}

fn settings(rig: &Rig) -> String {
    fs::read_to_string(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap()
}

/// Returns the path of a file in the workspace, written with that text.
fn file(rig: &Rig, name: &str, text: &str) -> String {
    rig.write(name, text).work(name).to_str().unwrap().to_owned()
}

const KEEP_ONE: &str = "version: 1\ndefaults: {min_age: 0h, superseded_grace: 0h, floor: 1}\nfamilies:\n  - {name: all, match: \"**\", keep: [{last: 1}]}\n";

#[test]
fn a_policy_is_put_in_force_with_what_it_changes() {
    let rig = scene();
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), format!("# ours\n{}", settings(&rig))).unwrap();
    let (before, policy) = (settings(&rig), file(&rig, "policy.yaml", KEEP_ONE));
    let said = rig.ok(&["policy", "set", &policy, "--dry-run"]);
    assert!(said.contains("would use the policy `policy.yaml`"), "{said}");
    assert_eq!(settings(&rig), before);
    let said = rig.ok(&["policy", "set", &policy]);
    assert!(said.contains("now using the policy `policy.yaml`"), "{said}");
    assert!(settings(&rig).starts_with("# ours\n") && settings(&rig).contains("policy: policy.yaml\n"));
    assert_eq!(rig.ok(&["policy", "show"]), KEEP_ONE);
    // The brake for edited policies knows it.
    assert!(rig.ok(&["policy", "set", &policy]).contains("in force already"));
    let json = rig.json(&["policy", "set", "starlingx"]);
    assert_eq!(
        (&json["report"]["before"], &json["report"]["after"]),
        (&"policy.yaml".into(), &"starlingx".into())
    );
    assert!(rig.ok(&["policy", "show"]).contains("Host Build Artifacts"));
}

#[test]
fn a_policy_or_layout_that_is_wrong_changes_nothing() {
    let rig = scene();
    let before = settings(&rig);
    let policy = file(&rig, "policy.yaml", "version: 1\nfamilies: 7\n");
    rig.fails(2, "families", &["policy", "set", &policy]);
    rig.fails(2, "unknown policy `nightly`", &["policy", "set", "nightly"]);
    let layout = file(&rig, "layout.yaml", "layout: 1\nname: x\n");
    rig.fails(2, "layout.yaml:1:1: missing field", &["layout", "set", &layout]);
    assert_eq!(settings(&rig), before);
    assert!(!rig.mirror(".mirrorkeep/policy.yaml").exists());
    assert!(!rig.mirror(".mirrorkeep/layout.yaml").exists());
}

#[test]
fn a_layout_without_a_place_for_a_build_is_refused_by_the_builds_name() {
    let rig = scene();
    let before = settings(&rig);
    for dry in [&["--dry-run"][..], &[]] {
        rig.fails(
            3,
            &format!("no place for `master/centos/{ONE}`"),
            &[&["layout", "set", "fedora-compose"], dry].concat(),
        );
    }
    assert_eq!(settings(&rig), before);
}

#[test]
fn a_layout_without_a_place_for_a_build_in_the_trash_is_refused_though_its_ticket_cannot_be_read() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([ONE, TWO]);
    rig.ok(&["prune"]);
    let dir = fs::read_dir(rig.mirror(".mirrorkeep/trash")).unwrap().next().unwrap().unwrap().path();
    fs::write(dir.join("ticket.json"), "").unwrap();
    let both = format!("has no place for `master/centos/{ONE}`, `master/centos/{TWO}`");
    rig.fails(3, &both, &["layout", "set", "fedora-compose"]);
}

#[test]
fn a_layout_in_which_all_builds_keep_their_path_is_put_in_force() {
    let rig = scene();
    let said = rig.ok(&["layout", "set", "generic", "--dry-run"]);
    assert!(said.contains("would be in force") && said.contains("latest_green_build"), "{said}");
    let said = rig.ok(&["layout", "set", "generic"]);
    assert!(said.contains("the layout `generic` is in force"), "{said}");
    rig.publish("20181207T060000Z", &[]);
    assert_eq!(rig.latest().as_deref(), Some("20181207T060000Z"));
    assert!(rig.ok(&["layout", "set", "generic"]).contains("in force already"));
}

#[test]
fn settings_in_another_form_are_left_to_the_user_with_the_line() {
    let rig = scene();
    let flow = settings(&rig).replace("policy: starlingx\n", "\"policy\": starlingx\n");
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), &flow).unwrap();
    rig.fails(3, "write `policy: generic` on a line of its own", &["policy", "set", "generic"]);
    assert_eq!(settings(&rig), flow);
}

#[test]
fn a_file_that_never_ends_is_refused_by_its_kind() {
    let rig = scene();
    let pipe = rig.work("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for args in [
        &["policy", "set", pipe][..],
        &["policy", "lint", pipe],
        &["layout", "set", pipe],
        &["plan", "--census", pipe, "--policy", "starlingx"],
        &["publish", "/tmp", "--recipe", pipe, "--stream", "master/centos"],
        &["publish", "/tmp", "--sign", &format!("minisign:{pipe}"), "--stream", "master/centos"],
        &["check", "--baseline", pipe],
        &["check", "--baseline", "/dev/zero"],
        &["verify", "--all", "--keyring", pipe],
        &["verify", "--all", "--minisign-key", pipe],
    ] {
        rig.fails(2, "it is not a regular file", args);
    }
}

#[test]
fn a_policy_that_cannot_be_used_is_replaced_by_policy_set() {
    let rig = scene();
    let (good, own) = (file(&rig, "good.yaml", KEEP_ONE), rig.mirror(".mirrorkeep/policy.yaml"));
    let damages: [&dyn Fn(); 4] = [
        &|| fs::write(&own, b"\0\xff").unwrap(),
        &|| fs::write(&own, "version: 1\nfamilies: 3\n").unwrap(),
        &|| fs::remove_file(&own).unwrap(),
        &|| fs::write(&own, "# \n".repeat(600_000)).unwrap(),
    ];
    for damage in damages {
        rig.ok(&["policy", "set", &good]);
        damage();
        assert!(!rig.run(&["plan"]).status.success());
        for more in [&["--dry-run"][..], &[]] {
            let told = rig.ends(0, &[&["policy", "set", &good], more].concat());
            assert!(told.contains("what changes is not known") && told.contains("in force"), "{told}");
        }
        assert_eq!(fs::read_to_string(&own).unwrap(), KEEP_ONE);
        // An edited policy waits to be accepted.
        rig.ends(4, &["plan"]);
    }
    let text = settings(&rig).replace("policy: policy.yaml", "policy: nosuch");
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), text).unwrap();
    rig.ends(0, &["policy", "set", &good]);
    // An edited policy waits to be accepted.
    rig.ends(4, &["plan"]);
}

#[test]
fn a_layout_or_policy_that_no_command_could_read_again_is_refused() {
    let rig = scene();
    let before = settings(&rig);
    let long = |text: &str| format!("{text}{}", "# a comment\n".repeat(100_000));
    let policy = file(&rig, "policy.yaml", &long(KEEP_ONE));
    let layout = file(&rig, "layout.yaml", &long(&rig.ok(&["layout", "show"])));
    let other = rig.work("other");
    for (what, name) in [("policy", &policy), ("layout", &layout)] {
        rig.fails(2, "at most 1048576 are accepted", &[what, "set", name]);
        let option = format!("--{what}");
        rig.fails(2, "at most 1048576", &["--mirror", other.to_str().unwrap(), "init", &option, name]);
    }
    assert_eq!(settings(&rig), before);
    rig.ok(&["plan"]);
    // What was damaged later says how to go on.
    fs::write(rig.mirror(".mirrorkeep/layout.yaml"), "layout: [").unwrap();
    let own = before.replace("layout: starlingx", "layout: layout.yaml");
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), own).unwrap();
    rig.fails(2, "put the file back from a copy, or name the layout", &["list"]);
}

#[test]
fn what_was_begun_under_another_layout_fails_and_is_done_again() {
    let rig = scene();
    let text = rig.ok(&["layout", "show"]);
    let layout = file(&rig, "own.yaml", &text.replace("layout: 1\n", "layout: 1\n# ours\n"));
    for (chosen, code) in [("starlingx", 0), ("generic", 1), (&*layout, 1), ("starlingx", 1)] {
        // A command that waits for the lock while another changes the layout.
        let lock = fs::File::options().write(true).open(rig.mirror(".mirrorkeep/lock")).unwrap();
        lock.lock().unwrap();
        let label = ["-v", "label", &format!("master/centos/{ONE}"), "a=b", "--wait", "60"];
        let mut waiting = rig.command(&label).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("opened the mirror")));
        let own = fs::read_to_string(&layout).unwrap();
        let key = if chosen.ends_with(".yaml") { "layout.yaml" } else { chosen };
        fs::write(rig.mirror(".mirrorkeep/layout.yaml"), own).unwrap();
        let line = settings(&rig).lines().find(|line| line.starts_with("layout: ")).unwrap().to_owned();
        let edited = settings(&rig).replace(&line, &format!("layout: {key}"));
        fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), edited).unwrap();
        drop(lock);
        let said = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(waiting.wait().unwrap().code(), Some(code), "{chosen}: {said}");
        assert_eq!(said.contains("the layout of the mirror was changed"), code != 0, "{chosen}: {said}");
        rig.ok(&label);
    }
}

const STAGED: &str = "pipeline: 1\nstages:\n  - {name: stable, streams: '**', from: latest_build, require: {votes: [smoke]}}\n";

#[test]
fn a_pipeline_is_put_in_force_with_the_stages_that_it_changes() {
    let rig = scene();
    rig.fails(2, "the mirror has no pipeline", &["pipeline", "show"]);
    rig.fails(2, "`mirrorkeep pipeline set NAME|FILE` puts one in force", &["pipeline", "lint"]);
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), format!("# ours\n{}", settings(&rig))).unwrap();
    let (before, pipeline) = (settings(&rig), file(&rig, "pipeline.yaml", STAGED));
    let said = rig.ok(&["pipeline", "set", &pipeline, "--dry-run"]);
    assert!(said.contains("the pipeline `pipeline.yaml` would be in force"), "{said}");
    assert_eq!(settings(&rig), before);
    assert!(!rig.mirror(".mirrorkeep/pipeline.yaml").exists());
    rig.ok(&["pipeline", "set", &pipeline]);
    assert_eq!(settings(&rig), before + "pipeline: pipeline.yaml\n");
    assert_eq!(rig.ok(&["pipeline", "show"]), STAGED);
    assert!(rig.ok(&["pipeline", "set", &pipeline]).contains("in force already"));
    let edited = STAGED.replace("smoke]}", "smoke, unit]}, keep: 3")
        + "  - {name: old, streams: '**', from: stable, pin: true}\n";
    let edited = file(&rig, "edited.yaml", &edited);
    let said = rig.ends(0, &["pipeline", "set", &edited]);
    assert!(said.contains("~ stable: require, keep\n+ old\n"), "{said}");
    assert!(
        said.contains("edited.yaml:3:6: warning: the layout `starlingx` knows no alias `stable`"),
        "{said}"
    );
    let json = rig.json(&["pipeline", "set", "generic"]);
    assert_eq!(
        (&json["report"]["before"], &json["report"]["after"]),
        (&"pipeline.yaml".into(), &"generic".into())
    );
    let removed = json["changes"]["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == "old");
    assert_eq!(removed.unwrap()["change"], "removed");
    assert!(
        rig.ends(5, &["check"])
            .contains("`.mirrorkeep/pipeline.yaml` is not used: the pipeline `generic` is in force")
    );
}

#[test]
fn a_pipeline_that_is_wrong_changes_nothing_and_a_broken_one_is_replaced() {
    let rig = scene();
    let before = settings(&rig);
    let wrong = file(&rig, "wrong.yaml", "pipeline: 1\nstages:\n  - {name: a/b, streams: '**', keep: 0}\n");
    rig.fails(2, "wrong.yaml:3:6: stages[0].name: `a/b` is no alias", &["pipeline", "set", &wrong]);
    rig.fails(2, "wrong.yaml:3:32: stages[0].keep: 0 is not accepted", &["pipeline", "lint", &wrong]);
    rig.fails(2, "unknown pipeline `nightly`; `cloudsig`", &["pipeline", "set", "nightly"]);
    let other = rig.work("other");
    let init = ["--mirror", other.to_str().unwrap(), "init", "--pipeline"];
    rig.fails(2, "stages[0].keep", &[&init[..], &[&wrong]].concat());
    assert!(!other.exists());
    assert_eq!(settings(&rig), before);
    let (good, own) = (file(&rig, "good.yaml", STAGED), rig.mirror(".mirrorkeep/pipeline.yaml"));
    let spoil = |bytes: &[u8]| fs::write(&own, bytes).unwrap();
    let damages: [&dyn Fn(); 3] =
        [&|| spoil(b"\0\xff"), &|| fs::remove_file(&own).unwrap(), &|| spoil(b"pipeline: 1\nstages: 3\n")];
    for damage in damages {
        rig.ok(&["pipeline", "set", &good]);
        damage();
        assert!(!rig.run(&["pipeline", "show"]).status.success());
        // What needs no pipeline goes on.
        rig.ok(&["list"]);
        let told = rig.ends(0, &["pipeline", "set", &good]);
        assert!(
            told.contains("what changes is not known")
                && (told.contains("now using") || told.contains("is in force")),
            "{told}"
        );
        assert_eq!(fs::read_to_string(&own).unwrap(), STAGED);
    }
    damages[2]();
    rig.fails(2, "pipeline.yaml:2:9: stages: `3` is not accepted here", &["pipeline", "test"]);
    let text = settings(&rig).replace("pipeline: pipeline.yaml", "pipeline: nosuch");
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), text).unwrap();
    rig.fails(2, "`mirrorkeep pipeline list` lists those that ship", &["pipeline", "lint"]);
    rig.ends(0, &["pipeline", "set", &good]);
}

#[test]
fn a_new_mirror_has_the_pipeline_that_was_asked_for() {
    let rig = Rig::new();
    let pipeline = file(&rig, "ours.yaml", STAGED);
    let said = rig.ok(&["init", "--layout", "generic", "--pipeline", &pipeline]);
    assert!(said.contains("the layout `generic`, the policy `generic` and the pipeline `"), "{said}");
    assert!(settings(&rig).contains("policy: generic\npipeline: pipeline.yaml\n"));
    assert_eq!(rig.ok(&["pipeline", "show"]), STAGED);
    assert_eq!(rig.ok(&["pipeline", "lint"]), "pipeline: OK\n");
    assert!(rig.ok(&["pipeline", "test", "rdo-trunk"]).contains("rdo-trunk: 4 examples, 0 failed"));
    let failing = STAGED.to_owned()
        + "tests:\n  - {name: x, now: 2026-06-10T00:00:00Z, stream: a, builds: {b: {}}, led: {latest_build: [b]}, expect: {stable: b}}\n";
    let failing = file(&rig, "failing.yaml", &failing);
    let told = rig.ends(5, &["pipeline", "test", &failing]);
    assert!(told.contains("FAILED  x\n        stable: expected b, came out waiting (b: smoke)"), "{told}");
}

#[test]
fn a_pipeline_is_checked_against_the_mirror_where_it_is_to_be_used() {
    let rig = Rig::new();
    let file = rig.work("..").join("chain.yaml").display().to_string();
    let stages = |from: &str| {
        format!(
            "pipeline: 1\nstages:\n  - {{name: stable, streams: '**', from: {from}, require: {{votes: [smoke]}}}}\n  - {{name: testing, streams: '**', from: latest_build, pin: true}}\n"
        )
    };
    fs::write(&file, stages("testing")).unwrap();
    let said = rig.ends(0, &["init", "--layout", "generic", "--pipeline", &file]);
    assert!(said.contains("`testing` comes after `stable` in the file"), "{said}");
    let work = rig.write("success", "").work("").display().to_string();
    rig.ok(&["publish", &work, "--stream", "main/debian", "--build", "20260601T020000Z"]);
    fs::write(&file, stages("tsting")).unwrap();
    let said = rig.ends(5, &["pipeline", "lint", &file]);
    assert!(said.contains("tsting") && said.contains("[unknown-from]"), "{said}");
}

#[test]
fn a_stage_with_a_name_that_the_layout_takes_for_a_stream_is_known() {
    let rig = Rig::new();
    let file = rig.work("..").join("chain.yaml").display().to_string();
    fs::write(
        &file,
        "pipeline: 1\nstages:\n  - {name: candidate, streams: '**', from: latest_build, pin: true}\n",
    )
    .unwrap();
    rig.ok(&["init", "--layout", "generic", "--pipeline", &file]);
    rig.write("a.txt", "a").write("success", "");
    let work = rig.work("").display().to_string();
    rig.ok(&["publish", &work, "--stream", "main/debian", "--build", "20260601T020000Z"]);
    rig.ok(&["promote"]);
    assert!(rig.mirror("main/debian/candidate").exists());
    let unknown = |rig: &Rig| {
        let answer: Value = serde_json::from_slice(&rig.run(&["--json", "check"]).stdout).unwrap();
        answer["findings"].as_array().unwrap().iter().filter(|found| found["code"] == "alias-unknown").count()
    };
    assert_eq!(unknown(&rig), 0);
    let status = rig.json(&["status"]);
    let names: Vec<&str> =
        status["streams"].as_array().unwrap().iter().map(|one| one["stream"].as_str().unwrap()).collect();
    assert_eq!(names, ["main/debian"]);
    // Without the pipeline and a word in mirror.yaml nobody knows it.
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap().replace("pipeline: pipeline.yaml\n", "");
    fs::write(&settings, &text).unwrap();
    assert_eq!(unknown(&rig), 1);
    fs::write(&settings, text + "aliases: [{name: candidate, by_hand: true}]\n").unwrap();
    assert_eq!(unknown(&rig), 0);
}

#[test]
fn public_files_are_not_put_where_recorded_builds_are() {
    let rig = scene();
    let (before, build) = (settings(&rig), format!("master/centos/{ONE}"));
    for section in ["changes", "site", "readers"] {
        for path in ["master", "master/centos", &build, &format!("{build}/outputs/x")] {
            let text = format!("{before}{section}: {{path: {path}}}\n");
            fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), text).unwrap();
            let told = format!("{section}.path: `{path}` and the recorded build `{build}`");
            for verb in
                [&["prune"][..], &["export", "changes"], &["sync"], &["withdraw", &build, "--why", "x"]]
            {
                rig.fails(3, &told, verb);
            }
            for verb in ["check", "status"] {
                let shown = rig.run(&[verb]);
                let shown = String::from_utf8([shown.stdout, shown.stderr].concat()).unwrap();
                assert!(shown.contains(&format!("`{section}.path` in mirror.yaml")), "{shown}");
            }
        }
    }
    // Elsewhere in the same stream's branch there is room.
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), format!("{before}changes: {{path: lists/changes}}\n"))
        .unwrap();
    rig.ok(&["export", "changes"]);
}
