//! Strict YAML: a file means what it says, or every problem is reported with its place.
//!
//! `serde_yaml` gives values their types; it silently accepts a key that occurs twice, the last one winning, which
//! could drop a retention rule. So a second pass over the text refuses duplicate keys, and with them what no settings
//! file needs and attackers use: anchors, aliases, merge keys, several documents, deep nesting.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt;

/// The maximum nesting of a file.
const DEPTH: usize = 32;

/// A place in a file; both numbers start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A problem of a file: where it is, what was found and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Which file.
    pub file: String,
    /// The place in it.
    pub mark: Option<Mark>,
    /// The entry, such as `families[2].keep[0]`.
    pub path: String,
    /// What was found and what would be accepted.
    pub message: String,
}

/// Returns problems in the order of their places, as people go through a file.
pub fn by_place(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.mark);
    problems
}

/// A YAML file whose text was checked.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    file: String,
    nodes: HashMap<String, Node>,
    keys: HashMap<String, Vec<String>>,
    /// Numbers that are not written in decimal digits alone.
    odd: HashMap<String, String>,
}

/// The place of one entry.
#[derive(Debug, Clone)]
struct Node {
    mark: Mark,
    /// The line and column where the value starts, and its range of characters.
    value: Mark,
    start: usize,
    end: usize,
    items: usize,
    /// The text of a block (`|`, `>`), whose characters alone would be read as something else.
    block: Option<String>,
}

impl Document {
    /// Parses the text of a file; `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let mut reading = Reading {
            file,
            nodes: HashMap::new(),
            keys: HashMap::new(),
            open: Vec::new(),
            odd: HashMap::new(),
            problems: Vec::new(),
            documents: 0,
        };
        if text.starts_with('\u{feff}') {
            let message = "a byte order mark; UTF-8 without one is accepted".to_owned();
            reading.problem(Some(Mark { line: 1, column: 1 }), String::new(), message);
        }
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => reading.take(&event, span),
                Err(error) => {
                    let mark = Mark { line: error.marker().line(), column: error.marker().col() + 1 };
                    let why =
                        unquoted(text, mark).unwrap_or_else(|| format!("invalid YAML: {}", error.info()));
                    reading.problem(Some(mark), String::new(), why);
                    break;
                }
            }
        }
        let Reading { nodes, keys, odd, mut problems, .. } = reading;
        if problems.is_empty() && nodes.is_empty() {
            problems.push(Problem {
                file: file.to_owned(),
                mark: None,
                path: String::new(),
                message: "the file is empty".to_owned(),
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { text: text.to_owned(), file: file.to_owned(), nodes, keys, odd })
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the place of an entry, or of the nearest one above it that has one.
    pub fn mark(&self, path: &str) -> Option<Mark> {
        let mut path = path;
        loop {
            if let Some(node) = self.nodes.get(path) {
                return Some(node.mark);
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }

    /// Returns the first and the last line of the entry at `path`, each after a line feed alone, without the blank lines and the
    /// comments that follow it.
    pub fn lines(&self, path: &str) -> Option<(usize, usize)> {
        let node = self.nodes.get(path)?;
        let first = self.text.chars().take(node.start).filter(|c| *c == '\n').count() + 1;
        let piece: String =
            self.text.chars().skip(node.start).take(node.end.saturating_sub(node.start)).collect();
        let is_of_it = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let last = piece.split('\n').enumerate().filter(|(_, line)| is_of_it(line)).last();
        Some((first, first + last.map_or(0, |(after, _)| after)))
    }

    /// Returns the number at `path` as it is written, if readers parse it as another one than its decimal digits.
    pub fn odd_number(&self, path: &str) -> Option<&str> {
        self.odd.get(path).map(String::as_str)
    }

    /// Returns the number of items of the list at `path`; nothing if there is no list.
    pub fn items(&self, path: &str) -> Option<usize> {
        self.nodes.get(path).map(|node| node.items)
    }

    /// Returns whether there is an entry at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Returns the keys of the mapping at `path`, in their order; none if there is no mapping.
    pub fn keys(&self, path: &str) -> Vec<String> {
        self.keys.get(path).cloned().unwrap_or_default()
    }

    /// Returns a problem with an entry.
    pub fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            mark: self.mark(path),
            path: path.to_owned(),
            message: message.into(),
        }
    }

    /// Returns the whole file as a value of type `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        self.read_at("")
    }

    /// Returns the whole file without the entries at some paths, so that a caller finds further problems; nothing if
    /// the rest is not a value of type `T`.
    pub fn read_without<'p, T: DeserializeOwned>(
        &self,
        paths: impl IntoIterator<Item = &'p str>,
    ) -> Option<T> {
        let mut value: serde_yaml::Value = serde_yaml::from_str(&self.text).ok()?;
        paths.into_iter().for_each(|path| remove(&mut value, path));
        serde_yaml::from_value(value).ok()
    }

    /// Returns the entry at `path` as a value of type `T`, so that a caller can continue after one bad entry.
    pub fn read_at<T: DeserializeOwned>(&self, path: &str) -> Result<T, Vec<Problem>> {
        let Some(node) = self.nodes.get(path) else {
            return Err(vec![self.problem(path, "this entry is missing")]);
        };
        let piece = match &node.block {
            // Text always serializes.
            Some(block) => serde_yaml::to_string(block).unwrap_or_default(),
            // The piece keeps its column, so that its lines stay aligned and errors show the right place.
            None => {
                let piece = self.text.chars().skip(node.start).take(node.end - node.start);
                " ".repeat(node.value.column - 1).chars().chain(piece).collect()
            }
        };
        serde_yaml::from_str(&piece).map_err(|error| {
            let mark = error.location().map(|at| {
                let column = at.column().max(1);
                Mark { line: node.value.line + at.line().max(1) - 1, column }
            });
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text).to_owned();
            let mark = mark.or(self.mark(path));
            vec![Problem { file: self.file.clone(), mark, path: path.to_owned(), message: text }]
        })
    }
}

/// Removes the entry of a mapping at a path such as `to[0].webhook.typ`; keys may contain dots themselves.
fn remove(value: &mut serde_yaml::Value, path: &str) {
    let path = path.strip_prefix('.').unwrap_or(path);
    if let Some(map) = value.as_mapping_mut() {
        map.retain(|key, _| key.as_str() != Some(path));
        for (key, below) in map.iter_mut() {
            let rest = key.as_str().and_then(|key| path.strip_prefix(key));
            if let Some(rest) = rest.filter(|rest| rest.starts_with(['.', '['])) {
                remove(below, rest);
            }
        }
    } else if let Some(list) = value.as_sequence_mut()
        && let Some((index, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']'))
        && let Some(item) = index.parse().ok().and_then(|index: usize| list.get_mut(index))
    {
        remove(item, rest);
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(mark) = self.mark {
            write!(f, ":{}:{}", mark.line, mark.column)?;
        }
        // A key or value may contain a line end, which must not look like another problem.
        let line = |text: &str| text.replace('\n', "\\n").replace('\r', "\\r");
        match &*self.path {
            "" => write!(f, ": {}", line(&self.message)),
            path => write!(f, ": {}: {}", line(path), line(&self.message)),
        }
    }
}

/// A mapping or list that is not closed yet.
struct Open {
    path: String,
    /// The key whose value comes next, in a mapping.
    key: Option<String>,
    is_map: bool,
}

/// Returns what is wrong with a text without quotes that begins with a character that YAML takes for something else, such as
/// the pattern `**`; nothing if there is none on the line.
fn unquoted(text: &str, mark: Mark) -> Option<String> {
    let line = text.lines().nth(mark.line.checked_sub(1)?)?;
    let mut starts = line.char_indices().filter(|(at, c)| {
        let before = line.get(..*at).unwrap_or_default();
        "*&@`%".contains(*c) && (before.trim().is_empty() || before.ends_with([' ', '[', '{', ',']))
    });
    // Not one that is in quotes, or in a comment.
    let is_bare = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        let inside = |quote: char| before.matches(quote).count() % 2 == 1;
        !inside('"') && !inside('\'') && !before.contains(" #") && !before.starts_with('#')
    };
    let (at, first) = starts.find(|(at, _)| is_bare(*at))?;
    let word = line.get(at..)?.split([' ', ',', ']', '}']).next()?.trim_end_matches(':');
    Some(format!(
        "invalid YAML: `{word}` begins with `{first}`, which YAML takes for something else; write it in quotes: `\"{word}\"`"
    ))
}

struct Reading<'a> {
    file: &'a str,
    nodes: HashMap<String, Node>,
    keys: HashMap<String, Vec<String>>,
    odd: HashMap<String, String>,
    open: Vec<Open>,
    problems: Vec<Problem>,
    documents: usize,
}

impl Reading<'_> {
    fn problem(&mut self, mark: Option<Mark>, path: String, message: String) {
        self.problems.push(Problem { file: self.file.to_owned(), mark, path, message });
    }

    fn take(&mut self, event: &Event<'_>, span: Span) {
        let mark = Mark { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.problem(Some(mark), String::new(), "a second document; one is accepted".to_owned());
                }
            }
            Event::Alias(_) => {
                let path = self.place(mark, span);
                self.problem(Some(mark), path, "an alias (`*…`); write the value itself".to_owned());
            }
            Event::Scalar(text, style, anchor, _) => {
                self.anchored(*anchor, mark);
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if self.takes_key(text, mark) {
                    // Readers differ on where the text of such a key begins or ends.
                    let odd = match style {
                        _ if block => Some("a key that is a block of text; plain keys are accepted"),
                        ScalarStyle::Plain if text.starts_with('?') => {
                            Some("a key that begins with `?`; one in quotes is accepted")
                        }
                        _ => None,
                    };
                    if let Some(odd) = odd {
                        self.problem(Some(mark), String::new(), odd.to_owned());
                    }
                } else {
                    let path = self.place(mark, span);
                    if *style == ScalarStyle::Plain && is_odd_number(text) {
                        self.odd.insert(path.clone(), text.clone().into_owned());
                    }
                    if let Some(node) = self.nodes.get_mut(&path).filter(|_| block) {
                        node.block = Some(text.clone().into_owned());
                    }
                }
            }
            Event::SequenceStart(anchor, _) => self.start(*anchor, mark, span, false),
            Event::MappingStart(anchor, _) => self.start(*anchor, mark, span, true),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop()
                    && let Some(node) = self.nodes.get_mut(&open.path)
                {
                    node.end = span.end.index().max(node.start);
                }
            }
        }
    }

    fn start(&mut self, anchor: usize, mark: Mark, span: Span, is_map: bool) {
        self.anchored(anchor, mark);
        if let Some(open) = self.open.last()
            && open.is_map
            && open.key.is_none()
        {
            let path = open.path.clone();
            self.problem(
                Some(mark),
                path,
                "a key that is a list or mapping; plain keys are accepted".to_owned(),
            );
        }
        if self.open.len() == DEPTH {
            let path = self.open.last().map(|open| open.path.clone()).unwrap_or_default();
            self.problem(Some(mark), path, format!("nested deeper than {DEPTH} levels"));
        }
        let path = self.place(mark, span);
        self.open.push(Open { path, key: None, is_map });
    }

    fn anchored(&mut self, anchor: usize, mark: Mark) {
        if anchor != 0 {
            let message = "an anchor (`&…`); anchors and aliases are not accepted".to_owned();
            self.problem(Some(mark), String::new(), message);
        }
    }

    /// Takes a scalar as the next key of a mapping, if one is due there.
    fn takes_key(&mut self, text: &str, mark: Mark) -> bool {
        let Some(open) = self.open.last_mut().filter(|open| open.is_map && open.key.is_none()) else {
            return false;
        };
        let path = if open.path.is_empty() { text.to_owned() } else { format!("{}.{text}", open.path) };
        open.key = Some(text.to_owned());
        self.keys.entry(open.path.clone()).or_default().push(text.to_owned());
        if let Some(first) = self.nodes.get(&path).map(|node| node.mark.line) {
            self.problem(
                Some(mark),
                path.clone(),
                format!("the key is given twice, first on line {first}; give it once, with both values"),
            );
        }
        if text == "<<" {
            self.problem(Some(mark), path.clone(), "merge keys are not accepted".to_owned());
        }
        let node = Node { mark, value: mark, start: 0, end: 0, items: 0, block: None };
        self.nodes.insert(path, node);
        true
    }

    /// Records the place of a value and returns its path.
    fn place(&mut self, mark: Mark, span: Span) -> String {
        let (start, end) = (span.start.index(), span.end.index());
        let Some(open) = self.open.last_mut() else {
            self.nodes.insert(String::new(), Node { mark, value: mark, start, end, items: 0, block: None });
            return String::new();
        };
        let Some(key) = open.key.take() else {
            let above = open.path.clone();
            let index = self.nodes.get_mut(&above).map_or(0, |node| {
                node.items += 1;
                node.items - 1
            });
            let path = format!("{above}[{index}]");
            self.nodes.insert(path.clone(), Node { mark, value: mark, start, end, items: 0, block: None });
            return path;
        };
        let path = if open.path.is_empty() { key } else { format!("{}.{key}", open.path) };
        if let Some(node) = self.nodes.get_mut(&path) {
            (node.value, node.start, node.end) = (mark, start, end);
        }
        path
    }
}

/// Returns whether a text is a number that is not written in decimal digits alone, such as `0o10`, `010` or `+8`.
fn is_odd_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let based =
        digits.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    digits.starts_with(|c: char| c.is_ascii_digit()) && (based || text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let problems = Document::parse(text, "f.yaml").unwrap_err();
        let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn what_serde_yaml_takes_silently_is_refused_with_its_place() {
        refused("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: the key is given twice, first on line 1");
        refused("x:\n  - {k: 1, k: 2}\n", "f.yaml:2:12: x[0].k: the key is given twice");
        refused("a: &x 1\nb: *x\n", "f.yaml:1:4: an anchor");
        refused("a: 1\n<<: {b: 1}\n", "merge keys");
        refused("a: 1\n---\nb: 1\n", "second document");
        refused(&format!("{}1{}", "[".repeat(40), "]".repeat(40)), "nested deeper");
        refused("? [a, b]\n: 1\n", "a key that is a list");
        refused("? |\n  a\n: 1\n", "a key that is a block of text");
        refused("", "empty");
        refused("\u{feff}a: 1\n", "f.yaml:1:1: a byte order mark");
        refused("a: [1\n", "invalid YAML");
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Piece {
        name: String,
        #[serde(default)]
        days: Option<u32>,
    }

    #[test]
    fn a_piece_is_read_with_its_own_place() {
        let text = "top: 1\nlist:\n  - name: 1.10\n  - { name: no, days: 3 }\n  - name: x\n    dayz: 3\n";
        let document = Document::parse(text, "f.yaml").unwrap();
        assert_eq!(document.items("list"), Some(3));
        assert_eq!(document.read_at::<Piece>("list[0]").unwrap(), Piece { name: "1.10".into(), days: None });
        assert_eq!(document.read_at::<Piece>("list[1]").unwrap(), Piece { name: "no".into(), days: Some(3) });
        let problem = document.read_at::<Piece>("list[2]").unwrap_err().remove(0).to_string();
        assert!(problem.starts_with("f.yaml:6:5: list[2]: "), "{problem}");
        assert!(problem.contains("unknown field `dayz`, expected `name` or `days`"), "{problem}");
        assert_eq!(document.mark("list[1].days.deeper"), document.mark("list[1].days"));
    }

    #[test]
    fn a_block_of_text_is_no_mapping() {
        let document = Document::parse("piece: |\n  name: x\nfolded: >-\n  a\n  b\n", "f.yaml").unwrap();
        assert_eq!(document.read_at::<String>("piece").unwrap(), "name: x\n");
        assert_eq!(document.read_at::<String>("folded").unwrap(), "a b");
        assert!(document.read_at::<Piece>("piece").is_err());
    }

    #[test]
    fn text_stays_what_it_was() {
        let text = "a: 1.10\nb: no\nc: 2018-10-01\nd: 0x10\ne: \"é: x\"\nf: ~x\n";
        let document = Document::parse(text, "f.yaml").unwrap();
        let map: BTreeMap<String, String> = document.read().unwrap();
        let values: Vec<&str> = map.values().map(String::as_str).collect();
        assert_eq!(values, ["1.10", "no", "2018-10-01", "0x10", "é: x", "~x"]);
    }
}
