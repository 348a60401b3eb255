//! Versions of releases: ordered as `sort -V` orders them, and a pre-release before its release.

use crate::model::version_order::version_order;
use std::cmp::Ordering;

/// The version of a release, such as `29.0.0` or `29.0.0.0rc1`.
///
/// `1.0` and `1.0.0` are one version, so the longer text comes after the shorter one. What follows `~`, or one of the words
/// `dev`, `a`, `alpha`, `b`, `beta`, `pre`, `preview`, `c` and `rc` with a number, makes a pre-release: it comes before the
/// version that is left without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

/// The words of pre-releases with their order, and whether each needs no number.
const WORDS: [(&str, u8, bool); 9] = [
    ("dev", 1, true),
    ("alpha", 2, true),
    ("a", 2, false),
    ("beta", 3, true),
    ("b", 3, false),
    ("preview", 4, true),
    ("pre", 4, true),
    ("rc", 5, true),
    ("c", 5, false),
];

/// The order of a version that is not a pre-release.
const FINAL: u8 = u8::MAX;

impl Version {
    /// Returns the version with that text.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the release, the order of its kind and the pre-release.
    fn parts(&self) -> (&str, u8, &str) {
        let text = self.0.as_str();
        for (at, _) in text.char_indices() {
            let (before, after) = text.split_at(at);
            if let Some((rank, number)) = pre_release(before, after) {
                return (trimmed(before.trim_end_matches(['.', '-', '_', '~', '+'])), rank, number);
            }
        }
        (trimmed(text), FINAL, "")
    }
}

/// Returns the order and the number of a pre-release that starts at `after`.
fn pre_release<'a>(before: &str, after: &'a str) -> Option<(u8, &'a str)> {
    if let Some(rest) = after.strip_prefix('~') {
        return Some(word(rest).unwrap_or((0, rest)));
    }
    let starts = before.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_'));
    if starts && before.contains(|c: char| c.is_ascii_digit()) { word(after) } else { None }
}

/// Returns the order of the word at the start of a text, and the number that follows it.
fn word(text: &str) -> Option<(u8, &str)> {
    WORDS.iter().find_map(|(word, rank, alone)| {
        let start = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
        let rest = text.get(start.len()..)?;
        let number = rest.trim_start_matches(['.', '-', '_']);
        let numbered = number.starts_with(|c: char| c.is_ascii_digit());
        (numbered || *alone && !rest.starts_with(char::is_alphabetic)).then_some((*rank, number))
    })
}

/// Returns a release without the zeros at its end.
fn trimmed(mut release: &str) -> &str {
    while let Some(rest) = release.strip_suffix(".0") {
        release = rest;
    }
    release
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((release, rank, number), (others, other_rank, other_number)) = (self.parts(), other.parts());
        version_order(release, others)
            .then(rank.cmp(&other_rank))
            .then_with(|| version_order(number, other_number))
            .then_with(|| version_order(&self.0, &other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As printed by `LC_ALL=C sort -V` of coreutils 9.1.
    const SORTED: &str = include_str!("../../fixtures/versions/sort-v.txt");

    #[test]
    fn releases_stand_in_the_order_of_sort_v() {
        let sorted: Vec<&str> = SORTED.lines().collect();
        let mut versions: Vec<Version> = sorted.iter().rev().map(|text| Version::new(text)).collect();
        versions.sort();
        assert_eq!(versions.iter().map(|version| &*version.0).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn a_pre_release_comes_before_its_release() {
        for sorted in [
            &["28.9.9", "29.0.0.0b1", "29.0.0.0rc1", "29.0.0.0rc2", "29.0.0.0rc10", "29.0.0", "29.0.1"][..],
            &["v1.30.1", "v1.31.0-alpha.3", "v1.31.0-beta.0", "v1.31.0-rc.1", "v1.31.0", "v1.31.1"],
            &["1.0.dev5", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.post1", "1.1"],
            &["2.0~20240101", "2.0~beta1", "2.0~rc1", "2.0", "2.0+1", "2.1"],
            &["2023.1", "2023.2", "2024.1.0rc1", "2024.1", "2024.2"],
            &["1.0.2", "1.0.2a", "1.0.2b", "1.0.3"],
            &["9.0", "9.0.0", "10.0-RC1", "10.0"],
        ] {
            let mut versions: Vec<Version> = sorted.iter().rev().map(|text| Version::new(text)).collect();
            versions.sort();
            assert_eq!(versions.iter().map(|version| &*version.0).collect::<Vec<_>>(), sorted);
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total(
            a in "[0-9v]{1,2}([.~-]?(rc|a|beta|dev|post|0|[0-9]{1,2}|[a-c])){0,4}",
            b in "[0-9v]{1,2}([.~-]?(rc|a|beta|dev|post|0|[0-9]{1,2}|[a-c])){0,4}",
            c in "[0-9v]{1,2}([.~-]?(rc|a|beta|dev|post|0|[0-9]{1,2}|[a-c])){0,4}",
        ) {
            let (a, b, c) = (Version::new(&a), Version::new(&b), Version::new(&c));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), other in any::<String>()) {
            prop_assert_eq!(Version::new(&text).cmp(&Version::new(&other)), Version::new(&other).cmp(&Version::new(&text)).reverse());
        }
    }
}
