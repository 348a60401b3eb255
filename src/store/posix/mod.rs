//! A directory as a store: hard links, symlinks, renames.
//!
//! Every path is resolved by `openat2` below the root with symlinks refused, so that nothing that a reader, a script
//! or an attacker puts into the tree redirects a change elsewhere. A replacement is first written in the own area,
//! synced, renamed to its path, and its directory synced. Not guaranteed on file systems without atomic rename or
//! locks that other machines see (old NFS): `init` probes these.

mod copy;
mod discard;
mod lock;
mod mounts;
mod open;
mod place;
mod pointers;
mod stage;

use crate::model::RelPath;
use crate::store::{
    Abilities, Append, Entry, Fill, Filled, Guard, LinkTarget, Listing, Pointer, Put, Result, Scan, Share,
    Shared, SourceFile, Space, Store, StoreError, Swept, Take,
};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The mode bits of a directory that a group shares: writable for the group, and inherited by new entries.
pub const SHARED: u32 = 0o2020;

/// A directory and everything below it.
#[derive(Debug)]
pub struct Posix {
    shown: PathBuf,
    root: OwnedFd,
    device: u64,
    /// Whether a group shares the root: it may write there, and new files belong to it.
    shared: bool,
    serial: AtomicU64,
    uncached: AtomicBool,
    /// The maximum number of entries to remove per second; 0 for no limit.
    pace: AtomicU32,
}

impl Posix {
    /// Opens the directory `root`, which must exist.
    pub fn open(root: &Path) -> Result<Self> {
        let failed = |errno| StoreError::new("open the mirror at", root.display(), errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&fd).map_err(failed)?;
        let (device, shared) = (stat.st_dev, stat.st_mode & SHARED == SHARED);
        let shown = root.to_owned();
        Ok(Self {
            shown,
            root: fd,
            device,
            shared,
            serial: AtomicU64::new(0),
            uncached: AtomicBool::new(true),
            pace: AtomicU32::new(0),
        })
    }
}

impl Store for Posix {
    fn abilities(&self) -> Abilities {
        Abilities {
            moves_trees: true,
            shares_files: true,
            directories: true,
            symlinks: true,
            creates_once: true,
            locks: true,
            notes: false,
            copies: false,
            lists_in_order: true,
            slow_calls: false,
            inodes: true,
            lists_times: true,
            lists_sizes: false,
            lists_versions: false,
            keeps_digests: false,
            can_fill_up: true,
        }
    }

    fn shown(&self) -> String {
        self.shown.display().to_string()
    }

    fn is_at_its_path(&self) -> Result<bool> {
        let failed = |errno| StoreError::new("look at the mirror at", self.shown.display(), errno);
        let opened = rustix::fs::fstat(&self.root).map_err(failed)?;
        match rustix::fs::stat(&self.shown) {
            Ok(found) => Ok((found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }

    fn look(&self, at: &RelPath) -> Result<Option<Entry>> {
        self.look_at(at)
    }

    fn list(&self, dir: &RelPath) -> Result<Listing> {
        self.list_dir(dir)
    }

    fn scan(&self, dir: &RelPath) -> Result<Scan> {
        self.scan_dir(dir)
    }

    fn target(&self, at: &RelPath) -> Result<LinkTarget> {
        self.target_of(at)
    }

    fn pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.pointers_below(dir, false)
    }

    fn odd_pointers(&self, dir: &RelPath) -> Result<Vec<Pointer>> {
        self.pointers_below(dir, true)
    }

    fn read(&self, at: &RelPath, limit: u64) -> Result<Vec<u8>> {
        self.read_all(at, limit)
    }

    fn open(&self, at: &RelPath) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.open_file(at)?))
    }

    fn put(&self, at: &RelPath, bytes: &[u8], how: Put) -> Result<()> {
        self.put_file(at, bytes, how)
    }

    fn append(&self, log: &RelPath, line: &[u8], how: Append) -> Result<()> {
        self.append_line(log, line, how)
    }

    fn remove(&self, at: &RelPath) -> Result<()> {
        self.unlink(at, rustix::fs::AtFlags::empty())
    }

    fn remove_dir(&self, at: &RelPath) -> Result<()> {
        self.unlink(at, rustix::fs::AtFlags::REMOVEDIR)
    }

    fn make_dir(&self, at: &RelPath) -> Result<()> {
        self.make_dirs(at).map(drop)
    }

    fn fill(&self, at: &RelPath, from: &mut dyn Read, how: Fill) -> Result<Filled> {
        self.fill_file(at, from, how)
    }

    fn share(&self, from: &RelPath, to: &RelPath, how: Share, fill: Fill) -> Result<Shared> {
        match how {
            Share::Link => self.share_file(from, to),
            Share::Reflink => self.clone_file(from, to, fill),
        }
    }

    fn take(&self, from: &SourceFile<'_>, at: &RelPath, how: Take, fill: Fill) -> Result<Shared> {
        self.take_file(from, at, how, fill)
    }

    fn link(&self, at: &RelPath, text: &str) -> Result<()> {
        self.make_link(at, text)
    }

    fn sync_tree(&self, at: &RelPath) -> Result<()> {
        self.sync_all(at)
    }

    fn rename_tree(&self, from: &RelPath, to: &RelPath) -> Result<()> {
        self.move_tree(from, to)
    }

    fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<()> {
        self.exchange_trees(one, other)
    }

    fn space(&self) -> Result<Option<Space>> {
        let stat = rustix::fs::fstatvfs(&self.root)
            .map_err(|errno| StoreError::new("measure the free space of", self.shown.display(), errno))?;
        Ok(Some(Space { total: stat.f_blocks * stat.f_frsize, free: stat.f_bavail * stat.f_frsize }))
    }

    fn mounts(&self) -> Result<Vec<RelPath>> {
        self.mount_points()
    }

    fn point(&self, at: &RelPath, target: &RelPath) -> Result<()> {
        self.point_alias(at, target)
    }

    fn lock(&self, at: &RelPath, who: &str, wait: Duration) -> Result<Guard> {
        self.lock_file(at, who, wait)
    }

    fn is_held(&self, at: &RelPath) -> Result<bool> {
        self.is_locked(at)
    }

    fn discard(&self, at: &RelPath) -> Result<u64> {
        let Swept { removed, failures } = self.sweep_tree(at);
        failures.into_iter().next().map_or(Ok(removed), Err)
    }

    fn sweep(&self, at: &RelPath) -> Swept {
        self.sweep_tree(at)
    }

    fn pace(&self, entries_a_second: Option<std::num::NonZeroU32>) {
        self.pace.store(entries_a_second.map_or(0, std::num::NonZeroU32::get), Ordering::Relaxed);
    }
}
