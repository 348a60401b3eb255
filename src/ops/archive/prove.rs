//! Reading a build in the archive, and comparing it with the manifest here.
//!
//! The lists and records of the archive are not trusted: each file of the manifest here is read there.

use super::content::{Content, lacks};
use super::{ArchiveError, content_of};
use crate::mirror::Mirror;
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME};
use crate::ops::observe::disk::Disk;
use crate::ops::observe::inventory::{digest, holdings};
use crate::session::Session;
use crate::store::{StoreError, io_pool};
use rayon::prelude::*;

/// The number of files that are requested at once from a remote store.
const AT_ONCE: usize = 16;

/// Reads builds in an archive.
pub(super) struct Prover<'a> {
    there: &'a Session<'a>,
    disk: Option<Disk>,
    threads: Option<rayon::ThreadPool>,
}

impl<'a> Prover<'a> {
    /// Returns a reader of the session's mirror.
    pub(super) fn new(there: &'a Session<'a>) -> Result<Self, StoreError> {
        let store = there.mirror().store();
        let threads = if store.abilities().slow_calls { Some(io_pool(store, AT_ONCE)?) } else { None };
        Ok(Self { there, disk: Disk::of(there.mirror()), threads })
    }

    /// Fails unless the archive has every file and link of a build as it is here; reads each byte.
    pub(super) fn prove(&self, id: &BuildId, here: &Content) -> Result<(), ArchiveError> {
        let mirror = self.there.mirror();
        let there = content_there(mirror, id)?;
        let differs = |at: RelPath| ArchiveError::Differs { id: id.clone(), at };
        if let Some(at) = lacks(&here.manifest, &there.manifest).into_iter().next() {
            return Err(differs(at));
        }
        let root = mirror.layout().build_path(id)?;
        let held = holdings(&mirror.apart(), id, &root);
        if let Some((at, why)) = held.unread.into_iter().next() {
            return Err(ArchiveError::Unreadable(root.join(&at), std::io::Error::other(why)));
        }
        let files = here.manifest.files.iter();
        let mut expected: Vec<(&RelPath, Digest)> = files.map(|file| (&file.path, file.digest)).collect();
        let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
        // A build that lost parts here has another list than the whole one there.
        if here.is_like(&there) {
            expected.extend(here.record.sums.map(|digest| (&sums, digest)));
            let is_same = here.signatures.len() == there.signatures.len()
                && here
                    .signatures
                    .iter()
                    .zip(&there.signatures)
                    .all(|(a, b)| (a.file, &a.bytes) == (b.file, &b.bytes));
            if !is_same {
                let file = here.signatures.iter().chain(&there.signatures).next().map(|one| one.file);
                return Err(differs(file.and_then(|file| file.parse().ok()).unwrap_or_default()));
            }
        }
        if let Some((at, _)) = expected.iter().find(|(at, _)| !held.files.contains_key(*at)) {
            return Err(differs((*at).clone()));
        }
        if mirror.store().abilities().symlinks {
            let missing = here
                .manifest
                .links
                .iter()
                .find(|link| !held.links.iter().any(|(at, text)| *at == link.path && *text == link.text));
            if let Some(link) = missing {
                return Err(differs(link.path.clone()));
            }
        }
        let read = || {
            expected
                .par_iter()
                .with_max_len(1)
                .try_for_each(|(at, expected)| self.read(&root.join(at), *expected))
        };
        match &self.threads {
            Some(threads) => threads.install(read),
            None => read(),
        }
    }

    /// Reads one file.
    fn read(&self, at: &RelPath, expected: Digest) -> Result<(), ArchiveError> {
        self.there.check_cancelled()?;
        let found = match digest(self.there, self.disk.as_ref(), at) {
            Err(error) => {
                self.there.check_cancelled()?;
                return Err(ArchiveError::Unreadable(at.clone(), error));
            }
            Ok(found) => found,
        };
        self.there.progress().file(at);
        if found == expected {
            return Ok(());
        }
        Err(ArchiveError::Damaged { at: at.clone(), found, expected })
    }
}

/// Returns the content of a build that the archive states.
pub(super) fn content_there(mirror: &Mirror, id: &BuildId) -> Result<Content, ArchiveError> {
    if !mirror.has_build(id)? {
        return Err(ArchiveError::Missing(id.clone()));
    }
    content_of(mirror, id)
}
