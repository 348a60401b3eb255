//! Removing a directory of the trash where trees are moved.

use crate::commit::discard::going;
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// Removes a directory of the trash: marked first, so that what is left of it when that is interrupted is told from a
/// build that can come back, and goes with the next sweep.
pub(crate) fn delete_trash_entry(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    if store.look(at)?.is_none() {
        return Ok(());
    }
    let going = going(at);
    store.rename_tree(at, &going)?;
    store.discard(&going).map(drop)
}
