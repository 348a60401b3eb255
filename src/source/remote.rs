//! A build of another mirror as a source: the files of its manifest, read and compared with it.
//!
//! Bytes are hashed while they are read. A file that differs from its record fails before its end is reached, so that
//! no store ever completes a damaged file. Nothing is locked or changed there; if a build is removed while it is
//! read, the missing file fails.

use crate::model::{Digest, Hasher, RelPath};
use crate::record::{FileEntry, Manifest};
use crate::source::problem::SourceProblem;
use crate::store::Store;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the files of another mirror are read.
pub(crate) trait Origin: fmt::Debug + Send + Sync {
    /// Returns the root for display.
    fn shown(&self) -> String;

    /// Opens a file for reading from its start.
    fn open(&self, at: &RelPath) -> io::Result<Box<dyn Read + Send>>;
}

impl Origin for Arc<dyn Store> {
    fn shown(&self) -> String {
        Store::shown(&**self)
    }

    fn open(&self, at: &RelPath) -> io::Result<Box<dyn Read + Send>> {
        Store::open(&**self, at).map_err(io::Error::other)
    }
}

/// A build of another mirror.
#[derive(Debug)]
pub(crate) struct RemoteBuild {
    store: Arc<dyn Origin>,
    root: RelPath,
    /// Sorted by path.
    manifest: Manifest,
}

/// A file of another mirror, opened when it is first read.
pub struct Stream {
    store: Arc<dyn Origin>,
    at: RelPath,
    shown: String,
    size: u64,
    digest: Option<Digest>,
    open: Option<Reading>,
    problem: Option<SourceProblem>,
}

/// The progress of reading a file.
struct Reading {
    from: Box<dyn Read + Send>,
    hasher: Hasher,
    read: u64,
}

impl RemoteBuild {
    /// Returns the build whose root is at `root` of a mirror, with its known manifest.
    pub(crate) fn new(store: Arc<dyn Origin>, root: RelPath, manifest: Manifest) -> Self {
        Self { store, root, manifest }
    }

    /// Returns the files that it lists, sorted by path.
    pub(crate) fn files(&self) -> &[FileEntry] {
        &self.manifest.files
    }

    /// Returns a file's path for display.
    pub(crate) fn shown(&self, to: &RelPath) -> PathBuf {
        PathBuf::from(self.store.shown()).join(self.root.join(to).as_str())
    }

    /// Returns a file's recorded digest.
    pub(crate) fn digest(&self, to: &RelPath) -> Option<Digest> {
        let files = &self.manifest.files;
        let found = files.binary_search_by(|file| file.path.cmp(to)).ok()?;
        files.get(found).map(|file| file.digest)
    }

    /// Returns a file that is opened when it is first read.
    pub(crate) fn open(&self, to: &RelPath, size: u64) -> Stream {
        Stream {
            store: Arc::clone(&self.store),
            at: self.root.join(to),
            shown: self.shown(to).display().to_string(),
            size,
            digest: self.digest(to),
            open: None,
            problem: None,
        }
    }
}

impl Stream {
    /// Goes back to the start.
    pub(crate) fn rewind(&mut self) {
        self.open = None;
    }

    /// Returns the error of reading, once.
    pub(crate) fn problem(&mut self) -> Option<SourceProblem> {
        self.problem.take()
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, SourceProblem> {
        let unreadable = |source: io::Error| SourceProblem::Read { path: self.shown.clone(), cause: source };
        let reading = match &mut self.open {
            Some(reading) => reading,
            none => {
                let from = self.store.open(&self.at).map_err(unreadable)?;
                none.insert(Reading { from, hasher: Hasher::new(), read: 0 })
            }
        };
        let read = loop {
            match reading.from.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(unreadable)?,
            }
        };
        reading.hasher.update(buffer.get(..read).unwrap_or_default());
        reading.read += read as u64;
        let damaged = |why| SourceProblem::Damaged { path: self.shown.clone(), why };
        if reading.read > self.size || read == 0 && reading.read < self.size {
            let more = if reading.read > self.size { "at least " } else { "" };
            return Err(damaged(format!("it has {more}{} bytes, {} are listed", reading.read, self.size)));
        }
        // Already at the last byte: a reader that knows the size may never ask for the end.
        if reading.read == self.size
            && !buffer.is_empty()
            && let Some(wanted) = self.digest
        {
            let found = reading.hasher.clone().finish();
            if found != wanted {
                return Err(damaged(format!("sha256 {found}, {wanted} is listed")));
            }
        }
        Ok(read)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance(buffer).map_err(|problem| {
            let error = io::Error::other(problem.to_string());
            self.problem = Some(problem);
            error
        })
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.shown).finish()
    }
}
