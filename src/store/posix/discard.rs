//! Removing a tree, in parallel, by directory handles.
//!
//! A directory is the unit of work: one thread reads its names, removes its files in the order of their inodes
//! (file systems free them faster so) and hands its sub-directories on; whoever removes the last of these removes
//! the directory itself. Nothing is found by its full path twice, so a symlink that is swapped in while we work is
//! never followed, and a mount, be it of the same disk, is reported and left alone. One failure does not stop
//! the rest.

use super::{Posix, mounts::MOUNTED};
use crate::store::{StoreError, StoreErrorKind, Swept};
use crate::word::RelPath;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::{
    ffi::CString,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What is being done, in errors.
const DOING: &str = "remove the tree";

/// What all threads of one removal share.
#[derive(Debug)]
struct Work {
    device: u64,
    pace: Option<Pace>,
    removed: AtomicU64,
    failures: Mutex<Vec<(String, Errno)>>,
}

/// An open directory whose entries are going; the last one to let go of it removes it.
#[derive(Debug)]
struct Going {
    fd: OwnedFd,
    shown: String,
    name: CString,
    above: Option<Arc<Self>>,
    work: Arc<Work>,
}

/// When the next entry may go, so that a second sees no more of them than it should.
#[derive(Debug)]
struct Pace {
    step: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    fn of(rate: NonZeroU32) -> Self {
        Self { step: Duration::from_secs(1) / rate.get(), next: Mutex::new(Instant::now()) }
    }

    /// Waits until the next entry may go.
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
            // What keeps it from being empty was reported already.
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

/// Removes what is in a directory, its sub-directories by tasks of their own.
fn empty(dir: Arc<Going>, scope: &rayon::Scope<'_>) {
    let (files, dirs) = match names(&dir) {
        Ok(found) => found,
        Err(errno) => return dir.work.failed(dir.shown.clone(), errno),
    };
    for name in dirs {
        let above = Arc::clone(&dir);
        scope.spawn(move |scope| enter(above, name, scope));
    }
    let mut removed = 0;
    for (_, name) in files {
        match unlink(&dir, &name) {
            Ok(()) => removed += 1,
            Err(Errno::NOENT) => {}
            Err(errno) => dir.work.failed(format!("{}/{}", dir.shown, name.to_string_lossy()), errno),
        }
    }
    dir.work.removed.fetch_add(removed, Ordering::Relaxed);
}

/// Opens a sub-directory without following a link and empties it.
fn enter(above: Arc<Going>, name: CString, scope: &rayon::Scope<'_>) {
    let shown = format!("{}/{}", above.shown, name.to_string_lossy());
    let open = || open_dir(&above.fd, &name);
    let opened = open().or_else(|errno| match errno {
        // Our own tree without permission for ourselves: take it, as `rm -rf` by its owner could.
        Errno::ACCESS => {
            rustix::fs::chmodat(&above.fd, &name, Mode::RWXU, AtFlags::empty())?;
            open()
        }
        errno => Err(errno),
    });
    match opened.and_then(|fd| Ok((rustix::fs::fstat(&fd)?.st_dev, fd))) {
        Ok((device, _)) if device != above.work.device => above.work.failed(shown, Errno::XDEV),
        Ok((_, fd)) => {
            let work = Arc::clone(&above.work);
            empty(Arc::new(Going { fd, shown, name, above: Some(above), work }), scope);
        }
        Err(Errno::NOENT) => {}
        Err(errno) => above.work.failed(shown, errno),
    }
}

/// Opens a directory in another one; `XDEV` when something is mounted on it, `LOOP` when it is a link.
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

/// Returns what went wrong with a path, in words where the system's own do not help.
fn failure(path: &str, errno: Errno) -> StoreError {
    match errno {
        Errno::XDEV | Errno::BUSY => {
            StoreError::because(StoreErrorKind::CrossDevice, "remove", path, MOUNTED)
        }
        errno => StoreError::new("remove", path, errno),
    }
}

type Files = Vec<(u64, CString)>;

/// Returns the files of a directory by inode number, and its sub-directories.
fn names(dir: &Going) -> rustix::io::Result<(Files, Vec<CString>)> {
    let (mut files, mut dirs) = (Vec::new(), Vec::new());
    for found in Dir::read_from(&dir.fd)? {
        let found = found?;
        let name = found.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match found.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(&dir.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
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

fn unlink(dir: &Going, name: &CString) -> rustix::io::Result<()> {
    if let Some(pace) = &dir.work.pace {
        pace.wait();
    }
    match rustix::fs::unlinkat(&dir.fd, name, AtFlags::empty()) {
        Err(Errno::ACCESS) => {
            rustix::fs::fchmod(&dir.fd, Mode::RWXU)?;
            rustix::fs::unlinkat(&dir.fd, name, AtFlags::empty())
        }
        done => done,
    }
}
