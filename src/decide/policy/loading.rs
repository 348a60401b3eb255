//! A policy file while it is read: its problems and the zone of its times.

use crate::model::{Document, Problem, check_line};
use chrono_tz::Tz;

pub(super) const MIN_SAMPLE: usize = 10;

pub(super) struct Loading<'a> {
    pub(super) document: &'a Document,
    pub(super) problems: Vec<Problem>,
    pub(super) zone: Tz,
}

impl Loading<'_> {
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

    /// Finds a name that people cannot read as one line; plans, explanations and the journal repeat it.
    pub(super) fn line(&mut self, path: &str, name: &str) {
        if let Err(error) = check_line(name) {
            let why = error.to_string();
            self.problem(path, format!("the name {}", why.strip_prefix("it ").unwrap_or(&why)));
        }
    }
}
