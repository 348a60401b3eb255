//! Finishing or deleting what an interrupted command left.
//!
//! Every command that changes something does the first half of this under its lock (`pending`). Deleting what no
//! command will resume (old stages, unfinished temporary files) is left to `recover` itself.

mod leftovers;
mod pending;
mod settled;
mod stages;

pub(crate) use leftovers::{abandoned, stale};
pub use pending::begin;
pub use settled::{RecoverError, Settled, SettledAs, Stages};
pub use stages::{LeftStage, discardable};
pub(crate) use stages::{LeftStages, clear_old_stages, discard_stage, left_stages};

use crate::commit::sweep::clear;
use crate::commit::tags::Waiting;
use crate::commit::trash;
use crate::commit::untrash::RESTORE_TERM;
use crate::mirror::{ExpectedError, LastRun, Mirror, StateError, WriteLock, chain};
use crate::model::{RelPath, Stamp};
use crate::record::Hold;
use crate::store::Uploads;
use indicatif::HumanBytes;
use pending::{begin_patiently, recover_pending};
use settled::left;
use stages::{children, clear_stage, unknown_stage};

/// Finishes or deletes what interrupted commands left.
pub fn recover(
    mirror: &Mirror,
    stages: Stages,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<Vec<Settled>, RecoverError> {
    let (lock, mut settled) = begin_patiently(mirror, clock)?;
    let now = lock.now();
    let store = mirror.store();
    settled.extend(hold_again(&lock)?);
    settled.extend(retire_again(&lock)?);
    let until = now.checked_add(RESTORE_TERM).unwrap_or(now);
    let cleared = clear(&lock, &mirror.trash()?)
        .map_err(|error| RecoverError::Trash(RelPath::state("trash").to_string(), Box::new(error)))?;
    settled.extend(cleared.iter().map(|at| Settled { to: at.to_string(), what: SettledAs::Cleared }));
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
                    "it is not an unfinished publish, and has {}; `mirrorkeep recover --discard-stages` removes it",
                    HumanBytes(bytes)
                );
                settled.push(left(&lock, at.as_str(), &why));
            }
            continue;
        }
        let what = match clear_stage(&lock, &at, stages, now) {
            // One that cannot be deleted stops no other, and is reported once.
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

/// Writes lost or damaged holds again from the journal.
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

/// Writes lost or damaged files about retirements again from the journal.
fn retire_again(lock: &WriteLock<'_>) -> Result<Vec<Settled>, RecoverError> {
    let mut settled = Vec::new();
    for (stream, stated) in lock.mirror().stated_retirements()? {
        match lock.mirror().retirement_of(&stream) {
            Ok(Some(found)) if found == stated => continue,
            _ => lock.keep_retirement(&stated)?,
        }
        let to = Mirror::retirement_at(&stream).to_string();
        settled.push(Settled { to, what: SettledAs::Rebuilt });
    }
    Ok(settled)
}

/// Continues a journal that lost events, above every number that anything else states.
///
/// The readable events of the journal stay, and intents that are open in it are settled first.
pub fn accept_loss(
    mirror: &Mirror,
    clock: &(dyn Fn() -> Stamp + Sync),
) -> Result<Vec<Settled>, RecoverError> {
    let (lock, cut) = mirror.lock_despite_loss(clock)?;
    // Before anything is settled: the numbers of the lost events must not be used again.
    let cut = lock.accept_cut(cut, lock.now())?;
    let mut settled = recover_pending(&lock, Waiting::Patiently)?;
    for accepted in cut.into_iter().chain(lock.accept_loss(lock.now())?) {
        let run = |(first, last): &(u64, u64)| {
            if first == last { first.to_string() } else { format!("{first} to {last}") }
        };
        let runs: Vec<String> = accepted.missing.iter().map(run).collect();
        let lost = match (runs.as_slice(), accepted.missing.first()) {
            ([one], Some((first, last))) if first == last => format!("event {one} is lost"),
            ([], _) => "an unknown number of events is lost".to_owned(),
            _ => format!("the events {} are lost", runs.join(", ")),
        };
        mirror.warnings().add(format!("{lost} (recorded as event {})", accepted.seq));
        settled.push(Settled { to: RelPath::state("journal").to_string(), what: SettledAs::Accepted });
    }
    LastRun::claim(mirror)?;
    Ok(settled)
}
