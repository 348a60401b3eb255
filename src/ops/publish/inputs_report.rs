//! How the inputs of a build compare with those of the newest success.

use crate::decide::Inputs;
use crate::model::{BuildId, Digest, RelPath, Stamp};
use schemars::JsonSchema;
use serde::Serialize;

/// How the inputs of a build compare with those of the newest success of its stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InputsReport {
    /// The newest success; `null` if there is none.
    pub against: Option<BuildId>,
    /// The number of files and links that are inputs.
    pub files: u64,
    /// The digest of their paths and contents.
    pub digest: Digest,
    /// The first ten paths that differ.
    pub changed: Vec<RelPath>,
    /// The number of further paths that differ.
    pub more: u64,
    /// When that success was confirmed; `null` unless nothing differs, or in a dry run.
    pub confirmed_at: Option<Stamp>,
}

/// What was compared, so that it can be compared again once the build is about to become visible.
#[derive(Debug)]
pub(crate) struct Compared {
    /// The inputs of what is published.
    pub(super) inputs: Inputs,
    /// The newest success with which they were compared.
    pub(super) against: Option<BuildId>,
}
