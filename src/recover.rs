//! Finishing or clearing what an interrupted command left.
//!
//! Every command that changes something does the first half of this under its lock: an intent without outcome is
//! settled by looking at the tree, and nothing that a reader may have seen is ever rolled back. Clearing away what
//! nobody will resume (old stages, unfinished temporary files) is left to `recover` itself.

use crate::commit::adopted::is_adopted;
use crate::commit::bucket::give_up_below;
use crate::commit::choose::protocol;
use crate::commit::interrupted::Settling;
use crate::commit::repoint::pointed_at;
use crate::commit::reveal::{AliasUpdate, RevealError, finish};
use crate::commit::stage::{Sealed, Underway, clear, is_held, touched};
use crate::commit::untrash::{RESTORE_TERM, find};
use crate::commit::{CommitError, STAGE_TERM, trash};
use crate::mirror::{
    ExpectedError, JournalError, LastRun, LockError, Materialized, Mirror, StateError, WriteLock, chain,
};
use crate::model::{BuildId, Class, Classify, RelPath, Stamp};
use crate::record::{Event, EventKind, Hold};
use crate::store::{Guard, Kind, Store, StoreError, StoreErrorKind, TreeSnapshot, Unfinished, Uploads};
use serde::Serialize;
use std::time::Duration;
use tracing::info;

/// What a publisher writes into its stage, beside its ticket.
const PARTS: [&str; 6] = ["tree", "progress", "manifest", "seal.json", "claim.json", "upload.json"];

/// How long an unfinished temporary file is left to its writer, in seconds.
const TEMPORARY_TERM: i64 = 3600;

/// What was finished or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// To what it was done: a build, an alias, a stage.
    pub to: String,
    /// What was done.
    pub what: SettledAs,
}

/// How something was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettledAs {
    /// It was carried to its end.
    Finished,
    /// It had not happened; that is written down now.
    Undone,
    /// It had happened; that is written down now.
    Noted,
    /// What was left of it is gone.
    Cleared,
    /// It is left for its publisher to resume.
    Waiting,
    /// It cannot be settled now and stays as it is; a warning says why.
    Left,
    /// A file was written again from what the journal states.
    Rebuilt,
    /// Events are missing, and the journal states now that their loss was accepted.
    Accepted,
}

/// Says why something could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// A build that is in place could not be finished.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Finish(String, #[source] Box<RevealError>),
    /// A build could not be moved to the trash or back to the end.
    #[error("cannot finish what an interrupted command left of `{0}`")]
    Trash(String, #[source] Box<CommitError>),
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed.
    #[error("cannot look at what an interrupted command left")]
    Store(#[from] StoreError),
}

impl Classify for RecoverError {
    fn class(&self) -> Class {
        match self {
            Self::Finish(_, error) => error.class(),
            Self::Trash(_, error) => error.class(),
            Self::Kept(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Lock(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

/// Whether stages whose publisher may come back are cleared, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stages {
    /// They wait for their term.
    Wait,
    /// They go, if nobody is filling them.
    Discard,
}

/// Takes the write lock of a mirror and settles every intent that has no outcome yet.
pub fn begin<'m>(
    mirror: &'m Mirror,
    clock: &'m (dyn Fn() -> Stamp + Sync),
) -> Result<(WriteLock<'m>, Vec<Settled>), RecoverError> {
    mirror.lock_and_recover(clock, recover_pending)
}

/// Settles every intent that has no outcome yet.
fn recover_pending(lock: &WriteLock<'_>) -> Result<Vec<Settled>, RecoverError> {
    if !lock.unsettled().is_empty() {
        // What is found done may not be on the disk yet, and is about to be told as done.
        lock.mirror().store().sync_tree(&RelPath::state(""))?;
    }
    // The last first: what a command did within another comes to an end before that.
    let settled: Result<Vec<Settled>, RecoverError> =
        lock.unsettled().iter().rev().map(|intent| settle_one(lock, intent)).collect();
    let mut settled = settled?;
    let open = lock.unsettled();
    let stages: Vec<RelPath> = open.iter().filter_map(|intent| intent.stated().stage).collect();
    let needed = |at: &RelPath| stages.contains(at);
    for at in children(lock.mirror(), "stage")?.into_iter().filter(|at| !needed(at)) {
        // Somebody may be about to fill it, and then holds its ticket. What cannot be cleared now harms no one, and
        // waits for the next command.
        match is_left_behind(lock.mirror(), &at) {
            Ok(true) => {
                if let Ok(_held) = hold(lock.mirror(), &at)
                    && clear(lock.mirror().store(), &at).is_ok()
                {
                    settled.push(Settled { to: at.to_string(), what: SettledAs::Cleared });
                }
            }
            Ok(false) => {}
            // `recover` and `check` report what is not a stage.
            Err(_) if matches!(unknown_stage(lock.mirror().store(), &at), Ok(Some(_))) => {}
            Err(error) => settled.push(left(lock, at.as_str(), &chain(&error))),
        }
    }
    for Settled { to, what } in &settled {
        info!("recovered `{to}`: {what:?}");
    }
    Ok(settled)
}

/// Returns whether a stage has nothing to resume: the build went to its place, or was thrown away, and the rest of the
/// stage stayed behind.
fn is_left_behind(mirror: &Mirror, stage: &RelPath) -> Result<bool, StoreError> {
    let tree = mirror.store().look(&stage.child("tree").unwrap_or_default())?;
    Ok(tree.is_none()
        && !has_pending_upload(mirror, stage)?
        && unknown_stage(mirror.store(), stage)?.is_none())
}

/// Returns whether files of a build that has no seal yet lie at its place: its publisher may come back for them.
fn has_pending_upload(mirror: &Mirror, stage: &RelPath) -> Result<bool, StoreError> {
    match Underway::read(mirror.store(), stage)? {
        Some(underway) => Ok(!mirror.has_build(&underway.id)?),
        None => Ok(false),
    }
}

/// Warns of what cannot be settled and leaves it.
fn left(lock: &WriteLock<'_>, to: &str, why: &str) -> Settled {
    let warning = format!("what an interrupted command left of `{to}` stays as it is: {why}");
    lock.mirror().warnings().add(warning);
    Settled { to: to.to_owned(), what: SettledAs::Left }
}

fn settle_one(lock: &WriteLock<'_>, intent: &Event) -> Result<Settled, RecoverError> {
    let happened = match intent.what {
        EventKind::Published => match committed(lock.mirror(), intent) {
            Ok(Some(sealed)) => {
                let revealed = finish(lock, sealed, AliasUpdate::Now, lock.resume(intent))
                    .map_err(|error| RecoverError::Finish(intent.to.clone(), Box::new(error)))?;
                // Its own publisher can report them no more.
                for warning in revealed.warnings {
                    lock.mirror().warnings().add(warning);
                }
                return Ok(Settled { to: intent.to.clone(), what: SettledAs::Finished });
            }
            Ok(None) => false,
            Err(error) => return Ok(left(lock, &intent.to, &chain(&error))),
        },
        EventKind::Pruned | EventKind::Trimmed | EventKind::Restored | EventKind::Swept => {
            let settling = match trash::recover_trash(lock, intent) {
                // What belongs to another user waits for a command of that user, and nothing else waits for it.
                Err(error) if trash::is_denied(&error) => Settling::Left(trash::denied(lock, intent, &error)),
                settled => {
                    settled.map_err(|error| RecoverError::Trash(intent.to.clone(), Box::new(error)))?
                }
            };
            if let Settling::Left(why) = settling {
                return Ok(left(lock, &intent.to, &why));
            }
            settling == Settling::Happened
        }
        _ => match is_done(lock, intent) {
            Ok(done) => done,
            Err(error) => return Ok(left(lock, &intent.to, &chain(&error))),
        },
    };
    if happened {
        lock.resume(intent).done(lock.now())?;
        return Ok(Settled { to: intent.to.clone(), what: SettledAs::Noted });
    }
    lock.resume(intent).undone(lock.now())?;
    Ok(Settled { to: intent.to.clone(), what: SettledAs::Undone })
}

/// Returns whether what one call does is done, by looking at what it changes.
fn is_done(lock: &WriteLock<'_>, intent: &Event) -> Result<bool, RecoverError> {
    Ok(match intent.what {
        EventKind::Aliased | EventKind::Unaliased => {
            let alias: RelPath = intent.to.parse().unwrap_or_default();
            pointed_at(lock.mirror(), &alias)? == intent.stated().to
        }
        EventKind::Materialized => {
            let alias: RelPath = intent.to.parse().unwrap_or_default();
            let there = lock.mirror().store().look(&Materialized::pointer(&alias))?;
            there.and_then(|entry| entry.link) == intent.stated().generation
        }
        EventKind::Labelled => {
            let id: Option<BuildId> = intent.to.parse().ok();
            let record = id.map(|id| lock.mirror().record(&id)).transpose()?.flatten();
            let labels = record.map(|record| record.labels).unwrap_or_default();
            intent.stated().labels.is_some_and(|wanted| {
                wanted.iter().all(|(key, value)| labels.get(key).map(|label| &*label.value) == value.as_str())
            })
        }
        EventKind::Held | EventKind::Unheld => {
            let holds =
                intent.to.parse::<BuildId>().ok().map(|id| lock.mirror().holds_of(&id)).transpose()?;
            holds == intent.stated().holds
        }
        // The record is written last, so that it says that all of it is there.
        EventKind::Adopted => {
            let id: Option<BuildId> = intent.to.parse().ok();
            id.map(|id| is_adopted(lock.mirror(), &id, intent)).transpose()? == Some(true)
        }
        EventKind::Lost => {
            let id: Option<BuildId> = intent.to.parse().ok();
            id.map(|id| lock.mirror().record(&id)).transpose()?.flatten().is_none()
        }
        _ => true,
    })
}

/// Returns the build of a publish that came past its commit point.
fn committed(mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, RecoverError> {
    protocol(mirror).committed(mirror, intent).map_err(|error| match error {
        CommitError::Store(error) => error.into(),
        CommitError::Kept(error) => error.into(),
        error => RecoverError::Trash(intent.to.clone(), Box::new(error)),
    })
}

/// Finishes and clears whatever interrupted commands left.
pub fn recover(
    mirror: &Mirror,
    stages: Stages,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<Vec<Settled>, RecoverError> {
    let (lock, mut settled) = begin(mirror, clock)?;
    let now = lock.now();
    let store = mirror.store();
    settled.extend(hold_again(&lock)?);
    let until = now.checked_add(RESTORE_TERM).unwrap_or(now);
    for (at, _) in mirror.trash()?.unread() {
        match trash::renew_ticket(&lock, &at, until) {
            Ok(Some(_)) => settled.push(Settled { to: at.to_string(), what: SettledAs::Rebuilt }),
            Ok(None) => settled.push(left(
                &lock,
                at.as_str(),
                "neither its ticket, the journal nor its record states what it is",
            )),
            Err(error) => settled.push(left(&lock, at.as_str(), &chain(&error))),
        }
    }
    for at in stale(mirror, now)? {
        store.discard(&at)?;
        settled.push(Settled { to: at.to_string(), what: SettledAs::Cleared });
    }
    for upload in abandoned(mirror, Uploads::Noted, now)? {
        store.give_up(&upload)?;
        settled.push(Settled { to: upload.to.to_string(), what: SettledAs::Cleared });
    }
    for at in children(mirror, "stage")? {
        if let Ok(Some(bytes)) = unknown_stage(store, &at) {
            if stages == Stages::Discard {
                store.discard(&at)?;
                settled.push(Settled { to: at.to_string(), what: SettledAs::Cleared });
            } else {
                let why = format!(
                    "it is not a stage, and has {bytes} bytes; `mirrorkeep recover --discard-stages` removes it"
                );
                settled.push(left(&lock, at.as_str(), &why));
            }
            continue;
        }
        let what = match clear_stage(&lock, &at, stages, now) {
            // One that cannot be cleared stops no other, and is reported once.
            Err(RecoverError::Store(error)) => {
                if !settled.iter().any(|one| one.to == at.as_str() && one.what == SettledAs::Left) {
                    settled.push(left(&lock, at.as_str(), &chain(&error)));
                }
                continue;
            }
            what => what?,
        };
        settled.push(Settled { to: at.to_string(), what });
    }
    Ok(settled)
}

/// Writes the holds again that the journal states and that were lost or damaged.
fn hold_again(lock: &WriteLock<'_>) -> Result<Vec<Settled>, RecoverError> {
    let mirror = lock.mirror();
    let mut settled = Vec::new();
    let stated = mirror.stated_holds().map_err(|error| match error {
        ExpectedError::Journal(error) => RecoverError::from(error),
        ExpectedError::Kept(error) => error.into(),
    })?;
    for (id, stated) in stated {
        let (mut holds, damaged) = match mirror.holds_of(&id) {
            Ok(holds) => (holds, false),
            Err(StateError::Holds(..)) => (Vec::new(), true),
            Err(error) => {
                settled.push(left(lock, &id.to_string(), &chain(&error)));
                continue;
            }
        };
        let lacking: Vec<Hold> = stated.into_iter().filter(|hold| !holds.contains(hold)).collect();
        if !lacking.is_empty() || damaged {
            holds.extend(lacking);
            lock.keep_holds(&id, holds)?;
            settled.push(Settled { to: id.to_string(), what: SettledAs::Rebuilt });
        }
    }
    Ok(settled)
}

/// Continues a journal of which events were lost, above every number that anything else states.
///
/// What can be read of the journal stays, and what it leaves open is settled first.
pub fn accept_loss(
    mirror: &Mirror,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<Vec<Settled>, RecoverError> {
    let (lock, cut) = mirror.lock_despite_loss(clock)?;
    // Before anything is settled: the numbers of the lost events are not given to others.
    let cut = lock.accept_cut(cut, lock.now())?;
    let mut settled = recover_pending(&lock)?;
    for accepted in cut.into_iter().chain(lock.accept_loss(lock.now())?) {
        let runs = accepted.missing.iter().map(|(first, last)| format!("{first} to {last}"));
        let runs: Vec<String> = runs.collect();
        let missing = if runs.is_empty() { "of an unknown number".to_owned() } else { runs.join(", ") };
        let seq = accepted.seq;
        mirror
            .warnings()
            .add(format!("the events {missing} are lost; event {seq} of the journal states that"));
        settled.push(Settled { to: RelPath::state("journal").to_string(), what: SettledAs::Accepted });
    }
    LastRun::claim(mirror)?;
    Ok(settled)
}

/// Returns the temporary files that their writers left long ago.
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

/// Returns the files that were being sent in parts, and whose sender gave no sign of life for long: one of ours for an
/// hour, others, who give none while they send, for a day.
pub(crate) fn abandoned(mirror: &Mirror, which: Uploads, now: Stamp) -> Result<Vec<Unfinished>, StoreError> {
    let mut uploads = mirror.store().unfinished(which)?;
    uploads.retain(|upload| {
        let term = if upload.note.is_some() { TEMPORARY_TERM } else { STAGE_TERM };
        now.unix() - upload.seen > term
    });
    Ok(uploads)
}

/// Clears a stage, whoever may come back for it, unless a process is filling it.
pub(crate) fn discard_stage(lock: &WriteLock<'_>, at: &RelPath) -> Result<SettledAs, RecoverError> {
    clear_stage(lock, at, Stages::Discard, lock.now())
}

/// Clears a stage that nobody is filling and nobody will come back for.
fn clear_stage(
    lock: &WriteLock<'_>,
    at: &RelPath,
    stages: Stages,
    now: Stamp,
) -> Result<SettledAs, RecoverError> {
    let mirror = lock.mirror();
    let store = mirror.store();
    let _held = match hold(mirror, at) {
        Err(error) if error.kind() == StoreErrorKind::Busy => return Ok(SettledAs::Waiting),
        held => held?,
    };
    if stages == Stages::Wait && now.unix() - touched(store, at)? < STAGE_TERM {
        return Ok(SettledAs::Waiting);
    }
    let underway = match Underway::read(store, at) {
        // Nothing names the place of its files any more; `check` finds them.
        Err(error) if stages == Stages::Discard && error.kind().is_damage() => None,
        underway => underway?,
    };
    if let Some(underway) = underway {
        // A build in the trash has no seal either, and its files wait at the same place.
        let trashed = find(mirror, &underway.id)
            .map_err(|error| RecoverError::Trash(underway.id.to_string(), Box::new(error)))?;
        give_up_below(store, &underway.path)?;
        if trashed.is_none() && !mirror.has_build(&underway.id)? {
            store.discard(&underway.path)?;
            lock.forget(&underway.id)?;
        }
        store.remove(&Underway::place(at))?;
    }
    clear(store, at)?;
    Ok(SettledAs::Cleared)
}

/// A stage that an interrupted publish left: no process holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftStage {
    /// Where it is.
    pub path: RelPath,
    /// How many seconds ago it was last worked at.
    pub age: i64,
    /// How many bytes its files have that share them with no build.
    pub bytes: u64,
}

impl LeftStage {
    /// Returns whether its time is over.
    pub fn is_old(&self) -> bool {
        self.age >= STAGE_TERM
    }
}

/// Returns the stages that [`recover`] clears when it discards them; nothing is taken or changed.
pub fn discardable(mirror: &Mirror, now: Stamp) -> Result<Vec<LeftStage>, StoreError> {
    let mut found = left_stages(mirror, now)?;
    if !found.failures.is_empty() {
        return Err(found.failures.swap_remove(0).1);
    }
    let unknown = |(path, bytes)| LeftStage { path, age: 0, bytes };
    found.left.extend(found.unknown.into_iter().map(unknown));
    Ok(found.left)
}

/// What was found among the stages.
#[derive(Debug, Default)]
pub(crate) struct LeftStages {
    /// Stages that were left.
    pub(crate) left: Vec<LeftStage>,
    /// Stages that could not be looked at, or not be cleared.
    pub(crate) failures: Vec<(RelPath, StoreError)>,
    /// What is not a stage, and its bytes.
    pub(crate) unknown: Vec<(RelPath, u64)>,
}

/// Returns the stages that no process holds; nothing is taken or changed.
pub(crate) fn left_stages(mirror: &Mirror, now: Stamp) -> Result<LeftStages, StoreError> {
    let mut found = LeftStages::default();
    for path in children(mirror, "stage")? {
        let looked = match unknown_stage(mirror.store(), &path) {
            Ok(None) => left_stage(mirror, &path, now).map(|left| found.left.extend(left)),
            unknown => unknown.map(|bytes| found.unknown.extend(bytes.map(|bytes| (path.clone(), bytes)))),
        };
        if let Err(error) = looked {
            found.failures.push((path, error));
        }
    }
    Ok(found)
}

/// Returns the bytes of something among the stages that is not a stage: a file, or a directory that has more than a
/// publisher writes.
fn unknown_stage(store: &dyn Store, path: &RelPath) -> Result<Option<u64>, StoreError> {
    let Some(entry) = store.look(path)? else { return Ok(None) };
    let is_stage = entry.kind == Kind::Dir && {
        let listing = match store.list(path) {
            Err(error) if error.is_not_found() => return Ok(None),
            listing => listing?,
        };
        let known = |name: &str, kind: Kind| match name {
            "ticket" => kind != Kind::Dir || !store.abilities().directories,
            name => PARTS.contains(&name) || name.starts_with("ticket."),
        };
        listing.odd.is_empty() && listing.entries.iter().all(|entry| known(&entry.name, entry.kind))
    };
    if is_stage {
        return Ok(None);
    }
    let files = TreeSnapshot::of(store, path).map(|walked| {
        let files = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File);
        files.map(|(_, _, entry)| entry.size).sum::<u64>()
    });
    Ok(Some(if entry.kind == Kind::Dir { files? } else { entry.size }))
}

fn left_stage(mirror: &Mirror, path: &RelPath, now: Stamp) -> Result<Option<LeftStage>, StoreError> {
    let store = mirror.store();
    if is_held(store, path)? {
        return Ok(None);
    }
    let mut trees = vec![path.clone()];
    // What cannot be read names no place of files.
    if let Ok(Some(underway)) = Underway::read(store, path)
        && let Ok(false) = mirror.has_build(&underway.id)
    {
        trees.push(underway.path);
    }
    let mut bytes = 0;
    for tree in trees {
        let walked = TreeSnapshot::of(store, &tree)?;
        let own = walked.entries().filter(|(_, _, entry)| entry.kind == Kind::File && entry.names <= 1);
        bytes += own.map(|(_, _, entry)| entry.size).sum::<u64>();
    }
    let age = now.unix().saturating_sub(touched(store, path)?);
    // It may be gone or taken by now.
    let still = store.look(path)?.is_some() || !store.abilities().directories;
    Ok((still && !is_held(store, path)?).then(|| LeftStage { path: path.clone(), age, bytes }))
}

/// Clears the stages whose time is over, and returns them and what could not be cleared.
pub(crate) fn clear_old_stages(
    mirror: &Mirror,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<LeftStages, RecoverError> {
    let LeftStages { left, failures, unknown } = left_stages(mirror, clock())?;
    let mut done = LeftStages { left: Vec::new(), failures, unknown };
    for stage in left.into_iter().filter(LeftStage::is_old) {
        // A prune recovered before this.
        let (lock, ()) = mirror.lock_and_recover(clock, |_| Ok::<_, RecoverError>(()))?;
        match clear_stage(&lock, &stage.path, Stages::Wait, clock()) {
            Ok(SettledAs::Cleared) => done.left.push(stage),
            Ok(_) => {}
            Err(RecoverError::Store(error)) => done.failures.push((stage.path, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Takes the ticket of a stage, making one where there is none, so that no publisher takes it up meanwhile.
fn hold(mirror: &Mirror, at: &RelPath) -> Result<Guard, StoreError> {
    mirror.store().lock(&at.child("ticket").unwrap_or_default(), mirror.who(), Duration::ZERO)
}

fn children(mirror: &Mirror, dir: &str) -> Result<Vec<RelPath>, StoreError> {
    mirror.list_state(&RelPath::state(dir))
}

/// Returns how many seconds ago something was last changed.
fn age(store: &dyn Store, at: &RelPath, now: Stamp) -> Result<i64, StoreError> {
    let entry = store.look(at)?.filter(|entry| entry.kind != Kind::Link);
    Ok(entry.map(|entry| now.unix() - entry.ctime).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::record::{Payload, Phase};
    use crate::store::ObjectStore;
    use std::sync::Arc;

    fn now() -> Stamp {
        Stamp::default()
    }

    /// Drops an intent that an alias is to be set, after `before` the drop; returns how the next command settles it.
    fn dropped(before: impl FnOnce(&Mirror, &RelPath, &RelPath)) -> (Vec<SettledAs>, Phase) {
        let setup =
            Setup { layout: Chosen::Shipped("starlingx".to_owned()), policy: None, id: "a test".to_owned() };
        let store = Arc::new(ObjectStore::in_memory().unwrap());
        let mirror = Mirror::init(store, &setup, "a test", Duration::ZERO).unwrap();
        let alias: RelPath = "master/centos/stable".parse().unwrap();
        let to: RelPath = "master/centos/20181205T060000Z".parse().unwrap();
        {
            let (lock, _) = begin(&mirror, &now).unwrap();
            let payload = Payload::Aliased { from: None, to: to.clone(), by_hand: false };
            let pending = lock.begin(now(), &alias, &payload).unwrap();
            before(&mirror, &alias, &to);
            drop(pending);
        }
        assert_eq!(mirror.unsettled().unwrap().len(), 1);
        let (lock, settled) = begin(&mirror, &now).unwrap();
        assert_eq!(lock.unsettled(), []);
        assert!(settled.iter().all(|settled| settled.to == alias.as_str()), "{settled:?}");
        let last = mirror.history(&[EventKind::Aliased]).unwrap().pop().unwrap();
        assert_eq!((last.settles, last.stated().to), (Some(1), Some(to)));
        (settled.iter().map(|settled| settled.what).collect(), last.phase)
    }

    #[test]
    fn an_intent_that_is_dropped_is_recovered_by_the_next_command() {
        assert_eq!(dropped(|_, _, _| ()), (vec![SettledAs::Undone], Phase::Undone));
        let set = |mirror: &Mirror, alias: &RelPath, to: &RelPath| mirror.store().point(alias, to).unwrap();
        assert_eq!(dropped(set), (vec![SettledAs::Noted], Phase::Done));
    }
}
