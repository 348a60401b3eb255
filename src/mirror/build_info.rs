//! The facts about one build: its record, and what its files state if the record does not.
//!
//! A build of another tool has no record; its markers, its name and the files that the layout names are used instead.
//! An invalid file is a problem of the build, and protects it.

use super::leading::leads;
use super::{Mirror, StateError};
use crate::census::{BuildCensus, LabelCensus};
use crate::layout::{Created, Files, Place};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{BuildRecord, Hold};
use crate::store::{Kind, Store, StoreError, TreeSnapshot};
use std::collections::{BTreeSet, HashSet};

/// More bytes than a file that describes a build ever has.
const MARKER_LIMIT: u64 = 1 << 20;

/// Returns the facts about an existing build; of its holds, only the one that is a file in it.
pub fn build_info(mirror: &Mirror, id: &BuildId) -> Result<BuildCensus, StateError> {
    build_info_from_record(mirror, id, mirror.record(id)?)
}

/// Returns the same if its record was already read.
pub fn build_info_from_record(
    mirror: &Mirror,
    id: &BuildId,
    record: Option<BuildRecord>,
) -> Result<BuildCensus, StateError> {
    // Without a record everything is read in any case, and only once.
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let seen = if record.is_none() { Some(TreeSnapshot::of(mirror.store(), &path)?) } else { None };
    build_info_from_parts(mirror, id, record, seen.as_ref())
}

/// Returns the facts about one build whose tree was already walked.
pub fn build_info_from_snapshot(
    mirror: &Mirror,
    id: &BuildId,
    record: Option<BuildRecord>,
    seen: &TreeSnapshot,
) -> Result<BuildCensus, StateError> {
    build_info_from_parts(mirror, id, record, Some(seen))
}

/// Returns what the tree of a build states, independently of its record.
pub fn look_at_tree(mirror: &Mirror, id: &BuildId, seen: &TreeSnapshot) -> Result<BuildCensus, StateError> {
    build_info_from_parts(mirror, id, None, Some(seen))
}

fn build_info_from_parts(
    mirror: &Mirror,
    id: &BuildId,
    record: Option<BuildRecord>,
    seen: Option<&TreeSnapshot>,
) -> Result<BuildCensus, StateError> {
    let path = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let files = BuildFiles { store: mirror.store(), path: &path, seen };
    let mut build = match (record, seen) {
        (Some(record), _) => record.into(),
        (None, Some(seen)) => unrecorded(mirror, id, &files, seen)?,
        (None, None) => named(mirror, id),
    };
    match (mirror.layout().created(id), build.created) {
        (Created::Impossible(why), _) => build.problem = Some(why),
        (Created::At(named, _), Some(created)) if named != created => {
            build.problem = Some(format!("its name states {named}, its record {created}"));
        }
        _ => {}
    }
    // A file that scripts touch into a published build counts if the record states nothing else.
    for (key, value) in mirror.layout().told_labels(&files)? {
        build.labels.entry(key).or_insert(LabelCensus { value, since: None, who: None, url: None });
    }
    if let Some(at) = &mirror.layout().markers().hold
        && files.has(at)?
    {
        let (who, why) = ("unknown".to_owned(), format!("the file `{at}` is in it"));
        build.holds.push(Hold { who, why, until: None, since: None });
    }
    Ok(build)
}

/// The files of a build in the mirror.
struct BuildFiles<'a> {
    store: &'a dyn Store,
    path: &'a RelPath,
    seen: Option<&'a TreeSnapshot>,
}

impl Files for BuildFiles<'_> {
    type Error = StoreError;

    fn has(&self, at: &RelPath) -> Result<bool, StoreError> {
        match self.seen {
            Some(seen) => Ok(seen.find(at).is_some()),
            None => Ok(self.store.look(&self.path.join(at))?.is_some()),
        }
    }

    fn unfit(&self, at: &RelPath) -> Result<Option<&'static str>, StoreError> {
        let kind = match self.seen {
            Some(seen) => seen.find(at).map(|entry| entry.kind),
            None => self.store.look(&self.path.join(at))?.map(|entry| entry.kind),
        };
        Ok(match kind {
            None | Some(Kind::File) => None,
            Some(Kind::Dir) => Some("a directory"),
            Some(Kind::Link) => Some("a symlink"),
            Some(Kind::Other) => Some("a device, FIFO or socket"),
        })
    }

    fn text(&self, at: &RelPath) -> Result<Option<String>, StoreError> {
        if self.seen.is_some() && !self.has(at)? {
            return Ok(None);
        }
        match self.store.read(&self.path.join(at), MARKER_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => Ok(Some(String::from_utf8_lossy(&bytes?).into_owned())),
        }
    }
}

/// Returns what the name of a build states.
pub fn named(mirror: &Mirror, id: &BuildId) -> BuildCensus {
    let mut build = BuildCensus::named(id.name.clone());
    match mirror.layout().created(id) {
        Created::At(stamp, seq) => (build.created, build.seq) = (Some(stamp), seq),
        Created::Unnamed => {}
        Created::Impossible(why) => build.problem = Some(why),
    }
    build
}

/// Returns the facts about a build without a record.
fn unrecorded(
    mirror: &Mirror,
    id: &BuildId,
    files: &BuildFiles<'_>,
    seen: &TreeSnapshot,
) -> Result<BuildCensus, StoreError> {
    // Decisions about a tree need all facts about it.
    if let Some((_, error)) = seen.unread.first() {
        return Err(error.again());
    }
    let layout = mirror.layout();
    let mut build = named(mirror, id);
    if layout.created(id) == Created::Unnamed {
        match layout.told_time(files)? {
            Some(Ok(stamp)) => build.created = Some(stamp),
            Some(Err(why)) => build.problem = Some(why),
            None => {}
        }
    }
    // The inode's change time is the earliest guess of when it appeared here; it is only used to protect.
    build.published = seen.top.as_ref().and_then(|_| Stamp::from_unix(seen.changed));
    let told = layout.result_of(files)?;
    build.result = told.outcome;
    build.problem = build.problem.or(told.problem);
    build.last_activity = build.published;
    let (files, bytes, requires) = contents(mirror, id, files.path, seen)?;
    (build.files, build.bytes, build.requires) = (Some(files), Some(bytes), requires);
    Ok(build)
}

/// Counts a tree's files and bytes, each inode once, and returns the builds into which its symlinks point.
fn contents(
    mirror: &Mirror,
    id: &BuildId,
    path: &RelPath,
    seen: &TreeSnapshot,
) -> Result<(u64, u64, Vec<BuildId>), StoreError> {
    let mut inodes = HashSet::new();
    let mut requires = BTreeSet::new();
    let (mut files, mut bytes) = (0, 0);
    for (dir, name, entry) in seen.entries() {
        match entry.kind {
            Kind::Link => {
                let at = path.join(dir).child(name).unwrap_or_default();
                if let Some(target) = leads(mirror, &at)?.path()
                    && let Some(other) = build_of(mirror, &target)
                    && other != *id
                {
                    requires.insert(other);
                }
            }
            Kind::File => {
                files += 1;
                if entry.names < 2 || inodes.insert(entry.inode) {
                    bytes += entry.size;
                }
            }
            Kind::Dir | Kind::Other => {}
        }
    }
    Ok((files, bytes, requires.into_iter().collect()))
}

/// Returns the build that a path is or is in.
pub fn build_of(mirror: &Mirror, path: &RelPath) -> Option<BuildId> {
    match mirror.layout().place(path) {
        Place::Build { build: id } | Place::Inside { build: id, .. } => Some(id),
        Place::Stray(_) => path.ancestors().find_map(|above| match mirror.layout().place(&above) {
            Place::Build { build: id } => Some(id),
            _ => None,
        }),
        _ => None,
    }
}
