//! The builds that are in an archive and no longer here, by the journal.

use super::RetireError;
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp};
use crate::ops::retention::removals::removals;
use crate::record::Archive;
use schemars::JsonSchema;
use serde::Serialize;

/// A build that is in an archive and no longer here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ArchivedBuild {
    /// Which build.
    pub id: BuildId,
    /// When it was removed here.
    pub at: Stamp,
    /// The archive.
    pub archive: Archive,
    /// The last instant at which `restore` brings it back; it is `null` or past where `copy` does.
    pub until: Option<Stamp>,
    /// Why its stream was retired; `null` if it expired.
    pub retired: Option<String>,
}

/// Returns every build that was moved to an archive and did not come back, by ID.
pub fn archived(mirror: &Mirror) -> Result<Vec<ArchivedBuild>, RetireError> {
    let all = removals(mirror, |event| {
        let stated = event.stated();
        Some((event.at, stated.archive?, stated.until, stated.retired))
    })?;
    let row = |(id, (at, archive, until, retired))| ArchivedBuild { id, at, archive, until, retired };
    Ok(all.into_iter().map(row).collect())
}
