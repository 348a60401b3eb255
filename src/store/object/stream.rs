//! Reading an object piece by piece, as a blocking reader.
//!
//! A stream that ends before the object's size is an error and never a short file.

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// An object that is being read.
pub(super) struct ObjectReader {
    runtime: Arc<Runtime>,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    piece: Bytes,
    left: u64,
}

impl ObjectReader {
    pub(super) fn new(
        runtime: Arc<Runtime>,
        pieces: BoxStream<'static, object_store::Result<Bytes>>,
        size: u64,
    ) -> Self {
        Self { runtime, pieces, piece: Bytes::new(), left: size }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.runtime.block_on(self.pieces.next()) {
                Some(piece) => self.piece = piece?,
                None if self.left == 0 => return Ok(0),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = buffer.len().min(self.piece.len());
        if let Some(wanted) = buffer.get_mut(..count) {
            self.piece.copy_to_slice(wanted);
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
