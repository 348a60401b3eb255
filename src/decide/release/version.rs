//! The versions of releases: their form, their type and their order.

use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The most characters of a version.
const LONGEST: usize = 64;

/// The ending of the version that marks the end of a series.
const EOL: &str = "-eol";

/// The type of a release, which its version states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseType {
    /// A pre-release, such as `29.0.0.0a1`.
    Alpha,
    /// A pre-release, such as `29.0.0.0b2`.
    Beta,
    /// A candidate for the final release, such as `29.0.0.0rc1`.
    Rc,
    /// A release, such as `29.0.0`.
    Final,
    /// The end of life of a series, such as `2024.1-eol`.
    Eol,
}

impl ReleaseType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Alpha, Self::Beta, Self::Rc, Self::Final, Self::Eol];

    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Rc => "rc",
            Self::Final => "final",
            Self::Eol => "eol",
        }
    }

    /// Returns whether a final release follows it.
    pub fn is_pre_release(self) -> bool {
        matches!(self, Self::Alpha | Self::Beta | Self::Rc)
    }

    /// Returns the type with that word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

impl fmt::Display for ReleaseType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of a release, which is also the name of its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseVersion {
    text: String,
    /// Its numbers without the zeros at the end; none at the end of life.
    numbers: Vec<u64>,
    kind: ReleaseType,
    /// The number of the pre-release.
    pre: u64,
}

/// Why a text is not the version of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a version of a release; expected two to four numbers and for a pre-release `a`, `b` or `rc` with a number, such as \
     `29.0.0` or `29.0.0.0rc1`, or `<series>-eol`",
    .0.chars().take(80).flat_map(char::escape_debug).collect::<String>()
)]
pub struct VersionError(String);

impl FromStr for ReleaseVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        read(text).ok_or_else(|| VersionError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<ReleaseVersion> {
    if text.len() > LONGEST {
        return None;
    }
    if let Some(series) = text.strip_suffix(EOL) {
        let eol = ReleaseVersion { text: text.into(), numbers: Vec::new(), kind: ReleaseType::Eol, pre: 0 };
        return is_series(series).then_some(eol);
    }
    let body = text.strip_prefix('v').unwrap_or(text);
    let end = body.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(body.len());
    let (mut numbers, mut rest) = body.split_at(end);
    let (mut kind, mut pre) = (ReleaseType::Final, 0);
    if !rest.is_empty() {
        // `29.0.0.0rc1`: the zero belongs to the pre-release. `1.31.0-rc.1`: as semantic versions write it.
        match rest.strip_prefix('-') {
            Some(after) => rest = after,
            None => numbers = numbers.strip_suffix(".0")?,
        }
        let word = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let (word, number) = rest.split_at(word);
        kind = match word {
            "a" | "alpha" => ReleaseType::Alpha,
            "b" | "beta" => ReleaseType::Beta,
            "rc" => ReleaseType::Rc,
            _ => return None,
        };
        pre = number_of(number.strip_prefix('.').unwrap_or(number))?;
    }
    let mut numbers = numbers.split('.').map(number_of).collect::<Option<Vec<u64>>>()?;
    if !(2..=4).contains(&numbers.len()) {
        return None;
    }
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(ReleaseVersion { text: text.into(), numbers, kind, pre })
}

/// Returns a number of at most nine digits.
fn number_of(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// Returns whether a text can be the name of a series, which is part of paths, tags and branches.
pub(super) fn is_series(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text.chars().all(plain)
        && !text.contains("..")
        && !text.ends_with(['.', '-'])
}

impl ReleaseVersion {
    /// Returns its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its type.
    pub fn kind(&self) -> ReleaseType {
        self.kind
    }

    /// Returns the series that ends.
    pub fn ends(&self) -> Option<&str> {
        self.text.strip_suffix(EOL).filter(|_| self.kind == ReleaseType::Eol)
    }

    /// Compares two versions; `1.0` and `1.0.0` are equal, a pre-release is before its release, and the end of life is last.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (one.kind == ReleaseType::Eol, one.numbers.clone(), one.kind, one.pre);
        key(self).cmp(&key(other))
    }

    /// Returns whether `other` is of the same release, as a candidate is of its final release.
    pub fn is_of_same_release(&self, other: &Self) -> bool {
        self.kind != ReleaseType::Eol && other.kind != ReleaseType::Eol && self.numbers == other.numbers
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> ReleaseVersion {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn versions_are_ordered_and_state_their_type() {
        let sorted = [
            ("28.9.9", "final"),
            ("29.0.0.0a1", "alpha"),
            ("29.0.0.0b1", "beta"),
            ("29.0.0.0rc1", "rc"),
            ("29.0.0.0rc10", "rc"),
            ("29.0.0", "final"),
            ("29.0.1", "final"),
            ("v30.0", "final"),
            ("v31.0.0-rc.1", "rc"),
            ("2024.1-eol", "eol"),
        ];
        for pair in sorted.windows(2) {
            assert_eq!(version(pair[0].0).order(&version(pair[1].0)), Ordering::Less, "{pair:?}");
        }
        for (text, kind) in sorted {
            assert_eq!(version(text).kind().as_str(), kind);
        }
        assert_eq!(version("1.0").order(&version("1.0.0")), Ordering::Equal);
        assert!(version("29.0.0.0rc1").is_of_same_release(&version("29.0")));
        assert!(!version("29.0.1.0rc1").is_of_same_release(&version("29.0.0")));
        assert_eq!((version("2024.1-eol").ends(), version("1.0").ends()), (Some("2024.1"), None));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "29",
            "v",
            "1.2.3.4.5",
            "1.2.3rc1",
            "29.0.0.0rc",
            "29.0.0.0RC1",
            "29.0.0.0dev1",
            "1..2",
            "1.2.",
            "-1.2",
            "--force",
            "1.2/../../x",
            "1.2\n",
            "1.2 ",
            "-eol",
            "../x-eol",
            "a..b-eol",
            "1.2-rc",
            "1.99999999999999999999",
            "refs/tags/1.2",
        ] {
            assert!(text.parse::<ReleaseVersion>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_version_is_printed_as_it_was(text in "v?[0-9]{1,2}([.][0-9]{1,2}){0,4}(([.]0|-)(a|b|rc)[.]?[0-9]{1,2})?") {
            if let Ok(version) = text.parse::<ReleaseVersion>() {
                prop_assert_eq!(version.to_string(), text);
                prop_assert_eq!(version.order(&version), Ordering::Equal);
            }
        }
    }
}
