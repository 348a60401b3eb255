//! Walking everything that a build server provides, before any of it is read.
//!
//! Files are listed once, sorted by path, and duplicates are found among neighbours, so that a build of hundreds of
//! thousands takes no more memory than its list. All problems are collected and reported at once.

use crate::model::{OWN_DIR, PathError, RelPath, folded_name, is_sums, named, same_form, unprintable};
use crate::source::{Source, SourceEntry, SourceError, SourceProblem, SourceSpec, Top, mtime, shown};
use std::collections::{BTreeSet, HashMap};
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walkdir::{DirEntryExt, WalkDir};

/// What a directory of that name is.
const STATE: &str = "the state of a mirror";

/// The number of links that the kernel follows on the way to one file.
const HOPS: usize = 40;

impl Source {
    /// Walks everything that is to be published, and reads none of it yet.
    pub fn gather(specs: &[SourceSpec], apart: Exclusions<'_>) -> Result<Self, SourceError> {
        let unused = apart.exclude.iter().collect();
        let lacking = apart.listed.into_iter().flatten().map(String::as_str).collect();
        let mut gathering = Gathering { apart, unused, lacking, ..Gathering::default() };
        for spec in specs {
            gathering.walk(spec);
        }
        gathering.finish()
    }
}

/// What is not published of a source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exclusions<'a> {
    /// Patterns of the path below the source, or of the last name if a pattern has no `/`.
    pub exclude: &'a [glob::Pattern],
    /// If set, only listed files and links are published: by their path below the source, or by the last name if an
    /// entry has no `/`.
    pub listed: Option<&'a BTreeSet<String>>,
    /// Paths in the build where a file has a meaning: these are published even if they are not listed.
    pub places: &'a [RelPath],
    /// Paths in the build whose files state its result or a hold: these are never excluded.
    pub kept: &'a [RelPath],
    /// Device and inode of the mirror's own root, which is refused.
    pub mirror: Option<(u64, u64)>,
}

impl Exclusions<'_> {
    /// Returns whether a path below the source is excluded.
    fn excludes(&self, below: &Path) -> bool {
        self.exclude.iter().any(|pattern| fits(pattern, below))
    }

    /// Returns the marker that is excluded with a path below the source.
    fn hides(&self, to: &RelPath, below: &Path, from: &Path) -> Option<RelPath> {
        let to = place(to, below).ok()?;
        let is_there = |marker: &&RelPath| {
            let inner = marker.below(&to);
            // A path that ends in `/` is not a file.
            let at =
                |inner: RelPath| if inner.is_root() { from.to_owned() } else { from.join(inner.as_str()) };
            inner.is_some_and(|inner| at(inner).symlink_metadata().is_ok())
        };
        self.kept.iter().find(is_there).cloned()
    }
}

/// Returns the entries of a list that match a path below the source.
fn listed_as(below: &Path) -> [String; 2] {
    let name = below.file_name().unwrap_or_default();
    [below.to_string_lossy().into_owned(), name.to_string_lossy().into_owned()]
}

/// Returns whether an exclude pattern matches a path below the source.
fn fits(pattern: &glob::Pattern, below: &Path) -> bool {
    let name = below.file_name().unwrap_or_default();
    let by_name = !pattern.as_str().contains('/');
    pattern.matches(&below.to_string_lossy()) || by_name && pattern.matches(&name.to_string_lossy())
}

#[derive(Debug, Default)]
struct Gathering<'a> {
    apart: Exclusions<'a>,
    excluded: u64,
    /// The exclude patterns that have matched nothing yet.
    unused: Vec<&'a glob::Pattern>,
    /// The listed entries that were not found yet.
    lacking: BTreeSet<&'a str>,
    unlisted: u64,
    /// Whether a directory was excluded, so that nothing below it was examined.
    unseen: bool,
    /// Files that not every user may read.
    private: Vec<RelPath>,
    files: Vec<SourceEntry>,
    links: Vec<Link>,
    dirs: Vec<RelPath>,
    warnings: Vec<String>,
    problems: Vec<SourceProblem>,
}

/// The maximum number of levels of a tree in a build, so that nothing that reads or removes it later needs more.
const DEEPEST: usize = 256;

/// A symlink that was found.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    to: RelPath,
    text: String,
    from: PathBuf,
}

/// A directory in which the walk is.
struct Open {
    to: RelPath,
    /// The number of files and empty directories that were found before it.
    before: (usize, usize),
}

impl Gathering<'_> {
    fn walk(&mut self, spec: &SourceSpec) {
        let failed = |source| SourceProblem::Read { path: shown(&spec.from), cause: source };
        // A link that the user names is followed; links below it are not.
        let top = match std::fs::canonicalize(&spec.from) {
            Ok(from) => from,
            Err(error) => return self.problems.push(failed(error)),
        };
        if top.components().any(|name| name.as_os_str() == OWN_DIR) {
            let (path, what) = (shown(&spec.from), STATE);
            return self.problems.push(SourceProblem::Mirror { path, what });
        }
        let (to, found) = (spec.to.clone(), top.clone());
        let whole = Arc::new(Top::Disk { to, from: found });
        let mut taken = 0usize;
        let mut walker = WalkDir::new(&top).follow_links(false).into_iter();
        let mut open: Vec<Open> = Vec::new();
        while let Some(step) = walker.next() {
            let entry = match step {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().map_or_else(|| shown(&top), shown);
                    let source = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop"));
                    self.problems.push(SourceProblem::Read { path, cause: source });
                    continue;
                }
            };
            self.leave(&mut open, entry.depth(), taken, spec);
            let below = entry.path().strip_prefix(&top).unwrap_or(Path::new(""));
            if entry.depth() > 0 && self.apart.excludes(below) {
                if let Some(marker) = self.apart.hides(&spec.to, below, entry.path()) {
                    self.problems.push(SourceProblem::Marker { path: shown(entry.path()), marker });
                }
                self.excluded += 1;
                self.unused.retain(|pattern| !fits(pattern, below));
                if entry.file_type().is_dir() {
                    self.unseen = true;
                    walker.skip_current_dir();
                }
                continue;
            }
            if let Some(what) = self.is_mirror(&entry) {
                self.problems.push(SourceProblem::Mirror { path: shown(entry.path()), what });
                if entry.file_type().is_dir() {
                    walker.skip_current_dir();
                }
                continue;
            }
            let to = match place(&spec.to, below) {
                Ok(to) => to,
                Err(why) => {
                    self.problems.push(SourceProblem::Name { path: shown(entry.path()), why });
                    if entry.file_type().is_dir() {
                        walker.skip_current_dir();
                    }
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                open.push(Open { to, before: (taken, self.dirs.len()) });
                continue;
            }
            if spec.only.as_ref().is_some_and(|only| !only.matches(&below.to_string_lossy())) {
                continue;
            }
            if !self.is_listed(below, &to) {
                self.unlisted += 1;
                continue;
            }
            taken += 1;
            match entry.metadata() {
                Ok(meta) => self.take(entry.path(), to, &whole, &meta),
                Err(error) => self.problems.push(failed(error.into())),
            }
        }
        self.leave(&mut open, 0, taken, spec);
        if let (0, Some(only)) = (taken, &spec.only) {
            let pattern = only.as_str().to_owned();
            self.problems.push(SourceProblem::NothingFits { path: shown(&spec.from), pattern });
        }
    }

    /// Returns whether a file or link is published, as far as a list decides it.
    fn is_listed(&mut self, below: &Path, to: &RelPath) -> bool {
        let Some(listed) = self.apart.listed else { return true };
        let names = listed_as(below);
        let found = names.iter().filter(|name| listed.contains(*name)).count();
        for name in &names {
            self.lacking.remove(name.as_str());
        }
        found > 0 || self.apart.places.contains(to)
    }

    /// Returns what an entry is, if it is the mirror or the own area of one.
    fn is_mirror(&self, entry: &walkdir::DirEntry) -> Option<&'static str> {
        if entry.file_name() == OWN_DIR {
            return Some(STATE);
        }
        let (device, inode) = self.apart.mirror?;
        // Comparing the number alone is cheap.
        let same = entry.file_type().is_dir() && entry.ino() == inode;
        let same = same && entry.metadata().is_ok_and(|meta| (meta.dev(), meta.ino()) == (device, inode));
        same.then_some("the mirror itself")
    }

    /// Records the empty directories that the walk has left.
    fn leave(&mut self, open: &mut Vec<Open>, depth: usize, taken: usize, spec: &SourceSpec) {
        while open.len() > depth {
            let Some(Open { to, before }) = open.pop() else { return };
            if before == (taken, self.dirs.len())
                && spec.only.is_none()
                && self.apart.listed.is_none()
                && !to.is_root()
            {
                self.dirs.push(to);
            }
        }
    }

    fn take(&mut self, path: &Path, to: RelPath, top: &Arc<Top>, meta: &Metadata) {
        let kind = meta.file_type();
        if kind.is_symlink() {
            return match std::fs::read_link(path) {
                Ok(text) => {
                    let text = text.to_string_lossy().into_owned();
                    self.links.push(Link { to, text, from: path.to_owned() });
                }
                Err(source) => self.problems.push(SourceProblem::Read { path: shown(path), cause: source }),
            };
        }
        if !kind.is_file() {
            let kind = match () {
                () if kind.is_fifo() => "FIFO",
                () if kind.is_socket() => "socket",
                () if kind.is_block_device() || kind.is_char_device() => "device",
                () => "special file",
            };
            let name = shown(Path::new(path.file_name().unwrap_or_default()));
            return self.problems.push(SourceProblem::Special { path: shown(path), kind, name });
        }
        if meta.mode() & 0o6000 != 0 {
            self.warnings.push(format!("`{to}` is published without its set-id bit"));
        }
        if meta.mode() & 0o004 == 0 {
            self.private.push(to.clone());
        }
        self.files.push(SourceEntry {
            to,
            top: Arc::clone(top),
            size: meta.size(),
            mtime: Some(mtime(meta)),
            inode: meta.ino(),
            linked: (meta.nlink() > 1).then(|| meta.dev()),
            executable: meta.mode() & 0o111 != 0,
        });
    }

    fn finish(mut self) -> Result<Source, SourceError> {
        self.files.sort_by(|a, b| a.to.cmp(&b.to));
        self.links.sort();
        self.dirs.sort();
        self.dirs.dedup();
        self.meetings();
        self.foldings();
        self.private.sort();
        if !self.private.is_empty() {
            let (some, is) = some_of(&self.private);
            let text = format!(
                "{some} {is} not readable for everybody in the source, and for everybody as published"
            );
            self.warnings.push(text);
        }
        self.leftovers();
        self.unused();
        let lacking = self.lacking.iter().map(|name| SourceProblem::NotThere { name: (*name).to_owned() });
        self.problems.extend(lacking);
        let texts: HashMap<&str, &str> =
            self.links.iter().map(|link| (link.to.as_str(), &*link.text)).collect();
        for Link { to, text, from } in &self.links {
            if let Some(c) = unprintable(text) {
                let why = format!(
                    "it is a symlink to `{}`, which contains {}; {RENAME}",
                    crate::model::shown(text),
                    named(c)
                );
                self.problems.push(SourceProblem::Name { path: shown(from), why });
            } else if leads_out(to, &texts) {
                let text = text.escape_debug().to_string();
                self.problems.push(SourceProblem::LinkOut { path: shown(from), text });
            }
        }
        if !self.problems.is_empty() {
            return Err(SourceError(self.problems));
        }
        let dirs = std::mem::take(&mut self.dirs);
        let dirs = dirs.into_iter().filter(|dir| !self.is_full(dir)).collect();
        let links = self.links.into_iter().map(|link| (link.to, link.text)).collect();
        let (files, warnings) = (self.files, self.warnings);
        Ok(Source { files, links, dirs, warnings, excluded: self.excluded, unlisted: self.unlisted })
    }

    /// Warns of exclude patterns that match nothing.
    fn unused(&mut self) {
        let beyond = if self.unseen { " outside the directories that are left out" } else { "" };
        let warning = |pattern: &&glob::Pattern| {
            format!(
                "`--exclude '{}'` matches nothing in the source{beyond}",
                crate::model::shown(pattern.as_str())
            )
        };
        self.warnings.extend(self.unused.iter().map(warning));
    }

    /// Finds two sources of one path, and files where another source needs a directory.
    fn meetings(&mut self) {
        let mut met = Vec::new();
        let mut before: Option<&RelPath> = None;
        let (mut files, mut links) = (self.files.iter().peekable(), self.links.iter().peekable());
        loop {
            // Both are sorted: the lesser of the two comes first.
            let file_first = match (files.peek(), links.peek()) {
                (None, None) => break,
                (Some(file), Some(link)) => file.to <= link.to,
                (file, _) => file.is_some(),
            };
            let next = if file_first {
                files.next().map(|file| (&file.to, file.from()))
            } else {
                links.next().map(|link| (&link.to, link.from.clone()))
            };
            let Some((to, from)) = next else { break };
            if before == Some(to) {
                let first = self.source_of(to.as_str()).unwrap_or_default();
                met.push(SourceProblem::Twice { to: to.clone(), first, second: shown(&from) });
            }
            before = Some(to);
            let ends = to.as_str().match_indices('/').map(|(end, _)| end);
            let mut above = ends.filter_map(|end| to.as_str().get(..end));
            let file = above.find_map(|above| Some((above.parse().ok()?, self.source_of(above)?)));
            if let Some((above, first)) = file {
                let second = shown(&from);
                met.push(SourceProblem::Within { to: above, first, below: to.clone(), second });
            }
        }
        self.problems.extend(met);
    }

    /// Returns the source of the file or link at a path.
    fn source_of(&self, to: &str) -> Option<String> {
        let file = self.files.partition_point(|file| file.to.as_str() < to);
        let link = self.links.partition_point(|link| link.to.as_str() < to);
        let file = self.files.get(file).filter(|file| file.to.as_str() == to);
        let link = self.links.get(link).filter(|link| link.to.as_str() == to);
        file.map(|file| shown(&file.from())).or_else(|| link.map(|link| shown(&link.from)))
    }

    /// Returns whether a file or link goes into a directory.
    fn is_full(&self, dir: &RelPath) -> bool {
        let inside = format!("{dir}/");
        let file = self.files.partition_point(|file| *file.to.as_str() < *inside);
        let link = self.links.partition_point(|link| *link.to.as_str() < *inside);
        self.files.get(file).is_some_and(|file| file.to.is_within(dir))
            || self.links.get(link).is_some_and(|link| link.to.is_within(dir))
            || self.source_of(dir.as_str()).is_some()
    }

    /// Warns of files that look like leftovers of an interrupted program.
    fn leftovers(&mut self) {
        let left: Vec<RelPath> =
            self.files.iter().map(|file| &file.to).filter(|to| is_leftover(to.name())).cloned().collect();
        if let Some(first) = left.first() {
            let (some, is) = some_of(&left);
            let one = if left.len() == 1 { "a leftover" } else { "leftovers" };
            let hint = format!("`--exclude '{}'` leaves such a file out", first.name());
            self.warnings.push(format!("{some} {is} published and may be {one} of another program; {hint}"));
        }
    }

    /// Warns of names that differ only in case or in Unicode form.
    fn foldings(&mut self) {
        let paths: Vec<&RelPath> =
            self.files.iter().map(|file| &file.to).chain(self.links.iter().map(|link| &link.to)).collect();
        // Digests instead of texts: if they differ, so do the texts, and the few that agree are compared in full.
        let mut folded: Vec<(u64, usize)> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| (digest(&folded_name(path.as_str())), index))
            .collect();
        folded.sort_unstable();
        for pair in folded.windows(2) {
            let [(first, a), (second, b)] = pair else { continue };
            let (Some(one), Some(other)) = (paths.get(*a), paths.get(*b)) else { continue };
            let same = first == second && one != other;
            if same && folded_name(one.as_str()) == folded_name(other.as_str()) {
                let what =
                    if same_form(one.as_str(), other.as_str()) { "in Unicode form" } else { "in case" };
                let text =
                    format!("`{one}` and `{other}` differ {what} only, which some clients cannot hold");
                self.warnings.push(text);
            }
        }
    }
}

impl Source {
    /// Returns the links whose target is missing in the build, which also has the files `own`.
    pub(crate) fn dangling(&self, own: &[RelPath]) -> Vec<RelPath> {
        let texts: HashMap<&str, &str> = self.links.iter().map(|(to, text)| (to.as_str(), &**text)).collect();
        let has = |target: &str| {
            let below = format!("{target}/");
            let file = |at: &str| self.files.partition_point(|file| file.to.as_str() < at);
            let is_file = self.files.get(file(target)).is_some_and(|file| file.to.as_str() == target);
            let is_above =
                self.files.get(file(&below)).is_some_and(|file| file.to.as_str().starts_with(&below));
            let others = self.dirs.iter().chain(self.links.iter().map(|(to, _)| to)).chain(own);
            let mut others = others.map(RelPath::as_str);
            // A link that is still a link after all of them were followed is part of a loop.
            let is_other = |at: &str| at == target && !texts.contains_key(at) || at.starts_with(&below);
            target.is_empty() || is_file || is_above || is_sums(target) || others.any(is_other)
        };
        let links = self.links.iter().map(|(to, _)| to);
        links.filter(|to| leads_to(to, &texts).is_some_and(|target| !has(&target))).cloned().collect()
    }
}

/// The number of paths that a warning names.
const NAMED: usize = 3;

/// Returns the first of these paths with the number of further ones, and the matching verb.
pub(crate) fn some_of(paths: &[RelPath]) -> (String, &'static str) {
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    match paths.len() - named.len() {
        0 if paths.len() == 1 => (named.concat(), "is"),
        0 => (named.join(", "), "are"),
        more => (format!("{} and {more} more ({} files)", named.join(", "), paths.len()), "are"),
    }
}

/// Returns whether a name is one that programs give to temporary files.
fn is_leftover(name: &str) -> bool {
    const NAMES: &[&str] = &[".DS_Store", "Thumbs.db", "desktop.ini"];
    const ENDINGS: &[&str] = &[".part", ".partial", ".filepart", ".crdownload", ".swp", ".tmp", "~"];
    let all = |text: &str, of: fn(&char) -> bool| !text.is_empty() && text.chars().all(|c| of(&c));
    let core = name.strip_prefix("core.").is_some_and(|number| all(number, char::is_ascii_digit));
    let nfs = name.strip_prefix(".nfs").is_some_and(|number| all(number, char::is_ascii_hexdigit));
    // The temporary name of rsync: a dot before it, a dot and six letters or digits after it.
    let rsync = name.strip_prefix('.').and_then(|name| name.rsplit_once('.'));
    let rsync = rsync.is_some_and(|(name, tail)| {
        let mixed = tail.contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit());
        name.contains('.') && tail.len() == 6 && mixed && all(tail, char::is_ascii_alphanumeric)
    });
    NAMES.contains(&name) || ENDINGS.iter().any(|end| name.ends_with(end)) || core || nfs || rsync
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Returns whether a link of a build points out of it.
fn leads_out(link: &RelPath, links: &HashMap<&str, &str>) -> bool {
    leads_to(link, links).is_none()
}

/// Returns what a link resolves to, through the other `links` as the kernel follows them; nothing if it leaves the
/// build.
pub(crate) fn leads_to(link: &RelPath, links: &HashMap<&str, &str>) -> Option<String> {
    let mut ahead: Vec<&str> = link.names().rev().collect();
    let mut here: Vec<&str> = Vec::new();
    let mut hops = 0;
    while let Some(name) = ahead.pop() {
        match name {
            ".." => {
                here.pop()?;
                continue;
            }
            "" | "." => continue,
            name => here.push(name),
        }
        let Some(text) = links.get(&*here.join("/")) else { continue };
        hops += 1;
        // The kernel does not follow more: such a link resolves to nothing.
        if hops > HOPS {
            return Some(link.as_str().to_owned());
        }
        if text.starts_with('/') {
            return None;
        }
        here.pop();
        ahead.extend(text.rsplit('/'));
    }
    Some(here.join("/"))
}

/// What is accepted in the names of a build, which people read in terminals and web pages.
const RENAME: &str = "rename it with printable characters";

/// Returns the path in the build of the file at `below` its source.
fn place(to: &RelPath, below: &Path) -> Result<RelPath, String> {
    let text = below.to_str().ok_or("its name is not UTF-8; rename it")?;
    if text.is_empty() {
        return Ok(to.clone());
    }
    // The control characters are among these.
    if let Some(c) = unprintable(text) {
        return Err(format!("its name contains {}; {RENAME}", named(c)));
    }
    let at = to.child(text).map_err(|error: PathError| error.to_string())?;
    if at.depth() > DEEPEST {
        return Err(format!("it is more than {DEEPEST} levels deep in the build; keep the tree flatter"));
    }
    Ok(at)
}
