//! Events for other programs: each line of the journal that states what is done, as a CloudEvent of a known type.

use crate::support::rig::{PARTED, Rig, lay};
use crate::support::shapes::event_fits;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

const BUILDS: [&str; 3] = ["20181203T060000Z", "20181204T060000Z", "20181205T060000Z"];

const PIPELINE: &str = "pipeline: 1
stages: [{name: stable, streams: 'master/**', require: {votes: [smoke]}, previous: before}]
";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the types of events without what all of them have in common.
fn types(events: &[Value]) -> Vec<&str> {
    let short = |event: &'_ Value| event["type"].as_str().unwrap().strip_prefix("mirrorkeep.").map(str::len);
    assert!(events.iter().all(|event| short(event).is_some()));
    events.iter().map(|event| event["type"].as_str().unwrap()).map(|name| &name[11..name.len() - 3]).collect()
}

/// Returns the numbers of the lines of the journal that state what is done.
fn done(rig: &Rig) -> Vec<u64> {
    let mut files: Vec<_> =
        fs::read_dir(rig.mirror(".mirrorkeep/journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = lines(&text);
    let lines = lines.iter().filter(|line| line["phase"] == "done");
    lines.map(|line| line["seq"].as_u64().unwrap()).collect()
}

/// A mirror in which nearly every kind of event happened.
fn eventful() -> Rig {
    let rig = Rig::new();
    rig.policy_file(PARTED).write("inputs/RPMS/a.rpm", "the same").builds(BUILDS);
    let [oldest, middle, newest] = BUILDS.map(|name| format!("master/centos/{name}"));
    let pipeline = rig.work("../pipeline.yaml");
    fs::write(&pipeline, PIPELINE).unwrap();
    let pipeline = pipeline.to_str().unwrap();
    let calls: [&[&str]; 20] = [
        &["label", &middle, "sanity=green"],
        &["label", &middle, "--remove", "sanity"],
        &["hold", &middle, "--why", "bug 7", "--until", "3d"],
        &["unhold", &middle],
        &["alias", "set", "r1", &newest],
        &["alias", "remove", "r1"],
        &["prune"],
        &["restore", &oldest],
        &["unhold", &oldest],
        &["prune"],
        &["sweep"],
        &["pipeline", "set", pipeline],
        &["waive", "stable", "smoke", "--build", &middle, "--why", "no hardware"],
        &["promote", "stable", "--build", &middle],
        &["vote", &newest, "smoke", "success"],
        &["promote"],
        &["demote", "stable", "--stream", "master/centos", "--why", "does not boot"],
        &["unwaive", "stable", "smoke"],
        &["waive", "stable", "smoke", "--until", "3d", "--why", "no hardware"],
        &["withdraw", &newest, "--why", "a key", "--force", "--purge", "--yes"],
    ];
    for call in calls {
        rig.ok(call);
    }
    rig.ok(&["branch", "master/debian", "--like", "master/centos"]);
    lay(&rig, "master/debian/20181201T060000Z", &[("outputs/success", ""), ("outputs/iso/a.iso", "a")]);
    rig.ok(&["adopt"]);
    fs::remove_dir_all(rig.mirror("master/debian/20181201T060000Z")).unwrap();
    rig.run(&["adopt", "--changed"]);
    rig
}

#[test]
fn every_event_has_the_form_of_its_type_and_none_is_left_out() {
    let rig = eventful();
    // Events are lost, and a person accepts that.
    let journal = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let before = lines(&rig.ok(&["events"]));
    assert_eq!(
        before.iter().map(|event| event["data"]["seq"].as_u64().unwrap()).collect::<Vec<_>>(),
        done(&rig)
    );
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"phase\":\"done\"", "\"phase\":\"dome\"", 1)).unwrap();
    rig.fails(3, "damaged", &["events"]);
    rig.ok(&["recover", "--accept-journal"]);
    let after = lines(&rig.ok(&["events"]));
    assert_eq!(
        after.iter().map(|event| event["data"]["seq"].as_u64().unwrap()).collect::<Vec<_>>(),
        done(&rig)
    );
    let mut found = BTreeSet::new();
    for event in before.iter().chain(&after) {
        event_fits(event).unwrap();
        found.extend(types(std::slice::from_ref(event)).into_iter().map(str::to_owned));
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let expected = [
        "alias.moved",
        "alias.removed",
        "build.adopted",
        "build.held",
        "build.labelled",
        "build.lost",
        "build.pruned",
        "build.published",
        "build.restored",
        "build.swept",
        "build.trimmed",
        "build.unheld",
        "journal.recovered",
        "mirror.configured",
        "stage.demoted",
        "stage.promoted",
        "stage.unwaived",
        "stage.waived",
        "stream.branched",
    ];
    assert_eq!(found, expected);
    let ids: BTreeSet<&str> = before.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), before.len());
    let settings = fs::read_to_string(rig.mirror(".mirrorkeep/mirror.yaml")).unwrap();
    let id = settings.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(before.iter().all(|event| event["source"] == format!("mirrorkeep:{id}")), "{before:?}");
}

#[test]
fn events_are_chosen_by_number_type_and_stream() {
    let rig = Rig::new();
    rig.builds([BUILDS[0]]);
    let work = rig.work("");
    let other = ["publish", work.to_str().unwrap(), "--stream", "master/debian", "--build", BUILDS[1]];
    rig.ok(&other);
    let ids = |args: &[&str]| -> Vec<(String, String)> {
        let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        let all = lines(&rig.ok(&[&["events"], args].concat()));
        all.iter()
            .map(|event| (types(std::slice::from_ref(event))[0].to_owned(), text(event, "subject")))
            .collect()
    };
    let owned = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
    };
    let [one, two] = [format!("master/centos/{}", BUILDS[0]), format!("master/debian/{}", BUILDS[1])];
    let published = owned(&[("build.published", &one), ("build.published", &two)]);
    let moved = owned(&[
        ("alias.moved", "master/centos/latest_build"),
        ("alias.moved", "master/debian/latest_build"),
    ]);
    assert_eq!(ids(&["--type", "build.published"]), published);
    assert_eq!(ids(&["--type", "build.*"]), published);
    assert_eq!(ids(&["--type", "mirrorkeep.alias.moved.v1"]), moved);
    assert_eq!(ids(&["--type", "build.published", "--stream", "master/debian/"]), published[1..]);
    assert_eq!(ids(&["--type", "build.published", "--stream", "*/centos"]), published[..1]);
    assert_eq!(ids(&["--type", "build.*", "--type", "alias.*"]).len(), 4);
    let last = *done(&rig).last().unwrap();
    assert_eq!(lines(&rig.ok(&["events", "--since", &last.to_string()])).len(), 1);
    assert_eq!(rig.ok(&["events", "--since", &(last + 1).to_string()]), "");
    rig.fails(2, "`build.publish` is not a type of events", &["events", "--type", "build.publish"]);
    rig.fails(2, "the pattern cannot be used", &["events", "--stream", "[a"]);
}

/// A process that is ended when the value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn following(rig: &Rig, args: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let mut child = rig.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (Running(child), stdout)
}

#[test]
fn with_follow_each_event_comes_when_it_happened_until_the_user_stops() {
    let rig = Rig::new();
    rig.builds([BUILDS[0]]);
    let (mut running, stdout) = following(&rig, &["events", "--follow", "--type", "build.published"]);
    let mut came = stdout.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    assert_eq!(came.next().unwrap()["subject"], format!("master/centos/{}", BUILDS[0]));
    for name in &BUILDS[1..] {
        rig.builds([*name]);
        assert_eq!(came.next().unwrap()["subject"], format!("master/centos/{name}"));
    }
    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    assert!(came.next().is_none());
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let rig = Rig::new();
    rig.builds([BUILDS[0]]);
    let (mut running, mut stdout) = following(&rig, &["events", "--follow"]);
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    rig.builds([BUILDS[1]]);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn an_event_states_what_a_receiver_needs() {
    let rig = Rig::new();
    rig.builds([BUILDS[0]]);
    let events = lines(&rig.ok(&["events", "--type", "build.published", "--type", "alias.moved"]));
    let id = format!("master/centos/{}", BUILDS[0]);
    let published =
        &events.iter().find(|event| event["type"] == "mirrorkeep.build.published.v1").unwrap()["data"];
    assert_eq!(
        (&published["build"], &published["path"], &published["result"]),
        (&json!(id), &json!(id), &json!("success"))
    );
    assert_eq!((&published["stream"], &published["files"]), (&json!("master/centos"), &json!(3)));
    let moved = &events.iter().find(|event| event["type"] == "mirrorkeep.alias.moved.v1").unwrap()["data"];
    assert_eq!(
        (&moved["build"], &moved["from"], &moved["stream"]),
        (&json!(id), &Value::Null, &json!("master/centos"))
    );
}
