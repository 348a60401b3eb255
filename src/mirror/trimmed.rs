//! Objects at the path of a build that do not belong to it any more: parts that were removed, and are in the trash.
//!
//! In a directory mirror such parts are in the trash itself. In an object store nothing is moved: the objects of a
//! part stay where they were until its term is over, and a list beside the ticket names each. Objects in the manifest
//! of the build belong to the build, whatever a list states: they were restored, or never removed.

use super::records::MANIFEST_LIMIT;
use super::trash::TICKET_LIMIT;
use super::{Mirror, StateError, Ticket, TicketKind, Trashed};
use crate::model::{BuildId, RelPath};
use crate::record::Manifest;
use crate::store::TreeSnapshot;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// The name of the list, in a directory of the trash.
const PARTS: &str = "parts";

/// Looks for removed parts, build by build.
#[derive(Debug)]
pub struct TrimmedObjects<'m> {
    mirror: &'m Mirror,
    /// The build whose parts each directory of the trash has; nothing if it has none.
    seen: Mutex<HashMap<RelPath, Option<BuildId>>>,
}

impl Mirror {
    /// Returns the list of what was removed from a build, in a directory of the trash; nothing if it has none.
    pub fn parts_in(&self, at: &RelPath) -> Result<Option<Manifest>, StateError> {
        let place = parts_at(at);
        match self.store().read(&place, MANIFEST_LIMIT) {
            Err(error) if error.is_not_found() => Ok(None),
            bytes => {
                let parts = Manifest::parse(&bytes?);
                parts.map(Some).map_err(|error| StateError::Parts(place, error))
            }
        }
    }

    /// Looks for removed parts.
    pub fn apart(&self) -> TrimmedObjects<'_> {
        TrimmedObjects { mirror: self, seen: Mutex::default() }
    }
}

impl TrimmedObjects<'_> {
    /// Walks the tree of a build, and leaves out what does not belong to it any more.
    pub fn walk(&self, id: &BuildId, root: &RelPath) -> Result<TreeSnapshot, StateError> {
        let mut walked = TreeSnapshot::of(self.mirror.store(), root)?;
        let apart = self.of(id)?;
        if !apart.is_empty() {
            walked.remove_paths(&apart);
        }
        Ok(walked)
    }

    /// Returns the objects at the path of a build that do not belong to it any more, by paths in the build.
    ///
    /// The trash is listed once each time; only new entries are read.
    pub fn of(&self, id: &BuildId) -> Result<HashSet<RelPath>, StateError> {
        let mut apart = HashSet::new();
        for at in self.mirror.protocol.parts_in_place(self.mirror)? {
            if self.whose(&at)?.as_ref() == Some(id)
                && let Some(parts) = self.mirror.parts_in(&at)?
            {
                apart.extend(parts.paths().cloned());
            }
        }
        if !apart.is_empty()
            && let Some(manifest) = self.mirror.manifest(id)?
        {
            for path in manifest.paths() {
                apart.remove(path);
            }
        }
        Ok(apart)
    }

    /// Returns the build whose parts a directory of the trash has.
    fn whose(&self, at: &RelPath) -> Result<Option<BuildId>, StateError> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen().get(at).cloned() {
            return Ok(known);
        }
        let bytes = match self.mirror.store().read(&Trashed::ticket_in(at), TICKET_LIMIT) {
            // It is gone, or about to be filled.
            Err(error) if error.is_not_found() => return Ok(None),
            bytes => bytes?,
        };
        // The sweep reports an invalid one.
        let ticket = serde_json::from_slice::<Ticket>(&bytes).ok();
        let whose = ticket.filter(|ticket| ticket.what == TicketKind::Untrimmed).map(|ticket| ticket.id);
        seen().insert(at.clone(), whose.clone());
        Ok(whose)
    }
}

/// Returns the path of the list of what was removed, in a directory of the trash.
pub fn parts_at(at: &RelPath) -> RelPath {
    at.child(PARTS).unwrap_or_default()
}
