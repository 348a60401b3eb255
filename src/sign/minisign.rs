//! Keys and signatures of minisign.

use crate::exec::MINISIGN_PASSWORD;
use crate::model::Scheme;
use crate::sign::error::{SignError, Unproven};
use crate::sign::signature::Signature;
use minisign::{PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};
use std::fmt;
use std::io::{Cursor, Read};
use std::path::Path;

/// The length of the last line of a signature: 64 bytes in base64.
const GLOBAL: usize = 88;

/// The size of a secret key in bytes, and the part of its end that is a checksum.
const SECRET: usize = 158;
const CHECKSUM: usize = 32;

/// What a key without a checksum signs, to prove that it is complete.
const PROBE: &[u8] = b"mirrorkeep";

/// A secret key that is decrypted.
#[derive(Clone)]
pub(crate) struct Secret(SecretKey);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", shown(self.0.keynum()))
    }
}

impl Secret {
    /// Reads a secret key, and decrypts it with the password if it has one.
    pub(crate) fn open(path: &Path, password: Option<&str>) -> Result<Self, SignError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| SignError::Read { path: shown.clone(), source })?;
        let unfit = |why| SignError::Unfit { path: shown.clone(), what: "a secret key of minisign", why };
        if let Some(key) = without_checksum(&text) {
            let proven = PublicKey::from_secret_key(&key).is_ok_and(|public| {
                let made = minisign::sign(None, &key, Cursor::new(PROBE), None, None);
                made.is_ok_and(|made| {
                    minisign::verify(&public, &made, Cursor::new(PROBE), true, false, true).is_ok()
                })
            });
            let why = || "it has no checksum, and what it signs does not fit its public key".to_owned();
            return if proven { Ok(Self(key)) } else { Err(unfit(why())) };
        }
        let boxed = SecretKeyBox::from(text);
        let plain = match boxed.clone().into_unencrypted_secret_key() {
            Ok(key) => return Ok(Self(key)),
            Err(error) => error.to_string(),
        };
        // Without a password the library would ask on the terminal for it.
        match password {
            None => Err(unfit(format!("{plain}; a password is taken from {MINISIGN_PASSWORD}"))),
            Some(password) => match boxed.into_secret_key(Some(password.to_owned())) {
                Ok(key) => Ok(Self(key)),
                Err(error) => Err(unfit(error.to_string())),
            },
        }
    }

    /// Signs a text.
    pub(crate) fn sign(&self, text: impl Read, what: &str) -> Result<Signature, SignError> {
        let key = shown(self.0.keynum());
        let made = minisign::sign(None, &self.0, text, None, Some(what));
        let made = made.map_err(|error| SignError::Minisign { key: key.clone(), why: error.to_string() })?;
        let by = Scheme::Minisign;
        Ok(Signature { by, file: by.file(), keys: vec![key], bytes: made.into_string().into_bytes() })
    }
}

/// Returns a secret key without a password as `minisign -G -W` writes it, with zeros for a checksum; the library
/// takes these for damage.
fn without_checksum(text: &str) -> Option<SecretKey> {
    let bytes = base64(text.lines().nth(1)?.trim())?;
    let zero =
        |from: usize, to: usize| bytes.get(from..to).is_some_and(|some| some.iter().all(|byte| *byte == 0));
    let plain = bytes.len() == SECRET && zero(2, 4) && zero(SECRET - CHECKSUM, SECRET);
    plain.then(|| SecretKey::from_bytes(&bytes).ok()).flatten()
}

/// Decodes base64; nothing if it is invalid.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::with_capacity(text.len());
    let (mut open, mut bits) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        open = open << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(open >> bits & 0xff).ok()?);
            open &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// Reads a public key: from the file of that name, or from the text itself.
pub(crate) fn public(text: &str) -> Result<PublicKey, SignError> {
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

/// Verifies a text with a signature by one of these keys.
pub(crate) fn verify(keys: &[PublicKey], signature: &[u8], text: &[u8]) -> Result<(), Unproven> {
    let bad = |why: String| Err(Unproven::Bad(why));
    let signature = String::from_utf8_lossy(signature);
    // The library assumes the length of this line.
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

/// Returns the ID of a key as minisign shows it.
fn shown(id: &[u8]) -> String {
    id.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign::KeyPair;

    #[test]
    fn base64_is_read_as_it_is_written() {
        for (text, bytes) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v+/8A", b"foo\xfb\xff\0")]
        {
            assert_eq!(base64(text).unwrap(), bytes);
        }
        assert_eq!(base64("Zm9v-_"), None);
    }

    #[test]
    fn a_signature_that_was_cut_anywhere_is_bad_and_no_panic() {
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = b"a list";
        let whole = Secret(sk).sign(&text[..], "a list").unwrap().bytes;
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
