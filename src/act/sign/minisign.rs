//! Keys and signatures of minisign.

use super::{MINISIGN_PASSWORD, SignError, Signature, Unproven};
use crate::word::Scheme;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::{
    fmt,
    io::{Cursor, Read},
    path::Path,
};

/// How long the last line of a signature is: 64 bytes in base64.
const GLOBAL: usize = 88;

/// A secret key that is open.
#[derive(Clone)]
pub(super) struct Secret(SecretKey);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", shown(self.0.keynum()))
    }
}

impl Secret {
    /// Reads a secret key, and opens it with the password where it has one.
    pub(super) fn open(path: &Path, password: Option<&str>) -> Result<Self, SignError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| SignError::Read { path: shown.clone(), source })?;
        let unfit = |why| SignError::Unfit { path: shown.clone(), what: "a secret key of minisign", why };
        let boxed = SecretKeyBox::from(text);
        let plain = match boxed.clone().into_unencrypted_secret_key() {
            Ok(key) => return Ok(Self(key)),
            Err(error) => error.to_string(),
        };
        // Without a password the library would ask a person on the terminal for it.
        match password {
            None => Err(unfit(format!("{plain}; a password is taken from {MINISIGN_PASSWORD}"))),
            Some(password) => match boxed.into_secret_key(Some(password.to_owned())) {
                Ok(key) => Ok(Self(key)),
                Err(error) => Err(unfit(error.to_string())),
            },
        }
    }

    /// Signs a text.
    pub(super) fn sign(&self, text: impl Read) -> Result<Signature, SignError> {
        let key = shown(self.0.keynum());
        let made = minisign::sign(None, &self.0, text, None, Some("signature of SHA256SUMS"));
        let made = made.map_err(|error| SignError::Minisign { key: key.clone(), why: error.to_string() })?;
        let by = Scheme::Minisign;
        Ok(Signature { by, file: by.file(), keys: vec![key], bytes: made.into_string().into_bytes() })
    }
}

/// Reads a public key: from the file of that name, or from the text itself.
pub(super) fn public(text: &str) -> Result<PublicKey, SignError> {
    let unfit = |why| SignError::Unfit { path: text.to_owned(), what: "a public key of minisign", why };
    let path = Path::new(text);
    if path.exists() {
        let read = std::fs::read_to_string(path);
        let read = read.map_err(|source| SignError::Read { path: text.to_owned(), source })?;
        return PublicKeyBox::from(read).into_public_key().map_err(|error| unfit(error.to_string()));
    }
    let why = || "it is neither a file nor the 56 characters of such a key".to_owned();
    PublicKey::from_base64(text.trim()).map_err(|_| unfit(why()))
}

/// Holds a text against a signature by one of these keys.
pub(super) fn verify(keys: &[PublicKey], signature: &[u8], text: &[u8]) -> Result<(), Unproven> {
    let bad = |why: String| Err(Unproven::Bad(why));
    let signature = String::from_utf8_lossy(signature);
    // The library takes the length of this line for granted.
    let whole = signature.lines().nth(3).is_some_and(|line| line.trim().len() == GLOBAL);
    let read = if whole { SignatureBox::from_string(&signature).ok() } else { None };
    let Some(made) = read else { return bad("it cannot be read as a signature of minisign".to_owned()) };
    let by = shown(made.keynum());
    let Some(key) = keys.iter().find(|key| key.keynum() == made.keynum()) else {
        return bad(format!("the key {by} signed it and is not among those that are trusted"));
    };
    match minisign::verify(key, &made, Cursor::new(text), true, false, true) {
        Ok(()) => Ok(()),
        Err(_) => bad(format!("the key {by} signed another list than this one")),
    }
}

/// Returns the id of a key as minisign shows it.
fn shown(id: &[u8]) -> String {
    id.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign::KeyPair;

    #[test]
    fn a_signature_that_was_cut_anywhere_is_bad_and_no_panic() {
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = b"a list";
        let whole = Secret(sk).sign(&text[..]).unwrap().bytes;
        let keys = [pk];
        verify(&keys, &whole, text).unwrap();
        for cut in 0..whole.trim_ascii_end().len() {
            verify(&keys, &whole[..cut], text).unwrap_err();
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            verify(&keys, &other, text).err();
        }
    }
}
