//! Saying things: answers to standard output, everything else to standard error.

use crate::mirror::{Trouble, chain};
use crate::model::shown;
use crate::render::{Paint, screened};
use anstream::{AutoStream, ColorChoice};
use serde::Serialize;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

/// Why part of the answer did not reach standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes lines to standard output, with what a terminal would act on escaped; a failure shows in the exit code ([`lost`]).
pub(super) fn out(text: &str) {
    verbatim(&screened(text, paint()));
}

/// Writes the text of a file to standard output: a terminal gets it as [`out`] writes it, anything else byte for byte.
pub(super) fn file(text: &str) {
    if io::stdout().is_terminal() { out(text) } else { verbatim(text) }
}

/// Writes text that was made for another program to standard output, as it is.
pub(super) fn verbatim(text: &str) {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Remembers that output could not be written. A reader that closed the pipe has seen what it wanted: no failure.
pub(super) fn written(done: io::Result<()>) {
    if let Err(error) = done
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Returns why standard output is incomplete, if it is.
pub(super) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Writes one line to standard error, with what a terminal would act on escaped.
pub(super) fn note(text: &str) {
    writeln!(std::io::stderr().lock(), "{}", shown(text)).ok();
}

/// Writes a message of several lines to standard error; all lines but the first are indented.
pub(super) fn notes(text: &str) {
    for (number, line) in text.lines().enumerate() {
        let indent = if number > 0 && !line.starts_with("  ") { "  " } else { "" };
        note(&format!("{indent}{line}"));
    }
}

/// Writes a value as JSON to standard output, piece by piece; a failure shows in the exit code ([`lost`]).
pub(super) fn json(value: &impl Serialize) {
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from);
    written(done.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()));
}

/// Writes an error, its causes, and one thing to do.
pub(super) fn failure(error: &(dyn Error + 'static), hint: Option<&str>) {
    notes(&format!("error: {error}"));
    let mut before = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        let text = cause.to_string();
        // Transparent errors repeat their source.
        if text != before {
            notes(&format!("caused by: {text}"));
        }
        before = text;
    }
    if let Some(hint) = hint {
        note("");
        notes(&format!("hint: {hint}"));
    }
}

/// Returns whether standard output shows colours: on a terminal that has them, unless `NO_COLOR`, `CLICOLOR` or
/// `CLICOLOR_FORCE` decides.
pub(super) fn paint() -> Paint {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => Paint::Plain,
        _ => Paint::Colour,
    }
}

/// Returns how wide a drawing may be.
pub(super) fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    told.map_or(76, |columns| columns.saturating_sub(4))
}

/// Says what could not be read.
pub(super) fn trouble(trouble: &Trouble) {
    note(&format!("warning: `{}`: {}", trouble.path, chain(&trouble.error)));
}

pub(super) use crate::render::{bytes, count};
