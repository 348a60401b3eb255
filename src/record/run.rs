//! A run in the journal: the build that `due --run` starts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question whose answer may make a build due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Whether a person requested it.
    Requested,
    /// Whether the last start is long enough ago.
    Every,
    /// Whether a branch or tag moved.
    Git,
    /// Whether a file changed.
    Changed,
}

/// Why a run was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunReason {
    /// The question that makes the build due.
    pub question: Question,
    /// Its subject: a span, an address with a branch or tag, or a file; for a request its reason.
    pub about: String,
    /// The value of the newest build: a commit or a digest; for `every` the last start.
    #[serde(default)]
    pub from: Option<String>,
    /// The present value.
    #[serde(default)]
    pub to: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Its command succeeded.
    Success,
    /// Its command failed, or took too long.
    Failure,
    /// A person stopped it; it does not count as started.
    Stopped,
    /// Its command could not be started; it does not count as started either.
    NotStarted,
}
