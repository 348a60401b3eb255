//! The trusted keys, and whether one of them signed a list.

use crate::model::Scheme;
use crate::sign::error::{SignError, Unproven};
use crate::sign::{gpg, minisign};
use ::minisign::PublicKey;
use std::fs;
use std::path::{Path, PathBuf};

/// The beginning of a file with public keys in ASCII armour.
const ARMOUR: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// Trusted keys; a list must be signed by one of each kind that has any.
#[derive(Debug)]
pub struct Keys {
    keyrings: Vec<PathBuf>,
    minisign: Vec<PublicKey>,
    /// A directory for gpgv with the signature and no settings of the user; removed with the keys.
    home: Option<tempfile::TempDir>,
}

impl Keys {
    /// Returns no keys, with which no signature is checked.
    pub fn none() -> Self {
        Self { keyrings: Vec::new(), minisign: Vec::new(), home: None }
    }

    /// Reads files with OpenPGP keys, and keys of minisign, each a file or its text.
    pub fn open(keyrings: &[PathBuf], minisign: &[String]) -> Result<Self, SignError> {
        let minisign = minisign.iter().map(|key| minisign::public(key)).collect::<Result<_, _>>()?;
        let mut keys = Self { minisign, ..Self::none() };
        if keyrings.is_empty() {
            return Ok(keys);
        }
        gpg::can_verify()?;
        let home = tempfile::tempdir().map_err(SignError::Temporary)?;
        for (number, path) in keyrings.iter().enumerate() {
            let kept = home.path().join(format!("keys-{number}"));
            fs::write(&kept, keyring(path, home.path())?).map_err(SignError::Temporary)?;
            keys.keyrings.push(kept);
        }
        keys.home = Some(home);
        Ok(keys)
    }

    /// Returns which signatures a build must have.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = Scheme> {
        Scheme::ALL.into_iter().filter(|scheme| match scheme {
            Scheme::OpenPgp => !self.keyrings.is_empty(),
            Scheme::Minisign => !self.minisign.is_empty(),
        })
    }

    /// Verifies a text by a signature of each kind that is wanted; fails with the first kind that does not prove it.
    pub(crate) fn prove<'s>(
        &self,
        signature: impl Fn(Scheme) -> Option<&'s [u8]>,
        text: &[u8],
    ) -> Result<(), (Scheme, Unproven)> {
        self.wanted().try_for_each(|by| {
            let proven = match signature(by) {
                None => Err(Unproven::Bad("it has none".to_owned())),
                Some(signature) => self.verify(by, signature, text),
            };
            proven.map_err(|why| (by, why))
        })
    }

    /// Verifies the signature of a list.
    pub(crate) fn verify(&self, scheme: Scheme, signature: &[u8], text: &[u8]) -> Result<(), Unproven> {
        match (scheme, &self.home) {
            (Scheme::Minisign, _) => minisign::verify(&self.minisign, signature, text),
            (Scheme::OpenPgp, None) => Err(Unproven::Bad("no OpenPGP key is trusted".to_owned())),
            (Scheme::OpenPgp, Some(home)) => {
                let at = home.path().join("signature");
                let written = fs::write(&at, signature);
                written.map_err(|error| Unproven::Asking(SignError::Temporary(error)))?;
                gpg::verify(&self.keyrings, home.path(), &at, text)
            }
        }
    }
}

/// Reads public keys in the form that gpgv needs: packets or a keybox.
fn keyring(path: &Path, home: &Path) -> Result<Vec<u8>, SignError> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| SignError::Read { path: shown.clone(), source })?;
    let bytes =
        if bytes.trim_ascii_start().starts_with(ARMOUR) { gpg::dearmored(&bytes, home)? } else { bytes };
    // A public key packet in either form of its header (RFC 9580, 4.2), or GnuPG's own file.
    let is_keys = bytes.first().is_some_and(|tag| matches!(tag, 0x98 | 0x99 | 0xC6))
        || bytes.get(8..12).is_some_and(|magic| magic == b"KBXf");
    if is_keys {
        return Ok(bytes);
    }
    let why = "it holds no OpenPGP public keys; `gpg --export KEYID > FILE` makes such a file".to_owned();
    Err(SignError::Unfit { path: shown, what: "a keyring", why })
}
