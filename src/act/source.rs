//! What a build server hands over: files and directories of its workspace, mapped onto places in a build.
//!
//! The source is not trusted. Symlinks are never followed, not even when one is swapped in between looking and
//! opening; what is no regular file, cannot be read or cannot be named in a mirror is reported, everything at
//! once, before a byte is copied. Set-id and write permission never come along: only whether a file is executable.

use crate::word::{PathError, RelPath};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// One thing to take, and where it goes in the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// The place in the build; the root of the build for a whole workspace.
    pub to: RelPath,
    /// The file or directory on this machine.
    pub from: PathBuf,
    /// Which files below `from` are meant, as a pattern over the path below it; all without one.
    pub only: Option<glob::Pattern>,
}

/// What was found, by its place in the build.
#[derive(Debug, Default)]
pub struct Source {
    /// Regular files, sorted by place.
    pub files: Vec<SourceEntry>,
    /// Symlinks that stay inside the build: place and text.
    pub links: Vec<(RelPath, String)>,
    /// Directories with nothing in them.
    pub dirs: Vec<RelPath>,
    /// What a person should know, though it is no error.
    pub warnings: Vec<String>,
}

/// One regular file as it looked when it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its place in the build.
    pub to: RelPath,
    /// Where it is.
    pub from: PathBuf,
    /// How many bytes it has.
    pub size: u64,
    /// Its time, in nanoseconds since 1970.
    pub mtime: i128,
    /// Its inode.
    pub inode: u64,
    /// Whether anybody may execute it.
    pub executable: bool,
}

/// Says what is wrong with a source: everything that was found, at most twenty of it told.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(.0))]
pub struct SourceError(pub Vec<SourceProblem>);

/// One thing that cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum SourceProblem {
    /// It cannot be looked at or read.
    #[error("`{path}`: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// It has no name that a mirror can hold.
    #[error("`{path}`: {why}")]
    Name {
        /// Which file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is a device, FIFO or socket.
    #[error("`{path}` is a {kind}; regular files, directories and links inside the build are accepted")]
    Special {
        /// Which file.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A symlink leads out of the build.
    #[error("`{path}` is a symlink to `{text}`, outside the build; add the file itself with --add")]
    LinkOut {
        /// Which link.
        path: String,
        /// What it holds.
        text: String,
    },
    /// Two things go to one place.
    #[error("`{to}` would come from both `{first}` and `{second}`")]
    Twice {
        /// The place in the build.
        to: RelPath,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// A file goes where another needs a directory.
    #[error("`{to}` would be a file, from `{first}`, and the directory of `{below}`, from `{second}`")]
    Within {
        /// The place in the build.
        to: RelPath,
        /// What is to be a file there.
        first: String,
        /// The place of the other.
        below: RelPath,
        /// The other.
        second: String,
    },
    /// Nothing was found that a pattern names.
    #[error("nothing below `{path}` fits `{pattern}`")]
    NothingFits {
        /// Where was looked.
        path: String,
        /// The pattern.
        pattern: String,
    },
    /// It was changed while it was read.
    #[error("`{path}` changed while it was read; publish when the build has finished writing")]
    Changed {
        /// Which file.
        path: String,
    },
}

/// How many links the kernel follows on the way to one file.
const HOPS: usize = 40;

/// How many problems are told.
const TOLD: usize = 20;

fn told(problems: &[SourceProblem]) -> String {
    let mut text: Vec<String> = problems.iter().take(TOLD).map(ToString::to_string).collect();
    if problems.len() > TOLD {
        text.push(format!("and {} more", problems.len() - TOLD));
    }
    text.join("\n  ")
}

impl Source {
    /// Looks at everything that is to be taken, and reads none of it yet.
    pub fn gather(specs: &[SourceSpec]) -> Result<Self, SourceError> {
        let mut gathering = Gathering::default();
        for spec in specs {
            gathering.walk(spec);
        }
        gathering.finish()
    }

    /// Returns how many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

#[derive(Debug, Default)]
struct Gathering {
    files: Vec<SourceEntry>,
    links: Vec<(RelPath, String, PathBuf)>,
    dirs: Vec<(RelPath, PathBuf)>,
    warnings: Vec<String>,
    problems: Vec<SourceProblem>,
}

impl Gathering {
    fn walk(&mut self, spec: &SourceSpec) {
        let failed = |source| SourceProblem::Read { path: shown(&spec.from), source };
        // What the user names is followed; what lies below it is not.
        let top = match std::fs::canonicalize(&spec.from) {
            Ok(top) => top,
            Err(error) => return self.problems.push(failed(error)),
        };
        let mut taken = 0usize;
        let mut walker = WalkDir::new(&top).follow_links(false).into_iter();
        let mut open: Vec<(PathBuf, RelPath, usize)> = Vec::new();
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
            self.leave(&mut open, entry.depth(), taken, spec.only.is_some());
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
                open.push((entry.path().to_owned(), to, taken));
                continue;
            }
            if spec.only.as_ref().is_some_and(|only| !only.matches(&below.to_string_lossy())) {
                continue;
            }
            taken += 1;
            match entry.metadata() {
                Ok(meta) => self.take(entry.path(), to, &meta),
                Err(error) => self.problems.push(failed(error.into())),
            }
        }
        self.leave(&mut open, 0, taken, spec.only.is_some());
        if let (0, Some(only)) = (taken, &spec.only) {
            let pattern = only.as_str().to_owned();
            self.problems.push(SourceProblem::NothingFits { path: shown(&spec.from), pattern });
        }
    }

    /// Notes the directories that the walk has left behind without finding anything in them.
    fn leave(&mut self, open: &mut Vec<(PathBuf, RelPath, usize)>, depth: usize, taken: usize, picky: bool) {
        while open.len() > depth {
            let Some((path, to, before)) = open.pop() else { return };
            let inner = self.dirs.iter().any(|(dir, _)| dir.is_within(&to) && *dir != to);
            if before == taken && !inner && !picky && !to.is_root() {
                self.dirs.push((to, path));
            }
        }
    }

    fn take(&mut self, path: &Path, to: RelPath, meta: &std::fs::Metadata) {
        let kind = meta.file_type();
        if kind.is_symlink() {
            return match std::fs::read_link(path) {
                Ok(text) => self.links.push((to, text.to_string_lossy().into_owned(), path.to_owned())),
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
            from: path.to_owned(),
            size: meta.size(),
            mtime: mtime(meta),
            inode: meta.ino(),
            executable: meta.mode() & 0o111 != 0,
        });
    }

    fn finish(mut self) -> Result<Source, SourceError> {
        let mut seen: BTreeMap<&RelPath, &Path> = BTreeMap::new();
        let files = self.files.iter().map(|file| (&file.to, &*file.from));
        let links = self.links.iter().map(|(to, _, from)| (to, &**from));
        let mut twice = Vec::new();
        for (to, from) in files.chain(links) {
            if let Some(first) = seen.insert(to, from) {
                let (first, second) = (shown(first), shown(from));
                twice.push(SourceProblem::Twice { to: to.clone(), first, second });
            }
        }
        // A file where another source needs a directory.
        for (below, from) in &seen {
            let above = below.ancestors().find_map(|above| Some((seen.get(&above)?, above)));
            if let Some((first, to)) = above {
                let (first, second) = (shown(first), shown(from));
                twice.push(SourceProblem::Within { to, first, below: (*below).clone(), second });
            }
        }
        let mut folded: BTreeMap<String, &RelPath> = BTreeMap::new();
        for to in seen.keys() {
            if let Some(other) = folded.insert(to.as_str().to_lowercase(), to) {
                self.warnings.push(format!(
                    "`{other}` and `{to}` differ in case only, which some clients cannot hold"
                ));
            }
        }
        self.problems.extend(twice);
        let texts: HashMap<&str, &str> =
            self.links.iter().map(|(to, text, _)| (to.as_str(), &**text)).collect();
        for (to, text, from) in &self.links {
            if leads_out(to, &texts) || text.chars().any(char::is_control) {
                let text = text.escape_debug().to_string();
                self.problems.push(SourceProblem::LinkOut { path: shown(from), text });
            }
        }
        if !self.problems.is_empty() {
            return Err(SourceError(self.problems));
        }
        let mut files = self.files;
        files.sort_by(|a, b| a.to.cmp(&b.to));
        let mut links: Vec<_> = self.links.into_iter().map(|(to, text, _)| (to, text)).collect();
        links.sort();
        let full = |dir: &RelPath| {
            files.iter().any(|file| file.to.is_within(dir)) || links.iter().any(|(to, _)| to.is_within(dir))
        };
        let mut dirs: Vec<_> = self.dirs.into_iter().map(|(to, _)| to).collect();
        dirs.sort();
        dirs.dedup();
        dirs.retain(|dir| !full(dir));
        Ok(Source { files, links, dirs, warnings: self.warnings })
    }
}

/// Returns whether a link of a build leads out of it, on the way through its other links as the kernel goes it.
fn leads_out(link: &RelPath, links: &HashMap<&str, &str>) -> bool {
    let mut ahead: Vec<&str> = link.names().rev().collect();
    let mut here: Vec<&str> = Vec::new();
    let mut hops = 0;
    while let Some(name) = ahead.pop() {
        match name {
            ".." if here.pop().is_none() => return true,
            "" | "." | ".." => continue,
            name => here.push(name),
        }
        let Some(text) = links.get(&*here.join("/")) else { continue };
        hops += 1;
        // Nobody follows more: such a link leads nowhere.
        if hops > HOPS {
            return false;
        }
        if text.starts_with('/') {
            return true;
        }
        here.pop();
        ahead.extend(text.rsplit('/'));
    }
    false
}

/// A source file that is open and known to be the one that was found.
#[derive(Debug)]
pub struct OpenSource {
    /// The file.
    pub file: File,
    /// The directory that holds it.
    pub dir: File,
}

impl SourceEntry {
    /// Opens the file and makes sure that it is still the one that was found.
    pub fn open(&self) -> Result<OpenSource, SourceProblem> {
        let failed = |source: io::Error| SourceProblem::Read { path: shown(&self.from), source };
        let above = self.from.parent().unwrap_or(Path::new("/"));
        let name = self.from.file_name().unwrap_or_default();
        // The walk found `above` without following links below the named source; no link may be there now.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir =
            rustix::fs::openat2(rustix::fs::CWD, above, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let dir = dir.map_err(|errno| match errno {
            Errno::LOOP => SourceProblem::Changed { path: shown(&self.from) },
            errno => failed(errno.into()),
        })?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&dir, name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => SourceProblem::Changed { path: shown(&self.from) },
            errno => failed(errno.into()),
        })?;
        let open = OpenSource { file: File::from(file), dir: File::from(dir) };
        self.unchanged(&open)?;
        Ok(open)
    }

    /// Fails when the open file is not what was found.
    pub fn unchanged(&self, open: &OpenSource) -> Result<(), SourceProblem> {
        let meta = open.file.metadata();
        let meta = meta.map_err(|source| SourceProblem::Read { path: shown(&self.from), source })?;
        let same = meta.is_file() && meta.ino() == self.inode && meta.size() == self.size;
        if same && mtime(&meta) == self.mtime {
            return Ok(());
        }
        Err(SourceProblem::Changed { path: shown(&self.from) })
    }

    /// Removes the file, if it is still the one that was found.
    pub fn remove(&self) -> Result<(), SourceProblem> {
        let open = self.open()?;
        let name = self.from.file_name().unwrap_or_default();
        let failed = |errno: Errno| SourceProblem::Read { path: shown(&self.from), source: errno.into() };
        rustix::fs::unlinkat(&open.dir, name, AtFlags::empty()).map_err(failed)
    }

    /// Returns the permission bits that it is published with.
    pub fn mode(&self) -> u32 {
        if self.executable { 0o555 } else { 0o444 }
    }
}

fn mtime(meta: &std::fs::Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

/// Returns the place of what lies at `below` its source.
fn place(to: &RelPath, below: &Path) -> Result<RelPath, String> {
    let text = below.to_str().ok_or("its name is not UTF-8; rename it")?;
    if text.is_empty() {
        return Ok(to.clone());
    }
    to.child(text).map_err(|error| match error {
        PathError::Control(_) => "its name holds a control character; rename it".to_owned(),
        error => error.to_string(),
    })
}
