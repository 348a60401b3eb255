//! Looking at everything that a build server hands over, before any of it is read.
//!
//! Files are found once, sorted by place, and told apart by their neighbours, so that a build of hundreds of
//! thousands takes no more than its list. Everything that is wrong is collected and told at once.

use super::source::{Source, SourceEntry, SourceError, SourceProblem, SourceSpec, Top, mtime, shown};
use crate::word::{PathError, RelPath, named, unprintable};
use std::{
    collections::HashMap,
    fs::Metadata,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use walkdir::WalkDir;

/// How many links the kernel follows on the way to one file.
const HOPS: usize = 40;

impl Source {
    /// Looks at everything that is to be taken, and reads none of it yet.
    pub fn gather(specs: &[SourceSpec]) -> Result<Self, SourceError> {
        let mut gathering = Gathering::default();
        for spec in specs {
            gathering.walk(spec);
        }
        gathering.finish()
    }
}

#[derive(Debug, Default)]
struct Gathering {
    files: Vec<SourceEntry>,
    links: Vec<Link>,
    dirs: Vec<RelPath>,
    warnings: Vec<String>,
    problems: Vec<SourceProblem>,
}

/// How many levels a tree in a build may have: whatever reads or removes it later needs no more than that.
const DEEPEST: usize = 256;

/// A symlink that was found.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    to: RelPath,
    text: String,
    from: PathBuf,
}

/// A directory that the walk is in.
struct Open {
    to: RelPath,
    /// How many files and empty directories had been found before it.
    before: (usize, usize),
}

impl Gathering {
    fn walk(&mut self, spec: &SourceSpec) {
        let failed = |source| SourceProblem::Read { path: shown(&spec.from), source };
        // What the user names is followed; what lies below it is not.
        let top = match std::fs::canonicalize(&spec.from) {
            Ok(from) => from,
            Err(error) => return self.problems.push(failed(error)),
        };
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
                    self.problems.push(SourceProblem::Read { path, source });
                    continue;
                }
            };
            self.leave(&mut open, entry.depth(), taken, spec);
            let below = entry.path().strip_prefix(&top).unwrap_or(Path::new(""));
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

    /// Notes the directories that the walk has left behind without finding anything in them.
    fn leave(&mut self, open: &mut Vec<Open>, depth: usize, taken: usize, spec: &SourceSpec) {
        while open.len() > depth {
            let Some(Open { to, before }) = open.pop() else { return };
            if before == (taken, self.dirs.len()) && spec.only.is_none() && !to.is_root() {
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
                Err(source) => self.problems.push(SourceProblem::Read { path: shown(path), source }),
            };
        }
        if !kind.is_file() {
            let kind = match () {
                () if kind.is_fifo() => "FIFO",
                () if kind.is_socket() => "socket",
                () if kind.is_block_device() || kind.is_char_device() => "device",
                () => "special file",
            };
            return self.problems.push(SourceProblem::Special { path: shown(path), kind });
        }
        if meta.mode() & 0o6000 != 0 {
            self.warnings.push(format!("`{to}` is published without its set-id bit"));
        }
        self.files.push(SourceEntry {
            to,
            top: Arc::clone(top),
            size: meta.size(),
            mtime: mtime(meta),
            inode: meta.ino(),
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
        let texts: HashMap<&str, &str> =
            self.links.iter().map(|link| (link.to.as_str(), &*link.text)).collect();
        for Link { to, text, from } in &self.links {
            if let Some(c) = unprintable(text) {
                let why = format!(
                    "it is a symlink to `{}`, which contains {}; {RENAME}",
                    crate::word::shown(text),
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
        Ok(Source { files: self.files, links, dirs, warnings: self.warnings })
    }

    /// Finds what goes to one place, and files where another source needs a directory.
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

    /// Returns where the file or link comes from that goes to a place.
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

    /// Warns of names that differ in case only.
    fn foldings(&mut self) {
        let paths: Vec<&RelPath> =
            self.files.iter().map(|file| &file.to).chain(self.links.iter().map(|link| &link.to)).collect();
        // Digests instead of texts: what differs in them differs, and the few that agree are looked at.
        let mut folded: Vec<(u64, usize)> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| (digest(&path.as_str().to_lowercase()), index))
            .collect();
        folded.sort_unstable();
        for pair in folded.windows(2) {
            let [(first, a), (second, b)] = pair else { continue };
            let (Some(one), Some(other)) = (paths.get(*a), paths.get(*b)) else { continue };
            let same = first == second && one != other;
            if same && one.as_str().to_lowercase() == other.as_str().to_lowercase() {
                let text =
                    format!("`{one}` and `{other}` differ in case only, which some clients cannot hold");
                self.warnings.push(text);
            }
        }
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Returns whether a link of a build leads out of it.
fn leads_out(link: &RelPath, links: &HashMap<&str, &str>) -> bool {
    leads_to(link, links).is_none()
}

/// Returns where a link leads, on the way through the other `links` as the kernel goes it; nothing when it leads out.
pub(super) fn leads_to(link: &RelPath, links: &HashMap<&str, &str>) -> Option<String> {
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
        // Nobody follows more: such a link leads nowhere.
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

/// Returns the place of what lies at `below` its source.
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
