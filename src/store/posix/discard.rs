//! Removing a tree, in parallel, by directory handles.
//!
//! A directory is the unit of work: one thread reads its names, removes its files in the order of their inodes (file
//! systems free them faster that way) and passes its subdirectories on; the thread that removes the last of these
//! removes the directory itself. Nothing is looked up by its full path twice, so a symlink that is swapped in at the
//! same time is never followed, and a mount, even of the same disk, is reported and left alone. A failure does not
//! stop the rest. Below [`DEEP`] levels one thread walks with one open directory at a time, so that no depth exhausts
//! open files or the stack.

use super::Posix;
use super::mounts::MOUNTED;
use crate::model::RelPath;
use crate::store::{StoreError, StoreErrorKind, Swept};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The action, in errors.
const DOING: &str = "remove the tree";

/// The number of levels that are removed in parallel, each with an open directory; ordinary builds have fewer.
const DEEP: usize = 48;

/// What all threads of one removal share.
#[derive(Debug)]
struct Work {
    device: u64,
    pace: Option<Pace>,
    removed: AtomicU64,
    failures: Mutex<Vec<(String, Errno)>>,
}

/// An open directory whose entries are being removed; the last thread to drop it removes it.
#[derive(Debug)]
struct Going {
    fd: OwnedFd,
    shown: String,
    name: CString,
    above: Option<Arc<Self>>,
    depth: usize,
    work: Arc<Work>,
}

/// A directory on the way down to the one that is being emptied.
#[derive(Debug)]
struct Level {
    name: CString,
    inode: (u64, u64),
    ahead: Vec<CString>,
}

/// When the next entry may be removed, to stay within the limit per second.
#[derive(Debug)]
struct Pace {
    step: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    fn of(rate: NonZeroU32) -> Self {
        Self { step: Duration::from_secs(1) / rate.get(), next: Mutex::new(Instant::now()) }
    }

    /// Waits until the next entry may be removed.
    fn wait(&self) {
        let at = match self.next.lock() {
            Ok(mut next) => {
                let at = *next;
                *next = at.max(Instant::now()) + self.step;
                at
            }
            Err(_) => return,
        };
        let now = Instant::now();
        if at > now {
            std::thread::sleep(at - now);
        }
    }
}

impl Work {
    fn failed(&self, path: String, errno: Errno) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.push((path, errno));
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let Some(above) = &self.above else { return };
        match rustix::fs::unlinkat(&above.fd, &self.name, AtFlags::REMOVEDIR) {
            Ok(()) => {
                self.work.removed.fetch_add(1, Ordering::Relaxed);
            }
            // Why it cannot be emptied was reported already.
            Err(Errno::NOTEMPTY | Errno::NOENT | Errno::EXIST) => {}
            Err(errno) => self.work.failed(self.shown.clone(), errno),
        }
    }
}

impl Posix {
    pub(super) fn sweep_tree(&self, at: &RelPath) -> Swept {
        let failed = |error| Swept { removed: 0, failures: vec![error] };
        if at.is_root() {
            let why = "the root cannot be removed as a whole";
            return failed(StoreError::because(StoreErrorKind::WrongKind, DOING, at, why));
        }
        let opened = self.above(at, DOING).and_then(|(above, name)| match open_dir(&above, name) {
            Err(Errno::XDEV) => Err(StoreError::because(StoreErrorKind::CrossDevice, DOING, at, MOUNTED)),
            opened => opened.map_err(|errno| StoreError::new(DOING, at, errno)),
        });
        let fd = match opened {
            Ok(fd) => fd,
            Err(error) => match error.kind() {
                StoreErrorKind::NotFound => return Swept::default(),
                StoreErrorKind::WrongKind | StoreErrorKind::Escapes => {
                    let done = self.unlink(at, AtFlags::empty());
                    return done.map_or_else(failed, |()| Swept { removed: 1, failures: Vec::new() });
                }
                _ => return failed(error),
            },
        };
        let device = match rustix::fs::fstat(&fd) {
            Ok(stat) => stat.st_dev,
            Err(errno) => return failed(StoreError::new(DOING, at, errno)),
        };
        if device != self.device {
            let why = "it is another file system";
            return failed(StoreError::because(StoreErrorKind::CrossDevice, DOING, at, why));
        }
        let pace = NonZeroU32::new(self.pace.load(Ordering::Relaxed)).map(Pace::of);
        let work =
            Arc::new(Work { device, pace, removed: AtomicU64::new(0), failures: Mutex::new(Vec::new()) });
        let top = Arc::new(Going {
            fd,
            shown: at.to_string(),
            name: CString::default(),
            above: None,
            depth: 0,
            work: Arc::clone(&work),
        });
        rayon::scope(|scope| empty(top, scope));
        let mut failures = work.failures.lock().map(|failures| failures.clone()).unwrap_or_default();
        failures.sort_by(|a, b| a.0.cmp(&b.0));
        let mut failures: Vec<StoreError> =
            failures.into_iter().map(|(path, errno)| failure(&path, errno)).collect();
        let mut removed = work.removed.load(Ordering::Relaxed);
        if failures.is_empty() {
            match self.unlink(at, AtFlags::REMOVEDIR) {
                Ok(()) => removed += 1,
                Err(error) => failures.push(error),
            }
        }
        Swept { removed, failures }
    }
}

/// Removes the entries of a directory, its subdirectories as separate tasks.
fn empty(dir: Arc<Going>, scope: &rayon::Scope<'_>) {
    let (files, dirs) = match names(&dir.fd) {
        Ok(found) => found,
        Err(errno) => return dir.work.failed(dir.shown.clone(), errno),
    };
    let is_deep = dir.depth >= DEEP;
    if !is_deep {
        for name in &dirs {
            let (above, name) = (Arc::clone(&dir), name.clone());
            scope.spawn(move |scope| enter(above, name, scope));
        }
    }
    unlink_all(&dir.work, &dir.fd, files, &|| dir.shown.clone());
    if is_deep {
        for name in dirs {
            clear(&dir, name);
        }
    }
}

/// Removes a whole subdirectory with one open directory at a time.
///
/// The way up is by `..`, and the directory found there must be the one from which it was entered: a tree that is
/// moved elsewhere at the same time stays as it is.
fn clear(top: &Going, name: CString) {
    let work = &top.work;
    let mut levels: Vec<Level> = Vec::new();
    let shown = |levels: &[Level]| {
        let names = levels.iter().map(|level| level.name.to_string_lossy());
        let text = std::iter::once(top.shown.as_str().into()).chain(names).take(2 * DEEP);
        text.collect::<Vec<std::borrow::Cow<'_, str>>>().join("/")
    };
    let failed = |levels: &[Level], errno| work.failed(shown(levels), errno);
    let Ok(mut fd) = top.fd.try_clone() else { return failed(&levels, Errno::MFILE) };
    let mut next = Some(name);
    loop {
        if let Some(name) = next.take() {
            match open_own(work, &fd, &name).and_then(|below| Ok((names(&below)?, inode(&below)?, below))) {
                Ok(((files, ahead), inode, below)) => {
                    levels.push(Level { name, inode, ahead });
                    unlink_all(work, &below, files, &|| shown(&levels));
                    fd = below;
                }
                Err(Errno::NOENT) => {}
                Err(errno) => work.failed(format!("{}/{}", shown(&levels), name.to_string_lossy()), errno),
            }
        }
        let Some(level) = levels.last_mut() else { return };
        next = level.ahead.pop();
        if next.is_some() {
            continue;
        }
        let up = match levels.len() {
            1 => top.fd.try_clone().map_err(|_| Errno::MFILE),
            _ => up(&fd),
        };
        let Some(done) = levels.pop() else { return };
        let home = levels.last().map(|level| level.inode);
        match up.and_then(|up| Ok((inode(&up)?, up))) {
            Ok((found, up)) if home.is_none_or(|home| home == found) => fd = up,
            Ok(_) => return failed(&levels, Errno::STALE),
            Err(errno) => return failed(&levels, errno),
        }
        match rustix::fs::unlinkat(&fd, &done.name, AtFlags::REMOVEDIR) {
            Ok(()) => {
                work.removed.fetch_add(1, Ordering::Relaxed);
            }
            // Why it cannot be emptied was reported already.
            Err(Errno::NOTEMPTY | Errno::NOENT | Errno::EXIST) => {}
            Err(errno) => work.failed(format!("{}/{}", shown(&levels), done.name.to_string_lossy()), errno),
        }
    }
}

/// Opens the directory above.
fn up(fd: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(fd, c"..", flags, Mode::empty())
}

fn inode(fd: &OwnedFd) -> rustix::io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(fd)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// Removes files from a directory, and records failures.
fn unlink_all(work: &Work, dir: &OwnedFd, files: Files, shown: &dyn Fn() -> String) {
    let mut removed = 0;
    for (_, name) in files {
        match unlink(work, dir, &name) {
            Ok(()) => removed += 1,
            Err(Errno::NOENT) => {}
            Err(errno) => work.failed(format!("{}/{}", shown(), name.to_string_lossy()), errno),
        }
    }
    work.removed.fetch_add(removed, Ordering::Relaxed);
}

/// Opens a subdirectory without following a link and empties it.
fn enter(above: Arc<Going>, name: CString, scope: &rayon::Scope<'_>) {
    let shown = format!("{}/{}", above.shown, name.to_string_lossy());
    match open_own(&above.work, &above.fd, &name) {
        Ok(fd) => {
            let (work, depth) = (Arc::clone(&above.work), above.depth + 1);
            empty(Arc::new(Going { fd, shown, name, above: Some(above), depth, work }), scope);
        }
        Err(Errno::NOENT) => {}
        Err(errno) => above.work.failed(shown, errno),
    }
}

/// Opens a subdirectory that is on the same file system and not a mount point, even one without permission for its
/// owner.
fn open_own(work: &Work, above: &OwnedFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let opened = open_dir(above, name).or_else(|errno| match errno {
        // A tree of this user without permission for its owner: add the permission, as `rm -rf` by its owner could.
        Errno::ACCESS => {
            rustix::fs::chmodat(above, name, Mode::RWXU, AtFlags::empty())?;
            open_dir(above, name)
        }
        errno => Err(errno),
    })?;
    if inode(&opened)?.0 == work.device { Ok(opened) } else { Err(Errno::XDEV) }
}

/// Opens a directory in another one; `XDEV` if it is a mount point, `LOOP` if it is a link.
fn open_dir(above: &OwnedFd, name: impl rustix::path::Arg + Copy) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    loop {
        match rustix::fs::openat2(above, name, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
}

/// Returns what went wrong with a path, in own words if those of the system do not help.
fn failure(path: &str, errno: Errno) -> StoreError {
    match errno {
        Errno::XDEV | Errno::BUSY => {
            StoreError::because(StoreErrorKind::CrossDevice, "remove", path, MOUNTED)
        }
        errno => StoreError::new("remove", path, errno),
    }
}

type Files = Vec<(u64, CString)>;

/// Returns the files of a directory by inode number, and its subdirectories.
fn names(dir: &OwnedFd) -> rustix::io::Result<(Files, Vec<CString>)> {
    let (mut files, mut dirs) = (Vec::new(), Vec::new());
    for found in Dir::read_from(dir)? {
        let found = found?;
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match found.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        if kind == FileType::Directory {
            dirs.push(name.to_owned());
        } else {
            files.push((found.ino(), name.to_owned()));
        }
    }
    files.sort_unstable_by_key(|(inode, _)| *inode);
    Ok((files, dirs))
}

fn unlink(work: &Work, dir: &OwnedFd, name: &CStr) -> rustix::io::Result<()> {
    if let Some(pace) = &work.pace {
        pace.wait();
    }
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Err(Errno::ACCESS) => {
            rustix::fs::fchmod(dir, Mode::RWXU)?;
            rustix::fs::unlinkat(dir, name, AtFlags::empty())
        }
        done => done,
    }
}
