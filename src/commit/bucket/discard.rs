//! Removing a directory of the trash in a store that does not move trees.

use crate::mirror::Trashed;
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// Removes a directory of the trash: the record first and the ticket last, since a ticket without its record restores
/// nothing, and everything else is found by the ticket.
pub(crate) fn delete_trash_entry(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    if store.look(at)?.is_none() {
        return Ok(());
    }
    store.remove(&at.child("record.json").unwrap_or_default())?;
    let ticket = Trashed::ticket_in(at);
    let rest = store.below(at)?.into_iter().map(|found| (found.path, found.kind));
    let rest: Vec<_> = rest.filter(|(path, _)| *path != ticket).collect();
    if !rest.is_empty()
        && let Some(error) = store.remove_all(&rest).failures.into_iter().next()
    {
        return Err(error);
    }
    store.remove(&ticket)
}
