//! The list of a build's files, stored beside its record.
//!
//! More than SHA256SUMS has: mode, time and inode of each file as published, and the state of its source then, so
//! that the next publish can recognize unchanged files without reading them. Stored as lines with tabs, since a build
//! may have hundreds of thousands of files; the last line counts the others, so that a truncated file is noticed.

use crate::model::{Digest, RelPath};
use std::str::FromStr;

/// The first line of the file.
const HEAD: &str = "mirrorkeep-manifest 1";

/// The contents of one build, sorted by path, without SHA256SUMS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Its regular files.
    pub files: Vec<FileEntry>,
    /// Its symlinks.
    pub links: Vec<LinkEntry>,
    /// Its empty directories.
    pub dirs: Vec<RelPath>,
}

/// One file of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path in the build.
    pub path: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its permission bits.
    pub mode: u32,
    /// Its time as published, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode as published; 0 if the store has none.
    pub inode: u64,
    /// The state of its source when it was published.
    pub seen: Option<Seen>,
}

/// What shows that a source file did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its time, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode.
    pub inode: u64,
}

/// One symlink of a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkEntry {
    /// Its path in the build.
    pub path: RelPath,
    /// Its text.
    pub text: String,
}

/// One difference between two manifests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only the second has it.
    Added(RelPath),
    /// Only the first has it.
    Missing(RelPath),
    /// Both have it, with other bytes, another mode or another kind.
    Changed(RelPath),
}

/// Why a manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The file is of another version, or not a manifest.
    #[error("its first line is not `{HEAD}`; it was written by another version, or is damaged")]
    Head,
    /// A line does not have the form.
    #[error("line {0} is damaged")]
    Line(usize),
    /// The last line is missing or has another count.
    #[error("it is incomplete or damaged: its last line does not state the number of the others")]
    Cut,
}

impl Manifest {
    /// Returns the total size of the files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Returns the paths of its files and links.
    pub fn paths(&self) -> impl Iterator<Item = &RelPath> {
        self.files.iter().map(|file| &file.path).chain(self.links.iter().map(|link| &link.path))
    }

    /// Returns what stays and what `goes`.
    pub fn split(self, goes: impl Fn(&RelPath) -> bool) -> (Self, Self) {
        let (gone, files) = self.files.into_iter().partition(|file| goes(&file.path));
        let (gone_links, links) = self.links.into_iter().partition(|link| goes(&link.path));
        let (gone_dirs, dirs) = self.dirs.into_iter().partition(|dir| goes(dir));
        (Self { files, links, dirs }, Self { files: gone, links: gone_links, dirs: gone_dirs })
    }

    /// Sorts everything by path.
    pub fn sort(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.links.sort();
        self.dirs.sort();
    }

    /// Returns the differences between this one and `other`; times and inodes do not count.
    pub fn changes(&self, other: &Self) -> Vec<Change> {
        use std::collections::BTreeMap;
        type What<'a> = (Option<(&'a Digest, u32)>, Option<&'a str>);
        fn of(manifest: &Manifest) -> BTreeMap<&RelPath, What<'_>> {
            let files = manifest.files.iter().map(|f| (&f.path, (Some((&f.digest, f.mode)), None)));
            let links = manifest.links.iter().map(|l| (&l.path, (None, Some(&*l.text))));
            files.chain(links).chain(manifest.dirs.iter().map(|dir| (dir, (None, None)))).collect()
        }
        let (mine, theirs) = (of(self), of(other));
        let mut changes: Vec<Change> = Vec::new();
        for (path, what) in &mine {
            match theirs.get(path) {
                None => changes.push(Change::Missing((*path).clone())),
                Some(that) if that != what => changes.push(Change::Changed((*path).clone())),
                Some(_) => {}
            }
        }
        let added = theirs.keys().filter(|path| !mine.contains_key(*path));
        changes.extend(added.map(|path| Change::Added((*path).clone())));
        changes.sort();
        changes
    }

    /// Writes the manifest.
    pub fn write(&self) -> String {
        // Allocated at its exact size: a text that grows is copied, and ends twice as large.
        let paths: usize = self.files.iter().map(|file| file.path.as_str().len()).sum();
        let mut text = String::with_capacity(64 + paths + self.files.len() * 160);
        self.lines().for_each(|line| text.push_str(&line));
        text
    }

    /// Returns the lines of the written manifest, each with its end.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let count = self.files.len() + self.links.len() + self.dirs.len();
        let links = self.links.iter().map(|link| format!("l\t{}\t{}\n", link.text, link.path.as_str()));
        let dirs = self.dirs.iter().map(|dir| format!("d\t{}\n", dir.as_str()));
        std::iter::once(format!("{HEAD}\n"))
            .chain(self.files.iter().map(|file| file.line() + "\n"))
            .chain(links)
            .chain(dirs)
            .chain([format!("end\t{count}\n")])
    }

    /// Parses a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        for (index, line) in manifest_lines(bytes).enumerate() {
            // The first line of the file is its head.
            let damaged = || ManifestError::Line(index + 2);
            match line? {
                ManifestLine::File(line) => manifest.files.push(line.entry().ok_or_else(damaged)?),
                ManifestLine::Link { path, text } => {
                    let path = path.parse().map_err(|_| damaged())?;
                    manifest.links.push(LinkEntry { path, text: text.to_owned() });
                }
                ManifestLine::Dir(path) => manifest.dirs.push(path.parse().map_err(|_| damaged())?),
            }
        }
        Ok(manifest)
    }
}

/// One parsed line of a manifest, nothing copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestLine<'a> {
    /// A regular file.
    File(FileLine<'a>),
    /// A symlink.
    Link {
        /// Its path in the build.
        path: &'a str,
        /// Its text.
        text: &'a str,
    },
    /// An empty directory, by its path.
    Dir(&'a str),
}

/// One parsed file of a manifest; the form of path and digest is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLine<'a> {
    /// Its path in the build.
    pub path: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub digest: &'a str,
    /// Its permission bits.
    pub mode: u32,
    /// Its time as published, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode as published; 0 if the store has none.
    pub inode: u64,
    /// The state of its source when it was published.
    pub seen: Option<Seen>,
}

impl<'a> ManifestLine<'a> {
    /// Returns its path in the build.
    pub fn path(&self) -> &'a str {
        match self {
            Self::File(FileLine { path, .. }) | Self::Link { path, .. } | Self::Dir(path) => path,
        }
    }

    /// Returns its place in the order of kinds.
    fn rank(&self) -> u8 {
        match self {
            Self::File(_) => 0,
            Self::Link { .. } => 1,
            Self::Dir(_) => 2,
        }
    }

    /// Parses one line; nothing if it is damaged.
    fn parse(line: &'a str) -> Option<Self> {
        let (kind, rest) = line.split_once('\t')?;
        match kind {
            "f" => FileLine::parse(line).map(Self::File),
            "l" => rest.split_once('\t').map(|(text, path)| Self::Link { path, text }),
            "d" => Some(Self::Dir(rest)),
            _ => None,
        }
    }
}

/// Parses a manifest line by line; a damaged or truncated one ends with an error.
pub fn manifest_lines(bytes: &[u8]) -> impl Iterator<Item = Result<ManifestLine<'_>, ManifestError>> {
    let text = str::from_utf8(bytes).ok().filter(|text| text.split('\n').next() == Some(HEAD));
    let head = text.is_none().then_some(Err(ManifestError::Head));
    let closed = text.is_some_and(|text| text.ends_with('\n'));
    let mut lines = text.unwrap_or_default().split_terminator('\n').enumerate().skip(1);
    let (mut count, mut ended, mut last) = (0, text.is_none(), 0);
    let rest = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let Some((index, line)) = lines.next() else {
            ended = true;
            return Some(Err(ManifestError::Cut));
        };
        if let Some(counted) = line.strip_prefix("end\t") {
            ended = true;
            let whole = number(counted) == Some(count) && lines.next().is_none() && closed;
            return (!whole).then_some(Err(ManifestError::Cut));
        }
        count += 1;
        // Files, then links, then directories, as they are written: there is exactly one text of a manifest.
        let parsed = ManifestLine::parse(line).filter(|line| line.rank() >= last);
        last = parsed.as_ref().map_or(last, ManifestLine::rank);
        ended = parsed.is_none();
        Some(parsed.ok_or(ManifestError::Line(index + 1)))
    });
    head.into_iter().chain(rest)
}

impl FileEntry {
    /// Returns its time as published, in nanoseconds since 1970; nothing for a generated file in an object store,
    /// whose time only the store knows.
    pub fn time(&self) -> Option<i128> {
        (self.mtime != 0 || self.inode != 0 || self.seen.is_some()).then_some(self.mtime)
    }

    /// Writes the entry as a line of a manifest, without its end.
    pub fn line(&self) -> String {
        let Self { path, size, digest, mode, mtime, inode, seen } = self;
        let seen = seen.map_or("-\t-".to_owned(), |seen| format!("{}\t{}", seen.mtime, seen.inode));
        format!("f\t{digest}\t{size}\t{mode:o}\t{mtime}\t{inode}\t{seen}\t{}", path.as_str())
    }

    /// Parses a line as [`FileEntry::line`] writes it.
    pub fn parse(line: &str) -> Option<Self> {
        FileLine::parse(line)?.entry()
    }
}

impl<'a> FileLine<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut columns = line.strip_prefix("f\t")?.splitn(8, '\t');
        let plain = |digest: &&str| !digest.contains(|c: char| c.is_ascii_uppercase() || c == ':');
        let digest = columns.next().filter(plain)?;
        let size = number(columns.next()?)?;
        let mode = columns.next().filter(|digits| is_shortest(digits))?;
        let mode = u32::from_str_radix(mode, 8).ok()?;
        let mtime = number(columns.next()?)?;
        let inode = number(columns.next()?)?;
        let seen = match (columns.next()?, columns.next()?) {
            ("-", "-") => None,
            (mtime, inode) => Some(Seen { mtime: number(mtime)?, inode: number(inode)? }),
        };
        Some(Self { path: columns.next()?, size, digest, mode, mtime, inode, seen })
    }

    /// Returns the entry; nothing if path or digest are invalid.
    fn entry(self) -> Option<FileEntry> {
        let Self { path, size, digest, mode, mtime, inode, seen } = self;
        let (path, digest) = (path.parse().ok()?, digest.parse().ok()?);
        Some(FileEntry { path, size, digest, mode, mtime, inode, seen })
    }
}

/// Parses a number in the form in which mirrorkeep writes it: no `+`, no leading zeros.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').filter(|digits| *digits != "0").unwrap_or(text);
    if is_shortest(digits) { text.parse().ok() } else { None }
}

fn is_shortest(digits: &str) -> bool {
    digits == "0" || digits.starts_with(|c: char| matches!(c, '1'..='9'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: RelPath, size: u64, seen: Option<(i64, u64)>) -> FileEntry {
        let digest = Digest::of(path.as_str().as_bytes());
        let seen = seen.map(|(mtime, inode)| Seen { mtime: i128::from(mtime), inode });
        FileEntry { path, size, digest, mode: 0o444, mtime: -5, inode: 7, seen }
    }

    prop_compose! {
        fn any_manifest()(
            files in prop::collection::btree_map("[ !-.0-~é]{1,9}", (any::<u64>(), any::<Option<(i64, u64)>>()), 0..6),
            links in prop::collection::btree_map("[a-z]{1,5}", "[ -~]{1,9}", 0..3),
            dirs in prop::collection::btree_set("[a-z]{1,5}", 0..3),
        ) -> Manifest {
            let files = files.into_iter().filter_map(|(name, (size, seen))| Some(entry(name.parse().ok()?, size, seen)));
            let links = links.into_iter().map(|(name, text)| LinkEntry { path: name.parse().unwrap(), text });
            let dirs = dirs.into_iter().map(|name| name.parse().unwrap()).collect();
            let mut manifest = Manifest { files: files.collect(), links: links.collect(), dirs };
            manifest.sort();
            manifest
        }
    }

    proptest! {
        #[test]
        fn a_manifest_prints_back_the_same(manifest in any_manifest()) {
            prop_assert_eq!(Manifest::parse(manifest.write().as_bytes()).unwrap(), manifest);
        }

        #[test]
        fn a_cut_manifest_is_never_taken_for_whole(manifest in any_manifest(), cut in 0usize..400) {
            let text = manifest.write();
            let short: String = text.chars().take(cut).collect();
            prop_assert_eq!(Manifest::parse(short.as_bytes()).is_ok(), short == text);
        }

        #[test]
        fn changes_are_none_only_of_the_same(a in any_manifest(), b in any_manifest()) {
            prop_assert!(a.changes(&a).is_empty());
            prop_assert_eq!(a.changes(&b).len(), b.changes(&a).len());
        }
    }

    #[test]
    fn each_difference_is_named() {
        let path = |text: &str| text.parse::<RelPath>().unwrap();
        let old = Manifest {
            files: vec![entry(path("a"), 1, None), entry(path("b"), 1, None)],
            ..Manifest::default()
        };
        let mut new = Manifest {
            files: vec![entry(path("b"), 1, None), entry(path("c"), 1, None)],
            ..Manifest::default()
        };
        new.files[0].mode = 0o555;
        let expected = [Change::Added(path("c")), Change::Missing(path("a")), Change::Changed(path("b"))];
        assert_eq!(old.changes(&new), expected);
    }
}
