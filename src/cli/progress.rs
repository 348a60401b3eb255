//! Progress of a command: a bar on a terminal, nothing elsewhere.

use super::{log, say, shown_bar};
use crate::model::RelPath;
use crate::progress::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bar that shows files, bytes, rate and time left, on a terminal only.
#[derive(Debug)]
pub(super) struct Bar {
    shown: ProgressBar,
    files: AtomicU64,
    of: AtomicU64,
}

impl Bar {
    /// Returns an empty bar, hidden if standard error is not a terminal or receives the log.
    pub(super) fn new() -> Self {
        let bar = if log::is_on() || say::is_quiet() { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let shape = "{prefix} {msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        shown_bar::set(Some(bar.clone()));
        Self { shown: bar, files: AtomicU64::new(0), of: AtomicU64::new(0) }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.shown.finish_and_clear();
        shown_bar::set(None);
    }
}

impl Watch for Bar {
    fn expect(&self, what: &str, files: u64, bytes: u64) {
        self.files.store(0, Ordering::Relaxed);
        self.of.store(files, Ordering::Relaxed);
        self.shown.set_prefix(what.to_owned());
        self.shown.set_length(bytes);
        self.shown.set_position(0);
    }

    fn bytes(&self, bytes: u64) {
        self.shown.inc(bytes);
    }

    fn file(&self, _: &RelPath) {
        let files = self.files.fetch_add(1, Ordering::Relaxed) + 1;
        self.shown.set_message(format!("{files}/{} files", self.of.load(Ordering::Relaxed)));
    }

    fn say(&self, message: &str) {
        self.shown.suspend(|| say::note(message));
    }
}
