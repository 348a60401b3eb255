//! Builds that are published from a tag, and tags that are refused.

use crate::cli::sign::keys::Gpg;
use crate::support::requests::{BRANCH, Requests, git};
use crate::support::rig::Rig;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A tarball site, and one repository with a commit.
struct Scene {
    rig: Rig,
    requests: Requests,
    bare: PathBuf,
    commit: String,
}

impl Scene {
    fn new() -> Self {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", "openstack-tarballs"]);
        let requests = Requests::beside(&rig);
        let commit = requests.grow("openstack/nova", BRANCH);
        let bare = requests.remote("openstack/nova");
        Self { rig, requests, bare, commit }
    }

    /// Makes an annotated tag with that message, as it is.
    fn tag(&self, name: &str, message: &str) {
        let file = self.rig.work("../message");
        fs::write(&file, message).unwrap();
        let args = ["tag", "-a", "--cleanup=verbatim", "-F", file.to_str().unwrap(), name, &self.commit];
        git(&self.bare, &args);
    }

    fn at(&self, tag: &str) -> String {
        format!("{}@{tag}", self.bare.display())
    }

    /// Publishes the files of a release from its tag.
    fn publish(&self, version: &str, tag: &str, more: &[&str]) -> Output {
        for file in [format!("nova-{version}.tar.gz"), format!("nova-{version}-py3-none-any.whl")] {
            self.rig.write(&format!("../dist-{version}/{file}"), &file);
            self.rig.write(&format!("../dist-{version}/{file}.asc"), "signature");
        }
        let dist = self.rig.work(&format!("../dist-{version}"));
        let at = self.at(tag);
        let args = ["--json", "publish", dist.to_str().unwrap(), "--from-tag", &at];
        self.rig.run(&[&args[..], more].concat())
    }

    #[track_caller]
    fn publishes(&self, version: &str) -> Value {
        let output = self.publish(version, version, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer = serde_json::from_slice(&output.stdout).unwrap();
        crate::support::shapes::assert_shape(&["publish"], &answer);
        answer
    }

    #[track_caller]
    fn refuses(&self, code: i32, tag: &str, more: &[&str], said: &str) {
        let output = self.publish("9.9.9", tag, more);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{tag}: {text}");
        assert!(text.contains(said), "{tag}: {text}");
        assert!(!self.rig.mirror("openstack/nova/9.9.9").exists());
    }
}

fn message(version: &str, kind: &str, more: &str) -> String {
    format!(
        "nova {version} {kind}\n\nmeta:series: 2024.1\nmeta:version: {version}\nmeta:type: {kind}\nmeta:repo: openstack/nova\n\
         meta:stream: openstack/nova\n{more}"
    )
}

#[test]
fn a_release_and_its_candidates_are_published_from_their_tags() {
    let scene = Scene::new();
    let link = || fs::read_link(scene.rig.mirror("openstack/nova/stable-2024.1")).ok();
    scene.tag("29.0.0.0rc1", &message("29.0.0.0rc1", "rc", "meta:label: tier=1\n"));
    let answer = scene.publishes("29.0.0.0rc1");
    assert_eq!(answer["id"], "openstack/nova/29.0.0.0rc1");
    assert_eq!(answer["from_tag"]["left_out"], json!(["series=2024.1"]));
    assert_eq!(answer["from_tag"]["labels"], json!(["tier=1"]));
    assert_eq!(link(), None, "a candidate takes no name, even if nothing else has it");
    scene.tag("29.0.0", &message("29.0.0", "final", ""));
    assert_eq!(scene.publishes("29.0.0")["from_tag"]["commit"], scene.commit);
    assert_eq!(link().as_deref(), Some(Path::new("29.0.0")));
    // The next candidate is newer, and the name stays.
    scene.tag("30.0.0.0rc1", &message("30.0.0.0rc1", "rc", ""));
    scene.publishes("30.0.0.0rc1");
    assert_eq!(link().as_deref(), Some(Path::new("29.0.0")));
    let shown = scene.rig.json(&["show", "openstack/nova/29.0.0"]);
    assert_eq!(shown["labels"]["series"]["value"], "2024.1");
    // Again is nothing.
    assert_eq!(scene.publishes("29.0.0")["outcome"], "unchanged");
    scene.rig.ok(&["check"]);
    // Not by hand either.
    scene.tag("30.0.0.0rc2", &message("30.0.0.0rc2", "rc", ""));
    let output = scene.publish("30.0.0.0rc2", "30.0.0.0rc2", &["--label", "series=2024.1"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("would move to the pre-release"), "{text}");
}

#[test]
fn a_tag_that_states_nothing_needs_a_stream() {
    let scene = Scene::new();
    git(&scene.bare, &["tag", "29.0.0", &scene.commit]);
    scene.tag("29.0.1", "Some words about it\n");
    scene.tag("29.0.2", "nova 29.0.2 release\n\nmeta:version: 29.0.2\nmeta:diff-start: -\n");
    scene.refuses(3, "29.0.0", &[], "it is not annotated, so it has no message");
    scene.refuses(3, "29.0.1", &[], "its first line is not");
    scene.refuses(3, "29.0.2", &[], "has no line `meta:stream: STREAM`");
    scene.refuses(3, "29.0.2", &[], "`--stream STREAM` states it");
    for version in ["29.0.0", "29.0.1", "29.0.2"] {
        let output = scene.publish(version, version, &["--stream", "openstack/nova"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(scene.rig.mirror(&format!("openstack/nova/{version}")).exists());
    }
}

#[test]
fn tags_that_lie_are_refused() {
    let scene = Scene::new();
    scene.tag("9.9.9", &message("9.9.9", "final", "\u{1b}[2K\n"));
    scene.refuses(3, "9.9.9", &[], "contains the control character U+001B");
    let rows = [
        ("9.9.1", message("9.9.2", "final", ""), "its message is about the version `9.9.2`"),
        ("9.9.2.0rc1", message("9.9.2.0rc1", "final", ""), "its type is `final`, and the version"),
        (
            "9.9.3",
            message("9.9.3", "final", "meta:stream: openstack/glance\n"),
            "`meta:stream` is given twice",
        ),
        (
            "9.9.4",
            message("9.9.4", "final", "").replace("repo: openstack/nova", "repo: openstack/glance"),
            "about the repository `openstack/glance`",
        ),
        (
            "9.9.5",
            message("9.9.5", "final", "").replace("stream: openstack/nova", "stream: ../../etc"),
            "`meta:stream: ../../etc`",
        ),
        (
            "2024.1-eol",
            message("2024.1-eol", "eol", ""),
            "it marks the end of life of a series, which has no build",
        ),
    ];
    for (tag, text, said) in rows {
        scene.tag(tag, &text);
        scene.refuses(3, tag, &[], said);
    }
    scene.refuses(1, "no-such", &[], "the repository has no such tag");
    for (text, said) in [
        ("ext::sh -c id@1.0", "is not a branch or tag"),
        ("https://me:hunter2@h/a@1.0", "password"),
        ("/srv/a.git@--upload-pack=x", "no branch or tag"),
        ("DIR=/srv/a.git@1.0", "names no tag"),
        ("/srv/a.git@HEAD", "names no tag"),
    ] {
        for args in [&["release", "show-tag", text][..], &["publish", ".", "--from-tag", text]] {
            let output = scene.rig.run(args);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
            assert!(told.contains(said) && !told.contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn a_tag_is_shown_to_people_programs_and_shells() {
    let scene = Scene::new();
    let odd = "meta:team: it's \"$(touch ran)\" `id`\n";
    scene.tag("29.0.0", &message("29.0.0", "final", odd));
    let at = scene.at("29.0.0");
    let text = scene.rig.ok(&["release", "show-tag", &at]);
    assert!(text.starts_with("nova 29.0.0 final, not signed\n"), "{text}");
    let answer = scene.rig.json(&["release", "show-tag", &at]);
    assert_eq!((&answer["stream"], &answer["pre_release"]), (&json!("openstack/nova"), &json!(false)));
    let shell = scene.rig.ok(&["release", "show-tag", &at, "--shell"]);
    let script =
        format!("{shell}\nprintf '%s|%s|%s' \"$RELEASE_VERSION\" \"$RELEASE_TEAM\" \"$RELEASE_LABELS\"");
    for shell in ["sh", "bash"] {
        let output =
            Command::new(shell).arg("-c").arg(&script).current_dir(scene.rig.work("")).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told, "29.0.0|it's \"$(touch ran)\" `id`|series=2024.1");
    }
    assert!(!scene.rig.work("ran").exists());
    assert!(scene.rig.ends(2, &["--json", "release", "show-tag", &at, "--shell"]).contains("two forms"));
}

#[test]
fn with_keys_only_what_a_trusted_key_signed_is_published() {
    let scene = Scene::new();
    let gpg = Gpg::new();
    let (ours, strangers) = (gpg.key("releases", ""), gpg.key("stranger", ""));
    let sign = |name: &str, key: &str| {
        let file = scene.rig.work("../message");
        fs::write(&file, message(name, "final", "")).unwrap();
        let mut tag = Command::new("git");
        crate::support::requests::as_someone(&mut tag);
        tag.current_dir(&scene.bare).env("GNUPGHOME", gpg.home());
        tag.args([
            "tag",
            "-s",
            "-u",
            key,
            "--cleanup=verbatim",
            "-F",
            file.to_str().unwrap(),
            name,
            &scene.commit,
        ]);
        let output = tag.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let keyring = ["--keyring", ours.to_str().unwrap()];
    sign("29.0.0", "releases");
    let output = scene.publish("29.0.0", "29.0.0", &keyring);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["from_tag"]["verified"], true);

    sign("9.9.1", "stranger");
    scene.refuses(3, "9.9.1", &keyring, "is not among those that are trusted");
    scene.tag("9.9.2", &message("9.9.2", "final", ""));
    scene.refuses(3, "9.9.2", &keyring, "it has no signature");
    git(&scene.bare, &["tag", "9.9.3", &scene.commit]);
    scene.refuses(3, "9.9.3", &[&keyring[..], &["--stream", "openstack/nova"]].concat(), "no key signed it");
    // The signed object under another name, and the message of another one with its signature.
    let object = git(&scene.bare, &["rev-parse", "refs/tags/29.0.0"]);
    git(&scene.bare, &["update-ref", "refs/tags/9.9.4", &object]);
    scene.refuses(3, "9.9.4", &keyring, "it is the tag `29.0.0` under another name");
    let text = git(&scene.bare, &["cat-file", "tag", "29.0.0"]) + "\n";
    for (name, forged, said) in [
        ("9.9.5", text.replace("tag 29.0.0", "tag 9.9.5"), "signed another"),
        (
            "9.9.6",
            text.replace("tag 29.0.0", "tag 9.9.6") + "meta:stream: openstack/glance\n",
            "something follows its signature",
        ),
    ] {
        let forged = forged.replace("29.0.0", name);
        let file = scene.rig.work("../forged");
        fs::write(&file, forged).unwrap();
        let id = git(&scene.bare, &["hash-object", "-t", "tag", "-w", "--literally", file.to_str().unwrap()]);
        git(&scene.bare, &["update-ref", &format!("refs/tags/{name}"), &id]);
        scene.refuses(3, name, &keyring, said);
    }
    // One of several keys is enough.
    let both = [&keyring[..], &["--keyring", strangers.to_str().unwrap()]].concat();
    scene.tag("9.9.7", "x\n");
    sign("9.9.8", "stranger");
    assert!(
        scene.rig.run(&[&["release", "show-tag", &scene.at("9.9.8")], &both[..]].concat()).status.success()
    );
    drop(scene.requests);
}
