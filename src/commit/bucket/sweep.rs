//! Sweeping in stores that do not move trees: the marked objects are at the path of their build, and are deleted
//! there.
//!
//! If a build has no seal, everything below its path is deleted. Of parts, exactly the objects in their list are
//! deleted, and never one that the build's manifest names now. Both happen under the ticket of the build, so that no
//! process uploads the build at the same time; the next sweep finishes an interrupted one.

use crate::commit::CommitError;
use crate::commit::bucket::discard::delete_trash_entry;
use crate::commit::stage::{Underway, stage_of};
use crate::mirror::{Mirror, StateError, Ticket, TicketKind, Trashed, WriteLock, parts_at};
use crate::model::{BuildId, RelPath, is_sums};
use crate::progress::{CancelToken, check_cancelled};
use crate::record::Manifest;
use crate::store::{Kind, Put, StoreError, StoreErrorKind, Swept, io_pool};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How many builds are deleted at once: a store answers slowly, but many requests at a time.
const AT_ONCE: usize = 4;

/// The marked directories of one build.
type Marked = Vec<(RelPath, Ticket)>;

/// Returns the entries to sweep, oldest first; only those whose term is `over`.
///
/// Parts are deleted with their build: they never outlive it. Later parts of a build wait for earlier ones, since
/// restoring the earlier ones also restores the later ones.
pub(crate) fn due<'t>(waiting: &'t [Trashed], over: &dyn Fn(&Trashed) -> bool) -> Vec<&'t Trashed> {
    let is_build = |trashed: &Trashed| trashed.ticket.what == TicketKind::Build;
    let builds: HashSet<&BuildId> =
        waiting.iter().filter(|one| is_build(one) && over(one)).map(|one| &one.ticket.id).collect();
    let (mut due, mut staying) = (Vec::new(), HashSet::new());
    for one in waiting {
        let id = &one.ticket.id;
        if builds.contains(id) || !is_build(one) && over(one) && !staying.contains(id) {
            due.push(one);
        } else {
            staying.insert(id);
        }
    }
    due
}

/// Marks one directory of the trash: what a sweep needs is written before what a restore needs is removed.
pub(crate) fn mark(lock: &WriteLock<'_>, trashed: &Trashed, going: &RelPath) -> Result<(), CommitError> {
    let store = lock.mirror().store();
    if trashed.ticket.what == TicketKind::Untrimmed {
        let parts = lock.mirror().parts_in(&trashed.at)?.unwrap_or_default();
        store.put(&parts_at(going), parts.write().as_bytes(), Put::Replace)?;
    }
    lock.keep_ticket(&Trashed { at: going.clone(), ticket: trashed.ticket.clone() })?;
    Ok(delete_trash_entry(store, &trashed.at)?)
}

/// Removes marked directories, several builds at once.
pub(crate) fn finish(
    mirror: &Mirror,
    going: Vec<RelPath>,
    stop: Option<&CancelToken>,
) -> Result<Vec<(RelPath, Swept)>, CommitError> {
    let (mut swept, mut builds): (Vec<_>, BTreeMap<BuildId, Marked>) = Default::default();
    for at in going {
        match mirror.ticket(&at) {
            Ok(ticket) => builds.entry(ticket.id.clone()).or_default().push((at, ticket)),
            Err(_) if is_half_marked(mirror, &at)? => {}
            Err(why) => {
                let error = StoreError::because(StoreErrorKind::Io, "sweep", &at, &why);
                swept.push((at, Swept { removed: 0, failures: vec![error] }));
            }
        }
    }
    let one = |(id, marked): (BuildId, Marked)| {
        check_cancelled(stop)?;
        sweep_build(mirror, &id, &marked)
    };
    let (pool, builds) = (io_pool(mirror.store(), AT_ONCE)?, builds.into_iter().collect::<Vec<_>>());
    let done: Vec<Vec<(RelPath, Swept)>> =
        pool.install(|| builds.into_par_iter().with_max_len(1).map(one).collect::<Result<_, CommitError>>())?;
    swept.extend(done.into_iter().flatten());
    Ok(swept)
}

/// Returns whether another process is marking it right now: its ticket is about to be written, or it is already
/// swept.
fn is_half_marked(mirror: &Mirror, at: &RelPath) -> Result<bool, StoreError> {
    let store = mirror.store();
    if store.look(&Trashed::ticket_in(at))?.is_some() {
        return Ok(false);
    }
    let unmarked = at.name().trim_end_matches(crate::mirror::GOING);
    let waits = store.look(&Trashed::ticket_in(&RelPath::state(&format!("trash/{unmarked}"))))?.is_some();
    Ok(waits || store.below(at)?.is_empty())
}

/// Removes what is marked of one build, under its ticket.
fn sweep_build(mirror: &Mirror, id: &BuildId, marked: &Marked) -> Result<Vec<(RelPath, Swept)>, CommitError> {
    let store = mirror.store();
    let stage = stage_of(id);
    let held = store.lock(&stage.child("ticket").unwrap_or_default(), mirror.who(), Duration::ZERO);
    let _held = match held {
        // Another process is sweeping it right now.
        Err(error) if error.kind() == StoreErrorKind::Busy => return Ok(Vec::new()),
        Err(error) => {
            let failed = |(at, _): &(RelPath, Ticket)| {
                (at.clone(), Swept { removed: 0, failures: vec![error.again()] })
            };
            return Ok(marked.iter().map(failed).collect());
        }
        held => held?,
    };
    let mut done = Vec::new();
    for (at, ticket) in marked {
        let swept = sweep_marked(mirror, at, ticket);
        done.push((at.clone(), swept.unwrap_or_else(|error| Swept { removed: 0, failures: vec![error] })));
    }
    let all = done.iter().all(|(_, swept)| swept.failures.is_empty());
    // If the build exists, another process may have begun to upload another one.
    if all && Underway::read(store, &stage)?.is_none() {
        store.discard(&stage)?;
    }
    Ok(done)
}

/// Finishes an interrupted sweep of a build; the caller has locked the ticket of the build and is about to upload it.
pub(crate) fn make_room(mirror: &Mirror, id: &BuildId) -> Result<(), CommitError> {
    for at in mirror.trash()?.going {
        if let Ok(ticket) = mirror.ticket(&at)
            && ticket.id == *id
            && let Some(error) = sweep_marked(mirror, &at, &ticket)?.failures.into_iter().next()
        {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Removes the objects of one mark, and the mark last; the caller has locked the ticket of the build.
fn sweep_marked(mirror: &Mirror, at: &RelPath, ticket: &Ticket) -> Result<Swept, StoreError> {
    let store = mirror.store();
    if store.look(&Trashed::ticket_in(at))?.is_none() {
        return Ok(Swept::default());
    }
    let swept = match ticket.what {
        TicketKind::Build => mirror.sweep_unsealed(&ticket.id, &ticket.path)?,
        TicketKind::Untrimmed => match going(mirror, at, ticket) {
            Ok(these) if these.is_empty() => Swept::default(),
            Ok(these) => store.remove_all(&these),
            Err(StateError::Store(error)) => return Err(error),
            Err(error) => return Err(StoreError::of_kind(StoreErrorKind::Io, "sweep", at, error)),
        },
    };
    if swept.failures.is_empty() {
        if ticket.what == TicketKind::Untrimmed {
            // Without its list, nothing of a mark is left.
            store.remove(&parts_at(at))?;
        }
        store.remove(&Trashed::ticket_in(at))?;
    }
    Ok(swept)
}

/// Returns the objects of parts to delete: those of the list, except those that the build has now.
fn going(mirror: &Mirror, at: &RelPath, ticket: &Ticket) -> Result<Vec<(RelPath, Kind)>, StateError> {
    let Some(parts) = mirror.parts_in(at)? else { return Ok(Vec::new()) };
    let has = match mirror.manifest(&ticket.id)? {
        Some(manifest) => manifest,
        None if mirror.has_build(&ticket.id)? => {
            let why = "the manifest of its build is missing, so its content is not known";
            return Err(StoreError::because(StoreErrorKind::NotFound, "sweep", at, why).into());
        }
        None => Manifest::default(),
    };
    let has: HashSet<&RelPath> = has.paths().collect();
    let goes = |path: &&RelPath| !has.contains(path) && !is_sums(path.as_str());
    let files = parts.files.iter().map(|file| &file.path).filter(goes).map(|path| (path, Kind::File));
    let links = parts.links.iter().map(|link| &link.path).filter(goes).map(|path| (path, Kind::Link));
    Ok(files.chain(links).map(|(path, kind)| (ticket.path.join(path), kind)).collect())
}
