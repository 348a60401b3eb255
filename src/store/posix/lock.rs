//! The lock of a mirror: one holder at a time, released by the kernel when its holder dies.
//!
//! Taking it fails if another process holds it for longer than the caller waits, and if the file system does not
//! support locks (then nothing is trusted). On NFS it works between machines only if the server has a lock manager;
//! `docs/reliability.md` has the consequences.

use super::Posix;
use crate::model::RelPath;
use crate::store::{Guard, Put, Result, StoreError, StoreErrorKind};
use rustix::fs::{FileType, FlockOperation, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// A file that is locked while this lives.
struct Held(File);

impl Drop for Held {
    /// Releases the lock explicitly: closing the file releases it only if no child process has inherited it.
    fn drop(&mut self) {
        rustix::fs::flock(&self.0, FlockOperation::Unlock).ok();
    }
}

impl Posix {
    pub(super) fn lock_file(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        const DOING: &str = "take the lock";
        let started = Instant::now();
        loop {
            let mut file = match self.open_lock(at, OFlags::RDWR, DOING) {
                Err(error) if error.is_not_found() => match self.put_file(at, b"", Put::Create) {
                    Err(error) if error.kind() != StoreErrorKind::AlreadyExists => return Err(error),
                    _ => continue,
                },
                opened => opened?,
            };
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if self.is_still(at, &file)? => {
                    // Only for people who want to know who has it; the lock itself is the kernel's.
                    file.set_len(0).and_then(|()| file.rewind()).ok();
                    writeln!(file, "{who}").ok();
                    if *at == RelPath::state("lock") {
                        self.close_own_area()?;
                    }
                    let shared = file.try_clone().ok().map(Into::into);
                    return Ok(Guard::new(Held(file)).with_file(shared));
                }
                // Another process removed the file in the meantime: take the one that is there now.
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) if started.elapsed() >= wait => {
                    let mut holder = String::new();
                    (&file).take(200).read_to_string(&mut holder).ok();
                    let holder = holder.trim();
                    let why = if holder.is_empty() {
                        "another process holds it".to_owned()
                    } else {
                        format!("{holder} holds it")
                    };
                    return Err(StoreError::because(StoreErrorKind::Busy, DOING, at, &why));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(PAUSE.min(wait)),
                Err(errno) => return Err(StoreError::new(DOING, at, errno)),
            }
        }
    }

    /// Returns whether a process holds the lock; nothing is written.
    pub(super) fn is_locked(&self, at: &RelPath) -> Result<bool> {
        const DOING: &str = "look at the lock";
        let file = match self.open_lock(at, OFlags::RDONLY, DOING) {
            Err(error) if error.is_not_found() => return Ok(false),
            opened => opened?,
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {
                drop(Held(file));
                Ok(false)
            }
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(StoreError::new(DOING, at, errno)),
        }
    }

    /// Opens the file of a lock; a FIFO at its path is refused and not waited for.
    fn open_lock(&self, at: &RelPath, flags: OFlags, doing: &'static str) -> Result<File> {
        let file = File::from(self.open_at(at, flags | OFlags::NONBLOCK, doing)?);
        let stat = rustix::fs::fstat(&file).map_err(|errno| StoreError::new(doing, at, errno))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
            return Ok(file);
        }
        Err(StoreError::because(StoreErrorKind::Io, doing, at, "it is not a regular file; remove it"))
    }

    /// Returns whether the open file is the one at the path.
    fn is_still(&self, at: &RelPath, file: &File) -> Result<bool> {
        let stat = rustix::fs::fstat(file).map_err(|errno| StoreError::new("look at", at, errno))?;
        Ok(self.look_at(at)?.is_some_and(|entry| entry.inode == (stat.st_dev, stat.st_ino)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn a_file_that_somebody_put_there_meanwhile_is_not_the_one_that_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let store = Posix::open(dir.path()).unwrap();
        let at: RelPath = "lock".parse().unwrap();
        store.put_file(&at, b"", Put::Create).unwrap();
        let file = File::open(dir.path().join("lock")).unwrap();
        assert!(store.is_still(&at, &file).unwrap());
        std::fs::remove_file(dir.path().join("lock")).unwrap();
        assert!(!store.is_still(&at, &file).unwrap());
        store.put_file(&at, b"", Put::Create).unwrap();
        assert!(!store.is_still(&at, &file).unwrap());
    }

    #[test]
    fn a_fifo_in_the_place_of_a_lock_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let store = Posix::open(dir.path()).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(dir.path().join("lock")).status().unwrap();
        assert!(fifo.success());
        let at: RelPath = "lock".parse().unwrap();
        let taken = store.lock_file(&at, "me", Duration::from_secs(9)).map(drop);
        for error in [taken.unwrap_err(), store.is_locked(&at).unwrap_err()] {
            assert!(error.source().unwrap().to_string().contains("not a regular file"), "{error}");
        }
    }

    #[test]
    fn looking_at_a_lock_neither_takes_nor_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Posix::open(dir.path()).unwrap();
        let at: RelPath = "lock".parse().unwrap();
        assert!(!store.is_locked(&at).unwrap());
        assert!(!dir.path().join("lock").exists());
        let held = store.lock_file(&at, "me", Duration::ZERO).unwrap();
        assert!(store.is_locked(&at).unwrap());
        drop(held);
        assert!(!store.is_locked(&at).unwrap());
        assert_eq!(std::fs::read_to_string(dir.path().join("lock")).unwrap(), "me\n");
        drop(store.lock_file(&at, "another", Duration::ZERO).unwrap());
    }

    #[test]
    fn who_waits_is_told_who_has_the_lock_now_and_not_who_had_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Posix::open(dir.path()).unwrap();
        let at: RelPath = "lock".parse().unwrap();
        drop(store.lock_file(&at, "a first one with a long name", Duration::ZERO).unwrap());
        let _held = store.lock_file(&at, "me", Duration::ZERO).unwrap();
        let error = store.lock_file(&at, "another", Duration::ZERO).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "me holds it");
    }

    #[test]
    fn a_lock_is_let_go_although_a_process_begun_meanwhile_still_has_its_file() {
        let at = tempfile::NamedTempFile::new().unwrap();
        let held = Held(at.reopen().unwrap());
        let try_again = || rustix::fs::flock(at.reopen().unwrap(), FlockOperation::NonBlockingLockExclusive);
        rustix::fs::flock(&held.0, FlockOperation::NonBlockingLockExclusive).unwrap();
        // As between `fork` and `exec`.
        let _inherited = held.0.try_clone().unwrap();
        assert_eq!(try_again(), Err(Errno::WOULDBLOCK));
        drop(held);
        assert_eq!(try_again(), Ok(()));
    }
}
