//! Why nothing was signed, and why a list is not proven.

use crate::model::{Class, Classify, ErrorKind};
use std::io;

/// Says why nothing was signed, or why what signs it cannot be used.
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
        /// What was asked for.
        key: String,
        /// What gpg said.
        said: String,
    },
    /// GnuPG does not sign.
    #[error("gpg cannot sign with {keys}: {said}")]
    Gpg {
        /// With which keys.
        keys: String,
        /// What gpg said.
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
    /// It holds no key, or none that can be used.
    #[error("`{path}` cannot be used as {what}: {why}")]
    Unfit {
        /// Which file or text.
        path: String,
        /// As what it was to be used.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// A file of minisign holds one signature.
    #[error("`{0}` is a second key of minisign; SHA256SUMS.minisig holds one signature")]
    Second(String),
    /// The list that is signed cannot be read to its end.
    #[error("cannot hand the list of checksums over")]
    Feed(#[source] io::Error),
    /// No temporary file can be made.
    #[error("cannot keep a key or signature in a temporary file")]
    Temporary(#[source] io::Error),
    /// minisign does not sign.
    #[error("cannot sign with the minisign key {key}: {why}")]
    Minisign {
        /// The id of the key.
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

/// Says why a list is not proven.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The signature is by nobody who is trusted, of something else, or none at all.
    #[error("{0}")]
    Bad(String),
    /// Nobody could tell.
    #[error("the signature cannot be verified")]
    Asking(#[source] SignError),
}
