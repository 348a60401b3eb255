//! Which new stream belongs to which old one: the name with the text of OLD replaced by that of NEW.

use crate::model::{Class, Classify, ErrorKind, Stream};
use regex::Regex;
use std::collections::BTreeMap;

/// What `NEW --like OLD` means for the names of streams.
#[derive(Debug, Clone)]
pub struct Counterparts {
    old: String,
    new: String,
    /// Matches an old stream; the text of each `*` is a group, and so is what follows OLD.
    fits: Regex,
}

/// An old stream and its counterpart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The old stream.
    pub old: Stream,
    /// The new one.
    pub new: Stream,
}

/// Why no counterparts can be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// It is neither a stream nor a pattern of streams.
    #[error("`{text}` is not a stream, or a pattern with `*` in its names: {why}")]
    Text {
        /// What was given, escaped.
        text: String,
        /// Why not.
        why: String,
    },
    /// The patterns do not correspond.
    #[error("`{new}` has {in_new} `*`, and `{old}` has {in_old}; each `*` of OLD needs one in NEW")]
    Stars {
        /// The new pattern.
        new: String,
        /// The old pattern.
        old: String,
        /// The number in the new pattern.
        in_new: usize,
        /// The number in the old pattern.
        in_old: usize,
    },
    /// A counterpart is one of the old streams, or is above one.
    #[error("`{new}` would be the counterpart of `{old}`, and is itself a stream of OLD, or above one")]
    Inside {
        /// The counterpart.
        new: Stream,
        /// Its old stream.
        old: Stream,
    },
    /// Two old streams have one counterpart.
    #[error("`{new}` would be the counterpart of both `{one}` and `{other}`")]
    Twice {
        /// The counterpart.
        new: Stream,
        /// The first old stream.
        one: Stream,
        /// The second old stream.
        other: Stream,
    },
}

impl Classify for PairError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}

impl Counterparts {
    /// Reads NEW and OLD: streams, directories above streams, or patterns in which `*` is any text without `/`.
    pub fn read(new: &str, old: &str) -> Result<Self, PairError> {
        let (new, old) = (read(new)?, read(old)?);
        let (in_new, in_old) = (stars(&new), stars(&old));
        if in_new != in_old {
            return Err(PairError::Stars { new, old, in_new, in_old });
        }
        let source = old.split('*').map(regex::escape).collect::<Vec<_>>().join("([^/]*)");
        let fits = Regex::new(&format!("^{source}(/.*)?$"))
            .map_err(|_| PairError::Text { text: old.clone(), why: "it is too long".to_owned() })?;
        Ok(Self { old, new, fits })
    }

    /// Returns OLD.
    pub fn old(&self) -> &str {
        &self.old
    }

    /// Returns NEW.
    pub fn new_text(&self) -> &str {
        &self.new
    }

    /// Returns the counterpart of a stream; nothing if the stream does not belong to OLD.
    pub fn of(&self, stream: &Stream) -> Option<Stream> {
        let found = self.fits.captures(stream.as_str())?;
        let group = |at: usize| found.get(at).map_or("", |found| found.as_str());
        let mut name = String::new();
        for (at, text) in self.new.split('*').enumerate() {
            if at > 0 {
                name += group(at);
            }
            name += text;
        }
        name += group(stars(&self.new) + 1);
        name.parse().ok()
    }

    /// Returns each of these streams that belongs to OLD, with its counterpart.
    pub fn pairs<'a>(&self, streams: impl IntoIterator<Item = &'a Stream>) -> Result<Vec<Pair>, PairError> {
        let mut by_new: BTreeMap<Stream, Stream> = BTreeMap::new();
        for old in streams {
            let Some(new) = self.of(old) else { continue };
            if self.of(&new).is_some() || old.as_path().is_within(new.as_path()) {
                return Err(PairError::Inside { new, old: old.clone() });
            }
            if let Some(one) = by_new.get(&new) {
                return Err(PairError::Twice { new, one: one.clone(), other: old.clone() });
            }
            by_new.insert(new, old.clone());
        }
        Ok(by_new.into_iter().map(|(new, old)| Pair { old, new }).collect())
    }

    /// Returns patterns of settings that fit these counterparts: NEW, what is below it, or both.
    pub(crate) fn patterns<'a>(&self, pairs: impl IntoIterator<Item = &'a Pair>) -> Vec<String> {
        let (mut at, mut below) = (false, false);
        for pair in pairs {
            let depth = self.new.split('/').count();
            if pair.new.as_path().depth() == depth { at = true } else { below = true }
        }
        // A bracket in a name is no class of characters.
        let own = self.new.split('*').map(glob::Pattern::escape).collect::<Vec<_>>().join("*");
        let own_below = below.then(|| format!("{own}/**"));
        at.then_some(own).into_iter().chain(own_below).collect()
    }
}

/// Reads one side.
fn read(text: &str) -> Result<String, PairError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let wrong = |why: String| PairError::Text { text: text.escape_debug().to_string(), why };
    if text.contains("**") {
        return Err(wrong("`**` matches many names; `*` within a name is accepted".to_owned()));
    }
    let stream: Stream = text.replace('*', "x").parse().map_err(|error| wrong(format!("{error}")))?;
    if stream.as_path().is_own() {
        return Err(wrong("it is a directory of mirrorkeep itself".to_owned()));
    }
    Ok(text.to_owned())
}

fn stars(text: &str) -> usize {
    text.matches('*').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(text: &str) -> Stream {
        text.parse().unwrap()
    }

    #[test]
    fn the_text_of_old_is_replaced_by_that_of_new() {
        for (new, old, from, to) in [
            ("release/2024.2", "release/2024.1", "release/2024.1", Some("release/2024.2")),
            ("release/2024.2", "release/2024.1/", "release/2024.1/debian/x", Some("release/2024.2/debian/x")),
            ("release/2024.2", "release/2024.1", "release/2024.10", None),
            ("release/2024.2", "release/2024.1", "x/release/2024.1", None),
            (
                "centos*-flamingo",
                "centos*-epoxy",
                "centos9-epoxy/component/nova",
                Some("centos9-flamingo/component/nova"),
            ),
            ("*/b-*", "*/a-*", "x/a-y/z", Some("x/b-y/z")),
            ("*/b", "*/a", "x/y/a", None),
            // A point is no wildcard.
            ("r/3", "r/1.2", "r/1x2", None),
        ] {
            let found = Counterparts::read(new, old).unwrap().of(&stream(from));
            assert_eq!(found, to.map(stream), "{new} {old} {from}");
        }
    }

    #[test]
    fn what_has_no_counterparts_is_refused() {
        for (new, old, expected) in [
            ("a", "", "`` is not a stream"),
            ("a/../b", "c", "`a/../b` is not a stream"),
            ("a/**", "b/**", "`**` matches many names"),
            (".mirrorkeep/builds", "b", "a directory of mirrorkeep itself"),
            ("a*", "b", "`a*` has 1 `*`, and `b` has 0"),
            ("a", "b\u{1b}*", "`b\\u{1b}*` is not a stream"),
        ] {
            let error = Counterparts::read(new, old).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let refused = |new: &str, old: &str, streams: &[&str]| {
            let streams: Vec<Stream> = streams.iter().map(|text| stream(text)).collect();
            Counterparts::read(new, old).unwrap().pairs(&streams).unwrap_err().to_string()
        };
        for (new, old) in [("r/1", "r/1"), ("r/1/next", "r/1"), ("r", "r/1")] {
            let error = refused(new, old, &["r/1/x", "r/1"]);
            assert!(error.contains("is itself a stream of OLD, or above one"), "{error}");
        }
        let error = refused("*c*", "*b*", &["xbcy", "xcby"]);
        assert!(error.contains("`xccy` would be the counterpart of both"), "{error}");
    }

    proptest! {
        #[test]
        fn the_way_back_leads_to_the_same_stream(
            new in "[ab]{1,2}(/[ab]{1,2}){0,2}",
            old in "[cd]{1,2}(/[cd]{1,2}){0,2}",
            rest in "(/[a-d]{1,2}){0,2}",
        ) {
            let there = Counterparts::read(&new, &old).unwrap();
            let back = Counterparts::read(&old, &new).unwrap();
            let from = stream(&format!("{old}{rest}"));
            let to = there.of(&from).unwrap();
            prop_assert_eq!(to.as_str(), &format!("{new}{rest}"));
            prop_assert_eq!(back.of(&to), Some(from.clone()));
            let pairs = there.pairs([&from]).unwrap();
            let patterns = there.patterns(&pairs);
            prop_assert!(patterns.iter().any(|text| crate::decide::policy::fits(&glob::Pattern::new(text).unwrap(), to.as_str())));
        }

        #[test]
        fn any_text_is_read_or_refused(new in "\\PC{0,12}", old in "[a*/.]{0,8}", name in "[a/]{0,9}") {
            if let (Ok(read), Ok(name)) = (Counterparts::read(&new, &old), name.parse::<Stream>()) {
                drop(read.of(&name));
                drop(read.pairs([&name]));
            }
        }
    }
}
