//! One finding: what is wrong where, and what would be right.

use crate::decide::check::{Code, Severity};
use serde::Serialize;
use std::borrow::Cow;

/// Something about a mirror that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Where; bytes that are no UTF-8 are shown escaped.
    pub path: String,
    /// What kind.
    pub code: Code,
    /// How grave it is.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// The nearest path that would do; names in angle brackets stand for any value.
    pub nearest: Option<String>,
    /// One thing to do.
    pub hint: Cow<'static, str>,
}

impl Finding {
    /// Returns a finding of that kind.
    pub fn new(
        code: Code,
        path: impl ToString,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_string(),
            code,
            severity: code.severity(),
            found: found.into(),
            expected: expected.into(),
            nearest: None,
            hint: Cow::Borrowed(code.hint()),
        }
    }

    /// Returns the finding with the path that would do.
    #[must_use]
    pub fn near(mut self, nearest: Option<impl ToString>) -> Self {
        self.nearest = nearest.map(|nearest| nearest.to_string());
        self
    }
}
