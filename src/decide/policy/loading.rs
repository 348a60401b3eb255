//! A policy file while it is read: its problems and the zone of its times.

use crate::model::{Document, Problem};
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
}
