//! `metrics`: read by the parsers of Prometheus itself.

use crate::support::rig::Rig;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";

/// Reads a file with both parsers of Prometheus, which must agree, and returns each sample with its labels.
const READ: &str = "
import json, sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
text = open(sys.argv[1], newline='').read()
samples = lambda parser: [[s.name, s.labels, s.value] for f in parser.text_string_to_metric_families(text) for s in f.samples]
new, old = samples(openmetrics), samples(parser)
assert new == old, (new, old)
print(json.dumps(new))
";

/// Returns the value of each sample, by name and labels.
fn read(file: &Path) -> BTreeMap<String, f64> {
    let output = Command::new("/usr/bin/python3").args(["-c", READ]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples: Vec<(String, BTreeMap<String, String>, f64)> =
        serde_json::from_slice(&output.stdout).unwrap();
    let name = |name: String, labels: BTreeMap<String, String>| {
        let labels = labels.into_iter().filter(|(key, _)| key != "mirror");
        let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
        format!("{name}{{{}}}", labels.join(","))
    };
    samples.into_iter().map(|(family, labels, value)| (name(family, labels), value)).collect()
}

/// Returns a mirror with a policy, a pipeline and a subscriber.
fn scene() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    rig.ok(&["pipeline", "set", "generic"]);
    rig.ok(&["hold", &format!("master/centos/{B}"), "--why", "a test"]);
    let deliver = "deliver: 1\nto: [{name: ci, since: 1, run: ['true']}]\n";
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), deliver).unwrap();
    rig.run(&["check"]);
    rig
}

#[test]
fn the_parsers_of_prometheus_read_every_metric() {
    let rig = scene();
    let out = rig.work("../mirrorkeep.prom");
    assert_eq!(rig.ok(&["metrics", "--out", out.to_str().unwrap()]), "");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o444, 0o444, "a collector reads it");
    let found = read(&out);
    let stream = "stream=master/centos";
    let created = 1_543_989_600.0;
    for (sample, value) in [
        ("mirrorkeep_builds{}".to_owned(), 2.0),
        ("mirrorkeep_verdict_builds{verdict=keep}".to_owned(), 1.0),
        ("mirrorkeep_verdict_builds{verdict=expire}".to_owned(), 1.0),
        ("mirrorkeep_holds{}".to_owned(), 1.0),
        (format!("mirrorkeep_stream_builds{{{stream}}}"), 2.0),
        (format!("mirrorkeep_stream_due_builds{{{stream}}}"), 1.0),
        (format!("mirrorkeep_stream_newest_success_timestamp_seconds{{{stream}}}"), created),
        (format!("mirrorkeep_stream_last_build_success{{{stream}}}"), 1.0),
        (format!("mirrorkeep_stage_alarm{{stage=stable,{stream}}}"), 0.0),
        ("mirrorkeep_deliver_parked_events{subscriber=ci}".to_owned(), 0.0),
    ] {
        assert_eq!(found.get(&sample), Some(&value), "{sample} in {found:#?}");
    }
    let bytes = rig.json(&["status"])["bytes"].as_f64();
    assert_eq!(found.get("mirrorkeep_bytes{}").copied(), bytes);
    assert!(found["mirrorkeep_disk_size_bytes{}"] >= found["mirrorkeep_disk_free_bytes{}"]);
    // The journal of a mirror that is published to moves the number of events that wait.
    assert!(found["mirrorkeep_deliver_behind_events{subscriber=ci}"] > 2.0, "{found:#?}");
}

#[test]
fn the_document_names_every_metric_and_no_other() {
    let rig = scene();
    let pruned = rig.run(&["prune"]);
    assert!(pruned.status.success() || pruned.status.code() == Some(4), "{pruned:?}");
    let copy = rig.mirror("").with_file_name("copy");
    fs::create_dir(&copy).unwrap();
    let targets = format!("targets: 1\nto: [{{name: copy, directory: '{}'}}]\n", copy.display());
    fs::write(rig.mirror(".mirrorkeep/targets.yaml"), targets).unwrap();
    rig.ok(&["sync"]);
    let families = rig.json(&["metrics"])["families"].clone();
    let names = |family: &Value| family["name"].as_str().unwrap().to_owned();
    let made: BTreeSet<String> = families.as_array().unwrap().iter().map(names).collect();
    let rows = include_str!("../../docs/metrics.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let told: BTreeSet<String> = rows
        .flat_map(|row| row.split(" | ").next().unwrap().split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    let not_now = [
        "mirrorkeep_stage_since_timestamp_seconds",
        "mirrorkeep_stage_gap_days",
        "mirrorkeep_stream_next_expiry_timestamp_seconds",
    ];
    let made: BTreeSet<String> = made.into_iter().chain(not_now.map(str::to_owned)).collect();
    assert_eq!(made, told);
}

#[test]
fn names_of_others_end_no_value() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    let work = rig.work("");
    let stream = "main/a\"} 1 # EOF \u{e9}{x=\"";
    rig.ok(&["publish", work.to_str().unwrap(), "--stream", stream, "--build", A]);
    let out = rig.work("../mirrorkeep.prom");
    rig.ok(&["metrics", "--out", out.to_str().unwrap()]);
    let found = read(&out);
    assert_eq!(found.get(&format!("mirrorkeep_stream_builds{{stream={stream}}}")), Some(&1.0), "{found:#?}");
}

#[test]
fn what_is_not_known_is_left_out_and_said() {
    let rig = scene();
    fs::write(rig.mirror(".mirrorkeep/deliver.yaml"), "deliver: nonsense").unwrap();
    let told = rig.ends(0, &["metrics"]);
    assert!(told.contains("warning: the subscribers are not known: "), "{told}");
    assert!(!told.contains("mirrorkeep_deliver_") && told.contains("mirrorkeep_stage_alarm"), "{told}");
    let nowhere = rig.work("nowhere/at/all.prom");
    rig.fails(1, "nowhere/at/all.prom", &["metrics", "--out", nowhere.to_str().unwrap()]);
    // A device is not replaced, and nothing of the mirror is.
    rig.fails(1, "cannot write `/dev/null`", &["metrics", "--out", "/dev/null"]);
    for below in [".mirrorkeep/mirror.yaml", "x.prom"] {
        let out = rig.mirror(below);
        rig.fails(
            2,
            "is in the mirror; a file outside it is accepted",
            &["metrics", "--out", out.to_str().unwrap()],
        );
    }
    fs::remove_dir_all(rig.mirror(".mirrorkeep")).unwrap();
    rig.fails(3, "", &["metrics"]);
}
