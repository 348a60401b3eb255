//! The message of a tag: what was released, for people in its first line and for programs in `meta:` lines.
//!
//! A message comes from a repository, so it is untrusted: one with control characters, or with two answers to one question, is
//! refused as a whole.

use super::version::{ReleaseType, ReleaseVersion};
use crate::model::{BuildId, Label, LabelError, Stream, named, unprintable};
use std::fmt;

/// The beginning of a line for programs.
const META: &str = "meta:";

/// The most bytes and lines of a message.
const LIMITS: (usize, usize) = (64 << 10, 1000);

/// The keys that may be given more than once.
const MANY: [&str; 2] = ["label", "approved-by"];

/// The keys that mirrorkeep reads, and that may be given once.
const ONCE: [&str; 8] = ["series", "version", "type", "team", "repo", "stream", "build", "request"];

/// What the message of a tag states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagMessage {
    /// The name of what is released: the first word of the first line.
    pub name: String,
    /// The version: its second word.
    pub version: String,
    /// The type: its third word, such as `final`.
    pub kind: String,
    /// The keys and values of the `meta:` lines, in their order.
    pub meta: Vec<(String, String)>,
    /// The other lines.
    pub text: Vec<String>,
}

/// Why the message of a tag cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is too long.
    #[error("it has {0}; at most {max} bytes in {lines} lines are accepted", max = LIMITS.0, lines = LIMITS.1)]
    Long(String),
    /// A character is not printed as itself.
    #[error("line {0} contains {name}; printable characters are accepted", name = named(*.1))]
    Unprintable(usize, char),
    /// The first line has another form.
    #[error("its first line is not `<name> <version> <type>`, such as `nova 29.0.0 final`")]
    FirstLine,
    /// A line for programs has another form.
    #[error("line {0} begins with `meta:` and is not `meta:KEY: VALUE`")]
    Line(usize),
    /// A key is given twice.
    #[error("`meta:{0}` is given twice")]
    Twice(String),
    /// Two lines contradict each other.
    #[error("`meta:{key}` is `{meta}`, and the first line says `{first}`")]
    Contradicts {
        /// Which key.
        key: &'static str,
        /// Its value.
        meta: String,
        /// The word of the first line.
        first: String,
    },
    /// The type is not that of the version.
    #[error("its type is `{kind}`, and the version `{version}` is of the type `{of_version}`")]
    Type {
        /// The stated type.
        kind: String,
        /// The version.
        version: String,
        /// The type that the version states.
        of_version: ReleaseType,
    },
    /// A value has another form.
    #[error("`meta:{key}: {value}`: {why}")]
    Value {
        /// Which key.
        key: &'static str,
        /// Its value.
        value: String,
        /// Why it is refused.
        why: String,
    },
}

impl TagMessage {
    /// Reads the message of a tag, without its signature.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        if text.len() > LIMITS.0 {
            return Err(MessageError::Long(format!("{} bytes", text.len())));
        }
        let lines: Vec<&str> = text.split('\n').collect();
        if lines.len() > LIMITS.1 {
            return Err(MessageError::Long(format!("{} lines", lines.len())));
        }
        for (index, line) in lines.iter().enumerate() {
            if let Some(c) = unprintable(line) {
                return Err(MessageError::Unprintable(index + 1, c));
            }
        }
        let first = lines.first().copied().unwrap_or_default().trim_end();
        let words: Vec<&str> = first.split(' ').collect();
        let &[name, version, kind] = words.as_slice() else { return Err(MessageError::FirstLine) };
        if name.is_empty() || version.is_empty() || kind.is_empty() || name.starts_with(META) {
            return Err(MessageError::FirstLine);
        }
        let mut message =
            Self { name: name.into(), version: version.into(), kind: kind.into(), ..Self::default() };
        for (index, line) in lines.iter().enumerate().skip(1) {
            let line = line.trim_end();
            let Some(rest) = line.strip_prefix(META) else {
                message.text.push(line.to_owned());
                continue;
            };
            let (key, value) = key_and_value(rest).ok_or(MessageError::Line(index + 1))?;
            if !MANY.contains(&key) && ONCE.contains(&key) && message.meta(key).is_some() {
                return Err(MessageError::Twice(key.to_owned()));
            }
            message.meta.push((key.to_owned(), value.to_owned()));
        }
        let is_blank = |line: Option<&String>| line.is_some_and(String::is_empty);
        while is_blank(message.text.last()) {
            message.text.pop();
        }
        let start = message.text.iter().position(|line| !line.is_empty()).unwrap_or_default();
        message.text.drain(..start);
        message.is_consistent()?;
        Ok(message)
    }

    /// Fails if lines contradict each other, or a value has another form.
    fn is_consistent(&self) -> Result<(), MessageError> {
        for (key, first) in [("version", &self.version), ("type", &self.kind)] {
            if let Some(meta) = self.meta(key).filter(|meta| meta != first) {
                let (meta, first) = (meta.to_owned(), first.clone());
                return Err(MessageError::Contradicts { key, meta, first });
            }
        }
        if let (Some(kind), Ok(version)) =
            (ReleaseType::read(&self.kind), self.version.parse::<ReleaseVersion>())
            && kind != version.kind()
        {
            let (kind, of_version) = (self.kind.clone(), version.kind());
            return Err(MessageError::Type { kind, version: self.version.clone(), of_version });
        }
        self.labels()?;
        let (stream, build) = (self.stream()?, self.build()?);
        if let (Some(stream), Some(build)) = (stream, build)
            && build.stream != stream
        {
            let why = format!("it is not a build of `{stream}`, which `meta:stream` names");
            return Err(MessageError::Value { key: "build", value: build.to_string(), why });
        }
        Ok(())
    }

    /// Returns the value of a key.
    pub fn meta(&self, key: &str) -> Option<&str> {
        self.meta.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Returns every value of a key.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.meta.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Returns the stream that `meta:stream` names.
    pub fn stream(&self) -> Result<Option<Stream>, MessageError> {
        self.read("stream")
    }

    /// Returns the build that `meta:build` names.
    pub fn build(&self) -> Result<Option<BuildId>, MessageError> {
        self.read("build")
    }

    /// Returns the labels: those of `meta:label`, and the series unless a label names one.
    pub fn labels(&self) -> Result<Vec<Label>, MessageError> {
        let mut labels: Vec<Label> = Vec::new();
        for text in self.all("label") {
            let value = |why: String| MessageError::Value { key: "label", value: text.to_owned(), why };
            let label: Label = text.parse().map_err(|error: LabelError| value(error.to_string()))?;
            if labels.iter().any(|known| known.key() == label.key()) {
                return Err(value("a label with this key is given before it".to_owned()));
            }
            labels.push(label);
        }
        if let Some(series) = self.meta("series").filter(|series| !series.is_empty())
            && !labels.iter().any(|label| label.key() == "series")
        {
            let value = |error: LabelError| MessageError::Value {
                key: "series",
                value: series.to_owned(),
                why: error.to_string(),
            };
            labels.push(Label::new("series", series).map_err(value)?);
        }
        Ok(labels)
    }

    fn read<T: std::str::FromStr<Err: fmt::Display>>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, MessageError> {
        let Some(text) = self.meta(key) else { return Ok(None) };
        let wrong =
            |error: T::Err| MessageError::Value { key, value: text.to_owned(), why: error.to_string() };
        text.parse().map(Some).map_err(wrong)
    }
}

/// Splits `KEY: VALUE`; a key may contain colons, as in OpenStack's `release:Author`.
fn key_and_value(rest: &str) -> Option<(&str, &str)> {
    let (key, value) = match rest.split_once(": ") {
        Some((key, value)) => (key, value.trim()),
        None => (rest.strip_suffix(':')?, ""),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '+' | '-' | '_' | '.');
    let is_key = !key.is_empty() && key.chars().all(plain) && !key.ends_with(':');
    is_key.then_some((key, value))
}

impl fmt::Display for TagMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} {}", self.name, self.version, self.kind)?;
        if !self.meta.is_empty() {
            writeln!(f)?;
        }
        for (key, value) in &self.meta {
            writeln!(f, "{META}{key}:{}{value}", if value.is_empty() { "" } else { " " })?;
        }
        if !self.text.is_empty() {
            writeln!(f)?;
        }
        self.text.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "nova 29.0.0 final\n\nmeta:series: 2024.1\nmeta:version: 29.0.0\nmeta:type: final\nmeta:team: nova\n\
        meta:stream: openstack/nova\nmeta:label: tier=1\nmeta:approved-by: A <a@example.org>\nmeta:approved-by: B\n\nOur best one.\n";

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = TagMessage::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_message_is_written_as_it_is_read() {
        let message = TagMessage::parse(MESSAGE).unwrap();
        assert_eq!(message.to_string(), MESSAGE);
        assert_eq!((&*message.name, message.meta("team")), ("nova", Some("nova")));
        assert_eq!(message.all("approved-by").collect::<Vec<_>>(), ["A <a@example.org>", "B"]);
        let labels: Vec<String> = message.labels().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(labels, ["tier=1", "series=2024.1"]);
        // As OpenStack writes them.
        let theirs = "nova 29.0.0 release\n\nmeta:version: 29.0.0\nmeta:diff-start: -\nmeta:first:\nmeta:release:Code-Review+2: A <a@b>\n";
        let theirs = TagMessage::parse(theirs).unwrap();
        assert_eq!(theirs.meta("release:Code-Review+2"), Some("A <a@b>"));
        assert_eq!(theirs.meta("first"), Some(""));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        refused("", "first line");
        refused("Release of nova 29.0.0\n", "first line");
        refused("nova  29.0.0 final\n", "first line");
        refused("nova 29.0.0 final\r\n", "line 1 contains the control character U+000D");
        refused("nova 29.0.0 final\n\u{1b}[2K\n", "line 2 contains the control character U+001B");
        refused("nova 29.0.0 final\nmeta:team: \u{202e}x\n", "line 2 contains U+202E");
        refused("nova 29.0.0 final\nmeta:stream: a/b\nmeta:stream: a/c\n", "`meta:stream` is given twice");
        refused(
            "nova 29.0.0 final\nmeta:version: 29.0.1\n",
            "`meta:version` is `29.0.1`, and the first line says",
        );
        refused("nova 29.0.0.0rc1 final\n", "its type is `final`, and the version");
        refused("nova 29.0.0 final\nmeta:stream: ../x\n", "`meta:stream: ../x`");
        refused("nova 29.0.0 final\nmeta:stream: a\nmeta:build: b/1\n", "is not a build of `a`");
        refused("nova 29.0.0 final\nmeta:label: x\n", "`meta:label: x`");
        refused("nova 29.0.0 final\nmeta:label: vote/a=success\n", "`mirrorkeep vote` alone");
        refused("nova 29.0.0 final\nmeta:label: x=1\nmeta:label: x=2\n", "given before it");
        refused("nova 29.0.0 final\nmeta:no value\n", "line 2 begins with `meta:`");
        refused(&format!("nova 29.0.0 final\n{}", "x\n".repeat(1001)), "lines");
        refused(&"x".repeat(70_000), "70000 bytes");
    }
}
