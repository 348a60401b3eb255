//! Sentences of the command line that hold wherever the bucket is.

use super::bucket::{Bucket, ONE, Story, THREE, TWO};
use crate::store::contract::cut_off;
use mirrorkeep::decide::check::{Fix, MendKind, Terms, mends};
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::{RelPath, Stamp};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Put, Store, Uploads};
use std::sync::Arc;
use std::time::Duration;

macro_rules! stories {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

/// What every engine tells.
pub(crate) const ALL: &[Story] = stories! {
    three_builds_follow_each_other
    of_two_publishers_of_one_build_one_publishes
    publishers_and_people_race_on_one_stream_and_one_alias
    what_is_pruned_is_gone_and_can_come_back
    parts_go_and_come_back_and_the_list_is_right
    a_publisher_that_was_killed_is_followed_by_the_next
    a_large_file_goes_in_parts
    what_the_dead_sent_in_parts_is_given_up_by_the_next
    what_other_tools_sent_in_parts_is_told_where_the_server_tells_of_it
    what_lies_there_is_checked_verified_and_taken_over
    what_is_no_mirror_is_told
};

/// What a server shows to readers without any key.
pub(crate) const READ_WITHOUT_A_KEY: &[Story] = stories! { readers_are_told_what_it_is_and_how_long_it_keeps pages_are_those_of_a_directory_with_their_types };

/// What holds where conditions are honoured.
pub(crate) const OF_SEVERAL_WRITERS: &[Story] = stories! { nothing_is_said_where_conditions_are_honoured };

/// What holds where they are not.
pub(crate) const OF_ONE_WRITER_AT_A_TIME: &[Story] = stories! {
    it_is_said_aloud_that_conditions_are_ignored
    many_writers_are_refused
};

/// Takes the packages out of all builds but the newest.
const PARTS: &str = "version: 1
defaults: {min_age: 0h, superseded_grace: 0h, floor: 1, trash: 1d}
brakes: {policy_change: apply}
families:
  - name: all
    match: \"**\"
    keep: [{last: 5}]
    parts: {bulky: {paths: [\"outputs/RPMS/**\"], keep: [{last: 1}]}}
";

/// What is said where one writer at a time works.
const AT_A_TIME: &str = "allows one writer at a time";

fn three_builds_follow_each_other(bucket: &Bucket<'_>) {
    bucket.fails(1, "already", &["init"]);
    for build in [ONE, TWO, THREE] {
        bucket.write("outputs/iso/bootimage.iso", &format!("image of {build} ").repeat(10_000));
        assert!(bucket.publish(build).starts_with("published"));
    }
    assert!(bucket.publish(THREE).contains("unchanged"));
    bucket.write("outputs/iso/bootimage.iso", "other");
    bucket.cannot_publish(THREE, "with other content");
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    assert_eq!(bucket.latest(), format!("master/centos/{THREE}"));
    for build in [ONE, TWO, THREE] {
        bucket.sums_hold(build);
    }
    bucket.ok(&["label", &format!("master/centos/{ONE}"), "sanity=green"]);
    assert!(bucket.ok(&["show", &format!("master/centos/{ONE}")]).contains("sanity"));
    bucket.fails(1, "newer", &["alias", "set", "master/centos/latest_build", ONE]);
    bucket.ok(&["alias", "set", "master/centos/latest_build", ONE, "--allow-backwards"]);
    assert_eq!(bucket.latest(), format!("master/centos/{ONE}"));
    assert!(bucket.ok(&["alias", "list"]).contains(ONE));
    assert!(bucket.ok(&["census"]).contains(TWO));
    bucket.ok(&["alias", "set", "master/centos/tested", TWO]);
    bucket.ok(&["alias", "remove", "master/centos/tested"]);
    bucket.fails(1, "tested", &["resolve", "master/centos/tested"]);
    let plan = bucket.json(&["plan"]);
    assert_eq!(plan["totals"]["expire"], 1, "{plan}");
    bucket.ok(&["recover"]);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    bucket.ok(&["verify", "--all"]);
}

fn of_two_publishers_of_one_build_one_publishes(bucket: &Bucket<'_>) {
    let said: Vec<String> = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..2).map(|_| scope.spawn(|| bucket.publish(ONE))).collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let published = said.iter().filter(|said| said.starts_with("published"));
    assert_eq!(published.count(), 1, "{said:?}");
    assert_eq!(bucket.builds(), [ONE]);
    bucket.sums_hold(ONE);
}

fn publishers_and_people_race_on_one_stream_and_one_alias(bucket: &Bucket<'_>) {
    bucket.publish(ONE);
    std::thread::scope(|scope| {
        for build in [TWO, THREE] {
            scope.spawn(move || bucket.publish(build));
        }
        // Where the name leads meanwhile is either's to say; that it leads to a build is not.
        let alias = ["alias", "set", "master/centos/latest_build", ONE, "--allow-backwards"];
        scope.spawn(move || bucket.ok(&alias));
        scope.spawn(move || bucket.ok(&["alias", "set", "master/centos/tested", ONE]));
        scope.spawn(|| {
            for _ in 0..5 {
                let latest = bucket.latest();
                let name = latest.rsplit('/').next().unwrap().to_owned();
                assert!(bucket.builds().contains(&name), "it led to {latest}");
            }
        });
    });
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    for build in [ONE, TWO, THREE] {
        bucket.sums_hold(build);
    }
    assert_eq!(bucket.ok(&["resolve", "master/centos/tested"]).trim(), format!("master/centos/{ONE}"));
    let events = bucket.json(&["recover", "--dry-run"]);
    assert_eq!(events["unsettled"].as_array().map(Vec::len), Some(0), "{events}");
    bucket.ok(&["alias", "set", "master/centos/latest_build", THREE]);
    assert_eq!(bucket.latest(), format!("master/centos/{THREE}"));
}

fn what_is_pruned_is_gone_and_can_come_back(bucket: &Bucket<'_>) {
    for build in [ONE, TWO, THREE] {
        bucket.publish(build);
    }
    bucket.ok(&["hold", &format!("master/centos/{TWO}"), "--why", "bug 7"]);
    assert!(bucket.ok(&["explain", &format!("master/centos/{TWO}")]).contains("bug 7"));
    bucket.ok(&["prune"]);
    assert_eq!(bucket.builds(), [TWO, THREE]);
    bucket.cannot_publish(ONE, "is in the trash");
    bucket.ok(&["restore", &format!("master/centos/{ONE}")]);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
    bucket.sums_hold(ONE);
    bucket.ok(&["unhold", &format!("master/centos/{ONE}")]);
    bucket.ok(&["prune"]);
    bucket.ok(&["sweep"]);
    assert_eq!(bucket.objects(&format!("master/centos/{ONE}")), [""; 0]);
    assert!(bucket.publish(ONE).starts_with("published"));
    bucket.sums_hold(ONE);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
}

fn parts_go_and_come_back_and_the_list_is_right(bucket: &Bucket<'_>) {
    let store = bucket.engine.store(bucket.name);
    store.put(&RelPath::state("policy.yaml"), PARTS.as_bytes(), Put::Replace).unwrap();
    let one = format!("master/centos/{ONE}");
    let listed = || bucket.listed(ONE).iter().any(|file| file == "outputs/RPMS/std/a.rpm");
    bucket.publish(ONE);
    bucket.publish(TWO);
    let before = bucket.contents(&one);
    let said = bucket.ok(&["prune"]);
    assert!(said.contains(&format!("trimmed   {one}  without bulky")), "{said}");
    // Nothing goes at once, and whoever checks the list finds all of it.
    assert!(!listed() && bucket.contents(&one).len() == before.len());
    bucket.sums_hold(ONE);
    bucket.ok(&["verify", "--all", "--read"]);
    assert!(!bucket.ends(5, &["check"]).contains("build-changed"));
    assert_eq!(bucket.json(&["show", &one])["trimmed"], serde_json::json!(["bulky"]));
    bucket.ok(&["restore", &one]);
    assert_eq!(bucket.contents(&one), before);
    bucket.ok(&["verify", "--all", "--restart", "--read"]);
    bucket.ok(&["unhold", &one]);
    bucket.ok(&["prune"]);
    bucket.ok(&["sweep"]);
    assert!(!bucket.objects(&one).iter().any(|at| at.contains("/RPMS/")), "{:?}", bucket.objects(&one));
    assert_eq!(bucket.builds(), [ONE, TWO]);
    bucket.sums_hold(ONE);
    bucket.sums_hold(TWO);
    bucket.ok(&["verify", "--all", "--restart", "--read"]);
    bucket.fails(1, "is not in the trash", &["restore", &one]);
}

fn a_publisher_that_was_killed_is_followed_by_the_next(bucket: &Bucket<'_>) {
    for number in 0..60 {
        bucket.write(&format!("outputs/RPMS/std/{number}.rpm"), &format!("package {number}"));
    }
    for (build, after) in [(ONE, 60), (TWO, 150), (THREE, 300)] {
        let mut publisher = bucket.command().args(bucket.publishing(build)).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        publisher.kill().unwrap();
        publisher.wait().unwrap();
        bucket.publish(build);
        bucket.sums_hold(build);
        assert_eq!(bucket.latest(), format!("master/centos/{build}"));
    }
    assert_eq!(bucket.builds(), [ONE, TWO, THREE]);
}

fn a_large_file_goes_in_parts(bucket: &Bucket<'_>) {
    bucket.write("outputs/iso/bootimage.iso", &"so many bytes ".repeat(3 << 20));
    bucket.publish(ONE);
    bucket.sums_hold(ONE);
    // The next has the same file: the store copies it by itself.
    assert!(bucket.publish(TWO).contains("shared"));
    bucket.sums_hold(TWO);
}

fn what_the_dead_sent_in_parts_is_given_up_by_the_next(bucket: &Bucket<'_>) {
    let store = bucket.engine.store(bucket.name);
    let image = format!("master/centos/{ONE}/outputs/iso/bootimage.iso").parse().unwrap();
    cut_off(&store, &image);
    // Azure tells no names of uploads, and gives nothing up.
    let told = usize::from(!bucket.engine.bucket.starts_with("az:"));
    assert_eq!(store.unfinished(Uploads::Noted).unwrap().len(), told);
    bucket.publish(ONE);
    assert_eq!(store.unfinished(Uploads::Noted).unwrap(), []);
    bucket.sums_hold(ONE);
}

fn what_other_tools_sent_in_parts_is_told_where_the_server_tells_of_it(bucket: &Bucket<'_>) {
    let store = bucket.engine.store(bucket.name);
    let image: RelPath = "master/centos/bootimage.iso".parse().unwrap();
    cut_off(&store, &image);
    let noted = store.unfinished(Uploads::Noted).unwrap();
    for upload in &noted {
        store.remove(upload.note.as_ref().unwrap()).unwrap();
    }
    assert_eq!(store.unfinished(Uploads::Noted).unwrap(), []);
    let told = store.unfinished(Uploads::All).unwrap();
    let wanted = Vec::from_iter(bucket.engine.bucket.starts_with("s3:").then(|| image.clone()));
    assert_eq!(told.iter().map(|upload| upload.to.clone()).collect::<Vec<_>>(), wanted);
    // Nobody knows whether they still send: they are left alone for a day.
    let mirror = Mirror::open(Arc::new(store), "a test", Duration::ZERO).unwrap();
    for (hours, found) in [(23, Vec::new()), (25, wanted)] {
        let then = Stamp::from_instant(chrono::Utc::now()).unwrap().checked_add(hours * 3600).unwrap();
        let report = mirrorkeep::ops::check::check(
            &Session::new(&mirror, &|| then),
            &RelPath::root(),
            Terms::default(),
            Vec::new(),
        )
        .unwrap();
        let told: Vec<Fix> =
            mends(&report.findings).into_iter().filter(|mend| mend.what == MendKind::GiveUp).collect();
        assert_eq!(
            told.iter().map(|mend| mend.path.parse().unwrap()).collect::<Vec<RelPath>>(),
            found,
            "{hours}"
        );
        mirrorkeep::ops::check::mend(&Session::new(&mirror, &|| then), told).unwrap();
    }
    assert_eq!(mirror.store().unfinished(Uploads::All).unwrap(), []);
}

fn what_lies_there_is_checked_verified_and_taken_over(bucket: &Bucket<'_>) {
    let store = bucket.engine.store(bucket.name);
    let put = |at: &str, text: &str| store.put(&at.parse().unwrap(), text.as_bytes(), Put::Replace).unwrap();
    bucket.publish(ONE);
    let package = format!("master/centos/{ONE}/outputs/RPMS/std/a.rpm");
    put(&package, "package A");
    bucket.fails(5, &format!("{package}: changed"), &["verify", "--all"]);
    put(&package, "package a");
    bucket.ok(&["verify", "--all", "--read"]);
    for (file, text) in [("RPMS/std/b.rpm", "package b"), ("success", "")] {
        put(&format!("master/centos/{TWO}/outputs/{file}"), text);
    }
    bucket.fails(5, "unsealed", &["check"]);
    bucket.cannot_publish(TWO, "mirrorkeep did not publish it");
    bucket.ok(&["adopt", "master/centos", "--write-sums"]);
    assert_eq!(bucket.builds(), [ONE, TWO]);
    bucket.ok(&["verify", "--all", "--restart", "--read"]);
    let said = bucket.ends(5, &["check"]);
    assert!(!said.contains("unsealed"), "{said}");
}

fn what_is_no_mirror_is_told(bucket: &Bucket<'_>) {
    let output = bucket.engine.command("nothing").arg("list").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

fn readers_are_told_what_it_is_and_how_long_it_keeps(bucket: &Bucket<'_>) {
    bucket.publish(ONE);
    let get = |at: &str| bucket.engine.get(&format!("{}/{at}", bucket.name));
    let answer = get(&format!("master/centos/{ONE}/outputs/RPMS/std/a.rpm"));
    assert_eq!(answer.body, b"package a");
    assert!(answer.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(answer.header("content-type"), Some("application/x-rpm"));
    let answer = get("master/centos/latest_build.mirrorkeep-link");
    assert_eq!(answer.body, ONE.as_bytes());
    assert!(answer.header("cache-control").unwrap().contains("max-age=60"));
    let mut check = bucket.command();
    check.arg("check").env("AWS_SKIP_SIGNATURE", "true").env("MIRRORKEEP_PATIENCE", "2");
    let output = check.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
}

fn pages_are_those_of_a_directory_with_their_types(bucket: &Bucket<'_>) {
    bucket.publish(ONE);
    let store = bucket.engine.store(bucket.name);
    let at = RelPath::state("mirror.yaml");
    let text = String::from_utf8(store.read(&at, 1 << 20).unwrap()).unwrap();
    let site = "site: {url: 'https://mirror.example.org', title: 'A & B'}";
    store.put(&at, format!("{text}{site}\n").as_bytes(), Put::Replace).unwrap();
    bucket.ok(&["site"]);
    let dir = tempfile::tempdir().unwrap();
    bucket.ok(&["site", "--out", dir.path().to_str().unwrap()]);
    let served = |path: &str, kind: &str| {
        let answer = bucket.engine.get(&format!("{}/status/{path}", bucket.name));
        assert_eq!(answer.body, std::fs::read(dir.path().join(path)).unwrap(), "{path}");
        assert_eq!(answer.header("content-type"), Some(kind), "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=60"), "{path}");
    };
    served("index.html", "text/html; charset=utf-8");
    served(&format!("master/centos/{ONE}.html"), "text/html; charset=utf-8");
    served("master/centos/feed.atom", "application/atom+xml");
    served("index.json", "application/json");
    served("style.css", "text/css; charset=utf-8");
    served("table.js", "text/javascript; charset=utf-8");
    served("icon.svg", "image/svg+xml");
    assert_eq!(
        bucket.objects("status").len(),
        crate::support::rig::tree(dir.path()).iter().filter(|line| line.contains('.')).count()
    );
}

fn nothing_is_said_where_conditions_are_honoured(bucket: &Bucket<'_>) {
    assert!(!bucket.made.contains("warning"), "{}", bucket.made);
    let mut many = bucket.engine.command("many");
    assert!(many.args(["init", "--writers", "many"]).status().unwrap().success());
    let one = bucket.engine.command("one").args(["init", "--writers", "one"]).output().unwrap();
    assert!(String::from_utf8_lossy(&one.stderr).contains(AT_A_TIME));
    let label = bucket.engine.command("one").args(["recover"]).output().unwrap();
    assert!(label.status.success() && String::from_utf8_lossy(&label.stderr).contains(AT_A_TIME));
}

fn it_is_said_aloud_that_conditions_are_ignored(bucket: &Bucket<'_>) {
    assert!(bucket.made.contains("does not honour conditional writes"), "{}", bucket.made);
    assert!(bucket.made.contains(AT_A_TIME), "{}", bucket.made);
    let args = bucket.publishing(ONE);
    let text = bucket.ends(0, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(text.contains(AT_A_TIME), "{text}");
    assert!(!bucket.ends(0, &["list"]).contains(AT_A_TIME), "it changes nothing");
}

fn many_writers_are_refused(bucket: &Bucket<'_>) {
    let output = bucket.engine.command("many").args(["init", "--writers", "many"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("`--writers one` is accepted"), "{text}");
    let settings = bucket.engine.untried("many").look(&RelPath::state("mirror.yaml")).unwrap();
    assert_eq!(settings, None, "no mirror was made");
}
