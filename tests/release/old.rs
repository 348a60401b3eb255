//! What is old, and what is new: bases that cannot be read, files that are gone, and entries in forms of before.

use super::attacked::{NOVA, Scene, entry, request};
use crate::support::requests::{as_someone, git};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ZEROS: &str = "0000000000000000000000000000000000000000";

impl Scene {
    fn removes(&self, file: &str) {
        fs::remove_file(self.requests.at().join(file)).unwrap();
        self.requests.commit("Removed");
    }
}

#[test]
fn what_a_base_has_in_a_file_that_cannot_be_read_is_not_new() {
    let scene = Scene::new();
    let entries = [entry("1.0.0", &scene.commits[0], ""), entry("2.0.0", &scene.commits[1], "")];
    let file = "requests/2024.1/nova.yaml";
    scene.requests.write(file, &(request(&entries) + "more: {\n"));
    let base = scene.requests.commit("Broken");
    let base = ["--base", base.as_str()];
    // What is wrong with it now says it, once.
    assert!(!scene.check(5, &base).contains("not-known"));
    scene.asks("nova", &entries, "Corrected");
    let said = "requests/2024.1/nova.yaml: not-known: the file cannot be read in the base, so which of its releases are new is not known: ";
    for text in [scene.check(1, &base), scene.apply(1, &base)] {
        assert!(
            text.contains(said) && text.contains("hint: give a base in which the file can be read"),
            "{text}"
        );
    }
    assert!(scene.tags().is_empty() && scene.events() == 0);
    // They are not removed either.
    scene.asks("nova", &[], "Nothing");
    assert!(scene.check(1, &base).contains(said));
    scene.removes(file);
    assert!(scene.check(1, &base).contains(said));
    // One that never was a request is no base of one.
    scene.requests.write("requests/README", "words\n");
    let base = scene.requests.commit("Misplaced");
    scene.removes("requests/README");
    scene.check(0, &["--base", &base]);
}

#[test]
fn a_series_without_a_cycle_needs_no_release_model() {
    let scene = Scene::new();
    scene.requests.settings("_independent: {status: maintained, branch: stable/2024.1}");
    let without = |entries: &[String]| request(entries).replace("release-model: cycle-with-rc\n", "");
    let [first, second, _] = &scene.commits;
    scene.requests.write("requests/_independent/nova.yaml", &without(&[entry("1.0.0", first, "")]));
    let base = scene.requests.commit("Release");
    assert!(scene.check(0, &[]).contains("checked 1 request with 1 release to apply"));
    scene.requests.write("requests/_independent/nova.yaml", &without(&[entry("1.0.0.0rc1", first, "")]));
    scene.requests.commit("Candidate");
    assert!(scene.check(5, &[]).contains("the release model `independent` has final releases alone"));
    scene.requests.write(
        "requests/_independent/nova.yaml",
        &without(&[entry("1.0.0", first, ""), entry("1.1.0", second, "")]),
    );
    scene.requests.write("requests/2024.1/nova.yaml", &without(&[entry("3.0.0.0rc1", first, "")]));
    let lacks = scene.requests.commit("More");
    let text = scene.check(5, &["--base", &base]);
    assert!(
        text.contains("requests/2024.1/nova.yaml:1:1: file-form: missing field `release-model`"),
        "{text}"
    );
    assert!(text.contains(": 1 finding\n"), "{text}");
    assert!(scene.apply(5, &["--base", &base]).contains("released _independent/nova/1.1.0\n"));
    // Such a base can be read.
    scene.asks("nova", &[entry("3.0.0.0rc1", first, ""), entry("3.1.0", second, "")], "Mended");
    assert!(scene.check(0, &["--base", &lacks]).contains("with 1 release to apply"));
}

#[test]
fn the_form_of_an_old_entry_is_not_judged() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    let old = [
        entry("1.0.0", first, ""),
        entry("rocky-em", "abc123", ""),
        entry("victoria-eom", first, "    labels: {series: x}\n    bild: x\n    announcement: ''\n"),
    ];
    let base = scene.asks("nova", &old, "Old");
    let base = ["--base", base.as_str()];
    let text = scene.check(5, &[]);
    for said in
        ["`rocky-em` is not a version", "`abc123` is not the ID", "unknown key `bild`", "set by the release"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(scene.check(0, &base).contains("with 0 releases to apply"));
    let new = [
        &old[..],
        &[entry("train-em", first, ""), entry("1.0.1", second, "    bild: x\n"), entry("1.0.2", second, "")],
    ]
    .concat();
    scene.asks("nova", &new, "New");
    let text = scene.check(5, &base);
    assert!(
        text.contains("version-form: `train-em` is not a version") && text.contains(": 2 findings\n"),
        "{text}"
    );
    let text = scene.apply(5, &base);
    for done in ["refused 2024.1/nova/train-em", "refused 2024.1/nova/1.0.1", "released 2024.1/nova/1.0.2"] {
        assert!(text.contains(&format!("{done}\n")), "{done}: {text}");
    }
    // It must be as it was.
    scene.asks("nova", &new[..2], "Removed");
    assert!(scene.check(5, &base).contains("`victoria-eom` was removed"));
}

#[test]
fn of_two_entries_of_one_version_the_first_is_released() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    scene.asks("nova", &[entry("1.0.0", first, ""), entry("1.0.0", second, "")], "Twice");
    let text = scene.apply(5, &[]);
    assert!(
        text.contains("released 2024.1/nova/1.0.0\n") && text.contains("refused 2024.1/nova/1.0.0\n"),
        "{text}"
    );
    assert_eq!(scene.requests.tags(NOVA), [("1.0.0".to_owned(), first.clone())]);
    for text in [scene.check(5, &[]), scene.apply(5, &[])] {
        assert!(text.contains("version-order: `1.0.0` is the version `1.0.0` above"), "{text}");
    }
    assert_eq!(scene.events(), 1);
}

#[test]
fn a_file_that_was_removed_is_found_without_a_base() {
    let scene = Scene::new();
    let [first, ..] = &scene.commits;
    let start = git(&scene.requests.at(), &["rev-parse", "HEAD"]);
    scene.asks("nova", &[entry("1.0.0", first, "")], "Release");
    scene.apply(0, &[]);
    let file = scene.requests.at().join("requests/2024.1/nova.yaml");
    scene.removes("requests/2024.1/nova.yaml");
    let text = scene.check(5, &[]);
    let said = "requests/2024.1/nova.yaml: applied-other: `2024.1/nova/1.0.0` was applied, and its file was removed\n  hint: restore the file\n";
    assert!(text.contains(said), "{text}");
    // It stops no other one.
    scene.asks("other", &[entry("5.0.0", first, "")], "Release");
    assert!(scene.apply(0, &[]).contains("released 2024.1/other/5.0.0\n"));
    // Under another name.
    scene.asks("renamed", &[entry("1.0.0", first, "")], "Renamed");
    let text = scene.check(5, &[]);
    assert!(
        text.contains("tag-twice: `2024.1/nova/1.0.0`, which was applied, has the tag `1.0.0` in"),
        "{text}"
    );
    assert!(text.contains("or give the file its former name") && !file.exists(), "{text}");
    // A commit that is older than the file, or of another repository of requests, did not remove it.
    scene.check(0, &["--rev", &start]);
}

#[test]
fn zeros_are_no_base() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    scene.asks("nova", &[entry("1.0.0", first, "")], "Release");
    scene.apply(0, &[]);
    scene.asks("nova", &[entry("1.0.0", first, ""), entry("2.0.0", second, "")], "Release");
    assert!(scene.check(0, &["--base", ZEROS]).contains("with 1 release to apply"));
    assert!(
        scene.check(2, &["--rev", ZEROS]).contains("stands for no commit, as of a branch that is deleted")
    );
    let server = scene.rig.work("../server.git");
    let at = scene.requests.at();
    git(&at, &["init", "-q", "--bare", server.to_str().unwrap()]);
    // As docs/releases.md has it.
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/releases.md")).unwrap();
    let (_, script) = docs.split_once("```sh\n#!/bin/sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let program = scene.rig.command(&[]).get_program().to_owned();
    let program = format!("{} ", Path::new(&program).display());
    let script = script.replace("mirrorkeep --mirror /srv/mirror ", &program);
    assert!(script.contains(&program), "{script}");
    let hook = server.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let push = |refs: &str| {
        let mut push = Command::new("git");
        as_someone(&mut push);
        push.env("MIRRORKEEP_MIRROR", scene.rig.mirror("")).current_dir(&at);
        let output = push.args(["push", "-q", server.to_str().unwrap(), refs]).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for refs in ["main:main", "main:topic", ":topic"] {
        let (is_pushed, text) = push(refs);
        assert!(is_pushed, "{refs}: {text}");
    }
    scene.asks("nova", &[entry("2.0.0", second, "")], "Removed");
    for refs in ["main:main", "main:other"] {
        let (is_pushed, text) = push(refs);
        assert!(!is_pushed && text.contains("was removed"), "{refs}: {text}");
    }
}
