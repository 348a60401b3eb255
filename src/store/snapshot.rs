//! A tree as one walk saw it: its directories, each with its entries.
//!
//! Only directories have a path here, not their entries: a tree has a few directories and hundreds of thousands of
//! files.

use super::{Entry, Kind, Result, Scan, Scanned, Store, StoreError, StoreErrorKind};
use crate::model::RelPath;
use std::collections::{BTreeMap, HashSet};

/// A tree as one walk saw it, by paths below its top.
#[derive(Debug, Default)]
pub struct TreeSnapshot {
    /// The entry at its top; nothing if it does not exist.
    pub top: Option<Entry>,
    /// Its directories, sorted by path, so that each comes before those in it.
    pub dirs: Vec<(RelPath, Scan)>,
    /// When its top changed, in seconds since 1970; in stores without directories, when the last file was written.
    pub changed: i64,
    /// What could not be read, and why.
    pub unread: Vec<(RelPath, StoreError)>,
}

impl TreeSnapshot {
    /// Walks the tree at `root`, following no link; only its top must be readable.
    ///
    /// Without directories one listing has everything, except modes and the times of files.
    pub fn of(store: &dyn Store, root: &RelPath) -> Result<Self> {
        if !store.abilities().directories {
            return Self::listed(store, root);
        }
        let top = store.look(root)?;
        let changed = top.as_ref().map_or(0, |top| top.ctime);
        let mut walked = Self { top, changed, ..Self::default() };
        let is_dir = walked.top.as_ref().is_some_and(|top| top.kind == Kind::Dir);
        let mut ahead = if is_dir { vec![RelPath::root()] } else { Vec::new() };
        while let Some(dir) = ahead.pop() {
            match store.scan(&root.join(&dir)) {
                Ok(mut scan) => {
                    for one in scan.entries.iter().filter(|one| one.entry.kind == Kind::Dir) {
                        match root.join(&dir).child(&one.name).and_then(|_| dir.child(&one.name)) {
                            Ok(at) => ahead.push(at),
                            Err(error) => {
                                let kind = StoreErrorKind::NameTooLong;
                                let upper: String = dir.as_str().chars().take(200).collect();
                                let upper = format!("{upper}…");
                                let error = StoreError::because(kind, "look at", upper, &error.to_string());
                                walked.unread.push((dir.clone(), error));
                            }
                        }
                    }
                    let unread = scan.unread.drain(..);
                    walked
                        .unread
                        .extend(unread.filter_map(|(name, error)| Some((dir.child(&name).ok()?, error))));
                    walked.dirs.push((dir, scan));
                }
                // What is removed in the meantime is left out.
                Err(error) if error.is_not_found() => {}
                Err(error) => walked.unread.push((dir, error)),
            }
        }
        walked.dirs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        walked.unread.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(walked)
    }

    /// Makes the tree from one listing.
    fn listed(store: &dyn Store, root: &RelPath) -> Result<Self> {
        let mut walked = Self { top: store.look(root)?, ..Self::default() };
        let mut dirs: BTreeMap<RelPath, BTreeMap<String, Entry>> = BTreeMap::new();
        if walked.top.as_ref().is_some_and(|top| top.kind == Kind::Dir) {
            dirs.insert(RelPath::root(), BTreeMap::new());
        }
        for found in store.below(root)? {
            let Some(at) = found.path.below(root).filter(|at| !at.is_root()) else { continue };
            walked.changed = walked.changed.max(Entry::listed(&found).ctime);
            let entry = match found.kind {
                Kind::Link => match store.look(&found.path) {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(error) => {
                        walked.unread.push((at, error));
                        continue;
                    }
                },
                _ => Entry::listed(&found),
            };
            let dir = at.parent().unwrap_or_default();
            if !dirs.contains_key(&dir) {
                for above in at.ancestors() {
                    let names = dirs.entry(above.parent().unwrap_or_default()).or_default();
                    // Of entries with the same name, a file comes before a directory.
                    names.entry(above.name().to_owned()).or_insert_with(Entry::directory);
                }
            }
            dirs.entry(dir).or_default().insert(at.name().to_owned(), entry);
        }
        walked.dirs = dirs
            .into_iter()
            .map(|(dir, names)| {
                let entries = names.into_iter().map(|(name, entry)| Scanned { name, entry }).collect();
                (dir, Scan { entries, ..Scan::default() })
            })
            .collect();
        Ok(walked)
    }

    /// Removes files and links by their paths, and directories that have nothing else.
    pub fn remove_paths(&mut self, gone: &HashSet<RelPath>) {
        let mut empty: HashSet<RelPath> = HashSet::new();
        // The entries of a directory come after it.
        for (dir, scan) in self.dirs.iter_mut().rev() {
            scan.entries.retain(|one| {
                let leaves = if one.entry.kind == Kind::Dir { &empty } else { gone };
                !dir.child(&one.name).is_ok_and(|at| leaves.contains(&at))
            });
            if scan.entries.is_empty() && scan.odd.is_empty() && !dir.is_root() {
                empty.insert(dir.clone());
            }
        }
        self.dirs.retain(|(dir, _)| !empty.contains(dir));
    }

    /// Returns the entry at a path below the top.
    pub fn find(&self, at: &RelPath) -> Option<&Entry> {
        let Some(above) = at.parent() else { return self.top.as_ref() };
        let dir = self.dirs.binary_search_by(|(dir, _)| dir.cmp(&above)).ok()?;
        let entries = &self.dirs.get(dir)?.1.entries;
        let name = entries.binary_search_by(|one| one.name.as_str().cmp(at.name())).ok()?;
        entries.get(name).map(|one| &one.entry)
    }

    /// Returns everything below the top with its directory and its name.
    pub fn entries(&self) -> impl Iterator<Item = (&RelPath, &str, &Entry)> {
        self.dirs
            .iter()
            .flat_map(|(dir, scan)| scan.entries.iter().map(move |one| (dir, &*one.name, &one.entry)))
    }
}
