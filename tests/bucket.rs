//! The command line on a real object store: SeaweedFS, one server for all of it, each story in a mirror of its own.

use crate::servers::Weed;
use serde_json::Value;
use std::{fs, path::PathBuf, process::Output, time::Duration};

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";

const POLICY: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
families:
  - {name: all, match: \"**\", keep: [{last: 1}]}
";

/// A mirror in the bucket and a workspace.
struct Bucket<'w> {
    weed: &'w Weed,
    name: &'static str,
    dir: tempfile::TempDir,
}

impl<'w> Bucket<'w> {
    fn new(weed: &'w Weed, name: &'static str) -> Self {
        let bucket = Self { weed, name, dir: tempfile::tempdir().unwrap() };
        bucket.write("outputs/RPMS/std/a.rpm", "package a");
        bucket.write("outputs/iso/bootimage.iso", "image");
        let policy = bucket.dir.path().join("policy.yaml");
        fs::write(&policy, POLICY).unwrap();
        bucket.ok(&["init", "--policy", policy.to_str().unwrap()]);
        bucket
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.work().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        self.weed.command(self.name).args(args).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {args:?}: {said}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, code: i32, said: &str, args: &[&str]) {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(said), "{text}");
    }

    fn publishing(&self, build: &str) -> Vec<String> {
        let work = self.work();
        let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", build];
        args.map(str::to_owned).to_vec()
    }

    #[track_caller]
    fn publish(&self, build: &str) -> String {
        let args = self.publishing(build);
        self.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[track_caller]
    fn builds(&self) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.ok(&["--json", "list"])).unwrap();
        let builds = list["builds"].as_array().unwrap().iter();
        builds.map(|build| build["build"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn latest(&self) -> String {
        self.ok(&["resolve", "master/centos/latest_build"]).trim().to_owned()
    }

    /// Reads a build as its readers do and compares every file with its checksum.
    #[track_caller]
    fn sums_hold(&self, build: &str) {
        let get = |file: &str| {
            let (head, body) = self.weed.get(&format!("{}/master/centos/{build}/{file}", self.name)).unwrap();
            assert!(head.contains(" 200 "), "{file}: {head}");
            body
        };
        let sums = String::from_utf8(get("SHA256SUMS")).unwrap();
        assert!(sums.lines().count() >= 3, "{sums}");
        for line in sums.lines() {
            let (digest, file) = line.split_once("  ").unwrap();
            assert_eq!(mirrorkeep::word::Digest::of(&get(file)).to_string(), digest, "{file}");
        }
    }
}

#[test]
fn the_command_line_keeps_its_word_on_seaweedfs() {
    let weed = Weed::start();
    let stories: [fn(&Weed); 6] = [
        three_builds_follow_each_other,
        of_two_publishers_of_one_build_one_publishes,
        publishers_of_one_stream_end_with_the_newest_as_latest,
        what_is_pruned_is_gone_and_can_come_back,
        a_publisher_that_was_killed_is_followed_by_the_next,
        what_is_no_mirror_is_told,
    ];
    // All at once: most of the time is spent waiting for the server.
    std::thread::scope(|scope| {
        for story in stories {
            let weed = &weed;
            scope.spawn(move || story(weed));
        }
    });
}

fn three_builds_follow_each_other(weed: &Weed) {
    let bucket = Bucket::new(weed, "three");
    bucket.fails(1, "already", &["init"]);
    for build in [ONE, TWO, THREE] {
        bucket.write("outputs/iso/bootimage.iso", &format!("image of {build} ").repeat(10_000));
        assert!(bucket.publish(build).starts_with("published"));
    }
    assert!(bucket.publish(THREE).contains("unchanged"));
    bucket.write("outputs/iso/bootimage.iso", "other");
    let args = bucket.publishing(THREE);
    bucket.fails(1, "with other content", &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    assert_eq!(bucket.latest(), format!("master/centos/{THREE}"));
    for build in [ONE, TWO, THREE] {
        bucket.sums_hold(build);
    }
    let (head, _) = weed.get(&format!("three/master/centos/{ONE}/outputs/RPMS/std/a.rpm")).unwrap();
    let head = head.to_lowercase();
    assert!(head.contains("immutable") && head.contains("application/x-rpm"), "{head}");
    let (head, text) = weed.get("three/master/centos/latest_build.mirrorkeep-link").unwrap();
    assert_eq!(text, THREE.as_bytes());
    assert!(head.to_lowercase().contains("max-age=60"), "{head}");
    bucket.ok(&["label", &format!("master/centos/{ONE}"), "sanity=green"]);
    assert!(bucket.ok(&["show", &format!("master/centos/{ONE}")]).contains("sanity"));
    bucket.fails(1, "newer", &["alias", "set", "master/centos/latest_build", ONE]);
    bucket.ok(&["alias", "set", "master/centos/latest_build", ONE, "--allow-backwards"]);
    assert_eq!(bucket.latest(), format!("master/centos/{ONE}"));
    assert!(bucket.ok(&["alias", "list"]).contains(ONE));
    assert!(bucket.ok(&["census"]).contains(TWO));
}

fn of_two_publishers_of_one_build_one_publishes(weed: &Weed) {
    let bucket = Bucket::new(weed, "race");
    let said: Vec<String> = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..2).map(|_| scope.spawn(|| bucket.publish(ONE))).collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let published = said.iter().filter(|said| said.starts_with("published"));
    assert_eq!(published.count(), 1, "{said:?}");
    assert_eq!(bucket.builds(), [ONE]);
    bucket.sums_hold(ONE);
}

fn publishers_of_one_stream_end_with_the_newest_as_latest(weed: &Weed) {
    let bucket = Bucket::new(weed, "stream");
    std::thread::scope(|scope| {
        for build in [TWO, THREE, ONE] {
            let bucket = &bucket;
            scope.spawn(move || bucket.publish(build));
        }
    });
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    assert_eq!(bucket.latest(), format!("master/centos/{THREE}"));
}

fn what_is_pruned_is_gone_and_can_come_back(weed: &Weed) {
    let bucket = Bucket::new(weed, "prune");
    for build in [ONE, TWO, THREE] {
        bucket.publish(build);
    }
    bucket.ok(&["hold", &format!("master/centos/{TWO}"), "--why", "bug 7"]);
    assert!(bucket.ok(&["explain", &format!("master/centos/{TWO}")]).contains("bug 7"));
    bucket.ok(&["prune"]);
    assert_eq!(bucket.builds(), [TWO, THREE]);
    let args = bucket.publishing(ONE);
    bucket.fails(1, "is in the trash", &args.iter().map(String::as_str).collect::<Vec<_>>());
    bucket.ok(&["restore", &format!("master/centos/{ONE}")]);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    bucket.sums_hold(ONE);
    bucket.ok(&["unhold", &format!("master/centos/{ONE}")]);
    bucket.ok(&["prune"]);
    bucket.ok(&["sweep"]);
    let (head, _) = weed.get(&format!("prune/master/centos/{ONE}/SHA256SUMS")).unwrap();
    assert!(head.contains(" 404 "), "{head}");
    assert!(bucket.publish(ONE).starts_with("published"));
    bucket.sums_hold(ONE);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
}

fn a_publisher_that_was_killed_is_followed_by_the_next(weed: &Weed) {
    let bucket = Bucket::new(weed, "killed");
    for number in 0..60 {
        bucket.write(&format!("outputs/RPMS/std/{number}.rpm"), &format!("package {number}"));
    }
    for (build, after) in [(ONE, 60), (TWO, 150), (THREE, 300)] {
        let mut publisher = weed.command(bucket.name).args(bucket.publishing(build)).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        publisher.kill().unwrap();
        publisher.wait().unwrap();
        bucket.publish(build);
        bucket.sums_hold(build);
        assert_eq!(bucket.latest(), format!("master/centos/{build}"));
    }
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
}

fn what_is_no_mirror_is_told(weed: &Weed) {
    // The bucket itself is made with the first mirror in it.
    drop(Bucket::new(weed, "something"));
    let output = weed.command("nothing").arg("list").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
