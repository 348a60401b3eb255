//! Removing a directory of the trash.

use crate::mirror::{GOING, Trashed};
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// Removes a directory of the trash: marked first, so that what is left of it when that is cut off is told from a
/// build that can come back, and goes with the next sweep.
pub(crate) fn throw_out(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
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

/// Returns whether the listing of a directory has that name.
pub(crate) fn is_listed(store: &dyn Store, at: &RelPath, name: &str) -> Result<bool, StoreError> {
    match store.list(at) {
        Err(error) if error.is_not_found() => Ok(false),
        listing => Ok(listing?.entries.iter().any(|entry| entry.name == name)),
    }
}
