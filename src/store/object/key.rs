//! Paths and their keys.
//!
//! A file has its path as key. A link has its path and [`LINK`], so that a listing alone distinguishes links from
//! files without a request for each object; no file may have a name with that suffix. A key has at most 1024 bytes,
//! which every vendor accepts.

use crate::model::RelPath;
use crate::store::{Result, StoreError, StoreErrorKind};
use object_store::path::Path;

/// The suffix of the key of a link.
pub(super) const LINK: &str = ".mirrorkeep-link";

/// The longest key, in bytes.
const KEY_MAX: usize = 1024;

/// The meaning of a key in a listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A file with this name.
    File(&'a str),
    /// A link with this name.
    Link(&'a str),
}

/// Returns the key of the file at a path.
pub(super) fn file_key(at: &RelPath, doing: &'static str) -> Result<Path> {
    if let Named::Link(_) = named(at.name()) {
        let why = format!("names that end in `{LINK}` are kept for links");
        return Err(StoreError::because(StoreErrorKind::Unsupported, doing, at, &why));
    }
    key(at, at.as_str(), doing)
}

/// Returns the key of the link at a path.
pub(super) fn link_key(at: &RelPath, doing: &'static str) -> Result<Path> {
    key(at, &format!("{at}{LINK}"), doing)
}

/// Returns the keys of what can be at a path itself; the own area has no links.
pub(super) fn keys_at(at: &RelPath, doing: &'static str) -> Result<Vec<Path>> {
    let mut keys = vec![file_key(at, doing)?];
    if !at.is_own() {
        keys.push(link_key(at, doing)?);
    }
    Ok(keys)
}

/// Returns the common prefix of the keys of everything below a path; the root has none.
pub(super) fn below_key(at: &RelPath, doing: &'static str) -> Result<Path> {
    if at.is_root() { Ok(Path::ROOT) } else { key(at, at.as_str(), doing) }
}

/// Refuses to change the root as a whole.
pub(super) fn not_the_root(at: &RelPath, doing: &'static str) -> Result<()> {
    if at.is_root() {
        let why = "the root cannot be changed as a whole";
        return Err(StoreError::because(StoreErrorKind::WrongKind, doing, at, why));
    }
    Ok(())
}

/// Returns the meaning of a name in a listing.
pub(super) fn named(name: &str) -> Named<'_> {
    match name.strip_suffix(LINK) {
        Some(link) if !link.is_empty() => Named::Link(link),
        _ => Named::File(name),
    }
}

fn key(at: &RelPath, text: &str, doing: &'static str) -> Result<Path> {
    if text.len() > KEY_MAX {
        let why = format!("its key has {} bytes, and object stores take {KEY_MAX}", text.len());
        return Err(StoreError::because(StoreErrorKind::NameTooLong, doing, at, &why));
    }
    Path::parse(text).map_err(|error| StoreError::of_kind(StoreErrorKind::WrongKind, doing, at, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_path_as_it_is_written() {
        for text in ["a", "a/b~c%20#[x]", "ä/日"] {
            let at: RelPath = text.parse().unwrap();
            assert_eq!(file_key(&at, "test").unwrap().as_ref(), text);
        }
    }

    #[test]
    fn a_link_is_known_by_its_key() {
        let at: RelPath = "a/latest".parse().unwrap();
        let key = link_key(&at, "test").unwrap();
        assert_eq!(named(key.filename().unwrap()), Named::Link("latest"));
        let error = file_key(&key.as_ref().parse().unwrap(), "test").unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unsupported);
        assert_eq!(named(LINK), Named::File(LINK));
    }

    #[test]
    fn what_no_vendor_takes_is_refused_before_it_is_sent() {
        let long: RelPath = vec!["x".repeat(250); 5].join("/").parse().unwrap();
        assert_eq!(file_key(&long, "test").unwrap_err().kind(), StoreErrorKind::NameTooLong);
    }
}
