//! Notes on the inodes of each stream's last published build: what may be shared without reading it again.

use super::Mirror;
use crate::model::{RelPath, Stream};
use crate::record::Inodes;
use crate::store::{Below, Put, StoreError};

/// The largest size of the notes, in bytes: a line has at most 64, and a build fewer than four million files.
const LIMIT: u64 = 256 << 20;

/// The path of the notes, below the own area.
const DIR: &str = "inodes";

/// The suffix of a stream's notes.
const ENDING: &str = ".ctimes";

impl Mirror {
    /// Returns the notes on a stream's last published build; nothing if they are missing or invalid.
    pub fn inodes(&self, stream: &Stream) -> Option<Inodes> {
        if !self.store().abilities().inodes {
            return None;
        }
        Inodes::parse(&self.store().read(&place(stream), LIMIT).ok()?)
    }

    /// Returns the streams that have notes, the one with the latest publish first.
    pub fn noted_streams(&self) -> Result<Vec<Stream>, StoreError> {
        let mut found = self.store().below(&RelPath::state(DIR))?;
        found.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.path.cmp(&b.path)));
        let stream = |found: Below| {
            let below = found.path.below(&RelPath::state(DIR))?;
            below.as_str().strip_suffix(ENDING)?.parse().ok()
        };
        Ok(found.into_iter().filter_map(stream).collect())
    }

    /// Writes the notes on the build that is being published into a stream.
    pub fn keep_inodes(&self, stream: &Stream, inodes: &Inodes) -> Result<(), StoreError> {
        self.store().put(&place(stream), inodes.write().as_bytes(), Put::Replace)
    }
}

fn place(stream: &Stream) -> RelPath {
    RelPath::state(&format!("{DIR}/{stream}{ENDING}"))
}
