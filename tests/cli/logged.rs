//! What `-v` and `RUST_LOG` log, and what they never log.

use crate::support::requests::Requests;
use crate::support::rig::Rig;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

const BUILD: &str = "master/centos/20181205T060000Z";

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the lines of the log that have this level.
fn lines<'a>(log: &'a str, level: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.split_whitespace().nth(1) == Some(level)).collect()
}

/// Returns a sentence for every verb, each of which works after those before it.
fn sentences(rig: &Rig) -> Vec<Vec<String>> {
    let other = rig.work("../other").to_str().unwrap().to_owned();
    let made = Command::new(env!("CARGO_BIN_EXE_mirrorkeep")).args(["--mirror", &other, "init"]).output();
    assert!(made.unwrap().status.success());
    let deliver = "deliver: 1\nto:\n  - {name: ci, since: 1, run: [cat]}\n";
    fs::create_dir_all(rig.mirror(".mirrorkeep")).unwrap();
    let settings = rig.work("../other/.mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(settings, text + "site: {}\nchanges: {}\n").unwrap();
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    fs::create_dir_all(rig.mirror("").with_file_name("copied")).unwrap();
    let targets = format!(
        "targets: 1\nto: [{{name: copied, directory: '{}'}}]\n",
        rig.mirror("").with_file_name("copied").display()
    );
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    let (here, work) =
        (rig.mirror("").to_str().unwrap().to_owned(), rig.work("").to_str().unwrap().to_owned());
    let requests = Requests::with_one(rig, BUILD).at().display().to_string();
    let publish = format!("publish {work} --stream master/centos --build 20181205T060000Z");
    let all = [
        "init",
        &publish,
        "status",
        "log",
        "events --type build.published",
        "sync lint",
        "sync",
        "sync --dry-run",
        "freshness",
        "deliver lint",
        "deliver",
        "deliver status",
        "deliver replay ci --since 1",
        "deliver --dry-run",
        &format!("release check --requests {requests}"),
        &format!("release apply --requests {requests} --dry-run"),
        "due master/centos --request --why bug",
        "due master/centos --run true",
        "metrics",
        &format!("--mirror {other} site"),
        &format!("--mirror {other} export changes --dry-run"),
        "trash list",
        "hold list",
        "list",
        &format!("show {BUILD}"),
        &format!("diff {BUILD} {BUILD}"),
        &format!("images list {BUILD}"),
        "images place starlingx/stx-nova:master-centos-pike",
        "images pins",
        "census",
        &format!("label {BUILD} sanity=green"),
        "alias list",
        &format!("alias set r1 {BUILD}"),
        "alias remove r1",
        "resolve master/centos/latest_build",
        "export redirects --for nginx",
        "export cache-rules --for nginx",
        "layout show",
        &format!("layout place {BUILD}"),
        "layout list",
        "plan",
        &format!("explain {BUILD}"),
        "prune",
        &format!("hold {BUILD} --why test"),
        &format!("unhold {BUILD}"),
        "sweep",
        "policy list",
        "policy show",
        "pipeline list",
        "pipeline set generic",
        "pipeline show",
        &format!("vote {BUILD} smoke success"),
        &format!("gate {BUILD} --all-missing"),
        &format!("waive stable smoke --build {BUILD} --why test"),
        "unwaive stable smoke",
        "promote",
        "stages",
        "history master/centos/stable",
        &format!("reject {BUILD} --why test"),
        &format!("unreject {BUILD}"),
        "demote stable --stream master/centos --why test",
        "check",
        "verify --all",
        "adopt",
        "recover",
        &format!("withdraw {BUILD} --why test --dry-run"),
        "retire master/centos --why test --no-archive --no-redirects --dry-run",
        &format!("copy {here} {other}"),
        &format!("branch feature/x/centos --like master/centos --seed {BUILD}"),
    ];
    all.iter().map(|text| text.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn every_verb_logs_a_step_and_its_json_stays_pure() {
    let rig = Rig::new();
    for sentence in sentences(&rig) {
        let mut args = vec!["-v", "--json"];
        args.extend(sentence.iter().map(String::as_str));
        let output = rig.run(&args);
        let log = errors(&output);
        let has_findings = sentence == ["check"] && output.status.code() == Some(5);
        assert!(output.status.success() || has_findings, "{args:?}: {log}");
        let steps = lines(&log, "INFO");
        // The first and the last line are of every run.
        let verb = sentence.iter().find(|word| !word.starts_with('-') && !word.contains('/')).unwrap();
        let reads_no_mirror = ["policy list", "pipeline list", "layout list"].contains(&&*sentence.join(" "));
        assert!(steps.len() > 2 || reads_no_mirror && steps.len() == 2, "{verb} {args:?}: {log}");
        assert!(lines(&log, "DEBUG").is_empty(), "{args:?}: {log}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
}

#[test]
fn steps_are_logged_in_their_order_and_requests_by_two() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let work = rig.work("");
    let publish =
        ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", "20181205T060000Z"];
    let log = errors(&rig.run(&[&["-vv"], &publish[..]].concat()));
    let steps = lines(&log, "INFO").join("\n");
    let mut from = 0;
    for step in [
        "opened the mirror",
        "took the lock `.mirrorkeep/lock`",
        "synced",
        "staged `master/centos/20181205T060000Z`",
        "Published (Intent)",
        "committed `master/centos/20181205T060000Z`",
        "pointed `master/centos/latest_build`",
        "Published (Done)",
        "released the lock `.mirrorkeep/lock`",
        "ended with code 0",
    ] {
        from += steps[from..].find(step).unwrap_or_else(|| panic!("no `{step}` at its place in:\n{steps}"));
    }
    let requests = lines(&log, "DEBUG");
    let reveals =
        requests.iter().filter(|line| line.contains("reveal `master/centos/20181205T060000Z`: ok in "));
    assert_eq!(reveals.count(), 1, "{log}");
}

#[test]
fn nothing_is_logged_unless_it_is_requested() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let with = |value: &str| {
        let output = rig.command(&["census"]).env("RUST_LOG", value).output().unwrap();
        assert!(output.status.success());
        errors(&output)
    };
    assert_eq!(with(""), "");
    assert_eq!(with("off"), "");
    assert_eq!(with("hyper=trace"), "");
    assert!(!lines(&with("debug"), "DEBUG").is_empty());
    assert!(lines(&with("mirrorkeep=info"), "DEBUG").is_empty());
    assert!(with("mirrorkeep=loud").contains("RUST_LOG is not a valid filter"));
}

#[test]
fn no_key_and_no_query_is_logged_of_a_bucket() {
    // A server that refuses everything, after it was asked.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            assert!(lines.take_while(|line| !line.is_empty()).count() > 1);
            stream
                .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .ok();
        }
    });
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.args(args).env("RUST_LOG", "trace").env("MIRRORKEEP_PATIENCE", "1");
        command.env("AWS_ENDPOINT_URL", format!("http://{address}")).env("AWS_ALLOW_HTTP", "true");
        command.env("AWS_ACCESS_KEY_ID", "FAKEKEYID").env("AWS_SECRET_ACCESS_KEY", "fakesecret");
        command.env("AWS_SESSION_TOKEN", "faketoken").env("AWS_REGION", "us-east-1");
        errors(&command.output().unwrap())
    };
    for args in [&["-vvv", "--mirror", "s3://bucket/a", "list"][..], &["--mirror", "s3://bucket/a", "list"]] {
        let log = run(args);
        let trace = lines(&log, "TRACE");
        let request = format!("GET http://{address}/bucket/a/");
        assert!(trace.iter().any(|line| line.contains(&request)), "{log}");
        for secret in ["FAKEKEYID", "fakesecret", "faketoken", "Signature", "?"] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

#[test]
fn a_hostile_file_name_is_escaped() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("outputs/iso/\u{202e}\u{85}gnp.iso", "");
    let work = rig.work("");
    let log = errors(&rig.run(&["-vv", "publish", work.to_str().unwrap(), "--stream", "master/centos"]));
    assert!(!log.contains('\u{202e}') && !log.contains('\u{85}'), "{log}");
}

#[test]
fn the_manual_page_names_the_variables() {
    let page = Rig::new().ok(&["man"]);
    let environment = page.split(".SH ENVIRONMENT").nth(1).unwrap();
    for variable in ["MIRRORKEEP_MIRROR", "MIRRORKEEP_PATIENCE", "MIRRORKEEP_MINISIGN_PASSWORD", "RUST_LOG"] {
        assert!(environment.contains(variable), "{variable}");
    }
}
