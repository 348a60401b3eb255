//! What a build server hands over: files and directories of its workspace, mapped onto places in a build.
//!
//! The source is not trusted. Symlinks are never followed, not even when one is swapped in between looking and
//! opening; what is no regular file, cannot be read or cannot be named in a mirror is reported, everything at
//! once, before a byte is copied. Set-id and write permission never come along: only whether a file is executable.
//! A build of another mirror is a source as well (`elsewhere.rs`).

pub(crate) mod gather;
mod git;
mod hash;
mod lines;
mod problem;
mod remote;

pub use git::{Checkouts, GitError, context_of};
pub use hash::{Watched, hash};
pub use lines::Lines;
pub use problem::{SourceError, SourceProblem};

use crate::layout::Files;
use crate::model::{Digest, RelPath};
use crate::record::{Manifest, Seen};
use crate::source::remote::{RemoteBuild, Stream};
use crate::store::{Fill, Store};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// How many files, links and directories were left out on request.
    pub excluded: u64,
    /// How many files and links are not in the list of what is taken.
    pub unlisted: u64,
}

/// One regular file as it looked when it was found.
#[derive(Debug, Clone)]
pub struct SourceEntry {
    /// Its place in the build.
    pub to: RelPath,
    /// Where the whole that it belongs to is, and goes: a build has hundreds of thousands of files.
    pub(crate) top: Arc<Top>,
    /// How many bytes it has.
    pub size: u64,
    /// Its time, in nanoseconds since 1970; nothing where another mirror does not know it.
    pub mtime: Option<i128>,
    /// Its inode; 0 in another mirror.
    pub inode: u64,
    /// Its device, where it has more names than this; files of one inode share their bytes.
    pub linked: Option<u64>,
    /// Whether anybody may execute it.
    pub executable: bool,
}

/// What was named as a source.
#[derive(Debug)]
pub(crate) enum Top {
    /// A file or directory of this machine.
    Disk {
        /// Its place in the build.
        to: RelPath,
        /// Where it is.
        from: PathBuf,
    },
    /// A build of another mirror.
    Build(RemoteBuild),
}

/// More than a file that says something of a build ever has, in bytes.
const MARKER_LIMIT: u64 = 1 << 20;

impl Files for Source {
    type Error = io::Error;

    fn has(&self, at: &RelPath) -> io::Result<bool> {
        Ok(self.files.iter().any(|file| file.to == *at))
    }

    fn text(&self, at: &RelPath) -> io::Result<Option<String>> {
        let Some(file) = self.files.iter().find(|file| file.to == *at) else { return Ok(None) };
        let named =
            |why: &dyn std::fmt::Display| io::Error::other(format!("`{}`: {why}", file.from().display()));
        if file.size > MARKER_LIMIT {
            return Err(named(&format!("it has {} bytes, and at most {MARKER_LIMIT} are read", file.size)));
        }
        let open = file.open().map_err(|problem| io::Error::other(problem.to_string()))?;
        let mut bytes = Vec::new();
        open.take(MARKER_LIMIT).read_to_end(&mut bytes).map_err(|error| named(&error))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

impl Source {
    /// Returns a build of another mirror, of which the manifest is known.
    pub(crate) fn elsewhere(store: Arc<dyn Store>, root: RelPath, mut manifest: Manifest) -> Self {
        manifest.sort();
        let links = std::mem::take(&mut manifest.links);
        let dirs = std::mem::take(&mut manifest.dirs);
        let top = Arc::new(Top::Build(RemoteBuild::new(store, root, manifest)));
        let Top::Build(build) = &*top else { return Self::default() };
        let files = build.files().iter().map(|file| SourceEntry {
            to: file.path.clone(),
            top: Arc::clone(&top),
            size: file.size,
            mtime: file.time(),
            inode: 0,
            linked: None,
            executable: file.mode & 0o111 != 0,
        });
        let files = files.collect();
        let links = links.into_iter().map(|link| (link.path, link.text)).collect();
        Self { files, links, dirs, ..Self::default() }
    }

    /// Returns how many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// A source file that is open and known to be the one that was found.
#[derive(Debug)]
pub enum OpenSource {
    /// A file of this machine.
    Disk {
        /// The file.
        file: File,
        /// The directory that holds it.
        dir: File,
    },
    /// A file of another mirror.
    Stream(Box<Stream>),
}

impl Read for OpenSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk { file, .. } => file.read(buffer),
            Self::Stream(stream) => stream.read(buffer),
        }
    }
}

impl OpenSource {
    /// Goes back to the start of the file.
    pub fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::Disk { file, .. } => file.rewind(),
            Self::Stream(stream) => {
                stream.rewind();
                Ok(())
            }
        }
    }

    /// Returns what went wrong while another mirror was read, so that it is not taken for a failure of the target.
    pub fn problem(&mut self) -> Option<SourceProblem> {
        match self {
            Self::Disk { .. } => None,
            Self::Stream(stream) => stream.problem(),
        }
    }
}

impl SourceProblem {
    /// Returns whether it is that nothing is there any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NothingFits { .. } | Self::NotThere { .. } => true,
            _ => false,
        }
    }
}

impl SourceEntry {
    /// Returns where the file is.
    pub fn from(&self) -> PathBuf {
        match &*self.top {
            Top::Disk { to, from } => match self.to.below(to) {
                Some(below) if !below.is_root() => from.join(below.as_str()),
                _ => from.clone(),
            },
            Top::Build(build) => build.shown(&self.to),
        }
    }

    /// Returns its digest where that is written down, as in another mirror.
    pub fn digest(&self) -> Option<Digest> {
        match &*self.top {
            Top::Disk { .. } => None,
            Top::Build(build) => build.digest(&self.to),
        }
    }

    /// Returns how it looks, so that the next publish can tell it untouched; nothing in another mirror.
    pub fn seen(&self) -> Option<Seen> {
        match &*self.top {
            Top::Disk { .. } => self.mtime.map(|mtime| Seen { mtime, inode: self.inode }),
            Top::Build(_) => None,
        }
    }

    /// Opens the file and makes sure that it is still the one that was found.
    pub fn open(&self) -> Result<OpenSource, SourceProblem> {
        if let Top::Build(build) = &*self.top {
            return Ok(OpenSource::Stream(Box::new(build.open(&self.to, self.size))));
        }
        let from = self.from();
        let failed = |source: io::Error| SourceProblem::Read { path: shown(&from), source };
        let above = from.parent().unwrap_or(Path::new("/"));
        let name = from.file_name().unwrap_or_default();
        // The walk found `above` without following links below the named source; no link may be there now.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir =
            rustix::fs::openat2(rustix::fs::CWD, above, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let dir = dir.map_err(|errno| match errno {
            Errno::LOOP => SourceProblem::Changed { path: shown(&from) },
            errno => failed(errno.into()),
        })?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&dir, name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::LOOP => SourceProblem::Changed { path: shown(&from) },
            errno => failed(errno.into()),
        })?;
        let open = OpenSource::Disk { file: File::from(file), dir: File::from(dir) };
        self.unchanged(&open)?;
        Ok(open)
    }

    /// Fails when the open file is not what was found.
    pub fn unchanged(&self, open: &OpenSource) -> Result<(), SourceProblem> {
        // What is read from another mirror is held against its digest instead.
        let OpenSource::Disk { file, .. } = open else { return Ok(()) };
        let meta = file.metadata();
        let meta = meta.map_err(|source| SourceProblem::Read { path: shown(&self.from()), source })?;
        let same = meta.is_file() && meta.ino() == self.inode && meta.size() == self.size;
        if same && Some(mtime(&meta)) == self.mtime {
            return Ok(());
        }
        Err(SourceProblem::Changed { path: shown(&self.from()) })
    }

    /// Removes the file, if it is still the one that was found.
    pub fn remove(&self) -> Result<(), SourceProblem> {
        let (from, open) = (self.from(), self.open()?);
        let name = from.file_name().unwrap_or_default();
        let failed = |errno: Errno| SourceProblem::Read { path: shown(&from), source: errno.into() };
        // Another mirror is only ever read.
        let OpenSource::Disk { dir, .. } = open else { return Err(failed(Errno::ROFS)) };
        rustix::fs::unlinkat(&dir, name, AtFlags::empty()).map_err(failed)
    }

    /// Returns how it is published; a time that another mirror does not know is that of writing.
    pub(crate) fn fill(&self) -> Fill {
        Fill { mode: self.mode(), mtime: self.mtime }
    }

    /// Returns the permission bits that it is published with.
    pub fn mode(&self) -> u32 {
        if self.executable { 0o555 } else { 0o444 }
    }
}

pub(crate) fn mtime(meta: &std::fs::Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
