//! Laying out what stays of a build as a second tree, by hard links.

use crate::model::{PathError, RelPath, SUMS_NAME, is_sums};
use crate::ops::ActError;
use crate::ops::retention::trim::KEPT_LIMIT;
use crate::record::sums_without;
use crate::sign::there as signatures;
use crate::store::{Fill, Kind, Share, Shared, Store, StoreError, StoreErrorKind};
use std::collections::BTreeSet;

/// What stays of a build.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    going: BTreeSet<RelPath>,
}

/// Returns whether a build has anything that goes.
pub(crate) fn any(
    store: &dyn Store,
    root: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<bool, ActError> {
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

/// Lays out what stays of a build as a second tree.
pub(crate) fn lay_out(
    store: &dyn Store,
    root: &RelPath,
    to: &RelPath,
    goes: &dyn Fn(&RelPath) -> bool,
) -> Result<Rest, ActError> {
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
                // A directory stays for what is left in it.
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

/// Returns the path of a name in a directory, and an error where it is too long to be one.
fn child(dir: &RelPath, name: &str) -> Result<RelPath, ActError> {
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
) -> Result<(), ActError> {
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

/// Writes the checksums of what stays: the lines that were there, but for those of what goes.
///
/// What signed the list signs no other, so it stays where the list does, and goes into the trash where that is another.
fn checksums(store: &dyn Store, root: &RelPath, to: &RelPath, rest: &Rest) -> Result<(), ActError> {
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
