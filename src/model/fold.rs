//! Names that a file system may treat as equal: those that differ only in case or in the Unicode form.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use std::borrow::Cow;

/// Returns a text that is the same for names that differ only in case or in the Unicode form.
///
/// Case is folded fully: `straße` and `STRASSE` are equal.
pub fn folded_name(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        let plain = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        return if plain { name.into() } else { name.to_ascii_lowercase().into() };
    }
    let parts = DecomposingNormalizerBorrowed::new_nfd();
    // The capital of `ß` is `SS`, and `ẞ` has none. The components of letters may be in another order afterwards.
    let folded = parts.normalize(name).to_lowercase().to_uppercase().to_lowercase();
    parts.normalize(&folded).into_owned().into()
}

/// Returns whether two names are equal except for their Unicode form.
pub fn same_form(one: &str, other: &str) -> bool {
    let composed = ComposingNormalizerBorrowed::new_nfc();
    composed.normalize(one) == composed.normalize(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(one: &str, other: &str, same: bool) {
        assert_eq!(folded_name(one) == folded_name(other), same, "{one} {other}");
    }

    #[test]
    fn names_are_one_that_differ_in_case_or_form_only() {
        case("a.RPM", "A.rpm", true);
        case("caf\u{e9}", "cafe\u{301}", true);
        case("CAF\u{c9}", "cafe\u{301}", true);
        case("stra\u{df}e", "STRASSE", true);
        case("\u{1e9e}", "ss", true);
        case("\u{3a3}\u{391}\u{3a3}", "\u{3c3}\u{3b1}\u{3c2}", true);
        case("\u{212b}", "\u{e5}", true);
        case("caf\u{e9}", "cafe", false);
        case("a b", "ab", false);
        assert!(same_form("caf\u{e9}", "cafe\u{301}"));
        assert!(!same_form("caf\u{c9}", "cafe\u{301}"));
    }

    proptest! {
        #[test]
        fn case_does_not_matter(name in "[a-zA-Z0-9._ ßäÄéÉΣσςåÅ\u{301}]{0,9}") {
            prop_assert_eq!(folded_name(&name).into_owned(), folded_name(&name.to_uppercase()).into_owned());
            let again = folded_name(&name).into_owned();
            prop_assert_eq!(folded_name(&again).into_owned(), again);
        }
    }
}
