//! What else a store does: metadata, copies, listings and removals.

use super::DOING;
use crate::model::{Digest, RelPath};
use crate::store::object::fault::failed;
use crate::store::object::key::below_key;
use crate::store::object::{ObjectStore, Others};
use crate::store::{Fill, Result, Share, Shared, Store, StoreError, StoreErrorKind};
use futures_util::TryStreamExt;
use object_store::path::Path;
use std::time::Duration;

/// The contents of every file of the probe.
const BYTES: &[u8] = b"trial";

/// The metadata of every file of the probe.
const FILL: Fill = Fill { mode: 0o444, mtime: Some(1) };

/// How often to list again if a removed object is still listed; some stores list it for a while.
const LOOKS: usize = 8;

/// The pause in between.
const PAUSE: Duration = Duration::from_millis(250);

impl ObjectStore {
    /// Tests three files, a copy, a listing and a removal.
    pub(super) fn try_others(&self) -> Result<Others> {
        let dir = RelPath::state(&format!("tmp/trial-{}", uuid::Uuid::new_v4().simple()));
        let found = self.others(&dir);
        // Whatever went wrong, nothing is left; an object that cannot be removed is the graver error.
        self.all_gone(&dir)?;
        found
    }

    fn others(&self, dir: &RelPath) -> Result<Others> {
        let [a, b, c, copy] = ["a", "b", "c", "copy"].map(|name| dir.child(name).unwrap_or_default());
        for at in [&b, &c, &a] {
            self.fill(at, &mut &*BYTES, FILL)?;
        }
        let notes = self.has_notes(&a)?;
        let copied = matches!(self.share(&a, &copy, Share::Link, FILL), Ok(Shared::Yes));
        // Without its metadata, a copy is useless.
        let copies = copied && self.has_notes(&copy)?;
        Ok(Others { notes, copies, lists_in_order: self.names(dir)?.is_sorted() })
    }

    /// Returns whether a file of the probe exists with its metadata.
    fn has_notes(&self, at: &RelPath) -> Result<bool> {
        let Some(found) = self.look(at)? else { return Ok(false) };
        let noted =
            (found.mode, Some(found.mtime), found.digest) == (FILL.mode, FILL.mtime, Some(Digest::of(BYTES)));
        Ok(noted && self.read(at, 100)? == BYTES)
    }

    /// Removes everything below a directory at once, and checks that it is gone.
    fn all_gone(&self, dir: &RelPath) -> Result<()> {
        self.discard(dir)?;
        let mut left = self.names(dir)?;
        for _ in 0..LOOKS {
            if left.is_empty() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
            left = self.names(dir)?;
        }
        let why = "it was removed, and the store still lists it";
        let kept = |at| Err(StoreError::because(StoreErrorKind::Unsupported, DOING, at, why));
        left.first().map_or(Ok(()), kept)
    }

    /// Returns the keys below a directory in the order in which they are listed.
    fn names(&self, dir: &RelPath) -> Result<Vec<Path>> {
        let below = self.client.list(Some(&below_key(dir, DOING)?));
        self.wait_for(below.map_ok(|meta| meta.location).try_collect()).map_err(failed(DOING, dir))
    }
}
