//! Targets of links, as the operating system follows them.
//!
//! A link may be absolute, go through a path outside the root, or climb through another link; only the system itself
//! resolves these as a reader does. The target of a link is not read: it is opened as a path, and its own path and
//! the inodes above it show whether it is below the root. Trees are walked with one open directory at a time, so that
//! no depth exhausts the stack or open files.

use super::{Posix, mounts};
use crate::model::RelPath;
use crate::store::{LinkTarget, Pointer, Result, StoreError};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const DOING: &str = "follow the links in";

/// The root, for comparison with links.
struct Root {
    path: PathBuf,
    inode: (u64, u64),
}

/// A directory on the way down to the one that is being read.
struct Level {
    name: CString,
    inode: (u64, u64),
    ahead: Vec<CString>,
}

impl Posix {
    /// Returns the target of the link at a path.
    pub(super) fn target_of(&self, at: &RelPath) -> Result<LinkTarget> {
        const DOING: &str = "follow the link";
        let failed = |errno| StoreError::new(DOING, at, errno);
        let (dir, name) = match self.above(at, DOING) {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(LinkTarget::Unknown),
            Err(error) => return Err(error),
        };
        let name = CString::new(name).unwrap_or_default();
        match self.root_now().and_then(|root| root.target(&dir, &name)) {
            // It was removed in the meantime, or is not a link any more.
            Err(Errno::NOENT | Errno::INVAL) => Ok(LinkTarget::Unknown),
            target => target.map_err(failed),
        }
    }

    /// Returns every link below a directory, or only those below its names that a path cannot represent.
    pub(super) fn pointers_below(&self, top: &RelPath, only_odd: bool) -> Result<Vec<Pointer>> {
        let root = self.root_now().map_err(|errno| StoreError::new(DOING, top, errno))?;
        let mut found = Vec::new();
        let mut fd = match self.open_at(top, OFlags::RDONLY | OFlags::DIRECTORY, DOING) {
            Err(error) if error.is_not_found() => return Ok(found),
            opened => opened?,
        };
        let mut levels: Vec<Level> = Vec::new();
        let mut entered = Some(CString::default());
        loop {
            let failed = |levels: &[Level], name: Option<&CStr>, errno| {
                StoreError::new(DOING, shown(top, levels, name), errno)
            };
            if let Some(name) = entered.take() {
                let odd = only_odd && levels.is_empty();
                let read = read(&fd, odd);
                let (inode, links, ahead) = read.map_err(|errno| failed(&levels, Some(&name), errno))?;
                levels.push(Level { name, inode, ahead });
                for link in links {
                    let target = match root.target(&fd, &link) {
                        // It was removed in the meantime, or its path is impossible.
                        Err(Errno::NOENT) => continue,
                        target => target.map_err(|errno| failed(&levels, Some(&link), errno))?,
                    };
                    found.push(Pointer { path: shown(top, &levels, Some(&link)), target });
                }
            }
            let Some(level) = levels.last_mut() else { return Ok(found) };
            if let Some(name) = level.ahead.pop() {
                match open(&fd, &name) {
                    Ok(below) => (fd, entered) = (below, Some(name)),
                    // It was removed in the meantime, or replaced by a link.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                    Err(errno) => return Err(failed(&levels, Some(&name), errno)),
                }
                continue;
            }
            levels.pop();
            let Some(above) = levels.last() else { return Ok(found) };
            fd = open(&fd, c"..").map_err(|errno| failed(&levels, None, errno))?;
            if inode(&fd) != Ok(above.inode) {
                // A directory was moved elsewhere while it was read.
                return Err(failed(&levels, None, Errno::STALE));
            }
        }
    }

    fn root_now(&self) -> Result<Root, Errno> {
        Ok(Root { path: mounts::path_of(&self.root)?, inode: inode(&self.root)? })
    }
}

impl Root {
    /// Returns the target of a link in an open directory.
    fn target(&self, dir: &OwnedFd, name: &CStr) -> Result<LinkTarget, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        match rustix::fs::openat(dir, name, flags, Mode::empty()) {
            Ok(fd) => self.of(fd),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {
                let text = rustix::fs::readlinkat(dir, name, Vec::new())?;
                let text = Path::new(OsStr::from_bytes(text.to_bytes()));
                Ok(mounts::below(&self.path, text).map_or(LinkTarget::Unknown, LinkTarget::Missing))
            }
            Err(errno) => Err(errno),
        }
    }

    /// Returns the path of an open file.
    fn of(&self, mut fd: OwnedFd) -> Result<LinkTarget, Errno> {
        let path = loop {
            match mounts::path_of(&fd) {
                // Too deep for a path; what is above it is in the same build.
                Err(Errno::NAMETOOLONG) => fd = open(&fd, c"..")?,
                path => break path?,
            }
        };
        if path == self.path {
            return Ok(LinkTarget::To(RelPath::root()));
        }
        if let Some(at) = mounts::below(&self.path, &path) {
            return Ok(LinkTarget::To(at));
        }
        // The same directory may have another path, too.
        for above in path.ancestors() {
            let stat = rustix::fs::stat(above);
            if stat.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == self.inode) {
                return Ok(LinkTarget::To(mounts::below(above, &path).unwrap_or_default()));
            }
        }
        Ok(LinkTarget::Outside)
    }
}

fn open(dir: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

fn inode(fd: impl AsFd) -> Result<(u64, u64), Errno> {
    let stat = rustix::fs::fstat(fd)?;
    Ok((stat.st_dev, stat.st_ino))
}

type Read = ((u64, u64), Vec<CString>, Vec<CString>);

/// Returns the inode of a directory, its links and its directories.
fn read(fd: &OwnedFd, only_odd: bool) -> Result<Read, Errno> {
    let (mut links, mut dirs) = (Vec::new(), Vec::new());
    for found in Dir::read_from(fd)? {
        let found = found?;
        let name = found.file_name();
        let is_plain = || name.to_str().is_ok_and(|name| RelPath::check(name).is_ok());
        if matches!(name.to_bytes(), b"." | b"..") || only_odd && is_plain() {
            continue;
        }
        let kind = match found.file_type() {
            FileType::Unknown => match rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => FileType::from_raw_mode(stat?.st_mode),
            },
            kind => kind,
        };
        match kind {
            FileType::Symlink => links.push(name.to_owned()),
            FileType::Directory => dirs.push(name.to_owned()),
            _ => {}
        }
    }
    Ok((inode(fd)?, links, dirs))
}

/// Returns the path of a name below the levels, as far as one can be written; other names are escaped.
fn shown(top: &RelPath, levels: &[Level], name: Option<&CStr>) -> RelPath {
    let names = levels.iter().map(|level| level.name.as_c_str()).chain(name);
    let mut text = top.as_str().to_owned();
    for name in names.filter(|name| !name.is_empty()) {
        let name = match name.to_str() {
            Ok(name) if RelPath::check(name).is_ok() => name.to_owned(),
            _ => name.to_bytes().escape_ascii().to_string(),
        };
        if text.len() + name.len() > 3000 {
            break;
        }
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(&name);
    }
    text.parse().unwrap_or_else(|_| top.clone())
}
