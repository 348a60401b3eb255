//! The log on standard error: off without `-v` and `RUST_LOG`, one plain line for each event with them. Retried
//! requests are always reported, without the log as notes.
//!
//! Only events of mirrorkeep itself are written: other crates log addresses with their query strings, which may hold
//! signatures and keys.

use super::{say, shown_bar};
use crate::model::RETRIES;
use std::io::{self, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

/// Names the environment variable that selects what is logged when `-v` is not given.
const VARIABLE: &str = "RUST_LOG";

/// Starts the log: `-v` logs steps, `-vv` requests to the store as well, `-vvv` also HTTP requests.
pub(super) fn start(verbose: u8) {
    let wanted = match verbose {
        0 => std::env::var(VARIABLE).unwrap_or_default(),
        1 => "mirrorkeep=info".to_owned(),
        2 => "mirrorkeep=debug".to_owned(),
        _ => "mirrorkeep=trace".to_owned(),
    };
    if wanted.trim().is_empty() {
        return without_log();
    }
    let Ok(filter) = EnvFilter::try_new(&wanted) else {
        say::note(&format!(
            "warning: {VARIABLE} is not a valid filter; `debug` or `mirrorkeep=debug` is accepted"
        ));
        return without_log();
    };
    let ours = |event: &Metadata<'_>| event.target().starts_with(env!("CARGO_CRATE_NAME"));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_timer(uptime())
        .with_writer(|| Plain(io::stderr()));
    // A second start would be an error; the running log is kept.
    tracing_subscriber::registry().with(filter).with(lines.with_filter(filter_fn(ours))).try_init().ok();
}

/// Reports retries as notes if there is no log.
fn without_log() {
    let retries = filter_fn(|event| event.target() == RETRIES).with_max_level_hint(LevelFilter::WARN);
    tracing_subscriber::registry().with(Notes.with_filter(retries)).try_init().ok();
}

/// Writes events as notes.
struct Notes;

impl<S: Subscriber> Layer<S> for Notes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        shown_bar::note(&message.0);
    }
}

/// The message of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Returns whether anything is logged.
pub(super) fn is_on() -> bool {
    tracing::enabled!(tracing::Level::ERROR)
}

/// Writes lines with their control characters escaped, so that a file name cannot forge a line or reach the terminal.
struct Plain<W>(W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(plain(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns one line, which ends with the only line break.
fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    let mut plain = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Combining and unprintable characters are escaped by the rules of the standard library, quotes are not.
        if matches!(c, '\'' | '"' | '\\') { plain.push(c) } else { plain.extend(c.escape_debug()) }
    }
    plain.push('\n');
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_hostile_name_stays_in_its_line() {
        let line = plain("list `a\u{1b}[31m\nINFO forged\u{202e}\r é\"`: ok\n".as_bytes());
        assert_eq!(line, "list `a\\u{1b}[31m\\nINFO forged\\u{202e}\\r é\"`: ok\n");
        assert_eq!(plain(b"\xff"), "\u{fffd}\n");
    }
}
