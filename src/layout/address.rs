//! The addresses of builds, as regular expressions over a URL as clients send it.
//!
//! An expression matches one spelling alone, that of `url_path`: unreserved characters plain, others percent-encoded with
//! upper-case digits. It is plain ASCII and uses only what PCRE and JavaScript have in common: plain text, classes, groups,
//! repetitions, lookaheads and back references.

use super::field::{Field, FieldKind, model_time};
use super::grammar::{Class, Layout};
use super::template::{Part, Piece, Template};
use crate::model::{RelPath, url_name};
use regex_syntax::hir::{Class as CharClass, Hir, HirKind};
use regex_syntax::utf8::{Utf8Range, Utf8Sequences};
use std::collections::BTreeMap;

/// The longest expression: nginx reads no word above 4,096 bytes.
const MOST: usize = 3_000;

/// One character of a name, as a URL has it.
const ANY: &str = "(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})";

/// The addresses of the builds of one class of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildAddress {
    /// Its streams, as the layout writes them.
    pub streams: String,
    /// How many names the path of a build has.
    pub depth: usize,
    /// The expression for the path of a build, from its first name on, or why there is none.
    pub pattern: Result<String, String>,
}

impl Layout {
    /// Returns the addresses of its builds, in the order of the layout.
    pub fn build_addresses(&self) -> Vec<BuildAddress> {
        let one = |class: &Class| BuildAddress {
            streams: class.shown.clone(),
            depth: class.path.parts.len(),
            pattern: pattern(&class.path),
        };
        self.0.classes.iter().map(one).collect()
    }

    /// Returns the expressions for the paths of its legacy aliases, as far as there are any.
    pub fn legacy_addresses(&self) -> impl Iterator<Item = String> {
        self.0.legacy.iter().filter_map(|rule| pattern(&rule.alias).ok())
    }

    /// Returns the files of a build that may appear, change or vanish after it was published, besides its checksums and
    /// their signatures: markers of results, labels and holds.
    pub fn changing(&self) -> impl Iterator<Item = &RelPath> {
        let markers = &self.0.markers;
        let results = markers.results.iter().flat_map(|marker| &marker.paths);
        results.chain(markers.labels.iter().map(|(at, ..)| at)).chain(&markers.hold)
    }

    /// Returns the directories of public files, which the mirror's settings name.
    pub fn public_dirs(&self) -> impl Iterator<Item = &RelPath> {
        self.2.iter().map(|(dir, _)| dir)
    }
}

/// Returns a text as a regular expression that matches it as a URL has it.
pub fn address(text: &str) -> String {
    // What is percent-encoded has no other character with a meaning.
    text.split('/').map(url_name).collect::<Vec<_>>().join("/").replace('.', "\\.")
}

/// Returns the expression for the paths of a template.
fn pattern(template: &Template) -> Result<String, String> {
    let mut writer = Writer::default();
    let parts: Result<Vec<String>, String> = template.parts.iter().map(|part| writer.part(part)).collect();
    let pattern = parts?.join("/");
    if pattern.len() > MOST {
        return Err(format!("its expression has {} bytes; servers read up to {MOST}", pattern.len()));
    }
    Ok(pattern)
}

/// Writes the expression of one path, and remembers the groups of its fields.
#[derive(Default)]
struct Writer {
    groups: usize,
    /// The group of each field.
    whole: BTreeMap<String, usize>,
    /// The ranges of each field, with their groups.
    ranges: BTreeMap<String, BTreeMap<(usize, usize), usize>>,
}

impl Writer {
    fn part(&mut self, part: &Part) -> Result<String, String> {
        match part {
            Part::Literal(text) => Ok(address(text)),
            Part::Glob(glob) => Err(format!("`{glob}` stands for many names")),
            Part::Whole(field) => self.field(field, "/"),
            Part::Mixed(mixed) => {
                let mut text = String::new();
                let mut pieces = mixed.pieces().iter().peekable();
                while let Some(piece) = pieces.next() {
                    match piece {
                        Piece::Text(plain) if plain.contains(['*', '?']) => {
                            return Err(format!("`{plain}` stands for many names"));
                        }
                        Piece::Text(plain) => text += &address(plain),
                        Piece::Field(field, None) => {
                            let after = match pieces.peek() {
                                None => "/".to_owned(),
                                Some(Piece::Text(plain)) => address(plain),
                                // Then no value may begin with such a word: builds are kept too shortly rather than too long.
                                Some(Piece::Field(..)) => String::new(),
                            };
                            text += &self.field(field, &after)?;
                        }
                        Piece::Field(field, Some(range)) => text += &self.range(field, *range),
                    }
                }
                Ok(text)
            }
        }
    }

    /// Returns the expression of a field that is followed by `after`.
    fn field(&mut self, field: &Field, after: &str) -> Result<String, String> {
        if let Some(group) = self.whole.get(&field.name) {
            return Ok(format!("(?:\\{group})"));
        }
        let mut text = String::new();
        if !field.except.is_empty() {
            let words: Vec<String> = field.except.iter().map(|word| address(word)).collect();
            text += &format!("(?!(?:{}){after})", words.join("|"));
        }
        text += &self.agreeing(field)?;
        self.groups += 1;
        self.whole.insert(field.name.clone(), self.groups);
        let value = match &field.kind {
            FieldKind::OneOf(words) => {
                let mut words: Vec<String> = words.iter().map(|word| address(word)).collect();
                // The longest first, since alternatives are tried in order.
                words.sort_by_key(|word| std::cmp::Reverse(word.len()));
                words.join("|")
            }
            FieldKind::Matches(_, source) | FieldKind::Version(_, source) => {
                let parsed = regex_syntax::parse(source).map_err(|_| format!("`{source}` cannot be read"))?;
                let mut text = String::new();
                write(&parsed, &mut text).map_err(|why| format!("`{source}` has {why}"))?;
                text
            }
            FieldKind::Time(form, _) => {
                let digit =
                    |c: char| if c.is_ascii_digit() { "[0-9]".to_owned() } else { address(&c.to_string()) };
                model_time(form).chars().map(digit).collect()
            }
        };
        Ok(format!("{text}({value})"))
    }

    /// Returns a lookahead by which a field begins with its ranges that came before it.
    fn agreeing(&self, field: &Field) -> Result<String, String> {
        let Some(ranges) = self.ranges.get(&field.name) else { return Ok(String::new()) };
        let (mut text, mut end) = (String::new(), 0);
        for ((from, to), group) in ranges {
            if *from != end {
                return Err(format!(
                    "ranges of `{}` that do not follow each other from the first character",
                    field.name
                ));
            }
            text += &format!("\\{group}(?:)");
            end = *to;
        }
        Ok(format!("(?={text})"))
    }

    fn range(&mut self, field: &Field, range: (usize, usize)) -> String {
        let known = self.ranges.entry(field.name.clone()).or_default();
        if let Some(group) = known.get(&range) {
            return format!("(?:\\{group})");
        }
        self.groups += 1;
        known.insert(range, self.groups);
        format!("({ANY}{{{}}})", range.1.saturating_sub(range.0))
    }
}

/// Adds an expression for the text that another one matches, as a URL has it; fails with what cannot be written.
fn write(hir: &Hir, text: &mut String) -> Result<(), &'static str> {
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => {
            let plain = std::str::from_utf8(&literal.0).map_err(|_| "bytes that are not text")?;
            *text += &address(plain);
        }
        HirKind::Class(class) => {
            let class = match class {
                CharClass::Unicode(class) => class.clone(),
                CharClass::Bytes(class) => class.to_unicode_class().ok_or("bytes that are not text")?,
            };
            *text += &chars(class.ranges().iter().map(|range| (range.start(), range.end())));
        }
        HirKind::Look(_) => return Err("an assertion such as `^` or `\\b`, which no server is given"),
        HirKind::Repetition(repeated) => {
            *text += "(?:";
            write(&repeated.sub, text)?;
            *text += &match (repeated.min, repeated.max) {
                (min, Some(max)) if min == max => format!("){{{min}}}"),
                (0, None) => ")*".to_owned(),
                (1, None) => ")+".to_owned(),
                (0, Some(1)) => ")?".to_owned(),
                (min, max) => format!("){{{min},{}}}", max.map(|max| max.to_string()).unwrap_or_default()),
            };
        }
        HirKind::Capture(capture) => {
            *text += "(?:";
            write(&capture.sub, text)?;
            *text += ")";
        }
        HirKind::Concat(all) => all.iter().try_for_each(|one| write(one, text))?,
        HirKind::Alternation(all) => {
            *text += "(?:";
            for (nth, one) in all.iter().enumerate() {
                *text += if nth > 0 { "|" } else { "" };
                write(one, text)?;
            }
            *text += ")";
        }
    }
    Ok(())
}

/// Returns an expression for one character of these ranges; a slash is in no name.
fn chars(ranges: impl Iterator<Item = (char, char)>) -> String {
    let (mut plain, mut others) = (Vec::new(), Vec::new());
    let mut found: Vec<String> = Vec::new();
    for (first, last) in ranges {
        for c in (first..=last).take_while(char::is_ascii).filter(|c| !matches!(c, '\0' | '/')) {
            let byte = u8::try_from(c).unwrap_or_default();
            if c.is_ascii_alphanumeric() || "-._~".contains(c) { plain.push(byte) } else { others.push(byte) }
        }
        if !last.is_ascii() {
            let sequences = Utf8Sequences::new(first.max('\u{80}'), last);
            let one = |range: &Utf8Range| encoded(range.start..=range.end);
            found.extend(sequences.map(|bytes| bytes.as_slice().iter().map(one).collect::<String>()));
        }
    }
    if !others.is_empty() {
        found.insert(0, encoded(others));
    }
    if !plain.is_empty() {
        found.insert(0, set(plain));
    }
    match found.as_slice() {
        [] => "(?!)".to_owned(),
        [one] => one.clone(),
        all => format!("(?:{})", all.join("|")),
    }
}

/// Returns the class of some plain characters.
fn set(mut bytes: Vec<u8>) -> String {
    bytes.sort_unstable();
    bytes.dedup();
    if let [one] = bytes.as_slice()
        && one.is_ascii_alphanumeric()
    {
        return char::from(*one).to_string();
    }
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for byte in bytes {
        match runs.last_mut() {
            Some((_, last)) if last.wrapping_add(1) == byte => *last = byte,
            _ => runs.push((byte, byte)),
        }
    }
    // A hyphen at the end is one; no other plain character has a meaning in a class.
    let hyphen = runs.iter().any(|(first, _)| *first == b'-');
    let runs = runs.into_iter().map(|(first, last)| (first.max(if first == b'-' { b'.' } else { 0 }), last));
    let run = |(first, last): (u8, u8)| match (char::from(first), char::from(last)) {
        (first, last) if first > last => String::new(),
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    format!("[{}{}]", runs.map(run).collect::<String>(), if hyphen { "-" } else { "" })
}

/// Returns an expression for one of some percent-encoded bytes.
fn encoded(bytes: impl IntoIterator<Item = u8>) -> String {
    let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or_default();
    let mut rows: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for byte in bytes {
        rows.entry(byte >> 4).or_default().push(digit(byte & 15));
    }
    // Rows with the same digits are written together.
    let mut alike: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (row, digits) in rows {
        alike.entry(set(digits)).or_default().push(digit(row));
    }
    let all: Vec<String> =
        alike.into_iter().map(|(digits, rows)| format!("%{}{digits}", set(rows))).collect();
    match all.as_slice() {
        [one] => one.clone(),
        all => format!("(?:{})", all.join("|")),
    }
}
