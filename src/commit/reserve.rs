//! A little room kept for a full disk: pruning writes a few lines before it frees anything.
//!
//! Blocks and inodes that nobody else can take, given up when the disk is full and taken again when it is not.

use crate::mirror::Mirror;
use crate::model::{Classify, Digest, ErrorKind, RelPath};
use crate::store::{Put, StoreError};

/// How many bytes are kept.
const BYTES: usize = 256 * 1024;

/// How many inodes are kept beside them.
const INODES: usize = 7;

fn dir() -> RelPath {
    RelPath::state("reserve")
}

/// Takes the room, if it is not there yet.
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
        // Bytes that no file system makes smaller.
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

/// Runs what frees room, once more with the room given up when there was none, and takes the room again.
pub(crate) fn with_help<T, E: Classify + From<StoreError>>(
    mirror: &Mirror,
    run: impl Fn() -> Result<T, E>,
) -> Result<T, E> {
    let done = match run() {
        Err(error) if error.kind() == ErrorKind::Full && give(mirror)? => run(),
        done => done,
    };
    // Room for the next time; a disk that is full still has none to spare.
    take(mirror).ok();
    done
}

/// Gives the room up and returns whether there was any.
fn give(mirror: &Mirror) -> Result<bool, StoreError> {
    Ok(mirror.store().discard(&dir())? > 0)
}
