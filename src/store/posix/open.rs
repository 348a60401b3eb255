//! Opening paths below the root without following a symlink, and reading them.

use super::Posix;
use crate::model::RelPath;
use crate::store::{Entry, Kind, Listed, Listing, Result, Scan, Scanned, StoreError, StoreErrorKind};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

impl Posix {
    /// Opens a path, refusing symlinks on the way and at the end.
    pub(super) fn open_at(
        &self,
        at: &RelPath,
        flags: OFlags,
        doing: &'static str,
    ) -> Result<OwnedFd, StoreError> {
        let text = if at.is_root() { "." } else { at.as_str() };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        loop {
            let opened =
                rustix::fs::openat2(&self.root, text, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
            match opened {
                // The kernel requests another attempt if something on the way was renamed.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::XDEV | Errno::LOOP) => {
                    let above = at.parent().filter(|dir| !dir.is_root());
                    let above = above.map_or(Ok(()), |dir| {
                        let how = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                        rustix::fs::openat2(&self.root, dir.as_str(), how, Mode::empty(), resolve).map(drop)
                    });
                    let what = if above.is_ok() { "it" } else { "a directory on the path" };
                    let why = format!("{what} is a symlink, which mirrorkeep does not follow");
                    return Err(StoreError::because(StoreErrorKind::Escapes, doing, at, &why));
                }
                opened => return opened.map_err(|errno| StoreError::new(doing, at, errno)),
            }
        }
    }

    /// Opens the directory above a path and returns it with the last name.
    pub(super) fn above<'a>(&self, at: &'a RelPath, doing: &'static str) -> Result<(OwnedFd, &'a str)> {
        let dir = at.parent().ok_or_else(|| {
            StoreError::because(StoreErrorKind::WrongKind, doing, at, "the root cannot be changed as a whole")
        })?;
        let fd = self.open_at(&dir, OFlags::PATH | OFlags::DIRECTORY, doing)?;
        Ok((fd, at.name()))
    }

    pub(super) fn look_at(&self, at: &RelPath) -> Result<Option<Entry>> {
        const DOING: &str = "look at";
        if at.is_root() {
            let stat = rustix::fs::fstat(&self.root).map_err(|errno| StoreError::new(DOING, at, errno))?;
            return Ok(Some(entry(&stat, None)));
        }
        let (dir, name) = match self.above(at, DOING) {
            Ok(found) => found,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let name = CString::new(name).unwrap_or_default();
        look_by(&dir, &name).map_err(|(doing, errno)| StoreError::new(doing, at, errno))
    }

    pub(super) fn list_dir(&self, at: &RelPath) -> Result<Listing> {
        const DOING: &str = "list";
        let failed = |errno| StoreError::new(DOING, at, errno);
        let fd = self.open_at(at, OFlags::RDONLY | OFlags::DIRECTORY, DOING)?;
        let mut listing = Listing::default();
        let mut dir = Dir::new(fd).map_err(failed)?;
        while let Some(found) = dir.read() {
            let found = found.map_err(failed)?;
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match found.file_type() {
                // Some file systems do not report it; nothing is assumed.
                FileType::Unknown => {
                    let fd = dir.fd().map_err(failed)?;
                    let stat = rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                    FileType::from_raw_mode(stat.st_mode)
                }
                kind => kind,
            };
            match path_name(name) {
                Some(name) => listing.entries.push(Listed { name: name.to_owned(), kind: kind_of(kind) }),
                None => listing.odd.push(name.to_bytes().escape_ascii().to_string()),
            }
        }
        listing.entries.sort();
        listing.odd.sort();
        Ok(listing)
    }

    /// Returns the entries of a directory, each examined by the directory's handle.
    pub(super) fn scan_dir(&self, at: &RelPath) -> Result<Scan> {
        const DOING: &str = "list";
        let failed = |errno| StoreError::new(DOING, at, errno);
        let fd = self.open_at(at, OFlags::RDONLY | OFlags::DIRECTORY, DOING)?;
        let mut dir = Dir::new(fd).map_err(failed)?;
        let mut found = Scan::default();
        while let Some(next) = dir.read() {
            let next = next.map_err(failed)?;
            let name = next.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(shown) = path_name(name) else {
                found.odd.push(name.to_bytes().escape_ascii().to_string());
                continue;
            };
            match look_by(dir.fd().map_err(failed)?, name) {
                Ok(Some(entry)) => found.entries.push(Scanned { name: shown.to_owned(), entry }),
                Ok(None) => {}
                Err((doing, errno)) => {
                    let path = at.child(shown).unwrap_or_default();
                    found.unread.push((shown.to_owned(), StoreError::new(doing, path, errno)));
                }
            }
        }
        found.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found.unread.sort_by(|a, b| a.0.cmp(&b.0));
        found.odd.sort();
        Ok(found)
    }

    pub(super) fn open_file(&self, at: &RelPath) -> Result<File> {
        Ok(self.open_sized(at)?.0)
    }

    /// Opens a regular file, and returns its size in bytes.
    fn open_sized(&self, at: &RelPath) -> Result<(File, u64)> {
        const DOING: &str = "open";
        // Non-blocking: a FIFO at the path of a file must not hang the process.
        let fd = self.open_at(at, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, DOING)?;
        let size = regular(&fd, at)?;
        Ok((File::from(fd), size))
    }

    pub(super) fn read_all(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        let (file, size) = self.open_sized(at)?;
        if size > limit {
            return Err(too_large(at, size, limit));
        }
        // With space for one byte more, the second read shows that this was all.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default().saturating_add(1));
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::new("read", at, error))?;
        if bytes.len() as u64 > limit {
            return Err(too_large(at, bytes.len() as u64, limit));
        }
        Ok(bytes)
    }
}

fn too_large(at: &RelPath, size: u64, limit: u64) -> StoreError {
    let why = format!("it has {size} bytes, larger than the {limit} bytes that make sense there");
    StoreError::because(StoreErrorKind::TooLarge, "read", at, &why)
}

/// Returns a name that a path can represent.
fn path_name(name: &CStr) -> Option<&str> {
    name.to_str().ok().filter(|name| RelPath::check(name).is_ok())
}

/// Examines a name in an open directory, a link as itself; an error states the action.
fn look_by(dir: impl AsFd, name: &CStr) -> Result<Option<Entry>, (&'static str, Errno)> {
    match rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(("look at", errno)),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
            match rustix::fs::readlinkat(&dir, name, Vec::new()) {
                Err(Errno::NOENT) => Ok(None),
                Err(errno) => Err(("read the link", errno)),
                Ok(text) => Ok(Some(entry(&stat, Some(text.to_string_lossy().into_owned())))),
            }
        }
        Ok(stat) => Ok(Some(entry(&stat, None))),
    }
}

/// Returns whether an error means that nothing can be at the path.
fn missing(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NotFound | StoreErrorKind::WrongKind)
}

/// Returns the size of a regular file; fails for anything else.
fn regular(fd: impl AsFd, at: &RelPath) -> Result<u64> {
    let stat = rustix::fs::fstat(fd).map_err(|errno| StoreError::new("look at", at, errno))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
        return Ok(u64::try_from(stat.st_size).unwrap_or_default());
    }
    Err(StoreError::because(StoreErrorKind::WrongKind, "open", at, "it is not a regular file"))
}

fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}

fn entry(stat: &Stat, link: Option<String>) -> Entry {
    Entry {
        kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        mtime: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
        ctime: stat.st_ctime,
        ctime_nsec: i64::try_from(stat.st_ctime_nsec).unwrap_or_default(),
        mode: stat.st_mode & 0o7777,
        owner: (stat.st_uid, stat.st_gid),
        inode: (stat.st_dev, stat.st_ino),
        names: stat.st_nlink,
        link,
        digest: None,
    }
}

/// Returns a name as bytes for a system call.
pub(super) fn raw(name: &std::ffi::OsStr) -> &[u8] {
    name.as_bytes()
}
