//! What verifying found.

use crate::model::{BuildId, RelPath};
use crate::ops::verify::cursor::Cursor;
use schemars::JsonSchema;
use serde::Serialize;

/// What verifying found.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// What is not as it was, by path.
    pub faults: Vec<Fault>,
    /// How many builds were looked at.
    pub builds: u64,
    /// How many files were compared with their digest.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Builds without any recorded digest.
    pub unlisted: Vec<BuildId>,
    /// The file after which the run began; `null` if it began with the first.
    pub resumed: Option<Cursor>,
    /// Where the next run continues; `null` if it begins with the first file.
    pub next: Option<Cursor>,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// Warnings for a person.
    pub warnings: Vec<String>,
}

/// One file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Fault {
    /// Where.
    pub path: RelPath,
    /// What is wrong.
    pub what: FaultKind,
    /// What was found.
    pub why: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It is listed and not there.
    Missing,
    /// It is there and not listed.
    Extra,
    /// Its bytes differ.
    Changed,
    /// It cannot be read.
    Unreadable,
    /// It should sign the checksums, and is not there.
    Unsigned,
    /// It signs other checksums, or its key is not trusted.
    BadSignature,
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Changed => "changed",
            Self::Unreadable => "unreadable",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad-signature",
        })
    }
}

impl VerifyReport {
    pub(crate) fn fault(&mut self, path: &RelPath, what: FaultKind, why: &str) {
        self.faults.push(Fault { path: path.clone(), what, why: why.to_owned() });
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.faults.sort();
        self.faults.dedup();
        self
    }
}
