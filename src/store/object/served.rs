//! How objects are served to whoever reads the bucket: of which type they are and how long they may be kept.
//!
//! A file of a build never changes, so it may be kept for ever; everything beside builds (pointers, deadlines) may
//! change any day and is asked for again after a minute, and so may a list of checksums, since parts of a build go. What
//! is not known by its name keeps the type that the store gives it.

use crate::word::{RelPath, is_sums};
use object_store::{Attribute, Attributes};

/// Files of builds: the same for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What is replaced in place.
pub(super) const FOR_A_MINUTE: &str = "public, max-age=60";

/// Types by ending; a name without an ending is text, as CONTEXT, SHA256SUMS and the markers are.
const TYPES: [(&str, &str); 12] = [
    ("rpm", "application/x-rpm"),
    ("deb", "application/vnd.debian.binary-package"),
    ("iso", "application/octet-stream"),
    ("img", "application/octet-stream"),
    ("gz", "application/gzip"),
    ("xz", "application/x-xz"),
    ("zst", "application/zstd"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("html", "text/html; charset=utf-8"),
    ("log", "text/plain; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
];

/// Adds how a file of a build is served; what lies in the own area is served to nobody.
pub(super) fn served_as(attributes: &mut Attributes, at: &RelPath) {
    if at.is_own() {
        return;
    }
    let kept = if is_sums(at.name()) { FOR_A_MINUTE } else { FOR_EVER };
    attributes.insert(Attribute::CacheControl, kept.into());
    if let Some(kind) = type_of(at.name()) {
        attributes.insert(Attribute::ContentType, kind.into());
    }
}

fn type_of(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.') {
        None => Some("text/plain; charset=utf-8"),
        Some((_, ending)) => TYPES.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_build_is_kept_for_ever_and_told_by_its_name() {
        let mut attributes = Attributes::new();
        served_as(&mut attributes, &"m/1/outputs/RPMS/a.rpm".parse().unwrap());
        assert_eq!(attributes.get(&Attribute::CacheControl).map(AsRef::as_ref), Some(FOR_EVER));
        assert_eq!(attributes.get(&Attribute::ContentType).map(AsRef::as_ref), Some("application/x-rpm"));
        served_as(&mut attributes, &"m/1/SHA256SUMS".parse().unwrap());
        assert_eq!(attributes.get(&Attribute::CacheControl).map(AsRef::as_ref), Some(FOR_A_MINUTE));
        assert_eq!(type_of("success"), Some("text/plain; charset=utf-8"));
        assert_eq!(type_of("a.unheard-of"), None);
    }

    #[test]
    fn nobody_is_told_how_to_keep_what_is_never_served() {
        let mut attributes = Attributes::new();
        served_as(&mut attributes, &RelPath::own("manifests/m/1.files"));
        assert!(attributes.is_empty());
    }
}
