//! Unfinished files of dead processes: temporary files, and uploads in parts.

use super::stages::children;
use crate::commit::STAGE_TERM;
use crate::mirror::Mirror;
use crate::model::{RelPath, Stamp};
use crate::store::{Kind, Store, StoreError, Unfinished, Uploads};

/// How long an unfinished temporary file is left to its writer, in seconds.
const TEMPORARY_TERM: i64 = 3600;

/// Returns the temporary files that their writers abandoned long ago.
pub(crate) fn stale(mirror: &Mirror, now: Stamp) -> Result<Vec<RelPath>, StoreError> {
    let store = mirror.store();
    let mut stale = Vec::new();
    for at in children(mirror, "tmp")? {
        if age(store, &at, now)? > TEMPORARY_TERM {
            stale.push(at);
        }
    }
    Ok(stale)
}

/// Returns the unfinished uploads in parts that were abandoned: mirrorkeep's own after an hour without a renewal,
/// those of other programs, which do not renew, after a day.
pub(crate) fn abandoned(mirror: &Mirror, which: Uploads, now: Stamp) -> Result<Vec<Unfinished>, StoreError> {
    let mut uploads = mirror.store().unfinished(which)?;
    uploads.retain(|upload| {
        let term = if upload.note.is_some() { TEMPORARY_TERM } else { STAGE_TERM };
        now.unix() - upload.seen > term
    });
    Ok(uploads)
}

/// Returns how many seconds ago something last changed.
fn age(store: &dyn Store, at: &RelPath, now: Stamp) -> Result<i64, StoreError> {
    let entry = store.look(at)?.filter(|entry| entry.kind != Kind::Link);
    Ok(entry.map(|entry| now.unix() - entry.ctime).unwrap_or_default())
}
