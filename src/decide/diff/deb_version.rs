//! Versions of Debian packages, in the order of `dpkg`.
//!
//! The rules are those of Debian Policy 5.6.12 as `dpkg` has them; upstream versions and revisions compare as `sort -V` compares
//! names, which took its rules from there. The crate `debversion` differs where a number is missing, which
//! counts as 0: `1.0+git` and `1.0+git0` are one version.

use crate::model::by_runs;
use std::cmp::Ordering;

/// A version of a Debian package.
#[derive(Debug)]
pub(super) struct DebVersion {
    epoch: u64,
    upstream: String,
    revision: String,
}

impl DebVersion {
    /// Parses a version; nothing if the text is not one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | '~' | ':' | '_');
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let (upstream, revision) = (upstream.to_owned(), revision.to_owned());
        (!upstream.is_empty() && text.chars().all(plain)).then_some(Self { epoch, upstream, revision })
    }
}

impl Ord for DebVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = by_runs(self.upstream.as_bytes(), other.upstream.as_bytes());
        self.epoch
            .cmp(&other.epoch)
            .then(parts)
            .then_with(|| by_runs(self.revision.as_bytes(), other.revision.as_bytes()))
    }
}

impl PartialOrd for DebVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for DebVersion {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_is_zero_as_dpkg_has_it() {
        // As printed by `dpkg --compare-versions` of 1.21.22.
        let order = |a: &str, b: &str| DebVersion::read(a).unwrap().cmp(&DebVersion::read(b).unwrap());
        for (a, b) in
            [("1.0+git", "1.0+git0"), ("1~", "1~0"), ("1b-000", "1b000"), ("1.0", "1.00"), ("0:1", "1")]
        {
            assert_eq!(order(a, b), Ordering::Equal, "{a} and {b}");
        }
        for (a, b) in [
            ("1~~", "1~"),
            ("1~", "1"),
            ("1", "1a"),
            ("1a", "1+"),
            ("1-1", "1-1.1"),
            ("9", "1:0"),
            ("1.9", "1.10"),
        ] {
            assert_eq!(order(a, b), Ordering::Less, "{a} and {b}");
            assert_eq!(order(b, a), Ordering::Greater, "{b} and {a}");
        }
    }
}
