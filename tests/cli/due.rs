//! `due`: whether a build is due, requests by hand, and runs that are started once.

use crate::support::rig::Rig;
use crate::support::shapes::event_fits;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const STREAM: &str = "master/centos";
const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";

/// Returns an empty mirror.
fn empty() -> Rig {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig
}

/// Asks, and returns the answer of a command that must end with that code.
#[track_caller]
fn due(rig: &Rig, code: i32, more: &[&str]) -> Value {
    rig.json_ends(code, &[&["due", STREAM], more].concat())
}

#[track_caller]
fn request(rig: &Rig) {
    rig.ok(&["due", STREAM, "--request", "--why", "bug 7"]);
}

fn open(rig: &Rig) -> usize {
    rig.json(&["due", STREAM, "--unrequest", "--dry-run"])["open"].as_array().unwrap().len()
}

/// Returns the types of the events about runs.
fn events(rig: &Rig) -> Vec<String> {
    let lines = rig.ok(&["events", "--type", "run.*", "--stream", STREAM]);
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kind = |event: Value| {
        event_fits(&event).unwrap();
        event["type"].as_str().unwrap()["mirrorkeep.run.".len()..].trim_end_matches(".v1").to_owned()
    };
    events.map(kind).collect()
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_mins(1), "waited too long until {what}");
        sleep(Duration::from_millis(20));
    }
}

/// A git repository.
struct Repository(PathBuf);

impl Repository {
    fn new(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let repository = Self(at.to_owned());
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit();
        repository
    }

    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.0).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(args);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["commit", "-q", "--allow-empty", "-m", "a change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn at(&self, reference: &str) -> String {
        format!("file://{}@{reference}", self.0.display())
    }
}

/// Publishes a build with these commits.
#[track_caller]
fn publish(rig: &Rig, name: &str, checkouts: &[(&str, &str)]) {
    let lines = checkouts.iter().map(|(dir, commit)| format!("(cd ./{dir} && git checkout -f {commit})\n"));
    rig.write("outputs/CONTEXT", &lines.collect::<String>());
    rig.publish(name, &[]);
}

#[test]
fn a_build_that_is_requested_is_due_until_a_run_answers_it() {
    let rig = empty();
    let answer = due(&rig, 9, &[]);
    assert_eq!((&answer["outcome"], &answer["answers"][0]["due"]), (&json!("not-due"), &json!(false)));
    assert_eq!(due(&rig, 9, &["--run", "false"])["outcome"], "not-due");
    let asked = rig.json(&["due", STREAM, "--request", "--why", "bug 7"]);
    assert_eq!((&asked["changed"], &asked["open"][0]["why"]), (&json!(true), &json!("bug 7")));
    let answer = due(&rig, 0, &[]);
    assert_eq!((&answer["outcome"], &answer["answers"][0]["about"]), (&json!("due"), &json!("bug 7")));
    // One that fails before it published leaves it open, and one that succeeds does not.
    let failed = due(&rig, 1, &["--run", "sh", "-c", "exit 3"]);
    assert_eq!((&failed["outcome"], &failed["run"]["code"]), (&json!("failed"), &json!(3)));
    assert_eq!(open(&rig), 1);
    let run = due(&rig, 0, &["--run", "true"]);
    assert_eq!((&run["outcome"], &run["run"]["outcome"]), (&json!("succeeded"), &json!("success")));
    assert_eq!((open(&rig), &due(&rig, 9, &["--run", "false"])["outcome"]), (0, &json!("not-due")));
    assert_eq!(events(&rig), ["requested", "started", "ended", "started", "ended"]);
    // Taken back.
    request(&rig);
    request(&rig);
    assert_eq!(rig.ok(&["due", STREAM, "--unrequest"]), format!("took back the requests of {STREAM}\n"));
    assert_eq!(rig.ok(&["due", STREAM, "--unrequest"]), format!("no build of {STREAM} is requested\n"));
    due(&rig, 9, &[]);
    let log = rig.ok(&["log"]);
    for said in [
        "requested a build of master/centos: bug 7",
        "started a build of",
        "ended the build of master/centos: success",
    ] {
        assert!(log.contains(said), "{log}");
    }
}

#[test]
fn a_build_that_is_published_answers_the_requests_before_it() {
    let rig = empty();
    request(&rig);
    // By a run, although that then fails; the request that was made meanwhile stays.
    let work = rig.work("").display().to_string();
    let script = "\"$0\" publish \"$1\" --stream $MIRRORKEEP_STREAM && \"$0\" due $MIRRORKEEP_STREAM --request --why meanwhile && exit 4";
    due(&rig, 1, &["--run", "sh", "-c", script, env!("CARGO_BIN_EXE_mirrorkeep"), &work]);
    let left = rig.json(&["due", STREAM, "--unrequest", "--dry-run"]);
    assert_eq!(left["open"].as_array().unwrap().len(), 1);
    assert_eq!(left["open"][0]["why"], "meanwhile");
    // Without a run, one that was made before the request does not answer it.
    rig.publish(TWO, &[]);
    assert_eq!(open(&rig), 1);
    sleep(Duration::from_millis(1100));
    rig.ok(&["publish", &work, "--stream", STREAM]);
    assert_eq!(open(&rig), 0);
    // Another stream has its own.
    rig.ok(&["due", "master/debian", "--request", "--why", "bug 8"]);
    due(&rig, 9, &[]);
}

#[test]
fn after_a_span_since_the_last_start_a_build_is_due() {
    let rig = empty();
    let every = ["--every", "24h"];
    assert_eq!(due(&rig, 0, &every)["answers"][1]["why"], "no build was started yet");
    // A run that fails was started all the same.
    due(&rig, 1, &["--every", "24h", "--run", "false"]);
    let answer = due(&rig, 9, &every)["answers"][1].clone();
    assert_eq!(
        (&answer["question"], &answer["about"], &answer["due"]),
        (&json!("every"), &json!("24h"), &json!(false))
    );
    let day = |text: &Value| chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
    assert_eq!(day(&answer["to"]) - day(&answer["from"]), chrono::TimeDelta::days(1));
    // So was a build that was published.
    let other = empty();
    other.publish(ONE, &[]);
    assert_eq!(due(&other, 0, &every)["answers"][1]["from"], "2018-12-05T06:00:00Z");
    let work = other.work("").display().to_string();
    other.ok(&["publish", &work, "--stream", STREAM]);
    due(&other, 9, &every);
}

#[test]
fn a_branch_that_moved_makes_a_build_due() {
    let rig = empty();
    let repository = Repository::new(&rig.work("../tool.git"));
    let main = repository.at("main");
    let first = repository.git(&["rev-parse", "HEAD"]);
    let ask = |code| due(&rig, code, &["--git", &main])["answers"][1].clone();
    // No build, a build without CONTEXT, one without this repository.
    assert_eq!((&ask(0)["from"], &ask(0)["to"]), (&Value::Null, &json!(first)));
    rig.publish(ONE, &[]);
    assert_eq!(ask(0)["why"], "no newest build states its commit");
    publish(&rig, "20181205T070000Z", &[("a", &first), ("b", &first)]);
    ask(0);
    publish(&rig, TWO, &[("stx/tool", &first), ("other", &"0".repeat(40))]);
    assert_eq!(ask(9)["why"], "the newest build has this commit");
    let second = repository.commit();
    let answer = ask(0);
    assert_eq!((&answer["from"], &answer["to"]), (&json!(first), &json!(second)));
    let said = rig.ok(&["due", STREAM, "--git", &main]);
    assert!(said.contains(&format!("({} -> {})", &first[..12], &second[..12])), "{said}");
    // A tag, a full name, HEAD, another directory.
    repository.git(&["tag", "-a", "-m", "a tag", "v1", &first]);
    for reference in ["v1", "refs/tags/v1"] {
        due(&rig, 9, &["--git", &repository.at(reference)]);
    }
    due(&rig, 0, &["--git", &repository.at("HEAD")]);
    due(&rig, 0, &["--git", &format!("other={}", repository.at("v1"))]);
    due(&rig, 9, &["--git", &format!("stx/tool={}@v1", repository.0.display())]);
    // The newest build counts, whatever its result.
    rig.write("outputs/CONTEXT", &format!("(cd ./tool && git checkout -f {second})\n"));
    rig.publish("20181207T060000Z", &["--result", "fail"]);
    ask(9);
}

#[test]
fn every_checkout_of_the_newest_build_is_compared_with_its_repository() {
    let rig = empty();
    let repositories = ["a", "b"].map(|name| Repository::new(&rig.work(&format!("../git/{name}.git"))));
    let form = format!("file://{}/{{repo}}.git@main", rig.work("../git").display());
    let ask = |code| due(&rig, code, &["--context", &form]);
    assert_eq!(ask(0)["answers"][1]["why"], "there is no build yet");
    let run = due(&rig, 1, &["--context", &form, "--run", "false"]);
    assert_eq!(run["outcome"], "failed");
    // Otherwise it would be started again at every tick; what is said helps.
    let again = ask(1)["answers"][1]["why"].as_str().unwrap().to_owned();
    let hint = again.split('`').nth(1).unwrap().trim_start_matches("mirrorkeep ").to_owned();
    rig.ok(&hint.split(' ').collect::<Vec<_>>());
    due(&rig, 0, &["--context", &form, "--run", "true"]);
    assert_eq!(ask(1)["outcome"], "unknown");
    rig.publish(ONE, &[]);
    let none = ask(1);
    assert!(none["answers"][1]["why"].as_str().unwrap().contains("use --git URL@REF instead"), "{none}");
    let [a, b] = repositories.each_ref().map(|one| one.git(&["rev-parse", "HEAD"]));
    publish(&rig, TWO, &[("stx/a", &a), ("b", &b)]);
    let same = ask(9);
    let about: Vec<&Value> =
        same["answers"].as_array().unwrap()[1..].iter().map(|one| &one["about"]).collect();
    let of = |dir: &str, repo: &str| json!(format!("{dir}={}", form.replace("{repo}", repo)));
    assert_eq!(about, [&of("stx/a", "a"), &of("b", "b")]);
    let moved = repositories[0].commit();
    let answer = ask(0)["answers"][1].clone();
    assert_eq!((&answer["from"], &answer["to"]), (&json!(a), &json!(moved)));
    // A repository that is gone is an open question, and no reason to build.
    fs::rename(rig.work("../git/a.git"), rig.work("../git/c.git")).unwrap();
    assert_eq!(ask(1)["outcome"], "unknown");
    rig.fails(2, "has neither `{repo}` nor `{dir}`", &["due", STREAM, "--context", "https://h/a@main"]);
    rig.fails(2, "cannot be used with", &["due", STREAM, "--unrequest", "--context", &form]);
}

#[test]
fn a_checkout_whose_repository_is_named_is_asked_there_alone() {
    let rig = empty();
    let [a, b] = ["a", "b"].map(|name| Repository::new(&rig.work(&format!("../git/{name}"))));
    let [at_a, at_b] = [&a, &b].map(|one| one.git(&["rev-parse", "HEAD"]));
    let form = format!("file://{}/{{repo}}@main", rig.work("../git").display());
    // The workspace itself is a checkout, one has a name of its own, and one is stated twice.
    publish(&rig, ONE, &[(".", &at_a), ("x@1/a", &at_a), ("b", &at_a), ("b", &at_b)]);
    let ask = |code, more: &[&str]| due(&rig, code, &[&["--context", &*form], more].concat());
    let unknown = ask(1, &[]);
    let why = unknown["answers"].as_array().unwrap().last().unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.ends_with("add --git '.=URL@REF'"), "{unknown}");
    let itself = format!(".={}", a.at("main"));
    let same = ask(9, &["--git", &itself]);
    assert_eq!(same["answers"].as_array().unwrap().len(), 4, "{same}");
    b.commit();
    assert_eq!(ask(0, &["--git", &itself])["answers"][3]["from"], json!(at_b));
    // One that is named is not asked where the others are.
    let other = Repository::new(&rig.work("../elsewhere"));
    other.git(&["fetch", "-q", &b.0.display().to_string(), "main"]);
    other.git(&["branch", "stable", &at_b]);
    let instead = format!("b={}", other.at("stable"));
    ask(9, &["--git", &itself, "--git", &instead]);
    let odd = format!("./x@1/a={}", b.at("main"));
    assert_eq!(
        ask(0, &["--git", &itself, "--git", &instead, "--git", &odd])["answers"][3]["from"],
        json!(at_a)
    );
}

#[test]
fn what_a_run_tried_is_not_tried_again_before_it_moves() {
    let rig = empty();
    let repository = Repository::new(&rig.work("../tool.git"));
    let main = repository.at("main");
    let first = repository.git(&["rev-parse", "HEAD"]);
    publish(&rig, ONE, &[("tool", &first)]);
    repository.commit();
    let run = |code, command: &'static str| due(&rig, code, &["--git", &main, "--run", command]);
    run(1, "false");
    let answer = run(9, "false")["answers"][1].clone();
    assert_eq!(answer["why"], "the last run had this commit, and nothing else was built since");
    // Without a run nothing is remembered; it moves on; a request.
    repository.commit();
    run(0, "true");
    run(9, "false");
    request(&rig);
    run(0, "true");
    // A build with the first commit is published again, which is what was built before; then one with another.
    publish(&rig, TWO, &[("tool", &first)]);
    run(9, "false");
    publish(&rig, "20181207T060000Z", &[("tool", &"1".repeat(40))]);
    run(0, "true");
    run(9, "false");
    // The build is gone, and another is the newest.
    rig.ok(&["withdraw", "master/centos/20181207T060000Z", "--why", "a test", "--force"]);
    run(0, "true");
}

#[test]
fn what_a_run_published_instead_is_not_built_at_every_look() {
    let rig = empty();
    let repository = Repository::new(&rig.work("../tool.git"));
    let main = repository.at("main");
    publish(&rig, ONE, &[("tool", &repository.git(&["rev-parse", "HEAD"]))]);
    repository.commit();
    let file = rig.work("../packages.list");
    fs::write(&file, "b\na\n").unwrap();
    let changed = format!("inputs/downloads/packages.list={}", file.display());
    rig.write("inputs/downloads/packages.list", "sorted").write("outputs/logs/log", "");
    // The checkout stays at the old commit, as when it could not be updated; the file is sorted by the build.
    let publish = |result: &str, code: &str| {
        let work = rig.work("").display().to_string();
        let script = format!(
            "date +%s%N > \"$1/outputs/logs/log\"; sleep 1.1; \"$0\" publish \"$1\" --stream {STREAM} --result {result}; exit {code}"
        );
        ["--run", "sh", "-c", &script, env!("CARGO_BIN_EXE_mirrorkeep"), &work].map(str::to_owned).to_vec()
    };
    let run = |code, question: [&str; 2], command: Vec<String>| {
        let words: Vec<&str> = question.into_iter().chain(command.iter().map(String::as_str)).collect();
        due(&rig, code, &words)
    };
    run(1, ["--git", &main], publish("fail", "1"));
    run(9, ["--git", &main], publish("fail", "1"));
    due(&rig, 9, &["--git", &main]);
    run(0, ["--changed", &changed], publish("success", "0"));
    run(9, ["--changed", &changed], publish("success", "0"));
    run(9, ["--git", &main], publish("success", "0"));
    repository.commit();
    fs::write(&file, "c\n").unwrap();
    due(&rig, 0, &["--git", &main]);
    run(0, ["--changed", &changed], publish("success", "0"));
    run(0, ["--git", &main], publish("success", "0"));
    run(9, ["--git", &main], publish("success", "0"));
    // mirrorkeep is killed after the build was published.
    repository.commit();
    let ended = rig.work("../ended");
    let script = format!("\"$0\" publish \"$1\" --stream {STREAM}; kill -9 $PPID; touch {}", ended.display());
    let work = rig.work("").display().to_string();
    sleep(Duration::from_millis(1100));
    rig.run(&[
        "due",
        STREAM,
        "--git",
        &main,
        "--run",
        "sh",
        "-c",
        &script,
        env!("CARGO_BIN_EXE_mirrorkeep"),
        &work,
    ]);
    until("the command ended", || ended.exists() && due(&rig, 9, &["--git", &main])["outcome"] == "not-due");
}

#[test]
fn what_cannot_be_asked_is_not_known_and_never_not_due() {
    let rig = empty();
    publish(&rig, ONE, &[("x/tool", &"0".repeat(40)), ("y/tool", &"0".repeat(40))]);
    let repository = Repository::new(&rig.work("../tool.git"));
    let nowhere = format!("file://{}/nowhere@main", rig.work("").display());
    let answer = due(&rig, 1, &["--git", &nowhere]);
    assert_eq!((&answer["outcome"], &answer["answers"][1]["due"]), (&json!("unknown"), &Value::Null));
    assert!(answer["answers"][1]["why"].as_str().unwrap().starts_with("git said: fatal: "), "{answer}");
    assert!(!rig.mirror("../started").exists());
    let started = rig.mirror("../started").display().to_string();
    assert_eq!(due(&rig, 1, &["--git", &nowhere, "--run", "touch", &started])["outcome"], "unknown");
    assert!(!rig.mirror("../started").exists());
    let gone = due(&rig, 1, &["--git", &repository.at("nothing")]);
    assert_eq!(gone["answers"][1]["why"], "the repository has no branch or tag `nothing`");
    let several = due(&rig, 1, &["--git", &repository.at("main")]);
    assert!(several["answers"][1]["why"].as_str().unwrap().contains("x/tool=file://"), "{several}");
    // What is known to be due is enough.
    due(&rig, 0, &["--git", &nowhere, "--every", "24h"]);
    rig.fails(2, "is not a branch or tag of a repository", &["due", STREAM, "--git", "ext::sh -c id@main"]);
    rig.fails(2, "is not a branch or tag of a repository", &["due", STREAM, "--git=--upload-pack=id@main"]);
    rig.fails(2, "the layout", &["due", "master"]);
    rig.fails(2, "cannot be used with", &["due", STREAM, "--request", "--why", "x", "--run", "true"]);
    rig.fails(2, "--why", &["due", STREAM, "--request"]);
    rig.fails(2, "is not a length of time", &["due", STREAM, "--every", "soon"]);
}

#[test]
fn what_is_said_of_a_run_and_of_what_cannot_be_asked_helps() {
    let rig = empty();
    rig.fails(2, "one of `m`, `h`, `d`, `w` is accepted", &["due", STREAM, "--every", "24"]);
    rig.fails(2, "due at every look", &["due", STREAM, "--every", "0h"]);
    rig.fails(2, "names no path in the build", &["due", STREAM, "--changed", "=/etc/passwd"]);
    assert!(rig.ok(&["due", "--help"]).contains("with 7"));
    let said = |args: &[&str]| {
        request(&rig);
        rig.run(&[&["due", STREAM, "--run"], args].concat())
    };
    let text = |output: Output| String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let missing = text(said(&["/no/such/program"]));
    assert!(
        missing.contains("not started: cannot start") && missing.contains("was not started: "),
        "{missing}"
    );
    assert!(!missing.contains("built"), "{missing}");
    let failed = text(said(&["sh", "-c", "exit 3"]));
    assert!(
        failed.contains("the command failed: it ended with exit code 3") && !failed.contains("built"),
        "{failed}"
    );
    assert!(text(said(&["true"])).contains("the command succeeded"));
    // A link in the place of CONTEXT.
    publish(&rig, ONE, &[("tool", &"0".repeat(40))]);
    let context = rig.mirror(&format!("{STREAM}/{ONE}/outputs/CONTEXT"));
    fs::remove_file(&context).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &context).unwrap();
    let answer = due(&rig, 1, &["--context", "/srv/git/{repo}@main"]);
    assert!(answer["answers"][1]["why"].as_str().unwrap().contains(": it is a symlink"), "{answer}");
}

#[test]
fn git_ends_although_mirrorkeep_was_killed() {
    let rig = empty();
    let (bin, asked) = (rig.work("../bin"), rig.work("../asked"));
    fs::create_dir_all(&bin).unwrap();
    let script = format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", asked.display());
    fs::write(bin.join("git"), script).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let args = ["due", STREAM, "--git", "https://git.example.org/tool.git@main", "--git-limit", "1"];
    let mut child = rig.command(&args).env("PATH", path).stdout(Stdio::null()).spawn().unwrap();
    until("git is asked", || lines(&asked) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let git = fs::read_to_string(&asked).unwrap();
    let is_over = || fs::read(format!("/proc/{}/cmdline", git.trim())).unwrap_or_default().is_empty();
    until("git ended", is_over);
}

/// Runs `due` with a stand-in for git.
fn with_git(rig: &Rig, script: &str, more: &[&str]) -> Output {
    let bin = rig.work("../bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("git"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let args = [&["--json", "due", STREAM, "--git", "https://git.example.org/tool.git@main"], more].concat();
    rig.command(&args).env("PATH", path).env("GIT_DIR", "/nowhere").output().unwrap()
}

#[test]
fn a_git_that_hangs_or_floods_is_ended_with_all_that_it_started() {
    let rig = empty();
    let late = rig.work("../late");
    let script = format!("trap '' TERM; (trap '' TERM; sleep 5; echo late > {}) & sleep 60", late.display());
    let output = with_git(&rig, &script, &["--git-limit", "1"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &answer["outcome"]), (Some(1), &json!("unknown")));
    assert_eq!(answer["answers"][1]["why"], "the repository did not answer within 1 s");
    let flood = with_git(
        &rig,
        "exec yes 1111111111111111111111111111111111111111 refs/heads/x",
        &["--git-limit", "1"],
    );
    assert_eq!(flood.status.code(), Some(1));
    // Of many refs that end so the one counts that was asked for.
    let refs = "echo \"$0\" > /dev/null; printf '%040d\\tHEAD\\n' 7; seq -f '0000000000000000000000000000000000000000\trefs/remotes/r%g/HEAD' 3000";
    let args = ["--json", "due", STREAM, "--git", "https://git.example.org/tool.git@HEAD"];
    with_git(&rig, refs, &[]);
    let path = format!("{}:{}", rig.work("../bin").display(), std::env::var("PATH").unwrap());
    let output = rig.command(&args).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    // Many are asked at once.
    let sources: Vec<String> = (0..8).map(|nth| format!("https://git.example.org/r{nth}@main")).collect();
    let more: Vec<&str> = sources.iter().flat_map(|source| ["--git", source.as_str()]).collect();
    let commit = "1".repeat(40);
    let together = format!(
        "echo >> {0}; for i in $(seq 600); do [ $(wc -l < {0}) -ge 9 ] && break; sleep 0.05; done; printf '{commit}\\trefs/heads/main\\n'",
        rig.work("../count").display()
    );
    let output = with_git(&rig, &together, &more);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    sleep(Duration::from_secs(5));
    assert!(!late.exists());
}

#[test]
fn git_asks_no_one_and_runs_nothing_that_an_address_names() {
    let rig = empty();
    let seen = rig.work("../seen");
    let script =
        format!("env > {0}; echo \"$*\" >> {0}; printf '%040d\\trefs/heads/main\\n' 7", seen.display());
    assert_eq!(with_git(&rig, &script, &[]).status.code(), Some(0));
    let seen = fs::read_to_string(&seen).unwrap();
    for line in [
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ASKPASS=/bin/false",
        "SSH_ASKPASS_REQUIRE=force",
        "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file",
    ] {
        assert!(seen.lines().any(|other| other == line), "{line}: {seen}");
    }
    assert!(
        !seen.contains("GIT_DIR=")
            && seen.contains("ls-remote -- https://git.example.org/tool.git refs/heads/main"),
        "{seen}"
    );
    // The configuration of a user makes a command of an address.
    let (home, ran) = (rig.work("../home"), rig.work("../ran"));
    fs::create_dir_all(&home).unwrap();
    let config = format!(
        "[url \"ext::touch {} \"]\n insteadOf = https://git.example.org/\n[protocol]\n allow = always\n",
        ran.display()
    );
    fs::write(home.join(".gitconfig"), config).unwrap();
    let args = ["--json", "due", STREAM, "--git", "https://git.example.org/tool.git@main"];
    let output = rig.command(&args).env("HOME", &home).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), ran.exists()), (Some(1), false));
    assert!(
        answer["answers"][1]["why"].as_str().unwrap().contains("transport 'ext' not allowed"),
        "{answer}"
    );
}

#[test]
fn a_file_that_is_another_than_in_the_newest_build_makes_one_due() {
    let rig = empty();
    let file = rig.work("../manifest.xml");
    fs::write(&file, "one").unwrap();
    let file = file.display().to_string();
    let ask = |code, source: &str| due(&rig, code, &["--changed", source])["answers"][1].clone();
    assert_eq!(ask(0, &file)["from"], Value::Null);
    rig.write("outputs/logs/manifest.xml", "one");
    rig.publish(ONE, &[]);
    ask(9, &file);
    ask(9, &format!("outputs/logs/manifest.xml={file}"));
    ask(0, &format!("outputs/iso/bootimage.iso={file}"));
    rig.write("outputs/iso/manifest.xml", "two");
    rig.publish(TWO, &[]);
    let several = ask(1, &file);
    assert!(several["why"].as_str().unwrap().contains("outputs/iso/manifest.xml="), "{several}");
    fs::write(&file, "two").unwrap();
    ask(0, &format!("outputs/logs/manifest.xml={file}"));
    // A run that publishes nothing does not run again.
    let source = format!("outputs/logs/manifest.xml={file}");
    due(&rig, 0, &["--changed", &source, "--run", "true"]);
    due(&rig, 9, &["--changed", &source, "--run", "true"]);
    // What cannot be read is not known; a FIFO is not waited for.
    assert_eq!(ask(1, &format!("{file}.gone"))["due"], Value::Null);
    let fifo = rig.work("../fifo").display().to_string();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(ask(1, &fifo)["why"].as_str().unwrap().contains("not a regular file"));
    rig.fails(2, "names no file", &["due", STREAM, "--changed", "a="]);
    rig.fails(2, "--changed ../a=b", &["due", STREAM, "--changed", "../a=b"]);
}

#[test]
fn how_a_run_ended_is_recorded_although_the_mirror_is_busy_then() {
    let rig = empty();
    request(&rig);
    let lock = rig.mirror(".mirrorkeep/lock").display().to_string();
    let script = "setsid flock \"$0\" sleep 3 & sleep 0.5";
    let run = due(&rig, 0, &["--wait", "1", "--run", "sh", "-c", script, &lock]);
    assert_eq!((&run["outcome"], open(&rig)), (&json!("succeeded"), 0));
    assert_eq!(events(&rig), ["requested", "started", "ended"]);
}

/// Starts a run whose command writes a line when it begins, and then waits until a file is there.
fn running(rig: &Rig) -> (Child, PathBuf, PathBuf) {
    let (begun, go) = (rig.work("../begun"), rig.work("../go"));
    let script = "echo $$ >> \"$0\"; while ! [ -e \"$1\" ]; do sleep 0.02; done";
    let args =
        ["--json", "due", STREAM, "--run", "sh", "-c", script, begun.to_str().unwrap(), go.to_str().unwrap()];
    let mut command = rig.command(&args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    (child, begun, go)
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[test]
fn two_timers_start_one_build() {
    let rig = empty();
    request(&rig);
    let (first, begun, go) = running(&rig);
    until("the first runs", || lines(&begun) == 1);
    let (second, ..) = running(&rig);
    let second = second.wait_with_output().unwrap();
    let answer: Value = serde_json::from_slice(&second.stdout).unwrap();
    assert_eq!((second.status.code(), &answer["outcome"]), (Some(9), &json!("running")));
    assert!(answer["running"].as_str().unwrap().contains(" holds it"), "{answer}");
    assert_eq!(due(&rig, 9, &[])["outcome"], "running");
    assert!(rig.ends(9, &["due", STREAM]).contains("not due, a build is running since "));
    // Another stream and another command do not wait.
    rig.ok(&["due", "master/debian", "--every", "24h", "--run", "true"]);
    rig.publish(ONE, &["--result", "fail"]);
    fs::write(&go, "").unwrap();
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(0));
    // All at once.
    request(&rig);
    let all: Vec<_> = (0..6).map(|_| running(&rig).0).collect();
    let codes: Vec<_> =
        all.into_iter().map(|child| child.wait_with_output().unwrap().status.code()).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == Some(9)).count(), 5, "{codes:?}");
    assert_eq!(lines(&begun), 2);
}

#[test]
fn a_killed_run_is_started_again_once_its_command_ended() {
    let rig = empty();
    request(&rig);
    let (mut first, begun, go) = running(&rig);
    until("the first runs", || lines(&begun) == 1);
    first.kill().unwrap();
    first.wait().unwrap();
    // The command lives, and has the lock.
    assert_eq!(due(&rig, 9, &["--run", "true"])["outcome"], "running");
    fs::write(&go, "").unwrap();
    until("the command ended", || due_code(&rig) == Some(0));
    assert_eq!((open(&rig), events(&rig)), (1, ["requested", "started"].map(str::to_owned).to_vec()));
    // Nothing was started, as far as a span is concerned.
    assert_eq!(due(&rig, 0, &["--every", "24h"])["answers"][1]["due"], json!(true));
    assert_eq!(due(&rig, 0, &["--run", "true"])["outcome"], "succeeded");
    assert_eq!(open(&rig), 0);
}

#[test]
fn the_lock_of_a_killed_run_survives_a_script_with_files_of_its_own() {
    let rig = empty();
    request(&rig);
    let (begun, go) = (rig.work("../begun"), rig.work("../go"));
    let files = (3..10).map(|fd| format!("exec {fd}>\"$0.{fd}\"; ")).collect::<String>();
    let script = format!("{files}echo >> \"$0\"; while ! [ -e \"$1\" ]; do sleep 0.02; done");
    let args = ["due", STREAM, "--run", "sh", "-c", &script, begun.to_str().unwrap(), go.to_str().unwrap()];
    let mut first = rig.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it runs", || lines(&begun) == 1);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(due(&rig, 9, &["--run", "true"])["outcome"], "running");
    fs::write(&go, "").unwrap();
    until("the command ended", || due_code(&rig) == Some(0));
}

#[test]
fn a_killed_run_has_no_builds_after_its_lock_is_free() {
    let rig = empty();
    request(&rig);
    let (mut first, begun, go) = running(&rig);
    until("the first runs", || lines(&begun) == 1);
    first.kill().unwrap();
    first.wait().unwrap();
    // Its command lives: this request is for the next run.
    request(&rig);
    fs::write(&go, "").unwrap();
    until("the command ended", || due_code(&rig) == Some(0));
    request(&rig);
    let work = rig.work("").display().to_string();
    sleep(Duration::from_millis(1100));
    rig.ok(&["publish", &work, "--stream", STREAM]);
    assert_eq!((open(&rig), due_code(&rig)), (0, Some(9)));
}

fn due_code(rig: &Rig) -> Option<i32> {
    rig.run(&["due", STREAM]).status.code()
}

#[test]
fn a_run_that_is_stopped_ends_its_command_and_does_not_count() {
    let rig = empty();
    request(&rig);
    let (first, begun, _) = running(&rig);
    until("it runs", || lines(&begun) == 1);
    assert!(Command::new("kill").arg(first.id().to_string()).status().unwrap().success());
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(events(&rig), ["requested", "started", "ended"]);
    assert_eq!((open(&rig), due_code(&rig)), (1, Some(0)));
    due(&rig, 0, &["--every", "24h"]);
    // Both get the signal, as when a service manager stops a service, and the command is faster.
    let (second, begun, _) = running(&rig);
    until("it runs again", || lines(&begun) == 2);
    let command = fs::read_to_string(&begun).unwrap().lines().last().unwrap().to_owned();
    let both = [command, second.id().to_string()];
    assert!(Command::new("kill").args(both).status().unwrap().success());
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!((open(&rig), due_code(&rig)), (1, Some(0)));
}

#[test]
fn a_command_runs_without_a_shell_and_what_it_writes_is_no_answer() {
    let rig = empty();
    let trial =
        rig.ok(&["due", STREAM, "--every", "24h", "--dry-run", "--run", "make", "-C", "a b", "--json"]);
    assert!(trial.starts_with("master/centos: due; would run make -C 'a b' --json\n"), "{trial}");
    assert_eq!(events(&rig), [""; 0]);
    let script = "echo out; echo err >&2; echo $MIRRORKEEP_STREAM $MIRRORKEEP_MIRROR \"$1\"";
    let args = ["--json", "due", STREAM, "--every", "24h", "--run", "sh", "-c", script, "x", "$(id); --help"];
    let output = rig.run(&args);
    serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let mirror = rig.mirror("").display().to_string();
    let mirror = mirror.trim_end_matches('/');
    assert!(
        said.contains("out\nerr\n")
            && said.contains(&format!("{STREAM} {mirror}"))
            && said.contains("$(id); --help"),
        "{said}"
    );
    let none = due(&rig, 1, &["--changed", "/dev/null", "--git-limit", "1", "--every", "1m"]);
    assert_eq!(none["outcome"], "unknown");
    rig.ok(&["due", STREAM, "--request", "--why", "x"]);
    // What could not be started was not started.
    let other = empty();
    let missing = due(&other, 1, &["--every", "24h", "--run", "/no/such/program"]);
    assert!(missing["run"]["why"].as_str().unwrap().contains("no such program"), "{missing}");
    due(&other, 0, &["--every", "24h", "--run", "--", "true"]);
    rig.fails(2, "names no program", &["due", STREAM, "--run", ""]);
    rig.fails(2, "names no program", &["due", STREAM, "--run", "--"]);
    rig.fails(2, "one of `m`, `h`, `d`, `w` is accepted", &["due", STREAM, "--every", "1mo"]);
    rig.fails(2, "could not run", &["due", STREAM, "--limit", "0m", "--run", "true"]);
}
