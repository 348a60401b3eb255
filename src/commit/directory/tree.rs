//! Staging the remaining files of a build as a second tree, by hard links.

use crate::commit::{CommitError, KEPT_LIMIT};
use crate::mirror::{Mirror, StateError, Trashed, WriteLock};
use crate::model::{PathError, RelPath, SUMS_NAME, is_sums};
use crate::record::{BuildRecord, Manifest, Sums, sums_without};
use crate::sign::there as signatures;
use crate::store::{Fill, Kind, Share, Shared, Store, StoreError, StoreErrorKind};
use std::collections::{BTreeSet, HashSet};

/// The remaining files of a build.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    going: BTreeSet<RelPath>,
}

/// Returns whether a build has any file to remove.
pub(crate) fn any(
    store: &dyn Store,
    root: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<bool, CommitError> {
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in store.list(&dir)?.entries {
            let at = child(&dir, &entry.name)?;
            if at.below(root).is_some_and(|inner| goes(&inner)) && entry.kind != Kind::Dir {
                return Ok(true);
            }
            if entry.kind == Kind::Dir {
                dirs.push(at);
            }
        }
    }
    Ok(false)
}

/// Stages the remaining files of a build as a second tree.
pub(crate) fn lay_out(
    store: &dyn Store,
    root: &RelPath,
    to: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<Rest, CommitError> {
    let mut rest = Rest::default();
    store.make_dir(to)?;
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        let entries = store.list(&dir)?.entries;
        let inner = dir.below(root).unwrap_or_default();
        if entries.is_empty() && !goes(&inner) {
            store.make_dir(&to.join(&inner))?;
        }
        for entry in entries {
            let at = child(&dir, &entry.name)?;
            let inner = at.below(root).unwrap_or_default();
            match entry.kind {
                // A directory stays if anything is left in it.
                Kind::Dir => dirs.push(at),
                _ if goes(&inner) => drop(rest.going.insert(inner)),
                _ if is_sums(inner.as_str()) => {}
                kind => copy(store, (&at, kind), &to.join(&inner), &mut rest)?,
            }
        }
    }
    checksums(store, root, to, &rest)?;
    Ok(rest)
}

/// Returns the path of a name in a directory, or an error if it is too long.
fn child(dir: &RelPath, name: &str) -> Result<RelPath, CommitError> {
    let long = |error: PathError| {
        StoreError::because(StoreErrorKind::NameTooLong, "look at", dir, &error.to_string())
    };
    Ok(dir.child(name).map_err(long)?)
}

fn copy(
    store: &dyn Store,
    (from, kind): (&RelPath, Kind),
    to: &RelPath,
    rest: &mut Rest,
) -> Result<(), CommitError> {
    store.make_dir(&to.parent().unwrap_or_default())?;
    let Some(entry) = store.look(from)? else { return Ok(()) };
    if kind == Kind::Link {
        store.link(to, &entry.link.unwrap_or_default())?;
        return Ok(());
    }
    let fill = Fill { mode: entry.mode & 0o777, mtime: Some(entry.mtime) };
    if store.share(from, to, Share::Link, fill)? == Shared::No {
        let mut bytes = store.open(from)?;
        store.fill(to, &mut *bytes, fill)?;
    }
    rest.files += 1;
    rest.bytes += entry.size;
    Ok(())
}

/// Writes the checksums of the remaining files: the old lines, without those of removed files.
///
/// A signature is only valid for its list: it stays if the list does, and otherwise goes to the trash.
fn checksums(store: &dyn Store, root: &RelPath, to: &RelPath, rest: &Rest) -> Result<(), CommitError> {
    let place = root.child(SUMS_NAME).unwrap_or_default();
    let bytes = match store.read(&place, KEPT_LIMIT) {
        Err(error) if error.is_not_found() => return Ok(()),
        bytes => bytes?,
    };
    let kept = sums_without(&bytes, |path| rest.going.contains(path));
    let fill = Fill { mode: 0o444, mtime: None };
    store.fill(&to.child(SUMS_NAME).unwrap_or_default(), &mut &*kept, fill)?;
    if kept == bytes {
        for one in signatures(store, root)? {
            store.fill(&to.child(one.file).unwrap_or_default(), &mut one.bytes.as_slice(), fill)?;
        }
    }
    Ok(())
}

/// Writes the record and manifest of a build that lost parts; doing it again finishes an interrupted run.
pub(crate) fn record(
    lock: &WriteLock<'_>,
    trashed: &Trashed,
    names: &[String],
    (files, bytes): (u64, u64),
) -> Result<(), CommitError> {
    let mirror = lock.mirror();
    let (store, id) = (mirror.store(), &trashed.ticket.id);
    // The old state is read where it is: at its path, or already in the trash.
    let old = match mirror.record_in(trashed) {
        Err(StateError::Store(error)) if error.is_not_found() => mirror.record(id)?,
        record => Some(record?),
    };
    let manifest = match store.read(&trashed.manifest(), KEPT_LIMIT) {
        Err(error) if error.is_not_found() => mirror.manifest(id)?,
        bytes => Some(Manifest::parse(&bytes?).map_err(|error| StateError::Manifest(id.clone(), error))?),
    };
    lock.file_away(&trashed.at, id)?;
    if let Some(manifest) = manifest {
        lock.keep_manifest(id, &remaining(mirror, trashed, manifest)?)?;
    }
    if let Some(old) = old {
        let sums = store.read(&trashed.ticket.path.child(SUMS_NAME).unwrap_or_default(), KEPT_LIMIT);
        let sums = sums.ok().map(|bytes| crate::model::Digest::of(&bytes));
        let mut trimmed = old.trimmed.clone();
        trimmed.extend(names.iter().filter(|name| !old.trimmed.contains(name)).cloned());
        lock.write_record(&BuildRecord { trimmed, files, bytes, sums: sums.or(old.sums), ..old })?;
    }
    Ok(())
}

/// Returns the entries of a manifest that still exist: those in the new checksums, and links that are found.
fn remaining(mirror: &Mirror, trashed: &Trashed, mut manifest: Manifest) -> Result<Manifest, CommitError> {
    let store = mirror.store();
    let root = &trashed.ticket.path;
    let sums = match store.read(&root.child(SUMS_NAME).unwrap_or_default(), KEPT_LIMIT) {
        Err(error) if error.is_not_found() => None,
        bytes => Sums::parse(&bytes?).ok(),
    };
    let named: Option<HashSet<&RelPath>> =
        sums.as_ref().map(|sums| sums.files().iter().map(|(path, _)| path).collect());
    let there = |path: &RelPath| store.look(&root.join(path)).map(|entry| entry.is_some());
    let mut files = Vec::new();
    for file in manifest.files {
        let stays = match &named {
            Some(named) => named.contains(&file.path),
            None => there(&file.path)?,
        };
        if stays {
            files.push(file);
        }
    }
    let mut links = Vec::new();
    for link in manifest.links {
        if there(&link.path)? {
            links.push(link);
        }
    }
    let mut dirs = Vec::new();
    for dir in manifest.dirs {
        if there(&dir)? {
            dirs.push(dir);
        }
    }
    (manifest.files, manifest.links, manifest.dirs) = (files, links, dirs);
    Ok(manifest)
}
