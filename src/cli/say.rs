//! Saying things: answers to standard output, everything else to standard error.

use serde::Serialize;
use std::{error::Error, io::Write};

/// Writes text to standard output; a reader that went away is no failure of ours.
pub(super) fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).ok();
}

/// Writes a line to standard error.
pub(super) fn note(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Writes a value as JSON to standard output.
pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => out(&format!("{text}\n")),
        Err(error) => note(&format!("error: cannot write the answer as JSON: {error}")),
    }
}

/// Writes an error, its causes, and one thing to do.
pub(super) fn failure(error: &(dyn Error + 'static), hint: Option<&str>) {
    note(&format!("error: {error}"));
    let mut before = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        let text = cause.to_string();
        // Transparent errors repeat their source.
        if text != before {
            note(&format!("caused by: {text}"));
        }
        before = text;
    }
    if let Some(hint) = hint {
        note(&format!("\nhint: {hint}"));
    }
}

/// Returns a number of bytes as people write it.
pub(super) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// Returns a count with its noun.
pub(super) fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", indicatif::HumanCount(count))
}
