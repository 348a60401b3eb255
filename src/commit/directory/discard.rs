//! Removing a directory of the trash in a store that moves trees.

use crate::commit::discard::going;
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// Removes a directory of the trash: marked first, so that after an interruption the rest is not taken for a build
/// that can be restored, and the next sweep deletes it.
pub(crate) fn delete_trash_entry(store: &dyn Store, at: &RelPath) -> Result<(), StoreError> {
    if store.look(at)?.is_none() {
        return Ok(());
    }
    let going = going(at);
    store.rename_tree(at, &going)?;
    store.discard(&going).map(drop)
}
