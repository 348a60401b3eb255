//! A signature of SHA256SUMS.

use crate::model::Scheme;
use schemars::JsonSchema;
use serde::Serialize;

/// A signature of SHA256SUMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signature {
    /// Its kind.
    pub by: Scheme,
    /// Its file in the build.
    pub file: &'static str,
    /// The fingerprints of the OpenPGP keys, or the ID of the minisign key; none if it was made elsewhere.
    pub keys: Vec<String>,
    /// The contents of the file.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}
