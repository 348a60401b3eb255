//! Something expensive that tests share while any of them uses it.
//!
//! A `static` is never dropped, and neither is a directory in it: each run would leave one behind.

use std::sync::{Arc, Mutex, Weak};

/// A slot for it; it is dropped with its last user, and made again for the next one.
pub(crate) struct Shared<T>(Mutex<Weak<T>>);

impl<T> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Returns it, and makes it first if no test uses it.
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
