//! The input of a publish: files and directories of a workspace, mapped to paths in a build.
//!
//! The source is not trusted. Symlinks are never followed, not even if one is swapped in between examining and
//! opening; what is not a regular file, cannot be read or cannot be named in a mirror is reported, everything at
//! once, before a byte is copied. Set-id bits and write permission are never copied: only whether a file is
//! executable. A build of another mirror is a source as well (`remote.rs`).

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
pub(crate) use crate::source::remote::Origin;
use crate::source::remote::{RemoteBuild, Stream};
use crate::store::Fill;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file or directory to publish, and its path in the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// Its path in the build; the root of the build for a whole workspace.
    pub to: RelPath,
    /// The file or directory on this machine.
    pub from: PathBuf,
    /// The files below `from`, as a pattern of the path below it; all without one.
    pub only: Option<glob::Pattern>,
}

/// What was found, by its path in the build.
#[derive(Debug, Default)]
pub struct Source {
    /// Regular files, sorted by path.
    pub files: Vec<SourceEntry>,
    /// Symlinks that stay inside the build: path and text.
    pub links: Vec<(RelPath, String)>,
    /// Empty directories.
    pub dirs: Vec<RelPath>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// The number of files, links and directories that were excluded on request.
    pub excluded: u64,
    /// The number of files and links that are not in the list of files to publish.
    pub unlisted: u64,
}

/// The metadata of one regular file when it was found.
#[derive(Debug, Clone)]
pub struct SourceEntry {
    /// Its path in the build.
    pub to: RelPath,
    /// The source to which it belongs, shared since a build has hundreds of thousands of files.
    pub(crate) top: Arc<Top>,
    /// Its size in bytes.
    pub size: u64,
    /// Its time, in nanoseconds since 1970; nothing if another mirror does not know it.
    pub mtime: Option<i128>,
    /// Its inode; 0 in another mirror.
    pub inode: u64,
    /// Its device, if it has several names; files with one inode share their bytes.
    pub linked: Option<u64>,
    /// Whether any user may execute it.
    pub executable: bool,
}

/// A source as it was named.
#[derive(Debug)]
pub(crate) enum Top {
    /// A file or directory of this machine.
    Disk {
        /// Its path in the build.
        to: RelPath,
        /// Where it is.
        from: PathBuf,
    },
    /// A build of another mirror.
    Build(RemoteBuild),
}

/// More bytes than a file that describes a build ever has.
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
    /// Returns a build of another mirror, whose manifest is known.
    pub(crate) fn elsewhere(store: Arc<dyn Origin>, root: RelPath, mut manifest: Manifest) -> Self {
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

    /// Returns the total size of the files in bytes.
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
        /// Its directory.
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

    /// Returns the error of reading another mirror, so that it is not taken for a failure of the target.
    pub fn problem(&mut self) -> Option<SourceProblem> {
        match self {
            Self::Disk { .. } => None,
            Self::Stream(stream) => stream.problem(),
        }
    }
}

impl SourceProblem {
    /// Returns whether it means that the file does not exist any more.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Read { cause, .. } => cause.kind() == io::ErrorKind::NotFound,
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

    /// Returns its recorded digest, if there is one, as in another mirror.
    pub fn digest(&self) -> Option<Digest> {
        match &*self.top {
            Top::Disk { .. } => None,
            Top::Build(build) => build.digest(&self.to),
        }
    }

    /// Returns its state, so that the next publish can recognize it as unchanged; nothing in another mirror.
    pub fn seen(&self) -> Option<Seen> {
        match &*self.top {
            Top::Disk { .. } => self.mtime.map(|mtime| Seen { mtime, inode: self.inode }),
            Top::Build(_) => None,
        }
    }

    /// Opens the file and checks that it is still the one that was found.
    pub fn open(&self) -> Result<OpenSource, SourceProblem> {
        if let Top::Build(build) = &*self.top {
            return Ok(OpenSource::Stream(Box::new(build.open(&self.to, self.size))));
        }
        let from = self.from();
        let failed = |source: io::Error| SourceProblem::Read { path: shown(&from), cause: source };
        let above = from.parent().unwrap_or(Path::new("/"));
        let name = from.file_name().unwrap_or_default();
        // The walk found `above` without following links below the named source; there must be no link now.
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

    /// Fails if the open file is not the one that was found.
    pub fn unchanged(&self, open: &OpenSource) -> Result<(), SourceProblem> {
        // A file of another mirror is compared with its digest instead.
        let OpenSource::Disk { file, .. } = open else { return Ok(()) };
        let meta = file.metadata();
        let meta = meta.map_err(|source| SourceProblem::Read { path: shown(&self.from()), cause: source })?;
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
        let failed = |errno: Errno| SourceProblem::Read { path: shown(&from), cause: errno.into() };
        // Another mirror is only ever read.
        let OpenSource::Disk { dir, .. } = open else { return Err(failed(Errno::ROFS)) };
        rustix::fs::unlinkat(&dir, name, AtFlags::empty()).map_err(failed)
    }

    /// Returns its metadata when published; a time that another mirror does not know is the current one.
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
