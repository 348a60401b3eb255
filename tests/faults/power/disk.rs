//! A file system of each kind in a file, and copies of that file as a power cut leaves it.
//!
//! The file lies on an XFS of its own, whose `FICLONE` copies a file in one instant: what the file system above has not
//! handed to its device by then is not in the copy, whatever it hands over meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system with the way in which it is mounted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    make: &'static [&'static str],
    options: &'static str,
    mebibytes: u64,
}

pub(super) const EXT4: Kind =
    Kind { name: "ext4", make: &["mkfs.ext4", "-q"], options: "data=ordered", mebibytes: 64 };

pub(super) const OTHERS: [Kind; 3] = [
    Kind { name: "ext4, writeback", options: "data=writeback", ..EXT4 },
    Kind { name: "xfs", make: &["mkfs.xfs", "-q"], options: "defaults", mebibytes: 320 },
    Kind { name: "btrfs", make: &["mkfs.btrfs", "-q"], options: "defaults", mebibytes: 160 },
];

/// Runs a program, which must succeed.
#[track_caller]
fn must(program: &str, args: &[&str], at: &[&Path]) {
    let output = Command::new(program).args(args).args(at).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; `make tools` installs it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?} {at:?}, which needs root: {said}");
}

/// A mounted image, gone when the value is.
pub(super) struct Disk {
    image: PathBuf,
    at: PathBuf,
    kind: Kind,
}

impl Disk {
    /// Makes an empty file system in the file `image` and mounts it on the directory `at`.
    pub(super) fn new(kind: Kind, image: PathBuf, at: &Path) -> Self {
        fs::File::create(&image).unwrap().set_len(kind.mebibytes << 20).unwrap();
        must(kind.make[0], &kind.make[1..], &[&image]);
        Self::mount(kind, image, at)
    }

    /// Mounts the file system in the file `image`, as after a power cut: its journal is replayed.
    pub(super) fn mount(kind: Kind, image: PathBuf, at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        if kind.name == "btrfs" {
            // It knows its disks by a number inside, which all copies have.
            must("btrfs", &["device", "scan", "--forget"], &[]);
        }
        must("mount", &["-o", &format!("loop,{}", kind.options)], &[&image, at]);
        Self { image, at: at.to_owned(), kind }
    }

    /// Takes it away for as long as copies of it are looked at: some file systems are not mounted twice.
    pub(super) fn rest<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        must("umount", &[], &[&self.at]);
        let done = meanwhile();
        std::mem::forget(Self::mount(self.kind, self.image.clone(), &self.at));
        done
    }

    /// Copies the image as it is at this instant.
    pub(super) fn cut(&self, to: PathBuf) -> Image {
        must("cp", &["--reflink=always"], &[&self.image, &to]);
        Image { kind: self.kind, file: to }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.at).status().ok();
        fs::remove_file(&self.image).ok();
    }
}

/// What a power cut leaves.
pub(super) struct Image {
    kind: Kind,
    file: PathBuf,
}

impl Image {
    /// Mounts it.
    pub(super) fn mount(self, at: &Path) -> Disk {
        Disk::mount(self.kind, self.file, at)
    }
}

/// The file system on which images lie.
pub(super) struct Shelf {
    /// Unmounted before its directory goes.
    _disk: Disk,
    dir: tempfile::TempDir,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let kind = Kind { name: "shelf", mebibytes: 4096, ..OTHERS[1] };
        let disk = Disk::new(kind, dir.path().join("shelf.img"), &dir.path().join("shelf"));
        Self { _disk: disk, dir }
    }

    /// Returns the place of an image.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.dir.path().join("shelf").join(name)
    }
}
