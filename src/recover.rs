//! Finishing or clearing what an interrupted command left.
//!
//! Every command that changes something does the first half of this under its lock: an intent without outcome is
//! settled by looking at the tree, and nothing that a reader may have seen is ever rolled back. Clearing away what
//! nobody will resume (old stages, unfinished temporary files) is left to `recover` itself.

use crate::commit::adopted::is_taken;
use crate::commit::bucket::give_up_below;
use crate::commit::choose::protocol;
use crate::commit::interrupted::Settling;
use crate::commit::repoint::pointed_at;
use crate::commit::reveal::{Names, RevealError, finish};
use crate::commit::stage::{Sealed, Underway, clear, is_held, touched};
use crate::commit::untrash::{RESTORE_TERM, find};
use crate::commit::{CommitError, STAGE_TERM, trash};
use crate::mirror::{
    ExpectedError, Fact, JournalError, KeptError, LastRun, LockError, Materialized, Mirror, WriteLock, chain,
};
use crate::model::{BuildId, Class, Classify, RelPath, Stamp};
use crate::record::{Event, EventKind, Hold};
use crate::store::{Guard, Kind, Store, StoreError, StoreErrorKind, Unfinished, Uploads, Walked};
use serde::Serialize;
use std::time::Duration;
use tracing::info;

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
    Kept(#[from] KeptError),
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
    mirror.lock_and_recover(clock, settle)
}

/// Settles every intent that has no outcome yet.
fn settle(lock: &WriteLock<'_>) -> Result<Vec<Settled>, RecoverError> {
    if !lock.unsettled().is_empty() {
        // What is found done may not be on the disk yet, and is about to be told as done.
        lock.mirror().store().settle(&RelPath::own(""))?;
    }
    // The last first: what a command did within another comes to an end before that.
    let settled: Result<Vec<Settled>, RecoverError> =
        lock.unsettled().iter().rev().map(|intent| settle_one(lock, intent)).collect();
    let mut settled = settled?;
    let open = lock.unsettled();
    let needed = |at: &RelPath| {
        let stage =
            |intent: &Event| intent.details.get("stage").and_then(|stage| stage.as_str().map(str::to_owned));
        open.iter().any(|intent| stage(intent).as_deref() == Some(at.as_str()))
    };
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
    Ok(tree.is_none() && !is_awaited(mirror, stage)?)
}

/// Returns whether files of a build that has no seal yet lie at its place: its publisher may come back for them.
fn is_awaited(mirror: &Mirror, stage: &RelPath) -> Result<bool, StoreError> {
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
    let fact = || Fact { what: intent.what, to: intent.to.clone(), details: intent.details.clone() };
    let happened = match intent.what {
        EventKind::Published => match committed(lock.mirror(), intent) {
            Ok(Some(sealed)) => {
                let revealed = finish(lock, sealed, Names::Follow, intent.seq)
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
            let settling = match trash::settle(lock, intent) {
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
        lock.tell(lock.now(), fact(), Some(intent.seq))?;
        return Ok(Settled { to: intent.to.clone(), what: SettledAs::Noted });
    }
    lock.undo(lock.now(), fact(), intent.seq)?;
    Ok(Settled { to: intent.to.clone(), what: SettledAs::Undone })
}

/// Returns whether what one call does is done, by looking at what it changes.
fn is_done(lock: &WriteLock<'_>, intent: &Event) -> Result<bool, RecoverError> {
    Ok(match intent.what {
        EventKind::Aliased | EventKind::Unaliased => {
            let alias: RelPath = intent.to.parse().unwrap_or_default();
            let wanted = intent.details.get("to").and_then(|to| to.as_str()?.parse::<RelPath>().ok());
            pointed_at(lock.mirror(), &alias)? == wanted
        }
        EventKind::Materialized => {
            let alias: RelPath = intent.to.parse().unwrap_or_default();
            let there = lock.mirror().store().look(&Materialized::pointer(&alias))?;
            let wanted = intent.details.get("generation").and_then(|name| name.as_str());
            there.and_then(|entry| entry.link).as_deref() == wanted
        }
        EventKind::Labelled => {
            let id: Option<BuildId> = intent.to.parse().ok();
            let record = id.map(|id| lock.mirror().record(&id)).transpose()?.flatten();
            let labels = record.map(|record| record.labels).unwrap_or_default();
            intent.details.get("labels").and_then(|labels| labels.as_object()).is_some_and(|wanted| {
                wanted.iter().all(|(key, value)| labels.get(key).map(|label| &*label.value) == value.as_str())
            })
        }
        EventKind::Held | EventKind::Unheld => {
            let holds =
                intent.to.parse::<BuildId>().ok().map(|id| lock.mirror().holds_of(&id)).transpose()?;
            // Holds are plain data.
            holds.and_then(|holds| serde_json::to_value(holds).ok()).as_ref() == intent.details.get("holds")
        }
        // The record is written last, so that it says that all of it is there.
        EventKind::Adopted => {
            let id: Option<BuildId> = intent.to.parse().ok();
            id.map(|id| is_taken(lock.mirror(), &id, intent)).transpose()? == Some(true)
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
    for (at, _) in mirror.trash()?.strange {
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
            Err(KeptError::Holds(..)) => (Vec::new(), true),
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
    let mut settled = settle(&lock)?;
    for accepted in cut.into_iter().chain(lock.accept_loss(lock.now())?) {
        let runs = accepted.missing.iter().map(|(first, last)| format!("{first} to {last}"));
        let runs: Vec<String> = runs.collect();
        let missing = if runs.is_empty() { "of an unknown number".to_owned() } else { runs.join(", ") };
        let seq = accepted.seq;
        mirror
            .warnings()
            .add(format!("the events {missing} are lost; event {seq} of the journal states that"));
        settled.push(Settled { to: RelPath::own("journal").to_string(), what: SettledAs::Accepted });
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
    let (left, mut failures) = left_stages(mirror, now)?;
    if failures.is_empty() { Ok(left) } else { Err(failures.swap_remove(0).1) }
}

/// Stages that were left, and those that could not be looked at.
pub(crate) type LeftStages = (Vec<LeftStage>, Vec<(RelPath, StoreError)>);

/// Returns the stages that no process holds; nothing is taken or changed.
pub(crate) fn left_stages(mirror: &Mirror, now: Stamp) -> Result<LeftStages, StoreError> {
    let mut found = LeftStages::default();
    for path in children(mirror, "stage")? {
        match left_stage(mirror, &path, now) {
            Ok(left) => found.0.extend(left),
            Err(error) => found.1.push((path, error)),
        }
    }
    Ok(found)
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
        let walked = Walked::of(store, &tree)?;
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
    let (left, failures) = left_stages(mirror, clock())?;
    let mut done: LeftStages = (Vec::new(), failures);
    for stage in left.into_iter().filter(LeftStage::is_old) {
        // A prune recovered before this.
        let (lock, ()) = mirror.lock_and_recover(clock, |_| Ok::<_, RecoverError>(()))?;
        match clear_stage(&lock, &stage.path, Stages::Wait, clock()) {
            Ok(SettledAs::Cleared) => done.0.push(stage),
            Ok(_) => {}
            Err(RecoverError::Store(error)) => done.1.push((stage.path, error)),
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
    mirror.kept_in(&RelPath::own(dir))
}

/// Returns how many seconds ago something was last changed.
fn age(store: &dyn Store, at: &RelPath, now: Stamp) -> Result<i64, StoreError> {
    let entry = store.look(at)?.filter(|entry| entry.kind != Kind::Link);
    Ok(entry.map(|entry| now.unix() - entry.ctime).unwrap_or_default())
}
