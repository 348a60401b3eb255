//! Hashing a file, without a copy.

use crate::model::{Digest, Hasher};
use crate::progress::{CancelToken, Watch};
use std::cell::RefCell;
use std::io::{self, Read};

thread_local! {
    /// One buffer a thread, whatever the number of files.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 128 * 1024]);
}

/// Returns the digest of the rest of the input.
pub fn hash(from: &mut dyn Read) -> io::Result<Digest> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut hasher = Hasher::new();
        loop {
            match from.read(buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    })
}

/// Reads from another reader, reports progress and can be cancelled.
pub struct Watched<'a, R> {
    /// The input.
    pub from: R,
    /// The receiver of progress.
    pub watch: &'a dyn Watch,
    /// The cancellation token.
    pub stop: &'a CancelToken,
}

impl<R: std::fmt::Debug> std::fmt::Debug for Watched<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watched").field(&self.from).finish()
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stop.check().map_err(io::Error::other)?;
        let read = self.from.read(buffer)?;
        self.watch.bytes(read as u64);
        Ok(read)
    }
}
