//! The result of a build.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The result of a build, from its marker or its record; it decides which rules of a policy apply.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The build succeeded; only such a build may be `latest`.
    Success,
    /// The build failed; what it left is published for diagnosis.
    Fail,
    /// Nothing was new, so nothing was built.
    Empty,
    /// No marker yet: the build is being filled, or was interrupted.
    Partial,
    /// The result is not known; the build is kept.
    #[default]
    Unknown,
}

/// Why a text is not an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a result; `success`, `fail`, `empty`, `partial` and `unknown` are accepted")]
pub struct OutcomeError(String);

impl Outcome {
    /// Returns the word, as in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Fail => "fail",
            Self::Empty => "empty",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Outcome {
    type Err = OutcomeError;

    fn from_str(text: &str) -> Result<Self, OutcomeError> {
        [Self::Success, Self::Fail, Self::Empty, Self::Partial, Self::Unknown]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or_else(|| OutcomeError(text.escape_debug().to_string()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_reads_as_it_is_written() {
        for word in ["success", "fail", "empty", "partial", "unknown"] {
            assert_eq!(word.parse::<Outcome>().unwrap().to_string(), word);
        }
        assert!("passed".parse::<Outcome>().is_err());
    }
}
