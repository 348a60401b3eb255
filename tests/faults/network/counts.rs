//! How many requests a command makes: what a store bills, and what decides how long a large mirror takes.

use super::proxy::Proxy;
use crate::engines::stores::bucket::{Bucket, ONE, THREE, TWO};
use crate::support::servers::{Engine, gcs, weed};
use mirrorkeep::store::Conditions;

/// Runs a command and returns the requests that it made, as their first lines.
#[track_caller]
fn requests(bucket: &Bucket<'_>, args: &[String]) -> Vec<String> {
    let proxy = Proxy::start(bucket.engine.port, None);
    let output = bucket.engine.through(proxy.port, bucket.name).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    proxy.seen()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn of_method(requests: &[String], method: &str) -> usize {
    requests.iter().filter(|line| line.starts_with(method)).count()
}

fn with_files(bucket: &Bucket<'_>, count: usize) {
    for number in 0..count {
        bucket.write(&format!("outputs/RPMS/std/{number:05}.rpm"), &format!("package {number}"));
    }
}

#[test]
fn publishing_puts_each_file_once_and_little_beside_them() {
    let engine: Engine = gcs::start(Conditions::Honoured);
    let bucket = Bucket::new(&engine, "publish");
    with_files(&bucket, 400);
    let made = requests(&bucket, &bucket.publishing(ONE));
    let (puts, all) = (of_method(&made, "PUT"), made.len());
    assert!((402..=440).contains(&puts), "{puts} PUTs of 402 files");
    // Before the first prune each of the two locks looks for `last-run.json` with three requests. Two read in the journal whether a
    // build of that ID was withdrawn, and two whether the first stream of a name looks misspelt. Whether the stream is being retired is
    // looked up four times with three requests: before the sources are read, before and after they are staged, and for the names.
    assert!(all < 402 + 126, "{all} requests for 402 files");
}

#[test]
fn planning_asks_nothing_for_each_file() {
    let engine = gcs::start(Conditions::Honoured);
    let (few, many) = (Bucket::new(&engine, "few"), Bucket::new(&engine, "many"));
    with_files(&many, 200);
    let counts = [&few, &many].map(|bucket| {
        bucket.publish(ONE);
        bucket.publish(TWO);
        requests(bucket, &words("plan")).len()
    });
    assert_eq!(counts[0], counts[1]);
}

#[test]
fn a_sweep_removes_a_thousand_objects_with_one_request() {
    let engine = weed::single();
    let (few, many) = (Bucket::new(&engine, "few"), Bucket::new(&engine, "many"));
    with_files(&many, 2500);
    let counts = [&few, &many].map(|bucket| {
        bucket.publish(ONE);
        bucket.write("outputs/iso/bootimage.iso", "another");
        bucket.publish(TWO);
        bucket.publish(THREE);
        let pruned = requests(bucket, &words("prune"));
        let swept = requests(bucket, &words("sweep"));
        let deletes = of_method(&swept, "POST") + of_method(&swept, "DELETE");
        (pruned.len(), swept.len() - deletes, deletes)
    });
    let ([few_pruned, many_pruned], [few_asked, many_asked], [few_deletes, many_deletes]) =
        ([counts[0].0, counts[1].0], [counts[0].1, counts[1].1], [counts[0].2, counts[1].2]);
    // The names are looked at again every fifth of a second, so that the number is not always the same.
    assert!(
        many_pruned < few_pruned + 200,
        "moving 5,000 files into the trash: {few_pruned} and {many_pruned}"
    );
    // Two builds of 2,503 objects each: two more pages of a listing and two more deletes for each.
    assert!(many_asked <= few_asked + 4, "{few_asked} and {many_asked}");
    assert!(many_deletes <= few_deletes + 4, "{few_deletes} and {many_deletes}");
}
