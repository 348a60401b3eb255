//! Names beside the mirror, in the trash and where trees are staged.

use crate::mirror::GOING;
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// The prefix of a tree that is staged for a trim.
pub(crate) const TRIM_STAGE: &str = "trim-";

/// Returns the path of a marked entry in the trash.
pub(crate) fn going(at: &RelPath) -> RelPath {
    RelPath::state(&format!("trash/{}{GOING}", at.name()))
}

/// Returns whether the listing of a directory has that name.
pub(crate) fn is_listed(store: &dyn Store, at: &RelPath, name: &str) -> Result<bool, StoreError> {
    match store.list(at) {
        Err(error) if error.is_not_found() => Ok(false),
        listing => Ok(listing?.entries.iter().any(|entry| entry.name == name)),
    }
}
