//! Which mirror may be an archive: one that loses nothing when builds are removed here.

use super::ArchiveError;
use crate::decide::targets::{TRACE_DIR, TRACE_LIMIT, Trace, Way};
use crate::mirror::Mirror;
use crate::model::RelPath;
use crate::ops::Opener;
use crate::ops::pull::upstream_of;
use crate::ops::targets::targets_file;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Opens the archive at an address.
///
/// Fails if it is this mirror or inside it, or if `sync` or `pull` removes there what is removed here. A mirror is
/// recognized by its ID, and a directory by its inode, not by the text of the address.
pub fn open(here: &Mirror, address: &str, opener: &Opener<'_>) -> Result<Mirror, ArchiveError> {
    let there = opener(address).map_err(|error| ArchiveError::Open(address.to_owned(), error))?;
    let shown = there.store().shown();
    if there.config().id == here.config().id {
        return Err(ArchiveError::Same(shown));
    }
    if are_nested(here, &there) {
        return Err(ArchiveError::Nested { archive: shown, mirror: here.store().shown() });
    }
    there.covers_no_build().map_err(|error| ArchiveError::Unfit(shown.clone(), error))?;
    if let Some(target) = target_of(here, &there)? {
        return Err(ArchiveError::Target { archive: shown, target });
    }
    match upstream_of(&there)? {
        Some(id) if id == here.config().id => Err(ArchiveError::Pulls(shown)),
        _ => Ok(there),
    }
}

/// Returns whether one mirror is at the place of the other or below it.
fn are_nested(here: &Mirror, there: &Mirror) -> bool {
    match (here.directory(), there.directory()) {
        (Some(here), Some(there)) => is_within(&here, &there) || is_within(&there, &here),
        (None, None) => {
            let (here, there) = (here.store().shown(), there.store().shown());
            let below = |inner: &str, outer: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            below(&here, &there) || below(&there, &here)
        }
        _ => false,
    }
}

/// Returns whether a directory is the other one or below it, by whatever path.
fn is_within(inner: &Path, outer: &Path) -> bool {
    let inode = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let (Some(outer), Ok(inner)) = (inode(outer), inner.canonicalize()) else { return false };
    inner.ancestors().any(|dir| inode(dir) == Some(outer))
}

/// Returns the target of this mirror that the other one is: `sync` sends files there without its mirrorkeep.
fn target_of(here: &Mirror, there: &Mirror) -> Result<Option<String>, ArchiveError> {
    if let Some(root) = there.directory() {
        for target in targets_file(here)?.iter().flat_map(|file| &file.to) {
            if let Way::Directory(dir) = &target.way
                && (is_within(dir, &root) || is_within(&root, dir))
            {
                return Ok(Some(target.name.clone()));
            }
        }
    }
    let dir: RelPath = TRACE_DIR.parse().unwrap_or_default();
    let listing = match there.store().list(&dir) {
        Err(error) if error.is_not_found() => return Ok(None),
        listing => listing?,
    };
    for entry in listing.entries {
        let Ok(at) = dir.child(&entry.name) else { continue };
        // What is not a trace has another purpose.
        let trace = there.store().read(&at, TRACE_LIMIT).ok().and_then(|bytes| Trace::parse(&bytes).ok());
        if let Some(trace) = trace.filter(|trace| trace.mirror == here.config().id) {
            return Ok(Some(trace.name));
        }
    }
    Ok(None)
}
