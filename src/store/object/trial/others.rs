//! What else a store does: notes beside files, copies, listings and removals.

use super::DOING;
use crate::store::object::fault::failed;
use crate::store::object::find::{attributes, note_digest};
use crate::store::object::{ObjectStore, key::file_key};
use crate::store::{Result, StoreError, StoreErrorKind};
use crate::word::{Digest, RelPath};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error, ObjectStoreExt, PutOptions};
use std::time::Duration;

/// What every file of the trial holds.
const BYTES: &[u8] = b"trial";

/// How often a listing is asked for in which something is that went; some stores tell of it for a while.
const LOOKS: usize = 8;

/// How long is waited in between.
const PAUSE: Duration = Duration::from_millis(250);

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Others {
    /// What is noted beside a file stays there.
    pub(super) notes: bool,
    /// A file is copied by the store, with its notes.
    pub(super) copies: bool,
    /// A listing comes in the order of the names.
    pub(super) in_order: bool,
}

impl ObjectStore {
    /// Looks what becomes of three files, a copy, a listing and a removal.
    pub(super) fn try_others(&self) -> Result<Others> {
        let dir = RelPath::own(&format!("tmp/trial-{}", uuid::Uuid::new_v4().simple()));
        let found = self.wait_for(self.others(&dir));
        // Whatever went wrong, nothing stays; what cannot be removed is the graver error.
        self.wait_for(self.all_gone(&dir))?;
        found
    }

    async fn others(&self, dir: &RelPath) -> Result<Others> {
        let [a, b, c, copy] = ["a", "b", "c", "copy"].map(|name| dir.child(name).unwrap_or_default());
        for at in [&b, &c, &a] {
            let mut noted = attributes(0o444, Some(1));
            note_digest(&mut noted, Digest::of(BYTES));
            let options = PutOptions { attributes: noted, ..PutOptions::default() };
            let put = self.client.put_opts(&file_key(at, DOING)?, BYTES.into(), options).await;
            put.map_err(failed(DOING, at))?;
        }
        let notes = self.has_notes(&a).await?;
        let copied = self.client.copy(&file_key(&a, DOING)?, &file_key(&copy, DOING)?).await;
        // Without what is noted beside it, a copy is no better than none.
        let copies = copied.is_ok() && self.has_notes(&copy).await?;
        let names = self.names(dir).await?;
        Ok(Others { notes, copies, in_order: names.is_sorted() })
    }

    /// Returns whether a file of the trial is there with what was noted beside it.
    async fn has_notes(&self, at: &RelPath) -> Result<bool> {
        let Some(found) = self.find_file(at).await? else { return Ok(false) };
        Ok((found.mode, found.mtime, found.digest) == (0o444, 1, Some(Digest::of(BYTES)))
            && self.read_whole(at, 100).await? == BYTES)
    }

    /// Removes everything below a directory at once, and looks whether it went.
    async fn all_gone(&self, dir: &RelPath) -> Result<()> {
        let keys = self.names(dir).await?;
        let keys = stream::iter(keys.into_iter().map(Ok)).boxed();
        for answer in self.client.delete_stream(keys).collect::<Vec<_>>().await {
            match answer {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(DOING, dir)(error)),
            }
        }
        let mut left = self.names(dir).await?;
        for _ in 0..LOOKS {
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
            left = self.names(dir).await?;
        }
        let why = "it was removed, and the store still lists it";
        left.first()
            .map_or(Ok(()), |at| Err(StoreError::because(StoreErrorKind::Unsupported, DOING, at, why)))
    }

    /// Returns the keys below a directory in the order in which they are listed.
    async fn names(&self, dir: &RelPath) -> Result<Vec<object_store::path::Path>> {
        let below = self.client.list(Some(&crate::store::object::key::below_key(dir, DOING)?));
        below.map_ok(|meta| meta.location).try_collect().await.map_err(failed(DOING, dir))
    }
}
