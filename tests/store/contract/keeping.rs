//! Locks, and what lasts.

use super::{PLAIN, path, read, refused};
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Store, StoreErrorKind};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anybody of the laws has a lock.
const LONG: Duration = Duration::from_mins(1);

pub(super) fn a_lock_keeps_others_out_and_says_who_has_it(store: &dyn Store) {
    if !store.abilities().locks {
        return refused(store.lock(&path("lock"), "me", Duration::ZERO), StoreErrorKind::Unsupported);
    }
    let (lock, other) = (RelPath::state("lock"), RelPath::state("other"));
    let guard = store.lock(&lock, "the first", Duration::ZERO).unwrap();
    let error = store.lock(&lock, "the second", Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.source().unwrap().to_string().contains("the first"));
    drop(store.lock(&other, "the second", Duration::ZERO).unwrap());
    drop(guard);
    drop(store.lock(&lock, "the second", Duration::ZERO).unwrap());
}

pub(super) fn who_waits_gets_the_lock(store: &dyn Store) {
    if !store.abilities().locks {
        return;
    }
    let lock = RelPath::state("lock");
    let guard = store.lock(&lock, "one", Duration::ZERO).unwrap();
    let started = Instant::now();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.lock(&lock, "two", LONG).map(|_| started.elapsed()).unwrap());
        thread::sleep(Duration::from_millis(150));
        drop(guard);
        let waited = waiting.join().unwrap();
        assert!(waited >= Duration::from_millis(150) && waited < LONG, "{waited:?}");
    });
}

pub(super) fn of_many_one_at_a_time_has_the_lock(store: &dyn Store) {
    if !store.abilities().locks {
        return;
    }
    let lock = RelPath::state("lock");
    let (inside, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let guard = store.lock(&lock, "law", LONG).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    turns.fetch_add(1, Ordering::SeqCst);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(turns.into_inner(), 20);
}

pub(super) fn no_more_is_free_than_there_is(store: &dyn Store) {
    if let Some(space) = store.space().unwrap() {
        assert!(space.free <= space.total && space.total > 0, "{space:?}");
    }
}

pub(super) fn what_is_settled_is_still_there(store: &dyn Store) {
    store.make_dir(&path("s")).unwrap();
    store.fill(&path("s/file"), &mut &b"x"[..], PLAIN).unwrap();
    store.sync_tree(&path("s")).unwrap();
    assert_eq!(read(store, "s/file"), "x");
}
