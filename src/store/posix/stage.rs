//! Filling a stage: bytes that no reader sees yet, written as fast as the disk accepts them.
//!
//! Nothing here is durable until [`Posix::sync_all`] returned: one `syncfs` for the whole stage is far cheaper than
//! a sync for each file, and early write-back lets the disk work while the next file is hashed.

use super::open::raw;
use super::{Posix, copy};
use crate::model::RelPath;
use crate::store::{Fill, Filled, Result, Shared, SourceFile, StoreError, StoreErrorKind, Take};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;

impl Posix {
    pub(super) fn fill_file(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        const DOING: &str = "write";
        let (mut file, dir) = self.create(at)?;
        let filled = copy::copy_and_hash(from, &mut file, &self.uncached)
            .map_err(|error| StoreError::new(DOING, at, error))
            .and_then(|filled| {
                dress(&file, Fill { mode: self.file_mode(how.mode).as_raw_mode(), ..how })
                    .map(|()| filled)
                    .map_err(|e| StoreError::new(DOING, at, e))
            });
        if filled.is_err() {
            rustix::fs::unlinkat(&dir, at.name(), AtFlags::empty()).ok();
        }
        filled
    }

    pub(super) fn share_file(&self, from: &RelPath, to: &RelPath) -> Result<Shared> {
        const DOING: &str = "link";
        let (old_dir, old) = match self.above(from, DOING) {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(Shared::No),
            Err(error) => return Err(error),
        };
        let dir = self.make_dirs(&to.parent().unwrap_or_default())?;
        let name = to.name();
        let mut linked = rustix::fs::linkat(&old_dir, old, &dir, name, AtFlags::empty());
        if linked == Err(Errno::EXIST) {
            // The existing entry stays until the link is made: the link may be refused.
            let (scratch, temporary) = self.scratch()?;
            linked = rustix::fs::linkat(&old_dir, old, &scratch, &*temporary, AtFlags::empty())
                .and_then(|()| rustix::fs::renameat(&scratch, &*temporary, &dir, name));
            // A rename to another name of the same file removes neither.
            rustix::fs::unlinkat(&scratch, &*temporary, AtFlags::empty()).ok();
        }
        shared(linked, to, DOING)
    }

    pub(super) fn clone_file(&self, from: &RelPath, to: &RelPath, fill: Fill) -> Result<Shared> {
        let source = match self.open_file(from) {
            Ok(source) => source,
            Err(error) if error.is_not_found() => return Ok(Shared::No),
            Err(error) => return Err(error),
        };
        let (file, dir) = self.create(to)?;
        if rustix::fs::ioctl_ficlone(&file, &source).is_err() {
            rustix::fs::unlinkat(&dir, to.name(), AtFlags::empty()).ok();
            return Ok(Shared::No);
        }
        dress(&file, fill).map(|()| Shared::Yes).map_err(|errno| StoreError::new("clone", to, errno))
    }

    pub(super) fn take_file(
        &self,
        from: &SourceFile<'_>,
        at: &RelPath,
        how: Take,
        fill: Fill,
    ) -> Result<Shared> {
        const DOING: &str = "take in";
        let Some(name) = from.path.file_name().map(raw) else {
            let why = "the source has no name";
            return Err(StoreError::because(StoreErrorKind::WrongKind, DOING, at, why));
        };
        let dir = self.make_dirs(&at.parent().unwrap_or_default())?;
        rustix::fs::unlinkat(&dir, at.name(), AtFlags::empty()).ok();
        let taken = match how {
            Take::Move => rustix::fs::renameat(from.dir, name, &dir, at.name()),
            Take::Link => rustix::fs::linkat(from.dir, name, &dir, at.name(), AtFlags::empty()),
        };
        if shared(taken, at, DOING)? == Shared::No {
            return Ok(Shared::No);
        }
        // The ingested file must be the one that was examined, not one that was swapped in since.
        let same = |a: &rustix::fs::Stat, b: &rustix::fs::Stat| a.st_dev == b.st_dev && a.st_ino == b.st_ino;
        let failed = |errno: Errno| StoreError::new(DOING, at, errno);
        let inside = rustix::fs::statat(&dir, at.name(), AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if !same(&inside, &rustix::fs::fstat(from.file).map_err(failed)?) {
            let why = "another file was put under the source's name while it was taken in";
            return Err(StoreError::because(StoreErrorKind::Escapes, DOING, at, why));
        }
        let mode = Mode::from_raw_mode(fill.mode);
        rustix::fs::fchmod(from.file, mode).map_err(failed)?;
        Ok(Shared::Yes)
    }

    pub(super) fn make_link(&self, at: &RelPath, text: &str) -> Result<()> {
        let dir = self.make_dirs(&at.parent().unwrap_or_default())?;
        rustix::fs::unlinkat(&dir, at.name(), AtFlags::empty()).ok();
        rustix::fs::symlinkat(text, &dir, at.name()).map_err(|errno| StoreError::new("link", at, errno))
    }

    pub(super) fn sync_all(&self, at: &RelPath) -> Result<()> {
        const DOING: &str = "sync";
        // Through the root, which was open before anything was written: it sees every error since then, even an error
        // of early write-back that another process's sync has already reported.
        rustix::fs::syncfs(&self.root).map_err(|errno| StoreError::new(DOING, at, errno))
    }

    /// Makes a new empty file, replacing an unfinished one, and returns it with its directory.
    fn create(&self, at: &RelPath) -> Result<(File, OwnedFd)> {
        let dir = self.make_dirs(&at.parent().unwrap_or_default())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(&dir, at.name(), flags, Mode::from_raw_mode(0o600));
        let mut made = make();
        if made.as_ref().err() == Some(&Errno::EXIST) {
            rustix::fs::unlinkat(&dir, at.name(), AtFlags::empty()).ok();
            made = make();
        }
        let fd = made.map_err(|errno| StoreError::new("create", at, errno))?;
        Ok((File::from(fd), dir))
    }
}

/// Sets the time and the mode of a finished file.
fn dress(file: &File, how: Fill) -> rustix::io::Result<()> {
    if let Some(mtime) = how.mtime {
        let seconds = i64::try_from(mtime.div_euclid(1_000_000_000)).unwrap_or_default();
        let nanos = i64::try_from(mtime.rem_euclid(1_000_000_000)).unwrap_or_default();
        let time = Timespec { tv_sec: seconds, tv_nsec: nanos };
        rustix::fs::futimens(file, &Timestamps { last_access: time, last_modification: time })?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(how.mode))
}

/// Distinguishes "copy it instead" from an error.
fn shared(done: rustix::io::Result<()>, at: &RelPath, doing: &'static str) -> Result<Shared> {
    match done {
        Ok(()) => Ok(Shared::Yes),
        Err(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::NOENT | Errno::OPNOTSUPP) => Ok(Shared::No),
        Err(errno) => Err(StoreError::new(doing, at, errno)),
    }
}
