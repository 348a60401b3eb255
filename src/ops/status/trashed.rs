//! What is in the trash, and until when it can come back.

use crate::mirror::{Mirror, TicketKind, Trash};
use crate::model::{BuildId, RelPath, Stamp};
use crate::ops::ActError;
use crate::ops::retention::concern::{Concern, alien};
use crate::record::Lapsed;
use schemars::JsonSchema;
use serde::Serialize;

/// A build in the trash, or what it was before parts were removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrashedBuild {
    /// The ID of the build.
    pub id: BuildId,
    /// `build`, or `untrimmed`: what the build was before parts were removed.
    pub what: TicketKind,
    /// Its directory in the trash.
    pub at: RelPath,
    /// Since when it is there.
    pub since: Stamp,
    /// The last instant at which it can be restored.
    pub until: Stamp,
    /// Its size in bytes.
    pub bytes: u64,
    /// Why it was withdrawn; `null` if a prune moved it there.
    pub why: Option<String>,
    /// The rules of the policy that no longer kept it; none for one that was withdrawn, or whose event states none.
    pub rules: Vec<Lapsed>,
}

/// The trash in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrashStatus {
    /// The number of builds that can be restored.
    pub builds: u64,
    /// Their size in bytes; bytes that builds of the mirror share are not freed with them.
    pub bytes: u64,
    /// The number of them that the next prune or sweep deletes.
    pub due: u64,
    /// When the next of the others can be deleted.
    pub next: Option<Stamp>,
    /// The number of directories that are being deleted.
    pub going: u64,
    /// The number of directories without a readable ticket.
    pub unreadable: u64,
}

/// Returns what can be restored from the trash, oldest first, and its unreadable directories.
pub fn trashed(mirror: &Mirror) -> Result<(Vec<TrashedBuild>, Vec<Concern>), ActError> {
    let trash = mirror.trash()?;
    Ok((listed(mirror, &trash), unread(trash)))
}

fn listed(mirror: &Mirror, trash: &Trash) -> Vec<TrashedBuild> {
    let one = |trashed: &crate::mirror::Trashed| {
        let stated = mirror.filled_by(trashed).unwrap_or_default();
        TrashedBuild {
            id: trashed.ticket.id.clone(),
            what: trashed.ticket.what,
            at: trashed.at.clone(),
            since: trashed.ticket.since,
            until: trashed.ticket.until,
            bytes: trashed.ticket.bytes,
            why: stated.why,
            rules: stated.rules.unwrap_or_default(),
        }
    };
    trash.waiting.iter().map(one).collect()
}

/// Returns what is in the trash, and its unreadable directories.
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
        hint: Some("`mirrorkeep recover` rebuilds it from the journal".to_owned()),
        ..Concern::default()
    });
    odd.chain(alien(trash.alien)).collect()
}
