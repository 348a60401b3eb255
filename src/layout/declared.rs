//! Paths that one mirror keeps beside its streams and builds, although its layout has no place for them.

use crate::model::RelPath;

/// A pattern of `declared` in mirror.yaml: a path in which `*` and `?` match text within one name.
#[derive(Debug, Clone)]
pub struct Declared {
    shown: String,
    names: Vec<glob::Pattern>,
}

impl Declared {
    /// Returns the pattern, or why the text is not valid.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "a path below the root such as `README.txt` or `tools/*` is accepted";
        let path = text.trim_end_matches('/');
        match path.parse::<RelPath>() {
            Ok(path) if path.is_root() => return Err(format!("it is empty; {wanted}")),
            Ok(path) if path.is_own() => return Err(format!("`{path}` is mirrorkeep's own; {wanted}")),
            Ok(_) if path.split('/').any(|name| name.contains("**")) => {
                return Err(format!(
                    "`{path}` holds `**`; a declared directory is left alone with all below it"
                ));
            }
            Ok(_) => {}
            Err(error) => return Err(format!("{error}; {wanted}")),
        }
        let names = path.split('/').map(glob::Pattern::new).collect::<Result<_, _>>();
        Ok(Self { shown: path.to_owned(), names: names.map_err(|error| format!("`{path}`: {error}"))? })
    }

    /// Returns the pattern as it was written.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns whether the path matches the pattern, or is below one that does.
    pub(super) fn fits(&self, names: &[&str]) -> bool {
        self.fitted(names) == self.names.len()
    }

    /// Returns whether paths of the pattern are below this one.
    pub(super) fn is_below(&self, names: &[&str]) -> bool {
        self.fitted(names) == names.len()
    }

    /// Returns how many names of the pattern match, from the first.
    fn fitted(&self, names: &[&str]) -> usize {
        self.names.iter().zip(names).take_while(|(pattern, name)| pattern.matches(name)).count()
    }
}

/// A name that one mirror knows beside the builds of streams, and that no rule moves.
#[derive(Debug, Clone)]
pub struct NameByHand {
    /// The name.
    pub name: String,
    /// The streams; all without it.
    pub streams: Option<glob::Pattern>,
}

impl NameByHand {
    /// Returns whether the name is known in a stream.
    pub(super) fn is_for(&self, stream: &str, name: &str) -> bool {
        self.name == name && self.streams.as_ref().is_none_or(|streams| streams.matches(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_path_below_the_root() {
        for good in ["README.txt", "tools/*", "@eaDir/", "*.txt", "a b"] {
            assert!(Declared::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/etc", "../x", "a//b", ".mirrorkeep", ".mirrorkeep/x", "**", "a/**", "[a"] {
            assert!(Declared::parse(bad).is_err(), "{bad}");
        }
    }
}
