//! Signing SHA256SUMS, so that a reader can tell who published a build and not only that it is undamaged.
//!
//! OpenPGP is the matter of GnuPG: `gpg` signs with the keys, agents and cards that its user has, and `gpgv` verifies
//! with the keys of one file. minisign is read and written here. A signature speaks for the list, and so for every byte
//! that the list names; it does not say under which name the build was published.

mod error;
mod gpg;
mod minisign;
mod signature;
mod trusted;

pub use error::{SignError, Unproven};
pub use signature::{MINISIGN_PASSWORD, Signature};
pub use trusted::Keys;

use crate::model::{RelPath, SUMS_NAME, Scheme};
use crate::record::Manifest;
use crate::source::Lines;
use crate::store::{Fill, Filled, Store, StoreError};
use std::path::PathBuf;

/// With what SHA256SUMS is to be signed, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignWith {
    /// With a secret key that `gpg` has, by its fingerprint, id or address.
    Gpg(String),
    /// With the secret key in a file of minisign.
    Minisign(PathBuf),
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
    /// Writes them into the tree of a build, with that time or the time of writing; returns what became of SHA256SUMS.
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
