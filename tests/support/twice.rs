//! A command that is stopped at any call, and then the next command with one failed read: the loop over both.
//!
//! `tests/cli/pruning/twice.rs` runs it in a directory, `tests/store/object/twice.rs` in an object store.

use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The calls of a store that read.
const READS: [&str; 8] = ["look", "link_text", "noted_digest", "list", "below", "scan", "read", "open"];

/// A mirror in which a command was stopped.
pub(crate) trait Left {
    /// The builds that existed.
    type Had;

    /// Returns its store.
    fn store(&self) -> Arc<dyn Store>;

    /// Returns the builds that are at their paths or can be restored from the trash.
    fn had(&self) -> Self::Had;

    /// Settles what was left, as every changing command does first.
    fn recover(store: Arc<dyn Store>) -> Result<(), String>;

    /// Fails unless every build that existed is at its path, or can be restored from the trash.
    fn survives(&self, had: &Self::Had) -> Result<(), String>;
}

/// Stops `act` at every call in turn, then fails every `stride`-th read of the recovery.
#[track_caller]
pub(crate) fn every_read<S: Left>(
    stride: usize,
    begin: impl Fn() -> S,
    act: impl Fn(&S, Arc<dyn Store>) -> Result<(), String>,
) {
    every_read_after(1..=usize::MAX, stride, begin, act);
}

/// Does the same for stops at these calls only.
#[track_caller]
pub(crate) fn every_read_after<S: Left>(
    stops: RangeInclusive<usize>,
    stride: usize,
    begin: impl Fn() -> S,
    act: impl Fn(&S, Arc<dyn Store>) -> Result<(), String>,
) {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { stride };
    let stopped = |nth| {
        let scene = begin();
        act(&scene, Arc::new(Spy::new(scene.store()).with(nth, Fault::Stop))).ok();
        scene
    };
    let undisturbed = begin();
    let spy = Arc::new(Spy::new(undisturbed.store()));
    act(&undisturbed, Arc::<Spy>::clone(&spy)).unwrap();
    let (mut points, mut tried, mut wrong) = (0, 0, Vec::new());
    for (before, stop) in spy.calls().iter().zip(1..).filter(|(_, stop)| stops.contains(stop)) {
        let left = stopped(stop);
        let reading = Arc::new(Spy::new(left.store()));
        S::recover(Arc::<Spy>::clone(&reading)).unwrap();
        for (read, nth) in reading.calls().iter().zip(1..).filter(|(call, _)| READS.contains(&call.method)) {
            points += 1;
            if points % stride != 0 {
                continue;
            }
            tried += 1;
            let scene = stopped(stop);
            let had = scene.had();
            let fault = Fault::Fail(StoreErrorKind::Io);
            S::recover(Arc::new(Spy::new(scene.store()).with(nth, fault))).ok();
            if let Err(why) = scene.survives(&had) {
                wrong.push(format!("stopped at {stop}, {before}, then failed at {nth}, {read}: {why}"));
            }
        }
    }
    writeln!(std::io::stdout(), "{tried} of {points} points tried, {} failed", wrong.len()).ok();
    assert!(tried > 10, "only {tried} points");
    assert!(wrong.is_empty(), "{} of {tried} failed:\n{}", wrong.len(), wrong.join("\n"));
}
