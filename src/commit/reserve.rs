//! A small reserve for a full disk: pruning writes a few lines before it frees anything.
//!
//! Blocks and inodes that no other process can take, released when the disk is full and taken again when it is not.

use crate::mirror::Mirror;
use crate::model::{Classify, Digest, ErrorKind, RelPath};
use crate::store::{Put, StoreError};

/// The number of bytes in reserve.
const BYTES: usize = 256 * 1024;

/// The number of inodes in reserve.
const INODES: usize = 7;

fn dir() -> RelPath {
    RelPath::state("reserve")
}

/// Takes the reserve, if it does not exist yet.
pub fn take(mirror: &Mirror) -> Result<(), StoreError> {
    if !mirror.store().abilities().can_fill_up {
        return Ok(());
    }
    let store = mirror.store();
    let room = dir().child("room").unwrap_or_default();
    for index in 0..INODES {
        let inode = dir().child(&format!("inode-{index:02}")).unwrap_or_default();
        if store.look(&inode)?.is_none() {
            store.put(&inode, b"", Put::Replace)?;
        }
    }
    if store.look(&room)?.is_none() {
        // Bytes that no file system compresses.
        let mut bytes = Vec::with_capacity(BYTES);
        let mut digest = Digest::of(b"reserve");
        while bytes.len() < BYTES {
            bytes.extend_from_slice(digest.to_string().as_bytes());
            digest = Digest::of(digest.to_string().as_bytes());
        }
        store.put(&room, &bytes, Put::Replace)?;
    }
    Ok(())
}

/// Runs what frees space, a second time with the reserve released if there was none, and takes the reserve again.
pub(crate) fn with_help<T, E: Classify + From<StoreError>>(
    mirror: &Mirror,
    run: impl Fn() -> Result<T, E>,
) -> Result<T, E> {
    let done = match run() {
        Err(error) if error.kind() == ErrorKind::Full && give(mirror)? => run(),
        done => done,
    };
    // A reserve for the next time; on a disk that is still full it fails.
    take(mirror).ok();
    done
}

/// Releases the reserve and returns whether there was any.
fn give(mirror: &Mirror) -> Result<bool, StoreError> {
    Ok(mirror.store().discard(&dir())? > 0)
}
