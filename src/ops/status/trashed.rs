//! What is in the trash, and until when it can come back.

use crate::mirror::{Mirror, TicketKind, Trash};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::retention::concern::{Concern, alien};
use schemars::JsonSchema;
use serde::Serialize;

/// A build in the trash, or what it was before parts were removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrashedBuild {
    /// Which build.
    pub id: BuildId,
    /// `build`, or `untrimmed`: what the build was before parts were removed.
    pub what: TicketKind,
    /// Its directory in the trash.
    pub at: RelPath,
    /// Since when.
    pub since: Stamp,
    /// The last instant at which it can be restored.
    pub until: Stamp,
    /// How many bytes it had.
    pub bytes: u64,
    /// Why it was withdrawn; `null` if a prune moved it there.
    pub why: Option<String>,
}

/// What is in the trash, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrashStatus {
    /// How many builds can be restored.
    pub builds: u64,
    /// How many bytes they had; those that builds of the mirror share are not freed with them.
    pub bytes: u64,
    /// How many of them the next prune or sweep deletes.
    pub due: u64,
    /// When the next of the others can be deleted.
    pub next: Option<Stamp>,
    /// How many directories are being deleted.
    pub going: u64,
    /// How many directories have no ticket that can be read.
    pub unreadable: u64,
}

/// Returns what can come back from the trash, oldest first, and the directories of it that cannot be read.
pub fn trashed(mirror: &Mirror) -> Result<(Vec<TrashedBuild>, Vec<Concern>), ActError> {
    let trash = mirror.trash()?;
    Ok((listed(mirror, &trash), unread(trash)))
}

fn listed(mirror: &Mirror, trash: &Trash) -> Vec<TrashedBuild> {
    let one = |trashed: &crate::mirror::Trashed| TrashedBuild {
        id: trashed.ticket.id.clone(),
        what: trashed.ticket.what,
        at: trashed.at.clone(),
        since: trashed.ticket.since,
        until: trashed.ticket.until,
        bytes: trashed.ticket.bytes,
        why: mirror.withdrawn(trashed),
    };
    trash.waiting.iter().map(one).collect()
}

/// Returns what is in the trash, and the directories of it that cannot be read.
pub(super) fn of(mirror: &Mirror, at: Stamp) -> Result<(TrashStatus, Vec<Concern>), ActError> {
    let trash = mirror.trash()?;
    let waiting = listed(mirror, &trash);
    let status = TrashStatus {
        builds: waiting.len() as u64,
        bytes: waiting.iter().map(|one| one.bytes).fold(0, u64::saturating_add),
        due: waiting.iter().filter(|one| one.until < at).count() as u64,
        next: waiting.iter().map(|one| one.until).filter(|until| *until >= at).min(),
        going: trash.going.len() as u64,
        unreadable: (trash.strange.len() + trash.alien.len()) as u64,
    };
    Ok((status, unread(trash)))
}

fn unread(trash: Trash) -> Vec<Concern> {
    let odd = trash.strange.into_iter().map(|(path, why)| Concern {
        path,
        why: format!("its ticket cannot be read: {why}"),
        hint: Some("`mirrorkeep recover` writes it again from the journal".to_owned()),
    });
    odd.chain(alien(trash.alien)).collect()
}
