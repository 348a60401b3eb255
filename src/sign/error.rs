//! Why nothing was signed, and why a signature of a list is not valid.

use crate::model::{Class, Classify, ErrorKind};
use std::io;

/// Why nothing was signed, or why a signature cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A program of GnuPG cannot be started.
    #[error("cannot start `{program}`, which the package gnupg or gpgv has")]
    Start {
        /// Which program.
        program: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// GnuPG has no such key.
    #[error("gpg has no secret key `{key}`: {said}")]
    NoKey {
        /// The requested key.
        key: String,
        /// The message of gpg.
        said: String,
    },
    /// GnuPG does not sign.
    #[error("gpg cannot sign with {keys}: {said}")]
    Gpg {
        /// The keys.
        keys: String,
        /// The message of gpg.
        said: String,
    },
    /// A file with a key cannot be read.
    #[error("cannot read the key `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It has no key, or none that can be used.
    #[error("`{path}` cannot be used as {what}: {why}")]
    Unfit {
        /// The file or text.
        path: String,
        /// The purpose of the key.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A file of minisign holds one signature.
    #[error("`{0}` is a second key of minisign; SHA256SUMS.minisig holds one signature")]
    Second(String),
    /// The signed list cannot be read completely.
    #[error("cannot pass the list of checksums to the program")]
    Feed(#[source] io::Error),
    /// No temporary file can be made.
    #[error("cannot write a key or signature to a temporary file")]
    Temporary(#[source] io::Error),
    /// minisign does not sign.
    #[error("cannot sign with the minisign key {key}: {why}")]
    Minisign {
        /// The ID of the key.
        key: String,
        /// Why not.
        why: String,
    },
}

impl Classify for SignError {
    fn class(&self) -> Class {
        ErrorKind::Failed.into()
    }
}

/// Why a signature of a list is not valid.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The signature is by an untrusted key, of something else, or missing.
    #[error("{0}")]
    Bad(String),
    /// It could not be determined.
    #[error("the signature cannot be verified")]
    Asking(#[source] SignError),
}
