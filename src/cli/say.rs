//! Output: answers to standard output, everything else to standard error.

use super::args::color::ColorArg;
use crate::mirror::Unreadable;
use crate::model::{ErrorKind, shell_word, shown, unprintable};
use crate::render::{Paint, screened};
use anstream::{AutoStream, ColorChoice};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Why part of the answer did not reach standard output.
static LOST: OnceLock<String> = OnceLock::new();

/// Whether notes, warnings and progress are suppressed.
static QUIET: AtomicBool = AtomicBool::new(false);

/// The answer that is held back until later results are added to it.
static KEPT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Prefix of the commands in messages if `--mirror` was given.
static CALL: OnceLock<String> = OnceLock::new();

/// Prefix of the commands in messages that need no mirror.
const BARE: &str = "`mirrorkeep ";

/// Makes the commands in all messages name this mirror, so that they work when they are pasted.
pub(super) fn address(mirror: &OsStr) {
    let word = shell_word(mirror);
    // After a space it would be parsed as an option.
    let joint = if word.starts_with('-') { '=' } else { ' ' };
    CALL.get_or_init(|| format!("{BARE}--mirror{joint}{word} "));
}

/// Returns a text whose commands name the mirror.
fn addressed(text: &str) -> Cow<'_, str> {
    CALL.get().map_or(Cow::Borrowed(text), |call| pasteable(text, call))
}

/// Returns a text whose commands begin with `call`, except those that have options before their verb.
fn pasteable<'a>(text: &'a str, call: &str) -> Cow<'a, str> {
    if !text.contains(BARE) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(BARE);
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        made.push_str(if part.starts_with("--") { BARE } else { call });
        made.push_str(part);
    }
    Cow::Owned(made)
}

/// Writes lines to standard output, with terminal control characters escaped; a failure shows in the exit code
/// ([`lost`]).
pub(super) fn out(text: &str) {
    verbatim(&screened(&addressed(text), paint()));
}

/// Writes XML to standard output; its commands name the mirror.
pub(super) fn xml(text: &str) {
    let escaped = |call: &String| {
        let each = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;")];
        each.iter().fold(call.clone(), |call, (from, to)| call.replace(*from, to))
    };
    let call = CALL.get().map(escaped);
    let text = call.as_ref().map_or(Cow::Borrowed(text), |call| pasteable(text, call));
    verbatim(&screened(&text, paint()));
}

/// Writes the text of a file to standard output: a terminal gets it as [`out`] writes it, anything else byte for byte.
pub(super) fn file(text: &str) {
    if io::stdout().is_terminal() { verbatim(&screened(text, paint())) } else { verbatim(text) }
}

/// Writes text for another program to standard output, unchanged.
pub(super) fn verbatim(text: &str) {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}

/// Remembers that output could not be written. A reader that closed the pipe has read enough: that is not a failure.
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

/// Sets what is written in addition to answers, and whether there are colours.
pub(super) fn configure(quiet: bool, color: ColorArg) {
    QUIET.store(quiet, Ordering::Relaxed);
    match color {
        ColorArg::Auto => {}
        ColorArg::Always => ColorChoice::Always.write_global(),
        ColorArg::Never => ColorChoice::Never.write_global(),
    }
}

/// Returns whether notes, warnings and progress are suppressed.
pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes a warning or note as one line to standard error, with terminal control characters escaped; nothing with
/// `-q`.
pub(super) fn note(text: &str) {
    if !is_quiet() {
        always(text);
    }
}

/// Writes one line to standard error, also with `-q`.
pub(super) fn always(text: &str) {
    writeln!(std::io::stderr().lock(), "{}", shown(&addressed(text))).ok();
}

/// Writes an error of several lines to standard error; all lines except the first are indented.
pub(super) fn notes(text: &str) {
    for (number, line) in text.lines().enumerate() {
        let indent = if number > 0 && !line.starts_with("  ") { "  " } else { "" };
        always(&format!("{indent}{line}"));
    }
}

/// Writes an answer as JSON to standard output; the commands in its hints and reasons name the mirror.
pub(super) fn json(value: &impl Serialize) {
    let Some(call) = CALL.get() else { return data(value) };
    let form = Answer { pretty: PrettyFormatter::new(), call, key: String::new(), in_key: false };
    answer(|to| value.serialize(&mut Serializer::with_formatter(to, form)));
}

/// The keys of texts that the program itself writes, in which commands may occur.
const ADVICE: [&str; 8] = ["hint", "why", "warnings", "refusals", "detail", "error", "failure", "text"];

/// JSON as [`data`] writes it, except for the commands in messages.
struct Answer<'a> {
    pretty: PrettyFormatter<'static>,
    call: &'a str,
    /// The last key that was written.
    key: String,
    in_key: bool,
}

impl Formatter for Answer<'_> {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, to: &mut W, text: &str) -> io::Result<()> {
        if self.in_key {
            self.key.push_str(text);
        } else if ADVICE.contains(&self.key.as_str())
            && let Cow::Owned(made) = pasteable(text, self.call)
        {
            let made = serde_json::to_string(&made)?;
            return to.write_all(made.trim_matches('"').as_bytes());
        }
        to.write_all(text.as_bytes())
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        self.key.clear();
        self.pretty.begin_object_key(to, first)
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.in_key = false;
        self.pretty.end_object_key(to)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(to)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(to)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.begin_object(to)
    }

    fn end_object<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.end_object(to)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.begin_array(to)
    }

    fn end_array<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.end_array(to)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.pretty.begin_array_value(to, first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, to: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(to)
    }
}

/// Writes data as JSON to standard output, piece by piece; a failure shows in the exit code ([`lost`]).
pub(super) fn data(value: &impl Serialize) {
    answer(|to| serde_json::to_writer_pretty(to, value));
}

/// Writes an answer to standard output, or keeps it ([`wait`]).
fn answer(write: impl FnOnce(&mut dyn Write) -> serde_json::Result<()>) {
    if let Some(kept) = KEPT.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        return written(write(kept).map_err(io::Error::from));
    }
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = write(&mut stdout).map_err(io::Error::from);
    written(done.and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()));
}

/// Holds back the next answer until [`go_on`] is called, since a later step adds to it.
pub(super) fn wait() {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
}

/// Writes the answer that was held back, with what was done for readers as its last field.
pub(super) fn go_on(readers: Option<&impl Serialize>) {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut text) = kept.filter(|kept| !kept.is_empty()) else { return };
    let field = readers.and_then(|readers| serde_json::to_string_pretty(readers).ok());
    if let (Some(field), Some(end)) = (field, text.iter().rposition(|byte| *byte == b'}')) {
        text.truncate(end);
        text.truncate(text.trim_ascii_end().len());
        text.extend(format!(",\n  \"readers\": {}\n}}", field.replace('\n', "\n  ")).bytes());
    }
    text.push(b'\n');
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(&text).and_then(|()| stdout.flush()));
}

/// Returns an error and its causes, each once.
pub(super) fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    // Transparent errors repeat their source.
    texts.dedup();
    texts
}

/// Returns a message with each argument escaped that has several lines or characters on which a terminal would act;
/// nothing if there is no such argument.
pub(super) fn escaped(message: &str) -> Option<String> {
    let words = std::env::args_os().skip(1).filter_map(|word| word.into_string().ok());
    let values = words.flat_map(|word| {
        let value = word.split_once('=').map(|(_, value)| value.to_owned());
        std::iter::once(word).chain(value)
    });
    // Colours are removed from a message, and with them whatever looks like one in an argument.
    let plain = |value: String| [anstream::adapter::strip_str(&value).to_string(), value];
    let acts: Vec<String> = values.flat_map(plain).filter(|value| unprintable(value).is_some()).collect();
    let escape = |text: String, value: &String| text.replace(value.as_str(), &shown(value));
    (!acts.is_empty()).then(|| acts.iter().fold(message.to_owned(), escape))
}

/// Writes an error, its causes, and one thing to do.
pub(super) fn failure(error: &(dyn Error + 'static), hint: Option<&str>) {
    for (number, text) in causes(error).iter().enumerate() {
        let what = if number == 0 { "error" } else { "caused by" };
        notes(&format!("{what}: {}", escaped(text).as_ref().unwrap_or(text)));
    }
    if let Some(text) = hint {
        self::hint(text);
    }
}

/// Writes what the user can do, after an empty line.
pub(super) fn hint(text: &str) {
    always("");
    notes(&format!("hint: {text}"));
}

/// The last line of standard error of a command that failed.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorAnswer {
    /// What failed, and its causes.
    error: String,
    /// The exit code.
    exit: u8,
    /// What to do about it; `null` if there is nothing to suggest.
    hint: Option<String>,
    /// The kind of the failure.
    kind: ErrorKind,
}

/// Writes an error as one JSON object on a line of standard error, the last one.
pub(super) fn failure_as_json(error: &str, kind: ErrorKind, hint: Option<&str>, exit: u8) {
    let line = |text: &str| shown(&addressed(text)).into_owned();
    let (error, hint) = (line(error), hint.map(line));
    if let Ok(object) = serde_json::to_string(&ErrorAnswer { error, exit, hint, kind }) {
        writeln!(io::stderr().lock(), "{object}").ok();
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

/// Returns the maximum width of a drawing.
pub(super) fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    told.map_or(76, |columns| columns.saturating_sub(4))
}

/// Reports what could not be read.
pub(super) fn trouble(trouble: &Unreadable) {
    note(&format!("warning: `{}`: {}", trouble.path, trouble.advice()));
}

pub(super) use crate::render::{bytes, count};
