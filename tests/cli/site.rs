//! `site`: indexes and feeds, read by those who read such files, and what is written when.

use crate::support::rig::{Rig, tree};
use crate::support::shapes::fits;
use mirrorkeep::cli::site_schemas;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";
const C: &str = "20181206T060000Z";

fn id(build: &str) -> String {
    format!("master/centos/{build}")
}

/// Adds settings to a mirror.
fn settings(rig: &Rig, site: &str) {
    let at = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&at).unwrap();
    let text = text.split("site:").next().unwrap().to_owned();
    fs::write(at, format!("{text}site: {site}\n")).unwrap();
}

/// Returns a mirror with two builds and a site that is written on request.
fn scene(site: &str) -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]");
    settings(&rig, site);
    rig.builds([A, B]);
    rig
}

fn read(rig: &Rig, below: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(rig.mirror(below)).unwrap()).unwrap()
}

/// Returns when each file of the site was replaced last, by its inode.
fn inodes(rig: &Rig) -> BTreeMap<String, u64> {
    let files =
        tree(&rig.mirror("status")).into_iter().map(|line| line.split(' ').next().unwrap().to_owned());
    let files = files.filter(|file| rig.mirror("status").join(file).is_file());
    files.map(|file| (file.clone(), fs::metadata(rig.mirror("status").join(file)).unwrap().ino())).collect()
}

/// Checks an index against its shipped schema.
#[track_caller]
fn fits_schema(index: &Value, file: &str) {
    let schemas = site_schemas();
    fits(schemas.iter().find(|schema| schema.file() == file).unwrap(), index).unwrap();
}

#[test]
fn the_indexes_have_every_build() {
    let rig = scene("{title: 'Nightly <builds>', url: 'https://mirror.example.org/pub/'}");
    rig.ok(&["label", &id(B), "sanity=green"]);
    assert!(rig.ok(&["site"]).starts_with("wrote 11 files ("));
    let index = read(&rig, "status/index.json");
    fits_schema(&index, "site-index.json");
    assert_eq!(
        (&index["title"], &index["url"]),
        (&json!("Nightly <builds>"), &json!("https://mirror.example.org/pub"))
    );
    let stream = &index["streams"][0];
    assert_eq!((&stream["newest_success"], &stream["builds"]), (&json!(B), &json!(2)));
    let builds = read(&rig, stream["index"].as_str().unwrap());
    fits_schema(&builds, "site-stream-index.json");
    let [newest, oldest] = [0, 1].map(|nth| builds["builds"][nth].clone());
    assert_eq!((&newest["id"], &oldest["id"]), (&json!(id(B)), &json!(id(A))));
    assert_eq!((&newest["verdict"], &oldest["verdict"]), (&json!("keep"), &json!("expire")));
    assert_eq!(newest["labels"], json!({"sanity": "green"}));
    assert_eq!(newest["aliases"], json!(["master/centos/latest_build"]));
    let sums = Command::new("sha256sum").arg(rig.mirror(&format!("{}/SHA256SUMS", id(B)))).output().unwrap();
    assert_eq!(newest["sums"], String::from_utf8(sums.stdout).unwrap().split(' ').next().unwrap());
    // A build is a line, for tools that read lines.
    let text = fs::read_to_string(rig.mirror("status/master/centos/index.json")).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("{\"id\":")).count(), 2, "{text}");
    let mode = fs::metadata(rig.mirror("status/index.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    let found = String::from_utf8(rig.run(&["check"]).stdout).unwrap();
    assert!(
        found.contains("context-missing") && !found.contains("status"),
        "the layout knows the place: {found}"
    );
}

/// Reads a feed as programs for feeds do, and returns its title, and title and link of each entry.
const FEED: &str = "
import feedparser, json, sys
feed = feedparser.parse(open(sys.argv[1], 'rb').read())
assert not feed.bozo, feed.bozo_exception
assert feed.version == 'atom10' and feed.feed.id and feed.feed.updated_parsed and feed.feed.author, feed.feed
ids = [entry.id for entry in feed.entries]
assert len(ids) == len(set(ids)) and all(entry.updated_parsed for entry in feed.entries), ids
print(json.dumps([feed.feed.title, [[entry.title, entry.links[0].href if entry.get('links') else None] for entry in feed.entries]]))
";

fn feed(rig: &Rig, below: &str) -> (String, Vec<(String, Option<String>)>) {
    let output = Command::new("/usr/bin/python3").args(["-c", FEED]).arg(rig.mirror(below)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_reader_of_feeds_reads_what_happened() {
    let rig = scene("{title: 'A & B', url: 'https://mirror.example.org'}");
    rig.ok(&["withdraw", &id(A), "--why", "it has <b>a key</b> & \"more\""]);
    rig.ok(&["site"]);
    let (title, entries) = feed(&rig, "status/master/centos/feed.atom");
    assert_eq!(title, "A & B: master/centos");
    let (first, link) = &entries[0];
    assert!(
        first.starts_with("withdrew master/centos/20181204T060000Z: it has <b>a key</b> & \"more\""),
        "{first}"
    );
    let page = "https://mirror.example.org/status/master/centos/20181204T060000Z.html";
    assert_eq!(link.as_deref(), Some(page), "the build is gone, and has a page");
    let (published, link) = &entries[1];
    assert!(published.starts_with("published master/centos/20181205T060000Z (success"), "{published}");
    assert_eq!(link.as_deref(), Some("https://mirror.example.org/master/centos/20181205T060000Z/"));
    assert_eq!(entries.len(), 3);
    assert_eq!(feed(&rig, "status/all.atom").1, entries);
    let text = fs::read_to_string(rig.mirror("status/all.atom")).unwrap();
    assert!(text.contains("it has &lt;b&gt;a key&lt;/b&gt; &amp; ") && !text.contains(" pid "), "{text}");
}

#[test]
fn only_what_changed_is_written_and_the_same_mirror_has_the_same_bytes() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    let work = rig.work("");
    let other = ["publish", work.to_str().unwrap(), "--stream", "master/debian", "--build", A];
    rig.ok(&other);
    let report = rig.json(&["site"])["report"].clone();
    assert_eq!(
        report["written"],
        json!([
            "status/all.atom",
            "status/index.html",
            "status/index.json",
            "status/master/debian/20181204T060000Z.html",
            "status/master/debian/feed.atom",
            "status/master/debian/index.html",
            "status/master/debian/index.json"
        ])
    );
    assert_eq!((&report["same"], &report["full"]), (&json!(8), &json!(false)));
    let (before, copy) = (inodes(&rig), rig.copy());
    let told =
        "nothing changed since the last update (15 files); `mirrorkeep site --full` compares every file";
    assert!(rig.ok(&["site"]).starts_with(told));
    assert_eq!(inodes(&rig), before);
    // Written again from nothing, elsewhere.
    fs::remove_dir_all(copy.mirror("status")).unwrap();
    fs::remove_file(copy.mirror(".mirrorkeep/site.json")).unwrap();
    copy.ok(&["site"]);
    for file in before.keys() {
        let at = format!("status/{file}");
        assert_eq!(fs::read(copy.mirror(&at)).unwrap(), fs::read(rig.mirror(&at)).unwrap(), "{file}");
    }
    // The state is lost, and nothing is written for it.
    fs::remove_file(rig.mirror(".mirrorkeep/site.json")).unwrap();
    assert!(rig.ok(&["site"]).starts_with("every file of the site is up to date"));
    assert_eq!(inodes(&rig), before);
}

#[test]
fn what_others_did_is_repaired_by_full_and_what_is_theirs_is_left() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    let index = rig.mirror("status/index.json");
    fs::remove_file(&index).unwrap();
    fs::remove_file(rig.mirror("status/all.atom")).unwrap();
    fs::write(rig.mirror("status/notes.txt"), "mine").unwrap();
    fs::write(rig.mirror("status/old.json"), "{\"index\":1,\"streams\":[]}").unwrap();
    assert!(rig.ok(&["site"]).starts_with("nothing changed since the last update"));
    let trial = rig.ok(&["site", "--full", "--dry-run"]);
    assert!(
        trial.starts_with("would write 2 files (") && trial.contains(", would remove 1 file, 9 unchanged"),
        "{trial}"
    );
    assert!(!index.exists());
    rig.ok(&["site", "--full"]);
    assert!(index.exists() && !rig.mirror("status/old.json").exists());
    assert_eq!(fs::read_to_string(rig.mirror("status/notes.txt")).unwrap(), "mine");
    // A file and a link that are not of the site are in the way.
    for path in [&index, &rig.mirror("status/all.atom")] {
        fs::remove_file(path).unwrap();
    }
    fs::write(&index, "theirs").unwrap();
    let outside = rig.work("../outside");
    fs::write(&outside, "outside").unwrap();
    symlink(&outside, rig.mirror("status/all.atom")).unwrap();
    let told = rig.ends(0, &["site", "--full"]);
    for name in ["index.json", "all.atom"] {
        let why =
            format!("warning: `status/{name}` is not written: something that is not of the site is there");
        assert!(told.contains(&why), "{told}");
    }
    assert_eq!(fs::read_to_string(&index).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside");
}

#[test]
fn a_site_that_somebody_removed_is_written_again() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    let before = tree(&rig.mirror("status")).len();
    fs::remove_dir_all(rig.mirror("status")).unwrap();
    assert!(rig.ok(&["site"]).starts_with("wrote 11 files ("));
    assert_eq!(tree(&rig.mirror("status")).len(), before);
    fs::remove_file(rig.mirror("status/index.html")).unwrap();
    assert!(rig.ok(&["site"]).starts_with("wrote 1 file ("));
    fs::remove_dir_all(rig.mirror("status")).unwrap();
    fs::write(rig.mirror("status"), "a file").unwrap();
    rig.fails(1, "status", &["site"]);
}

#[test]
fn what_a_kill_left_is_compared_with_what_is_there() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    let index = rig.mirror("status/master/centos/index.json");
    let before = fs::read(&index).unwrap();
    // Killed after a file was written, and then the mirror changed back.
    let state = rig.mirror(".mirrorkeep/site.json");
    fs::remove_file(&index).unwrap();
    fs::write(&index, "{\"index\":1,\"builds\":[]}").unwrap();
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replacen("\"files\"", "\"writing\":true,\"files\"", 1)).unwrap();
    rig.ok(&["site"]);
    assert_eq!(fs::read(&index).unwrap(), before);
    assert!(!fs::read_to_string(&state).unwrap().contains("writing"));
}

#[test]
fn what_is_in_the_way_of_one_file_stops_no_other() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    fs::remove_file(rig.mirror("status/all.atom")).unwrap();
    fs::create_dir(rig.mirror("status/all.atom")).unwrap();
    fs::remove_file(rig.mirror("status/index.html")).unwrap();
    fs::write(rig.mirror("status/index.html"), "mine").unwrap();
    fs::rename(rig.mirror("status/master"), rig.work("../moved")).unwrap();
    symlink(rig.work("../moved"), rig.mirror("status/master")).unwrap();
    let moved = tree(&rig.work("../moved"));
    rig.builds([C]);
    let told = rig.ends(0, &["site"]);
    for name in ["all.atom", "index.html", "master/centos/index.json"] {
        let why =
            format!("warning: `status/{name}` is not written: something that is not of the site is there");
        assert!(told.contains(&why), "{told}");
    }
    assert_eq!(read(&rig, "status/index.json")["streams"][0]["newest"], C);
    assert_eq!(fs::read_to_string(rig.mirror("status/index.html")).unwrap(), "mine");
    assert_eq!(tree(&rig.work("../moved")), moved, "nothing is written through a link");
}

#[test]
fn every_command_that_changes_the_mirror_brings_the_site_up_to_date() {
    let rig = scene("{auto: true}");
    let newest = |rig: &Rig| read(rig, "status/index.json")["streams"][0]["newest"].clone();
    assert_eq!(newest(&rig), json!(B));
    rig.builds([C]);
    assert_eq!(newest(&rig), json!(C));
    let oldest = |rig: &Rig| read(rig, "status/master/centos/index.json")["builds"][2].clone();
    rig.ok(&["label", &id(A), "sanity=green"]);
    assert_eq!(oldest(&rig)["labels"], json!({"sanity": "green"}));
    rig.ok(&["hold", &id(A), "--why", "a test"]);
    assert_eq!(oldest(&rig)["verdict"], "keep");
    rig.ok(&["unhold", &id(A)]);
    let policy = rig.work("../all.yaml");
    fs::write(&policy, "version: 1\nfamilies: [{name: all, match: '**', keep: [{forever: true}]}]\n")
        .unwrap();
    rig.ok(&["policy", "set", policy.to_str().unwrap()]);
    assert_eq!(oldest(&rig)["verdict"], "keep");
    rig.ok(&["withdraw", &id(C), "--why", "a test"]);
    assert_eq!(newest(&rig), json!(B));
    // A dry run and a verb that only looks write nothing.
    fs::remove_dir_all(rig.mirror("status")).unwrap();
    rig.ok(&["label", &id(A), "sanity=red", "--dry-run"]);
    rig.ok(&["list"]);
    assert!(!rig.mirror("status").exists());
}

#[test]
fn a_site_that_cannot_be_written_is_a_warning_of_the_verb() {
    let rig = scene("{auto: true}");
    fs::remove_dir_all(rig.mirror("status")).unwrap();
    fs::remove_file(rig.mirror(".mirrorkeep/site.json")).unwrap();
    fs::write(rig.mirror("status"), "a file").unwrap();
    let told = rig.ends(0, &["label", &id(A), "sanity=green"]);
    assert!(told.contains("warning: the site is not up to date: "), "{told}");
    assert!(told.contains("`mirrorkeep site` and every command that changes the mirror try again"), "{told}");
    assert_eq!(rig.json(&["show", &id(A)])["labels"]["sanity"]["value"], "green");
    fs::remove_file(rig.mirror("status")).unwrap();
    rig.ok(&["label", &id(A), "sanity=red"]);
    assert!(rig.mirror("status/index.json").exists());
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let rig = Rig::new();
    rig.builds([A]);
    rig.fails(2, "mirror.yaml has no `site`", &["site"]);
    for (site, why) in [
        ("{path: ../x}", "site: `../x` holds `.` or `..`"),
        ("{path: .mirrorkeep/x}", "mirrorkeep's own"),
        ("{url: 'ftp://x'}", "is not an address such as"),
        ("{title: ''}", "1 to 255 printable characters"),
        ("{colour: red}", "colour"),
    ] {
        settings(&rig, site);
        rig.fails(3, why, &["site"]);
    }
    settings(&rig, "{path: readers/x}\nreaders: {url: 'http://mirror'}");
    rig.fails(3, "are in each other's way", &["site"]);
    // A place where builds are.
    settings(&rig, "{path: master}");
    let told = "`master` and the recorded build `master/centos/20181204T060000Z` are in each other's way";
    rig.fails(3, told, &["site"]);
    assert!(!rig.mirror("master/index.json").exists());
    settings(&rig, "{path: master/centos/20181204T060000Z/status}");
    rig.fails(3, "are in each other's way", &["site"]);
    rig.fails(3, "are in each other's way", &["site", "--dry-run"]);
    let [old, new] = ["status", "pages"].map(|path| rig.mirror(path));
    settings(&rig, "{}");
    rig.ok(&["site"]);
    fs::remove_file(old.join("index.json")).unwrap();
    fs::write(old.join("index.json"), "mine").unwrap();
    settings(&rig, "{path: pages}");
    let told = rig.ends(0, &["site"]);
    assert!(told.contains("warning: the site was in `status` before; 1 changed file there stay"), "{told}");
    // What is left is no stream, and nothing of it is in the indexes.
    assert_eq!(tree(&old).len(), 1);
    assert_eq!(read(&rig, "pages/index.json")["streams"].as_array().unwrap().len(), 1);
    assert!(new.join("index.html").exists());
    let place = rig.json(&["layout", "place", "pages/index.json"]);
    assert_eq!(place["why"], "the public files of `site` in mirror.yaml");
}

#[test]
fn awkward_names_are_told_as_they_are_and_end_nothing() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    settings(&rig, "{url: 'https://mirror.example.org'}");
    let work = rig.work("");
    let long = "x".repeat(200);
    let streams = ["main/a&b<c>\"d'e", "main/index.json", "main/ü%3F#?", &*format!("main/{long}")];
    for stream in streams {
        rig.ok(&["publish", work.to_str().unwrap(), "--stream", stream, "--build", A]);
    }
    rig.ok(&["site"]);
    let index = read(&rig, "status/index.json");
    let told: Vec<&str> =
        index["streams"].as_array().unwrap().iter().map(|one| one["stream"].as_str().unwrap()).collect();
    let mut sorted = streams;
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    for stream in streams {
        let builds = read(&rig, &format!("status/{stream}/index.json"));
        assert_eq!(builds["builds"][0]["id"], format!("{stream}/{A}"));
        let (title, entries) = feed(&rig, &format!("status/{stream}/feed.atom"));
        assert_eq!(title, format!("Mirror: {stream}"));
        assert_eq!(entries.len(), 1);
    }
    let (_, entries) = feed(&rig, "status/main/ü%3F#?/feed.atom");
    let link = "https://mirror.example.org/main/%C3%BC%253F%23%3F/20181204T060000Z/";
    assert_eq!(entries[0].1.as_deref(), Some(link));
}

#[test]
fn a_stream_with_the_name_of_a_file_is_in_no_other_ones_way() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    settings(&rig, "{}");
    let work = rig.work("");
    for stream in ["main", "main/index.json"] {
        rig.ok(&["publish", work.to_str().unwrap(), "--stream", stream, "--build", A]);
    }
    let told = rig.ends(0, &["site"]);
    assert!(
        told.contains(
            "`main/index.json/index.json` of the site is not written: `main/index.json` is in the way"
        ),
        "{told}"
    );
    let index = read(&rig, "status/index.json");
    let streams = index["streams"].as_array().unwrap();
    assert_eq!(
        (&streams[0]["index"], &streams[1]["index"]),
        (&json!("status/main/index.json"), &Value::Null)
    );
    assert_eq!(read(&rig, "status/main/index.json")["stream"], "main");
}

#[test]
fn out_writes_the_same_files_elsewhere_and_only_reads_the_mirror() {
    let rig = scene("{}");
    rig.ok(&["site"]);
    let out = rig.work("../pages");
    let out_arg = out.to_str().unwrap();
    let before = tree(&rig.mirror(""));
    let trial = rig.ok(&["site", "--out", out_arg, "--dry-run"]);
    assert!(trial.starts_with("would write ") && !out.exists(), "{trial}");
    let report = rig.json(&["site", "--out", out_arg])["report"].clone();
    assert!(report["written"].as_array().unwrap().contains(&json!("master/centos/index.html")), "{report}");
    assert_eq!(tree(&rig.mirror("")), before, "nothing in the mirror is changed");
    for file in inodes(&rig).keys() {
        let there = fs::read(rig.mirror("status").join(file)).unwrap();
        assert_eq!(fs::read(out.join(file)).unwrap(), there, "{file}");
    }
    // What is there is compared byte for byte, what is not of the site is left, and what is not wanted goes.
    fs::write(out.join("index.json"), "mine").unwrap();
    fs::remove_file(out.join("all.atom")).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    rig.ok(&["withdraw", &id(A), "--why", "a test"]);
    let told = rig.ends(0, &["site", "--out", out_arg]);
    assert!(told.contains("warning: `index.json` is not written"), "{told}");
    assert_eq!(fs::read_to_string(out.join("index.json")).unwrap(), "mine");
    assert!(out.join("all.atom").exists() && out.join("notes.txt").exists());
    assert!(fs::read_to_string(out.join(format!("master/centos/{A}.html"))).unwrap().contains("gone"));
    // A mirror without the section, and places that cannot be.
    settings(&rig, "{}");
    let at = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&at).unwrap();
    fs::write(&at, text.replace("site: {}\n", "")).unwrap();
    rig.ok(&["site", "--out", rig.work("../other").to_str().unwrap()]);
    assert!(rig.work("../other/index.html").exists());
    rig.fails(2, "is in the mirror", &["site", "--out", rig.mirror("pages/x").to_str().unwrap()]);
    rig.fails(2, "is not a directory", &["site", "--out", out.join("notes.txt").to_str().unwrap()]);
}
