//! The names of the checksums of a build, and of their signatures.
//!
//! These files are at the top of a build, in every layout. No list of the build names them, and no source provides
//! them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// The file at the top of a build with its checksums.
pub const SUMS_NAME: &str = "SHA256SUMS";

/// How SHA256SUMS is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// A detached OpenPGP signature in ASCII armour (RFC 9580), as `gpg --armor --detach-sign` makes it.
    OpenPgp,
    /// A signature as minisign makes it.
    Minisign,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::OpenPgp, Self::Minisign];

    /// Returns the name of the file with the signature, beside SHA256SUMS.
    pub fn file(self) -> &'static str {
        match self {
            Self::OpenPgp => "SHA256SUMS.asc",
            Self::Minisign => "SHA256SUMS.minisig",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OpenPgp => "gpg",
            Self::Minisign => "minisign",
        })
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Scheme {
    fn schema_name() -> Cow<'static, str> {
        "Scheme".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "enum": ["gpg", "minisign"],
            "description": "The program that makes and checks the signature.",
        })
    }
}

/// Returns whether a path in a build is that of its checksums or of a signature of them.
pub fn is_sums(path: &str) -> bool {
    sums_names().any(|name| name == path)
}

/// Returns the names of the checksums of a build and of their signatures.
pub fn sums_names() -> impl Iterator<Item = &'static str> {
    std::iter::once(SUMS_NAME).chain(Scheme::ALL.into_iter().map(Scheme::file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signs_is_called_the_same_wherever_it_is_told() {
        for (scheme, name) in Scheme::ALL.into_iter().zip(["gpg", "minisign"]) {
            assert_eq!(scheme.to_string(), name);
            assert_eq!(serde_json::to_value(scheme).unwrap(), name);
        }
    }

    #[test]
    fn only_the_checksums_at_the_top_and_their_signatures_are_meant() {
        for name in ["SHA256SUMS", "SHA256SUMS.asc", "SHA256SUMS.minisig"] {
            assert!(is_sums(name), "{name}");
            assert!(!is_sums(&format!("outputs/{name}")), "{name}");
        }
        for name in ["SHA256SUMS.sig", "sha256sums", "SHA256SUMS.asc.asc", ""] {
            assert!(!is_sums(name), "{name}");
        }
    }
}
