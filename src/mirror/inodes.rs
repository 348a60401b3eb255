//! Notes on the inodes of each stream's last published build: what may be shared without reading it again.

use super::Mirror;
use crate::record::Inodes;
use crate::store::{Put, StoreError};
use crate::word::{RelPath, Stream};

/// The largest size of the notes, in bytes: a line has at most 64, and a build fewer than four million files.
const LIMIT: u64 = 256 << 20;

impl Mirror {
    /// Returns the notes on a stream's last published build; nothing where they are missing or cannot be used.
    pub fn inodes(&self, stream: &Stream) -> Option<Inodes> {
        Inodes::parse(&self.store().read(&place(stream), LIMIT).ok()?)
    }

    /// Writes the notes on the build that is being published into a stream.
    pub fn keep_inodes(&self, stream: &Stream, inodes: &Inodes) -> Result<(), StoreError> {
        self.store().put(&place(stream), inodes.write().as_bytes(), Put::Replace)
    }
}

fn place(stream: &Stream) -> RelPath {
    RelPath::own(&format!("inodes/{stream}.ctimes"))
}
