//! Labels: facts said of a build after publishing.

use crate::model::shown::{named, unprintable};
use std::fmt;
use std::str::FromStr;

/// A key with its value, such as `sanity=green`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    key: String,
    value: String,
}

/// Says why a text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is no `=`.
    #[error("`{0}` is no label; `key=value` is wanted, such as `sanity=green`")]
    NoEquals(String),
    /// The key has other characters, or none.
    #[error(
        "`{0}` is no key of a label; 1 to 63 of `a-z A-Z 0-9 . _ -` are accepted, a letter or digit first"
    )]
    Key(String),
    /// The value is empty, too long or unprintable.
    #[error("`{0}` is no value of a label; 1 to 255 printable characters are accepted")]
    Value(String),
    /// The value has a character that is not printed as itself.
    #[error("`{0}` is no value of a label: it contains {character}; 1 to 255 printable characters are accepted", character = named(*.1))]
    Unprintable(String, char),
}

impl Label {
    /// Returns the label of that key and value.
    pub fn new(key: &str, value: &str) -> Result<Self, LabelError> {
        let shown = |text: &str| text.escape_debug().to_string();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts = key.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !starts || key.len() > 63 || !key.chars().all(plain) {
            return Err(LabelError::Key(shown(key)));
        }
        if value.is_empty() || value.len() > 255 {
            return Err(LabelError::Value(shown(value)));
        }
        if let Some(c) = unprintable(value) {
            return Err(LabelError::Unprintable(shown(value), c));
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }

    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let (key, value) =
            text.split_once('=').ok_or_else(|| LabelError::NoEquals(text.escape_debug().to_string()))?;
        Self::new(key, value)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &str) {
        match text.parse::<Label>() {
            Ok(label) => assert_eq!(label.to_string(), expected),
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        }
    }

    #[test]
    fn labels_read_and_print() {
        case("sanity=green", "sanity=green");
        case("url=http://x/?a=b", "url=http://x/?a=b");
        case("sanity", "`key=value` is wanted");
        case("=green", "no key");
        case("a b=c", "no key");
        case("sanity=", "no value");
        case("sanity=a\nb", "it contains the control character U+000A");
        case("sanity=a\u{202e}b", "it contains U+202E");
    }
}
