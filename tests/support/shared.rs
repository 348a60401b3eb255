//! Something costly that tests share while any of them has it.
//!
//! A `static` is never dropped, and with it no directory that it holds: each run would leave one behind.

use std::sync::{Arc, Mutex, Weak};

/// A place for it; it goes with the last who has it, and is made anew for the next who asks.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Returns it, and makes it first where nobody has it.
    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        // A test that failed while it made this left nothing that is wrong.
        let mut there = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        there.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *there = Arc::downgrade(&made);
            made
        })
    }
}

#[test]
fn what_is_shared_goes_with_the_last_who_has_it() {
    static SHARED: Shared<tempfile::TempDir> = Shared::new();
    let first = SHARED.get(|| tempfile::tempdir().unwrap());
    let second = SHARED.get(|| panic!("it is there"));
    let at = first.path().to_owned();
    drop(first);
    assert!(at.exists() && second.path() == at);
    drop(second);
    assert!(!at.exists());
    assert!(SHARED.get(|| tempfile::tempdir().unwrap()).path() != at);
}
