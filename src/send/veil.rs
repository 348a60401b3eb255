//! Removing the secrets of a subscriber from answers, which may repeat them.

use super::answer::said;
use percent_encoding::percent_decode_str;
use url::Url;

/// The replacement for a secret.
const HIDDEN: &str = "…";

/// The minimum length of a part of an address, or of the beginning of a secret, that is hidden.
const SHORTEST: usize = 4;

/// The secrets of a subscriber.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Veil(Vec<String>);

impl Veil {
    /// Hides the secret parts of an address: its password, its path and its query, and parts of them.
    pub(super) fn of_address(url: &Url) -> Self {
        let mut veil = Self::default();
        veil.hide(url.password().unwrap_or_default());
        let (path, query) = (url.path(), url.query().unwrap_or_default());
        if !query.is_empty() {
            veil.hide(&format!("{path}?{query}"));
        }
        let values = query.split('&').flat_map(|pair| pair.splitn(2, '='));
        let parts =
            [path, path.trim_start_matches('/'), query].into_iter().chain(path.split('/')).chain(values);
        parts.filter(|part| part.len() >= SHORTEST).for_each(|part| veil.hide(part));
        veil
    }

    /// Hides a text, also in its encoding in an address.
    pub(super) fn hide(&mut self, secret: &str) {
        let decoded = percent_decode_str(secret).decode_utf8_lossy().into_owned();
        for one in [secret.to_owned(), decoded] {
            if !one.is_empty() && !self.0.contains(&one) {
                self.0.push(one);
            }
        }
        // A secret that contains another one is hidden first.
        self.0.sort_by_key(|one| std::cmp::Reverse(one.len()));
    }

    /// Returns a receiver's message for storage: without secrets, as one printable line of a few hundred characters.
    pub(super) fn said(&self, text: &str) -> String {
        said(&self.over(text))
    }

    fn over(&self, text: &str) -> String {
        let mut text = text.trim_end().to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), HIDDEN);
        }
        // A secret may be cut where the answer is.
        for secret in &self.0 {
            let beginnings = secret.char_indices().map(|(at, _)| at).filter(|at| *at >= SHORTEST);
            let cut = beginnings.rev().find_map(|at| text.strip_suffix(secret.get(..at)?));
            if let Some(before) = cut {
                text = format!("{before}{HIDDEN}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts_of_an_address_are_hidden_and_its_host_is_not() {
        let url = "https://u:pass%2Fword@example.org/services/T0/B%20xyz?key=va%2Dlue&a".parse().unwrap();
        let veil = Veil::of_address(&url);
        for (says, kept) in [
            ("no /services/T0/B%20xyz?key=va%2Dlue&a here", "no … here"),
            ("no /services/T0/B%20xyz", "no …"),
            ("B xyz, va-lue, pass/word, pass%2Fword", "…, …, …, …"),
            ("example.org does not know u", "example.org does not know u"),
            ("it ends with pass/wo", "it ends with …"),
        ] {
            assert_eq!(veil.said(says), kept);
        }
        assert_eq!(Veil::default().said("a /b c"), "a /b c");
    }

    proptest! {
        #[test]
        fn no_secret_is_kept_wherever_it_is(before in "[a-z ]{0,320}", secret in "[A-Z]{6,40}", end in 0_usize..40) {
            let mut veil = Veil::default();
            veil.hide(&secret);
            let cut = secret.get(..end.min(secret.len())).unwrap();
            let kept = veil.said(&format!("{before}{secret}{before}{cut}"));
            let longest = kept.split(|c: char| !c.is_ascii_uppercase()).map(str::len).max();
            prop_assert!(longest < Some(SHORTEST), "{kept}");
        }
    }
}
