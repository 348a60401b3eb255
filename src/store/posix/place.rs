//! Replacing a file, an alias or a tree in one step.
//!
//! A reader sees the old content or the new, never a part, even after a power cut, because file and directory are
//! synced before the call returns. The unfinished copy is in the own area under a unique name, so that a kill leaves
//! nothing in public and nothing in the way of other processes.

use super::Posix;
use crate::model::{OWN_DIR, RelPath};
use crate::store::{Append, Put, Result, StoreError, StoreErrorKind};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::Ordering;

impl Posix {
    /// Returns the mode of a directory, whatever the umask: readable for all, except in the own area.
    fn dir_mode(&self, at: &RelPath) -> Mode {
        Mode::from_raw_mode(match (at.as_str() == OWN_DIR, self.shared) {
            (true, false) => 0o700,
            (true, true) => 0o2770,
            (false, false) => 0o755,
            (false, true) => 0o2775,
        })
    }

    /// Returns the mode of a file with the requested one; what only the user may read and write, a group shares.
    pub(super) fn file_mode(&self, mode: u32) -> Mode {
        Mode::from_raw_mode(if self.shared && mode == 0o600 { 0o660 } else { mode })
    }

    pub(super) fn put_file(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        const DOING: &str = "write";
        let failed = |error: std::io::Error| StoreError::new(DOING, at, error);
        let home = at.parent().unwrap_or_default();
        self.make_dirs(&home)?;
        let (dir, name) = self.above(at, DOING)?;
        let (scratch, temporary) = self.scratch()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let made = rustix::fs::openat(&scratch, &*temporary, flags, Mode::from_raw_mode(0o600));
        let mut file = File::from(made.map_err(|errno| StoreError::new(DOING, at, errno))?);
        let mode = self.file_mode(if at.is_own() { 0o600 } else { 0o444 });
        let done = file
            .write_all(bytes)
            .and_then(|()| Ok(rustix::fs::fchmod(&file, mode)?))
            .and_then(|()| file.sync_all())
            .map_err(failed)
            .and_then(|()| {
                match how {
                    Put::Replace | Put::ReplaceSoon => {
                        rustix::fs::renameat(&scratch, &*temporary, &dir, name)
                    }
                    Put::Create => {
                        rustix::fs::renameat_with(&scratch, &*temporary, &dir, name, RenameFlags::NOREPLACE)
                    }
                }
                .map_err(|errno| StoreError::new(DOING, at, errno))
            });
        if done.is_err() {
            // Best effort: `recover` deletes what is left.
            rustix::fs::unlinkat(&scratch, &*temporary, AtFlags::empty()).ok();
        }
        done?;
        if how == Put::ReplaceSoon { Ok(()) } else { self.sync_dir(&home) }
    }

    pub(super) fn append_line(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()> {
        const DOING: &str = "append to";
        let failed = |error: std::io::Error| StoreError::new(DOING, log, error);
        let open = || self.open_at(log, OFlags::WRONLY | OFlags::APPEND, DOING);
        let fd = match open() {
            Err(error) if error.is_not_found() => {
                self.put_file(log, b"", Put::Create)?;
                open()?
            }
            opened => opened?,
        };
        let file = File::from(fd);
        let synced = |()| if how == Append::Durable { file.sync_data() } else { Ok(()) };
        (&file).write_all(line).and_then(synced).map_err(failed)
    }

    pub(super) fn unlink(&self, at: &RelPath, flags: AtFlags) -> Result<()> {
        const DOING: &str = "remove";
        let (dir, name) = match self.above(at, DOING) {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        match rustix::fs::unlinkat(&dir, name, flags) {
            Ok(()) => self.sync_dir(&at.parent().unwrap_or_default()),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(StoreError::new(DOING, at, errno)),
        }
    }

    pub(super) fn point_alias(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        const DOING: &str = "point the alias";
        let text = at.link_to(target);
        let home = at.parent().unwrap_or_default();
        self.make_dirs(&home)?;
        let (dir, name) = self.above(at, DOING)?;
        if let Ok(stat) = rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
            && FileType::from_raw_mode(stat.st_mode) != FileType::Symlink
        {
            let why = "something that is not a link is there, and it is left alone";
            return Err(StoreError::because(StoreErrorKind::AlreadyExists, DOING, at, why));
        }
        let (scratch, temporary) = self.scratch()?;
        rustix::fs::symlinkat(&*text, &scratch, &*temporary)
            .map_err(|errno| StoreError::new(DOING, at, errno))?;
        if let Err(errno) = rustix::fs::renameat(&scratch, &*temporary, &dir, name) {
            rustix::fs::unlinkat(&scratch, &*temporary, AtFlags::empty()).ok();
            return Err(StoreError::new(DOING, at, errno));
        }
        self.sync_dir(&home)?;
        let seen = self.look_at(at)?.and_then(|entry| entry.link);
        if seen.as_deref() == Some(&*text) {
            return Ok(());
        }
        let why = "it reads back as something else; another process moved it at the same moment";
        Err(StoreError::because(StoreErrorKind::Busy, DOING, at, why))
    }

    pub(super) fn move_tree(&self, from: &RelPath, to: &RelPath) -> Result<()> {
        const DOING: &str = "move into place";
        let home = to.parent().unwrap_or_default();
        self.make_dirs(&home)?;
        let (source, old) = self.above(from, DOING)?;
        let (dir, name) = self.above(to, DOING)?;
        rustix::fs::renameat_with(&source, old, &dir, name, RenameFlags::NOREPLACE)
            .map_err(|errno| self.not_moved(DOING, [to, from], errno))?;
        self.sync_dir(&home)?;
        self.sync_dir(&from.parent().unwrap_or_default())
    }

    /// Returns why a path could not be moved to another: a mount, if one is in the way.
    fn not_moved(&self, doing: &'static str, places: [&RelPath; 2], errno: Errno) -> StoreError {
        let [at, _] = places;
        match (errno, self.mount_above(places)) {
            (Errno::XDEV | Errno::BUSY, Some(mount)) => {
                let why = format!("something is mounted at `{mount}`, and a tree moves across no mount");
                StoreError::because(StoreErrorKind::CrossDevice, doing, at, &why)
            }
            _ => StoreError::new(doing, at, errno),
        }
    }

    pub(super) fn exchange_trees(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        const DOING: &str = "exchange";
        let (dir, name) = self.above(one, DOING)?;
        let (other_dir, other_name) = self.above(other, DOING)?;
        rustix::fs::renameat_with(&dir, name, &other_dir, other_name, RenameFlags::EXCHANGE)
            .map_err(|errno| self.not_moved(DOING, [one, other], errno))?;
        self.sync_dir(&one.parent().unwrap_or_default())?;
        self.sync_dir(&other.parent().unwrap_or_default())
    }

    /// Makes a directory and those above it and returns it open; each new name is synced.
    pub(super) fn make_dirs(&self, at: &RelPath) -> Result<OwnedFd> {
        const DOING: &str = "make the directory";
        let open = || self.open_at(at, OFlags::PATH | OFlags::DIRECTORY, DOING);
        match open() {
            Err(error) if error.is_not_found() => {}
            opened => return opened,
        }
        let home = at.parent().unwrap_or_default();
        let above = self.make_dirs(&home)?;
        // Closed to others from its first moment: the process may be killed before the next line.
        let mode = self.dir_mode(at);
        match rustix::fs::mkdirat(&above, at.name(), mode) {
            Ok(()) => {
                let made = self.open_at(at, OFlags::RDONLY | OFlags::DIRECTORY, DOING)?;
                rustix::fs::fchmod(&made, mode).map_err(|errno| StoreError::new(DOING, at, errno))?;
                // A stage is synced as a whole at its end.
                if !at.is_within(&RelPath::state("stage")) {
                    self.sync_dir(&home)?;
                }
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(StoreError::new(DOING, at, errno)),
        }
        open()
    }

    /// Closes the own area to other users, in case a restored copy or an older version has left it open.
    pub(super) fn close_own_area(&self) -> Result<()> {
        const DOING: &str = "close to other users";
        let own = RelPath::state("");
        let failed = |errno| StoreError::new(DOING, &own, errno);
        let dir = self.open_at(&own, OFlags::RDONLY | OFlags::DIRECTORY, DOING)?;
        let mode = self.dir_mode(&own);
        if rustix::fs::fstat(&dir).map_err(failed)?.st_mode & 0o7777 == mode.as_raw_mode() {
            return Ok(());
        }
        match rustix::fs::fchmod(&dir, mode) {
            // It belongs to another user, who alone may change it.
            Err(Errno::PERM) => Ok(()),
            done => done.map_err(failed),
        }
    }

    /// Syncs a directory, so that the names in it survive a power cut.
    pub(super) fn sync_dir(&self, at: &RelPath) -> Result<()> {
        const DOING: &str = "sync the directory";
        let fd = self.open_at(at, OFlags::RDONLY | OFlags::DIRECTORY, DOING)?;
        sync(fd).map_err(|errno| StoreError::new(DOING, at, errno))
    }

    /// Returns the directory for unfinished copies and a unique name.
    pub(super) fn scratch(&self) -> Result<(OwnedFd, String)> {
        let dir = self.make_dirs(&RelPath::state("tmp"))?;
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let unique = uuid::Uuid::new_v4().simple();
        Ok((dir, format!("{}-{serial}-{unique}", std::process::id())))
    }
}

/// Syncs a file or directory; file systems that report that they cannot sync directories are trusted.
fn sync(fd: impl AsFd) -> rustix::io::Result<()> {
    match rustix::fs::fsync(fd) {
        Err(Errno::INVAL) => Ok(()),
        done => done,
    }
}
