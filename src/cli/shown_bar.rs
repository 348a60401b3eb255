//! The progress bar that is shown, so that a note of other code does not break it.

use super::say;
use indicatif::ProgressBar;
use std::sync::{Mutex, PoisonError};

static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets the bar that is shown.
pub(super) fn set(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Writes a note above the bar, if one is shown.
pub(super) fn note(text: &str) {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(|| say::note(text)),
        None => say::note(text),
    }
}
