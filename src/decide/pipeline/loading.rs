//! A pipeline file while it is read, and the names of jobs.

use crate::model::{Document, Problem};

/// The longest name of a job: with its prefix it is a key of a label.
pub(super) const JOB: usize = 200;

/// A file while it is read.
pub(super) struct Loading<'a> {
    pub(super) document: &'a Document,
    pub(super) problems: Vec<Problem>,
}

impl Loading<'_> {
    pub(super) fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }
}

/// Returns why a text cannot be the name of a job.
pub(super) fn job_name(job: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ':' | '/');
    let starts = job.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts && job.len() <= JOB && job.chars().all(plain) {
        return Ok(());
    }
    Err(format!(
        "`{}` is no name of a job; 1 to {JOB} of `a-z A-Z 0-9 . _ - + : /` are accepted, a letter or digit first",
        job.escape_debug()
    ))
}
