//! Clusters, one of whose servers dies and comes back while builds are published and pruned: nothing that was
//! acknowledged is lost, and what failed ends as it should when it is run again.
//!
//! The usual run kills once in each command, on SeaweedFS; `make torture` many times, and on Garage as well (`garage`).

use crate::engines::stores::bucket::{Bucket, ONE, THREE, TWO};
use crate::support::servers::Engine;
use crate::support::servers::weed::Cluster;
use crate::support::view;
use mirrorkeep::mirror::Mirror;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// How many files each build has.
const FILES: usize = 120;

/// For how long a server stays dead.
const DEAD: Duration = Duration::from_secs(2);

/// Several servers that hold the bytes.
trait Nodes {
    fn engine(&self) -> Arc<Engine>;
    fn kill(&mut self, number: usize);
    fn revive(&mut self, number: usize);
}

macro_rules! nodes {
    ($cluster:ty) => {
        impl Nodes for $cluster {
            fn engine(&self) -> Arc<Engine> {
                Arc::clone(&self.engine)
            }
            fn kill(&mut self, number: usize) {
                self.kill(number);
            }
            fn revive(&mut self, number: usize) {
                self.revive(number);
            }
        }
    };
}

nodes!(Cluster);

#[cfg(feature = "garage")]
mod garage;

fn torture() -> bool {
    std::env::var_os("MIRRORKEEP_TORTURE").is_some()
}

#[test]
fn a_server_that_dies_and_comes_back_loses_nothing() {
    let rounds = if torture() { 20 } else { 1 };
    let mut cluster = Cluster::start();
    for round in 0..rounds {
        let name: &'static str = format!("mirror-{round}").leak();
        // Spread over the time that a command takes.
        let after = Duration::from_millis(150 + 170 * round % 2000);
        let first = usize::try_from(round).unwrap();
        round_of(&mut cluster, name, &[first % 3, (first + 1) % 3, (first + 2) % 3], after);
    }
}

fn round_of(cluster: &mut dyn Nodes, name: &'static str, victims: &[usize], after: Duration) {
    let engine = cluster.engine();
    let mut victims = victims.iter().cycle();
    let mut next = || *victims.next().unwrap();
    let bucket = Bucket::new(&engine, name);
    for number in 0..FILES {
        bucket.write(&format!("outputs/RPMS/std/{number}.rpm"), &format!("package {number} ").repeat(500));
    }
    bucket.publish(ONE);
    let publish = |build: &str| bucket.publishing(build);
    let said = during(cluster, &bucket, &publish(TWO), next(), after);
    assert_eq!(bucket.builds(), [ONE, TWO], "{said}");
    whole(&bucket);
    let said = during(cluster, &bucket, &publish(THREE), next(), after * 2);
    assert_eq!(bucket.builds(), [ONE, TWO, THREE], "{said}");
    whole(&bucket);
    let said = during(cluster, &bucket, &["prune".to_owned()], next(), after);
    assert_eq!(bucket.builds(), [THREE], "{said}");
    let said = during(cluster, &bucket, &["sweep".to_owned()], next(), after / 2);
    assert_eq!(bucket.objects(&format!("master/centos/{ONE}")), [""; 0], "{said}");
    whole(&bucket);
}

/// Runs a command, kills a server meanwhile and starts it again; what failed is run once more and must succeed.
///
/// Returns what was said.
#[track_caller]
fn during(
    cluster: &mut dyn Nodes,
    bucket: &Bucket<'_>,
    args: &[String],
    victim: usize,
    after: Duration,
) -> String {
    let mut command = bucket.command();
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    std::thread::sleep(after);
    cluster.kill(victim);
    std::thread::sleep(DEAD);
    cluster.revive(victim);
    let output = running.wait_with_output().unwrap();
    let told = |output: &Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}: {}{}", output.status, text(&output.stdout), text(&output.stderr))
    };
    let said = told(&output);
    assert!(
        matches!(output.status.code(), Some(0 | 1 | 3 | 7)) && !said.contains("panicked"),
        "{args:?}: {said}"
    );
    if output.status.success() {
        return said;
    }
    assert!(
        said.contains("error") || said.contains("refused") || said.contains("failed"),
        "{args:?}: {said}"
    );
    let again: Output = bucket.command().args(args).output().unwrap();
    assert!(again.status.success(), "{args:?}: {} after {said}", told(&again));
    format!("{said}\nand again: {}", told(&again))
}

/// Fails when a listed build lacks bytes, or the name leads to none.
#[track_caller]
fn whole(bucket: &Bucket<'_>) {
    let store = bucket.engine.untried(bucket.name).known_as(mirrorkeep::store::Conditions::Honoured);
    let mirror = Mirror::open(Arc::new(store), "a test", Duration::from_secs(20)).unwrap();
    view::misleads_nobody(&mirror).unwrap();
}
