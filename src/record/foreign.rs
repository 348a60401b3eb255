//! Lists of checksums that others laid down beside their files, each speaking for the directory that it lies in.
//!
//! Read are `StxChecksums` (StarlingX: digest, name, size, time, device, inode, source), the format of coreutils, and
//! the BSD form `SHA256 (name) = digest` of Fedora's CHECKSUM files. Digests other than SHA-256 say nothing here.

use super::Sums;
use crate::word::{Digest, RelPath, SUMS_NAME};

/// What a list says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path, from the directory of the list.
    pub path: RelPath,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many bytes it had.
    pub size: Option<u64>,
}

/// Says which line of a foreign list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the list cannot be read: {why}")]
pub struct ForeignError {
    line: usize,
    why: String,
}

/// The forms of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignList {
    /// Seven fields, as StarlingX' publisher writes them.
    Stx,
    /// `DIGEST  NAME`, as `sha256sum` writes it.
    Coreutils,
    /// `SHA256 (NAME) = DIGEST`, with comments and a signature around it.
    Bsd,
}

impl ForeignList {
    /// Returns the form of the list in a file of that name; nothing when it is no list.
    pub fn of(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let coreutils = [".sha256", ".sha256sum", ".sha256sums"].iter().any(|end| lower.ends_with(end));
        match name {
            "StxChecksums" => Some(Self::Stx),
            _ if coreutils || name == SUMS_NAME || lower == "sha256sum.txt" => Some(Self::Coreutils),
            _ if name.ends_with("CHECKSUM") => Some(Self::Bsd),
            _ => None,
        }
    }

    /// Reads a list; of a file that stands there twice the last line counts, as it was written last.
    pub fn read(self, bytes: &[u8]) -> Result<Vec<ListedFile>, ForeignError> {
        let text = str::from_utf8(bytes)
            .map_err(|_| ForeignError { line: 0, why: "the file is not UTF-8".to_owned() })?;
        let mut files = std::collections::BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |why: &str| ForeignError { line: index + 1, why: why.to_owned() };
            let found = match self {
                Self::Stx => stx(line).map_err(wrong)?,
                Self::Coreutils => coreutils(line).map_err(|why| wrong(&why))?,
                Self::Bsd => bsd(line).map_err(wrong)?,
            };
            if let Some(file) = found {
                files.insert(file.path.clone(), file);
            }
        }
        Ok(files.into_values().collect())
    }
}

fn stx(line: &str) -> Result<Option<ListedFile>, &'static str> {
    const WANTED: &str = "`DIGEST NAME SIZE TIME DEVICE INODE SOURCE` is wanted";
    if line.is_empty() {
        return Ok(None);
    }
    let fields: Vec<&str> = line.splitn(7, ' ').collect();
    let [digest, name, size, ..] = fields.as_slice() else { return Err(WANTED) };
    let digest = digest.parse().map_err(|_| WANTED)?;
    let path = name.parse().map_err(|_| WANTED)?;
    let size = size.parse().map_err(|_| WANTED)?;
    Ok(Some(ListedFile { path, digest, size: Some(size) }))
}

fn coreutils(line: &str) -> Result<Option<ListedFile>, String> {
    let sums = Sums::parse(line.as_bytes()).map_err(|error| error.to_string())?;
    let one = sums.files().first().cloned();
    Ok(one.map(|(path, digest)| ListedFile { path, digest, size: None }))
}

fn bsd(line: &str) -> Result<Option<ListedFile>, &'static str> {
    const WANTED: &str = "`SHA256 (NAME) = DIGEST` is wanted";
    // Sizes stand in comments, signatures around the list, and other digests beside these.
    let Some(rest) = line.strip_prefix("SHA256 (") else { return Ok(None) };
    let (name, digest) = rest.rsplit_once(") = ").ok_or(WANTED)?;
    let path = name.parse().map_err(|_| WANTED)?;
    let digest = digest.trim_end().parse().map_err(|_| WANTED)?;
    Ok(Some(ListedFile { path, digest, size: None }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(name: &str, text: &str, expected: &[(&str, Option<u64>)]) {
        let list = ForeignList::of(name).unwrap().read(text.as_bytes()).unwrap();
        let found: Vec<_> = list.iter().map(|file| (file.path.as_str(), file.size)).collect();
        assert_eq!(found, expected);
        assert!(list.iter().all(|file| file.digest == Digest::of(b"abc")));
    }

    #[test]
    fn each_form_is_read() {
        let abc = Digest::of(b"abc");
        case(
            "StxChecksums",
            &format!("{abc} a.deb 3 1700 64 12 /build/with blank/a.deb\n"),
            &[("a.deb", Some(3))],
        );
        case("a.iso.sha256", &format!("{abc} *a.iso\n"), &[("a.iso", None)]);
        case("Fedora-1-CHECKSUM", &format!("# a.iso: 3 bytes\nSHA256 (a.iso) = {abc}\n"), &[("a.iso", None)]);
        let signed =
            format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSHA256 (a) = {abc}\n-----BEGIN");
        case("CHECKSUM", &signed, &[("a", None)]);
    }

    #[test]
    fn of_a_line_that_was_appended_again_the_last_counts() {
        let (abc, other) = (Digest::of(b"abc"), Digest::of(b"other"));
        case("StxChecksums", &format!("{other} a 3 1 1 1 /a\n{abc} a 3 1 1 2 /a\n"), &[("a", Some(3))]);
    }

    #[test]
    fn what_is_no_list_is_none_and_what_is_wrong_names_its_line() {
        assert_eq!(ForeignList::of("Packages.gz"), None);
        assert_eq!(ForeignList::of("checksum.md5"), None);
        let error = ForeignList::Stx.read(b"\nabc a 3\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        let climbing = format!("{} ../a 3 1 1 1 /a\n", Digest::of(b"abc"));
        assert!(ForeignList::Stx.read(climbing.as_bytes()).is_err());
        assert!(ForeignList::Bsd.read(b"SHA256 (a) = 12\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(SHA256 \\(|[0-9a-f]{64}|[ -~\n]){0,20}") {
            for form in [ForeignList::Stx, ForeignList::Coreutils, ForeignList::Bsd] {
                drop(form.read(text.as_bytes()));
            }
        }
    }
}
