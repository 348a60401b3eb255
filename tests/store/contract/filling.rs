//! Bringing bytes in: filling, sharing, taking.

use super::{ENOUGH, PLAIN, kind, path, read, refused};
use mirrorkeep::model::{Digest, RelPath};
use mirrorkeep::store::{Fill, Filled, Share, Shared, SourceFile, Store, StoreErrorKind, Take, Uploads};
use std::fs::{self, File};
use std::io::{self, Read};

pub(super) fn what_is_filled_is_counted_hashed_and_dressed(store: &dyn Store) {
    for size in [0, 1, 128 * 1024, 3_000_001] {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        let at = path(&format!("s/{size}"));
        let fill = Fill { mode: 0o555, mtime: Some(1_544_000_000_123_456_789) };
        let filled = store.fill(&at, &mut &*bytes, fill).unwrap();
        assert_eq!(filled, Filled { size: size as u64, digest: Digest::of(&bytes) });
        assert!(store.read(&at, ENOUGH).unwrap() == bytes);
        let entry = store.look(&at).unwrap().unwrap();
        assert_eq!((entry.size, entry.mode, Some(entry.mtime)), (size as u64, fill.mode, fill.mtime));
    }
}

pub(super) fn an_unfinished_file_is_replaced(store: &dyn Store) {
    let at = path("s/file");
    store.fill(&at, &mut &b"half of somethi"[..], PLAIN).unwrap();
    store.fill(&at, &mut &b"whole"[..], Fill { mode: 0o555, mtime: None }).unwrap();
    assert_eq!(read(store, "s/file"), "whole");
    assert_eq!(store.look(&at).unwrap().unwrap().mode, 0o555);
}

/// A source that can be read so many times.
struct Failing(u32);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
        buffer.fill(7);
        Ok(buffer.len())
    }
}

pub(super) fn a_source_that_fails_leaves_no_file(store: &dyn Store) {
    refused(store.fill(&path("s/file"), &mut Failing(3), PLAIN), StoreErrorKind::Io);
    assert_eq!(kind(store, "s/file"), None);
}

pub(super) fn what_the_dead_were_sending_is_told_and_given_up(store: &dyn Store) {
    let (at, whole) = (path("s/file"), path("s/whole"));
    cut_off(store, &at);
    store.fill(&whole, &mut &*vec![7; 17 << 20], PLAIN).unwrap();
    refused(store.fill(&at, &mut Failing(100), PLAIN), StoreErrorKind::Io);
    let left = store.unfinished(Uploads::Noted).unwrap();
    // What came to its end, or was given up by its sender, is not told; nor is anything where nothing stays of it.
    assert!(left.len() <= 1 && left.iter().all(|upload| upload.to == at), "{left:?}");
    for upload in left {
        store.give_up(&upload).unwrap();
        store.give_up(&upload).unwrap();
    }
    assert_eq!(store.unfinished(Uploads::Noted).unwrap(), []);
    assert_eq!(
        (kind(store, "s/file"), store.look(&whole).unwrap().map(|entry| entry.size)),
        (None, Some(17 << 20))
    );
}

/// Lets the sender of a large file die in the middle of it.
pub(crate) fn cut_off(store: &dyn Store, at: &RelPath) {
    struct Dying(u64);
    impl Read for Dying {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 > 40 << 20 {
                std::panic::resume_unwind(Box::new("killed"));
            }
            self.0 += buffer.len() as u64;
            Ok(buffer.len())
        }
    }
    let sending = || store.fill(at, &mut Dying(0), PLAIN);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(sending)).unwrap_err();
}

pub(super) fn a_shared_file_has_the_same_bytes(store: &dyn Store) {
    let fill = Fill { mode: 0o555, mtime: Some(1_544_000_000_000_000_000) };
    store.fill(&path("a/old"), &mut &b"bytes"[..], fill).unwrap();
    let (old, new) = (path("a/old"), path("b/c/new"));
    assert_eq!(store.share(&old, &new, Share::Link, fill).unwrap(), Shared::Yes);
    // An unfinished one is replaced here, too.
    assert_eq!(store.share(&old, &new, Share::Link, fill).unwrap(), Shared::Yes);
    assert_eq!(read(store, "b/c/new"), "bytes");
    let (old, new) = (store.look(&old).unwrap().unwrap(), store.look(&new).unwrap().unwrap());
    assert_eq!((new.mode, Some(new.mtime)), (fill.mode, fill.mtime));
    if store.abilities().shares_files {
        assert_eq!((new.inode, new.names, old.names), (old.inode, 2, 2));
    }
}

pub(super) fn what_cannot_be_shared_is_told(store: &dyn Store) {
    for how in [Share::Link, Share::Reflink] {
        assert_eq!(store.share(&path("a/none"), &path("a/new"), how, PLAIN).unwrap(), Shared::No);
        assert_eq!(store.share(&path("n/none"), &path("a/new"), how, PLAIN).unwrap(), Shared::No);
        assert_eq!(kind(store, "a/new"), None);
    }
    store.fill(&path("a/old"), &mut &b"bytes"[..], PLAIN).unwrap();
    match store.share(&path("a/old"), &path("a/new"), Share::Reflink, PLAIN).unwrap() {
        Shared::Yes => assert_eq!(read(store, "a/new"), "bytes"),
        Shared::No => assert_eq!(kind(store, "a/new"), None),
    }
}

pub(super) fn a_file_is_taken_in_or_left_alone(store: &dyn Store) {
    // Beside the store's own directory, so that links can work.
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("file");
    for how in [Take::Link, Take::Move] {
        fs::write(&source, "taken").unwrap();
        let (file, open_dir) = (File::open(&source).unwrap(), File::open(dir.path()).unwrap());
        let from = SourceFile { file: &file, dir: &open_dir, path: &source };
        match store.take(&from, &path("a/taken"), how, PLAIN).unwrap() {
            Shared::Yes => {
                assert_eq!(read(store, "a/taken"), "taken");
                assert_eq!(source.exists(), how == Take::Link);
            }
            Shared::No => {
                assert_eq!(kind(store, "a/taken"), None);
                assert_eq!(fs::read_to_string(&source).unwrap(), "taken");
            }
        }
        store.remove(&path("a/taken")).unwrap();
        fs::remove_file(&source).ok();
    }
}
