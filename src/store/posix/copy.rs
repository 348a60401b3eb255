//! One pass over a file's bytes: read, hash, write.
//!
//! Zeros are not written if a whole block consists of them: what was a hole stays one, and reads as zeros.

use crate::model::Hasher;
use crate::store::Filled;
use rustix::io::{Errno, ReadWriteFlags};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// The size of one read: larger ones leave the processor's cache before they are hashed and written.
const PIECE: usize = 128 * 1024;

/// The number of zeros in a row that make a hole.
const BLOCK: usize = 64 * 1024;

/// A block that is not written.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// `RWF_DONTCACHE` of Linux 6.14: start write-back at once and do not keep the pages.
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

thread_local! {
    /// One buffer a thread, whatever the number of files.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Copies everything from `from` to `to` and returns size and digest.
///
/// `uncached` is whether the file system accepts uncached writes; it is cleared once it turns out not to.
pub(super) fn copy_and_hash(from: &mut dyn Read, to: &mut File, uncached: &AtomicBool) -> io::Result<Filled> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut hasher = Hasher::new();
        let (mut size, mut holes) = (0, false);
        loop {
            let read = match from.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let piece = buffer.get(..read).unwrap_or_default();
            hasher.update(piece);
            let mut rest = piece;
            while !rest.is_empty() {
                let is_hole = |block: &&[u8]| **block == ZEROS;
                let data: usize =
                    rest.chunks(BLOCK).take_while(|block| !is_hole(block)).map(<[u8]>::len).sum();
                let (data, after) = rest.split_at(data);
                write(data, to, size, uncached)?;
                let hole: usize = after.chunks(BLOCK).take_while(is_hole).map(<[u8]>::len).sum();
                holes |= hole > 0;
                size += (data.len() + hole) as u64;
                rest = after.get(hole..).unwrap_or_default();
            }
        }
        if holes {
            // The last of them ends the file, which must have its whole size.
            to.set_len(size)?;
        }
        Ok(Filled { size, digest: hasher.finish() })
    })
}

/// Writes one piece at its offset, without the page cache if possible.
fn write(mut piece: &[u8], to: &mut File, offset: u64, uncached: &AtomicBool) -> io::Result<()> {
    let mut offset = offset;
    while uncached.load(Ordering::Relaxed) && !piece.is_empty() {
        match rustix::io::pwritev2(&*to, &[IoSlice::new(piece)], offset, DONT_CACHE) {
            Ok(written) => {
                offset += written as u64;
                piece = piece.get(written..).unwrap_or_default();
            }
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => uncached.store(false, Ordering::Relaxed),
            Err(errno) => return Err(errno.into()),
        }
    }
    if piece.is_empty() {
        return Ok(());
    }
    std::os::unix::fs::FileExt::write_all_at(to, piece, offset)?;
    to.flush()
}
