//! Settling what an interrupted prune, trim, restore or sweep left: the tree says how far it came.

use super::error::ActError;
use super::{apart, restore, sweep, trim};
use crate::mirror::{GOING, Lease, Trashed};
use crate::record::{Event, EventKind};
use crate::store::{Store, StoreError};
use crate::word::{BuildId, RelPath};

/// Finishes what came past its commit point, clears what did not, and returns whether it happened.
pub(super) fn settle(lease: &Lease<'_>, intent: &Event) -> Result<bool, ActError> {
    let mirror = lease.mirror();
    let store = mirror.store();
    let named = intent.details.get("trash").and_then(|at| at.as_str()?.parse::<RelPath>().ok());
    let Some(at) = named.filter(|at| at.parent() == Some(RelPath::own("trash"))) else {
        // Somebody wrote it by hand: what lies elsewhere is none of the trash's business.
        return Ok(false);
    };
    let trashed = mirror.trash()?.waiting.into_iter().find(|trashed| trashed.at == at);
    let in_place = |trashed: &Trashed| -> Result<bool, ActError> {
        if mirror.by_seal() {
            return Ok(mirror.has_build(&trashed.ticket.id)?);
        }
        let there = store.look(&trashed.ticket.path)?;
        Ok(there.is_some_and(|entry| entry.inode.1 == trashed.ticket.inode.1))
    };
    match intent.what {
        EventKind::Pruned if mirror.by_seal() => {
            let gone = trashed.map(|trashed| in_place(&trashed)).transpose()? == Some(false);
            if !gone {
                store.discard(&at)?;
            }
            if let Ok(id) = intent.to.parse() {
                lease.unmark(&id)?;
            }
            Ok(gone)
        }
        EventKind::Trimmed if mirror.by_seal() => match trashed {
            Some(trashed) => apart::settle(lease, &trashed, &names(intent)),
            None => {
                throw_out(store, &at)?;
                if let Ok(id) = intent.to.parse() {
                    lease.unmark(&id)?;
                }
                Ok(false)
            }
        },
        EventKind::Swept if mirror.by_seal() => {
            let marked = store.look(&Trashed::ticket_in(&sweep::going(&at)))?.is_some();
            let waits = store.look(&at)?.is_some();
            if marked {
                throw_out(store, &at)?;
            } else if waits {
                // The list of what goes is written before the ticket that counts.
                store.discard(&sweep::going(&at))?;
            }
            Ok(marked || !waits)
        }
        EventKind::Pruned => {
            if let Some(trashed) = trashed.filter(|trashed| trashed.ticket.path != RelPath::root())
                && store.look(&trashed.tree())?.is_some()
            {
                lease.file_away(&trashed)?;
                return Ok(true);
            }
            throw_out(store, &at)?;
            Ok(false)
        }
        EventKind::Trimmed => {
            if let Some(trashed) = trashed
                && store.look(&trashed.tree())?.is_some_and(|entry| entry.inode.1 == trashed.ticket.inode.1)
            {
                let number =
                    |key: &str| intent.details.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
                trim::record(lease, &trashed, &names(intent), (number("files"), number("bytes")))?;
                return Ok(true);
            }
            throw_out(store, &at)?;
            Ok(false)
        }
        EventKind::Restored => {
            if let Some(trashed) = trashed {
                restore::put_back(lease, &trashed)?;
                let back = in_place(&trashed)?;
                if back {
                    throw_out(store, &at)?;
                }
                return Ok(back);
            }
            let id: Option<BuildId> = intent.to.parse().ok();
            let path = id.and_then(|id| mirror.layout().build_path(&id).ok());
            Ok(path.map(|path| mirror.look(&path)).transpose()?.flatten().is_some())
        }
        _ => Ok(store.look(&at)?.is_none()),
    }
}

/// Returns the names of the parts that an intent speaks of.
fn names(intent: &Event) -> Vec<String> {
    let names = intent.details.get("parts").and_then(|parts| parts.as_array());
    names.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}

/// Removes a directory of the trash: marked first, so that what is left of it when that is cut off is told from a
/// build that can come back, and goes with the next sweep.
pub(super) fn throw_out(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    if store.look(at)?.is_none() {
        return Ok(());
    }
    if !store.abilities().moves_trees {
        // The ticket last: without its record it speaks of nothing that can come back, and all else is told by it.
        store.remove(&at.child("record.json").unwrap_or_default())?;
        let ticket = Trashed::ticket_in(at);
        let rest = store.below(at)?.into_iter().map(|found| (found.path, found.kind));
        let rest: Vec<_> = rest.filter(|(path, _)| *path != ticket).collect();
        if !rest.is_empty()
            && let Some(error) = store.remove_all(&rest).failures.into_iter().next()
        {
            return Err(error);
        }
        return store.remove(&ticket);
    }
    let going = RelPath::own(&format!("trash/{}{GOING}", at.name()));
    store.reveal(at, &going)?;
    store.discard(&going).map(drop)
}
