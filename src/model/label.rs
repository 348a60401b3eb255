//! Labels: facts about a published build, and the names of jobs that vote on it.

use crate::model::shown::{named, unprintable};
use std::fmt;
use std::str::FromStr;

/// A key with its value, such as `sanity=green`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    key: String,
    value: String,
}

/// Why a text is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There is no `=`.
    #[error("`{0}` is not a label; expected `key=value`, such as `sanity=green`")]
    NoEquals(String),
    /// The key has other characters, or none.
    #[error(
        "`{0}` is not a key of a label; 1 to 63 of `a-z A-Z 0-9 . _ -` are accepted, a letter or digit first"
    )]
    Key(String),
    /// The key belongs to other commands.
    #[error("the label `{0}` is set by `mirrorkeep {1}` alone")]
    Reserved(String, &'static str),
    /// The value is empty, too long or unprintable.
    #[error("`{0}` is not a value of a label; 1 to 255 printable characters are accepted")]
    Value(String),
    /// The value has a character that is not printed as itself.
    #[error("`{0}` is not a value of a label: it contains {character}; 1 to 255 printable characters are accepted", character = named(*.1))]
    Unprintable(String, char),
}

/// The prefix of the key of a vote, before the name of the job.
pub const VOTE: &str = "vote/";

/// The key by which a build is rejected for every stage; with `/` and a stage's name after it, for one.
pub const REJECTED: &str = "rejected";

/// The longest name of a job.
const JOB: usize = 200;

/// Returns why a text cannot be the name of a job.
pub fn job_name(job: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | ':' | '/');
    let starts = job.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts && job.len() <= JOB && job.chars().all(plain) {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a name of a job; 1 to {JOB} of `a-z A-Z 0-9 . _ - + : /` are accepted, a letter or digit first",
        job.escape_debug()
    ))
}

impl Label {
    /// Returns the label of that key and value, if a person may set it.
    pub fn new(key: &str, value: &str) -> Result<Self, LabelError> {
        if let Some(verb) = verb_of(key) {
            return Err(LabelError::Reserved(key.escape_debug().to_string(), verb));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts = key.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !starts || key.len() > 63 || !key.chars().all(plain) {
            return Err(LabelError::Key(key.escape_debug().to_string()));
        }
        Self::of_verb(key.to_owned(), value)
    }

    /// Returns the label of that key and value, if a build may have it: votes and rejections as well.
    pub fn read(key: &str, value: &str) -> Result<Self, LabelError> {
        let job = key.strip_prefix(VOTE).is_some_and(|job| job_name(job).is_ok());
        if job || verb_of(key) == Some("reject") {
            return Self::of_verb(key.to_owned(), value);
        }
        Self::new(key, value)
    }

    /// Returns the label by which a build is rejected, for one stage or for every one.
    pub fn rejected(stage: Option<&str>, why: &str) -> Result<Self, LabelError> {
        Self::of_verb(Self::rejected_key(stage), why)
    }

    /// Returns the key by which a build is rejected, for one stage or for every one.
    pub fn rejected_key(stage: Option<&str>) -> String {
        stage.map_or_else(|| REJECTED.to_owned(), |stage| format!("{REJECTED}/{stage}"))
    }

    fn of_verb(key: String, value: &str) -> Result<Self, LabelError> {
        let shown = |text: &str| text.escape_debug().to_string();
        if value.is_empty() || value.len() > 255 {
            return Err(LabelError::Value(shown(value)));
        }
        if let Some(c) = unprintable(value) {
            return Err(LabelError::Unprintable(shown(value), c));
        }
        Ok(Self { key, value: value.to_owned() })
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

/// Returns the only verb that sets labels with this key.
fn verb_of(key: &str) -> Option<&'static str> {
    if key.starts_with(VOTE) {
        return Some("vote");
    }
    let rest = key.strip_prefix(REJECTED)?;
    (rest.is_empty() || rest.len() > 1 && rest.starts_with('/')).then_some("reject")
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
        case("sanity", "expected `key=value`");
        case("=green", "is not a key");
        case("a b=c", "is not a key");
        case("sanity=", "is not a value");
        case("sanity=a\nb", "it contains the control character U+000A");
        case("sanity=a\u{202e}b", "it contains U+202E");
        case("vote/smoke=success", "is set by `mirrorkeep vote` alone");
        case("rejected=it is bad", "is set by `mirrorkeep reject` alone");
        case("rejected/stable=it is bad", "is set by `mirrorkeep reject` alone");
        case("rejected-by=ci", "rejected-by=ci");
    }

    #[test]
    fn conditions_may_name_what_verbs_set() {
        for key in ["sanity", "vote/smoke", "vote/a/b:c+d", "rejected", "rejected/stable"] {
            assert_eq!(Label::read(key, "x").unwrap().key(), key);
        }
        for key in ["vote/", "vote/a b", "a/b", "rejected/"] {
            assert!(Label::read(key, "x").is_err(), "{key}");
        }
    }
}
