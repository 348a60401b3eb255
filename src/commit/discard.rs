//! Names beside the mirror, in the trash and where trees are written before they are moved.

use crate::mirror::GOING;
use crate::model::RelPath;
use crate::store::{Store, StoreError};

/// How the name of a tree begins that is written for a trim.
pub(crate) const TRIM_STAGE: &str = "trim-";

/// Returns where in the trash something lies once it is marked.
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
