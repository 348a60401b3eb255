//! Gates: what each end of a check means, what is kept of it, and that no vote is recorded for another build.

use crate::support::rig::Rig;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const A: &str = "master/centos/20181205T060000Z";
const B: &str = "master/centos/20181206T060000Z";

/// Returns a mirror with two builds and a pipeline with these gates, of which `tested` requires the first.
fn gated(first: &str, gates: &str) -> Rig {
    let rig = Rig::new();
    rig.builds([A, B].map(|id| id.rsplit('/').next().unwrap()));
    set(&rig, first, gates);
    rig
}

fn set(rig: &Rig, first: &str, gates: &str) {
    let text = format!(
        "pipeline: 1\nstages:\n  - {{name: tested, streams: master/centos, require: {{gates: [{first}]}}}}\ngates:\n{gates}\n"
    );
    let file = rig.work("../pipeline.yaml");
    fs::write(&file, text).unwrap();
    rig.ok(&["pipeline", "set", file.to_str().unwrap()]);
}

fn vote(rig: &Rig, id: &str, gate: &str) -> Value {
    rig.json(&["show", id])["labels"][format!("vote/{gate}")]["value"].clone()
}

#[test]
fn a_gate_votes_by_its_exit_code_and_anything_else_is_no_vote() {
    let rig = gated(
        "smoke",
        "  smoke: {run: [sh, -c, 'echo fine']}
  bad: {run: [sh, -c, 'echo on standard output; echo and error >&2; exit 1']}
  later: {run: [sh, -c, 'exit 75']}
  odd: {run: [sh, -c, 'echo odd; exit 3']}
  killed: {run: [sh, -c, 'kill -9 $$']}
  gone: {run: [/no/such/program]}
  slow: {run: [sleep, '50'], timeout: 1s}",
    );
    let told = rig.ok(&["gate", B, "smoke"]);
    assert_eq!(
        told,
        format!(
            "smoke voted success on {B}\n  `mirrorkeep promote tested --stream master/centos` promotes it to tested\n"
        )
    );
    let ends = |code: i32, gate: &str| -> Value {
        let answer = rig.json_ends(code, &["gate", B, gate]);
        let one = answer["gates"][0].clone();
        assert_eq!((&one["gate"], &one["check"]), (&json!(gate), &json!("run")));
        one
    };
    let bad = ends(5, "bad");
    assert_eq!(
        (&bad["outcome"], &bad["log"]),
        (&json!("failure"), &json!("on standard output\nand error\n"))
    );
    let (later, odd, killed, gone) = (ends(7, "later"), ends(1, "odd"), ends(1, "killed"), ends(1, "gone"));
    let began = Instant::now();
    let slow = ends(1, "slow");
    assert!(began.elapsed() < Duration::from_secs(20));
    for (one, outcome, why) in [
        (&later, "later", "the gate asks to try again later"),
        (&odd, "error", "it ended with exit code 3"),
        (&killed, "error", "it was ended by signal 9"),
        (&gone, "error", "cannot start `/no/such/program`: there is no such program"),
        (&slow, "error", "it was ended after its time limit of 1 s"),
    ] {
        assert_eq!((&one["outcome"], &one["why"]), (&json!(outcome), &json!(why)));
    }
    for (gate, wanted) in [
        ("smoke", json!("success")),
        ("bad", json!("failure")),
        ("later", Value::Null),
        ("odd", Value::Null),
        ("killed", Value::Null),
        ("gone", Value::Null),
        ("slow", Value::Null),
    ] {
        assert_eq!(vote(&rig, B, gate), wanted, "{gate}");
    }
    // Of several gates the worst end counts, and each runs.
    let answer = rig.json_ends(1, &["gate", A, "bad", "odd", "smoke", "smoke"]);
    let outcomes: Vec<&Value> =
        answer["gates"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["failure", "error", "success"]);
    let text = String::from_utf8(rig.run(&["gate", B, "odd"]).stdout).unwrap();
    assert!(text.contains("  odd\n"), "{text}");
}

#[test]
fn a_stage_waits_for_its_gate_and_takes_the_build_that_passed() {
    let rig = gated(
        "smoke",
        "  smoke: {run: [sh, -c, 'test \"$MIRRORKEEP_BUILD\" = master/centos/20181205T060000Z']}",
    );
    let stage = |answer: Value| answer["stages"][0].clone();
    let waiting = stage(rig.json(&["promote"]));
    assert_eq!(
        (&waiting["outcome"], &waiting["candidates"][0]["missing"]),
        (&json!("waiting"), &json!(["smoke"]))
    );
    assert_eq!(rig.json_ends(5, &["gate", B, "--all-missing"])["gates"][0]["outcome"], "failure");
    assert_eq!(rig.json(&["gate", A, "--all-missing"])["promotable"], json!(["tested"]));
    let moved = stage(rig.json(&["promote"]));
    assert_eq!((&moved["outcome"], &moved["build"]), (&json!("promoted"), &json!(A)));
    assert_eq!(moved["candidates"][0]["missing"], json!(["smoke (failure)"]));
    // It has voted, so nothing is missing; by name it runs again.
    let told = rig.ok(&["gate", B, "--all-missing"]);
    assert_eq!(
        told,
        format!("nothing to run: no stage of master/centos requires a gate that has not voted on {B}\n")
    );
    assert_eq!(rig.json_ends(5, &["gate", B, "smoke"])["gates"][0]["before"], "failure");
    // A waiver stands in for a gate as for a job.
    rig.ok(&["waive", "tested", "smoke", "--build", B, "--why", "a test"]);
    assert_eq!(stage(rig.json(&["promote"]))["build"], B);
}

#[test]
fn a_gate_is_told_the_build_and_runs_no_shell() {
    let rig = gated(
        "told",
        "  told: {run: [sh, -c, 'env | grep ^MIRRORKEEP_ | sort; pwd; cat; echo; test -f \"$MIRRORKEEP_PATH/outputs/iso/bootimage.iso\"', ';', '$(id)']}",
    );
    let output =
        rig.command(&["gate", B, "told", "--json"]).env("MIRRORKEEP_MINISIGN_PASSWORD", "hunter2").output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let log = answer["gates"][0]["log"].as_str().unwrap().to_owned();
    let mirror = fs::canonicalize(rig.mirror("")).unwrap();
    for line in [
        format!("MIRRORKEEP_BUILD={B}"),
        "MIRRORKEEP_GATE=told".to_owned(),
        format!("MIRRORKEEP_MIRROR={}", mirror.display()),
        format!("MIRRORKEEP_PATH={}", mirror.join(B).display()),
        "MIRRORKEEP_STAGE=tested".to_owned(),
        "MIRRORKEEP_STREAM=master/centos".to_owned(),
    ] {
        assert!(log.lines().any(|found| found.trim_end_matches('/') == line), "{line}\n{log}");
    }
    assert!(!log.contains("hunter2"), "{log}");
    let input: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!((&input["gate"], &input["stages"]), (&json!("told"), &json!(["tested"])));
    assert_eq!((&input["build"]["id"], &input["build"]["result"]), (&json!(B), &json!("success")));
    assert_eq!(input["build"]["path"], B);
}

#[test]
fn the_log_is_kept_with_the_build_goes_with_it_and_comes_back() {
    let rig = gated("noisy", "  noisy: {run: [sh, -c, 'seq 1 100000; printf \"\\033[2Kend\\n\"; exit 1']}");
    rig.json_ends(5, &["gate", A, "noisy"]);
    let kept = rig.json(&["show", A])["logs"]["gate/noisy"].clone();
    assert_eq!(kept["result"], "failure");
    let log = kept["log"].as_str().unwrap();
    assert!(
        log.len() < 70_000 && log.starts_with('[') && log.ends_with("100000\n\u{1b}[2Kend\n"),
        "{}",
        log.len()
    );
    let shown = rig.ok(&["show", A]);
    assert!(shown.contains("log        gate/noisy: failure at ") && shown.contains("99999\n"), "{shown}");
    assert!(shown.contains("\\u{1b}[2Kend\n") && !shown.contains('\u{1b}'), "{shown}");
    let file = rig.mirror(&format!(".mirrorkeep/logs/{A}.json"));
    assert!(file.exists());
    rig.ok(&["withdraw", A, "--why", "a test"]);
    assert!(!file.exists());
    rig.ok(&["restore", A]);
    assert_eq!(rig.json(&["show", A])["logs"]["gate/noisy"], kept);
    // Another build of its name has neither vote nor log.
    rig.ok(&["unhold", A]);
    rig.ok(&["withdraw", A, "--why", "a test", "--purge", "--yes"]);
    rig.write("outputs/iso/bootimage.iso", "another").publish("20181205T060000Z", &["--allow-withdrawn"]);
    assert_eq!((rig.json(&["show", A])["logs"].clone(), vote(&rig, A, "noisy")), (json!({}), Value::Null));
    // A file that is damaged is in nobody's way.
    fs::write(&file, "{")
        .or_else(|_| fs::create_dir_all(file.parent().unwrap()).and_then(|()| fs::write(&file, "{")))
        .unwrap();
    assert_eq!(rig.json(&["show", A])["logs"], json!({}));
    rig.json_ends(5, &["gate", A, "noisy"]);
    assert_eq!(rig.json(&["show", A])["logs"]["gate/noisy"]["result"], "failure");
    let found = String::from_utf8(rig.run(&["check", "--all"]).stdout).unwrap();
    assert!(!found.contains(".mirrorkeep") && !found.contains("logs"), "{found}");
}

#[test]
fn a_build_that_is_replaced_or_gone_or_changed_meanwhile_gets_no_vote() {
    let program = env!("CARGO_BIN_EXE_mirrorkeep");
    let rig = gated(
        "gone",
        &format!(
            "  gone: {{run: [{program}, withdraw, '{A}', --why, a test, --purge, --yes]}}
  changed: {{run: [sh, -c, 'chmod u+w \"$MIRRORKEEP_PATH/outputs/iso/bootimage.iso\"; echo more >> \"$MIRRORKEEP_PATH/outputs/iso/bootimage.iso\"']}}
  replaced: {{run: [sh, -c, '{program} withdraw {B} --why again --purge --force --yes && mkdir -p \"$0/outputs/iso\" && echo another > \"$0/outputs/iso/new\" && {program} publish \"$0\" --stream master/centos --build 20181206T060000Z --allow-withdrawn', {}]}}",
            rig_work()
        ),
    );
    // The gate itself uses the mirror: it is not locked meanwhile.
    let gone = rig.json_ends(1, &["gate", A, "gone"]);
    assert_eq!(gone["gates"][0]["why"], "the build was removed while the gate ran", "{gone}");
    let changed = rig.json_ends(1, &["gate", B, "changed"]);
    assert_eq!(
        changed["gates"][0]["why"],
        "`outputs/iso/bootimage.iso` of the build was changed while the gate ran"
    );
    fs::create_dir_all(rig_work()).unwrap();
    let replaced = rig.json_ends(1, &["gate", B, "replaced"]);
    assert_eq!(
        replaced["gates"][0]["why"], "the build was replaced or trimmed while the gate ran",
        "{replaced}"
    );
    for gate in ["changed", "replaced"] {
        assert_eq!(vote(&rig, B, gate), Value::Null);
    }
    fs::remove_dir_all(rig_work()).unwrap();
}

fn rig_work() -> String {
    std::env::temp_dir().join(format!("mirrorkeep-gate-{}", std::process::id())).display().to_string()
}

#[test]
fn two_of_one_gate_on_one_build_are_one_and_others_run_beside_it() {
    let rig = gated(
        "slow",
        "  slow: {run: [sh, -c, 'touch \"$0/begun\"; sleep 2', \"/dev/shm\"]}\n  quick: {run: ['true']}",
    );
    let begun = rig.work("../begun");
    let text = fs::read_to_string(rig.mirror(".mirrorkeep/pipeline.yaml")).unwrap();
    let text = text.replace("\"/dev/shm\"", &format!("\"{}\"", begun.parent().unwrap().display()));
    fs::write(rig.mirror(".mirrorkeep/pipeline.yaml"), text).unwrap();
    let mut first = rig.command(&["gate", B, "slow"]).spawn().unwrap();
    while !begun.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = rig.json_ends(7, &["gate", B, "slow"]);
    let why = second["gates"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("it is running already: ") && why.contains(" holds it"), "{why}");
    rig.ok(&["gate", B, "quick"]);
    rig.ok(&["gate", A, "slow"]);
    assert!(first.wait().unwrap().success());
    assert_eq!(vote(&rig, B, "slow"), "success");
    let left: Vec<_> = fs::read_dir(rig.mirror(".mirrorkeep/gates")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_user_who_stops_a_gate_stops_its_command_and_no_vote_is_recorded() {
    let rig = gated("slow", "  slow: {run: [sh, -c, 'echo $$ > \"$MIRRORKEEP_MIRROR/../pid\"; sleep 50']}");
    let mut running = rig.command(&["gate", B, "slow"]).spawn().unwrap();
    let pid = rig.mirror("../pid");
    while fs::read_to_string(&pid).unwrap_or_default().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let command = fs::read_to_string(&pid).unwrap().trim().to_owned();
    let asked = std::process::Command::new("kill").arg(running.id().to_string()).status();
    assert!(asked.unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert!(!std::path::Path::new(&format!("/proc/{command}")).exists());
    assert_eq!(vote(&rig, B, "slow"), Value::Null);
}

#[test]
fn the_gate_verify_reads_the_bytes_again() {
    let rig = gated("bytes", "  bytes: {verify: true}");
    let told = rig.json(&["gate", B, "bytes"]);
    assert_eq!(
        (&told["gates"][0]["check"], &told["gates"][0]["outcome"]),
        (&json!("verify"), &json!("success"))
    );
    let file = rig.mirror(&format!("{B}/outputs/iso/bootimage.iso"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&file, "bitrotten________").unwrap();
    let told = rig.json_ends(5, &["gate", B, "bytes"]);
    let log = told["gates"][0]["log"].as_str().unwrap();
    assert!(log.starts_with(&format!("{B}/outputs/iso/bootimage.iso: changed: ")), "{log}");
    assert_eq!(vote(&rig, B, "bytes"), "failure");
    assert_eq!(vote(&rig, A, "bytes"), Value::Null);
}

#[test]
fn the_gate_signature_wants_a_key_that_the_pipeline_trusts() {
    let rig = Rig::new();
    let (key, other) = (keypair(&rig, "one"), keypair(&rig, "other"));
    rig.publish("20181205T060000Z", &["--sign", &format!("minisign:{}", key.0)]);
    rig.publish("20181206T060000Z", &[]);
    set(
        &rig,
        "signed",
        &format!(
            "  signed: {{signature: {{minisign: ['{}']}}}}\n  by-other: {{signature: {{minisign: ['{}']}}}}\n  lost: {{signature: {{keyrings: [/no/such/keys.gpg]}}}}",
            key.1, other.1
        ),
    );
    rig.ok(&["gate", A, "signed"]);
    let told = rig.json_ends(5, &["gate", A, "by-other"]);
    assert!(told["gates"][0]["log"].as_str().unwrap().contains("bad-signature"), "{told}");
    let told = rig.json_ends(5, &["gate", B, "signed"]);
    assert!(told["gates"][0]["log"].as_str().unwrap().contains("SHA256SUMS is not signed"), "{told}");
    // Keys that cannot be read say nothing of the build.
    let told = rig.json_ends(1, &["gate", A, "lost"]);
    assert!(told["gates"][0]["why"].as_str().unwrap().contains("/no/such/keys.gpg"), "{told}");
    assert_eq!(vote(&rig, A, "lost"), Value::Null);
}

/// Returns the file of a secret key of minisign, and the text of its public key.
fn keypair(rig: &Rig, name: &str) -> (String, String) {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let file = rig.work(&format!("../{name}.key"));
    fs::write(&file, pair.sk.to_box(None).unwrap().to_string()).unwrap();
    (file.display().to_string(), pair.pk.to_base64())
}

#[test]
fn what_cannot_be_run_is_refused_with_what_can() {
    let rig = gated("smoke", "  smoke: {run: ['true']}\n  closure: {closure: {repos: [outputs/RPMS/std]}}");
    rig.fails(2, "the pipeline has no gate `smok`; it has closure, smoke", &["gate", B, "smok"]);
    rig.fails(
        1,
        "there is no build `master/centos/20181209T060000Z`",
        &["gate", "master/centos/20181209T060000Z", "smoke"],
    );
    assert_eq!(rig.run(&["gate", B]).status.code(), Some(2));
    let told = rig.json_ends(1, &["gate", B, "closure"]);
    assert_eq!(
        told["gates"][0]["why"],
        format!("`{B}/outputs/RPMS/std` is not an RPM repository: it has no `repodata/repomd.xml`")
    );
    let told = rig.ok(&["gate", B, "smoke", "closure", "--dry-run"]);
    assert_eq!(told, format!("would run smoke (run) on {B}: true\nwould run closure (closure) on {B}\n"));
    assert_eq!(vote(&rig, B, "smoke"), Value::Null);
}

#[test]
fn a_pipeline_whose_gates_cannot_be_used_is_refused_with_every_place() {
    let rig = gated("smoke", "  smoke: {run: ['true']}");
    let file = rig.work("../pipeline.yaml");
    let text = "pipeline: 1
stages:
  - {name: tested, streams: '**', require: {votes: [smoke], gates: [smoke, smoky]}}
  - {name: other, streams: '**', require: {votes: [x]}, carry: [{alias: a, run: {apply: [x], undo: [y]}}, {run: {apply: [], undo: [y]}}]}
gates:
  smoke: {run: []}
  two: {run: [x], verify: true}
  none: {}
  keys: {signature: {keyrings: [keys.gpg]}, timeout: 1m}
  'no name': {verify: true}
  rpms: {closure: {repos: [../up], with: {'-x': 'ftp://x'}}}
  long: {run: [x], timeout: 2d}
";
    fs::write(&file, text).unwrap();
    let output = rig.run(&["pipeline", "set", file.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    // What has another form hides what it would mean.
    assert!(told.contains("pipeline.yaml:12:29: ") && told.contains("`2d` is not a time limit"), "{told}");
    fs::write(&file, text.replace("2d", "1d").replace("  long: {run: [x], timeout: 1d}\n", "")).unwrap();
    let told = String::from_utf8(rig.run(&["pipeline", "set", file.to_str().unwrap()]).stderr).unwrap();
    for wanted in [
        "stages[0].require.gates[0]: `smoke` is required twice",
        "stages[0].require.gates[1]: the file has no gate `smoky`; its `gates` are: `keys`, `no name`, `none`, `rpms`, `smoke`, `two`",
        "stages[1].carry[0]: exactly one of `alias`, `run` and `images` is accepted",
        "stages[1].carry[1].run.apply: a program and its arguments are expected",
        "gates.smoke.run: a program and its arguments are expected",
        "gates.two: exactly one of `run`, `verify`, `signature` and `closure` is accepted",
        "gates.none: exactly one of",
        "gates.keys.signature.keyrings[0]: `keys.gpg` is not an absolute path",
        "gates.keys.timeout: only gates with `run` or `closure` have a time limit",
        "gates.no name: `no name` is not a name of a job",
        "gates.rpms.closure.repos[0]: ",
        "gates.rpms.closure.with.-x: `-x` is not a name of a repository",
        "gates.rpms.closure.with.-x: `ftp://x` is not a URL with http, https or file",
    ] {
        assert!(told.contains(wanted), "{wanted}\n{told}");
    }
}
