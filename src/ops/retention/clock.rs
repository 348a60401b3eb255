//! The clock of the store, which another clock must agree with before something is decided by it.

use crate::mirror::Mirror;
use crate::model::{RelPath, Stamp};
use crate::store::{Put, StoreError};

/// Returns the time of the store's clock, by writing a file.
pub(crate) fn store_clock(mirror: &Mirror) -> Result<Option<Stamp>, StoreError> {
    let probe = RelPath::state("clock");
    mirror.store().put(&probe, b"", Put::Replace)?;
    Ok(mirror.store().look(&probe)?.and_then(|entry| Stamp::from_unix(entry.ctime)))
}
