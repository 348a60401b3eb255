//! Signing SHA256SUMS, so that a reader can verify who published a build and not only that it is undamaged.
//!
//! OpenPGP is left to GnuPG: `gpg` signs with the keys, agents and cards of its user, and `gpgv` verifies with the
//! keys of one file. minisign is implemented here. A signature covers the list, and so every byte that the list
//! names; it does not cover the name under which the build was published.

mod error;
mod gpg;
mod minisign;
mod signature;
mod trusted;

pub use error::{SignError, Unproven};
pub use signature::Signature;
pub use trusted::Keys;

use crate::model::{RelPath, SUMS_NAME, Scheme};
use crate::record::Manifest;
use crate::source::Lines;
use crate::store::{Fill, Filled, Store, StoreError};
use std::io::Read;
use std::path::PathBuf;

/// The key for SHA256SUMS, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignWith {
    /// A secret key of `gpg`, by its fingerprint, ID or address.
    Gpg(String),
    /// The secret key in a file of minisign.
    Minisign(PathBuf),
}

/// Keys that sign, checked and ready.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    gpg: Vec<String>,
    minisign: Option<minisign::Secret>,
}

impl Signers {
    /// Checks that every key exists and can be used, before anything is published; `password` decrypts minisign keys.
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

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.gpg.is_empty() && self.minisign.is_none()
    }

    /// Returns how they sign.
    pub fn schemes(&self) -> Vec<Scheme> {
        let gpg = (!self.gpg.is_empty()).then_some(Scheme::OpenPgp);
        gpg.into_iter().chain(self.minisign.as_ref().map(|_| Scheme::Minisign)).collect()
    }

    /// Signs the SHA256SUMS of a build with this manifest.
    pub(crate) fn sign(&self, manifest: &Manifest) -> Result<Vec<Signature>, SignError> {
        self.signed(|| Lines::sums(manifest), "signature of SHA256SUMS")
    }

    /// Signs another text; `what` is the comment of a signature of minisign.
    pub(crate) fn sign_text(&self, text: &str, what: &str) -> Result<Vec<Signature>, SignError> {
        self.signed(|| text.as_bytes(), what)
    }

    fn signed<R: Read>(&self, text: impl Fn() -> R, what: &str) -> Result<Vec<Signature>, SignError> {
        let mut made = Vec::new();
        if !self.gpg.is_empty() {
            made.push(gpg::sign(&self.gpg, text())?);
        }
        if let Some(secret) = &self.minisign {
            made.push(secret.sign(text(), what)?);
        }
        Ok(made)
    }
}

/// The checksums of a build, as they are written last.
#[derive(Debug, Default)]
pub struct Checksums {
    /// Its SHA256SUMS, if that is not the list of its manifest.
    pub(crate) brought: Option<Vec<u8>>,
    /// Its signatures.
    pub(crate) signatures: Vec<Signature>,
}

impl Checksums {
    /// Writes them into the tree of a build, with that time or the current one; returns the metadata of SHA256SUMS.
    pub(crate) fn write(
        &self,
        store: &dyn Store,
        tree: &RelPath,
        manifest: &Manifest,
        mtime: Option<i128>,
    ) -> Result<Filled, StoreError> {
        let fill = Fill { mode: 0o444, mtime };
        let at = |name: &str| tree.child(name).unwrap_or_default();
        for one in &self.signatures {
            store.fill(&at(one.file), &mut one.bytes.as_slice(), fill)?;
        }
        match &self.brought {
            Some(bytes) => store.fill(&at(SUMS_NAME), &mut bytes.as_slice(), fill),
            // Line by line: the whole text of a large build is as large as the manifest.
            None => store.fill(&at(SUMS_NAME), &mut Lines::sums(manifest), fill),
        }
    }
}

/// More bytes than a file with a signature ever has.
pub(crate) const LIMIT: u64 = 1 << 20;

/// Returns the signatures in the tree of a build.
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
