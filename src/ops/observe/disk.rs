//! The directory of a mirror, opened beside its store, for what no store offers: modes, and reading without filling
//! the page cache.
//!
//! Every path is opened below the root with symlinks refused, as the store does. A mirror that is not a directory, or
//! not the one that the store has open, has no disk; then whatever needs one is left out or done through the store.

use crate::mirror::Mirror;
use crate::model::RelPath;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Advice, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// The directory of a mirror.
#[derive(Debug)]
pub(crate) struct Disk {
    root: OwnedFd,
    path: PathBuf,
}

/// A file that is read once and leaves nothing in the page cache that was not there before.
#[derive(Debug)]
pub(crate) struct Once {
    file: File,
    cached: bool,
}

impl Disk {
    /// Opens the directory of a mirror, if it has one.
    pub(crate) fn of(mirror: &Mirror) -> Option<Self> {
        let path = std::fs::canonicalize(mirror.store().shown()).ok()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&root).ok()?;
        let store = mirror.store().look(&RelPath::root()).ok()??;
        (store.inode == (stat.st_dev, stat.st_ino)).then_some(Self { root, path })
    }

    /// Returns the path of an absolute target below the root; nothing if it is elsewhere.
    pub(crate) fn below(&self, path: &str) -> Option<RelPath> {
        let rest = std::path::Path::new(path).strip_prefix(&self.path).ok()?;
        rest.to_str()?.trim_end_matches('/').parse().ok()
    }

    fn open(&self, at: &RelPath, flags: OFlags) -> Result<OwnedFd, Errno> {
        let text = if at.is_root() { "." } else { at.as_str() };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        loop {
            match rustix::fs::openat2(&self.root, text, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return opened,
            }
        }
    }

    /// Opens a regular file to be read once.
    pub(crate) fn read_once(&self, at: &RelPath) -> io::Result<Once> {
        let fd = self.open(at, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        if FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is not a regular file"));
        }
        // What another process already reads stays in memory for it.
        let cached = is_cached(&fd);
        rustix::fs::fadvise(&fd, 0, None, Advice::Sequential).ok();
        Ok(Once { file: File::from(fd), cached })
    }

    /// Adds permission bits to a file or directory; refuses a link.
    pub(crate) fn permit(&self, at: &RelPath, bits: u32) -> io::Result<()> {
        let fd = self.open(at, OFlags::PATH | OFlags::NOFOLLOW)?;
        let stat = rustix::fs::fstat(&fd)?;
        if !matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory) {
            return Err(io::Error::other("it is neither a file nor a directory"));
        }
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777 | bits);
        // Exactly the opened file, even if its name is another file's by now; without the right to read it, only its
        // name can be used.
        Ok(rustix::fs::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode)?)
    }
}

/// Returns whether the start of a file is in memory already.
fn is_cached(fd: impl AsFd) -> bool {
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    rustix::io::preadv2(fd, &mut buffers, 0, ReadWriteFlags::NOWAIT).is_ok_and(|read| read > 0)
}

impl Read for Once {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if !self.cached {
            rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed).ok();
        }
    }
}
