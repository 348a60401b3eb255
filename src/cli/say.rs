//! Saying things: answers to standard output, everything else to standard error.

use crate::mirror::{Trouble, chain};
use crate::tell::Paint;
use anstream::{AutoStream, ColorChoice};
use serde::Serialize;
use std::{
    error::Error,
    io::{self, Write},
    sync::OnceLock,
};

/// Why part of the answer did not reach standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes text to standard output; a failure shows in the exit code ([`lost`]).
pub(super) fn out(text: &str) {
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

/// Writes a line to standard error.
pub(super) fn note(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// Writes a value as JSON to standard output, piece by piece; a failure shows in the exit code ([`lost`]).
pub(super) fn json(value: &impl Serialize) {
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from);
    written(done.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()));
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

pub(super) use crate::tell::{bytes, count};
