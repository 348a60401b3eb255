//! The values of a field in braces.

use crate::model::{Stamp, StampError};
use regex::Regex;

/// The values of a field in braces.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    /// Words that are excluded, although the kind accepts them.
    pub(super) except: Vec<String>,
    pub(super) examples: Vec<String>,
}

/// The kinds of values.
#[derive(Debug, Clone)]
pub(super) enum FieldKind {
    /// One of these words.
    OneOf(Vec<String>),
    /// A text that a regular expression matches completely; stored with its source.
    Matches(Regex, String),
    /// A version that a regular expression matches completely; it orders builds.
    Version(Regex, String),
    /// A UTC time in a form; recognized by its shape, so that an impossible date is still recognized as a time.
    Time(String, Regex),
}

impl Field {
    /// Returns the name in the braces.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the whole value is valid for the field.
    pub(super) fn fits(&self, value: &str) -> bool {
        let fits = match &self.kind {
            FieldKind::OneOf(words) => words.iter().any(|word| word == value),
            FieldKind::Matches(regex, _) | FieldKind::Version(regex, _) | FieldKind::Time(_, regex) => {
                regex.is_match(value)
            }
        };
        fits && !self.except.iter().any(|word| word == value)
    }

    /// Returns the regular expression of the field as part of a longer one.
    pub(super) fn source(&self) -> String {
        match &self.kind {
            FieldKind::OneOf(words) => {
                let mut words: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
                // The longest first, since alternatives are tried in order.
                words.sort_by_key(|word| std::cmp::Reverse(word.len()));
                words.join("|")
            }
            FieldKind::Matches(_, source) | FieldKind::Version(_, source) => source.clone(),
            FieldKind::Time(form, _) => time_shape(form),
        }
    }

    /// Returns the description of accepted values for messages.
    pub(super) fn expected(&self) -> String {
        match &self.kind {
            FieldKind::OneOf(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            FieldKind::Matches(_, source) | FieldKind::Version(_, source) => match self.examples.first() {
                Some(example) => format!("{} such as `{example}`", self.with_article()),
                None => format!("{} of the form `{source}`", self.with_article()),
            },
            FieldKind::Time(form, _) => {
                format!("a UTC time of the form `{form}`, such as `{}`", model_time(form))
            }
        }
    }

    fn with_article(&self) -> String {
        let article = if self.name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {}", self.name)
    }

    /// Returns the value that is most similar to `value`, or a placeholder in angle brackets.
    pub(super) fn nearest(&self, value: &str) -> String {
        match &self.kind {
            FieldKind::OneOf(words) => {
                nearest(words.iter().map(String::as_str), value).unwrap_or_else(|| format!("<{}>", self.name))
            }
            FieldKind::Matches(..) | FieldKind::Version(..) | FieldKind::Time(..) => {
                format!("<{}>", self.name)
            }
        }
    }

    /// Parses a value of a time field.
    pub(super) fn time(&self, value: &str) -> Option<Result<Stamp, StampError>> {
        match &self.kind {
            FieldKind::Time(form, _) => Some(Stamp::read(value, form)),
            FieldKind::OneOf(_) | FieldKind::Matches(..) | FieldKind::Version(..) => None,
        }
    }
}

/// Returns the word that is most similar to `value`, if any is.
pub(super) fn nearest<'a>(words: impl Iterator<Item = &'a str>, value: &str) -> Option<String> {
    let best = words.map(|word| (likeness(word, value), word)).max_by_key(|(likeness, _)| *likeness);
    best.filter(|(likeness, _)| *likeness > 0).map(|(_, word)| word.to_owned())
}

/// Returns how similar two words are, in percent; 0 for words that have little in common.
pub fn likeness(a: &str, b: &str) -> u32 {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let longest = a.chars().count().max(b.chars().count()).max(1);
    let hundredths = 100 - (100 * strsim::damerau_levenshtein(&a, &b) / longest).min(100);
    u32::try_from(hundredths).map_or(0, |like| if like > 30 { like } else { 0 })
}

/// Returns a regular expression for anything that looks like a time of that form.
pub(super) fn time_shape(form: &str) -> String {
    let model = model_time(form);
    model
        .chars()
        .map(|c| if c.is_ascii_digit() { "[0-9]".to_owned() } else { regex::escape(&c.to_string()) })
        .collect()
}

/// Returns a time in that form, for messages.
pub(super) fn model_time(form: &str) -> String {
    Stamp::from_unix(1_543_989_600).map(|stamp| stamp.spell(form)).unwrap_or_default()
}
