//! The bytes of two builds.

use crate::model::Digest;
use crate::record::Manifest;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// The bytes of two builds, and those that only one has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BytesDiff {
    /// The size of the first build's files in bytes.
    pub before: u64,
    /// The size of the second build's files in bytes.
    pub after: u64,
    /// The number of bytes of the second build that are nowhere in the first, each file counted once.
    pub added: u64,
    /// The number of bytes of the first build that are nowhere in the second, each file counted once.
    pub gone: u64,
}

impl BytesDiff {
    /// Compares the bytes of two builds, by the digests of their files.
    pub fn of(before: &Manifest, after: &Manifest) -> Self {
        let (old, new) = (contents(before), contents(after));
        let only = |these: &HashMap<&Digest, u64>, those: &HashMap<&Digest, u64>| {
            let only = these.iter().filter(|(digest, _)| !those.contains_key(*digest));
            only.map(|(_, size)| *size).fold(0, u64::saturating_add)
        };
        Self { before: before.bytes(), after: after.bytes(), added: only(&new, &old), gone: only(&old, &new) }
    }
}

fn contents(manifest: &Manifest) -> HashMap<&Digest, u64> {
    manifest.files.iter().map(|file| (&file.digest, file.size)).collect()
}
