//! Signing SHA256SUMS, so that a reader can tell who published a build and not only that it is undamaged.
//!
//! OpenPGP is the matter of GnuPG: `gpg` signs with the keys, agents and cards that its user has, and `gpgv` verifies
//! with the keys of one file. minisign is read and written here. A signature speaks for the list, and so for every byte
//! that the list names; it does not say under which name the build was published.

mod gpg;
mod minisign;
mod trusted;

pub use trusted::{Keys, Unproven};

use crate::model::{Class, Classify, ErrorKind, RelPath, SUMS_NAME, Scheme};
use crate::record::Manifest;
use crate::source::Lines;
use crate::store::{Fill, Filled, Store, StoreError};
use serde::Serialize;
use std::{io, path::PathBuf};

/// The variable of the environment whose value opens a minisign key that has a password.
pub const MINISIGN_PASSWORD: &str = "MIRRORKEEP_MINISIGN_PASSWORD";

/// With what SHA256SUMS is to be signed, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignWith {
    /// With a secret key that `gpg` has, by its fingerprint, id or address.
    Gpg(String),
    /// With the secret key in a file of minisign.
    Minisign(PathBuf),
}

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

/// A signature of SHA256SUMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// Keys that sign, looked at and ready.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    gpg: Vec<String>,
    minisign: Option<minisign::Secret>,
}

impl Signers {
    /// Looks whether every key is there and can be used, before anything is published; `password` opens minisign keys.
    pub fn open(wanted: &[SignWith], password: Option<&str>) -> Result<Self, SignError> {
        let mut signers = Self::default();
        for one in wanted {
            match one {
                SignWith::Gpg(key) => {
                    gpg::look(key)?;
                    signers.gpg.push(key.clone());
                }
                SignWith::Minisign(path) if signers.minisign.is_some() => {
                    return Err(SignError::Second(path.display().to_string()));
                }
                SignWith::Minisign(path) => {
                    signers.minisign = Some(minisign::Secret::open(path, password)?);
                }
            }
        }
        Ok(signers)
    }

    /// Signs the SHA256SUMS that a build with this manifest gets.
    pub(crate) fn sign(&self, manifest: &Manifest) -> Result<Vec<Signature>, SignError> {
        let mut made = Vec::new();
        if !self.gpg.is_empty() {
            made.push(gpg::sign(&self.gpg, Lines::sums(manifest))?);
        }
        if let Some(secret) = &self.minisign {
            made.push(secret.sign(Lines::sums(manifest))?);
        }
        Ok(made)
    }
}

/// The checksums of a build, as they are written last.
#[derive(Debug, Default)]
pub struct Checksums {
    /// Its SHA256SUMS, where that is not the list of its manifest.
    pub(crate) brought: Option<Vec<u8>>,
    /// What signs it.
    pub(crate) signatures: Vec<Signature>,
}

impl Checksums {
    /// Writes them into the tree of a build; returns what became of SHA256SUMS.
    pub(crate) fn write(
        &self,
        store: &dyn Store,
        tree: &RelPath,
        manifest: &Manifest,
    ) -> Result<Filled, StoreError> {
        let fill = Fill { mode: 0o444, mtime: None };
        let at = |name: &str| tree.child(name).unwrap_or_default();
        for one in &self.signatures {
            store.fill(&at(one.file), &mut one.bytes.as_slice(), fill)?;
        }
        match &self.brought {
            Some(bytes) => store.fill(&at(SUMS_NAME), &mut bytes.as_slice(), fill),
            // Line by line: the whole text of a large build is as large as what is known of it.
            None => store.fill(&at(SUMS_NAME), &mut Lines::sums(manifest), fill),
        }
    }
}

/// More than a file with a signature ever has, in bytes.
pub(crate) const LIMIT: u64 = 1 << 20;

/// Returns the signatures that lie in the tree of a build.
pub(crate) fn there(store: &dyn Store, tree: &RelPath) -> Result<Vec<Signature>, StoreError> {
    let mut found = Vec::new();
    for by in Scheme::ALL {
        let file = by.file();
        match store.read(&tree.child(file).unwrap_or_default(), LIMIT) {
            Err(error) if error.is_not_found() => {}
            bytes => found.push(Signature { by, file, keys: Vec::new(), bytes: bytes? }),
        }
    }
    Ok(found)
}
