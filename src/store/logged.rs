//! A store that logs the calls to another one: each step that changes names at level info, each request at level
//! debug with its method, path, outcome and duration.
//!
//! It logs paths, counts and kinds of errors; never the content of a file, a credential or the text of an error, which
//! may repeat an address.

use crate::model::{Digest, RelPath};
use crate::store::{
    Abilities, Append, Below, Entry, Fill, Filled, Guard, Kind, LinkTarget, Listing, Pointer, Put, Result,
    Scan, Share, Shared, SourceFile, Space, Store, StoreErrorKind, Swept, Take, Unfinished, Uploads,
};
use std::fmt::{self, Debug, Display};
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{debug, enabled, info};

/// A wrapper around another store.
#[derive(Debug)]
pub struct Logged {
    inner: Arc<dyn Store>,
}

/// A path as the log shows it: the root is `.`.
struct At<'a>(&'a RelPath);

/// A lock whose release is logged.
struct Held {
    at: RelPath,
    guard: Option<Guard>,
}

impl Logged {
    /// Returns a store that logs the calls to `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }

    /// Returns such a store, or `inner` itself if nothing is logged.
    pub fn wrap(inner: Arc<dyn Store>) -> Arc<dyn Store> {
        if enabled!(tracing::Level::INFO) { Arc::new(Self::new(inner)) } else { inner }
    }

    /// Makes a call and logs it with what `found` returns for the answer.
    fn call<T>(
        &self,
        method: &str,
        at: &RelPath,
        call: impl FnOnce(&dyn Store) -> Result<T>,
        found: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let started = Instant::now();
        let answer = call(&*self.inner);
        let (at, took) = (At(at), started.elapsed());
        match &answer {
            Ok(answer) => debug!("{method} {at}: {} in {took:.1?}", found(answer)),
            Err(error) => debug!("{method} {at}: {} in {took:.1?}", failed(error.kind())),
        }
        answer
    }

    /// Does the same for a call that continues after failures.
    fn removing(&self, method: &str, at: &RelPath, call: impl FnOnce(&dyn Store) -> Swept) -> Swept {
        let started = Instant::now();
        let swept = call(&*self.inner);
        let (at, took) = (At(at), started.elapsed());
        let (removed, failures) = (swept.removed, swept.failures.len());
        debug!("{method} {at}: {removed} removed, {failures} failed in {took:.1?}");
        swept
    }
}

impl Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() { f.write_str("`.`") } else { write!(f, "`{}`", self.0) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.guard.take());
        info!("released the lock {}", At(&self.at));
    }
}

fn failed(kind: StoreErrorKind) -> String {
    format!("failed ({kind:?})")
}

fn ok<T>(_: &T) -> String {
    "ok".to_owned()
}

fn number<T>(found: &[T]) -> String {
    format!("{} found", found.len())
}

fn kind(entry: Option<&Entry>) -> String {
    entry.map_or_else(|| "nothing".to_owned(), |entry| format!("{:?}", entry.kind).to_lowercase())
}

fn there<T>(found: Option<&T>) -> String {
    if found.is_some() { "found" } else { "nothing" }.to_owned()
}

fn filled(filled: &Filled) -> String {
    format!("{} bytes", filled.size)
}

fn shared(shared: Shared) -> String {
    format!("{shared:?}").to_lowercase()
}

#[deny(clippy::missing_trait_methods)]
impl Store for Logged {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    fn shown(&self) -> String {
        self.inner.shown()
    }

    fn look(&self, at: &RelPath) -> Result<Option<Entry>> {
        self.call("look", at, |store| store.look(at), |found| kind(found.as_ref()))
    }

    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        self.call("noted_digest", at, |store| store.noted_digest(at), |found| there(found.as_ref()))
    }

    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        self.call("link_text", at, |store| store.link_text(at), |found| there(found.as_ref()))
    }

    fn list(&self, dir: &RelPath) -> Result<Listing> {
        self.call("list", dir, |store| store.list(dir), |found| number(&found.entries))
    }

    fn scan(&self, dir: &RelPath) -> Result<Scan> {
        self.call("scan", dir, |store| store.scan(dir), |found| number(&found.entries))
    }

    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        self.call("below", dir, |store| store.below(dir), |found| number(found))
    }

    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        self.call("target", at, |store| store.target(at), ok)
    }

    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.call("pointers", dir, |store| store.pointers(dir), |found| number(found))
    }

    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.call("odd_pointers", dir, |store| store.odd_pointers(dir), |found| number(found))
    }

    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        self.call("read", at, |store| store.read(at, limit), |bytes| format!("{} bytes", bytes.len()))
    }

    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        self.call("open", at, |store| store.open(at), ok)
    }

    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        let size = |(): &()| format!("{} bytes", bytes.len());
        self.call("put", at, |store| store.put(at, bytes, how), size)
    }

    fn renew(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        self.call("renew", at, |store| store.renew(at, old, new), ok)
    }

    fn append(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()> {
        self.call("append", log, |store| store.append(log, line, how), ok)
    }

    fn remove(&self, at: &RelPath) -> Result<()> {
        self.call("remove", at, |store| store.remove(at), ok)
    }

    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        let root = RelPath::root();
        let first = these.first().map_or(&root, |(at, _)| at);
        self.removing("remove_all", first, |store| store.remove_all(these))
    }

    fn remove_dir(&self, at: &RelPath) -> Result<()> {
        self.call("remove_dir", at, |store| store.remove_dir(at), ok)
    }

    fn make_dir(&self, at: &RelPath) -> Result<()> {
        self.call("make_dir", at, |store| store.make_dir(at), ok)
    }

    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        self.call("fill", at, |store| store.fill(at, from, how), filled)
    }

    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        self.call("fill_known", at, |store| store.fill_known(at, from, how, digest), filled)
    }

    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        self.call("unfinished", &RelPath::root(), |store| store.unfinished(which), |found| number(found))
    }

    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        self.call("give_up", &upload.to, |store| store.give_up(upload), ok)
    }

    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared> {
        self.call("share", to, |store| store.share(from, to, how, fill), |how| shared(*how))
    }

    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared> {
        self.call("take", at, |store| store.take(from, at, how, fill), |how| shared(*how))
    }

    fn link(&self, at: &RelPath, text: &str) -> Result<()> {
        self.call("link", at, |store| store.link(at, text), ok)
    }

    fn sync_tree(&self, at: &RelPath) -> Result<()> {
        self.call("settle", at, |store| store.sync_tree(at), ok)?;
        info!("synced {}", At(at));
        Ok(())
    }

    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()> {
        self.call("reveal", to, |store| store.rename_tree(from, to), ok)?;
        info!("moved {} to {}", At(from), At(to));
        Ok(())
    }

    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        self.call("exchange", one, |store| store.exchange(one, other), ok)?;
        info!("exchanged {} and {}", At(one), At(other));
        Ok(())
    }

    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        self.call("point", at, |store| store.point(at, target), ok)?;
        info!("pointed {} to {}", At(at), At(target));
        Ok(())
    }

    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        let guard = self.call("lock", at, |store| store.lock(at, who, wait), ok)?;
        info!("took the lock {}", At(at));
        Ok(Guard::new(Held { at: at.clone(), guard: Some(guard) }))
    }

    fn is_held(&self, at: &RelPath) -> Result<bool> {
        self.call("is_held", at, |store| store.is_held(at), bool::to_string)
    }

    fn space(&self) -> Result<Option<Space>> {
        self.call("space", &RelPath::root(), |store| store.space(), |found| there(found.as_ref()))
    }

    fn is_at_its_path(&self) -> Result<bool> {
        self.call("is_at_its_path", &RelPath::root(), |store| store.is_at_its_path(), ToString::to_string)
    }

    fn mounts(&self) -> Result<Vec<RelPath>> {
        self.call("mounts", &RelPath::root(), |store| store.mounts(), |found| number(found))
    }

    fn discard(&self, at: &RelPath) -> Result<u64> {
        let removed =
            self.call("discard", at, |store| store.discard(at), |removed| format!("{removed} removed"))?;
        info!("removed {} below {}", removed, At(at));
        Ok(removed)
    }

    fn sweep(&self, at: &RelPath) -> Swept {
        let swept = self.removing("sweep", at, |store| store.sweep(at));
        info!("swept {}: {} removed, {} failed", At(at), swept.removed, swept.failures.len());
        swept
    }

    fn pace(&self, entries_a_second: Option<NonZeroU32>) {
        self.inner.pace(entries_a_second);
    }
}
