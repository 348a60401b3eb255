//! The result of verifying.

use crate::model::{BuildId, RelPath};
use crate::ops::verify::cursor::Cursor;
use schemars::JsonSchema;
use serde::Serialize;

/// The result of verifying.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// The differences, by path.
    pub faults: Vec<Fault>,
    /// The number of builds that were verified.
    pub builds: u64,
    /// The number of files that were compared with their digests.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Builds without any recorded digest.
    pub unlisted: Vec<BuildId>,
    /// The file after which the run began; `null` if it began with the first.
    pub resumed: Option<Cursor>,
    /// Where the next run continues; `null` if it begins with the first file.
    pub next: Option<Cursor>,
    /// Whether it was stopped.
    pub interrupted: bool,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Fault {
    /// The path.
    pub path: RelPath,
    /// What is wrong.
    pub what: FaultKind,
    /// The details.
    pub why: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It is listed and missing.
    Missing,
    /// It exists and is not listed.
    Extra,
    /// Its bytes differ.
    Changed,
    /// It cannot be read.
    Unreadable,
    /// It should sign the checksums, and is missing.
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
