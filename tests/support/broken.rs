//! Every call of a store fails once, in every way: the loop and the faults.
//!
//! `tests/cli/pruning/spied.rs` runs it for verbs that delete builds, `tests/faults/verbs.rs` for every other
//! changing verb.

use super::view::difference;
use mirrorkeep::store::{Fault, Spy, Store, StoreErrorKind};
use std::io::Write;
use std::sync::Arc;

/// The faults.
const FAULTS: [Fault; 5] = [
    Fault::Stop,
    Fault::Fail(StoreErrorKind::Io),
    Fault::FailOn(StoreErrorKind::NoSpace),
    Fault::Lose(StoreErrorKind::Io),
    Fault::Repeat,
];

/// Returns which of N calls are broken: one of every `stride`, starting at a different one for each fault; every call
/// in `make torture`.
pub(crate) fn points(calls: usize, fault: Fault, stride: usize) -> impl Iterator<Item = usize> {
    let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { stride };
    let first = match fault {
        Fault::Stop => 0,
        Fault::Fail(_) => 1,
        Fault::FailOn(_) => 2,
        Fault::Lose(_) => 3,
        Fault::Repeat => 4,
    };
    (1 + first % stride..=calls).step_by(stride)
}

/// An action, and what must be true however far it came.
pub(crate) struct Broken<'a, S> {
    /// Every N-th point is tried; every point in `make torture`.
    pub(crate) stride: usize,
    /// Returns a mirror in which there is something to do.
    pub(crate) begin: &'a dyn Fn() -> S,
    /// Returns its store.
    pub(crate) store: fn(&S) -> Arc<dyn Store>,
    /// Runs the action.
    pub(crate) act: &'a dyn Fn(Arc<dyn Store>) -> Result<(), String>,
    /// Fails if a reader is misled.
    pub(crate) whole: fn(&S) -> Result<(), String>,
    /// Whether a success means that everything is done; a prune that refuses to delete also succeeds, and reports
    /// that.
    pub(crate) all_done: bool,
    /// Returns the state at the end.
    pub(crate) end: &'a dyn Fn(&S) -> Vec<String>,
}

impl<S> Broken<'_, S> {
    /// Breaks every call in every way, and fails with every case that did not recover.
    #[track_caller]
    pub(crate) fn every_call(&self, least: usize) {
        let undisturbed = (self.begin)();
        let spy = Arc::new(Spy::new((self.store)(&undisturbed)));
        (self.act)(Arc::<Spy>::clone(&spy)).unwrap();
        let (wanted, calls) = ((self.end)(&undisturbed), spy.calls());
        let stride = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 1 } else { self.stride };
        let points = (1..).zip(&calls).flat_map(|(nth, call)| FAULTS.map(|fault| (nth, call, fault)));
        let (mut tried, mut failures) = (0, Vec::new());
        for (nth, call, fault) in points.step_by(stride) {
            tried += 1;
            if let Err(why) = self.comes_right(nth, fault, &wanted) {
                failures.push(format!("{fault:?} at {nth}, {call}: {why}"));
            }
        }
        let failed = failures.len();
        let mut out = std::io::stdout();
        writeln!(out, "{tried} points tried, {failed} failed").unwrap();
        assert!(failures.is_empty(), "{failed} of {tried} failed:\n{}", failures.join("\n"));
        assert!(calls.len() > least, "only {} calls", calls.len());
    }

    fn comes_right(&self, nth: usize, fault: Fault, wanted: &[String]) -> Result<(), String> {
        let scene = (self.begin)();
        let store = || (self.store)(&scene);
        let first = (self.act)(Arc::new(Spy::new(store()).with(nth, fault)));
        (self.whole)(&scene).map_err(|why| format!("{why} after {first:?}"))?;
        if first.is_ok() && self.all_done {
            same(&(self.end)(&scene), wanted).map_err(|why| format!("success with another end: {why}"))?;
        }
        (self.act)(store()).map_err(|why| format!("the rerun failed: {why}; first {first:?}"))?;
        same(&(self.end)(&scene), wanted).map_err(|why| format!("another end: {why}; first {first:?}"))
    }
}

fn same(is: &[String], wanted: &[String]) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(difference(is, wanted)) }
}
