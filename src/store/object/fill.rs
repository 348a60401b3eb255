//! Files of any size: hashed in the pass that uploads them, large ones in parts.
//!
//! When the source or a part fails, the uploaded parts are aborted; if that fails too, their note stays (`parts`). A
//! file may have 10,000 parts, which is about 156 GiB.

use super::ObjectStore;
use super::content_headers::served_as;
use super::fault::failed;
use super::find::{attributes, note_digest, note_time};
use super::key::{file_key, not_the_root};
use super::parts::Upload;
use crate::model::{Digest, Hasher, RelPath};
use crate::store::{Fill, Filled, Result, Shared, StoreError, StoreErrorKind};
use object_store::{Error, ObjectStoreExt, PutOptions};
use std::io::{self, Read};

/// The size of a part: every vendor accepts it, and all parts except the last have the same size, as some require.
const PART: usize = 16 << 20;

/// The largest object that vendors copy in one request.
const COPY_MAX: u64 = 5 << 30;

impl ObjectStore {
    /// Uploads a file; its digest is stored with it if it was known beforehand, or if the file is one part.
    pub(super) fn fill_object(
        &self,
        at: &RelPath,
        from: &mut dyn Read,
        how: Fill,
        known: Option<Digest>,
    ) -> Result<Filled> {
        const DOING: &str = "write";
        not_the_root(at, DOING)?;
        let key = file_key(at, DOING)?;
        let mut attributes = attributes(how.mode);
        if let Some(mtime) = how.mtime {
            note_time(&mut attributes, mtime, self.times);
        }
        served_as(&mut attributes, at);
        let mut source = Source { from, hasher: Hasher::new(), size: 0 };
        let unreadable = |error: io::Error| StoreError::new(DOING, at, error);
        let first = source.part().map_err(unreadable)?;
        if first.len() < PART {
            note_digest(&mut attributes, source.so_far());
            let options = PutOptions { attributes, ..PutOptions::default() };
            self.wait_for(self.client.put_opts(&key, first.into(), options)).map_err(failed(DOING, at))?;
            return Ok(source.filled());
        }
        if let Some(known) = known {
            note_digest(&mut attributes, known);
        }
        let begun = self.wait_for(Upload::begin(self, at, &key, attributes));
        let mut upload = begun.map_err(failed(DOING, at))?;
        let sent = self.send(&mut upload, first, &mut source, at, known);
        if sent.is_err() {
            // Best effort: nothing of it is visible either way, and the note stays.
            self.wait_for(upload.give_up()).ok();
        }
        sent.map(|()| source.filled())
    }

    /// Uploads a file part by part, reading the next while the last ones are in flight.
    fn send(
        &self,
        upload: &mut Upload,
        first: Vec<u8>,
        source: &mut Source<'_>,
        at: &RelPath,
        known: Option<Digest>,
    ) -> Result<()> {
        const DOING: &str = "write";
        let mut part = first;
        while !part.is_empty() {
            self.wait_for(upload.send(part)).map_err(failed(DOING, at))?;
            part = source.part().map_err(|error| StoreError::new(DOING, at, error))?;
        }
        if known.is_some_and(|known| known != source.so_far()) {
            let why = "the bytes do not have the digest that was given";
            return Err(StoreError::because(StoreErrorKind::Io, DOING, at, why));
        }
        self.wait_for(upload.finish()).map_err(failed(DOING, at))
    }

    /// Has the store copy an object by itself.
    pub(super) async fn copy_object(&self, from: &RelPath, to: &RelPath) -> Result<Shared> {
        const DOING: &str = "copy";
        not_the_root(to, DOING)?;
        let (old, new) = (file_key(from, DOING)?, file_key(to, DOING)?);
        let size = match self.client.head(&old).await {
            Err(Error::NotFound { .. }) => return Ok(Shared::No),
            found => found.map_err(failed(DOING, from))?.size,
        };
        if size > COPY_MAX {
            return Ok(Shared::No);
        }
        match self.client.copy(&old, &new).await {
            Ok(()) => Ok(Shared::Yes),
            Err(Error::NotFound { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. }) => {
                Ok(Shared::No)
            }
            Err(error) => Err(failed(DOING, to)(error)),
        }
    }
}

/// An upload, hashed as it is read.
struct Source<'a> {
    from: &'a mut dyn Read,
    hasher: Hasher,
    size: u64,
}

impl Source<'_> {
    /// Reads the next part; the last is shorter than the others, or empty.
    fn part(&mut self) -> io::Result<Vec<u8>> {
        let mut part = Vec::new();
        let read = (&mut *self.from).take(PART as u64).read_to_end(&mut part)?;
        self.hasher.update(&part);
        self.size += read as u64;
        Ok(part)
    }

    fn so_far(&self) -> Digest {
        self.hasher.clone().finish()
    }

    fn filled(self) -> Filled {
        Filled { size: self.size, digest: self.hasher.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_file_of_several_parts_arrives_as_it_was() {
        let store = ObjectStore::in_memory().unwrap();
        let at: RelPath = "a/iso".parse().unwrap();
        let bytes: Vec<u8> = (0..251).cycle().take(PART * 3 + 5).collect();
        let fill = Fill { mode: 0o444, mtime: Some(5) };
        let filled = store.fill(&at, &mut &*bytes, fill).unwrap();
        assert_eq!(filled, Filled { size: bytes.len() as u64, digest: Digest::of(&bytes) });
        assert_eq!(store.read(&at, u64::MAX).unwrap(), bytes);
        assert_eq!(store.look(&at).unwrap().unwrap().mtime, 5);
    }

    #[test]
    fn a_source_that_fails_late_leaves_nothing() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(buffer.len()).ok_or(io::ErrorKind::BrokenPipe)?;
                Ok(buffer.len())
            }
        }
        let store = ObjectStore::in_memory().unwrap();
        let at: RelPath = "a/iso".parse().unwrap();
        let failed = store.fill(&at, &mut Failing(PART * 2), Fill { mode: 0o444, mtime: None }).unwrap_err();
        assert_eq!(failed.kind(), StoreErrorKind::Io);
        assert_eq!(store.look(&at).unwrap(), None);
    }
}
