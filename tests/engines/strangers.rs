//! The first contact with a bucket: what a wrong setting says, how soon, and what other programs see of what was sent.

use super::stores::bucket::{Bucket, ONE};
use crate::faults::network::proxy::{Fault, Plan, Proxy};
use crate::support::servers::process::program;
use crate::support::servers::{Engine, weed};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

/// Returns a port on which nothing listens.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a command that must fail with code 1, and returns what it said: short, and without an answer of the server.
#[track_caller]
fn refused(command: &mut Command, what: &str) -> String {
    let output: Output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    let lines = said.lines().filter(|line| !line.is_empty() && !line.contains("it is tried again")).count();
    assert!(lines <= 4 && !said.contains('<') && !said.contains("Generic"), "{what}: {said}");
    said
}

/// One fault of a setting: how the command is changed, what it says, and how many requests the server may see.
type Setting = (&'static str, fn(&mut Command), [&'static str; 2], usize);

const SETTINGS: [Setting; 5] = [
    (
        "no credentials",
        |command| {
            let metadata = format!("http://127.0.0.1:{}", closed());
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
            command.env("AWS_METADATA_ENDPOINT", metadata);
        },
        ["no credentials", "AWS_ACCESS_KEY_ID"],
        0,
    ),
    (
        "half of the credentials",
        |command| {
            command.env_remove("AWS_SECRET_ACCESS_KEY");
        },
        ["no secret key", "AWS_SECRET_ACCESS_KEY"],
        0,
    ),
    (
        "plain HTTP",
        |command| {
            command.env_remove("AWS_ALLOW_HTTP");
        },
        ["plain HTTP", "AWS_ALLOW_HTTP=true"],
        0,
    ),
    (
        "an unknown key",
        |command| {
            command.env("AWS_ACCESS_KEY_ID", "nobody");
        },
        ["does not know the access key", "AWS_ACCESS_KEY_ID"],
        4,
    ),
    (
        "a wrong secret",
        |command| {
            command.env("AWS_SECRET_ACCESS_KEY", "wrong");
        },
        ["secret key", "AWS_SECRET_ACCESS_KEY"],
        4,
    ),
];

const VERBS: [&[&str]; 3] = [&["list"], &["init"], &["prune", "--dry-run"]];

/// Asks for a mirror in a bucket that is not there; SeaweedFS makes it when something is written.
#[track_caller]
fn missing_bucket(engine: &Engine, verb: &[&str]) {
    let proxy = Proxy::start(engine.port, None);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
    let through = engine.through(proxy.port, "strange");
    command.envs(through.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let told = refused(command.args(["--mirror", "s3://nowhere/strange"]).args(verb), "no bucket");
    let said = ["no such bucket", "AWS_ENDPOINT_URL"].iter().all(|said| told.contains(said));
    assert!(said, "{verb:?}: {told}");
    assert!(proxy.seen().len() <= 6, "{verb:?}: {:?}", proxy.seen());
}

#[test]
fn a_wrong_setting_is_told_at_once_with_the_variable() {
    let engine: Engine = weed::single();
    for verb in VERBS {
        for (what, change, said, most) in SETTINGS {
            let proxy = Proxy::start(engine.port, None);
            let mut command = engine.through(proxy.port, "strange");
            change(&mut command);
            let told = refused(command.args(verb), what);
            // `init` first asks whether it is there, and a HEAD has no body that says why not.
            let is_vague =
                verb == ["init"] && told.contains("(403)") && told.contains("AWS_SECRET_ACCESS_KEY");
            assert!(is_vague || said.iter().all(|said| told.contains(said)), "{what} {verb:?}: {told}");
            let seen = proxy.seen();
            // The probe of `init` begins with six writers at once.
            let most = if verb == ["init"] && most > 0 { 12 } else { most };
            assert!(seen.len() <= most, "{what} {verb:?}: {seen:?}");
        }
        if verb != ["init"] {
            missing_bucket(&engine, verb);
        }
        // A server that never answered is not waited for: two more tries, each reported or within a second of a report.
        let port = closed();
        let told = refused(engine.through(port, "strange").args(verb), "nobody listens");
        let reports = told.matches("it is tried again").count();
        let said = [&*format!("`127.0.0.1:{port}`"), "refused", "AWS_ENDPOINT_URL"];
        assert!(said.iter().all(|said| told.contains(said)) && (1..3).contains(&reports), "{verb:?}: {told}");
    }
}

#[test]
fn a_request_that_is_tried_again_is_reported() {
    let engine = weed::single();
    let bucket = Bucket::new(&engine, "retried");
    for (fault, why) in [(Fault::Status(503), "503"), (Fault::Cut, "closed")] {
        let proxy = Proxy::start(engine.port, Some(Plan { first: 2, count: 1, fault }));
        let output = engine.through(proxy.port, bucket.name).args(["list"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let reports: Vec<&str> = said.lines().filter(|line| line.contains("it is tried again")).collect();
        let [report] = *reports else { panic!("{fault:?}: {said}") };
        assert!(report.contains(&format!("http://127.0.0.1:{}/test/", proxy.port)), "{report}");
        assert!(report.contains(why) && report.contains("for up to 60 s (MIRRORKEEP_PATIENCE)"), "{report}");
        let quiet = Proxy::start(engine.port, Some(Plan { first: 2, count: 1, fault }));
        let output = engine.through(quiet.port, bucket.name).args(["-q", "list"]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
    }
}

/// Returns what rclone answers about the bucket of an engine.
pub(in crate::engines) fn rclone(engine: &Engine, args: &[&str]) -> String {
    let mut command = Command::new(program("rclone/bin/rclone"));
    let through = engine.command("any");
    let secret = |name: &str| {
        let found = through.get_envs().find(|(variable, _)| *variable == name);
        found.and_then(|(_, value)| value).unwrap().to_owned()
    };
    command.env("RCLONE_CONFIG", "/dev/null").env("RCLONE_CONFIG_B_TYPE", "s3");
    command
        .env("RCLONE_CONFIG_B_PROVIDER", "SeaweedFS")
        .env("RCLONE_CONFIG_B_ENDPOINT", secret("AWS_ENDPOINT"));
    command.env("RCLONE_CONFIG_B_ACCESS_KEY_ID", secret("AWS_ACCESS_KEY_ID"));
    command.env("RCLONE_CONFIG_B_SECRET_ACCESS_KEY", secret("AWS_SECRET_ACCESS_KEY"));
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn rclone_sees_the_times_of_the_source_and_one_command_makes_its_links() {
    let engine = weed::single();
    let bucket = Bucket::new(&engine, "rclone");
    let image = bucket.work().join("outputs/iso/bootimage.iso");
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_540_000_000, 250_000_000);
    fs::File::open(&image).unwrap().set_modified(time).unwrap();
    symlink("bootimage.iso", bucket.work().join("outputs/iso/latest.iso")).unwrap();
    symlink("bootimage.iso", bucket.work().join("outputs/iso/a.iso")).unwrap();
    let work = bucket.work();
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    let output = bucket.run(&[&["--json"], &args[..]].concat());
    let (said, answer) =
        (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["unserved_links"], 2);
    let warned =
        "2 links are objects named `*.mirrorkeep-link` in an object store, the first `outputs/iso/a.iso`";
    assert!(said.contains(warned), "{said}");

    let build = format!("b:test/rclone/master/centos/{ONE}/outputs/iso");
    // rclone prints the time of the zone in which it runs.
    let listed = rclone(&engine, &["lsjson", &build]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let shown = listed.as_array().unwrap().iter().find(|file| file["Path"] == "bootimage.iso").unwrap();
    let shown = chrono::DateTime::parse_from_rfc3339(shown["ModTime"].as_str().unwrap()).unwrap();
    assert_eq!(shown.timestamp_nanos_opt(), Some(1_540_000_000_250_000_000));

    let copy = tempfile::tempdir().unwrap();
    rclone(&engine, &["copy", "b:test/rclone/master", copy.path().to_str().unwrap()]);
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/object-store.md")).unwrap();
    let line =
        docs.lines().find(|line| line.starts_with("find /srv/copy -name '*.mirrorkeep-link'")).unwrap();
    let line = line.replace("/srv/copy", copy.path().to_str().unwrap());
    assert!(Command::new("sh").arg("-c").arg(line).status().unwrap().success());
    let stream = copy.path().join("centos");
    assert_eq!(fs::read_link(stream.join("latest_build")).unwrap().to_str(), Some(ONE));
    let linked = stream.join("latest_build/outputs/iso/latest.iso");
    assert_eq!(fs::read_link(&linked).unwrap().to_str(), Some("bootimage.iso"));
    assert_eq!(fs::read_to_string(linked).unwrap(), "image");
}
