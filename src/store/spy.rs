//! A store that records every call and makes one fail: it proves what a failure leaves behind.
//!
//! The failure is chosen by the number of the call, so that a test can try every call in turn. A fault happens
//! between calls of the store, not inside one: what a kill leaves within a single call is left to tests that trace
//! system calls. `abilities`, `shown` and `pace` do not touch the disk and are not counted.

use crate::model::{Digest, RelPath};
use crate::store::{
    Abilities, Append, Below, Entry, Fill, Filled, Guard, Kind, LinkTarget, Listing, Pointer, Put, Result,
    Scan, Share, Shared, SourceFile, Space, Store, StoreError, StoreErrorKind, Swept, Take, Unfinished,
    Uploads, below, remove_all,
};
use std::fmt;
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and does nothing; later calls succeed.
    Fail(StoreErrorKind),
    /// It fails, and so does every later call that writes: a disk that is full or became read-only.
    FailOn(StoreErrorKind),
    /// It is carried out and fails all the same: the last sync failed, or the answer was lost.
    Lose(StoreErrorKind),
    /// It fails and does nothing, and so does every later one: the process is dead.
    Stop,
    /// It is carried out twice, and the second answer counts: a request was sent again.
    Repeat,
}

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The method's name.
    pub method: &'static str,
    /// Its path.
    pub at: RelPath,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.method, self.at)
    }
}

/// A wrapper around another store.
pub struct Spy {
    inner: Arc<dyn Store>,
    faults: Vec<(usize, Fault)>,
    meanwhile: Vec<(usize, Box<dyn Fn() + Send + Sync>)>,
    calls: Mutex<Vec<Call>>,
}

impl fmt::Debug for Spy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spy")
            .field("inner", &self.inner)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// Whether a call writes to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    Write,
    Remove,
}

impl Spy {
    /// Returns a spy that records the calls and makes none fail.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, faults: Vec::new(), meanwhile: Vec::new(), calls: Mutex::default() }
    }

    /// Also makes the call number `nth` fail; the first is number 1.
    #[must_use]
    pub fn with(mut self, nth: usize, fault: Fault) -> Self {
        self.faults.push((nth, fault));
        self
    }

    /// Also runs a function just before the call number `nth`, in place of another process.
    #[must_use]
    pub fn meanwhile(mut self, nth: usize, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.meanwhile.push((nth, Box::new(act)));
        self
    }

    /// Returns the calls so far, failed ones included.
    pub fn calls(&self) -> Vec<Call> {
        self.noted().clone()
    }

    /// Returns the number of calls.
    pub fn count(&self) -> usize {
        self.noted().len()
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a call and returns how it fails.
    fn note(&self, method: &'static str, at: &RelPath, does: Does) -> Option<Fault> {
        let mut calls = self.noted();
        calls.push(Call { method, at: at.clone() });
        let now = calls.len();
        drop(calls);
        for (_, act) in self.meanwhile.iter().filter(|(nth, _)| *nth == now) {
            act();
        }
        let hits = |(nth, fault): &&(usize, Fault)| match fault {
            Fault::Stop => now >= *nth,
            Fault::FailOn(_) => now == *nth || now > *nth && does == Does::Write,
            Fault::Fail(_) | Fault::Lose(_) | Fault::Repeat => now == *nth,
        };
        self.faults.iter().find(hits).map(|(_, fault)| *fault)
    }

    /// Makes a call, or makes it fail.
    fn make<T>(
        &self,
        method: &'static str,
        at: &RelPath,
        does: Does,
        mut call: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        match self.note(method, at, does) {
            None => call(),
            Some(Fault::Repeat) => {
                // A sender that repeats it does not know whether the first one succeeded.
                call().ok();
                call()
            }
            Some(Fault::Lose(kind)) => {
                call()?;
                Err(StoreError::because(kind, method, at, "the answer was lost on purpose"))
            }
            Some(Fault::Fail(kind) | Fault::FailOn(kind)) => {
                Err(StoreError::because(kind, method, at, "this call fails on purpose"))
            }
            Some(Fault::Stop) => {
                Err(StoreError::because(StoreErrorKind::Io, method, at, "the process was stopped on purpose"))
            }
        }
    }
}

impl Spy {
    /// Writes a file, or makes that fail.
    fn filling(
        &self,
        at: &RelPath,
        from: &mut dyn Read,
        fill: impl Fn(&mut dyn Read) -> Result<Filled>,
    ) -> Result<Filled> {
        if self.faults.iter().any(|(_, fault)| *fault == Fault::Repeat) {
            // Only what is in memory can be written twice.
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).map_err(|error| StoreError::new("fill", at, error))?;
            return self.make("fill", at, Does::Write, || fill(&mut &*bytes));
        }
        self.make("fill", at, Does::Write, || fill(from))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Spy {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    fn shown(&self) -> String {
        self.inner.shown()
    }

    fn look(&self, at: &RelPath) -> Result<Option<Entry>> {
        self.make("look", at, Does::Read, || self.inner.look(at))
    }

    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        self.make("link_text", at, Does::Read, || self.inner.link_text(at))
    }

    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        self.make("noted_digest", at, Does::Read, || self.inner.noted_digest(at))
    }

    fn list(&self, dir: &RelPath) -> Result<Listing> {
        self.make("list", dir, Does::Read, || self.inner.list(dir))
    }

    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        if self.inner.abilities().directories {
            // Many calls of the file system, each of which may fail.
            return below(self, dir);
        }
        self.make("below", dir, Does::Read, || self.inner.below(dir))
    }

    fn scan(&self, dir: &RelPath) -> Result<Scan> {
        self.make("scan", dir, Does::Read, || self.inner.scan(dir))
    }

    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        self.make("target", at, Does::Read, || self.inner.target(at))
    }

    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.make("pointers", dir, Does::Read, || self.inner.pointers(dir))
    }

    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.make("odd_pointers", dir, Does::Read, || self.inner.odd_pointers(dir))
    }

    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        self.make("read", at, Does::Read, || self.inner.read(at, limit))
    }

    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        self.make("open", at, Does::Read, || self.inner.open(at))
    }

    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        self.make("put", at, Does::Write, || self.inner.put(at, bytes, how))
    }

    fn renew(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        self.make("renew", at, Does::Write, || self.inner.renew(at, old, new))
    }

    fn append(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()> {
        self.make("append", log, Does::Write, || self.inner.append(log, line, how))
    }

    fn remove(&self, at: &RelPath) -> Result<()> {
        self.make("remove", at, Does::Remove, || self.inner.remove(at))
    }

    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        if self.inner.abilities().directories {
            // Many calls of the file system, each of which may fail.
            return remove_all(self, these);
        }
        // Recorded at the first of them.
        let at = these.first().map(|(at, _)| at.clone()).unwrap_or_default();
        let swept = self.make("remove_all", &at, Does::Remove, || Ok(self.inner.remove_all(these)));
        swept.unwrap_or_else(|error| Swept { removed: 0, failures: vec![error] })
    }

    fn remove_dir(&self, at: &RelPath) -> Result<()> {
        self.make("remove_dir", at, Does::Remove, || self.inner.remove_dir(at))
    }

    fn make_dir(&self, at: &RelPath) -> Result<()> {
        self.make("make_dir", at, Does::Write, || self.inner.make_dir(at))
    }

    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        self.filling(at, from, |from| self.inner.fill(at, from, how))
    }

    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        self.filling(at, from, |from| self.inner.fill_known(at, from, how, digest))
    }

    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        self.make("unfinished", &RelPath::root(), Does::Read, || self.inner.unfinished(which))
    }

    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        self.make("give_up", &upload.to, Does::Remove, || self.inner.give_up(upload))
    }

    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared> {
        self.make("share", to, Does::Write, || self.inner.share(from, to, how, fill))
    }

    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared> {
        self.make("take", at, Does::Write, || self.inner.take(from, at, how, fill))
    }

    fn link(&self, at: &RelPath, text: &str) -> Result<()> {
        self.make("link", at, Does::Write, || self.inner.link(at, text))
    }

    fn sync_tree(&self, at: &RelPath) -> Result<()> {
        self.make("settle", at, Does::Write, || self.inner.sync_tree(at))
    }

    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()> {
        self.make("reveal", to, Does::Write, || self.inner.rename_tree(from, to))
    }

    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        self.make("exchange", one, Does::Write, || self.inner.exchange(one, other))
    }

    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        self.make("point", at, Does::Write, || self.inner.point(at, target))
    }

    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        self.make("lock", at, Does::Read, || self.inner.lock(at, who, wait))
    }

    fn is_held(&self, at: &RelPath) -> Result<bool> {
        self.make("is_held", at, Does::Read, || self.inner.is_held(at))
    }

    fn space(&self) -> Result<Option<Space>> {
        self.make("space", &RelPath::root(), Does::Read, || self.inner.space())
    }

    fn is_at_its_path(&self) -> Result<bool> {
        self.make("is_at_its_path", &RelPath::root(), Does::Read, || self.inner.is_at_its_path())
    }

    fn mounts(&self) -> Result<Vec<RelPath>> {
        self.make("mounts", &RelPath::root(), Does::Read, || self.inner.mounts())
    }

    fn discard(&self, at: &RelPath) -> Result<u64> {
        self.make("discard", at, Does::Remove, || self.inner.discard(at))
    }

    fn sweep(&self, at: &RelPath) -> Swept {
        let swept = self.make("sweep", at, Does::Remove, || Ok(self.inner.sweep(at)));
        swept.unwrap_or_else(|error| Swept { removed: 0, failures: vec![error] })
    }

    fn pace(&self, entries_a_second: Option<NonZeroU32>) {
        self.inner.pace(entries_a_second);
    }
}
