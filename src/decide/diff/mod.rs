//! What differs between two builds: commits, packages, files and bytes, from their manifests and their CONTEXT alone.

mod bytes;
mod commits;
mod deb_version;
mod files;
mod package;
mod packages;

pub use bytes::BytesDiff;
pub use commits::{CommitChange, CommitsDiff};
pub use files::{FileChange, FilesDiff};
pub use package::{Package, PackageKind};
pub use packages::{PackageChange, PackagesDiff, VersionChange};

use schemars::JsonSchema;
use serde::Serialize;

/// How a file or a commit differs between the two builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Only the second build has it.
    Added,
    /// Only the first build has it.
    Gone,
    /// Both have it, and it differs.
    Changed,
}

impl Change {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Gone => "gone",
            Self::Changed => "changed",
        }
    }
}
