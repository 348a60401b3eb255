//! A signature of SHA256SUMS, and the variable that opens its key.

use crate::model::Scheme;
use schemars::JsonSchema;
use serde::Serialize;

/// The variable of the environment whose value opens a minisign key that has a password.
pub const MINISIGN_PASSWORD: &str = "MIRRORKEEP_MINISIGN_PASSWORD";

/// A signature of SHA256SUMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signature {
    /// Of which kind.
    pub by: Scheme,
    /// The file that holds it, in the build.
    pub file: &'static str,
    /// The fingerprints of the OpenPGP keys, or the id of the minisign key; none where somebody else made it.
    pub keys: Vec<String>,
    /// What the file holds.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}
