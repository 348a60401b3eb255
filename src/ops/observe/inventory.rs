//! The contents of a tree of the mirror: its entries, the lists of checksums that cover it, and its digests.

use crate::mirror::{Mirror, TrimmedObjects, chain};
use crate::model::{BuildId, Digest, RelPath, SUMS_NAME, is_sums};
use crate::ops::observe::disk::Disk;
use crate::record::{BuildRecord, ForeignList, ForeignRead, Origin, Sums};
use crate::session::Session;
use crate::source::{Watched, hash};
use crate::store::{Entry, Kind, Scanned};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// More bytes than a list of checksums ever has.
pub(crate) const LIST_LIMIT: u64 = crate::mirror::MANIFEST_LIMIT;

/// The contents of a tree, by paths below it.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) files: BTreeMap<RelPath, Entry>,
    pub(crate) links: Vec<(RelPath, String)>,
    /// Empty directories.
    pub(crate) dirs: Vec<RelPath>,
    /// What no manifest can list: devices, names that are not UTF-8.
    pub(crate) unfit: Vec<String>,
    /// What could not be read.
    pub(crate) unread: Vec<(RelPath, String)>,
    /// When it last changed, in seconds since 1970.
    pub(crate) changed: i64,
}

/// The recorded checksums of a build.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The kind of list.
    pub(crate) by: ListedBy,
    /// Each file with its digest, and its size if the list has it.
    pub(crate) files: BTreeMap<RelPath, (Digest, Option<u64>)>,
    /// Unreadable lists of mirrorkeep, and lists that the store does not return, and why.
    pub(crate) damaged: Vec<(RelPath, String)>,
    /// Lists of other programs with unreadable lines, and why.
    pub(crate) unread: Vec<(RelPath, String)>,
    /// Files for which the lists of other programs have more than one digest.
    pub(crate) disagreed: BTreeSet<RelPath>,
}

/// The kind of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListedBy {
    /// The build's own SHA256SUMS.
    Sums,
    /// The manifest in the own area.
    Manifest,
    /// Lists that other programs wrote beside their files; not every file needs to be in one.
    Foreign,
    /// No list.
    #[default]
    Nobody,
}

/// Returns the contents of the tree of a build; no link is followed.
pub(crate) fn holdings(apart: &TrimmedObjects<'_>, id: &BuildId, root: &RelPath) -> Holdings {
    let mut found = Holdings::default();
    let walked = match apart.walk(id, root) {
        Ok(walked) => walked,
        Err(error) => return Holdings { unread: vec![(RelPath::root(), chain(&error))], ..found },
    };
    found.unread.extend(walked.unread.iter().map(|(at, error)| (at.clone(), chain(error))));
    for (dir, scan) in walked.dirs {
        if scan.entries.is_empty() && scan.odd.is_empty() && !dir.is_root() {
            found.dirs.push(dir.clone());
        }
        found.unfit.extend(
            scan.odd.iter().map(|odd| format!("`{dir}/{odd}` has a name that a mirror cannot represent")),
        );
        for Scanned { name, entry } in scan.entries {
            let Ok(at) = dir.child(&name) else { continue };
            found.changed = found.changed.max(entry.ctime);
            match entry.kind {
                Kind::Dir => {}
                Kind::Link => found.links.push((at, entry.link.unwrap_or_default())),
                Kind::Other => found.unfit.push(format!("`{at}` is a device, FIFO or socket")),
                Kind::File => drop(found.files.insert(at, entry)),
            }
        }
    }
    found
}

/// Who made the lists of a build, and whether its manifest covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Mirrorkeep published the build: SHA256SUMS has the one form that mirrorkeep writes.
    Published,
    /// Other programs made them: SHA256SUMS may have any form that `sha256sum -c` accepts.
    Others,
    /// Like `Others`, but the record and manifest of the build are about to be replaced.
    Replaced,
}

impl Lists {
    /// Returns who made the lists of a build with that record.
    pub(crate) fn of(record: Option<&BuildRecord>) -> Self {
        match record {
            Some(record) if record.origin == Origin::Published => Self::Published,
            _ => Self::Others,
        }
    }
}

/// Adds the files of the manifest that the list of a build does not name.
///
/// A list of another program may name only some of the files, while the manifest has all. Files of labels and holds
/// may change at any time, so the manifest does not cover them.
pub(crate) fn complete(mirror: &Mirror, id: &BuildId, list: &mut Listed) {
    let manifest = match mirror.manifest(id) {
        Ok(manifest) => manifest,
        Err(error) => return list.damaged.push((RelPath::root(), chain(&error))),
    };
    for file in manifest.into_iter().flat_map(|manifest| manifest.files) {
        if !mirror.layout().is_said(&file.path) {
            list.files.entry(file.path).or_insert((file.digest, Some(file.size)));
        }
    }
}

/// Returns the checksums that cover a build: its SHA256SUMS, else its manifest, else the lists of other programs.
pub(crate) fn listed(mirror: &Mirror, id: &BuildId, root: &RelPath, held: &Holdings, lists: Lists) -> Listed {
    let mut listed = Listed::default();
    let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
    if held.files.contains_key(&sums) {
        match mirror.store().read(&root.join(&sums), LIST_LIMIT) {
            Ok(bytes) if lists == Lists::Published => match Sums::parse(&bytes) {
                Ok(sums) => {
                    let files = sums.files().iter().cloned();
                    let files = files.map(|(path, digest)| (path, (digest, None))).collect();
                    return Listed { by: ListedBy::Sums, files, ..listed };
                }
                Err(error) => listed.damaged.push((sums, error.to_string())),
            },
            Ok(bytes) => {
                let read = ForeignList::Coreutils.read(&bytes);
                let speaks = !read.files.is_empty() || read.wrong.is_none();
                listed.add(&sums, read);
                if speaks {
                    return Listed { by: ListedBy::Sums, ..listed };
                }
            }
            Err(error) => listed.damaged.push((sums, chain(&error))),
        }
    }
    match mirror.manifest(id) {
        _ if lists == Lists::Replaced => {}
        Ok(Some(manifest)) => {
            let files = manifest.files.into_iter().map(|file| (file.path, (file.digest, Some(file.size))));
            return Listed { by: ListedBy::Manifest, files: files.collect(), ..listed };
        }
        Ok(None) => {}
        Err(error) => listed.damaged.push((RelPath::root(), chain(&error))),
    }
    foreign(mirror, root, held, &mut listed);
    listed
}

/// Adds the lists of other programs, each for its directory.
fn foreign(mirror: &Mirror, root: &RelPath, held: &Holdings, listed: &mut Listed) {
    for at in held.files.keys().filter(|at| !is_sums(at.as_str())) {
        let Some(form) = ForeignList::of(at.name()) else { continue };
        match mirror.store().read(&root.join(at), LIST_LIMIT) {
            Ok(bytes) => {
                let read = form.read(&bytes);
                if !read.files.is_empty() || read.wrong.is_none() {
                    listed.by = ListedBy::Foreign;
                }
                listed.add(at, read);
            }
            Err(error) => listed.damaged.push((at.clone(), chain(&error))),
        }
    }
}

impl Listed {
    /// Adds the list at a path, for its directory.
    fn add(&mut self, list: &RelPath, read: ForeignRead) {
        let dir = list.parent().unwrap_or_default();
        self.disagreed.extend(read.disagreed.iter().map(|at| dir.join(at)));
        self.unread.extend(read.wrong.map(|error| (list.clone(), error.to_string())));
        for file in read.files.into_iter().filter(|file| !file.path.is_root()) {
            let at = dir.join(&file.path);
            let before = self.files.insert(at.clone(), (file.digest, file.size));
            if before.is_some_and(|(digest, _)| digest != file.digest) {
                self.disagreed.insert(at);
            }
        }
    }
}

/// Computes the digest of a file of the mirror, leaving nothing of it in memory if possible.
pub(crate) fn digest(session: &Session<'_>, disk: Option<&Disk>, at: &RelPath) -> io::Result<Digest> {
    let (watch, stop) = (session.progress(), session.stop());
    match disk {
        Some(disk) => hash(&mut Watched { from: disk.read_once(at)?, watch, stop }),
        None => {
            let from = session.mirror().store().open(at).map_err(io::Error::other)?;
            hash(&mut Watched { from, watch, stop })
        }
    }
}
