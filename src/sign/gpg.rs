//! Calling GnuPG: `gpg` to sign, `gpgv` to verify. Only its status lines count, not its messages to people.

use crate::exec::MINISIGN_PASSWORD;
use crate::model::Scheme;
use crate::sign::error::{SignError, Unproven};
use crate::sign::signature::Signature;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The prefix of every status line.
const STATUS: &str = "[GNUPG:] ";

/// Fails if gpg has no such secret key.
pub(crate) fn look(key: &str) -> Result<(), SignError> {
    let mut ask = program("gpg");
    ask.args(["--list-secret-keys", "--", key]);
    let output = run("gpg", ask, io::empty())?;
    if output.status.success() {
        return Ok(());
    }
    Err(SignError::NoKey { key: key.to_owned(), said: said(&output) })
}

/// Signs a text with every one of these keys.
pub(crate) fn sign(keys: &[String], text: impl Read) -> Result<Signature, SignError> {
    let mut ask = program("gpg");
    ask.args(["--status-fd", "2", "--armor", "--detach-sign", "--output", "-"]);
    for key in keys {
        ask.args(["--local-user", key]);
    }
    let output = run("gpg", ask, text)?;
    let made: Vec<String> = statuses(&output.stderr)
        .iter()
        .filter_map(|(word, rest)| rest.split(' ').next_back().filter(|_| word == "SIG_CREATED"))
        .map(str::to_owned)
        .collect();
    if !output.status.success() || made.len() != keys.len() || output.stdout.is_empty() {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        return Err(SignError::Gpg { keys: keys.join(" and "), said: said(&output) });
    }
    let by = Scheme::OpenPgp;
    Ok(Signature { by, file: by.file(), keys: made, bytes: output.stdout })
}

/// Fails if gpgv is missing.
pub(crate) fn can_verify() -> Result<(), SignError> {
    let mut ask = Command::new("gpgv");
    ask.arg("--version");
    run("gpgv", ask, io::empty()).map(drop)
}

/// Removes the armour of public keys, with `home` as the home directory of gpg.
pub(crate) fn dearmored(keys: &[u8], home: &Path) -> Result<Vec<u8>, SignError> {
    let mut ask = program("gpg");
    ask.args(["--no-options", "--homedir"]).arg(home).arg("--dearmor");
    Ok(run("gpg", ask, keys)?.stdout)
}

/// Verifies a text with a detached signature in a file, against only the keys of these files.
///
/// There must be one good signature by a key that is neither expired nor revoked, and no bad one.
pub(crate) fn verify(
    keyrings: &[impl AsRef<Path>],
    home: &Path,
    signature: &Path,
    text: impl Read,
) -> Result<(), Unproven> {
    let mut ask = Command::new("gpgv");
    ask.env("LC_ALL", "C").args(["--status-fd", "1", "--homedir"]).arg(home);
    for keyring in keyrings {
        ask.arg("--keyring").arg(keyring.as_ref());
    }
    ask.arg("--").arg(signature).arg("-");
    let output = run("gpgv", ask, text).map_err(Unproven::Asking)?;
    let told = statuses(&output.stdout);
    let of = |word: &str| told.iter().find(|(found, _)| found == word).map(|(_, rest)| rest.as_str());
    let last = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
    let bad = |why: String| Err(Unproven::Bad(why));
    if let Some(rest) = of("BADSIG") {
        return bad(format!("the key {} signed another list than this one", last(rest)));
    }
    if of("GOODSIG").is_some() && of("VALIDSIG").is_some() {
        return Ok(());
    }
    for (word, why) in [
        ("REVKEYSIG", "was revoked"),
        ("EXPKEYSIG", "has expired"),
        ("EXPSIG", "signed for a time that is over"),
        ("NO_PUBKEY", "signed it and is not among those that are trusted"),
    ] {
        if let Some(rest) = of(word) {
            return bad(format!("the key {} {why}", last(rest)));
        }
    }
    bad(format!("it cannot be read as a detached OpenPGP signature: {}", said(&output)))
}

fn program(name: &str) -> Command {
    let mut ask = Command::new(name);
    // Its output is parsed here, and no one can answer a question.
    ask.env("LC_ALL", "C").env_remove(MINISIGN_PASSWORD).args(["--batch", "--no-tty"]);
    ask
}

/// Runs a program on a text.
fn run(program: &'static str, mut ask: Command, mut text: impl Read) -> Result<Output, SignError> {
    let start = |source| SignError::Start { program, source };
    let piped = ask.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(start)?;
    let fed = match child.stdin.take() {
        Some(mut stdin) => io::copy(&mut text, &mut stdin).map(drop),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(start)?;
    match fed {
        // It ended before it had read everything: its exit code states why.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(SignError::Feed(error)),
        _ => Ok(output),
    }
}

/// Returns the status lines, each as its word and the rest.
fn statuses(output: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter_map(|line| line.strip_prefix(STATUS));
    lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).map(|(a, b)| (a.into(), b.into())).collect()
}

/// Returns the last message of a program to people.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rfind(|line| !line.starts_with(STATUS) && !line.trim().is_empty());
    let last = last.map(|line| line.split_once(": ").map_or(line, |(_, said)| said).trim());
    last.map_or_else(|| format!("it ended with {}", output.status), |line| line.escape_debug().to_string())
}
