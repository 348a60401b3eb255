//! Making a sealed build visible: the one commit point, and the steps after it.
//!
//! Before the rename nothing is visible; after it the build is published, whatever happens next: this call, or the
//! next command that changes anything, finishes record, aliases and event.

use crate::commit::choose::protocol;
use crate::commit::protocol::Progress;
use crate::commit::repoint::{Moved, RepointError, due, legacy, repoint};
use crate::commit::stage::{Sealed, since};
use crate::mirror::{JournalError, Mirror, MirrorError, Pending, StateError, WriteLock, builds_of, chain};
use crate::model::{BuildId, Class, Classify, ErrorKind, Stamp};
use crate::record::{EventKind, Payload, Phase};
use crate::store::{StoreError, StoreErrorKind};
use std::time::Duration;
use tracing::info;

/// The detail of an intent that states that files leave their source when the build is published.
const MOVE: &str = "move";

/// Returns whether a build's files were moved out of their source when it was last published.
pub(crate) fn was_moved(mirror: &Mirror, id: &BuildId) -> Result<bool, JournalError> {
    let (events, id) = (mirror.history(&[EventKind::Published])?, id.to_string());
    let last = events.into_iter().rfind(|event| event.phase == Phase::Intent && event.to == id);
    Ok(last.is_some_and(|intent| intent.stated().take.as_deref() == Some(MOVE)))
}

/// When the aliases that depend on a build move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AliasUpdate {
    /// With the build.
    Now,
    /// When the caller has published this build and others.
    Deferred,
}

/// The effects of making a build visible.
#[derive(Debug, Default)]
pub(crate) struct Revealed {
    /// Aliases that moved.
    pub(crate) aliases: Vec<Moved>,
    /// Warnings for the user.
    pub(crate) warnings: Vec<String>,
}

/// Why a build did not become visible.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// Its stream is retired.
    #[error(transparent)]
    Frozen(StateError),
    /// Its path is occupied.
    #[error("`{0}` appeared in the mirror while it was being published")]
    AlreadyPublished(BuildId),
    /// It cannot be moved.
    #[error("cannot move `{0}` into place")]
    Move(BuildId, #[source] StoreError),
    /// It was moved, or may have been, and the move may not survive a power cut.
    #[error(
        "it is not known whether `{0}` is at its path for good; `mirrorkeep recover` checks and finishes it"
    )]
    Unsure(BuildId, #[source] StoreError),
    /// The build is visible; its record could not be written.
    #[error("`{0}` is published, but its record could not be written; `mirrorkeep recover` finishes that")]
    Record(BuildId, #[source] StoreError),
    /// The build is visible; its stream could not be read.
    #[error("the build is published, but its aliases could not be read")]
    Kept(#[from] StateError),
    /// The build is visible; an alias could not be moved.
    #[error("the build is published, but an alias could not be moved; `mirrorkeep recover` tries again")]
    Repoint(#[from] RepointError),
    /// The mirror is not where it was opened.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Classify for RevealError {
    fn class(&self) -> Class {
        match self {
            Self::AlreadyPublished(_) => ErrorKind::Failed.into(),
            Self::Move(_, error) | Self::Unsure(_, error) | Self::Record(_, error) => error.class(),
            Self::Frozen(error) | Self::Kept(error) => error.class(),
            Self::Repoint(error) => error.class(),
            Self::Mirror(error) => error.class(),
            Self::Journal(error) => error.class(),
        }
    }
}

/// Moves a sealed build to its path and finishes the commit.
pub(crate) fn reveal(
    lock: &WriteLock<'_>,
    mut sealed: Sealed,
    names: AliasUpdate,
) -> Result<Revealed, RevealError> {
    let id = sealed.seal.record.id.clone();
    let (result, stage) = (sealed.seal.record.result, sealed.at.clone());
    let payload = Payload::Publish { result, stage, take: sealed.moved.then_some(MOVE) };
    info!("staged `{id}`: {} files, {} bytes", sealed.manifest.files.len(), sealed.manifest.bytes());
    // The lock was taken by a handle; readers open the path.
    lock.mirror().is_at_its_path()?;
    lock.mirror().refuse_retiring(&id.stream).map_err(RevealError::Frozen)?;
    let pending = lock.begin(lock.now(), &id, &payload)?;
    let protocol = protocol(lock.mirror());
    if let Err(error) = protocol.commit(lock, &mut sealed, lock.now()) {
        match protocol.progress(lock.mirror(), &sealed) {
            Progress::Nothing => {}
            Progress::Done => return finish(lock, sealed, names, pending),
            Progress::Unknown => return Err(RevealError::Unsure(id, error)),
        }
        pending.undone(lock.now())?;
        return Err(match error.kind() {
            StoreErrorKind::AlreadyExists | StoreErrorKind::NotEmpty => RevealError::AlreadyPublished(id),
            _ => RevealError::Move(id, error),
        });
    }
    finish(lock, sealed, names, pending)
}

/// Finishes the commit of a build that is at its path: record, aliases, event, and the removal of the stage.
pub(crate) fn finish(
    lock: &WriteLock<'_>,
    sealed: Sealed,
    names: AliasUpdate,
    pending: Pending<'_>,
) -> Result<Revealed, RevealError> {
    let now = lock.now();
    let mut record = sealed.seal.record.clone();
    let id = record.id.clone();
    info!("committed `{id}` at `{}`", sealed.seal.path);
    let failed = |error| RevealError::Record(id.clone(), error);
    if let Some(known) = lock.mirror().record(&id)? {
        // An interrupted command came this far: its time of publishing is kept.
        record = known;
    } else {
        record.published = Some(now);
        since(&mut record, now);
        lock.keep_manifest(&id, &sealed.manifest).map_err(failed)?;
        lock.write_record(&record).map_err(failed)?;
    }
    let mut revealed = Revealed::default();
    if names == AliasUpdate::Now {
        follow(lock, &id, now, &mut revealed)?;
    }
    let (result, created) = (record.result, record.created);
    pending
        .done_as(now, &Payload::Published { result, created, files: record.files, bytes: record.bytes })?;
    if let Err(error) = lock.keep_catalogues(Some(&id.stream)) {
        revealed
            .warnings
            .push(format!("the catalogue of its stream could not be written: {}", chain(&error)));
    }
    // The build is published and recorded; `recover` deletes a stage that is left.
    let (store, ticket) = (lock.mirror().store(), sealed.at.child("ticket").unwrap_or_default());
    let held = sealed.ticket.map_or_else(|| store.lock(&ticket, lock.mirror().who(), Duration::ZERO), Ok);
    let discarded = held.and_then(|_held| store.discard(&sealed.at));
    // A process that waited for the ticket may have it by now, or a new one: it finds the build published.
    if let Err(error) = discarded
        && !matches!(error.kind(), StoreErrorKind::NotEmpty | StoreErrorKind::Busy | StoreErrorKind::NotFound)
    {
        revealed.warnings.push(format!("the stage `{}` could not be cleared: {error}", sealed.at));
    }
    Ok(revealed)
}

/// Moves the aliases that depend on a build.
fn follow(
    lock: &WriteLock<'_>,
    id: &BuildId,
    now: Stamp,
    revealed: &mut Revealed,
) -> Result<(), RevealError> {
    let builds = builds_of(lock.mirror(), &id.stream, Some(&id.name))?;
    let due = due(lock.mirror(), &id.stream, &builds, Some(&id.name), now)?;
    for (alias, to) in due.taken {
        revealed.warnings.push(format!(
            "`{alias}` is not moved to `{to}`: a file or directory is in its place; move that away, then run \
            `mirrorkeep alias set {alias} {to}`"
        ));
    }
    revealed.warnings.extend(due.stays.iter().map(|stays| stays.warning(now)));
    for (alias, to) in due.moves {
        let Ok(target) = lock.mirror().layout().build_path(&to) else { continue };
        match repoint(lock, &alias, &target, now) {
            Ok(moved) => revealed.aliases.push(moved),
            Err(RepointError::Store(error)) if error.kind() == StoreErrorKind::AlreadyExists => {
                revealed
                    .warnings
                    .push(format!("`{alias}` is not moved: something that is not a link is there"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let (moved, warnings) = legacy(lock, &id.stream, now)?;
    revealed.aliases.extend(moved);
    revealed.warnings.extend(warnings);
    Ok(())
}
