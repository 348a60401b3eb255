//! An object store as a store: keys instead of directories, pointer objects instead of symlinks.
//!
//! Everything that was written is durable and completely visible when the call returns. What object stores cannot do
//! is stated in the [`Abilities`] and refused: a tree is not moved in one step, bytes are not shared, and there are
//! no directories, so that an empty one does not exist and `a` can be a file beside `a/b`. A file can still be
//! created by exactly one of many processes, but only if the store honours conditional writes ([`Conditions`]); a
//! lock excludes others in every store.
//!
//! The crate `object_store` is asynchronous, the rest of mirrorkeep is not: this folder owns the runtime, and nothing
//! asynchronous leaves it.

mod address;
mod content_headers;
mod discard;
mod fault;
mod fill;
mod find;
mod http;
mod key;
mod list_uploads;
mod lock;
mod lock_without_cas;
mod parts;
mod place;
mod probe;
mod process;
mod stream;

use crate::model::{Digest, RelPath};
use crate::store::{
    Abilities, Append, Below, Entry, Fill, Filled, Guard, Kind, Listing, Put, Result, Share, Shared,
    SourceFile, Store, StoreError, StoreErrorKind, Swept, Take, Unfinished, Uploads,
};
use object_store::memory::InMemory;
use object_store::multipart::MultipartStore;
use std::fmt::Debug;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A store as the crate `object_store` sees it.
type Client = dyn object_store::ObjectStore;

/// How long a lock is valid without a renewal by its holder.
const TERM: Duration = Duration::from_mins(1);

/// Whether the store does a conditional write only when its condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// It does.
    Honoured,
    /// It does not, or has not been probed.
    Ignored,
}

/// What a store does beyond conditional writes, as in [`Abilities`].
#[derive(Debug, Clone, Copy)]
struct Others {
    notes: bool,
    copies: bool,
    lists_in_order: bool,
}

/// A bucket and prefix, and the objects in it.
#[derive(Debug)]
pub struct ObjectStore {
    shown: String,
    client: Arc<Client>,
    /// The same for uploads in parts, if it names them.
    parts: Option<Arc<dyn parts::Parts>>,
    /// Lists the uploads in parts that were not noted, if the server can.
    begun: Option<list_uploads::UploadLister>,
    runtime: Arc<Runtime>,
    conditions: Conditions,
    others: Others,
    term: Duration,
    /// The form of times in metadata for rclone.
    times: find::TimeForm,
    /// Makes the threads of this process append one after the other instead of racing.
    appending: Mutex<()>,
}

impl ObjectStore {
    /// Returns a store that keeps its objects in memory for as long as it lives.
    pub fn in_memory() -> Result<Self> {
        let client = Arc::new(InMemory::new());
        Ok(Self::new(Arc::<InMemory>::clone(&client), "memory:", Conditions::Honoured)?
            .naming_uploads(client))
    }

    /// Returns a store over a client of the crate `object_store`, whose keys are all below its root.
    pub fn new(client: Arc<Client>, shown: &str, conditions: Conditions) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::new("start the threads for", shown, error))?;
        Ok(Self {
            shown: shown.to_owned(),
            client,
            parts: None,
            begun: None,
            runtime: Arc::new(runtime),
            conditions,
            others: Others { notes: true, copies: true, lists_in_order: false },
            term: TERM,
            times: find::TimeForm::Seconds,
            appending: Mutex::new(()),
        })
    }

    /// Uploads files in parts with a client that names each upload, so that any process can abort it.
    #[must_use]
    pub fn naming_uploads(self, parts: Arc<impl MultipartStore + Debug>) -> Self {
        Self { parts: Some(parts), ..self }
    }

    /// Assumes this result of probing conditional writes.
    #[must_use]
    pub fn known_as(self, conditions: Conditions) -> Self {
        Self { conditions, ..self }
    }

    /// Assumes these results of a probe.
    #[must_use]
    pub fn known_by(self, abilities: &Abilities) -> Self {
        let &Abilities { notes, copies, lists_in_order, creates_once, .. } = abilities;
        let conditions = if creates_once { Conditions::Honoured } else { Conditions::Ignored };
        Self { others: Others { notes, copies, lists_in_order }, ..self.known_as(conditions) }
    }

    /// Makes locks valid for `term` without a renewal; for tests that cannot wait.
    #[must_use]
    pub fn with_term(self, term: Duration) -> Self {
        Self { term, ..self }
    }

    fn wait_for<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }
}

impl Store for ObjectStore {
    fn abilities(&self) -> Abilities {
        let conditional = self.conditions == Conditions::Honoured;
        let Others { notes, copies, lists_in_order } = self.others;
        Abilities {
            moves_trees: false,
            shares_files: false,
            directories: false,
            symlinks: false,
            creates_once: conditional,
            locks: true,
            notes,
            copies,
            lists_in_order,
            slow_calls: true,
            inodes: false,
            lists_times: false,
            lists_sizes: true,
            lists_versions: true,
            keeps_digests: true,
            can_fill_up: false,
        }
    }

    fn shown(&self) -> String {
        self.shown.clone()
    }

    fn look(&self, at: &RelPath) -> Result<Option<Entry>> {
        self.wait_for(self.find(at))
    }

    fn noted_digest(&self, at: &RelPath) -> Result<Option<Digest>> {
        Ok(self.wait_for(self.find_file(at))?.and_then(|entry| entry.digest))
    }

    fn link_text(&self, at: &RelPath) -> Result<Option<String>> {
        Ok(self.wait_for(self.find_link(at, "look at"))?.map(|link| link.text))
    }

    fn list(&self, dir: &RelPath) -> Result<Listing> {
        self.wait_for(self.names_in(dir))
    }

    fn below(&self, dir: &RelPath) -> Result<Vec<Below>> {
        self.wait_for(self.all_below(dir))
    }

    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        self.wait_for(self.read_whole(at, limit))
    }

    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        self.open_stream(at)
    }

    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        self.wait_for(self.put_object(at, bytes, how))
    }

    fn renew(&self, at: &RelPath, old: &[u8], new: &[u8]) -> Result<()> {
        self.wait_for(self.renew_object(at, old, new))
    }

    fn append(&self, log: &RelPath, line: &[u8], _how: Append) -> Result<()> {
        self.append_line(log, line)
    }

    fn remove(&self, at: &RelPath) -> Result<()> {
        self.wait_for(self.remove_object(at))
    }

    fn remove_all(&self, these: &[(RelPath, Kind)]) -> Swept {
        self.wait_for(self.remove_these(these))
    }

    fn remove_dir(&self, at: &RelPath) -> Result<()> {
        self.wait_for(self.is_empty(at))
    }

    fn make_dir(&self, at: &RelPath) -> Result<()> {
        key::below_key(at, "make the directory").map(drop)
    }

    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        self.fill_object(at, from, how, None)
    }

    fn fill_known(&self, at: &RelPath, from: &mut dyn Read, how: Fill, digest: Digest) -> Result<Filled> {
        self.fill_object(at, from, how, Some(digest))
    }

    fn unfinished(&self, which: Uploads) -> Result<Vec<Unfinished>> {
        self.wait_for(async {
            let noted = self.noted_uploads().await?;
            if which == Uploads::Noted { Ok(noted) } else { self.and_others(noted).await }
        })
    }

    fn give_up(&self, upload: &Unfinished) -> Result<()> {
        self.wait_for(self.give_up_upload(upload))
    }

    fn share(&self, from: &RelPath, to: &RelPath, how: Share, _fill: Fill) -> Result<Shared> {
        match how {
            Share::Link if self.others.copies => self.wait_for(self.copy_object(from, to)),
            Share::Link | Share::Reflink => Ok(Shared::No),
        }
    }

    fn take(&self, _from: &SourceFile<'_>, _at: &RelPath, _how: Take, _fill: Fill) -> Result<Shared> {
        // A file of this machine can only be in a bucket if its bytes are uploaded.
        Ok(Shared::No)
    }

    fn link(&self, at: &RelPath, text: &str) -> Result<()> {
        self.wait_for(self.put_link(at, text))
    }

    fn sync_tree(&self, _at: &RelPath) -> Result<()> {
        Ok(())
    }

    fn rename_tree(&self, _from: &RelPath, to: &RelPath) -> Result<()> {
        let why = "an object store moves no tree in one step";
        Err(StoreError::because(StoreErrorKind::Unsupported, "move into place", to, why))
    }

    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        self.wait_for(self.point_alias(at, target))
    }

    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        self.lock_object(at, who, wait)
    }

    fn is_held(&self, at: &RelPath) -> Result<bool> {
        self.is_locked(at)
    }

    fn discard(&self, at: &RelPath) -> Result<u64> {
        let Swept { removed, failures } = self.sweep(at);
        failures.into_iter().next().map_or(Ok(removed), Err)
    }

    fn sweep(&self, at: &RelPath) -> Swept {
        self.wait_for(self.sweep_all(at))
    }
}
