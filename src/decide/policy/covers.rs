//! Whether one pattern takes everything that another does.

/// Returns whether every name that `narrow` fits is fitted by `wide`, too; when in doubt it says no.
pub fn covers(wide: &str, narrow: &str) -> bool {
    let wide: Vec<&str> = wide.split('/').collect();
    let narrow: Vec<&str> = narrow.split('/').collect();
    inside(&wide, &narrow)
}

fn inside(wide: &[&str], narrow: &[&str]) -> bool {
    match (wide, narrow) {
        ([], []) | (["**"], [_, ..]) => true,
        (["**", rest @ ..], [_, below @ ..]) => inside(rest, narrow) || inside(wide, below),
        ([_, ..], ["**", ..]) | ([], _) | (_, []) => false,
        ([one, wide @ ..], [other, narrow @ ..]) => name_covers(one, other) && inside(wide, narrow),
    }
}

fn name_covers(wide: &str, narrow: &str) -> bool {
    let plain = !narrow.contains(['*', '?', '[']);
    wide == "*"
        || wide == narrow
        || (plain && glob::Pattern::new(wide).is_ok_and(|pattern| pattern.matches(narrow)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::fits;
    use proptest::prelude::*;

    #[test]
    fn wider_patterns_cover_narrower_ones() {
        for (wide, narrow) in [
            ("**", "master/**"),
            ("master/**", "master/**"),
            ("master/**", "master/debian"),
            ("*/debian", "master/debian"),
            ("m*/debian", "master/debian"),
            ("m*/debian", "m*/debian"),
            ("**/debian", "a/b/debian"),
            ("master/**", "master/*/x"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("master/**", "**"),
            ("master/**", "master"),
            ("master/*", "master/**"),
            ("master/debian", "master/*"),
            ("rc/**", "release/**"),
            ("*-master/**", "master/**"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    proptest! {
        #[test]
        fn what_is_covered_is_fitted(wide in "(a|b|\\*|\\*\\*)(/(a|b|\\*|\\*\\*)){0,2}", narrow in "(a|b|\\*|\\*\\*)(/(a|b|\\*|\\*\\*)){0,2}", name in "[ab](/[ab]){0,3}") {
            let fit = |text: &str| fits(&glob::Pattern::new(text).unwrap(), &name);
            if covers(&wide, &narrow) && fit(&narrow) {
                prop_assert!(fit(&wide), "{} {} {}", wide, narrow, name);
            }
        }
    }
}
