//! Patterns of streams and paths, as users type them: `master/centos`, `release/*/centos`, `release/**`.

use glob::{MatchOptions, Pattern, PatternError};

/// A pattern of paths; `*` stays within one name, `**` does not.
#[derive(Debug, Clone)]
pub struct Matching(Pattern);

impl Matching {
    /// Parses a pattern.
    pub fn read(text: &str) -> Result<Self, PatternError> {
        Pattern::new(text.trim_end_matches('/')).map(Self)
    }

    /// Returns whether a text can match more than one path.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// Returns whether a path, or a directory above it, matches.
    pub fn has(&self, path: &str) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        ends.filter_map(|end| path.get(..end)).any(|above| self.0.matches_with(above, options))
    }
}

impl std::fmt::Display for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_and_everything_below_them() {
        let cases = [
            ("master/centos", "master/centos", true),
            ("master", "master/centos", true),
            ("master/", "master/centos", true),
            ("master/cent", "master/centos", false),
            ("*/centos", "master/centos", true),
            ("*/centos", "release/2018.10/centos", false),
            ("**/centos", "release/2018.10/centos", true),
            ("release/*", "release/2018.10/centos", true),
            ("release/2018.1?", "release/2018.10/centos", true),
            ("centos", "master/centos", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Matching::read(pattern).unwrap().has(path), expected, "{pattern} and {path}");
        }
        assert!(Matching::read("[").is_err());
        assert!(Matching::is_pattern("a*") && !Matching::is_pattern("master/centos"));
    }
}
