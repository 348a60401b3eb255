//! Mount points below the root: mirrorkeep changes nothing on other file systems.
//!
//! A bind mount of the same disk has the same device number, so the table of mounts is read, and the kernel is told
//! not to cross any. Without `/proc` the table is empty; a removal stops at each mount even then.

use super::Posix;
use crate::model::RelPath;
use crate::store::{Result, StoreError};
use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Why something behind a mount is left alone.
pub(super) const MOUNTED: &str =
    "a file system or directory is mounted there, and mirrorkeep changes nothing behind a mount";

impl Posix {
    /// Returns every mount point below the root, sorted.
    pub(super) fn mount_points(&self) -> Result<Vec<RelPath>> {
        const DOING: &str = "read the mounts below";
        let failed = |error: std::io::Error| StoreError::new(DOING, self.shown.display(), error);
        let table = match std::fs::read("/proc/self/mountinfo") {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            table => table.map_err(failed)?,
        };
        let root = path_of(&self.root).map_err(|errno| failed(errno.into()))?;
        let mut found: Vec<RelPath> = points(&table).filter_map(|point| below(&root, &point)).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Returns the mount on or above one of these paths, if there is one below the root.
    pub(super) fn mount_above<'a>(&self, paths: impl IntoIterator<Item = &'a RelPath>) -> Option<RelPath> {
        let points = self.mount_points().ok()?;
        paths.into_iter().find_map(|path| points.iter().find(|point| path.is_within(point)).cloned())
    }
}

/// Returns the path under which the operating system knows an open file.
pub(super) fn path_of(fd: impl AsFd) -> Result<PathBuf, Errno> {
    let link = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    let text = rustix::fs::readlink(link, Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(text.to_bytes())))
}

/// Returns the mount points of a table as the kernel writes it, with escapes decoded.
fn points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    let lines = table.split(|byte| *byte == b'\n');
    let texts = lines.filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    texts.map(|text| PathBuf::from(OsString::from_vec(unescaped(text))))
}

/// Decodes `\040` and the like.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        match digits.filter(|_| *first == b'\\') {
            Some(digits) => {
                bytes.push(
                    digits.iter().fold(0_u8, |all, digit| all.wrapping_mul(8).wrapping_add(digit - b'0')),
                );
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

/// Returns a path relative to the root; if it has a name that a path cannot represent, the directory with it.
pub(super) fn below(root: &Path, path: &Path) -> Option<RelPath> {
    let rest = path.strip_prefix(root).ok().filter(|rest| !rest.as_os_str().is_empty())?;
    let mut at = RelPath::root();
    for name in rest {
        match name.to_str().and_then(|name| at.child(name).ok()) {
            Some(next) => at = next,
            None => break,
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_mounts_gives_what_is_below_the_root() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda rw\n\
            30 22 8:1 /x /srv/m/a\\040b/c rw,relatime shared:1 - ext4 /dev/sda rw\n\
            31 22 0:30 / /srv/mirror rw - tmpfs none rw\n\
            32 22 0:31 / /srv/m rw - tmpfs none rw\n\
            33 22 0:31 / /srv/m/odd\\377/in rw - tmpfs none rw\n";
        let found: Vec<RelPath> =
            points(table).filter_map(|point| below(Path::new("/srv/m"), &point)).collect();
        let text: Vec<&str> = found.iter().map(RelPath::as_str).collect();
        assert_eq!(text, ["a b/c", ""]);
    }
}
