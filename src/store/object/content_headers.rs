//! How objects are served to readers of the bucket: their content type and how long they may be cached.
//!
//! A file of a build never changes, so it may be cached forever; everything beside builds (pointers, deadlines) may
//! change any day and is requested again after a minute, and so are lists of checksums, since parts of a build
//! expire. A file with an unknown name keeps the type that the store gives it.

use crate::model::{RelPath, is_sums};
use object_store::{Attribute, Attributes};

/// Files of builds: never changed.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What is replaced in place.
pub(super) const FOR_A_MINUTE: &str = "public, max-age=60";

/// Text, as browsers show it.
const TEXT: &str = "text/plain; charset=utf-8";

/// Suffixes for which a mirror needs another type than the common table has, or that it lacks.
const TYPES: [(&str, &str); 20] = [
    ("rpm", "application/x-rpm"),
    ("deb", "application/vnd.debian.binary-package"),
    ("img", "application/octet-stream"),
    ("iso", "application/octet-stream"),
    ("qcow2", "application/octet-stream"),
    ("tgz", "application/gzip"),
    ("whl", "application/zip"),
    ("zst", "application/zstd"),
    ("xml", "application/xml"),
    ("asc", "application/pgp-signature"),
    ("sig", "application/pgp-signature"),
    // Files that people want to read and not to download.
    ("log", TEXT),
    ("lst", TEXT),
    ("inc", TEXT),
    ("md", TEXT),
    ("repo", TEXT),
    ("sh", TEXT),
    ("sources", TEXT),
    ("yaml", TEXT),
    ("yml", TEXT),
];

/// Adds the headers of a file of a build; files of the own area are not served.
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

/// Returns the content type of a file by its suffix; a name without one is text, such as CONTEXT, SHA256SUMS and the
/// markers.
pub(super) fn type_of(name: &str) -> Option<String> {
    let Some((_, ending)) = name.rsplit_once('.') else { return Some(TEXT.to_owned()) };
    if let Some((_, known)) = TYPES.iter().find(|(known, _)| *known == ending) {
        return Some((*known).to_owned());
    }
    let guessed = mime_guess::from_ext(ending).first_raw()?;
    Some(if guessed.starts_with("text/") { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() })
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
    }

    #[test]
    fn a_type_is_told_by_the_ending() {
        let told = |name: &str| type_of(name).unwrap_or_default();
        let text = "text/plain; charset=utf-8";
        for (name, kind) in [
            ("success", text),
            ("SHA256SUMS", text),
            ("build.log", text),
            ("CONTEXT.sh", text),
            ("a.lst", text),
            ("README.md", text),
            ("a.deb", "application/vnd.debian.binary-package"),
            ("a.iso", "application/octet-stream"),
            ("a.qcow2", "application/octet-stream"),
            ("SHA256SUMS.asc", "application/pgp-signature"),
            ("report.html", "text/html; charset=utf-8"),
            ("report.css", "text/css; charset=utf-8"),
            ("report.js", "text/javascript; charset=utf-8"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.json", "application/json"),
            ("feed.atom", "application/atom+xml"),
            ("repomd.xml", "application/xml"),
            ("a.tar.gz", "application/gzip"),
            ("a.tar.bz2", "application/x-bzip2"),
            ("a.xz", "application/x-xz"),
            ("a.zst", "application/zstd"),
            ("a.zip", "application/zip"),
            ("a.whl", "application/zip"),
            ("a.tar", "application/x-tar"),
            ("a.tgz", "application/gzip"),
            ("a.unheard-of", ""),
        ] {
            assert_eq!(told(name), kind, "{name}");
        }
    }

    #[test]
    fn nobody_is_told_how_to_keep_what_is_never_served() {
        let mut attributes = Attributes::new();
        served_as(&mut attributes, &RelPath::state("manifests/m/1.files"));
        assert!(attributes.is_empty());
    }
}
