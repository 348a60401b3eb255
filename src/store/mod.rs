//! How bytes are stored: paths below one root, and what can be done to them in one step.
//!
//! A [`Store`] knows paths and bytes, nothing about builds or layouts. Each method is one operation with a law that
//! the contract suite checks for every store; what a store cannot do, its [`Abilities`] state. No method follows a
//! symlink below the root or leaves it.

mod ability;
mod entry;
mod error;
mod io_pool;
mod logged;
mod object;
mod posix;
mod snapshot;
mod spy;

pub use ability::Abilities;
pub use entry::{
    Append, Below, Entry, Fill, Filled, Kind, LinkTarget, Listed, Listing, Pointer, Put, Scan, Scanned,
    Share, Shared, SourceFile, Space, Swept, Take, Unfinished, Uploads,
};
pub use error::{StoreError, StoreErrorKind};
pub use io_pool::{at_once, io_pool};
pub use logged::Logged;
pub use object::{Conditions, ObjectStore};
pub use posix::{Posix, SHARED};
pub use snapshot::TreeSnapshot;
pub use spy::{Call, Fault, Spy};

use crate::model::{Digest, RelPath};
use std::fmt::Debug;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The result of a call to a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Something that is held for as long as the value lives, such as a lock.
#[must_use = "the lock is released at once when the guard is dropped"]
pub struct Guard {
    #[expect(dead_code, reason = "held for its destructor")]
    held: Box<dyn Send + Sync>,
    /// The file that is locked, if a process that inherits the file keeps the lock.
    file: Option<OwnedFd>,
}

impl Guard {
    /// Returns a guard that releases when `held` is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { held: Box::new(held), file: None }
    }

    /// Returns the same guard with the file of its lock.
    pub(crate) fn with_file(self, file: Option<OwnedFd>) -> Self {
        Self { file, ..self }
    }

    /// Returns the file of the lock: a process that inherits it keeps the lock if this one is killed. Dropping the
    /// guard releases the lock whoever has the file. Nothing if the lock is not that of a file.
    pub(crate) fn file(&self) -> Option<OwnedFd> {
        self.file.as_ref().and_then(|file| file.try_clone().ok())
    }
}

impl Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// A root and everything below it.
///
/// A method that changes something returns only when the change survives a power cut, except those that fill a stage
/// (`fill`, `share`, `take`, `link`, `make_dir`): these wait for `settle`.
pub trait Store: Debug + Send + Sync {
    /// Returns what this store can do.
    fn abilities(&self) -> Abilities;

    /// Returns the root for display.
    fn shown(&self) -> String;

    /// Returns whether the opened root is still at the path by which it was opened; true for a root without a path.
    fn is_at_its_path(&self) -> Result<bool> {
        Ok(true)
    }

    /// Returns what is at `at`, a link as itself; nothing if it does not exist.
    fn look(&self, at: &RelPath) -> Result<Option<Entry>>;

    /// Returns the digest that the store keeps for the file at `at`, if it keeps one.
    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        Ok(self.look(at)?.and_then(|entry| entry.digest))
    }

    /// Returns the text of the link that a listing showed at `at`; nothing if there is none now.
    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        Ok(self.look(at)?.and_then(|entry| entry.link))
    }

    /// Returns the entries directly in the directory `dir`, sorted by name.
    fn list(&self, dir: &RelPath) -> Result<Listing>;

    /// Returns the entries directly in the directory `dir` with what `look` returns for each; entries that vanish in
    /// the meantime are left out.
    fn scan(&self, dir: &RelPath) -> Result<Scan> {
        let listing = self.list(dir)?;
        let mut found = Scan { odd: listing.odd, ..Scan::default() };
        for Listed { name, .. } in listing.entries {
            let Ok(at) = dir.child(&name) else { continue };
            match self.look(&at) {
                Ok(Some(entry)) => found.entries.push(Scanned { name, entry }),
                Ok(None) => {}
                Err(error) => found.unread.push((name, error)),
            }
        }
        Ok(found)
    }

    /// Returns every file and link below `dir`, sorted by path; none if it does not exist.
    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        below(self, dir)
    }

    /// Returns the target of the link at `at`, as readers of the store follow it.
    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        let _ = at;
        Ok(LinkTarget::Unknown)
    }

    /// Returns every link below the directory `dir`; none if it does not exist.
    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        let found = self.below(dir)?.into_iter().filter(|found| found.kind == Kind::Link);
        Ok(found.map(|found| Pointer { path: found.path, target: LinkTarget::Unknown }).collect())
    }

    /// Returns every link that is, or is below, a name in `dir` that a path cannot represent.
    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        let _ = dir;
        Ok(Vec::new())
    }

    /// Returns the whole file at `at`; fails if it is larger than `limit` bytes.
    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>>;

    /// Opens the file at `at` for reading from its start.
    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>>;

    /// Writes a small file in one step, making the directories above it: a reader sees the old one or the new.
    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()>;

    /// Replaces a small file that has the contents `old` by `new`; `Busy` if it has other contents or is gone. A file
    /// that has the contents `new` is already replaced.
    ///
    /// If a lock excludes all others, as on one machine, comparing first is enough.
    fn renew(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        const DOING: &str = "renew";
        let limit = u64::try_from(old.len().max(new.len())).unwrap_or(u64::MAX);
        match self.read(at, limit) {
            Ok(bytes) if bytes == new => Ok(()),
            Ok(bytes) if bytes == old => self.put(at, new, Put::Replace),
            Err(error) if !error.is_not_found() && error.kind() != StoreErrorKind::TooLarge => Err(error),
            _ => Err(StoreError::because(StoreErrorKind::Busy, DOING, at, "another process changed it")),
        }
    }

    /// Adds `line` to the end of the log at `log`.
    fn append(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()>;

    /// Removes one file or link; succeeds if it does not exist.
    fn remove(&self, at: &RelPath) -> Result<()>;

    /// Removes exactly these files and links, continues after a failure, and returns every failure; a missing one
    /// counts as removed, also in the number if the store cannot tell.
    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        remove_all(self, these)
    }

    /// Removes an empty directory; succeeds if it does not exist.
    fn remove_dir(&self, at: &RelPath) -> Result<()>;

    /// Makes a directory and those above it, readable for all if it is outside the own area.
    fn make_dir(&self, at: &RelPath) -> Result<()>;

    /// Writes the bytes of `from` to the new file `at`, hashing in the same pass; replaces an unfinished one.
    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled>;

    /// Does the same for bytes with a known digest, so that a store can keep it with the file.
    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        let _ = digest;
        self.fill(at, from, how)
    }

    /// Returns the unfinished uploads in parts, running or abandoned; none in stores where nothing remains of them.
    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        let _ = which;
        Ok(Vec::new())
    }

    /// Aborts such an upload; one that was completed in the meantime is left as it is.
    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        let _ = upload;
        Ok(())
    }

    /// Makes the new file `to` share the bytes of the file `from`, without copying them.
    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared>;

    /// Ingests a file from outside as the new file `at` without copying it.
    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared>;

    /// Makes a symlink with that text inside a stage.
    fn link(&self, at: &RelPath, text: &str) -> Result<()>;

    /// Returns once everything written below `at` survives a power cut; after an error it must be written again.
    fn sync_tree(&self, at: &RelPath) -> Result<()>;

    /// Moves the tree `from` to the free path `to` in one step.
    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()>;

    /// Exchanges two trees in one step.
    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        let _ = other;
        let why = "this store cannot exchange trees";
        Err(StoreError::because(StoreErrorKind::Unsupported, "exchange", one, why))
    }

    /// Points the alias `at` to `target` in one step, whether it existed or not.
    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()>;

    /// Takes the lock at `at`, waiting that long for other processes; `who` is shown to those who wait.
    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard>;

    /// Returns whether a process holds a lock, without taking it; a lock that was never taken is not held.
    fn is_held(&self, at: &RelPath) -> Result<bool>;

    /// Returns the store's size in bytes and how many are free; nothing if no limit is known.
    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }

    /// Returns every mount point below the root; none in stores without mounts.
    fn mounts(&self) -> Result<Vec<RelPath>> {
        Ok(Vec::new())
    }

    /// Removes everything below and including `at` and returns the number of removed entries.
    fn discard(&self, at: &RelPath) -> Result<u64>;

    /// Removes everything below and including `at`, continues after a failure, and returns every failure.
    fn sweep(&self, at: &RelPath) -> Swept {
        match self.discard(at) {
            Ok(removed) => Swept { removed, failures: Vec::new() },
            Err(error) => Swept { removed: 0, failures: vec![error] },
        }
    }

    /// Limits later removals to that many entries per second; nothing removes the limit.
    fn pace(&self, _entries_a_second: Option<std::num::NonZeroU32>) {}
}

/// Lists everything below a directory, one directory after the other.
fn below<S: Store + ?Sized>(store: &S, dir: &RelPath) -> Result<Vec<Below>> {
    let (mut found, mut dirs) = (Vec::new(), vec![dir.clone()]);
    while let Some(dir) = dirs.pop() {
        let listing = match store.list(&dir) {
            Err(error) if error.is_not_found() => continue,
            listing => listing?,
        };
        for entry in listing.entries {
            let Ok(path) = dir.child(&entry.name) else { continue };
            match entry.kind {
                Kind::Dir => dirs.push(path),
                kind => {
                    let (size, written) =
                        store.look(&path)?.map_or((0, 0), |entry| (entry.size, entry.written()));
                    found.push(Below { path, kind, size, written, version: None });
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Removes files and links one after the other.
fn remove_all<S: Store + ?Sized>(store: &S, these: &[(RelPath, Kind)]) -> Swept {
    let mut swept = Swept::default();
    for (at, _) in these {
        match store.remove(at) {
            Ok(()) => swept.removed += 1,
            Err(error) => swept.failures.push(error),
        }
    }
    swept
}
