//! Servers that lie, truncate, go back in time, freeze, or never end: nothing wrong is ever shown, and the reason is named.

use super::scene::{BUILDS, Scene, args};
use crate::support::rig::tree;
use crate::support::served::{Lie, Served};
use std::fs;
use std::process::Output;

/// Pulls with a short limit of time.
fn briefly(scene: &Scene, more: &[&str]) -> Output {
    let (url, to) = (scene.server.url(), scene.to());
    let mut command = scene.copy.command(&args(&url, &to, more));
    command.env("MIRRORKEEP_PATIENCE", "2").output().unwrap()
}

#[test]
fn an_older_or_rewritten_list_and_that_of_another_mirror_are_refused() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let old = fs::read(scene.list("latest.json")).unwrap();
    scene.publish(BUILDS[1]);
    scene.pull(0, &[]);
    scene.server.lie("latest.json", Lie::Bytes(old));
    scene.fails(3, "was there before", &[]);
    scene.server.tell_the_truth();
    let head = scene.head().to_string();
    scene.forge("\"result\":\"success\"", "\"result\":\"fail\"");
    scene.fails(3, "is another one than was read before", &[]);
    assert_ne!(scene.head().to_string(), head);

    let other = Scene::new(&BUILDS[..1], 9);
    let to = scene.to();
    let text = scene.copy.ends(3, &["pull", &other.server.url(), &to]);
    assert!(text.contains("this copy is of"), "{text}");
    scene.copy.ok(&["pull", &other.server.url(), &to, "--restart", "--dry-run"]);
    let own = scene.up.mirror("");
    let text = scene.up.ends(2, &["pull", &scene.server.url(), own.to_str().unwrap()]);
    assert!(text.contains("itself"), "{text}");
}

#[test]
fn a_list_that_is_too_old_or_of_the_future_is_an_alarm() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let mut file: serde_json::Value =
        serde_json::from_slice(&fs::read(scene.list("latest.json")).unwrap()).unwrap();
    for (at, said) in [("2020-01-01T00:00:00Z", "too long"), ("2999-01-01T00:00:00Z", "in the future")] {
        let mut head = scene.head();
        head["at"] = at.into();
        file["head"] = head.to_string().into();
        fs::write(scene.list("latest.json"), format!("{file}\n")).unwrap();
        scene.fails(5, said, &[]);
    }
    // What can be done was done.
    assert_eq!(scene.copy.there(), [BUILDS[0]]);
    scene.up.ok(&["export", "changes"]);
    scene.pull(0, &[]);
}

#[test]
fn a_file_that_differs_is_named_and_its_build_is_not_shown() {
    for (file, lie, said) in [
        ("bootimage.iso", Lie::Bytes(b"20181203T06000x".to_vec()), "bootimage.iso"),
        ("bootimage.iso", Lie::Bytes(b"short".to_vec()), "bootimage.iso"),
        ("bootimage.iso", Lie::Cut(5), "bootimage.iso"),
        ("bootimage.iso", Lie::Endless, "bootimage.iso"),
        ("bootimage.iso", Lie::Status(404), "404"),
        ("bootimage.iso", Lie::Status(403), "403"),
        ("bootimage.iso", Lie::Redirect("http://127.0.0.1:1/x".to_owned()), "bootimage.iso"),
        (
            "bootimage.iso",
            Lie::Redirect("bootimage.iso".to_owned()),
            "the server redirects more than 5 times",
        ),
        ("SHA256SUMS", Lie::Bytes(b"x\n".to_vec()), "is not what the change list names"),
        ("SHA256SUMS", Lie::Endless, "SHA256SUMS"),
    ] {
        let scene = Scene::new(&BUILDS[..1], 9);
        scene.server.lie(file, lie.clone());
        let output = briefly(&scene, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {text}");
        assert!(text.contains(said), "{lie:?}: {text}");
        assert!(!scene.copy.mirror("master").exists(), "{lie:?}");
        scene.server.tell_the_truth();
        scene.pull(0, &[]);
        scene.copy.ok(&["verify", "--all"]);
    }
}

#[test]
fn a_list_that_is_cut_garbled_endless_or_silent_changes_nothing() {
    let scene = Scene::new(&BUILDS[..2], 9);
    let head = fs::read(scene.list("latest.json")).unwrap();
    let before = tree(&scene.copy.mirror("."));
    for lie in [
        Lie::Bytes(head[..head.len() - 1].to_vec()),
        Lie::Bytes(head[..head.len() / 2].to_vec()),
        Lie::Bytes(b"<html>not found</html>\n".to_vec()),
        Lie::Bytes(b"{\"changes\":2,\"head\":\"\"}\n".to_vec()),
        Lie::Bytes(Vec::new()),
        Lie::Cut(10),
        Lie::Endless,
        Lie::Hang,
        Lie::Status(500),
        Lie::Status(404),
    ] {
        scene.server.tell_the_truth().lie("latest.json", lie.clone());
        let output = briefly(&scene, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {text}");
        assert!(text.contains("changes"), "{lie:?}: {text}");
        let own = |line: &String| line.contains("pull.lock");
        assert_eq!(
            before,
            tree(&scene.copy.mirror(".")).into_iter().filter(|line| !own(line)).collect::<Vec<_>>()
        );
    }
    scene.server.tell_the_truth().lie(".jsonl", Lie::Cut(40));
    assert_eq!(briefly(&scene, &[]).status.code(), Some(1));
    scene.server.tell_the_truth();
    scene.pull(0, &[]);
}

#[test]
fn impossible_items_are_refused_and_leave_the_others() {
    let first = format!("master/centos/{}", BUILDS[0]);
    for (from, to) in [
        (format!("\"path\":\"{first}\""), "\"path\":\"../outside\"".to_owned()),
        (format!("\"path\":\"{first}\""), "\"path\":\"/etc/passwd\"".to_owned()),
        (format!("\"path\":\"{first}\""), "\"path\":\"a\\u0000b\"".to_owned()),
        (format!("\"path\":\"{first}\""), "\"path\":\"master/centos/other\"".to_owned()),
        (format!("\"id\":\"{first}\""), "\"id\":\"master/centos/29990101T000000Z\"".to_owned()),
        ("\"files\":".to_owned(), "\"files\":9".to_owned()),
        ("\"bytes\":".to_owned(), "\"bytes\":9".to_owned()),
        (
            "\"path\":\"master/centos/latest_build\"".to_owned(),
            "\"path\":\".mirrorkeep/mirror.yaml\"".to_owned(),
        ),
        ("\"path\":\"master/centos/latest_build\"".to_owned(), format!("\"path\":\"{first}/outputs/x\"")),
        ("\"to\":".to_owned(), "\"to\":\"/etc\",\"to\":".to_owned()),
    ] {
        let scene = Scene::new(&BUILDS[..1], 9);
        scene.forge(&from, &to);
        let config = fs::read(scene.copy.mirror(".mirrorkeep/mirror.yaml")).unwrap();
        let output = briefly(&scene, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // A name that is impossible is reported; everything else fails.
        let is_name = from.contains("latest_build");
        assert_eq!(output.status.code(), Some(if is_name { 5 } else { 1 }), "{from} {to}: {text}");
        assert_eq!(fs::read(scene.copy.mirror(".mirrorkeep/mirror.yaml")).unwrap(), config);
        assert!(!scene.copy.mirror("../outside").exists());
        if !is_name {
            assert!(!scene.copy.mirror(&first).exists(), "{from} {to}");
        }
    }
}

/// Replaces a text of the manifest of the only build, and names its digest wherever that is stated.
fn forge_manifest(scene: &Scene, edit: impl Fn(&str) -> String) {
    let dir = scene.list("manifests/master/centos");
    let at = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&at).unwrap();
    let new = edit(&text);
    let digest = |text: &str| mirrorkeep::model::Digest::of(text.as_bytes()).to_string();
    let (old_digest, new_digest) = (digest(&text), digest(&new));
    scene.forge(&old_digest, &new_digest);
    scene.forge(
        &format!("\"bytes\":{},\"sha256\":\"{new_digest}", text.len()),
        &format!("\"bytes\":{},\"sha256\":\"{new_digest}", new.len()),
    );
    let name = format!("{}.{}", BUILDS[0], &new_digest[..16]);
    fs::write(dir.join(name), new).unwrap();
}

/// What a server does to a manifest.
type Edit = Box<dyn Fn(&str) -> String>;

#[test]
fn a_forged_manifest_writes_nothing_outside_and_shows_nothing() {
    let line = |text: &str, more: &str| {
        let count: usize = text.rsplit_once("end\t").unwrap().1.trim().parse().unwrap();
        text.replace(&format!("end\t{count}\n"), &format!("{more}\nend\t{}\n", count + 1))
    };
    let edits: Vec<Edit> = vec![
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "../../../outside")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "/tmp/outside")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "outputs/iso/boot\u{0}image.iso")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "SHA256SUMS")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "outputs/RPMS/std/a.rpm")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "outputs/RPMS/std/a.rpm/b")),
        Box::new(|text| text.replace("outputs/iso/bootimage.iso", "nowhere/bootimage.iso")),
        Box::new(move |text| line(text, "l\t/etc/passwd\toutputs/iso/link")),
        Box::new(move |text| line(text, "l\t../../../../..\toutputs/iso/link")),
        Box::new(move |text| line(text, "l\t..\toutputs/iso")),
        Box::new(move |text| line(text, "d\toutputs/iso/bootimage.iso")),
        Box::new(|text| text.replacen("\t444\t", "\t444\t9999999999999999999999", 1)),
        Box::new(|text| text[..text.len() / 2].to_owned()),
        Box::new(|_| "mirrorkeep-manifest 1\nend\t0\n".to_owned()),
    ];
    for (nth, edit) in edits.into_iter().enumerate() {
        let scene = Scene::new(&BUILDS[..1], 9);
        forge_manifest(&scene, edit);
        let output = briefly(&scene, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{nth}: {text}");
        assert!(!scene.copy.mirror("master").exists(), "{nth}: {text}");
        assert!(!scene.copy.mirror("../outside").exists() && !std::path::Path::new("/tmp/outside").exists());
    }
}

#[test]
fn with_a_key_the_list_and_each_build_must_be_signed_by_it() {
    let scene = Scene::new(&[], 9);
    let dir = tempfile::tempdir().unwrap();
    let (secret, public) = crate::cli::sign::keys::minisign(dir.path(), "release");
    let (_, other) = crate::cli::sign::keys::minisign(dir.path(), "other");
    let (key, public) = (format!("minisign:{}", secret.display()), public.to_str().unwrap());
    let work = scene.up.work("");
    let publish = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build"];
    scene.up.ok(&[&publish[..], &[BUILDS[0], "--sign", &key]].concat());
    scene.fails(3, "has no valid signature", &["--minisign-key", public]);
    scene.up.ok(&["export", "changes", "--sign", &key]);
    scene.fails(3, "not among those that are trusted", &["--minisign-key", other.to_str().unwrap()]);
    scene.pull(0, &["--minisign-key", public]);
    assert!(scene.copy.mirror(&format!("master/centos/{}/SHA256SUMS.minisig", BUILDS[0])).exists());
    scene.copy.ok(&["verify", "--all", "--minisign-key", public]);

    // The head is signed as it is: any other is refused.
    let signed = fs::read_to_string(scene.list("latest.json")).unwrap();
    scene
        .server
        .lie("latest.json", Lie::Bytes(signed.replace("\\\"event\\\":", "\\\"event\\\":1").into_bytes()));
    scene.fails(3, "signed another list", &["--minisign-key", public]);
    scene.server.tell_the_truth();

    // The list stays signed: a publish that has no key does not replace it.
    scene.up.ok(&[&publish[..], &[BUILDS[1]]].concat());
    assert_eq!(fs::read_to_string(scene.list("latest.json")).unwrap(), signed);
    scene.up.fails(2, "no key of minisign is given", &["export", "changes"]);
    let settings = scene.up.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(settings, text.replace("{auto: true}", &format!("{{auto: true, sign: '{key}'}}"))).unwrap();
    scene.up.ok(&["export", "changes"]);
    scene.fails(1, "it has none", &["--minisign-key", public]);
    assert_eq!(scene.copy.there(), [BUILDS[0]]);
    scene.pull(0, &["--minisign-key", public, "--unsigned-builds"]);
    assert_eq!(scene.copy.there(), BUILDS[..2]);
}

#[test]
fn a_mirror_of_another_kind_or_an_odd_address_is_named() {
    let scene = Scene::new(&BUILDS[..1], 9);
    let to = scene.to();
    for url in ["ftp://x/", "mirror", "http://a:b@c/", "http://x/?q", "file:///srv"] {
        scene.copy.fails(2, "is not a public address", &["pull", url, &to]);
    }
    let empty = tempfile::tempdir().unwrap();
    let server = Served::start(empty.path());
    scene.copy.fails(1, "there is no change list", &["pull", &server.url(), &to]);
    scene.copy.fails(2, "--alarm", &["pull", &server.url(), &to, "--alarm", "soon"]);
    scene.copy.fails(2, "--trace", &["pull", &server.url(), &to, "--trace", "../x"]);
}

/// A server must not make a copy read files of its own machine, or speak to it in another protocol.
#[test]
fn a_redirect_to_anything_but_http_is_refused() {
    for to in ["file:///etc/passwd", "file://localhost/etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"]
    {
        let scene = Scene::new(&BUILDS[..1], 9);
        let said =
            format!("redirects to `{to}`; only redirects to http:// and https:// addresses are followed");
        for file in ["latest.json", "-all.jsonl", "SHA256SUMS", "bootimage.iso"] {
            scene.server.tell_the_truth().lie(file, Lie::Redirect(to.to_owned())).asked();
            let output = briefly(&scene, &[]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{file}: {text}");
            assert!(text.contains(&said), "{file}: {text}");
            assert!(!scene.copy.mirror("master").exists(), "{file}");
            let asked = scene.server.asked().into_iter().filter(|path| path.ends_with(file)).count();
            assert_eq!(asked, 1, "trying again does not help");
        }
        scene.server.tell_the_truth();
        scene.pull(0, &[]);
    }
}
