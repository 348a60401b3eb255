//! The lock of a mirror: one at a time, let go by the kernel when its holder dies.
//!
//! Taking it fails when somebody else keeps it for longer than the caller waits, and when the file system knows no
//! locks at all (then nothing is trusted). On NFS it holds between machines only where the server has a lock
//! manager; `docs/reliability.md` says what that means.

use super::Posix;
use crate::model::RelPath;
use crate::store::{Guard, Put, Result, StoreError, StoreErrorKind};
use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

/// How long to sleep between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// A file that is locked while this lives.
struct Held(File);

impl Drop for Held {
    /// Lets the lock go by itself: closing the file lets it go only when no process that was begun meanwhile has it, too.
    fn drop(&mut self) {
        rustix::fs::flock(&self.0, FlockOperation::Unlock).ok();
    }
}

impl Posix {
    pub(super) fn lock_file(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        const DOING: &str = "take the lock";
        let started = Instant::now();
        loop {
            let fd = match self.open_at(at, OFlags::RDWR, DOING) {
                Err(error) if error.is_not_found() => match self.put_file(at, b"", Put::Create) {
                    Err(error) if error.kind() != StoreErrorKind::AlreadyExists => return Err(error),
                    _ => continue,
                },
                opened => opened?,
            };
            let mut file = File::from(fd);
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if self.is_still(at, &file)? => {
                    // Only for people who wonder who has it; the lock itself is the kernel's.
                    file.set_len(0).and_then(|()| file.rewind()).ok();
                    writeln!(file, "{who}").ok();
                    if *at == RelPath::state("lock") {
                        self.close_own_area()?;
                    }
                    let shared = file.try_clone().ok().map(Into::into);
                    return Ok(Guard::new(Held(file)).with_file(shared));
                }
                // Somebody removed the file under us: take the one that is there now.
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
        let file = match self.open_at(at, OFlags::RDONLY, DOING) {
            Err(error) if error.is_not_found() => return Ok(false),
            opened => File::from(opened?),
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

    /// Returns whether that open file is what lies at the path.
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
