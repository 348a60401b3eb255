//! The files of a build with a meaning: its result, its labels, its hold, its time.
//!
//! Nothing is read here: the caller provides the files, from a mirror or from a build server. Invalid contents are
//! reported as a problem, never guessed.

use super::Layout;
use super::loading::Loading;
use super::markers::{Markers, ResultMarker, TimeFile};
use super::schema::{CreatedFile, MarkersFile, ResultFile};
use super::template::Values;
use super::tree::{Found, Tree};
use crate::model::{Document, Label, Outcome, RelPath, Stamp};
use std::collections::BTreeMap;

/// The files of one build, wherever they are.
pub trait Files {
    /// The error of reading them.
    type Error;
    /// Returns whether there is something at a path of the build.
    fn has(&self, at: &RelPath) -> Result<bool, Self::Error>;
    /// Returns the text of a small file; nothing if it does not exist.
    fn text(&self, at: &RelPath) -> Result<Option<String>, Self::Error>;
    /// Returns what is at a path of the build if it is not a regular file, such as `a symlink`.
    fn unfit(&self, _at: &RelPath) -> Result<Option<&'static str>, Self::Error> {
        Ok(None)
    }
}

/// The result of a build, as its files state it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerResult {
    /// The result.
    pub outcome: Outcome,
    /// The file that states it; nothing if there is no marker.
    pub marker: Option<RelPath>,
    /// Why the result is unknown or incomplete.
    pub problem: Option<String>,
}

impl Layout {
    /// Returns the result of a build, as its markers state it.
    pub fn result_of<F: Files>(&self, files: &F) -> Result<MarkerResult, F::Error> {
        let mut said: Vec<(Outcome, RelPath)> = Vec::new();
        let mut strange = None;
        for marker in &self.markers().results {
            for at in &marker.paths {
                if let Some(what) = files.unfit(at)? {
                    let why = format!("`{at}` is {what}; the marker of a result is a regular file");
                    strange = Some((at.clone(), why));
                    continue;
                }
                let there = if marker.words.is_empty() {
                    files.has(at)?
                } else {
                    match files.text(at)?.map(|text| word_of(&text, marker.key.as_deref(), at)) {
                        None => false,
                        Some(Err(why)) => {
                            strange = Some((at.clone(), why));
                            false
                        }
                        Some(Ok(word)) if marker.words.contains(&word) => true,
                        Some(Ok(word)) => {
                            let why = format!("`{at}` has `{}`, which is not a result", word.escape_debug());
                            strange.get_or_insert((at.clone(), why));
                            false
                        }
                    }
                };
                if there {
                    said.push((marker.outcome, at.clone()));
                    break;
                }
            }
        }
        // A word that one rule does not know may be known to another.
        strange.take_if(|(at, _)| said.iter().any(|(_, told)| told == at));
        let result = |outcome, marker, problem| MarkerResult { outcome, marker, problem };
        Ok(match (said.as_slice(), strange) {
            ([], None) => result(self.markers().without, None, None),
            (_, Some((at, why))) => result(Outcome::Unknown, Some(at), Some(why)),
            ([(outcome, at)], None) => result(*outcome, Some(at.clone()), None),
            ([(_, at), ..], None) => {
                let all: Vec<String> =
                    said.iter().map(|(outcome, at)| format!("`{at}` ({outcome})")).collect();
                let why = format!("it has more than one result marker: {}", all.join(", "));
                result(Outcome::Unknown, Some(at.clone()), Some(why))
            }
        })
    }

    /// Returns when a build was made, by the file that the layout names; a problem if that is invalid.
    pub fn told_time<F: Files>(&self, files: &F) -> Result<Option<Result<Stamp, String>>, F::Error> {
        let Some(TimeFile { file, key, form }) = &self.markers().created else { return Ok(None) };
        if let Some(what) = files.unfit(file)? {
            return Ok(Some(Err(format!("`{file}` is {what}; the time is in a regular file"))));
        }
        let text = files.text(file)?;
        Ok(text.map(|text| {
            let word = word_of(&text, key.as_deref(), file)?;
            let stamp = match form.as_deref() {
                None => word.parse().map_err(|error| format!("{error}")),
                Some("unix") => {
                    seconds(&word).ok_or_else(|| format!("`{}` is not a time", word.escape_debug()))
                }
                Some(form) => Stamp::read(&word, form).map_err(|error| error.to_string()),
            };
            stamp.map_err(|why| format!("the time in `{file}`: {why}"))
        }))
    }

    /// Returns the labels that a build's files represent.
    pub fn told_labels<F: Files>(&self, files: &F) -> Result<BTreeMap<String, String>, F::Error> {
        let mut labels = BTreeMap::new();
        for (at, key, value) in &self.markers().labels {
            if !labels.contains_key(key) && files.has(at)? {
                labels.insert(key.clone(), value.clone());
            }
        }
        Ok(labels)
    }
}

/// Returns the word in a file, or the one at a key of it.
fn word_of(text: &str, key: Option<&str>, file: &RelPath) -> Result<String, String> {
    let Some(key) = key else { return Ok(text.trim().to_owned()) };
    let told =
        |problems: Vec<crate::model::Problem>| problems.first().map(ToString::to_string).unwrap_or_default();
    let document = Document::parse(text, file.as_str()).map_err(told)?;
    let value: serde_yaml::Value = document.read_at(key).map_err(told)?;
    match value {
        serde_yaml::Value::String(word) => Ok(word),
        serde_yaml::Value::Number(number) => Ok(number.to_string()),
        _ => Err(format!("`{key}` of `{file}` is not a single word")),
    }
}

/// Parses seconds since 1970; a fraction is cut off.
fn seconds(word: &str) -> Option<Stamp> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction)).then(|| Stamp::from_unix(whole.parse().ok()?))?
}

impl Loading<'_> {
    /// Parses the markers of the layout; each must have a place in the tree.
    pub(super) fn markers(
        &mut self,
        raw: &MarkersFile,
        created: Option<&CreatedFile>,
        tree: &Tree,
    ) -> Markers {
        let context = raw.context.as_ref().and_then(|path| self.marker("markers.context", path, tree));
        let hold = raw.hold.as_ref().and_then(|path| self.marker("markers.hold", path, tree));
        let without = match raw.without.as_deref() {
            None | Some("partial") => Outcome::Partial,
            Some("success") => Outcome::Success,
            Some("unknown") => Outcome::Unknown,
            Some(found) => {
                let why = format!("`{found}` is not for every build; `success`, `partial`, `unknown` are");
                self.problem("markers.without", why);
                Outcome::Partial
            }
        };
        let created = created.and_then(|raw| {
            let file = self.marker("created.file", &raw.file, tree)?;
            Some(TimeFile { file, key: raw.key.clone(), form: raw.time.clone() })
        });
        let results = (raw.results.iter().enumerate())
            .filter_map(|(index, result)| self.result(&format!("markers.results[{index}]"), result, tree))
            .collect();
        let mut labels = Vec::new();
        for (index, label) in raw.labels.iter().enumerate() {
            let at = format!("markers.labels[{index}]");
            match label.label.parse::<Label>() {
                Ok(said) => {
                    if let Some(path) = self.marker(&format!("{at}.path"), &label.path, tree) {
                        labels.push((path, said.key().to_owned(), said.value().to_owned()));
                    }
                }
                Err(error) => self.problem(&format!("{at}.label"), error.to_string()),
            }
        }
        if raw.context_optional && raw.context.is_none() {
            let why = "there is no `context` that could be missing; give its path, or remove this key";
            self.problem("markers.context_optional", why);
        }
        Markers { context, context_optional: raw.context_optional, results, without, labels, hold, created }
    }

    fn result(&mut self, at: &str, raw: &ResultFile, tree: &Tree) -> Option<ResultMarker> {
        let marked: &[Outcome] = if raw.words.is_empty() {
            &[Outcome::Success, Outcome::Fail, Outcome::Empty]
        } else {
            &[Outcome::Success, Outcome::Fail, Outcome::Empty, Outcome::Partial]
        };
        let Some(outcome) = marked.iter().find(|outcome| outcome.as_str() == raw.result) else {
            let known: Vec<String> = marked.iter().map(|outcome| format!("`{outcome}`")).collect();
            self.problem(at, format!("`{}` has no marker here; {} have", raw.result, known.join(", ")));
            return None;
        };
        let paths: Vec<RelPath> = (raw.paths.iter().enumerate())
            .filter_map(|(i, path)| self.marker(&format!("{at}.paths[{i}]"), path, tree))
            .collect();
        if raw.paths.is_empty() {
            self.problem(at, "`paths` is empty; expected at least one");
        }
        if raw.key.is_some() && raw.words.is_empty() {
            self.problem(at, "`key` names the key of the word; `words` lists the words for this result");
        }
        let given = raw.given || raw.key.is_some() || *outcome == Outcome::Partial;
        if given && raw.content.is_some() {
            self.problem(at, "a marker that is never written has no `content`");
        }
        if let (Some(content), false) = (&raw.content, raw.words.is_empty())
            && !raw.words.iter().any(|word| word == content.trim())
        {
            self.problem(at, "`content` is none of `words`");
        }
        let content = raw.content.clone().or_else(|| Some(raw.words.first().cloned().unwrap_or_default()));
        let content = content.filter(|_| !given);
        let (words, key) = (raw.words.clone(), raw.key.clone());
        Some(ResultMarker { outcome: *outcome, paths, content, words, key })
    }

    /// Parses the path of a marker, which must have a place in the tree.
    fn marker(&mut self, at: &str, text: &str, tree: &Tree) -> Option<RelPath> {
        let path: RelPath = match text.parse() {
            Ok(path) => path,
            Err(error) => {
                self.problem(at, format!("{error}"));
                return None;
            }
        };
        let names: Vec<&str> = path.names().collect();
        if !matches!(tree.find(&names, &Values::new()), Found::Rule(..)) {
            self.problem(at, format!("`{text}` has no place in `tree`"));
        }
        Some(path)
    }
}
