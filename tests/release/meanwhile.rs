//! What changes while releases are carried out: builds that are rejected, tags that appear, commands that run at once.

use super::applied::publish;
use super::attacked::{NOVA, Scene, entry, request};
use crate::cli::sign::keys::Gpg;
use crate::support::requests::{BRANCH, git};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Returns a scene with two releases of a series whose builds need a vote, which they have.
fn voted() -> Scene {
    let scene = Scene::new();
    let pipeline = scene.rig.work("../pipeline.yaml");
    let text = "pipeline: 1\nstages: [{name: tested, streams: '**', require: {votes: [smoke]}}]\n";
    fs::write(&pipeline, text).unwrap();
    scene.rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    let mut entries = Vec::new();
    for version in ["1.0.0", "2.0.0"] {
        publish(&scene.rig, version);
        let build = format!("{NOVA}/{version}");
        scene.rig.ok(&["vote", &build, "smoke", "success"]);
        let commit = scene.requests.grow(NOVA, "stable/tested");
        entries.push(entry(version, &commit, &format!("    build: {build}\n")));
    }
    scene.requests.write("requests/tested/nova.yaml", &request(&entries));
    scene.requests.commit("Release");
    scene
}

impl Scene {
    /// Rejects a build each time a tag was pushed.
    fn rejects(&self, version: &str) {
        let program = self.rig.command(&[]).get_program().to_owned();
        let program = Path::new(&program).display().to_string();
        self.hook(
            "post-receive",
            &format!("{program} reject {NOVA}/{version} --why 'leaks a key' > /dev/null 2>&1"),
        );
    }

    fn labels(&self, version: &str) -> String {
        self.rig.json(&["show", &format!("{NOVA}/{version}")])["labels"].to_string()
    }
}

#[test]
fn a_build_that_is_rejected_meanwhile_is_not_released() {
    let scene = voted();
    scene.rejects("2.0.0");
    let text = scene.apply(5, &[]);
    assert!(
        text.contains("released tested/nova/1.0.0\nrefused") || text.contains("refused tested/nova/2.0.0\n"),
        "{text}"
    );
    assert!(text.contains("released tested/nova/1.0.0\n"), "{text}");
    assert!(text.contains("build-votes: ") && text.contains("it is rejected: leaks a key"), "{text}");
    assert_eq!((scene.tags(), scene.events()), (vec!["1.0.0".to_owned()], 1));
    assert!(!scene.labels("2.0.0").contains("series"));
}

#[test]
fn a_build_that_is_rejected_once_its_tag_is_public_is_not_named() {
    let scene = voted();
    scene.rejects("1.0.0");
    let text = scene.apply(1, &[]);
    assert!(text.contains("failed tested/nova/1.0.0\n"), "{text}");
    assert!(
        text.contains("its tags are public, and its build was not named: requests/tested/nova.yaml:"),
        "{text}"
    );
    assert!(!scene.labels("1.0.0").contains("series"));
    assert_eq!(scene.events(), 1, "the other one is released");
    assert!(scene.apply(5, &[]).contains("refused tested/nova/1.0.0\n"));
}

#[test]
fn with_keys_every_tag_that_is_in_the_repository_in_the_end_is_signed() {
    let gpg = Gpg::new();
    let keyring = gpg.key("releases", "");
    let apply = |scene: &Scene, code: i32| {
        let args = ["release", "apply", "--sign", "releases", "--keyring", keyring.to_str().unwrap()];
        let output = scene.requests.command(&scene.rig, &args).env("GNUPGHOME", gpg.home()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    // It appears once another one is pushed, or after it was looked for and before it is pushed.
    let direct = "env -u GIT_QUARANTINE_PATH -u GIT_OBJECT_DIRECTORY -u GIT_ALTERNATE_OBJECT_DIRECTORIES";
    for (hook, pushed) in [("post-receive", "refs/tags/1.0.0"), ("pre-receive", "refs/tags/2.0.0")] {
        for make in ["tag", "-c user.name=X -c user.email=x@x tag -a -m words"] {
            let scene = Scene::new();
            let [first, second, _] = &scene.commits;
            scene.asks("nova", &[entry("1.0.0", first, ""), entry("2.0.0", second, "")], "Release");
            let script =
                format!("read old new ref; [ $ref != {pushed} ] || {direct} git {make} 2.0.0 {second}");
            scene.hook(hook, &script);
            let text = apply(&scene, 5);
            assert!(text.contains("released 2024.1/nova/1.0.0\n"), "{hook} {make}: {text}");
            assert!(
                text.contains("refused 2024.1/nova/2.0.0\n") && text.contains(": tag-unsigned: "),
                "{hook}: {text}"
            );
            assert_eq!((scene.tags().len(), scene.events()), (2, 1), "{hook} {make}");
        }
    }
    // A signed tag of another version under this name.
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    scene.asks("nova", &[entry("1.0.0", first, "")], "Release");
    apply(&scene, 0);
    let bare = scene.requests.remote(NOVA);
    let object = git(&bare, &["rev-parse", "refs/tags/1.0.0"]);
    git(&bare, &["update-ref", "refs/tags/1.0.1", &object]);
    scene.asks("nova", &[entry("1.0.0", first, ""), entry("1.0.1", first, "")], "Release");
    assert!(apply(&scene, 5).contains("is not signed by a trusted key: it is the tag `1.0.0` of"));
    assert!(!first.is_empty() && first != second);
}

#[test]
fn a_tag_that_states_another_release_is_refused_or_told() {
    let scene = Scene::new();
    let [first, ..] = &scene.commits;
    let api = scene.requests.grow("openstack/api", BRANCH);
    publish(&scene.rig, "1.0.0");
    publish(&scene.rig, "2.0.0");
    let more = format!("      - {{repo: openstack/api, hash: {api}}}\n");
    let asks = |build: &str, more_of: &str| {
        let build = if build.is_empty() { String::new() } else { format!("    build: {NOVA}/{build}\n") };
        scene.asks("nova", &[entry("1.0.0", first, &format!("{more}{build}{more_of}"))], "Release");
    };
    asks("1.0.0", "");
    let hook = scene.requests.remote("openstack/api").join("hooks/pre-receive");
    scene.hook("../../api.git/hooks/pre-receive", "exit 1");
    assert!(scene.apply(1, &[]).contains("failed 2024.1/nova/1.0.0\n"));
    fs::remove_file(hook).unwrap();
    assert_eq!(scene.tags(), ["1.0.0"]);
    // Another build, and none: what the public tag says stays.
    for (build, said) in [("2.0.0", "the entry the build `openstack/nova/2.0.0`"), ("", "the entry no build")]
    {
        asks(build, "");
        for text in [scene.check(5, &[]), scene.apply(5, &[])] {
            let all = format!(
                "tag-elsewhere: the tag `1.0.0` of `{NOVA}` exists, and its message names the build `{NOVA}/1.0.0`, and {said}"
            );
            assert!(
                text.contains(&all) && text.contains("hint: name the build that the tag names"),
                "{text}"
            );
        }
        assert!(scene.requests.tags("openstack/api").is_empty());
    }
    // Something else: a warning.
    asks("1.0.0", "    labels: {tier: one}\n");
    let said = format!(
        "warning: the tag `1.0.0` of `{NOVA}` exists, and its message says something else about `label`\n"
    );
    assert!(scene.check(0, &[]).contains(&said));
    let text = scene.apply(0, &[]);
    assert_eq!(text.matches(&said).count(), 1, "{text}");
}

#[test]
fn a_tag_made_for_no_build_is_not_that_of_a_build() {
    let scene = Scene::new();
    publish(&scene.rig, "1.0.0");
    let build = format!("    build: {NOVA}/1.0.0\n");
    scene.asks("nova", &[entry("1.0.0", &scene.commits[0], "")], "Release");
    scene.apply(0, &[]);
    // The journal of another mirror knows nothing of it.
    let other = Scene::new();
    scene.asks("nova", &[entry("1.0.0", &scene.commits[0], &build)], "Release");
    publish(&other.rig, "1.0.0");
    let text = scene.requests.ends(&other.rig, 5, &["release", "check"]);
    assert!(text.contains("its message names no build, and the entry the build"), "{text}");
}

#[test]
fn clones_that_are_kept_are_those_of_one_command_at_a_time() {
    let scene = super::applied::Scene::new();
    let work = scene.rig.work("../clones");
    fs::create_dir(&work).unwrap();
    let args = ["release", "apply", "--work", work.to_str().unwrap()];
    let lock = fs::File::open(&work).unwrap();
    lock.lock().unwrap();
    let text = scene.requests.ends(&scene.rig, 7, &[&args[..], &["--git-limit", "1"]].concat());
    assert!(text.contains("another command uses the directory for clones `"), "{text}");
    drop(lock);
    let mut both: Vec<_> = (0..2)
        .map(|_| scene.requests.command(&scene.rig, &args).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    for one in both.drain(..) {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    scene.is_applied();
    let file = scene.rig.work("../file");
    fs::write(&file, "").unwrap();
    let text = scene.requests.ends(&scene.rig, 1, &["release", "apply", "--work", file.to_str().unwrap()]);
    assert!(text.contains("/file` as the directory for clones\n"), "{text}");
}

#[test]
fn what_was_done_before_the_mirror_became_busy_is_told() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    scene.asks("nova", &[entry("1.0.0", first, ""), entry("2.0.0", second, "")], "Release");
    let (reached, go) = (scene.rig.work("../reached"), scene.rig.work("../go"));
    scene.hook(
        "post-receive",
        &format!(
            "read old new ref; [ $ref = refs/tags/2.0.0 ] || exit 0; touch {}; for i in $(seq 600); do [ -e {} ] && break; sleep 0.1; done",
            reached.display(),
            go.display()
        ),
    );
    let mut apply = scene.requests.command(&scene.rig, &["--wait", "0", "release", "apply"]);
    let apply = apply.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !reached.exists() && began.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(20));
    }
    let lock = fs::File::open(scene.rig.mirror(".mirrorkeep/lock")).unwrap();
    lock.lock().unwrap();
    fs::write(&go, "").unwrap();
    let output = apply.wait_with_output().unwrap();
    let (text, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(7), "{text}{errors}");
    assert!(
        text.contains("released 2024.1/nova/1.0.0\n") && text.contains("failed 2024.1/nova/2.0.0\n  tagged "),
        "{text}"
    );
    assert_eq!(errors.matches("the mirror is busy").count(), 1, "{errors}");
    drop(lock);
    assert!(scene.apply(0, &[]).contains("released 2024.1/nova/2.0.0\n  tagged already "));
}
