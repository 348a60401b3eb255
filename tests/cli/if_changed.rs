//! `publish --if-changed`: nothing is published while the inputs are those of the newest success, which is confirmed instead.

use crate::support::rig::{PARTED, Rig, tree};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";
const STREAM: &str = "master/centos";
const COMMIT: &str = "22a60625f169202a68b524ac0126afb1d10921cd";

fn id(name: &str) -> String {
    format!("{STREAM}/{name}")
}

/// A mirror with one build, whose inputs are in the workspace.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.write("inputs/RPMS/a.rpm", "a").write("outputs/CONTEXT", &context(COMMIT));
    rig.publish(ONE, &[]);
    rig
}

fn context(commit: &str) -> String {
    format!("(cd ./stx/config && git checkout -f {commit})\n")
}

/// Publishes the workspace if its inputs changed, and returns the answer.
#[track_caller]
fn publish(rig: &Rig, name: &str, more: &[&str]) -> Value {
    let work = rig.work("").display().to_string();
    rig.json(&[&["publish", &*work, "--stream", STREAM, "--build", name], more].concat())
}

#[track_caller]
fn if_changed(rig: &Rig, name: &str) -> Value {
    publish(rig, name, &["--if-changed"])
}

/// Returns the events of confirmations.
fn confirmations(rig: &Rig) -> Vec<Value> {
    let lines = rig.ok(&["events", "--type", "build.confirmed"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(rig: &Rig, name: &str) -> Value {
    let bytes = fs::read(rig.mirror(&format!(".mirrorkeep/builds/{STREAM}/{name}.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn unchanged_inputs_publish_nothing_and_confirm_the_newest_success() {
    let rig = scene();
    // Another output is no reason, nor are times.
    rig.write("outputs/iso/bootimage.iso", "another image").write("inputs/RPMS/a.rpm", "a");
    let before = tree(&rig.mirror("master"));
    let answer = if_changed(&rig, TWO);
    assert_eq!((&answer["outcome"], &answer["id"]), (&json!("inputs-unchanged"), &json!(id(ONE))));
    assert_eq!((&answer["result"], &answer["path"]), (&json!("success"), &json!(id(ONE))));
    let inputs = &answer["inputs"];
    assert_eq!(
        (&inputs["against"], &inputs["files"], &inputs["changed"]),
        (&json!(id(ONE)), &json!(2), &json!([]))
    );
    assert_eq!(record(&rig, ONE)["confirmed_at"], inputs["confirmed_at"]);
    assert_eq!(tree(&rig.mirror("master")), before);
    let staged = fs::read_dir(rig.mirror(".mirrorkeep/stage")).map_or(0, Iterator::count);
    assert_eq!(staged, 0);
    let events = confirmations(&rig);
    assert_eq!(events.len(), 1);
    crate::support::shapes::event_fits(&events[0]).unwrap();
    let data = &events[0]["data"];
    assert_eq!((&data["build"], &data["confirmed_at"]), (&json!(id(ONE)), &inputs["confirmed_at"]));
    assert_eq!(data["inputs"], inputs["digest"]);
    let census = rig.json(&["census"]);
    assert_eq!(census["streams"][0]["builds"][0]["confirmed_at"], inputs["confirmed_at"]);
    assert!(rig.ok(&["log"]).contains(&format!("found nothing changed since {}", id(ONE))));
    // And once more.
    if_changed(&rig, THREE);
    assert_eq!(confirmations(&rig).len(), 2);
}

/// Publishes after a change of the workspace, which must be noticed.
#[track_caller]
fn changed(change: impl FnOnce(&Rig), expected: &[&str]) {
    let rig = scene();
    change(&rig);
    let answer = if_changed(&rig, TWO);
    assert_eq!((&answer["outcome"], &answer["id"]), (&json!("published"), &json!(id(TWO))));
    assert_eq!(answer["inputs"]["changed"], json!(expected), "{answer}");
    assert!(record(&rig, ONE).get("confirmed_at").is_none());
    assert_eq!(confirmations(&rig), Vec::<Value>::new());
}

#[test]
fn whatever_changes_an_input_is_a_change() {
    let a = "inputs/RPMS/a.rpm";
    changed(
        |rig| {
            rig.write(a, "b");
        },
        &[a],
    );
    changed(
        |rig| {
            rig.write("inputs/RPMS/b.rpm", "b");
        },
        &["inputs/RPMS/b.rpm"],
    );
    changed(|rig| fs::rename(rig.work(a), rig.work("inputs/RPMS/c.rpm")).unwrap(), &[a, "inputs/RPMS/c.rpm"]);
    changed(
        |rig| {
            rig.write("outputs/CONTEXT", &context(&"0".repeat(40)));
        },
        &["outputs/CONTEXT"],
    );
    changed(|rig| fs::set_permissions(rig.work(a), fs::Permissions::from_mode(0o755)).unwrap(), &[a]);
    changed(|rig| symlink("a.rpm", rig.work("inputs/RPMS/z.rpm")).unwrap(), &["inputs/RPMS/z.rpm"]);
    // Only the first ten are named.
    let rig = scene();
    for nth in 0..12 {
        rig.write(&format!("inputs/RPMS/new{nth:02}.rpm"), "new");
    }
    let inputs = if_changed(&rig, TWO)["inputs"].clone();
    assert_eq!((inputs["changed"].as_array().unwrap().len(), &inputs["more"]), (10, &json!(2)));
    let said = rig.publish(THREE, &["--if-changed"]);
    assert_eq!(said, format!("nothing published: the inputs (14 files) are those of {}\n", id(TWO)));
}

#[test]
fn the_newest_success_is_what_counts() {
    let rig = scene();
    // Back to inputs that an older build has.
    rig.write("inputs/RPMS/a.rpm", "b");
    assert_eq!(if_changed(&rig, TWO)["outcome"], "published");
    rig.write("inputs/RPMS/a.rpm", "a");
    assert_eq!(if_changed(&rig, THREE)["inputs"]["against"], id(TWO));
    // A failure of the same inputs is published, and is not compared with.
    let failed = publish(&rig, "20181208T060000Z", &["--if-changed", "--result", "fail"]);
    assert_eq!((&failed["outcome"], &failed["result"]), (&json!("published"), &json!("fail")));
    assert_eq!(failed.get("inputs"), None);
    let again = if_changed(&rig, "20181209T060000Z");
    assert_eq!((&again["outcome"], &again["id"]), (&json!("inputs-unchanged"), &json!(id(THREE))));
    // The build itself, published again, is compared with itself.
    let same = if_changed(&rig, THREE);
    assert_eq!(same["outcome"], "unchanged");
}

#[test]
fn without_a_success_to_compare_with_the_build_is_published() {
    let rig = Rig::new();
    rig.write("inputs/RPMS/a.rpm", "a");
    rig.ok(&["init"]);
    let first = if_changed(&rig, ONE);
    assert_eq!((&first["outcome"], &first["inputs"]["against"]), (&json!("published"), &Value::Null));
    // What a build held is lost.
    fs::remove_file(rig.mirror(&format!(".mirrorkeep/manifests/{}.files", id(ONE)))).unwrap();
    let second = if_changed(&rig, TWO);
    assert_eq!((&second["outcome"], second.get("inputs")), (&json!("published"), None));
    let warning = second["warnings"][0].as_str().unwrap();
    assert!(warning.contains("whether or not its inputs changed"), "{warning}");
    // So is one whose manifest is damaged.
    fs::write(rig.mirror(&format!(".mirrorkeep/manifests/{}.files", id(TWO))), "x").unwrap();
    assert_eq!(publish(&rig, THREE, &["--if-changed", "--dry-run"])["outcome"], "trial");
    // A build that may be a success, and cannot be read, is not passed over.
    fs::write(rig.mirror(&format!(".mirrorkeep/builds/{}.json", id(TWO))), "{").unwrap();
    let third = if_changed(&rig, THREE);
    assert_eq!(third["outcome"], "published");
    assert!(third["warnings"][0].as_str().unwrap().contains(&id(TWO)), "{third}");
}

#[test]
fn a_pattern_names_inputs_and_one_that_matches_nothing_is_an_error() {
    let rig = scene();
    let work = rig.work("").display().to_string();
    let call = |pattern: &str| {
        let option = format!("--if-changed={pattern}");
        ["publish", &work, "--stream", STREAM, "--build", TWO, &option].map(str::to_owned)
    };
    let fails = |pattern: &str, said: &str| {
        let call = call(pattern);
        rig.fails(2, said, &call.iter().map(String::as_str).collect::<Vec<_>>());
    };
    fails("inptus/**", "`--if-changed=inptus/**` matches no file of the source or of the newest success");
    fails("../x", "`../x` is not a pattern of paths in the build");
    fails("[", "`[` is not a pattern of paths in the build");
    rig.write("inputs/RPMS/a.rpm", "b");
    let one = |pattern: &str| {
        publish(&rig, TWO, &[&format!("--if-changed={pattern}"), "--dry-run"])["outcome"].clone()
    };
    assert_eq!(one("outputs/iso"), "inputs-unchanged");
    assert_eq!(one("outputs/**/*.rpm"), "inputs-unchanged");
    assert_eq!(one("inputs/"), "trial");
    let both = ["--if-changed=outputs/iso", "--if-changed=inputs/*/a.rpm", "--dry-run"];
    assert_eq!(publish(&rig, TWO, &both)["outcome"], "trial");
    // One input is gone: that is a change, and no typo.
    fs::remove_file(rig.work("inputs/RPMS/a.rpm")).unwrap();
    assert_eq!(one("inputs/**"), "trial");
    // A layout without CONTEXT, and a source without inputs.
    let plain = Rig::new();
    plain.ok(&["init"]);
    let work = plain.work("").display().to_string();
    plain.fails(
        2,
        "the source has no inputs to compare",
        &["publish", &work, "--stream", STREAM, "--if-changed"],
    );
    let help = plain.ok(&["publish", "--help"]);
    assert!(help.contains("--if-changed[=<PATTERN>]"), "{help}");
}

#[test]
fn what_links_among_the_inputs_resolve_to_is_compared() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    rig.write("outputs/sources/m", "1").write("inputs/a", "a");
    symlink("../outputs/sources/m", rig.work("inputs/m")).unwrap();
    rig.publish(ONE, &[]);
    assert_eq!(if_changed(&rig, TWO)["outcome"], "inputs-unchanged");
    rig.write("outputs/sources/m", "2");
    assert_eq!(if_changed(&rig, TWO)["inputs"]["changed"], json!(["outputs/sources/m"]));
    // All inputs are behind a link, and a directory behind one of these.
    fs::remove_dir_all(rig.work("inputs")).unwrap();
    symlink("outputs/sources", rig.work("inputs")).unwrap();
    symlink("../logs", rig.work("outputs/sources/more")).unwrap();
    rig.write("outputs/logs/x/y", "1");
    let inputs = if_changed(&rig, THREE)["inputs"].clone();
    assert_eq!(inputs["files"], 4, "{inputs}");
    rig.write("outputs/logs/x/y", "2");
    let changed = if_changed(&rig, "20181208T060000Z");
    assert_eq!(changed["inputs"]["changed"], json!(["outputs/logs/x/y"]), "{changed}");
    assert_eq!(if_changed(&rig, "20181209T060000Z")["outcome"], "inputs-unchanged");
}

#[test]
fn of_several_publishes_at_once_one_publishes_what_is_new() {
    let rig = scene();
    let work = rig.work("").display().to_string();
    for round in 0..3 {
        rig.write("inputs/RPMS/a.rpm", &format!("round {round}"));
        rig.write("outputs/iso/bootimage.iso", &format!("{round}{}", "x".repeat(16 << 20)));
        let names: Vec<String> = (0..4).map(|nth| format!("2018121{round}T0{nth}0000Z")).collect();
        let all: Vec<_> = names
            .iter()
            .map(|name| {
                let args = ["--json", "publish", &work, "--stream", STREAM, "--build", name, "--if-changed"];
                rig.command(&args).stdout(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let answers: Vec<Value> = all
            .into_iter()
            .map(|child| serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap())
            .collect();
        let with = |outcome: &str| answers.iter().filter(|answer| answer["outcome"] == outcome).count();
        assert_eq!((with("published"), with("inputs-unchanged")), (1, 3), "{answers:#?}");
        let published = answers.iter().find(|answer| answer["outcome"] == "published").unwrap();
        assert!(answers.iter().all(|answer| answer["id"] == published["id"]), "{answers:#?}");
        // The others leave nothing behind.
        assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).map_or(0, Iterator::count), 0);
    }
    assert_eq!(confirmations(&rig).len(), 9);
    assert!(rig.work("outputs/iso/bootimage.iso").exists());
}

#[test]
fn a_dry_run_confirms_nothing() {
    let rig = scene();
    let before = tree(&rig.mirror(""));
    let answer = publish(&rig, TWO, &["--if-changed", "--dry-run"]);
    assert_eq!(
        (&answer["outcome"], &answer["inputs"]["confirmed_at"]),
        (&json!("inputs-unchanged"), &Value::Null)
    );
    let said = rig.publish(TWO, &["--if-changed", "--dry-run"]);
    assert_eq!(said, format!("would publish nothing: the inputs (2 files) are those of {}\n", id(ONE)));
    rig.write("inputs/RPMS/a.rpm", "b");
    let said = rig.publish(TWO, &["--if-changed", "--dry-run"]);
    assert!(said.contains(&format!("inputs other than in {}: inputs/RPMS/a.rpm\n", id(ONE))), "{said}");
    assert_eq!(tree(&rig.mirror("")), before);
}

#[test]
fn only_inputs_are_read_and_a_moved_source_stays() {
    let rig = scene();
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(8 << 20));
    let read = rig.work("../read");
    let work = rig.work("").display().to_string();
    let trace = format!("{}", read.display());
    let args = ["publish", &work, "--stream", STREAM, "--build", TWO, "--if-changed", "--take", "move"];
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=openat,openat2", "-o", &trace]).arg(env!("CARGO_BIN_EXE_mirrorkeep"));
    strace.env("MIRRORKEEP_MIRROR", rig.mirror("")).args(args);
    if let Ok(output) = strace.output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let opened = fs::read_to_string(&read).unwrap();
        assert!(opened.contains("a.rpm") && !opened.contains("bootimage.iso"), "{opened}");
    } else {
        rig.ok(&args);
    }
    assert!(rig.work("outputs/iso/bootimage.iso").exists() && rig.work("inputs/RPMS/a.rpm").exists());
}

#[test]
fn a_success_that_was_trimmed_is_not_confirmed() {
    let rig = Rig::new();
    rig.policy_file(&PARTED.replace("parts:", "failed: [{last: 9}]\n    parts:"))
        .write("inputs/RPMS/a.rpm", "a");
    rig.publish(ONE, &[]);
    rig.publish(TWO, &[]);
    rig.ok(&["prune"]);
    assert!(!rig.mirror(&format!("{}/inputs", id(ONE))).exists());
    rig.ok(&["withdraw", &id(TWO), "--why", "a test", "--force"]);
    let answer = if_changed(&rig, THREE);
    assert_eq!((&answer["outcome"], answer.get("inputs")), (&json!("published"), None));
    assert!(answer["warnings"][0].as_str().unwrap().contains("were trimmed"), "{answer}");
}

#[test]
fn a_policy_counts_from_the_confirmation() {
    let rig = Rig::new();
    rig.write("inputs/RPMS/a.rpm", "a").policy("keep: [{within: 14d, basis: confirmed}, {last: 1}]");
    rig.publish(ONE, &[]);
    if_changed(&rig, TWO);
    rig.write("inputs/RPMS/a.rpm", "b");
    if_changed(&rig, THREE);
    let confirmed = record(&rig, ONE)["confirmed_at"].as_str().unwrap().to_owned();
    let plan = rig.json(&["plan"]);
    let build = plan["builds"].as_array().unwrap().iter().find(|build| build["id"] == id(ONE)).unwrap();
    assert_eq!((&build["verdict"], &build["reasons"][0]["basis"]), (&json!("keep"), &json!("confirmed")));
    let until = build["reasons"][0]["until"].as_str().unwrap();
    let day = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap();
    assert_eq!(day(until) - day(&confirmed), chrono::TimeDelta::days(14));
    assert!(rig.ok(&["explain", &id(ONE)]).contains("from confirmed"));
}
