//! Files at the paths of builds in an object store that are not builds, since they have no seal.

use crate::commit::STAGE_TERM;
use crate::commit::stage::Underway;
use crate::mirror::{Mirror, StateError, laid};
use crate::model::{BuildId, RelPath, Stamp};
use std::collections::{BTreeMap, BTreeSet};

/// Files at the path of a build that has no seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsealed {
    pub(crate) id: BuildId,
    pub(crate) path: RelPath,
    pub(crate) whose: Whose,
}

/// Who wrote files without a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A publisher is uploading them.
    Publisher,
    /// A publisher uploaded them a day ago or earlier.
    GivenUp,
    /// Nothing in the mirror states it.
    Others,
    /// A directory of the trash cannot be read: they may be the rest of a pruned build.
    Unsure,
}

/// Returns all files at the path of a build that are not one, in stores that do not move trees.
///
/// Entries of the trash and those being swept are there as well, and are left out.
pub(crate) fn unsealed(mirror: &Mirror, now: Stamp) -> Result<Vec<Unsealed>, StateError> {
    // The trash first: what is restored from it in the meantime has a seal then.
    let (trashed, sure) = trashed(mirror)?;
    let sending = sending(mirror, now)?;
    let lying = laid(mirror)?;
    let sealed: BTreeSet<BuildId> = mirror.sealed(None)?.into_iter().collect();
    let mut found = Vec::new();
    for id in lying.into_iter().filter(|id| !sealed.contains(id) && !trashed.contains(id)) {
        let Ok(path) = mirror.layout().build_path(&id) else { continue };
        // Some stores list a directory long after its last object was deleted.
        if mirror.store().below(&path)?.is_empty() {
            continue;
        }
        let whose = match sending.get(&id) {
            Some(whose) => *whose,
            None if sure => Whose::Others,
            None => Whose::Unsure,
        };
        found.push(Unsealed { id, path, whose });
    }
    Ok(found)
}

/// Returns the builds that are in the trash or being swept, and whether all of it could be read.
pub(crate) fn trashed(mirror: &Mirror) -> Result<(BTreeSet<BuildId>, bool), StateError> {
    let trash = mirror.trash()?;
    let (mut trashed, mut sure) = (BTreeSet::new(), trash.strange.is_empty() && trash.empty.is_empty());
    for ticket in trash.going.iter().map(|at| mirror.ticket(at)) {
        match ticket {
            Ok(ticket) => drop(trashed.insert(ticket.id)),
            Err(_) => sure = false,
        }
    }
    trashed.extend(trash.waiting.into_iter().map(|trashed| trashed.ticket.id));
    Ok((trashed, sure))
}

/// Returns the builds of which a publisher noted that it uploads them.
fn sending(mirror: &Mirror, now: Stamp) -> Result<BTreeMap<BuildId, Whose>, StateError> {
    let mut sending = BTreeMap::new();
    for stage in mirror.list_state(&RelPath::state("stage"))? {
        if let Some(underway) = Underway::read(mirror.store(), &stage)? {
            let noted = mirror.store().look(&Underway::place(&stage))?;
            let old = noted.is_some_and(|noted| now.unix() - noted.ctime > STAGE_TERM);
            sending.insert(underway.id, if old { Whose::GivenUp } else { Whose::Publisher });
        }
    }
    Ok(sending)
}
