//! SHA256SUMS: a build's checksums, in the format of coreutils.
//!
//! `sha256sum -c SHA256SUMS` in the build's directory, or under any alias of it, checks every file. Names with a
//! backslash are escaped as coreutils does; names with control characters never get this far.

use crate::model::{Digest, RelPath};
use std::borrow::Cow;
use std::fmt;

/// The digest of each file, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums(Vec<(RelPath, Digest)>);

/// The line of a checksum file that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}; expected `DIGEST  PATH`, as `sha256sum` writes it")]
pub struct SumsError {
    line: usize,
    why: String,
}

impl Sums {
    /// Returns the sums of these files.
    pub fn of(files: impl IntoIterator<Item = (RelPath, Digest)>) -> Self {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort();
        Self(files)
    }

    /// Returns each path with its digest.
    pub fn files(&self) -> &[(RelPath, Digest)] {
        &self.0
    }

    /// Parses a checksum file as coreutils writes it, in text or binary mode.
    pub fn parse(bytes: &[u8]) -> Result<Self, SumsError> {
        let mut files = Vec::new();
        for line in sum_lines(bytes) {
            let (path, digest) = line?;
            // The form of the paths is checked already.
            files.push((path.parse::<RelPath>().unwrap_or_default(), digest));
        }
        files.sort();
        if let Some(((path, _), _)) = files.iter().zip(files.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
            return Err(SumsError::twice(path.as_str()));
        }
        Ok(Self(files))
    }
}

impl SumsError {
    /// Reports that a path occurs twice, which no single line shows.
    pub fn twice(path: &str) -> Self {
        Self { line: 0, why: format!("`{path}` is listed twice") }
    }
}

/// Returns the lines of a checksum file except those of paths that are `gone`, unchanged; lines that cannot be parsed
/// stay.
pub fn sums_without(bytes: &[u8], gone: impl Fn(&RelPath) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let read = sum_lines(line).next().and_then(Result::ok);
        let path = read.and_then(|(path, _)| path.parse::<RelPath>().ok());
        if !path.is_some_and(|path| gone(&path)) {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Parses a checksum file line by line: each path, in normal form, with its digest.
pub fn sum_lines(bytes: &[u8]) -> impl Iterator<Item = Result<(Cow<'_, str>, Digest), SumsError>> {
    // Most files are text as a whole; otherwise the error names the line.
    let whole = str::from_utf8(bytes).ok();
    let by_line = if whole.is_some() { &[][..] } else { bytes };
    let texts = whole.into_iter().flat_map(|text| text.split('\n').map(Some));
    let odd = by_line.split(|byte| *byte == b'\n').map(|line| str::from_utf8(line).ok());
    texts.chain(odd).enumerate().filter(|(_, line)| *line != Some("")).map(|(index, line)| {
        let parsed = line.ok_or_else(|| "it is not UTF-8".to_owned()).and_then(sum_of);
        parsed.map_err(|why| SumsError { line: index + 1, why })
    })
}

/// Parses one line of a checksum file.
fn sum_of(line: &str) -> Result<(Cow<'_, str>, Digest), String> {
    let (escaped, rest) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
    let (digest, name) = match rest.split_at_checked(64) {
        Some((digest, name)) if name.starts_with("  ") || name.starts_with(" *") => {
            (digest, name.get(2..).unwrap_or_default())
        }
        _ => rest
            .split_once("  ")
            .or_else(|| rest.split_once(" *"))
            .ok_or_else(|| "it has no two columns".to_owned())?,
    };
    let digest = digest.parse().map_err(|error| format!("{error}"))?;
    let name = if escaped { Cow::Owned(unescape(name)?) } else { Cow::Borrowed(name) };
    let name = match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("./").unwrap_or(name)),
        Cow::Owned(name) => Cow::Owned(name.strip_prefix("./").unwrap_or(&name).to_owned()),
    };
    RelPath::check(&name).map_err(|error| error.to_string())?;
    Ok((name, digest))
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(path, digest)| writeln!(f, "{}", sum_line(path, *digest)))
    }
}

/// Returns one line, without its end.
pub fn sum_line(path: &RelPath, digest: Digest) -> String {
    match path.as_str() {
        name if name.contains('\\') => format!("\\{digest}  {}", name.replace('\\', "\\\\")),
        name => format!("{digest}  {name}"),
    }
}

pub(super) fn unescape(name: &str) -> Result<String, String> {
    let mut text = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('\\')) => text.push('\\'),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('r')) => text.push('\r'),
            ('\\', _) => return Err("its name ends in an unfinished escape".to_owned()),
            (c, _) => text.push(c),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Sums::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn bad_lines_are_named() {
        let digest = Digest::of(b"");
        refused(&format!("{digest}xx  name"), "line 1: ");
        refused(&format!("{digest}xyname"), "line 1: it has no two columns");
        refused("abc", "line 1: it has no two columns");
        refused(&format!("{digest}  a\nxyz  b\n"), "line 2: `xyz` is not a SHA-256");
        refused(&format!("{digest}  ../a\n"), "line 1");
        refused(&format!("{digest}  /a\n"), "absolute");
        refused(&format!("\\{digest}  a\\nb\n"), "control");
        refused(&format!("{digest}  a\n{digest}  a\n"), "twice");
    }

    #[test]
    fn what_others_write_is_read() {
        let digest = Digest::of(b"");
        let sums = Sums::parse(format!("{digest} *./b\n{digest}  a\n").as_bytes()).unwrap();
        assert_eq!(sums.to_string(), format!("{digest}  a\n{digest}  b\n"));
    }

    proptest! {
        #[test]
        fn sums_print_back_the_same(names in prop::collection::btree_set("[ -.0-~]{1,12}", 0..8)) {
            let paths = names.iter().filter_map(|name| name.parse::<RelPath>().ok());
            let sums = Sums::of(paths.map(|path| (path.clone(), Digest::of(path.as_str().as_bytes()))));
            prop_assert_eq!(Sums::parse(sums.to_string().as_bytes()).unwrap(), sums);
        }
    }
}
