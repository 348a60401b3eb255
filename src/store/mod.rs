//! How bytes are kept: places below one root, and what can be done to them in one step.
//!
//! A [`Store`] knows paths and bytes, nothing of builds or layouts. Each method is one intention with a law that
//! the contract suite holds every store to; what a store cannot do it says in its [`Abilities`] instead of
//! pretending. No method follows a symlink below the root or leaves it.

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
pub use io_pool::io_pool;
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

/// The result of asking a store for something.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Something held for as long as the value lives, such as a lock.
#[must_use = "what is guarded is let go at once when the guard is dropped"]
pub struct Guard {
    #[expect(dead_code, reason = "held for its destructor")]
    held: Box<dyn Send + Sync>,
    /// The file whose lock it is, where a process that has the file keeps the lock.
    file: Option<OwnedFd>,
}

impl Guard {
    /// Returns a guard that lets go when `held` is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { held: Box::new(held), file: None }
    }

    /// Returns the same guard with the file of its lock.
    pub(crate) fn with_file(self, file: Option<OwnedFd>) -> Self {
        Self { file, ..self }
    }

    /// Returns the file of the lock: a process that inherits it keeps the lock if this one is killed. Dropping the
    /// guard lets go whoever has the file. Nothing where the lock is not that of a file.
    pub(crate) fn file(&self) -> Option<OwnedFd> {
        self.file.as_ref().and_then(|file| file.try_clone().ok())
    }
}

impl Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// A root and what lies below it.
///
/// A method that changes something returns only when the change survives a power cut, but for the four that fill
/// a stage (`fill`, `share`, `take`, `link`, `make_dir`): these wait for `settle`.
pub trait Store: Debug + Send + Sync {
    /// Returns what this store can do.
    fn abilities(&self) -> Abilities;

    /// Returns the root as a person would write it.
    fn shown(&self) -> String;

    /// Returns whether what was opened is still at the path by which it was opened; what has no path of its own always is.
    fn is_at_its_path(&self) -> Result<bool> {
        Ok(true)
    }

    /// Returns what is at `at`, a link as itself; nothing when nothing is there.
    fn look(&self, at: &RelPath) -> Result<Option<Entry>>;

    /// Returns the digest that the store keeps beside the file at `at`, where it keeps one.
    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        Ok(self.look(at)?.and_then(|entry| entry.digest))
    }

    /// Returns the text of the link that a listing showed at `at`; nothing when none is there now.
    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        Ok(self.look(at)?.and_then(|entry| entry.link))
    }

    /// Returns what lies directly in the directory `dir`, sorted by name.
    fn list(&self, dir: &RelPath) -> Result<Listing>;

    /// Returns what lies directly in the directory `dir` with what `look` says of each; what goes meanwhile is left out.
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

    /// Returns every file and link below `dir`, sorted by path; none when nothing is there.
    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        below(self, dir)
    }

    /// Returns where the link at `at` leads, as readers of the store follow it.
    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        let _ = at;
        Ok(LinkTarget::Unknown)
    }

    /// Returns every link below the directory `dir`; none when nothing is there.
    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        let found = self.below(dir)?.into_iter().filter(|found| found.kind == Kind::Link);
        Ok(found.map(|found| Pointer { path: found.path, target: LinkTarget::Unknown }).collect())
    }

    /// Returns every link that is, or is below, a name in `dir` that no path can hold.
    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        let _ = dir;
        Ok(Vec::new())
    }

    /// Returns the whole file at `at`; an error when it is larger than `limit` bytes.
    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>>;

    /// Opens the file at `at` for reading from its start.
    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>>;

    /// Puts a small file in place in one step, making the directories above it: a reader sees the old or the new.
    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()>;

    /// Puts `new` in the place of a small file that holds `old`; `Busy` when it holds something else or is gone. One that
    /// holds `new` is renewed already.
    ///
    /// Where a lock keeps all others away, as on one machine, a look before is enough.
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

    /// Removes one file or link; one that is not there is removed already.
    fn remove(&self, at: &RelPath) -> Result<()>;

    /// Removes exactly these files and links, goes on after a failure, and returns every one; what is not there is
    /// removed already, and counts where the store does not tell.
    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        remove_all(self, these)
    }

    /// Removes an empty directory; one that is not there is removed already.
    fn remove_dir(&self, at: &RelPath) -> Result<()>;

    /// Makes a directory and those above it, readable for all when it lies outside the own area.
    fn make_dir(&self, at: &RelPath) -> Result<()>;

    /// Writes what `from` yields to the new file `at`, hashing in the same pass; replaces an unfinished one.
    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled>;

    /// Does the same for bytes whose digest is known already, so that a store can keep it beside them.
    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        let _ = digest;
        self.fill(at, from, how)
    }

    /// Returns the files that are being sent in parts, or that their sender left so; none where nothing stays of such a file.
    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        let _ = which;
        Ok(Vec::new())
    }

    /// Throws away what was sent of such a file; one that came to its end meanwhile is left as it is.
    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        let _ = upload;
        Ok(())
    }

    /// Lets the new file `to` share the bytes of the file `from`, without copying them.
    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared>;

    /// Brings a file from outside in as the new file `at` without copying it.
    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared>;

    /// Makes a symlink with that text inside a stage.
    fn link(&self, at: &RelPath, text: &str) -> Result<()>;

    /// Returns once everything written below `at` survives a power cut; an error means it must be written again.
    fn sync_tree(&self, at: &RelPath) -> Result<()>;

    /// Moves the tree `from` to the place `to`, where nothing may be, in one step.
    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()>;

    /// Lets two trees change places in one step.
    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        let _ = other;
        let why = "this store cannot exchange trees";
        Err(StoreError::because(StoreErrorKind::Unsupported, "exchange", one, why))
    }

    /// Makes the alias `at` lead to `target` in one step, whether it was there or not.
    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()>;

    /// Takes the lock at `at`, waiting that long for others; `who` is told to those who wait.
    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard>;

    /// Returns whether a process holds a lock, by looking; a lock that was never taken is held by no process.
    fn is_held(&self, at: &RelPath) -> Result<bool>;

    /// Returns how many bytes the store has and how many of them are free; nothing where no limit is known.
    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }

    /// Returns every path below the root on which something is mounted; none where nothing can be.
    fn mounts(&self) -> Result<Vec<RelPath>> {
        Ok(Vec::new())
    }

    /// Removes everything below and including `at` and returns how many entries went.
    fn discard(&self, at: &RelPath) -> Result<u64>;

    /// Removes everything below and including `at`, goes on after a failure, and returns every one.
    fn sweep(&self, at: &RelPath) -> Swept {
        match self.discard(at) {
            Ok(removed) => Swept { removed, failures: Vec::new() },
            Err(error) => Swept { removed: 0, failures: vec![error] },
        }
    }

    /// Lets later removals go no faster than that many entries a second; nothing lets them go as fast as they can.
    fn pace(&self, _entries_a_second: Option<std::num::NonZeroU32>) {}
}

/// Finds everything below a directory, one name after the other.
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
