//! Settling the intents that have no outcome: the first thing that every changing command does under its lock.
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
use crate::commit::together::{PromotionError, settle_demotion, settle_promotion};
use crate::commit::{CommitError, trash};
use crate::mirror::{Materialized, Mirror, WriteLock, chain};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{Event, EventKind};
use tracing::info;

/// Takes the write lock of a mirror and settles every intent that has no outcome yet.
pub fn begin<'m>(
    mirror: &'m Mirror,
    clock: &'m (dyn Fn() -> Stamp + Sync),
) -> Result<(WriteLock<'m>, Vec<Settled>), RecoverError> {
    mirror.lock_and_recover(clock, recover_pending)
}

/// Settles every intent that has no outcome yet.
pub(super) fn recover_pending(lock: &WriteLock<'_>) -> Result<Vec<Settled>, RecoverError> {
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
        EventKind::Promoted | EventKind::Demoted => match settle_stage(lock, intent) {
            Ok(happened) => happened,
            Err(error @ PromotionError::Carry(_)) => {
                let why = format!(
                    "{}; `mirrorkeep recover --skip-commands` settles it without its commands",
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
        lock.resume(intent).done(lock.now())?;
        return Ok(Settled { to: intent.to.clone(), what: SettledAs::Noted });
    }
    lock.resume(intent).undone(lock.now())?;
    Ok(Settled { to: intent.to.clone(), what: SettledAs::Undone })
}

/// Finishes or undoes what an interrupted promotion or demotion moved; returns whether it happened.
fn settle_stage(lock: &WriteLock<'_>, intent: &Event) -> Result<bool, PromotionError> {
    let Some(promotion) = intent.stated().promotion else { return Ok(false) };
    match intent.what {
        EventKind::Promoted => settle_promotion(lock, &promotion, lock.now()),
        _ => settle_demotion(lock, &promotion, lock.now()),
    }
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
        | EventKind::Recovered => true,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::{Chosen, Setup};
    use crate::record::{NameMove, Payload, Phase, Promotion};
    use crate::store::{ObjectStore, Posix};
    use std::sync::Arc;
    use std::time::Duration;

    fn now() -> Stamp {
        Stamp::default()
    }

    /// Drops an intent that an alias is to be set, after `before` the drop; returns how the next command settles it.
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
            // One name had moved already.
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
