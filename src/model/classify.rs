//! What an error means to the command that meets it: its kind, and what the user can do.
//!
//! Each error type implements this beside its variants, in a `match` without a wildcard arm: a new variant does not
//! compile until its kind is given. A variant that wraps another error passes on the class of that error.

use schemars::JsonSchema;
use serde::Serialize;

/// The kind of an error, which has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// The command failed.
    Failed,
    /// No bytes or no inodes are left.
    Full,
    /// The system does not permit it.
    Denied,
    /// The arguments, the layout or the policy are wrong; nothing was changed.
    Usage,
    /// Refused for safety.
    Refused,
    /// Another process holds a lock.
    Busy,
    /// The command was cancelled.
    Interrupted,
}

/// The kind of an error, and one thing to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The kind.
    pub kind: ErrorKind,
    /// What the user can do, a command if possible.
    pub hint: Option<String>,
}

/// An error that knows its kind.
pub trait Classify {
    /// Returns the kind and the hint.
    fn class(&self) -> Class;

    /// Returns the kind.
    fn kind(&self) -> ErrorKind {
        self.class().kind
    }
}

impl ErrorKind {
    /// Returns this kind with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Class {
        Class { kind: self, hint: Some(hint.into()) }
    }
}

impl Class {
    /// Returns the same with another hint, if there is none yet.
    #[must_use]
    pub fn or_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: self.hint.or_else(|| Some(hint.into())), ..self }
    }
}

impl From<ErrorKind> for Class {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, hint: None }
    }
}
