//! With which keys `publish` signs and `verify` verifies, as they are typed.

use super::args::{PublishArgs, VerifyArgs};
use super::exit::{Outcome, Usage};
use super::read::ends;
use crate::sign::{Keys, MINISIGN_PASSWORD, SignWith, Signers};
use std::path::{Path, PathBuf};

/// Returns who signs, with their keys looked at.
pub(super) fn signers(args: &PublishArgs) -> Outcome<Signers> {
    let wanted: Vec<SignWith> = args.sign.iter().map(|text| with(text)).collect::<Outcome<_>>()?;
    for signer in &wanted {
        if let SignWith::Minisign(file) = signer {
            key_ends("key", file)?;
        }
    }
    let password = std::env::var(MINISIGN_PASSWORD).ok();
    Ok(Signers::open(&wanted, password.as_deref())?)
}

/// Returns who is trusted.
pub(super) fn keys(args: &VerifyArgs) -> Outcome<Keys> {
    for file in &args.keyring {
        key_ends("keyring", file)?;
    }
    for file in &args.minisign_key {
        key_ends("key", Path::new(file))?;
    }
    Ok(Keys::open(&args.keyring, &args.minisign_key)?)
}

/// Fails for a file that may never end. What is not there may be a key itself, or is reported where it is read.
fn key_ends(what: &str, file: &Path) -> Outcome {
    if file.exists() { ends(what, file) } else { Ok(()) }
}

/// Reads one `--sign`.
fn with(text: &str) -> Outcome<SignWith> {
    match text.split_once(':') {
        Some(("gpg", key)) if !key.trim().is_empty() => Ok(SignWith::Gpg(key.to_owned())),
        Some(("minisign", file)) if !file.is_empty() => Ok(SignWith::Minisign(PathBuf::from(file))),
        _ => Err(Usage(format!(
            "`--sign {text}` has no form `gpg:KEYID` or `minisign:FILE`, such as gpg:releases@example.org"
        ))
        .into()),
    }
}
