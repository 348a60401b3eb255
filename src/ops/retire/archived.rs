//! The builds that are in an archive and no longer here, by the journal.

use super::RetireError;
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp};
use crate::record::{Archive, EventKind, Phase};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

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
    use EventKind::{Adopted, Pruned, Published, Restored};
    let mut all = BTreeMap::new();
    for event in mirror.history(&[Adopted, Pruned, Published, Restored])? {
        let Ok(id) = event.to.parse::<BuildId>() else { continue };
        if event.phase != Phase::Done {
            continue;
        }
        let stated = event.stated();
        match stated.archive.filter(|_| event.what == Pruned) {
            Some(archive) => {
                let (at, until, retired) = (event.at, stated.until, stated.retired);
                all.insert(id.clone(), ArchivedBuild { id, at, archive, until, retired });
            }
            None => drop(all.remove(&id)),
        }
    }
    Ok(all.into_values().collect())
}
