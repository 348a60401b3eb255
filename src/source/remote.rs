//! A build of another mirror as a source: what its manifest lists, read from there and held against it.
//!
//! Bytes are hashed while they are read. What is not as its mirror wrote it down fails before its end is told, so that
//! no store ever completes a file that is damaged. Nothing there is locked or changed; a build that goes while it is
//! read fails by the file that is missing.

use crate::model::{Digest, Hasher, RelPath};
use crate::record::{FileEntry, Manifest};
use crate::source::problem::SourceProblem;
use crate::store::Store;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// A build of another mirror.
#[derive(Debug)]
pub(crate) struct RemoteBuild {
    store: Arc<dyn Store>,
    root: RelPath,
    /// Sorted by path.
    manifest: Manifest,
}

/// A file of another mirror, opened when it is first read.
pub struct Stream {
    store: Arc<dyn Store>,
    at: RelPath,
    shown: String,
    size: u64,
    digest: Option<Digest>,
    open: Option<Reading>,
    problem: Option<SourceProblem>,
}

/// How far a file is read.
struct Reading {
    from: Box<dyn Read + Send>,
    hasher: Hasher,
    read: u64,
}

impl RemoteBuild {
    /// Returns the build whose root is at `root` of a store, of which the manifest is known.
    pub(crate) fn new(store: Arc<dyn Store>, root: RelPath, manifest: Manifest) -> Self {
        Self { store, root, manifest }
    }

    /// Returns the files that it lists, sorted by path.
    pub(crate) fn files(&self) -> &[FileEntry] {
        &self.manifest.files
    }

    /// Returns a file's path as a person would write it.
    pub(crate) fn shown(&self, to: &RelPath) -> PathBuf {
        PathBuf::from(self.store.shown()).join(self.root.join(to).as_str())
    }

    /// Returns a file's digest as it was written down.
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

    /// Returns what went wrong while it was read, once.
    pub(crate) fn problem(&mut self) -> Option<SourceProblem> {
        self.problem.take()
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, SourceProblem> {
        let unreadable = |source: io::Error| SourceProblem::Read { path: self.shown.clone(), source };
        let reading = match &mut self.open {
            Some(reading) => reading,
            none => {
                let from = self.store.open(&self.at).map_err(|error| unreadable(io::Error::other(error)))?;
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
        // At the last byte already: whoever is told the size may never ask for the end.
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
