//! The law of times, through whole publishes: other bytes of the same size at one path have a later second than in the last build.

use super::copy::scene::{Home, In, build, copy};
use crate::support::view;
use mirrorkeep::commit::TimeRule;
use mirrorkeep::mirror::Chosen;
use mirrorkeep::ops::publish::{PublishReport, PublishRequest};
use mirrorkeep::record::Manifest;
use mirrorkeep::session::Session;
use mirrorkeep::store::Share;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Files of two sizes: one that a bucket copies by itself, and one that it is sent.
const FILES: [(&str, usize); 4] =
    [("iso/a.iso", 70_000), ("iso/b.iso", 70_000), ("rpms/a.rpm", 9), ("rpms/b.rpm", 9)];

/// What a build server hands over: for each file which of three contents it has, and its time.
type Given = [(u8, u8); 4];

fn second(mtime: i128) -> i128 {
    mtime.div_euclid(1_000_000_000)
}

fn write(work: &Path, given: Given) {
    for ((file, size), (byte, time)) in FILES.iter().zip(given) {
        let path = work.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![b'a' + byte % 3; *size]).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(1_500_000_000_000 + u64::from(time % 4) * 700);
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
    }
}

fn generic(kind: In) -> Home {
    Home::new(kind, Chosen::Shipped("generic".to_owned()))
}

fn publish(home: &Home, work: &Path, name: &str, dedupe: Option<Share>, times: TimeRule) -> PublishReport {
    let mut request = view::publishing(build(name), work);
    (request.filling.dedupe, request.filling.times) = (dedupe, times);
    published(home, &request)
}

fn published(home: &Home, request: &PublishRequest) -> PublishReport {
    let now = super::copy::scene::now;
    mirrorkeep::ops::publish::publish(&Session::new(home.mirror(), &now), request).unwrap()
}

fn manifest(home: &Home, name: &str) -> Manifest {
    home.mirror().manifest(&build(name)).unwrap().unwrap()
}

/// Returns how the files of two builds break the law.
fn broken(last: &Manifest, new: &Manifest) -> Vec<String> {
    let mut broken = Vec::new();
    for new in new.files.iter().filter(|file| file.seen.is_some()) {
        let last = last.files.iter().find(|last| last.path == new.path).unwrap();
        let (before, now) = (second(last.mtime), second(new.mtime));
        if if last.digest == new.digest { now < before } else { now <= before } {
            broken.push(format!("{last:?} {new:?}"));
        }
    }
    broken
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn changed_bytes_have_a_later_second_in_a_directory_and_in_a_bucket(
        builds in prop::collection::vec((any::<Given>(), any::<bool>()), 2..6),
        in_bucket in any::<bool>(),
    ) {
        let (kind, other) = if in_bucket { (In::Bucket, In::Dir) } else { (In::Dir, In::Bucket) };
        let (home, copied) = (generic(kind), generic(other));
        let mut last: Option<Manifest> = None;
        for (number, (given, dedupe)) in builds.into_iter().enumerate() {
            let name = format!("201812{:02}T060000Z", number + 1);
            let work = tempfile::tempdir().unwrap();
            write(work.path(), given);
            let dedupe = dedupe.then_some(Share::Link);
            publish(&home, work.path(), &name, dedupe, TimeRule::Later);
            let new = manifest(&home, &name);
            if let Some(last) = &last {
                prop_assert_eq!(broken(last, &new), Vec::<String>::new());
            }
            for file in new.files.iter().filter(|file| file.seen.is_some()) {
                let at = format!("master/centos/{name}/{}", file.path).parse().unwrap();
                let there = home.store().look(&at).unwrap().unwrap();
                prop_assert_eq!((there.size, there.mtime), (file.size, file.mtime));
            }
            last = Some(new);
            copy(&home, &copied).unwrap();
            let times = |home: &Home| -> Vec<_> {
                let files = manifest(home, &name).files.into_iter();
                files.filter(|file| file.path.as_str().contains('/')).map(|file| (file.path, file.mtime)).collect()
            };
            prop_assert_eq!(times(&home), times(&copied));
        }
    }
}

#[test]
fn a_bucket_counts_later_times_and_keeps_those_of_the_source_on_request() {
    let home = generic(In::Bucket);
    let work = tempfile::tempdir().unwrap();
    let all = |byte: u8| [(byte, 0); 4];
    for (number, (byte, times, later, warned)) in [
        (0, TimeRule::Later, 0, false),
        (1, TimeRule::Later, 4, false),
        (0, TimeRule::Source, 0, true),
        (2, TimeRule::Later, 4, false),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("201812{:02}T060000Z", number + 1);
        write(work.path(), all(byte));
        let report = publish(&home, work.path(), &name, Some(Share::Link), times);
        assert_eq!(report.later_files, later, "{name}");
        let warning = report.warnings.iter().any(|warning| warning.contains("the first `iso/a.iso`"));
        assert_eq!(warning, warned, "{:?}", report.warnings);
        let seconds: Vec<i128> = manifest(&home, &name)
            .files
            .iter()
            .filter(|file| file.seen.is_some())
            .map(|file| second(file.mtime) - 1_500_000_000)
            .collect();
        assert_eq!(seconds, [[0; 4], [1; 4], [0; 4], [2; 4]][number], "{name}");
    }
}
