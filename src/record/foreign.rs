//! Checksum lists that other tools wrote beside their files, each for its directory.
//!
//! It parses `StxChecksums` (StarlingX: digest, name, size, time, device, inode, source) and everything that
//! `sha256sum -c` accepts: its own two columns, `SHA256 (name) = digest` of `--tag` and of Fedora's CHECKSUM files,
//! comments, one space, CRLF, and the armour of a clear-signed list. Digests other than SHA-256 are ignored. An
//! invalid line is reported, and does not affect the other lines.

use crate::model::{Digest, RelPath};
use std::borrow::Cow;

/// The entry of a list for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path, relative to the directory of the list.
    pub path: RelPath,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// The line of a foreign list that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the list cannot be read: {why}")]
pub struct ForeignError {
    line: usize,
    why: String,
}

/// The contents of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignRead {
    /// Each file, sorted by path.
    pub files: Vec<ListedFile>,
    /// Files with more than one digest, of which at most one can be right.
    pub disagreed: Vec<RelPath>,
    /// The first line that cannot be parsed.
    pub wrong: Option<ForeignError>,
}

/// The forms of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignList {
    /// Seven fields, as StarlingX' publisher writes them.
    Stx,
    /// What `sha256sum -c` accepts.
    Coreutils,
}

/// Names of lists, in lower case.
const NAMES: [&str; 12] = [
    "sha256",
    "sha256.txt",
    "sha256sum",
    "sha256sum.txt",
    "sha256sum.asc",
    "sha256sums",
    "sha256sums.txt",
    "sha256sums.asc",
    "checksums.txt",
    "checksums.sha256",
    "digests",
    "checksum",
];

/// Suffixes of the names of lists, in lower case.
const ENDS: [&str; 6] = [".sha256", ".sha256sum", ".sha256sums", ".sha256.txt", ".sha256sum.txt", ".sha"];

impl ForeignList {
    /// Returns the form of the list in a file with that name; nothing if it is not a list.
    pub fn of(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let is_list = NAMES.contains(&&*lower)
            || ENDS.iter().any(|end| lower.ends_with(end))
            || lower.starts_with("checksum.sha256")
            || name.ends_with("CHECKSUM");
        match name {
            "StxChecksums" => Some(Self::Stx),
            _ if is_list => Some(Self::Coreutils),
            _ => None,
        }
    }

    /// Parses a list.
    ///
    /// If a file is in `StxChecksums` twice, the last line counts, as its publisher appends lines; in any other list
    /// two digests of one file contradict each other.
    pub fn read(self, bytes: &[u8]) -> ForeignRead {
        let mut read = ForeignRead::default();
        let mut files = std::collections::BTreeMap::new();
        let (mut armour, mut other) = (Armour::None, false);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let found = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned());
            let found = found.and_then(|line| match self {
                Self::Stx => stx(line.strip_suffix('\r').unwrap_or(line)).map_err(str::to_owned),
                Self::Coreutils => armour.strip(line).map_or(Ok(None), |line| coreutils(line, &mut other)),
            });
            match found {
                Ok(None) => {}
                Ok(Some(file)) => {
                    let digest = file.digest;
                    let before = files.insert(file.path.clone(), file.clone());
                    if self != Self::Stx && before.is_some_and(|before: ListedFile| before.digest != digest) {
                        read.disagreed.push(file.path);
                    }
                }
                Err(why) => read.wrong = read.wrong.or(Some(ForeignError { line: index + 1, why })),
            }
        }
        read.files = files.into_values().collect();
        read
    }
}

/// The part of a clear-signed text in which a line is (RFC 9580, section 7).
enum Armour {
    /// In the text.
    None,
    /// In the headers of the signed text, which an empty line ends.
    Headers,
    /// In the signed text, where a line that begins with a dash is escaped.
    Signed,
    /// In a signature or a key.
    Data,
}

impl Armour {
    /// Returns the text of a line that belongs to the list.
    fn strip<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match self {
            _ if line.starts_with("-----BEGIN PGP SIGNED MESSAGE") => *self = Self::Headers,
            _ if line.starts_with("-----BEGIN") => *self = Self::Data,
            _ if line.starts_with("-----END") => *self = Self::None,
            Self::Headers if line.trim().is_empty() => *self = Self::Signed,
            Self::None => return Some(line),
            Self::Signed => return Some(line.strip_prefix("- ").unwrap_or(line)),
            Self::Headers | Self::Data => {}
        }
        None
    }
}

fn stx(line: &str) -> Result<Option<ListedFile>, &'static str> {
    const WANTED: &str = "expected `DIGEST NAME SIZE TIME DEVICE INODE SOURCE`";
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

/// Lengths of the digests of other algorithms, in hexadecimal digits.
const OTHERS: [usize; 5] = [32, 40, 56, 96, 128];

/// Parses one line; `other` is whether the last comment named another algorithm for the lines below it.
fn coreutils(line: &str, other: &mut bool) -> Result<Option<ListedFile>, String> {
    const WANTED: &str = "`DIGEST  NAME` or `SHA256 (NAME) = DIGEST` is expected";
    let line = line.trim_start_matches([' ', '\t']);
    if let Some(comment) = line.strip_prefix('#') {
        // Gentoo's DIGESTS: `# SHA512 HASH`, and then lines of two columns.
        if let Some(name) = comment.trim().strip_suffix(" HASH") {
            *other = name != "SHA256";
        }
        return Ok(None);
    }
    if line.is_empty() || *other {
        return Ok(None);
    }
    let (escaped, rest) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (name, digest) = match tagged(rest) {
        Some(("SHA256", name, digest)) => (name, digest),
        Some(_) => return Ok(None),
        None => {
            let (digest, name) = rest.split_once([' ', '\t']).ok_or(WANTED)?;
            let is_hex = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hex && OTHERS.contains(&digest.len()) {
                return Ok(None);
            }
            (name.strip_prefix([' ', '*']).unwrap_or(name), digest)
        }
    };
    let digest = digest.trim_end().parse().map_err(|error| format!("{error}; {WANTED}"))?;
    let name = if escaped { Cow::Owned(super::sums::unescape(name)?) } else { Cow::Borrowed(name) };
    if name.starts_with('/') {
        return Err(format!("`{}` is absolute", name.escape_debug()));
    }
    // `dir//f` and `./dir/./f` are `dir/f`.
    let names: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if names.is_empty() {
        return Err(format!("it names no file; {WANTED}"));
    }
    let path = names.join("/").parse().map_err(|error| format!("{error}"))?;
    Ok(Some(ListedFile { path, digest, size: None }))
}

/// Splits `SHA256 (NAME) = DIGEST`, or `SHA256(NAME)= DIGEST` of OpenSSL, into algorithm, name and digest.
fn tagged(line: &str) -> Option<(&str, &str, &str)> {
    let (algorithm, rest) = line.split_once('(')?;
    let algorithm = algorithm.strip_suffix(' ').unwrap_or(algorithm);
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/');
    let plain = !algorithm.is_empty() && algorithm.bytes().all(is_word);
    let (name, digest) = rest.rsplit_once(") = ").or_else(|| rest.rsplit_once(")= "))?;
    plain.then_some((algorithm, name, digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(name: &str, text: &str, expected: &[(&str, Option<u64>)]) {
        let list = ForeignList::of(name).unwrap().read(text.as_bytes());
        assert_eq!((&list.wrong, &list.disagreed), (&None, &Vec::new()), "{text}");
        let list = list.files;
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
        for (form, text, why) in [
            (ForeignList::Stx, "\nabc a 3\n".to_owned(), "line 2"),
            (ForeignList::Stx, format!("{} ../a 3 1 1 1 /a\n", Digest::of(b"abc")), "line 1"),
            (ForeignList::Coreutils, "# x\nSHA256 (a) = 12\n".to_owned(), "line 2"),
            (ForeignList::Coreutils, Digest::of(b"abc").to_string(), "is expected"),
            (ForeignList::Coreutils, format!("{}  /srv/a\n", Digest::of(b"abc")), "absolute"),
            (ForeignList::Coreutils, format!("{}  x/../a\n", Digest::of(b"abc")), "line 1"),
            (ForeignList::Coreutils, format!("\u{feff}{}  a\n", Digest::of(b"abc")), "line 1"),
        ] {
            let read = form.read(text.as_bytes());
            assert_eq!(read.files, []);
            let error = read.wrong.unwrap().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_from_the_other_lines() {
        let text = format!("nonsense\n{}  a\n\u{1}\n", Digest::of(b"abc"));
        let read = ForeignList::Coreutils.read(&[text.as_bytes(), b"\xff  b\n"].concat());
        assert_eq!(read.files.len(), 1);
        assert!(read.wrong.unwrap().to_string().starts_with("line 1 "));
    }

    #[test]
    fn two_digests_of_one_file_disagree() {
        let text = format!("{}  a\n{}  ./a\n", Digest::of(b"abc"), Digest::of(b"other"));
        assert_eq!(ForeignList::Coreutils.read(text.as_bytes()).disagreed, ["a".parse().unwrap()]);
    }

    #[test]
    fn names_of_lists_are_known() {
        for name in [
            "CHECKSUM.SHA256-FreeBSD-14.1-RELEASE-amd64",
            "sha256sums",
            "SHA256SUMS",
            "a.img.xz.sha",
            "SHA256SUMS.txt",
            "sha256sums.txt",
            "SHA256",
            "sha256sums.asc",
            "checksums.txt",
            "DIGESTS",
            "Fedora-1-CHECKSUM",
            "a.iso.sha256sum",
        ] {
            assert_eq!(ForeignList::of(name), Some(ForeignList::Coreutils), "{name}");
        }
        for name in ["CHECKSUM.SHA512-FreeBSD", "SHA512SUMS", "a.sha512", "sha256.py", "MD5SUMS"] {
            assert_eq!(ForeignList::of(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(SHA256 \\(|[0-9a-f]{64}|[ -~\n]){0,20}") {
            for form in [ForeignList::Stx, ForeignList::Coreutils] {
                drop(form.read(text.as_bytes()));
            }
        }
    }
}
