//! One finding: the path, what is wrong, and what is expected.

use crate::decide::check::{Code, Severity};
use crate::model::{BuildId, Stream, shell_word};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

/// A problem of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// Its path; bytes that are not UTF-8 are escaped.
    pub path: String,
    /// Its code.
    pub code: Code,
    /// Its severity.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// The nearest path that would be accepted; names in angle brackets stand for any value.
    pub nearest: Option<String>,
    /// A hint.
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
        let finding = Self {
            path: path.to_string(),
            code,
            severity: code.severity(),
            found: found.into(),
            expected: expected.into(),
            nearest: None,
            hint: Cow::Borrowed(code.hint()),
        };
        let path = finding.path.clone();
        finding.knowing("ALIAS", &path)
    }

    /// Returns the finding with the nearest accepted path.
    #[must_use]
    pub fn near(mut self, nearest: Option<impl ToString>) -> Self {
        let Some(nearest) = nearest.map(|nearest| nearest.to_string()) else { return self };
        self.nearest = Some(nearest.clone());
        self.knowing("BUILD", &nearest)
    }

    /// Returns the finding with a hint that names the build.
    #[must_use]
    pub fn of(self, id: &BuildId) -> Self {
        self.knowing("ID", &id.to_string())
    }

    /// Returns the finding with a hint that names the stage and the stream.
    #[must_use]
    pub fn of_stage(self, stage: &str, stream: &Stream) -> Self {
        self.knowing("STAGE", stage).knowing("STREAM", stream.as_str())
    }

    /// Replaces a placeholder in the hint.
    fn knowing(mut self, word: &str, value: &str) -> Self {
        let is_it = |part: &str| part.trim_end_matches(|c| "`,;".contains(c)) == word;
        if self.hint.split(' ').any(is_it) {
            let value = shell_word(value.as_ref());
            let filled = |part| if is_it(part) { part.replace(word, &value) } else { part.to_owned() };
            self.hint = self.hint.split(' ').map(filled).collect::<Vec<_>>().join(" ").into();
        }
        self
    }
}
