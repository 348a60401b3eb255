//! Reading the files of a build to adopt, each once and on many threads.

use crate::model::{Digest, RelPath, is_sums};
use crate::ops::adopt::request::{Stopped, Trust};
use crate::ops::observe::disk::Disk;
use crate::ops::observe::inventory::{Holdings, Listed, ListedBy, digest};
use crate::record::{FileEntry, LinkEntry, Manifest};
use crate::session::Session;
use crate::store::Entry;
use rayon::prelude::*;

/// Reads the files of a build, on many threads.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) disk: Option<&'a Disk>,
    pub(crate) trust: Trust,
    /// What to do if a file differs from its list.
    pub(crate) hint: &'a str,
}

impl Reading<'_> {
    /// Reads what must be read and returns the contents of the build.
    pub(crate) fn manifest(
        &self,
        root: &RelPath,
        held: &Holdings,
        listed: &Listed,
    ) -> Result<Manifest, Stopped> {
        let mut files: Vec<(&RelPath, &Entry)> =
            held.files.iter().filter(|(at, _)| !is_sums(at.as_str())).collect();
        let missing = listed.files.keys().find(|at| !held.files.contains_key(*at));
        if let Some(at) = missing.filter(|_| listed.by == ListedBy::Sums) {
            return Err(Stopped::Build(format!("`{at}` is in SHA256SUMS, and not there")));
        }
        // The largest first, so that no thread has it left at the end.
        files.sort_by(|a, b| b.1.size.cmp(&a.1.size).then_with(|| a.0.cmp(b.0)));
        let bytes = files.iter().map(|(_, entry)| entry.size).sum();
        self.session.progress().expect(root.as_str(), files.len() as u64, bytes);
        let files: Vec<Result<FileEntry, Stopped>> = files
            .into_par_iter()
            .with_max_len(1)
            .map(|(at, entry)| self.file(root, at, entry, listed.files.get(at)))
            .collect();
        let mut manifest =
            Manifest { files: files.into_iter().collect::<Result<_, _>>()?, ..Manifest::default() };
        let links =
            held.links.iter().map(|(path, text)| LinkEntry { path: path.clone(), text: text.clone() });
        manifest.links = links.collect();
        if let Some(link) = manifest.links.iter().find(|link| link.text.chars().any(char::is_control)) {
            return Err(Stopped::Build(format!("the link `{}` holds a control character", link.path)));
        }
        manifest.dirs.clone_from(&held.dirs);
        manifest.sort();
        Ok(manifest)
    }

    /// Returns the manifest line of one file.
    fn file(
        &self,
        root: &RelPath,
        at: &RelPath,
        entry: &Entry,
        listed: Option<&(Digest, Option<u64>)>,
    ) -> Result<FileEntry, Stopped> {
        self.session.check_cancelled()?;
        let believed = listed.filter(|(_, size)| size.is_none_or(|size| size == entry.size));
        let digest = match believed.filter(|_| self.trust == Trust::Lists) {
            Some((digest, _)) => *digest,
            None => self.digest(root, at)?,
        };
        if listed.is_some_and(|(wanted, _)| *wanted != digest) {
            let why = format!("`{at}` differs from the list of checksums beside it");
            return Err(Stopped::Build(format!("{why}{}", self.hint)));
        }
        let after = self.session.mirror().store().look(&root.join(at))?;
        let as_before = |after: &Entry| {
            (after.size, after.ctime) == (entry.size, entry.ctime)
                && (!self.session.mirror().store().abilities().lists_times || after.mtime == entry.mtime)
        };
        let Some(after) = after.filter(as_before) else {
            return Err(Stopped::Build(format!("`{at}` changed while it was read")));
        };
        self.session.progress().file(at);
        Ok(FileEntry {
            path: at.clone(),
            size: entry.size,
            digest,
            mode: after.mode,
            mtime: after.mtime,
            inode: after.inode.1,
            seen: None,
        })
    }

    pub(crate) fn digest(&self, root: &RelPath, at: &RelPath) -> Result<Digest, Stopped> {
        let read = digest(self.session, self.disk, &root.join(at));
        self.session.check_cancelled()?;
        read.map_err(|error| Stopped::Build(format!("`{at}` cannot be read: {error}")))
    }
}
