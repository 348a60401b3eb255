//! The keys with which `publish` signs and `verify` verifies, as given on the command line.

use super::exit::{Outcome, Usage};
use super::read::ends;
use crate::exec::MINISIGN_PASSWORD;
use crate::sign::{Keys, SignWith, Signers};
use std::path::{Path, PathBuf};

/// Returns the signers; their keys are checked.
pub(super) fn signers(keys: &[String]) -> Outcome<Signers> {
    signers_of("--sign ", keys)
}

/// Opens the keys that sign; `whence` is in front of each in messages.
pub(super) fn signers_of(whence: &str, keys: &[String]) -> Outcome<Signers> {
    let wanted: Vec<SignWith> = keys.iter().map(|text| with(whence, text)).collect::<Outcome<_>>()?;
    for signer in &wanted {
        if let SignWith::Minisign(file) = signer {
            key_ends("key", file)?;
        }
    }
    let password = std::env::var(MINISIGN_PASSWORD).ok();
    Ok(Signers::open(&wanted, password.as_deref())?)
}

/// Returns the trusted keys.
pub(super) fn keys(keyrings: &[PathBuf], minisign: &[String]) -> Outcome<Keys> {
    for file in keyrings {
        key_ends("keyring", file)?;
    }
    for file in minisign {
        key_ends("key", Path::new(file))?;
    }
    Ok(Keys::open(keyrings, minisign)?)
}

/// Fails for a file that may never end. A text that is not a file may be a key itself, or is reported where it is
/// read.
fn key_ends(what: &str, file: &Path) -> Outcome {
    if file.exists() { ends(what, file) } else { Ok(()) }
}

/// Parses one `--sign`.
fn with(whence: &str, text: &str) -> Outcome<SignWith> {
    match text.split_once(':') {
        Some(("gpg", key)) if !key.trim().is_empty() => Ok(SignWith::Gpg(key.to_owned())),
        Some(("minisign", file)) if !file.is_empty() => Ok(SignWith::Minisign(PathBuf::from(file))),
        _ => Err(Usage(format!(
            "`{whence}{text}` has no form `gpg:KEYID` or `minisign:FILE`, such as gpg:releases@example.org"
        ))
        .into()),
    }
}
