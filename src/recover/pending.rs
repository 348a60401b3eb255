//! Settling the intents that have no outcome: the first step of every changing command under its lock.
//!
//! Each is settled by looking at the tree, and nothing that a reader may have seen is ever rolled back.

use super::settled::{RecoverError, Settled, SettledAs, left};
use super::stages::{children, hold, is_left_behind, unknown_stage};
use crate::commit::adopted::is_adopted;
use crate::commit::choose::protocol;
use crate::commit::interrupted::Settling;
use crate::commit::repoint::pointed_at;
use crate::commit::reveal::{AliasUpdate, finish};
use crate::commit::stage::{Sealed, clear};
use crate::commit::tags::Waiting;
use crate::commit::together::{PromotionError, settle_demotion, settle_promotion};
use crate::commit::{CommitError, trash};
use crate::mirror::{Commands, Materialized, Mirror, WriteLock, chain};
use crate::model::{BuildId, Classify, RelPath, Stamp, Stream};
use crate::record::{Event, EventKind, Payload};
use tracing::info;

/// Takes the write lock of a mirror and settles every intent that has no outcome yet.
pub fn begin<'m>(
    mirror: &'m Mirror,
    clock: &'m (dyn Fn() -> Stamp + Sync),
) -> Result<(WriteLock<'m>, Vec<Settled>), RecoverError> {
    mirror.lock_and_recover(clock, |lock| recover_pending(lock, Waiting::Briefly))
}

/// Does the same as [`begin`] for a command with no other purpose, and waits for registries as long as that takes.
pub(super) fn begin_patiently<'m>(
    mirror: &'m Mirror,
    clock: &'m (dyn Fn() -> Stamp + Sync),
) -> Result<(WriteLock<'m>, Vec<Settled>), RecoverError> {
    mirror.lock_and_recover(clock, |lock| recover_pending(lock, Waiting::Patiently))
}

/// Settles every intent that has no outcome yet.
pub(super) fn recover_pending(lock: &WriteLock<'_>, waiting: Waiting) -> Result<Vec<Settled>, RecoverError> {
    if !lock.unsettled().is_empty() {
        // What is found done may not be on disk yet, and is about to be recorded as done.
        lock.mirror().store().sync_tree(&RelPath::state(""))?;
    }
    // The last first: an intent within another one is settled before it.
    let settled: Result<Vec<Settled>, RecoverError> =
        lock.unsettled().iter().rev().map(|intent| settle_one(lock, intent, waiting)).collect();
    let mut settled = settled?;
    let open = lock.unsettled();
    let stages: Vec<RelPath> = open.iter().filter_map(|intent| intent.stated().stage).collect();
    let needed = |at: &RelPath| stages.contains(at);
    for at in children(lock.mirror(), "stage")?.into_iter().filter(|at| !needed(at)) {
        // Another process may be about to fill it, and then has its ticket locked. What cannot be deleted now does no
        // harm, and is left to the next command.
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

fn settle_one(lock: &WriteLock<'_>, intent: &Event, waiting: Waiting) -> Result<Settled, RecoverError> {
    let happened = match intent.what {
        EventKind::Published => match committed(lock.mirror(), intent) {
            Ok(Some(sealed)) => {
                let revealed = finish(lock, sealed, AliasUpdate::Now, lock.resume(intent))
                    .map_err(|error| RecoverError::Finish(intent.to.clone(), Box::new(error)))?;
                // Its own publisher can no longer report them.
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
                // What belongs to another user is left to a command of that user, and nothing else waits for it.
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
        EventKind::Promoted | EventKind::Demoted => match settle_stage(lock, intent, waiting) {
            Ok(happened) => happened,
            Err(error @ PromotionError::Carry(_)) => {
                let hint = error.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                let why = format!(
                    "{}{hint}; `mirrorkeep recover --skip-commands` settles it without its commands",
                    chain(&error)
                );
                return Ok(left(lock, &intent.to, &why));
            }
            Err(error) => return Ok(left(lock, &intent.to, &chain(&error))),
        },
        _ => match is_done(lock, intent) {
            Ok(done) => done,
            Err(error) => return Ok(left(lock, &intent.to, &chain(&error))),
        },
    };
    if happened {
        let done = lock.resume(intent);
        match without_tags(lock, intent) {
            Some(payload) => done.done_as(lock.now(), &payload)?,
            None => done.done(lock.now())?,
        }
        return Ok(Settled { to: intent.to.clone(), what: SettledAs::Noted });
    }
    lock.resume(intent).undone(lock.now())?;
    Ok(Settled { to: intent.to.clone(), what: SettledAs::Undone })
}

/// Finishes or undoes what an interrupted promotion or demotion moved; returns whether it happened.
fn settle_stage(lock: &WriteLock<'_>, intent: &Event, waiting: Waiting) -> Result<bool, PromotionError> {
    let Some(promotion) = intent.stated().promotion else { return Ok(false) };
    match intent.what {
        EventKind::Promoted => settle_promotion(lock, &promotion, waiting, lock.now()),
        _ => settle_demotion(lock, &promotion, waiting, lock.now()),
    }
}

/// Returns the demotion of an event whose tags were left where they are, since no registry was to be queried.
fn without_tags(lock: &WriteLock<'_>, intent: &Event) -> Option<Payload> {
    let is_it = intent.what == EventKind::Demoted && lock.mirror().commands() == Commands::Skip;
    let promotion = intent.stated().promotion.filter(|_| is_it)?;
    Some(Payload::Demoted { promotion: promotion.without_tags() })
}

/// Returns whether the change of an intent happened, by looking at what it changes.
fn is_done(lock: &WriteLock<'_>, intent: &Event) -> Result<bool, RecoverError> {
    Ok(match intent.what {
        EventKind::Configured => {
            let stated = intent.stated();
            let name = stated.after.unwrap_or_default();
            lock.mirror().is_in_force(&intent.to, &name, stated.digest)?
        }
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
        EventKind::Confirmed => {
            let id: Option<BuildId> = intent.to.parse().ok();
            let record = id.map(|id| lock.mirror().record(&id)).transpose()?.flatten();
            let noted = record.and_then(|record| record.confirmed_at);
            noted.zip(intent.stated().confirmed_at).is_some_and(|(noted, at)| noted >= at)
        }
        EventKind::Held | EventKind::Unheld => {
            let holds =
                intent.to.parse::<BuildId>().ok().map(|id| lock.mirror().holds_of(&id)).transpose()?;
            holds == intent.stated().holds
        }
        // The record is written last, so it proves that everything was done.
        EventKind::Adopted => {
            let id: Option<BuildId> = intent.to.parse().ok();
            id.map(|id| is_adopted(lock.mirror(), &id, intent)).transpose()? == Some(true)
        }
        EventKind::Retiring | EventKind::Retired | EventKind::Unretired => {
            let stream: Option<Stream> = intent.to.parse().ok();
            let found = stream.map(|stream| lock.mirror().retirement_of(&stream)).transpose()?.flatten();
            found == intent.stated().retirement
        }
        EventKind::Lost => {
            let id: Option<BuildId> = intent.to.parse().ok();
            id.map(|id| lock.mirror().record(&id)).transpose()?.flatten().is_none()
        }
        EventKind::Initialised
        | EventKind::Published
        | EventKind::Pruned
        | EventKind::Trimmed
        | EventKind::Restored
        | EventKind::Swept
        | EventKind::Promoted
        | EventKind::Demoted
        | EventKind::Waived
        | EventKind::Unwaived
        | EventKind::Pinned
        | EventKind::Untagged
        | EventKind::Requested
        | EventKind::Unrequested
        | EventKind::Started
        | EventKind::Ended
        | EventKind::Released
        | EventKind::Branched
        | EventKind::Recovered => true,
    })
}

/// Returns the build of a publish that passed its commit point.
fn committed(mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, RecoverError> {
    protocol(mirror).committed(mirror, intent).map_err(|error| match error {
        CommitError::Store(error) => error.into(),
        CommitError::Kept(error) => error.into(),
        error => RecoverError::Trash(intent.to.clone(), Box::new(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::record::{NameMove, Phase, Promotion};
    use crate::store::{ObjectStore, Posix};
    use std::sync::Arc;
    use std::time::Duration;

    fn now() -> Stamp {
        Stamp::default()
    }

    /// Drops an intent to set an alias, after `before` the drop; returns how the next command settles it.
    fn dropped(before: impl FnOnce(&Mirror, &RelPath, &RelPath)) -> (Vec<SettledAs>, Phase) {
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: None,
            pipeline: None,
            id: "a test".to_owned(),
        };
        let store = Arc::new(ObjectStore::in_memory().unwrap());
        let mirror = Mirror::init(store, &setup, "a test", Duration::ZERO).unwrap();
        let alias: RelPath = "master/centos/stable".parse().unwrap();
        let to: RelPath = "master/centos/20181205T060000Z".parse().unwrap();
        {
            let (lock, _) = begin(&mirror, &now).unwrap();
            let payload = Payload::Aliased { from: None, to: to.clone(), by_hand: false, why: None };
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
    fn a_demotion_that_was_cut_off_moves_no_name_to_a_build_that_is_gone() {
        let setup = Setup {
            layout: Chosen::Shipped("starlingx".to_owned()),
            policy: None,
            pipeline: None,
            id: "a test".to_owned(),
        };
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Posix::open(dir.path()).unwrap());
        let mirror = Mirror::init(store, &setup, "a test", Duration::ZERO).unwrap();
        let at = |path: &str| -> RelPath { path.parse().unwrap() };
        let (old, new) = (at("master/centos/20181204T060000Z"), at("master/centos/20181205T060000Z"));
        std::fs::create_dir_all(dir.path().join(new.as_str())).unwrap();
        let names = ["carried", "stable"].map(|name| at(&format!("master/centos/{name}")));
        for alias in &names {
            mirror.store().point(alias, &new).unwrap();
        }
        let step = |alias: &RelPath| NameMove {
            alias: alias.clone(),
            from: Some(new.clone()),
            to: Some(old.clone()),
        };
        let promotion = Promotion {
            name: "stable".to_owned(),
            stream: "master/centos".parse().unwrap(),
            build: Some(old.as_str().parse().unwrap()),
            before: Some(new.as_str().parse().unwrap()),
            moves: names.iter().map(step).collect(),
            commands: Vec::new(),
            tags: Vec::new(),
            images: Vec::new(),
            votes: std::collections::BTreeMap::new(),
            waived: Vec::new(),
            lacked: Vec::new(),
            why: Some("bad".to_owned()),
            pipeline: crate::model::Digest::of(b""),
            members: Vec::new(),
        };
        {
            let (lock, _) = begin(&mirror, &now).unwrap();
            drop(lock.begin(now(), &names[1], &Payload::Demoted { promotion }).unwrap());
            // One alias had moved already.
            mirror.store().point(&names[0], &old).unwrap();
        }
        let (lock, settled) = begin(&mirror, &now).unwrap();
        assert_eq!(settled[0].what, SettledAs::Undone);
        assert_eq!(lock.unsettled(), []);
        for alias in &names {
            assert_eq!(pointed_at(&mirror, alias).unwrap().as_ref(), Some(&new), "{alias}");
        }
    }

    #[test]
    fn an_intent_that_is_dropped_is_recovered_by_the_next_command() {
        assert_eq!(dropped(|_, _, _| ()), (vec![SettledAs::Undone], Phase::Undone));
        let set = |mirror: &Mirror, alias: &RelPath, to: &RelPath| mirror.store().point(alias, to).unwrap();
        assert_eq!(dropped(set), (vec![SettledAs::Noted], Phase::Done));
    }
}
