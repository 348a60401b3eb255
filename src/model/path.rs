//! A path below a root: the only kind of path that a store accepts.
//!
//! A [`RelPath`] is relative, UTF-8 and in normal form: it cannot climb (`..`), start over (`/…`), hide a second
//! spelling (`a//b`, `./a`) or carry control characters into a terminal or a checksum file. So a parsed path cannot
//! leave the root by its text; the store guarantees that it does not leave it through a symlink.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The directory below a root with mirrorkeep's own files, which is never served.
pub const OWN_DIR: &str = ".mirrorkeep";

/// The file beside the builds of a stream that states for consumers until when each is kept.
pub const RETENTION_NAME: &str = "retention.json";

/// The name of the file in the directory of a retired stream that says where its builds are.
pub const RETIRED_NAME: &str = "RETIRED.txt";

/// The longest name that common file systems accept, in bytes.
const NAME_MAX: usize = 255;

/// The longest path that Linux system calls take, in bytes.
const PATH_MAX: usize = 4095;

/// A relative path in normal form; the empty path is the root itself.
///
/// A clone shares the text: a build's paths occur in its source, its manifest and its maps, hundreds of thousands
/// each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelPath(Arc<str>);

/// Why a text is not a path below a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text starts with `/`.
    #[error("`{0}` is absolute; expected a path below the root, such as `master/centos`")]
    Absolute(String),
    /// A segment is `.` or `..`.
    #[error("`{0}` holds `.` or `..`; expected a path in normal form")]
    Dots(String),
    /// Two slashes in a row, or one at the end.
    #[error("`{0}` has an empty name; write one `/` between names and none at the end")]
    EmptyName(String),
    /// A control character, which could forge output or checksum lines.
    #[error("`{0}` holds a control character; printable names are accepted")]
    Control(String),
    /// A name above 255 bytes.
    #[error("`{0}` holds a name of {1} bytes; at most 255 are accepted")]
    LongName(String, usize),
    /// The whole path is above 4,095 bytes.
    #[error("a path of {0} bytes is too long; at most 4095 are accepted")]
    LongPath(usize),
}

impl RelPath {
    /// Returns the root itself, the path without a name.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns the path of `below` in the own area, such as `lock`; the area itself for an empty text.
    ///
    /// `below` is a constant of the program: a text that is not a path gives the area itself.
    pub fn state(below: &str) -> Self {
        let area = Self(OWN_DIR.into());
        area.child(below).unwrap_or(area)
    }

    /// Returns whether this is the own area or is in it.
    pub fn is_own(&self) -> bool {
        self.names().next() == Some(OWN_DIR)
    }

    /// Returns whether this is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text, names separated by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names from the top down.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Returns the number of names in the path.
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// Returns the last name, or an empty text for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the path above, or nothing for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rsplit_once('/').map(|(above, _)| above.into()).unwrap_or_default()))
    }

    /// Returns every path above this one, nearest first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent).filter(|path| !path.is_root())
    }

    /// Returns the path of `below` relative to this one.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        match (self.is_root(), below.is_root()) {
            (true, _) => below.clone(),
            (_, true) => self.clone(),
            _ => Self([&*self.0, "/", &*below.0].concat().into()),
        }
    }

    /// Returns the path of the text `below` relative to this one.
    pub fn child(&self, below: &str) -> Result<Self, PathError> {
        let path = self.join(&below.parse()?);
        if path.0.len() > PATH_MAX { Err(PathError::LongPath(path.0.len())) } else { Ok(path) }
    }

    /// Returns the rest of this path below `above`, or nothing if it is elsewhere.
    pub fn below(&self, above: &Self) -> Option<Self> {
        if above.is_root() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(&*above.0)?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(Self(rest.into())),
            None if rest.is_empty() => Some(Self::root()),
            None => None,
        }
    }

    /// Returns whether this path is `above` or below it.
    pub fn is_within(&self, above: &Self) -> bool {
        self.below(above).is_some()
    }

    /// Returns the text of a relative link at this path that points to `target`, such as `../20181205T060000Z`.
    ///
    /// Both are relative to the root; the text is what a symlink at `self` must have.
    pub fn link_to(&self, target: &Self) -> String {
        let home = self.parent().unwrap_or_default();
        let shared = home.names().zip(target.names()).take_while(|(a, b)| a == b).count();
        let up = home.depth() - shared;
        let parts: Vec<&str> = std::iter::repeat_n("..", up).chain(target.names().skip(shared)).collect();
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }

    /// Returns the target of a link at this path with the text `link`, or nothing if that is outside the root.
    ///
    /// Only the text is evaluated: following links on the way is left to the caller.
    pub fn follow(&self, link: &str) -> Option<Self> {
        if link.starts_with('/') || link.is_empty() {
            return None;
        }
        let home = self.parent().unwrap_or_default();
        let mut names: Vec<&str> = home.names().collect();
        for name in link.split('/') {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop()?;
                }
                name => names.push(name),
            }
        }
        names.join("/").parse().ok()
    }
}

impl FromStr for RelPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }
}

impl RelPath {
    /// Returns whether a text is a path in normal form, or why not; nothing is allocated.
    pub fn check(text: &str) -> Result<(), PathError> {
        let shown = || text.escape_debug().to_string();
        if text.len() > PATH_MAX {
            return Err(PathError::LongPath(text.len()));
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute(shown()));
        }
        // Plain bytes are recognized many at a time; nearly every path has no others.
        let is_plain = |byte: &u8| (0x20..0x7f).contains(byte);
        if !text.as_bytes().iter().all(is_plain) && text.chars().any(char::is_control) {
            return Err(PathError::Control(shown()));
        }
        if text.is_empty() {
            return Ok(());
        }
        for name in text.split('/') {
            match name {
                "" => return Err(PathError::EmptyName(shown())),
                "." | ".." => return Err(PathError::Dots(shown())),
                name if name.len() > NAME_MAX => return Err(PathError::LongName(shown(), name.len())),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl JsonSchema for RelPath {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A path relative to the root of the mirror, or of a build in it; empty for the root itself.",
        })
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = text.parse::<RelPath>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    #[test]
    fn what_could_climb_start_over_or_forge_a_line_is_refused() {
        refused("/etc", "absolute");
        refused("a/../b", "`..`");
        refused("./a", "`.`");
        refused("a//b", "empty name");
        refused("a/", "empty name");
        refused("a\nb", "control");
        refused("a\u{85}b", "control");
        refused(&"x".repeat(256), "256 bytes");
        assert_eq!(path(&"x".repeat(255)).name().len(), NAME_MAX);
        refused(&"x/".repeat(2100), "too long");
    }

    #[test]
    fn a_path_is_not_too_long_together_either() {
        // 15 names of 255 and the separators: 3840 bytes before the last name.
        let above = path(&vec!["x".repeat(255); 15].join("/"));
        let below = |length| above.child(&format!("{}/y", "x".repeat(length)));
        assert_eq!(below(252).unwrap().as_str().len(), PATH_MAX - 1);
        assert_eq!(below(253).unwrap().as_str().len(), PATH_MAX);
        below(253).unwrap().as_str().parse::<RelPath>().unwrap();
        assert_eq!(below(254).unwrap_err().to_string(), PathError::LongPath(PATH_MAX + 1).to_string());
    }

    #[test]
    fn links_are_as_short_as_they_can_be() {
        assert_eq!(path("m/c/latest").link_to(&path("m/c/2018")), "2018");
        assert_eq!(path("r2018.10").link_to(&path("release/2018.10")), "release/2018.10");
        assert_eq!(path("a/b/l").link_to(&path("c/d")), "../../c/d");
        assert_eq!(path("a/b/l").link_to(&path("a")), "..");
        assert_eq!(path("a/l").link_to(&path("a")), ".");
    }

    #[test]
    fn a_name_that_goes_on_is_another_one_and_not_below() {
        assert_eq!(path("master2/x").below(&path("master")), None);
        assert_eq!(path("master").below(&path("master")), Some(RelPath::root()));
        assert_eq!(RelPath::state("lock").as_str(), ".mirrorkeep/lock");
        assert_eq!(RelPath::state("").as_str(), ".mirrorkeep");
    }

    #[test]
    fn a_link_that_leaves_the_root_leads_nowhere() {
        assert_eq!(path("a/l").follow("../../x"), None);
        assert_eq!(path("a/l").follow("/x"), None);
        assert_eq!(path("a/l").follow("../x/./y/"), Some(path("x/y")));
    }

    prop_compose! {
        fn any_path()(names in prop::collection::vec("[a-zA-Z0-9+~:][a-zA-Z0-9._+ ~-]{0,8}", 0..6)) -> RelPath {
            names.join("/").parse().unwrap()
        }
    }

    proptest! {
        #[test]
        fn a_path_prints_back_the_same(path in any_path()) {
            prop_assert_eq!(path.as_str().parse::<RelPath>().unwrap(), path);
        }

        #[test]
        fn a_joined_path_is_found_below_again(above in any_path(), below in any_path()) {
            let joined = above.join(&below);
            prop_assert_eq!(joined.below(&above), Some(below));
            prop_assert!(joined.is_within(&above));
            prop_assert_eq!(above.join(&RelPath::root()), above.clone());
            prop_assert_eq!(RelPath::root().join(&above), above);
        }

        #[test]
        fn a_link_leads_where_it_was_made_to(home in any_path(), name in "[a-z]{1,5}", target in any_path()) {
            let link = home.child(&name).unwrap();
            prop_assert_eq!(link.follow(&link.link_to(&target)), Some(target));
        }

        #[test]
        fn no_text_makes_a_path_that_climbs(text in "\\PC{0,20}") {
            if let Ok(path) = text.parse::<RelPath>() {
                prop_assert!(path.names().all(|name| !name.is_empty() && name != "." && name != ".."));
            }
        }
    }
}
